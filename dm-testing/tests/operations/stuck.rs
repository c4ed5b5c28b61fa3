//! Suspends while I/O does not complete.

use std::fs::OpenOptions;
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use dm_core::{Dm, OpError, ReloadOptions, Step, Steps, SuspendPolicy};
use dm_testing::{MappedDevice, Pattern, Scratch, require, wait_until};
use dm_units::{DeviceNumber, Sectors};
use nix::sys::pthread::{Pthread, pthread_kill, pthread_self};
use nix::sys::signal::Signal;

use crate::support::{LENGTH, SOON, info, linear, settle};

const TIMEOUT: Duration = Duration::from_millis(400);

/// A device on a suspended one, with a write that waits there.
struct Stuck<'s> {
    scratch: &'s Scratch,
    lower: MappedDevice,
    upper: MappedDevice,
    writer: Option<thread::JoinHandle<()>>,
    watchdog: Option<Watchdog>,
}

/// Completes the write if an operation does not return, so that the test can fail.
struct Watchdog {
    step: Arc<Mutex<(String, Instant)>>,
    over: mpsc::Sender<()>,
    bit: thread::JoinHandle<Option<String>>,
}

impl Watchdog {
    fn new(dm: Dm, lower: DeviceNumber) -> Self {
        let step = Arc::new(Mutex::new((String::new(), Instant::now())));
        let (over, is_over) = mpsc::channel();
        let watched = Arc::clone(&step);
        let bit = thread::spawn(move || {
            while is_over.recv_timeout(TIMEOUT).is_err_and(|error| error == mpsc::RecvTimeoutError::Timeout) {
                let (step, begun) = watched.lock().unwrap().clone();
                if begun.elapsed() > SOON {
                    dm.device_resume(lower).unwrap();
                    return Some(step);
                }
            }
            None
        });
        Self { step, over, bit }
    }
}

/// The way of writing.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Write {
    /// Directly to the device.
    Direct,
    /// Through the page cache, which a suspend writes back first.
    Cached,
}

impl<'s> Stuck<'s> {
    fn new(scratch: &'s Scratch, write: Write) -> Self {
        let disk = scratch.loop_device(LENGTH.to_bytes()).unwrap();
        let lower = scratch.map("lower", [linear(disk.number())]).unwrap();
        let upper = scratch.map("upper", [linear(lower.number())]).unwrap();
        // Programs that open new devices would block as well.
        settle();
        scratch.dm().device_suspend(&lower).unwrap();
        let path = upper.path();
        let writer = thread::spawn(move || {
            if write == Write::Direct {
                return Pattern::new(7).write(&path, Sectors(0), Sectors(8)).unwrap();
            }
            let mut file = OpenOptions::new().write(true).custom_flags(nix::libc::O_SYNC).open(path).unwrap();
            file.write_all(&[7; 4096]).unwrap();
        });
        let stat = format!("/sys/dev/block/{}/inflight", upper.number());
        let is_under_way = || {
            let text = std::fs::read_to_string(&stat).unwrap();
            text.split_ascii_whitespace().any(|count| count != "0")
        };
        wait_until("the write to be under way", SOON, is_under_way).unwrap();
        let watchdog = Watchdog::new(scratch.dm().clone(), lower.number());
        Self { scratch, lower, upper, writer: Some(writer), watchdog: Some(watchdog) }
    }

    /// The error of an operation.
    fn error_of<T: std::fmt::Debug>(&self, step: &str, operation: impl FnOnce() -> Result<T, OpError>) -> OpError {
        *self.watchdog.as_ref().unwrap().step.lock().unwrap() = (step.to_owned(), Instant::now());
        operation().unwrap_err()
    }

    /// Completes the write.
    fn end(&mut self) {
        if let Some((writer, watchdog)) = self.writer.take().zip(self.watchdog.take()) {
            self.scratch.dm().device_resume(&self.lower).unwrap();
            writer.join().unwrap();
            let _ = watchdog.over.send(());
            let bit = watchdog.bit.join().unwrap();
            assert!(thread::panicking() || bit.is_none(), "{bit:?} did not end");
        }
    }

    fn is_as_before(&self) {
        let state = info(self.scratch, &self.upper);
        assert!(!state.is_suspended() && !state.has_inactive_table() && state.has_active_table(), "{state:?}");
    }
}

impl Drop for Stuck<'_> {
    fn drop(&mut self) {
        self.end();
        Pattern::new(1).write(&self.upper.path(), Sectors(0), LENGTH).unwrap();
    }
}

#[test]
#[ignore = "needs root and device mapper: cargo xtask test-root"]
fn a_timeout_ends_a_suspension_and_the_device_is_as_before() {
    let Some(scratch) = Scratch::new(&[require::target("linear")]) else { return };
    let stuck = Stuck::new(&scratch, Write::Direct);
    let (host, policy) = (scratch.host(), SuspendPolicy::new().timeout(TIMEOUT));
    let begun = Instant::now();
    let line = || [linear(stuck.lower.number())];
    let errors = [
        stuck.error_of("suspend", || host.suspend_with(&stuck.upper, policy)),
        stuck.error_of("reload", || host.reload_with(&stuck.upper, line(), ReloadOptions::new().suspend(policy))),
        stuck.error_of("while_suspended", || host.while_suspended_with(&stuck.upper, Steps::new(), policy)),
        stuck.error_of("suspend_stack", || host.suspend_stack_with(&stuck.upper, policy)),
    ];
    assert!((TIMEOUT..SOON).contains(&begun.elapsed()), "{:?}", begun.elapsed());
    for error in errors {
        assert!(error.is_timed_out() && error.is_undone() && error.step() == Step::Suspend, "{error}");
        assert!(!error.is_interrupted() && !error.is_busy(), "{error}");
    }
    stuck.is_as_before();
}

#[test]
#[ignore = "needs root and device mapper: cargo xtask test-root"]
fn an_abandoned_suspend_has_no_effect_later() {
    let Some(scratch) = Scratch::new(&[require::target("linear")]) else { return };
    let mut stuck = Stuck::new(&scratch, Write::Cached);
    let policy = SuspendPolicy::new().timeout(TIMEOUT);
    let error = stuck.error_of("suspend", || scratch.host().suspend_with(&stuck.upper, policy));
    assert!(error.is_timed_out() && error.is_undone(), "{error}");
    stuck.is_as_before();
    stuck.end();
    // The abandoned process now suspends the device, and resumes it.
    thread::sleep(TIMEOUT.saturating_mul(3));
    stuck.is_as_before();
}

/// Sends this thread a signal with an empty handler repeatedly, until it is dropped.
struct Signals(Arc<AtomicBool>, Option<thread::JoinHandle<()>>);

impl Signals {
    fn new() -> Self {
        let seen = Arc::new(AtomicBool::new(false));
        signal_hook::flag::register(Signal::SIGUSR2 as i32, seen).unwrap();
        // As a number, since the thread handle of musl is a pointer, which another thread cannot take.
        let (over, target) = (Arc::new(AtomicBool::new(false)), pthread_self() as u64);
        let is_over = Arc::clone(&over);
        let sender = thread::spawn(move || {
            while !is_over.load(Ordering::SeqCst) {
                thread::sleep(TIMEOUT);
                pthread_kill(target as Pthread, Signal::SIGUSR2).unwrap();
            }
        });
        Self(over, Some(sender))
    }
}

impl Drop for Signals {
    fn drop(&mut self) {
        self.0.store(true, Ordering::SeqCst);
        self.1.take().unwrap().join().unwrap();
    }
}

#[test]
#[ignore = "needs root and device mapper: cargo xtask test-root"]
fn a_signal_ends_a_suspension_and_the_device_is_as_before() {
    let Some(scratch) = Scratch::new(&[require::target("linear")]) else { return };
    let stuck = Stuck::new(&scratch, Write::Direct);
    let host = scratch.host();
    // With a handler that restarts system calls, the signal ends a wait only if there is a timeout: since 6.12 the
    // kernel's wait is restarted.
    let policy = SuspendPolicy::new().timeout(SOON.saturating_mul(2));
    let reload = ReloadOptions::new().suspend(policy);
    let signals = Signals::new();
    let errors = [
        stuck.error_of("suspend", || host.suspend_with(&stuck.upper, policy)),
        stuck.error_of("reload", || host.reload_with(&stuck.upper, [linear(stuck.lower.number())], reload)),
        stuck.error_of("while_suspended", || host.while_suspended_with(&stuck.upper, Steps::new(), policy)),
        stuck.error_of("suspend_stack", || host.suspend_stack_with(&stuck.upper, policy)),
    ];
    drop(signals);
    for error in errors {
        assert!(error.is_interrupted() && error.is_undone() && !error.is_timed_out(), "{error}");
    }
    stuck.is_as_before();
}
