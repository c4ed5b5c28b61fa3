//! Which disk a refused table could not use.
//!
//! The kernel's log names the target and the errno only (`dm_get_device` in drivers/md/dm-table.c), so the devices that the
//! lines name are looked at.

use std::fmt;
use std::path::Path;

use dm_units::DeviceNumber;

use crate::commands::PreparedTable;
use crate::machine::{DeviceDescription, Holder, Mount, describe, holders, mounts, paths};

/// A disk that a table would use and that can't be used.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct UnusableDisk {
    /// The line of the table, counted from 0.
    pub line: usize,
    /// The disk as the line names it.
    pub name: String,
    /// What is known of the disk. `None` if it does not exist.
    pub description: Option<DeviceDescription>,
    /// Devices on top of it that do not belong to the device mapper, which shares disks with itself.
    pub holders: Vec<Holder>,
    /// Where it is mounted.
    pub mounts: Vec<Mount>,
}

/// Prints `line 0 uses 8:1 (/dev/sda1), which is mounted on /srv`.
impl fmt::Display for UnusableDisk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {} uses {}", self.line, self.name.escape_debug())?;
        let Some(description) = &self.description else {
            return f.write_str(", which does not exist");
        };
        if description.to_string() != self.name {
            write!(f, " ({description})")?;
        }
        let holders = self.holders.iter().map(|holder| format!(", which is used by {holder}"));
        let mounts = self.mounts.iter().map(|mount| format!(", which is {mount}"));
        holders.chain(mounts).take(MOST_NAMED).try_for_each(|user| f.write_str(&user))
    }
}

/// More users than this are not named.
const MOST_NAMED: usize = 3;
/// More devices than this are not looked at: a table can have a million lines.
const MOST_LOOKED_AT: usize = 64;

/// The first disk of a table that does not exist or is used by something else than the device mapper.
pub(super) fn unusable_disk(table: &PreparedTable) -> Option<UnusableDisk> {
    let words = table.lines().enumerate().flat_map(|(line, params)| {
        params.split(|byte| byte.is_ascii_whitespace()).filter_map(device_word).map(move |word| (line, word))
    });
    let mut seen = Vec::new();
    for (line, word) in words {
        if seen.contains(&word) {
            continue;
        }
        if seen.len() == MOST_LOOKED_AT {
            return None;
        }
        seen.push(word);
        if let Some(disk) = look_at(line, word) {
            return Some(disk);
        }
    }
    None
}

/// A word that names a device: a number or a path below `/dev`. Other words may be keys, and are not looked at.
fn device_word(word: &[u8]) -> Option<&str> {
    let word = std::str::from_utf8(word).ok()?;
    (word.starts_with("/dev/") || word.parse::<DeviceNumber>().is_ok()).then_some(word)
}

/// What is wrong with a disk; `None` if nothing is seen to be.
fn look_at(line: usize, word: &str) -> Option<UnusableDisk> {
    let number = word.parse().ok().or_else(|| paths::device_at(Path::new(word)).ok());
    let missing = UnusableDisk { line, name: word.to_owned(), description: None, holders: vec![], mounts: vec![] };
    let Some(number) = number.filter(|number| paths::size_of(*number).is_ok()) else {
        return Some(missing);
    };
    let mut holders = holders(number).unwrap_or_default();
    holders.retain(|holder| holder.dm_name.is_none());
    let mounts = mounts(number).unwrap_or_default();
    let is_used = !holders.is_empty() || !mounts.is_empty();
    is_used.then(|| UnusableDisk { description: Some(describe(number)), holders, mounts, ..missing })
}
