//! A transport that answers according to a script instead of a kernel, and records requests.
//!
//! ```ignore
//! let (dm, sent) = Script::new().answer(Command::DeviceInfo, Answer::new().event_nr(7)).refuse_nth(2, EBUSY).start();
//! ```
//!
//! Shared by several test programs, each of which uses a part of it.
#![allow(
    dead_code,
    unreachable_pub,
    unused_imports,
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a panic is how a test fails"
)]

mod answer;
mod payloads;
mod request;
mod script;

pub use answer::{Answer, HEADER_SIZE, put};
pub use payloads::{Layout, deps, devices, lines, versions};
pub use request::Request;
pub use script::Script;

pub const EINTR: i32 = 4;
pub const EIO: i32 = 5;
pub const ENXIO: i32 = 6;
pub const EACCES: i32 = 13;
pub const EBUSY: i32 = 16;
pub const ENOENT: i32 = 2;
pub const ENOTDIR: i32 = nix::libc::ENOTDIR;
pub const ELOOP: i32 = nix::libc::ELOOP;
pub const ENODEV: i32 = 19;
pub const EINVAL: i32 = 22;
