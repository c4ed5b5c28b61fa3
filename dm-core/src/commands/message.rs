//! `DM_TARGET_MSG`: sends a message to a target.

use core::fmt;

use dm_units::Sectors;

use super::dev_id;
use super::payload::{Payload, PayloadWriter, sets_a_key};
use crate::error::{Error, RequestFault, Result};
use crate::id::{AsDevId, DevId, Text};
use crate::node::{Dm, ReplySizes};
use crate::wire::buffer::{Buffer, MAX_SIZE};
use crate::wire::header::{self, HEADER_SIZE, Request};
use crate::wire::reply::{Reply, ReplyError};
use crate::wire::scan::nul_terminated;
use crate::wire::{Command, DeviceInfo, Flags};

const COMMAND: Command = Command::TargetMsg;

/// Options of [`Dm::target_msg_with`].
#[derive(Clone, Copy, Debug)]
pub struct MessageOptions {
    secure: bool,
    if_possible: bool,
    reply_size: usize,
}

impl Default for MessageOptions {
    fn default() -> Self {
        Self::new()
    }
}

impl MessageOptions {
    /// The default: a buffer of 1 KiB for the reply. Copies of a message that may contain a key are
    /// wiped after use.
    #[must_use]
    pub const fn new() -> Self {
        Self { secure: false, if_possible: false, reply_size: 1024 }
    }

    /// Treats the message and its reply as secret even if the message is not known to contain a key: the kernel and
    /// this library wipe their copies after use. Requires ioctl interface 4.20, unless
    /// [`if_possible`](Self::if_possible) is set.
    #[must_use]
    pub const fn secure(self, secure: bool) -> Self {
        Self { secure, ..self }
    }

    /// Whether to send a message that is secret or may contain a key, as libdm does, even if the kernel is older than
    /// ioctl interface 4.20 and cannot wipe its copy. By default the command fails on such a kernel with
    /// [`Error::Unsupported`].
    #[must_use]
    pub const fn if_possible(self, if_possible: bool) -> Self {
        Self { if_possible, ..self }
    }

    /// Sets the buffer size for the reply, in bytes. Together with the header of 312 bytes, it can be at most 1 GiB.
    ///
    /// If the reply does not fit, the message is sent again, and the kernel executes it a second time. For a message
    /// that changes something and has a long reply, set a sufficient size.
    #[must_use]
    pub const fn reply_size(self, bytes: usize) -> Self {
        Self { reply_size: bytes, ..self }
    }
}

/// A message to a target, for [`Dm::target_msg_with`], [`Host::message`](crate::Host::message) and
/// [`Steps::message`](crate::Steps::message). `Debug` does not show the text if it may contain a key.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Message<M> {
    /// A sector of the mapped device. The message goes to the target that maps this sector in the active table. Ignored
    /// for a message that starts with `@`.
    pub sector: Sectors,
    /// The words of the message, separated by white space. A backslash escapes the next byte. A message that starts
    /// with `@` goes to the device itself, not to a target.
    pub text: M,
}

impl<M: Payload> Message<M> {
    /// Makes a message to the target that maps the first sector. Most devices have only this target.
    #[must_use]
    pub const fn new(text: M) -> Self {
        Self { sector: Sectors(0), text }
    }

    /// Addresses the message to the target that maps this sector.
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
        let mut buffer = Buffer::default();
        if write(&mut buffer, self).is_err() || buffer.is_secret() {
            return fields.finish_non_exhaustive();
        }
        fields.field("text", &self.text).finish()
    }
}

/// The reply to a message, as returned by [`Dm::target_msg`].
#[derive(Clone, Debug)]
pub struct MessageReply {
    reply: Reply,
    /// The length of the text; `None` without a reply.
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
                Some(text.ok_or_else(|| reply.fault("an unterminated text", HEADER_SIZE))?.len())
            }
        };
        Ok(Self { reply, len })
    }

    /// The text of the reply. `None` for most messages, which have no reply.
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
    /// Sends a message to the target that maps the first sector. A message that starts with `@`, such as
    /// `@stats_create`, goes to the device itself.
    ///
    /// - Ioctl interface 4.2 and later. A message that may contain a key requires 4.20, unless
    ///   [`if_possible`](MessageOptions::if_possible) is set.
    /// - Targets get messages only while their table is active. A message for the device itself needs no table.
    /// - The kernel splits the message at white space. A backslash escapes the next byte.
    ///
    /// ```
    /// # let memory = dm_testing::MemoryKernel::new();
    /// # let line = |target, params| [dm_core::TargetLine::text(dm_units::Sectors(0), dm_units::Sectors(128), target, params)];
    /// # let [metadata, data] = [21, 16].map(|order| memory.disk(dm_units::Bytes(1 << order)).number());
    /// # memory.host().create("pool", line("thin-pool", format!("{metadata} {data} 128 0")))?;
    /// # let dm = memory.dm();
    /// dm.target_msg("pool", "create_thin 7")?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// - [`is_invalid`](Error::is_invalid): the target takes no messages or refuses this message, the device has no
    ///   active table, or the sector is beyond the end of the device. A target can return any other errno.
    /// - [`is_not_found`](Error::is_not_found): the device does not exist.
    /// - [`Error::Request`]: the text cannot be sent, for example because it contains a NUL.
    /// - [`Error::Unsupported`]: the kernel cannot wipe a message that may contain a key.
    #[doc(alias = "DM_TARGET_MSG")]
    #[doc(alias = "DM_DEVICE_TARGET_MSG")]
    #[doc(alias = "dm_task_set_message")]
    pub fn target_msg(&self, id: impl AsDevId, text: impl Payload) -> Result<MessageReply> {
        self.target_msg_with(id, Message::new(text), MessageOptions::new())
    }

    /// Sends a message to the target that maps a certain sector, with options.
    ///
    /// # Errors
    /// As [`target_msg`](Self::target_msg). [`RequestFault::TooLarge`] in [`Error::Request`]: the requested
    /// [`reply_size`](MessageOptions::reply_size) is larger than the kernel accepts.
    pub fn target_msg_with(
        &self,
        id: impl AsDevId,
        message: Message<impl Payload>,
        options: MessageOptions,
    ) -> Result<MessageReply> {
        let request = Request::of(COMMAND, dev_id(COMMAND, &id)?);
        let request = request.secure_if_possible(options.if_possible).secure(options.secure);
        let least = HEADER_SIZE.saturating_add(options.reply_size);
        if least > MAX_SIZE {
            return Err(Error::request(COMMAND, RequestFault::TooLarge));
        }
        let sizes = ReplySizes { first: least, least, grow: |_, size| size.saturating_mul(8) };
        Ok(MessageReply::new(self.ask(&request, &sizes, |buffer| write(buffer, &message))?)?)
    }

    /// Writes a message into a request that is sent later. Its reply is ignored.
    pub(crate) fn prepare_message(&self, message: &Message<impl Payload>) -> Result<PreparedMessage> {
        let (mut buffer, _) = self.take_buffer(COMMAND, 0);
        write(&mut buffer, message).map_err(|fault| Error::request(COMMAND, fault))?;
        Ok(PreparedMessage { buffer })
    }
}

/// Appends the sector and the text. The buffer is secret afterwards if the text sets a key, whatever a payload outside
/// this crate reports.
fn write(buffer: &mut Buffer, message: &Message<impl Payload>) -> Result<(), RequestFault> {
    let is_secret = buffer.is_secret() || message.text.may_hold_key();
    // Secret until the text is known, so that growing leaves no copy of a key behind.
    buffer.set_secret();
    buffer.start_payload();
    buffer.append(&message.sector.0.to_ne_bytes());
    let start = buffer.bytes().len();
    let end = PayloadWriter::append(buffer, &message.text, None)?;
    buffer.truncate(end);
    if !is_secret && !buffer.bytes().get(start..).is_some_and(sets_a_key) {
        buffer.set_public();
    }
    Ok(())
}

/// A request with a message, complete except for its header. Wiped on drop if the message may contain a key.
#[derive(Debug)]
pub(crate) struct PreparedMessage {
    buffer: Buffer,
}

impl PreparedMessage {
    /// Completes the request for a device, with space for a reply that is ignored.
    pub(crate) fn finish<'a>(&mut self, id: DevId<'a>) -> (Request<'a>, &mut [u8]) {
        let request = Request::of(COMMAND, id).secure(self.buffer.is_secret());
        self.buffer.finish(&request, HEADER_SIZE.saturating_add(ANSWER_SIZE));
        (request, self.buffer.bytes_mut())
    }
}

/// Space for the replies of messages that are sent while a device is suspended. A longer reply is truncated, which is
/// not an error.
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

    #[test]
    fn a_payload_that_does_not_know_its_key_is_not_shown_either() {
        #[derive(Debug)]
        struct Own(&'static str);

        impl Payload for Own {
            fn write(&self, out: &mut PayloadWriter<'_>) -> fmt::Result {
                out.write_bytes(self.0.as_bytes())
            }
        }

        assert!(!format!("{:?}", Message::new(Own("key set 00ff"))).contains("00ff"));
        assert!(format!("{:?}", Message::new(Own("@stats_list"))).contains("@stats_list"));
    }
}
