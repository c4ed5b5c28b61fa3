//! `list_devices`: all devices, or those whose name or uuid begins with a prefix.

use dm_core::{CreateOptions, DmName, DmUuid, DmUuidBuf, ListOptions};
use dm_testing::TestKernel;

use crate::support::{Devices, LENGTH, info, name_of_bytes, zero};

on_both_kernels! { ["zero"], interface 45;
    every_device_is_listed_with_number_event_and_uuid,
    a_list_can_be_limited_to_a_prefix_of_names,
    a_list_can_be_limited_to_a_prefix_of_uuids,
    names_of_every_length_and_any_bytes_are_listed,
}

/// Lists only devices whose name has this prefix.
fn prefixed<'a>(prefix: &'a str) -> ListOptions<'a> {
    ListOptions::new().name_prefix(DmName::new(prefix).unwrap())
}

/// The names in a list of devices.
fn names(kernel: &dyn TestKernel, options: ListOptions<'_>) -> Vec<String> {
    let list = kernel.dm().list_devices_with(options).unwrap();
    let names: Vec<_> = list.iter().map(|device| device.unwrap().name.to_string()).collect();
    assert_eq!(list.is_empty(), names.is_empty());
    names
}

fn every_device_is_listed_with_number_event_and_uuid(kernel: &dyn TestKernel) {
    let device = kernel.map("device", [zero(LENGTH)]);
    let bare = kernel.create("bare");
    let uuid = DmUuidBuf::new(kernel.prefix()).unwrap();
    kernel.dm().device_set_uuid(device.name(), &uuid).unwrap();
    let events = info(kernel, device.name()).event_nr();
    assert_ne!(events, 0);

    for with_uuids in [false, true] {
        let list = kernel.dm().list_devices_with(ListOptions::new().uuids(with_uuids)).unwrap();
        let listed = |name| list.iter().map(Result::unwrap).find(|entry| entry.name == name).unwrap();
        let (device_entry, bare_entry) = (listed(device.name()), listed(bare.name()));
        assert_eq!(device_entry.number, device.number());
        assert_eq!(device_entry.event_nr, Some(events));
        assert_eq!(device_entry.uuid, with_uuids.then_some(&*uuid));
        assert_eq!((bare_entry.number, bare_entry.event_nr, bare_entry.uuid), (bare.number(), Some(0), None));
    }
}

fn a_list_can_be_limited_to_a_prefix_of_names(kernel: &dyn TestKernel) {
    for suffix in ["a", "ab", "abc", "b"] {
        kernel.create(suffix);
    }
    let name = |suffix: &str| format!("{}{suffix}", kernel.prefix());
    assert_eq!(names(kernel, prefixed(kernel.prefix())), ["a", "ab", "abc", "b"].map(name));
    assert_eq!(names(kernel, prefixed(&name("ab"))), ["ab", "abc"].map(name));
    assert_eq!(names(kernel, prefixed(&name("abc"))), ["abc"].map(name));
    assert!(names(kernel, prefixed(&name("abcd"))).is_empty());
}

fn a_list_can_be_limited_to_a_prefix_of_uuids(kernel: &dyn TestKernel) {
    for suffix in ["a", "b", "c"] {
        let name = kernel.name(suffix);
        let uuid = format!("TEST-{}{suffix}", kernel.prefix());
        let options = CreateOptions::new().uuid(DmUuid::new(&uuid).unwrap());
        kernel.dm().device_create_with(&name, options).unwrap();
    }
    kernel.create("without");
    let prefix = |suffix: &str| format!("TEST-{}{suffix}", kernel.prefix());
    let (all, one, none) = (prefix(""), prefix("b"), prefix("bb"));
    let of = |prefix: &str| names(kernel, ListOptions::new().uuid_prefix(DmUuid::new(prefix).unwrap())).len();
    assert_eq!((of(&all), of(&one), of(&none)), (3, 1, 0));
    // With both prefixes, a device must match both.
    let options = prefixed(kernel.prefix()).uuid_prefix(DmUuid::new(&one).unwrap());
    assert_eq!(names(kernel, options), [format!("{}b", kernel.prefix())]);
    assert!(names(kernel, prefixed("no such name").uuid_prefix(DmUuid::new(&one).unwrap())).is_empty());
}

fn names_of_every_length_and_any_bytes_are_listed(kernel: &dyn TestKernel) {
    // Names of every length, so that the following fields have every alignment, of bytes that are not UTF-8.
    let mut expected: Vec<_> = (1..30).map(|len| name_of_bytes(kernel, &vec![b'\xf0'; len])).collect();
    expected.extend([" ", "\n", "\\", "\u{1f980}", "z"].map(|suffix| kernel.name(suffix)));
    for name in &expected {
        let uuid = DmUuid::new(name.as_bytes()).unwrap();
        kernel.dm().device_create_with(name, CreateOptions::new().uuid(uuid)).unwrap();
    }
    expected.sort();
    let list = kernel.dm().list_devices_with(prefixed(kernel.prefix()).uuids(true)).unwrap();
    let listed: Vec<_> = list.iter().map(Result::unwrap).collect();
    assert_eq!(listed.iter().map(|entry| entry.name.to_owned()).collect::<Vec<_>>(), expected);
    for entry in listed {
        assert_eq!(entry.uuid.unwrap().as_bytes(), entry.name.as_bytes());
    }
}
