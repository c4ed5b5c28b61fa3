//! `linear`: maps a contiguous range of sectors of another device.
//!
//! ```text
//! table  = <device> <start>
//! ```
//!
//! | word | type | unit |
//! |---|---|---|
//! | device | [`Device`] | |
//! | start | [`Sectors`] | sectors on the device |
//!
//! The status is empty, and the target takes no messages. The constructor does not check whether `device` has the
//! mapped sectors. The kernel checks this when it loads the first table of a mapped device, and whenever a table
//! becomes active. It accepts a device of size 0.
//!
//! Kernel: `linear_ctr` and `linear_status` in `drivers/md/dm-linear.c`.

use core::fmt;

use dm_units::Sectors;

use crate::{Comparison, Device, Fields, NoMessage, NoStatus, Params, ParseError, Printer, TableDifference, Target};

/// The `linear` target as a type parameter. The trait [`Target`] has the functions that parse its table, status and
/// messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Linear {}

impl Target for Linear {
    const TYPE: &'static str = "linear";
    type Table = LinearTable;
    type Status = NoStatus;
    type Message = NoMessage;

    fn difference(one: &LinearTable, other: &LinearTable) -> Option<TableDifference> {
        Comparison::new(one, other)
            .layout("device", |table| &table.device)
            .layout("start", |table| &table.start)
            .result()
    }
}

/// The arguments of a `linear` target: a device and its first mapped sector.
///
/// ```
/// use dm_targets::linear::LinearTable;
/// use dm_targets::{Linear, Target};
/// use dm_units::{DeviceNumber, Sectors};
///
/// let table = LinearTable::new(DeviceNumber::new(253, 0), Sectors(2048));
/// assert_eq!(table.to_string(), "253:0 2048");
/// assert_eq!(Linear::parse_table("253:0 2048")?, table);
/// # Ok::<(), dm_targets::ParseError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct LinearTable {
    /// The device that is mapped.
    pub device: Device,
    /// The first mapped sector of `device`.
    pub start: Sectors,
}

impl LinearTable {
    /// Maps the sectors of `device` from `start` on.
    pub fn new(device: impl Into<Device>, start: Sectors) -> Self {
        Self { device: device.into(), start }
    }
}

impl Params for LinearTable {
    #[inline]
    fn parse(fields: &mut Fields<'_>) -> Result<Self, ParseError> {
        Ok(Self { device: fields.read("device")?, start: fields.read("start")? })
    }
}

impl fmt::Display for LinearTable {
    #[inline]
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Printer::new(f).put(&self.device).put(&self.start).end()
    }
}
