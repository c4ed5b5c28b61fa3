//! The state of a snapshot (`struct dm_snapshot`).

use std::collections::BTreeMap;

use dm_units::DeviceNumber;

use super::LOG_PREFIX;
use super::store::Store;
use crate::memory::errno::Errno;
use crate::memory::kernel::Kernel;
use crate::memory::kernel::disk::SECTOR;
use crate::memory::kernel::io::{Io, IoFault, IoResult};

#[derive(Debug)]
pub(super) struct SnapshotState {
    /// The mapped device of the snapshot.
    pub(super) minor: u32,
    pub(super) is_merge: bool,
    pub(super) origin: DeviceNumber,
    pub(super) cow: DeviceNumber,
    /// The sector after the last one of the target, counted from the start of the mapped device.
    pub(super) end: u64,
    pub(super) store: Store,
    /// Chunks of the COW device by chunks of the origin.
    pub(super) exceptions: BTreeMap<u64, u64>,
    pub(super) valid: bool,
    pub(super) overflowed: bool,
    /// Whether it was resumed, so that data is copied before it is overwritten on the origin.
    pub(super) active: bool,
    pub(super) merging: bool,
    pub(super) merge_failed: bool,
}

impl SnapshotState {
    /// Copies sectors of the origin that are about to be overwritten to the COW device (`__origin_write`).
    pub(super) fn keep(&mut self, kernel: &mut Kernel, start: u64, length: u64) -> IoResult {
        let end = start.saturating_add(length).min(self.end);
        if self.is_merge || !self.active || start >= end {
            return Ok(());
        }
        let chunk_of = |sector: u64| sector.checked_div(self.store.chunk_size).unwrap_or(0);
        for chunk in chunk_of(start)..=chunk_of(end.saturating_sub(1)) {
            if !self.valid || self.exceptions.contains_key(&chunk) {
                continue;
            }
            match self.except(kernel, chunk, None) {
                Ok(Some(_)) => {}
                Ok(None) => self.invalidate(kernel, "Unable to allocate exception."),
                // The snapshot is invalid now, which does not affect the origin.
                Err(IoFault::Failed(_)) => {}
                Err(held) => return Err(held),
            }
        }
        Ok(())
    }

    /// Allocates a chunk on the COW device, and fills it with `data`, or with the chunk of the origin if that is `None`.
    /// Returns `None` if the COW device is full.
    fn except(&mut self, kernel: &mut Kernel, chunk: u64, data: Option<&[u8]>) -> Result<Option<u64>, IoFault> {
        let Some(new) = self.store.next_chunk(kernel) else { return Ok(None) };
        let filled = match data {
            Some(data) => kernel.io(self.cow, self.sector(new), Io::Write(data)),
            None => self.copy_out(kernel, chunk, new),
        };
        let committed = filled.and_then(|()| self.store.commit(kernel, chunk, new));
        if matches!(committed, Err(IoFault::Failed(_))) {
            self.invalidate(kernel, "Error reading/writing.");
            return Err(Errno::EIO.into());
        }
        committed?;
        self.exceptions.insert(chunk, new);
        Ok(Some(new))
    }

    fn copy_out(&self, kernel: &mut Kernel, chunk: u64, new: u64) -> IoResult {
        let start = self.sector(chunk);
        let left = kernel.sectors(self.origin).unwrap_or(0).saturating_sub(start);
        let mut data = buffer(self.store.chunk_size.min(left));
        kernel.io(self.origin, start, Io::Read(&mut data))?;
        kernel.io(self.cow, self.sector(new), Io::Write(&data))
    }

    fn sector(&self, chunk: u64) -> u64 {
        chunk.saturating_mul(self.store.chunk_size)
    }

    /// As `__invalidate_snapshot`.
    fn invalidate(&mut self, kernel: &mut Kernel, reason: &str) {
        if !self.valid {
            return;
        }
        kernel.log(LOG_PREFIX, &format!("Invalidating snapshot: {reason}"));
        self.store.drop_snapshot(kernel);
        self.valid = false;
        kernel.event(self.minor);
    }

    /// I/O within one chunk of the snapshot (`snapshot_map`).
    pub(super) fn io(&mut self, kernel: &mut Kernel, at: u64, io: Io<'_>) -> IoResult {
        let (chunk, offset) = self.place(at)?;
        self.check(!matches!(io, Io::Read(_)))?;
        match (self.exceptions.get(&chunk).copied(), io) {
            (Some(new), io) => kernel.io(self.cow, self.sector(new).saturating_add(offset), io),
            (None, Io::Write(data)) => self.write_new(kernel, chunk, offset, data),
            (None, io) => kernel.io(self.origin, at, io),
        }
    }

    /// Zeroes chunks on the COW device that are discarded as a whole; the rest of a discard is passed on to it.
    pub(super) fn discard(&self, kernel: &mut Kernel, start: u64, length: u64) -> IoResult {
        self.check(true)?;
        let end = start.saturating_add(length);
        let (first, _) = self.place(start)?;
        let exceptions = self.exceptions.range(first..).map(|(chunk, new)| (self.sector(*chunk), self.sector(*new)));
        for (chunk, new) in exceptions.take_while(|(chunk, _)| *chunk < end) {
            let from = chunk.max(start);
            let length = chunk.saturating_add(self.store.chunk_size).min(end).saturating_sub(from);
            if length == self.store.chunk_size {
                kernel.io(self.cow, new, Io::Write(&buffer(length)))?;
            } else {
                let offset = from.saturating_sub(chunk);
                kernel.io(self.cow, new.saturating_add(offset), Io::Discard(length))?;
            }
        }
        Ok(())
    }

    /// Checks whether it can be read or written.
    fn check(&self, is_write: bool) -> Result<(), Errno> {
        if !self.valid || self.overflowed && is_write { Err(Errno::EIO) } else { Ok(()) }
    }

    fn write_new(&mut self, kernel: &mut Kernel, chunk: u64, offset: u64, data: &[u8]) -> IoResult {
        let whole = Some(data).filter(|data| data.len() == buffer(self.store.chunk_size).len());
        let Some(new) = self.except(kernel, chunk, whole)? else {
            if self.store.overflow {
                kernel.log(LOG_PREFIX, "Snapshot overflowed: Unable to allocate exception.");
                self.overflowed = true;
            } else {
                self.invalidate(kernel, "Unable to allocate exception.");
            }
            return Err(Errno::EIO.into());
        };
        if whole.is_some() {
            return Ok(());
        }
        kernel.io(self.cow, self.sector(new).saturating_add(offset), Io::Write(data))
    }

    /// The location of a sector while the snapshot is being merged: a device and its sector. An invalid snapshot, such as
    /// one whose exceptions another snapshot has taken over, shows its origin.
    pub(super) fn merge_place(&self, at: u64) -> Result<(DeviceNumber, u64), Errno> {
        if !self.valid {
            return Ok((self.origin, at));
        }
        let (chunk, offset) = self.place(at)?;
        let new = self.exceptions.get(&chunk);
        Ok(new.map_or((self.origin, at), |new| (self.cow, self.sector(*new).saturating_add(offset))))
    }

    /// The chunk of a sector, and its offset there.
    fn place(&self, at: u64) -> Result<(u64, u64), Errno> {
        let chunk = at.checked_div(self.store.chunk_size).ok_or(Errno::EIO)?;
        Ok((chunk, at.saturating_sub(self.sector(chunk))))
    }
}

/// A buffer of zeros.
pub(super) fn buffer(sectors: u64) -> Vec<u8> {
    vec![0; usize::try_from(sectors).unwrap_or(0).saturating_mul(SECTOR)]
}
