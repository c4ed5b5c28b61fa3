//! Every command of dm-core against a real kernel: what the kernel does, not what the library expects.
//!
//! What needs real hardware, udev, sysfs, file systems or other processes: all the rest is in the test program `conformance`.
//! A module is a command, or a few that belong together. What changes more than the test's own devices is in the test
//! program `whole_host`.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod data;
mod geometry;
mod info;
mod load;
mod message;
mod status;
mod support;
mod suspend;
mod sysfs;
mod uevents;
mod versions;
