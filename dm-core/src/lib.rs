//! The Linux device mapper, driven straight through its ioctls.
//!
//! There are two levels:
//!
//! - [`Dm`] has a method for every command of the control node. A call sends one ioctl. If the reply does not fit into
//!   the buffer, the call repeats the ioctl. After a refusal, it may send another ioctl to find the reason.
//! - [`Host`] has operations, which send several commands and wait for udev: for example, to set up a device, to
//!   replace the table of a device in use, or to remove a device. If a step fails, the operation undoes the steps
//!   before it, or the error says what is left.
//!
//! The crate needs neither libdevmapper nor the kernel's headers. It finds out at run time what the kernel supports.
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
//! A command without payload is one ioctl with a header on the stack.
//!
//! A command with a payload needs a buffer. Its reply owns the buffer, and returns it to the handle when the reply is
//! dropped. A handle keeps at most four such buffers. While they suffice, a command with a payload is also one ioctl
//! and allocates nothing. If a reply does not fit, the command is repeated. The kernel copies the whole buffer, used or
//! not, so a handle remembers how much memory each command needed last. Replies are decoded while they are iterated.
//!
//! For some commands, the kernel logs the reason of an error. Before such a command, the handle moves to the end of the
//! log, which takes three short system calls: see [`OpenOptions::kernel_log`].
//!
//! `cargo xtask costs --whole` counts the instructions of whole calls, including those in the kernel, and compares them
//! with ioctls without a library.
//!
//! When a buffer is passed to the kernel, all bytes after the request are zero. Some targets do not write a status
//! (`unstripe_status` and, for a few layouts, `raid_status`). The status is then whatever the caller left in the
//! buffer. If these bytes contained no NUL, a 6.12 kernel crashed.
//!
//! # Errors
//!
//! If the kernel refuses a command, the [`Error`] names the command, the device and the errno. If the kernel's log can
//! be read, the error also has the reason that the kernel logged. The meaning of an errno depends on the command:
//! predicates such as [`is_busy`](Error::is_busy) and [`is_not_found`](Error::is_not_found) take this into account. A
//! malformed reply is also an error, never a panic. Operations return an [`OpError`], which also says which step failed
//! and what is left. `Display` does not repeat the text of the `source`, so print the whole chain, for example with
//! `{:#}` of `anyhow`.
//!
//! # Keys
//!
//! Tables and messages that may contain a key are recognized: tables by the target type (`crypt`, `integrity`,
//! `inlinecrypt`, Android's `default-key`), messages by `key` at their start, and both by [`Payload::may_hold_key`].
//! Their requests have the flag `DM_SECURE_DATA_FLAG`, so that the kernel wipes its copies. This crate wipes its own
//! copies. `Debug`, `Display` and serde show at most the length of such a text.
//!
//! # Interface versions
//!
//! The kernel ignores flags that it does not know. Each command is therefore sent with the lowest interface version
//! that has the command and nearly all options that are set. An older kernel refuses the command, and the error is
//! [`Error::Unsupported`] with both versions.
//!
//! With the option `if_possible`, an older kernel executes the command without the options that it lacks. Three options
//! still fail with [`Error::Unsupported`] on such a kernel: a prefix that filters a list, [`StatusKind::Ima`] and a
//! cookie with a semaphore.
//!
//! # Features
//!
//! `serde`: replies and their parts can be serialized: [`DeviceInfo`], [`Flags`], [`DeviceList`], [`ListedDevice`],
//! [`Deps`], [`TableStatus`], [`TargetStatus`], [`Text`], [`TargetVersionList`] and [`TargetVersion`]. Names, uuids and
//! the types of the crate `dm-units` can also be deserialized. A [`TargetLine`] cannot be serialized or deserialized.

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
