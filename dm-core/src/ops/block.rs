//! Opens block devices of a host's kernel.

use super::host::Host;
use crate::machine::block::{BlockAction, BlockDevice, BlockError, BlockId, BlockIo, BlockOpenOptions};

impl Host {
    /// Opens a block device of this host's kernel, mapped or not, for reading its data.
    ///
    /// On a real kernel this opens the node of the device, as [`BlockDevice::open_id`] does. A kernel in memory opens
    /// its devices without nodes.
    ///
    /// The page cache of the device can have old data, since mapped devices bypass the page cache of the devices below
    /// them. The call therefore drops the cached pages of the device, except pages that are modified or that a process
    /// has mapped into memory.
    ///
    /// ```no_run
    /// use dm_core::Host;
    /// use dm_units::{DeviceNumber, Sectors};
    ///
    /// let host = Host::open()?;
    /// let disk = host.open_block(DeviceNumber::new(8, 1))?;
    /// let mut first = [0; 4096];
    /// disk.read_sectors(Sectors(0), &mut first)?;
    /// println!("{} sectors, empty at the start: {}", disk.size()?, first == [0; 4096]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// As [`BlockDevice::open_id`], and also if the kernel refuses to drop the pages.
    pub fn open_block<'a>(&self, device: impl Into<BlockId<'a>>) -> Result<Box<dyn BlockIo>, BlockError> {
        self.open_block_with(device, BlockOpenOptions::new())
    }

    /// Opens a block device of this host's kernel. The options can, for example, allow writing, or claim the device so
    /// that it cannot be mounted while it is open.
    ///
    /// # Errors
    /// As [`open_block`](Self::open_block).
    pub fn open_block_with<'a>(
        &self,
        device: impl Into<BlockId<'a>>,
        options: BlockOpenOptions,
    ) -> Result<Box<dyn BlockIo>, BlockError> {
        let device = device.into();
        match self.dm().transport().open_block(device, options) {
            Some(opened) => opened.map_err(|error| BlockError::refused(BlockAction::Open, device.to_string(), &error)),
            None => {
                let device = BlockDevice::open_id(device, options)?;
                device.drop_cache()?;
                Ok(Box::new(device))
            }
        }
    }
}
