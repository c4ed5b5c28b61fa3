//! For programs that come from another library: what it calls a thing, and what this crate calls it.
//!
//! One page per library or program; the column *there* names each of its public items, the column *here* links to what replaces it. A
//! dash means that nothing replaces it, and says why.
//!
//! | page | from |
//! |---|---|
//! | [`devicemapper`] | the Rust crate `devicemapper`, 0.25 to 0.34 |
//! | [`devicemapper_0_4`] | the same crate, 0.4.0 to 0.4.7 |
//! | [`units`] | the units and constants of all these versions |
//! | [`libdevmapper`] | the C library libdevmapper, 1.02 |
//! | [`dmsetup`] | the program dmsetup, 1.02 |
//! | [`cryptsetup`] | what cryptsetup does with libdevmapper |
//! | [`docker`] | Docker's Go packages `devicemapper` and `loopback` |
//!
//! Tables, statuses and messages of targets, and whole devices, are in the crate `dm-targets`, which has pages of its own.
//!
//! # What is different everywhere
//!
//! - A method of [`Dm`] is one ioctl: it neither retries nor waits for udev. What takes several commands, waits for udev or
//!   should be undone when a step fails is a method of [`Host`].
//! - Each command has options of its own, in a `…_with` method, with the flags that the kernel honours for it.
//! - A device is named by its name, as text as well, by its uuid or by its number: see [`AsDevId`].
//! - Text is what the kernel takes: any bytes without NUL. Numbers that a kernel prints are read as they are.
//! - Errors are asked by predicates, such as [`is_busy`](crate::Error::is_busy).

#[cfg(doc)]
use crate::{AsDevId, Dm, Host};

pub mod cryptsetup;
pub mod devicemapper;
pub mod devicemapper_0_4;
pub mod dmsetup;
pub mod docker;
pub mod libdevmapper;
pub mod units;
