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

use crate::support::{A_WHILE, LENGTH, SOON, linear, sysfs, when_free};

const START: Sectors = Sectors(0);

fn resume(scratch: &Scratch, device: &MappedDevice) -> dm_core::DeviceInfo {
    let answer = scratch.dm().device_resume(device).unwrap();
    assert!(!answer.is_suspended());
    answer
}

#[test]
#[ignore = "needs root and device mapper: cargo xtask test-root"]
fn suspension_waits_for_io_that_is_under_way() {
    const DELAY: Duration = Duration::from_millis(500);
    // The kernel's timer may be a tick early: 10 ms with 100 Hz.
    const AT_LEAST: Duration = Duration::from_millis(490);
    let Some(scratch) = Scratch::new(&[require::target("delay")]) else { return };
    let disk = scratch.loop_device(LENGTH.to_bytes()).unwrap();
    // Writes are delayed; reads are not, since udev would take long.
    let params = format!("{0} 0 0 {0} 0 {1}", disk.number(), DELAY.as_millis());
    let slow = scratch.map("slow", [TargetLine::text(START, LENGTH, "delay", params)]).unwrap();
    let device = scratch.map("device", [linear(slow.number(), START)]).unwrap();
    let path = device.path();
    let begun = Instant::now();
    let writer = thread::spawn(move || {
        Pattern::new(1).write(&path, START, LENGTH).unwrap();
        begun.elapsed()
    });
    // I/O that the target delays, counted by the block layer.
    let in_flight = || sysfs(device.number(), "inflight").is_some_and(|text| text != b"       0        0");
    wait_until("the write", SOON, in_flight).unwrap();
    scratch.dm().device_suspend_with(&device, SuspendOptions::new().skip_lockfs(true)).unwrap();
    let suspended = begun.elapsed();
    assert!(suspended >= AT_LEAST, "suspended after {suspended:?} with I/O under way");
    resume(&scratch, &device);
    assert!(writer.join().unwrap() >= AT_LEAST);
}

/// A mounted file system, unmounted on drop.
struct Mounted(tempfile::TempDir);

impl Mounted {
    fn new(device: &Path) -> Self {
        // Kernels before 6.15 can fail to mount a device that udev is reading: `set_blocksize` changes the block size
        // during its reads.
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

    // Writes to a frozen file system block, even if they only go to memory.
    let plain = SuspendOptions::new();
    for (options, frozen) in [(plain.skip_lockfs(true), false), (plain.noflush(true), false), (plain, true)] {
        let mut file = File::options().write(true).open(&path).unwrap();
        Command::new("sync").arg("-f").arg(&path).status().unwrap();
        scratch.dm().device_suspend_with(&device, options).unwrap();
        let writer = thread::spawn(move || file.write_all(b"second").unwrap());
        let patience = if frozen { A_WHILE } else { SOON };
        let written = wait_until("a write to memory", patience, || writer.is_finished()).is_ok();
        // Before anything can fail, since processes that wait for a suspended device could not be cleaned up.
        resume(&scratch, &device);
        writer.join().unwrap();
        assert_eq!(written, !frozen, "{options:?}");
    }
    drop(mounted);
    when_free(|| scratch.dm().device_remove_with(&device, dm_core::RemoveOptions::new()));
}
