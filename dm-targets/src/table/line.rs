//! The common start of table and status lines: start, length and target type.

use alloc::string::String;
use core::fmt;

use dm_units::Sectors;
use zeroize::Zeroizing;

use crate::errors::keys::may_hold_key;
use crate::errors::parse_error::ParseError;
use crate::errors::problem::Problem;
use crate::target::Target;
use crate::target::kind::LineKind;
use crate::targets::Crypt;
use crate::text::fields::Fields;
use crate::text::printer::Printer;

/// The longest target type (`DM_MAX_TYPE_NAME` includes the NUL).
const MAX_TYPE: usize = 15;

/// The common start of all lines.
pub(super) struct Line<'a> {
    pub(super) start: Sectors,
    pub(super) length: Sectors,
    pub(super) target_type: &'a str,
    /// The text after the target type and one space.
    pub(super) rest: &'a str,
    /// The position of `rest` in the line.
    pub(super) offset: usize,
}

impl<'a> Line<'a> {
    pub(super) fn parse<K: LineKind>(line: &'a str) -> Result<Self, ParseError> {
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
    /// The rest of a crypt line whose key is `0`, with `-` in its place; `None` for other lines.
    ///
    /// Without `--showkeys`, dmsetup prints `-` as `0`. No key consists of one digit, but a key may still follow in another
    /// place.
    pub(super) fn without_key(&self) -> Option<Zeroizing<String>> {
        let (cipher, rest) = self.rest.split_once(' ').filter(|_| self.target_type == Crypt::TYPE)?;
        let rest = rest.strip_prefix("0 ")?;
        let mut line = Zeroizing::new(String::with_capacity(self.rest.len()));
        [cipher, " - ", rest].into_iter().for_each(|part| line.push_str(part));
        Some(line)
    }
}

/// Refuses words that are not a target type. They would be kept and shown, although they may be a key in the wrong place.
fn check_type(target_type: &str) -> Result<(), Problem> {
    match target_type.len() {
        _ if may_hold_key(target_type) => Err(Problem::MayBeKey),
        0..=MAX_TYPE => Ok(()),
        _ => Err(Problem::Expected("at most 15 bytes long")),
    }
}

/// Prints the common start of all lines. Like dmsetup, it prints a space after the target type even if nothing follows.
pub(super) fn print_start(
    f: &mut fmt::Formatter<'_>,
    start: Sectors,
    length: Sectors,
    target_type: &str,
) -> fmt::Result {
    Printer::printed(f).put(&start).put(&length).word(target_type).space().end()
}
