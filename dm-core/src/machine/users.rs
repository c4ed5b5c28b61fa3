//! Who uses a device: what keeps it from being removed.

use std::collections::HashSet;
use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};

use dm_units::DeviceNumber;

use crate::id::mangle::Mangled;
use crate::machine::paths::is_device;

/// Who uses a block device, as far as this process may see.
///
/// The kernel only counts how often a device is open. Who has opened it is put together from sysfs and procfs, so it can be
/// out of date the moment it is read, and what other users' processes do is seen by root only.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Users {
    /// Devices that stand on it: kernel names, with the name of a mapped device behind it, as `dm-3 (home)`.
    pub holders: Vec<String>,
    /// Where it is mounted, in any mount namespace that can be seen.
    pub mounts: Vec<PathBuf>,
    /// It is a swap area.
    pub is_swap: bool,
    /// Processes that have it open, with their names.
    pub processes: Vec<Process>,
}

/// A process that has a device open.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Process {
    /// Its number.
    pub pid: u32,
    /// Its name, which the kernel cuts to 15 bytes.
    pub name: String,
}

impl Users {
    /// Looks for the users of a device in `/sys` and `/proc`. What can't be read is passed over.
    #[must_use]
    pub fn of(device: DeviceNumber) -> Self {
        let mut users = Self { holders: holders(device), is_swap: is_swap(device), ..Self::default() };
        let mut namespaces = HashSet::new();
        for pid in processes() {
            let folder = PathBuf::from(format!("/proc/{pid}"));
            if has_open(&folder, device) {
                let name = fs::read_to_string(folder.join("comm")).unwrap_or_default();
                users.processes.push(Process { pid, name: name.trim_end().to_owned() });
            }
            // Processes of one mount namespace see the same mounts.
            if fs::read_link(folder.join("ns/mnt")).is_ok_and(|namespace| namespaces.insert(namespace)) {
                let text = fs::read(folder.join("mountinfo")).unwrap_or_default();
                users.mounts.extend(mounts(&text, device));
            }
        }
        users.mounts.sort();
        users.mounts.dedup();
        users
    }

    /// Whether nobody was found, which does not say that there is nobody.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// Prints a sentence, such as `used by dm-3 (home), mounted on /srv, open in process 41 (fsck)`.
impl fmt::Display for Users {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut parts = Vec::new();
        parts.extend(self.holders.iter().map(|holder| format!("used by {holder}")));
        parts.extend(self.mounts.iter().map(|mount| format!("mounted on {}", mount.display())));
        parts.extend(self.is_swap.then(|| "used for swapping".to_owned()));
        parts.extend(self.processes.iter().map(|Process { pid, name }| format!("open in process {pid} ({name})")));
        if parts.is_empty() {
            return f.write_str("who uses it can't be seen from here");
        }
        f.write_str(&parts.join(", "))
    }
}

fn holders(device: DeviceNumber) -> Vec<String> {
    let folder = PathBuf::from(format!("/sys/dev/block/{device}/holders"));
    let mut holders: Vec<String> = entries(&folder)
        .map(|entry| {
            let kernel_name = entry.file_name().unwrap_or_default().to_string_lossy().into_owned();
            match fs::read(entry.join("dm/name")) {
                Ok(name) => format!("{kernel_name} ({})", Mangled::new(name.trim_ascii_end())),
                Err(_) => kernel_name,
            }
        })
        .collect();
    holders.sort();
    holders
}

fn is_swap(device: DeviceNumber) -> bool {
    let text = fs::read_to_string("/proc/swaps").unwrap_or_default();
    text.lines()
        .skip(1)
        .filter_map(|line| line.split_ascii_whitespace().next())
        .any(|path| is_device(Path::new(&unescaped(path.as_bytes())), device))
}

fn processes() -> impl Iterator<Item = u32> {
    entries(Path::new("/proc")).filter_map(|entry| entry.file_name()?.to_str()?.parse().ok())
}

fn has_open(process: &Path, device: DeviceNumber) -> bool {
    entries(&process.join("fd")).any(|file| {
        // What a link leads to is looked at only where it is a device: a network file system may not answer.
        fs::read_link(&file).is_ok_and(|target| target.starts_with("/dev")) && is_device(&file, device)
    })
}

fn entries(folder: &Path) -> impl Iterator<Item = PathBuf> {
    fs::read_dir(folder).into_iter().flatten().filter_map(|entry| Some(entry.ok()?.path()))
}

/// The mount points of a device in the text of a mountinfo file: its lines are
/// `36 35 98:0 /root /mount/point options … - type source …`.
///
/// Some file systems have a device number of their own, so the source counts as well, where it is a device.
fn mounts(text: &[u8], device: DeviceNumber) -> Vec<PathBuf> {
    let number = device.to_string();
    let lines = text.split(|&byte| byte == b'\n').map(|line| line.split(|&byte| byte == b' ').collect::<Vec<_>>());
    let is_its = |words: &Vec<&[u8]>| {
        let dash = words.iter().position(|word| word == b"-");
        let source = dash.and_then(|dash| words.get(dash.saturating_add(2)));
        let is_source =
            |source: &&[u8]| source.starts_with(b"/dev/") && is_device(Path::new(&unescaped(source)), device);
        words.get(2).is_some_and(|word| *word == number.as_bytes()) || source.is_some_and(is_source)
    };
    lines.filter(is_its).filter_map(|words| words.get(4).map(|path| PathBuf::from(unescaped(path)))).collect()
}

/// Undoes how procfs writes white space and backslashes in paths: as a backslash and three octal digits.
fn unescaped(text: &[u8]) -> std::ffi::OsString {
    use std::os::unix::ffi::OsStringExt as _;
    let mut path = Vec::with_capacity(text.len());
    let mut rest = text;
    while let [byte, tail @ ..] = rest {
        let octal = |digit: &u8| (b'0'..=b'7').contains(digit);
        match (byte, tail) {
            (b'\\', [high, middle, low, after @ ..]) if [high, middle, low].into_iter().all(octal) => {
                let digit = |digit: u8| u32::from(digit & 7);
                let value = digit(*high) << 6 | digit(*middle) << 3 | digit(*low);
                path.push(u8::try_from(value).unwrap_or(b'?'));
                rest = after;
            }
            _ => {
                path.push(*byte);
                rest = tail;
            }
        }
    }
    std::ffi::OsString::from_vec(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mounts_are_found_by_number() {
        let text = b"36 35 253:0 / /srv/my\\040disk rw,noatime shared:1 - ext4 /dev/mapper/x rw\n\
            37 35 253:1 / /other rw - ext4 /dev/mapper/y rw\n\
            38 35 253:0 /sub /again rw - ext4 /dev/mapper/x rw\n\nbad line\n";
        assert_eq!(mounts(text, DeviceNumber::new(253, 0)), [Path::new("/srv/my disk"), Path::new("/again")]);
        assert_eq!(mounts(text, DeviceNumber::new(253, 2)), [] as [&Path; 0]);
    }

    #[test]
    fn paths_of_procfs_are_read() {
        assert_eq!(unescaped(br"a\040b\134c\09\999\400"), r"a b\c\09\999?");
        assert_eq!(unescaped(br"end\"), r"end\");
    }

    #[test]
    fn users_read_as_a_sentence() {
        let users = Users {
            holders: vec!["dm-3 (home)".into()],
            mounts: vec!["/srv".into()],
            is_swap: true,
            processes: vec![Process { pid: 41, name: "fsck".into() }],
        };
        assert_eq!(
            users.to_string(),
            "used by dm-3 (home), mounted on /srv, used for swapping, open in process 41 (fsck)"
        );
        assert_eq!(Users::default().to_string(), "who uses it can't be seen from here");
        assert!(Users::of(DeviceNumber::new(4000, 1)).is_empty());
    }
}
