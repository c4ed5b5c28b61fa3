//! What is wrong with a whole table.

use core::fmt;

use dm_units::Sectors;

use crate::errors::parse_error::ParseError;
use crate::errors::problem::InvalidField;

/// A table that the kernel would refuse, or a text that is no table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TableError {
    line: usize,
    kind: TableErrorKind,
}

/// What is wrong with a line of a table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum TableErrorKind {
    /// The line can't be read.
    Parse(ParseError),
    /// The target would refuse a field.
    Field(InvalidField),
    /// There is no line at all.
    Empty,
    /// There are more lines than the kernel takes, 1048576.
    TooManyLines,
    /// The line is 0 sectors long.
    ZeroLength,
    /// The line ends beyond the largest sector, 2^54 - 2.
    TooLong,
    /// The line does not start where the one before it ends; the first does not start at 0.
    Gap {
        /// Where it must start.
        expected: Sectors,
    },
    /// The target must be the only one of its table.
    NotAlone,
}

impl TableError {
    pub(crate) const fn new(line: usize, kind: TableErrorKind) -> Self {
        Self { line, kind }
    }

    /// Which line it is, from 1.
    #[must_use]
    pub const fn line(&self) -> usize {
        self.line
    }

    /// What is wrong with it.
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
