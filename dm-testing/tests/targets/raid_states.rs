//! The states of a `raid`: it is synchronized, checked, repaired, degraded and reshaped.

use std::time::Duration;

use dm_targets::raid::{
    JournalHealth, JournalMode, RaidArrayStatus, RaidDevice, RaidHealth, RaidMessage, RaidStatus, RaidTable, RaidType,
    SyncAction,
};
use dm_targets::{Concern, Raid};
use dm_testing::{Fault, FaultyDisk, LoopDevice, Pattern, Scratch, require, wait_until};
use dm_units::Sectors;

use crate::raid::{CHUNK, LENGTH, array, devices, idle};
use crate::support::{Mapped, SOON, concerns, disk, map_changed};

/// The length of a disk whose synchronization takes a while.
const LONG: Sectors = Sectors(32_768);

/// The space that a reshape needs.
const SPACE: Sectors = Sectors(2048);

/// A device with this table, whose parameters the kernel prints differently.
fn map<'s>(scratch: &'s Scratch, suffix: &str, length: Sectors, table: RaidTable) -> Mapped<'s, Raid> {
    let raid = map_changed::<Raid>(scratch, suffix, length, table.clone());
    let printed = raid.table();
    assert_eq!((printed.raid_type, printed.devices), (table.raid_type, table.devices));
    raid
}

fn raid1(devices: Vec<RaidDevice>) -> RaidTable {
    RaidTable::new(RaidType::Raid1, Sectors(0), devices)
}

/// A table with which the array is busy for a while after the first half of a MiB.
fn slowly(table: RaidTable) -> RaidTable {
    table.min_recovery_rate(1).max_recovery_rate(400)
}

/// The timeout for the progress of an action, which the status shows only at checkpoints. A resync or recovery has one after
/// a sixteenth of a disk (`md_do_sync`). A reshape has one when it has used up `SPACE`, and with the first chunk that it begins
/// more than 10 seconds after the last one (`reshape_request`). Each waits for all I/O of the action and for the superblocks, so
/// a slow machine shows no progress for longer than `SOON`.
const CHECKPOINT: Duration = Duration::from_secs(120);

/// Waits until the array executes this action and has completed a part of it: early kernels crash if an array is
/// removed just when an action starts.
fn wait_for(raid: &Mapped<'_, Raid>, action: &SyncAction) -> RaidArrayStatus {
    let does = |array: &RaidArrayStatus| array.action.as_ref() == Some(action) && array.progress > Sectors(0);
    array(&raid.wait_within(CHECKPOINT, "another action", |status| does(array(status)))).clone()
}

/// Sends a message that ends the current action. Returns whether the kernel reports success: some kernels end it and
/// return an error.
fn end(raid: &Mapped<'_, Raid>, message: RaidMessage) -> bool {
    match raid.try_send(&message) {
        Ok(_) => true,
        Err(refused) => {
            assert!(refused.is_invalid() || refused.is_busy(), "{refused}");
            false
        }
    }
}

/// Sends a message until the array shows its effect: a kernel that still completes an earlier action ignores it.
fn make(raid: &Mapped<'_, Raid>, message: RaidMessage, shows: impl Fn(&RaidArrayStatus) -> bool) {
    let done = || {
        raid.send(&message);
        shows(&idle(raid))
    };
    wait_until("an action to be done", SOON, done).unwrap();
}

/// A data disk, and a disk for its metadata.
fn device(scratch: &Scratch, data: &LoopDevice) -> RaidDevice {
    RaidDevice::new(disk(scratch, 4).number(), data.number())
}

#[test]
#[ignore = "needs root and device mapper: cargo xtask test-root"]
fn raid1_is_checked_and_repaired() {
    let Some(scratch) = Scratch::new(&[require::target("raid")]) else { return };
    let disks = [1, 2].map(|_| disk(&scratch, 4));
    let legs = disks.iter().map(|disk| device(&scratch, disk)).collect();
    let raid = map(&scratch, "raid", LENGTH, raid1(legs));
    let status = idle(&raid);
    assert_eq!((status.disks, status.mismatches), (2, Some(0)));
    assert_eq!(status.health, [RaidHealth::InSync, RaidHealth::InSync]);

    Pattern::new(1).write(&raid.device().path(), Sectors(0), LENGTH).unwrap();
    Pattern::new(2).write(disks[1].path(), Sectors(0), CHUNK).unwrap();
    make(&raid, RaidMessage::Check, |status| status.mismatches > Some(0));
    make(&raid, RaidMessage::Repair, |status| status.mismatches == Some(0));
    let holds = |disk: &LoopDevice, seed| Pattern::new(seed).verify(disk.path(), Sectors(0), CHUNK).is_ok();
    let seed = [1, 2].into_iter().find(|seed| holds(&disks[0], *seed)).unwrap();
    assert!(holds(&disks[1], seed));

    // Nothing is to be synchronized.
    for message in [RaidMessage::Resync, RaidMessage::Recover] {
        raid.send(&message);
        idle(&raid);
    }
}

#[test]
#[ignore = "needs root and device mapper: cargo xtask test-root"]
fn raid1_gets_in_sync() {
    let Some(scratch) = Scratch::new(&[require::target("raid")]) else { return };
    let legs = [1, 2].map(|_| device(&scratch, &disk(&scratch, 16))).to_vec();
    let raid = map(&scratch, "raid", LONG, slowly(raid1(legs)));
    let status = wait_for(&raid, &SyncAction::Resync);
    assert_eq!(status.health, [RaidHealth::OutOfSync, RaidHealth::OutOfSync]);
    assert!(status.progress < status.total);
    assert_eq!(concerns::<Raid>(&RaidStatus::Array(status)), [Concern::NotInSync]);
    let busy = raid.try_send(&RaidMessage::Check).unwrap_err();
    assert!(busy.is_busy(), "{busy}");

    if end(&raid, RaidMessage::Frozen) {
        assert_eq!(array(&raid.status()).action, Some(SyncAction::Frozen));
        raid.send(&RaidMessage::Idle);
    } else {
        // The array is busy while the thread of the last synchronization ends, or if it has started the next one
        // itself.
        let sent = || match raid.try_send(&RaidMessage::Resync) {
            Err(error) if error.is_busy() => array(&raid.status()).action == Some(SyncAction::Resync),
            sent => sent.map(|_| true).unwrap(),
        };
        wait_until("the array to synchronize again", SOON, sent).unwrap();
    }
    // It continues.
    wait_for(&raid, &SyncAction::Resync);
}

#[test]
#[ignore = "needs root and device mapper: cargo xtask test-root"]
fn raid1_is_rebuilt() {
    let Some(scratch) = Scratch::new(&[require::target("raid")]) else { return };
    let legs = [1, 2].map(|_| device(&scratch, &disk(&scratch, 16))).to_vec();
    let raid = map(&scratch, "raid", LONG, raid1(legs.clone()).nosync());
    idle(&raid);
    raid.swap(slowly(raid1(legs).rebuild(1)));
    assert!(raid.table().params.rebuild.contains(&1));
    let status = wait_for(&raid, &SyncAction::Recover);
    assert_eq!(status.health, [RaidHealth::InSync, RaidHealth::OutOfSync]);
    assert!(status.progress < status.total);
    assert_eq!(concerns::<Raid>(&RaidStatus::Array(status)), [Concern::NotInSync]);
}

#[test]
#[ignore = "needs root and device mapper: cargo xtask test-root"]
fn raid1_reports_a_failed_disk() {
    let Some(scratch) = Scratch::new(&["raid", "error"].map(require::target)) else { return };
    let [good, bad] = [1, 2].map(|_| disk(&scratch, 4));
    let bad = FaultyDisk::over(&scratch, "faulty", bad.number(), bad.size()).unwrap();
    let legs = vec![device(&scratch, &good), RaidDevice::new(disk(&scratch, 4).number(), bad.number())];
    let raid = map(&scratch, "raid", LENGTH, raid1(legs).nosync());
    idle(&raid);
    bad.set(&Fault::Errors).unwrap();
    Pattern::new(1).write(&raid.device().path(), Sectors(0), LENGTH).unwrap();
    let failed = |status: &RaidStatus| array(status).health == [RaidHealth::InSync, RaidHealth::Failed];
    let degraded = raid.wait_for("the leg to fail", failed);
    let found = concerns::<Raid>(&degraded);
    assert!(found.contains(&Concern::FailedLegs) && !found.contains(&Concern::Failed), "{found:?}");
    Pattern::new(1).verify(&raid.device().path(), Sectors(0), LENGTH).unwrap();
}

#[test]
#[ignore = "needs root and device mapper: cargo xtask test-root"]
fn raid5_uses_a_journal() {
    // Earlier kernels log a warning when such an array is removed.
    let needs = [require::target("raid"), require::target("error"), require::interface(48)];
    let Some(scratch) = Scratch::new(&needs) else { return };
    let modes =
        [(JournalMode::WriteThrough, JournalHealth::WriteThrough), (JournalMode::WriteBack, JournalHealth::WriteBack)];
    for (mode, health) in modes {
        let journal = disk(&scratch, 8);
        let journal = FaultyDisk::over(&scratch, &format!("journal-{mode}"), journal.number(), journal.size()).unwrap();
        let table = RaidTable::new(RaidType::Raid5Ls, CHUNK, devices(&scratch, 3));
        let table = table.journal_dev(journal.number()).journal_mode(mode.clone());
        let raid = map(&scratch, mode.as_str(), LENGTH, table);
        assert_eq!(raid.table().params.journal_mode.as_ref(), Some(&mode));
        let works = idle(&raid);
        assert_eq!(works.journal, Some(health));
        Pattern::new(1).write(&raid.device().path(), Sectors(0), CHUNK).unwrap();
        // Linux 6.12 stops at a BUG when an array with data in a failed journal is removed (raid5_quiesce).
        if mode == JournalMode::WriteBack {
            continue;
        }
        journal.set(&Fault::Errors).unwrap();
        Pattern::new(2).write(&raid.device().path(), Sectors(0), LENGTH).unwrap_err();
        let failed =
            raid.wait_for("the journal to fail", |status| array(status).journal == Some(JournalHealth::Failed));
        assert!(concerns::<Raid>(&failed).contains(&Concern::ReadOnly));
    }
}

#[test]
#[ignore = "needs root and device mapper: cargo xtask test-root"]
fn raid5_is_reshaped() {
    let Some(scratch) = Scratch::new(&[require::target("raid")]) else { return };
    let legs = [1, 2, 3].map(|_| device(&scratch, &disk(&scratch, 16)));
    let table = |layout| RaidTable::new(layout, CHUNK, legs.clone()).data_offset(SPACE);
    // The first table only gives the space for the reshape: at the end of each disk, since the data is at the start.
    let length = Sectors(2 * (LONG.0 - SPACE.0));
    let raid = map(&scratch, "raid", length, table(RaidType::Raid5Ls));
    let status = idle(&raid);
    assert_eq!((status.raid_type, status.data_offset), (RaidType::Raid5Ls, Some(Sectors(0))));
    // The second table requests another layout, and the kernel continues with that once it is loaded again.
    raid.swap(table(RaidType::Raid5La));
    raid.swap(slowly(table(RaidType::Raid5La)));
    let status = wait_for(&raid, &SyncAction::Reshape);
    assert_eq!(status.raid_type, RaidType::Raid5La);
    assert_eq!(status.health, [RaidHealth::OutOfSync, RaidHealth::OutOfSync, RaidHealth::OutOfSync]);
}

#[test]
#[ignore = "needs root and device mapper: cargo xtask test-root"]
fn raid1_is_taken_over_as_raid5() {
    let Some(scratch) = Scratch::new(&[require::target("raid")]) else { return };
    let legs = devices(&scratch, 2);
    let raid = map(&scratch, "raid", LENGTH, raid1(legs.clone()));
    idle(&raid);
    Pattern::new(1).write(&raid.device().path(), Sectors(0), LENGTH).unwrap();
    raid.swap(RaidTable::new(RaidType::Raid5Ls, CHUNK, legs));
    assert_eq!(raid.table().raid_type, RaidType::Raid5Ls);
    let status = idle(&raid);
    assert_eq!((status.raid_type, status.health), (RaidType::Raid5Ls, vec![RaidHealth::InSync, RaidHealth::InSync]));
    Pattern::new(1).verify(&raid.device().path(), Sectors(0), LENGTH).unwrap();
}
