//! What it takes to run a host: busy devices, the kernel's reasons, commands that undo themselves, what a killed program
//! leaves behind, events, trees, and work together with udev, which some tests stop, kill and start again.
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
