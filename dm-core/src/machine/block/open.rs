//! Opens block devices, after checking that a file is one.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::fd::AsRawFd as _;
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use dm_units::DeviceNumber;
use nix::libc::{ENXIO, O_EXCL, O_NONBLOCK};

use super::{BlockAction, BlockDevice, BlockError, BlockId, BlockOpenOptions};
use crate::machine::describe::describe;
use crate::machine::path_only;

impl BlockDevice {
    /// Opens a block device read-only.
    ///
    /// # Errors
    /// As [`open_with`](Self::open_with).
    pub fn open(path: impl AsRef<Path>) -> Result<Self, BlockError> {
        Self::open_with(path, BlockOpenOptions::new())
    }

    /// Opens a block device with options.
    ///
    /// The kind of file and the device number are checked before the file is opened, since opening a FIFO could block,
    /// and opening some character devices has side effects.
    ///
    /// # Errors
    /// - [`BlockError::NotBlockDevice`]: the path leads to another kind of file.
    /// - [`BlockError::AnotherDevice`]: the device does not have the requested [number](BlockOpenOptions::number).
    /// - [`is_not_found`](BlockError::is_not_found): the path does not exist, or it is the node of a device that does
    ///   not exist.
    /// - [`is_permission_denied`](BlockError::is_permission_denied): the process lacks the permission to open the
    ///   device.
    /// - [`is_busy`](BlockError::is_busy): [`exclusive`](BlockOpenOptions::exclusive) is set, and the device is already
    ///   claimed.
    /// - [`is_busy`](BlockError::is_busy): [`writable`](BlockOpenOptions::writable) is set, the device is mounted, and
    ///   the kernel forbids writing to mounted devices (`bdev_allow_write_mounted=0`).
    /// - [`is_not_writable`](BlockError::is_not_writable): [`writable`](BlockOpenOptions::writable) is set, the device
    ///   is read-only, and its driver refuses to open it for writing. Most drivers, such as the device mapper, allow
    ///   this, and later writes fail.
    pub fn open_with(path: impl AsRef<Path>, options: BlockOpenOptions) -> Result<Self, BlockError> {
        let path = path.as_ref();
        let name = path.display().to_string();
        let refused = |error: io::Error| BlockError::refused(BlockAction::Open, name.clone(), &error);
        let node = path_only::open(path).map_err(refused)?;
        let number = checked(&node, &name, options.expected_number())?;
        let exclusive = if options.is_exclusive() { O_EXCL } else { 0 };
        let open = |path: &Path| {
            OpenOptions::new().read(true).write(options.is_writable()).custom_flags(O_NONBLOCK | exclusive).open(path)
        };
        // This link leads to the node that was checked, even if the path now leads elsewhere.
        let link = PathBuf::from(format!("/proc/thread-self/fd/{}", node.as_raw_fd()));
        let file = match open(&link) {
            // Without procfs the path is opened, and the open file is checked again below.
            Err(error) if error.kind() == io::ErrorKind::NotFound => open(path),
            other => other,
        };
        let file = file.map_err(refused)?;
        checked(&file, &name, Some(number))?;
        Ok(Self { file, number, name })
    }

    /// Opens a block device by its number or its path. For a number, this opens the node that the kernel makes for the
    /// device in `/dev`.
    ///
    /// # Errors
    /// As [`open_with`](Self::open_with).
    pub fn open_id<'a>(device: impl Into<BlockId<'a>>, options: BlockOpenOptions) -> Result<Self, BlockError> {
        match device.into() {
            BlockId::Path(path) => Self::open_with(path, options),
            BlockId::Number(number) => match describe(number).path {
                Some(path) => Self::open_with(path, options.number(number)),
                None => {
                    let missing = io::Error::from_raw_os_error(ENXIO);
                    Err(BlockError::refused(BlockAction::Open, describe(number).to_string(), &missing))
                }
            },
        }
    }

    /// Makes a device from an open file. Errors name the device as [`describe`] does, for example `/dev/sda1 (8:1)`.
    ///
    /// # Errors
    /// [`BlockError::NotBlockDevice`]: the file is not a block device.
    pub fn from_file(file: File) -> Result<Self, BlockError> {
        let number = checked(&file, "the open file", None)?;
        Ok(Self { file, number, name: describe(number).to_string() })
    }
}

/// Returns the number of a block device, after checking the kind of file and the expected number.
fn checked(file: &File, name: &str, expected: Option<DeviceNumber>) -> Result<DeviceNumber, BlockError> {
    let metadata = file.metadata().map_err(|error| BlockError::refused(BlockAction::Open, name.to_owned(), &error))?;
    if !metadata.file_type().is_block_device() {
        return Err(BlockError::NotBlockDevice { device: name.to_owned() });
    }
    let found = DeviceNumber::from_dev_t(metadata.rdev());
    match expected {
        Some(expected) if expected != found => {
            Err(BlockError::AnotherDevice { device: name.to_owned(), expected, found })
        }
        _ => Ok(found),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_but_a_block_device_is_opened() {
        let folder = tempfile::tempdir().unwrap();
        let fifo = folder.path().join("fifo");
        nix::unistd::mkfifo(&fifo, nix::sys::stat::Mode::S_IRWXU).unwrap();
        let options = BlockOpenOptions::new().writable(true).exclusive(true);
        for path in [fifo.as_path(), folder.path(), Path::new("/dev/null")] {
            let error = BlockDevice::open_with(path, options).unwrap_err();
            assert_eq!(error.to_string(), format!("{} is not a block device", path.display()));
        }
        let error = BlockDevice::open("/dev/nothing").unwrap_err();
        assert!(error.is_not_found() && !error.is_permission_denied());
        assert_eq!(error.to_string(), "cannot open /dev/nothing: No such file or directory (ENOENT)");
        let error = BlockDevice::open_id(DeviceNumber::new(4000, 1), options).unwrap_err();
        assert!(error.is_not_found(), "{error}");
        assert_eq!(error.to_string(), "cannot open device 4000:1: No such device or address (ENXIO)");
        let error = BlockDevice::from_file(File::open("/dev/null").unwrap()).unwrap_err();
        assert_eq!(error.to_string(), "the open file is not a block device");
    }
}
