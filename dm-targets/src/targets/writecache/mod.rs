//! `writecache`: writes go to a fast device first, reads are not cached.
//!
//! ```text
//! table   = <kind> <origin> <cache> <block_size> <#options> {<option>}
//! kind    = s | p                                        SSD | persistent memory
//! option  = start_sector <sectors> | high_watermark <percent> | low_watermark <percent>
//!         | writeback_jobs <blocks> | autocommit_blocks <blocks> | autocommit_time <ms> | max_age <ms>
//!         | cleaner | fua | nofua | metadata_only | pause_writeback <ms>
//! status  = <error> <blocks> <free> <writeback>
//!           [<reads> <read_hits> <writes> <write_hits_uncommitted> <write_hits_committed> <writes_around>
//!            <writes_allocate> <writes_blocked_on_freelist> <flushes> <discards>]
//! message = flush | flush_on_suspend | cleaner | clear_stats
//! ```
//!
//! | word | type | unit | range |
//! |---|---|---|---|
//! | origin, cache | [`Device`] | | |
//! | block_size | `u32` | bytes | 512 to the size of a page, a power of two |
//! | #options | count | words | at most 18 |
//! | start_sector | [`Sectors`] | sectors on the cache device | 0 if not said |
//! | high_watermark, low_watermark | `u32` | percent | 0 to 100; 50 and 45 if not said; `low` not above `high` |
//! | writeback_jobs | `u32` | blocks being written back | 0: no limit |
//! | autocommit_blocks | `u32` | blocks | 65536 (SSD) or 64 if not said |
//! | autocommit_time | `u32` | milliseconds | at most 3600000; 1000 if not said |
//! | max_age | `u32` | milliseconds | at most 86400000; no limit if not said |
//! | fua, nofua | | | persistent memory only |
//! | pause_writeback | `u32` | milliseconds | SSD only; at most 60000; 3000 if not said |
//! | error | `u64` | | 0: none |
//! | blocks, free, writeback | `u64` | blocks of the block size | |
//! | reads and so on | `u64` | requests, in blocks since 1.6.0 | |
//!
//! The kernel prints the options that were given in this order. Words after them are ignored. Before version 1.6.0 the
//! status has four words.
//!
//! Messages are answered with nothing. `flush` fails with `EBUSY` while the device is suspended, and with `EIO` after an
//! error. A message does not change what is printed of the table.
//!
//! Kernel: `writecache_ctr`, `writecache_status` and `writecache_message` in `drivers/md/dm-writecache.c`.

mod message;
mod status;

use alloc::vec::Vec;
use core::fmt;

use dm_units::Sectors;

use crate::keywords::keywords;
use crate::{
    Concern, Device, Feature, Fields, Health, InvalidField, Limits, Number, Params, ParseError, Printer, Problem,
    Target, Usage, Value, Word, WordBuf,
};

pub use message::WritecacheMessage;
pub use status::{WritecacheCounts, WritecacheStatus};

/// Pages have 64 KiB at most.
const BLOCK_SIZE: Limits = Limits::new("block size", 512, 1 << 16).power_of_two();
const OPTION_COUNT: Limits = Limits::new("number of optional arguments", 0, 18);
const OPTION: &str = "optional argument";

const START_SECTOR: Limits = Limits::new("start_sector", 0, u64::MAX);
const HIGH_WATERMARK: Limits = Limits::new("high_watermark", 0, 100);
const LOW_WATERMARK: Limits = Limits::new("low_watermark", 0, 100);
const WRITEBACK_JOBS: Limits = Limits::new("writeback_jobs", 0, u32::MAX as u64);
const AUTOCOMMIT_BLOCKS: Limits = Limits::new("autocommit_blocks", 0, u32::MAX as u64);
const AUTOCOMMIT_TIME: Limits = Limits::new("autocommit_time", 0, 3_600_000);
const MAX_AGE: Limits = Limits::new("max_age", 0, 86_400_000);
const PAUSE_WRITEBACK: Limits = Limits::new("pause_writeback", 0, 60_000);
const CLEANER: &str = "cleaner";
const FUA: &str = "fua";
const NOFUA: &str = "nofua";
const METADATA_ONLY: &str = "metadata_only";

const DEFAULT_HIGH_WATERMARK: u32 = 50;
const DEFAULT_LOW_WATERMARK: u32 = 45;

/// The `writecache` target.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Writecache {}

impl Target for Writecache {
    const TYPE: &'static str = "writecache";
    type Table = WritecacheTable;
    type Status = WritecacheStatus;
    type Message = WritecacheMessage;

    /// The last two came without a new version; from 1.6.0 on they are sure to be there.
    const FEATURES: &'static [Feature] = &[
        Feature { name: MAX_AGE.field(), since: (1, 4, 0) },
        Feature { name: CLEANER, since: (1, 4, 0) },
        Feature { name: "clear_stats", since: (1, 6, 0) },
        Feature { name: METADATA_ONLY, since: (1, 6, 0) },
        Feature { name: PAUSE_WRITEBACK.field(), since: (1, 6, 0) },
    ];

    fn check(table: &WritecacheTable, _: Sectors) -> Result<(), InvalidField> {
        BLOCK_SIZE.check(table.block_size)?;
        OPTION_COUNT.check(table.option_words() as u64)?;
        table.check_ranges()?;
        table.check_watermarks()?;
        table.check_kind()
    }

    fn health(status: &WritecacheStatus) -> Health {
        let used = status.blocks.saturating_sub(status.free);
        let failed = status.error != 0;
        Health { data: Some(Usage { used, total: status.blocks }), repairs: failed.into(), ..Health::default() }
            .concern(Concern::ReadOnly, failed)
    }
}

keywords! {
    any_case;
    /// What a `writecache` target writes to first.
    pub enum WritecacheKind {
        /// A block device.
        Ssd = "s",
        /// Persistent memory that can be mapped (DAX).
        Pmem = "p",
    }
}

/// The table of a `writecache` target.
///
/// ```
/// use dm_targets::writecache::{WritecacheKind, WritecacheTable};
/// use dm_units::DeviceNumber;
///
/// let [origin, cache] = [DeviceNumber::new(254, 0), DeviceNumber::new(254, 32)];
/// let table = WritecacheTable::new(WritecacheKind::Ssd, origin, cache, 4096).max_age(60_000).cleaner();
/// assert_eq!(table.to_string(), "s 254:0 254:32 4096 3 max_age 60000 cleaner");
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct WritecacheTable {
    /// What kind of device the cache is.
    pub kind: WritecacheKind,
    /// The device that is cached.
    pub origin: Device,
    /// The device that is written to first.
    pub cache: Device,
    /// The size of a block, in bytes.
    pub block_size: u32,
    /// Where on the cache device the cache starts.
    pub start_sector: Option<Sectors>,
    /// Writing back begins when so many percent of the cache are used.
    pub high_watermark: Option<u32>,
    /// Writing back ends when so many percent of the cache are used.
    pub low_watermark: Option<u32>,
    /// So many blocks are written back at a time.
    pub writeback_jobs: Option<u32>,
    /// After so many blocks without a flush, a flush is done.
    pub autocommit_blocks: Option<u32>,
    /// After so many milliseconds without a flush, a flush is done.
    pub autocommit_time: Option<u32>,
    /// After so many milliseconds, a block is written back.
    pub max_age: Option<u32>,
    /// Nothing new is cached, and all that is cached is written back.
    pub cleaner: bool,
    /// Whether writing back forces each block to the medium, where the cache is persistent memory.
    pub fua: Option<bool>,
    /// Only metadata of file systems is cached.
    pub metadata_only: bool,
    /// Writing back waits until nothing was written to the origin directly for so many milliseconds.
    pub pause_writeback: Option<u32>,
    /// Options that this version does not know; they are printed after the others.
    pub other_options: Vec<WordBuf>,
    /// Words after the options, which the kernel ignores.
    pub extra: Vec<WordBuf>,
}

impl WritecacheTable {
    /// Caches writes to `origin` in `cache`, in blocks of so many bytes.
    pub fn new(kind: WritecacheKind, origin: impl Into<Device>, cache: impl Into<Device>, block_size: u32) -> Self {
        Self {
            kind,
            origin: origin.into(),
            cache: cache.into(),
            block_size,
            start_sector: None,
            high_watermark: None,
            low_watermark: None,
            writeback_jobs: None,
            autocommit_blocks: None,
            autocommit_time: None,
            max_age: None,
            cleaner: false,
            fua: None,
            metadata_only: false,
            pause_writeback: None,
            other_options: Vec::new(),
            extra: Vec::new(),
        }
    }

    /// Starts at a sector of the cache device.
    #[must_use]
    pub fn start_sector(self, start: Sectors) -> Self {
        Self { start_sector: Some(start), ..self }
    }

    /// Begins to write back when so many percent of the cache are used.
    #[must_use]
    pub fn high_watermark(self, percent: u32) -> Self {
        Self { high_watermark: Some(percent), ..self }
    }

    /// Ends writing back when so many percent of the cache are used.
    #[must_use]
    pub fn low_watermark(self, percent: u32) -> Self {
        Self { low_watermark: Some(percent), ..self }
    }

    /// Writes back at most so many blocks at a time.
    #[must_use]
    pub fn writeback_jobs(self, blocks: u32) -> Self {
        Self { writeback_jobs: Some(blocks), ..self }
    }

    /// Flushes after so many blocks without a flush.
    #[must_use]
    pub fn autocommit_blocks(self, blocks: u32) -> Self {
        Self { autocommit_blocks: Some(blocks), ..self }
    }

    /// Flushes after so many milliseconds without a flush.
    #[must_use]
    pub fn autocommit_time(self, milliseconds: u32) -> Self {
        Self { autocommit_time: Some(milliseconds), ..self }
    }

    /// Writes a block back after so many milliseconds.
    #[must_use]
    pub fn max_age(self, milliseconds: u32) -> Self {
        Self { max_age: Some(milliseconds), ..self }
    }

    /// Caches nothing new, and writes back all that is cached.
    #[must_use]
    pub fn cleaner(self) -> Self {
        Self { cleaner: true, ..self }
    }

    /// Says whether writing back forces each block to the medium, where the cache is persistent memory.
    #[must_use]
    pub fn fua(self, on: bool) -> Self {
        Self { fua: Some(on), ..self }
    }

    /// Caches only metadata of file systems.
    #[must_use]
    pub fn metadata_only(self) -> Self {
        Self { metadata_only: true, ..self }
    }

    /// Does not write back before nothing was written to the origin directly for so many milliseconds.
    #[must_use]
    pub fn pause_writeback(self, milliseconds: u32) -> Self {
        Self { pause_writeback: Some(milliseconds), ..self }
    }

    /// The options that are numbers and given, in the kernel's order.
    fn numbers(&self) -> impl Iterator<Item = (Limits, u64)> {
        let number = |limits: Limits, value: Option<u32>| value.map(|value| (limits, value.into()));
        let start_sector = self.start_sector.map(|start| (START_SECTOR, start.get()));
        let numbers = [
            start_sector,
            number(HIGH_WATERMARK, self.high_watermark),
            number(LOW_WATERMARK, self.low_watermark),
            number(WRITEBACK_JOBS, self.writeback_jobs),
            number(AUTOCOMMIT_BLOCKS, self.autocommit_blocks),
            number(AUTOCOMMIT_TIME, self.autocommit_time),
            number(MAX_AGE, self.max_age),
            number(PAUSE_WRITEBACK, self.pause_writeback),
        ];
        numbers.into_iter().flatten()
    }

    /// The options that are one word and given, in the kernel's order.
    fn words(&self) -> impl Iterator<Item = &'static str> {
        let fua = self.fua.map(|on| if on { FUA } else { NOFUA });
        let words = [self.cleaner.then_some(CLEANER), fua, self.metadata_only.then_some(METADATA_ONLY)];
        words.into_iter().flatten()
    }

    /// How many words the options are.
    fn option_words(&self) -> usize {
        let words = self.words().count().saturating_add(self.other_options.len());
        self.numbers().fold(words, |words, _| words.saturating_add(2))
    }

    fn check_ranges(&self) -> Result<(), InvalidField> {
        self.numbers().try_for_each(|(limits, value)| limits.check(value))
    }

    fn check_watermarks(&self) -> Result<(), InvalidField> {
        let high = self.high_watermark.unwrap_or(DEFAULT_HIGH_WATERMARK);
        let low = self.low_watermark.unwrap_or(DEFAULT_LOW_WATERMARK);
        if low > high {
            return Err(InvalidField::new(LOW_WATERMARK.field(), Problem::Expected("at most high_watermark")));
        }
        Ok(())
    }

    fn check_kind(&self) -> Result<(), InvalidField> {
        match (&self.kind, self.fua, self.pause_writeback) {
            (WritecacheKind::Ssd, Some(_), _) => Err(InvalidField::new(FUA, Problem::Conflict("an SSD"))),
            (WritecacheKind::Pmem, _, Some(_)) => {
                Err(InvalidField::new(PAUSE_WRITEBACK.field(), Problem::Conflict("persistent memory")))
            }
            (WritecacheKind::Other(_), ..) => Err(InvalidField::new("kind", Problem::Expected("s or p"))),
            _ => Ok(()),
        }
    }

    /// Reads the option that begins with `word`.
    fn read_option(&mut self, options: &mut Fields<'_>, word: Word<'_>) -> Result<(), ParseError> {
        match word {
            _ if word.is(START_SECTOR.field()) => options.read_argument_once(&mut self.start_sector, &START_SECTOR),
            _ if word.is(HIGH_WATERMARK.field()) => {
                options.read_argument_once(&mut self.high_watermark, &HIGH_WATERMARK)
            }
            _ if word.is(LOW_WATERMARK.field()) => options.read_argument_once(&mut self.low_watermark, &LOW_WATERMARK),
            _ if word.is(WRITEBACK_JOBS.field()) => {
                options.read_argument_once(&mut self.writeback_jobs, &WRITEBACK_JOBS)
            }
            _ if word.is(AUTOCOMMIT_BLOCKS.field()) => {
                options.read_argument_once(&mut self.autocommit_blocks, &AUTOCOMMIT_BLOCKS)
            }
            _ if word.is(AUTOCOMMIT_TIME.field()) => {
                options.read_argument_once(&mut self.autocommit_time, &AUTOCOMMIT_TIME)
            }
            _ if word.is(MAX_AGE.field()) => options.read_argument_once(&mut self.max_age, &MAX_AGE),
            _ if word.is(PAUSE_WRITEBACK.field()) => {
                options.read_argument_once(&mut self.pause_writeback, &PAUSE_WRITEBACK)
            }
            _ => self.read_word(word).map_err(|problem| options.error(OPTION, problem)),
        }
    }

    /// Reads an option that is one word.
    fn read_word(&mut self, word: Word<'_>) -> Result<(), Problem> {
        let repeated = match word {
            _ if word.is(CLEANER) => core::mem::replace(&mut self.cleaner, true),
            _ if word.is(METADATA_ONLY) => core::mem::replace(&mut self.metadata_only, true),
            _ if word.is(FUA) => self.fua.replace(true).is_some(),
            _ if word.is(NOFUA) => self.fua.replace(false).is_some(),
            _ => {
                self.other_options.push(WordBuf::read(word)?);
                false
            }
        };
        if repeated { Err(Problem::Repeated) } else { Ok(()) }
    }
}

impl Params for WritecacheTable {
    fn parse(fields: &mut Fields<'_>) -> Result<Self, ParseError> {
        let kind = fields.read("kind")?;
        let (origin, cache): (Device, Device) = (fields.read("origin dev")?, fields.read("cache dev")?);
        let mut table = Self::new(kind, origin, cache, fields.read_within(&BLOCK_SIZE)?);
        let mut options = fields.read_group(OPTION_COUNT.field())?;
        while let Some(word) = options.next_word() {
            table.read_option(&mut options, word)?;
        }
        table.extra = fields.read_rest("extra")?;
        Ok(table)
    }
}

impl fmt::Display for WritecacheTable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut out = Printer::new(f);
        out.put(&self.kind).put(&self.origin).put(&self.cache).put(&self.block_size).count(self.option_words());
        let last = |limits: &Limits| limits.field() == PAUSE_WRITEBACK.field();
        for (limits, value) in self.numbers().filter(|(limits, _)| !last(limits)) {
            out.word(limits.field()).put(&value);
        }
        for word in self.words() {
            out.word(word);
        }
        for (limits, value) in self.numbers().filter(|(limits, _)| last(limits)) {
            out.word(limits.field()).put(&value);
        }
        out.all(&self.other_options).all(&self.extra).end()
    }
}

#[cfg(test)]
mod tests;
