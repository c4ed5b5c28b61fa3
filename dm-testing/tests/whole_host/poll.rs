//! `arm_poll`, and `poll(2)` on a handle.

use std::thread;

use dm_core::{Dm, TargetLine};
use dm_testing::{Scratch, require};
use dm_units::Sectors;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

use crate::alone;

/// Whether a handle becomes readable within this number of milliseconds.
fn is_readable(dm: &Dm, limit: u16) -> bool {
    let mut fds = [PollFd::new(dm.poll_fd().unwrap(), PollFlags::POLLIN)];
    poll(&mut fds, PollTimeout::from(limit)).unwrap() == 1
}

#[test]
#[ignore = "needs root and device mapper: cargo xtask test-root"]
fn a_change_of_the_list_of_devices_is_an_event() {
    let _alone = alone();
    let Some(scratch) = Scratch::new(&[require::target("zero"), require::interface(36)]) else { return };
    let dm = scratch.dm();
    let watcher = Dm::open().unwrap();
    assert!(!is_readable(&watcher, 0), "a new handle is armed");
    let happens = |what: &str, event: bool| {
        assert_eq!(is_readable(&watcher, 0), event, "after {what}");
        assert_eq!(is_readable(&watcher, 0), event, "it stays so after {what}");
        watcher.arm_poll().unwrap();
        assert!(!is_readable(&watcher, 0), "armed after {what}");
    };
    let device = scratch.create("device").unwrap();
    happens("creation", true);
    dm.device_create(device.name()).unwrap_err();
    happens("a creation that failed", false);
    let line = TargetLine::text(Sectors(0), Sectors(8), "zero", "");
    dm.table_load(&device, [line]).unwrap();
    happens("a load", false);
    dm.device_resume(&device).unwrap();
    happens("a new table", true);
    dm.device_suspend(&device).unwrap();
    happens("suspension", false);
    dm.device_resume(&device).unwrap();
    happens("resumption", false);
    let new = scratch.name("new").unwrap();
    dm.device_rename(device.name(), &new).unwrap();
    happens("a new name", true);
    let bare = scratch.create("bare").unwrap();
    happens("creation", true);
    dm.device_remove(&bare).unwrap();
    happens("removal", true);
}

#[test]
#[ignore = "needs root and device mapper: cargo xtask test-root"]
fn each_handle_is_armed_separately() {
    let _alone = alone();
    let Some(scratch) = Scratch::new(&[require::interface(36)]) else { return };
    let [one, two] = [(); 2].map(|()| Dm::open().unwrap());
    scratch.create("device").unwrap();
    assert!(is_readable(&one, 0) && is_readable(&two, 0));
    one.arm_poll().unwrap();
    assert!(!is_readable(&one, 0) && is_readable(&two, 0));
}

#[test]
#[ignore = "needs root and device mapper: cargo xtask test-root"]
fn an_event_wakes_a_waiter() {
    let _alone = alone();
    let Some(scratch) = Scratch::new(&[require::interface(36)]) else { return };
    let watcher = Dm::open().unwrap();
    let woken = thread::spawn(move || is_readable(&watcher, 10_000));
    thread::sleep(std::time::Duration::from_millis(50));
    assert!(!woken.is_finished());
    scratch.create("device").unwrap();
    assert!(woken.join().unwrap());
}
