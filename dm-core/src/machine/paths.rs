//! Finds paths, names, numbers and sizes of devices without commands of the device mapper.

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

/// [`mapper_dir`] below `dev_dir` instead of `/dev`.
pub(crate) fn mapper_dir_in(dev_dir: &Path) -> PathBuf {
    dev_dir.join(DM_DIR)
}

/// The path that libdm gives a device with this name: its mangled name in `/dev/mapper`, with special characters as
/// `\xNN`. A name that is already mangled stays unchanged: both `my disk` and `my\x20disk` have the path
/// `/dev/mapper/my\x20disk`.
///
/// With udev, this is a link that udev's rules make. Without udev, it is a node that a program makes. The kernel makes
/// another node: see [`kernel_path`]. If the kernel's name has unmangled characters other than ASCII letters, digits
/// and `#+-.:=@_`, udev's link has another path: see [`udev_path`].
#[must_use]
pub fn mapper_path(name: &DmName) -> PathBuf {
    mapper_path_in(Path::new(DEV), name)
}

/// [`mapper_path`] below `dev_dir` instead of `/dev`.
pub(crate) fn mapper_path_in(dev_dir: &Path, name: &DmName) -> PathBuf {
    mapper_dir_in(dev_dir).join(name.shown().to_string())
}

/// The path of the link that udev's rules make for a device with this name, such as `/dev/mapper/my_disk` for
/// `my disk`.
///
/// For the mangled names that libdm passes to the kernel, this equals [`mapper_path`]. In other names, udev replaces
/// white space and special characters with `_`, but keeps `\x` and characters outside ASCII. Several names can
/// therefore have the same path. The link then leads to one of these devices.
#[must_use]
pub fn udev_path(name: &DmName) -> PathBuf {
    udev_path_in(Path::new(DEV), name)
}

/// [`udev_path`] below `dev_dir` instead of `/dev`.
pub(crate) fn udev_path_in(dev_dir: &Path, name: &DmName) -> PathBuf {
    mapper_dir_in(dev_dir).join(replace_special(&replace_white_space(name.as_bytes())))
}

/// Replaces each run of white space with `_`, and drops white space at the start and end, as udev does in values that
/// its rules insert into links (`udev_replace_whitespace` in src/shared/udev-util.c of systemd).
fn replace_white_space(name: &[u8]) -> Vec<u8> {
    let is_space = |byte: &u8| byte.is_ascii_whitespace() || *byte == b'\x0b';
    let start = name.iter().position(|byte| !b" \t\n\r".contains(byte)).unwrap_or(name.len());
    // An empty first word is other white space at the start, which udev replaces instead of dropping it.
    let words = name.get(start..).unwrap_or_default().split(is_space).enumerate();
    let words: Vec<&[u8]> =
        words.filter(|(index, word)| *index == 0 || !word.is_empty()).map(|(_, word)| word).collect();
    words.join(&b'_')
}

/// Replaces each special character with `_`, as udev does in the path of a link (`udev_replace_chars` in the same
/// file).
fn replace_special(name: &[u8]) -> String {
    let mut link = String::with_capacity(name.len());
    for chunk in name.utf8_chunks() {
        let mut chars = chunk.valid().chars().peekable();
        while let Some(char) = chars.next() {
            let is_kept = !char.is_ascii() || u8::try_from(char).is_ok_and(is_plain);
            let is_escape = char == '\\' && chars.peek() == Some(&'x');
            link.push(if is_kept || is_escape { char } else { '_' });
        }
        link.extend(chunk.invalid().iter().map(|_| '_'));
    }
    link
}

/// The path of the node that the kernel makes for a mapped device, such as `/dev/dm-0`.
///
/// If `/dev` is a devtmpfs, as on most systems, the kernel makes the node when the first table of the device is loaded
/// (`dm_setup_md_queue` in drivers/md/dm.c). Before Linux 5.15, it makes the node when the device is created.
#[must_use]
pub fn kernel_path(number: DeviceNumber) -> PathBuf {
    kernel_path_in(Path::new(DEV), number)
}

/// [`kernel_path`] below `dev_dir` instead of `/dev`.
pub(crate) fn kernel_path_in(dev_dir: &Path, number: DeviceNumber) -> PathBuf {
    dev_dir.join(format!("dm-{}", number.minor))
}

/// Returns the number of the block device whose node is at `path`. Links are followed.
///
/// # Errors
/// `InvalidInput`: the file is not a block device. Other kinds: the path cannot be resolved.
pub fn device_at(path: &Path) -> io::Result<DeviceNumber> {
    let metadata = fs::metadata(path)?;
    if metadata.file_type().is_block_device() {
        return Ok(DeviceNumber::from_dev_t(metadata.rdev()));
    }
    Err(io::Error::new(io::ErrorKind::InvalidInput, format!("{} is not a block device", path.display())))
}

/// Whether `path` leads to the block device with this number. `false` if the path cannot be resolved.
#[must_use]
pub fn is_device(path: &Path, number: DeviceNumber) -> bool {
    device_at(path).is_ok_and(|found| found == number)
}

/// Reads the name of a mapped device from sysfs.
///
/// Returns `None` if sysfs has no mapped device with this number. Since Linux 5.15, the kernel adds a device to sysfs
/// only when its first table is loaded (`dm_setup_md_queue` in drivers/md/dm.c).
/// [`Dm::device_info`](crate::Dm::device_info) also finds a device before that.
///
/// # Errors
/// Any kind but `NotFound`: the file exists, but cannot be read.
#[doc(alias = "dm_device_get_name")]
pub fn name_of(number: DeviceNumber) -> io::Result<Option<DmNameBuf>> {
    read_dm_name(&name_in(Path::new(&format!("/sys/dev/block/{number}"))))
}

/// The file with the name of a mapped device, below the device's directory in sysfs.
pub(crate) fn name_in(block_dir: &Path) -> PathBuf {
    block_dir.join("dm/name")
}

/// Reads the name from the file at [`name_in`]; `None` if it does not exist.
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
/// `NotFound`: sysfs has no block device with this number. Other kinds: the file cannot be read or parsed.
pub fn size_of(number: DeviceNumber) -> io::Result<Sectors> {
    let text = fs::read_to_string(format!("/sys/dev/block/{number}/size"))?;
    text.trim_end().parse().map_err(io::Error::other)
}

/// Reads the major numbers of mapped devices from `/proc/devices`. The result is empty if the device mapper is not
/// loaded, and otherwise has one number, which can change at a reboot.
///
/// # Errors
/// Any kind, such as `NotFound`: `/proc/devices` cannot be read.
#[doc(alias = "dm_is_dm_major")]
pub fn majors() -> io::Result<Vec<u32>> {
    Ok(block_majors(&fs::read_to_string("/proc/devices")?, dm_sys::DM_NAME))
}

/// The major numbers of a block driver in the text of `/proc/devices`, which has a line with a number and a name for
/// each, after a heading.
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
    fn udev_replaces_white_space_and_special_characters_in_links() {
        let links: [(&[u8], &str); 8] = [
            (b"plain-1", "plain-1"),
            (b" my  old ", "my_old"),
            ("мой диск".as_bytes(), "мой_диск"),
            (br"a\x20b\c$", r"a\x20b_c_"),
            (br"a\xzz\", r"a\xzz_"),
            (b"a\x0b \x0bb\x0b", "a_b"),
            (b" \x0c a", "_a"),
            (b"a\xff\xd0b", "a__b"),
        ];
        for (name, link) in links {
            assert_eq!(udev_path(DmName::new(name).unwrap()), mapper_dir().join(link));
        }
    }

    #[test]
    fn only_block_devices_have_a_number() {
        let error = device_at(Path::new("/dev/null")).unwrap_err();
        assert_eq!(error.to_string(), "/dev/null is not a block device");
        assert_eq!(name_of(DeviceNumber::new(4000, 1)).unwrap(), None);
        assert_eq!(size_of(DeviceNumber::new(4000, 1)).unwrap_err().kind(), io::ErrorKind::NotFound);
    }
}
