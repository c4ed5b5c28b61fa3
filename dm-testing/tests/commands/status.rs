//! `table_status`: status, table text, measurements.

use dm_core::{StatusKind, StatusOptions, TableSlot, TargetLine};
use dm_testing::{Pattern, Scratch, require};
use dm_units::Sectors;

use crate::support::{LENGTH, info, linear, lines, load, table, zero};

const STATUS: StatusOptions = StatusOptions::new();

#[test]
#[ignore = "needs root and device mapper: cargo xtask test-root"]
fn every_target_prints_its_table_and_status() {
    let needs = ["zero", "error", "delay"].map(require::target);
    let Some(scratch) = Scratch::new(&needs) else { return };
    let disk = scratch.loop_device(LENGTH.to_bytes()).unwrap();
    let number = disk.number();
    // What is loaded, what the table says, what the status says.
    let cases = [
        ("linear", format!("{} 8", disk.path().display()), format!("{number} 8"), ""),
        ("zero", String::new(), String::new(), ""),
        ("error", String::new(), String::new(), ""),
        ("delay", format!("{number} 8 1"), format!("{number} 8 1"), "0 0 0"),
        ("delay", format!("{number} 8 1 {number} 16 2"), format!("{number} 8 1 {number} 16 2"), "0 0 0"),
    ];
    let device = scratch.create("device").unwrap();
    for (target_type, params, text, status) in cases {
        let line = TargetLine::text(Sectors(0), Sectors(48), target_type, params);
        load(&scratch, &device, line).unwrap();
        let inactive = StatusOptions::slot(STATUS, TableSlot::Inactive);
        assert_eq!(lines(&scratch, &device, inactive), [format!("0 48 {target_type} {status}")]);
        let inactive = inactive.kind(StatusKind::Table);
        assert_eq!(lines(&scratch, &device, inactive), [format!("0 48 {target_type} {text}")]);
    }
}

#[test]
#[ignore = "needs root and device mapper: cargo xtask test-root"]
fn without_a_table_there_are_no_lines() {
    let Some(scratch) = Scratch::new(&[]) else { return };
    let device = scratch.create("device").unwrap();
    for slot in [TableSlot::Active, TableSlot::Inactive] {
        for kind in [StatusKind::Status, StatusKind::Table] {
            assert!(lines(&scratch, &device, STATUS.slot(slot).kind(kind)).is_empty());
        }
    }
    let missing = scratch.name("missing").unwrap();
    let error = scratch.dm().table_status_with(&missing, STATUS).unwrap_err();
    assert!(error.is_not_found(), "{error}");
}

#[test]
#[ignore = "needs root and device mapper: cargo xtask test-root"]
fn each_slot_has_its_text() {
    let Some(scratch) = Scratch::new(&[require::target("zero")]) else { return };
    let lower = scratch.map("lower", [zero(LENGTH)]).unwrap();
    let device = scratch.map("device", [zero(LENGTH)]).unwrap();
    load(&scratch, &device, linear(lower.number(), Sectors(0))).unwrap();
    let active = scratch.dm().table_status_with(device.name(), StatusOptions::table()).unwrap();
    let options = StatusOptions::table().slot(TableSlot::Inactive);
    let inactive = scratch.dm().table_status_with(device.name(), options).unwrap();
    let line = active.iter().next().unwrap().unwrap();
    assert_eq!((line.start, line.length), (Sectors(0), LENGTH));
    assert!(line.target_type == "zero" && line.params.is_empty());
    let line = inactive.iter().next().unwrap().unwrap();
    assert!(line.target_type == "linear" && line.params == format!("{} 0", lower.number()).as_str());
    for status in [active.info(), inactive.info()] {
        assert_eq!((status.number(), status.target_count()), (device.number(), 1));
        assert!(status.has_active_table() && status.has_inactive_table());
    }
}

#[test]
#[ignore = "needs root and device mapper: cargo xtask test-root"]
fn a_suspended_device_reports_its_status() {
    let Some(scratch) = Scratch::new(&[require::target("zero")]) else { return };
    let device = scratch.map("device", [zero(LENGTH)]).unwrap();
    scratch.dm().device_suspend(&device).unwrap();
    let status = scratch.dm().table_status_with(&device, STATUS.noflush(true)).unwrap();
    assert!(status.info().is_suspended());
    assert_eq!(status.iter().count(), 1);
}

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

#[test]
#[ignore = "needs root and device mapper: cargo xtask test-root"]
fn lines_of_every_length_are_read() {
    let Some(scratch) = Scratch::new(&[require::target("zero"), require::target("delay")]) else { return };
    let lower = scratch.map("lower", [zero(LENGTH)]).unwrap();
    let number = lower.number();
    // Texts of every length from 0 to some 50 bytes, so that lines end at every alignment.
    let params = |sector: usize| match sector % 4 {
        0 => ("zero", String::new()),
        1 => ("linear", format!("{number} {sector}")),
        2 => ("delay", format!("{number} 0 {}", "1".repeat(sector % 9 + 1))),
        _ => ("delay", format!("{number} 0 1 {number} 0 {}", "1".repeat(sector % 7 + 1))),
    };
    let lines: Vec<_> = (0..60)
        .map(|sector| {
            let (target_type, params) = params(sector);
            TargetLine::text(Sectors(sector as u64), Sectors(1), target_type, params)
        })
        .collect();
    let expected: Vec<_> = lines.iter().map(ToString::to_string).collect();
    let device = scratch.map("device", lines).unwrap();
    assert_eq!(table(&scratch, &device), expected);
    assert_eq!(info(&scratch, device.number()).target_count(), 60);
}
