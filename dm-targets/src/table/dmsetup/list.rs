//! Lists of devices, targets and cookies.

use alloc::vec::Vec;

use dm_units::{DeviceNumber, Version};

use super::{NO_DEVICES, line_error};
use crate::errors::parse_error::{ParseError, Place};
use crate::errors::problem::Problem;
use crate::errors::table_error::TableError;
use crate::text::value::Value;
use crate::text::word::Word;

/// A line of the output of `dmsetup ls`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct DmsetupListed<'a> {
    /// The name of the device.
    pub name: &'a str,
    /// The text in parentheses: the device number, or a name with `-o blkdevname` or `-o devname`.
    pub device: &'a str,
    /// The device number; `None` if the text in parentheses is not a number.
    pub number: Option<DeviceNumber>,
}

/// A line of the output of `dmsetup info -c` with its default columns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct DmsetupInfo<'a> {
    /// The name of the device.
    pub name: &'a str,
    /// The device number.
    pub number: DeviceNumber,
    /// Four characters, with a dash for each property that does not apply: `L` for an active table, `I` for an inactive
    /// table, `s` for suspended, and `r` or `w` for read-only or writable.
    pub state: &'a str,
    /// The number of times that the device is open.
    pub open: u32,
    /// The number of lines of the active table.
    pub targets: u32,
    /// The number of the last event.
    pub event: u32,
    /// The uuid; `None` for a device without one.
    pub uuid: Option<&'a str>,
}

/// A line of the output of `dmsetup targets`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct DmsetupTarget<'a> {
    /// The name of the target type.
    pub target_type: &'a str,
    /// The version of the target.
    pub version: Version,
}

/// Parses the output of `dmsetup ls`.
///
/// Each item is a line, or an error that names the invalid line.
///
/// ```
/// let list = dm_targets::dmsetup_ls("left right\t(254:0)\ntwo\t(254:3)\n").collect::<Result<Vec<_>, _>>()?;
/// assert_eq!((list[0].name, list[1].device), ("left right", "254:3"));
/// # Ok::<(), dm_targets::TableError>(())
/// ```
pub fn dmsetup_ls(output: &str) -> impl Iterator<Item = Result<DmsetupListed<'_>, TableError>> {
    read_list(
        output,
        |line| {
            let (name, device) = line.trim_end().strip_suffix(')')?.rsplit_once("\t(")?;
            Some(DmsetupListed { name, device, number: number(device) })
        },
        "a name, a tab and a device in brackets",
    )
}

/// Parses the output of `dmsetup info -c` with its default columns, with or without headings.
///
/// Each item is a line, or an error that names the invalid line. With headings, spaces separate the columns; without
/// headings, colons do. Separators at the end of a name or at the start of a uuid are therefore lost. Spaces at the end
/// of a uuid are lost, too.
///
/// ```
/// let output = "Name             Maj Min Stat Open Targ Event  UUID         \nleft right       254   0 L--w    0    1      0 TEST-my uuid ";
/// let list = dm_targets::dmsetup_info(output).collect::<Result<Vec<_>, _>>()?;
/// assert_eq!((list[0].name, list[0].targets, list[0].uuid), ("left right", 1, Some("TEST-my uuid")));
/// # Ok::<(), dm_targets::TableError>(())
/// ```
pub fn dmsetup_info(output: &str) -> impl Iterator<Item = Result<DmsetupInfo<'_>, TableError>> {
    let columns = "the columns Name Maj Min Stat Open Targ Event UUID";
    read_list(output, |line| read_info(line, ':').or_else(|| read_info(line, ' ')), columns)
}

/// Parses the output of `dmsetup targets`.
///
/// Each item is a line, or an error that names the invalid line.
///
/// ```
/// let list = dm_targets::dmsetup_targets("crypt            v1.28.0\n").collect::<Result<Vec<_>, _>>()?;
/// assert_eq!((list[0].target_type, list[0].version), ("crypt", dm_units::Version::new(1, 28, 0)));
/// # Ok::<(), dm_targets::TableError>(())
/// ```
pub fn dmsetup_targets(output: &str) -> impl Iterator<Item = Result<DmsetupTarget<'_>, TableError>> {
    read_list(
        output,
        |line| {
            let (target_type, version) = line.trim().split_once(char::is_whitespace)?;
            let version = version.trim_start().strip_prefix('v')?.parse().ok()?;
            Some(DmsetupTarget { target_type, version })
        },
        "a target type and a version such as v1.28.0",
    )
}

/// A line of the output of `dmsetup udevcookies`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct DmsetupCookie<'a> {
    /// The cookie, which is the key of a semaphore.
    pub cookie: u32,
    /// The id of the semaphore.
    pub semaphore: u32,
    /// The value of the semaphore: the number of udev events that are expected, plus 1 while more may be added.
    pub value: u32,
    /// The time of the last operation on the semaphore, as `ctime` prints it; the epoch if there was none.
    pub last_operation: &'a str,
    /// The time at which the semaphore was created or set, in the same form.
    pub last_change: &'a str,
}

/// Parses the output of `dmsetup udevcookies`, with or without headings.
///
/// Each item is a line, or an error that names the invalid line.
///
/// ```
/// let output = "0xd4d1234    557082     1          Thu Jan  1 00:00:00 1970  Mon Nov 30 00:54:08 2026\n";
/// let list = dm_targets::dmsetup_cookies(output).collect::<Result<Vec<_>, _>>()?;
/// assert_eq!((list[0].cookie, list[0].value, list[0].last_change), (0xd4d_1234, 1, "Mon Nov 30 00:54:08 2026"));
/// # Ok::<(), dm_targets::TableError>(())
/// ```
pub fn dmsetup_cookies(output: &str) -> impl Iterator<Item = Result<DmsetupCookie<'_>, TableError>> {
    let lines = numbered(output).filter(|(line, _)| line.split_ascii_whitespace().next() != Some("Cookie"));
    lines.map(|(line, at)| {
        read_cookie(line).ok_or_else(|| wrong(line, at, "the columns Cookie Semid Value and two times"))
    })
}

fn read_cookie(line: &str) -> Option<DmsetupCookie<'_>> {
    let (cookie, rest) = line.trim().strip_prefix("0x")?.split_once(' ')?;
    let (semaphore, rest) = rest.trim_start().split_once(' ')?;
    let (value, times) = rest.trim_start().split_once(' ')?;
    let times = times.trim_start();
    // The first time may contain two consecutive spaces before a day of one digit, so two spaces do not always mark its end.
    let (last_operation, last_change) = match times.split_at_checked("Thu Jan  1 00:00:00 1970".len()) {
        Some((one, other)) if other.starts_with("  ") => (one, other),
        _ => times.split_once("  ")?,
    };
    let last_change = last_change.trim_start();
    let cookie = u32::from_str_radix(cookie, 16).ok()?;
    Some(DmsetupCookie { cookie, semaphore: read(semaphore)?, value: read(value)?, last_operation, last_change })
}

/// The lines that are not blank, with their numbers from 1.
pub(super) fn numbered(output: &str) -> impl Iterator<Item = (&str, usize)> {
    output.lines().zip(1..).filter(|(line, _)| !line.trim().is_empty() && *line != NO_DEVICES)
}

/// An error for a line that is not what was expected.
pub(super) fn wrong(line: &str, number: usize, expected: &'static str) -> TableError {
    let place = Place { number: 1, start: 0, end: line.len() };
    line_error(number, ParseError::new(place, "", Problem::Expected(expected)))
}

/// Parses each line that is neither blank nor a heading.
fn read_list<'a, L>(
    output: &'a str,
    read: impl Fn(&'a str) -> Option<L>,
    expected: &'static str,
) -> impl Iterator<Item = Result<L, TableError>> {
    let lines = numbered(output).filter(|(line, _)| !is_heading(line));
    lines.map(move |(line, at)| read(line).ok_or_else(|| wrong(line, at, expected)))
}

fn is_heading(line: &str) -> bool {
    let mut words = line.split_ascii_whitespace();
    ["Name", "Maj", "Min", "Stat"].iter().all(|heading| words.next() == Some(heading))
}

/// Parses `254:0` or `254, 0`.
pub(super) fn number(text: &str) -> Option<DeviceNumber> {
    match text.split_once(", ") {
        Some((major, minor)) => Some(DeviceNumber::new(read(major)?, read(minor)?)),
        None => DeviceNumber::read(Word::plain(text)).ok(),
    }
}

pub(super) fn read(text: &str) -> Option<u32> {
    u32::read(Word::plain(text)).ok()
}

/// Parses a line whose columns are separated by `separator`. A name or uuid may contain it, so the last position at which
/// all other columns match is used.
fn read_info(line: &str, separator: char) -> Option<DmsetupInfo<'_>> {
    let columns: Vec<(usize, &str)> = columns(line, separator).collect();
    columns.windows(6).rev().find_map(|columns| {
        let &[(start, major), (_, minor), (_, state), (_, open), (_, targets), (at, event)] = columns else {
            return None;
        };
        let name = line.get(..start)?.trim_end_matches(separator);
        let uuid = line.get(at.checked_add(event.len())?..)?.trim_start_matches(separator).trim_end();
        let is_state = state.len() == 4 && state.chars().all(|letter| "LIsrwu-".contains(letter));
        (is_state && !name.is_empty()).then_some(())?;
        Some(DmsetupInfo {
            name,
            number: DeviceNumber::new(read(major)?, read(minor)?),
            state,
            open: read(open)?,
            targets: read(targets)?,
            event: read(event)?,
            uuid: Some(uuid).filter(|uuid| !uuid.is_empty()),
        })
    })
}

/// The columns of a line with their positions.
fn columns(line: &str, separator: char) -> impl Iterator<Item = (usize, &str)> {
    let mut at = 0_usize;
    let columns = line.split(separator).map(move |column| {
        let start = at;
        at = start.saturating_add(column.len()).saturating_add(separator.len_utf8());
        (start, column)
    });
    columns.filter(|(_, column)| !column.is_empty())
}
