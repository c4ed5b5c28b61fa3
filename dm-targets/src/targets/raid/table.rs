//! The table of a `raid` target.

use alloc::collections::BTreeSet;
use alloc::vec::Vec;

use dm_units::Sectors;

use super::params::{NearSets, PARAM_COUNT};
use super::{Level, RaidType};
use crate::option::keywords::keywords;
use crate::option::{Argument, Each, OneOf, OptionGroup, options};
use crate::target::spelled;
use crate::text::spelling::{Spelled, Spelling};
use crate::{Device, Fields, Limits, ParseError, Printer, TextForm, WordBuf};

/// The largest number that the kernel's `kstrtoint` accepts.
pub(super) const MAX: u64 = i32::MAX as u64;
pub(super) const CHUNK_SIZE: &str = "chunk_size";
/// The largest number of devices in an array (`MAX_RAID_DEVICES`).
pub(super) const MAX_DEVICES: u64 = 253;
pub(super) const DEVICES: Limits = Limits::new("number of raid devices", 1, MAX_DEVICES);

keywords! {
    any_case;
    /// Where RAID 10 stores the copies of a chunk.
    pub enum Raid10Format {
        /// At the same offset of neighboring devices.
        Near = "near",
        /// At distant offsets of other devices, which makes sequential reads as fast as with RAID 0.
        Far = "far",
        /// In the next stripe of the next device.
        Offset = "offset",
    }
}

keywords! {
    any_case;
    /// When a write to an array with a journal completes.
    pub enum JournalMode {
        /// A write completes when it is on the array's devices.
        WriteThrough = "writethrough",
        /// A write completes when it is in the journal.
        WriteBack = "writeback",
    }
}

/// Whether the kernel assumes that all devices are in sync or out of sync, regardless of what the metadata records.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum RaidSync {
    /// All devices are out of sync, so the kernel synchronizes them.
    Sync,
    /// All devices are in sync.
    NoSync,
}

options! {
    /// The parameters of a `raid` table after the chunk size. The [module](crate::raid) lists the levels that accept
    /// each parameter.
    pub struct RaidParams for RaidTable.params {
        /// Whether the kernel assumes that all devices are in sync or out of sync, regardless of what the metadata
        /// records.
        sync(sync: RaidSync): Option<RaidSync> = OneOf(&[("sync", RaidSync::Sync), ("nosync", RaidSync::NoSync)]);
        /// The numbers, from 0, of the devices to rebuild. Each call of the setter adds a number.
        rebuild(index: u32): BTreeSet<u32> = Each("rebuild");
        /// The time between updates of the bitmap of out-of-sync regions, in jiffies (the kernel's documentation says
        /// milliseconds); 0 means 5 seconds. An existing bitmap keeps the time with which it was created.
        daemon_sleep(jiffies: u32): Option<u32> = Argument(Limits::new("daemon_sleep", 0, MAX));
        /// The minimum speed of synchronization in KiB/s per device; 0 means the system's limit.
        min_recovery_rate(rate: u32): Option<u32> = Argument(Limits::new("min_recovery_rate", 0, MAX));
        /// The maximum speed of synchronization in KiB/s per device; 0 means the system's limit.
        max_recovery_rate(rate: u32): Option<u32> = Argument(Limits::new("max_recovery_rate", 0, MAX));
        /// The numbers, from 0, of the devices that the kernel does not read while it can read another device. Each
        /// call of the setter adds a number.
        write_mostly(index: u32): BTreeSet<u32> = Each("write_mostly");
        /// Twice the largest number of outstanding writes to write-mostly devices; at most 32767. The kernel halves
        /// this number, as if it converted sectors to KiB, and prints the result. An existing bitmap keeps the number
        /// with which it was created.
        max_write_behind(doubled: u32): Option<u32> = Argument(Limits::new("max_write_behind", 0, 32767)),
            since (1, 1, 0);
        /// The number of stripes in the stripe cache; `None` means 256. The kernel first raises the number to half the
        /// chunk size in sectors. The result must be from 17 to 32768.
        stripe_cache(stripes: u32): Option<u32> = Argument(Limits::new("stripe_cache", 0, MAX));
        /// The number of sectors per bit of the bitmap: a power of two. 0 and `None` mean 8192, or more if the array is
        /// larger than 8 TiB.
        region_size(size: Sectors): Option<Sectors> = Argument("region_size");
        /// The number of copies, from 2 to the number of devices; `None` means 2.
        raid10_copies(copies: u32): Option<u32> = Argument("raid10_copies"), since (1, 3, 0);
        /// Where the copies are stored; `None` means `near`.
        raid10_format(format: Raid10Format): Option<Raid10Format> = Argument("raid10_format"), since (1, 4, 2);
        /// Spreads the copies over all devices. By default, the copies of a chunk stay within a set of neighboring
        /// devices.
        raid10_use_near_sets(): bool = NearSets, since (1, 9, 0);
        /// The number of devices to add; a negative number removes devices. From -251 to 251 (for RAID 6, -249 to 249),
        /// but not 0. RAID 10 accepts no negative number.
        delta_disks(disks: i32): Option<i32> = Argument("delta_disks"), since (1, 9, 0);
        /// A sector on each device. A reshape moves the data from sector 0 to this sector, or from this sector back to
        /// sector 0. At least 32, and a multiple of the page size. Use 0 when the space for the move has been removed.
        data_offset(offset: Sectors): Option<Sectors> = Argument("data_offset"), since (1, 9, 0);
        /// The device that holds the journal, at least 4 MiB.
        journal_dev(device: impl Into<Device>): Option<Device> = Argument("journal_dev"), since (1, 10, 0);
        /// When a write completes; `None` means `writethrough`. Requires `journal_dev`.
        journal_mode(mode: JournalMode): Option<JournalMode> = Argument("journal_mode"), since (1, 11, 1);
    }
    other {
        /// Parameter words that this crate does not know; they are printed after the others.
        other_params: WordBuf = "raid parameter";
    }
    case: Any;
    count: Required, Limits::new("number of raid parameters", 0, u32::MAX as u64);
    features: "raid1" since (1, 1, 0), "write_mostly" since (1, 1, 0), "raid10" since (1, 3, 0),
        "idle" since (1, 5, 0), "frozen" since (1, 5, 0), "resync" since (1, 5, 0), "recover" since (1, 5, 0),
        "check" since (1, 5, 0), "repair" since (1, 5, 0), "raid0" since (1, 7, 0);
}

/// The arguments of a `raid` target: the level, its parameters, and the devices.
///
/// The table that the kernel prints can differ from the loaded table:
///
/// - `max_write_behind` is half the loaded number. Loading the printed table halves the number again.
/// - `raid10_use_near_sets` is counted but not printed, so the printed table cannot be loaded. The parser recovers the
///   parameter from the count. `{}` then prints a table that can be loaded, and `{:#}` the kernel's text.
/// - `daemon_sleep`, `stripe_cache`, `region_size`, `raid10_copies` and `raid10_format` have the values in effect.
///   The chunk size of RAID 1 is 0. `delta_disks` is the larger of the requested number and the number of the
///   unfinished reshape, which is 0 after the reshape.
/// - `rebuild` is still printed after the rebuild, and loading the printed table repeats the rebuild.
///   [`remove_requests`](crate::Target::remove_requests) removes `rebuild` if the devices have metadata devices. A
///   rebuild that has not finished continues nevertheless.
/// - `delta_disks` is still printed after the reshape. The kernel refuses to load the printed table during the reshape.
///   Loading it later starts another reshape, even if no device is left to add. After devices were removed, the number
///   is 0, which cannot be loaded. [`remove_requests`](crate::Target::remove_requests) removes `delta_disks`. A reshape
///   that has not finished continues nevertheless.
/// - `nosync` is printed as long as the table is active. It cannot be combined with `rebuild`.
///   [`remove_requests`](crate::Target::remove_requests) removes `nosync` if all devices have metadata devices.
/// - Before target version 1.15.1, the count of parameters is too large with `rebuild`, `write_mostly` or a journal.
///   `{:#}` prints the same wrong count.
///
/// [`difference`](crate::Target::difference) accepts a printed value that the kernel may print for the requested one,
/// such as a stripe cache that has grown. It also ignores `daemon_sleep` and `max_write_behind`, because loading a
/// table does not change them in an existing bitmap.
///
/// ```
/// use dm_targets::raid::{RaidDevice, RaidTable, RaidType};
/// use dm_targets::{Raid, Target};
/// use dm_units::{DeviceNumber, Sectors};
///
/// let device = |minor| RaidDevice::new(DeviceNumber::new(254, minor), DeviceNumber::new(254, minor + 1));
/// let table = RaidTable::new(RaidType::Raid1, Sectors(0), [device(0), device(2)]).region_size(Sectors(1024));
/// assert_eq!(table.to_string(), "raid1 3 0 region_size 1024 2 254:0 254:1 254:2 254:3");
/// assert_eq!(Raid::parse_table("raid1 3 0 region_size 1024 2 254:0 254:1 254:2 254:3")?, table);
/// # Ok::<(), dm_targets::ParseError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct RaidTable {
    /// The RAID level and layout.
    pub raid_type: RaidType,
    /// The number of sectors that go to one device before the next device is used: a power of two, at least 8; 0 for
    /// RAID 1.
    pub chunk_size: Sectors,
    /// The named parameters.
    pub params: RaidParams,
    /// The devices, 1 to 253 of them; the first is number 0.
    pub devices: Vec<RaidDevice>,
    spelling: Spelling,
}

/// A device of an array, with its metadata device.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct RaidDevice {
    /// The device that holds the metadata; `None` if there is none.
    pub metadata: Option<Device>,
    /// The device that holds the data; `None` if it is missing. `metadata` must be `None` for a missing device, too.
    pub data: Option<Device>,
}

impl RaidDevice {
    /// A data device with a metadata device.
    pub fn new(metadata: impl Into<Device>, data: impl Into<Device>) -> Self {
        Self { metadata: Some(metadata.into()), data: Some(data.into()) }
    }

    /// A data device without metadata.
    pub fn without_metadata(data: impl Into<Device>) -> Self {
        Self { metadata: None, data: Some(data.into()) }
    }

    /// A missing device.
    #[must_use]
    pub const fn missing() -> Self {
        Self { metadata: None, data: None }
    }
}

impl RaidTable {
    /// With the requested numbers in place of those that the kernel may print for them. Without `rebuild` and `delta_disks`
    /// if they are not requested, since the kernel prints them also after it has carried them out. `nosync` says how an
    /// array starts, and is not compared.
    pub(super) fn as_requested(&self, requested: &Self) -> Self {
        let mut table = self.clone();
        if requested.raid_type.level() == Some(Level::Raid1) {
            table.chunk_size = requested.chunk_size;
        }
        let (printed, wanted) = (&mut table.params, &requested.params);
        // An existing bitmap keeps its own numbers, and without a bitmap they have no effect.
        replace(&mut printed.daemon_sleep, wanted.daemon_sleep, |_, _| true);
        replace(&mut printed.max_write_behind, wanted.max_write_behind, |_, _| true);
        replace(&mut printed.region_size, wanted.region_size, |_, wanted| wanted == Sectors(0));
        // The cache also grows under load.
        let smallest = requested.chunk_size.0 / 2;
        let holds = |printed: u32, wanted: u32| u64::from(printed) >= u64::from(wanted).max(smallest);
        replace(&mut printed.stripe_cache, wanted.stripe_cache, holds);
        replace(&mut printed.delta_disks, wanted.delta_disks, |printed, wanted| printed == 0 && wanted < 0);
        if printed.sync != Some(RaidSync::Sync) && wanted.sync != Some(RaidSync::Sync) {
            printed.sync = wanted.sync;
        }
        if wanted.delta_disks.is_none() {
            printed.delta_disks = None;
        }
        if wanted.rebuild.is_empty() {
            printed.rebuild.clear();
        }
        table
    }

    /// With the defaults of RAID 10.
    pub(super) fn in_full(mut self) -> Self {
        if self.raid_type.level() == Some(Level::Raid10) {
            self.params.raid10_copies.get_or_insert(2);
            self.params.raid10_format.get_or_insert(Raid10Format::Near);
        }
        self
    }

    /// An array with no parameters except the chunk size.
    ///
    /// The values are not checked; [`Raid::check`](crate::Target::check) does that.
    pub fn new(raid_type: RaidType, chunk_size: Sectors, devices: impl IntoIterator<Item = RaidDevice>) -> Self {
        let (params, devices) = (RaidParams::default(), devices.into_iter().collect());
        Self { raid_type, chunk_size, params, devices, spelling: Spelling::default() }
    }

    /// Makes the kernel assume that all devices are in sync, regardless of what the metadata records.
    #[must_use]
    pub fn nosync(self) -> Self {
        self.sync(RaidSync::NoSync)
    }
}

/// Replaces a printed number by the requested one, if the kernel may print it for that.
fn replace<N: Copy>(printed: &mut Option<N>, wanted: Option<N>, may_be_for: impl Fn(N, N) -> bool) {
    if printed.zip(wanted).is_some_and(|(found, wanted)| may_be_for(found, wanted)) {
        *printed = wanted;
    }
}

impl Spelled for RaidTable {
    fn read(fields: &mut Fields<'_>) -> Result<Self, ParseError> {
        let raid_type: RaidType = fields.read("raid_type")?;
        let counted: u32 = fields.read_within(&PARAM_COUNT)?;
        let chunk_size = fields.read(CHUNK_SIZE)?;
        let (mut params, surplus) = RaidParams::read_counted(fields, counted)?;
        let near_sets_can_be_hidden = fields.form() == TextForm::Printed && raid_type.level() == Some(Level::Raid10);
        // All other wrong counts are wrong by an even number of words.
        if near_sets_can_be_hidden && !params.raid10_use_near_sets && surplus % 2 == 1 {
            params.raid10_use_near_sets = true;
        } else if params.raid10_use_near_sets && fields.form() == TextForm::Printed {
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
