//! Operations of origins and snapshots: merge a snapshot back into its origin.

use dm_core::{Host, SetupOptions};
use dm_units::Sectors;

use super::error::steps::unless_in_effect;
use super::in_front::PATIENTLY;
use super::{DevError, MappedDev, MergeDev, OriginDev, SnapshotDev};
use crate::errors::problem::{InvalidField, Problem};
use crate::snapshot::{SnapshotMergeTable, SnapshotOriginTable};
use crate::table::{Table, TableLine};
use crate::{Snapshot, SnapshotMerge, SnapshotOrigin};

/// A device that has snapshots: data is copied to them before it is overwritten.
impl MappedDev<SnapshotOrigin> {
    /// Starts merging a snapshot of this device back into it, while it may be in use. The mapped device of the snapshot
    /// is removed first.
    ///
    /// From then on, reads of this device return the data of the snapshot. The kernel copies in the background: follow
    /// it with [`progress`](MappedDev::progress), then call [`finish`](MappedDev::finish). The snapshot's store must be
    /// persistent and must be kept until then; after a crash, the merge continues with the same table.
    ///
    /// # Errors
    ///
    /// [`DevError::Request`]: the snapshot is one of another device; nothing was changed.
    /// [`is_busy`](DevError::is_busy): the snapshot is still in use after 10 seconds; nothing was changed.
    /// [`DevError::Table`]: the store is not persistent; nothing was changed. When the kernel refuses the merge, the
    /// snapshot's mapped device is created again. If only udev does not finish, the merge has started
    /// ([`OpError::is_done`](dm_core::OpError::is_done)).
    pub fn merge(&self, host: &Host, snapshot: &SnapshotDev) -> Result<MergeDev, DevError> {
        let old = self.table_of(host, snapshot)?;
        let lines = old.lines().iter().map(|line| {
            TableLine::<SnapshotMerge>::new(line.start, line.length, SnapshotMergeTable(line.params.clone()))
        });
        let lines: alloc::vec::Vec<_> = lines.collect();
        let table = Table::new(lines).map_err(|error| self.no_table(error))?;
        let info = snapshot.info(host)?;
        let options = SetupOptions::new().read_only(info.is_read_only());
        let options = snapshot.uuid().map_or(options, |uuid| options.uuid(uuid));
        let removed = unless_in_effect(snapshot.remove_with(host, PATIENTLY).map(drop))?;
        let merging = self.retyped::<SnapshotMerge>();
        match merging.set_table(host, &table) {
            Ok(()) => removed.map(|()| merging),
            Err(cause) if cause.took_effect() => Err(cause),
            Err(cause) => {
                let name = info.name().unwrap_or(snapshot.name());
                Err(cause.undo(SnapshotDev::create_with(host, name, &old, options).map(drop)))
            }
        }
    }

    /// Reads the table of a snapshot of this device.
    fn table_of(&self, host: &Host, snapshot: &SnapshotDev) -> Result<Table<Snapshot>, DevError> {
        let (own, table) = (self.table(host)?, snapshot.table(host)?);
        let origins = own.lines().iter().map(|line| &line.params.origin);
        if table.lines().iter().map(|line| &line.params.origin).eq(origins) {
            return Ok(table);
        }
        let source = InvalidField::new("origin", Problem::Expected("the origin into which the snapshot is merged"));
        Err(DevError::Request { device: snapshot.to_id(), source })
    }
}

/// An origin into which a snapshot is being merged.
impl MappedDev<SnapshotMerge> {
    /// Ends a completed merge while the device is in use. The device becomes a plain origin, and the snapshot's store
    /// is free.
    ///
    /// # Errors
    ///
    /// [`DevError::Merging`]: the merge has not finished, or has failed. [`DevError::SeveralLines`]. Nothing was
    /// changed in these cases. Others as [`set_table`](MappedDev::set_table).
    pub fn finish(&self, host: &Host) -> Result<OriginDev, DevError> {
        let status = self.status(host)?;
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
