//! `pcache`: uses persistent memory as a cache for a block device. Linux 6.12 does not have this target.
//!
//! ```text
//! table   = <cache> <backing> [<#options> {<option>}]
//! option  = cache_mode writeback | data_crc (true|false)
//! status  = <sb_flags> <segments> <cache_segments> <used_segments> <gc_percent> <cache_flags>
//!           <key_head> <dirty_tail> <key_tail>
//! message = gc_percent <percent>
//! ```
//!
//! | word | type | unit | range |
//! |---|---|---|---|
//! | cache | [`Device`] | | persistent memory that supports DAX |
//! | #options | count | words | at most 4 |
//! | sb_flags, cache_flags | [`HexFlags`] | | |
//! | segments, cache_segments, used_segments | `u32` | segments of 16 MiB | |
//! | gc_percent | `u8` | percent | 0 to 90 |
//! | key_head, dirty_tail, key_tail | [`SegmentOffset`] | bytes in a segment | |
//!
//! Option words are case-sensitive. The kernel always prints both options. It prints `data_crc` as `crc`, which its own
//! constructor does not accept, so a printed table cannot be loaded. This crate parses both words. `{}` prints
//! `data_crc`, and `{:#}` prints `crc`, as the kernel does.
//!
//! A device that has an active table, of any target, cannot load a `pcache` table: remove the device first. The reply
//! to the message is empty.
//!
//! Kernel: `dm_pcache_ctr`, `dm_pcache_status` and `dm_pcache_message` in `drivers/md/dm-pcache/dm_pcache.c`.

use alloc::vec::Vec;
use core::fmt::{self, Write};

use dm_units::Sectors;

use crate::option::keywords::keywords;
use crate::option::{Argument, OnOff, OptionGroup, OptionKind, OptionWord, options};
use crate::target::spelled;
use crate::text::spelling::{Spelled, Spelling};
use crate::{
    Comparison, Device, Fields, InvalidField, Limits, Message, NoReply, Params, ParseError, Printer, Problem,
    TableDifference, Target, TextForm, Value, Word, WordBuf,
};

const GC_PERCENT: Limits = Limits::new("gc_percent", 0, 90);

/// The `pcache` target as a type parameter. The trait [`Target`] has the functions that parse its table, status and
/// messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pcache {}

impl Target for Pcache {
    const TYPE: &'static str = "pcache";
    type Table = PcacheTable;
    type Status = PcacheStatus;
    type Message = PcacheMessage;

    const SINGLETON: bool = true;

    fn check(table: &PcacheTable, _length: Sectors) -> Result<(), InvalidField> {
        table.options.check()
    }

    /// Compares two tables; see [`Target::difference`]. A missing option equals its default, because the kernel prints
    /// the default.
    fn difference(one: &PcacheTable, other: &PcacheTable) -> Option<TableDifference> {
        let [one, other] = [one, other].map(PcacheTable::in_full);
        Comparison::new(&one, &other).layout("table", |table| table).result()
    }
}

keywords! {
    exact;
    /// When a write to a `pcache` target completes.
    pub enum PcacheMode {
        /// A write completes as soon as it is in the cache.
        Writeback = "writeback",
    }
}

/// The option `data_crc`, which the kernel prints as `crc`.
struct DataCrc;

impl DataCrc {
    const READ: OnOff = OnOff("data_crc", ["false", "true"], "true or false");
    const PRINTED: OnOff = OnOff("crc", ["false", "true"], "true or false");
}

impl OptionKind<Option<bool>> for DataCrc {
    #[inline]
    fn begins(&self, word: OptionWord<'_>) -> bool {
        Self::READ.begins(word) || Self::PRINTED.begins(word)
    }

    fn read(&self, field: &mut Option<bool>, word: OptionWord<'_>, fields: &mut Fields<'_>) -> Result<(), ParseError> {
        if Self::READ.begins(word) { &Self::READ } else { &Self::PRINTED }.read(field, word, fields)
    }

    fn print(&self, field: &Option<bool>, out: &mut Printer<'_, '_>) {
        match out.form() {
            TextForm::Input => Self::READ.print(field, out),
            TextForm::Printed => Self::PRINTED.print(field, out),
        }
    }

    fn given(&self, field: &Option<bool>) -> Option<&'static str> {
        Self::READ.given(field)
    }
}

options! {
    /// When writes to a `pcache` target complete, and whether the cached data has checksums.
    pub struct PcacheOptions for PcacheTable.options {
        /// When writes complete; `None` means `writeback`.
        cache_mode(mode: PcacheMode): Option<PcacheMode> = Argument("cache_mode");
        /// Whether data in the cache is checksummed; `None` means that it is not. Loading the table fails with `EINVAL`
        /// if an existing cache was created with the other setting.
        data_crc(on: bool): Option<bool> = DataCrc;
    }
    other {
        /// Options that this crate does not know; they are printed after the others.
        other_options: WordBuf = "cache option";
    }
    case: Exact;
    count: Optional, Limits::new("number of cache options", 0, 4);
}

/// The arguments of a `pcache` target: the cache, and the device that is cached.
///
/// ```
/// use dm_targets::pcache::PcacheTable;
/// use dm_targets::{Pcache, Target};
/// use dm_units::DeviceNumber;
///
/// let table = PcacheTable::new(DeviceNumber::new(259, 0), DeviceNumber::new(254, 0)).data_crc(true);
/// assert_eq!(table.to_string(), "259:0 254:0 2 data_crc true");
/// assert_eq!(Pcache::parse_table("259:0 254:0 2 data_crc true")?, table);
/// assert_eq!(format!("{table:#}"), "259:0 254:0 2 crc true");
/// # Ok::<(), dm_targets::ParseError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct PcacheTable {
    /// The persistent memory that holds the cache; it must support DAX.
    pub cache: Device,
    /// The device that is cached.
    pub backing: Device,
    /// The optional settings.
    pub options: PcacheOptions,
    spelling: Spelling,
}

impl PcacheTable {
    /// Caches `backing` in `cache`.
    ///
    /// The values are not checked; [`Pcache::check`](crate::Target::check) does that.
    pub fn new(cache: impl Into<Device>, backing: impl Into<Device>) -> Self {
        let (options, spelling) = (PcacheOptions::default(), Spelling::default());
        Self { cache: cache.into(), backing: backing.into(), options, spelling }
    }

    fn in_full(&self) -> Self {
        let mut full = self.clone();
        full.options.cache_mode.get_or_insert(PcacheMode::Writeback);
        full.options.data_crc.get_or_insert(false);
        full
    }
}

impl Spelled for PcacheTable {
    fn read(fields: &mut Fields<'_>) -> Result<Self, ParseError> {
        let (cache, backing) = (fields.read("cache device")?, fields.read("backing device")?);
        let options = fields.read_options()?;
        fields.ignore_rest()?;
        Ok(Self { cache, backing, options, spelling: Spelling::default() })
    }

    fn print(&self, out: &mut Printer<'_, '_>) {
        let Self { cache, backing, options, spelling: _ } = self;
        out.put(cache).put(backing).options(options);
    }
}

spelled!(PcacheTable);

/// Flag bits, printed as hexadecimal digits without a prefix, such as `1f`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct HexFlags(pub u32);

impl Value for HexFlags {
    fn read(word: Word<'_>) -> Result<Self, Problem> {
        let problem = Problem::Expected("a hexadecimal number without a prefix");
        let digits = word.spelling();
        // Any other spelling would not be printed back as it was read.
        let plain = digits.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
        let shortest = digits == "0" || !digits.starts_with('0');
        u32::from_str_radix(digits, 16).ok().filter(|_| plain && shortest).map(Self).ok_or(problem)
    }

    fn print(&self, out: &mut Printer<'_, '_>) -> fmt::Result {
        write!(out, "{:x}", self.0)
    }
}

/// A position in the cache, printed as `segment:offset`, such as `3:8192`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct SegmentOffset {
    /// The number of the segment.
    pub segment: u32,
    /// The offset in the segment in bytes.
    pub offset: u32,
}

impl Value for SegmentOffset {
    fn read(word: Word<'_>) -> Result<Self, Problem> {
        let (segment, offset) = word.split_once(':').ok_or(Problem::Expected("two numbers such as 1:2"))?;
        Ok(Self { segment: u32::read(segment)?, offset: u32::read(offset)? })
    }

    fn print(&self, out: &mut Printer<'_, '_>) -> fmt::Result {
        self.segment.print(out)?;
        out.write_char(':')?;
        self.offset.print(out)
    }
}

/// How full a `pcache` target is, and where its keys are. A key records where the cache holds a part of the device.
///
/// ```
/// use dm_targets::{Pcache, Target};
///
/// let status = Pcache::parse_status("1 128 64 12 70 1 3:8192 3:0 3:0")?;
/// assert_eq!((status.segments, status.used_segments), (128, 12));
/// # Ok::<(), dm_targets::ParseError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct PcacheStatus {
    /// The flags of the superblock of the cache device.
    pub sb_flags: HexFlags,
    /// The number of segments, of 16 MiB each, on the cache device.
    pub segments: u32,
    /// The number of segments that can hold cached data.
    pub cache_segments: u32,
    /// The number of segments in use.
    pub used_segments: u32,
    /// The percentage of used segments, from 0 to 90, at which garbage collection starts to free segments.
    pub gc_percent: u8,
    /// The flags of the cache.
    pub cache_flags: HexFlags,
    /// The position at which the next key is written.
    pub key_head: SegmentOffset,
    /// The position of the first key whose data has not been written back.
    pub dirty_tail: SegmentOffset,
    /// The position of the oldest key.
    pub key_tail: SegmentOffset,
    /// Words after the known ones, which a later kernel may print.
    #[cfg_attr(feature = "serde", serde(default))]
    pub extra: Vec<WordBuf>,
}

impl Params for PcacheStatus {
    fn parse(fields: &mut Fields<'_>) -> Result<Self, ParseError> {
        Ok(Self {
            sb_flags: fields.read("sb_flags")?,
            segments: fields.read("seg_num")?,
            cache_segments: fields.read("cache_segs")?,
            used_segments: fields.read("cache_segs_used")?,
            gc_percent: fields.read("gc_percent")?,
            cache_flags: fields.read("cache_flags")?,
            key_head: fields.read("key_head")?,
            dirty_tail: fields.read("dirty_tail")?,
            key_tail: fields.read("key_tail")?,
            extra: fields.read_rest("extra")?,
        })
    }
}

impl fmt::Display for PcacheStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut out = Printer::printed(f);
        out.put(&self.sb_flags).put(&self.segments).put(&self.cache_segments).put(&self.used_segments);
        out.put(&self.gc_percent).put(&self.cache_flags);
        out.put(&self.key_head).put(&self.dirty_tail).put(&self.key_tail).all(&self.extra).end()
    }
}

/// A message to a `pcache` target.
///
/// ```
/// use dm_targets::pcache::PcacheMessage;
///
/// assert_eq!(PcacheMessage::GcPercent(70).to_string(), "gc_percent 70");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum PcacheMessage {
    /// Sets the percentage of used segments, from 0 to 90, at which garbage collection starts to free segments.
    GcPercent(u8),
}

impl Message for PcacheMessage {
    type Reply = NoReply;
}

impl Params for PcacheMessage {
    fn parse(fields: &mut Fields<'_>) -> Result<Self, ParseError> {
        match fields.next_word() {
            Some(name) if name.is(GC_PERCENT.field()) => fields.read_within(&GC_PERCENT).map(Self::GcPercent),
            Some(_) => Err(fields.error("message", Problem::Unknown)),
            None => Err(fields.missing("message")),
        }
    }
}

impl fmt::Display for PcacheMessage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::GcPercent(percent) => Printer::new(f).word(GC_PERCENT.field()).put(percent).end(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_printed_table_becomes_one_that_can_be_loaded() {
        let table = Pcache::parse_table("259:0 254:0 4 cache_mode writeback crc false").unwrap();
        assert_eq!(table.to_string(), "259:0 254:0 4 cache_mode writeback data_crc false");
        assert_eq!(Pcache::parse_input(&table.to_string()), Ok(table));
    }

    #[test]
    fn options_have_values_and_come_once() {
        let refusal = |text| Pcache::parse_table(text).unwrap_err().to_string();
        assert_eq!(refusal("1:0 1:1 1 crc"), "pcache table: word 4, crc, must be followed by a value");
        assert_eq!(refusal("1:0 1:1 2 crc yes"), "pcache table: word 5, crc, must be true or false");
        assert_eq!(refusal("1:0 1:1 4 crc true data_crc true"), "pcache table: word 6, data_crc, is given twice");
        let table = Pcache::parse_table("1:0 1:1 3 crc true new x").unwrap();
        assert_eq!(table.to_string(), "1:0 1:1 3 data_crc true new");
        assert_eq!(format!("{table:#}"), "1:0 1:1 3 crc true new x");
    }

    #[test]
    fn the_percentage_is_at_most_90() {
        let error = Pcache::parse_message("gc_percent 91").unwrap_err();
        assert_eq!(error.to_string(), "pcache message: word 2, gc_percent, must be at most 90");
    }

    #[test]
    fn flags_are_hexadecimal() {
        let status = Pcache::parse_status("1f 128 64 12 70 1 3:8192 3:0 3:0").unwrap();
        assert_eq!(status.sb_flags, HexFlags(0x1f));
        for flags in ["0x1", "+1", "1F", "01", "00", "100000000"] {
            let text = format!("{flags} 128 64 12 70 1 3:8192 3:0 3:0");
            assert!(Pcache::parse_status(&text).is_err(), "{text}");
        }
    }
}
