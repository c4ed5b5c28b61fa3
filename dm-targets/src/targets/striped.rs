//! `striped`: distributes chunks over several devices in turn (RAID 0).
//!
//! ```text
//! table  = <stripes> <chunk_size> (<device> <offset>){stripes}
//! status = <stripes> <device>{stripes} 1 <health>
//! ```
//!
//! | word | type | unit | range |
//! |---|---|---|---|
//! | stripes | `u32` | | at least 1 |
//! | chunk_size | [`Sectors`] | sectors | 1 to 2^32 - 1, need not be a power of two |
//! | offset | [`Sectors`] | sectors on the device | |
//! | health | a letter per stripe | | see [`StripeHealth`] |
//!
//! The length must be a multiple of the number of stripes, and the length of each stripe a multiple of the chunk size.
//! The `1` is the number of words that follow it. The target takes no messages.
//!
//! Kernel: `stripe_ctr` and `stripe_status` in `drivers/md/dm-stripe.c`.

use alloc::vec::Vec;
use core::fmt;

use dm_units::{DeviceNumber, Sectors};

use crate::option::keywords::keywords;
use crate::{
    Comparison, Concern, Device, Fields, Health, InvalidField, Limits, NoMessage, Params, ParseError, Printer,
    TableDifference, Target, Usage, WordBuf,
};

const STRIPES: Limits = Limits::new("stripe count", 1, u32::MAX as u64);
const CHUNK_SIZE: Limits = Limits::new("chunk size", 1, u32::MAX as u64);

/// The `striped` target as a type parameter. The trait [`Target`] has the functions that parse its table, status and
/// messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Striped {}

impl Target for Striped {
    const TYPE: &'static str = "striped";
    type Table = StripedTable;
    type Status = StripedStatus;
    type Message = NoMessage;

    fn check(table: &StripedTable, length: Sectors) -> Result<(), InvalidField> {
        let stripes = table.stripes.len() as u64;
        STRIPES.check(stripes)?;
        CHUNK_SIZE.check(table.chunk_size)?;
        Limits::new("length", 1, u64::MAX).multiple_of(stripes).check(length)?;
        let stripe = length.0.checked_div(stripes).unwrap_or_default();
        Limits::new("length of a stripe", 1, u64::MAX).multiple_of(table.chunk_size.0).check(stripe)
    }

    fn difference(one: &StripedTable, other: &StripedTable) -> Option<TableDifference> {
        Comparison::new(one, other)
            .layout("chunk size", |table| &table.chunk_size)
            .layout("stripes", |table| &table.stripes)
            .result()
    }

    fn health(status: &StripedStatus) -> Health {
        status.health()
    }
}

/// The arguments of a `striped` target: the stripes, and the size of the chunks that go to them in turn.
///
/// ```
/// use dm_targets::striped::{Stripe, StripedTable};
/// use dm_targets::{Striped, Target};
/// use dm_units::{DeviceNumber, Sectors};
///
/// let devices = [DeviceNumber::new(254, 0), DeviceNumber::new(254, 16)];
/// let table = StripedTable::new(Sectors(64), devices.map(|device| Stripe::new(device, Sectors(8))));
/// assert_eq!(table.to_string(), "2 64 254:0 8 254:16 8");
/// assert_eq!(Striped::parse_table("2 64 254:0 8 254:16 8")?, table);
/// # Ok::<(), dm_targets::ParseError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct StripedTable {
    /// The number of sectors that go to one stripe before the next stripe is used: 1 to 2^32 - 1.
    pub chunk_size: Sectors,
    /// The stripes in the order in which chunks are distributed; at least one.
    pub stripes: Vec<Stripe>,
}

impl StripedTable {
    /// Distributes chunks of `chunk_size` sectors over `stripes`.
    ///
    /// The values are not checked; [`Striped::check`](crate::Target::check) does that.
    pub fn new(chunk_size: Sectors, stripes: impl IntoIterator<Item = Stripe>) -> Self {
        Self { chunk_size, stripes: stripes.into_iter().collect() }
    }
}

/// One of the devices of a `striped` target, and where the stripe starts on it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Stripe {
    /// The device that holds the stripe.
    pub device: Device,
    /// The first sector of the stripe on `device`.
    pub offset: Sectors,
}

impl Stripe {
    /// A stripe on `device` that starts at sector `offset`.
    pub fn new(device: impl Into<Device>, offset: Sectors) -> Self {
        Self { device: device.into(), offset }
    }

    fn parse(fields: &mut Fields<'_>) -> Result<Self, ParseError> {
        Ok(Self { device: fields.read("device")?, offset: fields.read("offset")? })
    }
}

impl Params for StripedTable {
    fn parse(fields: &mut Fields<'_>) -> Result<Self, ParseError> {
        let count: u32 = fields.read_within(&STRIPES)?;
        Ok(Self {
            chunk_size: fields.read_within(&CHUNK_SIZE)?,
            stripes: (0..count).map(|_| Stripe::parse(fields)).collect::<Result<_, _>>()?,
        })
    }
}

impl fmt::Display for StripedTable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut out = Printer::new(f);
        out.count(self.stripes.len()).put(&self.chunk_size);
        for stripe in &self.stripes {
            out.put(&stripe.device).put(&stripe.offset);
        }
        out.end()
    }
}

keywords! {
    exact;
    /// Whether requests to the device of a stripe have failed.
    ///
    /// Some requests do not count:
    ///
    /// - Read-ahead and unsupported operations.
    /// - In Linux 6.12, flushes if the table has only `linear` and `striped` lines.
    /// - All requests if the device is a partition, because `stripe_end_io` compares the number of the partition with
    ///   that of the whole disk.
    pub enum StripeHealth {
        /// No request that counts has failed since the table was loaded.
        Alive = "A",
        /// A request that counts has failed since the table was loaded. The kernel continues to use the stripe.
        Dead = "D",
    }
}

/// The devices of a `striped` target, and whether requests to them have failed.
///
/// ```
/// use dm_targets::striped::StripeHealth;
/// use dm_targets::{Striped, Target};
///
/// let status = Striped::parse_status("2 254:0 254:16 1 AD")?;
/// assert_eq!(status.stripes[1].health, StripeHealth::Dead);
/// # Ok::<(), dm_targets::ParseError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct StripedStatus {
    /// The stripes in the order of the table.
    pub stripes: Vec<StripeStatus>,
    /// Words after the known ones, which a later kernel may print.
    #[cfg_attr(feature = "serde", serde(default))]
    pub extra: Vec<WordBuf>,
}

/// The device of one stripe, and whether requests to it have failed.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct StripeStatus {
    /// The device that holds the stripe.
    pub device: DeviceNumber,
    /// Whether a request to `device` has failed since the table was loaded. Some requests do not count: see
    /// [`StripeHealth`].
    pub health: StripeHealth,
}

impl StripedStatus {
    fn health(&self) -> Health {
        let count =
            |is: fn(&StripeHealth) -> bool| self.stripes.iter().filter(|stripe| is(&stripe.health)).count() as u64;
        let dead = count(|health| *health == StripeHealth::Dead);
        let unknown = count(|health| matches!(health, StripeHealth::Other(_)));
        let alive = count(|health| *health == StripeHealth::Alive);
        let legs = Usage { used: alive, total: self.stripes.len() as u64 };
        Health { legs: Some(legs), repairs: dead, ..Health::default() }
            .concern(Concern::FailedLegs, dead > 0)
            .concern(Concern::Unknown, unknown > 0)
    }
}

impl Params for StripedStatus {
    fn parse(fields: &mut Fields<'_>) -> Result<Self, ParseError> {
        let count: u32 = fields.read("stripe count")?;
        let devices: Vec<DeviceNumber> = (0..count).map(|_| fields.read("device")).collect::<Result<_, _>>()?;
        fields.read_literal("health word count", "1")?;
        let healths = fields.read_letters("health", devices.len())?;
        let stripes = devices.into_iter().zip(healths);
        Ok(Self {
            stripes: stripes.map(|(device, health)| StripeStatus { device, health }).collect(),
            extra: fields.read_rest("extra")?,
        })
    }
}

impl fmt::Display for StripedStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut out = Printer::printed(f);
        out.count(self.stripes.len()).all(self.stripes.iter().map(|stripe| &stripe.device));
        out.word("1").letters(self.stripes.iter().map(|stripe| &stripe.health));
        out.all(&self.extra).end()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Problem;

    #[test]
    fn chunk_sizes_other_than_powers_of_two_are_fine() {
        assert!(Striped::parse_table("1 3 8:0 0").is_ok());
        let error = Striped::parse_table("1 0 8:0 0").unwrap_err();
        assert_eq!(error.to_string(), "striped table: word 2, chunk size, must be from 1 to 4294967295");
    }

    #[test]
    fn stripes_must_be_as_many_as_counted() {
        let error = Striped::parse_table("2 64 8:0 0").unwrap_err();
        assert_eq!(error.to_string(), "striped table: word 5, device, is missing");
        let error = Striped::parse_table("1 64 8:0 0 8:16 0").unwrap_err();
        assert_eq!(error.to_string(), "striped table: word 5 is one word too many");
        let error = Striped::parse_table("0 64").unwrap_err();
        assert_eq!(error.problem(), Problem::OutOfRange { min: 1, max: u32::MAX.into() });
    }

    #[test]
    fn the_length_must_be_made_of_whole_chunks_of_each_stripe() {
        let table = Striped::parse_table("2 64 8:0 0 8:16 0").unwrap();
        assert_eq!(Striped::check(&table, Sectors(256)), Ok(()));
        let refusal = |length| Striped::check(&table, Sectors(length)).unwrap_err().to_string();
        assert_eq!(refusal(255), "length must be a multiple of 2");
        assert_eq!(refusal(192), "length of a stripe must be a multiple of 64");
        assert_eq!(
            Striped::check(&StripedTable::new(Sectors(64), []), Sectors(64)).unwrap_err().to_string(),
            "stripe count must be from 1 to 4294967295"
        );
    }

    #[test]
    fn the_health_has_one_letter_per_stripe() {
        let status = Striped::parse_status("2 254:0 254:16 1 AD").unwrap();
        assert_eq!(status.stripes[1].health, StripeHealth::Dead);
        assert_eq!(
            Striped::parse_status("2 254:0 254:16 1 A").unwrap_err().to_string(),
            "striped status: word 5, health, must be one letter for each device"
        );
        assert_eq!(
            Striped::parse_status("2 254:0 254:16 2 AD").unwrap_err().to_string(),
            "striped status: word 4, health word count, must be 1"
        );
        let status = Striped::parse_status("1 254:0 1 X new words").unwrap();
        assert!(matches!(&status.stripes[0].health, StripeHealth::Other(word) if &**word == "X"));
        assert_eq!(status.to_string(), "1 254:0 1 X new words");
    }
}
