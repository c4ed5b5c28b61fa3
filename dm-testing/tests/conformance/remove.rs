//! `device_remove`, deferred removal and its cancellation.

use dm_core::{DmUuidBuf, Removal, RemoveOptions};
use dm_testing::TestKernel;
use dm_units::{DeviceNumber, Sectors};

use crate::support::{A_WHILE, Devices, LENGTH, Mapped, exists, info, linear, load, wait_until, when_free, zero};

on_both_kernels! { ["zero"];
    a_removed_device_does_not_exist,
    any_id_can_be_used,
    a_missing_device_is_not_found,
    an_open_device_is_busy,
    a_device_that_another_one_uses_is_busy,
    removal_drops_the_inactive_table,
    a_suspended_device_can_be_removed,
    deferred_removal_of_a_device_that_is_not_open_is_done_at_once,
    deferred_removal_waits_for_the_last_close,
    deferred_removal_can_be_cancelled,
    cancelling_without_a_deferred_removal_is_not_an_error,
    // Since Linux 5.15, a device has no disk before its first table.
    a_removal_reports_whether_there_was_a_uevent needs [require::interface(45)],
}

const DEFERRED: RemoveOptions = RemoveOptions::new().deferred(true);

fn remove(kernel: &dyn TestKernel, device: &Mapped) -> dm_core::Result<Removal> {
    kernel.dm().device_remove(device)
}

fn a_removed_device_does_not_exist(kernel: &dyn TestKernel) {
    let device = kernel.map("device", [zero(LENGTH)]);
    let removal = when_free(|| remove(kernel, &device));
    assert!(matches!(removal, Removal::Done { uevent_generated: true, .. }));
    assert!(!exists(kernel, device.name()) && !exists(kernel, device.number()));
}

fn any_id_can_be_used(kernel: &dyn TestKernel) {
    let uuid = DmUuidBuf::new(kernel.prefix()).unwrap();
    let [by_name, by_number, by_uuid] = ["name", "number", "uuid"].map(|id| kernel.create(id));
    kernel.dm().device_set_uuid(by_uuid.name(), &uuid).unwrap();
    kernel.dm().device_remove(by_name.name()).unwrap();
    kernel.dm().device_remove(&by_number).unwrap();
    kernel.dm().device_remove(&uuid).unwrap();
    assert!(![by_name, by_number, by_uuid].iter().any(|device| exists(kernel, device.name())));
}

fn a_missing_device_is_not_found(kernel: &dyn TestKernel) {
    let missing = kernel.name("missing");
    let uuid = DmUuidBuf::new(kernel.prefix()).unwrap();
    for options in [RemoveOptions::new(), DEFERRED] {
        assert!(kernel.dm().device_remove_with(&missing, options).unwrap_err().is_not_found());
        assert!(kernel.dm().device_remove_with(&uuid, options).unwrap_err().is_not_found());
        // No mapped device has the major number of the null device.
        assert!(kernel.dm().device_remove_with(DeviceNumber::new(1, 3), options).unwrap_err().is_not_found());
    }
}

fn an_open_device_is_busy(kernel: &dyn TestKernel) {
    let device = kernel.map("device", [zero(LENGTH)]);
    let user = kernel.open(device.number()).unwrap();
    let error = remove(kernel, &device).unwrap_err();
    assert!(error.is_busy(), "{error}");
    assert!(exists(kernel, device.name()));
    drop(user);
    when_free(|| remove(kernel, &device));
}

fn a_device_that_another_one_uses_is_busy(kernel: &dyn TestKernel) {
    let lower = kernel.map("lower", [zero(LENGTH)]);
    let upper = kernel.map("upper", [linear(lower.number(), Sectors(0))]);
    assert!(remove(kernel, &lower).unwrap_err().is_busy());
    when_free(|| remove(kernel, &upper));
    when_free(|| remove(kernel, &lower));
}

fn removal_drops_the_inactive_table(kernel: &dyn TestKernel) {
    let lower = kernel.map("lower", [zero(LENGTH)]);
    let upper = kernel.create("upper");
    load(kernel, &upper, linear(lower.number(), Sectors(0))).unwrap();
    assert!(remove(kernel, &lower).unwrap_err().is_busy());
    when_free(|| remove(kernel, &upper));
    when_free(|| remove(kernel, &lower));
}

fn a_suspended_device_can_be_removed(kernel: &dyn TestKernel) {
    let device = kernel.map("device", [zero(LENGTH)]);
    kernel.dm().device_suspend(&device).unwrap();
    when_free(|| remove(kernel, &device));
    assert!(!exists(kernel, device.name()));
}

fn deferred_removal_of_a_device_that_is_not_open_is_done_at_once(kernel: &dyn TestKernel) {
    // Without a table, no program can open it, not even udev.
    let device = kernel.create("device");
    let removal = kernel.dm().device_remove_with(&device, DEFERRED).unwrap();
    assert!(matches!(removal, Removal::Done { .. }), "{removal:?}");
    assert!(!exists(kernel, device.name()));
}

fn deferred_removal_waits_for_the_last_close(kernel: &dyn TestKernel) {
    let device = kernel.map("device", [zero(LENGTH)]);
    let users = [kernel.open(device.number()).unwrap(), kernel.open(device.number()).unwrap()];
    assert_eq!(kernel.dm().device_remove_with(&device, DEFERRED).unwrap(), Removal::Deferred);
    assert!(info(kernel, device.name()).is_deferred_remove());
    let [first, second] = users;
    drop(first);
    std::thread::sleep(A_WHILE);
    assert!(exists(kernel, device.name()));
    drop(second);
    wait_until("the removal", || !exists(kernel, device.name()));
}

fn deferred_removal_can_be_cancelled(kernel: &dyn TestKernel) {
    let device = kernel.map("device", [zero(LENGTH)]);
    let user = kernel.open(device.number()).unwrap();
    kernel.dm().device_remove_with(&device, DEFERRED).unwrap();
    kernel.host().cancel_deferred_remove(&device).unwrap();
    assert!(!info(kernel, device.name()).is_deferred_remove());
    drop(user);
    std::thread::sleep(A_WHILE);
    assert!(exists(kernel, device.name()));
}

fn cancelling_without_a_deferred_removal_is_not_an_error(kernel: &dyn TestKernel) {
    let device = kernel.create("device");
    kernel.host().cancel_deferred_remove(device.name()).unwrap();
    assert!(exists(kernel, device.name()));
    let missing = kernel.name("missing");
    let error = kernel.host().cancel_deferred_remove(&missing).unwrap_err();
    assert!(error.is_not_found(), "{error}");
}

fn a_removal_reports_whether_there_was_a_uevent(kernel: &dyn TestKernel) {
    let dm = kernel.dm();
    // Before its first table a device has no disk, not even after a refused load.
    for (loads, expected) in [(false, false), (true, true)] {
        let device = kernel.create("device");
        if loads {
            load(kernel, &device, zero(LENGTH)).unwrap();
        }
        let removal = when_free(|| dm.device_remove(&device));
        assert!(matches!(removal, Removal::Done { uevent_generated, .. } if uevent_generated == expected));
    }
}
