//! From a path to a mapped device and back.

use std::fs;
use std::io;
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};

use dm_sys::DM_DIR;
use dm_units::{DeviceNumber, Sectors};

use crate::name::{DmName, DmNameBuf};

/// Where the nodes and links of mapped devices are: `/dev/mapper`.
#[must_use]
pub fn mapper_dir() -> PathBuf {
    Path::new("/dev").join(DM_DIR)
}

/// Where udev, or whoever makes nodes, puts a device of this name: `/dev/mapper/my\x20disk`.
///
/// It is a link or a node, and there only once somebody has made it; see [`kernel_path`] for one that the kernel makes.
#[must_use]
pub fn mapper_path(name: DmName<'_>) -> PathBuf {
    mapper_dir().join(name.mangled().to_string())
}

/// The node that the kernel itself makes in `/dev` for a device: `/dev/dm-0`.
///
/// It is there from the creation of the device on, where `/dev` is a devtmpfs, as on every usual system.
#[must_use]
pub fn kernel_path(number: DeviceNumber) -> PathBuf {
    PathBuf::from(format!("/dev/dm-{}", number.minor))
}

/// The number of the block device that stands at a path, whatever the path is called.
///
/// # Errors
/// The path can't be looked at, or is no block device.
pub fn device_at(path: &Path) -> io::Result<DeviceNumber> {
    let metadata = fs::metadata(path)?;
    if metadata.file_type().is_block_device() {
        return Ok(DeviceNumber::from_dev_t(metadata.rdev()));
    }
    Err(io::Error::new(io::ErrorKind::InvalidInput, format!("{} is no block device", path.display())))
}

/// Whether a path leads to this very device, and not to another one that had the name before.
#[must_use]
pub fn is_device(path: &Path, number: DeviceNumber) -> bool {
    device_at(path).is_ok_and(|found| found == number)
}

/// The name of a mapped device by its number, from sysfs. `None` where there is no mapped device of that number.
///
/// # Errors
/// sysfs can't be read.
pub fn name_of(number: DeviceNumber) -> io::Result<Option<DmNameBuf>> {
    match fs::read(format!("/sys/dev/block/{number}/dm/name")) {
        // The kernel ends it with a line feed of its own; others would be part of the name.
        Ok(name) => Ok(DmName::from_kernel(name.strip_suffix(b"\n").unwrap_or(&name)).map(DmName::to_owned)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// The size of a block device, mapped or not, from sysfs; of a mapped device, that of its active table.
///
/// # Errors
/// There is no such device, or sysfs can't be read.
pub fn size_of(number: DeviceNumber) -> io::Result<Sectors> {
    let text = fs::read_to_string(format!("/sys/dev/block/{number}/size"))?;
    text.trim_end().parse().map_err(io::Error::other)
}

/// The major numbers of mapped devices, from `/proc/devices`. Usually it is one, and which one differs from boot to boot.
///
/// # Errors
/// The file can't be read.
pub fn majors() -> io::Result<Vec<u32>> {
    Ok(block_majors(&fs::read_to_string("/proc/devices")?, dm_sys::DM_NAME))
}

/// The numbers of a block driver in the text of `/proc/devices`: after a heading, lines of a number and a name.
fn block_majors(text: &str, driver: &str) -> Vec<u32> {
    let block = text.split_once("Block devices:").map_or("", |(_, block)| block);
    let lines = block.lines().filter_map(|line| line.trim_start().split_once(' '));
    lines.filter(|(_, name)| *name == driver).filter_map(|(major, _)| major.parse().ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn majors_are_those_of_the_block_driver() {
        let text =
            "Character devices:\n  1 mem\n 99 device-mapper\n\nBlock devices:\n  7 loop\n253 device-mapper\n254 mdp\n";
        assert_eq!(block_majors(text, "device-mapper"), [253]);
        assert_eq!(block_majors(text, "none"), [] as [u32; 0]);
        assert_eq!(block_majors("", "device-mapper"), [] as [u32; 0]);
    }

    #[test]
    fn paths_follow_the_name_and_the_number() {
        let name = DmName::new("my disk").unwrap();
        assert_eq!(mapper_path(name), Path::new(r"/dev/mapper/my\x20disk"));
        assert_eq!(kernel_path(DeviceNumber::new(253, 12)), Path::new("/dev/dm-12"));
    }

    #[test]
    fn only_block_devices_have_a_number() {
        let error = device_at(Path::new("/dev/null")).unwrap_err();
        assert_eq!(error.to_string(), "/dev/null is no block device");
        assert_eq!(name_of(DeviceNumber::new(4000, 1)).unwrap(), None);
        assert_eq!(size_of(DeviceNumber::new(4000, 1)).unwrap_err().kind(), io::ErrorKind::NotFound);
    }
}
