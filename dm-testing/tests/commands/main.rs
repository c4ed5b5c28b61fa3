//! Every command of dm-core against a real kernel: what the kernel does, not what the library expects.
//!
//! A module is a command, or a few that belong together. What changes more than the test's own devices is in the test
//! program `whole_host`.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod buffers;
mod data;
mod deps;
mod geometry;
mod info;
mod list;
mod load;
mod message;
mod remove;
mod rename;
mod status;
mod support;
mod suspend;
mod threads;
mod uevents;
mod versions;
mod wait;
