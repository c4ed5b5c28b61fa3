//! [`OpErrorKind`]: the causes of an operation's failure.

use std::fmt;

use crate::error::Error;
use crate::id::NameError;
use crate::udev::UdevError;
use crate::wire::ReplyError;

/// Why a step of an operation failed.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OpErrorKind {
    /// A command failed in the kernel, or could not be sent.
    #[error(transparent)]
    Command(#[from] Error),
    /// The wait for udev failed, a node below `/dev` is missing or wrong, or no node can have the device's name.
    #[error(transparent)]
    Udev(#[from] UdevError),
    /// The caller named a device by a text that is not a valid name.
    #[error(transparent)]
    Name(#[from] NameError),
    /// The operation needs an active table, but the device has none.
    #[error("the device has no active table; load one and resume the device, or set it up")]
    NoActiveTable,
    /// The device has a table in its inactive slot. The resume at the end of the operation would make this table
    /// active.
    #[error(
        "the device has a table in its inactive slot, which a resume would make active; resume the device or clear the slot first"
    )]
    TableLoaded,
    /// A device with the requested name exists, but differs from the requested one.
    #[error("a device of this name exists, but {0}; choose another name, or change the device")]
    Differs(Difference),
    /// The kernel has suspended the device internally, so no command can resume it now.
    /// [`Host::setup`](crate::Host::setup) and [`Host::recover`](crate::Host::recover) fail immediately. Other
    /// operations first wait until the kernel resumes the device, for at most the [timeout for
    /// udev](crate::udev::Udev::timeout).
    #[error(
        "the kernel has suspended the device internally, for example because the pool of a thin device is suspended; resume the pool first"
    )]
    SuspendedInternally,
    /// Another operation on the device did not finish within the [timeout for udev](crate::udev::Udev::timeout).
    #[error("another operation on the device has not finished within the timeout")]
    Locked,
    /// The read-ahead cannot be read or set.
    #[error("{} cannot be read or written ({errno})", path.display())]
    #[non_exhaustive]
    ReadAhead {
        /// The file in sysfs.
        path: std::path::PathBuf,
        /// The error of reading or writing it.
        errno: crate::error::Errno,
    },
    /// A lock file in the directory of [`Host::with_lock_dir`](crate::Host::with_lock_dir) cannot be used.
    #[error("the lock file {} cannot be used ({errno})", path.display())]
    #[non_exhaustive]
    LockFile {
        /// The path of the lock file.
        path: std::path::PathBuf,
        /// The error of opening or locking it.
        errno: crate::error::Errno,
    },
}

impl From<ReplyError> for OpErrorKind {
    fn from(error: ReplyError) -> Self {
        Self::Command(error.into())
    }
}

/// The first property in which an existing device differs from the requested one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Difference {
    /// The existing device has another uuid than requested, or none.
    Uuid,
    /// The existing device has another minor number than requested.
    Minor,
    /// The existing device is read-only and the requested one is not, or the reverse.
    ReadOnly,
    /// The tables differ. The values are the index of the line that differs, from 0, and the field that differs, such
    /// as `length` or `data dev`. The field `number of lines` means that one table has more lines.
    ///
    /// Most targets print a device as its number. If the requested line names the same device by its path, the lines
    /// differ.
    Line(usize, &'static str),
}

/// The field in which tables of different length differ.
pub(in crate::ops) const NUMBER_OF_LINES: &str = "number of lines";

/// Prints the end of "a device exists, but …".
impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Uuid => f.write_str("it has another uuid"),
            Self::Minor => f.write_str("it has another minor number"),
            Self::ReadOnly => f.write_str("one of the two is read-only and the other is not"),
            Self::Line(_, NUMBER_OF_LINES) => write!(f, "its table has another {NUMBER_OF_LINES} than requested"),
            Self::Line(index, field) => {
                write!(f, "line {index} of its table, counted from 0, has another {field} than requested")
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_difference_in_the_number_of_lines_is_one_of_the_table() {
        let texts = [NUMBER_OF_LINES, "length"].map(|field| Difference::Line(1, field).to_string());
        assert_eq!(texts[0], "its table has another number of lines than requested");
        assert_eq!(texts[1], "line 1 of its table, counted from 0, has another length than requested");
    }
}
