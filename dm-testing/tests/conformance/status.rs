//! `table_status`: status and table text.

use dm_core::{StatusKind, StatusOptions, TableSlot, TargetLine};
use dm_testing::TestKernel;
use dm_units::Sectors;

use crate::support::{Devices, LENGTH, info, linear, lines, load, table, zero};

on_both_kernels! { ["delay", "zero"];
    every_target_prints_its_table_and_status,
    without_a_table_there_are_no_lines,
    each_slot_has_its_text,
    a_suspended_device_reports_its_status,
    lines_of_every_length_are_read,
}

const STATUS: StatusOptions = StatusOptions::new();

fn every_target_prints_its_table_and_status(kernel: &dyn TestKernel) {
    let number = kernel.disk(LENGTH.to_bytes());
    // The loaded params, the table text and the status.
    let cases = [
        ("linear", format!("{number}  8 "), format!("{number} 8"), ""),
        ("zero", String::new(), String::new(), ""),
        ("error", String::new(), String::new(), ""),
        ("delay", format!("{number} 8 1"), format!("{number} 8 1"), "0 0 0"),
        ("delay", format!("{number} 8 1 {number} 16 2"), format!("{number} 8 1 {number} 16 2"), "0 0 0"),
    ];
    let device = kernel.create("device");
    for (target_type, params, text, status) in cases {
        let line = TargetLine::text(Sectors(0), Sectors(48), target_type, params);
        load(kernel, &device, line).unwrap();
        let inactive = StatusOptions::slot(STATUS, TableSlot::Inactive);
        assert_eq!(lines(kernel, &device, inactive), [format!("0 48 {target_type} {status}")]);
        let inactive = inactive.kind(StatusKind::Table);
        assert_eq!(lines(kernel, &device, inactive), [format!("0 48 {target_type} {text}")]);
    }
}

fn without_a_table_there_are_no_lines(kernel: &dyn TestKernel) {
    let device = kernel.create("device");
    for slot in [TableSlot::Active, TableSlot::Inactive] {
        for kind in [StatusKind::Status, StatusKind::Table] {
            assert!(lines(kernel, &device, STATUS.slot(slot).kind(kind)).is_empty());
        }
    }
    let missing = kernel.name("missing");
    let error = kernel.dm().table_status_with(&missing, STATUS).unwrap_err();
    assert!(error.is_not_found(), "{error}");
}

fn each_slot_has_its_text(kernel: &dyn TestKernel) {
    let lower = kernel.map("lower", [zero(LENGTH)]);
    let device = kernel.map("device", [zero(LENGTH)]);
    load(kernel, &device, linear(lower.number(), Sectors(0))).unwrap();
    let active = kernel.dm().table_status_with(device.name(), StatusOptions::table()).unwrap();
    let options = StatusOptions::table().slot(TableSlot::Inactive);
    let inactive = kernel.dm().table_status_with(device.name(), options).unwrap();
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

fn a_suspended_device_reports_its_status(kernel: &dyn TestKernel) {
    let device = kernel.map("device", [zero(LENGTH)]);
    kernel.dm().device_suspend(&device).unwrap();
    let status = kernel.dm().table_status_with(&device, STATUS.noflush(true)).unwrap();
    assert!(status.info().is_suspended());
    assert_eq!(status.iter().count(), 1);
}

fn lines_of_every_length_are_read(kernel: &dyn TestKernel) {
    let lower = kernel.map("lower", [zero(LENGTH)]);
    let number = lower.number();
    // Texts of every length from 0 to about 50 bytes, so that lines end at every alignment.
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
    let device = kernel.map("device", lines);
    assert_eq!(table(kernel, &device), expected);
    assert_eq!(info(kernel, device.number()).target_count(), 60);
}
