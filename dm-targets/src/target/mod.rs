//! [`Target`]: the description of a target, and the traits of its texts.

pub(crate) mod comparison;
pub(crate) mod health;
pub(crate) mod kind;
mod spelled;

pub(crate) use spelled::spelled;

use alloc::vec::Vec;
use core::fmt;
use core::hash::Hash;

use dm_units::{Sectors, Version};

use crate::errors::parse_error::{ParseError, Part};
use crate::errors::problem::{InvalidField, Problem};
use crate::option::Feature;
use crate::target::comparison::{Comparison, TableDifference};
use crate::target::health::Health;
use crate::text::fields::Fields;
use crate::text::printer::Printer;
use crate::text::word::WordBuf;

/// A kind of target, named by a type without values: [`Linear`](crate::Linear), [`ThinPool`](crate::ThinPool), ….
///
/// ```
/// use dm_targets::{Target, ThinPool};
/// use dm_targets::thin_pool::ThinPoolStatus;
///
/// let status = ThinPool::parse_status("1 15/1024 20/4096 - rw discard_passdown queue_if_no_space - 256 ")?;
/// let ThinPoolStatus::Working(pool) = status else { return Ok(()) };
/// assert_eq!(pool.data.used.0, 20);
/// # Ok::<(), dm_targets::ParseError>(())
/// ```
pub trait Target: Copy + fmt::Debug + Eq + 'static {
    /// The target type, as in a table line and as `dmsetup targets` prints it.
    const TYPE: &'static str;

    /// The table, as the constructor reads it and `STATUSTYPE_TABLE` prints it.
    type Table: Params + Eq + Hash;

    /// The status, as `STATUSTYPE_INFO` prints it; [`NoStatus`] if it is always empty.
    type Status: Params;

    /// The messages that the target accepts; [`NoMessage`] if it accepts none.
    type Message: Message;

    /// The options with the versions of the target that introduced them, in any order.
    const FEATURES: &'static [Feature] = &[];

    /// Whether it must be the only line of its table (`DM_TARGET_SINGLETON`).
    const SINGLETON: bool = false;

    /// Whether its devices only serve other devices, like a pool, so that programs that search for file systems should
    /// ignore them.
    const INTERNAL: bool = false;

    /// Whether its table or a message may contain key material. Errors then never show the text.
    const SECRET: bool = false;

    /// Checks a table for errors that the kernel would refuse, given the length of the target.
    ///
    /// Facts that only the running kernel knows, such as the size of devices, are not checked.
    ///
    /// # Errors
    ///
    /// A field is out of range, or does not fit another field or the length.
    fn check(table: &Self::Table, length: Sectors) -> Result<(), InvalidField> {
        let _ = (table, length);
        Ok(())
    }

    /// Whether the kernel printed this instead of a table that it can no longer read.
    #[must_use]
    fn has_failed(table: &Self::Table) -> bool {
        let _ = table;
        false
    }

    /// The first field in which two tables differ, and whether it affects the layout of the data; `None` if they are
    /// equal.
    ///
    /// By default all fields affect the layout. A target with other fields compares them with a
    /// [`Comparison`](crate::Comparison).
    #[must_use]
    fn difference(one: &Self::Table, other: &Self::Table) -> Option<TableDifference> {
        Comparison::new(one, other).layout("table", |table| table).result()
    }

    /// The health of the target according to its status. A target whose status does not show it is good.
    #[must_use]
    fn health(status: &Self::Status) -> Health {
        let _ = status;
        Health::default()
    }

    /// Reads a table as the kernel and `dmsetup` print it ([`Form::Printed`](crate::Form::Printed)).
    ///
    /// # Errors
    ///
    /// The text is not a table of this target.
    fn parse_table(text: &str) -> Result<Self::Table, ParseError> {
        parse::<Self, _>(Fields::printed(text), Part::Table)
    }

    /// Reads a table as the constructor reads it, and as `Display` prints it ([`Form::Input`](crate::Form::Input)).
    ///
    /// # Errors
    ///
    /// The text is not a table of this target.
    fn parse_input(text: &str) -> Result<Self::Table, ParseError> {
        parse::<Self, _>(Fields::input(text), Part::Table)
    }

    /// Reads a status as the kernel prints it.
    ///
    /// # Errors
    ///
    /// The text is not a status of this target.
    fn parse_status(text: &str) -> Result<Self::Status, ParseError> {
        parse::<Self, _>(Fields::printed(text), Part::Status)
    }

    /// Reads a message as the target parses it.
    ///
    /// # Errors
    ///
    /// The text is not a message of this target.
    fn parse_message(text: &str) -> Result<Self::Message, ParseError> {
        parse::<Self, _>(Fields::input(text), Part::Message)
    }

    /// Reads the answer to a message.
    ///
    /// # Errors
    ///
    /// The text is not an answer to the message.
    fn parse_reply(message: &Self::Message, text: &str) -> Result<<Self::Message as Message>::Reply, ParseError> {
        parse_with::<Self, _>(Fields::printed(text), Part::Reply, |fields| message.parse_reply(fields))
    }

    /// Whether a version of the target, as reported by the kernel, has an option; `None` for an unknown option.
    #[must_use]
    fn has_feature(name: &str, version: Version) -> Option<bool> {
        let feature = Self::FEATURES.iter().find(|feature| feature.name == name)?;
        Some(version >= feature.since)
    }
}

/// Reads all words of a text of the target `T`.
#[inline]
pub(crate) fn parse<T: Target, P: Params>(fields: Fields<'_>, part: Part) -> Result<P, ParseError> {
    parse_with::<T, P>(fields, part, P::parse)
}

#[inline]
fn parse_with<T: Target, P>(
    fields: Fields<'_>,
    part: Part,
    read: impl FnOnce(&mut Fields<'_>) -> Result<P, ParseError>,
) -> Result<P, ParseError> {
    fields.guarded(T::SECRET).read_all(read).map_err(|error| error.within::<T>(part))
}

impl ParseError {
    /// Adds the target `T` and the kind of text to the error.
    #[cold]
    #[must_use]
    pub fn within<T: Target>(self, part: Part) -> Self {
        self.in_target(T::TYPE, T::SECRET, part)
    }
}

/// A table, status or message, which is read from words and printed as words.
///
/// `Display` prints what the kernel prints, in the kernel's order. For tables and messages, `{}` quotes words so that
/// the kernel can read them; `{:#}` does not quote, like the kernel.
pub trait Params: Clone + fmt::Debug + PartialEq + fmt::Display {
    /// Reads the words that belong to it. The caller refuses the remaining words.
    ///
    /// # Errors
    ///
    /// A word is missing or invalid.
    fn parse(fields: &mut Fields<'_>) -> Result<Self, ParseError>;
}

/// A message to a target.
pub trait Message: Params {
    /// The target's answer; [`NoReply`] if it is always empty.
    type Reply: Params;

    /// Reads the target's answer to this message.
    ///
    /// # Errors
    ///
    /// The words are not such an answer.
    fn parse_reply(&self, fields: &mut Fields<'_>) -> Result<Self::Reply, ParseError> {
        Self::Reply::parse(fields)
    }
}

/// The status of a target that has none.
pub type NoStatus = NoText;

/// The answer to a message that has none.
pub type NoReply = NoText;

/// An empty text.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct NoText {
    /// Words after the known ones, which a later kernel may print.
    #[cfg_attr(feature = "serde", serde(default, skip_serializing_if = "Vec::is_empty"))]
    pub extra: Vec<WordBuf>,
}

impl Params for NoText {
    fn parse(fields: &mut Fields<'_>) -> Result<Self, ParseError> {
        if fields.remainder().is_empty() {
            return Ok(Self::default());
        }
        Ok(Self { extra: fields.read_rest("extra")? })
    }
}

impl fmt::Display for NoText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.extra.is_empty() {
            return Ok(());
        }
        Printer::printed(f).all(&self.extra).end()
    }
}

/// The messages of a target that accepts none; it has no values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoMessage {}

impl Params for NoMessage {
    fn parse(fields: &mut Fields<'_>) -> Result<Self, ParseError> {
        match fields.next_word() {
            Some(_) => Err(fields.error("message", Problem::Unexpected)),
            None => Err(fields.missing("message")),
        }
    }
}

impl Message for NoMessage {
    type Reply = NoReply;
}

impl fmt::Display for NoMessage {
    fn fmt(&self, _: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {}
    }
}
