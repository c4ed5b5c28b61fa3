//! Examines the path of a node.

use std::fmt;
use std::fs;
use std::io::ErrorKind;
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _};
use std::path::Path;

use dm_units::DeviceNumber;

use crate::machine::paths::device_at;

/// What is found at the path that a device's node should have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum NodeState {
    /// The node of the device, or a link to it.
    Correct,
    /// Nothing exists at the path.
    Missing,
    /// A link whose target does not exist.
    Dangling,
    /// The node of another block device, or a link to it.
    OtherDevice(DeviceNumber),
    /// A file that is not a block device.
    NotABlockDevice,
    /// The path cannot be examined.
    Unreadable,
}

/// Prints the end of a sentence that begins with the path.
impl fmt::Display for NodeState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Correct => f.write_str("leads to it"),
            Self::Missing => f.write_str("does not exist"),
            Self::Dangling => f.write_str("is a dangling link"),
            Self::OtherDevice(number) => write!(f, "is device {number}"),
            Self::NotABlockDevice => f.write_str("is not a block device"),
            Self::Unreadable => f.write_str("cannot be examined"),
        }
    }
}

/// Examines a path that should lead to a device.
pub(super) fn state(path: &Path, number: DeviceNumber) -> NodeState {
    match device_at(path) {
        Ok(found) if found == number => NodeState::Correct,
        Ok(found) => NodeState::OtherDevice(found),
        Err(error) if error.kind() == ErrorKind::NotFound && path.is_symlink() => NodeState::Dangling,
        Err(error) if error.kind() == ErrorKind::NotFound => NodeState::Missing,
        Err(_) if path.exists() => NodeState::NotABlockDevice,
        Err(_) => NodeState::Unreadable,
    }
}

/// Whether a path is the node of a device or a link to it. After the removal of the device the link dangles.
pub(super) fn leads_to(path: &Path, number: DeviceNumber) -> bool {
    matches!(state(path, number), NodeState::Correct | NodeState::Dangling)
}

/// Whether a path is a block node of this number itself, not a link to one.
pub(super) fn is_block_node(path: &Path, number: DeviceNumber) -> bool {
    fs::symlink_metadata(path).is_ok_and(|metadata| {
        metadata.file_type().is_block_device() && DeviceNumber::from_dev_t(metadata.rdev()) == number
    })
}

/// Whether a path is a link to the kernel's node of this number, as udev makes it, whether or not that node exists.
pub(super) fn is_link_to_kernel_node(path: &Path, number: DeviceNumber) -> bool {
    fs::read_link(path).is_ok_and(|target| {
        ["..", "/dev"].iter().any(|directory| target == Path::new(directory).join(format!("dm-{}", number.minor)))
    })
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    const NUMBER: DeviceNumber = DeviceNumber { major: 4000, minor: 7 };

    #[test]
    fn every_state_is_told_from_the_others() {
        let directory = tempfile::tempdir().unwrap();
        let path = |name: &str| directory.path().join(name);
        symlink("../nowhere", path("dangling")).unwrap();
        symlink("/dev/null", path("character")).unwrap();
        let state = |name: &str| state(&path(name), NUMBER);
        assert_eq!(state("dangling"), NodeState::Dangling);
        assert_eq!(state("character"), NodeState::NotABlockDevice);
        assert_eq!(state("missing"), NodeState::Missing);
        assert_eq!(state("character/below"), NodeState::Unreadable);
        assert!(leads_to(&path("dangling"), NUMBER) && !leads_to(&path("missing"), NUMBER));
    }

    #[test]
    fn a_link_to_the_kernels_node_is_known_by_its_target() {
        let directory = tempfile::tempdir().unwrap();
        let is = |target: &str| {
            let link = directory.path().join("link");
            let _ = fs::remove_file(&link);
            symlink(target, &link).unwrap();
            is_link_to_kernel_node(&link, NUMBER)
        };
        assert!(is("../dm-7") && is("/dev/dm-7"));
        assert!(!is("../dm-70") && !is("dm-7") && !is("../mapper/dm-7") && !is("../nowhere"));
        assert!(!is_link_to_kernel_node(directory.path(), NUMBER));
    }
}
