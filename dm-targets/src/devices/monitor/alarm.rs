//! [`Alarm`]: the changes that a monitor reports.

use alloc::boxed::Box;
use core::fmt;

use dm_core::{DmNameBuf, DmUuidBuf};
use dm_units::{DataBlocks, DeviceNumber, Sectors};

use crate::errors::parse_error::ParseError;
use crate::target::health::{Concern, WorkKind};
use crate::text::value::Usage;

/// A change of a device that a [`Monitor`](super::Monitor) follows.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Alarm {
    /// The device's number.
    pub number: DeviceNumber,
    /// The device's name at the time of the alarm; for a removed device, its last name.
    pub name: DmNameBuf,
    /// The device's uuid at that time, if it has one.
    pub uuid: Option<DmUuidBuf>,
    /// The line of the table that the change concerns. `None` for changes of the whole device.
    pub line: Option<AlarmLine>,
    /// The kind of change.
    pub kind: AlarmKind,
}

/// The line of a device's table that an [`Alarm`] concerns.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct AlarmLine {
    /// The first sector of the line.
    pub start: Sectors,
    /// The number of sectors.
    pub length: Sectors,
    /// The target type, such as `thin-pool`.
    pub target_type: Box<str>,
}

/// The kinds of changes that a [`Monitor`](super::Monitor) reports.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum AlarmKind {
    /// A device that the [options](super::MonitorOptions) select was created, or a device got a uuid that they select.
    Added,
    /// The device was removed. Its concerns are not reported as cleared.
    Removed,
    /// The device was renamed. If the options select the new name, the monitor starts to follow the device. If they
    /// select neither the new name nor the uuid, it stops. [`Added`](Self::Added) and [`Removed`](Self::Removed) are
    /// not reported in these cases.
    #[non_exhaustive]
    Renamed {
        /// The old name; the new one is in [`Alarm::name`].
        from: DmNameBuf,
    },
    /// The target has a new problem: see [`Concern`].
    Raised(Concern),
    /// A concern no longer applies.
    Cleared(Concern),
    /// The usage in whole percent has reached one of the [`MonitorOptions::levels`](super::MonitorOptions::levels). If
    /// it has reached several since the last step, only the highest is reported.
    #[non_exhaustive]
    LevelReached {
        /// The kind of space.
        space: Space,
        /// The level, in percent.
        level: u8,
        /// The usage, in the units of [`Health::data`](crate::Health::data) or
        /// [`Health::metadata`](crate::Health::metadata).
        usage: Usage<u64>,
    },
    /// The usage has fallen below a level again. If it has fallen below several since the last step, only the lowest is
    /// reported.
    ///
    /// The usage must be at least 2 percentage points below the level, so that small changes are not reported
    /// repeatedly. If the size of the space has changed, this margin does not apply. If the usage is still at or above
    /// a level after such a change, the highest such level is reported as [`LevelReached`](Self::LevelReached).
    #[non_exhaustive]
    LevelLeft {
        /// The kind of space.
        space: Space,
        /// The level, in percent.
        level: u8,
        /// The usage, in the units of [`Health::data`](crate::Health::data) or
        /// [`Health::metadata`](crate::Health::metadata).
        usage: Usage<u64>,
    },
    /// The number of free data blocks of a thin pool is at or below the low water mark of its table.
    ///
    /// This is reported again if the pool has grown, but the free blocks are still at or below the mark.
    #[non_exhaustive]
    BelowLowWater {
        /// The number of free blocks.
        free: DataBlocks,
        /// The low water mark.
        low_water: DataBlocks,
    },
    /// The number of free data blocks of a thin pool is above the low water mark again.
    AboveLowWater,
    /// The state of a leg of a mirror or RAID, of a stripe or of a path has changed. The first step of the monitor
    /// reports the legs that do not work.
    #[non_exhaustive]
    Leg {
        /// The index of the leg in the order of the table, from 0. The paths of all groups are counted together.
        index: usize,
        /// The leg's device, if the status contains it.
        device: Option<DeviceNumber>,
        /// The leg's new state.
        state: LegState,
    },
    /// The target has started background work.
    WorkStarted(WorkKind),
    /// This background work was completed or stopped. If a synchronization was interrupted, [`Concern::NotInSync`]
    /// remains. If a merge has failed, [`Concern::Disabled`] is raised.
    WorkEnded(WorkKind),
    /// The status cannot be parsed. Earlier concerns are assumed to persist.
    Unreadable(ParseError),
    /// The status can be parsed again.
    Readable,
}

/// The spaces whose usage a [`Monitor`](super::Monitor) reports.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Space {
    /// The data space of a pool, of a snapshot's COW device, or of a VDO volume.
    Data,
    /// The metadata space of a pool, a cache, a clone or an era device.
    Metadata,
}

/// The state of a leg, stripe or path, as [`AlarmKind::Leg`] reports it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum LegState {
    /// The leg works. A leg of a RAID also has all its data. A leg of a mirror may still be waiting for some of its
    /// data.
    #[default]
    Working,
    /// The leg of a RAID works, but does not have all its data yet.
    Rebuilding,
    /// The leg has failed or is missing. A mirror's leg counts as failed after any error.
    Failed,
    /// This version of the crate does not know the state.
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
            Self::Unknown => "is in an unknown state",
        })
    }
}

impl fmt::Display for AlarmKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Added => f.write_str("was added"),
            Self::Removed => f.write_str("was removed"),
            Self::Renamed { from } => write!(f, "was renamed from {from}"),
            Self::Raised(concern) => concern.fmt(f),
            Self::Cleared(concern) => write!(f, "cleared: {concern}"),
            Self::LevelReached { space, level, .. } => write!(f, "{space} space is {level}% used"),
            Self::LevelLeft { space, level, .. } => write!(f, "{space} space is less than {level}% used"),
            Self::BelowLowWater { free, low_water } => {
                write!(f, "{free} data blocks are free, at most the low water mark of {low_water}")
            }
            Self::AboveLowWater => f.write_str("more data blocks are free than the low water mark"),
            Self::Leg { index, device: Some(device), state } => write!(f, "leg {index} ({device}) {state}"),
            Self::Leg { index, device: None, state } => write!(f, "leg {index} {state}"),
            Self::WorkStarted(work) => write!(f, "{work} has started"),
            Self::WorkEnded(work) => write!(f, "{work} has ended"),
            Self::Unreadable(error) => write!(f, "the status cannot be read: {error}"),
            Self::Readable => f.write_str("the status can be read again"),
        }
    }
}

/// Prints the name of the device, the target type, the start of the line unless it is 0, and the change.
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_alarm_names_the_start_of_its_line_unless_it_is_the_first() {
        let number = DeviceNumber::new(253, 0);
        let text = |start| {
            let line = AlarmLine { start, length: Sectors(8), target_type: "raid".into() };
            let (name, line, kind) = (DmNameBuf::new("home").unwrap(), Some(line), AlarmKind::Readable);
            Alarm { number, name, uuid: None, line, kind }.to_string()
        };
        assert_eq!(text(Sectors(0)), "home (raid): the status can be read again");
        assert_eq!(text(Sectors(64)), "home (raid at 64): the status can be read again");
    }
}
