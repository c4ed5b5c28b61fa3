//! `list_devices`.

use dm_core::{CreateOptions, DmName, DmUuid, DmUuidBuf, ListOptions};
use dm_testing::{Scratch, require};

use crate::support::{LENGTH, info, zero};

/// Lists only devices whose name starts like this.
fn prefixed<'a>(prefix: &'a str) -> ListOptions<'a> {
    ListOptions::new().name_prefix(DmName::new(prefix).unwrap())
}

/// The names of the devices that a list has.
fn names(scratch: &Scratch, options: ListOptions<'_>) -> Vec<String> {
    let list = scratch.dm().list_devices_with(options).unwrap();
    let names: Vec<_> = list.iter().map(|device| device.unwrap().name.to_string()).collect();
    assert_eq!(list.is_empty(), names.is_empty());
    names
}

#[test]
#[ignore = "needs root and device mapper: cargo xtask test-root"]
fn every_device_is_listed_with_number_event_and_uuid() {
    let Some(scratch) = Scratch::new(&[require::target("zero"), require::interface(45)]) else { return };
    let device = scratch.map("device", [zero(LENGTH)]).unwrap();
    let bare = scratch.create("bare").unwrap();
    let uuid = DmUuidBuf::new(scratch.prefix()).unwrap();
    scratch.dm().device_set_uuid(device.name(), &uuid).unwrap();
    let events = info(&scratch, device.name()).event_nr();
    assert_ne!(events, 0);

    for with_uuids in [false, true] {
        let list = scratch.dm().list_devices_with(ListOptions::new().uuids(with_uuids)).unwrap();
        let listed = |name| list.iter().map(Result::unwrap).find(|entry| entry.name == name).unwrap();
        let (device_entry, bare_entry) = (listed(device.name()), listed(bare.name()));
        assert_eq!(device_entry.number, device.number());
        assert_eq!(device_entry.event_nr, Some(events));
        assert_eq!(device_entry.uuid, with_uuids.then_some(&*uuid));
        assert_eq!((bare_entry.number, bare_entry.event_nr, bare_entry.uuid), (bare.number(), Some(0), None));
    }
}

#[test]
#[ignore = "needs root and device mapper: cargo xtask test-root"]
fn a_list_can_be_limited_to_a_prefix_of_names() {
    let Some(scratch) = Scratch::new(&[require::interface(45)]) else { return };
    for suffix in ["a", "ab", "abc", "b"] {
        scratch.create(suffix).unwrap();
    }
    let name = |suffix: &str| format!("{}{suffix}", scratch.prefix());
    assert_eq!(names(&scratch, prefixed(scratch.prefix())), ["a", "ab", "abc", "b"].map(name));
    assert_eq!(names(&scratch, prefixed(&name("ab"))), ["ab", "abc"].map(name));
    assert_eq!(names(&scratch, prefixed(&name("abc"))), ["abc"].map(name));
    assert!(names(&scratch, prefixed(&name("abcd"))).is_empty());
}

#[test]
#[ignore = "needs root and device mapper: cargo xtask test-root"]
fn a_list_can_be_limited_to_a_prefix_of_uuids() {
    let Some(scratch) = Scratch::new(&[require::interface(45)]) else { return };
    for suffix in ["a", "b", "c"] {
        let name = scratch.name(suffix).unwrap();
        let uuid = format!("TEST-{}{suffix}", scratch.prefix());
        let options = CreateOptions::new().uuid(DmUuid::new(&uuid).unwrap());
        scratch.dm().device_create_with(&name, options).unwrap();
    }
    scratch.create("without").unwrap();
    let prefix = |suffix: &str| format!("TEST-{}{suffix}", scratch.prefix());
    let (all, one, none) = (prefix(""), prefix("b"), prefix("bb"));
    let of = |prefix: &str| names(&scratch, ListOptions::new().uuid_prefix(DmUuid::new(prefix).unwrap())).len();
    assert_eq!((of(&all), of(&one), of(&none)), (3, 1, 0));
    // Both at once: only what has both.
    let options = prefixed(scratch.prefix()).uuid_prefix(DmUuid::new(&one).unwrap());
    assert_eq!(names(&scratch, options), [format!("{}b", scratch.prefix())]);
    assert!(names(&scratch, prefixed("no such name").uuid_prefix(DmUuid::new(&one).unwrap())).is_empty());
}

#[test]
#[ignore = "needs root and device mapper: cargo xtask test-root"]
fn names_of_every_length_and_any_bytes_are_listed() {
    let Some(scratch) = Scratch::new(&[require::interface(45)]) else { return };
    // Every length of name, so that what follows it stands at every alignment; bytes that are no text.
    let mut expected: Vec<_> = (1..30).map(|len| scratch.name(vec![b'\xf0'; len]).unwrap()).collect();
    expected.extend([" ", "\n", "\\", "\u{1f980}", "z"].map(|suffix| scratch.name(suffix).unwrap()));
    for name in &expected {
        let uuid = DmUuid::new(name.as_bytes()).unwrap();
        scratch.dm().device_create_with(name, CreateOptions::new().uuid(uuid)).unwrap();
    }
    expected.sort();
    let list = scratch.dm().list_devices_with(prefixed(scratch.prefix()).uuids(true)).unwrap();
    let listed: Vec<_> = list.iter().map(Result::unwrap).collect();
    assert_eq!(listed.iter().map(|entry| entry.name.to_owned()).collect::<Vec<_>>(), expected);
    for entry in listed {
        assert_eq!(entry.uuid.unwrap().as_bytes(), entry.name.as_bytes());
    }
}
