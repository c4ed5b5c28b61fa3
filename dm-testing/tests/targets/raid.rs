//! `raid` on a real kernel: every level, layout and parameter.

use dm_targets::Raid;
use dm_targets::raid::{
    Raid10Format, RaidArrayStatus, RaidDevice, RaidHealth, RaidStatus, RaidTable, RaidType, SyncAction,
};
use dm_testing::{Pattern, Scratch, require};
use dm_units::Sectors;

use crate::support::{Mapped, disk, map, map_changed};

/// The length of one disk.
pub(crate) const LENGTH: Sectors = Sectors(8192);
pub(crate) const CHUNK: Sectors = Sectors(64);

/// Disks, each with a second one for its metadata.
pub(crate) fn devices(scratch: &Scratch, count: usize) -> Vec<RaidDevice> {
    (0..count).map(|_| RaidDevice::new(disk(scratch, 4).number(), disk(scratch, 4).number())).collect()
}

pub(crate) fn array(status: &RaidStatus) -> &RaidArrayStatus {
    match status {
        RaidStatus::Array(array) => array,
        other => panic!("{other:?}"),
    }
}

/// Waits until synchronization has ended.
pub(crate) fn idle(raid: &Mapped<'_, Raid>) -> RaidArrayStatus {
    let is_idle = |status: &RaidStatus| {
        let array = array(status);
        array.action == Some(SyncAction::Idle) && array.progress == array.total
    };
    array(&raid.wait_for("the array to be in sync", is_idle)).clone()
}

#[test]
#[ignore = "needs root and device mapper: cargo xtask test-root"]
fn raid1_runs_with_a_missing_disk() {
    let Some(scratch) = Scratch::new(&[require::target("raid")]) else { return };
    let mut devices = devices(&scratch, 2);
    let table = |devices| RaidTable::new(RaidType::Raid1, Sectors(0), devices);
    let raid = map::<Raid>(&scratch, "raid", LENGTH, table(devices.clone()));
    idle(&raid);
    devices[1] = RaidDevice::missing();
    raid.swap(table(devices));
    raid.table();
    assert_eq!(array(&raid.status()).health, [RaidHealth::InSync, RaidHealth::Missing]);
}

#[test]
#[ignore = "needs root and device mapper: cargo xtask test-root"]
fn raid1_runs_without_metadata() {
    let Some(scratch) = Scratch::new(&[require::target("raid")]) else { return };
    let devices = [1, 2].map(|_| RaidDevice::without_metadata(disk(&scratch, 4).number()));
    let table = RaidTable::new(RaidType::Raid1, Sectors(0), devices).nosync();
    let raid = map_changed::<Raid>(&scratch, "raid", LENGTH, table);
    raid.table();
    idle(&raid);
}

#[test]
#[ignore = "needs root and device mapper: cargo xtask test-root"]
fn every_parameter_of_raid1_is_printed() {
    let Some(scratch) = Scratch::new(&[require::target("raid")]) else { return };
    let table = RaidTable::new(RaidType::Raid1, Sectors(0), devices(&scratch, 3)).nosync().daemon_sleep(5000);
    let table = table.min_recovery_rate(20).max_recovery_rate(200).write_mostly(1).max_write_behind(128);
    let raid = map_changed::<Raid>(&scratch, "raid", LENGTH, table.clone().region_size(Sectors(1024)));
    let printed = raid.table();
    assert_eq!(printed.devices, table.devices);
    assert_eq!(printed.params.write_mostly, table.params.write_mostly);
    assert_eq!((printed.params.daemon_sleep, printed.params.region_size), (Some(5000), Some(Sectors(1024))));
    idle(&raid);
}

#[test]
#[ignore = "needs root and device mapper: cargo xtask test-root"]
fn every_level_with_stripes_is_loaded() {
    let Some(scratch) = Scratch::new(&[require::target("raid")]) else { return };
    let levels =
        [(RaidType::Raid0, 2, 2), (RaidType::Raid4, 3, 2), (RaidType::Raid5Ls, 3, 2), (RaidType::Raid6Zr, 4, 2)];
    for (level, disks, data) in levels {
        let Some(scratch) = Scratch::new(&[require::target("raid")]) else { return };
        let table = RaidTable::new(level.clone(), CHUNK, devices(&scratch, disks));
        // Half of the disks, which leaves space for the other data of arrays.
        let length = Sectors(data * LENGTH.0 / 2);
        let raid = map_changed::<Raid>(&scratch, level.as_str(), length, table);
        assert_eq!(raid.table().raid_type, level);
        let status = idle(&raid);
        assert!(status.health.iter().all(|health| *health == RaidHealth::InSync), "{status:?}");
        Pattern::new(1).write(&raid.device().path(), Sectors(0), length).unwrap();
        Pattern::new(1).verify(&raid.device().path(), Sectors(0), length).unwrap();
    }
    drop(scratch);
}

#[test]
#[ignore = "needs root and device mapper: cargo xtask test-root"]
fn every_layout_of_raid10_is_loaded() {
    let Some(scratch) = Scratch::new(&[require::target("raid")]) else { return };
    let table = RaidTable::new(RaidType::Raid10, CHUNK, devices(&scratch, 4));
    let table = table.raid10_copies(2).raid10_format(Raid10Format::Far);
    let raid = map_changed::<Raid>(&scratch, "raid", LENGTH, table);
    assert_eq!(raid.table().params.raid10_format, Some(Raid10Format::Far));
    assert_eq!(idle(&raid).raid_type, RaidType::Raid10Far);
}
