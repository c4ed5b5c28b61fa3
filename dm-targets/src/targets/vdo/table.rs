//! The table of a `vdo` target.

use core::fmt::{self, Write};

use dm_units::DataBlocks;

use super::VdoOptions;
use crate::option::OptionGroup;
use crate::target::spelled;
use crate::text::spelling::{Spelled, Spelling};
use crate::{Device, Fields, InvalidField, Limits, ParseError, Printer, Problem, Value, Word};

const CACHE_BLOCKS: &str = "block map page cache size";
/// `decode_vdo` refuses 0; its upper limit depends on the size of the journal of the volume.
const ERA_LENGTH: Limits = Limits::new("block map maximum age", 1, u32::MAX as u64);
const PHYSICAL_BLOCKS: &str = "physical block count";

/// The arguments of a `vdo` target: the device and size of the volume, cache and era lengths, and options.
///
/// ```
/// use dm_targets::vdo::{VdoSectorSize, VdoTable};
/// use dm_targets::{Target, Vdo};
/// use dm_units::{DataBlocks, DeviceNumber};
///
/// let table = VdoTable::new(DeviceNumber::new(254, 0), DataBlocks(2097152), VdoSectorSize::Bytes4096, 32768, 16380)
///     .compression(true);
/// assert_eq!(table.to_string(), "V4 254:0 2097152 4096 32768 16380 compression on");
/// assert_eq!(Vdo::parse_table("V4 254:0 2097152 4096 32768 16380 compression on")?, table);
/// # Ok::<(), dm_targets::ParseError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct VdoTable {
    version: VdoVersion,
    /// The device that holds the volume.
    pub device: Device,
    /// The size of the volume on the device in blocks of 4 KiB; 0 in grammar `V0`, which does not contain the size.
    pub physical_blocks: DataBlocks,
    /// The logical block size of the volume.
    pub sector_size: VdoSectorSize,
    /// The number of 4 KiB pages of the block map that are cached in memory.
    pub cache_blocks: u32,
    /// The length of an era, in recovery journal blocks of about 155 writes each. A changed page of the block map is
    /// written back by the end of the next era. At the first load or resume, the kernel refuses 0 and eras that are too
    /// long for the volume's recovery journal; with a journal of the usual size, 16380 is allowed.
    pub era_length: u32,
    /// The optional settings.
    pub options: VdoOptions,
    spelling: Spelling,
}

impl VdoTable {
    /// A volume on `device` with `physical_blocks` blocks of 4 KiB. The values are not checked;
    /// [`Vdo::check`](crate::Target::check) does that.
    ///
    /// `cache_blocks` is the number of 4 KiB pages of the block map to cache in memory.
    /// [`era_length`](Self::era_length) limits how long a changed page stays in memory before it is written back.
    /// With a journal of the usual size, it is from 1 to 16380.
    pub fn new(
        device: impl Into<Device>,
        physical_blocks: DataBlocks,
        sector_size: VdoSectorSize,
        cache_blocks: u32,
        era_length: u32,
    ) -> Self {
        Self {
            version: VdoVersion::V4,
            device: device.into(),
            physical_blocks,
            sector_size,
            cache_blocks,
            era_length,
            options: VdoOptions::default(),
            spelling: Spelling::default(),
        }
    }

    /// The grammar in which the table was parsed; `V4` for a new table.
    #[must_use]
    pub const fn version(&self) -> VdoVersion {
        self.version
    }

    pub(super) fn check(&self) -> Result<(), InvalidField> {
        if self.version == VdoVersion::V0 && self.physical_blocks.0 != 0 {
            return Err(InvalidField::new(PHYSICAL_BLOCKS, Problem::Conflict("version V0")));
        }
        ERA_LENGTH.check(self.era_length)?;
        self.options.check()?;
        self.options.check_values()?;
        self.options.check_index_memory()?;
        self.options.check_threads()?;
        self.options.cache_limits(CACHE_BLOCKS).check(self.cache_blocks)
    }
}

impl Spelled for VdoTable {
    const AS_GIVEN: bool = true;

    fn read(fields: &mut Fields<'_>) -> Result<Self, ParseError> {
        let version = VdoVersion::parse(fields)?;
        let [before, after] = version.ignored();
        let device = fields.read("device")?;
        let physical_blocks = if version == VdoVersion::V0 { DataBlocks(0) } else { fields.read(PHYSICAL_BLOCKS)? };
        let sector_size = fields.read("logical block size")?;
        ignore(fields, before)?;
        let cache_blocks = fields.read(CACHE_BLOCKS)?;
        let era_length = fields.read(ERA_LENGTH.field())?;
        ignore(fields, after)?;
        let options = if version.has_thread_list() {
            VdoOptions::parse_threads(fields)?
        } else {
            fields.read_options_then(VdoOptions::check_values)?
        };
        fields.finish()?;
        let spelling = Spelling::default();
        Ok(Self { version, device, physical_blocks, sector_size, cache_blocks, era_length, options, spelling })
    }

    fn print(&self, out: &mut Printer<'_, '_>) {
        let Self { version, device, physical_blocks, sector_size, cache_blocks, era_length, options, spelling: _ } =
            self;
        let [before, after] = version.ignored();
        if let Some(tag) = version.tag() {
            out.word(tag).put(device).put(physical_blocks);
        } else {
            out.put(device);
        }
        out.put(sector_size).all(core::iter::repeat_n(&0_u32, before));
        out.put(cache_blocks).put(era_length).all(core::iter::repeat_n(&0_u32, after));
        if version.has_thread_list() {
            options.print_threads(out);
        } else {
            out.options(options);
        }
    }
}

spelled!(VdoTable);

/// Skips words that the kernel ignores.
fn ignore(fields: &mut Fields<'_>, count: usize) -> Result<(), ParseError> {
    (0..count).try_for_each(|_| {
        let word = fields.next_word().ok_or_else(|| fields.missing("ignored word"))?;
        word.check().map_err(|problem| fields.error("ignored word", problem))
    })
}

/// The grammar of a `vdo` table. New tables use `V4`; the others come from older programs.
///
/// ```text
/// V0 =    <device>                   <size> <ignored> <ignored> <cache> <era> <ignored> <ignored> <ignored> <threads>
/// V1 = V1 <device> <physical_blocks> <size> <ignored> <ignored> <cache> <era> <ignored> <ignored> <ignored> <threads>
/// V2 = V2 <device> <physical_blocks> <size> <cache> <era> <ignored> <ignored> <ignored> {<key> <value>}
/// V3 = V3 <device> <physical_blocks> <size> <cache> <era> <ignored> {<key> <value>}
/// V4 = V4 <device> <physical_blocks> <size> <cache> <era> {<key> <value>}
/// ```
///
/// `threads` is a list such as `cpu=2,bio=4`, or a dot. Only the `V` and the digits of the first word are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum VdoVersion {
    /// Has no version and no number of blocks; the volume uses the whole device.
    V0,
    /// The first grammar with a version.
    V1,
    /// The first grammar with keys and values.
    V2,
    /// Has one ignored word.
    V3,
    /// Has no ignored words.
    V4,
}

impl VdoVersion {
    /// Reads the first word if it is a version.
    fn parse(fields: &mut Fields<'_>) -> Result<Self, ParseError> {
        let Some(digits) = fields.peek().and_then(Self::digits) else { return Ok(Self::V0) };
        let _ = fields.next_word();
        match u32::read(Word::plain(digits)) {
            Ok(1) => Ok(Self::V1),
            Ok(2) => Ok(Self::V2),
            Ok(3) => Ok(Self::V3),
            Ok(4) => Ok(Self::V4),
            _ => Err(fields.error("version", Problem::Expected("V1 to V4"))),
        }
    }

    /// The digits after the `V` of a version; `None` if the word is not a version.
    fn digits(word: Word<'_>) -> Option<&str> {
        let rest = word.spelling().strip_prefix('V')?;
        let end = rest.find(|char: char| !char.is_ascii_digit()).unwrap_or(rest.len());
        rest.get(..end).filter(|digits| !digits.is_empty())
    }

    const fn tag(self) -> Option<&'static str> {
        match self {
            Self::V0 => None,
            Self::V1 => Some("V1"),
            Self::V2 => Some("V2"),
            Self::V3 => Some("V3"),
            Self::V4 => Some("V4"),
        }
    }

    /// The number of ignored words before the cache size, and after the era length.
    const fn ignored(self) -> [usize; 2] {
        match self {
            Self::V0 | Self::V1 => [2, 3],
            Self::V2 => [0, 3],
            Self::V3 => [0, 1],
            Self::V4 => [0, 0],
        }
    }

    /// Whether the options are one word with a list of threads.
    fn has_thread_list(self) -> bool {
        self <= Self::V1
    }
}

/// The logical block size of a volume: the size of the smallest possible write.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum VdoSectorSize {
    /// 512 bytes. Slow, because the volume stores blocks of 4096 bytes.
    Bytes512,
    /// 4096 bytes.
    Bytes4096,
}

impl Value for VdoSectorSize {
    fn read(word: Word<'_>) -> Result<Self, Problem> {
        match word.spelling() {
            "512" => Ok(Self::Bytes512),
            "4096" => Ok(Self::Bytes4096),
            _ => Err(Problem::Expected("512 or 4096")),
        }
    }

    fn print(&self, out: &mut Printer<'_, '_>) -> fmt::Result {
        out.write_str(match self {
            Self::Bytes512 => "512",
            Self::Bytes4096 => "4096",
        })
    }
}
