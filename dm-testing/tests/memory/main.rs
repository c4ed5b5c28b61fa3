//! Tests that only the kernel in memory can run: of failures, its log, and its clock.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod disks;
mod old_interfaces;
mod pool_tools;
mod resume_faults;
mod snapshot;
mod support;
mod thin;
mod thin_failures;
mod thin_space;
