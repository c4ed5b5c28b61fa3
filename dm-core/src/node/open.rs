//! Opens the control node, and creates it if it is missing.

use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{self, ErrorKind};
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _};
use std::path::Path;

use dm_sys::{DM_NAME, MAPPER_CTRL_MINOR, MISC_MAJOR};
use dm_units::DeviceNumber;
use nix::errno::Errno;
use nix::sys::stat::{FileStat, Mode, SFlag, fstat, mknod, stat};
use nix::sys::statvfs::{FsFlags, statvfs};

use crate::error::{OpenError, PermissionReason};

/// The default path: [`DM_CONTROL_NODE`](dm_sys::DM_CONTROL_NODE) in [`DM_DIR`](dm_sys::DM_DIR).
pub(crate) fn default_path() -> &'static Path {
    Path::new("/dev/mapper/control")
}

/// Opens the control node. If it is missing, creates it; opening it then loads the module.
///
/// An existing node at the default path is not [`checked`]: the first command of a handle is the version, which no
/// other driver answers, and which costs less than the check.
pub(crate) fn open(path: &Path) -> Result<File, OpenError> {
    match OpenOptions::new().read(true).write(true).open(path) {
        Ok(node) if path == default_path() => Ok(node),
        Ok(node) => checked(node, path),
        Err(error) if error.kind() == ErrorKind::NotFound => make_and_open(path),
        Err(error) => Err(open_fault(path, error)),
    }
}

/// Opening a node with this number makes the kernel load the module, whose alias contains the number.
fn make_and_open(path: &Path) -> Result<File, OpenError> {
    let known = control_number()?;
    let number = known.unwrap_or(DeviceNumber::new(MISC_MAJOR, MAPPER_CTRL_MINOR));
    let made = make_node(path, number)?;
    let opened = match OpenOptions::new().read(true).write(true).open(path) {
        Ok(node) => checked(node, path),
        Err(error) => Err(open_fault(path, error)),
    };
    if opened.is_err() && made {
        // A node without a driver would only be misleading.
        let _ = std::fs::remove_file(path);
    }
    opened
}

/// Creates the node; returns `false` if another process has just created it.
fn make_node(path: &Path, number: DeviceNumber) -> Result<bool, OpenError> {
    let fault = |source| OpenError::file("make the control node", path, source);
    if let Some(directory) = path.parent() {
        DirBuilder::new().recursive(true).mode(0o755).create(directory).map_err(fault)?;
    }
    match make_device_node(path, SFlag::S_IFCHR, number) {
        Ok(()) => Ok(true),
        Err(Errno::EEXIST) => Ok(false),
        Err(errno) => Err(fault(errno.into())),
    }
}

/// Creates a device node that only its owner may use.
pub(crate) fn make_device_node(path: &Path, kind: SFlag, number: DeviceNumber) -> Result<(), Errno> {
    mknod(path, kind, Mode::S_IRUSR | Mode::S_IWUSR, number.to_dev_t())
}

fn open_fault(path: &Path, error: io::Error) -> OpenError {
    match error.raw_os_error().map(Errno::from_raw) {
        Some(Errno::EACCES | Errno::EPERM) => {
            OpenError::Permission { path: path.to_owned(), reason: reason_for_node(path) }
        }
        Some(Errno::ENODEV | Errno::ENXIO) => without_driver(path),
        _ => OpenError::file("open", path, error),
    }
}

/// The error of a file that no driver serves: it is not the control node, or the kernel has no device mapper.
fn without_driver(path: &Path) -> OpenError {
    // Opening a node with the usual number would have loaded the module.
    let usual = DeviceNumber::new(MISC_MAJOR, MAPPER_CTRL_MINOR);
    let expected = control_number().ok().flatten().unwrap_or(usual);
    match stat(path).map(|status| node_number(&status)) {
        Ok(number) if number != Some(expected) => not_control_node(path, expected, number),
        _ => OpenError::NoDeviceMapper { path: path.to_owned() },
    }
}

/// The number of a character device; `None` for another file.
fn node_number(status: &FileStat) -> Option<DeviceNumber> {
    let is_node = SFlag::from_bits_truncate(status.st_mode) & SFlag::S_IFMT == SFlag::S_IFCHR;
    is_node.then(|| DeviceNumber::from_dev_t(status.st_rdev))
}

fn not_control_node(path: &Path, expected: DeviceNumber, number: Option<DeviceNumber>) -> OpenError {
    let found =
        number.map_or("it is not a character device".to_owned(), |number| format!("it is character device {number}"));
    OpenError::NotControlNode { path: path.to_owned(), expected, found }
}

/// Finds the reason why the node cannot be opened.
fn reason_for_node(path: &Path) -> PermissionReason {
    if !nix::unistd::geteuid().is_root() {
        PermissionReason::NotRoot
    } else if statvfs(path).is_ok_and(|file_system| file_system.flags().contains(FsFlags::ST_NODEV)) {
        PermissionReason::NoDev
    } else if !is_in_initial_user_namespace("self") {
        PermissionReason::UserNamespace
    } else {
        PermissionReason::DeviceCgroup
    }
}

/// Finds the reason why the kernel refuses commands although the node could be opened (`ctl_ioctl` requires
/// `CAP_SYS_ADMIN`).
pub(super) fn reason_for_command() -> PermissionReason {
    if !nix::unistd::geteuid().is_root() {
        PermissionReason::NotRoot
    } else if is_in_initial_user_namespace("self") {
        PermissionReason::NoCapability
    } else {
        PermissionReason::UserNamespace
    }
}

/// The inode of the initial user namespace, `PROC_USER_INIT_INO` in include/linux/proc_ns.h.
const INITIAL_USER_NAMESPACE: u64 = 0xEFFF_FFFD;

/// Whether a process is in the initial user namespace. Its map of ids does not tell: another one can map all ids to
/// themselves as well. A kernel without user namespaces has no such file.
fn is_in_initial_user_namespace(process: &str) -> bool {
    match std::fs::metadata(format!("/proc/{process}/ns/user")) {
        Ok(namespace) => namespace.ino() == INITIAL_USER_NAMESPACE,
        Err(error) => error.kind() == ErrorKind::NotFound && Path::new("/proc/self").exists(),
    }
}

/// Checks that an open file is the control node, since the same ioctl number means something else to another driver.
///
/// The number is normally fixed (`MAPPER_CTRL_MINOR` in include/linux/miscdevice.h) and reserved for the device mapper.
/// Only another number is looked up in `/proc/misc`.
pub(super) fn checked(node: File, path: &Path) -> Result<File, OpenError> {
    check(&node, path).map(|()| node)
}

/// As [`checked`], for a file that stays with its owner.
pub(super) fn check(node: &File, path: &Path) -> Result<(), OpenError> {
    let status = fstat(node).map_err(|errno| OpenError::file("stat", path, errno.into()))?;
    let number = node_number(&status);
    if number == Some(DeviceNumber::new(MISC_MAJOR, MAPPER_CTRL_MINOR)) {
        return Ok(());
    }
    match control_number()? {
        None => Err(OpenError::NoDeviceMapper { path: path.to_owned() }),
        expected if expected == number => Ok(()),
        Some(expected) => Err(not_control_node(path, expected, number)),
    }
}

/// The number of the control node, from `/proc/misc`; `None` if the kernel has no device mapper (yet).
fn control_number() -> Result<Option<DeviceNumber>, OpenError> {
    let path = Path::new("/proc/misc");
    let text = std::fs::read_to_string(path).map_err(|source| OpenError::file("read", path, source))?;
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
    fn the_usual_place_is_where_the_kernel_names_it() {
        assert_eq!(default_path(), Path::new("/dev").join(dm_sys::DM_DIR).join(dm_sys::DM_CONTROL_NODE));
    }

    #[test]
    fn a_stale_node_without_a_driver_is_not_the_control_node() {
        let path = std::env::temp_dir().join(format!("dm-core-stale-{}", std::process::id()));
        // No driver has this number. Only root can make the node.
        if make_device_node(&path, SFlag::S_IFCHR, DeviceNumber::new(MISC_MAJOR, 60)).is_err() {
            return;
        }
        let error = open(&path).unwrap_err();
        std::fs::remove_file(&path).unwrap();
        // A container's device cgroup may refuse the node first.
        let text = error.to_string();
        assert!(error.is_permission_denied() || text.contains("it is character device 10:60; remove it"), "{text}");
    }

    #[test]
    fn a_control_node_without_a_driver_means_that_the_kernel_has_no_device_mapper() {
        let number = control_number().unwrap().unwrap_or(DeviceNumber::new(MISC_MAJOR, MAPPER_CTRL_MINOR));
        let folder = tempfile::tempdir().unwrap();
        let (node, file) = (folder.path().join("node"), folder.path().join("file"));
        std::fs::write(&file, "").unwrap();
        assert!(matches!(without_driver(&file), OpenError::NotControlNode { .. }));
        // Only root can make the node.
        if make_device_node(&node, SFlag::S_IFCHR, number).is_ok() {
            assert!(matches!(without_driver(&node), OpenError::NoDeviceMapper { path } if path == node));
        }
    }

    #[test]
    fn without_user_namespaces_every_process_counts_as_in_the_initial_one() {
        assert!(is_in_initial_user_namespace("self/no-such-file"), "no such file in a /proc that is there");
        assert!(!is_in_initial_user_namespace("self/stat"), "another error");
    }

    /// Only root can write such a map.
    #[test]
    fn a_user_namespace_with_the_same_ids_is_not_the_initial_one() {
        let Ok(mut child) = std::process::Command::new("unshare").args(["--user", "sleep", "600"]).spawn() else {
            return;
        };
        let process = child.id().to_string();
        let namespace = |process: &str| std::fs::read_link(format!("/proc/{process}/ns/user")).ok();
        let end = std::time::Instant::now() + std::time::Duration::from_secs(60);
        while namespace(&process) == namespace("self") && std::time::Instant::now() < end {
            std::thread::sleep(std::time::Duration::from_millis(10));
        }
        let map = format!("/proc/{process}/uid_map");
        let all_ids = std::fs::write(&map, "0 0 4294967295").and_then(|()| std::fs::read_to_string(map));
        let is_initial = is_in_initial_user_namespace(&process);
        child.kill().unwrap();
        child.wait().unwrap();
        // Without the right to make the namespace or the map, the test proves nothing.
        if let Ok(all_ids) = all_ids {
            assert!(!is_initial, "{all_ids}");
        }
    }

    #[test]
    fn another_devices_node_is_refused() {
        // A kernel without device mapper is reported first.
        let error = open(Path::new("/dev/null")).unwrap_err().to_string();
        assert!(
            error.contains("it is character device 1:3; remove it")
                || error.starts_with("this kernel has no device mapper"),
            "{error}"
        );
    }
}
