//! `table_load` and `table_clear`: the table in the inactive slot, and the tables that are refused.

use std::fmt;

use dm_core::{Error, LineText, LoadOptions, Payload, PayloadWriter, RequestFault, StatusOptions, TargetLine};
use dm_testing::TestKernel;
use dm_units::Version;
use dm_units::{Bytes, Sectors};

use crate::support::{
    Devices, LENGTH, Mapped, inactive_table, info, linear, load, one_sector_each, recorded, table, when_free, zero,
};

on_both_kernels! { ["delay", "zero"];
    the_kernel_has_what_was_loaded,
    a_table_that_was_read_can_be_loaded_again,
    only_the_inactive_slot_changes,
    clearing_drops_the_inactive_table_only,
    // Linux 5.10 accepts more sectors than there are.
    lines_must_adjoin needs [require::interface(45)],
    wrong_lines_are_refused,
    no_device_uses_itself_since_4_48,
    a_missing_disk_is_refused,
    a_missing_device_is_not_found,
    a_table_that_cannot_be_sent_is_refused,
    a_secure_table_is_wiped_by_the_kernel,
    a_table_that_writes_can_use_a_read_only_device,
    a_line_can_be_longer_than_a_page,
}

const PLAIN: LoadOptions = LoadOptions::new();

/// Loads lines of target `zero` with these starts and lengths.
fn load_stretches(kernel: &dyn TestKernel, device: &Mapped, stretches: &[(u64, u64)]) -> dm_core::Result<()> {
    let line = |&(start, length)| TargetLine::text(Sectors(start), Sectors(length), "zero", "");
    kernel.dm().table_load(device, stretches.iter().map(line)).map(drop)
}

fn the_kernel_has_what_was_loaded(kernel: &dyn TestKernel) {
    let lower = kernel.map("lower", [zero(Sectors(10_000))]);
    let device = kernel.create("device");
    for count in [1, 100, 10_000] {
        let lines = one_sector_each(lower.number(), count);
        let expected: Vec<_> = lines.iter().map(ToString::to_string).collect();
        let answer = kernel.dm().table_load(&device, lines).unwrap();
        assert!(answer.has_inactive_table());
        assert_eq!(inactive_table(kernel, &device), expected);
        kernel.dm().device_resume(&device).unwrap();
        assert_eq!(table(kernel, &device), expected);
    }
}

fn a_table_that_was_read_can_be_loaded_again(kernel: &dyn TestKernel) {
    let lower = kernel.map("lower", [zero(LENGTH)]);
    let mixed = [
        TargetLine::text(Sectors(0), Sectors(8), "linear", format!("{} 3", lower.number())),
        TargetLine::text(Sectors(8), Sectors(16), "delay", format!("{} 5 1 {} 7 2", lower.number(), lower.number())),
        TargetLine::text(Sectors(24), Sectors(40), "error", String::new()),
    ];
    let first = kernel.map("first", mixed);
    let read = kernel.dm().table_status_with(&first, StatusOptions::table()).unwrap();
    let second = kernel.map("second", read.iter().map(|line| line.unwrap().to_line()));
    assert_eq!(table(kernel, &second), table(kernel, &first));
}

fn only_the_inactive_slot_changes(kernel: &dyn TestKernel) {
    let lower = kernel.map("lower", [zero(LENGTH)]);
    let device = kernel.map("device", [zero(LENGTH)]);
    for offset in [Sectors(0), Sectors(0)] {
        load(kernel, &device, linear(lower.number(), offset)).unwrap();
        assert_eq!(table(kernel, &device), ["0 64 zero "]);
        assert_eq!(inactive_table(kernel, &device), [format!("0 64 linear {} {offset}", lower.number())]);
    }
    // A second load replaces the table, which closes its devices.
    load(kernel, &device, zero(Sectors(8))).unwrap();
    assert_eq!(inactive_table(kernel, &device), ["0 8 zero "]);
    when_free(|| kernel.dm().device_remove(&lower));
}

fn clearing_drops_the_inactive_table_only(kernel: &dyn TestKernel) {
    let lower = kernel.map("lower", [zero(LENGTH)]);
    let device = kernel.map("device", [zero(LENGTH)]);
    load(kernel, &device, linear(lower.number(), Sectors(0))).unwrap();
    // The second call has no effect.
    for _ in 0..2 {
        let answer = kernel.dm().table_clear(device.number()).unwrap();
        assert!(answer.has_active_table() && !answer.has_inactive_table());
        assert_eq!(table(kernel, &device), ["0 64 zero "]);
        assert!(inactive_table(kernel, &device).is_empty());
    }
    when_free(|| kernel.dm().device_remove(&lower));
    let missing = kernel.name("missing");
    assert!(kernel.dm().table_clear(&missing).unwrap_err().is_not_found());
}

fn lines_must_adjoin(kernel: &dyn TestKernel) {
    let device = kernel.create("device");
    load_stretches(kernel, &device, &[(0, 8), (8, 8)]).unwrap();
    let wrong: [(&str, &[(u64, u64)]); 7] = [
        ("a gap", &[(0, 8), (9, 8)]),
        ("an overlap", &[(0, 8), (7, 8)]),
        ("a late start", &[(1, 8)]),
        ("a wrong order", &[(8, 8), (0, 8)]),
        ("no length", &[(0, 0)]),
        ("more sectors than there are", &[(0, u64::MAX)]),
        ("an end beyond all sectors", &[(0, 8), (8, u64::MAX)]),
    ];
    for (what, stretches) in wrong {
        let error = load_stretches(kernel, &device, stretches).unwrap_err();
        assert!(error.is_invalid(), "{what}: {error}");
        assert_eq!(inactive_table(kernel, &device), ["0 8 zero ", "8 8 zero "], "after {what}");
    }
}

fn wrong_lines_are_refused(kernel: &dyn TestKernel) {
    let disk = kernel.disk(LENGTH.to_bytes());
    let device = kernel.create("device");
    let wrong = [
        ("no-such-target", String::new()),
        ("zero", "an argument".to_owned()),
        ("linear", String::new()),
        ("linear", format!("{} 0 0", disk)),
        ("linear", format!("{} -1", disk)),
        ("linear", format!("{} 1", disk)),
    ];
    for (target_type, params) in wrong {
        let line = TargetLine::text(Sectors(0), LENGTH, target_type, &params);
        let error = load(kernel, &device, line).unwrap_err();
        assert!(error.is_invalid(), "{target_type} {params}: {error}");
        assert!(!info(kernel, device.number()).has_inactive_table());
    }
}

fn no_device_uses_itself_since_4_48(kernel: &dyn TestKernel) {
    let device = kernel.map("device", [zero(LENGTH)]);
    let loaded = load(kernel, &device, linear(device.number(), Sectors(0)));
    if kernel.dm().version().unwrap() >= Version::new(4, 48, 0) {
        assert!(loaded.unwrap_err().is_invalid());
    } else if loaded.is_ok() {
        // Older kernels accept it, and the table then keeps its own device open.
        let error = kernel.dm().device_remove(&device).unwrap_err();
        assert!(error.is_busy(), "{error}");
        kernel.dm().table_clear(device.number()).unwrap();
    }
    when_free(|| kernel.dm().device_remove(&device));
}

fn a_missing_disk_is_refused(kernel: &dyn TestKernel) {
    let device = kernel.create("device");
    for disk in ["/dev/there-is-no-such-disk", "4095:1048575", "/dev/null", "5000:0"] {
        let line = TargetLine::text(Sectors(0), LENGTH, "linear", format!("{disk} 0"));
        let error = load(kernel, &device, line).unwrap_err();
        assert!(error.errno().is_some() && !error.is_not_found(), "{disk}, not the device, is missing: {error}");
        assert!(!info(kernel, device.number()).has_inactive_table());
    }
}

fn a_missing_device_is_not_found(kernel: &dyn TestKernel) {
    let missing = kernel.name("missing");
    let error = kernel.dm().table_load(&missing, [zero(LENGTH)]).unwrap_err();
    assert!(error.is_not_found(), "{error}");
}

struct Unprintable;

impl Payload for Unprintable {
    fn write(&self, _: &mut PayloadWriter<'_>) -> fmt::Result {
        Err(fmt::Error)
    }
}

fn a_table_that_cannot_be_sent_is_refused(kernel: &dyn TestKernel) {
    let device = kernel.create("device");
    load(kernel, &device, zero(LENGTH)).unwrap();
    let fault = |lines: Vec<TargetLine<LineText<'_, &dyn Payload>>>| match kernel.dm().table_load(&device, lines) {
        Err(Error::Request { fault, .. }) => fault,
        other => unreachable!("{other:?}"),
    };
    let line = |target_type, params| TargetLine::text(Sectors(0), LENGTH, target_type, params);
    let (empty, nul): (&dyn Payload, &dyn Payload) = (&"", &"7:0\u{0}0");
    assert_eq!(fault(vec![]), RequestFault::NoLines);
    assert!(matches!(fault(vec![line("", empty)]), RequestFault::TargetType { line: Some(0), .. }));
    assert!(matches!(fault(vec![line("a-type-too-long!", empty)]), RequestFault::TargetType { line: Some(0), .. }));
    assert!(matches!(fault(vec![line("ze\u{0}ro", empty)]), RequestFault::TargetType { line: Some(0), .. }));
    assert!(matches!(
        fault(vec![line("zero", empty), line("linear", nul)]),
        RequestFault::Nul { line: Some(1), at: 3, .. }
    ));
    assert!(matches!(fault(vec![line("zero", &Unprintable)]), RequestFault::Display { line: Some(0), .. }));
    assert_eq!(inactive_table(kernel, &device), ["0 64 zero "]);
}

fn a_secure_table_is_wiped_by_the_kernel(kernel: &dyn TestKernel) {
    let (dm, calls) = recorded(kernel);
    let lower = kernel.map("lower", [zero(LENGTH)]);
    let device = kernel.create("device");
    let lines = one_sector_each(lower.number(), 64);
    let expected: Vec<_> = lines.iter().map(ToString::to_string).collect();
    // The kernel wipes the text after copying it only if the flag is set.
    for (options, wiped) in [(PLAIN, false), (PLAIN.secure(true), true)] {
        let answer = dm.table_load_with(&device, lines.clone(), options).unwrap();
        assert_eq!((answer.number(), answer.has_inactive_table()), (device.number(), true));
        assert_eq!(calls.take().iter().map(|call| call.left_zeros).collect::<Vec<_>>(), [wiped]);
    }
    kernel.dm().device_resume(&device).unwrap();
    let options = StatusOptions::table().secure(true);
    let status = kernel.dm().table_status_with(&device, options).unwrap();
    for (line, expected) in status.iter().map(Result::unwrap).zip(expected) {
        let params = line.params.to_str().unwrap();
        assert_eq!(format!("{} {} {} {params}", line.start, line.length, line.target_type), expected);
        assert!(line.params.is_secret() && !line.to_string().contains(params), "{line}");
    }
    assert_eq!(status.info().target_count(), 64);
}

fn a_table_that_writes_can_use_a_read_only_device(kernel: &dyn TestKernel) {
    let lower = kernel.create("lower");
    kernel.dm().table_load_with(&lower, [zero(LENGTH)], PLAIN.read_only(true)).unwrap();
    kernel.dm().device_resume(&lower).unwrap();
    let upper = kernel.map("upper", [linear(lower.number(), Sectors(0))]);
    // Only programs cannot write.
    kernel.write(upper.number(), Sectors(0), &[1; 512]).unwrap();
    kernel.write(lower.number(), Sectors(0), &[1; 512]).unwrap_err();
}

fn a_line_can_be_longer_than_a_page(kernel: &dyn TestKernel) {
    let disk = kernel.disk(Bytes(1 << 20));
    let device = kernel.create("device");
    let params = format!("{}{} 0", " ".repeat(100_000), disk);
    load(kernel, &device, TargetLine::text(Sectors(0), LENGTH, "linear", params)).unwrap();
    assert_eq!(inactive_table(kernel, &device), [format!("0 64 linear {} 0", disk)]);
    assert_eq!(kernel.dm().device_info(&device).unwrap().target_count(), 0);
}
