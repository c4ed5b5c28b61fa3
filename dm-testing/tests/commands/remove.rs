//! `device_remove`, deferred removal and its cancellation.

use std::fs::File;

use dm_core::{DmUuidBuf, Removal, RemoveOptions};
use dm_testing::{MappedDevice, Scratch, require, wait_until};
use dm_units::{DeviceNumber, Sectors};

use crate::support::{A_WHILE, LENGTH, SOON, exists, info, linear, load, when_free, zero};

const DEFERRED: RemoveOptions = RemoveOptions::new().deferred(true);

fn remove(scratch: &Scratch, device: &MappedDevice) -> dm_core::Result<Removal> {
    scratch.dm().device_remove(device)
}

#[test]
#[ignore = "needs root and device mapper: cargo xtask test-root"]
fn a_removed_device_does_not_exist() {
    let Some(scratch) = Scratch::new(&[require::target("zero")]) else { return };
    let device = scratch.map("device", [zero(LENGTH)]).unwrap();
    let removal = when_free(|| remove(&scratch, &device));
    assert!(matches!(removal, Removal::Done { uevent_generated: true, .. }));
    assert!(!exists(&scratch, device.name()) && !exists(&scratch, device.number()));
    wait_until("the node to be removed", SOON, || !device.path().exists()).unwrap();
}

#[test]
#[ignore = "needs root and device mapper: cargo xtask test-root"]
fn any_id_can_be_used() {
    let Some(scratch) = Scratch::new(&[]) else { return };
    let uuid = DmUuidBuf::new(scratch.prefix()).unwrap();
    let [by_name, by_number, by_uuid] = ["name", "number", "uuid"].map(|id| scratch.create(id).unwrap());
    scratch.dm().device_set_uuid(by_uuid.name(), &uuid).unwrap();
    scratch.dm().device_remove(by_name.name()).unwrap();
    scratch.dm().device_remove(&by_number).unwrap();
    scratch.dm().device_remove(&uuid).unwrap();
    assert!(![by_name, by_number, by_uuid].iter().any(|device| exists(&scratch, device.name())));
}

#[test]
#[ignore = "needs root and device mapper: cargo xtask test-root"]
fn a_missing_device_is_not_found() {
    let Some(scratch) = Scratch::new(&[]) else { return };
    let missing = scratch.name("missing").unwrap();
    let uuid = DmUuidBuf::new(scratch.prefix()).unwrap();
    for options in [RemoveOptions::new(), DEFERRED] {
        assert!(scratch.dm().device_remove_with(&missing, options).unwrap_err().is_not_found());
        assert!(scratch.dm().device_remove_with(&uuid, options).unwrap_err().is_not_found());
        // No mapped device has the major number of the null device.
        assert!(scratch.dm().device_remove_with(DeviceNumber::new(1, 3), options).unwrap_err().is_not_found());
    }
}

#[test]
#[ignore = "needs root and device mapper: cargo xtask test-root"]
fn an_open_device_is_busy() {
    let Some(scratch) = Scratch::new(&[require::target("zero")]) else { return };
    let device = scratch.map("device", [zero(LENGTH)]).unwrap();
    let user = File::open(device.path()).unwrap();
    let error = remove(&scratch, &device).unwrap_err();
    assert!(error.is_busy(), "{error}");
    assert!(exists(&scratch, device.name()));
    drop(user);
    when_free(|| remove(&scratch, &device));
}

#[test]
#[ignore = "needs root and device mapper: cargo xtask test-root"]
fn a_device_that_another_one_uses_is_busy() {
    let Some(scratch) = Scratch::new(&[require::target("zero")]) else { return };
    let lower = scratch.map("lower", [zero(LENGTH)]).unwrap();
    let upper = scratch.map("upper", [linear(lower.number(), Sectors(0))]).unwrap();
    assert!(remove(&scratch, &lower).unwrap_err().is_busy());
    when_free(|| remove(&scratch, &upper));
    when_free(|| remove(&scratch, &lower));
}

#[test]
#[ignore = "needs root and device mapper: cargo xtask test-root"]
fn removal_drops_the_inactive_table() {
    let Some(scratch) = Scratch::new(&[require::target("zero")]) else { return };
    let lower = scratch.map("lower", [zero(LENGTH)]).unwrap();
    let upper = scratch.create("upper").unwrap();
    load(&scratch, &upper, linear(lower.number(), Sectors(0))).unwrap();
    assert!(remove(&scratch, &lower).unwrap_err().is_busy());
    when_free(|| remove(&scratch, &upper));
    when_free(|| remove(&scratch, &lower));
}

#[test]
#[ignore = "needs root and device mapper: cargo xtask test-root"]
fn a_suspended_device_can_be_removed() {
    let Some(scratch) = Scratch::new(&[require::target("zero")]) else { return };
    let device = scratch.map("device", [zero(LENGTH)]).unwrap();
    scratch.dm().device_suspend(&device).unwrap();
    when_free(|| remove(&scratch, &device));
    assert!(!exists(&scratch, device.name()));
}

#[test]
#[ignore = "needs root and device mapper: cargo xtask test-root"]
fn deferred_removal_of_a_device_that_is_not_open_is_done_at_once() {
    let Some(scratch) = Scratch::new(&[]) else { return };
    // Without a table no program, not even udev, can open it.
    let device = scratch.create("device").unwrap();
    let removal = scratch.dm().device_remove_with(&device, DEFERRED).unwrap();
    assert!(matches!(removal, Removal::Done { .. }), "{removal:?}");
    assert!(!exists(&scratch, device.name()));
}

#[test]
#[ignore = "needs root and device mapper: cargo xtask test-root"]
fn deferred_removal_waits_for_the_last_close() {
    let Some(scratch) = Scratch::new(&[require::target("zero")]) else { return };
    let device = scratch.map("device", [zero(LENGTH)]).unwrap();
    let users = [File::open(device.path()).unwrap(), File::open(device.path()).unwrap()];
    assert_eq!(scratch.dm().device_remove_with(&device, DEFERRED).unwrap(), Removal::Deferred);
    assert!(info(&scratch, device.name()).is_deferred_remove());
    let [first, second] = users;
    drop(first);
    std::thread::sleep(A_WHILE);
    assert!(exists(&scratch, device.name()));
    drop(second);
    wait_until("the removal", SOON, || !exists(&scratch, device.name())).unwrap();
}

#[test]
#[ignore = "needs root and device mapper: cargo xtask test-root"]
fn deferred_removal_can_be_cancelled() {
    let Some(scratch) = Scratch::new(&[require::target("zero")]) else { return };
    let device = scratch.map("device", [zero(LENGTH)]).unwrap();
    let user = File::open(device.path()).unwrap();
    scratch.dm().device_remove_with(&device, DEFERRED).unwrap();
    scratch.host().cancel_deferred_remove(&device).unwrap();
    assert!(!info(&scratch, device.name()).is_deferred_remove());
    drop(user);
    std::thread::sleep(A_WHILE);
    assert!(exists(&scratch, device.name()));
}

#[test]
#[ignore = "needs root and device mapper: cargo xtask test-root"]
fn cancelling_without_a_deferred_removal_is_not_an_error() {
    let Some(scratch) = Scratch::new(&[]) else { return };
    let device = scratch.create("device").unwrap();
    scratch.host().cancel_deferred_remove(device.name()).unwrap();
    assert!(exists(&scratch, device.name()));
    let missing = scratch.name("missing").unwrap();
    let error = scratch.host().cancel_deferred_remove(&missing).unwrap_err();
    assert!(error.is_not_found(), "{error}");
}
