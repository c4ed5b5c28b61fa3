//! `thin`: a thin device, which takes blocks from a [`thin-pool`](crate::thin_pool) when it is written.
//!
//! ```text
//! table  = <pool> <dev_id> [<external_origin>]
//!        | Fail | -                                  printed only
//! status = <mapped> <highest>
//!        | Fail | - | Error
//! ```
//!
//! | word | type | unit | range |
//! |---|---|---|---|
//! | pool, external_origin | [`Device`] | | not the same word |
//! | dev_id | [`ThinDevId`] | | 0 to 16777215 |
//! | mapped | [`Sectors`] | sectors: mapped blocks times the block size | |
//! | highest | [`Sectors`] or `-` | last sector of the last mapped block | `-`: nothing is mapped |
//!
//! `Fail`: the pool has failed. `-`: the target has not opened the thin device in the pool's metadata. `Error`: the
//! kernel could not read the metadata. The kernel also prints `Fail` or `-` instead of the table; such a table cannot
//! be loaded.
//!
//! The target takes no messages; send them to the pool.
//!
//! Kernel: `thin_ctr` and `thin_status` in `drivers/md/dm-thin.c`.

use alloc::vec::Vec;
use core::fmt;

use dm_units::{Sectors, Version};

use crate::{
    Concern, Device, Feature, Fields, Health, InvalidField, Limits, NoMessage, Number, Params, ParseError, Printer,
    Problem, Target, Value, Word, WordBuf,
};

const DEV_ID: Limits = Limits::new("dev id", 0, 0xff_ffff);
const EXTERNAL_ORIGIN: &str = "external origin dev";

/// The `thin` target as a type parameter. The trait [`Target`] has the functions that parse its table, status and
/// messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Thin {}

impl Target for Thin {
    const TYPE: &'static str = "thin";
    type Table = ThinTable;
    type Status = ThinStatus;
    type Message = NoMessage;

    /// The optional third word of a table, since 1.1.0. Its name in this list is `external origin dev`.
    const FEATURES: &'static [Feature] = &[Feature { name: EXTERNAL_ORIGIN, since: Version::new(1, 1, 0) }];

    fn check(table: &ThinTable, _length: Sectors) -> Result<(), InvalidField> {
        let problem = Problem::Expected("a device: this table cannot be loaded");
        match table {
            ThinTable::Device { pool, external_origin, .. } => check_origin(pool, external_origin),
            ThinTable::Fail | ThinTable::NotOpen => Err(InvalidField::new("pool dev", problem)),
        }
    }

    fn has_failed(table: &ThinTable) -> bool {
        matches!(table, ThinTable::Fail | ThinTable::NotOpen)
    }

    fn health(status: &ThinStatus) -> Health {
        match status {
            ThinStatus::Working { .. } => Health::default(),
            ThinStatus::Fail => Health::only(Concern::Failed),
            ThinStatus::NotOpen | ThinStatus::Error => Health::only(Concern::NoFigures),
        }
    }
}

fn check_origin(pool: &Device, external_origin: &Option<Device>) -> Result<(), InvalidField> {
    if external_origin.as_ref() == Some(pool) {
        return Err(InvalidField::new(EXTERNAL_ORIGIN, Problem::SameAs("pool dev")));
    }
    Ok(())
}

/// The number of a thin device within its pool, from 0 to 16777215 (24 bits).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ThinDevId(u32);

impl ThinDevId {
    /// Checks that the number has at most 24 bits.
    ///
    /// # Errors
    ///
    /// [`Problem::OutOfRange`](crate::Problem::OutOfRange): the number is larger than 16777215.
    pub fn new(id: u32) -> Result<Self, InvalidField> {
        DEV_ID.check(id).map(|()| Self(id))
    }

    /// The next higher number; `None` after 16777215.
    #[must_use]
    pub fn next(self) -> Option<Self> {
        self.0.checked_add(1).and_then(|id| Self::new(id).ok())
    }

    /// The value as an integer.
    #[must_use]
    pub const fn get(self) -> u32 {
        self.0
    }
}

impl Value for ThinDevId {
    fn read(word: Word<'_>) -> Result<Self, Problem> {
        let id = u32::read(word)?;
        Self::new(id).map_err(|invalid| invalid.problem())
    }

    fn print(&self, out: &mut Printer<'_, '_>) -> fmt::Result {
        self.0.print(out)
    }
}

impl Number for ThinDevId {
    fn get(self) -> u64 {
        self.0.into()
    }
}

impl fmt::Display for ThinDevId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Serialized as a number.
#[cfg(feature = "serde")]
impl serde::Serialize for ThinDevId {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_u32(self.0)
    }
}

/// Deserialized from a number; in human-readable formats also from a string of digits.
#[cfg(feature = "serde")]
impl<'de> serde::Deserialize<'de> for ThinDevId {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        if deserializer.is_human_readable() {
            deserializer.deserialize_any(DevIdVisitor)
        } else {
            deserializer.deserialize_u32(DevIdVisitor)
        }
    }
}

#[cfg(feature = "serde")]
struct DevIdVisitor;

#[cfg(feature = "serde")]
impl serde::de::Visitor<'_> for DevIdVisitor {
    type Value = ThinDevId;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a number of at most 24 bits")
    }

    fn visit_u64<E: serde::de::Error>(self, id: u64) -> Result<ThinDevId, E> {
        u32::try_from(id).map_err(E::custom).and_then(|id| ThinDevId::new(id).map_err(E::custom))
    }

    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<ThinDevId, E> {
        text.parse().map_err(E::custom)
    }
}

/// The arguments of a `thin` target: a pool and a thin device in it, or what the kernel prints instead.
///
/// ```
/// use dm_targets::thin::{ThinDevId, ThinTable};
/// use dm_targets::{Target, Thin};
/// use dm_units::DeviceNumber;
///
/// let table = ThinTable::new(DeviceNumber::new(253, 0), ThinDevId::new(1)?);
/// assert_eq!(table.to_string(), "253:0 1");
/// assert_eq!(Thin::parse_table("253:0 1")?, table);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ThinTable {
    /// A table that can be loaded.
    Device {
        /// The pool device.
        pool: Device,
        /// The number of the thin device in the pool.
        id: ThinDevId,
        /// The device from which unmapped blocks are read; this device must not change. `None`: unmapped blocks read as
        /// zeros.
        external_origin: Option<Device>,
    },
    /// Printed by the kernel because the pool has failed; such a table cannot be loaded.
    Fail,
    /// Printed by the kernel as `-` if the target has not opened the thin device in the pool's metadata. This is not
    /// the open count. Such a table cannot be loaded.
    NotOpen,
}

impl ThinTable {
    /// The thin device `id` of `pool`; its unmapped blocks read as zeros.
    ///
    /// The values are not checked; [`Thin::check`](crate::Target::check) does that.
    pub fn new(pool: impl Into<Device>, id: ThinDevId) -> Self {
        Self::Device { pool: pool.into(), id, external_origin: None }
    }

    /// The thin device `id` of `pool`; its unmapped blocks are read from `origin`.
    ///
    /// The values are not checked; [`Thin::check`](crate::Target::check) does that.
    pub fn with_external_origin(pool: impl Into<Device>, id: ThinDevId, origin: impl Into<Device>) -> Self {
        Self::Device { pool: pool.into(), id, external_origin: Some(origin.into()) }
    }
}

impl Params for ThinTable {
    fn parse(fields: &mut Fields<'_>) -> Result<Self, ParseError> {
        if fields.take_all("Fail") {
            return Ok(Self::Fail);
        }
        if fields.take_all("-") {
            return Ok(Self::NotOpen);
        }
        let pool = fields.read("pool dev")?;
        let id = fields.read(DEV_ID.field())?;
        let external_origin = fields.read_optional(EXTERNAL_ORIGIN)?;
        check_origin(&pool, &external_origin).map_err(|invalid| fields.blame(invalid))?;
        Ok(Self::Device { pool, id, external_origin })
    }
}

impl fmt::Display for ThinTable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Device { pool, id, external_origin } => Printer::new(f).put(pool).put(id).all(external_origin).end(),
            Self::Fail => f.write_str("Fail"),
            Self::NotOpen => f.write_str("-"),
        }
    }
}

/// How much of a thin device is mapped, or why the kernel cannot tell.
///
/// ```
/// use dm_targets::thin::ThinStatus;
/// use dm_targets::{Target, Thin};
/// use dm_units::Sectors;
///
/// let ThinStatus::Working { mapped, highest, .. } = Thin::parse_status("128 2175")? else { return Ok(()) };
/// assert_eq!((mapped, highest), (Sectors(128), Some(Sectors(2175))));
/// # Ok::<(), dm_targets::ParseError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub enum ThinStatus {
    /// The device is open in its pool, which has not failed.
    Working {
        /// The size of all mapped blocks together.
        mapped: Sectors,
        /// The last sector of the last mapped block; `None` if no block is mapped.
        highest: Option<Sectors>,
        /// Words after the known ones, which a later kernel may print.
        #[cfg_attr(feature = "serde", serde(default))]
        extra: Vec<WordBuf>,
    },
    /// The pool has failed.
    Fail,
    /// Printed by the kernel as `-` if the target has not opened the thin device in the pool's metadata.
    NotOpen,
    /// The kernel could not read the pool's metadata.
    Error,
}

impl Params for ThinStatus {
    fn parse(fields: &mut Fields<'_>) -> Result<Self, ParseError> {
        let specials = [("Fail", Self::Fail), ("-", Self::NotOpen), ("Error", Self::Error)];
        for (text, status) in specials {
            if fields.take_all(text) {
                return Ok(status);
            }
        }
        Ok(Self::Working {
            mapped: fields.read("mapped sectors")?,
            highest: fields.read("highest mapped sector")?,
            extra: fields.read_rest("extra")?,
        })
    }
}

impl fmt::Display for ThinStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Working { mapped, highest, extra } => Printer::printed(f).put(mapped).put(highest).all(extra).end(),
            Self::Fail => f.write_str("Fail"),
            Self::NotOpen => f.write_str("-"),
            Self::Error => f.write_str("Error"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_have_24_bits() {
        assert!(Thin::parse_table("253:0 16777215").is_ok());
        let error = Thin::parse_table("253:0 16777216").unwrap_err();
        assert_eq!(error.to_string(), "thin table: word 2, dev id, must be at most 16777215");
        assert_eq!(ThinDevId::new(1 << 24).unwrap_err().to_string(), "dev id must be at most 16777215");
    }

    #[test]
    fn the_origin_must_not_be_the_pool() {
        let error = Thin::parse_table("253:0 1 253:0").unwrap_err();
        assert_eq!(error.to_string(), "thin table: word 3, external origin dev, must not be the same as the pool dev");
        let pool = dm_units::DeviceNumber::new(253, 0);
        let table = ThinTable::with_external_origin(pool, ThinDevId(1), pool);
        assert_eq!(
            Thin::check(&table, Sectors(8)).unwrap_err().to_string(),
            "external origin dev must not be the same as the pool dev"
        );
    }

    #[test]
    fn special_words_stand_alone() {
        assert_eq!(Thin::parse_table("Fail"), Ok(ThinTable::Fail));
        assert_eq!(Thin::parse_table("-"), Ok(ThinTable::NotOpen));
        assert_eq!(
            Thin::check(&ThinTable::Fail, Sectors(8)).unwrap_err().to_string(),
            "pool dev must be a device: this table cannot be loaded"
        );
        assert_eq!(Thin::parse_status("Error"), Ok(ThinStatus::Error));
        assert_eq!(
            Thin::parse_status("Fail 7").unwrap_err().to_string(),
            "thin status: word 1, mapped sectors, must be a decimal number"
        );
        assert_eq!(
            Thin::parse_status("Failed").unwrap_err().to_string(),
            "thin status: word 1, mapped sectors, must be a decimal number"
        );
        assert_eq!(Thin::parse_status("").unwrap_err().to_string(), "thin status: word 1, mapped sectors, is missing");
    }
}
