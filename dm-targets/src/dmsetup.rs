//! The output of `dmsetup table` and `dmsetup status`.

use core::str::FromStr;

use crate::kind::Any;
use crate::parse_error::ParseError;
use crate::table::{StatusLine, TableLine};
use crate::table_error::{TableError, TableErrorKind};

/// A line of the output of `dmsetup table` or `dmsetup status`.
#[derive(Clone, Debug, PartialEq)]
pub struct DmsetupLine<'a, L> {
    /// The device, as dmsetup mangles its name; `None` where the output is about one device.
    pub name: Option<&'a str>,
    /// The line itself; `None` for a device without a table.
    pub line: Option<L>,
}

/// Reads the output of `dmsetup table`, for one device or for all.
///
/// Each item is a line, or says which line is none and why.
///
/// ```
/// let output = "root: 0 2048 linear 253:0 8\nroot: 2048 8 zero \nspare: \n";
/// let lines = dm_targets::dmsetup_table(output).collect::<Result<Vec<_>, _>>()?;
/// assert_eq!(lines[0].name, Some("root"));
/// assert_eq!(lines[2].line, None);
/// # Ok::<(), dm_targets::TableError>(())
/// ```
pub fn dmsetup_table(output: &str) -> impl Iterator<Item = Result<DmsetupLine<'_, TableLine<Any>>, TableError>> {
    read_lines(output, TableLine::parse_printed)
}

/// Reads the output of `dmsetup status`, for one device or for all.
///
/// Each item is a line, or says which line is none and why.
pub fn dmsetup_status(output: &str) -> impl Iterator<Item = Result<DmsetupLine<'_, StatusLine<Any>>, TableError>> {
    read_lines(output, StatusLine::from_str)
}

/// What dmsetup prints instead of lines where there are no devices.
const NO_DEVICES: &str = "No devices found";

fn read_lines<'a, L>(
    output: &'a str,
    parse: impl Fn(&str) -> Result<L, ParseError>,
) -> impl Iterator<Item = Result<DmsetupLine<'a, L>, TableError>> {
    output.lines().zip(1..).filter(|(line, _)| *line != NO_DEVICES).map(move |(line, number)| {
        let (name, rest) = split_name(line);
        let parsed = match name {
            Some(_) if rest.trim_ascii().is_empty() => Ok(None),
            _ => parse(rest).map(Some),
        };
        let offset = line.len().saturating_sub(rest.len());
        let error = |error: ParseError| TableErrorKind::Parse(error.shifted(offset));
        parsed.map(|line| DmsetupLine { name, line }).map_err(|cause| TableError::new(number, error(cause)))
    })
}

/// Splits `name: line`. Names are mangled and hold no space, so a name is a first word that ends with a colon. The space
/// after it may be missing where there is no line: many a program takes it off.
fn split_name(line: &str) -> (Option<&str>, &str) {
    match line.split_once(": ").or_else(|| Some((line.strip_suffix(':')?, ""))) {
        Some((name, rest)) if !name.contains(char::is_whitespace) => (Some(name), rest),
        _ => (None, line),
    }
}

#[cfg(test)]
mod tests {

    use super::*;

    #[test]
    fn names_are_told_from_numbers() {
        let output = "0 8 linear 253:0 0\n253:0: 0 8 zero \n0: 0 8 error \nempty: \ntrimmed:";
        let names: Vec<_> = dmsetup_table(output).map(|line| line.unwrap().name).collect();
        assert_eq!(names, [None, Some("253:0"), Some("0"), Some("empty"), Some("trimmed")]);
    }

    #[test]
    fn no_devices_are_no_lines() {
        assert_eq!(dmsetup_status("No devices found\n").count(), 0);
        assert_eq!(dmsetup_status("").count(), 0);
    }

    #[test]
    fn an_error_names_the_line_and_points_into_it() {
        let output = "a: 0 8 linear \nb: 0 8 delay 0 x 0";
        let error = dmsetup_status(output).nth(1).unwrap().unwrap_err();
        assert_eq!(error.to_string(), "line 2: delay status: word 2, writes, must be a decimal number");
        let TableErrorKind::Parse(cause) = error.kind() else { panic!("{error}") };
        assert_eq!(&output.lines().nth(1).unwrap()[cause.span()], "x");
    }
}
