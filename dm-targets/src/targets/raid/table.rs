//! The table of an array.

use alloc::collections::BTreeSet;
use alloc::vec::Vec;
use core::fmt;

use dm_units::Sectors;

use super::{Level, RaidType};
use crate::keywords::keywords;
use crate::{Device, Fields, Form, Limits, Params, ParseError, Printer, WordBuf};

pub(super) const PARAM_COUNT: Limits = Limits::new("number of raid parameters", 1, u32::MAX as u64);
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
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RaidSync {
    /// They are out of sync, so all are brought in sync.
    Sync,
    /// They are in sync.
    NoSync,
}

/// The table of a `raid` target.
///
/// What the kernel prints differs from what it was given in these ways:
///
/// - `max_write_behind` is printed in KiB, half of the sectors that are given: loading what was printed halves it again.
/// - `raid10_use_near_sets` is counted but not printed. It is told from the count, so `Display` with `{}` prints a table
///   that can be loaded; with `{:#}` it prints what the kernel prints, which cannot.
/// - `stripe_cache` is the number in effect, `raid10_copies` that of the layout in effect, and `delta_disks` what is left.
/// - Before version 1.15.1 more words are counted than there are where devices are rebuilt or a journal is used; see
///   [`surplus`](Self::surplus).
///
/// ```
/// use dm_targets::raid::{RaidDevice, RaidTable, RaidType};
/// use dm_units::{DeviceNumber, Sectors};
///
/// let device = |minor| RaidDevice::new(DeviceNumber::new(254, minor), DeviceNumber::new(254, minor + 1));
/// let table = RaidTable::new(RaidType::Raid1, Sectors(0), [device(0), device(2)]).region_size(Sectors(1024));
/// assert_eq!(table.to_string(), "raid1 3 0 region_size 1024 2 254:0 254:1 254:2 254:3");
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct RaidTable {
    /// Level and layout.
    pub raid_type: RaidType,
    /// How much goes to one device before the next one's turn; 0 for RAID 1.
    pub chunk_size: Sectors,
    /// What is assumed when it is loaded, in place of what the metadata says.
    pub sync: Option<RaidSync>,
    /// Numbers of devices that are rebuilt, from 0.
    pub rebuild: BTreeSet<u32>,
    /// How many milliseconds lie between updates of the bitmap of regions that are out of sync.
    pub daemon_sleep: Option<u32>,
    /// How fast devices are brought in sync at least, in KiB/s for each device.
    pub min_recovery_rate: Option<u32>,
    /// How fast devices are brought in sync at most, in KiB/s for each device.
    pub max_recovery_rate: Option<u32>,
    /// Numbers of devices that are read only when there is no other, from 0.
    pub write_mostly: BTreeSet<u32>,
    /// How many writes to these devices may be outstanding; in sectors when loaded, in KiB when printed by the kernel.
    pub max_write_behind: Option<u32>,
    /// How many stripes are cached.
    pub stripe_cache: Option<u32>,
    /// How much is marked as out of sync at once; 0 for what the kernel thinks right.
    pub region_size: Option<Sectors>,
    /// How many copies there are.
    pub raid10_copies: Option<u32>,
    /// Where the copies are.
    pub raid10_format: Option<Raid10Format>,
    /// The copies are spread over all devices, not within sets of devices.
    pub raid10_use_near_sets: bool,
    /// How many devices are added, or removed if negative.
    pub delta_disks: Option<i32>,
    /// Where on the devices the data starts, or 0 for the other place that it can start at.
    pub data_offset: Option<Sectors>,
    /// The device that holds the journal.
    pub journal_dev: Option<Device>,
    /// When a write is done.
    pub journal_mode: Option<JournalMode>,
    /// Words among the parameters that this version does not know; they are printed after the others.
    pub other_params: Vec<WordBuf>,
    /// How many more words are counted than there are. A table can only be loaded with 0.
    pub surplus: u32,
    /// The devices in their order.
    pub devices: Vec<RaidDevice>,
    /// Words after the devices, which the kernel ignores.
    pub extra: Vec<WordBuf>,
}

/// One of the devices of an array.
#[derive(Clone, Debug, PartialEq, Eq)]
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
        Self {
            raid_type,
            chunk_size,
            sync: None,
            rebuild: BTreeSet::new(),
            daemon_sleep: None,
            min_recovery_rate: None,
            max_recovery_rate: None,
            write_mostly: BTreeSet::new(),
            max_write_behind: None,
            stripe_cache: None,
            region_size: None,
            raid10_copies: None,
            raid10_format: None,
            raid10_use_near_sets: false,
            delta_disks: None,
            data_offset: None,
            journal_dev: None,
            journal_mode: None,
            other_params: Vec::new(),
            surplus: 0,
            devices: devices.into_iter().collect(),
            extra: Vec::new(),
        }
    }

    /// Takes all devices for out of sync.
    #[must_use]
    pub fn sync(self) -> Self {
        Self { sync: Some(RaidSync::Sync), ..self }
    }

    /// Takes all devices for in sync.
    #[must_use]
    pub fn nosync(self) -> Self {
        Self { sync: Some(RaidSync::NoSync), ..self }
    }

    /// Rebuilds a device, by its number from 0; may be called again for others.
    #[must_use]
    pub fn rebuild(mut self, index: u32) -> Self {
        self.rebuild.insert(index);
        self
    }

    /// Updates the bitmap every `milliseconds`.
    #[must_use]
    pub fn daemon_sleep(self, milliseconds: u32) -> Self {
        Self { daemon_sleep: Some(milliseconds), ..self }
    }

    /// Brings devices in sync with at least `rate` KiB/s each.
    #[must_use]
    pub fn min_recovery_rate(self, rate: u32) -> Self {
        Self { min_recovery_rate: Some(rate), ..self }
    }

    /// Brings devices in sync with at most `rate` KiB/s each.
    #[must_use]
    pub fn max_recovery_rate(self, rate: u32) -> Self {
        Self { max_recovery_rate: Some(rate), ..self }
    }

    /// Reads a device only when there is no other, by its number from 0; may be called again for others.
    #[must_use]
    pub fn write_mostly(mut self, index: u32) -> Self {
        self.write_mostly.insert(index);
        self
    }

    /// Lets writes to these devices be outstanding, up to `sectors`.
    #[must_use]
    pub fn max_write_behind(self, sectors: u32) -> Self {
        Self { max_write_behind: Some(sectors), ..self }
    }

    /// Caches this many stripes.
    #[must_use]
    pub fn stripe_cache(self, stripes: u32) -> Self {
        Self { stripe_cache: Some(stripes), ..self }
    }

    /// Marks this much as out of sync at once.
    #[must_use]
    pub fn region_size(self, size: Sectors) -> Self {
        Self { region_size: Some(size), ..self }
    }

    /// Keeps this many copies.
    #[must_use]
    pub fn raid10_copies(self, copies: u32) -> Self {
        Self { raid10_copies: Some(copies), ..self }
    }

    /// Arranges the copies in this way.
    #[must_use]
    pub fn raid10_format(self, format: Raid10Format) -> Self {
        Self { raid10_format: Some(format), ..self }
    }

    /// Spreads the copies over all devices.
    #[must_use]
    pub fn raid10_use_near_sets(self) -> Self {
        Self { raid10_use_near_sets: true, ..self }
    }

    /// Adds devices, or removes them if negative.
    #[must_use]
    pub fn delta_disks(self, disks: i32) -> Self {
        Self { delta_disks: Some(disks), ..self }
    }

    /// Lets the data start there on the devices.
    #[must_use]
    pub fn data_offset(self, offset: Sectors) -> Self {
        Self { data_offset: Some(offset), ..self }
    }

    /// Keeps a journal on `device`.
    #[must_use]
    pub fn journal_dev(self, device: impl Into<Device>) -> Self {
        Self { journal_dev: Some(device.into()), ..self }
    }

    /// Uses the journal in this way.
    #[must_use]
    pub fn journal_mode(self, mode: JournalMode) -> Self {
        Self { journal_mode: Some(mode), ..self }
    }
}

impl Params for RaidTable {
    fn parse(fields: &mut Fields<'_>) -> Result<Self, ParseError> {
        let raid_type = fields.read("raid_type")?;
        let counted: u32 = fields.read_within(&PARAM_COUNT)?;
        let mut table = Self::new(raid_type, fields.read(CHUNK_SIZE)?, []);
        table.surplus = table.parse_params(fields, counted)?;
        let printed = fields.form() == Form::Printed;
        if printed && table.raid_type.level() == Some(Level::Raid10) && !table.raid10_use_near_sets {
            // All other miscounts are of whole pairs.
            table.raid10_use_near_sets = table.surplus % 2 == 1;
            table.surplus = table.surplus.saturating_sub(table.raid10_use_near_sets.into());
        }
        let devices: u32 = fields.read_within(&DEVICES)?;
        for _ in 0..devices {
            let (metadata, data) = (fields.read("metadata device")?, fields.read("data device")?);
            table.devices.push(RaidDevice { metadata, data });
        }
        table.extra = fields.read_rest("extra")?;
        Ok(table)
    }
}

impl fmt::Display for RaidTable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut out = Printer::new(f);
        out.put(&self.raid_type).count(self.param_count()).put(&self.chunk_size);
        self.print_params(&mut out);
        out.count(self.devices.len());
        for device in &self.devices {
            out.put(&device.metadata).put(&device.data);
        }
        out.all(&self.extra).end()
    }
}
