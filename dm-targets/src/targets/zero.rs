//! `zero`: reads return zeros, writes are discarded.
//!
//! ```text
//! table  =
//! status =
//! ```
//!
//! The target takes no messages.
//!
//! Kernel: `zero_ctr` in `drivers/md/dm-zero.c`.

use core::fmt;

use crate::{Fields, NoMessage, NoStatus, Params, ParseError, Target};

/// The `zero` target as a type parameter; [`Target`] has the functions that parse its texts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Zero {}

impl Target for Zero {
    const TYPE: &'static str = "zero";
    type Table = ZeroTable;
    type Status = NoStatus;
    type Message = NoMessage;
}

/// The table of a `zero` target, which is always empty.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct ZeroTable;

impl Params for ZeroTable {
    fn parse(_: &mut Fields<'_>) -> Result<Self, ParseError> {
        Ok(Self)
    }
}

impl fmt::Display for ZeroTable {
    fn fmt(&self, _: &mut fmt::Formatter<'_>) -> fmt::Result {
        Ok(())
    }
}
