//! Typed tables, statuses and messages of every target of the device mapper.
//!
//! Device-mapper tables, statuses and messages are text. This crate converts between that text and typed values. It
//! prints a table that you build in code as text for the target's constructor, and it parses a status that the kernel
//! prints. Parsing and printing make no system calls, so they also work on logs and on the output of other machines.
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
//! // A status that the kernel printed.
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
//! - Each target has a type without values, such as [`Linear`], and a module, such as [`linear`]. The docs of the
//!   module describe the grammar of the texts: `<x>` is a word, `{x}` is zero or more `x`, `x{n}` is `n` times `x`,
//!   `[x]` is optional, `x|y` is `x` or `y`, and parentheses group. The trait [`Target`] has the functions that parse
//!   the texts, such as [`parse_table`](Target::parse_table) and [`parse_status`](Target::parse_status).
//! - [`AnyTable`] and [`AnyStatus`] are for targets whose type is known only at run time. The type parameter of their
//!   lines is [`Any`]. Their variant `Other` holds the text of a target type that this crate does not know.
//! - [`TableLine`] and [`StatusLine`] are lines with start, length and target type. [`Table`] is a whole table that
//!   obeys the kernel's rules. [`dmsetup_table`], [`dmsetup_status`] and the other functions whose names begin with
//!   `dmsetup_` parse the output of dmsetup.
//! - [`Health`] describes the condition of any target in the same terms; see [`AnyStatus::health`].
//! - [`DeviceMessage`] is a message to a device, not to its target. [`stats`] has the messages for I/O statistics.
//! - [`Concise`] parses and prints the devices on the kernel's command line, `dm-mod.create=`.
//! - [`migration`] lists the replacements for the names of other libraries. [`_documentation`] explains the design,
//!   compares other libraries, and lists the supported platforms.
//! - [`ParseError`] is an error in a text, [`InvalidField`] in a value, [`TableError`] in a table.
//!
//! # Unknown and malformed text
//!
//! An unknown word is usually not an error: this crate keeps a keyword, an option or a field of a later kernel and
//! prints it again. An unknown message is an error. Malformed text is an error, too: for example, a missing word, a
//! number that contains other characters, or a count that exceeds the words after it. This crate checks numbers more
//! strictly than the kernel, which reads 4294967297 as 1 in many 32-bit fields.
//!
//! The constructors and setters of a target's table never fail. [`Target::check`] finds values that would make the
//! kernel refuse the table or crash. [`Table::new`] calls `check` for every line.
//!
//! # Two forms of a text
//!
//! The text that the kernel reads and the text that it prints differ if a word contains a backslash or white space; see
//! [`TextForm`].
//!
//! - Text for a constructor: `parse_input` parses it, and `{}` prints it.
//! - Text that the kernel printed: `parse_table` parses it, and `{:#}` prints it again byte for byte. dmsetup prints
//!   this form, and reads tables in this form.
//!
//! # Keys
//!
//! A [`Key`] is zeroed on drop, and `Debug` does not show it. Errors do not show text that may contain a key. `Display`
//! and serde of a table do print its key, because a table without its key is another table.
//!
//! `Debug` does show ciphers, devices and unknown words. If a target's texts may contain keys ([`Target::SECRET`]), a
//! word in these places that looks like a key is therefore an error, [`Problem::MayBeKey`]. The same holds for the
//! target's statuses, because you could parse a table as a status by mistake.
//!
//! The texts of unknown targets are zeroed on drop, too. `Debug` does not show the tables of unknown targets. In their
//! statuses, `Debug`, `Display` and serde show each word that looks like a key as `*`.
//!
//! # How to add a target
//!
//! 1. Write `src/targets/my_target.rs`: module docs with the grammar and the kernel functions, a type for the target
//!    that implements [`Target`], and types for its table, status and messages that implement [`Params`]. Parse and
//!    print the words in the same order. Destructure the value when you print it, so that the compiler finds a
//!    forgotten field. With the feature `serde`, derive serde's traits for the status.
//! 2. Declare its options with [`options!`], one line per option; see [`option`].
//! 3. In `src/targets/mod.rs`, declare the module and add a line to the list of targets.
//! 4. Capture lines of real kernels in `tests/golden/my-target.txt`; the README there explains the format.
//!
//! The variants of [`AnyTable`] and [`AnyStatus`], conversions, serde of tables, the property tests, the fuzz corpus
//! and the benches are derived from the list and the captured lines. `zero.rs` and `linear.rs` are short real targets,
//! and `thin_pool` uses most of [`Target`].
//!
//! The following is a complete target with two arguments, two options, a status and two messages:
//!
//! ```
//! use std::fmt;
//!
//! use dm_targets::option::{Argument, Flag, OptionGroup};
//! use dm_targets::{Device, Feature, Fields, InvalidField, Limits, Message, NoReply, Params, ParseError, Printer};
//! use dm_targets::{Problem, TableLine, Target, Usage, WordBuf, options};
//! use dm_units::{DeviceNumber, Sectors};
//!
//! /// The `shelf` target, which caches the blocks that are read most often.
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
//!     fn check(table: &ShelfTable, _length: Sectors) -> Result<(), InvalidField> {
//!         table.options.check()
//!     }
//! }
//!
//! options! {
//!     /// The options of a `shelf` table.
//!     pub struct ShelfOptions for ShelfTable.options {
//!         /// Refuses writes.
//!         read_only(): bool = Flag("read_only");
//!         /// The number of blocks to cache, from 1 to 1000.
//!         keep(blocks: u32): Option<u32> = Argument(Limits::new("keep", 1, 1000)), since (1, 1, 0);
//!     }
//!     other {
//!         /// Options that this crate does not know.
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
//! For a target that is not in the mainline kernel, you can implement `Target` in another crate. Such a target works
//! like the targets here, except that it is `Other` in `AnyTable` and `AnyStatus`.
//!
//! # Cost
//!
//! Parsing, printing and refusing a text of numbers and `major:minor` does not allocate. There are two exceptions:
//! lists, such as stripes, and unusual forms that the value must remember, such as a count of 0 that the kernel usually
//! leaves out. [`AnyTable`] boxes large tables. The benchmark `text` shows the time and the allocations for every
//! target.
//!
//! # Features
//!
//! `devices`: dm-core accepts typed lines as parameters, and the module `devices` has whole devices, statistics and
//! alarms. This feature needs `std` and makes system calls; the rest of the crate does neither.
//!
//! `verity-format`: creates and verifies the hash trees of verity devices in Rust; see `devices::VerityVolume`. This
//! feature implies `devices` and depends on the crates `sha1` and `sha2`.
//!
//! `serde`: serializes statuses, replies and [`Health`] as structures, and tables and their lines as text.
#![cfg_attr(docsrs, feature(doc_cfg))]
#![cfg_attr(not(test), no_std)]
#![forbid(unsafe_code)]

extern crate alloc;
#[cfg(feature = "devices")]
extern crate std;

pub mod _documentation;
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

pub use errors::parse_error::{Annotated, ParseError, TextKind};
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
pub use target::kind::{Any, LineKind};
pub use target::{Message, NoMessage, NoReply, NoStatus, NoText, Params, Target};
pub use targets::any::{OtherStatus, OtherTable, TargetVisitor};
pub use targets::*;
pub use text::device::{Device, DevicePath};
pub use text::fields::Fields;
pub use text::limits::Limits;
pub use text::printer::Printer;
pub use text::secret::{Key, SecretWord};
pub use text::value::{Number, Usage, Value};
pub use text::word::{TextForm, Word, WordBuf};

/// Compiles and runs the program of the README.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
