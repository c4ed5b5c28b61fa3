//! [`TableError`]: an error in a table, with the number of the line.

use core::fmt;

use dm_units::Sectors;

use crate::errors::parse_error::ParseError;
use crate::errors::problem::InvalidField;

/// A table that the kernel would refuse, or a line of a text, such as dmsetup's output, that could not be parsed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TableError {
    line: usize,
    kind: TableErrorKind,
}

/// The reason why a table or one of its lines is wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum TableErrorKind {
    /// The line could not be parsed.
    Parse(ParseError),
    /// The kernel would refuse a field, or crash on it.
    Field(InvalidField),
    /// The table has no lines.
    Empty,
    /// The table has more than 1048576 lines, the most that the kernel accepts.
    TooManyLines,
    /// The length of the line is 0.
    ZeroLength,
    /// The line ends beyond the largest sector of a device, 2^54 - 2.
    TooLong,
    /// The line does not start where the previous line ends, or the first line does not start at 0.
    Gap {
        /// The sector at which the line must start.
        expected: Sectors,
    },
    /// The target does not allow the other lines of the table. Its line must be the only line
    /// ([`Target::SINGLETON`](crate::Target::SINGLETON)), or all lines must have this target
    /// ([`Target::IMMUTABLE`](crate::Target::IMMUTABLE)).
    NotAlone,
}

impl TableError {
    pub(crate) const fn new(line: usize, kind: TableErrorKind) -> Self {
        Self { line, kind }
    }

    /// The number of the line, from 1.
    #[must_use]
    pub const fn line(&self) -> usize {
        self.line
    }

    /// The reason why the line is wrong.
    #[must_use]
    pub const fn kind(&self) -> TableErrorKind {
        self.kind
    }
}

impl fmt::Display for TableErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Parse(error) => error.fmt(f),
            Self::Field(invalid) => invalid.fmt(f),
            Self::Empty => f.write_str("a table needs at least one line"),
            Self::TooManyLines => f.write_str("a table has at most 1048576 lines"),
            Self::ZeroLength => f.write_str("length must not be 0"),
            Self::TooLong => f.write_str("ends beyond the largest sector of a device"),
            Self::Gap { expected } => write!(f, "must start at sector {expected}"),
            Self::NotAlone => f.write_str("this target must be the only one of its table"),
        }
    }
}

impl fmt::Display for TableError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}: {}", self.line, self.kind)
    }
}

impl core::error::Error for TableError {}
