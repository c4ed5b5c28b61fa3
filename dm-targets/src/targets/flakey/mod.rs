//! `flakey`: alternates between intervals in which a device works and intervals in which it fails.
//!
//! ```text
//! table   = <device> <offset> <up> <down> [<#features> {<feature>}]
//! feature = error_reads | drop_writes | error_writes
//!         | corrupt_bio_byte <nth> <direction> <value> <flags>
//!         | random_read_corrupt <probability> | random_write_corrupt <probability>
//! ```
//!
//! | word | type | unit | range |
//! |---|---|---|---|
//! | offset | [`Sectors`] | sectors on the device | |
//! | up, down | `u32` | seconds | not both 0, together at most 2^32 - 1 |
//! | #features | count | words | at most 11; Linux 6.1: at most 6 |
//! | nth | `u32` | byte of a request, from 1 | at least 1 |
//! | direction | `r` or `w` | | |
//! | value | `u8` | | |
//! | flags | `u32` | mask of request flags of the running kernel | 0: all requests |
//! | probability | `u32` | parts per billion | at most 1000000000 |
//!
//! `drop_writes` and `error_writes` exclude each other, and each excludes a `corrupt_bio_byte` for writes.
//!
//! Without a feature, the kernel fails all reads and writes during a down interval. For such a table, Linux 6.12 prints
//! `2 error_reads error_writes`, and Linux 6.1 prints `0`. Linux 6.1 also prints a space at the end of every table.
//!
//! The target version does not show whether `error_reads` and the `random_` features exist. It is 1.5.0 in Linux 6.12,
//! which has these features, and also in Linux 6.1, which does not.
//!
//! Words after the counted features are ignored. The status is empty, and the target takes no messages.
//!
//! Kernel: `flakey_ctr`, `parse_features` and `flakey_status` in `drivers/md/dm-flakey.c`.

mod corruption;

pub use corruption::{CorruptBioByte, Direction};

use dm_units::Sectors;

use crate::option::{Argument, Flag, OptionGroup, Words, options};
use crate::target::spelled;
use crate::text::spelling::{Spelled, Spelling};
use crate::{
    Comparison, Device, Feature, Fields, InvalidField, Limits, NoMessage, NoStatus, ParseError, Printer, Problem,
    TableDifference, Target, WordBuf,
};

const DOWN: &str = "down interval";
const CORRUPT_BIO_BYTE: &str = "corrupt_bio_byte";

/// The `flakey` target as a type parameter. The trait [`Target`] has the functions that parse its table, status and
/// messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flakey {}

impl Target for Flakey {
    const TYPE: &'static str = "flakey";
    type Table = FlakeyTable;
    type Status = NoStatus;
    type Message = NoMessage;

    const FEATURES: &'static [Feature] = FlakeyFeatures::FEATURES;

    fn check(table: &FlakeyTable, _length: Sectors) -> Result<(), InvalidField> {
        down_limits(table.up).check(table.down)?;
        table.features.check()?;
        check_conflicts(&table.features)
    }

    /// Compares two tables; see [`Target::difference`]. A probability of 0 counts as not given. A table without any
    /// other feature equals a table with `error_reads` and `error_writes`, because Linux 6.12 prints these two features
    /// for it.
    fn difference(one: &FlakeyTable, other: &FlakeyTable) -> Option<TableDifference> {
        let [one, other] = [one, other].map(FlakeyTable::in_full);
        Comparison::new(&one, &other)
            .layout("device", |table| &table.device)
            .layout("offset", |table| &table.offset)
            .tunable("up interval", |table| &table.up)
            .tunable("down interval", |table| &table.down)
            .tunable("features", |table| &table.features)
            .result()
    }
}

/// The two intervals must not both be 0, and their sum must not overflow.
fn down_limits(up: u32) -> Limits {
    Limits::new(DOWN, u64::from(up == 0), u32::MAX.saturating_sub(up).into())
}

fn check_conflicts(features: &FlakeyFeatures) -> Result<(), InvalidField> {
    let corrupts_writes = features.corrupt_bio_byte.is_some_and(|corrupt| corrupt.direction == Direction::Write);
    let conflict = match features {
        FlakeyFeatures { drop_writes: true, error_writes: true, .. } => ("error_writes", "drop_writes"),
        FlakeyFeatures { drop_writes: true, .. } if corrupts_writes => (CORRUPT_BIO_BYTE, "drop_writes"),
        FlakeyFeatures { error_writes: true, .. } if corrupts_writes => (CORRUPT_BIO_BYTE, "error_writes"),
        _ => return Ok(()),
    };
    Err(InvalidField::new(conflict.0, Problem::Conflict(conflict.1)))
}

options! {
    /// The features of a `flakey` table: how the device fails during a [down interval](FlakeyTable::down).
    pub struct FlakeyFeatures for FlakeyTable.features {
        /// Fails reads.
        error_reads(): bool = Flag("error_reads");
        /// Drops writes but reports success.
        drop_writes(): bool = Flag("drop_writes"), since (1, 2, 0);
        /// Fails writes.
        error_writes(): bool = Flag("error_writes"), since (1, 4, 0);
        /// Overwrites one byte of each read or write that [`CorruptBioByte`] selects.
        corrupt_bio_byte(corrupt: CorruptBioByte): Option<CorruptBioByte> = Words(CORRUPT_BIO_BYTE), since (1, 2, 0);
        /// The probability that one random byte of a read request is replaced by a random value, in parts per billion (at
        /// most 1000000000).
        random_read_corrupt(probability: u32): Option<u32> =
            Argument(Limits::new("random_read_corrupt", 0, 1_000_000_000));
        /// The probability that one random byte of a write request is replaced by a random value, in parts per billion (at
        /// most 1000000000).
        random_write_corrupt(probability: u32): Option<u32> =
            Argument(Limits::new("random_write_corrupt", 0, 1_000_000_000));
    }
    other {
        /// Features that this crate does not know; they are printed after the others.
        other_features: WordBuf = "feature";
    }
    case: Any;
    count: Optional, Limits::new("number of feature args", 0, 11);
}

/// The arguments of a `flakey` target: a device, the lengths of the intervals in which the device works and fails, and
/// how it fails.
///
/// ```
/// use dm_targets::flakey::FlakeyTable;
/// use dm_targets::{Flakey, Target};
/// use dm_units::{DeviceNumber, Sectors};
///
/// let table = FlakeyTable::new(DeviceNumber::new(254, 0), Sectors(0), 5, 10).drop_writes();
/// assert_eq!(table.to_string(), "254:0 0 5 10 1 drop_writes");
/// assert_eq!(Flakey::parse_table("254:0 0 5 10 1 drop_writes")?, table);
/// # Ok::<(), dm_targets::ParseError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct FlakeyTable {
    /// The device that requests are sent to.
    pub device: Device,
    /// The first mapped sector of `device`.
    pub offset: Sectors,
    /// The length of an interval in which the device works, in seconds.
    pub up: u32,
    /// The length of an interval in which the device fails, in seconds. `up` and `down` must not both be 0, and their
    /// sum must be at most 2^32 - 1.
    pub down: u32,
    /// How the device fails during a down interval.
    pub features: FlakeyFeatures,
    spelling: Spelling,
}

impl FlakeyTable {
    /// Makes a device that works for `up` seconds, then fails all reads and writes for `down` seconds, and so on.
    /// Features change how the device fails. The values are not checked; [`Flakey::check`](Target::check) does that.
    pub fn new(device: impl Into<Device>, offset: Sectors, up: u32, down: u32) -> Self {
        let (features, spelling) = (FlakeyFeatures::default(), Spelling::default());
        Self { device: device.into(), offset, up, down, features, spelling }
    }

    /// The table as Linux 6.12 prints it: without probabilities of 0, and with `error_reads` and `error_writes` if no
    /// feature is left.
    fn in_full(&self) -> Self {
        let mut features = self.features.clone();
        for probability in [&mut features.random_read_corrupt, &mut features.random_write_corrupt] {
            *probability = probability.filter(|parts| *parts != 0);
        }
        if features == FlakeyFeatures::default() {
            (features.error_reads, features.error_writes) = (true, true);
        }
        Self { features, ..self.clone() }
    }
}

impl Spelled for FlakeyTable {
    fn read(fields: &mut Fields<'_>) -> Result<Self, ParseError> {
        let (device, offset, up) = (fields.read("device")?, fields.read("offset")?, fields.read("up interval")?);
        let down = fields.read_within(&down_limits(up))?;
        let features = fields.read_options_then(check_conflicts)?;
        fields.ignore_rest_of_input()?;
        if !fields.remainder().is_empty() {
            // Linux 6.1 prints a space at the end of the table.
            fields.note_unusual();
        }
        Ok(Self { device, offset, up, down, features, spelling: Spelling::default() })
    }

    fn print(&self, out: &mut Printer<'_, '_>) {
        let Self { device, offset, up, down, features, spelling: _ } = self;
        out.put(device).put(offset).put(up).put(down).options(features);
    }
}

spelled!(FlakeyTable);

#[cfg(test)]
mod tests {
    use super::*;

    fn error(text: &str) -> String {
        Flakey::parse_table(text).unwrap_err().to_string()
    }

    fn table() -> FlakeyTable {
        FlakeyTable::new(dm_units::DeviceNumber::new(254, 0), Sectors(0), 5, 10)
    }

    #[test]
    fn the_intervals_are_not_0_together_nor_too_large() {
        assert!(Flakey::parse_table("254:0 0 0 1 0").is_ok());
        assert_eq!(error("254:0 0 0 0 0"), "flakey table: word 4, down interval, must be from 1 to 4294967295");
        assert_eq!(error("254:0 0 1 4294967295 0"), "flakey table: word 4, down interval, must be at most 4294967294");
        assert_eq!(
            Flakey::check(&FlakeyTable { down: u32::MAX, ..table() }, Sectors(8)).unwrap_err().to_string(),
            "down interval must be at most 4294967290"
        );
    }

    #[test]
    fn features_that_exclude_each_other_are_refused() {
        let features = |text: &str| error(&format!("254:0 0 5 10 {text}"));
        assert_eq!(
            features("2 drop_writes error_writes"),
            "flakey table: word 7, error_writes, cannot be combined with drop_writes"
        );
        assert_eq!(
            features("6 error_writes corrupt_bio_byte 1 W 0 0"),
            "flakey table: word 11, corrupt_bio_byte, cannot be combined with error_writes"
        );
        assert_eq!(features("2 drop_writes DROP_WRITES"), "flakey table: word 7, drop_writes, is given twice");
        assert!(Flakey::parse_table("254:0 0 5 10 6 drop_writes corrupt_bio_byte 1 r 0 0").is_ok());

        let corrupt = CorruptBioByte::new(1, Direction::Write, 0);
        for bad in [
            table().drop_writes().error_writes(),
            table().drop_writes().corrupt_bio_byte(corrupt),
            table().corrupt_bio_byte(CorruptBioByte { nth: 0, ..corrupt }),
            table().random_read_corrupt(1_000_000_001),
            table().random_write_corrupt(1_000_000_001),
        ] {
            assert!(Flakey::check(&bad, Sectors(8)).is_err(), "{bad}");
        }
        assert_eq!(Flakey::check(&table().error_reads().corrupt_bio_byte(corrupt), Sectors(8)), Ok(()));
    }

    #[test]
    fn numbers_of_features_are_checked() {
        let features = |text: &str| error(&format!("254:0 0 5 10 {text}"));
        assert_eq!(
            features("5 corrupt_bio_byte 0 r 0 0"),
            "flakey table: word 7, corrupt bio byte, must be from 1 to 4294967295"
        );
        assert_eq!(
            features("5 corrupt_bio_byte 1 x 0 0"),
            "flakey table: word 8, corrupt bio direction, must be r or w"
        );
        assert_eq!(
            features("5 corrupt_bio_byte 1 r 256 0"),
            "flakey table: word 9, corrupt value, must be at most 255"
        );
        assert_eq!(
            features("1 random_read_corrupt 7"),
            "flakey table: word 6, random_read_corrupt, must be followed by a value"
        );
        assert_eq!(
            features("2 random_read_corrupt 1000000001"),
            "flakey table: word 7, random_read_corrupt, must be at most 1000000000"
        );
    }

    #[test]
    fn unknown_features_are_kept() {
        let table = Flakey::parse_table("254:0 0 5 10 3 new error_reads 7").unwrap();
        assert_eq!(table.to_string(), "254:0 0 5 10 3 error_reads new 7");
    }

    #[test]
    fn a_space_at_the_end_is_not_part_of_the_table() {
        let [with, without] = ["254:0 0 5 10 0 ", "254:0 0 5 10 0"].map(|text| Flakey::parse_table(text).unwrap());
        assert_eq!(with, without);
        assert_eq!(with.to_string(), without.to_string());
        assert_eq!([format!("{with:#}"), format!("{without:#}")], ["254:0 0 5 10 0 ", "254:0 0 5 10 0"]);
    }
}
