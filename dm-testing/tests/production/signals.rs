//! Signals that come all the time.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use dm_core::udev::{Strategy, Udev};
use dm_core::{Buffer, ReloadOptions, RenameOptions, SetupOptions};
use dm_testing::{Scratch, require};
use nix::sys::pthread::{pthread_kill, pthread_self};
use nix::sys::signal::Signal;
use signal_hook::low_level::unregister;

use crate::cookies::Watch;
use crate::support::{Io, LENGTH, REMOVE, exists, linear};

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
        action()
    });
    assert!(seen.load(Ordering::Relaxed), "there was no signal");
    // What is still to come is handled by nobody, which is why the default is not restored.
    unregister(handler);
    result
}

const ROUNDS: usize = 4;

#[test]
#[ignore = "needs root and device mapper: cargo xtask test-root"]
fn signals_break_nothing() {
    let Some(scratch) = Scratch::new(&[require::target("linear"), require::udev()]) else { return };
    let watch = Watch::new();
    let disk = scratch.loop_device(LENGTH.to_bytes()).unwrap().number();
    let udev = Udev::new(Strategy::Cookies).unwrap();
    let (dm, mut buffer) = (scratch.dm(), Buffer::new());
    let [old, new] = ["old", "new"].map(|suffix| scratch.name(suffix).unwrap());
    let busy = scratch.map("busy", [linear(disk)]).unwrap();
    let io = Io::start(&busy);
    under_signals(|| {
        for _ in 0..ROUNDS {
            let mut batch = udev.batch().unwrap();
            let number =
                batch.setup(dm, &mut buffer, old.as_borrowed(), [linear(disk)], SetupOptions::new()).unwrap().number();
            batch.rename(dm, old.as_borrowed(), new.as_borrowed(), RenameOptions::new()).unwrap();
            batch.finish().unwrap();
            assert_eq!(
                udev.path_of(new.as_borrowed(), number).unwrap(),
                dm_core::paths::mapper_path(new.as_borrowed())
            );
            dm.device_reload(&mut buffer, busy.number(), [linear(disk)], ReloadOptions::new()).unwrap();
            let mut batch = udev.batch().unwrap();
            batch.remove(dm, number, REMOVE).unwrap();
            batch.finish().unwrap();
            assert!(!exists(&scratch, &new));
        }
    });
    io.end();
    watch.nothing_is_left();
}
