//! What every device can do, shown on linear ones.

use std::fs::File;

use dm_core::{CreateOptions, DmUuidBuf, InfoOptions, RenameOptions, StatusOptions, SuspendOptions};
use dm_targets::devices::{DevError, DevOptions, LinearDev, MappedDev};
use dm_targets::linear::LinearTable;
use dm_targets::{Any, TableLine, Zero};
use dm_testing::Pattern;
use dm_units::Sectors;

use crate::support::{LENGTH, REMOVE, disk, linear, one, scene};

#[test]
#[ignore = "needs root and device mapper: cargo xtask test-root"]
fn a_device_lives() {
    let Some((scratch, host)) = scene(&["linear"]) else { return };
    let disks = [disk(&scratch), disk(&scratch)];
    let (name, new_name) = (scratch.name("first").unwrap(), scratch.name("second name").unwrap());
    let table = linear(disks[0].number());
    let mut device = LinearDev::create(&host, name.as_borrowed(), &table, DevOptions::new()).unwrap();
    assert_eq!(device.table(&host).unwrap(), table);
    assert_eq!((device.name(), device.uuid()), (name.as_borrowed(), None));
    let path = device.path(&host).unwrap();
    Pattern::new(1).write(&path, Sectors(0), LENGTH).unwrap();
    Pattern::new(1).verify(disks[0].path(), Sectors(0), LENGTH).unwrap();

    let second = TableLine::new(LENGTH, LENGTH, LinearTable::new(disks[1].number(), Sectors(0)));
    device.change(&host, |lines| lines.push(second)).unwrap();
    assert_eq!(device.table(&host).unwrap().length(), Sectors(2 * LENGTH.0));
    Pattern::new(1).write(&path, LENGTH, LENGTH).unwrap();
    Pattern::new(1).verify(&path, Sectors(0), Sectors(2 * LENGTH.0)).unwrap();

    device.rename(&host, new_name.as_borrowed()).unwrap();
    assert!(LinearDev::open(&host, name.as_borrowed()).unwrap_err().is_not_found());
    for opened in [LinearDev::open(&host, new_name.as_borrowed()), LinearDev::open(&host, device.number())] {
        assert_eq!(opened.unwrap(), device);
    }
    assert!(device.path(&host).unwrap().exists());

    device.suspend(&host, SuspendOptions::new()).unwrap();
    assert!(host.dm().device_info(device.id(), InfoOptions::new()).unwrap().is_suspended());
    device.resume(&host).unwrap();
    assert!(!host.dm().device_info(device.id(), InfoOptions::new()).unwrap().is_suspended());

    device.remove(&host, REMOVE).unwrap();
    assert!(device.table(&host).unwrap_err().is_not_found());
    Pattern::new(1).verify(disks[0].path(), Sectors(0), LENGTH).unwrap();
}

#[test]
#[ignore = "needs root and device mapper: cargo xtask test-root"]
fn a_busy_device_stays() {
    let Some((scratch, host)) = scene(&["linear"]) else { return };
    let (disk, name) = (disk(&scratch), scratch.name("busy").unwrap());
    let device = LinearDev::create(&host, name.as_borrowed(), &linear(disk.number()), DevOptions::new()).unwrap();
    let open = File::open(device.path(&host).unwrap()).unwrap();
    let busy = device.remove(&host, dm_core::RemoveOptions::new()).unwrap_err();
    assert!(busy.is_busy() && !busy.is_not_found(), "{busy}");
    drop(open);
    device.remove(&host, REMOVE).unwrap();
}

#[test]
#[ignore = "needs root and device mapper: cargo xtask test-root"]
fn a_uuid_finds_a_device_that_others_rename() {
    let Some((scratch, host)) = scene(&["linear"]) else { return };
    let disk = disk(&scratch);
    let uuid = DmUuidBuf::new(scratch.prefix()).unwrap();
    let cases = [("with", DevOptions::new().uuid(uuid.as_borrowed())), ("without", DevOptions::new())];
    for (suffix, options) in cases {
        let (name, new_name) = (scratch.name(suffix).unwrap(), scratch.name(format!("{suffix} a new name")).unwrap());
        let mut device = LinearDev::create(&host, name.as_borrowed(), &linear(disk.number()), options).unwrap();
        host.dm().device_rename(name.as_borrowed(), new_name.as_borrowed(), RenameOptions::new()).unwrap();
        match (device.uuid(), device.table(&host)) {
            (Some(_), found) => {
                assert_eq!(found.unwrap(), linear(disk.number()));
                device.rename(&host, name.as_borrowed()).unwrap();
                assert_eq!(LinearDev::open(&host, name.as_borrowed()).unwrap(), device);
            }
            (None, missing) => assert!(missing.unwrap_err().is_not_found()),
        }
    }
}

#[test]
#[ignore = "needs root and device mapper: cargo xtask test-root"]
fn what_fails_is_undone() {
    let Some((scratch, host)) = scene(&["linear"]) else { return };
    let (disk, name) = (disk(&scratch), scratch.name("device").unwrap());
    let good = linear(disk.number());
    // Behind the end of the disk.
    let refused_table = one(LENGTH, LinearTable::new(disk.number(), LENGTH));
    let refused = LinearDev::create(&host, name.as_borrowed(), &refused_table, DevOptions::new()).unwrap_err();
    assert!(refused.to_string().contains("too small for target"), "{refused}");
    assert!(LinearDev::open(&host, name.as_borrowed()).unwrap_err().is_not_found());

    let device = LinearDev::create(&host, name.as_borrowed(), &good, DevOptions::new()).unwrap();
    device.set_table(&host, &refused_table).unwrap_err();
    let gap = device.change(&host, |lines| lines.iter_mut().for_each(|line| line.start = Sectors(8))).unwrap_err();
    assert_eq!(gap.to_string(), format!("the table of {} can't be used: line 1: must start at sector 0", device.id()));
    let info = host.dm().device_info(device.id(), InfoOptions::new()).unwrap();
    assert!(!info.is_suspended() && !info.has_inactive_table(), "{info:?}");
    assert_eq!(device.table(&host).unwrap(), good);
    Pattern::new(1).write(&device.path(&host).unwrap(), Sectors(0), LENGTH).unwrap();
}

#[test]
#[ignore = "needs root and device mapper: cargo xtask test-root"]
fn a_read_only_device_stays_so() {
    let Some((scratch, host)) = scene(&["linear"]) else { return };
    let (disk, name) = (disk(&scratch), scratch.name("device").unwrap());
    let options = DevOptions::new().read_only(true);
    let device = LinearDev::create(&host, name.as_borrowed(), &linear(disk.number()), options).unwrap();
    let shorter = one(Sectors(8), LinearTable::new(disk.number(), Sectors(0)));
    for table in [linear(disk.number()), shorter] {
        device.set_table(&host, &table).unwrap();
        assert!(host.dm().device_info(device.id(), InfoOptions::new()).unwrap().is_read_only());
    }
    Pattern::new(1).write(&device.path(&host).unwrap(), Sectors(0), Sectors(8)).unwrap_err();
}

#[test]
#[ignore = "needs root and device mapper: cargo xtask test-root"]
fn a_device_is_opened_as_what_it_is() {
    let Some((scratch, host)) = scene(&["linear", "zero"]) else { return };
    let (disk, name) = (disk(&scratch), scratch.name("linear").unwrap());
    let device = LinearDev::create(&host, name.as_borrowed(), &linear(disk.number()), DevOptions::new()).unwrap();
    let other = MappedDev::<Zero>::open(&host, name.as_borrowed()).unwrap_err();
    let expected =
        format!("the table of {} can't be used: line 1: line: word 3, target type, must be zero", device.id());
    assert_eq!(other.to_string(), expected);
    let any = MappedDev::<Any>::open(&host, name.as_borrowed()).unwrap();
    assert_eq!(any.table(&host).unwrap().to_string(), device.table(&host).unwrap().to_string());
    assert_eq!(any.statuses(&host, StatusOptions::new()).unwrap().len(), 1);

    let empty = scratch.name("empty").unwrap();
    host.dm().device_create(empty.as_borrowed(), CreateOptions::new()).unwrap();
    let none = MappedDev::<Any>::open(&host, empty.as_borrowed()).unwrap_err();
    assert!(matches!(none, DevError::NoTable(_)), "{none}");
}
