//! Functions for tests of several topics.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command as Program};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use dm_core::{TargetLine, Users};
use dm_testing::{LoopDevice, MappedDevice, Scratch};
use dm_units::{Bytes, DeviceNumber, Sectors};
use nix::mount::{MsFlags, mount, umount};
use nix::sched::{CloneFlags, unshare};

/// Much longer than a search takes.
pub(crate) const LONG: Duration = Duration::from_secs(60);

const NOTHING: Option<&str> = None;

/// A loop device, and a linear device over all of it.
pub(crate) fn linear(scratch: &Scratch, size: Bytes) -> (Arc<LoopDevice>, MappedDevice) {
    let disk = scratch.loop_device(size).unwrap();
    let line = TargetLine::text(Sectors(0), disk.size(), "linear", format!("{} 0", disk.number()));
    let device = scratch.map("device", [line]).unwrap();
    (disk, device)
}

/// A linear device with a file system.
pub(crate) fn formatted(scratch: &Scratch) -> MappedDevice {
    let (_, device) = linear(scratch, Bytes(8 << 20));
    run("mkfs.ext4", &["-q", device.path().to_str().unwrap()]);
    device
}

/// Runs a program that must succeed.
pub(crate) fn run(program: &str, arguments: &[&str]) {
    let output = Program::new(program).args(arguments).output().unwrap();
    assert!(output.status.success(), "{program}: {}", String::from_utf8_lossy(&output.stderr));
}

/// The users of a device, without udev.
pub(crate) fn users(device: DeviceNumber) -> Users {
    // It fails without udev, which does not matter.
    let _ = Program::new("udevadm").arg("settle").output();
    Users::of(device, LONG)
}

/// A process that is killed on drop.
pub(crate) struct Running(Child);

impl Running {
    /// Starts an idle process in the thread's namespace, with a file as its standard input.
    pub(crate) fn sleep(input: File) -> Self {
        Self(Program::new("sleep").arg("600").stdin(input).spawn().unwrap())
    }

    pub(crate) fn new(child: Child) -> Self {
        Self(child)
    }

    pub(crate) fn pid(&self) -> u32 {
        self.0.id()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }
}

/// A mount that is unmounted on drop.
pub(crate) struct Mount(PathBuf);

impl Mount {
    pub(crate) fn new(device: &Path, point: &Path) -> Self {
        fs::create_dir_all(point).unwrap();
        mount(Some(device), point, Some("ext4"), MsFlags::empty(), NOTHING).unwrap();
        Self(point.to_owned())
    }
}

impl Drop for Mount {
    fn drop(&mut self) {
        umount(&self.0).unwrap();
    }
}

/// Runs a function in a thread with a separate mount namespace, which exists as long as a process in it.
pub(crate) fn elsewhere<R: Send>(action: impl FnOnce() -> R + Send) -> R {
    thread::scope(|scope| {
        let thread = scope.spawn(|| {
            unshare(CloneFlags::CLONE_NEWNS).unwrap();
            mount(NOTHING, "/", NOTHING, MsFlags::MS_REC | MsFlags::MS_PRIVATE, NOTHING).unwrap();
            action()
        });
        thread.join().unwrap()
    })
}
