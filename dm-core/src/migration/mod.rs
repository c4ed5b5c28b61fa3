//! Tables of replacements, for programs that move from another library to this crate.
//!
//! Each page has the table for one library or program. Its column *there* has the public items of that library, and its
//! column *here* has their replacements. A dash means that an item has no replacement; the reason follows the dash.
//!
//! | page | from |
//! |---|---|
//! | [`devicemapper`] | the Rust crate `devicemapper`, 0.25 to 0.34 |
//! | [`devicemapper_0_4`] | the same crate, 0.4.0 to 0.4.7 |
//! | [`units`] | the units and constants of all these versions |
//! | [`libdevmapper`] | the C library libdevmapper, 1.02 |
//! | [`dmsetup`] | the program dmsetup, 1.02 |
//! | [`cryptsetup`] | cryptsetup's use of libdevmapper |
//! | [`docker`] | Docker's Go packages `devicemapper` and `loopback` |
//!
//! Tables, statuses and messages of targets, and whole devices, are in the crate `dm-targets`, which has its own
//! migration pages.
//!
//! # General differences
//!
//! - A command is a method of [`Dm`]. A call sends one ioctl. If the reply does not fit into the buffer, the call
//!   repeats the ioctl. After a refusal, it may send another ioctl to find the reason. Commands do not wait for udev.
//!   An operation is a method of [`Host`]: it sends several commands, waits for udev, and undoes its steps if one
//!   fails.
//! - Each command has a `…_with` method, with the options that the kernel supports for this command.
//! - A device is identified by its name, its uuid or its number: see [`AsDevId`]. A name can be given as text.
//! - Text can contain any byte except NUL, as in the kernel. Numbers are parsed in the form in which the kernel prints
//!   them.
//! - Predicates such as [`is_busy`](crate::Error::is_busy) tell errors apart.

#[cfg(doc)]
use crate::{AsDevId, Dm, Host};

pub mod cryptsetup;
pub mod devicemapper;
pub mod devicemapper_0_4;
pub mod dmsetup;
pub mod docker;
pub mod libdevmapper;
pub mod units;
