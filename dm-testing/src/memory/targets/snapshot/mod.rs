//! `snapshot`, `snapshot-origin` and `snapshot-merge` (drivers/md/dm-snap.c).
//!
//! A [`SnapshotState`] corresponds to the kernel's `struct dm_snapshot`. All snapshots are in one map, and targets refer to
//! them by number: a write to an origin changes all its snapshots, and a snapshot of a new table takes over the exceptions
//! of the snapshot of the old one. [`with_snapshot`] takes a snapshot out of the map while a function changes it.

mod handover;
mod merge;
pub(super) mod origin_target;
mod persistent;
pub(super) mod snapshot_target;
mod state;
mod store;

use std::collections::BTreeMap;

use dm_units::DeviceNumber;

use self::state::SnapshotState;
use crate::memory::kernel::Kernel;
use crate::memory::kernel::io::IoResult;

/// The prefix of most lines in the kernel's log.
const LOG_PREFIX: &str = "snapshots";

/// All snapshots, including those of inactive tables.
#[derive(Debug, Default)]
pub(crate) struct Snapshots {
    /// The snapshots by their numbers, which increase.
    all: BTreeMap<u64, SnapshotState>,
    last_id: u64,
}

impl Snapshots {
    fn insert(&mut self, snapshot: SnapshotState) -> u64 {
        self.last_id = self.last_id.wrapping_add(1);
        self.all.insert(self.last_id, snapshot);
        self.last_id
    }

    fn get(&self, id: u64) -> Option<&SnapshotState> {
        self.all.get(&id)
    }

    /// The numbers of the snapshots of a device, those with the largest chunks first (`__insert_snapshot`).
    fn ids_of(&self, origin: DeviceNumber) -> Vec<u64> {
        let snapshots = self.all.iter().filter(|(_, snapshot)| snapshot.origin == origin);
        let mut ids: Vec<(u64, u64)> = snapshots.map(|(id, snapshot)| (snapshot.store.chunk_size, *id)).collect();
        ids.sort_by_key(|(chunk_size, _)| std::cmp::Reverse(*chunk_size));
        ids.into_iter().map(|(_, id)| id).collect()
    }
}

/// Calls a function with a snapshot; `None` if no snapshot has this number.
fn with_snapshot<T>(
    kernel: &mut Kernel,
    id: u64,
    work: impl FnOnce(&mut Kernel, &mut SnapshotState) -> T,
) -> Option<T> {
    let mut snapshot = kernel.shared.snapshots.all.remove(&id)?;
    let result = work(kernel, &mut snapshot);
    kernel.shared.snapshots.all.insert(id, snapshot);
    Some(result)
}

/// Copies sectors that are about to be overwritten to the snapshots of their device (`do_origin`).
///
/// If a copy fails, its snapshot becomes invalid, and this is not an error. An error means that the copy must wait, since a
/// device below holds the I/O (`IoFault::Held`, `IoFault::Waits`).
fn before_write(kernel: &mut Kernel, origin: DeviceNumber, start: u64, length: u64) -> IoResult {
    for id in kernel.shared.snapshots.ids_of(origin) {
        with_snapshot(kernel, id, |kernel, snapshot| snapshot.keep(kernel, start, length)).unwrap_or(Ok(()))?;
    }
    Ok(())
}
