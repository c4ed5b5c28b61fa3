//! Makes tests fail. Apart from the stop of a program by [`StopAt`](crate::StopAt), and from panics of a program or a
//! check that [`Sweep`](crate::Sweep) passes on, this crate panics on purpose only here.

use std::fmt::Display;
#[cfg(feature = "real")]
use std::thread;

/// Fails the running test.
#[track_caller]
#[expect(clippy::panic, reason = "a test harness has to make tests fail")]
pub(crate) fn fail(why: impl Display) -> ! {
    panic!("{why}");
}

/// Fails the running test from a destructor. If the test is panicking already, it only prints, since a second panic
/// would abort.
#[cfg(feature = "real")]
#[track_caller]
pub(crate) fn fail_in_drop(why: impl Display) {
    if thread::panicking() {
        eprintln!("{why}");
    } else {
        fail(why);
    }
}
