//! The helpers of this crate: everything is removed, and a leftover is a failure.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fs::File;
use std::panic::{self, AssertUnwindSafe};
use std::thread;
use std::time::Duration;

use dm_core::{Dm, DmName, LineText, TargetLine};
use dm_testing::{Fault, FaultyDisk, MappedDevice, Pattern, Scratch, require, wait_until};
use dm_units::{Bytes, Sectors};

const LENGTH: Sectors = Sectors(64);

fn zero() -> [TargetLine<LineText<'static, &'static str>>; 1] {
    [TargetLine::text(Sectors(0), LENGTH, "zero", "")]
}

/// The names of all devices with this prefix.
fn devices(prefix: &str) -> Vec<String> {
    let dm = Dm::open().unwrap();
    let list = dm.list_devices().unwrap();
    list.iter().map(|device| device.unwrap().name.to_string()).filter(|name| name.starts_with(prefix)).collect()
}

#[test]
#[ignore = "needs root and device mapper: cargo xtask test-root"]
fn devices_are_removed_in_an_order_that_works() {
    let Some(scratch) = Scratch::new(&[require::target("linear")]) else { return };
    let prefix = scratch.prefix().to_owned();
    let disk = scratch.loop_device(Bytes(1 << 20)).unwrap();
    let linear = |below| [TargetLine::text(Sectors(0), LENGTH, "linear", format!("{below} 0"))];
    let lower = scratch.map("lower", linear(disk.number())).unwrap();
    let middle = scratch.map("middle", linear(lower.number())).unwrap();
    scratch.map("upper", linear(middle.number())).unwrap();
    // In reverse: the oldest device is now on top.
    let other = scratch.map("other", linear(disk.number())).unwrap();
    let first = scratch.dm().device_info(scratch.name("lower").unwrap()).unwrap();
    scratch.swap(&lower, linear(other.number())).unwrap();
    assert_eq!(first.number(), lower.number());
    assert_eq!(devices(&prefix).len(), 4);
    let file = disk.backing_file().to_owned();
    drop(disk);
    drop(scratch);
    assert!(devices(&prefix).is_empty());
    assert!(!file.exists());
}

#[test]
#[ignore = "needs root and device mapper: cargo xtask test-root"]
fn a_panic_removes_devices() {
    let Some(scratch) = Scratch::new(&[]) else { return };
    let prefix = scratch.prefix().to_owned();
    let caught = panic::catch_unwind(AssertUnwindSafe(|| {
        scratch.map("device", zero()).unwrap();
        let _scratch = scratch;
        panic::resume_unwind(Box::new("the test failed"));
    }));
    assert!(caught.is_err());
    assert!(devices(&prefix).is_empty());
}

#[test]
#[ignore = "needs root and device mapper: cargo xtask test-root"]
fn devices_that_were_made_otherwise_renamed_or_tracked_are_removed() {
    let Some(scratch) = Scratch::new(&[]) else { return };
    let prefix = scratch.prefix().to_owned();
    let made = format!("{prefix}made");
    scratch.dm().device_create(&made).unwrap();
    let device = scratch.create("before").unwrap();
    let after = format!("{prefix}after");
    scratch.dm().device_rename(device.name(), &after).unwrap();
    let tracked = format!("tracked-{prefix}");
    scratch.track(DmName::new(&tracked).unwrap());
    scratch.dm().device_create(&tracked).unwrap();
    assert_eq!(devices(&prefix).len(), 2);
    drop(scratch);
    assert!(devices(&prefix).is_empty());
    assert!(devices(&tracked).is_empty());
}

#[test]
#[ignore = "needs root and device mapper: cargo xtask test-root"]
fn a_suspended_device_with_io_that_waits_is_removed() {
    let Some(scratch) = Scratch::new(&[]) else { return };
    let prefix = scratch.prefix().to_owned();
    let device = scratch.map("device", zero()).unwrap();
    scratch.dm().device_suspend(&device).unwrap();
    let path = device.path();
    let reader = thread::spawn(move || Pattern::zeros().verify(&path, Sectors(0), LENGTH));
    wait_until("the reader to open it", Duration::from_secs(5), || open_count(&scratch, &device) > 0).unwrap();
    drop(scratch);
    assert!(reader.join().unwrap().is_err(), "it read something from a device of errors");
    assert!(devices(&prefix).is_empty());
}

#[test]
#[ignore = "needs root and device mapper: cargo xtask test-root"]
fn devices_that_hold_each_other_open_are_removed() {
    let Some(scratch) = Scratch::new(&[require::target("zero")]) else { return };
    let prefix = scratch.prefix().to_owned();
    let [one, two] = ["one", "two"].map(|suffix| scratch.map(suffix, zero()).unwrap());
    for (device, below) in [(&one, &two), (&two, &one)] {
        let line = TargetLine::text(Sectors(0), LENGTH, "linear", format!("{} 0", below.number()));
        scratch.dm().table_load(device, [line]).unwrap();
    }
    drop(scratch);
    assert!(devices(&prefix).is_empty());
}

fn open_count(scratch: &Scratch, device: &MappedDevice) -> i32 {
    scratch.dm().device_info(device).unwrap().open_count()
}

#[test]
#[ignore = "needs root and device mapper: cargo xtask test-root"]
fn a_leftover_is_a_failure() {
    let Some(mut scratch) = Scratch::new(&[]) else { return };
    scratch.set_patience(Duration::from_millis(50));
    let prefix = scratch.prefix().to_owned();
    let device = scratch.map("device", zero()).unwrap();
    let user = File::open(device.path()).unwrap();
    let caught = panic::catch_unwind(AssertUnwindSafe(|| drop(scratch)));
    let message = *caught.unwrap_err().downcast::<String>().unwrap();
    assert!(
        message.contains(&format!("mapped device {prefix}device ({}, open 1 times)", device.number())),
        "{message}"
    );
    assert_eq!(devices(&prefix).len(), 1);
    drop(user);
    wait_until("the deferred removal", Duration::from_secs(5), || devices(&prefix).is_empty()).unwrap();
}

#[test]
#[ignore = "needs root and device mapper: cargo xtask test-root"]
fn names_are_unique_and_checked() {
    let Some(first) = Scratch::new(&[]) else { return };
    let Some(second) = Scratch::new(&[]) else { return };
    assert_ne!(first.name("a").unwrap(), second.name("a").unwrap());
    assert!(first.prefix().starts_with("names_are_unique_and_checked-"));
    first.name("x".repeat(127)).unwrap_err();
    first.name("a/b").unwrap_err();
}

#[test]
#[ignore = "needs root and device mapper: cargo xtask test-root"]
fn a_faulty_disk_has_the_fault_that_is_set() {
    let needs = ["error", "flakey", "delay"].map(require::target);
    let Some(scratch) = Scratch::new(&needs) else { return };
    let disk = scratch.loop_device(LENGTH.to_bytes()).unwrap();
    let faulty = FaultyDisk::over(&scratch, "faulty", disk.number(), LENGTH).unwrap();
    let (start, path) = (Sectors(0), faulty.path());
    let (old, new) = (Pattern::new(1), Pattern::new(2));
    old.write(&path, start, LENGTH).unwrap();

    faulty.set(&Fault::Errors).unwrap();
    old.verify(&path, start, LENGTH).unwrap_err();
    new.write(&path, start, LENGTH).unwrap_err();

    faulty.set(&Fault::ErrorsIn(Sectors(8)..Sectors(16))).unwrap();
    old.verify(&path, start, Sectors(8)).unwrap();
    old.verify(&path, Sectors(8), Sectors(8)).unwrap_err();
    old.verify(&path, Sectors(16), Sectors(48)).unwrap();

    faulty.set(&Fault::WriteErrors).unwrap();
    new.write(&path, start, LENGTH).unwrap_err();
    old.verify(&path, start, LENGTH).unwrap();

    faulty.set(&Fault::LostWrites).unwrap();
    new.write(&path, start, LENGTH).unwrap();
    faulty.set(&Fault::None).unwrap();
    old.verify(&path, start, LENGTH).unwrap();

    faulty.set(&Fault::Slow(Duration::from_millis(100))).unwrap();
    let begun = std::time::Instant::now();
    old.verify(&path, start, Sectors(8)).unwrap();
    let took = begun.elapsed();
    // The kernel's timer may be a tick early: 10 ms with 100 Hz.
    assert!(took >= Duration::from_millis(90), "{took:?}");
}

#[test]
#[ignore = "needs root and device mapper: cargo xtask test-root"]
fn a_hanging_disk_continues_without_losing_io() {
    let Some(scratch) = Scratch::new(&[require::target("linear")]) else { return };
    let disk = scratch.loop_device(LENGTH.to_bytes()).unwrap();
    let faulty = FaultyDisk::over(&scratch, "faulty", disk.number(), LENGTH).unwrap();
    faulty.set(&Fault::Hang).unwrap();
    let path = faulty.path();
    let writer = thread::spawn(move || Pattern::new(1).write(&path, Sectors(0), LENGTH));
    wait_until("the writer", Duration::from_secs(5), || open_count(&scratch, faulty.device()) > 0).unwrap();
    thread::sleep(Duration::from_millis(50));
    assert!(!writer.is_finished());
    Pattern::zeros().verify(disk.path(), Sectors(0), LENGTH).unwrap();
    faulty.set(&Fault::None).unwrap();
    writer.join().unwrap().unwrap();
    Pattern::new(1).verify(disk.path(), Sectors(0), LENGTH).unwrap();
}

#[test]
#[ignore = "needs root and device mapper: cargo xtask test-root"]
fn missing_requirements_are_named() {
    let Some(_scratch) = Scratch::new(&[]) else { return };
    assert_eq!(require::target("no-such-target").missing().unwrap(), "it needs target no-such-target");
    assert!(require::target_version("zero", dm_units::Version::new(99, 0, 0)).missing().unwrap().contains("99.0.0"));
    assert!(require::interface(999).missing().unwrap().contains("4.999.0"));
    assert_eq!(require::interface(0).missing(), None);
}
