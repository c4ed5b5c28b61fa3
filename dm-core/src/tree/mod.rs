//! Which devices use which: a picture of the whole host.

mod dot;
mod order;
mod read;
mod text;

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};

use dm_units::DeviceNumber;

pub use dot::Dot;
pub use text::TreeText;

use crate::id::{AsDmName, DmNameBuf, DmUuidBuf};
use crate::wire::DeviceInfo;

/// All mapped devices and the devices that their tables use, as [`Dm::device_tree`](crate::Dm::device_tree) reads them.
///
/// ```no_run
/// use dm_core::Dm;
///
/// print!("{}", Dm::open()?.device_tree()?);
/// # Ok::<(), dm_core::Error>(())
/// ```
///
/// prints
///
/// ```text
/// home (253:2)
///   pool (253:1)
///     8:3
///     8:16
/// root (253:3)
///   pool (253:1) (see above)
/// ```
///
/// Without a kernel, a tree can be put together from what is known elsewhere:
///
/// ```
/// use std::collections::BTreeSet;
///
/// use dm_core::{DeviceTree, DmNameBuf};
/// use dm_units::DeviceNumber;
///
/// let (home, disk) = (DeviceNumber::new(253, 0), DeviceNumber::new(8, 3));
/// let tree = DeviceTree::new([(home, DmNameBuf::new("home")?, BTreeSet::from([disk]))]);
/// assert_eq!(tree.find("home"), Some(home));
/// assert_eq!(tree.to_string(), "home (253:0)\n  8:3\n");
/// # Ok::<(), dm_core::NameError>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DeviceTree {
    nodes: BTreeMap<DeviceNumber, TreeNode>,
}

/// A device in a [`DeviceTree`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct TreeNode {
    /// The name. `None` for a device that is not a mapped device, such as a disk.
    pub name: Option<DmNameBuf>,
    /// The uuid, if the device has one.
    pub uuid: Option<DmUuidBuf>,
    /// The state, open count, and so on, at the moment when the device's dependencies were read. `None` for a device that is
    /// not a mapped device, and in trees that were not read from a kernel.
    pub info: Option<DeviceInfo>,
    /// The devices that its tables use, active and inactive.
    pub uses: BTreeSet<DeviceNumber>,
    /// The mapped devices whose tables use it.
    pub used_by: BTreeSet<DeviceNumber>,
}

/// The order in which the devices that are used by one device are shown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum TreeOrder {
    /// By device number.
    #[default]
    Number,
    /// Mapped devices by name, then other devices by number.
    Name,
}

impl DeviceTree {
    /// Puts a tree together from mapped devices and the devices that they use.
    #[must_use]
    pub fn new(devices: impl IntoIterator<Item = (DeviceNumber, DmNameBuf, BTreeSet<DeviceNumber>)>) -> Self {
        let mut tree = Self::default();
        for (number, name, uses) in devices {
            tree.add(number, uses).name = Some(name);
        }
        tree
    }

    /// Adds a mapped device, whose name is still to be set.
    fn add(&mut self, number: DeviceNumber, uses: BTreeSet<DeviceNumber>) -> &mut TreeNode {
        for &used in &uses {
            self.nodes.entry(used).or_default().used_by.insert(number);
        }
        let node = self.nodes.entry(number).or_default();
        node.uses.extend(uses);
        node
    }

    /// What is known of a device. `None` if it is not a mapped device and no mapped device uses it.
    #[must_use]
    pub fn get(&self, number: DeviceNumber) -> Option<&TreeNode> {
        self.nodes.get(&number)
    }

    /// The number of the mapped device with this name.
    #[must_use]
    pub fn find(&self, name: impl AsDmName) -> Option<DeviceNumber> {
        let name = name.as_dm_name().ok()?;
        self.iter().find(|(_, node)| node.name.as_deref() == Some(name)).map(|(number, _)| number)
    }

    /// All devices, ordered by number.
    pub fn iter(&self) -> impl Iterator<Item = (DeviceNumber, &TreeNode)> {
        self.nodes.iter().map(|(&number, node)| (number, node))
    }

    /// The mapped devices that no other one uses, ordered by number.
    pub fn tops(&self) -> impl Iterator<Item = DeviceNumber> + '_ {
        self.iter().filter(|(_, node)| node.name.is_some() && node.used_by.is_empty()).map(|(number, _)| number)
    }

    /// The devices that a device uses, in an order.
    #[must_use]
    pub fn children(&self, number: DeviceNumber, order: TreeOrder) -> Vec<DeviceNumber> {
        let uses = self.get(number).into_iter().flat_map(|node| &node.uses);
        self.in_order(uses.copied().collect(), order)
    }

    /// Sorts devices that are in the order of their numbers.
    fn in_order(&self, mut numbers: Vec<DeviceNumber>, order: TreeOrder) -> Vec<DeviceNumber> {
        if order == TreeOrder::Name {
            let name = |number| self.get(number).and_then(|node| node.name.as_deref());
            numbers.sort_by_key(|&number| (name(number).is_none(), name(number)));
        }
        numbers
    }

    /// The name in the mangled form, which has nothing that a terminal or Graphviz could take for more than text.
    fn label(&self, number: DeviceNumber) -> String {
        match self.get(number).and_then(|node| node.name.as_ref()) {
            Some(name) => format!("{} ({number})", name.shown()),
            None => number.to_string(),
        }
    }
}
