//! `ebs` (emulated block size): offers smaller logical blocks than the underlying device has.
//!
//! ```text
//! table  = <device> <offset> <emulated> [<underlying>]
//! ```
//!
//! | word | type | unit | range |
//! |---|---|---|---|
//! | offset | [`Sectors`] | sectors on the device | a multiple of the underlying block size; some kernels also require an offset less than the length |
//! | emulated | `u16` | sectors | a power of two, at most a page of memory |
//! | underlying | `u16` | sectors | a power of two; if not given, the device's logical block size |
//!
//! The kernel prints the underlying block size only if the table was loaded with one. The status is empty, and the
//! target takes no messages.
//!
//! Kernel: `ebs_ctr` and `ebs_status` in `drivers/md/dm-ebs-target.c`.

use core::fmt;

use dm_units::Sectors;

use crate::{Device, Fields, InvalidField, Limits, NoMessage, NoStatus, Number, Params, ParseError, Printer, Target};

// The upper limit is the page size, which only the running kernel knows; 2^15 is the largest power of two in a `u16`.
const EMULATED: Limits = Limits::new("emulated block size", 1, 1 << 15).power_of_two();
const UNDERLYING: Limits = Limits::new("underlying block size", 1, 1 << 15).power_of_two();

/// The `ebs` target as a type parameter. The trait [`Target`] has the functions that parse its table, status and
/// messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ebs {}

impl Target for Ebs {
    const TYPE: &'static str = "ebs";
    type Table = EbsTable;
    type Status = NoStatus;
    type Message = NoMessage;

    fn check(table: &EbsTable, _length: Sectors) -> Result<(), InvalidField> {
        EMULATED.check(table.emulated)?;
        let Some(underlying) = table.underlying else { return Ok(()) };
        UNDERLYING.check(underlying)?;
        Limits::new("offset", 0, u64::MAX).multiple_of(underlying.get()).check(table.offset)
    }
}

/// The arguments of an `ebs` target: a device, its first mapped sector, and two block sizes.
///
/// ```
/// use dm_targets::ebs::EbsTable;
/// use dm_targets::{Ebs, Target};
/// use dm_units::{DeviceNumber, Sectors};
///
/// let table = EbsTable::new(DeviceNumber::new(254, 0), Sectors(128), 1).underlying(8);
/// assert_eq!(table.to_string(), "254:0 128 1 8");
/// assert_eq!(Ebs::parse_table("254:0 128 1 8")?, table);
/// # Ok::<(), dm_targets::ParseError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct EbsTable {
    /// The underlying device.
    pub device: Device,
    /// The first mapped sector of `device`, a multiple of the underlying block size.
    pub offset: Sectors,
    /// The logical block size of the mapped device in sectors: a power of two, at most one memory page.
    pub emulated: u16,
    /// The block size in sectors for I/O to `device`, a power of two. `None` means the logical block size of `device`.
    pub underlying: Option<u16>,
}

impl EbsTable {
    /// Maps `device` from sector `offset` on, with logical blocks of `emulated` sectors. The values are not checked;
    /// [`Ebs::check`](Target::check) does that.
    pub fn new(device: impl Into<Device>, offset: Sectors, emulated: u16) -> Self {
        Self { device: device.into(), offset, emulated, underlying: None }
    }

    /// Uses blocks of `sectors` sectors for I/O to the device, instead of its logical block size.
    #[must_use]
    pub fn underlying(self, sectors: u16) -> Self {
        Self { underlying: Some(sectors), ..self }
    }
}

impl Params for EbsTable {
    fn parse(fields: &mut Fields<'_>) -> Result<Self, ParseError> {
        let (device, offset) = (fields.read("device")?, fields.read("offset")?);
        let emulated = fields.read_within(&EMULATED)?;
        let underlying = if fields.is_empty() { None } else { Some(fields.read_within(&UNDERLYING)?) };
        Ok(Self { device, offset, emulated, underlying })
    }
}

impl fmt::Display for EbsTable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Printer::new(f).put(&self.device).put(&self.offset).put(&self.emulated).all(&self.underlying).end()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn block_sizes_are_powers_of_two() {
        let error = |text| Ebs::parse_table(text).unwrap_err().to_string();
        assert_eq!(error("254:0 0 0"), "ebs table: word 3, emulated block size, must be from 1 to 32768");
        assert_eq!(error("254:0 0 1 3"), "ebs table: word 4, underlying block size, must be a power of two");
        assert_eq!(error("254:0 0 65536"), "ebs table: word 3, emulated block size, must be at most 65535");
    }

    #[test]
    fn the_offset_is_made_of_underlying_blocks() {
        let table = EbsTable::new(dm_units::DeviceNumber::new(254, 0), Sectors(12), 1);
        assert_eq!(Ebs::check(&table, Sectors(8)), Ok(()));
        let error = Ebs::check(&table.clone().underlying(8), Sectors(8)).unwrap_err();
        assert_eq!(error.to_string(), "offset must be a multiple of 8");
        assert_eq!(
            Ebs::check(&table.underlying(0), Sectors(8)).unwrap_err().to_string(),
            "underlying block size must be from 1 to 32768"
        );
    }
}
