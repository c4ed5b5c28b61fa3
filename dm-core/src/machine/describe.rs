//! Descriptions of devices for error messages.

use std::fmt;
use std::fs;
use std::path::PathBuf;

use dm_units::DeviceNumber;

use crate::id::DmNameBuf;
use crate::machine::paths::{name_in, read_dm_name};
use crate::machine::roots::Roots;

/// The number, path and name of a device, for error messages, as returned by [`describe`].
///
/// `Display` prints `/dev/dm-3 (home, 253:3)`, `/dev/sda1 (8:1)`, or `device 8:1` if only the number is known.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct DeviceDescription {
    /// The number of the block device.
    pub number: DeviceNumber,
    /// The path at which the kernel makes the node, such as `/dev/sda1`. The node may not exist. `None` if sysfs does
    /// not have the device.
    pub path: Option<PathBuf>,
    /// The name of a mapped device; `None` for other devices, or if sysfs does not have the device.
    pub dm_name: Option<DmNameBuf>,
}

/// Looks up the path and name of a device in sysfs. For a device that does not exist, the result has only the number.
///
/// ```
/// use dm_core::describe;
/// use dm_units::DeviceNumber;
///
/// let number = DeviceNumber::new(4000, 1);
/// assert_eq!(describe(number).to_string(), "device 4000:1");
/// ```
#[must_use]
pub fn describe(device: DeviceNumber) -> DeviceDescription {
    describe_in(&Roots::default(), device)
}

fn describe_in(roots: &Roots, number: DeviceNumber) -> DeviceDescription {
    let folder = roots.block(number);
    let text = fs::read(folder.join("uevent")).unwrap_or_default();
    let name = text.split(|&byte| byte == b'\n').find_map(|line| line.strip_prefix(b"DEVNAME="));
    let name = name.and_then(|name| std::str::from_utf8(name).ok());
    let path = name.map(|name| roots.dev_dir.join(name.trim_start_matches('/')));
    DeviceDescription { number, path, dm_name: read_dm_name(&name_in(&folder)).unwrap_or_default() }
}

impl fmt::Display for DeviceDescription {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { number, path, dm_name } = self;
        let name = dm_name.as_ref().map(|name| name.shown());
        match (path, name) {
            (Some(path), Some(name)) => write!(f, "{} ({name}, {number})", path.display()),
            (Some(path), None) => write!(f, "{} ({number})", path.display()),
            (None, Some(name)) => write!(f, "device {number} ({name})"),
            (None, None) => write!(f, "device {number}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_device_is_called_by_its_path_and_its_name() {
        let folder = tempfile::tempdir().unwrap();
        let roots = Roots { sys_dir: folder.path().to_owned(), ..Roots::default() };
        let block = |number: &str, uevent: &str, name: Option<&str>| {
            let block = folder.path().join("dev/block").join(number);
            fs::create_dir_all(block.join("dm")).unwrap();
            fs::write(block.join("uevent"), uevent).unwrap();
            if let Some(name) = name {
                fs::write(block.join("dm/name"), name).unwrap();
            }
        };
        block("253:3", "MAJOR=253\nMINOR=3\nDEVNAME=dm-3\nDEVTYPE=disk\n", Some("my\x1bhome\n"));
        block("8:1", "DEVNAME=sda1\n", None);
        block("104:0", "DEVNAME=cciss/c0d0\n", None);
        block("253:4", "", Some("a\n"));
        let described = |major, minor| describe_in(&roots, DeviceNumber::new(major, minor)).to_string();
        assert_eq!(described(253, 3), r"/dev/dm-3 (my\x1bhome, 253:3)");
        assert_eq!(described(8, 1), "/dev/sda1 (8:1)");
        assert_eq!(described(104, 0), "/dev/cciss/c0d0 (104:0)");
        assert_eq!(described(253, 4), "device 253:4 (a)");
        assert_eq!(described(8, 2), "device 8:2");
    }
}
