//! Reads the tree of devices from the kernel.

use std::collections::BTreeSet;

use dm_units::DeviceNumber;

use super::DeviceTree;
use crate::commands::{DepsOptions, TableSlot};
use crate::error::Result;
use crate::id::{AsDevId, DmName, DmUuid};
use crate::node::Dm;
use crate::wire::DeviceInfo;

impl Dm {
    /// Reads the dependencies between all devices of the host.
    ///
    /// - The call sends [`list_devices`](Self::list_devices) once, [`table_deps`](Self::table_deps) once for each
    ///   device, and once more for each device with an inactive table.
    /// - Devices that only an inactive table uses are included. Kernels before ioctl interface 4.16 do not report them.
    /// - A device that is removed meanwhile is left out, or has no name if another device used it.
    ///
    /// # Errors
    /// [`list_devices`](Self::list_devices) or [`table_deps`](Self::table_deps) fails.
    #[doc(alias = "dm_tree_add_dev")]
    #[doc(alias = "dmsetup ls --tree")]
    #[doc(alias = "--tree")]
    pub fn device_tree(&self) -> Result<DeviceTree> {
        let mut tree = DeviceTree::default();
        for device in &self.list_devices()? {
            let number = device?.number;
            match self.all_deps(number) {
                Err(error) if error.is_not_found() => {}
                deps => tree.add_mapped(deps?),
            }
        }
        Ok(tree)
    }

    /// Reads which devices one device uses, directly or indirectly, down to the disks.
    ///
    /// - The call sends [`table_deps`](Self::table_deps) once for each mapped device of the stack, and once more for
    ///   each with an inactive table. It reads no other devices of the host.
    /// - A device that is removed meanwhile has no name in the tree.
    ///
    /// # Errors
    /// [`table_deps`](Self::table_deps) fails.
    #[doc(alias = "dm_tree_add_dev")]
    pub fn device_tree_of(&self, id: impl AsDevId) -> Result<DeviceTree> {
        let mut tree = DeviceTree::default();
        let top = self.all_deps(id)?;
        let major = top.0.number().major;
        let mut seen = BTreeSet::from([top.0.number()]);
        let mut left: Vec<DeviceNumber> = top.1.iter().copied().collect();
        tree.add_mapped(top);
        while let Some(number) = left.pop() {
            // All mapped devices have one major number.
            if number.major != major || !seen.insert(number) {
                continue;
            }
            match self.all_deps(number) {
                Err(error) if error.is_not_found() => {}
                deps => {
                    let deps = deps?;
                    left.extend(&deps.1);
                    tree.add_mapped(deps);
                }
            }
        }
        Ok(tree)
    }

    /// Reads the state of a device and the devices that both its tables use.
    fn all_deps(&self, id: impl AsDevId) -> Result<(DeviceInfo, BTreeSet<DeviceNumber>)> {
        let active = self.table_deps(&id)?;
        let mut uses: BTreeSet<DeviceNumber> = active.iter().collect();
        let info = active.info();
        if info.has_inactive_table() {
            // An older kernel reports the active table again.
            let options = DepsOptions::new().slot(TableSlot::Inactive).if_possible(true);
            uses.extend(self.table_deps_with(&id, options)?.iter());
        }
        Ok((info, uses))
    }
}

impl DeviceTree {
    fn add_mapped(&mut self, (info, uses): (DeviceInfo, BTreeSet<DeviceNumber>)) {
        let node = self.add(info.number(), uses);
        node.name = info.name().map(DmName::to_owned);
        node.uuid = info.uuid().map(DmUuid::to_owned);
        node.info = Some(info);
    }
}
