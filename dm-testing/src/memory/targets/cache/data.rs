//! Reads and writes of cached and other blocks.

use dm_targets::cache::CacheIoMode;

use super::CacheTarget;
use super::blocks::Resident;
use crate::memory::kernel::Kernel;
use crate::memory::kernel::disk::SECTOR;
use crate::memory::kernel::io::{Io, IoFault, IoResult};
use crate::memory::targets::marks::MetadataMode;

impl CacheTarget {
    /// Executes an I/O on sectors of one block (`map_bio`).
    pub(super) fn access(&mut self, kernel: &mut Kernel, at: u64, io: Io<'_>) -> IoResult {
        let block = at.checked_div(self.block_size).unwrap_or(0);
        if !self.is_whole(block) {
            return self.origin.io(kernel, at, io);
        }
        if let Io::Discard(_) = io {
            return if self.table.features.no_discard_passdown { Ok(()) } else { self.origin.io(kernel, at, io) };
        }
        let is_write = matches!(io, Io::Write(_));
        let mut resident = self.blocks.access(block);
        self.count(resident.is_some(), is_write);
        if resident.is_none() && self.promotes(block) {
            resident = self.promote(kernel, block)?;
        }
        let Some(resident) = resident else { return self.origin.io(kernel, at, io) };
        let in_cache = self.place(resident, at);
        match (io, &self.io_mode) {
            (io, CacheIoMode::Passthrough) => {
                if is_write {
                    self.blocks.remove(block);
                    self.counts.demotions = self.counts.demotions.wrapping_add(1);
                }
                self.origin.io(kernel, at, io)
            }
            (Io::Write(data), CacheIoMode::Writethrough) if !resident.is_dirty => {
                self.origin.io(kernel, at, Io::Write(data))?;
                self.cache.io(kernel, in_cache, Io::Write(data))
            }
            (io, _) => {
                self.cache.io(kernel, in_cache, io)?;
                if is_write {
                    self.blocks.set_dirty(block, true);
                }
                Ok(())
            }
        }
    }

    /// Whether a block ends within the target's length. Other blocks are not cached, and their I/O is not counted. As
    /// in the kernel, blocks are numbered from the start of the mapped device, so a line that does not start at 0 has
    /// more such blocks.
    fn is_whole(&self, block: u64) -> bool {
        block.saturating_add(1).saturating_mul(self.block_size) <= self.length
    }

    fn count(&mut self, is_hit: bool, is_write: bool) {
        let count = match (is_hit, is_write) {
            (true, false) => &mut self.counts.read_hits,
            (false, false) => &mut self.counts.read_misses,
            (true, true) => &mut self.counts.write_hits,
            (false, true) => &mut self.counts.write_misses,
        };
        *count = count.wrapping_add(1);
    }

    /// Maps a sector of a block to the cache device.
    fn place(&self, resident: Resident, at: u64) -> u64 {
        let offset = at.checked_rem(self.block_size).unwrap_or(0);
        resident.place.saturating_mul(self.block_size).saturating_add(offset)
    }

    /// Whether to promote a block that is not in the cache.
    fn promotes(&mut self, block: u64) -> bool {
        let can = self.mode == MetadataMode::ReadWrite && self.io_mode != CacheIoMode::Passthrough;
        can && !self.is_cleaner() && self.blocks.is_wanted(block)
    }

    /// Copies a block into the cache. A full cache demotes a block first.
    fn promote(&mut self, kernel: &mut Kernel, block: u64) -> Result<Option<Resident>, IoFault> {
        let place = match self.blocks.free_place() {
            Some(place) => place,
            None => {
                let Some((old, resident)) = self.blocks.oldest() else { return Ok(None) };
                if resident.is_dirty {
                    self.write_back(kernel, old, resident)?;
                }
                self.blocks.remove(old);
                self.counts.demotions = self.counts.demotions.wrapping_add(1);
                resident.place
            }
        };
        let mut data = self.buffer();
        self.origin.io(kernel, block.saturating_mul(self.block_size), Io::Read(&mut data))?;
        self.cache.io(kernel, place.saturating_mul(self.block_size), Io::Write(&data))?;
        self.blocks.insert(block, place, false);
        self.counts.promotions = self.counts.promotions.wrapping_add(1);
        Ok(self.blocks.access(block))
    }

    /// Copies a dirty block to the origin. An event is raised when no dirty block is left.
    pub(super) fn write_back(&mut self, kernel: &mut Kernel, block: u64, resident: Resident) -> IoResult {
        let mut data = self.buffer();
        let start = block.saturating_mul(self.block_size);
        self.cache.io(kernel, self.place(resident, start), Io::Read(&mut data))?;
        self.origin.io(kernel, start, Io::Write(&data))?;
        self.blocks.set_dirty(block, false);
        if self.blocks.dirty() == 0 {
            kernel.event(self.minor);
        }
        Ok(())
    }

    fn buffer(&self) -> Vec<u8> {
        vec![0; usize::try_from(self.block_size).unwrap_or(0).saturating_mul(SECTOR)]
    }
}
