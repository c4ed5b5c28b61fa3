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
mod tests {
    use super::*;
    use crate::{Raid, Target};

    fn check(head: &str, devices: usize) -> Result<(), String> {
        let devices = format!("{devices}{}", " 8:0 8:16".repeat(devices));
        let table = Raid::parse_input(&format!("{head} {devices}")).unwrap();
        Raid::check(&table, Sectors(131_072)).map_err(|invalid| invalid.to_string())
    }

    fn refused(head: &str, devices: usize, sentence: &str) {
        assert_eq!(check(head, devices), Err(sentence.into()), "{head}");
    }

    #[test]
    fn parameters_for_other_levels_are_refused() {
        refused("raid0 2 64 sync", 2, "sync cannot be combined with raid0");
        refused("raid6_zr 2 64 nosync", 4, "nosync cannot be combined with raid6");
        refused("raid5_ls 3 64 write_mostly 0", 3, "write_mostly cannot be combined with raid4 or raid5");
        refused("raid1 3 0 stripe_cache 1", 2, "stripe_cache cannot be combined with raid1");
        refused("raid10 3 64 journal_dev 8:32", 2, "journal_dev cannot be combined with raid10");
        refused("raid1 3 0 raid10_copies 2", 2, "raid10_copies cannot be combined with raid1");
        assert_eq!(check("raid0 3 64 data_offset 32", 2), Ok(()));
        assert_eq!(check("raid1 3 0 delta_disks -1", 2), Ok(()));
        assert_eq!(check("raid99 3 0 newest 1", 2), Ok(()));
    }

    #[test]
    fn numbers_out_of_range_are_refused() {
        refused("raid5_ls 1 4", 3, "chunk_size must be from 8 to 65536");
        refused("raid5_ls 1 24", 3, "chunk_size must be a power of two");
        assert_eq!(check("raid1 1 24", 2), Ok(()));
        let error = Raid::parse_input("raid1 3 0 max_write_behind 32768 1 - 8:0").unwrap_err();
        assert_eq!(error.to_string(), "raid table: word 5, max_write_behind, must be at most 32767");
        refused("raid1 3 0 rebuild 2", 2, "rebuild must be at most 1");
        refused("raid1 5 0 write_mostly 0 write_mostly 1", 2, "write_mostly must be left out for at least one device");
        refused(
            "raid1 5 0 min_recovery_rate 2 max_recovery_rate 1",
            2,
            "min_recovery_rate must be at most max_recovery_rate",
        );
        for rates in ["5 0 min_recovery_rate 2 max_recovery_rate 2", "3 0 min_recovery_rate 2"] {
            assert_eq!(check(&format!("raid1 {rates}"), 2), Ok(()));
        }
        refused("raid10 3 64 raid10_copies 3", 2, "raid10_copies must be from 2 to 2");
        refused("raid1 3 0 delta_disks 0", 2, "delta_disks must be from 1 to 251");
        refused("raid1 3 0 delta_disks -252", 2, "delta_disks must be from 1 to 251");
        refused("raid10 3 64 delta_disks -1", 2, "delta_disks must be positive for RAID 10");
        assert_eq!(check("raid10 3 64 delta_disks 1", 2), Ok(()));
        refused("raid1 3 0 data_offset 8", 2, "data_offset must be from 32 to 2147483640");
        refused("raid1 3 0 data_offset 33", 2, "data_offset must be a multiple of 8");
    }

    #[test]
    fn region_sizes_that_do_not_fit_the_chunk_or_the_length_are_refused() {
        refused("raid5_ls 3 64 region_size 100", 3, "region_size must be a power of two");
        refused("raid5_ls 3 64 region_size 32", 3, "region_size must be from 64 to 131072");
        refused("raid1 3 64 region_size 262144", 2, "region_size must be at most 131072");
        assert_eq!(check("raid1 3 64 region_size 32", 2), Ok(()));
        assert_eq!(check("raid1 3 64 region_size 0", 2), Ok(()));
    }

    #[test]
    fn conflicting_parameters_are_refused() {
        refused("raid1 4 0 sync rebuild 0", 2, "rebuild cannot be combined with sync");
        let near = "raid10_use_near_sets cannot be combined with raid10_format near";
        refused("raid10 2 64 raid10_use_near_sets", 2, near);
        assert_eq!(check("raid10 4 64 raid10_use_near_sets raid10_format far", 2), Ok(()));
        let degraded = "journal_mode must be writethrough if a device is missing or rebuilt";
        refused("raid5_ls 7 64 rebuild 0 journal_dev 8:9 journal_mode writeback", 3, degraded);
        refused("raid5_ls 3 64 journal_mode writeback", 3, "journal_mode must be given together with journal_dev");
    }

    #[test]
    fn too_few_or_incomplete_devices_are_refused() {
        refused("raid6_zr 1 64", 3, "number of raid devices must be from 4 to 253");
        refused("raid5_ls 1 64", 4, "length must be divisible by the number of devices that hold data");
        let check = |text: &str| {
            let table = Raid::parse_table(text).unwrap();
            Raid::check(&table, Sectors(65536)).map_err(|invalid| invalid.to_string())
        };
        assert_eq!(check("raid1 1 0 2 - 8:0 - -"), Ok(()));
        assert_eq!(
            check("raid1 1 0 2 - 8:0 8:16 -"),
            Err("data device must be given for every metadata device".into())
        );
        assert_eq!(
            check("raid1 3 0 rebuild 1 2 - 8:0 - -").unwrap_err().to_string(),
            "rebuild must be the number of a device that is not missing"
        );
        let missing = Err("data_offset must be left out if the first device is missing".into());
        assert_eq!(check("raid1 3 0 data_offset 32 2 - - - 8:0"), missing);
        assert_eq!(check("raid1 3 0 data_offset 32 2 - 8:0 - -"), Ok(()));
        assert_eq!(check("raid1 3 0 data_offset 0 2 - - - 8:0"), Ok(()));
        let journal = |mode| check(&format!("raid4 5 64 journal_dev 8:9 journal_mode {mode} 3 8:0 8:1 - - 8:2 8:3"));
        let degraded = "journal_mode must be writethrough if a device is missing or rebuilt";
        assert_eq!([journal("writeback"), journal("writethrough")], [Err(degraded.into()), Ok(())]);
    }

    #[test]
    fn more_missing_devices_than_the_level_tolerates_are_refused() {
        let check = |start: &str, missing: usize, devices: usize| {
            let pairs = " - -".repeat(missing) + &" 8:0 8:16".repeat(devices);
            let table = Raid::parse_input(&format!("{start} {}{pairs}", missing + devices)).unwrap();
            Raid::check(&table, Sectors(12 << 10))
        };
        for (start, most, devices) in [
            ("raid0 1 8", 0, 2),
            ("raid1 1 0", 3, 1),
            ("raid4 1 8", 1, 2),
            ("raid5_ls 1 8", 1, 3),
            ("raid6_zr 1 8", 2, 2),
        ] {
            assert_eq!(check(start, most, devices), Ok(()), "{start}");
            let refusal = check(start, most + 1, devices - 1).unwrap_err();
            assert_eq!(refusal.field(), "data device", "{start}");
        }
    }

    #[test]
    fn raid10_needs_one_of_all_devices_that_hold_the_same_data() {
        let check = |params: &str, devices: &str| {
            let pairs = devices.replace('A', " 8:0 8:16").replace('-', " - -");
            let table = Raid::parse_input(&format!("raid10 {params} {}{pairs}", devices.len())).unwrap();
            Raid::check(&table, Sectors(60 << 10)).map_err(|refusal| refusal.field())
        };
        let far = "3 8 raid10_format far";
        for (params, devices) in [
            ("1 8", "A--A"),
            ("3 8 raid10_format near", "-AA-"),
            ("1 8", "-A-AA"),
            ("3 8 raid10_copies 3", "--A-A-"),
            (far, "-A-A"),
            ("3 8 raid10_format offset", "A-A"),
        ] {
            assert_eq!(check(params, devices), Ok(()), "{params} {devices}");
        }
        for (params, devices) in [
            ("1 8", "AA--"),
            ("1 8", "-AAA-"),
            ("1 8", "A--AA"),
            ("3 8 raid10_copies 3", "---AAA"),
            (far, "A--A"),
            (far, "-AA-"),
        ] {
            assert_eq!(check(params, devices), Err("data device"), "{params} {devices}");
        }
    }

    #[test]
    fn raid10_requires_metadata_devices() {
        for (start, refused) in [("raid10 1 8", true), ("raid1 1 0", false)] {
            let check = |metadata: &str| {
                let table = Raid::parse_input(&format!("{start} 2 {metadata} 8:0 {metadata} 8:16")).unwrap();
                Raid::check(&table, Sectors(1024))
            };
            assert_eq!(check("-").is_err_and(|refusal| refusal.field() == "metadata device"), refused, "{start}");
            assert_eq!(check("8:32"), Ok(()), "{start}");
        }
    }

    #[test]
    fn stripe_caches_out_of_range_are_refused() {
        refused("raid5_ls 3 8 stripe_cache 16", 3, "stripe_cache must be from 17 to 32768");
        refused("raid5_ls 3 32 stripe_cache 16", 3, "stripe_cache must be from 17 to 32768");
        assert_eq!(check("raid5_ls 3 64 stripe_cache 16", 3), Ok(()), "the kernel raises it to 32");
        refused("raid5_ls 3 64 stripe_cache 32769", 3, "stripe_cache must be from 17 to 32768");
        refused("raid5_ls 1 131072", 3, "chunk_size must be from 8 to 65536");
        assert_eq!(check("raid0 1 131072", 2), Ok(()));
    }
}
