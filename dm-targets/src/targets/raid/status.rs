//! The status of a `raid` target.

use alloc::vec::Vec;
use core::fmt;

use dm_units::Sectors;

use super::RaidType;
use crate::option::keywords::keywords;
use crate::{Fields, Params, ParseError, Printer, Usage, WordBuf};

keywords! {
    exact;
    /// The state of a device of the array.
    pub enum RaidHealth {
        /// The device works and is in sync.
        InSync = "A",
        /// The device works but is not in sync yet.
        OutOfSync = "a",
        /// The device has failed.
        Failed = "D",
        /// The table has `-` in place of the device.
        Missing = "-",
    }
}

keywords! {
    exact;
    /// The synchronization action that is running.
    pub enum SyncAction {
        /// No action is running.
        Idle = "idle",
        /// No action is running, and none starts by itself; see [`RaidMessage::Frozen`](super::RaidMessage::Frozen).
        Frozen = "frozen",
        /// The array is being synchronized.
        Resync = "resync",
        /// Devices are being rebuilt.
        Recover = "recover",
        /// The devices are being compared, and mismatches counted.
        Check = "check",
        /// The devices are being compared, and mismatches repaired.
        Repair = "repair",
        /// The layout or the number of devices is being changed.
        Reshape = "reshape",
        /// An action that the kernel has no name for.
        Undefined = "undef",
    }
}

keywords! {
    exact;
    /// The state of the journal device of a RAID 4, 5 or 6 array.
    pub enum JournalHealth {
        /// The journal works in the mode `writethrough`.
        WriteThrough = "A",
        /// The journal works in the mode `writeback`.
        WriteBack = "a",
        /// The journal has failed.
        Failed = "D",
        /// The array has no journal.
        NotThere = "-",
    }
}

/// The state of the array of a `raid` target.
///
/// ```
/// use dm_targets::raid::{RaidHealth, RaidStatus};
/// use dm_targets::{Raid, Target};
/// use dm_units::Sectors;
///
/// let RaidStatus::Array(array) = Raid::parse_status("raid1 2 Aa 53352/65536 recover 0 0 -")? else { return Ok(()) };
/// assert_eq!(array.health, [RaidHealth::InSync, RaidHealth::OutOfSync]);
/// assert_eq!((array.progress, array.total), (Sectors(53352), Sectors(65536)));
/// # Ok::<(), dm_targets::ParseError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub enum RaidStatus {
    /// The status of an array with a known layout.
    Array(RaidArrayStatus),
    /// An empty status: the layout of the array has no name. Only metadata that another tool has written can contain
    /// such a layout.
    Nothing,
}

/// The state of an array, of its devices, and of the action that is running.
///
/// A field that an old kernel does not print is `None`. The versions below are those of the target.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct RaidArrayStatus {
    /// The level and layout; during a reshape, the new ones. The word can differ from the one in the table.
    pub raid_type: RaidType,
    /// The number of devices in the array. During a reshape, it can differ from the number in the table.
    pub disks: u32,
    /// The state of each device, in the order of the table.
    pub health: Vec<RaidHealth>,
    /// The progress of the running action in sectors; for [`Idle`](SyncAction::Idle), the number of sectors in sync.
    pub progress: Sectors,
    /// The number of sectors to process. For RAID 0, 4, 5 and 6, this is the number on each device.
    pub total: Sectors,
    /// The running action; `None` before version 1.5.
    pub action: Option<SyncAction>,
    /// The number of mismatched sectors if the last action was a check, otherwise 0; `None` before version 1.5.
    pub mismatches: Option<u64>,
    /// The sector at which the data starts on each device; `None` before version 1.9.
    pub data_offset: Option<Sectors>,
    /// The state of the journal; `None` before version 1.10.
    pub journal: Option<JournalHealth>,
    /// Words after the known ones, which a later kernel may print.
    #[cfg_attr(feature = "serde", serde(default))]
    pub extra: Vec<WordBuf>,
}

impl Params for RaidStatus {
    fn parse(fields: &mut Fields<'_>) -> Result<Self, ParseError> {
        if fields.is_empty() { Ok(Self::Nothing) } else { RaidArrayStatus::parse(fields).map(Self::Array) }
    }
}

impl fmt::Display for RaidStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Array(array) => array.print(&mut Printer::printed(f)),
            Self::Nothing => Ok(()),
        }
    }
}

impl RaidArrayStatus {
    fn parse(fields: &mut Fields<'_>) -> Result<Self, ParseError> {
        let (raid_type, disks) = (fields.read("raid type")?, fields.read("number of devices")?);
        // The status has one letter per device of the table, but no count of them.
        let letters = fields.peek().map_or(0, |word| word.spelling().chars().count());
        let health = fields.read_letters("health", letters)?;
        let Usage { used: progress, total } = fields.read("sync ratio")?;
        Ok(Self {
            raid_type,
            disks,
            health,
            progress,
            total,
            action: fields.read_optional("sync action")?,
            mismatches: fields.read_optional("mismatch count")?,
            data_offset: fields.read_optional("data offset")?,
            journal: fields.read_optional("journal")?,
            extra: fields.read_rest("extra")?,
        })
    }

    fn print(&self, out: &mut Printer<'_, '_>) -> fmt::Result {
        out.put(&self.raid_type).put(&self.disks).letters(&self.health);
        out.put(&Usage { used: self.progress, total: self.total });
        out.all(&self.action).all(&self.mismatches).all(&self.data_offset).all(&self.journal).all(&self.extra).end()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Raid, Target};

    #[test]
    fn statuses_of_early_kernels_are_shorter() {
        for text in
            ["raid1 2 AA 8/8", "raid1 2 AA 8/8 idle 0", "raid1 2 AA 8/8 idle 0 0", "raid1 2 AA 8/8 idle 0 0 - new"]
        {
            assert_eq!(Raid::parse_status(text).unwrap().to_string(), text);
        }
        let RaidStatus::Array(array) = Raid::parse_status("raid1 2 AA 8/8 idle 0").unwrap() else { panic!() };
        assert_eq!((array.action, array.data_offset), (Some(SyncAction::Idle), None));
    }

    #[test]
    fn the_table_can_have_more_devices_than_the_array() {
        let RaidStatus::Array(array) = Raid::parse_status("raid5_ls 2 AAa 8/8 reshape 0 0 -").unwrap() else {
            panic!()
        };
        assert_eq!((array.disks, array.health.len()), (2, 3));
    }

    #[test]
    fn an_empty_text_is_a_status() {
        assert_eq!(Raid::parse_status(""), Ok(RaidStatus::Nothing));
        assert_eq!(RaidStatus::Nothing.to_string(), "");
        assert_eq!(Raid::parse_status("raid1 2").unwrap_err().to_string(), "raid status: word 3, health, is missing");
    }
}
