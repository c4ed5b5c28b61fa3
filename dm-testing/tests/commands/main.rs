//! Every command of dm-core on a real kernel.
//!
//! These tests need real hardware, udev, sysfs, file systems or other processes; all others are in the test program
//! `conformance`. Each module is about one command or a few related ones. Tests that affect devices of other programs are in the
//! test program `whole_host`.
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
