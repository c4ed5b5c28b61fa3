//! `device_suspend` and `device_resume`.

use std::fs::{self, File};
use std::io::Write as _;
use std::path::Path;
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use dm_core::{SuspendOptions, TargetLine};
use dm_testing::{MappedDevice, Pattern, Scratch, require, wait_until};
use dm_units::{Bytes, Sectors};

use crate::support::{A_WHILE, LENGTH, SOON, inactive_table, info, linear, load, sysfs, table, when_free, zero};

const START: Sectors = Sectors(0);

fn suspend(scratch: &Scratch, device: &MappedDevice) {
    assert!(scratch.dm().device_suspend(device).unwrap().is_suspended());
}

fn resume(scratch: &Scratch, device: &MappedDevice) -> dm_core::DeviceInfo {
    let answer = scratch.dm().device_resume(device).unwrap();
    assert!(!answer.is_suspended());
    answer
}

#[test]
#[ignore = "needs root and device mapper: cargo xtask test-root"]
fn a_device_is_suspended_until_it_is_resumed() {
    let Some(scratch) = Scratch::new(&[require::target("zero")]) else { return };
    let device = scratch.map("device", [zero(LENGTH)]).unwrap();
    let options = SuspendOptions::new();
    for options in [options, options.noflush(true), options.skip_lockfs(true), options.noflush(true).skip_lockfs(true)]
    {
        // The second time there is nothing to do.
        for _ in 0..2 {
            let answer = scratch.dm().device_suspend_with(&device, options).unwrap();
            assert!(answer.is_suspended() && !answer.uevent_generated(), "{options:?}: {answer:?}");
            assert!(info(&scratch, device.name()).is_suspended());
            assert_eq!(sysfs(device.number(), "dm/suspended").unwrap(), b"1");
        }
        let answer = scratch.dm().device_resume(device.name()).unwrap();
        assert!(!answer.is_suspended() && answer.uevent_generated(), "{options:?}: {answer:?}");
        let answer = scratch.dm().device_resume(device.name()).unwrap();
        assert!(!answer.is_suspended() && !answer.uevent_generated(), "{options:?}: {answer:?}");
        assert_eq!(sysfs(device.number(), "dm/suspended").unwrap(), b"0");
    }
}

#[test]
#[ignore = "needs root and device mapper: cargo xtask test-root"]
fn a_missing_device_is_not_found() {
    let Some(scratch) = Scratch::new(&[]) else { return };
    let missing = scratch.name("missing").unwrap();
    assert!(scratch.dm().device_suspend(&missing).unwrap_err().is_not_found());
    assert!(scratch.dm().device_resume(&missing).unwrap_err().is_not_found());
}

#[test]
#[ignore = "needs root and device mapper: cargo xtask test-root"]
fn io_waits_while_a_device_is_suspended() {
    let Some(scratch) = Scratch::new(&[require::target("linear")]) else { return };
    let disk = scratch.loop_device(LENGTH.to_bytes()).unwrap();
    let device = scratch.map("device", [linear(disk.number(), START)]).unwrap();
    let pattern = Pattern::new(1);
    suspend(&scratch, &device);
    let path = device.path();
    let writer = thread::spawn(move || pattern.write(&path, START, LENGTH));
    wait_until("the writer", SOON, || info(&scratch, device.name()).open_count() > 0).unwrap();
    thread::sleep(A_WHILE);
    assert!(!writer.is_finished(), "I/O ended while the device was suspended");
    Pattern::zeros().verify(disk.path(), START, LENGTH).unwrap();
    resume(&scratch, &device);
    writer.join().unwrap().unwrap();
    pattern.verify(disk.path(), START, LENGTH).unwrap();
}

#[test]
#[ignore = "needs root and device mapper: cargo xtask test-root"]
fn suspension_waits_for_io_that_is_under_way() {
    const DELAY: Duration = Duration::from_millis(500);
    let Some(scratch) = Scratch::new(&[require::target("delay")]) else { return };
    let disk = scratch.loop_device(LENGTH.to_bytes()).unwrap();
    // Writes are slow; reads are not, or udev would take long.
    let params = format!("{0} 0 0 {0} 0 {1}", disk.number(), DELAY.as_millis());
    let slow = scratch.map("slow", [TargetLine::text(START, LENGTH, "delay", params)]).unwrap();
    let device = scratch.map("device", [linear(slow.number(), START)]).unwrap();
    let path = device.path();
    let begun = Instant::now();
    let writer = thread::spawn(move || {
        Pattern::new(1).write(&path, START, LENGTH).unwrap();
        begun.elapsed()
    });
    // I/O that is held back by the delay, counted by the block layer.
    let in_flight = || sysfs(device.number(), "inflight").is_some_and(|text| text != b"       0        0");
    wait_until("the write", SOON, in_flight).unwrap();
    scratch.dm().device_suspend_with(&device, SuspendOptions::new().skip_lockfs(true)).unwrap();
    let suspended = begun.elapsed();
    assert!(suspended >= DELAY, "suspended after {suspended:?} with I/O under way");
    resume(&scratch, &device);
    assert!(writer.join().unwrap() >= DELAY);
}

#[test]
#[ignore = "needs root and device mapper: cargo xtask test-root"]
fn resuming_makes_the_inactive_table_active() {
    let Some(scratch) = Scratch::new(&[require::target("zero")]) else { return };
    let disk = scratch.loop_device(Bytes(1 << 20)).unwrap();
    Pattern::new(1).write(disk.path(), START, LENGTH).unwrap();
    let device = scratch.map("device", [zero(LENGTH)]).unwrap();
    Pattern::zeros().verify(&device.path(), START, LENGTH).unwrap();
    // Once from a suspended device, once from one in use.
    for (offset, suspended) in [(Sectors(0), true), (Sectors(8), false)] {
        load(&scratch, &device, linear(disk.number(), offset)).unwrap();
        if suspended {
            suspend(&scratch, &device);
        }
        let answer = resume(&scratch, &device);
        assert!(answer.uevent_generated() && answer.has_active_table() && !answer.has_inactive_table());
        assert_eq!(table(&scratch, &device), [format!("0 64 linear {} {offset}", disk.number())]);
        assert!(inactive_table(&scratch, &device).is_empty());
        let moved = Pattern::new(1).moved(offset, Sectors(0));
        moved.verify(&device.path(), START, Sectors(48)).unwrap();
    }
}

#[test]
#[ignore = "needs root and device mapper: cargo xtask test-root"]
fn a_new_table_can_have_another_size() {
    let Some(scratch) = Scratch::new(&[require::target("zero")]) else { return };
    let device = scratch.map("device", [zero(LENGTH)]).unwrap();
    for size in [1000, 10] {
        load(&scratch, &device, zero(Sectors(size))).unwrap();
        assert_ne!(sysfs(device.number(), "size").unwrap(), size.to_string().into_bytes());
        resume(&scratch, &device);
        assert_eq!(sysfs(device.number(), "size").unwrap(), size.to_string().into_bytes());
        Pattern::zeros().verify(&device.path(), START, Sectors(size)).unwrap();
    }
}

#[test]
#[ignore = "needs root and device mapper: cargo xtask test-root"]
fn a_device_without_a_table_cannot_be_resumed_once_it_is_suspended() {
    let Some(scratch) = Scratch::new(&[]) else { return };
    let device = scratch.create("device").unwrap();
    // It is not suspended, so there is nothing to do.
    let answer = scratch.dm().device_resume(&device).unwrap();
    assert!(!answer.uevent_generated() && !answer.has_active_table());
    suspend(&scratch, &device);
    let error = scratch.dm().device_resume(&device).unwrap_err();
    assert!(error.is_invalid(), "{error}");
    assert!(info(&scratch, device.number()).is_suspended());
}

#[test]
#[ignore = "needs root and device mapper: cargo xtask test-root"]
fn a_table_that_does_not_fit_its_disk_is_refused_late() {
    let Some(scratch) = Scratch::new(&[require::target("linear")]) else { return };
    let disk = scratch.loop_device(LENGTH.to_bytes()).unwrap();
    let beyond = || linear(disk.number(), Sectors(1));
    // By the first load of a device, which makes its queue ...
    let fresh = scratch.create("fresh").unwrap();
    assert!(load(&scratch, &fresh, beyond()).unwrap_err().is_invalid());
    // ... otherwise by the resume, which leaves the old table and the device suspended, and drops the new table.
    let device = scratch.map("device", [linear(disk.number(), START)]).unwrap();
    load(&scratch, &device, beyond()).unwrap();
    let error = scratch.dm().device_resume(&device).unwrap_err();
    assert!(error.is_invalid(), "{error}");
    let state = info(&scratch, device.number());
    assert!(state.is_suspended() && state.has_active_table() && !state.has_inactive_table(), "{state:?}");
    resume(&scratch, &device);
    assert_eq!(table(&scratch, &device), [format!("0 64 linear {} 0", disk.number())]);
}

/// A mounted file system, unmounted when this is dropped.
struct Mounted(tempfile::TempDir);

impl Mounted {
    fn new(device: &Path) -> Self {
        // Kernels before 6.15 can fail to mount what udev is just looking at: `set_blocksize` changes the size of the
        // blocks in the middle of its reads.
        Command::new("udevadm").arg("settle").status().unwrap();
        let folder = tempfile::tempdir().unwrap();
        let mounted = Command::new("mount").arg(device).arg(folder.path()).output().unwrap();
        assert!(mounted.status.success(), "{}", String::from_utf8_lossy(&mounted.stderr));
        Self(folder)
    }
}

impl Drop for Mounted {
    fn drop(&mut self) {
        let unmounted = Command::new("umount").arg(self.0.path()).status().unwrap();
        assert!(unmounted.success() || thread::panicking());
    }
}

#[test]
#[ignore = "needs root and device mapper: cargo xtask test-root"]
fn a_file_system_is_frozen_unless_told_otherwise() {
    let needs = [require::target("linear"), require::program("mkfs.ext4"), require::udev()];
    let Some(scratch) = Scratch::new(&needs) else { return };
    let disk = scratch.loop_device(Bytes(8 << 20)).unwrap();
    let line = TargetLine::text(START, disk.size(), "linear", format!("{} 0", disk.number()));
    let device = scratch.map("device", [line]).unwrap();
    let made = Command::new("mkfs.ext4").arg("-q").arg(device.path()).status().unwrap();
    assert!(made.success());
    let mounted = Mounted::new(&device.path());
    let path = mounted.0.path().join("file");
    fs::write(&path, "first").unwrap();
    File::open(&path).unwrap().sync_all().unwrap();

    // Writing to a frozen file system waits, also where it would go to memory only.
    let plain = SuspendOptions::new();
    for (options, frozen) in [(plain.skip_lockfs(true), false), (plain.noflush(true), false), (plain, true)] {
        let mut file = File::options().write(true).open(&path).unwrap();
        Command::new("sync").arg("-f").arg(&path).status().unwrap();
        scratch.dm().device_suspend_with(&device, options).unwrap();
        let writer = thread::spawn(move || file.write_all(b"second").unwrap());
        let patience = if frozen { A_WHILE } else { SOON };
        let written = wait_until("a write to memory", patience, || writer.is_finished()).is_ok();
        // Before anything can fail: what waits for a suspended device could not be cleaned up.
        resume(&scratch, &device);
        writer.join().unwrap();
        assert_eq!(written, !frozen, "{options:?}");
    }
    drop(mounted);
    when_free(|| scratch.dm().device_remove_with(&device, dm_core::RemoveOptions::new()));
}
