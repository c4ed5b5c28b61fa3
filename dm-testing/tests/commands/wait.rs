//! `device_wait`.

use std::fs;
use std::sync::mpsc;
use std::thread::{self, JoinHandle};

use dm_core::{Dm, StatusOptions, TableStatus};
use dm_testing::{MappedDevice, Scratch, require, wait_until};
use nix::unistd::{Pid, gettid};

use crate::support::{A_WHILE, LENGTH, SOON, info, when_free, zero};

/// Waits in another thread, which the removal of the device ends at the latest. Also returns the thread's id.
fn wait(device: &MappedDevice, event_nr: u32, options: StatusOptions) -> (JoinHandle<Waited>, Pid) {
    let number = device.number();
    let dm = Dm::open().unwrap();
    let (tell, told) = mpsc::channel();
    let waiter = thread::spawn(move || {
        tell.send(gettid()).unwrap();
        dm.device_wait_with(number, event_nr, options)
    });
    (waiter, told.recv().unwrap())
}

type Waited = dm_core::Result<TableStatus>;

/// Waits in another thread, and returns when that is known to sleep.
fn wait_long(device: &MappedDevice, options: StatusOptions) -> JoinHandle<Waited> {
    let (waiter, thread) = wait(device, 0, options);
    let stat = format!("/proc/self/task/{thread}/stat");
    // The state is behind the name, which is in parentheses.
    let sleeps = || fs::read_to_string(&stat).is_ok_and(|text| text.contains(") S "));
    wait_until("the thread to sleep", SOON, sleeps).unwrap();
    thread::sleep(A_WHILE);
    assert!(!waiter.is_finished(), "it ended without an event");
    waiter
}

fn end<T>(thread: JoinHandle<T>) -> T {
    wait_until("the wait to end", SOON, || thread.is_finished()).unwrap();
    thread.join().unwrap()
}

#[test]
#[ignore = "needs root and device mapper: cargo xtask test-root"]
fn an_event_ends_the_wait() {
    let Some(scratch) = Scratch::new(&[require::target("zero")]) else { return };
    let device = scratch.map("old", [zero(LENGTH)]).unwrap();
    let waiter = wait_long(&device, StatusOptions::table());
    let new = scratch.name("new").unwrap();
    scratch.dm().device_rename(device.name(), &new).unwrap();
    let status = end(waiter).unwrap();
    assert_eq!((status.info().number(), status.info().event_nr()), (device.number(), 1));
    let lines: Vec<_> = status.iter().map(|line| line.unwrap().to_string()).collect();
    assert_eq!(lines, ["0 64 zero "]);
}

#[test]
#[ignore = "needs root and device mapper: cargo xtask test-root"]
fn an_event_of_the_past_ends_the_wait_at_once() {
    let Some(scratch) = Scratch::new(&[require::target("zero")]) else { return };
    let device = scratch.map("old", [zero(LENGTH)]).unwrap();
    let new = scratch.name("new").unwrap();
    scratch.dm().device_rename(device.name(), &new).unwrap();
    // Any other number than the present one, also one that is still to come.
    for event_nr in [0, 7] {
        let (waiter, _) = wait(&device, event_nr, StatusOptions::new());
        assert_eq!(end(waiter).unwrap().info().event_nr(), 1);
    }
    assert_eq!(info(&scratch, &new).event_nr(), 1);
}

#[test]
#[ignore = "needs root and device mapper: cargo xtask test-root"]
fn removal_ends_the_wait() {
    let Some(scratch) = Scratch::new(&[require::target("zero")]) else { return };
    let device = scratch.map("device", [zero(LENGTH)]).unwrap();
    let waiter = wait_long(&device, StatusOptions::new());
    when_free(|| scratch.dm().device_remove(&device));
    let status = end(waiter).unwrap();
    assert_eq!(status.info().event_nr(), 1);
}

#[test]
#[ignore = "needs root and device mapper: cargo xtask test-root"]
fn a_missing_device_is_not_found() {
    let Some(scratch) = Scratch::new(&[]) else { return };
    let missing = scratch.name("missing").unwrap();
    let error = scratch.dm().device_wait(&missing, 0).unwrap_err();
    assert!(error.is_not_found(), "{error}");
}
