//! The Linux device mapper, driven straight through its ioctls.
//!
//! Two levels:
//!
//! - [`Dm`] has every command of the control node as a method, under its kernel name: one method, one ioctl.
//! - [`Host`] has operations, which take several commands: set a device up, replace the table of one in use, remove it. They
//!   wait for udev, and are undone when a step fails.
//!
//! There is no C library below, nothing is built or generated, and what the running kernel can do is found out at run time.
//!
//! ```no_run
//! use dm_core::{Host, TargetLine};
//! use dm_units::Sectors;
//!
//! let host = Host::open()?;
//! host.setup("first", [TargetLine::text(Sectors(0), Sectors(2048), "linear", "7:0 0")])?;
//! println!("{}", host.path("first")?.display());
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
//! | single commands, and what they answer | [`Dm`], [`DeviceInfo`], [`TableStatus`], [`DeviceList`] |
//! | operations, several at once, what is left after a failure | [`Host`], [`Batch`], [`OpError`] |
//! | tables | [`TargetLine`]; typed ones in the crate `dm-targets` |
//! | udev, cookies, nodes | [`udev`] |
//! | events | [`EventPoller`], [`Dm::wait_event`] |
//! | which device uses which | [`DeviceTree`], [`Host::remove_stack`] |
//! | who keeps a device busy; sizes and data of block devices; paths | [`users`], [`block`], [`paths`] |
//! | the way here from other libraries | [`migration`] |
//!
//! # What a command costs
//!
//! A command without payload is one ioctl with a header on the stack. Replies with a payload own their memory and give it back
//! to their handle when they are dropped: in steady state these commands are one ioctl, too, and allocate nothing. Replies are
//! decoded while they are iterated. Offering the kernel more memory than needed is not free, since it copies all of it, so a
//! handle remembers how much each command needed last. `cargo xtask costs --whole` counts the instructions of whole calls, the
//! kernel's part included, and compares them with ioctls by hand.
//!
//! All memory behind the header is zero when it goes to the kernel. Some targets write nothing when they are asked for their
//! status (`unstriped_status` and, for a few layouts, `raid_status`), and the kernel then returns the caller's bytes as their
//! text; without a NUL among them, that has stopped a 6.12 kernel.
//!
//! # Errors
//!
//! [`Error`] names the command, the device and the errno, and the reason from the kernel's log. Its predicates
//! ([`is_busy`](Error::is_busy), [`is_not_found`](Error::is_not_found), …) know what an errno means for which command. An
//! answer that makes no sense is an error as well, never a panic. [`OpError`] of an operation also says which step failed and
//! what is left. No `Display` repeats the text of its `source`, so print the chain: `{:#}` of `anyhow` does.
//!
//! # Keys
//!
//! Tables and messages that may hold a key are known by their type (`crypt`, `integrity`, `inlinecrypt`) or say so
//! ([`Payload::may_hold_key`]). The kernel is then told to wipe its copies, this crate wipes its own, and `Debug`, `Display` and
//! serde show their length only.
//!
//! # Interface versions
//!
//! The kernel ignores flags that it does not know. So each command is sent with the lowest interface version that has it
//! and the options it is used with: an older kernel refuses it, which gives [`Error::Unsupported`] with both versions.
//!
//! # Features
//!
//! `serde`: what is read can be serialised; names, uuids and units can be read back, too.

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
