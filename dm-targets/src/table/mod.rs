//! Lines of tables and statuses, and whole tables.

pub(crate) mod concise;
pub(crate) mod dmsetup;

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;
use core::hash::{Hash, Hasher};
use core::str::FromStr;

use dm_units::Sectors;
use zeroize::Zeroizing;

use crate::errors::keys::may_hold_key;
use crate::errors::parse_error::ParseError;
use crate::errors::problem::Problem;
use crate::errors::table_error::{TableError, TableErrorKind};
use crate::target::Target;
use crate::target::health::Health;
use crate::target::kind::{Any, Kind};
use crate::targets::{AnyStatus, Crypt};
use crate::text::fields::Fields;
use crate::text::printer::Printer;
use crate::text::word::Form;

/// The largest number of lines (`DM_MAX_TARGETS` in `drivers/md/dm-ioctl.c`).
const MAX_LINES: usize = 1 << 20;

/// The largest length of a target type (`DM_MAX_TYPE_NAME` holds a NUL too).
const MAX_TYPE: usize = 15;

/// The largest length of a device in sectors (`dm_table_add_target` in `drivers/md/dm-table.c`).
const MAX_LENGTH: u64 = (1 << 54) - 1;

/// A line of a table: which sectors a target maps, and how.
///
/// `FromStr` reads what `Display` prints, `start length type params`, with params as a constructor reads them.
/// [`parse_printed`](Self::parse_printed) and `{:#}` are for what the kernel and `dmsetup table` print.
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
pub struct TableLine<K: Kind = Any> {
    /// The first sector that it maps.
    pub start: Sectors,
    /// How many sectors it maps.
    pub length: Sectors,
    /// What the target is told.
    pub params: K::Table,
}

/// A line of a status: what the target of some sectors reports.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(
    feature = "serde",
    serde(bound(serialize = "K::Status: serde::Serialize", deserialize = "K::Status: serde::Deserialize<'de>"))
)]
pub struct StatusLine<K: Kind = Any> {
    /// The first sector that the target maps.
    pub start: Sectors,
    /// How many sectors it maps.
    pub length: Sectors,
    /// What it reports.
    pub status: K::Status,
}

impl<K: Kind> Eq for TableLine<K> {}

impl<K: Kind> Hash for TableLine<K> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        let Self { start, length, params } = self;
        (start, length, params).hash(state);
    }
}

impl<K: Kind> TableLine<K> {
    /// The `length` sectors from `start` on, mapped as `params` say.
    pub fn new(start: Sectors, length: Sectors, params: impl Into<K::Table>) -> Self {
        Self { start, length, params: params.into() }
    }

    /// The target type.
    #[must_use]
    pub fn target_type(&self) -> &str {
        K::table_type(&self.params)
    }

    /// Reads a line of this type of target as `dmsetup table` prints it for one device.
    ///
    /// The key `0` of a crypt table is read as `-`: dmsetup shows it so without `--showkeys`.
    ///
    /// # Errors
    ///
    /// The line has another target type, or its params are not those of the target.
    pub fn parse_printed_as(line: &str) -> Result<Self, ParseError> {
        Self::parse(line, Form::Printed)
    }

    pub(crate) fn parse(line: &str, form: Form) -> Result<Self, ParseError> {
        let line = Line::parse::<K>(line)?;
        let without_key = (form == Form::Printed).then(|| line.without_key()).flatten();
        let params = K::read_table(
            line.target_type,
            Fields::new(without_key.as_ref().map_or(line.rest, |line| line.as_str()), form),
        );
        let params = params.map_err(|error| error.shifted(line.offset))?;
        Ok(Self { start: line.start, length: line.length, params })
    }

    /// The sector after the last one, if there can be such a device.
    fn end(&self) -> Option<Sectors> {
        self.start.checked_add(self.length).filter(|end| end.0 <= MAX_LENGTH)
    }
}

impl TableLine {
    /// Reads a line of any target as `dmsetup table` prints it for one device.
    ///
    /// # Errors
    ///
    /// The line has no start, length or target type, or its params are not those of its target.
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
    /// Reads a table of any targets as `dmsetup table` prints it for one device.
    ///
    /// # Errors
    ///
    /// The first line that cannot be read, or that breaks a rule.
    pub fn parse_printed(text: &str) -> Result<Self, TableError> {
        Self::parse_printed_as(text)
    }
}

impl<K: Kind> StatusLine<K> {
    /// The target type.
    #[must_use]
    pub fn target_type(&self) -> &str {
        K::status_type(&self.status)
    }
}

impl StatusLine {
    /// What the status says of the health of the target; `None` for a target that is not known.
    ///
    /// It knows more than [`AnyStatus::health`]: tags of an `integrity` target are all there once they are as long as the line.
    #[must_use]
    pub fn health(&self) -> Option<Health> {
        match &self.status {
            AnyStatus::Integrity(status) => Some(status.health_of(self.length)),
            status => status.health(),
        }
    }
}

/// What all lines begin with.
struct Line<'a> {
    start: Sectors,
    length: Sectors,
    target_type: &'a str,
    /// What follows the target type and one space.
    rest: &'a str,
    /// Where in the line `rest` is.
    offset: usize,
}

impl<'a> Line<'a> {
    fn parse<K: Kind>(line: &'a str) -> Result<Self, ParseError> {
        let mut fields = Fields::printed(line);
        let start = fields.read("start")?;
        let length = fields.read("length")?;
        let target_type = fields.next_word().ok_or_else(|| fields.missing("target type"))?.spelling();
        check_type(target_type)
            .and_then(|()| K::check_type(target_type))
            .map_err(|problem| fields.error("target type", problem))?;
        let rest = fields.remainder();
        let rest = rest.strip_prefix(' ').unwrap_or(rest);
        let offset = line.len().saturating_sub(rest.len());
        Ok(Self { start, length, target_type, rest, offset })
    }
}

impl Line<'_> {
    /// The rest of a line of crypt whose key is `0`, with a `-` in its place.
    ///
    /// It is what dmsetup shows of a `-` without `--showkeys`; no key has one digit.
    /// A key may still stand in another place.
    fn without_key(&self) -> Option<Zeroizing<String>> {
        let (cipher, rest) = self.rest.split_once(' ').filter(|_| self.target_type == Crypt::TYPE)?;
        let rest = rest.strip_prefix("0 ")?;
        let mut line = Zeroizing::new(String::with_capacity(self.rest.len()));
        [cipher, " - ", rest].into_iter().for_each(|part| line.push_str(part));
        Some(line)
    }
}

/// Refuses what is not a target type: it would be kept and shown, and may be a key in the wrong place.
fn check_type(target_type: &str) -> Result<(), Problem> {
    match target_type.len() {
        _ if may_hold_key(target_type) => Err(Problem::MayBeKey),
        0..=MAX_TYPE => Ok(()),
        _ => Err(Problem::Expected("at most 15 bytes long")),
    }
}

impl<K: Kind> FromStr for TableLine<K> {
    type Err = ParseError;

    fn from_str(line: &str) -> Result<Self, ParseError> {
        Self::parse(line, Form::Input)
    }
}

impl<K: Kind> FromStr for StatusLine<K> {
    type Err = ParseError;

    fn from_str(line: &str) -> Result<Self, ParseError> {
        let line = Line::parse::<K>(line)?;
        let status = K::read_status(line.target_type, Fields::printed(line.rest));
        let status = status.map_err(|error| error.shifted(line.offset))?;
        Ok(Self { start: line.start, length: line.length, status })
    }
}

impl<K: Kind> fmt::Display for TableLine<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        print_start(f, self.start, self.length, self.target_type())?;
        self.params.fmt(f)
    }
}

impl<K: Kind> fmt::Display for StatusLine<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        print_start(f, self.start, self.length, self.target_type())?;
        self.status.fmt(f)
    }
}

/// Prints what all lines begin with. There is a space after the target type even if nothing follows, as in dmsetup.
fn print_start(f: &mut fmt::Formatter<'_>, start: Sectors, length: Sectors, target_type: &str) -> fmt::Result {
    Printer::printed(f).put(&start).put(&length).word(target_type).space().end()
}

/// A whole table that follows the kernel's rules.
///
/// It has at least one line and at most 1048576. The first line starts at sector 0 and each other one where the one before
/// it ends. No line is empty, and the last one ends within 2^54 - 1 sectors. A target that must be alone is, and
/// [`Target::check`](crate::Target::check) has passed every line.
///
/// `FromStr` and `Display` know one line of text per line.
///
/// ```
/// use dm_targets::Table;
///
/// let error = "0 8 linear 253:0 0\n9 8 error".parse::<Table>().unwrap_err();
/// assert_eq!(error.to_string(), "line 2: must start at sector 8");
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Table<K: Kind = Any> {
    lines: Vec<TableLine<K>>,
}

impl<K: Kind> Table<K> {
    /// The table with these lines.
    ///
    /// # Errors
    ///
    /// The first line that breaks a rule, and which.
    pub fn new(lines: impl Into<Vec<TableLine<K>>>) -> Result<Self, TableError> {
        let lines = lines.into();
        let mut expected = Sectors(0);
        for (line, number) in lines.iter().zip(1..) {
            let error = |kind| TableError::new(number, kind);
            expected = check_line(line, expected).map_err(error)?;
            if lines.len() > 1 && K::is_singleton(&line.params) {
                return Err(error(TableErrorKind::NotAlone));
            }
        }
        match lines.len() {
            0 => Err(TableError::new(1, TableErrorKind::Empty)),
            1..=MAX_LINES => Ok(Self { lines }),
            count => Err(TableError::new(count, TableErrorKind::TooManyLines)),
        }
    }

    /// Reads a table of this type of target as `dmsetup table` prints it for one device.
    ///
    /// # Errors
    ///
    /// The first line that cannot be read, or that breaks a rule.
    pub fn parse_printed_as(text: &str) -> Result<Self, TableError> {
        Self::parse(text, Form::Printed)
    }

    fn parse(text: &str, form: Form) -> Result<Self, TableError> {
        let parse = |(line, number)| {
            TableLine::parse(line, form).map_err(|error| TableError::new(number, TableErrorKind::Parse(error)))
        };
        Self::new(text.lines().zip(1..).map(parse).collect::<Result<Vec<_>, _>>()?)
    }

    /// The lines.
    #[must_use]
    pub fn lines(&self) -> &[TableLine<K>] {
        &self.lines
    }

    /// Gives the lines back.
    #[must_use]
    pub fn into_lines(self) -> Vec<TableLine<K>> {
        self.lines
    }

    /// The length of the device.
    #[must_use]
    pub fn length(&self) -> Sectors {
        self.lines.last().and_then(TableLine::end).unwrap_or_default()
    }
}

impl<K: Kind> Eq for Table<K> {}

impl<K: Kind> Hash for Table<K> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.lines.hash(state);
    }
}

impl<K: Kind> IntoIterator for Table<K> {
    type Item = TableLine<K>;
    type IntoIter = alloc::vec::IntoIter<TableLine<K>>;

    fn into_iter(self) -> Self::IntoIter {
        self.lines.into_iter()
    }
}

impl<'t, K: Kind> IntoIterator for &'t Table<K> {
    type Item = &'t TableLine<K>;
    type IntoIter = core::slice::Iter<'t, TableLine<K>>;

    fn into_iter(self) -> Self::IntoIter {
        self.lines.iter()
    }
}

/// Checks one line and gives where the next one must start.
fn check_line<K: Kind>(line: &TableLine<K>, expected: Sectors) -> Result<Sectors, TableErrorKind> {
    if line.length == Sectors(0) {
        return Err(TableErrorKind::ZeroLength);
    }
    if line.start != expected {
        return Err(TableErrorKind::Gap { expected });
    }
    K::check(&line.params, line.length).map_err(TableErrorKind::Field)?;
    line.end().ok_or(TableErrorKind::TooLong)
}

impl<K: Kind> FromStr for Table<K> {
    type Err = TableError;

    fn from_str(text: &str) -> Result<Self, TableError> {
        Self::parse(text, Form::Input)
    }
}

impl<K: Kind> fmt::Display for Table<K> {
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

crate::text::serde::as_text!(Table<K>, str::parse, K: Kind);
crate::text::serde::as_text!(TableLine<K>, str::parse, K: Kind);
