//! The orders in which a stack is worked on. Each is linear in the devices and uses of it, and takes no call stack.

use std::collections::{BTreeMap, BTreeSet};

use dm_units::DeviceNumber;

use super::{DeviceTree, TreeNode};

impl DeviceTree {
    /// The device and all mapped devices below it, each before the ones that it uses.
    ///
    /// A stack is suspended and removed in this order, and resumed in the opposite one.
    #[must_use]
    pub fn top_down(&self, number: DeviceNumber) -> Vec<DeviceNumber> {
        self.sorted(number, |node| &node.uses)
    }

    /// The device, if it is a mapped device, and all mapped devices above it, each before the ones that it uses.
    ///
    /// If they are removed in this order, nothing uses the device any more.
    #[must_use]
    pub fn users_first(&self, number: DeviceNumber) -> Vec<DeviceNumber> {
        let mut order = self.sorted(number, |node| &node.used_by);
        order.reverse();
        order
    }

    /// The devices of [`top_down`](Self::top_down) that no device outside of them uses: those that can be removed with the
    /// device.
    #[must_use]
    pub fn only_used_by(&self, number: DeviceNumber) -> Vec<DeviceNumber> {
        let mut order = self.top_down(number);
        let mut removable = BTreeSet::new();
        // All users of a device that are below the first one come before it.
        order.retain(|&device| {
            let mut users = self.get(device).into_iter().flat_map(|node| &node.used_by);
            let only = device == number || users.all(|user| removable.contains(user));
            only && removable.insert(device)
        });
        order
    }

    /// The mapped devices that can be reached, each before those that are reached from it.
    fn sorted(&self, start: DeviceNumber, next: fn(&TreeNode) -> &BTreeSet<DeviceNumber>) -> Vec<DeviceNumber> {
        let mut seen = BTreeSet::from([start]);
        let mut finished = Vec::new();
        // Each with the neighbours that are still to be visited.
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

    /// Whether `device` would use itself, directly or not, with a table that uses `uses`. Returns the way from one of `uses`
    /// down to the device.
    ///
    /// The kernel does not check that: newer ones refuse a table that uses its own device directly (`dm_get_device` in
    /// drivers/md/dm-table.c), but not a detour. Such a device can hang the kernel.
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
            let used = self.get(number).into_iter().flat_map(|node| &node.uses);
            to_visit.extend(used.map(|&used| (used, Some(number))));
        }
        None
    }
}
