//! The users of a device, also among hostile processes, and block devices of real kernels.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod block;
mod fuse;
mod hostile;
mod support;
mod users;
