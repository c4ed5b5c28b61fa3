//! `Host::create` creates, loads and resumes a device, or does nothing.

use std::fs::File;
use std::sync::mpsc;

use dm_core::{Command, DmUuidBuf, Host, Remains, SetupOptions, TargetLine};
use dm_testing::{Pattern, Scratch, require};
use dm_units::Sectors;

use crate::support::{LENGTH, before, exists, in_full, info, linear, refused, table, zero};

const START: Sectors = Sectors(0);

#[test]
#[ignore = "needs root and device mapper: cargo xtask test-root"]
fn a_created_device_serves_io() {
    let Some(scratch) = Scratch::new(&[require::target("linear")]) else { return };
    let disk = scratch.loop_device(LENGTH.to_bytes()).unwrap();
    let name = scratch.name("device").unwrap();
    let uuid = DmUuidBuf::new(scratch.prefix()).unwrap();
    let options = SetupOptions::new().uuid(&uuid);
    let created = scratch.host().create_with(&name, [linear(disk.number())], options).unwrap();
    let state = info(&scratch, &uuid);
    assert_eq!((state.name(), state.number()), (Some(&*name), created.number()));
    assert!(state.has_active_table() && !state.has_inactive_table() && !state.is_suspended());
    Pattern::zeros().verify(&dm_core::paths::kernel_path(state.number()), START, LENGTH).unwrap();
}

#[test]
#[ignore = "needs root and device mapper: cargo xtask test-root"]
fn a_name_that_is_taken_stays_with_its_device() {
    let Some(scratch) = Scratch::new(&[require::target("zero")]) else { return };
    let device = scratch.map("device", [zero()]).unwrap();
    let error = scratch.host().create(device.name(), [zero()]).unwrap_err();
    assert!(error.is_already_exists() && error.is_undone(), "{error}");
    assert_eq!(table(&scratch, device.name()), ["0 64 zero "]);
    assert_eq!(info(&scratch, device.name()).number(), device.number());
}

#[test]
#[ignore = "needs root and device mapper: cargo xtask test-root"]
fn a_refused_table_leaves_nothing() {
    let Some(scratch) = Scratch::new(&[require::target("zero")]) else { return };
    let name = scratch.name("device").unwrap();
    let line = TargetLine::text(START, LENGTH, "zero", "x");
    let error = scratch.host().create(&name, [line]).unwrap_err();
    assert!(error.is_invalid() && error.is_undone(), "{error}");
    assert_eq!(refused(&error), Command::TableLoad);
    assert!(in_full(&error).contains("No arguments required"), "{error}");
    assert!(!exists(&scratch, &name));
}

#[test]
#[ignore = "needs root and device mapper: cargo xtask test-root"]
fn a_refused_resume_leaves_nothing() {
    let Some(scratch) = Scratch::new(&["linear", "snapshot"].map(require::target)) else { return };
    let [origin, cow] = [(); 2].map(|()| scratch.loop_device(LENGTH.to_bytes()).unwrap().number());
    let snapshot = || [TargetLine::text(START, LENGTH, "snapshot", format!("{origin} {cow} P 8"))];
    let source = scratch.map("source", snapshot()).unwrap();
    // A second snapshot on the same store can be loaded to take over from the first one, which must then be suspended.
    let name = scratch.name("device").unwrap();
    let error = scratch.host().create(&name, snapshot()).unwrap_err();
    assert_eq!(refused(&error), Command::DeviceResume);
    assert!(error.is_invalid() && error.is_undone(), "{error}");
    assert!(in_full(&error).contains("preresume failed"), "{error}");
    assert!(!exists(&scratch, &name));
    assert!(info(&scratch, source.number()).has_active_table());
}

#[test]
#[ignore = "needs root and device mapper: cargo xtask test-root"]
fn an_error_reports_the_steps_that_could_not_be_undone() {
    let Some(scratch) = Scratch::new(&["linear", "snapshot"].map(require::target)) else { return };
    let [origin, cow] = [(); 2].map(|()| scratch.loop_device(LENGTH.to_bytes()).unwrap().number());
    let snapshot = || [TargetLine::text(START, LENGTH, "snapshot", format!("{origin} {cow} P 8"))];
    let _source = scratch.map("source", snapshot()).unwrap();
    let name = scratch.name("device").unwrap();
    // Another user opens the device between its first table and the resume.
    let (open, opened) = mpsc::channel();
    let (dm, same_name) = (scratch.dm().clone(), name.clone());
    let host = Host::new(before(move |command| {
        if command == Command::DeviceResume {
            let path = dm_core::paths::kernel_path(dm.device_info(&same_name).unwrap().number());
            open.send(File::open(path).unwrap()).unwrap();
        }
        Ok(())
    }));
    let error = host.create(&name, snapshot()).unwrap_err();
    assert_eq!(refused(&error), Command::DeviceResume);
    assert_eq!(error.remains(), [Remains::Exists], "{error}");
    let undo =
        format!("the device still exists, since a later command failed: device_remove of device '{name}' failed: ");
    assert!(error.to_string().contains(&undo), "{error}");
    assert!(exists(&scratch, &name));
    drop(opened);
}
