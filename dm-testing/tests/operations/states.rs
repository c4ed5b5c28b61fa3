//! Set-ups of devices in unusual states, and failures at chosen commands.

use std::fs::File;

use dm_core::{Command, Difference, Host, OpErrorKind, RemovePolicy, SetupOptions, Step};
use dm_testing::{MappedDevice, Scratch, require};
use nix::errno::Errno;

use crate::support::{LENGTH, PATIENTLY, before, exists, info, linear, table, when_free, zero};

fn failing_at(command: Command, errno: Errno) -> Host {
    Host::new(before(move |sent| if sent == command { Err(errno.into()) } else { Ok(()) }))
}

fn zeros(scratch: &Scratch) -> MappedDevice {
    scratch.map("device", [zero()]).unwrap()
}

/// Puts a device that is open into an unusual state.
type Unsettle = fn(&Scratch, &MappedDevice);

const STATES: [(&str, Unsettle); 5] = [
    ("suspended", |scratch, device| {
        scratch.dm().device_suspend(device).unwrap();
    }),
    ("with another table loaded", |scratch, device| {
        scratch.dm().table_load(device, [zero()]).unwrap();
    }),
    ("suspended with another table loaded", |scratch, device| {
        scratch.dm().table_load(device, [zero()]).unwrap();
        scratch.dm().device_suspend(device).unwrap();
    }),
    ("to be removed", |scratch, device| {
        scratch.host().remove_with(device, RemovePolicy::new().deferred(true)).unwrap();
    }),
    ("to be removed, and suspended", |scratch, device| {
        scratch.host().remove_with(device, RemovePolicy::new().deferred(true)).unwrap();
        scratch.dm().device_suspend(device).unwrap();
    }),
];

#[test]
#[ignore = "needs root and device mapper: cargo xtask test-root"]
fn a_set_up_mends_every_unusual_state() {
    let Some(scratch) = Scratch::new(&[require::target("zero")]) else { return };
    for (what, unsettle) in STATES {
        let device = zeros(&scratch);
        let user = File::open(device.path()).unwrap();
        unsettle(&scratch, &device);
        let found = scratch.host().setup(device.name(), [zero()]).unwrap();
        let state = info(&scratch, &device);
        assert!(!found.is_suspended() && !state.is_suspended() && !state.has_inactive_table(), "{what}: {state:?}");
        assert!(!state.is_deferred_remove() && table(&scratch, &device) == ["0 64 zero "], "{what}: {state:?}");
        drop(user);
        scratch.host().remove_with(&device, PATIENTLY).unwrap();
    }
}

#[test]
#[ignore = "needs root and device mapper: cargo xtask test-root"]
fn a_set_up_finishes_a_device_that_has_no_active_table_yet() {
    let Some(scratch) = Scratch::new(&[require::target("zero")]) else { return };
    let bare: [Unsettle; 3] = [
        |_, _| (),
        |scratch, device| {
            scratch.dm().table_load(device, [zero()]).unwrap();
        },
        |scratch, device| {
            scratch.dm().device_suspend(device).unwrap();
        },
    ];
    for unsettle in bare {
        let device = scratch.create("device").unwrap();
        unsettle(&scratch, &device);
        scratch.host().setup(device.name(), [zero()]).unwrap();
        let state = info(&scratch, &device);
        assert!(state.has_active_table() && !state.is_suspended() && !state.has_inactive_table(), "{state:?}");
        scratch.host().remove_with(&device, PATIENTLY).unwrap();
    }
}

#[test]
#[ignore = "needs root and device mapper: cargo xtask test-root"]
fn a_set_up_of_a_device_that_differs_changes_nothing_and_says_in_what() {
    let Some(scratch) = Scratch::new(&["zero", "error"].map(require::target)) else { return };
    let device = zeros(&scratch);
    scratch.dm().device_suspend(&device).unwrap();
    let difference = |result: Result<_, dm_core::OpError>| match result.unwrap_err().kind() {
        OpErrorKind::Differs(difference) => *difference,
        other => unreachable!("{other}"),
    };
    let errors = dm_core::TargetLine::text(dm_units::Sectors(0), LENGTH, "error", "");
    assert_eq!(difference(scratch.host().setup(device.name(), [errors]).map(drop)), Difference::Line(0, "target type"));
    let host = scratch.host();
    let other = |options: SetupOptions<'_>| difference(host.setup_with(device.name(), [zero()], options).map(drop));
    assert_eq!(other(SetupOptions::new().read_only(true)), Difference::ReadOnly);
    let minor = device.number().minor.wrapping_add(1) & 0xfffff;
    assert_eq!(other(SetupOptions::new().minor(minor)), Difference::Minor);
    assert!(info(&scratch, &device).is_suspended());
}

#[test]
#[ignore = "needs root and device mapper: cargo xtask test-root"]
fn a_reload_whose_resume_fails_before_the_tables_are_swapped_keeps_the_old_one() {
    let Some(scratch) = Scratch::new(&["zero", "linear"].map(require::target)) else { return };
    let disk = scratch.loop_device(LENGTH.to_bytes()).unwrap().number();
    let device = scratch.map("device", [linear(disk)]).unwrap();
    // The first resume only: the undo has one as well.
    let failed = std::sync::atomic::AtomicBool::new(false);
    let host = Host::new(before(move |command| {
        let fails = command == Command::DeviceResume && !failed.swap(true, std::sync::atomic::Ordering::SeqCst);
        if fails { Err(Errno::ENOMEM.into()) } else { Ok(()) }
    }));
    let error = host.reload(&device, [zero()]).unwrap_err();
    assert!(error.is_undone() && error.errno() == Some(Errno::ENOMEM as i32), "{error}");
    let state = info(&scratch, &device);
    assert!(!state.is_suspended() && !state.has_inactive_table(), "{state:?}");
    assert_eq!(table(&scratch, &device), [format!("0 64 linear {disk} 0")]);
}

#[test]
#[ignore = "needs root and device mapper: cargo xtask test-root"]
fn a_forced_removal_whose_resume_fails_leaves_no_table_of_errors() {
    let Some(scratch) = Scratch::new(&["zero", "error"].map(require::target)) else { return };
    let device = zeros(&scratch);
    let host = failing_at(Command::DeviceResume, Errno::ENOMEM);
    let error = host.remove_with(&device, RemovePolicy::new().force(true)).unwrap_err();
    assert!(error.is_undone() && error.step() == Step::Force, "{error}");
    let state = info(&scratch, &device);
    assert!(!state.has_inactive_table() && !state.is_suspended(), "{state:?}");
    assert_eq!(table(&scratch, &device), ["0 64 zero "]);
}

#[test]
#[ignore = "needs root and device mapper: cargo xtask test-root"]
fn a_forced_removal_of_an_open_device_says_what_it_has_done() {
    let Some(scratch) = Scratch::new(&["zero", "error"].map(require::target)) else { return };
    let device = zeros(&scratch);
    let user = File::open(device.path()).unwrap();
    let error = scratch.host().remove_with(&device, RemovePolicy::new().force(true)).unwrap_err();
    assert!(error.is_busy() && error.remains() == [dm_core::Remains::ErrorTable], "{error}");
    assert_eq!(table(&scratch, &device), ["0 64 error "]);
    drop(user);
    when_free(|| scratch.dm().device_remove(&device));
    assert!(!exists(&scratch, device.name()));
}
