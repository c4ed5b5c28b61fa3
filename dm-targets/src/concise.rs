//! The concise form, in which the kernel's command line describes devices.

use alloc::boxed::Box;
use alloc::vec::Vec;
use core::fmt::{self, Write};
use core::str::FromStr;

use dm_units::Sectors;

use crate::fields::Fields;
use crate::kind::{Any, Kind};
use crate::problem::{InvalidField, Problem};
use crate::table::{Table, TableLine};
use crate::table_error::{TableError, TableErrorKind};
use crate::word::{Form, is_space};

/// The longest text that the kernel takes (`DM_MAX_STR_SIZE` holds a NUL too).
const MAX_LENGTH: usize = 4095;
const MAX_DEVICES: usize = 256;
const MAX_LINES: usize = 256;
const MAX_NAME: usize = 127;
const MAX_UUID: usize = 128;
const MAX_MINOR: u64 = (1 << 20) - 1;

/// The target types that the kernel makes devices of while it starts.
const TYPES: [&str; 6] = ["crypt", "delay", "linear", "snapshot-origin", "striped", "verity"];

/// Devices that the kernel makes while it starts: the value of `dm-mod.create=` on its command line.
///
/// ```text
/// <device>[;<device>]…
/// device = <name>,[<uuid>],[<minor>],(ro|rw),<line>[,<line>]…
/// line   = <start> <length> <type> <params>
/// ```
///
/// There may be spaces around each part. Numbers are decimal, octal after `0` or hexadecimal after `0x`; params are those
/// of the target. Nothing quotes a comma or a semicolon, so params with one can't be written. That holds for the kernel:
/// what `dmsetup create --concise` reads is a little different.
///
/// At most 4095 bytes, 256 devices of 256 lines each, and the targets crypt, delay, linear, snapshot-origin, striped and
/// verity. The kernel cuts a name after 127 bytes and a uuid after 128; here longer ones are refused.
///
/// Kernel: `drivers/md/dm-init.c`.
///
/// ```
/// use dm_targets::Concise;
///
/// let concise: Concise = "root,,3,ro, 0 0x800 linear 8:1 0, 2048 8 linear 8:2 0".parse()?;
/// let [root] = concise.devices() else { panic!() };
/// assert_eq!((root.minor, root.read_only), (Some(3), true));
/// assert_eq!(
///     format!("dm-mod.create=\"{concise}\""),
///     "dm-mod.create=\"root,,3,ro,0 2048 linear 8:1 0,2048 8 linear 8:2 0\""
/// );
/// # Ok::<(), dm_targets::ConciseError>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Concise {
    devices: Vec<ConciseDevice>,
}

/// A device that the kernel makes while it starts.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct ConciseDevice {
    /// Its name.
    pub name: Box<str>,
    /// Its uuid, if it has one.
    pub uuid: Option<Box<str>>,
    /// Its minor number, if that matters.
    pub minor: Option<u32>,
    /// It takes no writes.
    pub read_only: bool,
    /// Its table.
    pub table: Table,
}

impl ConciseDevice {
    /// A device for reading and writing, without a uuid, with any minor number.
    pub fn new(name: impl Into<Box<str>>, table: Table) -> Self {
        Self { name: name.into(), uuid: None, minor: None, read_only: false, table }
    }

    /// Gives it a uuid.
    #[must_use]
    pub fn uuid(self, uuid: impl Into<Box<str>>) -> Self {
        Self { uuid: Some(uuid.into()), ..self }
    }

    /// Gives it a certain minor number.
    #[must_use]
    pub fn minor(self, minor: u32) -> Self {
        Self { minor: Some(minor), ..self }
    }

    /// Lets it take no writes.
    #[must_use]
    pub fn read_only(self) -> Self {
        Self { read_only: true, ..self }
    }

    fn check(&self) -> Result<(), ConciseErrorKind> {
        check_name(&self.name)?;
        self.uuid.as_deref().map_or(Ok(()), |uuid| check_text("uuid", uuid, MAX_UUID))?;
        if self.minor.is_some_and(|minor| u64::from(minor) > MAX_MINOR) {
            return Err(InvalidField::new("minor", Problem::OutOfRange { min: 0, max: MAX_MINOR }).into());
        }
        let lines = self.table.lines();
        if lines.len() > MAX_LINES {
            return Err(InvalidField::new("table", Problem::Expected("made of at most 256 lines")).into());
        }
        lines.iter().zip(1..).try_for_each(|(line, number)| {
            let error = |invalid| TableError::new(number, TableErrorKind::Field(invalid)).into();
            check_type(line.target_type()).and_then(|()| check_params(line)).map_err(error)
        })
    }
}

impl Concise {
    /// These devices, to be made one after the other.
    ///
    /// # Errors
    ///
    /// The first device that can't be written or would be refused, and why; or the text would be too long.
    pub fn new(devices: impl Into<Vec<ConciseDevice>>) -> Result<Self, ConciseError> {
        let concise = Self { devices: devices.into() };
        for (device, number) in concise.devices.iter().zip(1..) {
            device.check().map_err(|kind| ConciseError { device: number, kind })?;
        }
        let error = |kind| Err(ConciseError { device: concise.devices.len(), kind });
        match concise.devices.len() {
            0 => return error(InvalidField::new("device", Problem::Missing).into()),
            1..=MAX_DEVICES => {}
            _ => return error(ConciseErrorKind::TooManyDevices),
        }
        if Summary::of(&concise).length > MAX_LENGTH {
            return error(ConciseErrorKind::TooLong);
        }
        Ok(concise)
    }

    /// The devices.
    #[must_use]
    pub fn devices(&self) -> &[ConciseDevice] {
        &self.devices
    }
}

fn check_name(name: &str) -> Result<(), InvalidField> {
    let problem = Problem::Expected("other than `.`, `..` and `control`, and without a slash");
    if matches!(name, "." | ".." | "control") || name.contains('/') {
        return Err(InvalidField::new("name", problem));
    }
    check_text("name", name, MAX_NAME)
}

fn check_text(field: &'static str, text: &str, max: usize) -> Result<(), InvalidField> {
    let problem = if text.is_empty() {
        Problem::Missing
    } else if text.contains([',', '\0']) || trim(text) != text {
        Problem::Expected("without a comma, and without spaces around it")
    } else if text.len() > max {
        Problem::Expected("shorter")
    } else {
        return Ok(());
    };
    Err(InvalidField::new(field, problem))
}

fn check_type(target_type: &str) -> Result<(), InvalidField> {
    let problem = Problem::Expected("crypt, delay, linear, snapshot-origin, striped or verity");
    if TYPES.contains(&target_type) { Ok(()) } else { Err(InvalidField::new("target type", problem)) }
}

fn check_params(line: &TableLine) -> Result<(), InvalidField> {
    let Summary { separators, ends_with_space, .. } = Summary::of(&line.params);
    let problem = Problem::Expected("without commas and semicolons, and without a space at the end");
    if separators || ends_with_space { Err(InvalidField::new("params", problem)) } else { Ok(()) }
}

/// What matters of a text, which is not kept: it may hold a key.
#[derive(Default)]
struct Summary {
    length: usize,
    separators: bool,
    ends_with_space: bool,
}

impl Summary {
    fn of(text: &impl fmt::Display) -> Self {
        let mut summary = Self::default();
        // This writer never fails.
        let _ = write!(summary, "{text}");
        summary
    }
}

impl Write for Summary {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.length = self.length.saturating_add(text.len());
        self.separators |= text.contains([',', ';']);
        self.ends_with_space = text.bytes().next_back().map_or(self.ends_with_space, is_space);
        Ok(())
    }
}

/// Reads the parts of a text, as `str_field_delimit` does.
struct Parts<'a> {
    /// What is left; `None` after the last part.
    rest: Option<&'a str>,
    /// Where in the whole text it ends.
    end: usize,
}

/// A part, without the spaces around it.
struct Part<'a> {
    text: &'a str,
    /// Where in the whole text it starts.
    offset: usize,
}

impl<'a> Parts<'a> {
    fn of(part: &Part<'a>) -> Self {
        Self { rest: Some(part.text), end: part.offset.saturating_add(part.text.len()) }
    }

    /// The part before the next separator, or what is left.
    fn next(&mut self, separator: char) -> Part<'a> {
        let rest = self.rest.unwrap_or_default().trim_start_matches(is_space_char);
        let offset = self.end.saturating_sub(rest.len());
        let (part, rest) = rest.split_once(separator).map_or((rest, None), |(part, rest)| (part, Some(rest)));
        self.rest = rest;
        Part { text: trim(part), offset }
    }

    /// The part before the next separator, after which `following` must stand.
    fn next_before(&mut self, separator: char, following: &'static str) -> Result<Part<'a>, InvalidField> {
        let part = self.next(separator);
        if self.rest.is_some() { Ok(part) } else { Err(InvalidField::new(following, Problem::Missing)) }
    }
}

fn is_space_char(char: char) -> bool {
    u8::try_from(char).is_ok_and(is_space)
}

fn trim(text: &str) -> &str {
    text.trim_matches(is_space_char)
}

/// Reads what `kstrtoull` reads when the base is left to it.
fn read_number(field: &'static str, text: &str, max: u64) -> Result<u64, InvalidField> {
    let (digits, base) = match text.strip_prefix('0') {
        Some(rest) if rest.starts_with(['x', 'X']) => (rest.get(1..).unwrap_or_default(), 16),
        Some(rest) if !rest.is_empty() => (rest, 8),
        _ => (text, 10),
    };
    let not_a_number =
        InvalidField::new(field, Problem::Expected("a number, decimal, octal after 0 or hexadecimal after 0x"));
    if digits.is_empty() || !digits.chars().all(|digit| digit.is_digit(base)) {
        return Err(not_a_number);
    }
    // Digits they are, so there are just too many of them.
    let number = u64::from_str_radix(digits, base).ok().filter(|number| *number <= max);
    number.ok_or(InvalidField::new(field, Problem::OutOfRange { min: 0, max }))
}

fn read_device(parts: &mut Parts<'_>) -> Result<ConciseDevice, ConciseErrorKind> {
    let name = parts.next_before(',', "uuid")?.text;
    let uuid = parts.next_before(',', "minor")?.text;
    let minor = parts.next_before(',', "flags")?.text;
    let flags = parts.next_before(',', "table")?.text;
    let mut device = ConciseDevice::new(name, read_table(&parts.next(';'))?);
    device.uuid = (!uuid.is_empty()).then(|| uuid.into());
    if !minor.is_empty() {
        device.minor = u32::try_from(read_number("minor", minor, MAX_MINOR)?).ok();
    }
    device.read_only = match flags {
        "ro" => true,
        "rw" => false,
        _ => return Err(InvalidField::new("flags", Problem::Expected("ro or rw")).into()),
    };
    Ok(device)
}

fn read_table(text: &Part<'_>) -> Result<Table, TableError> {
    let (mut parts, mut lines) = (Parts::of(text), Vec::new());
    for number in 1.. {
        if parts.rest.is_none() {
            break;
        }
        lines.push(read_line(&mut parts).map_err(|kind| TableError::new(number, kind))?);
    }
    Table::new(lines)
}

fn read_line(parts: &mut Parts<'_>) -> Result<TableLine, TableErrorKind> {
    let field = TableErrorKind::Field;
    let start = parts.next_before(' ', "length").map_err(field)?.text;
    let start = read_number("start", start, u64::MAX).map_err(field)?;
    let length = parts.next_before(' ', "target type").map_err(field)?.text;
    let length = read_number("length", length, u64::MAX).map_err(field)?;
    let target_type = parts.next_before(' ', "params").map_err(field)?.text;
    check_type(target_type).map_err(field)?;
    let params = parts.next(',');
    let table = Any::read_table(target_type, Fields::new(params.text, Form::Input));
    let table = table.map_err(|error| TableErrorKind::Parse(error.shifted(params.offset)))?;
    Ok(TableLine::new(Sectors(start), Sectors(length), table))
}

impl FromStr for Concise {
    type Err = ConciseError;

    fn from_str(text: &str) -> Result<Self, ConciseError> {
        if text.len() > MAX_LENGTH {
            return Err(ConciseError { device: 1, kind: ConciseErrorKind::TooLong });
        }
        let (mut parts, mut devices) = (Parts::of(&Part { text, offset: 0 }), Vec::new());
        for device in 1.. {
            if parts.rest.is_none() {
                break;
            }
            devices.push(read_device(&mut parts).map_err(|kind| ConciseError { device, kind })?);
        }
        Self::new(devices)
    }
}

impl fmt::Display for Concise {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut separator = "";
        for device in &self.devices {
            write!(f, "{separator}{device}")?;
            separator = ";";
        }
        Ok(())
    }
}

impl fmt::Display for ConciseDevice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{},{},", self.name, self.uuid.as_deref().unwrap_or_default())?;
        self.minor.map_or(Ok(()), |minor| minor.fmt(f))?;
        f.write_str(if self.read_only { ",ro" } else { ",rw" })?;
        self.table.lines().iter().try_for_each(|line| write!(f, ",{line}"))
    }
}

/// Devices that the kernel would not make, or a text that describes none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ConciseError {
    device: usize,
    kind: ConciseErrorKind,
}

/// What is wrong with a device.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ConciseErrorKind {
    /// A field other than the table.
    Field(InvalidField),
    /// The table; spans are places in the whole text.
    Table(TableError),
    /// There are more devices than the kernel takes, 256.
    TooManyDevices,
    /// The text is longer than the kernel takes, 4095 bytes.
    TooLong,
}

impl ConciseError {
    /// Which device it is, from 1.
    #[must_use]
    pub const fn device(&self) -> usize {
        self.device
    }

    /// What is wrong with it.
    #[must_use]
    pub const fn kind(&self) -> ConciseErrorKind {
        self.kind
    }
}

impl From<InvalidField> for ConciseErrorKind {
    fn from(invalid: InvalidField) -> Self {
        Self::Field(invalid)
    }
}

impl From<TableError> for ConciseErrorKind {
    fn from(error: TableError) -> Self {
        Self::Table(error)
    }
}

impl fmt::Display for ConciseErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Field(invalid) => invalid.fmt(f),
            Self::Table(error) => error.fmt(f),
            Self::TooManyDevices => f.write_str("the kernel takes at most 256 devices"),
            Self::TooLong => f.write_str("the kernel takes at most 4095 bytes"),
        }
    }
}

impl fmt::Display for ConciseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "device {}: {}", self.device, self.kind)
    }
}

impl core::error::Error for ConciseError {}
