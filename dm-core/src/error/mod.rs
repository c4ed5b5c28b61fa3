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

/// The error of a command. Use the predicates instead of matching on the errno, since its meaning depends on the
/// command.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The control node cannot be used.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// The kernel refused the command, or the command was given up after a timeout or a signal.
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
        /// The required minor number of the interface, whose major number is 4.
        needed_minor: u32,
        /// The interface version of the running kernel.
        kernel: Version,
    },
    /// The request cannot be encoded for the kernel and was not sent. With [`RequestFault::ReplyTooLarge`], it was sent
    /// and executed, perhaps several times, but the reply exceeds the largest buffer.
    #[error("{command} {} {fault}", fault.outcome())]
    #[non_exhaustive]
    Request {
        /// The command of the request.
        command: Command,
        /// The fault of the request.
        fault: RequestFault,
    },
    /// The kernel's reply is malformed, which is a bug in the kernel or in this crate.
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
    /// In rare cases this also holds for a [resume](crate::Dm::device_resume) that failed while another process loaded
    /// a table.
    #[must_use]
    pub fn is_not_found(&self) -> bool {
        self.refusal().is_some_and(Refusal::is_not_found)
    }

    /// Whether the name, uuid or minor number of a device to create or rename is taken, or a message creates a thin
    /// device whose id is taken.
    ///
    /// This also holds if a device with a chosen minor number cannot be created for another reason, such as a lack of
    /// memory: the kernel returns the same errno.
    #[must_use]
    pub fn is_already_exists(&self) -> bool {
        self.refusal().is_some_and(Refusal::is_taken)
    }

    /// Whether the device is open, mounted or used by another device, or cannot execute the command in its present
    /// state.
    ///
    /// If a table could not be loaded because a disk is busy, this is `false`, and
    /// [`is_disk_unusable`](Self::is_disk_unusable) is `true`.
    #[must_use]
    pub fn is_busy(&self) -> bool {
        self.refusal().is_some_and(Refusal::is_busy)
    }

    /// Whether a table load failed with an errno that usually means that a device which the table uses is missing, busy
    /// or lacks valid metadata. The kernel's log names the target.
    ///
    /// Not every missing device is recognized: for `dust`, `era`, `unstriped`, `vdo` and the log device of `mirror`,
    /// the kernel returns `EINVAL` ([`is_invalid`](Self::is_invalid)). On recent kernels such as Linux 6.12, a missing
    /// path has the errno of a missing cipher or hash of `crypt`, `integrity` or `verity` (`ENOENT`). If the log cannot
    /// be read, this is `true` for a missing cipher or hash as well.
    #[must_use]
    pub fn is_disk_unusable(&self) -> bool {
        self.refusal().is_some_and(Refusal::is_about_disk)
    }

    /// Whether the process lacks a permission, usually `CAP_SYS_ADMIN` in the initial user namespace, or a target
    /// returned `EPERM`, for example for `invalidate_cblocks` to a cache that is not in passthrough mode.
    #[must_use]
    pub fn is_permission_denied(&self) -> bool {
        match self {
            Self::Open(error) => error.is_permission_denied(),
            _ => {
                !self.is_disk_unusable() && (self.refused_with(NixErrno::EACCES) || self.refused_with(NixErrno::EPERM))
            }
        }
    }

    /// Whether the kernel returned `EINVAL`, for example for an invalid table, message or name. Its log usually has the
    /// reason.
    #[must_use]
    pub fn is_invalid(&self) -> bool {
        self.refused_with(NixErrno::EINVAL)
    }

    /// Whether a signal interrupted the command (`EINTR`), usually before it took effect. A resume that waits for the end
    /// of an internal suspension has already made a new table active.
    #[must_use]
    pub fn is_interrupted(&self) -> bool {
        self.refused_with(NixErrno::EINTR)
    }

    /// Whether the kernel returned `ENODATA`: a pool has no thin device with this id, or a disk could not be read.
    #[must_use]
    pub fn is_no_data(&self) -> bool {
        self.refusal().is_some_and(|refusal| refusal.errno() == Errno::ENODATA)
    }

    /// Whether a device is read-only (`EROFS`), or a thin pool or a cache refused a message because it cannot
    /// write its metadata (`EOPNOTSUPP`).
    ///
    /// Such a message is refused again until the metadata can be written; the target's status shows whether it can.
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
    /// For a [`device_create`](crate::Dm::device_create) that lacks memory, the kernel usually returns `ENXIO` instead,
    /// and this is `false`.
    #[must_use]
    pub fn is_out_of_memory(&self) -> bool {
        self.refused_with(NixErrno::ENOMEM)
    }

    /// Whether the running kernel lacks the command or an option, or a target does not support what a table requires
    /// (`EOPNOTSUPP`), for example recalculating keyed tags of `integrity` without `legacy_recalculate`.
    #[must_use]
    pub fn is_unsupported(&self) -> bool {
        matches!(self, Self::Unsupported { .. }) || self.refusal().is_some_and(Refusal::is_of_unsupported_table)
    }

    /// Whether the kernel has no device mapper, and its module could not be loaded; also on systems other than Linux.
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
