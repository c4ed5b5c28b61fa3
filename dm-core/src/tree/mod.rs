//! The dependencies between devices: of a whole host, or of one stack.

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

/// Mapped devices and the devices that their tables use, as returned by
/// [`Dm::device_tree`](crate::Dm::device_tree) and [`Dm::device_tree_of`](crate::Dm::device_tree_of).
///
/// ```
/// use dm_core::Dm;
///
/// # let _ = || {
/// let dm = Dm::open()?;
/// # Ok::<_, dm_core::OpenError>(dm) };
/// # let memory = dm_testing::MemoryKernel::new();
/// # memory.host().create("home", [dm_core::TargetLine::text(dm_units::Sectors(0), dm_units::Sectors(8), "zero", "")])?;
/// # let dm = memory.dm();
/// print!("{}", dm.device_tree()?);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// For example, this prints:
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
/// A tree can also be built without a kernel:
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
#[doc(alias = "dm_tree_create")]
#[doc(alias = "dm_tree_free")]
pub struct DeviceTree {
    nodes: BTreeMap<DeviceNumber, TreeNode>,
}

/// A device in a [`DeviceTree`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct TreeNode {
    /// The name of the device. `None` if the device is not a mapped device, for example a disk, or was removed while
    /// the tree was read.
    pub name: Option<DmNameBuf>,
    /// The uuid of the device, if it has one. `None` in trees that were not read from a kernel.
    pub uuid: Option<DmUuidBuf>,
    /// The state of the device when its dependencies were read. `None` if the device has no name, and in trees that
    /// were not read from a kernel.
    pub info: Option<DeviceInfo>,
    /// The devices that the active and the inactive table of this device use. Kernels before ioctl interface 4.16
    /// report only the devices of the active table.
    pub uses: BTreeSet<DeviceNumber>,
    /// The mapped devices whose tables use this device.
    pub used_by: BTreeSet<DeviceNumber>,
}

/// The order in which a [`DeviceTree`] lists its top devices, and the devices that one device uses.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum TreeOrder {
    /// By device number.
    #[default]
    Number,
    /// Mapped devices by name, then other devices by number.
    Name,
}

impl DeviceTree {
    /// Builds a tree from mapped devices and the devices that they use.
    #[must_use]
    pub fn new(devices: impl IntoIterator<Item = (DeviceNumber, DmNameBuf, BTreeSet<DeviceNumber>)>) -> Self {
        let mut tree = Self::default();
        for (number, name, uses) in devices {
            tree.add(number, uses).name = Some(name);
        }
        tree
    }

    /// Adds a mapped device, whose name is set later.
    fn add(&mut self, number: DeviceNumber, uses: BTreeSet<DeviceNumber>) -> &mut TreeNode {
        for &used in &uses {
            self.nodes.entry(used).or_default().used_by.insert(number);
        }
        let node = self.nodes.entry(number).or_default();
        node.uses.extend(uses);
        node
    }

    /// Looks up a device. `None` if the tree does not contain it.
    #[must_use]
    pub fn get(&self, number: DeviceNumber) -> Option<&TreeNode> {
        self.nodes.get(&number)
    }

    /// Finds a mapped device by its kernel name. `None` if the tree has no device with this name.
    #[must_use]
    pub fn find(&self, name: impl AsDmName) -> Option<DeviceNumber> {
        let name = name.as_dm_name().ok()?;
        self.iter().find(|(_, node)| node.name.as_deref() == Some(name)).map(|(number, _)| number)
    }

    /// Iterates over all devices, ordered by number.
    pub fn iter(&self) -> impl Iterator<Item = (DeviceNumber, &TreeNode)> {
        self.nodes.iter().map(|(&number, node)| (number, node))
    }

    /// The mapped devices that no other mapped device uses, ordered by number.
    pub fn tops(&self) -> impl Iterator<Item = DeviceNumber> + '_ {
        self.iter().filter(|(_, node)| node.name.is_some() && node.used_by.is_empty()).map(|(number, _)| number)
    }

    /// The devices that a device uses, in the given order. Empty if the tree does not contain the device.
    #[must_use]
    #[doc(alias = "dm_tree_next_child")]
    #[doc(alias = "dm_tree_node_num_children")]
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

    /// The mangled name, whose only special character, for a terminal or for Graphviz, is the backslash.
    fn label(&self, number: DeviceNumber) -> String {
        match self.get(number).and_then(|node| node.name.as_ref()) {
            Some(name) => format!("{} ({number})", name.shown()),
            None => number.to_string(),
        }
    }
}
