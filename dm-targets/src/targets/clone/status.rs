//! The status of a `clone` target.

use alloc::vec::Vec;
use core::fmt;

use dm_units::{MetaBlocks, Sectors};

use super::{CloneCore, CloneFeatures, REGION_SIZE};
use crate::option::keywords::keywords;
use crate::{Concern, Fields, Health, Params, ParseError, Printer, Usage, WordBuf, Work, WorkKind};

keywords! {
    exact;
    /// Whether the metadata of a clone can be changed.
    pub enum CloneMode {
        /// The metadata can be read and changed.
        ReadWrite = "rw",
        /// After an error, the metadata can only be read.
        ReadOnly = "ro",
        /// The metadata failed while the kernel was printing the status.
        Fail = "Fail",
    }
}

/// The status of a `clone` target: its figures, or why it has none.
///
/// ```
/// use dm_targets::clone::CloneStatus;
/// use dm_targets::{CloneTarget, Target};
///
/// let status = CloneTarget::parse_status("8 10/65536 8 512/8192 1 0 4 hydration_threshold 99 hydration_batch_size 2 rw")?;
/// let CloneStatus::Working(clone) = status else { return Ok(()) };
/// assert_eq!((clone.hydrated.used, clone.hydrated.total), (512, 8192));
/// # Ok::<(), dm_targets::ParseError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub enum CloneStatus {
    /// The clone works unless its [`mode`](WorkingClone::mode) is `Fail`.
    Working(WorkingClone),
    /// The metadata has failed, and all I/O fails.
    Fail,
    /// The kernel could not read the metadata.
    Error,
}

/// The figures in the status of a working `clone` target.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct WorkingClone {
    /// The size of a metadata block: 8 sectors.
    pub metadata_block_size: Sectors,
    /// The used and total blocks of the metadata device.
    pub metadata: Usage<MetaBlocks>,
    /// The size of a region in sectors.
    pub region_size: Sectors,
    /// The number of regions that need no more copying, and the number of all regions.
    pub hydrated: Usage<u64>,
    /// The number of regions that are being copied now, or that a write is now overwriting as a whole.
    pub in_flight: u32,
    /// The active features.
    pub features: CloneFeatures,
    /// The settings for copying in the background.
    pub core: CloneCore,
    /// Whether the metadata can be changed.
    pub mode: CloneMode,
    /// Words after the known ones, which a later kernel may print.
    #[cfg_attr(feature = "serde", serde(default))]
    pub extra: Vec<WordBuf>,
}

impl CloneStatus {
    pub(super) fn health(&self) -> Health {
        match self {
            Self::Working(clone) => clone.health(),
            Self::Fail => Health { repairs: 1, ..Health::only(Concern::Failed) },
            Self::Error => Health::only(Concern::NoFigures),
        }
    }
}

impl WorkingClone {
    fn health(&self) -> Health {
        let failed = self.mode == CloneMode::Fail;
        let is_unfinished = self.hydrated.used < self.hydrated.total;
        // `do_hydration` starts no copy with a threshold of 0.
        let is_enabled = !self.features.no_hydration && self.core.hydration_threshold != Some(0);
        let is_copied = is_enabled && self.mode == CloneMode::ReadWrite;
        Health {
            metadata: Some(self.metadata.numbers()),
            work: (is_unfinished && is_copied).then_some(Work::new(WorkKind::Copy, Some(self.hydrated))),
            repairs: failed.into(),
            ..Health::default()
        }
        .concern(Concern::Failed, failed)
        .concern(Concern::ReadOnly, self.mode == CloneMode::ReadOnly)
        .concern(Concern::LowMetadataSpace, self.metadata.is_full())
        .concern(Concern::Unknown, matches!(self.mode, CloneMode::Other(_)))
    }
}

impl Params for CloneStatus {
    fn parse(fields: &mut Fields<'_>) -> Result<Self, ParseError> {
        if fields.take_all("Fail") {
            return Ok(Self::Fail);
        }
        if fields.take_all("Error") {
            return Ok(Self::Error);
        }
        WorkingClone::parse(fields).map(Self::Working)
    }
}

impl fmt::Display for CloneStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Working(clone) => clone.print(&mut Printer::printed(f)),
            Self::Fail => f.write_str("Fail"),
            Self::Error => f.write_str("Error"),
        }
    }
}

impl WorkingClone {
    fn parse(fields: &mut Fields<'_>) -> Result<Self, ParseError> {
        Ok(Self {
            metadata_block_size: fields.read("metadata block size")?,
            metadata: fields.read("used/total metadata blocks")?,
            region_size: fields.read(REGION_SIZE.field())?,
            hydrated: fields.read("hydrated/total regions")?,
            in_flight: fields.read("hydrating regions")?,
            features: fields.read_options()?,
            core: fields.read_options()?,
            mode: fields.read("metadata mode")?,
            extra: fields.read_rest("extra")?,
        })
    }

    fn print(&self, out: &mut Printer<'_, '_>) -> fmt::Result {
        out.put(&self.metadata_block_size).put(&self.metadata).put(&self.region_size);
        out.put(&self.hydrated).put(&self.in_flight);
        out.options(&self.features).options(&self.core).put(&self.mode).all(&self.extra).end()
    }
}
