//! `clone`: a copy of a device that can be used while it is still being copied (hydrated) in the background.
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
//! | hydration_threshold, hydration_batch_size | `u32` | regions | 1 if not said |
//! | used/total | [`Usage`](crate::Usage) | metadata blocks of 4 KiB | |
//! | hydrated/regions, in_flight | `u64`, `u32` | regions | |
//!
//! The kernel prints the words of a table from the region size on as they were given, and messages do not change them; the
//! status tells what is in effect. Words after the last group are ignored, but kept.
//!
//! `Fail`: the metadata has failed; `Error`: the figures could not be read. Messages are answered with nothing.
//!
//! Kernel: `clone_ctr`, `clone_status` and `clone_message` in `drivers/md/dm-clone-target.c`.

mod message;
mod status;

use alloc::string::ToString;
use alloc::vec::Vec;
use core::fmt::{self, Write};

use dm_units::Sectors;

use crate::{
    AsGiven, Concern, Device, Fields, Health, InvalidField, Limits, Params, ParseError, Printer, Problem, Target,
    Value, WordBuf,
};

pub use message::CloneMessage;
pub use status::{CloneMode, CloneStatus, WorkingClone};

const REGION_SIZE: Limits = Limits::new("region size", 8, 1 << 21).power_of_two();
const REGIONS: Limits = Limits::new("number of regions", 1, 1 << 31);
const FEATURE_COUNT: Limits = Limits::new("number of feature arguments", 0, 2);
const CORE_COUNT: Limits = Limits::new("number of core arguments", 0, 4).multiple_of(2);
const FEATURE: &str = "feature argument";
const CORE_ARG: &str = "core argument";

const NO_HYDRATION: &str = "no_hydration";
const NO_DISCARD_PASSDOWN: &str = "no_discard_passdown";
const THRESHOLD: &str = "hydration_threshold";
const BATCH_SIZE: &str = "hydration_batch_size";

/// The `clone` target; not the trait of this name, so better not imported by a `*`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Clone {}

impl Target for Clone {
    const TYPE: &'static str = "clone";
    type Table = CloneTable;
    type Status = CloneStatus;
    type Message = CloneMessage;

    fn check(table: &CloneTable, length: Sectors) -> Result<(), InvalidField> {
        let CloneArgs { region_size, features, core, .. } = &*table.args;
        REGION_SIZE.check(*region_size)?;
        REGIONS.check(length.0.div_ceil(region_size.0))?;
        FEATURE_COUNT.check(features.count() as u64)?;
        CORE_COUNT.check(core.count() as u64)
    }

    fn health(status: &CloneStatus) -> Health {
        match status {
            CloneStatus::Working(clone) => {
                Health { metadata: Some(clone.metadata.numbers()), sync: Some(clone.hydrated), ..Health::default() }
                    .concern(Concern::ReadOnly, clone.mode == CloneMode::ReadOnly)
                    .concern(Concern::Failed, clone.mode == CloneMode::Fail)
            }
            CloneStatus::Fail => Health::only(Concern::Failed),
            CloneStatus::Error => Health::only(Concern::NoFigures),
        }
    }
}

/// The table of a `clone` target.
///
/// ```
/// use dm_targets::clone::CloneTable;
/// use dm_units::{DeviceNumber, Sectors};
///
/// let [metadata, dest, source] = [DeviceNumber::new(254, 32), DeviceNumber::new(254, 16), DeviceNumber::new(254, 0)];
/// let table = CloneTable::new(metadata, dest, source, Sectors(8)).no_hydration().hydration_threshold(13);
/// assert_eq!(table.to_string(), "254:32 254:16 254:0 8 1 no_hydration 2 hydration_threshold 13");
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct CloneTable {
    /// Holds what has been copied.
    pub metadata: Device,
    /// The device that is copied to.
    pub dest: Device,
    /// The device that is copied; it is only read.
    pub source: Device,
    /// All else; the kernel prints it as it was given.
    pub args: AsGiven<CloneArgs>,
}

/// The words of a `clone` table after the devices.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct CloneArgs {
    /// How much is copied as one.
    pub region_size: Sectors,
    /// What is asked for.
    pub features: CloneFeatures,
    /// How it is copied.
    pub core: CloneCore,
    /// Words after these, which the kernel ignores.
    pub extra: Vec<WordBuf>,
}

impl CloneTable {
    /// Copies `source` to `dest`.
    pub fn new(
        metadata: impl Into<Device>,
        dest: impl Into<Device>,
        source: impl Into<Device>,
        region_size: Sectors,
    ) -> Self {
        let (features, core) = (CloneFeatures::default(), CloneCore::default());
        let args = CloneArgs { region_size, features, core, extra: Vec::new() };
        Self { metadata: metadata.into(), dest: dest.into(), source: source.into(), args: args.into() }
    }

    /// Does not copy in the background, until a message says so.
    #[must_use]
    pub fn no_hydration(mut self) -> Self {
        self.args.features.no_hydration = true;
        self
    }

    /// Does not pass discards down to the device that is copied to.
    #[must_use]
    pub fn no_discard_passdown(mut self) -> Self {
        self.args.features.no_discard_passdown = true;
        self
    }

    /// Copies at most so many regions at a time.
    #[must_use]
    pub fn hydration_threshold(mut self, regions: u32) -> Self {
        self.args.core.hydration_threshold = Some(regions);
        self
    }

    /// Tries to copy so many adjoining regions as one.
    #[must_use]
    pub fn hydration_batch_size(mut self, regions: u32) -> Self {
        self.args.core.hydration_batch_size = Some(regions);
        self
    }
}

impl Params for CloneTable {
    fn parse(fields: &mut Fields<'_>) -> Result<Self, ParseError> {
        Ok(Self {
            metadata: fields.read("metadata device")?,
            dest: fields.read("destination device")?,
            source: fields.read("source device")?,
            args: AsGiven::parse(fields)?,
        })
    }
}

impl fmt::Display for CloneTable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Printer::new(f).put(&self.metadata).put(&self.dest).put(&self.source).end()?;
        f.write_char(' ')?;
        self.args.fmt(f)
    }
}

impl Params for CloneArgs {
    fn parse(fields: &mut Fields<'_>) -> Result<Self, ParseError> {
        let region_size = fields.read_within(&REGION_SIZE)?;
        let features = CloneFeatures::parse(&mut fields.read_optional_group(FEATURE_COUNT.field())?)?;
        let core = CloneCore::parse(&mut fields.read_optional_group(CORE_COUNT.field())?)?;
        Ok(Self { region_size, features, core, extra: fields.read_rest("extra")? })
    }
}

/// Leaves out groups at the end that are empty.
impl fmt::Display for CloneArgs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut out = Printer::new(f);
        out.put(&self.region_size);
        let core = self.core.count() > 0 || !self.extra.is_empty();
        if core || self.features.count() > 0 {
            self.features.print(&mut out);
        }
        if core {
            self.core.print(&mut out);
        }
        out.all(&self.extra).end()
    }
}

/// The features of a clone: in a table those that were asked for, in a status those in effect.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct CloneFeatures {
    /// Nothing is copied in the background.
    pub no_hydration: bool,
    /// Discards do not reach the device that is copied to.
    pub no_discard_passdown: bool,
    /// Features that this version does not know, and those given twice.
    #[cfg_attr(feature = "serde", serde(default, skip_serializing_if = "Vec::is_empty"))]
    pub other: Vec<WordBuf>,
}

impl CloneFeatures {
    fn count(&self) -> usize {
        let known = [self.no_hydration, self.no_discard_passdown];
        known.into_iter().filter(|given| *given).count().saturating_add(self.other.len())
    }

    /// Reads all words of a group.
    fn parse(group: &mut Fields<'_>) -> Result<Self, ParseError> {
        let mut features = Self::default();
        while let Some(word) = group.next_word() {
            if word.is(NO_HYDRATION) && !features.no_hydration {
                features.no_hydration = true;
            } else if word.is(NO_DISCARD_PASSDOWN) && !features.no_discard_passdown {
                features.no_discard_passdown = true;
            } else {
                features.other.push(WordBuf::read(word).map_err(|problem| group.error(FEATURE, problem))?);
            }
        }
        Ok(features)
    }

    fn print(&self, out: &mut Printer<'_, '_>) {
        out.count(self.count());
        if self.no_hydration {
            out.word(NO_HYDRATION);
        }
        if self.no_discard_passdown {
            out.word(NO_DISCARD_PASSDOWN);
        }
        out.all(&self.other);
    }
}

/// How a clone copies in the background.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct CloneCore {
    /// At most so many regions are being copied at a time.
    pub hydration_threshold: Option<u32>,
    /// So many adjoining regions are copied as one, where that is possible.
    pub hydration_batch_size: Option<u32>,
    /// Arguments that this version does not know, and those that another of the same name has replaced.
    #[cfg_attr(feature = "serde", serde(default, skip_serializing_if = "Vec::is_empty"))]
    pub other: Vec<WordBuf>,
}

impl CloneCore {
    fn count(&self) -> usize {
        let known = [self.hydration_threshold.is_some(), self.hydration_batch_size.is_some()];
        known.into_iter().filter(|given| *given).fold(self.other.len(), |words, _| words.saturating_add(2))
    }

    /// Reads all words of a group.
    fn parse(group: &mut Fields<'_>) -> Result<Self, ParseError> {
        let mut core = Self::default();
        while let Some(word) = group.next_word() {
            let blame = |problem| group.error(CORE_ARG, problem);
            if word.is(THRESHOLD) {
                let old = core.hydration_threshold.replace(group.read_argument(THRESHOLD)?);
                core.keep(THRESHOLD, old).map_err(|problem| group.error(CORE_ARG, problem))?;
            } else if word.is(BATCH_SIZE) {
                let old = core.hydration_batch_size.replace(group.read_argument(BATCH_SIZE)?);
                core.keep(BATCH_SIZE, old).map_err(|problem| group.error(CORE_ARG, problem))?;
            } else {
                core.other.push(WordBuf::read(word).map_err(blame)?);
                core.other.extend(group.read_optional::<WordBuf>(CORE_ARG)?);
            }
        }
        Ok(core)
    }

    /// Keeps a value that was replaced.
    fn keep(&mut self, name: &str, old: Option<u32>) -> Result<(), Problem> {
        if let Some(old) = old {
            self.other.extend([WordBuf::new(name)?, WordBuf::new(old.to_string())?]);
        }
        Ok(())
    }

    /// Whether an argument was given twice, which only a table may do.
    fn repeats(&self) -> bool {
        self.other.iter().any(|word| [THRESHOLD, BATCH_SIZE].contains(&word.as_str()))
    }

    fn print(&self, out: &mut Printer<'_, '_>) {
        out.count(self.count());
        for (name, value) in [(THRESHOLD, self.hydration_threshold), (BATCH_SIZE, self.hydration_batch_size)] {
            if let Some(value) = value {
                out.word(name).put(&value);
            }
        }
        out.all(&self.other);
    }
}

#[cfg(test)]
mod tests;
