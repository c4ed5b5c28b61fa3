//! The data of an open device.

use std::io;
use std::os::unix::fs::FileExt as _;

use dm_units::{DeviceNumber, Sectors};
use nix::libc;

use super::{BlockAction, BlockDevice, BlockError, BlockIo, ioctl};

impl BlockDevice {
    /// Drops unmodified data of the device from the page cache (`POSIX_FADV_DONTNEED`), so that it is read from the
    /// device again. Pages that a process has mapped into memory stay.
    ///
    /// Call this after a mapped device has written to this device. Such writes bypass the page cache of this device,
    /// which still has the old data.
    ///
    /// # Errors
    /// As [`size`](Self::size).
    #[doc(alias = "BLKFLSBUF")]
    pub fn drop_cache(&self) -> Result<(), BlockError> {
        ioctl::drop_cache(&self.file).map_err(|error| self.refused(BlockAction::DropCache, &error))
    }

    /// Whether a range is within the device.
    fn holds(&self, start: Sectors, length: Sectors) -> io::Result<bool> {
        let size = BlockIo::size(self)?;
        Ok(start.checked_add(length).is_some_and(|end| end <= size))
    }
}

/// Reads and writes through the page cache, as most programs do.
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

    /// Uses a command of the device if it has one.
    fn zero_sectors(&self, start: Sectors, length: Sectors) -> io::Result<()> {
        // The ioctl refuses an empty range.
        if length == Sectors(0) {
            return Ok(());
        }
        match ioctl::zero_out(&self.file, bytes(start)?, bytes(length)?) {
            // The ioctl has the same errno for a range beyond the end and for one that is not made of whole blocks.
            Err(error) if error.raw_os_error() == Some(libc::EINVAL) && !self.holds(start, length)? => {
                Err(io::Error::from_raw_os_error(libc::ENOSPC))
            }
            zeroed => zeroed,
        }
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
