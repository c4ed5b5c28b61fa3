//! A reply with a payload, and the error of malformed replies.

use core::fmt;
use std::sync::Arc;

use super::buffer::Buffer;
use super::command::Command;
use super::header::{self, HeaderBytes};
use super::info::DeviceInfo;
use super::pool::Pool;

/// A malformed reply of the kernel. This is a bug in the kernel or in this crate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "malformed reply to {command}: {what} at byte {at}; this is a bug in the kernel or in dm-core, please report it"
)]
pub struct ReplyError {
    pub(crate) command: Command,
    pub(crate) what: &'static str,
    pub(crate) at: usize,
}

impl ReplyError {
    /// The command whose reply is malformed.
    #[must_use]
    pub const fn command(&self) -> Command {
        self.command
    }

    /// What is wrong with the reply, such as `an unterminated name`.
    #[must_use]
    pub const fn what(&self) -> &'static str {
        self.what
    }

    /// The position of the fault, in bytes from the start of the reply's header.
    #[must_use]
    pub const fn at(&self) -> usize {
        self.at
    }
}

/// The header of a reply, and the payload after it.
///
/// It owns its memory and returns it to the handle's pool when it is dropped. A clone is a copy.
pub(crate) struct Reply {
    command: Command,
    buffer: Buffer,
    pool: Arc<Pool>,
}

impl Reply {
    /// Checks that the payload is within the offered bytes.
    #[inline]
    pub(crate) fn new(command: Command, buffer: Buffer, pool: Arc<Pool>) -> Result<Self, ReplyError> {
        let fault = header::payload_fault(buffer.header(), buffer.bytes().len());
        let mut reply = Self { command, buffer, pool };
        match fault {
            None => Ok(reply),
            Some((what, at)) => {
                // A malformed reply may contain a key.
                reply.set_secret();
                Err(reply.fault(what, at))
            }
        }
    }

    pub(crate) fn command(&self) -> Command {
        self.command
    }

    /// Checks that the header can be read as the state of a device.
    #[inline]
    pub(crate) fn check_info(&self) -> Result<(), ReplyError> {
        DeviceInfo::check(self.command, self.header())
    }

    /// The state of the device, which must have been checked. This is a copy, which most callers do not need.
    pub(crate) fn info(&self) -> DeviceInfo {
        DeviceInfo::of_checked(self.command, self.header())
    }

    #[inline]
    pub(crate) fn header(&self) -> &HeaderBytes {
        self.buffer.header()
    }

    /// The payload, which may be empty. `None` if the reply has none.
    #[inline]
    pub(crate) fn payload(&self) -> Option<&[u8]> {
        self.buffer.bytes().get(header::data_start(self.header())..self.buffer.reply_len())
    }

    /// The payload of a command whose replies always have one.
    pub(crate) fn needed_payload(&self) -> Result<&[u8], ReplyError> {
        self.payload().ok_or_else(|| self.fault("no payload", header::data_size(self.header())))
    }

    /// Makes the error of a malformed reply.
    pub(crate) fn fault(&self, what: &'static str, at: usize) -> ReplyError {
        ReplyError { command: self.command, what, at }
    }

    pub(crate) fn is_secret(&self) -> bool {
        self.buffer.is_secret()
    }

    /// Makes the reply be wiped on drop.
    pub(crate) fn set_secret(&mut self) {
        self.buffer.set_secret();
    }
}

impl Clone for Reply {
    fn clone(&self) -> Self {
        Self { command: self.command, buffer: Buffer::copy_of(&self.buffer), pool: Arc::clone(&self.pool) }
    }
}

impl Drop for Reply {
    #[inline]
    fn drop(&mut self) {
        self.pool.give_back(core::mem::take(&mut self.buffer));
    }
}

/// Shows only the size, since the content may be a key.
impl fmt::Debug for Reply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reply").field("command", &self.command).field("buffer", &self.buffer).finish()
    }
}
