//! Finding, and where it is missing making, the control node.

use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{self, ErrorKind};
use std::os::unix::fs::{DirBuilderExt as _, FileTypeExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};

use dm_sys::{DM_CONTROL_NODE, DM_NAME, MAPPER_CTRL_MINOR, MISC_MAJOR};
use dm_units::DeviceNumber;
use nix::errno::Errno;
use nix::sys::stat::{Mode, SFlag, mknod};

use crate::wire::command::INTERFACE_MAJOR;
use dm_units::Version;

/// Why the control node can't be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// The kernel has no device mapper, and asking it to load the module did not help.
    #[error(
        "this kernel has no device mapper: {DM_NAME} is not in /proc/misc and opening {} did not load it; load the module \
         dm-mod, or use a kernel that has it", path.display()
    )]
    NoDeviceMapper {
        /// The control node that was tried.
        path: PathBuf,
    },
    /// The process may not use the device mapper.
    #[error("no permission to use the device mapper through {}: run as root (it takes CAP_SYS_ADMIN)", path.display())]
    Permission {
        /// The control node.
        path: PathBuf,
    },
    /// What stands at the path is not the device mapper's control node.
    #[error("{} is not the device mapper's control node, which is {expected}: {found}; remove it and open again", path.display())]
    NotControlNode {
        /// The path.
        path: PathBuf,
        /// The number the kernel gives the control node.
        expected: DeviceNumber,
        /// What is there.
        found: String,
    },
    /// The kernel's interface is one that nobody knew when this was written.
    #[error(
        "the device mapper of this kernel has interface version {version}; this library speaks {INTERFACE_MAJOR}.x"
    )]
    Interface {
        /// The version.
        version: Version,
    },
    /// The system call that every use of the device mapper needs fails in a way Linux does not know.
    #[error("the device mapper does not answer through {}: {source}; is this a real Linux kernel?", path.display())]
    NoAnswer {
        /// The control node.
        path: PathBuf,
        /// The error.
        source: io::Error,
    },
    /// A file of the system can't be read, or the node can't be made.
    #[error("can't {what} {}: {source}", path.display())]
    File {
        /// What was tried.
        what: &'static str,
        /// Which file.
        path: PathBuf,
        /// The error.
        source: io::Error,
    },
}

impl OpenError {
    pub(crate) fn is_permission_denied(&self) -> bool {
        match self {
            Self::Permission { .. } => true,
            Self::File { source, .. } => source.kind() == ErrorKind::PermissionDenied,
            _ => false,
        }
    }
}

/// The usual place, `/dev/mapper/control`.
pub(crate) fn default_path() -> PathBuf {
    crate::machine::paths::mapper_dir().join(DM_CONTROL_NODE)
}

/// Opens the control node; makes it, and thereby loads the module, where it is missing.
pub(crate) fn open(path: &Path) -> Result<File, OpenError> {
    match OpenOptions::new().read(true).write(true).open(path) {
        Ok(node) => checked(node, path),
        Err(error) if error.kind() == ErrorKind::NotFound => make_and_open(path),
        Err(error) => Err(open_fault(path, error)),
    }
}

/// Opening a node with its number makes the kernel load the module, whose alias has that number.
fn make_and_open(path: &Path) -> Result<File, OpenError> {
    let known = control_number()?;
    let number = known.unwrap_or(DeviceNumber::new(MISC_MAJOR, MAPPER_CTRL_MINOR));
    let made = make_node(path, number)?;
    let opened = match OpenOptions::new().read(true).write(true).open(path) {
        Ok(node) => checked(node, path),
        Err(error) => Err(open_fault(path, error)),
    };
    if opened.is_err() && made {
        // The node of a driver that is not there would only mislead whoever finds it.
        let _ = std::fs::remove_file(path);
    }
    opened
}

/// `false` where somebody else was faster.
fn make_node(path: &Path, number: DeviceNumber) -> Result<bool, OpenError> {
    let fault = |source| OpenError::File { what: "make the control node", path: path.to_owned(), source };
    if let Some(directory) = path.parent() {
        DirBuilder::new().recursive(true).mode(0o755).create(directory).map_err(fault)?;
    }
    match mknod(path, SFlag::S_IFCHR, Mode::S_IRUSR | Mode::S_IWUSR, number.to_dev_t()) {
        Ok(()) => Ok(true),
        Err(Errno::EEXIST) => Ok(false),
        Err(errno) => Err(fault(errno.into())),
    }
}

fn open_fault(path: &Path, error: io::Error) -> OpenError {
    let path = path.to_owned();
    match error.raw_os_error().map(Errno::from_raw) {
        Some(Errno::EACCES | Errno::EPERM) => OpenError::Permission { path },
        Some(Errno::ENODEV | Errno::ENXIO) => OpenError::NoDeviceMapper { path },
        _ => OpenError::File { what: "open", path, source: error },
    }
}

/// An ioctl number means something else to another driver, so nothing is sent to a node that is not the right one.
fn checked(node: File, path: &Path) -> Result<File, OpenError> {
    let metadata = node.metadata().map_err(|source| OpenError::File { what: "stat", path: path.to_owned(), source })?;
    let Some(expected) = control_number()? else {
        return Err(OpenError::NoDeviceMapper { path: path.to_owned() });
    };
    let found = if metadata.file_type().is_char_device() {
        let number = DeviceNumber::from_dev_t(metadata.rdev());
        if number == expected {
            return Ok(node);
        }
        format!("it is character device {number}")
    } else {
        "it is no character device".to_owned()
    };
    Err(OpenError::NotControlNode { path: path.to_owned(), expected, found })
}

/// The number of the control node, from `/proc/misc`; `None` where the kernel has no device mapper (yet).
fn control_number() -> Result<Option<DeviceNumber>, OpenError> {
    let path = Path::new("/proc/misc");
    let text = std::fs::read_to_string(path).map_err(|source| OpenError::File {
        what: "read",
        path: path.to_owned(),
        source,
    })?;
    Ok(misc_minor(&text, DM_NAME).map(|minor| DeviceNumber::new(MISC_MAJOR, minor)))
}

/// The minor number of a driver in the text of `/proc/misc`: lines of a number and a name.
fn misc_minor(text: &str, driver: &str) -> Option<u32> {
    text.lines().filter_map(|line| line.trim_start().split_once(' ')).find(|(_, name)| *name == driver)?.0.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_minor_number_is_found_by_its_driver() {
        let text = "122 ublk-control\n236 device-mapper\n  1 psaux\n";
        assert_eq!(misc_minor(text, "device-mapper"), Some(236));
        assert_eq!(misc_minor(text, "psaux"), Some(1));
        assert_eq!(misc_minor(text, "device"), None);
        assert_eq!(misc_minor("", "device-mapper"), None);
    }

    #[test]
    fn what_is_no_control_node_is_refused() {
        // Where the kernel has no device mapper, that comes first.
        let error = open(Path::new("/dev/null")).unwrap_err().to_string();
        assert!(
            error.contains("it is character device 1:3; remove it")
                || error.starts_with("this kernel has no device mapper"),
            "{error}"
        );
    }
}
