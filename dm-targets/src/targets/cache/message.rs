//! Messages to a `cache` target.

use alloc::vec::Vec;
use core::fmt::{self, Write};

use dm_units::DataBlocks;

use super::CacheSetting;
use crate::{Fields, Limits, Message, NoReply, Params, ParseError, Printer, Problem, Value, Word};

const INVALIDATE: &str = "invalidate_cblocks";
/// The kernel numbers cache blocks with 32 bits.
const BLOCK: Limits = Limits::new("cblock", 0, u32::MAX as u64);

/// A message to a `cache` target: changes a setting, or removes blocks from the cache.
///
/// ```
/// use dm_targets::cache::{CacheKey, CacheMessage, CacheSetting};
///
/// let message = CacheMessage::Set(CacheSetting::new(CacheKey::MigrationThreshold, 4096));
/// assert_eq!(message.to_string(), "migration_threshold 4096");
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum CacheMessage {
    /// Changes a setting of the cache or its policy. The kernel returns `EINVAL` for a key that the policy does not
    /// know.
    Set(CacheSetting),
    /// Removes blocks from the cache. The kernel returns `EPERM` unless the I/O mode is `passthrough`. It removes the
    /// ranges in order, and returns `EINVAL` at the first range that is not within the cache.
    InvalidateCblocks(Vec<CacheBlocks>),
}

/// A block of a cache, or a range of blocks. Blocks are numbered from the start of the cache device. `7` is one block;
/// `7-10` is the range of the blocks 7 to 9.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CacheBlocks {
    /// One block.
    One(DataBlocks),
    /// All blocks from `begin` up to, but not including, `end`.
    Range {
        /// The first block.
        begin: DataBlocks,
        /// The block after the last one.
        end: DataBlocks,
    },
}

impl CacheBlocks {
    fn read_block(word: Word<'_>) -> Result<DataBlocks, Problem> {
        let block = DataBlocks::read(word)?;
        BLOCK.check(block).map(|()| block).map_err(|invalid| invalid.problem())
    }
}

impl Value for CacheBlocks {
    fn read(word: Word<'_>) -> Result<Self, Problem> {
        let Some((begin, end)) = word.split_once('-') else { return Self::read_block(word).map(Self::One) };
        let (begin, end) = (Self::read_block(begin)?, Self::read_block(end)?);
        if begin.0 < end.0 { Ok(Self::Range { begin, end }) } else { Err(Problem::Expected("a non-empty range")) }
    }

    fn print(&self, out: &mut Printer<'_, '_>) -> fmt::Result {
        match self {
            Self::One(block) => block.print(out),
            Self::Range { begin, end } => {
                begin.print(out)?;
                out.write_char('-')?;
                end.print(out)
            }
        }
    }
}

impl Message for CacheMessage {
    type Reply = NoReply;
}

impl Params for CacheMessage {
    fn parse(fields: &mut Fields<'_>) -> Result<Self, ParseError> {
        if !fields.peek().is_some_and(|name| name.is(INVALIDATE)) {
            return CacheSetting::parse(fields, "key").map(Self::Set);
        }
        let _ = fields.next_word();
        let mut blocks = Vec::new();
        while let Some(range) = fields.read_optional(BLOCK.field())? {
            blocks.push(range);
        }
        Ok(Self::InvalidateCblocks(blocks))
    }
}

impl fmt::Display for CacheMessage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut out = Printer::new(f);
        match self {
            Self::Set(setting) => setting.print(&mut out),
            Self::InvalidateCblocks(blocks) => {
                out.word(INVALIDATE).all(blocks);
            }
        }
        out.end()
    }
}
