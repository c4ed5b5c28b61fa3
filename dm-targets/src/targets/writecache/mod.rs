//! `writecache`: caches writes, but not reads, on a fast device.
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
//! | block_size | `u32` | bytes | a power of two from the larger logical block size of the two devices to the size of a page |
//! | #options | count | words | at most 18 |
//! | start_sector | [`Sectors`] | sectors on the cache device | less than the size of the cache device; default 0 |
//! | high_watermark, low_watermark | `u32` | percent | 0 to 100; default 50 and 45; `low` not above `high` |
//! | writeback_jobs | `u32` | blocks being written back | 0: no limit; default: the number of pages in 256 MiB or in a 16th of the RAM, whichever is smaller |
//! | autocommit_blocks | `u32` | blocks | default 65536 (SSD) or 64 (persistent memory) |
//! | autocommit_time | `u32` | milliseconds | at most 3600000; default 1000 |
//! | max_age | `u32` | milliseconds | at most 86400000; default no limit |
//! | fua, nofua | | | persistent memory only |
//! | pause_writeback | `u32` | milliseconds | SSD only; at most 60000; default 3000 |
//! | error | `u64` | | 0, or 1 after an error |
//! | blocks, free, writeback | `u64` | blocks of the block size | |
//! | reads and other counters | `u64` | blocks or requests, see [`WritecacheCounts`] | |
//!
//! In Linux 6.1 and later, the kernel prints the given options in this order. Words after the counted options are
//! ignored. Before target version 1.6.0, the status has four words.
//!
//! Replies to messages are empty. `flush` fails with `EBUSY` while the device is suspended, and with `EIO` after an
//! error. In Linux 6.1 and later, messages do not change the table that the kernel prints.
//!
//! Kernel: `writecache_ctr`, `writecache_status` and `writecache_message` in `drivers/md/dm-writecache.c`.

mod message;
mod status;

use dm_units::Sectors;

use crate::option::keywords::keywords;
use crate::option::{Argument, Flag, OneOf, OptionGroup, options};
use crate::target::spelled;
use crate::text::spelling::{Spelled, Spelling};
use crate::{
    Comparison, Device, Feature, Fields, Health, InvalidField, Limits, ParseError, Printer, Problem, TableDifference,
    Target, WordBuf,
};

pub use message::WritecacheMessage;
pub use status::{WritecacheCounts, WritecacheStatus};

/// The kernel's limit is the page size: 64 KiB is the largest one in common use.
const BLOCK_SIZE: Limits = Limits::new("block size", 512, 1 << 16).power_of_two();

const DEFAULT_HIGH_WATERMARK: u32 = 50;
const DEFAULT_LOW_WATERMARK: u32 = 45;

/// The `writecache` target as a type parameter. The trait [`Target`] has the functions that parse its table, status and
/// messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Writecache {}

impl Target for Writecache {
    const TYPE: &'static str = "writecache";
    type Table = WritecacheTable;
    type Status = WritecacheStatus;
    type Message = WritecacheMessage;

    /// The options that were added after the first version, and the message `clear_stats`. `metadata_only` and
    /// `pause_writeback` were added without a new version number. Every target from version 1.6.0 on has them.
    const FEATURES: &'static [Feature] = WritecacheOptions::FEATURES;

    fn check(table: &WritecacheTable, _length: Sectors) -> Result<(), InvalidField> {
        BLOCK_SIZE.check(table.block_size)?;
        table.options.check()?;
        check_watermarks(&table.options)?;
        check_kind(table)
    }

    fn difference(one: &WritecacheTable, other: &WritecacheTable) -> Option<TableDifference> {
        Comparison::new(one, other)
            .layout("cache type", |table| &table.kind)
            .layout("origin dev", |table| &table.origin)
            .layout("cache dev", |table| &table.cache)
            .layout("block size", |table| &table.block_size)
            .layout("start_sector", |table| &table.options.start_sector)
            .tunable("options", |table| &table.options)
            .result()
    }

    fn health(status: &WritecacheStatus) -> Health {
        status.health()
    }
}

keywords! {
    any_case;
    /// The type of the cache device.
    pub enum WritecacheKind {
        /// A block device.
        Ssd = "s",
        /// Persistent memory that supports DAX.
        Pmem = "p",
    }
}

options! {
    /// How a `writecache` target caches writes, and when it writes them back.
    pub struct WritecacheOptions for WritecacheTable.options {
        /// The sector of the cache device at which the cache starts, less than the size of the device; 0 if not given.
        start_sector(start: Sectors): Option<Sectors> = Argument("start_sector");
        /// The percentage of used blocks, from 0 to 100, at which writeback starts; 50 if not given.
        high_watermark(percent: u32): Option<u32> = Argument(Limits::new("high_watermark", 0, 100));
        /// The percentage of used blocks, at most `high_watermark`, at which writeback stops; 45 if not given.
        low_watermark(percent: u32): Option<u32> = Argument(Limits::new("low_watermark", 0, 100));
        /// The largest number of blocks to write back at the same time, 0 for no limit. If not given, Linux 6.1 and
        /// 6.12 use the number of memory pages in 256 MiB or in a 16th of the RAM, whichever is smaller.
        writeback_jobs(blocks: u32): Option<u32> = Argument("writeback_jobs");
        /// The number of blocks that can be written without a flush before they are committed. If not given, 65536 for an
        /// SSD and 64 for persistent memory.
        autocommit_blocks(blocks: u32): Option<u32> = Argument("autocommit_blocks");
        /// The time in milliseconds, at most 3600000, after which written blocks are committed without a flush; 1000 if
        /// not given.
        autocommit_time(milliseconds: u32): Option<u32> = Argument(Limits::new("autocommit_time", 0, 3_600_000));
        /// The time in milliseconds, at most 86400000, after which a block is written back; no limit if not given.
        max_age(milliseconds: u32): Option<u32> = Argument(Limits::new("max_age", 0, 86_400_000)), since (1, 4, 0);
        /// Caches no new blocks, and writes back all cached blocks.
        cleaner(): bool = Flag("cleaner"), since (1, 4, 0);
        /// Whether blocks are written back with forced unit access; on if not given. Only for persistent memory.
        fua(on: bool): Option<bool> = OneOf(&[("fua", true), ("nofua", false)]);
        /// Caches new blocks only for writes of file system metadata (`REQ_META`).
        metadata_only(): bool = Flag("metadata_only"), since (1, 6, 0);
        /// How long writeback pauses after the last direct write to the origin, in milliseconds, at most 60000; 3000 if
        /// not given. Only for an SSD.
        pause_writeback(milliseconds: u32): Option<u32> = Argument(Limits::new("pause_writeback", 0, 60_000)),
            since (1, 6, 0);
    }
    other {
        /// Options that this crate does not know; they are printed after the others.
        other_options: WordBuf = "optional argument";
    }
    case: Any;
    count: Required, Limits::new("number of optional arguments", 0, 18);
    features: "clear_stats" since (1, 6, 0);
}

/// The arguments of a `writecache` target: the two devices, and how to cache writes.
///
/// ```
/// use dm_targets::writecache::{WritecacheKind, WritecacheTable};
/// use dm_targets::{Target, Writecache};
/// use dm_units::DeviceNumber;
///
/// let [origin, cache] = [DeviceNumber::new(254, 0), DeviceNumber::new(254, 32)];
/// let table = WritecacheTable::new(WritecacheKind::Ssd, origin, cache, 4096).max_age(60_000).cleaner();
/// assert_eq!(table.to_string(), "s 254:0 254:32 4096 3 max_age 60000 cleaner");
/// assert_eq!(Writecache::parse_table("s 254:0 254:32 4096 3 max_age 60000 cleaner")?, table);
/// # Ok::<(), dm_targets::ParseError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct WritecacheTable {
    /// The type of the cache device.
    pub kind: WritecacheKind,
    /// The device whose writes are cached.
    pub origin: Device,
    /// The device that holds the cache.
    pub cache: Device,
    /// The size of a block in bytes: a power of two, at least 512 and the logical block size of both devices, at most
    /// the size of a memory page.
    pub block_size: u32,
    /// The optional settings.
    pub options: WritecacheOptions,
    spelling: Spelling,
}

impl WritecacheTable {
    /// Caches writes to `origin` in `cache`, in blocks of `block_size` bytes.
    ///
    /// The values are not checked; [`Writecache::check`](crate::Target::check) does that.
    pub fn new(kind: WritecacheKind, origin: impl Into<Device>, cache: impl Into<Device>, block_size: u32) -> Self {
        let (options, spelling) = (WritecacheOptions::default(), Spelling::default());
        Self { kind, origin: origin.into(), cache: cache.into(), block_size, options, spelling }
    }
}

fn check_watermarks(options: &WritecacheOptions) -> Result<(), InvalidField> {
    let high = options.high_watermark.unwrap_or(DEFAULT_HIGH_WATERMARK);
    let low = options.low_watermark.unwrap_or(DEFAULT_LOW_WATERMARK);
    if low > high {
        return Err(InvalidField::new("low_watermark", Problem::Expected("at most high_watermark")));
    }
    Ok(())
}

fn check_kind(table: &WritecacheTable) -> Result<(), InvalidField> {
    match (&table.kind, table.options.fua, table.options.pause_writeback) {
        (WritecacheKind::Ssd, Some(_), _) => Err(InvalidField::new("fua", Problem::Conflict("an SSD"))),
        (WritecacheKind::Pmem, _, Some(_)) => {
            Err(InvalidField::new("pause_writeback", Problem::Conflict("persistent memory")))
        }
        (WritecacheKind::Other(_), ..) => Err(InvalidField::new("kind", Problem::Expected("s or p"))),
        _ => Ok(()),
    }
}

impl Spelled for WritecacheTable {
    fn read(fields: &mut Fields<'_>) -> Result<Self, ParseError> {
        let table = Self {
            kind: fields.read("kind")?,
            origin: fields.read("origin dev")?,
            cache: fields.read("cache dev")?,
            block_size: fields.read_within(&BLOCK_SIZE)?,
            options: fields.read_options()?,
            spelling: Spelling::default(),
        };
        fields.ignore_rest()?;
        Ok(table)
    }

    fn print(&self, out: &mut Printer<'_, '_>) {
        let Self { kind, origin, cache, block_size, options, spelling: _ } = self;
        out.put(kind).put(origin).put(cache).put(block_size).options(options);
    }
}

spelled!(WritecacheTable);

#[cfg(test)]
mod tests;
