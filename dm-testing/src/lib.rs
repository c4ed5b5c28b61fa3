//! Tests of device-mapper code against a real kernel.
//!
//! - [`Scratch`]: unique names, and the removal of all that a test has made, whatever happens to it.
//! - [`require`]: what a test needs. A test that can't run is counted or fails, but never looks like one that passed.
//! - [`LoopDevice`]: files that look like disks.
//! - [`Pattern`]: data that tells where it belongs, written to and read from the device itself.
//! - [`FaultyDisk`]: a disk that fails, loses writes, is slow or hangs when a test says so.
//! - [`FailAt`], [`StopAt`]: commands that fail, or at which the program stops, wherever a test says so.
//! - [`wait_until`]: waiting with a timeout.
//!
//! # Use in another project
//!
//! As a development dependency, beside `dm-core` and `dm-units`. Its build needs libclang, for the crate `loopdev`. Tests that
//! use it need root and a kernel with a device mapper, so they are marked `#[ignore]`, and run as root:
//!
//! ```no_run
//! // tests/mirror.rs
//! use dm_testing::{Pattern, Scratch, require};
//! use dm_core::TargetLine;
//! use dm_units::{Bytes, Sectors};
//!
//! # /*
//! #[test]
//! #[ignore = "needs root and device mapper"]
//! # */
//! fn both_halves_are_one_device() {
//!     let Some(scratch) = Scratch::new(&[require::target("linear")]) else { return };
//!     let halves = [1, 2].map(|_| scratch.loop_device(Bytes(1 << 20)).unwrap());
//!     let size = halves[0].size();
//!     let lines = [(Sectors(0), &halves[0]), (size, &halves[1])]
//!         .map(|(start, half)| TargetLine::text(start, size, "linear", format!("{} 0", half.number())));
//!     let whole = scratch.map("whole", lines).unwrap();
//!
//!     let pattern = Pattern::new(1);
//!     pattern.write(&whole.path(), Sectors(0), size * 2).unwrap();
//!     pattern.verify(halves[0].path(), Sectors(0), size).unwrap();
//!     pattern.moved(size, Sectors(0)).verify(halves[1].path(), Sectors(0), size).unwrap();
//! }
//! # fn main() { both_halves_are_one_device() }
//! ```
//!
//! ```text
//! cargo test --test mirror -- --ignored
//! ```
//!
//! If there is no such kernel, `cargo xtask guest -- COMMAND` in this crate's repository runs a test program as root in a
//! throw-away one.
//!
//! # What a failure looks like
//!
//! Functions return errors; a test unwraps them. This crate itself fails a test in three cases only: a requirement is not met
//! and skips are not counted; something that the test made can't be removed; the control node does not work.

mod cleanup;
mod error;
mod fail;
mod fail_at;
mod fault;
mod held;
mod loop_device;
mod pattern;
pub mod require;
mod scratch;
mod test_name;
mod wait;

pub use error::{Error, Result};
pub use fail_at::{FailAt, StopAt, Stopped};
pub use fault::{Fault, FaultyDisk};
pub use held::Held;
pub use loop_device::{LoopDevice, LoopOptions};
pub use pattern::Pattern;
pub use scratch::{MappedDevice, Scratch};
pub use wait::wait_until;

/// Compiles the first programs of the workspace's README.
#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
struct WorkspaceReadme;

/// Compiles the program of this crate's README.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
