//! Setup of devices in unusual states, and failures at chosen commands.

use dm_core::{Command, Difference, Host, OpErrorKind, RemovePolicy, SetupOptions, Step};
use dm_testing::{FailAt, TestKernel};
use dm_units::Sectors;

use crate::support::{
    Devices, ENOMEM, LENGTH, Mapped, PATIENTLY, exists, failing_at, info, linear, table, when_free, zero,
};

on_both_kernels! { ["error", "linear", "zero"];
    a_setup_repairs_every_unusual_state,
    a_setup_completes_a_device_without_an_active_table,
    a_setup_of_a_device_that_differs_changes_nothing_and_reports_the_difference,
    a_reload_whose_resume_fails_before_the_tables_are_swapped_keeps_the_old_one,
    a_forced_removal_whose_resume_fails_leaves_no_table_of_errors,
    a_forced_removal_of_an_open_device_reports_its_effects,
}

fn zeros(kernel: &dyn TestKernel) -> Mapped {
    kernel.map("device", [zero(LENGTH)])
}

/// Puts a device that is open into an unusual state.
type Unsettle = fn(&dyn TestKernel, &Mapped);

const STATES: [(&str, Unsettle); 5] = [
    ("suspended", |kernel, device| {
        kernel.dm().device_suspend(device).unwrap();
    }),
    ("with another table loaded", |kernel, device| {
        kernel.dm().table_load(device, [zero(LENGTH)]).unwrap();
    }),
    ("suspended with another table loaded", |kernel, device| {
        kernel.dm().table_load(device, [zero(LENGTH)]).unwrap();
        kernel.dm().device_suspend(device).unwrap();
    }),
    ("to be removed", |kernel, device| {
        kernel.host().remove_with(device, RemovePolicy::new().deferred(true)).unwrap();
    }),
    ("to be removed, and suspended", |kernel, device| {
        kernel.host().remove_with(device, RemovePolicy::new().deferred(true)).unwrap();
        kernel.dm().device_suspend(device).unwrap();
    }),
];

fn a_setup_repairs_every_unusual_state(kernel: &dyn TestKernel) {
    for (what, unsettle) in STATES {
        let device = zeros(kernel);
        let user = kernel.open(device.number()).unwrap();
        unsettle(kernel, &device);
        let found = kernel.host().setup(device.name(), [zero(LENGTH)]).unwrap();
        let state = info(kernel, &device);
        assert!(!found.is_suspended() && !state.is_suspended() && !state.has_inactive_table(), "{what}: {state:?}");
        assert!(!state.is_deferred_remove() && table(kernel, &device) == ["0 64 zero "], "{what}: {state:?}");
        drop(user);
        kernel.host().remove_with(&device, PATIENTLY).unwrap();
    }
}

fn a_setup_completes_a_device_without_an_active_table(kernel: &dyn TestKernel) {
    let bare: [Unsettle; 3] = [
        |_, _| (),
        |kernel, device| {
            kernel.dm().table_load(device, [zero(LENGTH)]).unwrap();
        },
        |kernel, device| {
            kernel.dm().device_suspend(device).unwrap();
        },
    ];
    for unsettle in bare {
        let device = kernel.create("device");
        unsettle(kernel, &device);
        kernel.host().setup(device.name(), [zero(LENGTH)]).unwrap();
        let state = info(kernel, &device);
        assert!(state.has_active_table() && !state.is_suspended() && !state.has_inactive_table(), "{state:?}");
        kernel.host().remove_with(&device, PATIENTLY).unwrap();
    }
}

fn a_setup_of_a_device_that_differs_changes_nothing_and_reports_the_difference(kernel: &dyn TestKernel) {
    let device = zeros(kernel);
    kernel.dm().device_suspend(&device).unwrap();
    let difference = |result: Result<_, dm_core::OpError>| match result.unwrap_err().kind() {
        OpErrorKind::Differs(difference) => *difference,
        other => unreachable!("{other}"),
    };
    let errors = dm_core::TargetLine::text(dm_units::Sectors(0), LENGTH, "error", "");
    assert_eq!(difference(kernel.host().setup(device.name(), [errors]).map(drop)), Difference::Line(0, "target type"));
    let host = kernel.host();
    let other =
        |options: SetupOptions<'_>| difference(host.setup_with(device.name(), [zero(LENGTH)], options).map(drop));
    assert_eq!(other(SetupOptions::new().read_only(true)), Difference::ReadOnly);
    let minor = device.number().minor.wrapping_add(1) & 0xfffff;
    assert_eq!(other(SetupOptions::new().minor(minor)), Difference::Minor);
    assert!(info(kernel, &device).is_suspended());
}

fn a_reload_whose_resume_fails_before_the_tables_are_swapped_keeps_the_old_one(kernel: &dyn TestKernel) {
    let disk = kernel.disk(LENGTH.to_bytes());
    let device = kernel.map("device", [linear(disk, Sectors(0))]);
    // The fourth command, after those that query, load and suspend. The undo resumes the device as well.
    let host = Host::new(FailAt::new(&kernel.dm(), 4, ENOMEM).dm());
    let error = host.reload(&device, [zero(LENGTH)]).unwrap_err();
    assert!(error.is_undone() && error.errno() == Some(ENOMEM), "{error}");
    let state = info(kernel, &device);
    assert!(!state.is_suspended() && !state.has_inactive_table(), "{state:?}");
    assert_eq!(table(kernel, &device), [format!("0 64 linear {disk} 0")]);
}

fn a_forced_removal_whose_resume_fails_leaves_no_table_of_errors(kernel: &dyn TestKernel) {
    let device = zeros(kernel);
    let host = Host::new(failing_at(kernel, Command::DeviceResume, ENOMEM));
    let error = host.remove_with(&device, RemovePolicy::new().force(true)).unwrap_err();
    assert!(error.is_undone() && error.step() == Step::Force, "{error}");
    let state = info(kernel, &device);
    assert!(!state.has_inactive_table() && !state.is_suspended(), "{state:?}");
    assert_eq!(table(kernel, &device), ["0 64 zero "]);
}

fn a_forced_removal_of_an_open_device_reports_its_effects(kernel: &dyn TestKernel) {
    let device = zeros(kernel);
    let user = kernel.open(device.number()).unwrap();
    let error = kernel.host().remove_with(&device, RemovePolicy::new().force(true)).unwrap_err();
    assert!(error.is_busy() && error.remains() == [dm_core::Remains::ErrorTable], "{error}");
    assert_eq!(table(kernel, &device), ["0 64 error "]);
    drop(user);
    when_free(|| kernel.dm().device_remove(&device));
    assert!(!exists(kernel, device.name()));
}
