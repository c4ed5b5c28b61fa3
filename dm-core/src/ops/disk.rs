//! Finds the disk that a refused table could not use.
//!
//! The kernel's log has only the target, its message and the errno (`dm_table_add_target` in drivers/md/dm-table.c), so
//! the devices that the lines name are examined.

use std::fmt;
use std::path::Path;

use dm_units::DeviceNumber;

use crate::commands::PreparedTable;
use crate::machine::{DeviceDescription, Holder, Mount, describe, holders, mounts, paths};
use crate::node::{BlockId, BlockOpenOptions, Transport};

/// The disk that probably made the kernel refuse a table. The kernel does not say which disk it could not use, so this
/// is the first disk of the table that does not exist, is mounted, or is used by a block device that is not a mapped
/// device.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct UnusableDisk {
    /// The index of the line in the table, from 0.
    pub line: usize,
    /// The disk as the line names it: a number or a path.
    pub name: String,
    /// The number, path and name of the disk. `None` if the block device does not exist, or if the disk belongs to
    /// another kernel than the running one, such as the in-memory kernel of dm-testing.
    pub description: Option<DeviceDescription>,
    /// The block devices that use the disk. Mapped devices are left out, since several mapped devices can use a disk at
    /// the same time.
    pub holders: Vec<Holder>,
    /// The places where the disk is mounted.
    pub mounts: Vec<Mount>,
}

/// Prints `line 0 uses 8:1 (/dev/sda1 (8:1)), which is mounted on "/srv"`.
impl fmt::Display for UnusableDisk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {} uses {}", self.line, self.name.escape_debug())?;
        let Some(description) = &self.description else {
            return f.write_str(", which does not exist or is not a block device");
        };
        if description.to_string() != self.name {
            write!(f, " ({description})")?;
        }
        let holders = self.holders.iter().map(|holder| format!(", which is used by {holder}"));
        let mounts = self.mounts.iter().map(|mount| format!(", which is mounted on {mount}"));
        holders.chain(mounts).take(MAX_NAMED).try_for_each(|user| f.write_str(&user))
    }
}

/// The largest number of users that are listed.
const MAX_NAMED: usize = 3;
/// The largest number of devices that are examined; a table can have a million lines.
const MAX_VISITED: usize = 64;

/// Finds the first disk of a table that does not exist, is mounted, or is used by a block device that is not mapped.
pub(super) fn unusable_disk(table: &PreparedTable, transport: &dyn Transport) -> Option<UnusableDisk> {
    let words = table.lines().enumerate().flat_map(|(line, params)| {
        params.split(|byte| byte.is_ascii_whitespace()).filter_map(device_word).map(move |word| (line, word))
    });
    let mut seen = Vec::new();
    for (line, word) in words {
        if seen.contains(&word) {
            continue;
        }
        if seen.len() == MAX_VISITED {
            return None;
        }
        seen.push(word);
        if let Some(disk) = look_at(line, word, transport) {
            return Some(disk);
        }
    }
    None
}

/// Returns a word if it names a device: a number or a path below `/dev`. Other words may be keys and are ignored.
fn device_word(word: &[u8]) -> Option<&str> {
    let word = std::str::from_utf8(word).ok()?;
    (word.starts_with("/dev/") || word.parse::<DeviceNumber>().is_ok()).then_some(word)
}

/// Examines one disk; `None` if it seems usable.
fn look_at(line: usize, word: &str, transport: &dyn Transport) -> Option<UnusableDisk> {
    let missing = UnusableDisk { line, name: word.to_owned(), description: None, holders: vec![], mounts: vec![] };
    let id = word.parse().map_or_else(|_| BlockId::Path(Path::new(word)), BlockId::Number);
    // The devices of a kernel in memory are not those of this machine.
    if let Some(opened) = transport.open_block(id, BlockOpenOptions::new()) {
        return opened.is_err().then_some(missing);
    }
    let number = word.parse().ok().or_else(|| paths::device_at(Path::new(word)).ok());
    let Some(number) = number.filter(|number| paths::size_of(*number).is_ok()) else {
        return Some(missing);
    };
    let mut holders = holders(number).unwrap_or_default();
    holders.retain(|holder| holder.dm_name.is_none());
    let mounts = mounts(number).unwrap_or_default();
    let is_used = !holders.is_empty() || !mounts.is_empty();
    is_used.then(|| UnusableDisk { description: Some(describe(number)), holders, mounts, ..missing })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::machine::ForeignText;

    #[test]
    fn the_text_says_how_the_disk_is_used() {
        let number = DeviceNumber::new(4000, 1);
        let mount = Mount { point: ForeignText::new(b"/srv"), device: number, namespace_of: None, other_namespaces: 0 };
        let disk = UnusableDisk {
            line: 0,
            name: "/dev/disk".to_owned(),
            description: Some(describe(number)),
            holders: Vec::new(),
            mounts: vec![mount],
        };
        assert_eq!(disk.to_string(), r#"line 0 uses /dev/disk (device 4000:1), which is mounted on "/srv""#);
        let missing = UnusableDisk { description: None, mounts: Vec::new(), ..disk };
        assert_eq!(missing.to_string(), "line 0 uses /dev/disk, which does not exist or is not a block device");
    }
}
