//! The cause of an operation's failure.

use std::fmt;

use crate::error::Error;
use crate::id::NameError;
use crate::udev::UdevError;
use crate::wire::ReplyError;

/// The cause of an [`OpError`](crate::OpError).
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OpErrorKind {
    /// A command failed.
    #[error(transparent)]
    Command(#[from] Error),
    /// `/dev` is not as it should be.
    #[error(transparent)]
    Udev(#[from] UdevError),
    /// The text can't be the name of a device.
    #[error(transparent)]
    Name(#[from] NameError),
    /// The device has no active table, and the operation needs one.
    #[error("the device has no active table; load one and resume the device, or set it up")]
    NoActiveTable,
    /// The device has a table in its inactive slot, which the resume at the end would make active.
    #[error(
        "the device has a table in its inactive slot, which resuming it would make active; resume it or clear it first"
    )]
    TableLoaded,
    /// A device of this name exists, and it is not the requested one.
    #[error("a device of this name exists, but {0}; choose another name, or change the device")]
    Differs(Difference),
    /// The kernel itself has suspended the device, so it can't be resumed from outside.
    #[error(
        "the kernel has suspended the device internally, as a thin device while its pool is suspended; resume that first"
    )]
    SuspendedInternally,
    /// Another operation on the device did not end in time.
    #[error("another operation on the device has not finished within the timeout")]
    Locked,
    /// The read-ahead can't be read or set.
    #[error("{} can't be read or written ({errno})", path.display())]
    #[non_exhaustive]
    ReadAhead {
        /// The file in sysfs.
        path: std::path::PathBuf,
        /// Why.
        errno: crate::error::Errno,
    },
    /// The lock file of a device can't be used.
    #[error("the lock file {} can't be used ({errno})", path.display())]
    #[non_exhaustive]
    LockFile {
        /// The file.
        path: std::path::PathBuf,
        /// Why.
        errno: crate::error::Errno,
    },
}

impl From<ReplyError> for OpErrorKind {
    fn from(error: ReplyError) -> Self {
        Self::Command(error.into())
    }
}

/// In what an existing device differs from the requested one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Difference {
    /// Its uuid.
    Uuid,
    /// Its minor number.
    Minor,
    /// Whether it is read-only.
    ReadOnly,
    /// This line of its table, counted from 0: the field that differs, such as `length` or `data dev`, or `number of lines`.
    Line(usize, &'static str),
}

/// Prints the end of "a device exists, but …".
impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Uuid => f.write_str("it has another uuid"),
            Self::Minor => f.write_str("it has another minor number"),
            Self::ReadOnly => f.write_str("one of the two is read-only and the other is not"),
            Self::Line(index, field) => {
                write!(f, "line {index} of its table, counted from 0, has another {field} than requested")
            }
        }
    }
}
