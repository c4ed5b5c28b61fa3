//! The orders in which the devices of a stack are processed. Each takes linear time in devices and dependencies,
//! without recursion.

use std::collections::{BTreeMap, BTreeSet};

use dm_units::DeviceNumber;

use super::{DeviceTree, TreeNode};

impl DeviceTree {
    /// Returns the mapped devices at and below `number`. Each comes before the devices that it uses.
    ///
    /// Suspend or remove a stack in this order, and resume it in reverse.
    #[must_use]
    pub fn top_down(&self, number: DeviceNumber) -> Vec<DeviceNumber> {
        self.sorted(number, |node| &node.uses)
    }

    /// Returns the mapped devices at and above `number`. Each comes before the devices that it uses.
    ///
    /// If you remove them in this order, no mapped device uses `number` any more. If `number` is a mapped device, it is
    /// removed last.
    #[must_use]
    pub fn users_first(&self, number: DeviceNumber) -> Vec<DeviceNumber> {
        let mut order = self.sorted(number, |node| &node.used_by);
        order.reverse();
        order
    }

    /// Returns `number`, if it is a mapped device, and each mapped device below it that no mapped device outside this
    /// list uses. Each comes before the devices that it uses.
    ///
    /// You can remove them in this order if no mapped device uses `number` and none of them is mounted or open.
    #[must_use]
    pub fn only_used_by(&self, number: DeviceNumber) -> Vec<DeviceNumber> {
        let mut order = self.top_down(number);
        let mut removable = BTreeSet::new();
        // All users of a device that are in the result come before it.
        order.retain(|&device| {
            let mut users = self.get(device).into_iter().flat_map(|node| &node.used_by);
            let only = device == number || users.all(|user| removable.contains(user));
            only && removable.insert(device)
        });
        order
    }

    /// The reachable mapped devices in topological order.
    fn sorted(&self, start: DeviceNumber, next: fn(&TreeNode) -> &BTreeSet<DeviceNumber>) -> Vec<DeviceNumber> {
        let mut seen = BTreeSet::from([start]);
        let mut finished = Vec::new();
        // Each with the neighbors still to visit.
        let mut path = Vec::from_iter(self.get(start).map(|node| (start, next(node).iter())));
        while let Some((number, neighbors)) = path.last_mut() {
            match neighbors.next() {
                Some(&neighbor) => {
                    let unseen = self.get(neighbor).filter(|_| seen.insert(neighbor));
                    path.extend(unseen.map(|node| (neighbor, next(node).iter())));
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

    /// Checks whether `device` would use itself, directly or indirectly, if its table used the devices in `uses`.
    /// Returns the path from a device of `uses` down to `device`, or `None` if there is no cycle.
    ///
    /// A device in a cycle can hang the kernel. Newer kernels refuse a table that uses its device directly
    /// (`dm_get_device` in drivers/md/dm-table.c), but no kernel refuses an indirect cycle.
    #[must_use]
    pub fn cycle(
        &self,
        device: DeviceNumber,
        uses: impl IntoIterator<Item = DeviceNumber>,
    ) -> Option<Vec<DeviceNumber>> {
        // The predecessor of each visited device.
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
            let used = self.get(number).into_iter().flat_map(|node| &node.uses);
            to_visit.extend(used.map(|&used| (used, Some(number))));
        }
        None
    }
}
