//! Compatibility with Debian's dmsetup: each finds the devices of the other, both count in the same cookies, the
//! example `dmsetup` answers a script like the original, and udev works with the example instead.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "../production/daemon.rs"]
#[allow(dead_code, reason = "shared with another test program")]
mod daemon;
#[path = "../production/support.rs"]
#[allow(dead_code, reason = "shared with another test program")]
mod support;

mod cookies;
mod initramfs;
mod names;
mod nodes;
mod original;
mod read_ahead;
mod twin;
