//! `mirror`.

use dm_targets::Mirror;
use dm_targets::mirror::{LogHealth, MirrorHealth, MirrorLeg, MirrorLog, MirrorLogStatus, MirrorStatus, MirrorTable};
use dm_testing::{Fault, FaultyDisk, Pattern, Scratch, require};
use dm_units::{DeviceNumber, Sectors};

use crate::support::{disk, map, map_changed};

const LENGTH: Sectors = Sectors(1024);
const REGION: Sectors = Sectors(64);

fn legs(devices: [DeviceNumber; 2]) -> [MirrorLeg; 2] {
    devices.map(|device| MirrorLeg::new(device, Sectors(0)))
}

fn is_in_sync(status: &MirrorStatus) -> bool {
    status.in_sync == status.regions
}

#[test]
#[ignore = "needs root and device mapper: cargo xtask test-root"]
fn mirror_with_core_log() {
    let Some(scratch) = Scratch::new(&["mirror", "flakey"].map(require::target)) else { return };
    let [one, two] = [1, 2].map(|_| disk(&scratch, 1));
    Pattern::new(1).write(one.path(), Sectors(0), LENGTH).unwrap();
    let faulty = FaultyDisk::over(&scratch, "faulty", two.number(), two.size()).unwrap();
    let table = MirrorTable::new(MirrorLog::core(REGION), legs([one.number(), faulty.number()])).handle_errors();
    // Else a write that fails on one leg waits for somebody to load a table without it.
    let mirror = map::<Mirror>(&scratch, "mirror", LENGTH, table.keep_log());
    let status = mirror.wait_for("the mirrors to be in sync", is_in_sync);
    assert_eq!((status.regions, status.log), (16, MirrorLogStatus::Core));
    Pattern::new(1).verify(two.path(), Sectors(0), LENGTH).unwrap();
    faulty.set(&Fault::WriteErrors).unwrap();
    Pattern::new(2).write(&mirror.device().path(), Sectors(0), REGION).unwrap();
    let health: Vec<_> = mirror.status().mirrors.into_iter().map(|leg| leg.health).collect();
    assert_eq!(health, [MirrorHealth::Alive, MirrorHealth::WriteFailed]);
}

#[test]
#[ignore = "needs root and device mapper: cargo xtask test-root"]
fn mirror_with_disk_log() {
    let Some(scratch) = Scratch::new(&[require::target("mirror")]) else { return };
    let [one, two, log] = [1, 2, 3].map(|_| disk(&scratch, 1).number());
    let table = MirrorTable::new(MirrorLog::disk(log, REGION).nosync(), legs([one, two])).handle_errors().keep_log();
    let mirror = map::<Mirror>(&scratch, "mirror", LENGTH, table);
    let status = mirror.status();
    assert!(is_in_sync(&status));
    assert_eq!(status.log, MirrorLogStatus::Disk { device: log, health: LogHealth::Alive });
    let table = MirrorTable::new(MirrorLog::core(REGION).sync(), legs([one, two]));
    map_changed::<Mirror>(&scratch, "sync", LENGTH, table).wait_for("the mirrors to be in sync", is_in_sync);
}
