//! The messages to a vdo, and its answers.

use alloc::boxed::Box;
use alloc::vec::Vec;
use core::fmt;

use super::{VdoConfig, VdoStats};
use crate::option::keywords::keywords;
use crate::option::{OnOff, OptionKind};
use crate::{Fields, Message, NoReply, Params, ParseError, Printer, Problem};

keywords! {
    any_case;
    /// What a vdo writes to the kernel's log.
    pub enum VdoDump {
        /// The requests in progress.
        Viopool = "viopool",
        /// The state of the volume.
        Vdo = "vdo",
        /// All pools of objects.
        Pools = "pools",
        /// The queues.
        Queues = "queues",
        /// The same as `queues`.
        Threads = "threads",
        /// What is written if nothing is asked for.
        Default = "default",
        /// Everything.
        All = "all",
    }
}

/// A message to a `vdo` target.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum VdoMessage {
    /// Asks for counts and sizes.
    Stats,
    /// Asks how the volume was formatted.
    Config,
    /// Switches compression on or off; fails with `EBUSY` while another such message is being processed.
    Compression(bool),
    /// Closes the index.
    IndexClose,
    /// Makes a new index.
    IndexCreate,
    /// Stops using the index.
    IndexDisable,
    /// Uses the index again.
    IndexEnable,
    /// Writes the state to the kernel's log.
    Dump(Vec<VdoDump>),
    /// Does so when the volume is shut down.
    DumpOnShutdown,
}

/// The words without a value.
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
            return OnOff::named(COMPRESSION).read_value(fields).map(Self::Compression);
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

/// What a `vdo` target answers to a message.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub enum VdoReply {
    /// To most messages, nothing.
    Nothing(NoReply),
    /// To [`VdoMessage::Stats`].
    Stats(Box<VdoStats>),
    /// To [`VdoMessage::Config`].
    Config(VdoConfig),
}

/// Tells the answers apart by their second entry; [`Message::parse_reply`] knows the question.
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
