//! Operations on a real kernel in difficult situations: udev is missing, stopped or in another namespace, I/O is stuck,
//! loggers write to a suspended device, or a command fails or the process ends at any command.
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
