//! `remove_all`: removes all devices of the host except open ones.

use std::fs::File;
use std::time::Duration;

use dm_core::{RemoveAllOptions, TargetLine};
use dm_testing::{MappedDevice, Scratch, require, wait_until};
use dm_units::Sectors;

use crate::alone;

const SOON: Duration = Duration::from_secs(10);

/// The names of all mapped devices.
fn names(scratch: &Scratch) -> Vec<String> {
    let list = scratch.dm().list_devices().unwrap();
    list.iter().map(|device| device.unwrap().name.to_string()).collect()
}

/// Four devices: one uses another one, one is open, and one has no table.
fn four(scratch: &Scratch) -> (MappedDevice, File) {
    let zero = || [TargetLine::text(Sectors(0), Sectors(8), "zero", "")];
    let lower = scratch.map("a-lower", zero()).unwrap();
    let linear = TargetLine::text(Sectors(0), Sectors(8), "linear", format!("{} 0", lower.number()));
    scratch.map("b-upper", [linear]).unwrap();
    scratch.create("c-bare").unwrap();
    let open = scratch.map("d-open", zero()).unwrap();
    let user = File::open(open.path()).unwrap();
    assert_eq!(names(scratch).len(), 4);
    (open, user)
}

#[test]
#[ignore = "needs root and device mapper: cargo xtask test-root"]
fn all_but_open_devices_are_removed() {
    let _alone = alone();
    let Some(scratch) = Scratch::new(&[require::throw_away_kernel(), require::target("zero")]) else { return };
    let (open, user) = four(&scratch);
    // udev may have any of them open for a moment.
    let only_open_is_left = || {
        scratch.dm().remove_all().unwrap();
        names(&scratch) == [open.name().to_string()]
    };
    wait_until("the removal of all others", SOON, only_open_is_left).unwrap();
    let info = scratch.dm().device_info(&open).unwrap();
    assert!(!info.is_deferred_remove());
    drop(user);
}

#[test]
#[ignore = "needs root and device mapper: cargo xtask test-root"]
fn open_devices_are_removed_when_they_are_closed() {
    let _alone = alone();
    let Some(scratch) = Scratch::new(&[require::throw_away_kernel(), require::target("zero")]) else { return };
    let (open, user) = four(&scratch);
    // A single call: devices that any program then has open are removed on their last close.
    scratch.dm().remove_all_with(RemoveAllOptions::new().deferred(true)).unwrap();
    wait_until("the removal of all others", SOON, || names(&scratch) == [open.name().to_string()]).unwrap();
    let info = scratch.dm().device_info(&open).unwrap();
    assert!(info.is_deferred_remove());
    drop(user);
    wait_until("the last close", SOON, || names(&scratch).is_empty()).unwrap();
}
