//! Opens files for their path only (`O_PATH`), so that neither a driver nor the `open` of a file system is called, and
//! finds out what they are.
#![expect(unsafe_code, reason = "the statx call with flags, which neither the standard library nor nix offers")]

use std::fs::{File, OpenOptions};
use std::io;
use std::mem::MaybeUninit;
use std::os::fd::AsRawFd as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use dm_units::DeviceNumber;
use nix::fcntl::{OFlag, OpenHow, ResolveFlag, openat2};
use nix::libc;

/// Opens a file for its path only.
pub(super) fn open(path: &Path) -> io::Result<File> {
    OpenOptions::new().read(true).custom_flags(libc::O_PATH).open(path)
}

/// Opens a file below a folder for its path only. The path must not leave the folder or its file system, not even
/// through a link.
///
/// # Errors
/// `ENOSYS` before Linux 5.6; `EXDEV`: the path leads elsewhere.
pub(super) fn open_beneath(folder: &Path, path: &[u8]) -> io::Result<File> {
    let folder = OpenOptions::new().read(true).custom_flags(libc::O_DIRECTORY).open(folder)?;
    let within = ResolveFlag::RESOLVE_BENEATH | ResolveFlag::RESOLVE_NO_XDEV | ResolveFlag::RESOLVE_NO_MAGICLINKS;
    let how = OpenHow::new().flags(OFlag::O_PATH | OFlag::O_CLOEXEC).resolve(within);
    Ok(File::from(openat2(&folder, path, how)?))
}

/// The number of the block device of an open node; `None` for another kind of file.
///
/// With `AT_STATX_DONT_SYNC`, which the standard library's `metadata` does not pass, FUSE and NFS answer from their
/// caches (`fuse_update_get_attr` in fs/fuse/dir.c, `nfs_getattr` in fs/nfs/inode.c), and overlayfs passes the flag on.
/// Without it the server of a FUSE file system could block the call for any time. Some file systems, such as 9p, ignore
/// the flag, so the caller must check that the file is not on one of these.
///
/// # Errors
/// `ENOSYS` before Linux 4.11; other errors of the file system.
pub(super) fn block_device(file: &File) -> io::Result<Option<DeviceNumber>> {
    let mut answer = MaybeUninit::<libc::statx>::zeroed();
    let flags = libc::AT_EMPTY_PATH | libc::AT_STATX_DONT_SYNC | libc::AT_NO_AUTOMOUNT;
    // SAFETY: the descriptor is open as long as `file` is, the path is an empty string that ends with NUL, and `answer`
    // is a whole `struct statx` which the call only writes to and keeps no pointer to.
    let result = unsafe { libc::statx(file.as_raw_fd(), c"".as_ptr(), flags, libc::STATX_TYPE, answer.as_mut_ptr()) };
    if result < 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: all-zero is a valid value of this struct of integers, and the kernel has filled it.
    let answer = unsafe { answer.assume_init() };
    let is_block_device = libc::mode_t::from(answer.stx_mode) & libc::S_IFMT == libc::S_IFBLK;
    Ok(is_block_device.then(|| DeviceNumber::new(answer.stx_rdev_major, answer.stx_rdev_minor)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn other_files_have_no_block_device() {
        for path in ["/", "/dev/null", "/proc/self/stat"] {
            assert_eq!(block_device(&File::open(path).unwrap()).unwrap(), None, "{path}");
        }
    }
}
