//! Typed tables, statuses and messages of every target of the device mapper.
//!
//! The kernel is told what a mapped device consists of in words, and answers in words. Here these words are values: a
//! table that is built in code prints what the constructor reads, and what the kernel prints becomes a structure. This
//! is text only: nothing here opens a file or calls the system, so it works as well on a log or on another machine's
//! output.
//!
//! ```
//! use dm_targets::linear::LinearTable;
//! use dm_targets::thin_pool::ThinPoolStatus;
//! use dm_targets::{Linear, Table, TableLine, Target, ThinPool};
//! use dm_units::{DeviceNumber, Sectors};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! // A table to load: two disks, one after the other.
//! let disk = |minor| LinearTable::new(DeviceNumber::new(254, minor), Sectors(0));
//! let table = Table::<Linear>::new([
//!     TableLine::new(Sectors(0), Sectors(2048), disk(0)),
//!     TableLine::new(Sectors(2048), Sectors(4096), disk(16)),
//! ])?;
//! assert_eq!(table.to_string(), "0 2048 linear 254:0 0\n2048 4096 linear 254:16 0");
//!
//! // A status that the kernel has printed.
//! let text = "1 15/1024 4000/4096 - rw discard_passdown queue_if_no_space - 256 ";
//! let ThinPoolStatus::Working(pool) = ThinPool::parse_status(text)? else { return Ok(()) };
//! assert_eq!(pool.data.total - pool.data.used, dm_units::DataBlocks(96));
//!
//! // What is wrong with a text, and where.
//! let error = Linear::parse_table("254:0 0x800").unwrap_err();
//! assert_eq!(error.to_string(), "linear table: word 2, start, must be a decimal number");
//! # Ok(())
//! # }
//! ```
//!
//! # What is where
//!
//! - A target is a type without values, such as [`Linear`], and a module, [`linear`], whose docs have the grammar.
//!   [`Target`] reads its texts: [`parse_table`](Target::parse_table), [`parse_status`](Target::parse_status), ….
//! - [`AnyTable`] and [`AnyStatus`] are those of a target whose type is only known at run time. [`Any`] stands for the
//!   target itself. A target that this version does not know is `Other`, with its text.
//! - [`TableLine`] and [`StatusLine`] are lines with start, length and target type, [`Table`] is a whole table that
//!   follows the kernel's rules. [`dmsetup_table`] and [`dmsetup_status`] read the output of dmsetup.
//! - [`Health`] says how a target is, in the same words for all: from [`AnyStatus::health`].
//! - [`DeviceMessage`] is for messages to a device whatever its targets are: [`stats`] keeps statistics of it.
//! - [`Concise`] reads and writes the devices on the kernel's command line, `dm-mod.create=`.
//! - [`migration`] has what other libraries call all this.
//! - [`ParseError`] says what is wrong with a text, [`InvalidField`] what is wrong with a value, [`TableError`] what is
//!   wrong with a table.
//!
//! # What is kept, and what is refused
//!
//! What is unknown is no error. A key word, an option or a field that a later kernel has brought is kept and printed back.
//! What is malformed is one: a missing word, a number that is none, an option given twice, a count that does not count.
//! Numbers are stricter than in the kernel, which takes 4294967297 for 1 where it wants 32 bits.
//!
//! Building never fails; [`Target::check`] tells what the kernel would refuse, and [`Table::new`] asks it for every line.
//!
//! # Two languages
//!
//! What the kernel reads and what it prints differ where a word holds a backslash or white space; see [`Form`].
//! `parse_table` reads what is printed, `parse_input` reads what a constructor reads. `{}` prints what a constructor
//! reads, `{:#}` what the kernel would print. `dmsetup` reads and prints the latter.
//!
//! # Keys
//!
//! A [`Key`] is zeroed when dropped and not shown by `Debug`, and errors do not show texts that may hold one. `Display` and
//! serde of a table do print its key: without it the table would be another one.
//!
//! # How to add a target
//!
//! Write one file and one line:
//!
//! 1. `src/targets/my_target.rs`: the module's docs with the grammar and the kernel functions, a type for the target that
//!    implements [`Target`], and types for its table, status and messages that implement [`Params`]: `parse` reads words
//!    from [`Fields`], `Display` writes them with a [`Printer`], in the same order. `linear.rs` is the shortest,
//!    `thin_pool` has everything.
//! 2. In `src/targets/mod.rs`, in the list: `my_target: MyTarget;`.
//!
//! Then capture lines of real kernels into `tests/golden/my-target.txt`, where a README explains the format. From the
//! list and these lines come the variants of [`AnyTable`] and [`AnyStatus`], conversions, serde, the property tests, the
//! fuzz corpus and the benches. `cargo fmt` does not see the files behind the list: `rustfmt src/targets/my_target.rs` does.
//!
//! A target that is not in the kernel's tree implements `Target` in its own crate and works everywhere a target does;
//! within `AnyTable` it is `Other`.
//!
//! # Cost
//!
//! Texts made of numbers and `major:minor` are read, printed and refused without an allocation. The bench `text` shows
//! time and allocations for every target.
//!
//! # Features
//!
//! `devices`: whole devices with a life, see `devices`; typed lines can be loaded with dm-core. This is the one feature that
//! brings in `std` and system calls.
//!
//! `serde`: statuses as structures, tables and lines of tables as text.
#![cfg_attr(not(test), no_std)]
#![forbid(unsafe_code)]

extern crate alloc;
#[cfg(feature = "devices")]
extern crate std;

mod any;
mod as_given;
mod concise;
mod device;
mod device_message;
#[cfg(feature = "devices")]
pub mod devices;
mod dmsetup;
mod fields;
mod flags;
mod health;
mod keywords;
mod kind;
mod limits;
pub mod migration;
mod options;
mod pairs;
mod parse_error;
mod printer;
mod problem;
mod secret;
mod serde;
pub mod stats;
mod table;
mod table_error;
mod target;
mod targets;
mod value;
mod word;

pub use any::{OtherStatus, OtherTable, TargetVisitor};
pub use as_given::AsGiven;
pub use concise::{Concise, ConciseDevice, ConciseError, ConciseErrorKind};
pub use device::{Device, DevicePath};
pub use device_message::DeviceMessage;
pub use dmsetup::{DmsetupLine, dmsetup_status, dmsetup_table};
pub use fields::Fields;
pub use health::{Concern, Health, HealthState};
pub use kind::{Any, Kind};
pub use limits::Limits;
pub use parse_error::{Annotated, ParseError, Part};
pub use printer::Printer;
pub use problem::{InvalidField, Problem};
pub use secret::{Key, SecretWord};
pub use table::{StatusLine, Table, TableLine};
pub use table_error::{TableError, TableErrorKind};
pub use target::{Feature, Message, NoMessage, NoReply, NoStatus, NoText, Params, Target};
pub use targets::*;
pub use value::{Number, Usage, Value};
pub use word::{Form, Word, WordBuf};
