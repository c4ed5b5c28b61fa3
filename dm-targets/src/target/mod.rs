//! What every target says about itself.

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

    /// What the constructor reads and `STATUSTYPE_TABLE` prints.
    type Table: Params + Eq + Hash;

    /// What `STATUSTYPE_INFO` prints; [`NoStatus`] where that is always nothing.
    type Status: Params;

    /// What can be sent with a message; [`NoMessage`] where nothing can.
    type Message: Message;

    /// Which version of the target brought which option, in no order.
    const FEATURES: &'static [Feature] = &[];

    /// Whether it must be the only line of its table (`DM_TARGET_SINGLETON`).
    const SINGLETON: bool = false;

    /// Whether its devices only serve others, as a pool does its thin devices, so that programs which look for file systems
    /// should not look at them.
    const INTERNAL: bool = false;

    /// Whether its table or a message may hold key material. Errors then never show the text.
    const SECRET: bool = false;

    /// Checks what the kernel would refuse in a table of which this target is `length` long.
    ///
    /// Says nothing of what only the running kernel knows, such as the size of devices.
    ///
    /// # Errors
    ///
    /// A field is out of range, or does not go together with another one or with the length.
    fn check(table: &Self::Table, length: Sectors) -> Result<(), InvalidField> {
        let _ = (table, length);
        Ok(())
    }

    /// Whether the kernel has printed this in the place of a table that it cannot read any more.
    #[must_use]
    fn has_failed(table: &Self::Table) -> bool {
        let _ = table;
        false
    }

    /// The first field in which two tables differ, and whether the data depend on it; `None` if they are equal.
    ///
    /// By default the data depend on everything. A target that has fields on which they do not compares them with a
    /// [`Comparison`](crate::Comparison).
    #[must_use]
    fn difference(one: &Self::Table, other: &Self::Table) -> Option<TableDifference> {
        Comparison::new(one, other).layout("table", |table| table).result()
    }

    /// What a status says of the health of the target. A target that says nothing is good.
    #[must_use]
    fn health(status: &Self::Status) -> Health {
        let _ = status;
        Health::default()
    }

    /// Reads a table as the kernel and `dmsetup` print it ([`Form::Printed`](crate::Form::Printed)).
    ///
    /// # Errors
    ///
    /// The text is no table of this target.
    fn parse_table(text: &str) -> Result<Self::Table, ParseError> {
        parse::<Self, _>(Fields::printed(text), Part::Table)
    }

    /// Reads a table as the constructor reads it, and as `Display` prints it ([`Form::Input`](crate::Form::Input)).
    ///
    /// # Errors
    ///
    /// The text is no table of this target.
    fn parse_input(text: &str) -> Result<Self::Table, ParseError> {
        parse::<Self, _>(Fields::input(text), Part::Table)
    }

    /// Reads a status as the kernel prints it.
    ///
    /// # Errors
    ///
    /// The text is no status of this target.
    fn parse_status(text: &str) -> Result<Self::Status, ParseError> {
        parse::<Self, _>(Fields::printed(text), Part::Status)
    }

    /// Reads a message as the target reads it.
    ///
    /// # Errors
    ///
    /// The text is no message of this target.
    fn parse_message(text: &str) -> Result<Self::Message, ParseError> {
        parse::<Self, _>(Fields::input(text), Part::Message)
    }

    /// Reads what the target has answered to a message.
    ///
    /// # Errors
    ///
    /// The text is no answer to it.
    fn parse_reply(message: &Self::Message, text: &str) -> Result<<Self::Message as Message>::Reply, ParseError> {
        parse_with::<Self, _>(Fields::printed(text), Part::Reply, |fields| message.parse_reply(fields))
    }

    /// Whether the target of this version, as the kernel reports it, has the option; `None` for an unknown option.
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
    /// The same error, in a text of the target `T`.
    #[cold]
    #[must_use]
    pub fn within<T: Target>(self, part: Part) -> Self {
        self.in_target(T::TYPE, T::SECRET, part)
    }
}

/// A table, status or message: what can be read from words and printed as words.
///
/// `Display` prints what the kernel prints, in the kernel's order. For tables and messages, `{}` quotes words so that
/// the kernel reads them back, and `{:#}` does not quote, as the kernel does not.
pub trait Params: Clone + fmt::Debug + PartialEq + fmt::Display {
    /// Reads the words that belong to it. Words that are left over are refused by the caller.
    ///
    /// # Errors
    ///
    /// A word is missing or is no such field.
    fn parse(fields: &mut Fields<'_>) -> Result<Self, ParseError>;
}

/// A message to a target.
pub trait Message: Params {
    /// What the target answers; [`NoReply`] where that is nothing.
    type Reply: Params;

    /// Reads what the target has answered to this message.
    ///
    /// # Errors
    ///
    /// The words are no such answer.
    fn parse_reply(&self, fields: &mut Fields<'_>) -> Result<Self::Reply, ParseError> {
        Self::Reply::parse(fields)
    }
}

/// The status of a target that prints none.
pub type NoStatus = NoText;

/// The answer to a message that is answered with nothing.
pub type NoReply = NoText;

/// A text that is empty.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct NoText {
    /// Words that later kernels may print.
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

/// The messages of a target that takes none; it has no values.
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
