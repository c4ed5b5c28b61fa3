//! Finds the device at a path below `/dev` that another program chose.

use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;

use dm_units::DeviceNumber;

use super::disk::read_number;
use crate::machine::path_only;
use crate::machine::roots::Roots;

/// The device whose node is at a path below `/dev`, in this mount namespace.
///
/// The path can be any text. Following it could lead to another file system, which may never answer: users can mount
/// FUSE file systems below `/dev/shm`, and `/dev/fd` leads to the files that this process has open. So the kernel's
/// names are looked up in sysfs, and other paths are followed only within the file system of `/dev` itself. That needs
/// `openat2`; on kernels before 5.6 only the kernel's names are recognized.
pub(super) fn node_at(roots: &Roots, path: &[u8]) -> Option<DeviceNumber> {
    let rest = path.strip_prefix(roots.dev_dir.as_os_str().as_bytes())?.strip_prefix(b"/")?;
    // sysfs writes a slash of a name as an exclamation mark.
    let name: Vec<u8> = rest.iter().map(|&byte| if byte == b'/' { b'!' } else { byte }).collect();
    let name = Path::new(std::ffi::OsStr::from_bytes(&name));
    if let Some(number) = read_number(&roots.sys_dir.join("class/block").join(name).join("dev")) {
        return Some(number);
    }
    path_only::block_device(&path_only::open_beneath(&roots.dev_dir, rest).ok()?).ok()?
}
