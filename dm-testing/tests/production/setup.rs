//! `device_setup`: create, load and resume as one, or not at all.

use std::cell::OnceCell;
use std::fs::File;

use dm_core::{Buffer, Command, CreateOptions, DmUuidBuf, SetupOptions, TargetLine};
use dm_testing::{Pattern, Scratch, require};
use dm_units::Sectors;

use crate::support::{LENGTH, before, exists, info, linear, refusal, table, zero};

const START: Sectors = Sectors(0);

#[test]
#[ignore = "needs root and device mapper: cargo xtask test-root"]
fn a_device_is_set_up_at_once() {
    let Some(scratch) = Scratch::new(&[require::target("linear")]) else { return };
    let disk = scratch.loop_device(LENGTH.to_bytes()).unwrap();
    let name = scratch.name("device").unwrap();
    let uuid = DmUuidBuf::new(scratch.prefix()).unwrap();
    let options = SetupOptions::new().create(CreateOptions::new().uuid(uuid.as_borrowed()));
    let lines = [linear(disk.number())];
    let set_up = scratch.dm().device_setup(&mut Buffer::new(), name.as_borrowed(), lines, options).unwrap();
    let state = info(&scratch, &uuid);
    assert_eq!((state.name(), state.number()), (Some(name.as_borrowed()), set_up.number()));
    assert!(state.has_active_table() && !state.has_inactive_table() && !state.is_suspended());
    Pattern::zeros().verify(&dm_core::paths::kernel_path(state.number()), START, LENGTH).unwrap();
}

#[test]
#[ignore = "needs root and device mapper: cargo xtask test-root"]
fn a_name_that_is_taken_stays_with_its_device() {
    let Some(scratch) = Scratch::new(&[require::target("zero")]) else { return };
    let device = scratch.map("device", [zero()]).unwrap();
    let set_up = scratch.dm().device_setup(&mut Buffer::new(), device.name(), [zero()], SetupOptions::new());
    let error = set_up.unwrap_err();
    assert!(error.cause.already_exists() && error.not_undone.is_none(), "{error}");
    assert_eq!(table(&scratch, device.name()), ["0 64 zero "]);
    assert_eq!(info(&scratch, device.name()).number(), device.number());
}

#[test]
#[ignore = "needs root and device mapper: cargo xtask test-root"]
fn a_refused_table_leaves_nothing() {
    let Some(scratch) = Scratch::new(&[require::target("zero")]) else { return };
    let name = scratch.name("device").unwrap();
    let line = TargetLine::new(START, LENGTH, "zero", "x");
    let set_up = scratch.dm().device_setup(&mut Buffer::new(), name.as_borrowed(), [line], SetupOptions::new());
    let error = set_up.unwrap_err();
    assert!(error.cause.is_invalid() && error.not_undone.is_none(), "{error}");
    assert_eq!(refusal(&error.cause).command(), Command::TableLoad);
    assert!(error.to_string().contains("No arguments required"), "{error}");
    assert!(!exists(&scratch, &name));
}

#[test]
#[ignore = "needs root and device mapper: cargo xtask test-root"]
fn a_refused_resume_leaves_nothing() {
    let Some(scratch) = Scratch::new(&["linear", "snapshot"].map(require::target)) else { return };
    let [origin, cow] = [(); 2].map(|()| scratch.loop_device(LENGTH.to_bytes()).unwrap().number());
    let snapshot = || [TargetLine::new(START, LENGTH, "snapshot", format!("{origin} {cow} P 8"))];
    let source = scratch.map("source", snapshot()).unwrap();
    // A second snapshot on the same store can be loaded, to take over from the first one, which must be suspended then.
    let name = scratch.name("device").unwrap();
    let set_up = scratch.dm().device_setup(&mut Buffer::new(), name.as_borrowed(), snapshot(), SetupOptions::new());
    let error = set_up.unwrap_err();
    assert_eq!(refusal(&error.cause).command(), Command::DeviceResume);
    assert!(error.cause.is_invalid() && error.not_undone.is_none(), "{error}");
    assert!(error.to_string().contains("preresume failed"), "{error}");
    assert!(!exists(&scratch, &name));
    assert!(info(&scratch, source.number()).has_active_table());
}

#[test]
#[ignore = "needs root and device mapper: cargo xtask test-root"]
fn what_could_not_be_undone_is_reported() {
    let Some(scratch) = Scratch::new(&["linear", "snapshot"].map(require::target)) else { return };
    let [origin, cow] = [(); 2].map(|()| scratch.loop_device(LENGTH.to_bytes()).unwrap().number());
    let snapshot = || [TargetLine::new(START, LENGTH, "snapshot", format!("{origin} {cow} P 8"))];
    let _source = scratch.map("source", snapshot()).unwrap();
    let name = scratch.name("device").unwrap();
    // Somebody opens the device between its first table and the resume.
    let user = OnceCell::new();
    let dm = before(|command| {
        if command == Command::DeviceResume {
            let path = dm_core::paths::kernel_path(info(&scratch, &name).number());
            user.set(File::open(path).unwrap()).unwrap();
        }
    });
    let error = dm.device_setup(&mut Buffer::new(), name.as_borrowed(), snapshot(), SetupOptions::new()).unwrap_err();
    assert_eq!(refusal(&error.cause).command(), Command::DeviceResume);
    let not_undone = refusal(error.not_undone.as_ref().unwrap());
    assert_eq!(not_undone.command(), Command::DeviceRemove);
    let own = std::process::id();
    assert!(not_undone.users().unwrap().processes.iter().any(|process| process.pid == own), "{error}");
    assert!(error.to_string().contains("could not be undone: device_remove"), "{error}");
    assert!(exists(&scratch, &name));
}
