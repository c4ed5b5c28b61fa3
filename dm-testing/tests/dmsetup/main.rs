//! Side by side with Debian's dmsetup: devices that each makes and the other finds, cookies that both count, and a script of
//! commands that the example `dmsetup` answers as the original does; and udev with the example in its place.
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
