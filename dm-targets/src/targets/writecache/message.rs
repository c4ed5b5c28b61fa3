//! Messages to a `writecache` target.

use core::fmt;

use crate::{Fields, Message, NoReply, Params, ParseError, Problem};

/// A message to a `writecache` target.
///
/// ```
/// use dm_targets::writecache::WritecacheMessage;
///
/// assert_eq!(WritecacheMessage::FlushOnSuspend.to_string(), "flush_on_suspend");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum WritecacheMessage {
    /// Writes back all cached blocks, and waits until they are written.
    Flush,
    /// Writes back all cached blocks when the device is next suspended.
    FlushOnSuspend,
    /// Stops caching new blocks, and writes back all cached blocks.
    Cleaner,
    /// Resets the counters of the status to 0.
    ClearStats,
}

impl Message for WritecacheMessage {
    type Reply = NoReply;
}

impl Params for WritecacheMessage {
    fn parse(fields: &mut Fields<'_>) -> Result<Self, ParseError> {
        let name = fields.next_word().ok_or_else(|| fields.missing("message"))?;
        match name {
            _ if name.is("flush") => Ok(Self::Flush),
            _ if name.is("flush_on_suspend") => Ok(Self::FlushOnSuspend),
            _ if name.is("cleaner") => Ok(Self::Cleaner),
            _ if name.is("clear_stats") => Ok(Self::ClearStats),
            _ => Err(fields.error("message", Problem::Unknown)),
        }
    }
}

impl fmt::Display for WritecacheMessage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Flush => "flush",
            Self::FlushOnSuspend => "flush_on_suspend",
            Self::Cleaner => "cleaner",
            Self::ClearStats => "clear_stats",
        })
    }
}
