//! The Linux device mapper, driven straight through its ioctls.
//!
//! There are two levels:
//!
//! - [`Dm`] has a method for every command of the control node. A call is one ioctl, repeated only if the reply does
//!   not fit into the buffer; a refusal may take one more to find its reason.
//! - [`Host`] has operations, which consist of several commands: set up a device, replace the table of a device in use,
//!   remove a device. They wait for udev. When a step fails, they are undone, or the error says what is left.
//!
//! The crate needs neither libdevmapper nor the kernel's headers, and the program finds out at run time what the kernel
//! supports.
//!
//! ```
//! use dm_core::{Host, TargetLine};
//! use dm_units::Sectors;
//!
//! # let _ = || {
//! let host = Host::open()?;
//! # Ok::<_, dm_core::OpenError>(host) };
//! # let memory = dm_testing::MemoryKernel::new();
//! # memory.disk_at(dm_units::DeviceNumber::new(7, 0), dm_units::Bytes(1 << 21));
//! # let host = memory.host();
//! let info = host.setup("first", [TargetLine::text(Sectors(0), Sectors(2048), "linear", "7:0 0")])?;
//! println!("first is {}", info.number());
//! for line in &host.dm().table_status("first")? {
//!     println!("{}", line?);
//! }
//! host.remove("first")?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # What is where
//!
//! | for | see |
//! |---|---|
//! | single commands and their replies | [`Dm`], [`DeviceInfo`], [`TableStatus`], [`DeviceList`] |
//! | operations, batches of them, and the state after a failure | [`Host`], [`Batch`], [`OpError`] |
//! | tables | [`TargetLine`]; typed ones in the crate `dm-targets` |
//! | udev, cookies, nodes | [`udev`] |
//! | events | [`EventPoller`], [`Dm::wait_event`] |
//! | dependencies between devices | [`DeviceTree`], [`Host::remove_stack`] |
//! | the users of a busy device; sizes and data of block devices; paths | [`users`], [`block`], [`paths`] |
//! | moving from another library | [`migration`] |
//! | design decisions, comparison with other libraries, platforms | [`_documentation`] |
//!
//! # What a command costs
//!
//! A command without payload is one ioctl with a header on the stack. A reply with a payload owns its memory and
//! returns it to its handle when it is dropped. A handle keeps at most four such buffers; while they suffice, such a
//! command is one ioctl as well and allocates nothing. If a reply does not fit, the command is repeated. Replies are
//! decoded while they are iterated. Offering the kernel more memory than needed is not free, since it copies all of it,
//! so a handle remembers how much each command needed last. Before a command for which the kernel logs the reason of an
//! error, the handle moves to the end of the log, which takes three short system calls: see
//! [`OpenOptions::kernel_log`]. `cargo xtask costs --whole` counts the instructions of whole calls, the kernel's part
//! included, and compares them with ioctls by hand.
//!
//! The memory after a request is zero when it is passed to the kernel. Some targets write nothing as their status
//! (`unstripe_status` and, for a few layouts, `raid_status`); the kernel then returns the bytes that the caller passed
//! as the text. If these had no NUL, a 6.12 kernel crashed.
//!
//! # Errors
//!
//! The [`Error`] of a refused command names the command, the device and the errno, and, if the kernel's log can be
//! read, the reason logged there. Its predicates ([`is_busy`](Error::is_busy), [`is_not_found`](Error::is_not_found),
//! …) take into account that an errno means different things for different commands. A malformed reply is an error as
//! well, never a panic. [`OpError`], the error of operations, also says which step failed and what is left. `Display`
//! does not repeat the text of the `source`, so print the whole chain, for example with `{:#}` of `anyhow`.
//!
//! # Keys
//!
//! Tables that may contain a key are recognized by the target type (`crypt`, `integrity`, `inlinecrypt`, Android's
//! `default-key`), messages by `key` at their start, and both by [`Payload::may_hold_key`]. They are sent with
//! `DM_SECURE_DATA_FLAG`, so that the kernel wipes its copies of the request. This crate wipes its own copies, and
//! `Debug`, `Display` and serde show at most the length.
//!
//! # Interface versions
//!
//! The kernel ignores unknown flags. Therefore each command is sent with the lowest interface version that has the
//! command and nearly all of its options. An older kernel refuses it, which is reported as [`Error::Unsupported`] with
//! both versions. With the option `if_possible`, an older kernel executes the command without the options that it
//! lacks; prefixes of lists, [`StatusKind::Ima`] and cookies with a semaphore are still [`Error::Unsupported`].
//!
//! # Features
//!
//! `serde`: replies and their parts can be serialized: [`DeviceInfo`], [`Flags`], [`DeviceList`], [`ListedDevice`],
//! [`Deps`], [`TableStatus`], [`TargetStatus`], [`Text`], [`TargetVersionList`] and [`TargetVersion`]. Names, uuids and
//! the types of the crate `dm-units` can also be deserialized. A [`TargetLine`] can be neither.

#![cfg_attr(docsrs, feature(doc_cfg))]

pub mod _documentation;
mod commands;
mod error;
mod events;
#[cfg(test)]
mod fake_host;
mod id;
mod machine;
pub mod migration;
mod node;
mod ops;
pub mod plan;
mod tree;
pub mod udev;
mod wire;

pub use commands::*;
pub use error::{Errno, Error, OpenError, PermissionReason, Refusal, RequestFault, Result};
pub use events::{Event, EventKind, EventPoller, PollerOptions};
pub use id::{
    AsDevId, AsDmName, DevId, DevIdBuf, DmName, DmNameBuf, DmUuid, DmUuidBuf, LvmParts, MangleError, Mangled,
    NameError, Naming, Text,
};
pub use machine::{DeviceDescription, ForeignText, Users, block, describe, paths, users};
pub use node::{ControlNode, Dm, LogMark, OpenOptions, Transport};
pub use ops::*;
pub use tree::{DeviceTree, Dot, TreeNode, TreeOrder, TreeText};
pub use wire::{Command, DeviceInfo, Flags, ReplyError, UdevCookie, UdevFlags};

/// Compiles and runs the program of the README.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
