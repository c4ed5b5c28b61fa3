//! Failures at any command: transports between a handle and the kernel.

use std::fmt;
use std::io;
use std::mem::offset_of;
use std::os::fd::BorrowedFd;
use std::panic;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use dm_core::block::{BlockId, BlockIo, BlockOpenOptions};
use dm_core::{Command, Dm, LogMark, OpenError, Transport};
use dm_sys::{DM_SECURE_DATA_FLAG, dm_ioctl};

/// A [transport](dm_core::Transport) on which chosen commands fail with an errno.
///
/// ```
/// use dm_core::{Host, TargetLine};
/// use dm_testing::{FailAt, MemoryKernel};
/// use dm_units::Sectors;
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// const ENOMEM: i32 = 12;
/// let kernel = MemoryKernel::new().dm();
/// // Creating a device takes three commands, of which the last one makes its table active.
/// let host = Host::new(FailAt::new(&kernel, 3, ENOMEM).dm());
/// let error = host.create("home", [TargetLine::text(Sectors(0), Sectors(8), "zero", "")]).unwrap_err();
/// assert!(error.is_undone() && error.errno() == Some(ENOMEM));
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct FailAt(Faulty);

/// A [transport](dm_core::Transport) that stops a program at a chosen command, to test what a killed program leaves
/// behind.
///
/// The chosen command is not sent. Instead, a panic with the payload [`Stopped`] unwinds the calling thread. Later
/// commands, such as those of destructors, fail with [`BrokenPipe`](io::ErrorKind::BrokenPipe) without being sent.
/// Other threads and block I/O are not stopped.
///
/// ```
/// use std::panic::{AssertUnwindSafe, catch_unwind};
///
/// use dm_core::{Host, TargetLine};
/// use dm_testing::{MemoryKernel, StopAt};
/// use dm_units::Sectors;
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let kernel = MemoryKernel::new().dm();
/// let host = Host::new(StopAt::new(&kernel, 2).dm());
/// let line = TargetLine::text(Sectors(0), Sectors(8), "zero", "");
/// catch_unwind(AssertUnwindSafe(|| host.create("home", [line]))).unwrap_err();
/// assert!(!kernel.device_info("home")?.has_active_table());
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct StopAt(Faulty);

/// The payload of the panic with which [`StopAt`] unwinds the calling thread.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Stopped;

impl FailAt {
    /// Wraps the transport of a handle. The `n`-th command, counted from 1, is not sent and fails with `errno`.
    #[must_use]
    pub fn new(dm: &Dm, n: usize, errno: i32) -> Self {
        Self(Faulty::new(dm.transport(), Plan::failing(n, errno)))
    }

    /// Wraps the transport of a handle. The kernel executes the `n`-th command, counted from 1, but the caller gets
    /// `errno` instead of the reply. If the kernel refuses the command, the caller gets the kernel's errno.
    #[must_use]
    pub fn after(dm: &Dm, n: usize, errno: i32) -> Self {
        Self(Faulty::new(dm.transport(), Plan::failing_after(n, errno)))
    }

    /// Makes a new transport that has the failures of this one and also fails the `n`-th command, without sending it.
    /// The new transport counts its commands from 1.
    #[must_use]
    pub fn and(&self, n: usize, errno: i32) -> Self {
        Self(Faulty::new(Arc::clone(&self.0.kernel), self.0.plan.and(n, errno)))
    }

    /// Makes a handle that uses this transport. All handles of a transport share one count of commands.
    #[must_use]
    pub fn dm(&self) -> Dm {
        Dm::with_transport(self.0.clone())
    }

    /// The number of commands that reached this transport so far, including those that failed.
    #[must_use]
    pub fn count(&self) -> usize {
        self.0.plan.count()
    }
}

impl StopAt {
    /// Wraps the transport of a handle, and stops at the `n`-th command, counted from 1. If `n` is 0, all commands fail
    /// with [`BrokenPipe`](io::ErrorKind::BrokenPipe) from the start, without a panic.
    #[must_use]
    pub fn new(dm: &Dm, n: usize) -> Self {
        Self(Faulty::new(dm.transport(), Plan::stopping(n)))
    }

    /// Makes a handle that uses this transport. All handles of a transport share one count of commands.
    #[must_use]
    pub fn dm(&self) -> Dm {
        Dm::with_transport(self.0.clone())
    }

    /// Whether the `n`-th command was reached.
    #[must_use]
    pub fn has_stopped(&self) -> bool {
        self.0.plan.has_stopped()
    }
}

/// The failures to cause, by the number of the command from 1.
#[derive(Debug, Default)]
pub(crate) struct Plan {
    sent: AtomicUsize,
    failures: Vec<Failure>,
    stop_at: Option<usize>,
}

#[derive(Clone, Copy, Debug)]
struct Failure {
    n: usize,
    errno: i32,
    /// Whether the kernel executes the command before it fails.
    after: bool,
}

impl Plan {
    pub(crate) fn failing(n: usize, errno: i32) -> Self {
        Self { failures: vec![Failure { n, errno, after: false }], ..Self::default() }
    }

    pub(crate) fn failing_after(n: usize, errno: i32) -> Self {
        Self { failures: vec![Failure { n, errno, after: true }], ..Self::default() }
    }

    pub(crate) fn stopping(n: usize) -> Self {
        Self { stop_at: Some(n), ..Self::default() }
    }

    /// Adds a failure. The commands of the new plan are counted from 1.
    pub(crate) fn and(&self, n: usize, errno: i32) -> Self {
        let mut failures = self.failures.clone();
        failures.push(Failure { n, errno, after: false });
        Self { failures, ..Self::default() }
    }

    pub(crate) fn count(&self) -> usize {
        self.sent.load(Ordering::SeqCst)
    }

    pub(crate) fn has_stopped(&self) -> bool {
        self.stop_at.is_some_and(|n| self.count() >= n)
    }

    /// Counts a command, and sends it unless it must fail.
    fn send(&self, send: impl FnOnce() -> io::Result<()>) -> io::Result<()> {
        let n = self.sent.fetch_add(1, Ordering::SeqCst).saturating_add(1);
        match self.stop_at {
            Some(stop) if n == stop => panic::resume_unwind(Box::new(Stopped)),
            Some(stop) if n > stop => return Err(io::ErrorKind::BrokenPipe.into()),
            _ => {}
        }
        let Some(failure) = self.failures.iter().find(|failure| failure.n == n) else { return send() };
        if failure.after {
            send()?;
        }
        Err(io::Error::from_raw_os_error(failure.errno))
    }
}

/// A transport on which commands fail according to a plan.
#[derive(Clone)]
pub(crate) struct Faulty {
    kernel: Arc<dyn Transport>,
    plan: Arc<Plan>,
}

impl Faulty {
    fn new(kernel: Arc<dyn Transport>, plan: Plan) -> Self {
        Self::sharing(kernel, Arc::new(plan))
    }

    /// Wraps a transport. Transports with the same plan count their commands together.
    pub(crate) fn sharing(kernel: Arc<dyn Transport>, plan: Arc<Plan>) -> Self {
        Self { kernel, plan }
    }
}

/// Clears a secret request, as a kernel that refuses it has done (`copy_params` in drivers/md/dm-ioctl.c).
fn clear_if_secret(request: &mut [u8]) {
    let flags = request.get(offset_of!(dm_ioctl, flags)..).and_then(<[u8]>::first_chunk);
    if flags.is_some_and(|flags| u32::from_ne_bytes(*flags) & DM_SECURE_DATA_FLAG != 0) {
        request.fill(0);
    }
}

impl Transport for Faulty {
    fn ioctl(&self, command: Command, request: &mut [u8]) -> io::Result<()> {
        let sent = self.plan.send(|| self.kernel.ioctl(command, request));
        sent.inspect_err(|_| clear_if_secret(request))
    }

    fn ioctl_within(&self, command: Command, request: &mut [u8], timeout: Duration) -> io::Result<()> {
        let sent = self.plan.send(|| self.kernel.ioctl_within(command, request, timeout));
        sent.inspect_err(|_| clear_if_secret(request))
    }

    fn log_mark(&self) -> Option<LogMark<'_>> {
        self.kernel.log_mark()
    }

    fn expected_devices(&self) -> usize {
        self.kernel.expected_devices()
    }

    fn poll_fd(&self) -> Option<BorrowedFd<'_>> {
        self.kernel.poll_fd()
    }

    fn open_block(&self, device: BlockId<'_>, options: BlockOpenOptions) -> Option<io::Result<Box<dyn BlockIo>>> {
        self.kernel.open_block(device, options)
    }

    fn has_nodes(&self) -> bool {
        self.kernel.has_nodes()
    }

    fn reopen(&self) -> Result<Arc<dyn Transport>, OpenError> {
        Ok(Arc::new(Self::sharing(self.kernel.reopen()?, Arc::clone(&self.plan))))
    }
}

impl fmt::Debug for Faulty {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.plan.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use std::panic::{AssertUnwindSafe, catch_unwind};

    use super::*;

    const EBUSY: i32 = 16;

    /// Counts the commands that reach it.
    #[derive(Debug, Default)]
    struct Counting(AtomicUsize);

    impl Transport for Counting {
        fn ioctl(&self, _: Command, request: &mut [u8]) -> io::Result<()> {
            self.0.fetch_add(1, Ordering::SeqCst);
            // Interface version 4.48.0, which is needed to decode the replies.
            for (word, value) in request.chunks_exact_mut(4).zip([4_u32, 48, 0]) {
                word.copy_from_slice(&value.to_ne_bytes());
            }
            Ok(())
        }
    }

    fn counting() -> (Arc<Counting>, Dm) {
        let counting = Arc::new(Counting::default());
        (Arc::clone(&counting), Dm::with_transport(counting))
    }

    #[test]
    fn only_the_requested_commands_fail() {
        let (kernel, dm) = counting();
        let failing = FailAt::new(&dm, 2, EBUSY).and(3, EBUSY);
        let dm = failing.dm();
        let failed = [(); 4].map(|()| dm.version().is_err_and(|error| error.errno() == Some(EBUSY)));
        assert_eq!(failed, [false, true, true, false]);
        assert_eq!((failing.count(), kernel.0.load(Ordering::SeqCst)), (4, 2));
    }

    #[test]
    fn a_lost_answer_is_one_to_a_command_that_was_carried_out() {
        let (kernel, dm) = counting();
        assert!(FailAt::after(&dm, 1, EBUSY).dm().version().is_err());
        assert_eq!(kernel.0.load(Ordering::SeqCst), 1);
    }

    #[test]
    fn nothing_is_sent_from_the_stop_on() {
        let (kernel, dm) = counting();
        let stopping = StopAt::new(&dm, 2);
        let dm = stopping.dm();
        dm.version().unwrap();
        assert!(!stopping.has_stopped());
        let stopped = catch_unwind(AssertUnwindSafe(|| dm.version().is_ok())).unwrap_err();
        assert!(stopped.is::<Stopped>() && stopping.has_stopped());
        assert!(dm.version().is_err());
        assert_eq!(kernel.0.load(Ordering::SeqCst), 1);
    }

    #[test]
    fn a_stop_at_0_has_happened_before_the_first_command() {
        let (kernel, dm) = counting();
        let stopping = StopAt::new(&dm, 0);
        assert!(stopping.has_stopped() && stopping.dm().version().is_err());
        assert_eq!(kernel.0.load(Ordering::SeqCst), 0);
    }
}
