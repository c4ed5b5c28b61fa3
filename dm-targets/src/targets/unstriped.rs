//! `unstriped`: one stripe of a striped device, which a RAID controller or an NVMe device may be within.
//!
//! ```text
//! table  = <stripes> <chunk_size> <stripe> <device> <offset>
//! status =
//! ```
//!
//! | word | type | unit | range |
//! |---|---|---|---|
//! | stripes | `u32` | | 1 to 2147483647 |
//! | chunk_size | `u32` | sectors | at least 1; the length of the segment is a multiple |
//! | stripe | `u32` | number of the stripe, from 0 | less than stripes |
//! | offset | [`Sectors`] | sectors on the device | |
//!
//! Two rules here are stricter than the kernel. It takes a stripe that is one too large, and any if there is only one;
//! such a table is read here, but does not pass the check. And it takes more stripes, but prints their number as a
//! negative one.
//!
//! For a status the kernel writes nothing at all, not even an empty text: what was in the buffer comes back. Takes no
//! messages.
//!
//! Kernel: `unstripe_ctr` and `unstripe_status` in `drivers/md/dm-unstripe.c`.

use core::fmt;

use dm_units::Sectors;

use crate::{Device, Fields, InvalidField, Limits, NoMessage, NoStatus, Number, Params, ParseError, Printer, Target};

const STRIPES: Limits = Limits::new("stripe count", 1, i32::MAX as u64);
const CHUNK_SIZE: Limits = Limits::new("chunk size", 1, u32::MAX as u64);
const STRIPE: &str = "stripe number";

/// The `unstriped` target.
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

/// The table of an `unstriped` target.
///
/// ```
/// use dm_targets::unstriped::UnstripedTable;
/// use dm_units::{DeviceNumber, Sectors};
///
/// let table = UnstripedTable::new(2, 64, 1, DeviceNumber::new(254, 0), Sectors(0));
/// assert_eq!(table.to_string(), "2 64 1 254:0 0");
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct UnstripedTable {
    /// How many stripes the device has.
    pub stripes: u32,
    /// How many sectors go to one stripe before the next one's turn.
    pub chunk_size: u32,
    /// Which of the stripes is mapped, from 0.
    pub stripe: u32,
    /// The striped device.
    pub device: Device,
    /// Where on it the first chunk of the first stripe starts.
    pub offset: Sectors,
}

impl UnstripedTable {
    /// Maps one `stripe`, counted from 0, of the `stripes` on `device`, which start at `offset`.
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
    fn the_stripe_is_one_of_them() {
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
    fn nothing_is_0_but_the_stripe() {
        let error = |text| Unstriped::parse_table(text).unwrap_err().to_string();
        assert_eq!(error("0 64 0 254:0 0"), "unstriped table: word 1, stripe count, must be from 1 to 2147483647");
        assert_eq!(error("1 0 0 254:0 0"), "unstriped table: word 2, chunk size, must be from 1 to 4294967295");
    }
}
