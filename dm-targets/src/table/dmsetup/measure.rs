//! Measurements of tables (IMA).

use alloc::vec::Vec;

use dm_units::Sectors;

use super::{DmsetupLine, read_lines};
use crate::errors::parse_error::ParseError;
use crate::errors::table_error::TableError;
use crate::text::fields::Fields;

/// A line of the output of `dmsetup measure`: the properties of a target that the kernel measures for IMA
/// (`STATUSTYPE_IMA`).
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Measured<'a> {
    /// The first sector of the mapped device that the target maps.
    pub start: Sectors,
    /// The number of sectors that the target maps.
    pub length: Sectors,
    /// The name of the target type.
    pub target_type: &'a str,
    /// The names and values in the kernel's order; empty for a target without measurements.
    pub attributes: Vec<(&'a str, &'a str)>,
}

/// Parses the output of `dmsetup measure`, for one device or for all.
///
/// Lines are split as by [`dmsetup_table`](crate::dmsetup_table).
///
/// ```
/// let output = "home: 0 16 linear target_name=linear,target_version=1.4.0,device_name=7:0,start=0;\n";
/// let line = dm_targets::dmsetup_measure(output).next().transpose()?.and_then(|line| line.line);
/// assert_eq!(line.unwrap().attributes[2], ("device_name", "7:0"));
/// # Ok::<(), dm_targets::TableError>(())
/// ```
pub fn dmsetup_measure(output: &str) -> impl Iterator<Item = Result<DmsetupLine<'_, Measured<'_>>, TableError>> {
    read_lines(output, read)
}

fn read(line: &str) -> Result<Measured<'_>, ParseError> {
    let mut fields = Fields::printed(line);
    let (start, length) = (fields.read("start")?, fields.read("length")?);
    let target_type = fields.next_word().ok_or_else(|| fields.missing("target type"))?.spelling();
    let attributes = read_attributes(fields.remainder().trim_ascii().trim_end_matches(';'));
    Ok(Measured { start, length, target_type, attributes })
}

/// Splits `name=value,name=value`. A value may contain commas: a part without `=` belongs to the value before it.
fn read_attributes(text: &str) -> Vec<(&str, &str)> {
    let mut attributes: Vec<(&str, &str)> = Vec::new();
    let (mut at, mut value_at) = (0_usize, 0_usize);
    for piece in text.split(',') {
        let end = at.saturating_add(piece.len());
        match (piece.split_once('='), attributes.last_mut()) {
            (Some((name, value)), _) => {
                value_at = end.saturating_sub(value.len());
                attributes.push((name, value));
            }
            (None, Some((_, value))) => *value = text.get(value_at..end).unwrap_or_default(),
            (None, None) => {}
        }
        at = end.saturating_add(1);
    }
    attributes
}
