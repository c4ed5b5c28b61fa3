//! What can go wrong with a whole device.

use alloc::boxed::Box;
use core::fmt;

use dm_core::udev::UdevError;
use dm_core::{DevIdBuf, Error, ReplyError, StepError};

use crate::parse_error::ParseError;
use crate::table_error::TableError;

/// Why something with a whole device failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DevError {
    /// A command failed.
    #[error(transparent)]
    Command(#[from] Error),
    /// One of several commands failed.
    #[error(transparent)]
    Steps(#[from] StepError),
    /// The device has no table in force.
    #[error("{0} has no table in force, so it is no device of any kind yet")]
    NoTable(DevIdBuf),
    /// The table in force is none of this kind of device, or the table that was asked for is none that the kernel takes.
    #[error("the table of {device} can't be used: {source}")]
    Table {
        /// The device.
        device: DevIdBuf,
        /// What is wrong with it.
        source: TableError,
    },
    /// What a target reports or answers can't be read.
    #[error("{device} answers what can't be read: {source}")]
    Text {
        /// The device.
        device: DevIdBuf,
        /// What is wrong with it.
        source: ParseError,
    },
    /// There is a device of this name, and it is another one than is wanted.
    #[error("{device} is there, but {difference}; choose another name, or open it and change it")]
    Differs {
        /// The device.
        device: DevIdBuf,
        /// In what it differs.
        difference: Difference,
    },
    /// Something failed, and what was done before could not be undone.
    #[error("{cause}; what was done before could not be undone: {undo}")]
    NotUndone {
        /// What failed first.
        cause: Box<DevError>,
        /// What failed when that was to be undone.
        undo: Box<DevError>,
    },
}

/// In what a device that there is differs from the one that is wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Difference {
    /// In its uuid.
    Uuid,
    /// In its minor number.
    Minor,
    /// In whether it can be written.
    ReadOnly,
    /// In this line of its table, counted from 1.
    Line(usize),
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Uuid => f.write_str("has another uuid"),
            Self::Minor => f.write_str("has another minor number"),
            Self::ReadOnly => f.write_str("is read-only where the other is not"),
            Self::Line(number) => write!(f, "has another table, from line {number} on"),
        }
    }
}

impl DevError {
    /// The command that failed, if it was one.
    #[must_use]
    pub fn command(&self) -> Option<&Error> {
        match self {
            Self::Command(error) => Some(error),
            Self::Steps(error) => Some(&error.cause),
            Self::NotUndone { cause, .. } => cause.command(),
            _ => None,
        }
    }

    /// There is no such device.
    #[must_use]
    pub fn is_not_found(&self) -> bool {
        self.command().is_some_and(Error::is_not_found)
    }

    /// Somebody uses the device.
    #[must_use]
    pub fn is_busy(&self) -> bool {
        self.command().is_some_and(Error::is_busy)
    }

    /// The name, uuid or number is taken.
    #[must_use]
    pub fn already_exists(&self) -> bool {
        self.command().is_some_and(Error::already_exists)
    }

    /// The error after an attempt to take back what was done before it.
    pub(super) fn undo(self, undone: Result<(), Self>) -> Self {
        match undone {
            Ok(()) => self,
            Err(undo) => Self::NotUndone { cause: Box::new(self), undo: Box::new(undo) },
        }
    }
}

impl From<UdevError> for DevError {
    fn from(error: UdevError) -> Self {
        Self::Command(error.into())
    }
}

impl From<ReplyError> for DevError {
    fn from(error: ReplyError) -> Self {
        Self::Command(error.into())
    }
}
