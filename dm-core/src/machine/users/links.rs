//! Resolves the links in a process's procfs directory without calling the file systems behind them.
//!
//! Any of these links can lead to a file system that never answers, because its server is gone or because the owner of
//! the process set it up that way. So each link is examined in steps:
//!
//! 1. Its text is read. The kernel builds it from names in memory (`d_path`) and calls no file system. The owner of a
//!    mount namespace can give any file any path, so the text proves nothing. But if it names neither a device node nor
//!    a path on a mount of the device according to the mounts of that namespace, the link is not examined further.
//! 2. It is opened with `O_PATH`. That follows the link without a lookup by name and opens nothing in the file system,
//!    and afterwards the process cannot replace the file. The only call into a file system is `d_weak_revalidate`
//!    (`complete_walk` in fs/namei.c). For FUSE and overlayfs over it, it does not contact the server; for NFS, it does
//!    so only if the file was deleted there, since the open is for the path only (`nfs_lookup_verify_inode`); for 9p,
//!    if the attributes are out of date. Step 1 keeps such files out, unless a user who has files on such a mount
//!    mounts something else over them.
//! 3. The identifier of the file's mount is read from this process's `fdinfo`. Reading that of the other process is not
//!    safe: it calls the file's `show_fdinfo`, which for an epoll descriptor waits for a mutex that its owner can hold
//!    (`ep_show_fdinfo` in fs/eventpoll.c). A file opened with `O_PATH` has no such function.
//! 4. Only if that mount's file system answers from memory, `statx` reads the number of the file, with the flag that
//!    forbids contacting a server. The flag is needed in case the identifier has been reused for a FUSE file system.
//!
//! `pidfd_getfd` is not used: it waits for the other process's `exec_update_lock`, which a process that executes a
//! program holds while it closes files, which a FUSE server can delay.
//!
//! `/proc/PID/maps` and `map_files` are not read: they wait for the lock of the process's memory map, which can be held
//! while a page is read from a file system. `cmdline` and `environ` even read that memory.

use std::fs::{self, File};
use std::io;
use std::os::fd::AsRawFd as _;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use super::disk::Disk;
use super::limits::read_start;
use super::mounts::{Location, MountTable};
use crate::machine::path_only;
use crate::machine::roots::Roots;

/// The kind of use that a link shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum LinkTarget {
    /// The device, open for reading or writing.
    Device,
    /// A file on the file system of the device.
    FileSystem,
}

/// Examines one link.
pub(super) fn follow(roots: &Roots, link: &Path, disk: &Disk, table: &MountTable) -> io::Result<Option<LinkTarget>> {
    let text = fs::read_link(link)?;
    let location = table.locate(text.as_os_str().as_bytes(), roots.dev_dir.as_os_str().as_bytes());
    if location == Location::Elsewhere {
        return Ok(None);
    }
    let file = path_only::open(link)?;
    let mount = mount_id(&file)?;
    match location {
        Location::OnDevice => Ok(table.is_place(mount).then_some(LinkTarget::FileSystem)),
        Location::DeviceNode if table.is_device_dir(mount) => {
            let is_device = path_only::block_device(&file)? == Some(disk.number);
            Ok((is_device && is_opened(link)?).then_some(LinkTarget::Device))
        }
        _ => Ok(None),
    }
}

/// The identifier of the mount of a file that this process has opened with `O_PATH`.
fn mount_id(file: &File) -> io::Result<u32> {
    // The file is open in this process, even if the search reads another procfs.
    let text = read_start(Path::new(&format!("/proc/thread-self/fdinfo/{}", file.as_raw_fd())), 4096)?;
    let mut lines = text.split(|&byte| byte == b'\n');
    let id = lines.find_map(|line| std::str::from_utf8(line.strip_prefix(b"mnt_id:")?).ok()?.trim().parse().ok());
    id.ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, "fdinfo has no mnt_id"))
}

/// Whether a descriptor has its device open. One opened with `O_PATH` has neither of the permissions that procfs shows.
fn is_opened(link: &Path) -> io::Result<bool> {
    Ok(fs::symlink_metadata(link)?.mode() & 0o600 != 0)
}
