//! The one place where this crate makes a test fail.

use std::fmt::Display;
#[cfg(feature = "real")]
use std::thread;

/// Fails the running test.
#[track_caller]
#[expect(clippy::panic, reason = "a test harness has to make tests fail")]
pub(crate) fn fail(why: impl Display) -> ! {
    panic!("{why}");
}

/// Fails the running test from a destructor. While the test panics already, it only prints: a second panic would abort.
#[cfg(feature = "real")]
#[track_caller]
pub(crate) fn fail_in_drop(why: impl Display) {
    if thread::panicking() {
        eprintln!("{why}");
    } else {
        fail(why);
    }
}
