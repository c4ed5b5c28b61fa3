//! The parser of the concise form.

use core::str::FromStr;

use alloc::vec::Vec;
use dm_units::Sectors;

use super::{
    Concise, ConciseDevice, ConciseError, ConciseErrorKind, MAX_LENGTH, MAX_MINOR, check_type, is_space_char, trim,
};
use crate::errors::problem::{InvalidField, Problem};
use crate::errors::table_error::{TableError, TableErrorKind};
use crate::table::{Table, TableLine};
use crate::target::kind::{Any, LineKind};
use crate::text::fields::Fields;
use crate::text::word::TextForm;

impl FromStr for Concise {
    type Err = ConciseError;

    fn from_str(text: &str) -> Result<Self, ConciseError> {
        if text.len() > MAX_LENGTH {
            return Err(ConciseError { device: 1, kind: ConciseErrorKind::TooLong });
        }
        let (mut parts, mut devices) = (Pieces::of(&Piece { text, offset: 0 }), Vec::new());
        for device in 1.. {
            if parts.rest.is_none() {
                break;
            }
            devices.push(read_device(&mut parts).map_err(|kind| ConciseError { device, kind })?);
        }
        Self::new(devices)
    }
}

/// The parts of a text, split as `str_field_delimit` does.
struct Pieces<'a> {
    /// The remaining text; `None` after the last part.
    rest: Option<&'a str>,
    /// The position in the whole text at which it ends.
    end: usize,
}

/// A part without the spaces around it.
struct Piece<'a> {
    text: &'a str,
    /// The position in the whole text at which it starts.
    offset: usize,
}

impl<'a> Pieces<'a> {
    fn of(part: &Piece<'a>) -> Self {
        Self { rest: Some(part.text), end: part.offset.saturating_add(part.text.len()) }
    }

    /// The part before the next separator, or the remaining text.
    fn next(&mut self, separator: char) -> Piece<'a> {
        let rest = self.rest.unwrap_or_default().trim_start_matches(is_space_char);
        let offset = self.end.saturating_sub(rest.len());
        let (part, rest) = rest.split_once(separator).map_or((rest, None), |(part, rest)| (part, Some(rest)));
        self.rest = rest;
        Piece { text: trim(part), offset }
    }

    /// The part before the next separator, which must be followed by the field `following`.
    fn next_before(&mut self, separator: char, following: &'static str) -> Result<Piece<'a>, InvalidField> {
        let part = self.next(separator);
        if self.rest.is_some() { Ok(part) } else { Err(InvalidField::new(following, Problem::Missing)) }
    }
}

/// Parses a number as `kstrtoull` does with base 0.
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
    // The text consists of digits, so the only possible error is that the number is too large.
    let number = u64::from_str_radix(digits, base).ok().filter(|number| *number <= max);
    number.ok_or(InvalidField::new(field, Problem::OutOfRange { min: 0, max }))
}

fn read_device(parts: &mut Pieces<'_>) -> Result<ConciseDevice, ConciseErrorKind> {
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

fn read_table(text: &Piece<'_>) -> Result<Table, TableError> {
    let (mut parts, mut lines) = (Pieces::of(text), Vec::new());
    for number in 1.. {
        if parts.rest.is_none() {
            break;
        }
        lines.push(read_line(&mut parts).map_err(|kind| TableError::new(number, kind))?);
    }
    Table::new(lines)
}

fn read_line(parts: &mut Pieces<'_>) -> Result<TableLine, TableErrorKind> {
    let field = TableErrorKind::Field;
    let start = parts.next_before(' ', "length").map_err(field)?.text;
    let start = read_number("start", start, u64::MAX).map_err(field)?;
    let length = parts.next_before(' ', "target type").map_err(field)?.text;
    let length = read_number("length", length, u64::MAX).map_err(field)?;
    let target_type = parts.next_before(' ', "params").map_err(field)?.text;
    check_type(target_type).map_err(field)?;
    let params = parts.next(',');
    let table = Any::read_table(target_type, Fields::new(params.text, TextForm::Input));
    let range = params.offset..params.offset.saturating_add(params.text.len());
    let table = table.map_err(|error| TableErrorKind::Parse(error.shifted(params.offset).shown_within(range)))?;
    Ok(TableLine::new(Sectors(start), Sectors(length), table))
}
