//! `table_load` and `table_clear`.

use std::fmt;

use dm_core::{Error, LineText, LoadOptions, Payload, PayloadWriter, RequestFault, StatusOptions, TargetLine};
use dm_testing::{LoopDevice, LoopOptions, MappedDevice, Pattern, Scratch, require};
use dm_units::Version;
use dm_units::{Bytes, Sectors};

use crate::support::{
    LENGTH, inactive_info, inactive_table, info, linear, load, one_sector_each, recorded, table, when_free, zero,
};

const PLAIN: LoadOptions = LoadOptions::new();

/// Loads lines of target `zero` with these starts and lengths.
fn load_stretches(scratch: &Scratch, device: &MappedDevice, stretches: &[(u64, u64)]) -> dm_core::Result<()> {
    let line = |&(start, length)| TargetLine::text(Sectors(start), Sectors(length), "zero", "");
    scratch.dm().table_load(device, stretches.iter().map(line)).map(drop)
}

#[test]
#[ignore = "needs root and device mapper: cargo xtask test-root"]
fn the_kernel_has_what_was_loaded() {
    let Some(scratch) = Scratch::new(&[require::target("zero")]) else { return };
    let lower = scratch.map("lower", [zero(Sectors(10_000))]).unwrap();
    let device = scratch.create("device").unwrap();
    for count in [1, 100, 10_000] {
        let lines = one_sector_each(lower.number(), count);
        let expected: Vec<_> = lines.iter().map(ToString::to_string).collect();
        let answer = scratch.dm().table_load(&device, lines).unwrap();
        assert!(answer.has_inactive_table());
        assert_eq!(inactive_table(&scratch, &device), expected);
        scratch.dm().device_resume(&device).unwrap();
        assert_eq!(table(&scratch, &device), expected);
    }
}

#[test]
#[ignore = "needs root and device mapper: cargo xtask test-root"]
fn a_table_that_was_read_can_be_loaded_again() {
    let Some(scratch) = Scratch::new(&[require::target("zero"), require::target("delay")]) else { return };
    let lower = scratch.map("lower", [zero(LENGTH)]).unwrap();
    let mixed = [
        TargetLine::text(Sectors(0), Sectors(8), "linear", format!("{} 3", lower.number())),
        TargetLine::text(Sectors(8), Sectors(16), "delay", format!("{} 5 1 {} 7 2", lower.number(), lower.number())),
        TargetLine::text(Sectors(24), Sectors(40), "error", String::new()),
    ];
    let first = scratch.map("first", mixed).unwrap();
    let read = scratch.dm().table_status_with(&first, StatusOptions::table()).unwrap();
    let second = scratch.map("second", read.iter().map(|line| line.unwrap().to_line())).unwrap();
    assert_eq!(table(&scratch, &second), table(&scratch, &first));
}

#[test]
#[ignore = "needs root and device mapper: cargo xtask test-root"]
fn only_the_inactive_slot_changes() {
    let Some(scratch) = Scratch::new(&[require::target("zero")]) else { return };
    let lower = scratch.map("lower", [zero(LENGTH)]).unwrap();
    let device = scratch.map("device", [zero(LENGTH)]).unwrap();
    for offset in [Sectors(0), Sectors(0)] {
        load(&scratch, &device, linear(lower.number(), offset)).unwrap();
        assert_eq!(table(&scratch, &device), ["0 64 zero "]);
        assert_eq!(inactive_table(&scratch, &device), [format!("0 64 linear {} {offset}", lower.number())]);
    }
    // Another one takes its place and releases what it had open.
    load(&scratch, &device, zero(Sectors(8))).unwrap();
    assert_eq!(inactive_table(&scratch, &device), ["0 8 zero "]);
    when_free(|| scratch.dm().device_remove(&lower));
}

#[test]
#[ignore = "needs root and device mapper: cargo xtask test-root"]
fn clearing_drops_the_inactive_table_only() {
    let Some(scratch) = Scratch::new(&[require::target("zero")]) else { return };
    let lower = scratch.map("lower", [zero(LENGTH)]).unwrap();
    let device = scratch.map("device", [zero(LENGTH)]).unwrap();
    load(&scratch, &device, linear(lower.number(), Sectors(0))).unwrap();
    // The second time there is nothing to do.
    for _ in 0..2 {
        let answer = scratch.dm().table_clear(device.number()).unwrap();
        assert!(answer.has_active_table() && !answer.has_inactive_table());
        assert_eq!(table(&scratch, &device), ["0 64 zero "]);
        assert!(inactive_table(&scratch, &device).is_empty());
    }
    when_free(|| scratch.dm().device_remove(&lower));
    let missing = scratch.name("missing").unwrap();
    assert!(scratch.dm().table_clear(&missing).unwrap_err().is_not_found());
}

#[test]
#[ignore = "needs root and device mapper: cargo xtask test-root"]
fn lines_must_adjoin() {
    let Some(scratch) = Scratch::new(&[require::target("zero")]) else { return };
    let device = scratch.create("device").unwrap();
    load_stretches(&scratch, &device, &[(0, 8), (8, 8)]).unwrap();
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
        let error = load_stretches(&scratch, &device, stretches).unwrap_err();
        assert!(error.is_invalid(), "{what}: {error}");
        assert_eq!(inactive_table(&scratch, &device), ["0 8 zero ", "8 8 zero "], "after {what}");
    }
}

#[test]
#[ignore = "needs root and device mapper: cargo xtask test-root"]
fn wrong_lines_are_refused() {
    let Some(scratch) = Scratch::new(&[require::target("zero")]) else { return };
    let disk = scratch.loop_device(LENGTH.to_bytes()).unwrap();
    let device = scratch.create("device").unwrap();
    let wrong = [
        ("no-such-target", String::new()),
        ("zero", "an argument".to_owned()),
        ("linear", String::new()),
        ("linear", format!("{} 0 0", disk.number())),
        ("linear", format!("{} -1", disk.number())),
        ("linear", format!("{} 1", disk.number())),
    ];
    for (target_type, params) in wrong {
        let line = TargetLine::text(Sectors(0), LENGTH, target_type, &params);
        let error = load(&scratch, &device, line).unwrap_err();
        assert!(error.is_invalid(), "{target_type} {params}: {error}");
        assert!(!info(&scratch, device.number()).has_inactive_table());
    }
}

#[test]
#[ignore = "needs root and device mapper: cargo xtask test-root"]
fn no_device_uses_itself_since_4_48() {
    let Some(scratch) = Scratch::new(&[require::target("zero")]) else { return };
    let device = scratch.map("device", [zero(LENGTH)]).unwrap();
    let loaded = load(&scratch, &device, linear(device.number(), Sectors(0)));
    if scratch.dm().version().unwrap() >= Version::new(4, 48, 0) {
        assert!(loaded.unwrap_err().is_invalid());
    } else if loaded.is_ok() {
        // Older kernels take it, and the table then holds its own device.
        let error = scratch.dm().device_remove(&device).unwrap_err();
        assert!(error.is_busy(), "{error}");
        scratch.dm().table_clear(device.number()).unwrap();
    }
    when_free(|| scratch.dm().device_remove(&device));
}

#[test]
#[ignore = "needs root and device mapper: cargo xtask test-root"]
fn a_missing_disk_is_refused() {
    let Some(scratch) = Scratch::new(&[]) else { return };
    let device = scratch.create("device").unwrap();
    for disk in ["/dev/there-is-no-such-disk", "4095:1048575", "/dev/null", "5000:0"] {
        let line = TargetLine::text(Sectors(0), LENGTH, "linear", format!("{disk} 0"));
        let error = load(&scratch, &device, line).unwrap_err();
        assert!(error.errno().is_some() && !error.is_not_found(), "{disk}, not the device, is missing: {error}");
        assert!(!info(&scratch, device.number()).has_inactive_table());
    }
}

#[test]
#[ignore = "needs root and device mapper: cargo xtask test-root"]
fn a_missing_device_is_not_found() {
    let Some(scratch) = Scratch::new(&[require::target("zero")]) else { return };
    let missing = scratch.name("missing").unwrap();
    let error = scratch.dm().table_load(&missing, [zero(LENGTH)]).unwrap_err();
    assert!(error.is_not_found(), "{error}");
}

struct Unprintable;

impl Payload for Unprintable {
    fn write(&self, _: &mut PayloadWriter<'_>) -> fmt::Result {
        Err(fmt::Error)
    }
}

#[test]
#[ignore = "needs root and device mapper: cargo xtask test-root"]
fn what_cannot_be_sent_is_not_sent() {
    let Some(scratch) = Scratch::new(&[require::target("zero")]) else { return };
    let device = scratch.create("device").unwrap();
    load(&scratch, &device, zero(LENGTH)).unwrap();
    let fault = |lines: Vec<TargetLine<LineText<'_, &dyn Payload>>>| match scratch.dm().table_load(&device, lines) {
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
    assert_eq!(inactive_table(&scratch, &device), ["0 64 zero "]);
}

#[test]
#[ignore = "needs root and device mapper: cargo xtask test-root"]
fn a_read_only_table_can_use_a_read_only_disk() {
    let Some(scratch) = Scratch::new(&[require::target("linear")]) else { return };
    let file = tempfile::NamedTempFile::new().unwrap();
    file.as_file().set_len(8192).unwrap();
    Pattern::new(1).write(file.path(), Sectors(0), Sectors(16)).unwrap();
    let disk = scratch.keep(LoopDevice::over(file.path(), LoopOptions::new().read_only(true)).unwrap());
    let line = TargetLine::text(Sectors(0), Sectors(16), "linear", format!("{} 0", disk.number()));
    let device = scratch.create("device").unwrap();
    let read_only = PLAIN.read_only(true);
    scratch.dm().table_load_with(&device, [line], read_only).unwrap();
    assert!(inactive_info(&scratch, &device).is_read_only());
    let answer = scratch.dm().device_resume(&device).unwrap();
    assert!(answer.is_read_only());
    Pattern::new(1).verify(&device.path(), Sectors(0), Sectors(16)).unwrap();
}

#[test]
#[ignore = "needs root and device mapper: cargo xtask test-root"]
fn a_secure_table_is_wiped_by_the_kernel() {
    let Some(scratch) = Scratch::new(&[require::target("zero")]) else { return };
    let (dm, calls) = recorded();
    let lower = scratch.map("lower", [zero(LENGTH)]).unwrap();
    let device = scratch.create("device").unwrap();
    let lines = one_sector_each(lower.number(), 64);
    let expected: Vec<_> = lines.iter().map(ToString::to_string).collect();
    // The kernel takes the text away as it copies it in; otherwise it leaves the caller's memory alone.
    for (options, wiped) in [(PLAIN, false), (PLAIN.secure(true), true)] {
        let answer = dm.table_load_with(&device, lines.clone(), options).unwrap();
        assert_eq!((answer.number(), answer.has_inactive_table()), (device.number(), true));
        assert_eq!(calls.take().iter().map(|call| call.left_zeros).collect::<Vec<_>>(), [wiped]);
    }
    scratch.dm().device_resume(&device).unwrap();
    let options = StatusOptions::table().secure(true);
    let status = scratch.dm().table_status_with(&device, options).unwrap();
    for (line, expected) in status.iter().map(Result::unwrap).zip(expected) {
        let params = line.params.to_str().unwrap();
        assert_eq!(format!("{} {} {} {params}", line.start, line.length, line.target_type), expected);
        assert!(line.params.is_secret() && !line.to_string().contains(params), "{line}");
    }
    assert_eq!(status.info().target_count(), 64);
}

#[test]
#[ignore = "needs root and device mapper: cargo xtask test-root"]
fn a_line_can_be_longer_than_a_page() {
    let Some(scratch) = Scratch::new(&[require::target("zero")]) else { return };
    let disk = scratch.loop_device(Bytes(1 << 20)).unwrap();
    let device = scratch.create("device").unwrap();
    let params = format!("{}{} 0", " ".repeat(100_000), disk.number());
    load(&scratch, &device, TargetLine::text(Sectors(0), LENGTH, "linear", params)).unwrap();
    assert_eq!(inactive_table(&scratch, &device), [format!("0 64 linear {} 0", disk.number())]);
    assert_eq!(scratch.dm().device_info(&device).unwrap().target_count(), 0);
}
