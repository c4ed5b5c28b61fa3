//! What tests of several topics need.

use std::io;
use std::path::Path;
use std::process::{Command as Program, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use dm_core::{
    Buffer, Command, ControlNode, DevId, DeviceInfo, Dm, Error, InfoOptions, Printed, Refusal, RemoveOptions, Retry,
    StatusOptions, TargetLine, Transport,
};
use dm_testing::{MappedDevice, Pattern, Scratch, wait_until};
use dm_units::{DeviceNumber, Sectors};
use nix::mount::{MsFlags, mount};
use nix::sched::{CloneFlags, unshare};

/// The size of most devices here.
pub(crate) const LENGTH: Sectors = Sectors(64);

/// How long to wait for what takes a moment, or much longer where the guest gets little of a busy processor.
pub(crate) const SOON: Duration = Duration::from_secs(60);

/// Long enough for others to close a device that they only look at.
pub(crate) const REMOVE: RemoveOptions = RemoveOptions::new().retry(Retry::within(SOON));

pub(crate) type Line<P> = TargetLine<'static, Printed<P>>;

pub(crate) fn zero() -> Line<&'static str> {
    TargetLine::new(Sectors(0), LENGTH, "zero", "")
}

pub(crate) fn linear(below: DeviceNumber) -> Line<String> {
    TargetLine::new(Sectors(0), LENGTH, "linear", format!("{below} 0"))
}

pub(crate) fn info<'a>(scratch: &Scratch, id: impl Into<DevId<'a>>) -> DeviceInfo {
    scratch.dm().device_info(id, InfoOptions::new()).unwrap()
}

pub(crate) fn exists<'a>(scratch: &Scratch, id: impl Into<DevId<'a>>) -> bool {
    match scratch.dm().device_info(id, InfoOptions::new()) {
        Ok(_) => true,
        Err(error) if error.is_not_found() => false,
        Err(error) => unreachable!("{error}"),
    }
}

/// The lines of the table in force, each as `dmsetup` prints it.
pub(crate) fn table<'a>(scratch: &Scratch, id: impl Into<DevId<'a>>) -> Vec<String> {
    let mut buffer = Buffer::new();
    let table = scratch.dm().table_status(&mut buffer, id, StatusOptions::table()).unwrap();
    table.iter().map(|line| line.unwrap().to_string()).collect()
}

/// What the kernel refused.
pub(crate) fn refusal(error: &Error) -> &Refusal {
    match error {
        Error::Refused(refusal) => refusal,
        other => unreachable!("{other}"),
    }
}

/// Runs a program that has to succeed.
pub(crate) fn run(program: &str, arguments: &[&str]) {
    let output = Program::new(program).args(arguments).output().unwrap();
    assert!(output.status.success(), "{program}: {}", String::from_utf8_lossy(&output.stderr));
}

/// Waits until udev has nothing to do.
pub(crate) fn settle() {
    // It gives up early where the daemon is too busy to say that it is there.
    let settled = || Program::new("udevadm").arg("settle").stderr(Stdio::null()).status().unwrap().success();
    wait_until("udev to settle", SOON, settled).unwrap();
}

/// Runs something in a thread whose mounts are its own and go with it.
pub(crate) fn with_own_mounts<R: Send>(action: impl FnOnce() -> R + Send) -> R {
    let nothing = None::<&str>;
    thread::scope(|scope| {
        let thread = scope.spawn(|| {
            unshare(CloneFlags::CLONE_NEWNS).unwrap();
            mount(nothing, "/", nothing, MsFlags::MS_REC | MsFlags::MS_PRIVATE, nothing).unwrap();
            action()
        });
        thread.join().unwrap()
    })
}

/// Puts a file or folder in the place of another one, in this thread's own mounts.
pub(crate) fn cover(place: &str, with: &Path) {
    mount(Some(with), place, None::<&str>, MsFlags::MS_BIND, None::<&str>).unwrap();
}

/// The way to the kernel, with something that happens before each command.
pub(crate) struct Before<F> {
    kernel: ControlNode,
    action: F,
}

/// A handle of its own with an action before each command.
pub(crate) fn before<F: Fn(Command)>(action: F) -> Dm<Before<F>> {
    Dm::with_transport(Before { kernel: Dm::open().unwrap().into_transport(), action })
}

impl<F: Fn(Command)> Transport for Before<F> {
    fn ioctl(&self, command: Command, request: &mut [u8]) -> io::Result<()> {
        (self.action)(command);
        self.kernel.ioctl(command, request)
    }

    fn kernel_log(&self, device: Option<DeviceNumber>) -> Vec<String> {
        self.kernel.kernel_log(device)
    }
}

/// A thread that writes to a device again and again and reads back what it wrote.
pub(crate) struct Io {
    stop: Arc<AtomicBool>,
    rounds: Arc<AtomicU64>,
    thread: thread::JoinHandle<dm_testing::Result<()>>,
}

impl Io {
    pub(crate) fn start(device: &MappedDevice) -> Self {
        let (stop, rounds) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
        let (path, stopped, counter) = (device.path(), Arc::clone(&stop), Arc::clone(&rounds));
        let thread = thread::spawn(move || {
            while !stopped.load(Ordering::Relaxed) {
                write_and_read(&path, counter.load(Ordering::Relaxed))?;
                counter.fetch_add(1, Ordering::Relaxed);
            }
            Ok(())
        });
        let io = Self { stop, rounds, thread };
        io.goes_on();
        io
    }

    /// Waits until io that begins now has ended well.
    pub(crate) fn goes_on(&self) {
        let goal = self.rounds.load(Ordering::Relaxed).saturating_add(2);
        let reached = || self.rounds.load(Ordering::Relaxed) >= goal || self.thread.is_finished();
        wait_until("io", SOON, reached).unwrap();
        assert!(!self.thread.is_finished(), "io has failed");
    }

    /// Ends it; no io has failed.
    pub(crate) fn end(self) {
        self.stop.store(true, Ordering::Relaxed);
        self.thread.join().unwrap().unwrap();
    }
}

fn write_and_read(path: &Path, round: u64) -> dm_testing::Result<()> {
    let pattern = Pattern::new(round);
    pattern.write(path, Sectors(0), LENGTH)?;
    pattern.verify(path, Sectors(0), LENGTH)
}
