//! `Host::reload` replaces a table during I/O, or restores the old one.

use std::io;
use std::sync::Arc;

use dm_core::{Command, Host, OpError, OpErrorKind, Remains, TargetLine};
use dm_testing::{LoopDevice, MappedDevice, Pattern, Scratch, require};
use dm_units::Sectors;
use nix::errno::Errno;

use crate::support::{Io, LENGTH, Line, before, exists, in_full, info, linear, refused, table, when_free, zero};

const START: Sectors = Sectors(0);

/// A device on the first of two disks.
fn on_two_disks(scratch: &Scratch) -> (MappedDevice, [Arc<LoopDevice>; 2]) {
    let disks = [(); 2].map(|()| scratch.loop_device(LENGTH.to_bytes()).unwrap());
    let [first, _] = &disks;
    (scratch.map("device", [linear(first.number())]).unwrap(), disks)
}

fn reload(scratch: &Scratch, device: &MappedDevice, line: Line<String>) -> Result<(), OpError> {
    scratch.host().reload(device.name(), [line]).map(drop)
}

/// A table that is refused when it is loaded.
fn refused_early() -> Line<String> {
    TargetLine::text(START, LENGTH, "linear", "no-such-disk 0".to_owned())
}

/// A table that is refused when it is made active.
fn refused_late(disk: &LoopDevice) -> Line<String> {
    TargetLine::text(START, LENGTH, "linear", format!("{} 1", disk.number()))
}

/// Checks that the device is unchanged: its table is that on a disk, it is suspended or not, and nothing else is
/// loaded.
fn uses(scratch: &Scratch, device: &MappedDevice, disk: &LoopDevice, suspended: bool) {
    let state = info(scratch, device.number());
    assert!(state.has_active_table() && !state.has_inactive_table() && state.is_suspended() == suspended, "{state:?}");
    assert_eq!(table(scratch, device.number()), [format!("0 64 linear {} 0", disk.number())]);
}

#[test]
#[ignore = "needs root and device mapper: cargo xtask test-root"]
fn a_table_is_replaced_under_io() {
    let Some(scratch) = Scratch::new(&["linear", "zero"].map(require::target)) else { return };
    let (lower, [disk, _]) = on_two_disks(&scratch);
    // Both tables map the same disk, so that written data can be read back.
    let device = scratch.map("upper", [linear(lower.number())]).unwrap();
    let io = Io::start(&device);
    for below in [disk.number(), lower.number()].into_iter().cycle().take(10) {
        reload(&scratch, &device, linear(below)).unwrap();
        assert_eq!(table(&scratch, device.number()), [format!("0 64 linear {below} 0")]);
        io.continues();
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
    assert_eq!(refused(&error), Command::TableLoad);
    assert!(error.is_undone() && in_full(&error).contains("Device lookup failed"), "{error}");
    uses(&scratch, &device, &disk, false);
    io.end();
}

#[test]
#[ignore = "needs root and device mapper: cargo xtask test-root"]
fn a_table_that_is_refused_late_is_undone_under_io() {
    let Some(scratch) = Scratch::new(&[require::target("linear")]) else { return };
    let (device, [disk, other]) = on_two_disks(&scratch);
    let io = Io::start(&device);
    for _ in 0..5 {
        let error = reload(&scratch, &device, refused_late(&other)).unwrap_err();
        assert_eq!(refused(&error), Command::DeviceResume);
        assert!(error.is_undone() && in_full(&error).contains("too small for target"), "{error}");
        uses(&scratch, &device, &disk, false);
        io.continues();
    }
    io.end();
    Pattern::new(7).write(disk.path(), START, LENGTH).unwrap();
    Pattern::new(7).verify(&device.path(), START, LENGTH).unwrap();
}

/// The kernel has made the new table active when the resume fails.
#[test]
#[ignore = "needs root and device mapper: cargo xtask test-root"]
fn targets_that_can_not_be_resumed_are_replaced_by_the_old_ones() {
    let Some(scratch) = Scratch::new(&["linear", "snapshot"].map(require::target)) else { return };
    let (device, [disk, cow]) = on_two_disks(&scratch);
    let params = format!("{} {} P 8", disk.number(), cow.number());
    let snapshot = || TargetLine::text(START, LENGTH, "snapshot", params.clone());
    // Another snapshot on the same store can only take over from a suspended one.
    let _source = scratch.map("source", [snapshot()]).unwrap();
    let io = Io::start(&device);
    let error = reload(&scratch, &device, snapshot()).unwrap_err();
    assert_eq!(refused(&error), Command::DeviceResume);
    assert!(error.is_undone() && in_full(&error).contains("preresume failed"), "{error}");
    uses(&scratch, &device, &disk, false);
    io.end();
}

#[test]
#[ignore = "needs root and device mapper: cargo xtask test-root"]
fn a_suspended_device_stays_so_when_a_table_is_refused() {
    let Some(scratch) = Scratch::new(&["linear", "snapshot"].map(require::target)) else { return };
    let (device, [disk, other]) = on_two_disks(&scratch);
    let params = format!("{} {} P 8", disk.number(), other.number());
    let snapshot = || TargetLine::text(START, LENGTH, "snapshot", params.clone());
    let _source = scratch.map("source", [snapshot()]).unwrap();
    scratch.dm().device_suspend(&device).unwrap();
    for line in [refused_early(), refused_late(&other), snapshot()] {
        let error = reload(&scratch, &device, line).unwrap_err();
        assert!(error.is_undone(), "{error}");
        uses(&scratch, &device, &disk, true);
    }
    reload(&scratch, &device, linear(other.number())).unwrap();
    uses(&scratch, &device, &other, false);
}

#[test]
#[ignore = "needs root and device mapper: cargo xtask test-root"]
fn a_device_without_an_active_table_is_not_changed() {
    let Some(scratch) = Scratch::new(&[require::target("zero")]) else { return };
    let device = scratch.create("device").unwrap();
    let error = scratch.host().reload(&device, [zero()]).unwrap_err();
    assert!(matches!(error.kind(), OpErrorKind::NoActiveTable) && error.is_undone(), "{error}");
    assert!(!info(&scratch, &device).has_inactive_table());
}

#[test]
#[ignore = "needs root and device mapper: cargo xtask test-root"]
fn a_device_that_is_removed_in_the_middle_leaves_nothing_to_undo() {
    let Some(scratch) = Scratch::new(&[require::target("zero")]) else { return };
    let device = scratch.map("device", [zero()]).unwrap();
    let (dm, number) = (scratch.dm().clone(), device.number());
    let host = Host::new(before(move |command| {
        // The undo resumes as well.
        if command == Command::DeviceResume && dm.device_info(number).is_ok() {
            when_free(|| dm.device_remove(number));
        }
        Ok(())
    }));
    let error = host.reload(device.name(), [zero()]).unwrap_err();
    assert_eq!(refused(&error), Command::DeviceResume);
    assert!(error.is_not_found() && error.is_undone(), "{error}");
    assert!(!exists(&scratch, device.name()));
}

#[test]
#[ignore = "needs root and device mapper: cargo xtask test-root"]
fn an_error_reports_the_steps_that_could_not_be_undone() {
    let Some(scratch) = Scratch::new(&[require::target("zero")]) else { return };
    let device = scratch.map("device", [zero()]).unwrap();
    let host = Host::new(before(|command| match command {
        Command::DeviceResume | Command::TableClear => Err(io::Error::from_raw_os_error(Errno::ENOMEM as i32)),
        _ => Ok(()),
    }));
    let error = host.reload(device.name(), [zero()]).unwrap_err();
    assert_eq!(refused(&error), Command::DeviceResume);
    assert_eq!(error.remains(), [Remains::Suspended, Remains::TableLoaded], "{error}");
    let undo = format!("since a later command failed: table_clear of device '{device}' failed: ");
    assert!(error.to_string().contains(&undo), "{error}");
    let state = info(&scratch, &device);
    assert!(state.is_suspended() && state.has_inactive_table() && table(&scratch, &device) == ["0 64 zero "]);
}
