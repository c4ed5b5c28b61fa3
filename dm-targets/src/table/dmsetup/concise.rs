//! The output of `dmsetup table --concise`.

use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec::Vec;

use zeroize::Zeroizing;

use super::NO_DEVICES;
use crate::errors::problem::{InvalidField, Problem};
use crate::errors::table_error::{TableError, TableErrorKind};
use crate::table::TableLine;
use crate::table::concise::{ConciseError, ConciseErrorKind};
use crate::text::value::Value;
use crate::text::word::Word;

/// A device in the output of `dmsetup table --concise`.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct DmsetupDevice {
    /// The name of the device.
    pub name: Box<str>,
    /// The uuid; `None` for a device without one.
    pub uuid: Option<Box<str>>,
    /// The minor number; `None` if it is not given.
    pub minor: Option<u32>,
    /// Whether the device is read-only.
    pub read_only: bool,
    /// The lines of the table; empty for a device without a table.
    pub lines: Vec<TableLine>,
}

/// Parses the output of `dmsetup table --concise`, which `dmsetup create --concise` reads.
///
/// Unlike the form for the kernel's command line (see [`Concise`](crate::Concise)), this form allows all targets and
/// any length. A backslash quotes commas, semicolons and backslashes. dmsetup may have replaced keys by zeros; see
/// [`dmsetup_table`](crate::dmsetup_table).
///
/// # Errors
///
/// [`ConciseError`]: the text of a device is invalid. The error names the first such device.
/// [`annotate`](crate::ParseError::annotate) does not show the text of a line that contains quotes or ends after byte
/// 65535.
///
/// ```
/// let devices = dm_targets::dmsetup_concise(r"a\,b,,1,rw,0 16 zero ,16 8 error ;none,,2,rw")?;
/// assert_eq!((&*devices[0].name, devices[0].lines.len()), ("a,b", 2));
/// assert!(devices[1].lines.is_empty());
/// # Ok::<(), dm_targets::ConciseError>(())
/// ```
pub fn dmsetup_concise(output: &str) -> Result<Vec<DmsetupDevice>, ConciseError> {
    let mut fields = Fields { text: output.trim_end_matches(['\n', '\r']), at: 0 };
    let mut devices = Vec::new();
    if fields.text == NO_DEVICES {
        return Ok(devices);
    }
    for device in 1.. {
        if fields.is_empty() {
            break;
        }
        devices.push(read_device(&mut fields).map_err(|kind| ConciseError::new(device, kind))?);
    }
    Ok(devices)
}

fn read_device(fields: &mut Fields<'_>) -> Result<DmsetupDevice, ConciseErrorKind> {
    let mut before = |following| fields.next().filter(|field| !field.is_last).ok_or(missing(following));
    let (name, uuid, minor) = (before("uuid")?.text, before("minor")?.text, before("flags")?.text);
    let flags = fields.next().ok_or(missing("flags"))?;
    if name.is_empty() {
        return Err(missing("name").into());
    }
    let mut device = DmsetupDevice {
        name: name.as_str().into(),
        uuid: (!uuid.is_empty()).then(|| uuid.as_str().into()),
        minor: None,
        read_only: match flags.text.as_str() {
            "ro" => true,
            "rw" | "" => false,
            _ => return Err(InvalidField::new("flags", Problem::Expected("ro or rw")).into()),
        },
        lines: Vec::new(),
    };
    if !minor.is_empty() {
        let minor = u32::read(Word::plain(&minor)).map_err(|problem| InvalidField::new("minor", problem))?;
        device.minor = Some(minor);
    }
    let mut is_last = flags.is_last;
    while !is_last {
        let field = fields.next().ok_or(missing("table"))?;
        is_last = field.is_last;
        let number = device.lines.len().saturating_add(1);
        let line = TableLine::parse_printed(&field.text).map_err(|error| {
            // After unquoting, positions in the field differ from those in the output.
            let shown = if field.quoted { 0..0 } else { field.start..field.end };
            TableError::new(number, TableErrorKind::Parse(error.shifted(field.start).shown_within(shown)))
        })?;
        device.lines.push(line);
    }
    Ok(device)
}

const fn missing(field: &'static str) -> InvalidField {
    InvalidField::new(field, Problem::Missing)
}

/// The remaining output.
struct Fields<'a> {
    text: &'a str,
    at: usize,
}

/// A field without the backslashes that quote. It may contain a key.
struct Field {
    text: Zeroizing<String>,
    start: usize,
    end: usize,
    /// Whether any part of it was quoted.
    quoted: bool,
    /// Whether it is the last field of its device.
    is_last: bool,
}

impl Fields<'_> {
    fn is_empty(&self) -> bool {
        self.at >= self.text.len()
    }

    fn next(&mut self) -> Option<Field> {
        let start = self.at;
        let rest = self.text.get(start..)?;
        let (mut quoted, mut after_backslash) = (false, false);
        let length = rest.find(|char| {
            let ends = !after_backslash && matches!(char, ',' | ';');
            after_backslash = !after_backslash && char == '\\';
            quoted |= after_backslash;
            ends
        });
        let end = length.map_or(self.text.len(), |length| start.saturating_add(length));
        self.at = end.saturating_add(1);
        let is_last = self.text.get(end..).is_none_or(|rest| !rest.starts_with(','));
        Some(Field { text: unquoted(self.text.get(start..end).unwrap_or_default()), start, end, quoted, is_last })
    }
}

/// The text without the backslashes that quote. The buffer is allocated in its full size: growing it would leave copies
/// behind.
fn unquoted(text: &str) -> Zeroizing<String> {
    let mut unquoted = Zeroizing::new(String::with_capacity(text.len()));
    let mut chars = text.chars();
    while let Some(char) = chars.next() {
        unquoted.push(if char == '\\' { chars.next().unwrap_or(char) } else { char });
    }
    unquoted
}
