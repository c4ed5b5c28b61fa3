//! Errors in devices in the concise form.

use core::fmt;

use crate::errors::problem::InvalidField;
use crate::errors::table_error::TableError;

/// An error in the concise form: the kernel would not create one of the devices, or the text is not in this form.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ConciseError {
    pub(super) device: usize,
    pub(super) kind: ConciseErrorKind,
}

/// The reason why a device in the concise form is wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ConciseErrorKind {
    /// A field before the table is wrong or missing, or the table has more than 256 lines.
    Field(InvalidField),
    /// The table is wrong. [Spans](crate::ParseError::span) are positions in the whole text.
    Table(TableError),
    /// There are more than 256 devices, the most that the kernel accepts.
    TooManyDevices,
    /// The text is longer than 1024 bytes, the most that the kernel accepts.
    TooLong,
}

impl ConciseError {
    pub(crate) const fn new(device: usize, kind: ConciseErrorKind) -> Self {
        Self { device, kind }
    }

    /// The number of the wrong device, from 1.
    #[must_use]
    pub const fn device(&self) -> usize {
        self.device
    }

    /// The reason why the device is wrong.
    #[must_use]
    pub const fn kind(&self) -> ConciseErrorKind {
        self.kind
    }
}

impl From<InvalidField> for ConciseErrorKind {
    fn from(invalid: InvalidField) -> Self {
        Self::Field(invalid)
    }
}

impl From<TableError> for ConciseErrorKind {
    fn from(error: TableError) -> Self {
        Self::Table(error)
    }
}

impl fmt::Display for ConciseErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Field(invalid) => invalid.fmt(f),
            Self::Table(error) => error.fmt(f),
            Self::TooManyDevices => f.write_str("the kernel takes at most 256 devices"),
            Self::TooLong => f.write_str("the kernel takes at most 1024 bytes"),
        }
    }
}

impl fmt::Display for ConciseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "device {}: {}", self.device, self.kind)
    }
}

impl core::error::Error for ConciseError {}
