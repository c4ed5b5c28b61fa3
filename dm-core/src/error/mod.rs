//! [`Error`]: the errors of commands, and predicates that tell them apart.

mod errno;
mod open;
mod refusal;
mod request;

use dm_units::Version;
use nix::errno::Errno as NixErrno;

pub use errno::Errno;
pub use open::{OpenError, PermissionReason};
pub(crate) use refusal::KernelLog;
pub use refusal::Refusal;
pub use request::RequestFault;

use crate::wire::header::{SECURE_DATA_MINOR, SET_UUID_MINOR};
use crate::wire::{Command, ReplyError};

/// The result of a command.
pub type Result<T, E = Error> = core::result::Result<T, E>;

/// Why a command failed. Use the predicates instead of the errno, since the meaning of an errno depends on the command.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The control node cannot be used.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// The kernel refused the command, or the command ended early because of a timeout or a signal.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// The running kernel's interface is too old for the command or for one of its options.
    #[error(
        "{command}{} needs device mapper interface 4.{needed_minor}; this kernel has {kernel}{}",
        need(*.command, *.needed_minor).0, need(*.command, *.needed_minor).1
    )]
    #[non_exhaustive]
    Unsupported {
        /// The command that the kernel refused.
        command: Command,
        /// The minor version of the interface that the command requires; the major version is 4.
        needed_minor: u32,
        /// The interface version of the running kernel.
        kernel: Version,
    },
    /// The request cannot be encoded for the kernel and was not sent. [`RequestFault::ReplyTooLarge`] is an exception:
    /// the kernel executed the command, perhaps several times, but its reply does not fit into the largest buffer.
    #[error("{command} {} {fault}", fault.outcome())]
    #[non_exhaustive]
    Request {
        /// The command of the request.
        command: Command,
        /// The fault of the request.
        fault: RequestFault,
    },
    /// The kernel's reply is malformed. This is a bug in the kernel or in this crate.
    #[error(transparent)]
    Reply(#[from] ReplyError),
}

/// The part of a command that an old kernel lacks, and what to do without it.
fn need(command: Command, needed_minor: u32) -> (&'static str, &'static str) {
    match (command, needed_minor) {
        _ if needed_minor <= command.since_minor() => ("", ""),
        (Command::DeviceRename, SET_UUID_MINOR) => (" with a uuid", ""),
        // No option need be set: the text may contain a key.
        (_, SECURE_DATA_MINOR) => (" of secret text", "; set `if_possible` if the kernel may keep copies of it"),
        _ => (" with these options", ", so use a newer kernel or leave the option out"),
    }
}

impl Error {
    pub(crate) fn request(command: Command, fault: impl Into<RequestFault>) -> Self {
        Self::Request { command, fault: fault.into() }
    }

    /// The details of [`Refused`](Self::Refused); `None` for the other variants.
    #[must_use]
    pub const fn refusal(&self) -> Option<&Refusal> {
        match self {
            Self::Refused(refusal) => Some(refusal),
            _ => None,
        }
    }

    /// The errno of [`Refused`](Self::Refused) ([`Refusal::errno`]) or [`Open`](Self::Open) ([`OpenError::errno`]);
    /// `None` for the other variants.
    #[must_use]
    #[doc(alias = "dm_task_get_errno")]
    pub fn errno(&self) -> Option<i32> {
        match self {
            Self::Refused(refusal) => Some(refusal.errno().number()),
            Self::Open(error) => error.errno(),
            _ => None,
        }
    }

    /// Whether the command's device does not exist.
    ///
    /// In rare cases this is also `true` for a [resume](crate::Dm::device_resume) that failed while another process
    /// loaded a table.
    #[must_use]
    pub fn is_not_found(&self) -> bool {
        self.refusal().is_some_and(Refusal::is_not_found)
    }

    /// Whether the requested name, uuid or minor number is taken. For a message that creates a thin device: whether its
    /// id is taken.
    ///
    /// If the caller chose a minor number, this is `true` for other failures of the creation too, such as a lack of
    /// memory: the kernel returns the same errno.
    #[must_use]
    pub fn is_already_exists(&self) -> bool {
        self.refusal().is_some_and(Refusal::is_taken)
    }

    /// Whether the device is in use (open, mounted, or used by another device), or cannot execute the command in its
    /// present state.
    ///
    /// This is `false` if a table could not be loaded because a disk that it uses is busy: see
    /// [`is_disk_unusable`](Self::is_disk_unusable).
    #[must_use]
    pub fn is_busy(&self) -> bool {
        self.refusal().is_some_and(Refusal::is_busy)
    }

    /// Whether a table could not be loaded, probably because a device that the table uses is missing, busy or without
    /// valid metadata. The kernel's log names the target.
    ///
    /// The errno decides, so the result can be wrong in two cases:
    ///
    /// - For `dust`, `era`, `unstriped`, `vdo` and the log device of `mirror`, the kernel returns `EINVAL` if the
    ///   device is missing. The result is then `false`, and [`is_invalid`](Self::is_invalid) is `true`.
    /// - On recent kernels such as Linux 6.12, a missing path has the same errno (`ENOENT`) as a missing cipher or hash
    ///   of `crypt`, `integrity` or `verity`. If the kernel's log cannot be read, the result is `true` for a missing
    ///   cipher or hash too.
    #[must_use]
    pub fn is_disk_unusable(&self) -> bool {
        self.refusal().is_some_and(Refusal::is_about_disk)
    }

    /// Whether the process lacks a permission, usually `CAP_SYS_ADMIN` in the initial user namespace.
    ///
    /// This is also `true` if a target returns `EPERM`, for example for the message `invalidate_cblocks` to a cache
    /// that is not in passthrough mode.
    #[must_use]
    pub fn is_permission_denied(&self) -> bool {
        match self {
            Self::Open(error) => error.is_permission_denied(),
            _ => {
                !self.is_disk_unusable() && (self.refused_with(NixErrno::EACCES) || self.refused_with(NixErrno::EPERM))
            }
        }
    }

    /// Whether the kernel returned `EINVAL`, for example for an invalid table, message or name. The kernel's log
    /// usually has the reason.
    #[must_use]
    pub fn is_invalid(&self) -> bool {
        self.refused_with(NixErrno::EINVAL)
    }

    /// Whether a signal interrupted the command (`EINTR`), usually before it took effect. A resume can be an exception:
    /// if it waited for the end of an internal suspension, a new table is already active.
    #[must_use]
    pub fn is_interrupted(&self) -> bool {
        self.refused_with(NixErrno::EINTR)
    }

    /// Whether the kernel returned `ENODATA`: a pool has no thin device with the requested id, or
    /// a disk could not be read.
    #[must_use]
    pub fn is_no_data(&self) -> bool {
        self.refusal().is_some_and(|refusal| refusal.errno() == Errno::ENODATA)
    }

    /// Whether a device is read-only (`EROFS`), or a thin pool or cache refused a message because the target cannot
    /// write its metadata (`EOPNOTSUPP`).
    ///
    /// The target refuses messages until it can write its metadata again. Its status shows whether it can.
    #[must_use]
    pub fn is_read_only(&self) -> bool {
        self.refusal().is_some_and(Refusal::is_of_read_only)
    }

    /// Whether there is not enough space for the command (`ENOSPC`), for example in a pool's metadata.
    #[must_use]
    pub fn is_no_space(&self) -> bool {
        self.refused_with(NixErrno::ENOSPC)
    }

    /// Whether the kernel lacks memory for the command (`ENOMEM`).
    ///
    /// This is usually `false` for [`device_create`](crate::Dm::device_create): if that lacks memory, the kernel
    /// usually returns `ENXIO`.
    #[must_use]
    pub fn is_out_of_memory(&self) -> bool {
        self.refused_with(NixErrno::ENOMEM)
    }

    /// Whether the running kernel lacks the command or an option.
    ///
    /// This is also `true` if a target does not support what a table requires (`EOPNOTSUPP`), for example if
    /// `integrity` would have to recalculate keyed tags and the table lacks `legacy_recalculate`.
    #[must_use]
    pub fn is_unsupported(&self) -> bool {
        matches!(self, Self::Unsupported { .. }) || self.refusal().is_some_and(Refusal::is_of_unsupported_table)
    }

    /// Whether the kernel has no device mapper, and its module could not be loaded. This is always `true` on systems
    /// other than Linux.
    #[must_use]
    pub const fn is_no_device_mapper(&self) -> bool {
        matches!(self, Self::Open(error) if error.is_no_device_mapper())
    }

    fn refused_with(&self, errno: NixErrno) -> bool {
        self.refusal().is_some_and(|refusal| refusal.is(errno))
    }
}

#[cfg(test)]
mod tests;
