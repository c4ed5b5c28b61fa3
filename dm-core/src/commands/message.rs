//! `DM_TARGET_MSG`.

use core::fmt::Display;

use dm_units::Sectors;

use crate::commands::load::{ParamsWriter, Printed};
use crate::commands::status::SECURE_DATA_MINOR;
use crate::error::{ReplyError, Result};
use crate::id::dev_id::DevId;
use crate::id::text::Text;
use crate::node::dm::{Dm, Room};
use crate::node::transport::Transport;
use crate::wire::buffer::Buffer;
use crate::wire::command::Command;
use crate::wire::flags::Flags;
use crate::wire::header::{self, HEADER_SIZE, Request};

/// Options of [`Dm::target_msg`].
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
    /// Not secret; an answer of up to 1 KiB is expected.
    #[must_use]
    pub const fn new() -> Self {
        Self { secure: false, answer_size: 1024 }
    }

    /// Wipes the message after use, the kernel its copy and this library its buffer: for keys. Interface 4.20 and later.
    #[must_use]
    pub const fn secure(self, secure: bool) -> Self {
        Self { secure, ..self }
    }

    /// How many bytes of answer to expect.
    ///
    /// The kernel carries a message out before it knows whether the answer fits, so one whose answer does not fit is
    /// carried out again. For a message that changes something and answers at length, expect enough at once.
    #[must_use]
    pub const fn answer_size(self, bytes: usize) -> Self {
        Self { answer_size: bytes, ..self }
    }
}

impl<T: Transport> Dm<T> {
    /// Sends a message to the target that serves a sector, or with a first word that starts with `@` to the device itself.
    ///
    /// - Interface 4.2 and later.
    /// - Goes to the active table. Words are split at white space, a backslash makes the next byte an ordinary one.
    /// - The answer, for the few messages that have one, is text; most give `None`.
    ///
    /// # Errors
    /// [`is_invalid`](crate::Error::is_invalid): the target takes no messages or not this one, there is no active table, or
    /// the sector is behind the end. Otherwise the target's own errno. [`is_not_found`](crate::Error::is_not_found).
    #[doc(alias = "DM_TARGET_MSG")]
    pub fn target_msg<'a, 'b>(
        &self,
        buffer: &'b mut Buffer,
        id: impl Into<DevId<'a>>,
        sector: Sectors,
        message: impl Display,
        options: MessageOptions,
    ) -> Result<Option<Text<'b>>> {
        const COMMAND: Command = Command::TargetMsg;
        let request = Request::of(COMMAND, id.into()).flag_since(SECURE_DATA_MINOR, Flags::SECURE_DATA, options.secure);
        let least = HEADER_SIZE.saturating_add(options.answer_size);
        let room = Room { first: least, least, grow: |_, size| size.saturating_mul(8) };
        let answer = self.ask(buffer, &request, &room, |buffer| {
            buffer.start_payload();
            buffer.append(&sector.0.to_ne_bytes());
            let end = ParamsWriter::write(buffer, &Printed(&message), None)?;
            buffer.truncate(end);
            Ok(())
        })?;
        if !header::flags(answer.header).contains(Flags::DATA_OUT) {
            return Ok(None);
        }
        let text = header::nul_terminated(answer.payload()?);
        let endless = ReplyError { command: COMMAND, what: "an endless text", at: HEADER_SIZE };
        Ok(Some(Text::new(text.ok_or(endless)?)))
    }
}
