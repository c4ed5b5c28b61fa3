//! The data of an open device.

use std::io;
use std::os::unix::fs::FileExt as _;

use dm_units::{DeviceNumber, Sectors};

use super::{BlockAction, BlockDevice, BlockError, BlockIo, ioctl};

impl BlockDevice {
    /// Drops unmodified data of the device from the page cache (`POSIX_FADV_DONTNEED`), so that it is read from the
    /// device again. Pages that a process has mapped into memory stay.
    ///
    /// A mapped device that uses this one writes past this device's page cache, which then has old data.
    ///
    /// # Errors
    /// The kernel refuses.
    #[doc(alias = "BLKFLSBUF")]
    pub fn drop_cache(&self) -> Result<(), BlockError> {
        ioctl::drop_cache(&self.file).map_err(|error| self.refused(BlockAction::DropCache, &error))
    }
}

/// Through the page cache, as other programs read and write.
impl BlockIo for BlockDevice {
    fn size(&self) -> io::Result<Sectors> {
        Ok(Sectors(ioctl::size(&self.file)? >> 9))
    }

    fn read_sectors(&self, start: Sectors, data: &mut [u8]) -> io::Result<()> {
        self.file.read_exact_at(data, bytes(start)?)
    }

    fn write_sectors(&self, start: Sectors, data: &[u8]) -> io::Result<()> {
        self.file.write_all_at(data, bytes(start)?)
    }

    /// By a command of the device where it has one.
    fn zero_sectors(&self, start: Sectors, length: Sectors) -> io::Result<()> {
        // The ioctl refuses an empty range.
        if length == Sectors(0) {
            return Ok(());
        }
        ioctl::zero_out(&self.file, bytes(start)?, bytes(length)?)
    }

    fn flush(&self) -> io::Result<()> {
        self.file.sync_data()
    }

    fn number(&self) -> Option<DeviceNumber> {
        Some(self.number)
    }

    fn probe_paths(&self) -> io::Result<()> {
        ioctl::probe_paths(&self.file)
    }
}

fn bytes(length: Sectors) -> io::Result<u64> {
    length.0.checked_mul(512).ok_or_else(|| io::ErrorKind::InvalidInput.into())
}
