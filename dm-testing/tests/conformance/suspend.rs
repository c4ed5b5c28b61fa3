//! `device_suspend` and `device_resume`: I/O blocks in between, and a loaded table becomes active.

use std::thread;

use dm_core::SuspendOptions;
use dm_testing::TestKernel;
use dm_units::{Bytes, Sectors};

use crate::support::{
    A_WHILE, Data, Devices, LENGTH, Mapped, inactive_table, info, linear, load, table, wait_until, zero,
};

on_both_kernels! { ["linear", "zero"];
    a_device_is_suspended_until_it_is_resumed,
    a_missing_device_is_not_found,
    io_waits_while_a_device_is_suspended,
    resuming_makes_the_inactive_table_active,
    a_new_table_can_have_another_size,
    a_device_without_a_table_cannot_be_resumed_once_it_is_suspended,
    a_table_that_does_not_fit_its_disk_is_refused_late,
}

const START: Sectors = Sectors(0);

fn suspend(kernel: &dyn TestKernel, device: &Mapped) {
    assert!(kernel.dm().device_suspend(device).unwrap().is_suspended());
}

fn resume(kernel: &dyn TestKernel, device: &Mapped) -> dm_core::DeviceInfo {
    let answer = kernel.dm().device_resume(device).unwrap();
    assert!(!answer.is_suspended());
    answer
}

fn a_device_is_suspended_until_it_is_resumed(kernel: &dyn TestKernel) {
    let device = kernel.map("device", [zero(LENGTH)]);
    let options = SuspendOptions::new();
    for options in [options, options.noflush(true), options.skip_lockfs(true), options.noflush(true).skip_lockfs(true)]
    {
        // The second call has no effect.
        for _ in 0..2 {
            let answer = kernel.dm().device_suspend_with(&device, options).unwrap();
            assert!(answer.is_suspended() && !answer.uevent_generated(), "{options:?}: {answer:?}");
            assert!(info(kernel, device.name()).is_suspended());
        }
        let answer = kernel.dm().device_resume(device.name()).unwrap();
        assert!(!answer.is_suspended() && answer.uevent_generated(), "{options:?}: {answer:?}");
        let answer = kernel.dm().device_resume(device.name()).unwrap();
        assert!(!answer.is_suspended() && !answer.uevent_generated(), "{options:?}: {answer:?}");
    }
}

fn a_missing_device_is_not_found(kernel: &dyn TestKernel) {
    let missing = kernel.name("missing");
    assert!(kernel.dm().device_suspend(&missing).unwrap_err().is_not_found());
    assert!(kernel.dm().device_resume(&missing).unwrap_err().is_not_found());
}

fn io_waits_while_a_device_is_suspended(kernel: &dyn TestKernel) {
    let disk = kernel.disk(LENGTH.to_bytes());
    let device = kernel.map("device", [linear(disk, START)]);
    let pattern = Data::new(1);
    suspend(kernel, &device);
    thread::scope(|scope| {
        let writer = scope.spawn(|| pattern.write(kernel, device.number(), START, LENGTH));
        wait_until("the writer", || info(kernel, device.name()).open_count() > 0);
        thread::sleep(A_WHILE);
        assert!(!writer.is_finished(), "I/O ended while the device was suspended");
        Data::zeros().verify(kernel, disk, START, LENGTH);
        resume(kernel, &device);
        writer.join().unwrap().unwrap();
    });
    pattern.verify(kernel, disk, START, LENGTH);
}

fn resuming_makes_the_inactive_table_active(kernel: &dyn TestKernel) {
    let disk = kernel.disk(Bytes(1 << 20));
    Data::new(1).write(kernel, disk, START, LENGTH).unwrap();
    let device = kernel.map("device", [zero(LENGTH)]);
    Data::zeros().verify(kernel, device.number(), START, LENGTH);
    // Once from a suspended device, once from an active one.
    for (offset, suspended) in [(Sectors(0), true), (Sectors(8), false)] {
        load(kernel, &device, linear(disk, offset)).unwrap();
        if suspended {
            suspend(kernel, &device);
        }
        let answer = resume(kernel, &device);
        assert!(answer.uevent_generated() && answer.has_active_table() && !answer.has_inactive_table());
        assert_eq!(table(kernel, &device), [format!("0 64 linear {} {offset}", disk)]);
        assert!(inactive_table(kernel, &device).is_empty());
        let moved = Data::new(1).moved(offset, Sectors(0));
        moved.verify(kernel, device.number(), START, Sectors(48));
    }
}

fn a_new_table_can_have_another_size(kernel: &dyn TestKernel) {
    let device = kernel.map("device", [zero(LENGTH)]);
    for size in [1000, 10] {
        load(kernel, &device, zero(Sectors(size))).unwrap();
        let read = |last: u64| kernel.read(device.number(), Sectors(last), &mut [0; 512]);
        assert_ne!(read(999).is_ok(), size == 1000);
        resume(kernel, &device);
        Data::zeros().verify(kernel, device.number(), START, Sectors(size));
        read(size).unwrap_err();
    }
}

fn a_device_without_a_table_cannot_be_resumed_once_it_is_suspended(kernel: &dyn TestKernel) {
    let device = kernel.create("device");
    // It is not suspended, so the call has no effect.
    let answer = kernel.dm().device_resume(&device).unwrap();
    assert!(!answer.uevent_generated() && !answer.has_active_table());
    suspend(kernel, &device);
    let error = kernel.dm().device_resume(&device).unwrap_err();
    assert!(error.is_invalid(), "{error}");
    assert!(info(kernel, device.number()).is_suspended());
}

fn a_table_that_does_not_fit_its_disk_is_refused_late(kernel: &dyn TestKernel) {
    let disk = kernel.disk(LENGTH.to_bytes());
    let beyond = || linear(disk, Sectors(1));
    // Refused by the first load of a device, which creates its queue ...
    let fresh = kernel.create("fresh");
    assert!(load(kernel, &fresh, beyond()).unwrap_err().is_invalid());
    // ... or by the resume, which leaves the old table and the device suspended, and drops the new table.
    let device = kernel.map("device", [linear(disk, START)]);
    load(kernel, &device, beyond()).unwrap();
    let error = kernel.dm().device_resume(&device).unwrap_err();
    assert!(error.is_invalid(), "{error}");
    let state = info(kernel, device.number());
    assert!(state.is_suspended() && state.has_active_table() && !state.has_inactive_table(), "{state:?}");
    resume(kernel, &device);
    assert_eq!(table(kernel, &device), [format!("0 64 linear {} 0", disk)]);
}
