//! The status of an array.

use alloc::vec::Vec;
use core::fmt;

use dm_units::Sectors;

use super::RaidType;
use crate::option::keywords::keywords;
use crate::{Fields, Params, ParseError, Printer, Usage, WordBuf};

keywords! {
    exact;
    /// What is known of a device.
    pub enum RaidHealth {
        /// It works and is in sync.
        InSync = "A",
        /// It works and is not in sync yet.
        OutOfSync = "a",
        /// It has failed.
        Failed = "D",
        /// There is none in the table.
        Missing = "-",
    }
}

keywords! {
    exact;
    /// What the array does by itself.
    pub enum SyncAction {
        /// Nothing.
        Idle = "idle",
        /// Nothing until it is told to, by a message.
        Frozen = "frozen",
        /// It brings all devices in sync.
        Resync = "resync",
        /// It rebuilds devices.
        Recover = "recover",
        /// It compares the devices and counts the mismatches.
        Check = "check",
        /// It compares the devices and repairs mismatches.
        Repair = "repair",
        /// It changes its layout or number of devices.
        Reshape = "reshape",
        /// Something without a name.
        Undefined = "undef",
    }
}

keywords! {
    exact;
    /// The journal of the parity levels.
    pub enum JournalHealth {
        /// It works, in the mode `writethrough`.
        WriteThrough = "A",
        /// It works, in the mode `writeback`.
        WriteBack = "a",
        /// It has failed.
        Failed = "D",
        /// There is none.
        NotThere = "-",
    }
}

/// The status of a `raid` target.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub enum RaidStatus {
    /// What the kernel says of the array.
    Array(RaidArrayStatus),
    /// The kernel prints nothing for an array whose layout has no name, which only metadata from elsewhere can have.
    Nothing,
}

/// What the kernel says of an array.
///
/// Early kernels end after the first few fields: what is not printed is `None`, and so is everything after it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct RaidArrayStatus {
    /// The layout in effect, which can have another name than in the table.
    pub raid_type: RaidType,
    /// How many devices the array has now; while it is reshaped, not as many as the table has.
    pub disks: u32,
    /// The devices of the table in their order.
    pub health: Vec<RaidHealth>,
    /// How far the action has come, or how much is in sync if there is none.
    pub progress: Sectors,
    /// How much there is to do; for each device where there is parity.
    pub total: Sectors,
    /// What the array does; since version 1.5.
    pub action: Option<SyncAction>,
    /// How many sectors did not match, if the last action was a check, or 0; since version 1.5.
    pub mismatches: Option<u64>,
    /// Where on the devices the data starts; since version 1.9.
    pub data_offset: Option<Sectors>,
    /// The journal; since version 1.10.
    pub journal: Option<JournalHealth>,
    /// Words after the known ones, which a later kernel may print.
    #[cfg_attr(feature = "serde", serde(default, skip_serializing_if = "Vec::is_empty"))]
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
        // There is a letter for each device of the table, which the status does not count.
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
    fn early_kernels_print_less() {
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
    fn nothing_is_a_status() {
        assert_eq!(Raid::parse_status(""), Ok(RaidStatus::Nothing));
        assert_eq!(RaidStatus::Nothing.to_string(), "");
        assert!(Raid::parse_status("raid1 2").is_err());
    }
}
