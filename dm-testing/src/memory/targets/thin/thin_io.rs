//! I/O of thin devices (`thin_bio_map` and the functions it calls).

use dm_units::DeviceNumber;

use super::mode::Mode;
use super::space::Plan;
use super::thin_target::ThinTarget;
use super::with_pool;
use crate::memory::errno::Errno;
use crate::memory::kernel::Kernel;
use crate::memory::kernel::disk::SECTOR;
use crate::memory::kernel::io::{Io, IoFault, IoResult};

/// The number of sectors that are copied or zeroed at a time.
const PIECE: u64 = 2048;

impl ThinTarget {
    /// Executes an I/O within one block, which starts at the sector `at` of the device.
    pub(super) fn block_io(&self, kernel: &mut Kernel, at: u64, io: Io<'_>) -> IoResult {
        let block = at.checked_div(self.block_size).ok_or(Errno::EIO)?;
        let offset = at.checked_rem(self.block_size).ok_or(Errno::EIO)?;
        let is_write = matches!(io, Io::Write(_));
        let plan =
            with_pool(kernel, self.pool.minor, |kernel, pool| pool.plan(kernel, self.minor, self.id, block, is_write));
        match plan.ok_or(Errno::EIO)?? {
            Plan::Mapped(data) => self.data_io(kernel, data, offset, io),
            Plan::Unmapped => self.read_unmapped(kernel, at, io),
            Plan::Provision(to) => self.write_new(kernel, block, None, to, offset, io),
            Plan::Unshare { from, to } => self.write_new(kernel, block, Some(from), to, offset, io),
        }
    }

    /// Executes an I/O on a data block, through the device of the pool.
    fn data_io(&self, kernel: &mut Kernel, data: u64, offset: u64, io: Io<'_>) -> IoResult {
        let start = data.saturating_mul(self.block_size).saturating_add(offset);
        kernel.io(self.pool, start, io)
    }

    /// Reads an unmapped block: from the external origin, and zeros after its end or without one.
    fn read_unmapped(&self, kernel: &mut Kernel, at: u64, mut io: Io<'_>) -> IoResult {
        let Some(origin) = self.origin else {
            zero(io);
            return Ok(());
        };
        let mode = with_pool(kernel, self.pool.minor, |_, pool| pool.features.mode);
        if mode != Some(Mode::Write) {
            // In the other modes, the kernel does not check the length of the origin.
            return kernel.io(origin, at, io);
        }
        let there = self.origin_length.saturating_sub(at).min(io.sectors());
        let rest = io.sectors().saturating_sub(there);
        zero(io.part(there, rest));
        if there == 0 { Ok(()) } else { kernel.io(origin, at, io.part(0, there)) }
    }

    /// Writes to a new data block, and fills the rest of it with the old data or zeros.
    fn write_new(
        &self,
        kernel: &mut Kernel,
        block: u64,
        from: Option<u64>,
        to: u64,
        offset: u64,
        mut io: Io<'_>,
    ) -> IoResult {
        let zeroes = self.zeroes_new_blocks(kernel);
        let has_to_be_filled = from.is_some() || self.origin.is_some() || zeroes;
        // As the kernel does, data that covers the whole block is written directly.
        let replaces = has_to_be_filled && io.sectors() == self.block_size;
        let prepared = match from {
            _ if replaces => self.data_io(kernel, to, 0, io.part(0, self.block_size)),
            Some(from) => self.copy(kernel, self.pool, from.saturating_mul(self.block_size), to, self.block_size),
            None => self.fill_new(kernel, block, to, zeroes),
        };
        if let Err(fault) = prepared {
            // I/O that is only held is retried. After an error, the block is lost until the metadata is repaired.
            if !matches!(fault, IoFault::Failed(_)) {
                with_pool(kernel, self.pool.minor, |_, pool| pool.metadata.give_back(to));
            }
            return Err(fault);
        }
        let inserted = with_pool(kernel, self.pool.minor, |kernel, pool| pool.insert(kernel, self.id, block, to));
        inserted.ok_or(Errno::EIO)??;
        if replaces { Ok(()) } else { self.data_io(kernel, to, offset, io) }
    }

    /// Fills a new block with data of the external origin and zeros (`schedule_external_copy`, `schedule_zero`).
    fn fill_new(&self, kernel: &mut Kernel, block: u64, to: u64, zeroes: bool) -> IoResult {
        let start = block.saturating_mul(self.block_size);
        let copied = self.origin_length.saturating_sub(start).min(self.block_size);
        if let Some(origin) = self.origin.filter(|_| copied > 0) {
            self.copy(kernel, origin, start, to, copied)?;
            if !zeroes {
                return Ok(());
            }
            return self.zero_block(kernel, to, copied);
        }
        if zeroes { self.zero_block(kernel, to, 0) } else { Ok(()) }
    }

    fn zeroes_new_blocks(&self, kernel: &mut Kernel) -> bool {
        with_pool(kernel, self.pool.minor, |_, pool| pool.features.zeroes_new_blocks).unwrap_or(true)
    }

    /// Copies sectors to the start of a data block.
    fn copy(&self, kernel: &mut Kernel, device: DeviceNumber, start: u64, to: u64, length: u64) -> IoResult {
        self.in_pieces(0, length, |at, piece| {
            kernel.io(device, start.saturating_add(at), Io::Read(piece))?;
            self.data_io(kernel, to, at, Io::Write(piece))
        })
    }

    /// Zeroes the rest of a data block from a sector on.
    fn zero_block(&self, kernel: &mut Kernel, to: u64, from: u64) -> IoResult {
        self.in_pieces(from, self.block_size, |at, piece| self.data_io(kernel, to, at, Io::Write(piece)))
    }

    /// Calls a function for each piece of a block, with a buffer of its size.
    fn in_pieces(&self, from: u64, end: u64, mut call: impl FnMut(u64, &mut [u8]) -> IoResult) -> IoResult {
        let mut at = from;
        while at < end {
            let length = end.saturating_sub(at).min(PIECE);
            let bytes = usize::try_from(length).unwrap_or(0).saturating_mul(SECTOR);
            call(at, &mut vec![0; bytes])?;
            at = at.saturating_add(length);
        }
        Ok(())
    }

    /// Commits the mappings that were changed since the last commit, as a flush does.
    pub(super) fn flush(&self, kernel: &mut Kernel) -> IoResult {
        let commits = with_pool(kernel, self.pool.minor, |kernel, pool| {
            let mode = pool.features.mode;
            if mode == Mode::Fail {
                return Err(IoFault::from(Errno::EIO));
            }
            // In the other modes, the kernel handles a flush like a write to the first block.
            if mode != Mode::Write && pool.metadata.current.find(self.id, 0).is_none() {
                return Err(pool.unserviceable(self.minor));
            }
            if !pool.metadata.is_changed(self.id) {
                return Ok(false);
            }
            if pool.metadata.has_lost_changes(self.id) || pool.commit(kernel).is_err() {
                return Err(Errno::EIO.into());
            }
            Ok(true)
        });
        // A commit also flushes the data device.
        if commits.ok_or(Errno::EIO)?? { Ok(()) } else { kernel.io(self.pool, 0, Io::Flush) }
    }

    /// Discards the blocks that a range of sectors covers completely.
    pub(super) fn discard(&self, kernel: &mut Kernel, start: u64, length: u64) -> IoResult {
        let first = start.div_ceil(self.block_size.max(1));
        let end = start.saturating_add(length).checked_div(self.block_size).unwrap_or(0);
        let discarded = with_pool(kernel, self.pool.minor, |kernel, pool| pool.discard(kernel, self.id, &(first..end)));
        let blocks = discarded.ok_or(Errno::EIO)??;
        for block in &blocks {
            // The blocks become free even if the device refuses the discard.
            let _ = self.data_io(kernel, *block, 0, Io::Discard(self.block_size));
        }
        with_pool(kernel, self.pool.minor, |_, pool| pool.discarded(&blocks));
        Ok(())
    }
}

/// Fills the buffer of a read with zeros.
fn zero(io: Io<'_>) {
    if let Io::Read(data) = io {
        data.fill(0);
    }
}
