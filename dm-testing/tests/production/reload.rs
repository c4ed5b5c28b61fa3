//! `device_reload`: another table under io, or the old one again.

use std::sync::Arc;

use dm_core::{Buffer, Command, Error, ReloadOptions, RequestFault, SuspendOptions, TargetLine};
use dm_testing::{LoopDevice, MappedDevice, Pattern, Scratch, require};
use dm_units::Sectors;

use crate::support::{Io, LENGTH, Line, REMOVE, before, exists, info, linear, refusal, table, zero};

const START: Sectors = Sectors(0);

/// A device on the first of two disks.
fn on_two_disks(scratch: &Scratch) -> (MappedDevice, [Arc<LoopDevice>; 2]) {
    let disks = [(); 2].map(|()| scratch.loop_device(LENGTH.to_bytes()).unwrap());
    let [first, _] = &disks;
    (scratch.map("device", [linear(first.number())]).unwrap(), disks)
}

fn reload(scratch: &Scratch, device: &MappedDevice, line: Line<String>) -> Result<(), dm_core::StepError> {
    scratch.dm().device_reload(&mut Buffer::new(), device.name(), [line], ReloadOptions::new()).map(drop)
}

/// A table that is refused when it is loaded.
fn refused_early() -> Line<String> {
    TargetLine::new(START, LENGTH, "linear", "no-such-disk 0".to_owned())
}

/// A table that is refused when it is to be put in force.
fn refused_late(disk: &LoopDevice) -> Line<String> {
    TargetLine::new(START, LENGTH, "linear", format!("{} 1", disk.number()))
}

/// The device is as before: its table is that on a disk, it is suspended or not, and nothing else is loaded.
fn stands_on(scratch: &Scratch, device: &MappedDevice, disk: &LoopDevice, suspended: bool) {
    let state = info(scratch, device.number());
    assert!(state.has_active_table() && !state.has_inactive_table() && state.is_suspended() == suspended, "{state:?}");
    assert_eq!(table(scratch, device.number()), [format!("0 64 linear {} 0", disk.number())]);
}

#[test]
#[ignore = "needs root and device mapper: cargo xtask test-root"]
fn a_table_is_replaced_under_io() {
    let Some(scratch) = Scratch::new(&["linear", "zero"].map(require::target)) else { return };
    let (lower, [disk, _]) = on_two_disks(&scratch);
    // Both ways lead to the same disk, so that whoever reads sees what it wrote.
    let device = scratch.map("upper", [linear(lower.number())]).unwrap();
    let io = Io::start(&device);
    for below in [disk.number(), lower.number()].into_iter().cycle().take(10) {
        reload(&scratch, &device, linear(below)).unwrap();
        assert_eq!(table(&scratch, device.number()), [format!("0 64 linear {below} 0")]);
        io.goes_on();
    }
    io.end();
}

#[test]
#[ignore = "needs root and device mapper: cargo xtask test-root"]
fn a_table_that_is_refused_early_changes_nothing() {
    let Some(scratch) = Scratch::new(&[require::target("linear")]) else { return };
    let (device, [disk, _]) = on_two_disks(&scratch);
    let io = Io::start(&device);
    let error = reload(&scratch, &device, refused_early()).unwrap_err();
    assert_eq!(refusal(&error.cause).command(), Command::TableLoad);
    assert!(error.not_undone.is_none() && error.to_string().contains("Device lookup failed"), "{error}");
    stands_on(&scratch, &device, &disk, false);
    io.end();
}

#[test]
#[ignore = "needs root and device mapper: cargo xtask test-root"]
fn a_table_that_is_refused_late_is_taken_back_under_io() {
    let Some(scratch) = Scratch::new(&[require::target("linear")]) else { return };
    let (device, [disk, other]) = on_two_disks(&scratch);
    let io = Io::start(&device);
    for _ in 0..5 {
        let error = reload(&scratch, &device, refused_late(&other)).unwrap_err();
        assert_eq!(refusal(&error.cause).command(), Command::DeviceResume);
        assert!(error.not_undone.is_none() && error.to_string().contains("too small for target"), "{error}");
        stands_on(&scratch, &device, &disk, false);
        io.goes_on();
    }
    io.end();
    Pattern::new(7).write(disk.path(), START, LENGTH).unwrap();
    Pattern::new(7).verify(&device.path(), START, LENGTH).unwrap();
}

/// The kernel has put the new table in force by the time it refuses this one.
#[test]
#[ignore = "needs root and device mapper: cargo xtask test-root"]
fn targets_that_can_not_be_resumed_make_room_for_the_old_ones() {
    let Some(scratch) = Scratch::new(&["linear", "snapshot"].map(require::target)) else { return };
    let (device, [disk, cow]) = on_two_disks(&scratch);
    let params = format!("{} {} P 8", disk.number(), cow.number());
    let snapshot = || TargetLine::new(START, LENGTH, "snapshot", params.clone());
    // Another snapshot on the same store can take over only from one that is suspended.
    let _source = scratch.map("source", [snapshot()]).unwrap();
    let io = Io::start(&device);
    let error = reload(&scratch, &device, snapshot()).unwrap_err();
    assert_eq!(refusal(&error.cause).command(), Command::DeviceResume);
    assert!(error.not_undone.is_none() && error.to_string().contains("preresume failed"), "{error}");
    stands_on(&scratch, &device, &disk, false);
    io.end();
}

#[test]
#[ignore = "needs root and device mapper: cargo xtask test-root"]
fn a_suspended_device_stays_so_when_a_table_is_refused() {
    let Some(scratch) = Scratch::new(&["linear", "snapshot"].map(require::target)) else { return };
    let (device, [disk, other]) = on_two_disks(&scratch);
    let params = format!("{} {} P 8", disk.number(), other.number());
    let snapshot = || TargetLine::new(START, LENGTH, "snapshot", params.clone());
    let _source = scratch.map("source", [snapshot()]).unwrap();
    scratch.dm().device_suspend(device.number(), SuspendOptions::new()).unwrap();
    for line in [refused_early(), refused_late(&other), snapshot()] {
        let error = reload(&scratch, &device, line).unwrap_err();
        assert!(error.not_undone.is_none(), "{error}");
        stands_on(&scratch, &device, &disk, true);
    }
    reload(&scratch, &device, linear(other.number())).unwrap();
    stands_on(&scratch, &device, &other, false);
}

#[test]
#[ignore = "needs root and device mapper: cargo xtask test-root"]
fn without_a_table_to_go_back_to_nothing_is_begun() {
    let Some(scratch) = Scratch::new(&[require::target("zero")]) else { return };
    let device = scratch.create("device").unwrap();
    let (lines, options) = ([zero()], ReloadOptions::new());
    let error = scratch.dm().device_reload(&mut Buffer::new(), device.name(), lines, options).unwrap_err();
    assert!(matches!(error.cause, Error::Request { fault: RequestFault::NoActiveTable, .. }), "{error}");
    assert!(error.not_undone.is_none() && !info(&scratch, device.number()).has_inactive_table());
}

#[test]
#[ignore = "needs root and device mapper: cargo xtask test-root"]
fn what_could_not_be_undone_is_reported() {
    let Some(scratch) = Scratch::new(&[require::target("zero")]) else { return };
    let device = scratch.map("device", [zero()]).unwrap();
    // Somebody removes the device in the middle.
    let dm = before(|command| {
        if command == Command::DeviceResume {
            scratch.dm().device_remove(device.number(), REMOVE).unwrap();
        }
    });
    let (lines, options) = ([zero()], ReloadOptions::new());
    let error = dm.device_reload(&mut Buffer::new(), device.name(), lines, options).unwrap_err();
    assert_eq!(refusal(&error.cause).command(), Command::DeviceResume);
    assert!(error.cause.is_not_found() && error.not_undone.as_ref().unwrap().is_not_found(), "{error}");
    assert!(error.to_string().contains("could not be undone"), "{error}");
    assert!(!exists(&scratch, device.name()));
}
