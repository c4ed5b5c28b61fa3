//! `table_deps`: the devices that the tables in both slots use.

use std::collections::BTreeSet;

use dm_core::{DepsOptions, LineText, TableSlot, TargetLine};
use dm_testing::TestKernel;
use dm_units::{DeviceNumber, Sectors};

use crate::support::{Devices, LENGTH, Mapped, linear, load, zero};

on_both_kernels! { ["zero"];
    a_table_may_use_no_device,
    each_disk_is_listed_once,
    each_slot_has_its_own_deps,
    a_table_may_use_many_devices,
    a_missing_device_is_not_found,
}

const ACTIVE: DepsOptions = DepsOptions::new();
const INACTIVE: DepsOptions = DepsOptions::new().slot(TableSlot::Inactive);

/// The devices that a table uses. Each must be listed once.
fn deps(kernel: &dyn TestKernel, device: &Mapped, options: DepsOptions) -> BTreeSet<DeviceNumber> {
    let deps = kernel.dm().table_deps_with(device, options).unwrap();
    let set: BTreeSet<_> = deps.iter().collect();
    assert_eq!((deps.len(), deps.is_empty()), (set.len(), set.is_empty()));
    set
}

/// Lines that use these devices in turn.
fn over(lower: &[DeviceNumber]) -> Vec<TargetLine<LineText<'static, String>>> {
    let line = |(at, below)| TargetLine::text(Sectors(at), Sectors(1), "linear", format!("{below} 0"));
    (0..).zip(lower).map(line).collect()
}

fn a_table_may_use_no_device(kernel: &dyn TestKernel) {
    let device = kernel.create("device");
    assert!(deps(kernel, &device, ACTIVE).is_empty(), "without a table");
    assert!(deps(kernel, &device, INACTIVE).is_empty(), "without a table");
    kernel.swap(&device, [zero(LENGTH)]);
    assert!(deps(kernel, &device, ACTIVE).is_empty());
}

fn each_disk_is_listed_once(kernel: &dyn TestKernel) {
    let disk = kernel.disk(LENGTH.to_bytes());
    let lower = kernel.map("lower", [zero(LENGTH)]).number();
    let device = kernel.map("device", over(&[disk]));
    assert_eq!(deps(kernel, &device, ACTIVE), BTreeSet::from([disk]));
    kernel.swap(&device, over(&[disk, lower, disk, disk, lower]));
    assert_eq!(deps(kernel, &device, ACTIVE), BTreeSet::from([disk, lower]));
}

fn each_slot_has_its_own_deps(kernel: &dyn TestKernel) {
    let [one, two] = ["one", "two"].map(|suffix| kernel.map(suffix, [zero(LENGTH)]).number());
    let device = kernel.map("device", over(&[one]));
    assert!(deps(kernel, &device, INACTIVE).is_empty());
    load(kernel, &device, linear(two, Sectors(0))).unwrap();
    assert_eq!(deps(kernel, &device, ACTIVE), BTreeSet::from([one]));
    assert_eq!(deps(kernel, &device, INACTIVE), BTreeSet::from([two]));
}

fn a_table_may_use_many_devices(kernel: &dyn TestKernel) {
    // More devices than fit in the first reply.
    let lower: Vec<_> = (0..90).map(|at| kernel.map(&format!("{at:02}"), [zero(LENGTH)]).number()).collect();
    let device = kernel.map("upper", over(&lower));
    assert_eq!(deps(kernel, &device, ACTIVE), lower.into_iter().collect());
}

fn a_missing_device_is_not_found(kernel: &dyn TestKernel) {
    let missing = kernel.name("missing");
    let error = kernel.dm().table_deps(&missing).unwrap_err();
    assert!(error.is_not_found(), "{error}");
}
