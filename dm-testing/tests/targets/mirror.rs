//! `mirror` on a real kernel: both kinds of logs, and their failures.

use dm_targets::mirror::{LogHealth, MirrorHealth, MirrorLeg, MirrorLog, MirrorLogStatus, MirrorStatus, MirrorTable};
use dm_targets::{Concern, Mirror};
use dm_testing::{Fault, FaultyDisk, Pattern, Scratch, require};
use dm_units::{DeviceNumber, Sectors};

use crate::scsi::ScsiDisks;
use crate::support::{concerns, disk, map, map_changed};

const LENGTH: Sectors = Sectors(1024);
const REGION: Sectors = Sectors(64);

fn legs(devices: [DeviceNumber; 2]) -> [MirrorLeg; 2] {
    devices.map(|device| MirrorLeg::new(device, Sectors(0)))
}

fn health(status: &MirrorStatus) -> Vec<MirrorHealth> {
    status.legs.iter().map(|leg| leg.health.clone()).collect()
}

fn is_in_sync(status: &MirrorStatus) -> bool {
    status.in_sync == status.regions
}

#[test]
#[ignore = "needs root and device mapper: cargo xtask test-root"]
fn a_mirror_with_a_core_log_gets_in_sync() {
    let Some(scratch) = Scratch::new(&["mirror", "flakey"].map(require::target)) else { return };
    let [one, two] = [1, 2].map(|_| disk(&scratch, 1));
    Pattern::new(1).write(one.path(), Sectors(0), LENGTH).unwrap();
    let faulty = FaultyDisk::over(&scratch, "faulty", two.number(), two.size()).unwrap();
    let table = MirrorTable::new(MirrorLog::core(REGION), legs([one.number(), faulty.number()])).handle_errors();
    // Otherwise a failed write waits until a table without that leg is loaded.
    let mirror = map::<Mirror>(&scratch, "mirror", LENGTH, table.keep_log());
    let status = mirror.wait_for("the mirrors to be in sync", is_in_sync);
    assert_eq!((status.regions, status.log), (16, MirrorLogStatus::Core));
    Pattern::new(1).verify(two.path(), Sectors(0), LENGTH).unwrap();
    faulty.set(&Fault::WriteErrors).unwrap();
    Pattern::new(2).write(&mirror.device().path(), Sectors(0), REGION).unwrap();
    assert_eq!(health(&mirror.status()), [MirrorHealth::Alive, MirrorHealth::WriteFailed]);
}

#[test]
#[ignore = "needs root and device mapper: cargo xtask test-root"]
fn a_mirror_with_a_disk_log_gets_in_sync() {
    let Some(scratch) = Scratch::new(&[require::target("mirror")]) else { return };
    let [one, two, log] = [1, 2, 3].map(|_| disk(&scratch, 1).number());
    let table = MirrorTable::new(MirrorLog::disk(log, REGION).nosync(), legs([one, two])).handle_errors().keep_log();
    let mirror = map::<Mirror>(&scratch, "mirror", LENGTH, table);
    let status = mirror.status();
    assert!(is_in_sync(&status));
    assert_eq!(status.log, MirrorLogStatus::Disk { device: log, health: LogHealth::Alive });
    assert_eq!(concerns::<Mirror>(&status), []);
    let table = MirrorTable::new(MirrorLog::core(REGION).sync(), legs([one, two]));
    map_changed::<Mirror>(&scratch, "sync", LENGTH, table).wait_for("the mirrors to be in sync", is_in_sync);
}

#[test]
#[ignore = "needs root and device mapper: cargo xtask test-root"]
fn a_mirror_reports_legs_that_fail() {
    let Some(scratch) = Scratch::new(&["mirror", "error"].map(require::target)) else { return };
    let faulty = |suffix: &str| {
        let disk = disk(&scratch, 1);
        FaultyDisk::over(&scratch, suffix, disk.number(), disk.size()).unwrap()
    };
    let read = [faulty("read-1"), faulty("read-2")];
    let table = |log, legs: &[FaultyDisk; 2]| {
        MirrorTable::new(log, self::legs([legs[0].number(), legs[1].number()])).handle_errors().keep_log()
    };
    let mirror = map::<Mirror>(&scratch, "read", LENGTH, table(MirrorLog::core(REGION).nosync(), &read));
    read[0].set(&Fault::Errors).unwrap();
    Pattern::zeros().verify(&mirror.device().path(), Sectors(0), REGION).unwrap();
    assert_eq!(health(&mirror.status()), [MirrorHealth::ReadFailed, MirrorHealth::Alive]);
    assert_eq!(concerns::<Mirror>(&mirror.status()), [Concern::FailedLegs]);

    let sync = [faulty("sync-1"), faulty("sync-2")];
    sync[1].set(&Fault::Errors).unwrap();
    let mirror = map::<Mirror>(&scratch, "sync", LENGTH, table(MirrorLog::core(REGION), &sync));
    let failed = |status: &MirrorStatus| health(status) == [MirrorHealth::Alive, MirrorHealth::SyncFailed];
    assert!(!is_in_sync(&mirror.wait_for("the mirror to fail", failed)));

    let legs = [faulty("leg-1"), faulty("leg-2")];
    let log = faulty("log");
    let mirror =
        map::<Mirror>(&scratch, "log-fails", LENGTH, table(MirrorLog::disk(log.number(), REGION).nosync(), &legs));
    legs[1].set(&Fault::Errors).unwrap();
    Pattern::new(1).write(&mirror.device().path(), Sectors(0), REGION).unwrap();
    let status = mirror.status();
    assert_eq!(health(&status), [MirrorHealth::Alive, MirrorHealth::WriteFailed]);
    assert_eq!((status.in_sync, status.regions), (15, 16));
    assert_eq!(concerns::<Mirror>(&status), [Concern::FailedLegs, Concern::NotInSync]);
    log.set(&Fault::Errors).unwrap();
    // In a region that the log does not record as being written.
    Pattern::new(1).write(&mirror.device().path(), Sectors(512), REGION).unwrap_err();
    let dead = MirrorLogStatus::Disk { device: log.number(), health: LogHealth::Dead };
    assert_eq!(mirror.status().log, dead);
    assert!(concerns::<Mirror>(&mirror.status()).contains(&Concern::FailedLog));
}

#[test]
#[ignore = "needs root and device mapper: cargo xtask test-root"]
fn a_mirror_reports_a_log_that_cannot_be_flushed() {
    if !require::met(&[require::module("scsi_debug"), require::throw_away_kernel()]) {
        return;
    }
    let disks = ScsiDisks::new();
    let Some(scratch) = Scratch::new(&[require::target("mirror")]) else { return };
    let [log, _] = disks.0;
    let legs = legs([1, 2].map(|_| disk(&scratch, 1).number()));
    let table = MirrorTable::new(MirrorLog::disk(log, REGION).nosync(), legs).handle_errors().keep_log();
    let mirror = map::<Mirror>(&scratch, "mirror", LENGTH, table);
    if !disks.fail_flushes(log) {
        return require::skip("it needs scsi_debug whose flushes can fail");
    }
    Pattern::new(1).write(&mirror.device().path(), Sectors(0), REGION).unwrap_err();
    assert_eq!(mirror.status().log, MirrorLogStatus::Disk { device: log, health: LogHealth::FlushFailed });
    assert!(concerns::<Mirror>(&mirror.status()).contains(&Concern::FailedLog));
}
