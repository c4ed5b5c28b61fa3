//! Block devices, mapped or not: size, block sizes, read-only state, read-ahead, discards and zeros.
//!
//! [`BlockDevice`] is an open device. Each method that queries or changes the device makes one system call. Only
//! [`discard`](BlockDevice::discard) and [`zero_out`](BlockDevice::zero_out) make three, since they first check the
//! range.
//!
//! [`BlockIo`] reads and writes data: of a device of this machine, of a device of a kernel in memory, or of a disk
//! image.

mod data;
mod error;
#[cfg(target_os = "linux")]
mod ioctl;
mod open;
mod read_ahead;

use std::fs::File;
use std::io;
use std::os::fd::{AsFd, BorrowedFd};

use dm_units::{Bytes, DeviceNumber, Sectors};
use nix::errno::Errno;

#[cfg(not(target_os = "linux"))]
use super::elsewhere::ioctl;

pub use self::error::{BlockAction, BlockError};
pub(crate) use self::read_ahead::read_ahead_path;
pub use self::read_ahead::{ReadAhead, ReadAheadError, read_ahead, set_read_ahead};
pub use crate::node::{BlockId, BlockIo, BlockOpenOptions};

/// An open block device, mapped or not.
///
/// ```no_run
/// use dm_core::block::{BlockDevice, BlockOpenOptions};
/// use dm_units::Sectors;
///
/// let disk = BlockDevice::open_with("/dev/mapper/home", BlockOpenOptions::new().writable(true))?;
/// println!("{} sectors in blocks of {}", disk.size()?, disk.logical_block_size()?);
/// disk.zero_out(Sectors(0), Sectors(8))?;
/// # Ok::<(), dm_core::block::BlockError>(())
/// ```
#[derive(Debug)]
pub struct BlockDevice {
    file: File,
    number: DeviceNumber,
    /// The path by which it was opened, or a description.
    name: String,
}

impl BlockDevice {
    /// The number that the device had when it was opened.
    #[must_use]
    pub const fn number(&self) -> DeviceNumber {
        self.number
    }

    /// The open file, for reading and writing data.
    #[must_use]
    pub const fn file(&self) -> &File {
        &self.file
    }

    /// Converts the device into its open file.
    #[must_use]
    pub fn into_file(self) -> File {
        self.file
    }

    /// The size of the device. For a mapped device, this is the length of the active table. For an unplugged disk, it
    /// is 0.
    ///
    /// # Errors
    /// The kernel refuses the request, for example because the file given to [`from_file`](Self::from_file) was opened
    /// with `O_PATH`.
    #[doc(alias = "BLKGETSIZE64")]
    pub fn size(&self) -> Result<Sectors, BlockError> {
        let size = ioctl::size(&self.file).map_err(|error| self.refused(BlockAction::GetSize, &error))?;
        Ok(Sectors(size >> 9))
    }

    /// The logical block size: the smallest unit in which the device itself is read and written, at least 512 bytes.
    ///
    /// # Errors
    /// As [`size`](Self::size).
    #[doc(alias = "BLKSSZGET")]
    pub fn logical_block_size(&self) -> Result<Bytes, BlockError> {
        let action = BlockAction::GetLogicalBlockSize;
        let size = ioctl::logical_block_size(&self.file).map_err(|error| self.refused(action, &error))?;
        match u128::try_from(size) {
            Ok(size) if size > 0 => Ok(Bytes(size)),
            _ => Err(self.refused(action, &io::Error::from(Errno::EINVAL))),
        }
    }

    /// The physical block size: the smallest unit that the device can write without first reading a larger one, at
    /// least the logical block size.
    ///
    /// # Errors
    /// As [`size`](Self::size).
    #[doc(alias = "BLKPBSZGET")]
    pub fn physical_block_size(&self) -> Result<Bytes, BlockError> {
        let size = ioctl::physical_block_size(&self.file);
        let size = size.map_err(|error| self.refused(BlockAction::GetPhysicalBlockSize, &error))?;
        Ok(Bytes(size.into()))
    }

    /// Whether the device is read-only, no matter how it was opened.
    ///
    /// # Errors
    /// As [`size`](Self::size).
    #[doc(alias = "BLKROGET")]
    pub fn is_read_only(&self) -> Result<bool, BlockError> {
        ioctl::read_only(&self.file).map_err(|error| self.refused(BlockAction::GetReadOnly, &error))
    }

    /// Makes the device read-only, or writable again.
    ///
    /// While the device is read-only, processes that have it open can no longer write to it. Mounted file systems and
    /// mapped devices that use the device can still write to it (`bio_check_ro` in block/blk-core.c only warns). A
    /// mapped device can also be read-only because its table was loaded read-only; this call does not change that.
    ///
    /// # Errors
    /// [`is_permission_denied`](BlockError::is_permission_denied): the process lacks `CAP_SYS_ADMIN`.
    #[doc(alias = "BLKROSET")]
    pub fn set_read_only(&self, read_only: bool) -> Result<(), BlockError> {
        let action = BlockAction::SetReadOnly;
        ioctl::set_read_only(&self.file, read_only).map_err(|error| self.refused(action, &error))
    }

    /// Discards `len` sectors from `start` on. Their data is lost, and later reads of them return undefined data. The
    /// kernel usually allows this even while the device is mounted.
    ///
    /// The call returns when the device has finished, which can take long for a large range. An empty range does
    /// nothing.
    ///
    /// # Errors
    /// - [`is_out_of_range`](BlockError::is_out_of_range): the range is not within the device, or does not begin and
    ///   end at a multiple of the logical block size. Nothing was discarded.
    /// - [`is_unsupported`](BlockError::is_unsupported): the device does not support discards.
    /// - [`is_not_writable`](BlockError::is_not_writable): the device is read-only, or was opened read-only.
    /// - [`is_busy`](BlockError::is_busy): another user has claimed the device, for example by mounting it, and the
    ///   page cache has unwritten data in the range. If the device is not claimed, this data is dropped instead.
    #[doc(alias = "BLKDISCARD")]
    pub fn discard(&self, start: Sectors, len: Sectors) -> Result<(), BlockError> {
        self.on_range(BlockAction::Discard, start, len, ioctl::discard)
    }

    /// Overwrites `len` sectors from `start` on with zeros. If the device has a command for this, the kernel uses it.
    ///
    /// Unlike a discard, this frees no space. The call returns when the device has finished, which can take as long as
    /// writing the range. In Linux 6.1, no signal ends the call early; in 6.12, only a signal that kills the process
    /// does. Therefore, zero a large range in pieces. An empty range does nothing.
    ///
    /// # Errors
    /// As [`discard`](Self::discard), but every writable device supports zeroing. If the device reports an error, part
    /// of the range may be zero.
    #[doc(alias = "BLKZEROOUT")]
    pub fn zero_out(&self, start: Sectors, len: Sectors) -> Result<(), BlockError> {
        self.on_range(BlockAction::ZeroOut, start, len, ioctl::zero_out)
    }

    /// Makes a multipath device read from each working path of its current path group. A path whose read fails is
    /// marked as failed. Requires Linux 6.16 (ioctl interface 4.50).
    ///
    /// Call this only on a kernel that supports it. An older kernel passes the ioctl to one of the paths. If no path
    /// works, the call then blocks or returns `EIO`.
    ///
    /// # Errors
    /// - [`is_unsupported`](BlockError::is_unsupported): the device is not a multipath device.
    /// - [`errno`](BlockError::errno) is `ENOTCONN`: no path works.
    /// - [`errno`](BlockError::errno) is `EAGAIN`: the device is suspended.
    #[doc(alias = "DM_MPATH_PROBE_PATHS")]
    pub fn probe_paths(&self) -> Result<(), BlockError> {
        ioctl::probe_paths(&self.file).map_err(|error| self.refused(BlockAction::ProbePaths, &error))
    }

    fn on_range(
        &self,
        action: BlockAction,
        start: Sectors,
        len: Sectors,
        call: impl FnOnce(&File, u64, u64) -> io::Result<()>,
    ) -> Result<(), BlockError> {
        let (block, size) = (self.logical_block_size()?, self.size()?);
        let (from, bytes) = check_range(start, len, block, size).map_err(|fault| match fault {
            Fault::Unaligned => BlockError::Unaligned { device: self.name.clone(), action, start, len, block },
            Fault::OutOfRange => BlockError::OutOfRange { device: self.name.clone(), action, start, len, size },
        })?;
        if bytes == 0 {
            return Ok(());
        }
        call(&self.file, from, bytes).map_err(|error| self.refused(action, &error))
    }

    fn refused(&self, action: BlockAction, error: &io::Error) -> BlockError {
        BlockError::refused(action, self.name.clone(), error)
    }
}

impl AsFd for BlockDevice {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.file.as_fd()
    }
}

/// The reasons why a range is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fault {
    Unaligned,
    OutOfRange,
}

/// The range in bytes, if it is within the device and made of whole blocks.
fn check_range(start: Sectors, len: Sectors, block: Bytes, size: Sectors) -> Result<(u64, u64), Fault> {
    let end = start.checked_add(len).filter(|end| *end <= size).ok_or(Fault::OutOfRange)?;
    if [start, end].iter().any(|at| at.to_bytes().checked_rem_unit(block) != Some(Bytes(0))) {
        return Err(Fault::Unaligned);
    }
    let bytes = |length: Sectors| u64::try_from(length.to_bytes().0).map_err(|_| Fault::OutOfRange);
    Ok((bytes(start)?, bytes(len)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_paths_of_a_device_that_is_not_a_multipath_device_are_not_probed() {
        let file = File::open("/dev/null").unwrap();
        let device = BlockDevice { file, number: DeviceNumber::new(8, 1), name: "/dev/sda1".to_owned() };
        let error = device.probe_paths().unwrap_err();
        assert!(
            error.is_unsupported() && error.to_string().starts_with("cannot probe the paths of /dev/sda1: it is not")
        );
        assert_eq!(BlockIo::probe_paths(&device).unwrap_err().raw_os_error(), Some(nix::libc::ENOTTY));
    }

    #[test]
    fn ranges_are_whole_blocks_within_the_device() {
        let check = |start, len| check_range(Sectors(start), Sectors(len), Bytes(4096), Sectors(64));
        assert_eq!(check(0, 64), Ok((0, 32768)));
        assert_eq!(check(8, 16), Ok((4096, 8192)));
        assert_eq!(check(64, 0), Ok((32768, 0)));
        for (start, len) in [(0, 65), (64, 8), (65, 0), (u64::MAX, 1), (1, u64::MAX), (u64::MAX, u64::MAX)] {
            assert_eq!(check(start, len), Err(Fault::OutOfRange), "{start} {len}");
        }
        for (start, len) in [(1, 8), (0, 7), (4, 4), (1, 0)] {
            assert_eq!(check(start, len), Err(Fault::Unaligned), "{start} {len}");
        }
        let huge = check_range(Sectors(u64::MAX - 7), Sectors(0), Bytes(512), Sectors(u64::MAX));
        assert_eq!(huge, Err(Fault::OutOfRange));
    }
}
