//! Why a request can't be sent.

use crate::id::NameError;

/// Why a request can't be put into the form that the kernel accepts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RequestFault {
    /// The text can't be the name of a device.
    #[error(transparent)]
    Name(#[from] NameError),
    /// The table has no lines.
    #[error("the table has no line; to drop the inactive table use table_clear")]
    NoLines,
    /// The minor number does not fit in 20 bits.
    #[error("{minor} is too large for a minor number, which is at most {}", crate::wire::header::MAX_MINOR)]
    #[non_exhaustive]
    Minor {
        /// The number.
        minor: u32,
    },
    /// The table has more lines than the kernel accepts.
    #[error("the table has more than {} lines", dm_sys::DM_MAX_TARGETS)]
    TooManyLines,
    /// The request, or its answer, has more bytes than the kernel accepts.
    #[error("it, or its answer, has more than {} bytes", crate::wire::buffer::MAX_SIZE)]
    TooLarge,
    /// The type of a target is empty, too long, or contains a NUL.
    #[error("the target type{} must have 1 to {} bytes, none of them NUL", on_line(*.line), dm_sys::DM_MAX_TYPE_NAME - 1)]
    #[non_exhaustive]
    TargetType {
        /// The line of the table, counted from 0; `None` outside a table.
        line: Option<u32>,
    },
    /// The text contains a NUL, at which the kernel would cut it without an error.
    #[error("the text{} has a NUL at byte {at}", on_line(*.line))]
    #[non_exhaustive]
    Nul {
        /// The line of the table, counted from 0; `None` outside a table.
        line: Option<u32>,
        /// The position, in bytes from 0.
        at: usize,
    },
    /// Writing the params of a line, or a message, returned an error.
    #[error("the text{} could not be printed: its Display returned an error", on_line(*.line))]
    #[non_exhaustive]
    Display {
        /// The line of the table, counted from 0; `None` outside a table.
        line: Option<u32>,
    },
}

fn on_line(line: Option<u32>) -> String {
    line.map(|line| format!(" of table line {line}")).unwrap_or_default()
}
