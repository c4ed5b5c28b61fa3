//! The rules by which the kernel refuses a table.

use dm_units::Sectors;

use super::table::{CHUNK_SIZE, DEVICES, JournalMode, MAX, MAX_DEVICES, Raid10Format, RaidTable};
use super::{Level, RaidSync};
use crate::option::OptionGroup;
use crate::{InvalidField, Limits, Number, Problem};

const REGION_SIZE: Limits = Limits::new("region_size", 1, MAX).power_of_two();
/// The largest number of regions in the bitmap.
const MAX_REGIONS: u64 = 1 << 21;
/// The largest stripe cache that `raid5_set_cache_size` in `drivers/md/raid5.c` accepts.
const MAX_STRIPES: u64 = 32768;

impl Level {
    /// The smallest number of devices with which the kernel creates an array.
    const fn min_devices(self) -> u64 {
        match self {
            Self::Raid0 | Self::Raid1 => 1,
            Self::Raid45 | Self::Raid10 => 2,
            Self::Raid6 => 4,
        }
    }

    /// The number of devices that hold parity instead of data.
    const fn parity_devices(self) -> u64 {
        match self {
            Self::Raid0 | Self::Raid1 | Self::Raid10 => 0,
            Self::Raid45 => 1,
            Self::Raid6 => 2,
        }
    }

    /// The largest chunk size in sectors. At parity levels, the stripe cache needs one stripe for every two sectors of a
    /// chunk, and can have [`MAX_STRIPES`].
    const fn max_chunk(self) -> u64 {
        match self {
            Self::Raid45 | Self::Raid6 => MAX_STRIPES * 2,
            _ => MAX,
        }
    }

    /// The largest absolute value of `delta_disks`. The minimum that the kernel subtracts here is 2 also for levels that can
    /// have one device (`minimal_devs`).
    const fn max_delta_disks(self) -> u64 {
        match self {
            Self::Raid6 => MAX_DEVICES - 4,
            _ => MAX_DEVICES - 2,
        }
    }

    const fn name(self) -> &'static str {
        match self {
            Self::Raid0 => "raid0",
            Self::Raid1 => "raid1",
            Self::Raid45 => "raid4 or raid5",
            Self::Raid6 => "raid6",
            Self::Raid10 => "raid10",
        }
    }
}

impl RaidTable {
    pub(super) fn check(&self, length: Sectors) -> Result<(), InvalidField> {
        self.params.check()?;
        DEVICES.check(self.devices.len() as u64)?;
        self.check_devices()?;
        self.check_indexes()?;
        self.check_numbers()?;
        self.check_combinations()?;
        self.check_region_size(length)?;
        // For an unknown RAID type, the kernel decides.
        self.raid_type.level().map_or(Ok(()), |level| self.check_level(level, length))
    }

    fn check_devices(&self) -> Result<(), InvalidField> {
        if self.devices.iter().any(|device| device.metadata.is_some() && device.data.is_none()) {
            return Err(InvalidField::new("data device", Problem::Expected("given for every metadata device")));
        }
        let is_missing = |index: &u32| self.device(*index).is_some_and(|device| device.data.is_none());
        if self.params.rebuild.iter().any(is_missing) {
            return Err(InvalidField::new("rebuild", Problem::Expected("the number of a device that is not missing")));
        }
        // At least Linux 6.1 to 6.12 read the size of the first device even if it is missing, and crash
        // (`rs_adjust_data_offsets`).
        let moves_data = self.params.data_offset.is_some_and(|offset| offset != Sectors(0));
        if moves_data && self.devices.first().is_some_and(|device| device.data.is_none()) {
            return Err(InvalidField::new("data_offset", Problem::Expected("left out if the first device is missing")));
        }
        Ok(())
    }

    fn device(&self, index: u32) -> Option<&super::RaidDevice> {
        self.devices.get(usize::try_from(index).ok()?)
    }

    fn check_indexes(&self) -> Result<(), InvalidField> {
        let last = (self.devices.len() as u64).saturating_sub(1);
        for (name, indexes) in [("rebuild", &self.params.rebuild), ("write_mostly", &self.params.write_mostly)] {
            let limits = Limits::new(name, 0, last);
            indexes.iter().try_for_each(|index| limits.check(*index))?;
        }
        if self.params.write_mostly.len() >= self.devices.len() {
            return Err(InvalidField::new("write_mostly", Problem::Expected("left out for at least one device")));
        }
        Ok(())
    }

    fn check_numbers(&self) -> Result<(), InvalidField> {
        within("raid10_copies", 2, self.devices.len() as u64, self.params.raid10_copies)?;
        match self.params.data_offset {
            None | Some(Sectors(0)) => Ok(()),
            Some(offset) => Limits::new("data_offset", 32, MAX).multiple_of(8).check(offset),
        }
    }

    fn check_combinations(&self) -> Result<(), InvalidField> {
        let conflict = |name, other| Err(InvalidField::new(name, Problem::Conflict(other)));
        match self.params.sync {
            Some(RaidSync::Sync) if !self.params.rebuild.is_empty() => return conflict("rebuild", "sync"),
            Some(RaidSync::NoSync) if !self.params.rebuild.is_empty() => return conflict("rebuild", "nosync"),
            _ => {}
        }
        let (min, max) =
            (self.params.min_recovery_rate.unwrap_or_default(), self.params.max_recovery_rate.unwrap_or_default());
        if max != 0 && min > max {
            return Err(InvalidField::new("min_recovery_rate", Problem::Expected("at most max_recovery_rate")));
        }
        if self.params.raid10_use_near_sets && matches!(self.params.raid10_format, None | Some(Raid10Format::Near)) {
            return conflict("raid10_use_near_sets", "raid10_format near");
        }
        if self.params.journal_mode.is_some() && self.params.journal_dev.is_none() {
            return Err(InvalidField::new("journal_mode", Problem::Expected("given together with journal_dev")));
        }
        let is_degraded = !self.params.rebuild.is_empty() || self.devices.iter().any(|device| device.data.is_none());
        if self.params.journal_mode == Some(JournalMode::WriteBack) && is_degraded {
            return Err(InvalidField::new(
                "journal_mode",
                Problem::Expected("writethrough if a device is missing or rebuilt"),
            ));
        }
        Ok(())
    }

    fn check_region_size(&self, length: Sectors) -> Result<(), InvalidField> {
        let Some(size) = self.params.region_size.filter(|size| *size != Sectors(0)) else { return Ok(()) };
        REGION_SIZE.check(size)?;
        let chunk_size = if self.raid_type.level() == Some(Level::Raid1) { 0 } else { self.chunk_size.0 };
        let smallest = chunk_size.max(length.0 / MAX_REGIONS);
        Limits::new(REGION_SIZE.field(), smallest, length.0).check(size)
    }

    fn check_level(&self, level: Level, length: Sectors) -> Result<(), InvalidField> {
        if let Some(name) = self.params.given().find(|param| !levels(param).contains(&level)) {
            return Err(InvalidField::new(name, Problem::Conflict(level.name())));
        }
        if level != Level::Raid1 {
            Limits::new(CHUNK_SIZE, 8, level.max_chunk()).power_of_two().check(self.chunk_size)?;
        }
        self.check_stripe_cache()?;
        self.check_metadata(level)?;
        self.check_redundancy(level)?;
        let devices = self.devices.len() as u64;
        Limits::new(DEVICES.field(), level.min_devices(), MAX_DEVICES).check(devices)?;
        within("delta_disks", 1, level.max_delta_disks(), self.params.delta_disks.map(i32::unsigned_abs))?;
        if level == Level::Raid10 && self.params.delta_disks.is_some_and(i32::is_negative) {
            return Err(InvalidField::new("delta_disks", Problem::Expected("positive for RAID 10")));
        }
        check_length(level, devices, self.params.raid10_copies.unwrap_or(2).into(), length)
    }

    /// Checks the size of the stripe cache. The kernel raises a size that is too small for a chunk
    /// (`rs_set_raid456_stripe_cache`).
    fn check_stripe_cache(&self) -> Result<(), InvalidField> {
        let stripes = self.params.stripe_cache.map(|stripes| u64::from(stripes).max(self.chunk_size.0 / 2));
        within("stripe_cache", 17, MAX_STRIPES, stripes)
    }

    /// Checks that a RAID 10 array has metadata devices and no `sync`. The kernel takes its layout from the metadata, which it
    /// does not read with `sync`; without a layout the array does not start.
    fn check_metadata(&self, level: Level) -> Result<(), InvalidField> {
        let has_metadata = self.devices.iter().any(|device| device.metadata.is_some());
        match level {
            Level::Raid10 if !has_metadata => {
                Err(InvalidField::new("metadata device", Problem::Expected("given for RAID 10")))
            }
            Level::Raid10 if self.params.sync == Some(RaidSync::Sync) => {
                Err(InvalidField::new("sync", Problem::Conflict(level.name())))
            }
            _ => Ok(()),
        }
    }

    /// Checks that the level tolerates the number of missing devices.
    fn check_redundancy(&self, level: Level) -> Result<(), InvalidField> {
        let missing = self.devices.iter().filter(|device| device.data.is_none()).count() as u64;
        let spare = match level {
            Level::Raid10 if self.has_a_copy_of_everything() => return Ok(()),
            Level::Raid10 => 0,
            Level::Raid1 => (self.devices.len() as u64).saturating_sub(1),
            Level::Raid0 | Level::Raid45 | Level::Raid6 => level.parity_devices(),
        };
        if missing <= spare {
            return Ok(());
        }
        Err(InvalidField::new("data device", Problem::Expected("given for more devices at this level")))
    }

    /// Whether at least one is given of all neighboring devices that hold the same data in RAID 10, as `_enough` in
    /// `drivers/md/raid10.c` counts them: in the near layout, the next copies begin after the previous ones, otherwise with
    /// the next device.
    fn has_a_copy_of_everything(&self) -> bool {
        let copies = self.params.raid10_copies.unwrap_or(2) as usize;
        let is_near = matches!(self.params.raid10_format, None | Some(Raid10Format::Near));
        let step = if is_near { copies } else { 1 };
        let count = self.devices.len();
        (0..count).filter_map(|number| number.saturating_mul(step).checked_rem(count)).all(|first| {
            let mut same = self.devices.iter().cycle().skip(first).take(copies);
            same.any(|device| device.data.is_some())
        })
    }
}

/// The levels for which a parameter is allowed.
fn levels(param: &str) -> &'static [Level] {
    use Level::{Raid0, Raid1, Raid6, Raid10, Raid45};
    match param {
        "write_mostly" | "max_write_behind" => &[Raid1],
        "stripe_cache" | "journal_dev" | "journal_mode" => &[Raid45, Raid6],
        "raid10_copies" | "raid10_format" | "raid10_use_near_sets" => &[Raid10],
        "nosync" => &[Raid1, Raid45, Raid10],
        "data_offset" => &[Raid0, Raid1, Raid45, Raid6, Raid10],
        _ => &[Raid1, Raid45, Raid6, Raid10],
    }
}

fn within(name: &'static str, min: u64, max: u64, number: Option<impl Number>) -> Result<(), InvalidField> {
    number.map_or(Ok(()), |number| Limits::new(name, min, max).check(number))
}

/// Checks that the length can be distributed equally over the devices.
fn check_length(level: Level, devices: u64, copies: u64, length: Sectors) -> Result<(), InvalidField> {
    let (stored, parts) = match level {
        Level::Raid1 => return Ok(()),
        Level::Raid10 => (length.0.saturating_mul(copies), devices),
        _ => (length.0, devices.saturating_sub(level.parity_devices())),
    };
    if stored.checked_rem(parts) == Some(0) {
        return Ok(());
    }
    Err(InvalidField::new("length", Problem::Expected("divisible by the number of devices that hold data")))
}

#[cfg(test)]
mod tests;
