//! What a monitor reports.

use alloc::boxed::Box;
use core::fmt;

use dm_core::{DmNameBuf, DmUuidBuf};
use dm_units::{DataBlocks, DeviceNumber, Sectors};

use crate::errors::parse_error::ParseError;
use crate::target::health::{Concern, WorkKind};
use crate::text::value::Usage;

/// A change of a followed device; see [`Monitor`](super::Monitor).
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Alarm {
    /// The device's number.
    pub number: DeviceNumber,
    /// The name, now or when the device was last seen.
    pub name: DmNameBuf,
    /// The uuid, now or when the device was last seen.
    pub uuid: Option<DmUuidBuf>,
    /// The line of the table that it is about. `None` for changes of the whole device.
    pub line: Option<AlarmLine>,
    /// What has changed.
    pub kind: AlarmKind,
}

/// A line of a device's table.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct AlarmLine {
    /// The first sector.
    pub start: Sectors,
    /// How many sectors.
    pub length: Sectors,
    /// The target type, such as `thin-pool`.
    pub target_type: Box<str>,
}

/// What has changed.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum AlarmKind {
    /// A device that is chosen was created, or was given a uuid that is chosen.
    Added,
    /// The device was removed. Nothing else of it is reported: what was wrong with it is over.
    Removed,
    /// The device has another name. It is followed as long as its present name or its uuid is chosen.
    #[non_exhaustive]
    Renamed {
        /// The name that it had.
        from: DmNameBuf,
    },
    /// Something is wrong that was not before: see [`Concern`].
    Raised(Concern),
    /// Something is not wrong any more.
    Cleared(Concern),
    /// A level of [`MonitorOptions::levels`](super::MonitorOptions::levels) is reached: of several at once, the highest.
    #[non_exhaustive]
    LevelReached {
        /// Of which space.
        space: Space,
        /// The level, in percent.
        level: u8,
        /// How much is used, in units of the target.
        usage: Usage<u64>,
    },
    /// Usage is below a level again, of several the lowest.
    ///
    /// It is left once usage is two percentage points below, so that a usage that wavers is not reported again and again. A
    /// space whose size changes is looked at anew.
    #[non_exhaustive]
    LevelLeft {
        /// Of which space.
        space: Space,
        /// The level, in percent.
        level: u8,
        /// How much is used, in units of the target.
        usage: Usage<u64>,
    },
    /// A thin pool has no more free data blocks than its table's low water mark.
    ///
    /// It is reported again if the pool has grown and still has no more.
    #[non_exhaustive]
    BelowLowWater {
        /// How many blocks are free.
        free: DataBlocks,
        /// The low water mark.
        low_water: DataBlocks,
    },
    /// A thin pool has more free data blocks again than its low water mark.
    AboveLowWater,
    /// A leg of a mirror or RAID, a stripe or a path was lost, is back, or is being rebuilt.
    #[non_exhaustive]
    Leg {
        /// Which one, from 0, in the order of the table. Paths are counted through all groups.
        index: usize,
        /// Its device, where the status tells.
        device: Option<DeviceNumber>,
        /// How it is now.
        state: LegState,
    },
    /// The target has begun to do something in the background.
    WorkStarted(WorkKind),
    /// The target has finished what it did in the background, or has given it up: the concerns tell.
    WorkEnded(WorkKind),
    /// The status can't be read; what was wrong before is taken to last.
    Unreadable(ParseError),
    /// The status can be read again.
    Readable,
}

/// A space that can run out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Space {
    /// Of a pool, the COW device of a snapshot, or a VDO.
    Data,
    /// For metadata.
    Metadata,
}

/// How a leg, stripe or path is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum LegState {
    /// It works and holds what it should.
    #[default]
    Working,
    /// It works and does not hold yet what it should.
    Rebuilding,
    /// It has failed or is missing.
    Failed,
    /// In a state that this version does not know.
    Unknown,
}

impl fmt::Display for Space {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Data => "data",
            Self::Metadata => "metadata",
        })
    }
}

impl fmt::Display for LegState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Working => "works",
            Self::Rebuilding => "is being rebuilt",
            Self::Failed => "has failed",
            Self::Unknown => "is in a state that is not known",
        })
    }
}

impl fmt::Display for AlarmKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Added => f.write_str("was created"),
            Self::Removed => f.write_str("was removed"),
            Self::Renamed { from } => write!(f, "was renamed from {from}"),
            Self::Raised(concern) => concern.fmt(f),
            Self::Cleared(concern) => write!(f, "over: {concern}"),
            Self::LevelReached { space, level, .. } => write!(f, "{space} space is {level}% used"),
            Self::LevelLeft { space, level, .. } => write!(f, "{space} space is less than {level}% used"),
            Self::BelowLowWater { free, low_water } => {
                write!(f, "{free} data blocks are free, at most the low water mark of {low_water}")
            }
            Self::AboveLowWater => f.write_str("more data blocks are free than the low water mark"),
            Self::Leg { index, device: Some(device), state } => write!(f, "leg {index} ({device}) {state}"),
            Self::Leg { index, device: None, state } => write!(f, "leg {index} {state}"),
            Self::WorkStarted(work) => write!(f, "{work} has begun"),
            Self::WorkEnded(work) => write!(f, "{work} has ended"),
            Self::Unreadable(error) => write!(f, "the status can't be read: {error}"),
            Self::Readable => f.write_str("the status can be read again"),
        }
    }
}

/// A sentence: the device, the line unless it is the first, and what has changed.
impl fmt::Display for Alarm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.name)?;
        match &self.line {
            Some(line) if line.start == Sectors(0) => write!(f, " ({})", line.target_type)?,
            Some(line) => write!(f, " ({} at {})", line.target_type, line.start)?,
            None => {}
        }
        write!(f, ": {}", self.kind)
    }
}
