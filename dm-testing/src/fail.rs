//! The one place where this crate makes a test fail.

use std::fmt::Display;
use std::thread;

/// Fails the running test.
#[track_caller]
#[expect(clippy::panic, reason = "failing is what a test harness is for")]
pub(crate) fn fail(why: impl Display) -> ! {
    panic!("{why}");
}

/// Fails the running test from a destructor, where another panic must not be added to one that is under way.
#[track_caller]
pub(crate) fn fail_in_drop(why: impl Display) {
    if thread::panicking() {
        eprintln!("{why}");
    } else {
        fail(why);
    }
}
