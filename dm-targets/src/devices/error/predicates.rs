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

    /// The errno, if a command, an action of a block device, the use of a file by an operation, or the start of a
    /// program failed with one.
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

    /// Whether the device, or a block device to open, does not exist, or no path leads to it.
    #[must_use]
    pub fn is_not_found(&self) -> bool {
        self.is(OpError::is_not_found, Error::is_not_found) || self.block().is_some_and(BlockError::is_not_found)
    }

    /// Whether the device, or a block device to open, is in use, or its state or another operation forbids the command.
    #[must_use]
    pub fn is_busy(&self) -> bool {
        self.is(OpError::is_busy, Error::is_busy) || self.block().is_some_and(BlockError::is_busy)
    }

    /// Whether the name, uuid or number is taken, an existing device differs from the requested one, or a thin device
    /// with this id exists.
    #[must_use]
    pub fn is_already_exists(&self) -> bool {
        self.is(OpError::is_already_exists, Error::is_already_exists)
    }

    /// Whether the target does not have what was requested, for example a thin device with this id. It is also true if
    /// a disk returned a medium error (the errno is `ENODATA` in both cases).
    #[must_use]
    pub fn is_no_data(&self) -> bool {
        self.is(OpError::is_no_data, Error::is_no_data)
    }

    /// Whether a device is read-only, or a pool or cache refused a message because it cannot write its metadata.
    ///
    /// Such a message is refused again until that state ends. A pool without a free metadata block needs a larger
    /// metadata device and [`grow`](crate::devices::ThinPoolDev::grow); a pool with the feature `read_only` needs a
    /// table without it. Metadata that [needs a check](crate::Concern::NeedsCheck) or has failed must be checked or
    /// repaired while the device is not active.
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
    /// This does not include tables and requests that this crate refuses: [`Table`](Self::Table),
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
    /// table, or a block device lacks an action.
    #[must_use]
    pub fn is_unsupported(&self) -> bool {
        self.is(OpError::is_unsupported, Error::is_unsupported)
            || self.block().is_some_and(BlockError::is_unsupported)
            || matches!(self.cause(), Self::Unsupported { .. })
    }
}
