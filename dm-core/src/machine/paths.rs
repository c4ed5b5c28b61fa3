//! From a path to a mapped device and back.

use std::fs;
use std::io;
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};

use dm_sys::DM_DIR;
use dm_units::{DeviceNumber, Sectors};

use crate::id::mangle::is_plain;
use crate::id::name::{DmName, DmNameBuf};

/// Where the nodes and links of mapped devices are: `/dev/mapper`.
#[must_use]
pub fn mapper_dir() -> PathBuf {
    Path::new("/dev").join(DM_DIR)
}

/// Where a device of this name is to be found by the convention of libdm: `/dev/mapper/my\x20disk`.
///
/// It is a link or a node, and there only once somebody has made it; see [`kernel_path`] for one that the kernel makes.
/// Where udev makes it and the name is an odd one, that is [`udev_path`].
#[must_use]
pub fn mapper_path(name: DmName<'_>) -> PathBuf {
    mapper_dir().join(name.mangled().to_string())
}

/// Where udev's rules put a device of this name: `/dev/mapper/my_disk`.
///
/// This is [`mapper_path`] but for odd names. libdm avoids those: it hands the kernel names that are mangled already. udev
/// keeps letters of any script and escapes such as `\x20`, and puts `_` in the place of white space and of each other
/// character; so several names can have the same path, and the link is that of one of the devices.
#[must_use]
pub fn udev_path(name: DmName<'_>) -> PathBuf {
    let mut link = String::new();
    let mut rest = name.as_bytes().trim_ascii();
    while let Some((&byte, tail)) = rest.split_first() {
        let whole = rest.utf8_chunks().next().map_or("", |chunk| chunk.valid());
        let kept = match rest {
            [b'\\', b'x', high, low, ..] if high.is_ascii_hexdigit() && low.is_ascii_hexdigit() => whole.get(..4),
            _ => {
                whole.chars().next().filter(|c| !c.is_ascii() || is_plain(byte)).and_then(|c| whole.get(..c.len_utf8()))
            }
        };
        link.push_str(kept.unwrap_or("_"));
        rest = match kept {
            Some(kept) => rest.get(kept.len()..).unwrap_or_default(),
            None if byte.is_ascii_whitespace() => rest.trim_ascii_start(),
            None => tail,
        };
    }
    mapper_dir().join(link)
}

/// Both places under `/dev/mapper` where a device of this name can be.
pub(crate) fn links(name: DmName<'_>) -> [PathBuf; 2] {
    [mapper_path(name), udev_path(name)]
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
    fn udev_has_its_own_way_with_odd_names() {
        let links =
            [("plain-1", "plain-1"), (" my  old ", "my_old"), ("мой диск", "мой_диск"), (r"a\x20b\c$", r"a\x20b_c_")];
        for (name, link) in links {
            assert_eq!(udev_path(DmName::new(name).unwrap()), mapper_dir().join(link));
        }
        let no_text = crate::id::name::DmNameBuf::new(b"a\xff\xd0b").unwrap();
        assert_eq!(udev_path(no_text.as_borrowed()), mapper_dir().join("a__b"));
    }

    #[test]
    fn only_block_devices_have_a_number() {
        let error = device_at(Path::new("/dev/null")).unwrap_err();
        assert_eq!(error.to_string(), "/dev/null is no block device");
        assert_eq!(name_of(DeviceNumber::new(4000, 1)).unwrap(), None);
        assert_eq!(size_of(DeviceNumber::new(4000, 1)).unwrap_err().kind(), io::ErrorKind::NotFound);
    }
}
