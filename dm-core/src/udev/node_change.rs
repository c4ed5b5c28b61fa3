//! A change of a device's node that an operation causes, and whether the device still calls for it.

use std::io;
use std::path::PathBuf;

use dm_units::DeviceNumber;

use super::detect::Facts;
use super::error::{UdevError, errno_of};
use crate::id::DmNameBuf;
use crate::machine::paths::{name_in, read_dm_name};

/// The change that a command makes below `/dev/mapper`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NodeChange {
    /// A device of this name exists, so its node must exist.
    Present,
    /// No device of this name exists any more.
    Absent,
    /// The device will be removed at its last close. If udev will not remove the node then, it is removed now, since
    /// the number may soon belong to another device.
    Deferred,
}

/// A change of one device's node.
#[derive(Clone, Debug)]
pub(super) struct Change {
    pub(super) name: DmNameBuf,
    pub(super) number: DeviceNumber,
    pub(super) kind: NodeChange,
    /// The possible paths of its node. The first one is used to make it.
    pub(super) places: Vec<PathBuf>,
}

/// Sorts changes for execution. Names that are no longer used come first, without the paths that another name of the
/// same device uses now: with udev's names, `my disk` and `my_disk` have the same link.
pub(super) fn in_order(mut changes: Vec<Change>) -> Vec<Change> {
    changes.sort_by_key(|change| change.kind == NodeChange::Present);
    let in_use: Vec<_> = changes
        .iter()
        .filter(|change| change.kind == NodeChange::Present)
        .flat_map(|change| change.places.iter().map(|place| (change.number, place.clone())))
        .collect();
    for change in changes.iter_mut().filter(|change| change.kind != NodeChange::Present) {
        change.places.retain(|place| !in_use.iter().any(|(number, used)| *number == change.number && used == place));
    }
    changes
}

impl Change {
    /// The name of the mapped device that has the number now, from sysfs. `None` if sysfs has no such device.
    fn current_name(&self, facts: &Facts) -> io::Result<Option<DmNameBuf>> {
        read_dm_name(&name_in(&facts.path(sysfs_path(self.number))))
    }

    /// Whether sysfs has a device with this name and number.
    pub(super) fn has_device(&self, facts: &Facts) -> bool {
        self.current_name(facts).is_ok_and(|name| name.as_ref() == Some(&self.name))
    }

    /// Whether sysfs has no device with this name and number. `false` if sysfs cannot be read.
    pub(super) fn has_no_device(&self, facts: &Facts) -> bool {
        match self.current_name(facts) {
            Ok(Some(name)) => name != self.name,
            Ok(None) => facts.path("sys/dev/block").exists(),
            Err(_) => false,
        }
    }

    pub(super) fn node_error(&self, what: &'static str, path: PathBuf, error: &io::Error) -> UdevError {
        UdevError::Node { what, name: self.name.clone(), number: self.number, path, source: errno_of(error) }
    }
}

/// The directory of a device in sysfs.
pub(super) fn sysfs_path(number: DeviceNumber) -> String {
    format!("sys/dev/block/{number}")
}
