//! `flakey`: a device that works for a while, then misbehaves for a while.
//!
//! ```text
//! table   = <device> <offset> <up> <down> [<#features> {<feature>}]
//! feature = error_reads | drop_writes | error_writes
//!         | corrupt_bio_byte <nth> <direction> <value> <flags>
//!         | random_read_corrupt <probability> | random_write_corrupt <probability>
//! status  =
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
//! | flags | `u32` | mask of request flags of the running kernel | 0: any request |
//! | probability | `u32` | parts of 1000000000 | at most 1000000000 |
//!
//! `drop_writes` excludes `error_writes`, and both exclude a `corrupt_bio_byte` of writes.
//!
//! What happens without a feature is the kernel's choice. It fails all requests while the device is down; Linux 6.12 then
//! also prints `2 error_reads error_writes`, Linux 6.1 prints `0`. The latter ends the table with a space and knows neither
//! `error_reads` nor the random ones, although it calls itself 1.5.0 too: for these the version of the target says nothing.
//!
//! Takes no messages.
//!
//! Kernel: `flakey_ctr`, `parse_features` and `flakey_status` in `drivers/md/dm-flakey.c`.

mod corruption;

pub use corruption::{CorruptBioByte, Direction};

use alloc::vec::Vec;
use core::fmt;

use dm_units::Sectors;

use crate::flags::{Flag, flags};
use crate::{
    Device, Feature, Fields, InvalidField, Limits, NoMessage, NoStatus, Params, ParseError, Printer, Problem, Target,
    Value, Word, WordBuf,
};

const DOWN: &str = "down interval";
const FEATURE_COUNT: Limits = Limits::new("number of feature args", 0, 11);
const CORRUPT_BIO_BYTE: &str = "corrupt_bio_byte";
const RANDOM_READ: Limits = Limits::new("random_read_corrupt", 0, 1_000_000_000);
const RANDOM_WRITE: Limits = Limits::new("random_write_corrupt", 0, 1_000_000_000);

const FLAGS: [Flag<FlakeyTable>; 3] = flags![error_reads, drop_writes, error_writes];

/// The `flakey` target.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flakey {}

impl Target for Flakey {
    const TYPE: &'static str = "flakey";
    type Table = FlakeyTable;
    type Status = NoStatus;
    type Message = NoMessage;

    const FEATURES: &'static [Feature] = &[
        Feature { name: "drop_writes", since: (1, 2, 0) },
        Feature { name: CORRUPT_BIO_BYTE, since: (1, 2, 0) },
        Feature { name: "error_writes", since: (1, 4, 0) },
    ];

    fn check(table: &FlakeyTable, _: Sectors) -> Result<(), InvalidField> {
        down_limits(table.up).check(table.down)?;
        FEATURE_COUNT.check(table.feature_words() as u64)?;
        check_conflicts(table)?;
        table.corrupt_bio_byte.map_or(Ok(()), |corrupt| corrupt.check())?;
        table.random_read_corrupt.map_or(Ok(()), |probability| RANDOM_READ.check(probability))?;
        table.random_write_corrupt.map_or(Ok(()), |probability| RANDOM_WRITE.check(probability))
    }
}

/// The two intervals must not be 0 together, nor overflow.
fn down_limits(up: u32) -> Limits {
    Limits::new(DOWN, u64::from(up == 0), u32::MAX.saturating_sub(up).into())
}

fn check_conflicts(table: &FlakeyTable) -> Result<(), InvalidField> {
    let corrupts_writes = table.corrupt_bio_byte.is_some_and(|corrupt| corrupt.direction == Direction::Write);
    let conflict = match table {
        FlakeyTable { drop_writes: true, error_writes: true, .. } => ("error_writes", "drop_writes"),
        FlakeyTable { drop_writes: true, .. } if corrupts_writes => (CORRUPT_BIO_BYTE, "drop_writes"),
        FlakeyTable { error_writes: true, .. } if corrupts_writes => (CORRUPT_BIO_BYTE, "error_writes"),
        _ => return Ok(()),
    };
    Err(InvalidField::new(conflict.0, Problem::Conflict(conflict.1)))
}

/// The table of a `flakey` target.
///
/// ```
/// use dm_targets::flakey::FlakeyTable;
/// use dm_units::{DeviceNumber, Sectors};
///
/// let table = FlakeyTable::new(DeviceNumber::new(254, 0), Sectors(0), 5, 10).drop_writes();
/// assert_eq!(table.to_string(), "254:0 0 5 10 1 drop_writes");
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct FlakeyTable {
    /// The device.
    pub device: Device,
    /// Where on it the mapped sectors start.
    pub offset: Sectors,
    /// How many seconds the device works.
    pub up: u32,
    /// How many seconds it then misbehaves.
    pub down: u32,
    /// Reads fail.
    pub error_reads: bool,
    /// Writes are ignored without an error.
    pub drop_writes: bool,
    /// Writes fail.
    pub error_writes: bool,
    /// A byte of each request is changed.
    pub corrupt_bio_byte: Option<CorruptBioByte>,
    /// How likely it is that a byte of a read is changed, in parts of 1000000000.
    pub random_read_corrupt: Option<u32>,
    /// How likely it is that a byte of a write is changed, in parts of 1000000000.
    pub random_write_corrupt: Option<u32>,
    /// Features that this version does not know; they are printed after the others.
    pub other_features: Vec<WordBuf>,
    last_space: LastSpace,
}

/// Whether the kernel that printed the table ends it with a space. The table is the same with and without it.
#[derive(Clone, Copy, Debug)]
struct LastSpace(bool);

impl PartialEq for LastSpace {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl Eq for LastSpace {}

impl FlakeyTable {
    /// A device that works for `up` seconds and then misbehaves for `down` seconds, as the kernel likes.
    pub fn new(device: impl Into<Device>, offset: Sectors, up: u32, down: u32) -> Self {
        Self {
            device: device.into(),
            offset,
            up,
            down,
            error_reads: false,
            drop_writes: false,
            error_writes: false,
            corrupt_bio_byte: None,
            random_read_corrupt: None,
            random_write_corrupt: None,
            other_features: Vec::new(),
            last_space: LastSpace(false),
        }
    }

    /// Fails reads.
    #[must_use]
    pub fn error_reads(self) -> Self {
        Self { error_reads: true, ..self }
    }

    /// Ignores writes without an error.
    #[must_use]
    pub fn drop_writes(self) -> Self {
        Self { drop_writes: true, ..self }
    }

    /// Fails writes.
    #[must_use]
    pub fn error_writes(self) -> Self {
        Self { error_writes: true, ..self }
    }

    /// Changes a byte of each request.
    #[must_use]
    pub fn corrupt_bio_byte(self, corrupt: CorruptBioByte) -> Self {
        Self { corrupt_bio_byte: Some(corrupt), ..self }
    }

    /// Changes a byte of some reads, as often as `probability` parts of 1000000000.
    #[must_use]
    pub fn random_read_corrupt(self, probability: u32) -> Self {
        Self { random_read_corrupt: Some(probability), ..self }
    }

    /// Changes a byte of some writes, as often as `probability` parts of 1000000000.
    #[must_use]
    pub fn random_write_corrupt(self, probability: u32) -> Self {
        Self { random_write_corrupt: Some(probability), ..self }
    }

    /// How many words the features are.
    fn feature_words(&self) -> usize {
        let random = [self.random_read_corrupt, self.random_write_corrupt];
        Flag::count(&FLAGS, self, &self.other_features)
            .saturating_add(self.corrupt_bio_byte.map_or(0, |_| CorruptBioByte::WORDS))
            .saturating_add(random.iter().flatten().count().saturating_mul(2))
    }

    /// Reads the feature of which `word` is the first word.
    fn parse_feature(&mut self, word: Word<'_>, fields: &mut Fields<'_>) -> Result<(), ParseError> {
        let at_name = fields.clone();
        let blame = |problem| at_name.error("feature", problem);
        match word {
            _ if Flag::set(&FLAGS, self, word).map_err(blame)? => {}
            _ if word.is(CORRUPT_BIO_BYTE) => {
                let corrupt = CorruptBioByte::parse(fields)?;
                set(&mut self.corrupt_bio_byte, corrupt).map_err(blame)?;
            }
            _ if word.is(RANDOM_READ.field()) => {
                let probability = fields.read_within(&RANDOM_READ)?;
                set(&mut self.random_read_corrupt, probability).map_err(blame)?;
            }
            _ if word.is(RANDOM_WRITE.field()) => {
                let probability = fields.read_within(&RANDOM_WRITE)?;
                set(&mut self.random_write_corrupt, probability).map_err(blame)?;
            }
            _ => self.other_features.push(WordBuf::read(word).map_err(blame)?),
        }
        check_conflicts(self).map_err(|invalid| at_name.blame(invalid))
    }
}

/// Sets what may be given once.
fn set<T>(option: &mut Option<T>, value: T) -> Result<(), Problem> {
    match option.replace(value) {
        Some(_) => Err(Problem::Repeated),
        None => Ok(()),
    }
}

impl Params for FlakeyTable {
    fn parse(fields: &mut Fields<'_>) -> Result<Self, ParseError> {
        let (device, offset): (Device, _) = (fields.read("device")?, fields.read("offset")?);
        let up = fields.read("up interval")?;
        let mut table = Self::new(device, offset, up, fields.read_within(&down_limits(up))?);
        let mut features = fields.read_optional_group(FEATURE_COUNT.field())?;
        while let Some(word) = features.next_word() {
            table.parse_feature(word, &mut features)?;
        }
        table.last_space = LastSpace(!fields.remainder().is_empty());
        Ok(table)
    }
}

impl fmt::Display for FlakeyTable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut out = Printer::new(f);
        out.put(&self.device).put(&self.offset).put(&self.up).put(&self.down).count(self.feature_words());
        for flag in FLAGS.iter().filter(|flag| (flag.get)(self)) {
            out.word(flag.word);
        }
        if let Some(CorruptBioByte { nth, direction, value, flags }) = &self.corrupt_bio_byte {
            out.word(CORRUPT_BIO_BYTE).put(nth).put(direction).put(value).put(flags);
        }
        if let Some(probability) = &self.random_read_corrupt {
            out.word(RANDOM_READ.field()).put(probability);
        }
        if let Some(probability) = &self.random_write_corrupt {
            out.word(RANDOM_WRITE.field()).put(probability);
        }
        out.all(&self.other_features);
        if self.last_space.0 {
            out.space();
        }
        out.end()
    }
}

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
        assert!(Flakey::check(&FlakeyTable { down: u32::MAX, ..table() }, Sectors(8)).is_err());
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
            "flakey table: word 7, corrupt_bio_byte, cannot be combined with error_writes"
        );
        assert_eq!(features("2 drop_writes DROP_WRITES"), "flakey table: word 7, feature, is given twice");
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
        assert_eq!(features("1 random_read_corrupt 7"), "flakey table: word 7, random_read_corrupt, is missing");
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
    fn the_last_space_is_no_part_of_the_table() {
        let [with, without] = ["254:0 0 5 10 0 ", "254:0 0 5 10 0"].map(|text| Flakey::parse_table(text).unwrap());
        assert_eq!(with, without);
        assert_ne!(with.to_string(), without.to_string());
    }
}
