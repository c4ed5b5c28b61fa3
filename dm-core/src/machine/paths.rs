//! Paths, names and numbers of mapped devices.

use std::fs::{self, File};
use std::io::{self, Read as _};
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};

use dm_sys::{DM_DIR, DM_NAME_LEN};
use dm_units::{DeviceNumber, Sectors};

use crate::id::is_plain;
use crate::id::{DmName, DmNameBuf};

/// The default directory of device nodes.
const DEV: &str = "/dev";

/// The directory with the nodes and links of mapped devices: `/dev/mapper`.
#[must_use]
pub fn mapper_dir() -> PathBuf {
    mapper_dir_in(Path::new(DEV))
}

/// The same in another directory than `/dev`.
pub(crate) fn mapper_dir_in(dev_dir: &Path) -> PathBuf {
    dev_dir.join(DM_DIR)
}

/// The path of the device with this kernel's name by libdm's convention: `/dev/mapper/my\x20disk`, both for `my disk`
/// and for `my\x20disk`.
///
/// udev or a program makes this link or node; [`kernel_path`] is the path of the kernel's node. If the name has
/// characters outside `0-9 A-Z a-z # + - . : = @ _`, udev's link has another path: see [`udev_path`].
#[must_use]
pub fn mapper_path(name: &DmName) -> PathBuf {
    mapper_path_in(Path::new(DEV), name)
}

/// [`mapper_path`] in another directory than `/dev`.
pub(crate) fn mapper_path_in(dev_dir: &Path, name: &DmName) -> PathBuf {
    mapper_dir_in(dev_dir).join(name.shown().to_string())
}

/// The path of the link that udev's rules make for a device with this name: `/dev/mapper/my_disk`.
///
/// It equals [`mapper_path`] for names of plain characters. libdm uses no others, since it passes mangled names to the
/// kernel. udev keeps letters of any script and escapes such as `\x20`, and replaces white space and all other
/// characters with `_`. Several names can therefore have the same path, and the link leads to one of their devices.
#[must_use]
pub fn udev_path(name: &DmName) -> PathBuf {
    udev_path_in(Path::new(DEV), name)
}

/// [`udev_path`] in another directory than `/dev`.
pub(crate) fn udev_path_in(dev_dir: &Path, name: &DmName) -> PathBuf {
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
    mapper_dir_in(dev_dir).join(link)
}

/// The path of the node that the kernel makes for a mapped device, such as `/dev/dm-0`.
///
/// If `/dev` is a devtmpfs, as on most systems, it exists as soon as the device has its first table.
#[must_use]
pub fn kernel_path(number: DeviceNumber) -> PathBuf {
    kernel_path_in(Path::new(DEV), number)
}

/// [`kernel_path`] in another directory than `/dev`.
pub(crate) fn kernel_path_in(dev_dir: &Path, number: DeviceNumber) -> PathBuf {
    dev_dir.join(format!("dm-{}", number.minor))
}

/// Returns the number of the block device at a path, which is its node or a link to it.
///
/// # Errors
/// `InvalidInput`: the path is another kind of file. Other kinds: the path cannot be resolved.
pub fn device_at(path: &Path) -> io::Result<DeviceNumber> {
    let metadata = fs::metadata(path)?;
    if metadata.file_type().is_block_device() {
        return Ok(DeviceNumber::from_dev_t(metadata.rdev()));
    }
    Err(io::Error::new(io::ErrorKind::InvalidInput, format!("{} is not a block device", path.display())))
}

/// Whether a path leads to the device with this number, and not to another one or to nothing.
#[must_use]
pub fn is_device(path: &Path, number: DeviceNumber) -> bool {
    device_at(path).is_ok_and(|found| found == number)
}

/// Looks up the name of a mapped device by its number in sysfs. `None` if no mapped device has that number.
///
/// # Errors
/// sysfs cannot be read.
#[doc(alias = "dm_device_get_name")]
pub fn name_of(number: DeviceNumber) -> io::Result<Option<DmNameBuf>> {
    read_dm_name(&name_in(Path::new(&format!("/sys/dev/block/{number}"))))
}

/// The path of the file with a mapped device's name, in the device's directory in sysfs.
pub(crate) fn name_in(block_dir: &Path) -> PathBuf {
    block_dir.join("dm/name")
}

/// Reads such a file; `None` if it does not exist.
pub(crate) fn read_dm_name(path: &Path) -> io::Result<Option<DmNameBuf>> {
    let mut file = match File::open(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        file => file?,
    };
    // sysfs returns the whole file to the first read. It is at most as long as a name with its NUL.
    let mut bytes = [0; DM_NAME_LEN];
    let len = file.read(&mut bytes)?;
    let name = bytes.get(..len).unwrap_or_default();
    // The kernel appends one line feed; others are part of the name.
    Ok(DmName::from_kernel(name.strip_suffix(b"\n").unwrap_or(name)).map(DmName::to_owned))
}

/// Reads the size of a block device from sysfs. For a mapped device, this is the length of the active table.
///
/// [`BlockDevice::size`](crate::block::BlockDevice::size) returns the size of an open device.
///
/// # Errors
/// `NotFound`: no block device has this number. Other kinds: sysfs cannot be read.
pub fn size_of(number: DeviceNumber) -> io::Result<Sectors> {
    let text = fs::read_to_string(format!("/sys/dev/block/{number}/size"))?;
    text.trim_end().parse().map_err(io::Error::other)
}

/// Reads the major numbers of mapped devices from `/proc/devices`: usually one, which can change with each boot.
///
/// # Errors
/// The file cannot be read.
#[doc(alias = "dm_is_dm_major")]
pub fn majors() -> io::Result<Vec<u32>> {
    Ok(block_majors(&fs::read_to_string("/proc/devices")?, dm_sys::DM_NAME))
}

/// The numbers of a block driver in the text of `/proc/devices`: lines of a number and a name after a heading.
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
        let no_text = crate::id::DmNameBuf::new(b"a\xff\xd0b").unwrap();
        assert_eq!(udev_path(&no_text), mapper_dir().join("a__b"));
    }

    #[test]
    fn only_block_devices_have_a_number() {
        let error = device_at(Path::new("/dev/null")).unwrap_err();
        assert_eq!(error.to_string(), "/dev/null is not a block device");
        assert_eq!(name_of(DeviceNumber::new(4000, 1)).unwrap(), None);
        assert_eq!(size_of(DeviceNumber::new(4000, 1)).unwrap_err().kind(), io::ErrorKind::NotFound);
    }
}
