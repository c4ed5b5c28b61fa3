//! Who uses a device, also where those who are looked at are hostile, and block devices of real kernels.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod block;
mod fuse;
mod hostile;
mod support;
mod users;
