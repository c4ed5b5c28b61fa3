//! What origins and snapshots can do beyond what every device can: a snapshot is merged back into its origin.

use dm_core::Host;
use dm_units::Sectors;

use super::in_front::PATIENTLY;
use super::{DevError, MappedDev, MergeDev, OriginDev, SnapshotDev};
use crate::snapshot::{SnapshotMergeTable, SnapshotOriginTable};
use crate::table::{Table, TableLine};
use crate::{SnapshotMerge, SnapshotOrigin};

/// A device that has snapshots: what is written to it is first copied to them.
impl MappedDev<SnapshotOrigin> {
    /// Merges a snapshot back: this device, in use or not, becomes what the snapshot holds. The snapshot's own mapped device is
    /// removed first.
    ///
    /// From the start, reads of this device return what the snapshot holds. The copying takes its time: follow it with
    /// [`progress`](MappedDev::progress), then [`finish`](MappedDev::finish) it. The snapshot's store must be persistent, and be
    /// kept until then: after a crash, the merge goes on with the same table.
    ///
    /// # Errors
    ///
    /// [`is_busy`](DevError::is_busy): the snapshot is in use; nothing was done. When the kernel refuses the merge, the snapshot
    /// is set up again.
    pub fn merge(&self, host: &Host, snapshot: &SnapshotDev) -> Result<MergeDev, DevError> {
        let old = snapshot.table(host)?;
        let lines = old.lines().iter().map(|line| {
            TableLine::<SnapshotMerge>::new(line.start, line.length, SnapshotMergeTable(line.params.clone()))
        });
        let lines: alloc::vec::Vec<_> = lines.collect();
        let table = Table::new(lines).map_err(|error| self.no_table(error))?;
        snapshot.remove(host, PATIENTLY)?;
        let merging = self.retyped::<SnapshotMerge>();
        match merging.set_table(host, &table) {
            Ok(()) => Ok(merging),
            Err(cause) => Err(cause.undo(SnapshotDev::create(host, snapshot.name(), &old).map(drop))),
        }
    }
}

/// An origin into which a snapshot is being merged.
impl MappedDev<SnapshotMerge> {
    /// Ends a merge that is done, while the device is in use: it is a plain origin again, and the snapshot's store is free.
    ///
    /// # Errors
    ///
    /// [`DevError::Merging`]: there is something left to copy, or the merge has failed; nothing was done.
    pub fn finish(&self, host: &Host) -> Result<OriginDev, DevError> {
        let status = self.status(host, dm_core::StatusOptions::new())?;
        if !status.is_merged() {
            return Err(DevError::Merging { origin: self.to_id(), status: alloc::boxed::Box::new(status) });
        }
        let table = self.table(host)?;
        self.check_single(&table)?;
        let lines = table.lines().iter().map(|line| {
            let origin = SnapshotOriginTable::new(line.params.0.origin.clone());
            TableLine::<SnapshotOrigin>::new(Sectors(0), line.length, origin)
        });
        let lines: alloc::vec::Vec<_> = lines.collect();
        let table = Table::new(lines).map_err(|error| self.no_table(error))?;
        let origin = self.retyped::<SnapshotOrigin>();
        origin.set_table(host, &table)?;
        Ok(origin)
    }
}
