//! Discards of thin devices.

use std::ops::Range;

use super::mode::Mode;
use super::pool::Pool;
use crate::memory::errno::Errno;
use crate::memory::kernel::Kernel;
use crate::memory::kernel::io::IoFault;

impl Pool {
    /// Unmaps blocks, and returns the data blocks to be discarded on the data device. They stay in use until
    /// [`discarded`](Self::discarded) is called with them.
    pub(super) fn discard(&mut self, kernel: &mut Kernel, id: u32, range: &Range<u64>) -> Result<Vec<u64>, IoFault> {
        match self.features.mode {
            Mode::Fail => return Err(Errno::EIO.into()),
            // As in the kernel, the discard succeeds without effect.
            Mode::OutOfMetadataSpace | Mode::ReadOnly => return Ok(Vec::new()),
            Mode::Write | Mode::OutOfDataSpace => {}
        }
        if range.is_empty() {
            return Ok(Vec::new());
        }
        if let Err(errno) = self.metadata.begin_change() {
            self.metadata_failed(kernel, "dm_thin_remove_range", errno);
            return Err(Errno::EIO.into());
        }
        let mut passed_down = Vec::new();
        while let Some((data, shared)) = self.metadata.current.remove_first(id, range) {
            self.metadata.mark_changed(id);
            let is_free = !shared || self.metadata.current.count(data) <= 1;
            if self.passes_discards_down() && is_free {
                passed_down.push(data);
            } else {
                self.metadata.current.release(data);
            }
        }
        Ok(passed_down)
    }

    /// Releases blocks after the attempt to discard them on the data device.
    pub(super) fn discarded(&mut self, blocks: &[u64]) {
        blocks.iter().for_each(|block| self.metadata.current.release(*block));
    }

    fn passes_discards_down(&self) -> bool {
        self.control.as_ref().is_some_and(|control| control.adjusted.passes_discards_down)
    }
}
