//! [`RequestFault`]: why a request cannot be sent, or its reply cannot be received.

use crate::id::NameError;

/// Why a request cannot be encoded for the kernel, or why its reply does not fit into any buffer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RequestFault {
    /// The text given as a device's name or new name is not a valid name.
    #[error(transparent)]
    Name(#[from] NameError),
    /// The table has no lines.
    #[error("the table has no line; to drop the inactive table use table_clear")]
    NoLines,
    /// The minor number does not fit in 20 bits.
    #[error("{minor} is too large for a minor number, which is at most {}", crate::wire::header::MAX_MINOR)]
    #[non_exhaustive]
    Minor {
        /// The minor number.
        minor: u32,
    },
    /// The table has more than 1048576 lines, the kernel's limit.
    #[error("the table has more than {} lines", dm_sys::DM_MAX_TARGETS)]
    TooManyLines,
    /// The request and the space for its reply together exceed 1 GiB, the kernel's limit.
    #[error("the request, with the space for its reply, has more than {} bytes", crate::wire::buffer::MAX_SIZE)]
    TooLarge,
    /// The reply does not fit into the largest buffer that the kernel accepts. The kernel has executed the command.
    #[error("its reply has more than {} bytes", crate::wire::buffer::MAX_SIZE)]
    ReplyTooLarge,
    /// The target type is empty, has more than 15 bytes, or contains a NUL.
    #[error("the target type{} must have 1 to {} bytes, none of them NUL", on_line(*.line), dm_sys::DM_MAX_TYPE_NAME - 1)]
    #[non_exhaustive]
    TargetType {
        /// The line of the table, counted from 0; `None` outside a table.
        line: Option<u32>,
    },
    /// The text contains a NUL; the kernel would ignore the rest without an error.
    #[error("the text{} has a NUL at byte {at}", on_line(*.line))]
    #[non_exhaustive]
    Nul {
        /// The line of the table, counted from 0; `None` outside a table.
        line: Option<u32>,
        /// The position of the NUL in bytes, from 0.
        at: usize,
    },
    /// The `Display` or [`Payload`](crate::Payload) implementation of the params or the message returned an error.
    #[error("the text{} could not be printed: its Display returned an error", on_line(*.line))]
    #[non_exhaustive]
    Display {
        /// The line of the table, counted from 0; `None` outside a table.
        line: Option<u32>,
    },
}

impl RequestFault {
    /// Begins the text of an error: whether the kernel has executed the command.
    pub(super) const fn outcome(self) -> &'static str {
        match self {
            Self::ReplyTooLarge => "was executed, but",
            _ => "cannot be sent:",
        }
    }
}

fn on_line(line: Option<u32>) -> String {
    line.map(|line| format!(" of table line {line}")).unwrap_or_default()
}
