//! A reply of the kernel with its payload.

use core::fmt;
use std::sync::Arc;

use super::buffer::Buffer;
use super::command::Command;
use super::header::{self, HeaderBytes};
use super::info::DeviceInfo;
use super::pool::Pool;

/// An answer that does not have the form it should have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "malformed answer to {command}: {what} at byte {at}; this is a fault of the kernel or of dm-core, please report it"
)]
pub struct ReplyError {
    pub(crate) command: Command,
    pub(crate) what: &'static str,
    pub(crate) at: usize,
}

impl ReplyError {
    /// The command that was answered.
    #[must_use]
    pub const fn command(&self) -> Command {
        self.command
    }

    /// What is wrong with the answer, such as `an endless name`.
    #[must_use]
    pub const fn what(&self) -> &'static str {
        self.what
    }

    /// The position in the answer, in bytes from the start of its header.
    #[must_use]
    pub const fn at(&self) -> usize {
        self.at
    }
}

/// The header of an answer, and the bytes that the kernel has written behind it.
///
/// It owns its memory and gives it back to the handle's pool when it is dropped. A clone is a copy.
pub(crate) struct Reply {
    command: Command,
    buffer: Buffer,
    pool: Arc<Pool>,
}

impl Reply {
    /// Checks where the payload is; after this, it is in the bytes that were offered.
    #[inline]
    pub(crate) fn new(command: Command, buffer: Buffer, pool: Arc<Pool>) -> Result<Self, ReplyError> {
        let fault = header::payload_fault(buffer.header(), buffer.bytes().len());
        let mut reply = Self { command, buffer, pool };
        match fault {
            None => Ok(reply),
            Some((what, at)) => {
                // What can't be read may hold a key.
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

    /// The state of the device, after it was checked. It is a copy, which most callers of a command with a payload do not need.
    pub(crate) fn info(&self) -> DeviceInfo {
        DeviceInfo::of_checked(self.command, self.header())
    }

    #[inline]
    pub(crate) fn header(&self) -> &HeaderBytes {
        self.buffer.header()
    }

    /// The payload. `None` if the answer has none, which is not the same as an empty one.
    #[inline]
    pub(crate) fn payload(&self) -> Option<&[u8]> {
        self.buffer.bytes().get(header::data_start(self.header())..self.buffer.reply_len())
    }

    /// The payload of a command that always answers with one.
    pub(crate) fn needed_payload(&self) -> Result<&[u8], ReplyError> {
        self.payload().ok_or_else(|| self.fault("no payload", header::data_size(self.header())))
    }

    /// The error for something wrong in this reply.
    pub(crate) fn fault(&self, what: &'static str, at: usize) -> ReplyError {
        ReplyError { command: self.command, what, at }
    }

    pub(crate) fn is_secret(&self) -> bool {
        self.buffer.is_secret()
    }

    /// The reply is wiped when it is dropped.
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

/// Shows the size only: the content may be a key.
impl fmt::Debug for Reply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reply").field("command", &self.command).field("buffer", &self.buffer).finish()
    }
}
