//! Lines of tables and statuses, and whole tables.

pub(crate) mod concise;
pub(crate) mod dmsetup;
mod line;

use alloc::vec::Vec;
use core::fmt;
use core::hash::{Hash, Hasher};
use core::str::FromStr;

use dm_units::Sectors;

use crate::errors::parse_error::ParseError;
use crate::errors::table_error::{TableError, TableErrorKind};
use crate::table::line::{Line, print_start};
use crate::target::health::Health;
use crate::target::kind::{Any, LineKind};
use crate::targets::AnyStatus;
use crate::text::fields::Fields;
use crate::text::word::TextForm;

/// The largest number of lines (`DM_MAX_TARGETS` in `drivers/md/dm-core.h`).
const MAX_LINES: usize = 1 << 20;

/// The largest length of a device in sectors (`dm_table_add_target` in `drivers/md/dm-table.c`).
const MAX_LENGTH: u64 = (1 << 54) - 1;

/// A line of a table: the sectors that a target maps, the target type, and its params.
///
/// `FromStr` parses the same text that `Display` prints, `start length type params`, with params in the form that a
/// constructor reads. Use [`parse_printed`](Self::parse_printed) and `{:#}` for the form that the kernel and `dmsetup table`
/// print.
///
/// ```
/// use dm_targets::{AnyTable, TableLine};
///
/// let line: TableLine = "0 2048 linear 253:0 8".parse()?;
/// assert!(matches!(line.params, AnyTable::Linear(_)));
/// assert_eq!(line.to_string(), "0 2048 linear 253:0 8");
/// # Ok::<(), dm_targets::ParseError>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct TableLine<K: LineKind = Any> {
    /// The first sector of the mapped device that this target maps.
    pub start: Sectors,
    /// The number of sectors that this target maps.
    pub length: Sectors,
    /// The arguments of the target's constructor.
    pub params: K::Table,
}

/// A line of a status: the sectors that a target maps, and its status.
///
/// ```
/// use dm_targets::{StatusLine, ThinPool};
/// use dm_targets::thin_pool::ThinPoolStatus;
///
/// let text = "0 524288 thin-pool 0 4109/65536 0/4096 - rw discard_passdown queue_if_no_space - 1024 ";
/// let line: StatusLine<ThinPool> = text.parse()?;
/// assert!(matches!(line.status, ThinPoolStatus::Working(_)));
/// # Ok::<(), dm_targets::ParseError>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(
    feature = "serde",
    serde(bound(serialize = "K::Status: serde::Serialize", deserialize = "K::Status: serde::Deserialize<'de>"))
)]
pub struct StatusLine<K: LineKind = Any> {
    /// The first sector of the mapped device that this target maps.
    pub start: Sectors,
    /// The number of sectors that this target maps.
    pub length: Sectors,
    /// The status of the target.
    pub status: K::Status,
}

impl<K: LineKind> Eq for TableLine<K> {}

impl<K: LineKind> Hash for TableLine<K> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        let Self { start, length, params } = self;
        (start, length, params).hash(state);
    }
}

impl<K: LineKind> TableLine<K> {
    /// Maps `length` sectors, starting at sector `start` of the mapped device.
    pub fn new(start: Sectors, length: Sectors, params: impl Into<K::Table>) -> Self {
        Self { start, length, params: params.into() }
    }

    /// The name of the target type, such as `linear`.
    #[must_use]
    pub fn target_type(&self) -> &str {
        K::table_type(&self.params)
    }

    /// Parses a line with the target type of `K`, as `dmsetup table` prints it for one device.
    ///
    /// In a crypt table, the key `0` is parsed as `-`, because dmsetup prints `-` as `0` without `--showkeys`.
    ///
    /// # Errors
    ///
    /// [`ParseError`]: the line has another target type, or a word of it is missing or invalid.
    pub fn parse_printed_as(line: &str) -> Result<Self, ParseError> {
        Self::parse(line, TextForm::Printed)
    }

    pub(crate) fn parse(line: &str, form: TextForm) -> Result<Self, ParseError> {
        let line = Line::parse::<K>(line)?;
        let without_key = (form == TextForm::Printed).then(|| line.without_key()).flatten();
        let params = K::read_table(
            line.target_type,
            Fields::new(without_key.as_ref().map_or(line.rest, |line| line.as_str()), form),
        );
        let params = params.map_err(|error| error.shifted(line.offset))?;
        Ok(Self { start: line.start, length: line.length, params })
    }

    /// The sector after the last one; `None` if it is beyond the largest size of a device.
    fn end(&self) -> Option<Sectors> {
        self.start.checked_add(self.length).filter(|end| end.0 <= MAX_LENGTH)
    }
}

impl TableLine {
    /// Parses a line with any target type, as `dmsetup table` prints it for one device.
    ///
    /// # Errors
    ///
    /// [`ParseError`]: the start, the length or the target type is missing or invalid, or the params are invalid.
    ///
    /// ```
    /// use dm_targets::TableLine;
    ///
    /// let line = TableLine::parse_printed("0 2048 linear 253:0 8")?;
    /// assert_eq!(line.target_type(), "linear");
    /// # Ok::<(), dm_targets::ParseError>(())
    /// ```
    pub fn parse_printed(line: &str) -> Result<Self, ParseError> {
        Self::parse_printed_as(line)
    }
}

impl Table {
    /// Parses a table with any target types, as `dmsetup table` prints it for one device.
    ///
    /// # Errors
    ///
    /// The errors of [`parse_printed_as`](Self::parse_printed_as).
    ///
    /// ```
    /// use dm_targets::Table;
    ///
    /// let table = Table::parse_printed("0 2048 linear 253:0 8\n2048 8 zero ")?;
    /// assert_eq!(table.lines().len(), 2);
    /// # Ok::<(), dm_targets::TableError>(())
    /// ```
    pub fn parse_printed(text: &str) -> Result<Self, TableError> {
        Self::parse_printed_as(text)
    }
}

impl<K: LineKind> StatusLine<K> {
    /// The name of the target type, such as `linear`.
    #[must_use]
    pub fn target_type(&self) -> &str {
        K::status_type(&self.status)
    }
}

impl StatusLine {
    /// Returns the health of the target according to this status, or `None` if this crate does not know the target
    /// type.
    ///
    /// For an `integrity` target, use this method instead of [`AnyStatus::health`]. The recalculation of the tags is
    /// complete when it reaches [`length`](Self::length), and an [`AnyStatus`] does not contain the length.
    #[must_use]
    pub fn health(&self) -> Option<Health> {
        match &self.status {
            AnyStatus::Integrity(status) => Some(status.health_of(self.length)),
            status => status.health(),
        }
    }
}

impl<K: LineKind> FromStr for TableLine<K> {
    type Err = ParseError;

    fn from_str(line: &str) -> Result<Self, ParseError> {
        Self::parse(line, TextForm::Input)
    }
}

impl<K: LineKind> FromStr for StatusLine<K> {
    type Err = ParseError;

    fn from_str(line: &str) -> Result<Self, ParseError> {
        let line = Line::parse::<K>(line)?;
        let status = K::read_status(line.target_type, Fields::printed(line.rest));
        let status = status.map_err(|error| error.shifted(line.offset))?;
        Ok(Self { start: line.start, length: line.length, status })
    }
}

impl<K: LineKind> fmt::Display for TableLine<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        print_start(f, self.start, self.length, self.target_type())?;
        self.params.fmt(f)
    }
}

impl<K: LineKind> fmt::Display for StatusLine<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        print_start(f, self.start, self.length, self.target_type())?;
        self.status.fmt(f)
    }
}

/// A whole table that obeys these rules of the kernel:
///
/// - It has 1 to 1048576 lines.
/// - The first line starts at sector 0, and every other line at the end of the previous one.
/// - No line has the length 0, and all lines together have at most 2^54 - 1 sectors.
/// - A target that must be alone ([`SINGLETON`](crate::Target::SINGLETON)) has no other lines beside it. A target that
///   cannot be mixed ([`IMMUTABLE`](crate::Target::IMMUTABLE)) has no lines of other targets beside it.
/// - Every line has passed [`Target::check`](crate::Target::check).
///
/// `FromStr` parses, and `Display` prints, one line of text per line of the table.
///
/// ```
/// use dm_targets::Table;
///
/// let error = "0 8 linear 253:0 0\n9 8 error".parse::<Table>().unwrap_err();
/// assert_eq!(error.to_string(), "line 2: must start at sector 8");
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Table<K: LineKind = Any> {
    lines: Vec<TableLine<K>>,
}

impl<K: LineKind> Table<K> {
    /// Checks the lines and makes them a table.
    ///
    /// # Errors
    ///
    /// [`TableErrorKind`], except [`Parse`](TableErrorKind::Parse): a line breaks a rule. The error names the first
    /// such line.
    ///
    /// ```
    /// use dm_targets::linear::LinearTable;
    /// use dm_targets::{Linear, Table, TableLine};
    /// use dm_units::{DeviceNumber, Sectors};
    ///
    /// let disk = LinearTable::new(DeviceNumber::new(254, 0), Sectors(0));
    /// let table = Table::<Linear>::new([TableLine::new(Sectors(0), Sectors(2048), disk)])?;
    /// assert_eq!(table.length(), Sectors(2048));
    /// # Ok::<(), dm_targets::TableError>(())
    /// ```
    pub fn new(lines: impl Into<Vec<TableLine<K>>>) -> Result<Self, TableError> {
        let lines = lines.into();
        let mut expected = Sectors(0);
        for (line, number) in lines.iter().zip(1..) {
            let error = |kind| TableError::new(number, kind);
            expected = check_line(line, expected).map_err(error)?;
            let is_other = |other: &TableLine<K>| other.target_type() != line.target_type();
            let is_alone = lines.len() == 1 || !K::is_singleton(&line.params);
            if !is_alone || (K::is_immutable(&line.params) && lines.iter().any(is_other)) {
                return Err(error(TableErrorKind::NotAlone));
            }
        }
        match lines.len() {
            0 => Err(TableError::new(1, TableErrorKind::Empty)),
            1..=MAX_LINES => Ok(Self { lines }),
            count => Err(TableError::new(count, TableErrorKind::TooManyLines)),
        }
    }

    /// Parses a table with the target type of `K`, as `dmsetup table` prints it for one device.
    ///
    /// # Errors
    ///
    /// [`TableErrorKind::Parse`]: a line cannot be parsed. The other [kinds](TableErrorKind): all lines can be parsed,
    /// but one breaks a rule of the kernel. The error names the first such line.
    pub fn parse_printed_as(text: &str) -> Result<Self, TableError> {
        Self::parse(text, TextForm::Printed)
    }

    fn parse(text: &str, form: TextForm) -> Result<Self, TableError> {
        let parse = |(line, number)| {
            TableLine::parse(line, form).map_err(|error| TableError::new(number, TableErrorKind::Parse(error)))
        };
        Self::new(text.lines().zip(1..).map(parse).collect::<Result<Vec<_>, _>>()?)
    }

    /// The lines of the table, in the order of their sectors.
    #[must_use]
    pub fn lines(&self) -> &[TableLine<K>] {
        &self.lines
    }

    /// Converts the table back into its lines.
    #[must_use]
    pub fn into_lines(self) -> Vec<TableLine<K>> {
        self.lines
    }

    /// The length of a device with this table.
    #[must_use]
    pub fn length(&self) -> Sectors {
        self.lines.last().and_then(TableLine::end).unwrap_or_default()
    }
}

impl<K: LineKind> Eq for Table<K> {}

impl<K: LineKind> Hash for Table<K> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.lines.hash(state);
    }
}

impl<K: LineKind> IntoIterator for Table<K> {
    type Item = TableLine<K>;
    type IntoIter = alloc::vec::IntoIter<TableLine<K>>;

    fn into_iter(self) -> Self::IntoIter {
        self.lines.into_iter()
    }
}

impl<'t, K: LineKind> IntoIterator for &'t Table<K> {
    type Item = &'t TableLine<K>;
    type IntoIter = core::slice::Iter<'t, TableLine<K>>;

    fn into_iter(self) -> Self::IntoIter {
        self.lines.iter()
    }
}

/// Checks one line, and returns the sector at which the next one must start.
fn check_line<K: LineKind>(line: &TableLine<K>, expected: Sectors) -> Result<Sectors, TableErrorKind> {
    if line.length == Sectors(0) {
        return Err(TableErrorKind::ZeroLength);
    }
    if line.start != expected {
        return Err(TableErrorKind::Gap { expected });
    }
    K::check(&line.params, line.length).map_err(TableErrorKind::Field)?;
    line.end().ok_or(TableErrorKind::TooLong)
}

impl<K: LineKind> FromStr for Table<K> {
    type Err = TableError;

    fn from_str(text: &str) -> Result<Self, TableError> {
        Self::parse(text, TextForm::Input)
    }
}

impl<K: LineKind> fmt::Display for Table<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut separator = "";
        for line in &self.lines {
            f.write_str(separator)?;
            line.fmt(f)?;
            separator = "\n";
        }
        Ok(())
    }
}

crate::text::serde::as_text!(Table<K>, str::parse, K: LineKind);
crate::text::serde::as_text!(TableLine<K>, str::parse, K: LineKind);
