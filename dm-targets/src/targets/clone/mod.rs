//! `clone`: copies a device to another one in the background (hydration). The clone can be used during the copy.
//!
//! ```text
//! table    = <metadata> <dest> <source> <region_size> [<#features> {<feature>} [<#core> {<core_arg>}]]
//! feature  = no_hydration | no_discard_passdown
//! core_arg = hydration_threshold <regions> | hydration_batch_size <regions>
//! status   = <metadata_block_size> <used>/<total> <region_size> <hydrated>/<regions> <in_flight>
//!            <#features> {<feature>} <#core> {<core_arg>} <mode>
//!          | Fail | Error
//! message  = enable_hydration | disable_hydration
//!          | hydration_threshold <regions> | hydration_batch_size <regions>
//! ```
//!
//! | word | type | unit | range |
//! |---|---|---|---|
//! | metadata, dest, source | [`Device`] | | |
//! | region_size | [`Sectors`] | sectors | 8 to 2097152 (4 KiB to 1 GiB), a power of two; at most 2^31 regions |
//! | #features | count | words | at most 2 in a table |
//! | #core | count | words | at most 4 in a table, even |
//! | hydration_threshold, hydration_batch_size | `u32` | regions | default 1 |
//! | used/total | [`Usage`](crate::Usage) | metadata blocks of 4 KiB | |
//! | hydrated/regions, in_flight | `u64`, `u32` | regions | |
//! | mode | `rw`, `ro` or `Fail` | | whether the metadata can be changed |
//!
//! The kernel starts to copy a region in the background only while no other I/O is in flight (`do_hydration`). With a
//! `hydration_threshold` of 0, it never does.
//!
//! When the kernel prints a table, it repeats the words after the source as they were loaded. Messages do not change
//! them; the status shows the values in effect. The kernel ignores words after the core arguments, but prints them.
//! `{:#}` (see [`Params`](crate::Params)) prints them, too, unless you change the parsed table.
//!
//! A status `Fail` means that the metadata has failed, and `Error` that the kernel could not read the metadata. Replies
//! to messages are empty.
//!
//! Kernel: `clone_ctr`, `clone_status` and `clone_message` in `drivers/md/dm-clone-target.c`.

mod message;
mod status;

use dm_units::Sectors;

use crate::option::{Argument, Flag, OptionGroup, options};
use crate::target::spelled;
use crate::text::spelling::{Spelled, Spelling};
use crate::{
    Comparison, Device, Fields, Health, InvalidField, Limits, ParseError, Printer, TableDifference, Target, WordBuf,
};

pub use message::CloneMessage;
pub use status::{CloneMode, CloneStatus, WorkingClone};

const REGION_SIZE: Limits = Limits::new("region size", 8, 1 << 21).power_of_two();
const REGIONS: Limits = Limits::new("number of regions", 1, 1 << 31);

/// The `clone` target as a type parameter. The trait [`Target`] has the functions that parse its table, status and
/// messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CloneTarget {}

impl Target for CloneTarget {
    const TYPE: &'static str = "clone";
    type Table = CloneTable;
    type Status = CloneStatus;
    type Message = CloneMessage;

    fn check(table: &CloneTable, length: Sectors) -> Result<(), InvalidField> {
        REGION_SIZE.check(table.region_size)?;
        REGIONS.check(length.0.div_ceil(table.region_size.0))?;
        table.features.check()?;
        table.core.check()
    }

    /// Compares two tables; see [`Target::difference`]. A setting that is given with its default value, such as
    /// `hydration_threshold 1`, differs from a missing setting.
    fn difference(one: &CloneTable, other: &CloneTable) -> Option<TableDifference> {
        Comparison::new(one, other)
            .layout("metadata dev", |table| &table.metadata)
            .layout("destination dev", |table| &table.dest)
            .layout("source dev", |table| &table.source)
            .layout("region size", |table| &table.region_size)
            .tunable("features", |table| &table.features)
            .tunable("core args", |table| &table.core)
            .result()
    }

    fn health(status: &CloneStatus) -> Health {
        status.health()
    }
}

options! {
    /// The features of a clone: the requested ones in a table, the active ones in a status.
    #[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
    pub struct CloneFeatures for CloneTable.features {
        /// Does not copy in the background until [`CloneMessage::EnableHydration`] is sent.
        no_hydration(): bool = Flag("no_hydration");
        /// Does not pass discards to the destination.
        no_discard_passdown(): bool = Flag("no_discard_passdown");
    }
    other {
        /// Features that this crate does not know.
        #[cfg_attr(feature = "serde", serde(default))]
        other: WordBuf = "feature argument";
    }
    case: Any;
    count: Optional, Limits::new("number of feature arguments", 0, 2);
}

options! {
    /// The settings for copying in the background: how many regions at a time.
    #[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
    pub struct CloneCore for CloneTable.core {
        /// The number of regions that may be copied in the background at the same time. The default is 1. With 0,
        /// nothing is copied in the background.
        hydration_threshold(regions: u32): Option<u32> = Argument("hydration_threshold");
        /// The largest number of adjacent regions to copy in one operation. The default is 1, and 0 also means 1.
        hydration_batch_size(regions: u32): Option<u32> = Argument("hydration_batch_size");
    }
    other {
        /// Arguments that this crate does not know.
        #[cfg_attr(feature = "serde", serde(default))]
        other: WordBuf = "core argument";
    }
    case: Any;
    count: Optional, Limits::new("number of core arguments", 0, 4).multiple_of(2);
}

/// The arguments of a `clone` target: its three devices, the size of a region, features, and settings for the copying.
///
/// ```
/// use dm_targets::clone::CloneTable;
/// use dm_targets::{CloneTarget, Target};
/// use dm_units::{DeviceNumber, Sectors};
///
/// let [metadata, dest, source] = [DeviceNumber::new(254, 32), DeviceNumber::new(254, 16), DeviceNumber::new(254, 0)];
/// let table = CloneTable::new(metadata, dest, source, Sectors(8)).no_hydration().hydration_threshold(13);
/// assert_eq!(table.to_string(), "254:32 254:16 254:0 8 1 no_hydration 2 hydration_threshold 13");
/// assert_eq!(CloneTarget::parse_table("254:32 254:16 254:0 8 1 no_hydration 2 hydration_threshold 13")?, table);
/// # Ok::<(), dm_targets::ParseError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct CloneTable {
    /// The metadata device, which records which regions have been copied. For a new clone, its first 4096 bytes must be
    /// zeros.
    pub metadata: Device,
    /// The destination device. The copy overwrites it, and all writes go to it.
    pub dest: Device,
    /// The source device, which is only read.
    pub source: Device,
    /// The size of a region: a power of two from 8 to 2097152 sectors. There can be at most 2^31 regions.
    pub region_size: Sectors,
    /// The requested features.
    pub features: CloneFeatures,
    /// The settings for copying in the background: how many regions at a time.
    pub core: CloneCore,
    spelling: Spelling,
}

impl CloneTable {
    /// Copies `source` to `dest` in regions of `region_size` sectors. The values are not checked;
    /// [`CloneTarget::check`](Target::check) does that.
    pub fn new(
        metadata: impl Into<Device>,
        dest: impl Into<Device>,
        source: impl Into<Device>,
        region_size: Sectors,
    ) -> Self {
        let (metadata, dest, source) = (metadata.into(), dest.into(), source.into());
        let (features, core) = (CloneFeatures::default(), CloneCore::default());
        Self { metadata, dest, source, region_size, features, core, spelling: Spelling::default() }
    }
}

impl Spelled for CloneTable {
    const AS_GIVEN: bool = true;

    fn read(fields: &mut Fields<'_>) -> Result<Self, ParseError> {
        let table = Self {
            metadata: fields.read("metadata device")?,
            dest: fields.read("destination device")?,
            source: fields.read("source device")?,
            region_size: fields.read_within(&REGION_SIZE)?,
            features: fields.read_options()?,
            core: fields.read_options()?,
            spelling: Spelling::default(),
        };
        fields.ignore_rest()?;
        Ok(table)
    }

    /// Does not print empty groups at the end.
    fn print(&self, out: &mut Printer<'_, '_>) {
        let Self { metadata, dest, source, region_size, features, core, spelling: _ } = self;
        out.put(metadata).put(dest).put(source).put(region_size);
        let has_core = core.word_count() > 0;
        if has_core || features.word_count() > 0 {
            out.options(features);
        }
        if has_core {
            out.options(core);
        }
    }
}

spelled!(CloneTable);

#[cfg(test)]
mod tests;
