//! To be written.
#![cfg_attr(not(test), no_std)]
#![forbid(unsafe_code)]

extern crate alloc;

mod any;
mod device;
mod dmsetup;
mod fields;
mod flags;
mod keywords;
mod kind;
mod limits;
mod parse_error;
mod printer;
mod problem;
mod secret;
mod serde;
mod table;
mod table_error;
mod target;
mod targets;
mod value;
mod word;

pub use any::{OtherStatus, OtherTable, TargetVisitor};
pub use device::{Device, DevicePath};
pub use dmsetup::{DmsetupLine, dmsetup_status, dmsetup_table};
pub use fields::Fields;
pub use kind::{Any, Kind};
pub use limits::Limits;
pub use parse_error::{Annotated, ParseError, Part};
pub use printer::Printer;
pub use problem::{InvalidField, Problem};
pub use secret::Key;
pub use table::{StatusLine, Table, TableLine};
pub use table_error::{TableError, TableErrorKind};
pub use target::{Feature, Message, NoMessage, NoReply, NoStatus, NoText, Params, Target};
pub use targets::*;
pub use value::{Number, Usage, Value};
pub use word::{Form, Word, WordBuf};
