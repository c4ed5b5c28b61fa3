//! `pcache`: persistent memory as a cache in front of a block device; newer than kernel 6.12.
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
//! | cache | [`Device`] | | persistent memory that can be mapped (DAX) |
//! | #options | count | words | at most 4 |
//! | sb_flags, cache_flags | [`HexFlags`] | | |
//! | segments, cache_segments, used_segments | `u32` | segments of 16 MiB | |
//! | gc_percent | `u8` | percent | 0 to 90 |
//! | key_head, dirty_tail, key_tail | [`SegmentOffset`] | bytes in a segment | |
//!
//! Key words are compared with case. The kernel always prints both options and calls the second one `crc`, which its
//! constructor does not know: what it prints cannot be loaded. Here a table is printed with `crc` as the kernel's words
//! (`{:#}`) and with `data_crc` as the constructor's (`{}`), and both are read.
//!
//! A device with a live table takes no other: it has to be removed first. The message is answered with nothing.
//!
//! Kernel: `dm_pcache_ctr`, `dm_pcache_status` and `dm_pcache_message` in `drivers/md/dm-pcache/dm_pcache.c`.

use alloc::vec::Vec;
use core::fmt::{self, Write};

use dm_units::Sectors;

use crate::keywords::keywords;
use crate::{
    Device, Fields, Health, InvalidField, Limits, Message, NoReply, Params, ParseError, Printer, Problem, Target,
    Usage, Value, Word, WordBuf,
};

const OPTION_COUNT: Limits = Limits::new("number of cache options", 0, 4);
const CACHE_MODE: &str = "cache_mode";
const DATA_CRC: &str = "data_crc";
/// What the kernel prints in place of [`DATA_CRC`].
const CRC: &str = "crc";
const GC_PERCENT: Limits = Limits::new("gc_percent", 0, 90);

/// The `pcache` target.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pcache {}

impl Target for Pcache {
    const TYPE: &'static str = "pcache";
    type Table = PcacheTable;
    type Status = PcacheStatus;
    type Message = PcacheMessage;

    const SINGLETON: bool = true;

    fn check(table: &PcacheTable, _: Sectors) -> Result<(), InvalidField> {
        OPTION_COUNT.check(table.option_words() as u64)
    }

    fn health(status: &PcacheStatus) -> Health {
        let data = Usage { used: status.used_segments.into(), total: status.cache_segments.into() };
        Health { data: Some(data), ..Health::default() }
    }
}

keywords! {
    exact;
    /// What becomes of writes to a `pcache` target.
    pub enum PcacheMode {
        /// They are complete when they are in the cache.
        Writeback = "writeback",
    }
}

/// The table of a `pcache` target.
///
/// ```
/// use dm_targets::pcache::PcacheTable;
/// use dm_units::DeviceNumber;
///
/// let table = PcacheTable::new(DeviceNumber::new(259, 0), DeviceNumber::new(254, 0)).data_crc(true);
/// assert_eq!(table.to_string(), "259:0 254:0 2 data_crc true");
/// assert_eq!(format!("{table:#}"), "259:0 254:0 2 crc true");
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct PcacheTable {
    /// Persistent memory.
    pub cache: Device,
    /// The device that is cached.
    pub backing: Device,
    /// What becomes of writes; `writeback` if not said.
    pub cache_mode: Option<PcacheMode>,
    /// Whether data in the cache has a checksum; not so if not said.
    pub data_crc: Option<bool>,
    /// Options that this version does not know; they are printed after the others.
    pub other_options: Vec<WordBuf>,
    /// Words after the options, which the kernel ignores.
    pub extra: Vec<WordBuf>,
}

impl PcacheTable {
    /// Caches `backing` in `cache`.
    pub fn new(cache: impl Into<Device>, backing: impl Into<Device>) -> Self {
        Self {
            cache: cache.into(),
            backing: backing.into(),
            cache_mode: None,
            data_crc: None,
            other_options: Vec::new(),
            extra: Vec::new(),
        }
    }

    /// Says what becomes of writes.
    #[must_use]
    pub fn cache_mode(self, mode: PcacheMode) -> Self {
        Self { cache_mode: Some(mode), ..self }
    }

    /// Says whether data in the cache has a checksum.
    #[must_use]
    pub fn data_crc(self, on: bool) -> Self {
        Self { data_crc: Some(on), ..self }
    }

    /// How many words the options are.
    fn option_words(&self) -> usize {
        let known = [self.cache_mode.is_some(), self.data_crc.is_some()];
        known.into_iter().filter(|given| *given).fold(self.other_options.len(), |words, _| words.saturating_add(2))
    }

    fn read_option(&mut self, options: &mut Fields<'_>, word: Word<'_>) -> Result<(), ParseError> {
        match word.spelling() {
            CACHE_MODE if self.cache_mode.is_some() => Err(options.error(CACHE_MODE, Problem::Repeated)),
            CACHE_MODE => {
                self.cache_mode = Some(options.read_argument(CACHE_MODE)?);
                Ok(())
            }
            DATA_CRC | CRC if self.data_crc.is_some() => Err(options.error(DATA_CRC, Problem::Repeated)),
            DATA_CRC | CRC => {
                let Switch(on) = options.read_argument(DATA_CRC)?;
                self.data_crc = Some(on);
                Ok(())
            }
            _ => {
                let word = WordBuf::read(word).map_err(|problem| options.error("cache option", problem))?;
                self.other_options.push(word);
                Ok(())
            }
        }
    }
}

/// `true` or `false`.
struct Switch(bool);

impl Value for Switch {
    fn read(word: Word<'_>) -> Result<Self, Problem> {
        match word.spelling() {
            "true" => Ok(Self(true)),
            "false" => Ok(Self(false)),
            _ => Err(Problem::Expected("true or false")),
        }
    }

    fn print(&self, out: &mut Printer<'_, '_>) -> fmt::Result {
        out.write_str(if self.0 { "true" } else { "false" })
    }
}

impl Params for PcacheTable {
    fn parse(fields: &mut Fields<'_>) -> Result<Self, ParseError> {
        let mut table = Self::new(fields.read::<Device>("cache device")?, fields.read::<Device>("backing device")?);
        let mut options = fields.read_optional_group(OPTION_COUNT.field())?;
        while let Some(word) = options.next_word() {
            table.read_option(&mut options, word)?;
        }
        table.extra = fields.read_rest("extra")?;
        Ok(table)
    }
}

impl fmt::Display for PcacheTable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let data_crc = if f.alternate() { CRC } else { DATA_CRC };
        let mut out = Printer::new(f);
        out.put(&self.cache).put(&self.backing).count(self.option_words());
        if let Some(mode) = &self.cache_mode {
            out.word(CACHE_MODE).put(mode);
        }
        if let Some(on) = self.data_crc {
            out.word(data_crc).put(&Switch(on));
        }
        out.all(&self.other_options).all(&self.extra).end()
    }
}

/// Flag bits, printed in hexadecimal digits without a prefix.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct HexFlags(pub u32);

impl Value for HexFlags {
    fn read(word: Word<'_>) -> Result<Self, Problem> {
        let problem = Problem::Expected("a hexadecimal number without a prefix");
        let digits = word.spelling();
        // Other spellings of a number would not be printed back.
        let plain = digits.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
        u32::from_str_radix(digits, 16).ok().filter(|_| plain).map(Self).ok_or(problem)
    }

    fn print(&self, out: &mut Printer<'_, '_>) -> fmt::Result {
        write!(out, "{:x}", self.0)
    }
}

/// A place in the cache, printed as `segment:offset`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct SegmentOffset {
    /// The number of a segment.
    pub segment: u32,
    /// Where in it, in bytes.
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

/// The status of a `pcache` target.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct PcacheStatus {
    /// Flags of the superblock.
    pub sb_flags: HexFlags,
    /// How many segments the cache device has.
    pub segments: u32,
    /// How many of these hold cached data.
    pub cache_segments: u32,
    /// How many of these are in use.
    pub used_segments: u32,
    /// Segments are freed when more than this percentage is in use.
    pub gc_percent: u8,
    /// Flags of the cache.
    pub cache_flags: HexFlags,
    /// Where the next key is written.
    pub key_head: SegmentOffset,
    /// From where on keys are still to be written back.
    pub dirty_tail: SegmentOffset,
    /// Where the oldest key is.
    pub key_tail: SegmentOffset,
    /// Words that later kernels may print.
    #[cfg_attr(feature = "serde", serde(default, skip_serializing_if = "Vec::is_empty"))]
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
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum PcacheMessage {
    /// Segments are freed when more than this percentage, from 0 to 90, is in use.
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
    fn what_the_kernel_prints_becomes_what_it_reads() {
        let table = Pcache::parse_table("259:0 254:0 4 cache_mode writeback crc false").unwrap();
        assert_eq!(table.to_string(), "259:0 254:0 4 cache_mode writeback data_crc false");
        assert_eq!(Pcache::parse_input(&table.to_string()), Ok(table));
    }

    #[test]
    fn options_have_values_and_come_once() {
        let refusal = |text| Pcache::parse_table(text).unwrap_err().to_string();
        assert_eq!(refusal("1:0 1:1 1 crc"), "pcache table: word 4, data_crc, must be followed by a value");
        assert_eq!(refusal("1:0 1:1 2 crc yes"), "pcache table: word 5, data_crc, must be true or false");
        assert_eq!(refusal("1:0 1:1 4 crc true data_crc true"), "pcache table: word 6, data_crc, is given twice");
        let table = Pcache::parse_table("1:0 1:1 3 crc true new x").unwrap();
        assert_eq!(table.to_string(), "1:0 1:1 3 data_crc true new x");
        assert_eq!(table.extra.len(), 1);
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
        for flags in ["0x1", "+1", "1F", "100000000"] {
            let text = format!("{flags} 128 64 12 70 1 3:8192 3:0 3:0");
            assert!(Pcache::parse_status(&text).is_err(), "{text}");
        }
    }
}
