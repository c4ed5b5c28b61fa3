//! Messages to a `vdo` target, and its replies.

use alloc::boxed::Box;
use alloc::vec::Vec;
use core::fmt;

use super::{VdoConfig, VdoStats};
use crate::option::keywords::keywords;
use crate::option::{OnOff, OptionKind};
use crate::{Fields, Message, NoReply, Params, ParseError, Printer, Problem};

keywords! {
    any_case;
    /// A part of the volume's state to write to the kernel log.
    pub enum VdoDump {
        /// The requests in progress.
        Viopool = "viopool",
        /// The state of the volume.
        Vdo = "vdo",
        /// All object pools.
        Pools = "pools",
        /// The work queues.
        Queues = "queues",
        /// An alias of `queues`.
        Threads = "threads",
        /// The work queues and the state of the volume. An empty list of parts means the same.
        Default = "default",
        /// Everything.
        All = "all",
    }
}

/// A message to a `vdo` target.
///
/// ```
/// use dm_targets::vdo::VdoMessage;
///
/// assert_eq!(VdoMessage::Compression(true).to_string(), "compression on");
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum VdoMessage {
    /// Queries counters and sizes; the reply is [`VdoReply::Stats`].
    Stats,
    /// Queries the configuration of the volume; the reply is [`VdoReply::Config`].
    Config,
    /// Switches compression on or off. The kernel returns `EBUSY` while it processes another compression message.
    Compression(bool),
    /// Closes the deduplication index. As with `index-create`, `index-disable` and `index-enable`, the message can
    /// return before the index has changed.
    IndexClose,
    /// Creates a new deduplication index, and drops the contents of the old one.
    IndexCreate,
    /// Stops using the deduplication index.
    IndexDisable,
    /// Starts using the deduplication index again.
    IndexEnable,
    /// Writes these parts of the state to the kernel log now; an empty list means [`VdoDump::Default`].
    Dump(Vec<VdoDump>),
    /// Writes the state to the kernel log when the volume is shut down.
    DumpOnShutdown,
}

/// The messages that are a single word.
const WORDS: [(&str, VdoMessage); 7] = [
    ("stats", VdoMessage::Stats),
    ("config", VdoMessage::Config),
    ("index-close", VdoMessage::IndexClose),
    ("index-create", VdoMessage::IndexCreate),
    ("index-disable", VdoMessage::IndexDisable),
    ("index-enable", VdoMessage::IndexEnable),
    ("dump-on-shutdown", VdoMessage::DumpOnShutdown),
];
const COMPRESSION: &str = "compression";
const DUMP: &str = "dump";

impl Params for VdoMessage {
    fn parse(fields: &mut Fields<'_>) -> Result<Self, ParseError> {
        let name = fields.next_word().ok_or_else(|| fields.missing("message"))?;
        if name.is(COMPRESSION) {
            return read_switch(fields).map(Self::Compression);
        }
        if name.is(DUMP) {
            let mut what = Vec::new();
            while let Some(option) = fields.read_optional(DUMP)? {
                what.push(option);
            }
            return Ok(Self::Dump(what));
        }
        let known = WORDS.into_iter().find(|(word, _)| name.is(word));
        known.map(|(_, message)| message).ok_or_else(|| fields.error("message", Problem::Unknown))
    }
}

/// Reads `on` or `off` in any case; in a table, the kernel requires lower case.
fn read_switch(fields: &mut Fields<'_>) -> Result<bool, ParseError> {
    match fields.next_word() {
        Some(word) if word.is("on") => Ok(true),
        Some(word) if word.is("off") => Ok(false),
        Some(_) => Err(fields.error(COMPRESSION, Problem::Expected("on or off"))),
        None => Err(fields.error(COMPRESSION, Problem::Expected("followed by a value"))),
    }
}

impl fmt::Display for VdoMessage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut out = Printer::new(f);
        match self {
            Self::Compression(on) => {
                OnOff::named(COMPRESSION).print(&Some(*on), &mut out);
                &mut out
            }
            Self::Dump(what) => out.word(DUMP).all(what),
            other => out.word(WORDS.iter().find(|(_, message)| message == other).map_or("", |(word, _)| word)),
        };
        out.end()
    }
}

impl Message for VdoMessage {
    type Reply = VdoReply;

    fn parse_reply(&self, fields: &mut Fields<'_>) -> Result<VdoReply, ParseError> {
        match self {
            Self::Stats => VdoStats::parse(fields).map(Box::new).map(VdoReply::Stats),
            Self::Config => VdoConfig::parse(fields).map(VdoReply::Config),
            _ => NoReply::parse(fields).map(VdoReply::Nothing),
        }
    }
}

/// The reply of a `vdo` target to a message.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub enum VdoReply {
    /// The empty reply to most messages.
    Nothing(NoReply),
    /// The reply to [`VdoMessage::Stats`].
    Stats(Box<VdoStats>),
    /// The reply to [`VdoMessage::Config`].
    Config(VdoConfig),
}

/// Recognizes a reply by the name of its second field; use [`Message::parse_reply`] if the message is known.
impl Params for VdoReply {
    fn parse(fields: &mut Fields<'_>) -> Result<Self, ParseError> {
        let mut ahead = fields.clone();
        let second = core::iter::from_fn(|| ahead.next_word()).nth(4);
        let message = match second {
            None => VdoMessage::DumpOnShutdown,
            Some(name) if name.spelling() == "physicalSize" => VdoMessage::Config,
            Some(_) => VdoMessage::Stats,
        };
        message.parse_reply(fields)
    }
}

impl fmt::Display for VdoReply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Nothing(nothing) => nothing.fmt(f),
            Self::Stats(stats) => stats.fmt(f),
            Self::Config(config) => config.fmt(f),
        }
    }
}
