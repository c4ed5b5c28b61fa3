//! `unstriped`: maps one stripe of a striped device, such as a RAID controller or NVMe drive that stripes internally.
//!
//! ```text
//! table  = <stripes> <chunk_size> <stripe> <device> <offset>
//! ```
//!
//! | word | type | unit | range |
//! |---|---|---|---|
//! | stripes | `u32` | | 1 to 2147483647 |
//! | chunk_size | `u32` | sectors | at least 1; the length of the target is a multiple of it |
//! | stripe | `u32` | number of the stripe, from 0 | less than stripes |
//! | offset | [`Sectors`] | sectors on the device | |
//!
//! [`Unstriped::check`] is stricter than the kernel about `stripe` and `stripes`. The kernel accepts a `stripe` that
//! equals `stripes`, and any `stripe` if `stripes` is 1. It also accepts a value of `stripes` above 2147483647, but
//! prints it as a negative number.
//!
//! The kernel writes no status, not even an empty one, so a status request returns what was in the ioctl's buffer
//! before. The target takes no messages.
//!
//! Kernel: `unstripe_ctr` and `unstripe_status` in `drivers/md/dm-unstripe.c`.

use core::fmt;

use dm_units::Sectors;

use crate::{Device, Fields, InvalidField, Limits, NoMessage, NoStatus, Number, Params, ParseError, Printer, Target};

const STRIPES: Limits = Limits::new("stripe count", 1, i32::MAX as u64);
const CHUNK_SIZE: Limits = Limits::new("chunk size", 1, u32::MAX as u64);
const STRIPE: &str = "stripe number";

/// The `unstriped` target as a type parameter. The trait [`Target`] has the functions that parse its table, status and
/// messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unstriped {}

impl Target for Unstriped {
    const TYPE: &'static str = "unstriped";
    type Table = UnstripedTable;
    type Status = NoStatus;
    type Message = NoMessage;

    fn check(table: &UnstripedTable, length: Sectors) -> Result<(), InvalidField> {
        STRIPES.check(table.stripes)?;
        CHUNK_SIZE.check(table.chunk_size)?;
        Limits::new(STRIPE, 0, table.stripes.saturating_sub(1).into()).check(table.stripe)?;
        Limits::new("length", 1, u64::MAX).multiple_of(table.chunk_size.get()).check(length)
    }
}

/// The arguments of an `unstriped` target: a striped device, and the number of the stripe to map.
///
/// ```
/// use dm_targets::unstriped::UnstripedTable;
/// use dm_targets::{Target, Unstriped};
/// use dm_units::{DeviceNumber, Sectors};
///
/// let table = UnstripedTable::new(2, 64, 1, DeviceNumber::new(254, 0), Sectors(0));
/// assert_eq!(table.to_string(), "2 64 1 254:0 0");
/// assert_eq!(Unstriped::parse_table("2 64 1 254:0 0")?, table);
/// # Ok::<(), dm_targets::ParseError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct UnstripedTable {
    /// The number of stripes on the device: 1 to 2147483647.
    pub stripes: u32,
    /// The number of sectors that go to one stripe before the next stripe is used; at least 1.
    pub chunk_size: u32,
    /// The stripe that is mapped, counted from 0.
    pub stripe: u32,
    /// The striped device.
    pub device: Device,
    /// The sector of `device` at which the first chunk of the first stripe starts.
    pub offset: Sectors,
}

impl UnstripedTable {
    /// Maps stripe number `stripe`, counted from 0. `device` has `stripes` stripes, the first of which starts at sector
    /// `offset`.
    ///
    /// The values are not checked; [`Unstriped::check`](crate::Target::check) does that.
    pub fn new(stripes: u32, chunk_size: u32, stripe: u32, device: impl Into<Device>, offset: Sectors) -> Self {
        Self { stripes, chunk_size, stripe, device: device.into(), offset }
    }
}

impl Params for UnstripedTable {
    fn parse(fields: &mut Fields<'_>) -> Result<Self, ParseError> {
        Ok(Self {
            stripes: fields.read_within(&STRIPES)?,
            chunk_size: fields.read_within(&CHUNK_SIZE)?,
            stripe: fields.read(STRIPE)?,
            device: fields.read("device")?,
            offset: fields.read("offset")?,
        })
    }
}

impl fmt::Display for UnstripedTable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut out = Printer::new(f);
        out.put(&self.stripes).put(&self.chunk_size).put(&self.stripe);
        out.put(&self.device).put(&self.offset).end()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_stripe_number_is_less_than_the_number_of_stripes() {
        let table = Unstriped::parse_table("2 64 2 254:0 0").unwrap();
        assert_eq!(Unstriped::check(&table, Sectors(64)).unwrap_err().to_string(), "stripe number must be at most 1");
        assert_eq!(Unstriped::check(&UnstripedTable { stripe: 1, ..table }, Sectors(64)), Ok(()));
    }

    #[test]
    fn the_length_is_made_of_chunks() {
        let table = Unstriped::parse_table("2 48 0 254:0 0").unwrap();
        assert_eq!(Unstriped::check(&table, Sectors(96)), Ok(()));
        let error = Unstriped::check(&table, Sectors(100)).unwrap_err();
        assert_eq!(error.to_string(), "length must be a multiple of 48");
    }

    #[test]
    fn the_number_of_stripes_and_the_chunk_size_are_not_0() {
        let error = |text| Unstriped::parse_table(text).unwrap_err().to_string();
        assert_eq!(error("0 64 0 254:0 0"), "unstriped table: word 1, stripe count, must be from 1 to 2147483647");
        assert_eq!(error("1 0 0 254:0 0"), "unstriped table: word 2, chunk size, must be from 1 to 4294967295");
    }
}
