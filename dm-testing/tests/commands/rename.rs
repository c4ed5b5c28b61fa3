//! `device_rename` and `device_set_uuid`.

use std::fs::File;

use dm_core::{DmName, DmUuidBuf};
use dm_testing::{Scratch, require};

use crate::support::{LENGTH, RESERVED, exists, info, refuses_reserved_names, sysfs, zero};

#[test]
#[ignore = "needs root and device mapper: cargo xtask test-root"]
fn the_device_answers_to_its_new_name_only() {
    let Some(scratch) = Scratch::new(&[]) else { return };
    let device = scratch.create("old").unwrap();
    let new = scratch.name("new").unwrap();
    let answer = scratch.dm().device_rename(device.name(), &new).unwrap();
    assert_eq!(answer.number(), device.number());
    assert_eq!((answer.name(), answer.uuid()), (None, None), "the kernel's answer has the old name");
    assert_eq!(info(&scratch, &new).number(), device.number());
    assert_eq!(info(&scratch, device.number()).name(), Some(&*new));
    assert!(!exists(&scratch, device.name()));
}

#[test]
#[ignore = "needs root and device mapper: cargo xtask test-root"]
fn a_device_in_use_can_be_renamed() {
    let Some(scratch) = Scratch::new(&[require::target("zero")]) else { return };
    let device = scratch.map("old", [zero(LENGTH)]).unwrap();
    let _user = File::open(device.path()).unwrap();
    let new = scratch.name(b"\xff new").unwrap();
    let answer = scratch.dm().device_rename(device.name(), &new).unwrap();
    assert!(answer.uevent_generated());
    assert_eq!(sysfs(device.number(), "dm/name").unwrap(), new.as_bytes());
}

#[test]
#[ignore = "needs root and device mapper: cargo xtask test-root"]
fn a_name_that_is_taken_is_refused() {
    let Some(scratch) = Scratch::new(&[]) else { return };
    let [one, two] = ["one", "two"].map(|suffix| scratch.create(suffix).unwrap());
    for taken in [two.name(), one.name()] {
        let error = scratch.dm().device_rename(one.name(), taken).unwrap_err();
        assert!(error.is_already_exists(), "{error}");
    }
    assert_eq!(info(&scratch, one.name()).number(), one.number());
    assert_eq!(info(&scratch, two.name()).number(), two.number());
}

#[test]
#[ignore = "needs root and device mapper: cargo xtask test-root"]
fn a_missing_device_is_not_found() {
    let Some(scratch) = Scratch::new(&[]) else { return };
    let [missing, new] = ["missing", "new"].map(|suffix| scratch.name(suffix).unwrap());
    let uuid = DmUuidBuf::new(scratch.prefix()).unwrap();
    assert!(scratch.dm().device_rename(&missing, &new).unwrap_err().is_not_found());
    let error = scratch.dm().device_set_uuid(&missing, &uuid).unwrap_err();
    assert!(error.is_not_found(), "{error}");
}

#[test]
#[ignore = "needs root and device mapper: cargo xtask test-root"]
fn reserved_names_are_refused_since_4_48() {
    let Some(scratch) = Scratch::new(&[]) else { return };
    let device = scratch.create("device").unwrap();
    for other in RESERVED.map(|name| DmName::new(name).unwrap()) {
        match scratch.dm().device_rename(device.name(), other) {
            Ok(_) => {
                scratch.dm().device_rename(other, device.name()).unwrap();
                assert!(!refuses_reserved_names(&scratch), "{other}");
            }
            Err(error) => assert!(refuses_reserved_names(&scratch) && error.is_invalid(), "{other}: {error}"),
        }
    }
    assert_eq!(info(&scratch, device.name()).number(), device.number());
}

#[test]
#[ignore = "needs root and device mapper: cargo xtask test-root"]
fn a_uuid_can_be_set_once() {
    let Some(scratch) = Scratch::new(&[]) else { return };
    let device = scratch.create("device").unwrap();
    let uuid = DmUuidBuf::new(&[scratch.prefix().as_bytes(), b"\xff first"].concat()).unwrap();
    scratch.dm().device_set_uuid(device.name(), &uuid).unwrap();
    assert_eq!(info(&scratch, &uuid).number(), device.number());
    assert_eq!(info(&scratch, device.name()).uuid(), Some(&*uuid));

    let other = DmUuidBuf::new(&format!("{}other", scratch.prefix())).unwrap();
    let error = scratch.dm().device_set_uuid(device.name(), &other).unwrap_err();
    assert!(error.is_invalid(), "{error}");
    assert_eq!(info(&scratch, device.name()).uuid(), Some(&*uuid));
}

#[test]
#[ignore = "needs root and device mapper: cargo xtask test-root"]
fn a_uuid_that_is_taken_is_refused() {
    let Some(scratch) = Scratch::new(&[]) else { return };
    let [one, two] = ["one", "two"].map(|suffix| scratch.create(suffix).unwrap());
    let uuid = DmUuidBuf::new(scratch.prefix()).unwrap();
    scratch.dm().device_set_uuid(one.name(), &uuid).unwrap();
    let error = scratch.dm().device_set_uuid(two.name(), &uuid).unwrap_err();
    assert!(error.is_already_exists(), "{error}");
    assert_eq!(info(&scratch, two.name()).uuid(), None);
}

#[test]
#[ignore = "needs root and device mapper: cargo xtask test-root"]
fn the_longest_name_and_uuid_fit() {
    let Some(scratch) = Scratch::new(&[]) else { return };
    let device = scratch.create("short").unwrap();
    let name = scratch.name("n".repeat(DmName::MAX_LEN.saturating_sub(scratch.prefix().len()))).unwrap();
    scratch.dm().device_rename(device.name(), &name).unwrap();
    let uuid = DmUuidBuf::new(&format!("{:u<128}", scratch.prefix())).unwrap();
    scratch.dm().device_set_uuid(&name, &uuid).unwrap();
    let state = info(&scratch, device.number());
    assert_eq!((state.name(), state.uuid()), (Some(&*name), Some(&*uuid)));
}
