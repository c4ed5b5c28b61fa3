//! What every device can do, shown with linear ones.

use std::fs::File;

use dm_core::{DmUuidBuf, RemovePolicy, SetupOptions, StatusOptions, SuspendPolicy};
use dm_targets::devices::{DevError, LinearDev, MappedDev};
use dm_targets::linear::LinearTable;
use dm_targets::{Any, TableLine, Zero};
use dm_testing::Pattern;
use dm_units::Sectors;

use crate::support::{LENGTH, PATIENTLY, disk, in_full, linear, one, scene};

#[test]
#[ignore = "needs root and device mapper: cargo xtask test-root"]
fn a_device_is_created_changed_renamed_suspended_and_removed() {
    let Some((scratch, host)) = scene(&["linear"]) else { return };
    let disks = [disk(&scratch), disk(&scratch)];
    let (name, new_name) = (scratch.name("first").unwrap(), scratch.name("second name").unwrap());
    let table = linear(disks[0].number());
    let mut device = LinearDev::create(&host, &name, &table).unwrap();
    assert_eq!(device.table(&host).unwrap(), table);
    assert_eq!((device.name(), device.uuid()), (&*name, None));
    let path = device.path(&host).unwrap();
    Pattern::new(1).write(&path, Sectors(0), LENGTH).unwrap();
    Pattern::new(1).verify(disks[0].path(), Sectors(0), LENGTH).unwrap();

    let second = TableLine::new(LENGTH, LENGTH, LinearTable::new(disks[1].number(), Sectors(0)));
    device.change(&host, |lines| lines.push(second)).unwrap();
    assert_eq!(device.table(&host).unwrap().length(), Sectors(2 * LENGTH.0));
    Pattern::new(1).write(&path, LENGTH, LENGTH).unwrap();
    Pattern::new(1).verify(&path, Sectors(0), Sectors(2 * LENGTH.0)).unwrap();

    device.rename(&host, &new_name).unwrap();
    assert!(LinearDev::open(&host, &name).unwrap_err().is_not_found());
    for opened in [LinearDev::open(&host, &new_name), LinearDev::open(&host, device.number(&host).unwrap())] {
        assert_eq!(opened.unwrap(), device);
    }
    assert!(device.path(&host).unwrap().exists());

    device.suspend(&host, SuspendPolicy::new()).unwrap();
    assert!(device.info(&host).unwrap().is_suspended());
    device.resume(&host).unwrap();
    assert!(!device.info(&host).unwrap().is_suspended());

    device.remove(&host, PATIENTLY).unwrap();
    assert!(device.table(&host).unwrap_err().is_not_found());
    Pattern::new(1).verify(disks[0].path(), Sectors(0), LENGTH).unwrap();
}

#[test]
#[ignore = "needs root and device mapper: cargo xtask test-root"]
fn a_busy_device_is_not_removed() {
    let Some((scratch, host)) = scene(&["linear"]) else { return };
    let (disk, name) = (disk(&scratch), scratch.name("busy").unwrap());
    let device = LinearDev::create(&host, &name, &linear(disk.number())).unwrap();
    let open = File::open(device.path(&host).unwrap()).unwrap();
    let busy = device.remove(&host, RemovePolicy::new()).unwrap_err();
    assert!(busy.is_busy() && !busy.is_not_found(), "{busy}");
    drop(open);
    device.remove(&host, PATIENTLY).unwrap();
}

#[test]
#[ignore = "needs root and device mapper: cargo xtask test-root"]
fn a_uuid_finds_a_device_that_another_program_renamed() {
    let Some((scratch, host)) = scene(&["linear"]) else { return };
    let disk = disk(&scratch);
    let uuid = DmUuidBuf::new(scratch.prefix()).unwrap();
    let cases = [("with", SetupOptions::new().uuid(&uuid)), ("without", SetupOptions::new())];
    for (suffix, options) in cases {
        let (name, new_name) = (scratch.name(suffix).unwrap(), scratch.name(format!("{suffix} a new name")).unwrap());
        let mut device = LinearDev::create_with(&host, &name, &linear(disk.number()), options).unwrap();
        host.dm().device_rename(&name, &new_name).unwrap();
        match (device.uuid(), device.table(&host)) {
            (Some(_), found) => {
                assert_eq!(found.unwrap(), linear(disk.number()));
                device.rename(&host, &name).unwrap();
                assert_eq!(LinearDev::open(&host, &name).unwrap(), device);
            }
            (None, missing) => assert!(missing.unwrap_err().is_not_found()),
        }
    }
}

#[test]
#[ignore = "needs root and device mapper: cargo xtask test-root"]
fn a_refused_table_changes_nothing() {
    let Some((scratch, host)) = scene(&["linear"]) else { return };
    let (disk, name) = (disk(&scratch), scratch.name("device").unwrap());
    let good = linear(disk.number());
    // Behind the end of the disk.
    let refused_table = one(LENGTH, LinearTable::new(disk.number(), LENGTH));
    let refused = LinearDev::create(&host, &name, &refused_table).unwrap_err();
    assert!(in_full(&refused).contains("too small for target"), "{refused}");
    assert!(LinearDev::open(&host, &name).unwrap_err().is_not_found());

    let device = LinearDev::create(&host, &name, &good).unwrap();
    device.set_table(&host, &refused_table).unwrap_err();
    let gap = device.change(&host, |lines| lines.iter_mut().for_each(|line| line.start = Sectors(8))).unwrap_err();
    assert_eq!(in_full(&gap), format!("the table of {} can't be used: line 1: must start at sector 0", device.id()));
    let info = device.info(&host).unwrap();
    assert!(!info.is_suspended() && !info.has_inactive_table(), "{info:?}");
    assert_eq!(device.table(&host).unwrap(), good);
    Pattern::new(1).write(&device.path(&host).unwrap(), Sectors(0), LENGTH).unwrap();
}

#[test]
#[ignore = "needs root and device mapper: cargo xtask test-root"]
fn a_read_only_device_stays_read_only() {
    let Some((scratch, host)) = scene(&["linear"]) else { return };
    let (disk, name) = (disk(&scratch), scratch.name("device").unwrap());
    let options = SetupOptions::new().read_only(true);
    let device = LinearDev::create_with(&host, &name, &linear(disk.number()), options).unwrap();
    let shorter = one(Sectors(8), LinearTable::new(disk.number(), Sectors(0)));
    for table in [linear(disk.number()), shorter] {
        device.set_table(&host, &table).unwrap();
        assert!(device.info(&host).unwrap().is_read_only());
    }
    Pattern::new(1).write(&device.path(&host).unwrap(), Sectors(0), Sectors(8)).unwrap_err();
}

#[test]
#[ignore = "needs root and device mapper: cargo xtask test-root"]
fn a_device_is_opened_as_its_own_kind_only() {
    let Some((scratch, host)) = scene(&["linear", "zero"]) else { return };
    let (disk, name) = (disk(&scratch), scratch.name("linear").unwrap());
    let device = LinearDev::create(&host, &name, &linear(disk.number())).unwrap();
    let other = MappedDev::<Zero>::open(&host, &name).unwrap_err();
    let expected =
        format!("the table of {} can't be used: line 1: line: word 3, target type, must be zero", device.id());
    assert_eq!(in_full(&other), expected);
    let any = MappedDev::<Any>::open(&host, &name).unwrap();
    assert_eq!(any.table(&host).unwrap().to_string(), device.table(&host).unwrap().to_string());
    assert_eq!(any.statuses(&host, StatusOptions::new()).unwrap().len(), 1);

    let empty = scratch.name("empty").unwrap();
    host.dm().device_create(&empty).unwrap();
    let none = MappedDev::<Any>::open(&host, &empty).unwrap_err();
    assert!(matches!(none, DevError::NoTable(_)), "{none}");
}
