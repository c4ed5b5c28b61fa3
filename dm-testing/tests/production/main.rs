//! The needs of a production host: busy devices, the kernel's reasons, undo, clean-up after a killed program, events,
//! trees, and cooperation with udev, which some tests stop, kill and start again.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod busy;
mod child;
mod cookies;
mod daemon;
mod endurance;
mod event_loops;
mod events;
mod kernel_log;
mod paths;
mod recover;
mod reload;
mod secrets;
mod setup;
mod signals;
mod strategies;
mod support;
mod threads;
mod trees;
