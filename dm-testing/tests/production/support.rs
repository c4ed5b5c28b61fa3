//! Functions for tests of several topics.

use std::error::Error as _;
use std::fmt;
use std::io;
use std::os::fd::BorrowedFd;
use std::path::Path;
use std::process::{Command as Program, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use dm_core::udev::{Strategy, Udev};
use dm_core::{
    AsDevId, Command, DeviceInfo, Dm, Error, Host, LineText, LogMark, OpError, OpenError, Refusal, RemovePolicy, Retry,
    StatusOptions, TargetLine, Transport,
};
use dm_testing::{MappedDevice, Pattern, Scratch, wait_until};
use dm_units::{DeviceNumber, Sectors};
use nix::mount::{MsFlags, mount};
use nix::sched::{CloneFlags, unshare};

/// The size of most devices.
pub(crate) const LENGTH: Sectors = Sectors(64);

/// The timeout for conditions that are met within a moment, or much later in a guest on a busy processor.
pub(crate) const SOON: Duration = Duration::from_secs(60);

/// Long enough for other programs to close a device that they have opened for a moment.
pub(crate) const PATIENTLY: RemovePolicy = RemovePolicy::new().retry(Retry::within(SOON));

/// The scratch's host with another strategy for udev.
pub(crate) fn host(scratch: &Scratch, strategy: Strategy) -> Host {
    scratch.host().clone().with_udev(Udev::new(strategy))
}

/// A host that does not wait for udev, for tests that stop it.
pub(crate) fn without_udev(scratch: &Scratch) -> Host {
    host(scratch, Strategy::None)
}

pub(crate) type Line<P> = TargetLine<LineText<'static, P>>;

pub(crate) fn zero() -> Line<&'static str> {
    TargetLine::text(Sectors(0), LENGTH, "zero", "")
}

pub(crate) fn linear(below: DeviceNumber) -> Line<String> {
    TargetLine::text(Sectors(0), LENGTH, "linear", format!("{below} 0"))
}

pub(crate) fn info(scratch: &Scratch, id: impl AsDevId) -> DeviceInfo {
    scratch.dm().device_info(id).unwrap()
}

pub(crate) fn exists(scratch: &Scratch, id: impl AsDevId) -> bool {
    match scratch.dm().device_info(id) {
        Ok(_) => true,
        Err(error) if error.is_not_found() => false,
        Err(error) => unreachable!("{error}"),
    }
}

/// The lines of the active table, each as `dmsetup` prints it.
pub(crate) fn table(scratch: &Scratch, id: impl AsDevId) -> Vec<String> {
    let table = scratch.dm().table_status_with(id, StatusOptions::table()).unwrap();
    table.iter().map(|line| line.unwrap().to_string()).collect()
}

/// The refusal of a command.
pub(crate) fn refusal(error: &Error) -> &Refusal {
    error.refusal().unwrap_or_else(|| unreachable!("{error}"))
}

/// The command that the kernel refused in an operation.
pub(crate) fn refused(error: &OpError) -> Command {
    refusal(error.command().unwrap_or_else(|| unreachable!("{error}"))).command()
}

/// An error with its causes.
pub(crate) fn in_full(error: &OpError) -> String {
    let (mut text, mut cause) = (error.to_string(), error.source());
    while let Some(error) = cause {
        text.push_str(&format!(": {error}"));
        cause = error.source();
    }
    text
}

/// Runs a command that requires a closed device, until udev has closed it.
pub(crate) fn when_free<T>(mut command: impl FnMut() -> dm_core::Result<T>) -> T {
    let mut result = None;
    wait_until("udev to close a device", SOON, || {
        result = Some(command());
        !matches!(&result, Some(Err(error)) if error.is_busy())
    })
    .unwrap();
    result.unwrap().unwrap()
}

/// Runs a program that must succeed.
pub(crate) fn run(program: &str, arguments: &[&str]) {
    let output = Program::new(program).args(arguments).output().unwrap();
    assert!(output.status.success(), "{program}: {}", String::from_utf8_lossy(&output.stderr));
}

/// Waits until udev is idle.
pub(crate) fn settle() {
    // It fails early if the daemon is too busy to reply.
    let settled = || Program::new("udevadm").arg("settle").stderr(Stdio::null()).status().unwrap().success();
    wait_until("udev to settle", SOON, settled).unwrap();
}

/// Runs a function in a thread with a separate mount namespace, which ends with it.
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

/// Mounts a file or directory over another one, in this thread's namespace.
pub(crate) fn cover(place: &str, with: &Path) {
    mount(Some(with), place, None::<&str>, MsFlags::MS_BIND, None::<&str>).unwrap();
}

/// A transport to the kernel with an action before each command.
struct Before<F> {
    kernel: Arc<dyn Transport>,
    action: F,
}

/// A separate handle with an action before each command. If the action fails, the command fails with the same error.
pub(crate) fn before(action: impl Fn(Command) -> io::Result<()> + Send + Sync + 'static) -> Dm {
    Dm::with_transport(Before { kernel: Dm::open().unwrap().transport(), action })
}

impl<F> fmt::Debug for Before<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Before")
    }
}

impl<F: Fn(Command) -> io::Result<()> + Send + Sync> Transport for Before<F> {
    fn ioctl(&self, command: Command, request: &mut [u8]) -> io::Result<()> {
        (self.action)(command)?;
        self.kernel.ioctl(command, request)
    }

    fn ioctl_within(&self, command: Command, request: &mut [u8], timeout: Duration) -> io::Result<()> {
        (self.action)(command)?;
        self.kernel.ioctl_within(command, request, timeout)
    }

    fn log_mark(&self) -> Option<LogMark<'_>> {
        self.kernel.log_mark()
    }

    fn poll_fd(&self) -> Option<BorrowedFd<'_>> {
        self.kernel.poll_fd()
    }

    fn reopen(&self) -> Result<Arc<dyn Transport>, OpenError> {
        self.kernel.reopen()
    }
}

/// A thread that repeatedly writes to a device and reads the data back.
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
        io.continues();
        io
    }

    /// Waits until an I/O that starts now has succeeded.
    pub(crate) fn continues(&self) {
        let goal = self.rounds.load(Ordering::Relaxed).saturating_add(2);
        let reached = || self.rounds.load(Ordering::Relaxed) >= goal || self.thread.is_finished();
        wait_until("I/O", SOON, reached).unwrap();
        assert!(!self.thread.is_finished(), "I/O has failed");
    }

    /// Stops it, and checks that no I/O has failed.
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
