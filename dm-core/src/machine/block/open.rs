//! How a block device is opened: without opening anything else by mistake.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::fd::AsRawFd as _;
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use dm_units::DeviceNumber;
use nix::libc::{O_EXCL, O_NONBLOCK, O_PATH};

use super::{BlockAction, BlockDevice, BlockError};
use crate::machine::describe::describe;

/// How to open a block device: for reading only and shared, unless set otherwise.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[must_use]
pub struct BlockOpenOptions {
    writable: bool,
    exclusive: bool,
    number: Option<DeviceNumber>,
}

impl BlockOpenOptions {
    /// For reading only, shared, whatever device is at the path.
    pub const fn new() -> Self {
        Self { writable: false, exclusive: false, number: None }
    }

    /// Opens it for reading and writing, which [`discard`](BlockDevice::discard) and [`zero_out`](BlockDevice::zero_out)
    /// need.
    pub const fn writable(self, writable: bool) -> Self {
        Self { writable, ..self }
    }

    /// Claims the device (`O_EXCL`): the kernel refuses this while it is mounted, used by a mapped device or claimed by
    /// another process, and refuses those while it is claimed.
    pub const fn exclusive(self, exclusive: bool) -> Self {
        Self { exclusive, ..self }
    }

    /// Opens the device only if it has this number. Then a path that leads to another device by now is an error.
    pub const fn number(self, number: DeviceNumber) -> Self {
        Self { number: Some(number), ..self }
    }
}

impl BlockDevice {
    /// Opens a block device for reading.
    ///
    /// # Errors
    /// As [`open_with`](Self::open_with).
    pub fn open(path: impl AsRef<Path>) -> Result<Self, BlockError> {
        Self::open_with(path, BlockOpenOptions::new())
    }

    /// Opens a block device.
    ///
    /// Only a block device, of the right number, is opened: opening a FIFO would wait for its other end, and opening some
    /// character devices has effects.
    ///
    /// # Errors
    /// - [`BlockError::NotBlockDevice`], [`BlockError::AnotherDevice`].
    /// - [`is_not_found`](BlockError::is_not_found), [`is_permission_denied`](BlockError::is_permission_denied).
    /// - [`is_busy`](BlockError::is_busy): it is claimed, and it should be opened [exclusively](BlockOpenOptions::exclusive).
    /// - [`is_not_writable`](BlockError::is_not_writable): it is read-only.
    pub fn open_with(path: impl AsRef<Path>, options: BlockOpenOptions) -> Result<Self, BlockError> {
        let path = path.as_ref();
        let name = path.display().to_string();
        let refused = |error: io::Error| BlockError::refused(BlockAction::Open, name.clone(), &error);
        let node = OpenOptions::new().read(true).custom_flags(O_PATH).open(path).map_err(refused)?;
        let number = checked(&node, &name, options.number)?;
        let exclusive = if options.exclusive { O_EXCL } else { 0 };
        let open = |path: &Path| {
            OpenOptions::new().read(true).write(options.writable).custom_flags(O_NONBLOCK | exclusive).open(path)
        };
        // By this link it is the node that was looked at, even if the path leads elsewhere by now.
        let link = PathBuf::from(format!("/proc/thread-self/fd/{}", node.as_raw_fd()));
        let file = match open(&link) {
            // Without procfs the path has to do, and what is open is looked at again below.
            Err(error) if error.kind() == io::ErrorKind::NotFound => open(path),
            other => other,
        };
        let file = file.map_err(refused)?;
        checked(&file, &name, Some(number))?;
        Ok(Self { file, number, name })
    }

    /// Takes an open file, which must be a block device. Errors name it as [`describe`] does.
    ///
    /// # Errors
    /// [`BlockError::NotBlockDevice`].
    pub fn from_file(file: File) -> Result<Self, BlockError> {
        let number = checked(&file, "the open file", None)?;
        Ok(Self { file, number, name: describe(number).to_string() })
    }
}

/// The number of a block device, if it is one and is the expected one.
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
        let error = BlockDevice::from_file(File::open("/dev/null").unwrap()).unwrap_err();
        assert_eq!(error.to_string(), "the open file is not a block device");
    }
}
