//! The targets `snapshot` and `snapshot-merge` (`snapshot_ctr` and other functions in drivers/md/dm-snap.c).

use std::collections::BTreeMap;

use dm_targets::snapshot::{SnapshotFeatures, SnapshotMergeTable, SnapshotTable};
use dm_targets::{Snapshot, SnapshotMerge};
use dm_units::{DeviceNumber, Sectors};

use super::handover::{self, Pairing};
use super::state::SnapshotState;
use super::store::Store;
use super::{LOG_PREFIX, before_write, merge, with_snapshot};
use crate::memory::errno::Errno;
use crate::memory::kernel::Kernel;
use crate::memory::kernel::io::{Io, IoResult};
use crate::memory::kernel::table::Span;
use crate::memory::targets::{Construction, Target};

#[derive(Debug)]
struct SnapshotTarget {
    id: u64,
    is_merge: bool,
    origin: DeviceNumber,
    cow: DeviceNumber,
    features: SnapshotFeatures,
    length: u64,
}

const UNKNOWN: &str = "Unrecognised feature requested";
const NO_ORIGIN: &str = "Cannot get origin device";
const NO_COW: &str = "Cannot get COW device";

pub(in crate::memory::targets) fn construct(
    construction: &mut Construction<'_>,
    params: &str,
) -> Result<Box<dyn Target>, Errno> {
    let table = parse::<Snapshot>(construction, params, false)?;
    build(construction, &table, false)
}

pub(in crate::memory::targets) fn construct_merge(
    construction: &mut Construction<'_>,
    params: &str,
) -> Result<Box<dyn Target>, Errno> {
    let SnapshotMergeTable(table) = parse::<SnapshotMerge>(construction, params, true)?;
    build(construction, &table, true)
}

/// Reads the params. The kernel checks the features before it opens the devices, but the store and the chunk size
/// afterwards.
fn parse<T: dm_targets::Target>(
    construction: &mut Construction<'_>,
    params: &str,
    is_merge: bool,
) -> Result<T::Table, Errno> {
    construction.params::<T>(params).or_else(|errno| {
        let words: Vec<&str> = params.split_ascii_whitespace().collect();
        let [origin, cow, _, _, features @ ..] = words.as_slice() else { return Err(errno) };
        let (reason, writes) = (construction.reason.clone(), !construction.read_only);
        let others = construction.params::<Snapshot>(&format!("0:1 0:2 P 8 {}", features.join(" ")))?;
        construction.only_known(&others.features.other_features, UNKNOWN)?;
        construction.open_first(&[(origin, is_merge, NO_ORIGIN), (cow, writes, NO_COW)])?;
        construction.refuse(errno, reason)
    })
}

fn build(construction: &mut Construction<'_>, table: &SnapshotTable, is_merge: bool) -> Result<Box<dyn Target>, Errno> {
    construction.only_known(&table.features.other_features, UNKNOWN)?;
    let origin = construction.device_for(&table.origin, is_merge, NO_ORIGIN)?;
    let cow = construction.device(&table.cow, NO_COW)?;
    if origin == cow {
        return construction.refuse(Errno::EINVAL, "COW device cannot be the same as origin device");
    }
    let mut state = SnapshotState {
        minor: construction.minor,
        is_merge,
        origin,
        cow,
        end: construction.start.saturating_add(construction.length),
        store: Store::new(&table.store, cow, table.chunk_size.0),
        exceptions: BTreeMap::new(),
        valid: true,
        overflowed: false,
        active: false,
        merging: false,
        merge_failed: false,
    };
    match Pairing::find(construction.kernel, origin, cow).accept(construction.kernel, is_merge) {
        Err(reason) => return construction.refuse(Errno::EINVAL, reason),
        // The chunk size is taken over with the exceptions on resume.
        Ok(true) => state.store.chunk_size = 0,
        Ok(false) => read(construction, &mut state)?,
    }
    Ok(Box::new(SnapshotTarget {
        id: construction.kernel.shared.snapshots.insert(state),
        is_merge,
        origin,
        cow,
        features: table.features.clone(),
        length: construction.length,
    }))
}

/// Reads the exceptions in the store.
fn read(construction: &mut Construction<'_>, state: &mut SnapshotState) -> Result<(), Errno> {
    match state.store.read(construction.kernel) {
        Err(errno) => construction.refuse(errno, "Failed to read snapshot metadata"),
        Ok(Some(exceptions)) => {
            state.exceptions = exceptions;
            Ok(())
        }
        Ok(None) => {
            construction.kernel.log(LOG_PREFIX, "Snapshot is marked invalid.");
            state.valid = false;
            Ok(())
        }
    }
}

impl SnapshotTarget {
    fn state<'k>(&self, kernel: &'k Kernel) -> Option<&'k SnapshotState> {
        kernel.shared.snapshots.get(self.id)
    }

    fn chunk_size(&self, kernel: &Kernel) -> u64 {
        self.state(kernel).map_or(0, |state| state.store.chunk_size)
    }

    fn flush(&self, kernel: &mut Kernel) -> IoResult {
        if self.is_merge {
            kernel.io(self.origin, 0, Io::Flush)?;
        }
        kernel.io(self.cow, 0, Io::Flush)
    }

    fn discard(&self, kernel: &mut Kernel, start: u64, length: u64) -> IoResult {
        if self.is_merge {
            // A discard has no effect during a merge.
            return Ok(());
        }
        with_snapshot(kernel, self.id, |kernel, state| state.discard(kernel, start, length))
            .unwrap_or(Err(Errno::EIO.into()))?;
        if self.features.discard_passdown_origin {
            return kernel.io(self.origin, start, Io::Discard(length));
        }
        Ok(())
    }

    /// I/O within one chunk of a snapshot that is being merged (`snapshot_merge_map`).
    fn merge_io(&self, kernel: &mut Kernel, at: u64, io: Io<'_>) -> IoResult {
        let (device, sector) = self.state(kernel).ok_or(Errno::EIO)?.merge_place(at)?;
        if device == self.origin && matches!(io, Io::Write(_)) {
            before_write(kernel, self.origin, sector, io.sectors())?;
        }
        kernel.io(device, sector, io)
    }
}

impl Target for SnapshotTarget {
    fn table(&self, kernel: &Kernel) -> String {
        let Some(state) = self.state(kernel) else { return String::new() };
        let chunk_size = Sectors(state.store.chunk_size);
        let mut table = SnapshotTable::new(self.origin, self.cow, state.store.word(), chunk_size);
        table.features = self.features.clone();
        table.to_string()
    }

    fn status(&mut self, kernel: &mut Kernel, _: bool) -> String {
        let total = kernel.sectors(self.cow).unwrap_or(0);
        let text = self.state(kernel).map_or_else(String::new, |state| match state {
            SnapshotState { valid: false, .. } => "Invalid".to_owned(),
            SnapshotState { merge_failed: true, .. } => "Merge failed".to_owned(),
            SnapshotState { overflowed: true, .. } => "Overflow".to_owned(),
            SnapshotState { store, .. } => {
                let (used, metadata) = store.usage();
                format!("{used}/{total} {metadata}")
            }
        });
        if self.is_merge {
            merge::step(kernel, self.id);
        }
        text
    }

    fn io(&mut self, kernel: &mut Kernel, start: u64, mut io: Io<'_>) -> IoResult {
        match io {
            Io::Flush => return self.flush(kernel),
            Io::Discard(length) => return self.discard(kernel, start, length),
            Io::Read(_) | Io::Write(_) => {}
        }
        let chunk_size = self.chunk_size(kernel);
        io.by_blocks(start, chunk_size, |at, part| {
            if self.is_merge {
                return self.merge_io(kernel, at, part);
            }
            with_snapshot(kernel, self.id, |kernel, state| state.io(kernel, at, part)).unwrap_or(Err(Errno::EIO.into()))
        })
    }

    fn discards(&self, kernel: &Kernel) -> bool {
        self.features.discard_zeroes_cow && kernel.discards(self.origin) && kernel.discards(self.cow)
    }

    fn spans(&self) -> Vec<Span> {
        vec![Span { number: self.origin, start: 0, length: self.length }]
    }

    fn presuspend(&mut self, kernel: &mut Kernel, _: bool) {
        with_snapshot(kernel, self.id, |_, state| state.merging = false);
    }

    fn preresume(&mut self, kernel: &mut Kernel) -> Result<(), Errno> {
        handover::check(kernel, self.id)
    }

    fn resume(&mut self, kernel: &mut Kernel) {
        handover::hand_over(kernel, self.id);
        with_snapshot(kernel, self.id, |_, state| {
            state.active = true;
            state.merging = state.is_merge;
        });
    }

    fn destroy(&mut self, kernel: &mut Kernel) {
        handover::cancel(kernel, self.id);
        kernel.shared.snapshots.all.remove(&self.id);
    }
}
