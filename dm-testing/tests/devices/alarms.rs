//! Alarms of arrays that lose a leg, and of verity devices, on real disks that fail.

use std::process::Command;
use std::time::Duration;

use dm_core::SetupOptions;
use dm_targets::devices::{AlarmKind, LegState, MappedDev, Monitor, MonitorOptions, RaidDev};
use dm_targets::raid::{RaidDevice, RaidTable, RaidType};
use dm_targets::verity::{Hex, VerityDevice, VerityTable};
use dm_targets::{Concern, Verity, WordBuf};
use dm_testing::{Fault, FaultyDisk, Pattern, Scratch, require};
use dm_units::{DataBlocks, Sectors};

use crate::monitor::{monitor, wait_for};
use crate::support::{LENGTH, large_disk, one, scene};

/// The time between two reads of a status.
const INTERVAL: Duration = Duration::from_millis(100);

#[test]
#[ignore = "needs root and device mapper: cargo xtask test-root"]
fn a_leg_of_an_array_that_is_lost_and_rebuilt_is_reported() {
    let Some((scratch, host)) = scene(&["raid", "error"]) else { return };
    let [good, bad] = [1, 2].map(|_| large_disk(&scratch, 4));
    let faulty = FaultyDisk::over(&scratch, "faulty", bad.number(), bad.size()).unwrap();
    let legs = [good.number(), faulty.number()].map(|data| RaidDevice::new(large_disk(&scratch, 4).number(), data));
    let table = RaidTable::new(RaidType::Raid1, Sectors(0), legs.clone());
    let array = RaidDev::create(&host, scratch.name("array").unwrap(), &one(LENGTH, table)).unwrap();
    for work in array.progress(&host, INTERVAL) {
        work.unwrap();
    }
    let (mut monitor, first) = monitor(&scratch, &host, "array");
    assert_eq!(first, []);

    faulty.set(&Fault::Errors).unwrap();
    let path = array.path(&host).unwrap();
    Pattern::new(1).write(&path, Sectors(0), LENGTH).unwrap();
    let leg = |state| move |kind: &AlarmKind| matches!(kind, AlarmKind::Leg { index: 1, state: s, .. } if *s == state);
    let alarms = wait_for(&mut monitor, leg(LegState::Failed));
    assert!(alarms.contains(&AlarmKind::Raised(Concern::FailedLegs)), "{alarms:?}");

    faulty.set(&Fault::None).unwrap();
    let [_, leg_again] = legs;
    for work in array.replace_leg(&host, 1, leg_again, INTERVAL).unwrap() {
        work.unwrap();
    }
    let alarms = wait_for(&mut monitor, leg(LegState::Working));
    assert!(alarms.contains(&AlarmKind::Cleared(Concern::FailedLegs)), "{alarms:?}");
    Pattern::new(1).verify(&path, Sectors(0), LENGTH).unwrap();
    Pattern::new(1).verify(bad.path(), Sectors(0), LENGTH).unwrap();
}

#[test]
#[ignore = "needs root and device mapper: cargo xtask test-root"]
fn a_verity_device_that_reads_a_changed_block_is_reported() {
    let Some(scratch) = Scratch::new(&[require::target("verity"), require::program("veritysetup")]) else { return };
    let host = scratch.host();
    let [data, hash] = [1, 1].map(|size| large_disk(&scratch, size));
    Pattern::new(1).write(data.path(), Sectors(0), LENGTH).unwrap();
    let output =
        Command::new("veritysetup").args(["format", "--salt", "-"]).args([data.path(), hash.path()]).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let output = String::from_utf8(output.stdout).unwrap();
    let root = output.lines().find_map(|line| line.strip_prefix("Root hash:")).unwrap().trim();
    let devices = [&data, &hash].map(|disk| VerityDevice::new(disk.number(), 4096));
    let [data_dev, hash_dev] = devices;
    let (sha256, root) = (WordBuf::new("sha256").unwrap(), Hex::new(root).unwrap());
    let table = VerityTable::new(1, data_dev, hash_dev, DataBlocks(256), 1, sha256, root);
    let name = scratch.name("image").unwrap();
    let options = SetupOptions::new().read_only(true);
    let image = MappedDev::<Verity>::create_with(host, &name, &one(LENGTH, table), options).unwrap();
    let options = MonitorOptions::new().name(name).status_interval(Some(INTERVAL));
    let mut monitor = Monitor::open_with(host, options).unwrap();
    assert_eq!(monitor.read().unwrap(), []);

    // Nothing is reported before the block is read.
    Pattern::new(2).write(data.path(), Sectors(1024), Sectors(8)).unwrap();
    let path = image.path(host).unwrap();
    Pattern::new(1).verify(&path, Sectors(0), Sectors(512)).unwrap();
    assert_eq!(monitor.read_all().unwrap(), []);
    Pattern::new(1).verify(&path, Sectors(1024), Sectors(8)).unwrap_err();
    let alarms = wait_for(&mut monitor, |kind| *kind == AlarmKind::Raised(Concern::Corrupted));
    assert_eq!(alarms, [AlarmKind::Raised(Concern::Corrupted)]);
    assert_eq!(monitor.read_all().unwrap(), []);
}
