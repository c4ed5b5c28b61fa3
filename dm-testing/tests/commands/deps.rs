//! `table_deps`.

use std::collections::BTreeSet;

use dm_core::{DepsOptions, LineText, TableSlot, TargetLine};
use dm_testing::{MappedDevice, Scratch, require};
use dm_units::{DeviceNumber, Sectors};

use crate::support::{LENGTH, linear, load, zero};

const ACTIVE: DepsOptions = DepsOptions::new();
const INACTIVE: DepsOptions = DepsOptions::new().slot(TableSlot::Inactive);

/// The devices that a table uses, of which each must be listed once.
fn deps(scratch: &Scratch, device: &MappedDevice, options: DepsOptions) -> BTreeSet<DeviceNumber> {
    let deps = scratch.dm().table_deps_with(device, options).unwrap();
    let set: BTreeSet<_> = deps.iter().collect();
    assert_eq!((deps.len(), deps.is_empty()), (set.len(), set.is_empty()));
    set
}

/// A line of each of these devices in turn.
fn over(lower: &[DeviceNumber]) -> Vec<TargetLine<LineText<'static, String>>> {
    let line = |(at, below)| TargetLine::text(Sectors(at), Sectors(1), "linear", format!("{below} 0"));
    (0..).zip(lower).map(line).collect()
}

#[test]
#[ignore = "needs root and device mapper: cargo xtask test-root"]
fn a_table_may_use_no_device() {
    let Some(scratch) = Scratch::new(&[require::target("zero")]) else { return };
    let device = scratch.create("device").unwrap();
    assert!(deps(&scratch, &device, ACTIVE).is_empty(), "without a table");
    assert!(deps(&scratch, &device, INACTIVE).is_empty(), "without a table");
    scratch.swap(&device, [zero(LENGTH)]).unwrap();
    assert!(deps(&scratch, &device, ACTIVE).is_empty());
}

#[test]
#[ignore = "needs root and device mapper: cargo xtask test-root"]
fn each_disk_is_listed_once() {
    let Some(scratch) = Scratch::new(&[require::target("zero")]) else { return };
    let disk = scratch.loop_device(LENGTH.to_bytes()).unwrap().number();
    let lower = scratch.map("lower", [zero(LENGTH)]).unwrap().number();
    let device = scratch.map("device", over(&[disk])).unwrap();
    assert_eq!(deps(&scratch, &device, ACTIVE), BTreeSet::from([disk]));
    scratch.swap(&device, over(&[disk, lower, disk, disk, lower])).unwrap();
    assert_eq!(deps(&scratch, &device, ACTIVE), BTreeSet::from([disk, lower]));
}

#[test]
#[ignore = "needs root and device mapper: cargo xtask test-root"]
fn each_slot_has_its_own_deps() {
    let Some(scratch) = Scratch::new(&[require::target("zero")]) else { return };
    let [one, two] = ["one", "two"].map(|suffix| scratch.map(suffix, [zero(LENGTH)]).unwrap().number());
    let device = scratch.map("device", over(&[one])).unwrap();
    assert!(deps(&scratch, &device, INACTIVE).is_empty());
    load(&scratch, &device, linear(two, Sectors(0))).unwrap();
    assert_eq!(deps(&scratch, &device, ACTIVE), BTreeSet::from([one]));
    assert_eq!(deps(&scratch, &device, INACTIVE), BTreeSet::from([two]));
}

#[test]
#[ignore = "needs root and device mapper: cargo xtask test-root"]
fn a_table_may_use_many_devices() {
    let Some(scratch) = Scratch::new(&[require::target("zero")]) else { return };
    // More than the answer that is offered first has room for.
    let lower: Vec<_> = (0..90).map(|at| scratch.map(format!("{at:02}"), [zero(LENGTH)]).unwrap().number()).collect();
    let device = scratch.map("upper", over(&lower)).unwrap();
    assert_eq!(deps(&scratch, &device, ACTIVE), lower.into_iter().collect());
}

#[test]
#[ignore = "needs root and device mapper: cargo xtask test-root"]
fn a_missing_device_is_not_found() {
    let Some(scratch) = Scratch::new(&[]) else { return };
    let missing = scratch.name("missing").unwrap();
    let error = scratch.dm().table_deps(&missing).unwrap_err();
    assert!(error.is_not_found(), "{error}");
}
