//! Commands that concern every mapped device of the host, and the node they are sent through: one test at a time, and what
//! could harm others in a kernel that is thrown away only.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::sync::{Mutex, MutexGuard, PoisonError};

mod open;
mod poll;
mod remove_all;

/// Held by each test, whatever became of the one before.
fn alone() -> MutexGuard<'static, ()> {
    static ALONE: Mutex<()> = Mutex::new(());
    ALONE.lock().unwrap_or_else(PoisonError::into_inner)
}
