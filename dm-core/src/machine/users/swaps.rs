//! Swap areas on a device, from `/proc/swaps`.

use super::disk::Disk;
use super::limits::{Budget, Lines};
use super::mounts::{Location, MountTable};
use crate::machine::foreign::{ForeignText, unescaped};
use crate::machine::roots::Roots;

/// The uses of a device for swap.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Swaps {
    /// Whether the device, a partition of it, or the whole disk is a swap area.
    pub(super) is_swap: bool,
    /// The swap files on its file system.
    pub(super) files: Vec<ForeignText>,
}

/// Finds swap areas. Their paths come from root, but may be of any mount namespace.
pub(super) fn find(roots: &Roots, disk: &Disk, table: &MountTable, budget: &mut Budget) -> Swaps {
    let mut swaps = Swaps::default();
    let mut lines = match Lines::open(&roots.proc_dir.join("swaps")) {
        Ok(lines) => lines,
        Err(error) => {
            budget.failed(&error);
            return swaps;
        }
    };
    let dev_dir = roots.dev_dir.as_os_str().as_encoded_bytes();
    while let Some(line) = lines.next(budget) {
        let mut words = line.split(u8::is_ascii_whitespace).filter(|word| !word.is_empty());
        let (Some(path), Some(kind)) = (words.next(), words.next()) else { continue };
        let path = unescaped(path);
        match kind {
            b"partition" => swaps.is_swap |= disk.of_path(roots, &path).is_some(),
            b"file" if table.locate(&path, dev_dir) == Location::OnDevice => swaps.files.push(ForeignText::new(&path)),
            _ => (),
        }
    }
    swaps
}
