//! `device_create`.

use std::fs;

use dm_core::{CreateOptions, DmName, DmNameBuf, DmUuid, DmUuidBuf};
use dm_testing::{Scratch, require};
use dm_units::DeviceNumber;

use crate::support::{LENGTH, RESERVED, exists, far_minor, info, load, refuses_reserved_names, sysfs, zero};

/// The major number of mapped devices, from `/proc/devices`.
fn major() -> u32 {
    let text = fs::read_to_string("/proc/devices").unwrap();
    let line = text.lines().find_map(|line| line.strip_suffix(" device-mapper")).unwrap();
    line.trim().parse().unwrap()
}

#[test]
#[ignore = "needs root and device mapper: cargo xtask test-root"]
fn a_new_device_has_neither_uuid_nor_table() {
    let Some(scratch) = Scratch::new(&[]) else { return };
    let name = scratch.name("new").unwrap();
    let answer = scratch.dm().device_create(&name).unwrap();
    for state in [&answer, &info(&scratch, &name)] {
        assert_eq!(state.name(), Some(&*name));
        assert_eq!(state.uuid(), None);
        assert_eq!(state.number(), DeviceNumber::new(major(), state.number().minor));
        assert_eq!((state.open_count(), state.event_nr(), state.target_count()), (0, 0, 0));
        assert!(!state.has_active_table() && !state.has_inactive_table());
        assert!(!state.is_suspended() && !state.is_read_only() && !state.is_deferred_remove());
        assert!(!state.uevent_generated());
    }
}

#[test]
#[ignore = "needs root and device mapper: cargo xtask test-root"]
fn a_uuid_is_kept() {
    let Some(scratch) = Scratch::new(&[]) else { return };
    let name = scratch.name("with").unwrap();
    let longest = format!("{:\u{20}<128}", format!("{}uuid", scratch.prefix()));
    let uuid = DmUuid::new(&longest).unwrap();
    let answer = scratch.dm().device_create_with(&name, CreateOptions::new().uuid(uuid)).unwrap();
    assert_eq!(answer.uuid(), Some(uuid));
    assert_eq!(info(&scratch, uuid).name(), Some(&*name));
}

#[test]
#[ignore = "needs root and device mapper: cargo xtask test-root"]
fn the_minor_number_can_be_chosen() {
    let Some(scratch) = Scratch::new(&[]) else { return };
    let name = scratch.name("chosen").unwrap();
    let minor = far_minor(0);
    let answer = scratch.dm().device_create_with(&name, CreateOptions::new().minor(minor)).unwrap();
    assert_eq!(answer.number(), DeviceNumber::new(major(), minor));
    assert_eq!(info(&scratch, answer.number()).name(), Some(&*name));
}

#[test]
#[ignore = "needs root and device mapper: cargo xtask test-root"]
fn a_minor_number_that_is_taken_is_refused() {
    let Some(scratch) = Scratch::new(&[]) else { return };
    let options = CreateOptions::new().minor(far_minor(1));
    scratch.dm().device_create_with(scratch.name("first").unwrap(), options).unwrap();
    let second = scratch.name("second").unwrap();
    let error = scratch.dm().device_create_with(&second, options).unwrap_err();
    assert!(error.is_already_exists(), "{error}");
    assert!(!exists(&scratch, &second));
}

#[test]
#[ignore = "needs root and device mapper: cargo xtask test-root"]
fn a_minor_number_out_of_range_is_refused() {
    let Some(scratch) = Scratch::new(&[]) else { return };
    for minor in [1 << 20, u32::MAX] {
        let name = scratch.name("far").unwrap();
        let created = scratch.dm().device_create_with(&name, CreateOptions::new().minor(minor));
        assert!(created.is_err(), "asked for minor {minor} and got {created:?}");
        assert!(!exists(&scratch, &name));
    }
}

#[test]
#[ignore = "needs root and device mapper: cargo xtask test-root"]
fn a_name_that_is_taken_is_refused() {
    let Some(scratch) = Scratch::new(&[]) else { return };
    let device = scratch.create("one").unwrap();
    let error = scratch.dm().device_create(device.name()).unwrap_err();
    assert!(error.is_already_exists(), "{error}");
    assert_eq!(info(&scratch, device.name()).number(), device.number());
}

#[test]
#[ignore = "needs root and device mapper: cargo xtask test-root"]
fn a_uuid_that_is_taken_is_refused() {
    let Some(scratch) = Scratch::new(&[]) else { return };
    let uuid = DmUuidBuf::new(scratch.prefix()).unwrap();
    let options = CreateOptions::new().uuid(&uuid);
    let first = scratch.name("first").unwrap();
    scratch.dm().device_create_with(&first, options).unwrap();
    let second = scratch.name("second").unwrap();
    let error = scratch.dm().device_create_with(&second, options).unwrap_err();
    assert!(error.is_already_exists(), "{error}");
    assert!(!exists(&scratch, &second));
    assert_eq!(info(&scratch, &uuid).name(), Some(&*first));
}

#[test]
#[ignore = "needs root and device mapper: cargo xtask test-root"]
fn names_can_have_any_bytes_but_nul_and_slash() {
    let Some(scratch) = Scratch::new(&[require::target("zero")]) else { return };
    let longest = vec![b'n'; DmName::MAX_LEN.saturating_sub(scratch.prefix().len())];
    let suffixes: [&[u8]; 7] = [
        b" with  spaces ",
        "gr\u{fc}n\u{20ac}\u{1f980}".as_bytes(),
        b"\xff\xfe not utf-8 \xc3",
        b"\"quotes\" 'and' $(more) `of` \\x20 *",
        b"a\nnew\tline",
        b".",
        &longest,
    ];
    for suffix in suffixes {
        let device = scratch.create(suffix).unwrap();
        load(&scratch, &device, zero(LENGTH)).unwrap();
        scratch.dm().device_resume(device.name()).unwrap();
        assert_eq!(info(&scratch, device.name()).number(), device.number());
        assert_eq!(info(&scratch, device.number()).name(), Some(device.name()));
        assert_eq!(sysfs(device.number(), "dm/name").unwrap(), device.name().as_bytes());
    }
    let list = scratch.dm().list_devices().unwrap();
    let names: Vec<DmNameBuf> = list.iter().map(|device| device.unwrap().name.to_owned()).collect();
    for suffix in suffixes {
        assert!(names.contains(&scratch.name(suffix).unwrap()), "{suffix:?}");
    }
}

#[test]
#[ignore = "needs root and device mapper: cargo xtask test-root"]
fn uuids_can_have_any_bytes_but_nul() {
    let Some(scratch) = Scratch::new(&[]) else { return };
    for (at, suffix) in [b"with space".as_slice(), b"\xff\xfe", b"LVM-\n"].into_iter().enumerate() {
        let uuid = DmUuidBuf::new(&[scratch.prefix().as_bytes(), suffix].concat()).unwrap();
        let name = scratch.name(at.to_string()).unwrap();
        scratch.dm().device_create_with(&name, CreateOptions::new().uuid(&uuid)).unwrap();
        assert_eq!(info(&scratch, &uuid).uuid(), Some(&*uuid));
    }
}

#[test]
#[ignore = "needs root and device mapper: cargo xtask test-root"]
fn reserved_names_are_refused_since_4_48() {
    let Some(scratch) = Scratch::new(&[]) else { return };
    for name in RESERVED.map(|name| DmName::new(name).unwrap()) {
        match scratch.dm().device_create(name) {
            Ok(_) => {
                scratch.dm().device_remove(name).unwrap();
                assert!(!refuses_reserved_names(&scratch), "{name}");
            }
            Err(error) => assert!(refuses_reserved_names(&scratch) && error.is_invalid(), "{name}: {error}"),
        }
    }
}
