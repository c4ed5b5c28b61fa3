//! What can go wrong with a command, and how to tell one from the other.

mod errno;
mod open;
mod refusal;
mod request;

use dm_units::Version;
use nix::errno::Errno as Known;

pub use errno::Errno;
pub use open::{OpenError, PermissionReason};
pub(crate) use refusal::KernelLog;
pub use refusal::Refusal;
pub use request::RequestFault;

use crate::wire::{Command, ReplyError};

/// The result of a command.
pub type Result<T, E = Error> = core::result::Result<T, E>;

/// Why a command failed. Ask the predicates rather than matching: they know what an errno means for which command.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The control node can't be used.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// The kernel refused the command.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// The running kernel does not know the command, or an option of it.
    #[error(
        "{command} with these options needs device mapper interface 4.{needed_minor}; this kernel has {kernel}, so use a \
         newer kernel or leave the option out"
    )]
    #[non_exhaustive]
    Unsupported {
        /// The command.
        command: Command,
        /// The minor number of the interface version 4 that it needs.
        needed_minor: u32,
        /// What the kernel has.
        kernel: Version,
    },
    /// The request was not sent: the kernel has no way to accept it.
    #[error("{command} can't be sent: {fault}")]
    #[non_exhaustive]
    Request {
        /// The command.
        command: Command,
        /// What is wrong with it.
        fault: RequestFault,
    },
    /// The kernel's answer makes no sense, which is a fault of the kernel or of this crate.
    #[error(transparent)]
    Reply(#[from] ReplyError),
}

impl Error {
    pub(crate) fn request(command: Command, fault: impl Into<RequestFault>) -> Self {
        Self::Request { command, fault: fault.into() }
    }

    /// The refusal, if it is the kernel that refused.
    #[must_use]
    pub const fn refusal(&self) -> Option<&Refusal> {
        match self {
            Self::Refused(refusal) => Some(refusal),
            _ => None,
        }
    }

    /// The number of the error that the kernel returned, if the kernel refused or a file could not be used.
    #[must_use]
    pub fn errno(&self) -> Option<i32> {
        match self {
            Self::Refused(refusal) => Some(refusal.errno().number()),
            Self::Open(error) => error.errno(),
            _ => None,
        }
    }

    /// The command's device does not exist.
    #[must_use]
    pub fn is_not_found(&self) -> bool {
        self.refusal().is_some_and(Refusal::is_not_found)
    }

    /// The name, uuid or minor number is taken, when creating or renaming a device; or what a message creates exists
    /// already, such as a thin device with this id.
    #[must_use]
    pub fn is_already_exists(&self) -> bool {
        self.refusal().is_some_and(Refusal::is_taken)
    }

    /// The device is open, mounted or used by another one; or the requested action is under way already.
    ///
    /// A table that can't be loaded since a disk is busy is [another thing](Self::is_disk_unusable).
    #[must_use]
    pub fn is_busy(&self) -> bool {
        self.refusal().is_some_and(Refusal::is_busy)
    }

    /// A table can't be loaded because of a device that it would use, which is missing, busy or can't be opened; the
    /// kernel's log says which.
    #[must_use]
    pub fn is_disk_unusable(&self) -> bool {
        self.refusal().is_some_and(Refusal::is_of_another_device)
    }

    /// The process may not do this: it needs `CAP_SYS_ADMIN` in the first user namespace.
    #[must_use]
    pub fn is_permission_denied(&self) -> bool {
        match self {
            Self::Open(error) => error.is_permission_denied(),
            _ => !self.is_disk_unusable() && (self.refused_with(Known::EACCES) || self.refused_with(Known::EPERM)),
        }
    }

    /// The kernel found a fault in what it was given: a table, a message, a name. Its log says which.
    #[must_use]
    pub fn is_invalid(&self) -> bool {
        self.refused_with(Known::EINVAL)
    }

    /// A signal ended the command before it had an effect.
    #[must_use]
    pub fn is_interrupted(&self) -> bool {
        self.refused_with(Known::EINTR)
    }

    /// The target has no such data: a pool that has no thin device with this id, for instance.
    #[must_use]
    pub fn is_no_data(&self) -> bool {
        self.refused_with(Known::ENODATA)
    }

    /// The device, or one below it, can't be written: a pool that has switched to read-only mode, for instance.
    #[must_use]
    pub fn is_read_only(&self) -> bool {
        self.refused_with(Known::EROFS)
    }

    /// No space is left where the command needs some: in a pool's metadata, for instance.
    #[must_use]
    pub fn is_no_space(&self) -> bool {
        self.refused_with(Known::ENOSPC)
    }

    /// The kernel has no memory for it.
    #[must_use]
    pub fn is_out_of_memory(&self) -> bool {
        self.refused_with(Known::ENOMEM)
    }

    /// The running kernel does not know the command, or an option of it.
    #[must_use]
    pub const fn is_unsupported(&self) -> bool {
        matches!(self, Self::Unsupported { .. })
    }

    /// This kernel has no device mapper, and it could not be loaded.
    #[must_use]
    pub const fn is_no_device_mapper(&self) -> bool {
        matches!(self, Self::Open(error) if error.is_no_device_mapper())
    }

    fn refused_with(&self, errno: Known) -> bool {
        self.refusal().is_some_and(|refusal| refusal.is(errno))
    }
}

#[cfg(test)]
mod tests;
