//! `table_status`: status, table text, measurements.

use dm_core::{StatusKind, StatusOptions, TargetLine};
use dm_testing::{Pattern, Scratch, require};
use dm_units::Sectors;

use crate::support::{LENGTH, linear, lines, zero};

const STATUS: StatusOptions = StatusOptions::new();

#[test]
#[ignore = "needs root and device mapper: cargo xtask test-root"]
fn a_status_counts_io_that_is_held_back() {
    let Some(scratch) = Scratch::new(&[require::target("delay")]) else { return };
    let disk = scratch.loop_device(LENGTH.to_bytes()).unwrap();
    let params = format!("{0} 0 0 {0} 0 500", disk.number());
    let device = scratch.map("device", [TargetLine::text(Sectors(0), LENGTH, "delay", params)]).unwrap();
    let path = device.path();
    let writer = std::thread::spawn(move || Pattern::new(1).write(&path, Sectors(0), Sectors(8)).unwrap());
    let status = || lines(&scratch, &device, STATUS);
    dm_testing::wait_until("a write to be held back", crate::support::SOON, || status() == ["0 64 delay 0 1 0"])
        .unwrap();
    writer.join().unwrap();
    dm_testing::wait_until("the write to end", crate::support::SOON, || status() == ["0 64 delay 0 0 0"]).unwrap();
}

#[test]
#[ignore = "needs root and device mapper: cargo xtask test-root"]
fn measurements_are_text() {
    let Some(scratch) = Scratch::new(&[require::target("zero"), require::interface(45)]) else { return };
    let disk = scratch.loop_device(LENGTH.to_bytes()).unwrap();
    let version = scratch.dm().target_version("linear").unwrap();
    let device = scratch.map("device", [linear(disk.number(), Sectors(0))]).unwrap();
    let expected =
        format!("0 64 linear target_name=linear,target_version={version},device_name={},start=0;", disk.number());
    assert_eq!(lines(&scratch, &device, STATUS.kind(StatusKind::Ima)), [expected]);
    scratch.swap(&device, [zero(LENGTH)]).unwrap();
    assert_eq!(lines(&scratch, &device, STATUS.kind(StatusKind::Ima)), ["0 64 zero "]);
}
