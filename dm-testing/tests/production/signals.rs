//! Signals that come all the time.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use dm_core::udev::{Strategy, Udev};
use dm_core::{Buffer, ReloadOptions, RenameOptions, SetupOptions};
use dm_testing::{Scratch, require, wait_until};
use nix::sys::pthread::{pthread_kill, pthread_self};
use nix::sys::signal::Signal;
use signal_hook::low_level::unregister;

use crate::cookies::{QUICK, Watch, has_link, has_no_link};
use crate::support::{Io, LENGTH, REMOVE, SOON, exists, info, linear, zero};

/// Ends the signals, also by a panic.
struct Done<'a>(&'a AtomicBool);

impl Drop for Done<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// Does something while this thread gets a signal every millisecond, which it handles. That ends `poll(2)` and sleeping
/// early; the kernel begins ioctls that can be interrupted anew.
pub(crate) fn under_signals<R>(action: impl FnOnce() -> R) -> R {
    let seen = Arc::new(AtomicBool::new(false));
    let handler = signal_hook::flag::register(Signal::SIGUSR1 as i32, Arc::clone(&seen)).unwrap();
    let (done, target) = (AtomicBool::new(false), pthread_self());
    let result = thread::scope(|scope| {
        let _done = Done(&done);
        scope.spawn(|| {
            while !done.load(Ordering::Relaxed) {
                pthread_kill(target, Signal::SIGUSR1).unwrap();
                thread::sleep(Duration::from_millis(1));
            }
        });
        wait_until("the first signal", SOON, || seen.load(Ordering::Relaxed)).unwrap();
        action()
    });
    // What is still to come is handled by nobody, which is why the default is not restored.
    unregister(handler);
    result
}

#[test]
#[ignore = "needs root and device mapper: cargo xtask test-root"]
fn signals_do_not_disturb_work_with_udev() {
    const ROUNDS: usize = 3;
    let Some(scratch) = Scratch::new(&[require::target("zero"), require::udev()]) else { return };
    let watch = Watch::new();
    let udev = Udev::new(Strategy::Cookies).unwrap();
    let [old, new] = ["old", "new"].map(|suffix| scratch.name(suffix).unwrap());
    let (old, new) = (old.as_borrowed(), new.as_borrowed());
    under_signals(|| {
        for _ in 0..ROUNDS {
            let mut batch = udev.batch().unwrap();
            batch.set_flags(QUICK);
            let made = batch.setup(scratch.dm(), &mut Buffer::new(), old, [zero()], SetupOptions::new()).unwrap();
            batch.rename(scratch.dm(), old, new, RenameOptions::new()).unwrap();
            batch.finish().unwrap();
            assert!(has_link(new, made.number()) && has_no_link(old));
            let mut batch = udev.batch().unwrap();
            batch.set_flags(QUICK);
            batch.remove(scratch.dm(), made.number(), REMOVE).unwrap();
            batch.finish().unwrap();
            assert!(has_no_link(new) && !exists(&scratch, new));
        }
    });
    watch.nothing_is_left();
}

#[test]
#[ignore = "needs root and device mapper: cargo xtask test-root"]
fn signals_do_not_disturb_a_reload_under_io() {
    const TIME: Duration = Duration::from_secs(1);
    let Some(scratch) = Scratch::new(&[require::target("linear")]) else { return };
    let disk = scratch.loop_device(LENGTH.to_bytes()).unwrap().number();
    let device = scratch.map("device", [linear(disk)]).unwrap();
    let io = Io::start(&device);
    under_signals(|| {
        let begun = Instant::now();
        while begun.elapsed() < TIME {
            let (buffer, lines) = (&mut Buffer::new(), [linear(disk)]);
            scratch.dm().device_reload(buffer, device.number(), lines, ReloadOptions::new()).unwrap();
            assert!(!info(&scratch, device.number()).is_suspended());
        }
    });
    io.end();
}
