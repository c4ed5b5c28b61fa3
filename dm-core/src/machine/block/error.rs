//! The errors of block devices.

use std::fmt;
use std::io;

use dm_units::{Bytes, DeviceNumber, Sectors};
use nix::errno::Errno;

/// The action that failed in a [`BlockError`]. Each variant names its system call.
///
/// `Display` prints the words that follow "cannot" in the error, such as `get the size of`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum BlockAction {
    /// `open`
    Open,
    /// `BLKGETSIZE64`
    GetSize,
    /// `BLKSSZGET`
    GetLogicalBlockSize,
    /// `BLKPBSZGET`
    GetPhysicalBlockSize,
    /// `BLKROGET`
    GetReadOnly,
    /// `BLKROSET`
    SetReadOnly,
    /// `BLKDISCARD`
    Discard,
    /// `BLKZEROOUT`
    ZeroOut,
    /// `DM_MPATH_PROBE_PATHS`
    ProbePaths,
    /// `pread`
    Read,
    /// `pwrite`
    Write,
    /// `fdatasync`
    Flush,
    /// `posix_fadvise`
    DropCache,
}

impl fmt::Display for BlockAction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Open => "open",
            Self::GetSize => "get the size of",
            Self::GetLogicalBlockSize => "get the logical block size of",
            Self::GetPhysicalBlockSize => "get the physical block size of",
            Self::GetReadOnly => "get the read-only state of",
            Self::SetReadOnly => "set the read-only state of",
            Self::Discard => "discard a range of",
            Self::ZeroOut => "zero a range of",
            Self::ProbePaths => "probe the paths of",
            Self::Read => "read",
            Self::Write => "write",
            Self::Flush => "flush",
            Self::DropCache => "drop the page cache of",
        })
    }
}

/// Why a block device could not be opened, or why an action on it failed.
///
/// The error names the device by its path, its number or both.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BlockError {
    /// The path leads to a file that is not a block device.
    #[error("{device} is not a block device")]
    #[non_exhaustive]
    NotBlockDevice {
        /// The path of the file; `the open file` in an error of
        /// [`BlockDevice::from_file`](super::BlockDevice::from_file).
        device: String,
    },
    /// The path leads to a block device with another number than requested.
    #[error("{device} is the device {found}, not {expected}")]
    #[non_exhaustive]
    AnotherDevice {
        /// The path of the device.
        device: String,
        /// The requested number.
        expected: DeviceNumber,
        /// The number of the device at the path.
        found: DeviceNumber,
    },
    /// The range does not begin and end at multiples of the logical block size. Nothing was changed.
    #[error("cannot {action} {device}: {len} sectors at sector {start} are not whole blocks of {block} bytes")]
    #[non_exhaustive]
    Unaligned {
        /// The path of the device, its number or both.
        device: String,
        /// The action that failed.
        action: BlockAction,
        /// The start of the range.
        start: Sectors,
        /// The length of the range.
        len: Sectors,
        /// The logical block size.
        block: Bytes,
    },
    /// The range ends beyond the end of the device. Nothing was changed.
    #[error("cannot {action} {device}: {len} sectors at sector {start} are not within its {size} sectors")]
    #[non_exhaustive]
    OutOfRange {
        /// The path of the device, its number or both.
        device: String,
        /// The action that failed.
        action: BlockAction,
        /// The start of the range.
        start: Sectors,
        /// The length of the range.
        len: Sectors,
        /// The size of the device.
        size: Sectors,
    },
    /// The kernel refused the action.
    #[error("cannot {action} {device}: {}", reason(*.action, *.errno))]
    #[non_exhaustive]
    Refused {
        /// The path of the device, its number or both.
        device: String,
        /// The action that failed.
        action: BlockAction,
        /// The errno.
        errno: i32,
    },
}

/// Explains an errno for an action, with advice if there is some.
fn reason(action: BlockAction, errno: i32) -> String {
    use BlockAction::{Discard, Open, ProbePaths, SetReadOnly, Write, ZeroOut};
    let code = Errno::from_raw(errno);
    let meaning = match (action, code) {
        (Discard | ZeroOut | Write, Errno::EBADF) => "it was opened for reading only; open it as writable",
        (Discard | ZeroOut | Write, Errno::EPERM | Errno::EACCES) | (Open, Errno::EROFS) => "the device is read-only",
        (Discard, Errno::EOPNOTSUPP) => "the device does not discard",
        (SetReadOnly, Errno::EACCES) => "this needs CAP_SYS_ADMIN in the initial user namespace",
        (Discard | ZeroOut, Errno::EBUSY) => "it is claimed by another user, and data of the range is not written yet",
        (ProbePaths, Errno::ENOTTY) => "it is not a multipath device, or the kernel is older than Linux 6.16",
        (ProbePaths, Errno::ENOTCONN) => "no path is left",
        (ProbePaths, Errno::EAGAIN) => "it is suspended",
        (Open, Errno::EOPNOTSUPP) => "it can't be opened on this system",
        (Open, Errno::EBUSY) => "it is claimed by a mount, a mapped device or another process",
        _ => code.desc(),
    };
    format!("{meaning} ({code:?})")
}

impl BlockError {
    /// Converts the error of a [`BlockIo`](super::BlockIo) into [`Refused`](Self::Refused). If it has no errno, for
    /// example because a file ends too early, the result has `EIO`.
    #[must_use]
    pub fn refused(action: BlockAction, device: String, error: &io::Error) -> Self {
        Self::Refused { device, action, errno: error.raw_os_error().unwrap_or(nix::libc::EIO) }
    }

    /// The errno of [`Refused`](Self::Refused); `None` for the other variants.
    #[must_use]
    pub const fn errno(&self) -> Option<i32> {
        match self {
            Self::Refused { errno, .. } => Some(*errno),
            _ => None,
        }
    }

    fn is(&self, actions: &[BlockAction], errnos: &[Errno]) -> bool {
        matches!(self, Self::Refused { action, errno, .. }
            if (actions.is_empty() || actions.contains(action)) && errnos.contains(&Errno::from_raw(*errno)))
    }

    /// Whether the path does not exist, or it is the node of a device that does not exist.
    #[must_use]
    pub fn is_not_found(&self) -> bool {
        self.is(&[BlockAction::Open], &[Errno::ENOENT, Errno::ENXIO, Errno::ENODEV])
    }

    /// Whether the device is claimed by a mount, another device or another process. A discard or zeroing fails for this
    /// reason only if the page cache has unwritten data in the range.
    #[must_use]
    pub fn is_busy(&self) -> bool {
        self.is(&[], &[Errno::EBUSY])
    }

    /// Whether the process lacks the permission to open the device, or to set it read-only or writable.
    #[must_use]
    pub fn is_permission_denied(&self) -> bool {
        self.is(&[BlockAction::Open, BlockAction::SetReadOnly], &[Errno::EACCES, Errno::EPERM])
    }

    /// Whether the device is read-only, or was opened read-only.
    #[must_use]
    pub fn is_not_writable(&self) -> bool {
        let writing = [BlockAction::Discard, BlockAction::ZeroOut, BlockAction::Write];
        self.is(&writing, &[Errno::EBADF, Errno::EPERM, Errno::EACCES]) || self.is(&[], &[Errno::EROFS])
    }

    /// Whether the device does not support the action.
    #[must_use]
    pub fn is_unsupported(&self) -> bool {
        self.is(&[], &[Errno::EOPNOTSUPP, Errno::ENOTTY])
    }

    /// Whether the range is not within the device, or does not consist of whole logical blocks.
    #[must_use]
    pub const fn is_out_of_range(&self) -> bool {
        matches!(self, Self::Unaligned { .. } | Self::OutOfRange { .. })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(action: BlockAction, errno: Errno) -> BlockError {
        BlockError::refused(action, "/dev/x".to_owned(), &errno.into())
    }

    #[test]
    fn errors_name_the_device_and_what_to_do() {
        let cases = [
            (
                refused(BlockAction::Discard, Errno::EOPNOTSUPP),
                "discard a range of /dev/x: the device does not discard (EOPNOTSUPP)",
            ),
            (
                refused(BlockAction::ZeroOut, Errno::EBADF),
                "zero a range of /dev/x: it was opened for reading only; open it as writable (EBADF)",
            ),
            (refused(BlockAction::Discard, Errno::EPERM), "discard a range of /dev/x: the device is read-only (EPERM)"),
            (refused(BlockAction::Write, Errno::EACCES), "write /dev/x: the device is read-only (EACCES)"),
            (refused(BlockAction::Open, Errno::EROFS), "open /dev/x: the device is read-only (EROFS)"),
            (
                refused(BlockAction::SetReadOnly, Errno::EACCES),
                "set the read-only state of /dev/x: this needs CAP_SYS_ADMIN in the initial user namespace (EACCES)",
            ),
            (
                refused(BlockAction::Discard, Errno::EBUSY),
                "discard a range of /dev/x: it is claimed by another user, and data of the range is not written yet (EBUSY)",
            ),
            (
                refused(BlockAction::Open, Errno::EBUSY),
                "open /dev/x: it is claimed by a mount, a mapped device or another process (EBUSY)",
            ),
            (
                refused(BlockAction::Open, Errno::EOPNOTSUPP),
                "open /dev/x: it can't be opened on this system (EOPNOTSUPP)",
            ),
            (
                refused(BlockAction::ProbePaths, Errno::ENOTTY),
                "probe the paths of /dev/x: it is not a multipath device, or the kernel is older than Linux 6.16 (ENOTTY)",
            ),
            (
                refused(BlockAction::ProbePaths, Errno::ENOTCONN),
                "probe the paths of /dev/x: no path is left (ENOTCONN)",
            ),
            (refused(BlockAction::ProbePaths, Errno::EAGAIN), "probe the paths of /dev/x: it is suspended (EAGAIN)"),
            (refused(BlockAction::GetSize, Errno::ENXIO), "get the size of /dev/x: No such device or address (ENXIO)"),
        ];
        for (error, text) in cases {
            assert_eq!(error.to_string(), format!("cannot {text}"));
        }
        let (device, action, start, len) = ("/dev/x".to_owned(), BlockAction::ZeroOut, Sectors(1), Sectors(8));
        let error = BlockError::Unaligned { device: device.clone(), action, start, len, block: Bytes(4096) };
        let text = "cannot zero a range of /dev/x: 8 sectors at sector 1 are not whole blocks of 4096 bytes";
        assert_eq!((error.to_string().as_str(), error.is_out_of_range()), (text, true));
        let error = BlockError::OutOfRange { device, action, start, len, size: Sectors(4) };
        let text = "cannot zero a range of /dev/x: 8 sectors at sector 1 are not within its 4 sectors";
        assert_eq!((error.to_string().as_str(), error.is_out_of_range()), (text, true));
    }

    #[test]
    fn each_predicate_holds_for_its_errnos_only() {
        type Predicate = fn(&BlockError) -> bool;
        let predicates: [(&str, Predicate); 5] = [
            ("not found", BlockError::is_not_found),
            ("busy", BlockError::is_busy),
            ("denied", BlockError::is_permission_denied),
            ("not writable", BlockError::is_not_writable),
            ("unsupported", BlockError::is_unsupported),
        ];
        let cases = [
            (BlockAction::Open, Errno::ENOENT, "not found"),
            (BlockAction::Open, Errno::ENXIO, "not found"),
            (BlockAction::Open, Errno::EBUSY, "busy"),
            (BlockAction::Open, Errno::EACCES, "denied"),
            (BlockAction::Open, Errno::EROFS, "not writable"),
            (BlockAction::SetReadOnly, Errno::EACCES, "denied"),
            (BlockAction::Discard, Errno::EPERM, "not writable"),
            (BlockAction::ZeroOut, Errno::EBADF, "not writable"),
            (BlockAction::Write, Errno::EPERM, "not writable"),
            (BlockAction::Write, Errno::EBADF, "not writable"),
            (BlockAction::ZeroOut, Errno::EBUSY, "busy"),
            (BlockAction::Discard, Errno::EOPNOTSUPP, "unsupported"),
            (BlockAction::Open, Errno::EOPNOTSUPP, "unsupported"),
            (BlockAction::GetSize, Errno::ENXIO, ""),
            (BlockAction::ZeroOut, Errno::EIO, ""),
        ];
        for (action, errno, expected) in cases {
            let error = refused(action, errno);
            let holds: Vec<&str> =
                predicates.iter().filter(|(_, holds)| holds(&error)).map(|(name, _)| *name).collect();
            assert_eq!(holds.join(" "), expected, "{error}");
            assert_eq!(error.errno(), Some(errno as i32));
            assert!(!error.is_out_of_range());
        }
    }
}
