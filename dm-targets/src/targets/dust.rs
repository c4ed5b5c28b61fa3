//! `dust`: simulates a disk with bad blocks, which cannot be read until a write to them succeeds.
//!
//! ```text
//! table   = <device> <offset> <block_size>
//! status  = <device> <reads> <log>
//! message = addbadblock <block> [<writes>] | removebadblock <block> | queryblock <block>
//!         | enable | disable | countbadblocks | clearbadblocks | listbadblocks | quiet
//! reply   = dust_query_block: block <block> [not ]found in badblocklist
//!         | countbadblocks: <count> badblock(s) found
//!         | dust_clear_badblocks: (badblocks cleared | no badblocks found)
//!         | (<block>␤)… | No blocks in badblocklist
//! ```
//!
//! | word | type | unit | range |
//! |---|---|---|---|
//! | offset | [`Sectors`] | sectors on the device | |
//! | block_size | `u32` | **bytes** | a power of two from 512 to 1073741824, at most the length of the target |
//! | reads | `bypass` or `fail_read_on_bad_block` | | |
//! | log | `verbose` or `quiet` | | |
//! | block | `u64` | number of the block, counted from the start of the underlying device | at most the number of its blocks |
//! | writes | `u8` | number of writes to the block that fail before one succeeds | |
//!
//! Since Linux 7.3, blocks are counted from the start of the target instead. After a load, no block is bad, reads do
//! not fail (`bypass`) and logging is on (`verbose`). `␤` stands for a line feed.
//!
//! Kernel: `dust_ctr`, `dust_status` and `dust_message` in `drivers/md/dm-dust.c`.

use alloc::vec::Vec;
use core::fmt::{self, Write};

use dm_units::{DeviceNumber, Sectors};

use crate::option::keywords::keywords;
use crate::{
    Device, Fields, InvalidField, Limits, Message, Params, ParseError, Printer, Problem, Target, Value, Word, WordBuf,
};

const BLOCK_SIZE: Limits = Limits::new("block size", 512, 1 << 30).power_of_two();
const BLOCK: &str = "block";

/// The `dust` target as a type parameter. The trait [`Target`] has the functions that parse its table, status and
/// messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dust {}

impl Target for Dust {
    const TYPE: &'static str = "dust";
    type Table = DustTable;
    type Status = DustStatus;
    type Message = DustMessage;

    fn check(table: &DustTable, length: Sectors) -> Result<(), InvalidField> {
        BLOCK_SIZE.check(table.block_size)?;
        Limits::new(BLOCK_SIZE.field(), 0, length.0.saturating_mul(512)).check(table.block_size)
    }
}

/// The arguments of a `dust` target: a device, its first mapped sector, and the size of a block.
///
/// ```
/// use dm_targets::dust::DustTable;
/// use dm_targets::{Dust, Target};
/// use dm_units::{DeviceNumber, Sectors};
///
/// let table = DustTable::new(DeviceNumber::new(254, 0), Sectors(0), 512);
/// assert_eq!(table.to_string(), "254:0 0 512");
/// assert_eq!(Dust::parse_table("254:0 0 512")?, table);
/// # Ok::<(), dm_targets::ParseError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct DustTable {
    /// The device that receives the requests.
    pub device: Device,
    /// The first mapped sector of `device`.
    pub offset: Sectors,
    /// The size of a block in bytes: a power of two from 512 to 2^30, at most the length of the target.
    pub block_size: u32,
}

impl DustTable {
    /// Maps `device` from sector `offset` on, with blocks of `block_size` bytes. The values are not checked;
    /// [`Dust::check`](Target::check) does that.
    pub fn new(device: impl Into<Device>, offset: Sectors, block_size: u32) -> Self {
        Self { device: device.into(), offset, block_size }
    }
}

impl Params for DustTable {
    fn parse(fields: &mut Fields<'_>) -> Result<Self, ParseError> {
        Ok(Self {
            device: fields.read("device")?,
            offset: fields.read("offset")?,
            block_size: fields.read_within(&BLOCK_SIZE)?,
        })
    }
}

impl fmt::Display for DustTable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Printer::new(f).put(&self.device).put(&self.offset).put(&self.block_size).end()
    }
}

keywords! {
    exact;
    /// Whether reads of bad blocks fail.
    pub enum DustReads {
        /// Reads of bad blocks succeed. This is the state after a load or [`DustMessage::Disable`].
        Bypass = "bypass",
        /// Reads of bad blocks fail. This is the state after [`DustMessage::Enable`].
        Fail = "fail_read_on_bad_block",
    }
}

keywords! {
    exact;
    /// Whether added and removed bad blocks are written to the kernel log.
    pub enum DustLog {
        /// Added and removed bad blocks are logged. This is the state after a load.
        Verbose = "verbose",
        /// Added and removed bad blocks are not logged.
        Quiet = "quiet",
    }
}

/// The status of a `dust` target: whether reads of bad blocks fail, and whether changes of bad blocks are logged.
///
/// ```
/// use dm_targets::dust::DustReads;
/// use dm_targets::{Dust, Target};
///
/// let status = Dust::parse_status("7:0 fail_read_on_bad_block verbose")?;
/// assert_eq!(status.reads, DustReads::Fail);
/// # Ok::<(), dm_targets::ParseError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct DustStatus {
    /// The device that receives the requests.
    pub device: DeviceNumber,
    /// Whether reads of bad blocks fail.
    pub reads: DustReads,
    /// Whether changes of single bad blocks are logged.
    pub log: DustLog,
    /// Words after the known ones, which a later kernel may print.
    #[cfg_attr(feature = "serde", serde(default))]
    pub extra: Vec<WordBuf>,
}

impl Params for DustStatus {
    fn parse(fields: &mut Fields<'_>) -> Result<Self, ParseError> {
        Ok(Self {
            device: fields.read("device")?,
            reads: fields.read("read mode")?,
            log: fields.read("log mode")?,
            extra: fields.read_rest("extra")?,
        })
    }
}

impl fmt::Display for DustStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Printer::printed(f).put(&self.device).put(&self.reads).put(&self.log).all(&self.extra).end()
    }
}

/// A message to a `dust` target: controls and lists bad blocks. Blocks are counted from the start of the underlying
/// device; since Linux 7.3, from the start of the target.
///
/// ```
/// use dm_targets::dust::DustMessage;
///
/// let message = DustMessage::AddBadBlock { block: 60, failing_writes: None };
/// assert_eq!(message.to_string(), "addbadblock 60");
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum DustMessage {
    /// Marks a block as bad. The kernel returns `EINVAL` if the block is already bad or its number is out of range.
    AddBadBlock {
        /// The number of the block.
        block: u64,
        /// How many writes to the block fail. The next write succeeds and makes the block good. `None` means 0.
        failing_writes: Option<u8>,
    },
    /// Marks a block as good. The kernel returns `EINVAL` if the block is not bad.
    RemoveBadBlock(u64),
    /// Queries whether a block is bad; the reply is [`DustReply::Block`].
    QueryBlock(u64),
    /// Makes reads of bad blocks fail, and also the first `failing_writes` writes to each bad block. The next write
    /// makes the block good.
    Enable,
    /// Makes bad blocks behave like all others; the list of bad blocks is kept.
    Disable,
    /// Queries how many blocks are bad; the reply is [`DustReply::Count`].
    CountBadBlocks,
    /// Marks all blocks as good; the reply is [`DustReply::Cleared`].
    ClearBadBlocks,
    /// Queries which blocks are bad; the reply is [`DustReply::List`].
    ListBadBlocks,
    /// Switches the logging of added and removed bad blocks off, or on again if it is off.
    Quiet,
}

impl Message for DustMessage {
    type Reply = DustReply;
}

impl Params for DustMessage {
    fn parse(fields: &mut Fields<'_>) -> Result<Self, ParseError> {
        let name = fields.next_word().ok_or_else(|| fields.missing("message"))?;
        Ok(match name {
            _ if name.is("addbadblock") => Self::AddBadBlock {
                block: fields.read(BLOCK)?,
                failing_writes: fields.read_optional("write fail count")?,
            },
            _ if name.is("removebadblock") => Self::RemoveBadBlock(fields.read(BLOCK)?),
            _ if name.is("queryblock") => Self::QueryBlock(fields.read(BLOCK)?),
            _ if name.is("enable") => Self::Enable,
            _ if name.is("disable") => Self::Disable,
            _ if name.is("countbadblocks") => Self::CountBadBlocks,
            _ if name.is("clearbadblocks") => Self::ClearBadBlocks,
            _ if name.is("listbadblocks") => Self::ListBadBlocks,
            _ if name.is("quiet") => Self::Quiet,
            _ => return Err(fields.error("message", Problem::Unknown)),
        })
    }
}

impl fmt::Display for DustMessage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut out = Printer::new(f);
        match self {
            Self::AddBadBlock { block, failing_writes } => out.word("addbadblock").put(block).all(failing_writes),
            Self::RemoveBadBlock(block) => out.word("removebadblock").put(block),
            Self::QueryBlock(block) => out.word("queryblock").put(block),
            Self::Enable => out.word("enable"),
            Self::Disable => out.word("disable"),
            Self::CountBadBlocks => out.word("countbadblocks"),
            Self::ClearBadBlocks => out.word("clearbadblocks"),
            Self::ListBadBlocks => out.word("listbadblocks"),
            Self::Quiet => out.word("quiet"),
        };
        out.end()
    }
}

/// The reply of a `dust` target to a message; its variant depends on the message.
///
/// ```
/// use dm_targets::dust::{DustMessage, DustReply};
/// use dm_targets::{Dust, Target};
///
/// let reply = Dust::parse_reply(&DustMessage::CountBadBlocks, "countbadblocks: 3 badblock(s) found")?;
/// assert_eq!(reply, DustReply::Count(3));
/// # Ok::<(), dm_targets::ParseError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub enum DustReply {
    /// The empty reply to every other message.
    None,
    /// The reply to [`QueryBlock`](DustMessage::QueryBlock).
    Block {
        /// The number of the block.
        block: u64,
        /// Whether the block is bad.
        bad: bool,
    },
    /// The reply to [`CountBadBlocks`](DustMessage::CountBadBlocks): the number of bad blocks.
    Count(u64),
    /// The reply to [`ClearBadBlocks`](DustMessage::ClearBadBlocks): whether any block was bad.
    Cleared(bool),
    /// The reply to [`ListBadBlocks`](DustMessage::ListBadBlocks): the bad blocks in ascending order.
    List(Vec<u64>),
}

const QUERIED: &str = "dust_query_block:";
const COUNTED: &str = "countbadblocks:";
const CLEARED: &str = "dust_clear_badblocks: badblocks cleared";
const NOTHING_TO_CLEAR: &str = "dust_clear_badblocks: no badblocks found";
const NOTHING_TO_LIST: &str = "No blocks in badblocklist";

impl Params for DustReply {
    fn parse(fields: &mut Fields<'_>) -> Result<Self, ParseError> {
        for (text, reply) in [
            ("", Self::None),
            (CLEARED, Self::Cleared(true)),
            (NOTHING_TO_CLEAR, Self::Cleared(false)),
            (NOTHING_TO_LIST, Self::List(Vec::new())),
        ] {
            if fields.take_all(text) {
                return Ok(reply);
            }
        }
        match fields.peek().map(Word::spelling) {
            Some(QUERIED) => parse_block(fields),
            Some(COUNTED) => parse_count(fields),
            _ => parse_list(fields),
        }
    }
}

fn parse_block(fields: &mut Fields<'_>) -> Result<DustReply, ParseError> {
    fields.read_literal("reply", QUERIED)?;
    fields.read_literal("reply", "block")?;
    let block = fields.read(BLOCK)?;
    let bad = fields.peek().is_none_or(|word| word.spelling() != "not");
    if !bad {
        fields.read_literal("reply", "not")?;
    }
    for word in ["found", "in", "badblocklist"] {
        fields.read_literal("reply", word)?;
    }
    Ok(DustReply::Block { block, bad })
}

fn parse_count(fields: &mut Fields<'_>) -> Result<DustReply, ParseError> {
    fields.read_literal("reply", COUNTED)?;
    let count = fields.read("badblock count")?;
    for word in ["badblock(s)", "found"] {
        fields.read_literal("reply", word)?;
    }
    Ok(DustReply::Count(count))
}

fn parse_list(fields: &mut Fields<'_>) -> Result<DustReply, ParseError> {
    let mut blocks = Vec::new();
    while let Some(block) = fields.read_optional(BLOCK)? {
        blocks.push(block);
    }
    Ok(DustReply::List(blocks))
}

impl fmt::Display for DustReply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::None => Ok(()),
            Self::Block { block, bad } => {
                let not = if *bad { "" } else { "not " };
                write!(f, "{QUERIED} block {block} {not}found in badblocklist")
            }
            Self::Count(count) => write!(f, "{COUNTED} {count} badblock(s) found"),
            Self::Cleared(true) => f.write_str(CLEARED),
            Self::Cleared(false) => f.write_str(NOTHING_TO_CLEAR),
            Self::List(blocks) if blocks.is_empty() => f.write_str(NOTHING_TO_LIST),
            Self::List(blocks) => print_list(&mut Printer::printed(f), blocks),
        }
    }
}

/// Prints each block number on a separate line.
fn print_list(out: &mut Printer<'_, '_>, blocks: &[u64]) -> fmt::Result {
    for block in blocks {
        block.print(out)?;
        out.write_char('\n')?;
    }
    out.end()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn block_sizes_are_powers_of_two_and_no_larger_than_the_segment() {
        let error = |text| Dust::parse_table(text).unwrap_err().to_string();
        assert_eq!(error("254:0 0 256"), "dust table: word 3, block size, must be from 512 to 1073741824");
        assert_eq!(error("254:0 0 1536"), "dust table: word 3, block size, must be a power of two");
        let table = Dust::parse_table("254:0 0 4096").unwrap();
        assert_eq!(Dust::check(&table, Sectors(8)), Ok(()));
        assert_eq!(Dust::check(&table, Sectors(7)).unwrap_err().to_string(), "block size must be at most 3584");
        assert_eq!(
            Dust::check(&DustTable { block_size: 768, ..table }, Sectors(8)).unwrap_err().to_string(),
            "block size must be a power of two"
        );
    }

    #[test]
    fn message_names_are_read_in_any_case() {
        assert_eq!(Dust::parse_message("EnAble"), Ok(DustMessage::Enable));
        let error = |text| Dust::parse_message(text).unwrap_err().to_string();
        assert_eq!(error("addbadblock"), "dust message: word 2, block, is missing");
        assert_eq!(error("addbadblock 1 256"), "dust message: word 3, write fail count, must be at most 255");
        assert_eq!(error("enable 1"), "dust message: word 2 is one word too many");
        assert_eq!(error("dance"), "dust message: word 1, message, is not known");
    }

    #[test]
    fn incomplete_replies_are_refused() {
        let error = |text| Dust::parse_reply(&DustMessage::CountBadBlocks, text).unwrap_err().to_string();
        assert_eq!(error("countbadblocks: 3"), "dust reply: word 3, reply, is missing");
        assert_eq!(error("dust_query_block: block 3 lost in badblocklist"), "dust reply: word 4, reply, must be found");
        assert_eq!(error("3 four"), "dust reply: word 2, block, must be a decimal number");
    }
}
