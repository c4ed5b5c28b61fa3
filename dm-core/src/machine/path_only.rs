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

    /// Linux 5.6 and later have the call.
    fn is_missing<T>(opened: &io::Result<T>) -> bool {
        opened.as_ref().is_err_and(|error| error.raw_os_error() == Some(libc::ENOSYS))
    }

    #[test]
    fn a_path_that_leaves_the_folder_or_its_file_system_is_not_opened() {
        let folder = tempfile::tempdir().unwrap();
        let errno =
            |folder: &Path, path: &str| open_beneath(folder, path.as_bytes()).map_err(|error| error.raw_os_error());
        for (link, target) in [("up", ".."), ("root", "/")] {
            std::os::unix::fs::symlink(target, folder.path().join(link)).unwrap();
            let opened = errno(folder.path(), link);
            assert!(matches!(opened, Err(Some(libc::EXDEV | libc::ENOSYS))), "{link}: {opened:?}");
        }
        // Another file system is mounted there.
        let opened = errno(Path::new("/"), "proc/self");
        assert!(matches!(opened, Err(Some(libc::EXDEV | libc::ENOSYS))), "{opened:?}");
    }

    #[test]
    fn a_file_beneath_a_folder_is_opened_for_its_path_only_and_not_inherited() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("file"), "").unwrap();
        let opened = open_beneath(folder.path(), b"file");
        if is_missing(&opened) {
            return;
        }
        let info = format!("/proc/self/fdinfo/{}", opened.as_ref().unwrap().as_raw_fd());
        let info = std::fs::read_to_string(info).unwrap();
        let flags = info.lines().find_map(|line| line.strip_prefix("flags:")).unwrap().trim();
        let flags = libc::c_int::from_str_radix(flags, 8).unwrap();
        assert_eq!(flags & (libc::O_PATH | libc::O_CLOEXEC), libc::O_PATH | libc::O_CLOEXEC);
    }

    #[test]
    fn other_files_have_no_block_device() {
        for path in ["/", "/dev/null", "/proc/self/stat"] {
            assert_eq!(block_device(&File::open(path).unwrap()).unwrap(), None, "{path}");
        }
    }
}
