//! Commands that affect every mapped device of the host, and the control node. Tests run one at a time, and those that
//! could harm other programs only in throw-away kernels.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::sync::{Mutex, MutexGuard, PoisonError};

mod open;
mod poll;
mod remove_all;

/// SectorContent by each test, even if an earlier one has panicked.
fn alone() -> MutexGuard<'static, ()> {
    static ALONE: Mutex<()> = Mutex::new(());
    ALONE.lock().unwrap_or_else(PoisonError::into_inner)
}
