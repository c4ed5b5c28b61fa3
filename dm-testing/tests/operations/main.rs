//! Operations on a real kernel in the situations that they must not be surprised by: a udev that is gone, stopped or elsewhere,
//! I/O that is stuck, loggers that write to what is suspended, failures and the end of the process at every command.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "../production/child.rs"]
#[allow(dead_code, reason = "shared with another test program")]
mod child;
#[path = "../production/daemon.rs"]
#[allow(dead_code, reason = "shared with another test program")]
mod daemon;
#[path = "../production/support.rs"]
#[allow(dead_code, reason = "shared with another test program")]
mod support;

mod busy;
mod containers;
mod links;
mod logger;
mod names;
mod permission;
mod snapshots;
mod stuck;
mod sweep;
mod without_udev;
