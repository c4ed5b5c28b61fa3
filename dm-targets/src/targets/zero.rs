//! `zero`: reads return zeros, writes have no effect.
//!
//! The table and the status are empty, and the target takes no messages.
//!
//! Kernel: `zero_ctr` in `drivers/md/dm-zero.c`.

use core::fmt;

use crate::{Fields, NoMessage, NoStatus, Params, ParseError, Target};

/// The `zero` target as a type parameter. The trait [`Target`] has the functions that parse its table, status and
/// messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Zero {}

impl Target for Zero {
    const TYPE: &'static str = "zero";
    type Table = ZeroTable;
    type Status = NoStatus;
    type Message = NoMessage;
}

/// The arguments of a `zero` target: none. A line therefore ends with the space after `zero`.
///
/// ```
/// use dm_targets::zero::ZeroTable;
/// use dm_targets::{Table, TableLine, Zero};
/// use dm_units::Sectors;
///
/// let table = Table::<Zero>::new([TableLine::new(Sectors(0), Sectors(2048), ZeroTable)])?;
/// assert_eq!(table.to_string(), "0 2048 zero ");
/// # Ok::<(), dm_targets::TableError>(())
/// ```
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
