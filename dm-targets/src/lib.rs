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
//!   follows the kernel's rules. [`dmsetup_table`], [`dmsetup_status`] and others called `dmsetup_…`
//!   read the output of dmsetup.
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
//! In the texts of a target that may hold keys ([`Target::SECRET`]), a key in the wrong place is not taken for a cipher, a
//! device or an unknown word, which would be shown: [`Problem::MayBeKey`]. So is a line of a table read as a status. The
//! texts of a target that is not known are zeroed too, and shown without what may be a key.
//!
//! # How to add a target
//!
//! 1. Write `src/targets/my_target.rs`: the module's docs with the grammar and the kernel functions, a type for the target
//!    that implements [`Target`], and types for its table, status and messages that implement [`Params`]. Reading and
//!    printing name the words in the same order; printing takes the value apart, so that no field is forgotten.
//! 2. Options are a list, [`options!`], with a line for each; see [`option`].
//! 3. In `src/targets/mod.rs`, declare the module and add a line to the list of targets.
//! 4. Capture lines of real kernels into `tests/golden/my-target.txt`, where a README explains the format.
//!
//! From the list and the lines come the variants of [`AnyTable`] and [`AnyStatus`], conversions, serde, the property
//! tests, the fuzz corpus and the benches. This is a whole target, with two arguments and two options, a status and two
//! messages; `linear.rs` is the shortest real one, `thin_pool` has everything:
//!
//! ```
//! use std::fmt;
//!
//! use dm_targets::option::{Argument, Flag, OptionGroup};
//! use dm_targets::{Device, Feature, Fields, InvalidField, Limits, Message, NoReply, Params, ParseError, Printer};
//! use dm_targets::{Problem, TableLine, Target, Usage, WordBuf, options};
//! use dm_units::{DeviceNumber, Sectors};
//!
//! /// The `shelf` target: keeps what is read most often at hand.
//! #[derive(Clone, Copy, Debug, PartialEq, Eq)]
//! enum Shelf {}
//!
//! impl Target for Shelf {
//!     const TYPE: &'static str = "shelf";
//!     type Table = ShelfTable;
//!     type Status = ShelfStatus;
//!     type Message = ShelfMessage;
//!     const FEATURES: &'static [Feature] = ShelfOptions::FEATURES;
//!
//!     fn check(table: &ShelfTable, _: Sectors) -> Result<(), InvalidField> {
//!         table.options.check()
//!     }
//! }
//!
//! options! {
//!     /// The options of a `shelf` table.
//!     pub struct ShelfOptions for ShelfTable.options {
//!         /// Nothing is written.
//!         read_only(): bool = Flag("read_only");
//!         /// How many blocks are kept.
//!         keep(blocks: u32): Option<u32> = Argument(Limits::new("keep", 1, 1000)), since (1, 1, 0);
//!     }
//!     other {
//!         /// Options that this version does not know.
//!         other_options: WordBuf = "option";
//!     }
//!     case: Any;
//!     count: Required, Limits::new("number of options", 0, 3);
//! }
//!
//! #[derive(Clone, Debug, PartialEq, Eq, Hash)]
//! pub struct ShelfTable { device: Device, start: Sectors, options: ShelfOptions }
//!
//! impl Params for ShelfTable {
//!     fn parse(fields: &mut Fields<'_>) -> Result<Self, ParseError> {
//!         Ok(Self { device: fields.read("device")?, start: fields.read("start")?, options: fields.read_options()? })
//!     }
//! }
//!
//! impl fmt::Display for ShelfTable {
//!     fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
//!         let Self { device, start, options } = self;
//!         Printer::new(f).put(device).put(start).options(options).end()
//!     }
//! }
//!
//! #[derive(Clone, Debug, PartialEq)]
//! struct ShelfStatus { kept: Usage<u64>, extra: Vec<WordBuf> }
//!
//! impl Params for ShelfStatus {
//!     fn parse(fields: &mut Fields<'_>) -> Result<Self, ParseError> {
//!         Ok(Self { kept: fields.read("kept/total")?, extra: fields.read_rest("extra")? })
//!     }
//! }
//!
//! impl fmt::Display for ShelfStatus {
//!     fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
//!         let Self { kept, extra } = self;
//!         Printer::printed(f).put(kept).all(extra).end()
//!     }
//! }
//!
//! #[derive(Clone, Debug, PartialEq)]
//! enum ShelfMessage { Clear, Keep(u32) }
//!
//! impl Params for ShelfMessage {
//!     fn parse(fields: &mut Fields<'_>) -> Result<Self, ParseError> {
//!         match fields.next_word().ok_or_else(|| fields.missing("message"))? {
//!             word if word.is("clear") => Ok(Self::Clear),
//!             word if word.is("keep") => fields.read("blocks").map(Self::Keep),
//!             _ => Err(fields.error("message", Problem::Unknown)),
//!         }
//!     }
//! }
//!
//! impl fmt::Display for ShelfMessage {
//!     fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
//!         match self {
//!             Self::Clear => f.write_str("clear"),
//!             Self::Keep(blocks) => Printer::new(f).word("keep").put(blocks).end(),
//!         }
//!     }
//! }
//!
//! impl Message for ShelfMessage {
//!     type Reply = NoReply;
//! }
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let table = ShelfTable { device: DeviceNumber::new(8, 0).into(), start: Sectors(0), options: ShelfOptions::default() };
//! let line = TableLine::<Shelf>::new(Sectors(0), Sectors(8), table.keep(7));
//! assert_eq!(line.to_string(), "0 8 shelf 8:0 0 2 keep 7");
//! assert_eq!(TableLine::parse_printed_as(&line.to_string())?, line);
//! let error = Shelf::parse_table("8:0 0 2 keep 0").unwrap_err();
//! assert_eq!(error.to_string(), "shelf table: word 5, keep, must be from 1 to 1000");
//! assert_eq!(Shelf::parse_message("keep 9")?, ShelfMessage::Keep(9));
//! assert_eq!(Shelf::parse_status("3/9 ")?.kept, Usage { used: 3, total: 9 });
//! # Ok(())
//! # }
//! ```
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
//! `devices`: whole devices with a life, statistics and alarms, see `devices`; typed lines can be loaded with dm-core. This is
//! the one feature that brings in `std` and system calls.
//!
//! `verity-format`: with `devices`, trees of hashes for verity devices are made and checked in Rust, see
//! `devices::VerityVolume`. It brings in the crates `sha1` and `sha2`.
//!
//! `serde`: statuses as structures, tables and lines of tables as text.
#![cfg_attr(docsrs, feature(doc_cfg))]
#![cfg_attr(not(test), no_std)]
#![forbid(unsafe_code)]

extern crate alloc;
#[cfg(feature = "devices")]
extern crate std;

#[cfg(feature = "devices")]
pub mod devices;
mod errors;
mod message;
pub mod migration;
pub mod option;
mod table;
mod target;
mod targets;
mod text;

pub use errors::parse_error::{Annotated, ParseError, Part};
pub use errors::problem::{InvalidField, Problem};
pub use errors::table_error::{TableError, TableErrorKind};
pub use message::device_message::DeviceMessage;
pub use message::stats;
pub use option::Feature;
pub use table::concise::{Concise, ConciseDevice, ConciseError, ConciseErrorKind};
pub use table::dmsetup::{
    DmsetupCookie, DmsetupDeps, DmsetupDetail, DmsetupDevice, DmsetupInfo, DmsetupLine, DmsetupListed, DmsetupNode,
    DmsetupOutput, DmsetupTarget, Measured, dmsetup_concise, dmsetup_cookies, dmsetup_deps, dmsetup_info,
    dmsetup_info_long, dmsetup_ls, dmsetup_measure, dmsetup_status, dmsetup_table, dmsetup_targets, dmsetup_tree,
};
pub use table::{StatusLine, Table, TableLine};
pub use target::comparison::{Comparison, TableDifference};
pub use target::health::{Concern, Health, HealthState, Work, WorkKind};
pub use target::kind::{Any, Kind};
pub use target::{Message, NoMessage, NoReply, NoStatus, NoText, Params, Target};
pub use targets::any::{OtherStatus, OtherTable, TargetVisitor};
pub use targets::*;
pub use text::device::{Device, DevicePath};
pub use text::fields::Fields;
pub use text::limits::Limits;
pub use text::printer::Printer;
pub use text::secret::{Key, SecretWord};
pub use text::value::{Number, Usage, Value};
pub use text::word::{Form, Word, WordBuf};

/// Compiles and runs the program of the README.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
