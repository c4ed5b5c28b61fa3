//! The table of an array.

use alloc::collections::BTreeSet;
use alloc::vec::Vec;

use dm_units::Sectors;

use super::params::{NearSets, PARAM_COUNT};
use super::{Level, RaidType};
use crate::option::keywords::keywords;
use crate::option::{Argument, Each, OneOf, OptionGroup, options};
use crate::target::spelled;
use crate::text::spelling::{Spelled, Spelling};
use crate::{Device, Fields, Form, Limits, ParseError, Printer, WordBuf};

/// What the kernel reads with `kstrtoint`.
pub(super) const MAX: u64 = i32::MAX as u64;
pub(super) const CHUNK_SIZE: &str = "chunk_size";
pub(super) const DEVICES: Limits = Limits::new("number of raid devices", 1, 253);

keywords! {
    any_case;
    /// Where the copies of RAID 10 are.
    pub enum Raid10Format {
        /// On neighbouring devices at the same place.
        Near = "near",
        /// On other devices at another place, so that reading is as fast as with striping.
        Far = "far",
        /// On the next device in the next stripe.
        Offset = "offset",
    }
}

keywords! {
    any_case;
    /// When a write to an array with a journal is done.
    pub enum JournalMode {
        /// When it is on the devices.
        WriteThrough = "writethrough",
        /// When it is in the journal.
        WriteBack = "writeback",
    }
}

/// What is assumed of all devices of an array when it is loaded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum RaidSync {
    /// They are out of sync, so all are brought in sync.
    Sync,
    /// They are in sync.
    NoSync,
}

options! {
    /// The parameters of a `raid` table after the chunk size.
    pub struct RaidParams for RaidTable.params {
        /// What is assumed of all devices, in place of what the metadata says.
        sync(sync: RaidSync): Option<RaidSync> = OneOf(&[("sync", RaidSync::Sync), ("nosync", RaidSync::NoSync)]);
        /// Numbers of devices that are rebuilt, from 0.
        rebuild(index: u32): BTreeSet<u32> = Each("rebuild");
        /// How many milliseconds lie between updates of the bitmap of regions that are out of sync.
        daemon_sleep(milliseconds: u32): Option<u32> = Argument(Limits::new("daemon_sleep", 0, MAX));
        /// How fast devices are brought in sync at least, in KiB/s for each device.
        min_recovery_rate(rate: u32): Option<u32> = Argument(Limits::new("min_recovery_rate", 0, MAX));
        /// How fast devices are brought in sync at most, in KiB/s for each device.
        max_recovery_rate(rate: u32): Option<u32> = Argument(Limits::new("max_recovery_rate", 0, MAX));
        /// Numbers of devices that are read only when there is no other, from 0.
        write_mostly(index: u32): BTreeSet<u32> = Each("write_mostly");
        /// How many writes to these devices may be outstanding; in sectors when loaded, in KiB when printed by the kernel.
        max_write_behind(sectors: u32): Option<u32> = Argument(Limits::new("max_write_behind", 0, 32767)),
            since (1, 1, 0);
        /// How many stripes are cached.
        stripe_cache(stripes: u32): Option<u32> = Argument(Limits::new("stripe_cache", 0, MAX));
        /// How much is marked as out of sync at once; 0 for what the kernel thinks right.
        region_size(size: Sectors): Option<Sectors> = Argument("region_size");
        /// How many copies there are.
        raid10_copies(copies: u32): Option<u32> = Argument("raid10_copies"), since (1, 3, 0);
        /// Where the copies are.
        raid10_format(format: Raid10Format): Option<Raid10Format> = Argument("raid10_format"), since (1, 4, 2);
        /// The copies are spread over all devices, not within sets of devices.
        raid10_use_near_sets(): bool = NearSets, since (1, 9, 0);
        /// How many devices are added, or removed if negative.
        delta_disks(disks: i32): Option<i32> = Argument("delta_disks"), since (1, 9, 0);
        /// Where on the devices the data starts, or 0 for the other place that it can start at.
        data_offset(offset: Sectors): Option<Sectors> = Argument("data_offset"), since (1, 9, 0);
        /// The device that holds the journal.
        journal_dev(device: impl Into<Device>): Option<Device> = Argument("journal_dev"), since (1, 10, 0);
        /// When a write is done.
        journal_mode(mode: JournalMode): Option<JournalMode> = Argument("journal_mode"), since (1, 11, 1);
    }
    other {
        /// Words among the parameters that this crate does not know; they are printed after the others.
        other_params: WordBuf = "raid parameter";
    }
    case: Any;
    count: Required, Limits::new("number of raid parameters", 0, u32::MAX as u64);
    features: "raid1" since (1, 1, 0), "write_mostly" since (1, 1, 0), "raid10" since (1, 3, 0),
        "idle" since (1, 5, 0), "frozen" since (1, 5, 0), "resync" since (1, 5, 0), "recover" since (1, 5, 0),
        "check" since (1, 5, 0), "repair" since (1, 5, 0), "raid0" since (1, 7, 0);
}

/// The table of a `raid` target.
///
/// What the kernel prints differs from what it was given in these ways:
///
/// - `max_write_behind` is printed in KiB, half of the sectors that are given: loading what was printed halves it again.
/// - `raid10_use_near_sets` is counted but not printed. It is told from the count, so `Display` with `{}` prints a table
///   that can be loaded; with `{:#}` it prints what the kernel prints, which cannot.
/// - `stripe_cache` is the number in effect, `raid10_copies` that of the layout in effect, and `delta_disks` what is left.
/// - Before version 1.15.1 more words are counted than there are where devices are rebuilt or a journal is used. `{:#}`
///   prints that count too.
///
/// ```
/// use dm_targets::raid::{RaidDevice, RaidTable, RaidType};
/// use dm_units::{DeviceNumber, Sectors};
///
/// let device = |minor| RaidDevice::new(DeviceNumber::new(254, minor), DeviceNumber::new(254, minor + 1));
/// let table = RaidTable::new(RaidType::Raid1, Sectors(0), [device(0), device(2)]).region_size(Sectors(1024));
/// assert_eq!(table.to_string(), "raid1 3 0 region_size 1024 2 254:0 254:1 254:2 254:3");
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct RaidTable {
    /// Level and layout.
    pub raid_type: RaidType,
    /// How much goes to one device before the next one's turn; 0 for RAID 1.
    pub chunk_size: Sectors,
    /// What else is said of the array.
    pub params: RaidParams,
    /// The devices in their order.
    pub devices: Vec<RaidDevice>,
    spelling: Spelling,
}

/// One of the devices of an array.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct RaidDevice {
    /// Holds the metadata, if there is any.
    pub metadata: Option<Device>,
    /// Holds the data; `None` if it is missing.
    pub data: Option<Device>,
}

impl RaidDevice {
    /// A device with metadata.
    pub fn new(metadata: impl Into<Device>, data: impl Into<Device>) -> Self {
        Self { metadata: Some(metadata.into()), data: Some(data.into()) }
    }

    /// A device without metadata.
    pub fn without_metadata(data: impl Into<Device>) -> Self {
        Self { metadata: None, data: Some(data.into()) }
    }

    /// A device that is missing.
    #[must_use]
    pub const fn missing() -> Self {
        Self { metadata: None, data: None }
    }
}

impl RaidTable {
    /// An array with no parameters but the chunk size.
    pub fn new(raid_type: RaidType, chunk_size: Sectors, devices: impl IntoIterator<Item = RaidDevice>) -> Self {
        let (params, devices) = (RaidParams::default(), devices.into_iter().collect());
        Self { raid_type, chunk_size, params, devices, spelling: Spelling::default() }
    }

    /// Takes all devices for in sync.
    #[must_use]
    pub fn nosync(self) -> Self {
        self.sync(RaidSync::NoSync)
    }
}

impl Spelled for RaidTable {
    fn read(fields: &mut Fields<'_>) -> Result<Self, ParseError> {
        let raid_type: RaidType = fields.read("raid_type")?;
        let counted: u32 = fields.read_within(&PARAM_COUNT)?;
        let chunk_size = fields.read(CHUNK_SIZE)?;
        let (mut params, surplus) = RaidParams::read_counted(fields, counted)?;
        let near_sets_can_be_hidden = fields.form() == Form::Printed && raid_type.level() == Some(Level::Raid10);
        // All other miscounts are of whole pairs.
        if near_sets_can_be_hidden && !params.raid10_use_near_sets && surplus % 2 == 1 {
            params.raid10_use_near_sets = true;
        } else if params.raid10_use_near_sets && fields.form() == Form::Printed {
            fields.note_unusual();
        }
        if surplus > u32::from(near_sets_can_be_hidden && params.raid10_use_near_sets) {
            fields.note_unusual();
        }
        let count: u32 = fields.read_within(&DEVICES)?;
        let device = |fields: &mut Fields<'_>| {
            Ok(RaidDevice { metadata: fields.read("metadata device")?, data: fields.read("data device")? })
        };
        let devices = (0..count).map(|_| device(fields)).collect::<Result<_, _>>()?;
        fields.ignore_rest()?;
        Ok(Self { raid_type, chunk_size, params, devices, spelling: Spelling::default() })
    }

    fn print(&self, out: &mut Printer<'_, '_>) {
        let Self { raid_type, chunk_size, params, devices, spelling: _ } = self;
        out.put(raid_type);
        out.group(|out| params.print(out.put(chunk_size)));
        out.count(devices.len());
        for RaidDevice { metadata, data } in devices {
            out.put(metadata).put(data);
        }
    }
}

spelled!(RaidTable);
