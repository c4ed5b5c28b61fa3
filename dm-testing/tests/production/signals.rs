//! Operations while signals arrive continuously.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use dm_core::Step;
use dm_testing::{Scratch, require, wait_until};
use nix::sys::pthread::{Pthread, pthread_kill, pthread_self};
use nix::sys::signal::Signal;
use signal_hook::low_level::unregister;

use crate::cookies::{CookieWatch, has_link, has_no_link, without_slow_rules};
use crate::support::{Io, LENGTH, PATIENTLY, SOON, exists, info, linear, zero};

/// Ends the signals, also after a panic.
struct Done<'a>(&'a AtomicBool);

impl Drop for Done<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// Runs an action while this thread handles a signal every millisecond, which interrupts `poll(2)`, sleeping and the
/// kernel's wait for I/O.
pub(crate) fn under_signals<R>(action: impl FnOnce() -> R) -> R {
    let seen = Arc::new(AtomicBool::new(false));
    let handler = signal_hook::flag::register(Signal::SIGUSR1 as i32, Arc::clone(&seen)).unwrap();
    // As a number, since the thread handle of musl is a pointer, which another thread cannot take.
    let (done, target) = (AtomicBool::new(false), pthread_self() as u64);
    let result = thread::scope(|scope| {
        let _done = Done(&done);
        scope.spawn(|| {
            while !done.load(Ordering::Relaxed) {
                pthread_kill(target as Pthread, Signal::SIGUSR1).unwrap();
                thread::sleep(Duration::from_millis(1));
            }
        });
        wait_until("the first signal", SOON, || seen.load(Ordering::Relaxed)).unwrap();
        action()
    });
    // The default action is not restored, since late signals would then kill the process.
    unregister(handler);
    result
}

#[test]
#[ignore = "needs root and device mapper: cargo xtask test-root"]
fn signals_do_not_disturb_work_with_udev() {
    const ROUNDS: usize = 3;
    let Some(scratch) = Scratch::new(&[require::target("zero"), require::udev()]) else { return };
    let (watch, host) = (CookieWatch::new(), scratch.host());
    assert_eq!(host.udev().check_cookies(), Ok(()));
    let [old, new] = ["old", "new"].map(|suffix| scratch.name(suffix).unwrap());
    under_signals(|| {
        for _ in 0..ROUNDS {
            let batch = host.batch();
            let number = batch.create_with(&old, [zero()], without_slow_rules()).unwrap().number();
            batch.rename(&old, &new).unwrap();
            batch.finish().unwrap();
            assert!(has_link(&new, number) && has_no_link(&old));
            host.remove_with(number, PATIENTLY).unwrap();
            assert!(has_no_link(&new) && !exists(&scratch, &new));
        }
    });
    watch.assert_no_new_cookies();
}

/// A signal interrupts a suspend that waits for I/O, and so the reload.
#[test]
#[ignore = "needs root and device mapper: cargo xtask test-root"]
fn a_reload_under_io_and_signals_is_done_or_undone() {
    const TIME: Duration = Duration::from_secs(2);
    let Some(scratch) = Scratch::new(&[require::target("linear")]) else { return };
    let disk = scratch.loop_device(LENGTH.to_bytes()).unwrap().number();
    let device = scratch.map("device", [linear(disk)]).unwrap();
    let io = Io::start(&device);
    let (mut done, mut interrupted): (usize, usize) = (0, 0);
    under_signals(|| {
        let begun = Instant::now();
        while begun.elapsed() < TIME {
            match scratch.host().reload(&device, [linear(disk)]) {
                Ok(_) => done = done.saturating_add(1),
                Err(error) => {
                    assert!(error.is_interrupted() && error.is_undone() && error.step() == Step::Suspend, "{error}");
                    interrupted = interrupted.saturating_add(1);
                }
            }
            let state = info(&scratch, &device);
            assert!(!state.is_suspended() && !state.has_inactive_table(), "{state:?}");
        }
    });
    println!("{done} reloads done, {interrupted} interrupted");
    assert!(done > 0);
    io.end();
}
