//! [`Target`]: the properties of a target, and the parsing of its table, status and messages.

pub(crate) mod comparison;
pub(crate) mod health;
pub(crate) mod kind;
mod spelled;

pub(crate) use spelled::spelled;

use alloc::vec::Vec;
use core::fmt;
use core::hash::Hash;

use dm_units::{Sectors, Version};

use crate::errors::parse_error::{ParseError, TextKind};
use crate::errors::problem::{InvalidField, Problem};
use crate::option::Feature;
use crate::target::comparison::{Comparison, TableDifference};
use crate::target::health::Health;
use crate::text::fields::Fields;
use crate::text::printer::Printer;
use crate::text::word::WordBuf;

/// A target type of the kernel, represented by a Rust type without values, such as [`Linear`](crate::Linear) or
/// [`ThinPool`](crate::ThinPool).
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
    /// The name of the target type, as in a table line and in the output of `dmsetup targets`.
    const TYPE: &'static str;

    /// The type of the table, which the kernel's constructor reads and `STATUSTYPE_TABLE` prints.
    type Table: Params + Eq + Hash;

    /// The type of the status, which `STATUSTYPE_INFO` prints. It is [`NoStatus`], an alias of
    /// [`NoText`](crate::NoText), if the status is always empty.
    type Status: Params;

    /// The type of the messages. It is [`NoMessage`] if the target accepts no messages.
    type Message: Message;

    /// The options, arguments, messages and values that later versions of the target added. A value is, for example, a
    /// store type or a RAID level. Each entry has the first version that supports it; the entries are not sorted.
    ///
    /// A name is the word in the table or message, sometimes after the name of its field, such as `mode B`. An argument
    /// without a fixed word has a description: `external origin dev` for [`Thin`](crate::Thin), `device` for
    /// [`ErrorTarget`](crate::ErrorTarget), `regular device` for [`Zoned`](crate::Zoned). Words that are not
    /// listed are mostly as old as the target.
    const FEATURES: &'static [Feature] = &[];

    /// Whether a line of this target must be the only line of its table (`DM_TARGET_SINGLETON`). This is `false` for
    /// verity, because only newer kernels require it: Linux 6.12 does, Linux 6.1 does not.
    const SINGLETON: bool = false;

    /// Whether a table with a line of this target must not have lines of another target (`DM_TARGET_IMMUTABLE`). While
    /// such a table is active, the kernel accepts a new table only if the new table has a line of this target or an
    /// `error` line.
    const IMMUTABLE: bool = false;

    /// Whether devices of this target only serve other devices, as a pool does. Programs that search for file systems
    /// should ignore such devices.
    const INTERNAL: bool = false;

    /// Whether the table or a message may contain key material. Errors then never show the text.
    const SECRET: bool = false;

    /// Checks for values that would make the kernel refuse the table or crash. `length` is the number of sectors that
    /// the target maps.
    ///
    /// This does not check what only the running kernel knows, such as the size of devices. It accepts unknown words
    /// and options that only some kernels have. The default implementation accepts every table.
    ///
    /// # Errors
    ///
    /// [`InvalidField`]: a field is out of range, or does not fit another field or the length. The error names one such
    /// field.
    ///
    /// ```
    /// use dm_targets::striped::{Stripe, StripedTable};
    /// use dm_targets::{Striped, Target};
    /// use dm_units::{DeviceNumber, Sectors};
    ///
    /// let stripe = |minor| Stripe::new(DeviceNumber::new(254, minor), Sectors(0));
    /// let table = StripedTable::new(Sectors(64), [stripe(0), stripe(16)]);
    /// assert_eq!(Striped::check(&table, Sectors(256)), Ok(()));
    /// assert_eq!(Striped::check(&table, Sectors(255)).unwrap_err().to_string(), "length must be a multiple of 2");
    /// ```
    fn check(table: &Self::Table, length: Sectors) -> Result<(), InvalidField> {
        let _ = (table, length);
        Ok(())
    }

    /// Whether the kernel printed an error text, such as `Fail`, in place of this table. You cannot load such a
    /// `table`.
    #[must_use]
    fn has_failed(table: &Self::Table) -> bool {
        let _ = table;
        false
    }

    /// Removes one-time requests, such as `rebuild` of a RAID, from a table that the kernel printed. The kernel prints
    /// them even after it has carried them out, and would repeat them if you loaded them again. The default
    /// implementation removes nothing.
    fn remove_requests(table: &mut Self::Table) {
        let _ = table;
    }

    /// Returns the first field in which two tables differ, or `None` if the tables are equal. Fields that affect the
    /// layout of the data are compared first.
    ///
    /// Fields are compared as they are written. A path differs from the number of the same device, and `raid10` differs
    /// from `raid10_near`. A default value usually differs from a missing one. Some targets skip fields that the kernel
    /// does not print.
    ///
    /// By default, the whole table is one field, `table`, which affects the layout. A target that distinguishes fields
    /// implements this method with a [`Comparison`].
    ///
    /// ```
    /// use dm_targets::{Target, ThinPool};
    ///
    /// let one = ThinPool::parse_table("254:32 254:48 128 1024 ")?;
    /// let other = ThinPool::parse_table("254:32 254:48 128 2048 ")?;
    /// let difference = ThinPool::difference(&one, &other).unwrap();
    /// assert_eq!((difference.field, difference.is_layout), ("low water mark", false));
    /// # Ok::<(), dm_targets::ParseError>(())
    /// ```
    #[must_use]
    fn difference(one: &Self::Table, other: &Self::Table) -> Option<TableDifference> {
        Comparison::new(one, other).layout("table", |table| table).result()
    }

    /// Returns the health of the target according to `status`. The default implementation is for targets whose status
    /// does not show their health. It returns a [`Health`] whose state is [`Good`](crate::HealthState::Good).
    #[must_use]
    fn health(status: &Self::Status) -> Health {
        let _ = status;
        Health::default()
    }

    /// Parses a table as the kernel and `dmsetup` print it ([`TextForm::Printed`](crate::TextForm::Printed)).
    ///
    /// # Errors
    ///
    /// [`ParseError`]: the text is not a table of this target; the error points to one of its words or to its end.
    ///
    /// ```
    /// use dm_targets::{Linear, Target};
    /// use dm_units::Sectors;
    ///
    /// assert_eq!(Linear::parse_table("253:0 2048")?.start, Sectors(2048));
    /// # Ok::<(), dm_targets::ParseError>(())
    /// ```
    fn parse_table(text: &str) -> Result<Self::Table, ParseError> {
        parse::<Self, _>(Fields::printed(text), TextKind::Table)
    }

    /// Parses a table as the constructor reads it and `Display` prints it ([`TextForm::Input`](crate::TextForm::Input)).
    ///
    /// # Errors
    ///
    /// [`ParseError`]: the text is not a table of this target; the error points to one of its words or to its end.
    ///
    /// ```
    /// use dm_targets::{Device, Linear, Target};
    ///
    /// let table = Linear::parse_input(r"/dev/mapper/my\ disk 0")?;
    /// assert_eq!(table.device, Device::new("/dev/mapper/my disk").unwrap());
    /// # Ok::<(), dm_targets::ParseError>(())
    /// ```
    fn parse_input(text: &str) -> Result<Self::Table, ParseError> {
        parse::<Self, _>(Fields::input(text), TextKind::Table)
    }

    /// Parses a status as the kernel prints it.
    ///
    /// # Errors
    ///
    /// [`ParseError`]: the text is not a status of this target; the error points to one of its words or to its end.
    ///
    /// ```
    /// use dm_targets::{Delay, Target};
    ///
    /// assert_eq!(Delay::parse_status("3 4 0")?.writes, 4);
    /// # Ok::<(), dm_targets::ParseError>(())
    /// ```
    fn parse_status(text: &str) -> Result<Self::Status, ParseError> {
        parse::<Self, _>(Fields::printed(text), TextKind::Status)
    }

    /// Parses a message in the form in which it is sent to the kernel ([`TextForm::Input`](crate::TextForm::Input)). An
    /// extra word is an error, even if the kernel would ignore it.
    ///
    /// # Errors
    ///
    /// [`ParseError`]: the text is not a message of this target; the error points to one of its words or to its end.
    ///
    /// ```
    /// use dm_targets::era::EraMessage;
    /// use dm_targets::{Era, Target};
    ///
    /// assert_eq!(Era::parse_message("checkpoint")?, EraMessage::Checkpoint);
    /// # Ok::<(), dm_targets::ParseError>(())
    /// ```
    fn parse_message(text: &str) -> Result<Self::Message, ParseError> {
        parse::<Self, _>(Fields::input(text), TextKind::Message)
    }

    /// Parses the reply to `message`.
    ///
    /// # Errors
    ///
    /// [`ParseError`]: the text is not a reply to the message; the error points to one of its words or to its end.
    ///
    /// ```
    /// use dm_targets::dust::{DustMessage, DustReply};
    /// use dm_targets::{Dust, Target};
    ///
    /// let text = "countbadblocks: 3 badblock(s) found";
    /// assert_eq!(Dust::parse_reply(&DustMessage::CountBadBlocks, text)?, DustReply::Count(3));
    /// # Ok::<(), dm_targets::ParseError>(())
    /// ```
    fn parse_reply(message: &Self::Message, text: &str) -> Result<<Self::Message as Message>::Reply, ParseError> {
        parse_with::<Self, _>(Fields::printed(text), TextKind::Reply, |fields| message.parse_reply(fields))
    }

    /// Returns whether version `version` of the target supports the feature `name`. Returns `None` if
    /// [`FEATURES`](Self::FEATURES) does not list the name.
    ///
    /// `Dm::list_versions` of dm-core and `dmsetup targets` show the version of each target. It is not the version of
    /// the kernel.
    ///
    /// ```
    /// use dm_targets::{Crypt, Target};
    /// use dm_units::Version;
    ///
    /// assert_eq!(Crypt::has_feature("sector_size", Version::new(1, 14, 0)), Some(false));
    /// assert_eq!(Crypt::has_feature("sector_size", Version::new(1, 17, 0)), Some(true));
    /// assert_eq!(Crypt::has_feature("no such option", Version::new(1, 17, 0)), None);
    /// ```
    #[must_use]
    fn has_feature(name: &str, version: Version) -> Option<bool> {
        let feature = Self::FEATURES.iter().find(|feature| feature.name == name)?;
        Some(version >= feature.since)
    }
}

/// Parses a text of the target `T` and requires that it has no further words.
#[inline]
pub(crate) fn parse<T: Target, P: Params>(fields: Fields<'_>, part: TextKind) -> Result<P, ParseError> {
    parse_with::<T, P>(fields, part, P::parse)
}

#[inline]
fn parse_with<T: Target, P>(
    fields: Fields<'_>,
    part: TextKind,
    read: impl FnOnce(&mut Fields<'_>) -> Result<P, ParseError>,
) -> Result<P, ParseError> {
    fields.guarded(T::SECRET).read_all(read).map_err(|error| error.within::<T>(part))
}

impl ParseError {
    /// Adds the target `T` and the kind of text to the error, for a parser that is called outside the functions of
    /// [`Target`].
    #[cold]
    #[must_use]
    pub fn within<T: Target>(self, text_kind: TextKind) -> Self {
        self.in_target(T::TYPE, T::SECRET, text_kind)
    }
}

/// The table, status or message of a target, which is parsed from words and printed as words.
///
/// `Display` prints the words in the kernel's order. For tables and messages, `{}` quotes words so that the kernel can read
/// them, and `{:#}` prints them without quotes, as the kernel does.
pub trait Params: Clone + fmt::Debug + PartialEq + fmt::Display {
    /// Parses the words of this value. The caller checks that no words are left.
    ///
    /// # Errors
    ///
    /// [`ParseError`]: a word is missing or invalid.
    fn parse(fields: &mut Fields<'_>) -> Result<Self, ParseError>;
}

/// The messages of a target, with the type of their replies.
pub trait Message: Params {
    /// The type of the target's replies. It is [`NoReply`], an alias of [`NoText`](crate::NoText), if the replies are
    /// always empty.
    type Reply: Params;

    /// Parses the words of the target's reply to this message. To parse a text, call [`Target::parse_reply`].
    ///
    /// # Errors
    ///
    /// [`ParseError`]: the words are not a reply to this message.
    fn parse_reply(&self, fields: &mut Fields<'_>) -> Result<Self::Reply, ParseError> {
        Self::Reply::parse(fields)
    }
}

/// The status of a target whose status is always empty.
pub type NoStatus = NoText;

/// The reply to a message whose reply is always empty.
pub type NoReply = NoText;

/// A status or reply that has no words in the kernels that this crate knows.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct NoText {
    /// All words of the text. The kernels that this crate knows print none.
    #[cfg_attr(feature = "serde", serde(default))]
    pub extra: Vec<WordBuf>,
}

impl Params for NoText {
    fn parse(fields: &mut Fields<'_>) -> Result<Self, ParseError> {
        if fields.is_at_end() {
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

/// The message type of a target that accepts no messages. It has no values.
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
