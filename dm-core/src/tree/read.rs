//! Reading a tree from the kernel.

use std::collections::BTreeSet;

use dm_units::DeviceNumber;

use super::DeviceTree;
use crate::commands::{DepsOptions, TableSlot};
use crate::error::Result;
use crate::id::{DmName, DmUuid};
use crate::node::Dm;
use crate::wire::DeviceInfo;

impl Dm {
    /// Reads which devices use which, of the whole host.
    ///
    /// - One list, one [`table_deps`](Self::table_deps) for each device, which has its state as well, and one more for each
    ///   device with an inactive table, whose devices count as used, too.
    /// - A device that is removed meanwhile is left out.
    ///
    /// # Errors
    /// Those of [`list_devices`](Self::list_devices) and [`table_deps`](Self::table_deps).
    pub fn device_tree(&self) -> Result<DeviceTree> {
        let mut tree = DeviceTree::default();
        for device in &self.list_devices()? {
            let number = device?.number;
            match self.all_deps(number) {
                Err(error) if error.is_not_found() => {}
                deps => {
                    let (info, uses) = deps?;
                    let node = tree.add(number, uses);
                    node.name = info.name().map(DmName::to_owned);
                    node.uuid = info.uuid().map(DmUuid::to_owned);
                    node.info = Some(info);
                }
            }
        }
        Ok(tree)
    }

    /// The state of a device and what both tables of it use.
    fn all_deps(&self, number: DeviceNumber) -> Result<(DeviceInfo, BTreeSet<DeviceNumber>)> {
        let active = self.table_deps(number)?;
        let mut uses: BTreeSet<DeviceNumber> = active.iter().collect();
        if active.info().has_inactive_table() {
            uses.extend(self.table_deps_with(number, DepsOptions::new().slot(TableSlot::Inactive))?.iter());
        }
        Ok((active.info().clone(), uses))
    }
}
