//! Tests device-mapper code in memory, without root, with a failure at every command. Has helpers for tests on a real
//! kernel as well.
//!
//! - [`MemoryKernel`]: a device mapper and disks in memory. Code that takes a [`Host`](dm_core::Host) or a
//!   [`Dm`](dm_core::Dm) runs on it unchanged, in milliseconds, on [Linux, macOS and FreeBSD](#systems).
//! - [`FailAt`]: makes a chosen command fail.
//! - [`StopAt`]: stops the program at a chosen command, as if it had been killed there.
//! - [`Sweep`]: runs a program repeatedly, and in each run makes another command fail or stops the program there.
//! - [`TestKernel`]: lets the same test run in memory and on a real kernel.
//!
//! For real kernels, with the feature `real`, which is on by default:
//!
//! - `Scratch`: makes unique names and loop devices, and removes the test's devices at the end, also after a panic.
//! - `require`: checks what a test needs. If something is missing, the test fails, or is recorded as skipped if the
//!   environment variable `DM_TESTING_DIR` is set.
//! - `LoopDevice`: uses a file as a disk.
//! - `Pattern`: data that encodes its location, so that a test detects misplaced data and not only missing data.
//! - `FaultyDisk`: a disk that fails, loses writes, is slow or hangs. A test can change the fault during I/O.
//! - `wait_until`: waits for a condition, with a timeout.
//!
//! # A test in memory
//!
//! The code under test makes one device from two disks. The tests check that the device works, and that nothing is left
//! when a command fails.
//!
//! ```
//! use dm_core::{Host, OpError, TargetLine};
//! use dm_testing::{FailAt, MemoryKernel};
//! use dm_units::{Bytes, DeviceNumber, Sectors};
//!
//! /// The code under test.
//! fn join(host: &Host, name: &str, disks: [DeviceNumber; 2], size: Sectors) -> Result<(), OpError> {
//!     let line = |start, disk| TargetLine::text(start, size, "linear", format!("{disk} 0"));
//!     host.create(name, [line(Sectors(0), disks[0]), line(size, disks[1])]).map(drop)
//! }
//!
//! // #[test]
//! fn both_disks_are_one_device() {
//!     let memory = MemoryKernel::new();
//!     let disks = [(); 2].map(|()| memory.disk(Bytes(1 << 20)));
//!     join(&memory.host(), "whole", [disks[0].number(), disks[1].number()], disks[0].size()).unwrap();
//!
//!     memory.write("whole", disks[0].size(), &[7; 512]).unwrap();
//!     let mut first = [0; 512];
//!     disks[1].read(Sectors(0), &mut first).unwrap();
//!     assert_eq!(first, [7; 512]);
//! }
//!
//! // #[test]
//! fn nothing_is_left_when_a_command_fails() {
//!     const ENOMEM: i32 = 12;
//!     let memory = MemoryKernel::new();
//!     let disks = [(); 2].map(|()| memory.disk(Bytes(1 << 20)));
//!     for n in 1..=3 {
//!         let host = Host::new(FailAt::new(&memory.dm(), n, ENOMEM).dm());
//!         join(&host, "whole", [disks[0].number(), disks[1].number()], disks[0].size()).unwrap_err();
//!         assert!(memory.dm().list_devices().unwrap().iter().next().is_none());
//!     }
//! }
//! # both_disks_are_one_device();
//! # nothing_is_left_when_a_command_fails();
//! ```
//!
//! # A test on a real kernel
//!
//! The test needs root and a kernel with a device mapper, so it is marked `#[ignore]` and run as root. Building this
//! crate with the feature `real` needs libclang, for the crate `loopdev-3`.
//!
//! ```no_run
//! # #[cfg(feature = "real")]
//! # mod example {
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
//! # }
//! ```
//!
//! ```text
//! cargo test --test mirror -- --ignored
//! ```
//!
//! Without root or such a kernel, run `cargo xtask guest -- COMMAND` in this crate's repository. It runs the test
//! program `COMMAND` as root in a throw-away kernel.
//!
//! # Systems
//!
//! The kernel in memory needs nothing from the system but socket pairs. Tests in memory therefore also run on macOS and
//! FreeBSD, and test the same code as on Linux:
//!
//! ```toml
//! [dev-dependencies]
//! dm-testing = { version = "0.1", default-features = false }
//! ```
//!
//! These systems differ from Linux as follows:
//!
//! - [`Dm::open`](dm_core::Dm::open) returns [`OpenError::NotLinux`](dm_core::OpenError::NotLinux).
//! - Calls that inspect the machine itself, such as its disks or the users of a device, fail or find nothing. See
//!   dm-core's [page on platforms](dm_core::_documentation::platform#systems).
//! - Errnos have the numbers of the system that runs the test, also as arguments of [`FailAt`] and [`Sweep::errnos`].
//!   Write `libc::ENOTCONN`, not 107. FreeBSD, OpenBSD and DragonFly have no `ENODATA`; write
//!   [`Errno::ENODATA`](dm_core::Errno::ENODATA).
//! - The feature `real` and [`MemoryUdev`](memory::MemoryUdev) are not available.
//!
//! `cargo xtask platforms` compiles this crate for macOS (x86_64 and aarch64) and FreeBSD. The crate's own tests have
//! run on Linux only.
//!
//! # Failing tests
//!
//! Most functions return errors, which a test unwraps. The following panic instead, as their docs describe:
//!
//! - the functions of [`TestKernel`] and [`MemoryKernel`] that make handles, names and disks;
//! - [`Sweep::run`], if a check fails;
//! - the check of requirements, if one is not met and the skip cannot be recorded;
//! - the drop of a `Scratch` or a `LoopDevice`, if it cannot remove what the test made.

#![cfg_attr(docsrs, feature(doc_cfg))]

mod fail;
mod fail_at;
pub mod memory;
#[cfg(feature = "real")]
mod real;
mod sweep;
mod test_kernel;

pub use fail_at::{FailAt, StopAt, Stopped};
pub use memory::MemoryKernel;
#[cfg(feature = "real")]
pub use real::{
    AttachedLoop, Error, Fault, FaultyDisk, LoopDevice, LoopOptions, MappedDevice, Pattern, Result, Scratch,
    SectorContent, require, wait_until,
};
pub use sweep::{Outcome, Sweep, SweepReport};
pub use test_kernel::TestKernel;

/// Compiles the first programs of the workspace's README.
#[cfg(all(doctest, feature = "real"))]
#[doc = include_str!("workspace-readme.md")]
struct WorkspaceReadme;

/// Compiles the program of this crate's README.
#[cfg(all(doctest, feature = "real"))]
#[doc = include_str!("../README.md")]
struct Readme;
