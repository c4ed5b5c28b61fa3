//! Parsers of the output of dmsetup, as printed by version 1.02.185.

use core::str::FromStr;

mod bytes;
mod concise;
mod detail;
mod list;
mod measure;
mod name;
mod tree;

pub use bytes::DmsetupOutput;
pub use concise::{DmsetupDevice, dmsetup_concise};
pub use detail::{DmsetupDetail, dmsetup_info_long};
pub use list::{DmsetupCookie, dmsetup_cookies};
pub use list::{DmsetupInfo, DmsetupListed, DmsetupTarget, dmsetup_info, dmsetup_ls, dmsetup_targets};
pub use measure::{Measured, dmsetup_measure};
pub use tree::{DmsetupDeps, DmsetupNode, dmsetup_deps, dmsetup_tree};

use crate::errors::parse_error::ParseError;
use crate::errors::table_error::{TableError, TableErrorKind};
use crate::table::{StatusLine, TableLine};
use crate::target::kind::Any;

use name::{Split, is_known};

/// A parsed line of `dmsetup table`, `status` or `measure`. [`dmsetup_table`], [`dmsetup_status`] and
/// [`dmsetup_measure`] return it.
#[derive(Clone, Debug, PartialEq)]
pub struct DmsetupLine<'a, L> {
    /// The name of the device; `None` if dmsetup was called for one device.
    ///
    /// By default, dmsetup decodes the name: a space is printed as a space, without quotes. With `--manglename none`,
    /// or `none` in the environment variable `DM_DEFAULT_NAME_MANGLING_MODE`, it does not decode: a space is printed as
    /// `\x20`, as in `/dev/mapper`. If dmsetup was called with several devices, it prints each device as it was given,
    /// even a path.
    pub name: Option<&'a str>,
    /// The parsed line, a [`TableLine`], [`StatusLine`] or [`Measured`]; `None` for a device without a table.
    pub line: Option<L>,
}

/// Parses the output of `dmsetup table`, for one device or for all.
///
/// Each item is a line, or an error that names the invalid line. Blank lines are skipped, and the indentation
/// that all lines share is ignored. If a target of an unknown type prints several lines, they are one item. The item
/// ends before the next line that can start another item.
///
/// Without `--showkeys`, dmsetup prints zeros instead of the keys of crypt and integrity tables. You cannot distinguish
/// these zeros from a real key. Do not load such a table, because writes with the wrong key destroy data. dmsetup
/// prints the empty key `-` of crypt as `0`.
///
/// ```
/// let output = "left right: 0 2048 linear 253:0 8\nleft right: 2048 8 zero \nspare: \n";
/// let lines = dm_targets::dmsetup_table(output).collect::<Result<Vec<_>, _>>()?;
/// assert_eq!(lines[0].name, Some("left right"));
/// assert_eq!(lines[2].line, None);
/// # Ok::<(), dm_targets::TableError>(())
/// ```
pub fn dmsetup_table(output: &str) -> impl Iterator<Item = Result<DmsetupLine<'_, TableLine<Any>>, TableError>> {
    read_lines(output, TableLine::parse_printed)
}

/// Parses the output of `dmsetup status`, for one device or for all.
///
/// Each item is a line, or an error that names the invalid line. Several lines of an unknown target are one item, as in
/// [`dmsetup_table`].
///
/// ```
/// let output = "pool: 0 8 thin-pool 7 15/1024 3072/4096 - rw discard_passdown queue_if_no_space - 256 \n";
/// for item in dm_targets::dmsetup_status(output) {
///     let line = item?;
///     let health = line.line.and_then(|line| line.health()).unwrap_or_default();
///     assert_eq!((line.name, health.to_string()), (Some("pool"), "good; data 75% used, metadata 1% used".to_owned()));
/// }
/// # Ok::<(), dm_targets::TableError>(())
/// ```
pub fn dmsetup_status(output: &str) -> impl Iterator<Item = Result<DmsetupLine<'_, StatusLine<Any>>, TableError>> {
    read_lines(output, StatusLine::from_str)
}

/// Printed by dmsetup if there are no devices.
const NO_DEVICES: &str = "No devices found";

fn read_lines<'a, L>(
    output: &'a str,
    parse: impl Fn(&'a str) -> Result<L, ParseError>,
) -> impl Iterator<Item = Result<DmsetupLine<'a, L>, TableError>> {
    Items::of(output).map(move |Item { number, indent, text }| {
        let read = Split::of(text).and_then(|Split { name, rest, .. }| {
            let offset = text.len().saturating_sub(rest.len());
            let line = match name {
                Some(_) if rest.trim_ascii().is_empty() => None,
                _ => Some(parse(rest).map_err(|error| error.shifted(offset))?),
            };
            Ok(DmsetupLine { name, line })
        });
        read.map_err(|error| line_error(number, error.shifted(indent)))
    })
}

/// A line, or all lines of an unknown target.
struct Item<'a> {
    /// The number of the first line, from 1.
    number: usize,
    /// The number of bytes of that line that were skipped as indentation.
    indent: usize,
    text: &'a str,
}

/// The items of an output. Each line is an item, except that the lines of an unknown target are one item.
struct Items<'a> {
    /// The remaining output.
    rest: &'a str,
    /// The number of the next line, from 1.
    number: usize,
    /// The number of spaces at the start of all lines.
    indent: usize,
}

impl<'a> Items<'a> {
    fn of(output: &'a str) -> Self {
        let indents = output.lines().filter(|line| !line.trim_ascii().is_empty()).map(indent_of);
        Self { rest: output, number: 1, indent: indents.min().unwrap_or_default() }
    }

    /// The next line, and the text from that line on, without indentation.
    fn peek(&self) -> Option<(Item<'a>, &'a str)> {
        let line = self.rest.lines().next()?;
        let indent = self.indent.min(indent_of(line));
        let item = Item { number: self.number, indent, text: line.get(indent..).unwrap_or_default() };
        Some((item, self.rest.get(indent..).unwrap_or_default()))
    }

    fn skip_line(&mut self) {
        self.rest = self.rest.split_once('\n').map_or("", |(_, rest)| rest);
        self.number = self.number.saturating_add(1);
    }

    /// Whether a line may belong to an unknown target, whose text can continue in the next line.
    fn is_foreign(line: &str) -> bool {
        Split::of(line).is_ok_and(|split| split.target_type.is_some_and(|target_type| !is_known(target_type)))
    }
}

impl<'a> Iterator for Items<'a> {
    type Item = Item<'a>;

    fn next(&mut self) -> Option<Item<'a>> {
        let (mut item, rest) = loop {
            let (item, rest) = self.peek()?;
            if !item.text.trim_ascii().is_empty() && item.text != NO_DEVICES {
                break (item, rest);
            }
            self.skip_line();
        };
        self.skip_line();
        if Self::is_foreign(item.text) {
            while self.peek().is_some_and(|(next, _)| !Split::is_start(next.text)) {
                self.skip_line();
            }
            let length = rest.len().saturating_sub(self.rest.len());
            item.text = rest.get(..length).unwrap_or_default().trim_end_matches(['\n', '\r']);
        }
        Some(item)
    }
}

fn indent_of(line: &str) -> usize {
    line.bytes().take_while(|byte| matches!(byte, b' ' | b'\t')).count()
}

/// An error in a line of the output.
fn line_error(number: usize, error: ParseError) -> TableError {
    TableError::new(number, TableErrorKind::Parse(error))
}

#[cfg(test)]
mod tests;
