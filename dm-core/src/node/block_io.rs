//! Access to the data of block devices through a transport.

use std::fmt;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt as _;
use std::path::Path;

use dm_units::{DeviceNumber, Sectors};

/// Reads and writes the data of a block device or of a disk image, in whole sectors of 512 bytes.
///
/// The length of `data` must be a multiple of 512 bytes; implementations need not check this.
///
/// [`Host::open_block`](crate::Host::open_block) opens a device of the host's kernel, real or in memory. A regular
/// [`File`], such as a disk image, implements this trait too.
///
/// ```
/// use dm_core::block::BlockIo;
/// use dm_units::Sectors;
///
/// let image = tempfile::tempfile()?;
/// image.set_len(1 << 20)?;
/// let image: &dyn BlockIo = &image;
/// image.write_sectors(Sectors(8), &[7; 512])?;
///
/// let mut sector = [0; 512];
/// image.read_sectors(Sectors(8), &mut sector)?;
/// assert_eq!((image.size()?, sector), (Sectors(2048), [7; 512]));
/// # Ok::<(), std::io::Error>(())
/// ```
pub trait BlockIo: fmt::Debug + Send + Sync {
    /// The size in whole sectors.
    ///
    /// # Errors
    /// The device reports an I/O error. All other methods can return this error too.
    fn size(&self) -> io::Result<Sectors>;

    /// Reads from sector `start` on until `data` is full.
    ///
    /// # Errors
    /// `UnexpectedEof`: the range exceeds the device.
    fn read_sectors(&self, start: Sectors, data: &mut [u8]) -> io::Result<()>;

    /// Writes `data` from sector `start` on. The data may stay in a cache until [`flush`](Self::flush).
    ///
    /// # Errors
    /// `ENOSPC`: the range exceeds the device. A [`File`] grows instead. After an error, part of the data may have been
    /// written.
    fn write_sectors(&self, start: Sectors, data: &[u8]) -> io::Result<()>;

    /// Writes zeros to `length` sectors from `start` on. The default implementation writes them like other data.
    ///
    /// # Errors
    /// As [`write_sectors`](Self::write_sectors). A [`BlockDevice`](crate::block::BlockDevice) returns `EINVAL` for a
    /// range that does not begin and end at a multiple of the logical block size.
    fn zero_sectors(&self, start: Sectors, length: Sectors) -> io::Result<()> {
        static ZEROS: [u8; 64 << 10] = [0; 64 << 10];
        let (mut at, mut left) = (start, length);
        while left.0 > 0 {
            let part = Sectors(left.0.min((ZEROS.len() >> 9) as u64));
            let bytes = usize::try_from(part.0).unwrap_or(0).saturating_mul(512);
            self.write_sectors(at, ZEROS.get(..bytes).unwrap_or_default())?;
            at = at.checked_add(part).ok_or(io::ErrorKind::InvalidInput)?;
            left = left.saturating_sub(part);
        }
        Ok(())
    }

    /// Waits until all written data is on the device. Reads through mapped devices that use
    /// this device then return the data.
    ///
    /// # Errors
    /// The device failed to store the data. Data written since the last flush may be lost.
    fn flush(&self) -> io::Result<()>;

    /// The number of the device; `None` for a file. The default implementation returns `None`.
    fn number(&self) -> Option<DeviceNumber> {
        None
    }

    /// Makes the kernel test the paths of a multipath device (`DM_MPATH_PROBE_PATHS`).
    ///
    /// # Errors
    /// As [`BlockDevice::probe_paths`](crate::block::BlockDevice::probe_paths). `ENOTTY`: the device does not support
    /// this. The default implementation returns this error.
    fn probe_paths(&self) -> io::Result<()> {
        Err(io::Error::from_raw_os_error(nix::libc::ENOTTY))
    }
}

/// For regular files only; open a device as a [`BlockDevice`](crate::block::BlockDevice). A write beyond the end makes
/// the file larger.
impl BlockIo for File {
    fn size(&self) -> io::Result<Sectors> {
        let metadata = self.metadata()?;
        if metadata.is_file() {
            return Ok(Sectors(metadata.len() >> 9));
        }
        Err(io::Error::new(io::ErrorKind::InvalidInput, "not a regular file; open a device as a BlockDevice"))
    }

    fn read_sectors(&self, start: Sectors, data: &mut [u8]) -> io::Result<()> {
        self.read_exact_at(data, position(start)?)
    }

    fn write_sectors(&self, start: Sectors, data: &[u8]) -> io::Result<()> {
        self.write_all_at(data, position(start)?)
    }

    fn flush(&self) -> io::Result<()> {
        self.sync_data()
    }
}

/// Converts a sector into a position in bytes.
fn position(start: Sectors) -> io::Result<u64> {
    start.0.checked_mul(512).ok_or_else(|| io::ErrorKind::InvalidInput.into())
}

/// Identifies a block device, mapped or not, by its number or by the path of its node.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum BlockId<'a> {
    /// The number of the device.
    Number(DeviceNumber),
    /// The path of the device's node.
    Path(&'a Path),
}

impl From<DeviceNumber> for BlockId<'_> {
    fn from(number: DeviceNumber) -> Self {
        Self::Number(number)
    }
}

impl<'a> From<&'a Path> for BlockId<'a> {
    fn from(path: &'a Path) -> Self {
        Self::Path(path)
    }
}

/// Prints the number or the path.
impl fmt::Display for BlockId<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number(number) => number.fmt(f),
            Self::Path(path) => path.display().fmt(f),
        }
    }
}

/// Options for opening a block device. By default, it is opened read-only and shared.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[must_use]
pub struct BlockOpenOptions {
    writable: bool,
    exclusive: bool,
    number: Option<DeviceNumber>,
}

impl BlockOpenOptions {
    /// The defaults: read-only, shared, and any device number.
    pub const fn new() -> Self {
        Self { writable: false, exclusive: false, number: None }
    }

    /// Opens the device for reading and writing, which [`discard`](crate::block::BlockDevice::discard) and
    /// [`zero_out`](crate::block::BlockDevice::zero_out) need.
    pub const fn writable(self, writable: bool) -> Self {
        Self { writable, ..self }
    }

    /// Claims the device (`O_EXCL`). The open fails if the device is mounted, used by a mapped device or already
    /// claimed. While this claim is held, the device cannot be mounted, used by a mapped device or claimed again.
    pub const fn exclusive(self, exclusive: bool) -> Self {
        Self { exclusive, ..self }
    }

    /// Opens the device only if it has this number. If the path leads to another device, the open fails with
    /// [`BlockError::AnotherDevice`](crate::block::BlockError::AnotherDevice).
    pub const fn number(self, number: DeviceNumber) -> Self {
        Self { number: Some(number), ..self }
    }

    /// Whether the device is opened for writing.
    #[must_use]
    pub const fn is_writable(&self) -> bool {
        self.writable
    }

    /// Whether the device is claimed.
    #[must_use]
    pub const fn is_exclusive(&self) -> bool {
        self.exclusive
    }

    /// The number that the device must have, if it was set.
    #[must_use]
    pub const fn expected_number(&self) -> Option<DeviceNumber> {
        self.number
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_stands_for_a_device() {
        let file = tempfile::tempfile().unwrap();
        file.set_len((1 << 20) + 100).unwrap();
        let image: &dyn BlockIo = &file;
        assert_eq!(image.size().unwrap(), Sectors(2048));
        image.write_sectors(Sectors(0), &vec![7; 1 << 20]).unwrap();
        image.zero_sectors(Sectors(3), Sectors(300)).unwrap();
        let mut data = vec![1; 1 << 20];
        image.read_sectors(Sectors(0), &mut data).unwrap();
        let zeros: Vec<_> = (0..2048).filter(|sector| data[sector * 512..][..512] == [0; 512]).collect();
        assert_eq!(zeros, (3..303).collect::<Vec<_>>());
        let error = image.read_sectors(Sectors(2048), &mut [0; 512]).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::UnexpectedEof);
        for start in [u64::MAX, u64::MAX >> 8] {
            assert_eq!(
                image.read_sectors(Sectors(start), &mut [0; 512]).unwrap_err().kind(),
                io::ErrorKind::InvalidInput
            );
        }
    }

    #[test]
    fn a_file_has_no_paths_and_returns_the_error_of_a_flush() {
        let errno = |result: io::Result<()>| result.unwrap_err().raw_os_error();
        let file = tempfile::tempfile().unwrap();
        assert_eq!(errno(BlockIo::probe_paths(&file)), Some(nix::libc::ENOTTY));
        // See fdatasync(2): a special file does not support synchronization.
        assert_eq!(errno(BlockIo::flush(&File::open("/dev/null").unwrap())), Some(nix::libc::EINVAL));
    }

    #[test]
    fn a_device_is_printed_by_its_number_or_its_path() {
        assert_eq!(BlockId::from(DeviceNumber::new(8, 1)).to_string(), "8:1");
        assert_eq!(BlockId::from(Path::new("/dev/sda1")).to_string(), "/dev/sda1");
    }

    #[test]
    fn only_a_regular_file_has_a_size() {
        let error = BlockIo::size(&File::open("/dev/null").unwrap()).unwrap_err();
        assert_eq!(error.to_string(), "not a regular file; open a device as a BlockDevice");
    }
}
