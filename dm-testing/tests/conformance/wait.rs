//! `device_wait`: events and the removal of the device end it.

use std::thread::{self, JoinHandle};
use std::time::Duration;

use dm_core::{StatusOptions, TableStatus};
use dm_testing::TestKernel;

use crate::support::{Devices, LENGTH, Mapped, info, wait_until, when_free, zero};

on_both_kernels! { ["zero"];
    an_event_ends_the_wait,
    an_event_of_the_past_ends_the_wait_at_once,
    removal_ends_the_wait,
    a_missing_device_is_not_found,
}

/// Long enough for a thread to start waiting, even on an emulated processor.
const LONG: Duration = Duration::from_millis(300);

type Waited = dm_core::Result<TableStatus>;

/// Waits in another thread, at the latest until the device is removed.
fn wait(kernel: &dyn TestKernel, device: &Mapped, event_nr: u32, options: StatusOptions) -> JoinHandle<Waited> {
    let (dm, number) = (kernel.dm(), device.number());
    thread::spawn(move || dm.device_wait_with(number, event_nr, options))
}

/// Waits in another thread, and returns when it had time to start waiting.
fn wait_long(kernel: &dyn TestKernel, device: &Mapped, options: StatusOptions) -> JoinHandle<Waited> {
    let waiter = wait(kernel, device, 0, options);
    thread::sleep(LONG);
    assert!(!waiter.is_finished(), "it ended without an event");
    waiter
}

fn end<T>(thread: JoinHandle<T>) -> T {
    wait_until("the wait to end", || thread.is_finished());
    thread.join().unwrap()
}

fn an_event_ends_the_wait(kernel: &dyn TestKernel) {
    let device = kernel.map("old", [zero(LENGTH)]);
    let waiter = wait_long(kernel, &device, StatusOptions::table());
    let new = kernel.name("new");
    kernel.dm().device_rename(device.name(), &new).unwrap();
    let status = end(waiter).unwrap();
    assert_eq!((status.info().number(), status.info().event_nr()), (device.number(), 1));
    let lines: Vec<_> = status.iter().map(|line| line.unwrap().to_string()).collect();
    assert_eq!(lines, ["0 64 zero "]);
}

fn an_event_of_the_past_ends_the_wait_at_once(kernel: &dyn TestKernel) {
    let device = kernel.map("old", [zero(LENGTH)]);
    let new = kernel.name("new");
    kernel.dm().device_rename(device.name(), &new).unwrap();
    // Any number other than the present one, even a later one.
    for event_nr in [0, 7] {
        let waiter = wait(kernel, &device, event_nr, StatusOptions::new());
        assert_eq!(end(waiter).unwrap().info().event_nr(), 1);
    }
    assert_eq!(info(kernel, &new).event_nr(), 1);
}

fn removal_ends_the_wait(kernel: &dyn TestKernel) {
    let device = kernel.map("device", [zero(LENGTH)]);
    let waiter = wait_long(kernel, &device, StatusOptions::new());
    when_free(|| kernel.dm().device_remove(&device));
    let status = end(waiter).unwrap();
    assert_eq!(status.info().event_nr(), 1);
}

fn a_missing_device_is_not_found(kernel: &dyn TestKernel) {
    let missing = kernel.name("missing");
    let error = kernel.dm().device_wait(&missing, 0).unwrap_err();
    assert!(error.is_not_found(), "{error}");
}
