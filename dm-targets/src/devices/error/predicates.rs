//! The error that caused a [`DevError`], and the predicates that tell the causes apart.

use dm_core::block::BlockError;
use dm_core::{Error, OpError};

use super::DevError;
use crate::devices::pool_tools::PoolToolErrorKind;

impl DevError {
    /// The error of the step that failed, also if the steps before it could not be undone.
    fn cause(&self) -> &Self {
        match self {
            Self::NotUndone { cause, .. } => cause.cause(),
            error => error,
        }
    }

    /// The error of the operation that failed; `None` for other causes.
    #[must_use]
    pub fn operation(&self) -> Option<&OpError> {
        match self.cause() {
            Self::Operation(error) => Some(error),
            _ => None,
        }
    }

    /// The error of the command that failed; `None` for other causes.
    #[must_use]
    pub fn command(&self) -> Option<&Error> {
        match self.cause() {
            Self::Command(error) => Some(error),
            Self::Operation(error) => error.command(),
            _ => None,
        }
    }

    /// The error of a block device that failed; `None` for other causes.
    #[must_use]
    pub fn block(&self) -> Option<&BlockError> {
        match self.cause() {
            Self::Block(error) => Some(error),
            #[cfg(feature = "verity-format")]
            Self::Verity(error) => error.block(),
            _ => None,
        }
    }

    fn is(&self, operation: fn(&OpError) -> bool, command: fn(&Error) -> bool) -> bool {
        self.operation().is_some_and(operation) || self.command().is_some_and(command)
    }

    /// The errno with which a command, an operation, an action of a block device or the start of a program failed;
    /// `None` if no errno is known.
    #[must_use]
    pub fn errno(&self) -> Option<i32> {
        let command = || self.command()?.errno();
        let other = || self.block().and_then(BlockError::errno).or_else(|| self.program_errno());
        self.operation().and_then(OpError::errno).or_else(command).or_else(other)
    }

    fn program_errno(&self) -> Option<i32> {
        match self.cause() {
            Self::PoolTool(error) => match error.kind {
                PoolToolErrorKind::NotRun(errno) => errno,
                _ => None,
            },
            _ => None,
        }
    }

    /// Whether the device, or a block device that the action opens, does not exist or has no node in `/dev`.
    #[must_use]
    pub fn is_not_found(&self) -> bool {
        self.is(OpError::is_not_found, Error::is_not_found) || self.block().is_some_and(BlockError::is_not_found)
    }

    /// Whether the device, or a block device that the action opens, is in use, or its state or another operation
    /// prevents the action.
    #[must_use]
    pub fn is_busy(&self) -> bool {
        self.is(OpError::is_busy, Error::is_busy) || self.block().is_some_and(BlockError::is_busy)
    }

    /// Whether the name, uuid or device number is taken, a device with the requested name exists but differs from the
    /// request, or a thin device with the requested id exists.
    #[must_use]
    pub fn is_already_exists(&self) -> bool {
        self.is(OpError::is_already_exists, Error::is_already_exists)
    }

    /// Whether the target does not have the requested object: for example, the pool has no thin device with this id.
    /// Also `true` after a medium error of a disk, since the errno is `ENODATA` in both cases.
    #[must_use]
    pub fn is_no_data(&self) -> bool {
        self.is(OpError::is_no_data, Error::is_no_data)
    }

    /// Whether a device is read-only, or a pool or cache refused a message because it cannot write its metadata.
    ///
    /// The kernel will refuse the message until you remove the cause:
    ///
    /// - A pool has no free metadata block: extend its metadata device, then call
    ///   [`grow`](crate::devices::ThinPoolDev::grow).
    /// - A pool has the feature `read_only`: load a table without this feature.
    /// - The metadata [needs a check](crate::Concern::NeedsCheck) or has failed: remove the device, then check or
    ///   repair the metadata.
    #[must_use]
    pub fn is_read_only(&self) -> bool {
        self.is(OpError::is_read_only, Error::is_read_only) || self.block().is_some_and(BlockError::is_not_writable)
    }

    /// Whether there is not enough space for a command, for example in a pool's metadata.
    #[must_use]
    pub fn is_no_space(&self) -> bool {
        self.is(OpError::is_no_space, Error::is_no_space)
    }

    /// Whether the kernel refused a table, a message or a name as invalid, or a text is not a valid name.
    ///
    /// It is `false` for tables and requests that this crate refuses itself: [`Table`](Self::Table),
    /// [`RequestedTable`](Self::RequestedTable), [`Request`](Self::Request).
    #[must_use]
    pub fn is_invalid(&self) -> bool {
        self.is(OpError::is_invalid, Error::is_invalid) || matches!(self.cause(), Self::Name(_))
    }

    /// Whether a wait exceeded its timeout.
    #[must_use]
    pub fn is_timed_out(&self) -> bool {
        self.operation().is_some_and(OpError::is_timed_out)
    }

    /// Whether a signal interrupted the operation or command.
    #[must_use]
    pub fn is_interrupted(&self) -> bool {
        self.is(OpError::is_interrupted, Error::is_interrupted)
    }

    /// Whether the process lacks the permission for a command or for a block device.
    #[must_use]
    pub fn is_permission_denied(&self) -> bool {
        self.is(OpError::is_permission_denied, Error::is_permission_denied)
            || self.block().is_some_and(BlockError::is_permission_denied)
    }

    /// Whether the running kernel lacks a command or an option, a target does not support a combination of options in a
    /// table, or a block device does not support an action.
    #[must_use]
    pub fn is_unsupported(&self) -> bool {
        self.is(OpError::is_unsupported, Error::is_unsupported)
            || self.block().is_some_and(BlockError::is_unsupported)
            || matches!(self.cause(), Self::Unsupported { .. })
    }
}
