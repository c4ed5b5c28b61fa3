//! Which devices stand on which.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use dm_units::DeviceNumber;

use crate::commands::{DepsOptions, ListOptions, TableSlot};
use crate::error::Result;
use crate::id::name::{DmName, DmNameBuf};
use crate::node::dm::Dm;
use crate::node::transport::Transport;
use crate::wire::buffer::Buffer;
use crate::wire::flags::Flags;

/// All mapped devices, and the devices that their tables use, at one moment: see [`Dm::device_tree`].
///
/// ```no_run
/// use dm_core::{Buffer, Dm};
///
/// print!("{}", Dm::open()?.device_tree(&mut Buffer::new())?);
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
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DeviceTree {
    nodes: BTreeMap<DeviceNumber, TreeNode>,
}

/// A device in a [`DeviceTree`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct TreeNode {
    /// Its name. `None` for a device that is not mapped, such as a disk.
    pub name: Option<DmNameBuf>,
    /// The devices that its tables use, active and inactive.
    pub below: BTreeSet<DeviceNumber>,
    /// The mapped devices whose tables use it.
    pub above: BTreeSet<DeviceNumber>,
}

impl DeviceTree {
    /// Puts a tree together from mapped devices and what they use.
    pub fn new(devices: impl IntoIterator<Item = (DeviceNumber, DmNameBuf, BTreeSet<DeviceNumber>)>) -> Self {
        let mut tree = Self::default();
        for (number, name, below) in devices {
            for &used in &below {
                tree.nodes.entry(used).or_default().above.insert(number);
            }
            let node = tree.nodes.entry(number).or_default();
            node.name = Some(name);
            node.below = below;
        }
        tree
    }

    /// What is known of a device.
    #[must_use]
    pub fn get(&self, number: DeviceNumber) -> Option<&TreeNode> {
        self.nodes.get(&number)
    }

    /// The number of a mapped device.
    #[must_use]
    pub fn find(&self, name: DmName<'_>) -> Option<DeviceNumber> {
        let named = |node: &TreeNode| node.name.as_ref().is_some_and(|own| own.as_borrowed() == name);
        self.iter().find(|(_, node)| named(node)).map(|(number, _)| number)
    }

    /// All devices, in the order of their numbers.
    pub fn iter(&self) -> impl Iterator<Item = (DeviceNumber, &TreeNode)> {
        self.nodes.iter().map(|(&number, node)| (number, node))
    }

    /// The mapped devices at the top: those that no other one uses.
    pub fn tops(&self) -> impl Iterator<Item = DeviceNumber> + '_ {
        self.iter().filter(|(_, node)| node.name.is_some() && node.above.is_empty()).map(|(number, _)| number)
    }

    /// The device and all mapped devices under it, each before the ones that it uses.
    ///
    /// In this order a stack is suspended and taken down; in the opposite one it is resumed.
    #[must_use]
    pub fn top_down(&self, number: DeviceNumber) -> Vec<DeviceNumber> {
        self.sorted(number, |node| &node.below)
    }

    /// The device, if it is mapped, and all devices that stand on it, each before the ones that it uses.
    ///
    /// In this order they go, so that in the end nothing uses the device any more.
    #[must_use]
    pub fn users_first(&self, number: DeviceNumber) -> Vec<DeviceNumber> {
        let mut order = self.sorted(number, |node| &node.above);
        order.reverse();
        order
    }

    /// The mapped devices that can be reached, each before those that are reached from it.
    fn sorted(&self, start: DeviceNumber, next: fn(&TreeNode) -> &BTreeSet<DeviceNumber>) -> Vec<DeviceNumber> {
        let mut seen = BTreeSet::from([start]);
        let mut finished = Vec::new();
        // Each with the neighbours that are still to be looked at; a stack of our own, since trees can be deep.
        let mut path = Vec::from_iter(self.get(start).map(|node| (start, next(node).iter())));
        while let Some((number, neighbours)) = path.last_mut() {
            match neighbours.next() {
                Some(&neighbour) => {
                    let unseen = self.get(neighbour).filter(|_| seen.insert(neighbour));
                    path.extend(unseen.map(|node| (neighbour, next(node).iter())));
                }
                None => {
                    finished.push(*number);
                    path.pop();
                }
            }
        }
        finished.retain(|&number| self.get(number).is_some_and(|node| node.name.is_some()));
        finished.reverse();
        finished
    }

    /// Whether a table that uses `uses`, loaded into the device, would make it stand on itself. Says through which devices:
    /// from one of `uses` down to the device.
    ///
    /// The kernel does not look: newer ones refuse a table that uses its own device directly (`dm_get_device` in
    /// drivers/md/dm-table.c), and none sees a detour. Such a device can stop the kernel.
    #[must_use]
    pub fn cycle(
        &self,
        device: DeviceNumber,
        uses: impl IntoIterator<Item = DeviceNumber>,
    ) -> Option<Vec<DeviceNumber>> {
        // From which device each one was reached, which is also the record of those seen.
        let mut reached_from = BTreeMap::new();
        let mut to_visit: Vec<_> = uses.into_iter().map(|used| (used, None)).collect();
        while let Some((number, from)) = to_visit.pop() {
            if reached_from.contains_key(&number) {
                continue;
            }
            reached_from.insert(number, from);
            if number == device {
                let back = std::iter::successors(Some(number), |number| *reached_from.get(number)?);
                let mut path = Vec::from_iter(back);
                path.reverse();
                return Some(path);
            }
            let below = self.get(number).into_iter().flat_map(|node| &node.below);
            to_visit.extend(below.map(|&used| (used, Some(number))));
        }
        None
    }

    /// The tree in the language of Graphviz; `dot -Tsvg` draws it.
    #[must_use]
    pub fn to_dot(&self) -> Dot<'_> {
        Dot(self)
    }

    fn label(&self, number: DeviceNumber) -> String {
        match self.get(number).and_then(|node| node.name.as_ref()) {
            Some(name) => format!("{} ({number})", name.as_borrowed().mangled()),
            None => number.to_string(),
        }
    }
}

/// Prints each device at the top, and under it, indented, the devices that it uses. One that several use is printed with
/// each of them.
impl fmt::Display for DeviceTree {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for top in self.tops() {
            self.write_below(f, top)?;
        }
        Ok(())
    }
}

impl DeviceTree {
    fn write_below(&self, f: &mut fmt::Formatter<'_>, top: DeviceNumber) -> fmt::Result {
        writeln!(f, "{}", self.label(top))?;
        let below = |number| self.get(number).map(|node| (number, node.below.iter()));
        let mut path = Vec::from_iter(below(top));
        while let Some((_, rest)) = path.last_mut() {
            let Some(&number) = rest.next() else {
                path.pop();
                continue;
            };
            writeln!(f, "{:indent$}{}", "", self.label(number), indent = path.len().saturating_mul(2))?;
            // Tables that change while they are read can look as if a device stood on itself.
            let above_itself = path.iter().any(|&(on_path, _)| on_path == number);
            path.extend(below(number).filter(|_| !above_itself));
        }
        Ok(())
    }
}

/// Prints a [`DeviceTree`] in the language of Graphviz: an arrow from each device to each that it uses.
#[derive(Clone, Copy, Debug)]
pub struct Dot<'t>(&'t DeviceTree);

impl fmt::Display for Dot<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "digraph devices {{")?;
        for (number, node) in self.0.iter() {
            let shape = if node.name.is_some() { "box" } else { "cylinder" };
            // A mangled name has neither quotes nor line feeds; its backslashes stand for themselves when doubled.
            let label = self.0.label(number).replace('\\', "\\\\");
            writeln!(f, "    \"{number}\" [label=\"{label}\" shape={shape}];")?;
            for used in &node.below {
                writeln!(f, "    \"{number}\" -> \"{used}\";")?;
            }
        }
        writeln!(f, "}}")
    }
}

impl<T: Transport> Dm<T> {
    /// Reads which devices stand on which.
    ///
    /// - One list, then a [`table_deps`](Self::table_deps) for each device, and another one for those with an inactive
    ///   table, since that holds the devices it uses, too.
    /// - Devices that vanish in between are left out.
    ///
    /// # Errors
    /// Those of the commands; a device that vanishes is none.
    pub fn device_tree(&self, buffer: &mut Buffer) -> Result<DeviceTree> {
        let devices = self.list_devices(buffer, ListOptions::new())?.to_owned();
        let mut found = Vec::new();
        for device in &devices {
            let device = device?;
            match self.all_deps(buffer, device.number) {
                Ok(below) => found.push((device.number, device.name.to_owned(), below)),
                Err(error) if error.is_not_found() => {}
                Err(error) => return Err(error),
            }
        }
        Ok(DeviceTree::new(found))
    }

    /// What both tables of a device use.
    fn all_deps(&self, buffer: &mut Buffer, number: DeviceNumber) -> Result<BTreeSet<DeviceNumber>> {
        let active = self.table_deps(buffer, number, DepsOptions::new())?;
        let mut all: BTreeSet<DeviceNumber> = active.iter().collect();
        if active.flags().contains(Flags::INACTIVE_PRESENT) {
            let inactive = DepsOptions::new().slot(TableSlot::Inactive);
            all.extend(self.table_deps(buffer, number, inactive)?.iter());
        }
        Ok(all)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn number(minor: u32) -> DeviceNumber {
        DeviceNumber::new(253, minor)
    }

    /// Devices by minor number, named after it, over the ones they use. Above 100 there are disks.
    fn tree(devices: &[(u32, &[u32])]) -> DeviceTree {
        let name = |minor: u32| DmNameBuf::new(&format!("d {minor}")).unwrap();
        DeviceTree::new(
            devices
                .iter()
                .map(|&(minor, uses)| (number(minor), name(minor), uses.iter().copied().map(number).collect())),
        )
    }

    fn minors(numbers: &[DeviceNumber]) -> Vec<u32> {
        numbers.iter().map(|number| number.minor).collect()
    }

    /// Two volumes on a pool on two disks, and another device that uses one of the volumes and a disk.
    fn sample() -> DeviceTree {
        tree(&[(0, &[100, 101]), (1, &[0]), (2, &[0]), (3, &[1, 101])])
    }

    #[test]
    fn a_tree_prints_with_leaves_and_shared_parts() {
        assert_eq!(
            sample().to_string(),
            r"d\x202 (253:2)
  d\x200 (253:0)
    253:100
    253:101
d\x203 (253:3)
  d\x201 (253:1)
    d\x200 (253:0)
      253:100
      253:101
  253:101
"
        );
    }

    #[test]
    fn dot_has_a_node_and_an_arrow_for_each() {
        assert_eq!(
            tree(&[(0, &[100])]).to_dot().to_string(),
            r#"digraph devices {
    "253:0" [label="d\\x200 (253:0)" shape=box];
    "253:0" -> "253:100";
    "253:100" [label="253:100" shape=cylinder];
}
"#
        );
    }

    #[test]
    fn orders_put_users_before_what_they_use() {
        assert_eq!(minors(&sample().top_down(number(3))), [3, 1, 0]);
        assert_eq!(minors(&sample().users_first(number(101))).len(), 4, "not the disk itself");
        let order = minors(&sample().users_first(number(0)));
        let place = |minor| order.iter().position(|&other| other == minor).unwrap();
        assert!(order.len() == 4 && place(3) < place(1) && place(1) < place(0) && place(2) < place(0), "{order:?}");
    }

    #[test]
    fn a_diamond_is_walked_once_and_in_order() {
        let diamond = tree(&[(0, &[]), (1, &[0]), (2, &[0, 1]), (3, &[0, 2, 1])]);
        assert_eq!(minors(&diamond.top_down(number(3))), [3, 2, 1, 0]);
        assert_eq!(minors(&diamond.users_first(number(0))), [3, 2, 1, 0]);
    }

    #[test]
    fn what_others_use_stays() {
        assert_eq!(minors(&sample().only_used_by(number(3))), [3, 1], "the pool has another volume");
        let diamond = tree(&[(0, &[]), (1, &[0]), (2, &[0]), (3, &[1, 2])]);
        let all = minors(&diamond.only_used_by(number(3)));
        assert!(all.len() == 4 && all[0] == 3 && all[3] == 0, "{all:?}");
    }

    #[test]
    fn a_cycle_is_found_before_it_is_made() {
        assert_eq!(minors(&sample().cycle(number(0), [number(3)]).unwrap()), [3, 1, 0]);
        assert_eq!(minors(&sample().cycle(number(0), [number(0)]).unwrap()), [0]);
        assert_eq!(sample().cycle(number(3), [number(0), number(2)]), None);
    }

    #[test]
    fn a_tree_that_changed_while_it_was_read_ends_nothing_up_in_a_loop() {
        let looped = tree(&[(0, &[1]), (1, &[0]), (2, &[1])]);
        assert_eq!(looped.top_down(number(2)).len(), 3);
        assert_eq!(looped.users_first(number(0)).len(), 3);
        assert!(looped.to_string().lines().count() < 10);
        assert_eq!(looped.cycle(number(5), [number(0)]), None);
    }

    #[test]
    fn a_deep_tree_takes_no_stack() {
        let devices: Vec<_> = (0..10_000_u32).map(|minor| (minor, [minor + 1])).collect();
        let deep = tree(&devices.iter().map(|(minor, uses)| (*minor, &uses[..])).collect::<Vec<_>>());
        assert_eq!(deep.top_down(number(0)).len(), 10_000);
    }
}
