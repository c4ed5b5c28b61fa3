//! `device_info`, and `version`.

use std::fs::File;
use std::process::Command;

use dm_core::{DmUuidBuf, LoadOptions};
use dm_testing::{Pattern, Scratch, require, wait_until};
use dm_units::{DeviceNumber, Sectors};

use crate::support::{LENGTH, SOON, inactive_info, info, load, one_sector_each, zero};

#[test]
#[ignore = "needs root and device mapper: cargo xtask test-root"]
fn the_version_is_what_dmsetup_says() {
    let Some(scratch) = Scratch::new(&[require::program("dmsetup")]) else { return };
    let output = Command::new("dmsetup").arg("version").output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let driver = text.lines().find_map(|line| line.strip_prefix("Driver version:")).unwrap();
    assert_eq!(scratch.dm().version().unwrap().to_string(), driver.trim());
}

#[test]
#[ignore = "needs root and device mapper: cargo xtask test-root"]
fn any_id_finds_the_same_device() {
    let Some(scratch) = Scratch::new(&[]) else { return };
    let device = scratch.create("device").unwrap();
    let uuid = DmUuidBuf::new(scratch.prefix()).unwrap();
    scratch.dm().device_set_uuid(device.name(), &uuid).unwrap();
    let by_name = info(&scratch, device.name());
    assert_eq!(by_name.uuid(), Some(&*uuid));
    for other in [info(&scratch, &uuid), info(&scratch, device.number())] {
        assert_eq!(other.name(), by_name.name());
        assert_eq!(other.uuid(), by_name.uuid());
        assert_eq!(other.number(), by_name.number());
    }
}

#[test]
#[ignore = "needs root and device mapper: cargo xtask test-root"]
fn a_missing_device_is_not_found() {
    let Some(scratch) = Scratch::new(&[]) else { return };
    let missing = scratch.name("missing").unwrap();
    let uuid = DmUuidBuf::new(scratch.prefix()).unwrap();
    let dm = scratch.dm();
    assert!(dm.device_info(&missing).unwrap_err().is_not_found());
    assert!(dm.device_info(&uuid).unwrap_err().is_not_found());
    for number in [DeviceNumber::new(1, 3), DeviceNumber::new(u32::MAX, u32::MAX), DeviceNumber::new(0, 0)] {
        let error = dm.device_info(number).unwrap_err();
        assert!(error.is_not_found(), "{error}");
    }
}

#[test]
#[ignore = "needs root and device mapper: cargo xtask test-root"]
fn each_slot_is_told_apart() {
    let Some(scratch) = Scratch::new(&[require::target("zero")]) else { return };
    let lower = scratch.map("lower", [zero(LENGTH)]).unwrap();
    let device = scratch.map("device", [zero(LENGTH)]).unwrap();
    let active = info(&scratch, device.number());
    assert!(active.has_active_table() && !active.has_inactive_table());
    assert_eq!((active.target_count(), inactive_info(&scratch, &device).target_count()), (1, 0));

    let three = one_sector_each(lower.number(), 3);
    let options = LoadOptions::new().read_only(true);
    scratch.dm().table_load_with(&device, three, options).unwrap();
    let (active, inactive) = (info(&scratch, device.number()), inactive_info(&scratch, &device));
    assert!(active.has_active_table() && active.has_inactive_table());
    assert_eq!((active.target_count(), inactive.target_count()), (1, 3));
    assert_eq!((active.is_read_only(), inactive.is_read_only()), (false, true));

    scratch.dm().device_resume(&device).unwrap();
    let active = info(&scratch, device.number());
    assert!(active.has_active_table() && !active.has_inactive_table() && active.is_read_only());
    assert_eq!(active.target_count(), 3);
    Pattern::new(1).write(&device.path(), Sectors(0), Sectors(1)).unwrap_err();
}

#[test]
#[ignore = "needs root and device mapper: cargo xtask test-root"]
fn openers_are_counted() {
    let Some(scratch) = Scratch::new(&[require::target("zero")]) else { return };
    let device = scratch.map("device", [zero(LENGTH)]).unwrap();
    // Other programs may look at it for a moment.
    let counts = |count| wait_until("the count", SOON, || info(&scratch, device.name()).open_count() == count).unwrap();
    counts(0);
    let users = [File::open(device.path()).unwrap(), File::open(device.path()).unwrap()];
    counts(2);
    drop(users);
    counts(0);
}

#[test]
#[ignore = "needs root and device mapper: cargo xtask test-root"]
fn events_are_counted() {
    let Some(scratch) = Scratch::new(&[require::target("zero")]) else { return };
    let device = scratch.map("device", [zero(LENGTH)]).unwrap();
    assert_eq!(info(&scratch, device.number()).event_nr(), 0);
    let mut name = device.name().to_owned();
    for event in 1..4 {
        // The kernel wakes those who wait for a device when it is renamed.
        let new = scratch.name(event.to_string()).unwrap();
        let answer = scratch.dm().device_rename(&name, &new).unwrap();
        assert_eq!(answer.event_nr(), event);
        assert_eq!(info(&scratch, &new).event_nr(), event);
        name = new;
    }
    // Making a table active is not an event of the device.
    load(&scratch, &device, zero(LENGTH)).unwrap();
    scratch.dm().device_resume(&device).unwrap();
    assert_eq!(info(&scratch, device.number()).event_nr(), 3);
}
