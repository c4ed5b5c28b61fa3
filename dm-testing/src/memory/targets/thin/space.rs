//! Space: allocation of data blocks, low water marks, and pools that are full.

use super::LOG_PREFIX;
use super::mode::Mode;
use super::pool::Pool;
use crate::memory::errno::Errno;
use crate::memory::kernel::Kernel;
use crate::memory::kernel::io::IoFault;

/// How a thin device processes an access to a block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Plan {
    /// The block is mapped to this data block.
    Mapped(u64),
    /// The block is not mapped, and need not be.
    Unmapped,
    /// The block must be mapped to this new data block.
    Provision(u64),
    /// The block is shared and must be copied from one data block to another.
    Unshare { from: u64, to: u64 },
}

impl Pool {
    /// Decides how to process a block, and allocates a data block if necessary (`process_cell`,
    /// `process_cell_read_only`).
    pub(super) fn plan(
        &mut self,
        kernel: &mut Kernel,
        thin: u32,
        id: u32,
        block: u64,
        is_write: bool,
    ) -> Result<Plan, IoFault> {
        if self.features.mode == Mode::Fail {
            return Err(Errno::EIO.into());
        }
        let found = self.metadata.current.find(id, block);
        match found {
            Some((data, shared)) if !is_write || !shared => return Ok(Plan::Mapped(data)),
            None if !is_write => return Ok(Plan::Unmapped),
            _ => {}
        }
        if self.features.mode != Mode::Write {
            return Err(self.unserviceable(thin));
        }
        match self.allocate(kernel) {
            Ok(to) => Ok(found.map_or(Plan::Provision(to), |(from, _)| Plan::Unshare { from, to })),
            Err(Errno::ENOSPC) if self.features.mode != Mode::Write => Err(self.unserviceable(thin)),
            Err(errno) => {
                let function = if found.is_some() { "break_sharing" } else { "provision_block" };
                kernel.log(LOG_PREFIX, &format!("{function}: alloc_data_block() failed: error = -{}", errno.0));
                Err(self.io_error().into())
            }
        }
    }

    /// As `alloc_data_block`.
    fn allocate(&mut self, kernel: &mut Kernel) -> Result<u64, Errno> {
        if self.metadata.failed {
            self.metadata_failed(kernel, "dm_pool_get_free_block_count", Errno::EINVAL);
            return Err(Errno::EINVAL);
        }
        let free = self.metadata.free_data();
        self.check_low_water_mark(kernel, free);
        if free == 0 {
            // A commit frees discarded blocks.
            self.commit(kernel)?;
            if self.metadata.free_data() == 0 {
                self.set_mode(kernel, Mode::OutOfDataSpace);
                return Err(Errno::ENOSPC);
            }
        }
        let block = self.metadata.allocate().inspect_err(|_| self.set_mode(kernel, Mode::OutOfDataSpace))?;
        if self.metadata.free_metadata() == 0 {
            // Done before the reserve is used up.
            self.commit(kernel)?;
        }
        Ok(block)
    }

    /// Maps a block to a data block that contains its data (`process_prepared_mapping`).
    pub(super) fn insert(&mut self, kernel: &mut Kernel, id: u32, block: u64, data: u64) -> Result<(), IoFault> {
        if self.features.mode >= Mode::OutOfMetadataSpace {
            return Err(self.io_error().into());
        }
        if let Err(errno) = self.metadata.begin_change() {
            self.metadata_failed(kernel, "dm_thin_insert_block", errno);
            return Err(self.io_error().into());
        }
        self.metadata.current.insert(id, block, data);
        self.metadata.mark_changed(id);
        self.check_metadata_threshold(kernel);
        Ok(())
    }

    /// The result of a write that needs a block while the pool allocates none (`handle_unserviceable_bio`).
    pub(super) fn unserviceable(&self, thin: u32) -> IoFault {
        match (self.features.mode, self.features.error_if_no_space) {
            (Mode::OutOfDataSpace, false) => IoFault::Waits(thin),
            (Mode::OutOfDataSpace, true) => Errno::ENOSPC.into(),
            _ => Errno::EIO.into(),
        }
    }

    /// As `get_pool_io_error_code`.
    const fn io_error(&self) -> Errno {
        if self.out_of_data_space { Errno::ENOSPC } else { Errno::EIO }
    }

    fn check_low_water_mark(&mut self, kernel: &mut Kernel, free: u64) {
        if free <= self.low_water && !self.low_water_triggered {
            self.log(kernel, "reached low water mark for data device: sending event.");
            self.low_water_triggered = true;
            self.raise_event(kernel);
        }
    }

    /// As `metadata_low_callback`, which is called once when free space becomes low.
    pub(super) fn check_metadata_threshold(&mut self, kernel: &mut Kernel) {
        if self.metadata.crosses_threshold() {
            self.log(kernel, "reached low water mark for metadata device: sending event.");
            self.raise_event(kernel);
        }
    }

    pub(super) fn check_for_metadata_space(&mut self, kernel: &mut Kernel) {
        if self.metadata.free_metadata() == 0 && !self.features.mode.is_read_only() {
            kernel.log(LOG_PREFIX, "No free metadata blocks");
            self.set_mode(kernel, Mode::OutOfMetadataSpace);
        }
    }

    pub(super) fn check_for_data_space(&mut self, kernel: &mut Kernel) {
        if self.features.mode == Mode::OutOfDataSpace && self.metadata.free_data() > 0 {
            self.set_mode(kernel, Mode::Write);
        }
    }
}
