//! `DM_TARGET_MSG`.

use core::fmt;

use dm_units::Sectors;

use super::dev_id;
use super::payload::{Payload, PayloadWriter};
use crate::error::{Error, RequestFault, Result};
use crate::id::{AsDevId, DevId, Text};
use crate::node::{Dm, Room};
use crate::wire::buffer::Buffer;
use crate::wire::header::{self, HEADER_SIZE, Request};
use crate::wire::reply::{Reply, ReplyError};
use crate::wire::scan::nul_terminated;
use crate::wire::{Command, DeviceInfo, Flags};

const COMMAND: Command = Command::TargetMsg;

/// Options of [`Dm::target_msg_with`].
#[derive(Clone, Copy, Debug)]
pub struct MessageOptions {
    secure: bool,
    answer_size: usize,
}

impl Default for MessageOptions {
    fn default() -> Self {
        Self::new()
    }
}

impl MessageOptions {
    /// An answer of up to 1 KiB is expected; wiped after use if the message may hold a key.
    #[must_use]
    pub const fn new() -> Self {
        Self { secure: false, answer_size: 1024 }
    }

    /// Wipes the message and its answer after use, the kernel its copy and this library its own, although the message does
    /// not say that it may hold a key. Interface 4.20 and later.
    #[must_use]
    pub const fn secure(self, secure: bool) -> Self {
        Self { secure, ..self }
    }

    /// The number of bytes to offer for the answer.
    ///
    /// The kernel carries a message out before it knows whether the answer fits, so one whose answer does not fit is
    /// carried out again. For a message that changes something and answers at length, offer enough at once.
    #[must_use]
    pub const fn answer_size(self, bytes: usize) -> Self {
        Self { answer_size: bytes, ..self }
    }
}

/// A message to the target that serves a sector: see [`Dm::target_msg`]. `Debug` does not show one that may hold a key.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Message<M> {
    /// The sector whose target gets the message.
    pub sector: Sectors,
    /// The text.
    pub text: M,
}

impl<M: Payload> Message<M> {
    /// A message to the target that serves the first sector, which is the right one for devices of one line.
    #[must_use]
    pub const fn new(text: M) -> Self {
        Self { sector: Sectors(0), text }
    }

    /// The sector whose target gets the message.
    #[must_use]
    #[doc(alias = "dm_task_set_sector")]
    pub fn sector(self, sector: Sectors) -> Self {
        Self { sector, ..self }
    }
}

impl<M: Payload + fmt::Debug> fmt::Debug for Message<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut fields = f.debug_struct("Message");
        fields.field("sector", &self.sector);
        if self.text.may_hold_key() {
            return fields.finish_non_exhaustive();
        }
        fields.field("text", &self.text).finish()
    }
}

/// The answer to a message: see [`Dm::target_msg`].
#[derive(Clone, Debug)]
pub struct MessageReply {
    reply: Reply,
    /// The length of the text, if there is one.
    len: Option<usize>,
}

impl MessageReply {
    fn new(reply: Reply) -> Result<Self, ReplyError> {
        reply.check_info()?;
        let has_text = header::flags(reply.header()).contains(Flags::DATA_OUT);
        let len = match has_text {
            false => None,
            true => {
                let text = nul_terminated(reply.needed_payload()?);
                Some(text.ok_or_else(|| reply.fault("an endless text", HEADER_SIZE))?.len())
            }
        };
        Ok(Self { reply, len })
    }

    /// The text. `None` for most messages, which have no answer.
    #[must_use]
    #[doc(alias = "dm_task_get_message_response")]
    pub fn text(&self) -> Option<Text<'_>> {
        let text = self.reply.payload()?.get(..self.len?)?;
        Some(Text::new(text).secret(self.reply.is_secret()))
    }

    /// The state of the device after the message.
    #[must_use]
    pub fn info(&self) -> DeviceInfo {
        self.reply.info()
    }
}

impl Dm {
    /// Sends a message to the target that serves the first sector, or with a first word that starts with `@` to the device
    /// itself.
    ///
    /// - Interface 4.2 and later; a message that may hold a key, 4.20 and later.
    /// - It is sent to the active table. Words are split at white space, a backslash makes the next byte an ordinary one.
    ///
    /// ```no_run
    /// # let dm = dm_core::Dm::open()?;
    /// dm.target_msg("pool", "create_thin 7")?;
    /// # Ok::<(), dm_core::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`is_invalid`](Error::is_invalid): the target takes no messages or not this one, the device has no active table, or
    /// the sector is behind the end. Otherwise the target's own errno. [`is_not_found`](Error::is_not_found).
    #[doc(alias = "DM_TARGET_MSG")]
    #[doc(alias = "DM_DEVICE_TARGET_MSG")]
    #[doc(alias = "dm_task_set_message")]
    pub fn target_msg(&self, id: impl AsDevId, text: impl Payload) -> Result<MessageReply> {
        self.target_msg_with(id, Message::new(text), MessageOptions::new())
    }

    /// Sends a message to the target that serves a sector, with options.
    ///
    /// # Errors
    /// As [`target_msg`](Self::target_msg).
    pub fn target_msg_with(
        &self,
        id: impl AsDevId,
        message: Message<impl Payload>,
        options: MessageOptions,
    ) -> Result<MessageReply> {
        let secret = options.secure || message.text.may_hold_key();
        let request = Request::of(COMMAND, dev_id(COMMAND, &id)?).secure(secret);
        let least = HEADER_SIZE.saturating_add(options.answer_size);
        let room = Room { first: least, least, grow: |_, size| size.saturating_mul(8) };
        Ok(MessageReply::new(self.ask(&request, &room, |buffer| write(buffer, &message))?)?)
    }

    /// Writes a message into a request that can be sent later, and whose answer is not read.
    pub(crate) fn prepare_message(&self, message: &Message<impl Payload>) -> Result<PreparedMessage> {
        let (mut buffer, _) = self.take_buffer(COMMAND, 0);
        if message.text.may_hold_key() {
            buffer.set_secret();
        }
        write(&mut buffer, message).map_err(|fault| Error::request(COMMAND, fault))?;
        Ok(PreparedMessage { buffer })
    }
}

fn write(buffer: &mut Buffer, message: &Message<impl Payload>) -> Result<(), RequestFault> {
    buffer.start_payload();
    buffer.append(&message.sector.0.to_ne_bytes());
    let end = PayloadWriter::append(buffer, &message.text, None)?;
    buffer.truncate(end);
    Ok(())
}

/// A message as a request that only lacks its header. It is wiped when it is dropped, if it may hold a key.
#[derive(Debug)]
pub(crate) struct PreparedMessage {
    buffer: Buffer,
}

impl PreparedMessage {
    /// Completes the request for a device, offering room for an answer that nobody reads.
    pub(crate) fn finish<'a>(&mut self, id: DevId<'a>) -> (Request<'a>, &mut [u8]) {
        let request = Request::of(COMMAND, id).secure(self.buffer.is_secret());
        self.buffer.finish(&request, HEADER_SIZE.saturating_add(ANSWER_SIZE));
        (request, self.buffer.bytes_mut())
    }
}

/// Room for the answers of messages that are sent while a device is suspended. A longer one is cut, which is not an error.
const ANSWER_SIZE: usize = 1024;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_shows_its_text_but_no_key() {
        let shown = |text| format!("{:?}", Message::new(text).sector(Sectors(8)));
        assert_eq!(shown("create_thin 1"), "Message { sector: Sectors(8), text: \"create_thin 1\" }");
        assert!(!shown("key set 00ff").contains("00ff"));
    }
}
