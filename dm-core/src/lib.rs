//! The Linux device mapper, driven straight through its ioctls.
//!
//! Every command of the control node is a method of [`Dm`], under its kernel name, with options of its own that can say just
//! what the kernel honours for it. There is no C library below, nothing is built or generated, and which kernel this runs
//! on is found out when it runs.
//!
//! ```no_run
//! use dm_core::{Buffer, CreateOptions, Dm, DmName, LoadOptions, RemoveOptions, ResumeOptions, TargetLine};
//! use dm_units::Sectors;
//!
//! let dm = Dm::open()?;
//! let name = DmName::new("first")?;
//! let mut buffer = Buffer::new();
//!
//! dm.device_create(name, CreateOptions::new())?;
//! let line = TargetLine::new(Sectors(0), Sectors(2048), "linear", "7:0 0");
//! dm.table_load(&mut buffer, name, [line], LoadOptions::new())?;
//! let info = dm.device_resume(name, ResumeOptions::new())?;
//! println!("{name} is {}", info.number());
//!
//! dm.device_remove(name, RemoveOptions::new())?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # What a command costs
//!
//! A command without payload is one ioctl with a header on the stack. The others are given a [`Buffer`], which is reused: in
//! steady state they are one ioctl, too, and allocate nothing. What they answer borrows the buffer and is decoded as it is
//! walked through; `to_owned` copies it out with one allocation. Offering the kernel a larger buffer than needed is not
//! free, since it copies all of it, so a buffer remembers how much each command needed last. `cargo xtask costs --whole` counts
//! the instructions of whole calls, the kernel's part included, and compares them with ioctls by hand.
//!
//! Everything behind the header is zero when it goes to the kernel. Some targets write nothing when asked for their status
//! (`unstriped_status` and, for a few layouts, `raid_status`), and what the kernel then takes for their text is what the
//! caller had in the buffer; without a NUL in it, that has stopped a 6.12 kernel.
//!
//! # Errors
//!
//! [`Error`] names the command, the device and the errno. Its predicates ([`is_busy`](Error::is_busy),
//! [`is_not_found`](Error::is_not_found), …) know what an errno means for which command. An answer that makes no sense is
//! an error as well, never a panic.
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
mod id;
mod machine;
pub mod migration;
mod node;
mod ops;
mod tree;
pub mod udev;
mod wire;

pub use commands::*;
pub use error::{Error, Refusal, ReplyError, RequestFault, Result};
pub use events::{Event, EventKind, EventPoller};
pub use id::dev_id::{DevId, DevIdBuf};
pub use id::mangle::{MangleError, Mangled};
pub use id::name::{DmName, DmNameBuf, DmUuid, DmUuidBuf, NameError};
pub use id::text::Text;
pub use machine::paths;
pub use machine::users::{Process, Users};
pub use node::dm::Dm;
pub use node::open::OpenError;
pub use node::transport::{ControlNode, Transport};
pub use ops::recover::{Leftover, LeftoverKind, Prefix};
pub use ops::retry::Retry;
pub use ops::setup::{ReloadOptions, SetupOptions, StepError};
pub use tree::{DeviceTree, Dot, TreeNode};
pub use wire::buffer::Buffer;
pub use wire::command::Command;
pub use wire::cookie::{UdevCookie, UdevFlags};
pub use wire::flags::Flags;
pub use wire::info::DeviceInfo;
