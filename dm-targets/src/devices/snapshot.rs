//! Operations of origins and snapshots: merge a snapshot back into its origin.

use alloc::vec::Vec;
use core::time::Duration;
use std::thread;
use std::time::Instant;

use dm_core::{Host, RemovePolicy, Retry, SetupOptions};
use dm_units::Sectors;

use super::error::steps::unless_in_effect;
use super::in_front::PATIENCE;
use super::{DevError, MappedDev, MergeDev, OriginDev, SnapshotDev};
use crate::errors::problem::{InvalidField, Problem};
use crate::snapshot::{SnapshotMergeTable, SnapshotOriginTable};
use crate::table::{Table, TableLine};
use crate::{Snapshot, SnapshotMerge, SnapshotOrigin};

/// The time between two looks at the users of a snapshot.
const PAUSE: Duration = Duration::from_millis(20);
/// The removal for which the origin is suspended.
const QUICKLY: RemovePolicy = RemovePolicy::new().retry(Retry::within(Duration::from_secs(1)));

/// A device that has snapshots: data is copied to them before it is overwritten.
impl MappedDev<SnapshotOrigin> {
    /// Starts merging a snapshot back into this device, its origin, which can be in use. The mapped device of the
    /// snapshot is removed.
    ///
    /// From then on, reads of this device return the data of the snapshot. The kernel copies this data in the
    /// background: follow the copying with [`progress`](MappedDev::progress), then call [`finish`](MappedDev::finish).
    /// The snapshot's exception store must be persistent. Keep its COW device until [`finish`](MappedDev::finish):
    /// after a crash, the merge continues when you set the device up again with the same table.
    ///
    /// The call suspends this device while it removes the snapshot and starts the merge, and waits for udev after the
    /// resume. The merge reverts every earlier write to this device, and keeps every later one. If your program's code
    /// or swap space is on this device, lock its memory first (`mlockall`).
    ///
    /// # Errors
    ///
    /// Nothing was changed in these cases:
    ///
    /// - [`DevError::Request`]: the snapshot belongs to another device.
    /// - [`is_busy`](DevError::is_busy): the snapshot is still in use after 10 seconds.
    /// - [`DevError::Table`]: the exception store is not persistent.
    ///
    /// If the kernel refuses the merge, the call creates the snapshot's mapped device again before it resumes this
    /// device, so that the snapshot stays complete. If the merge has started but udev does not finish, the merge
    /// continues ([`OpError::is_done`](dm_core::OpError::is_done)).
    pub fn merge(&self, host: &Host, snapshot: &SnapshotDev) -> Result<MergeDev, DevError> {
        let old = self.table_of(host, snapshot)?;
        let lines = old.lines().iter().map(|line| {
            TableLine::<SnapshotMerge>::new(line.start, line.length, SnapshotMergeTable(line.params.clone()))
        });
        let table = Table::new(lines.collect::<Vec<_>>()).map_err(|error| self.no_table(error))?;
        wait_until_closed(host, snapshot)?;
        let was_suspended = self.info(host)?.is_suspended();
        // A wait for udev would hold up the I/O of this device.
        let batch = host.batch();
        if !was_suspended {
            self.suspend(&batch)?;
        }
        let merging = self.replace_by_merge(&batch, snapshot, &old, &table).map_err(|cause| {
            let is_suspended = !was_suspended && !cause.took_effect();
            if is_suspended { cause.undo(self.resume(&batch)) } else { cause }
        });
        let finished = batch.finish();
        let merging = merging?;
        finished?;
        Ok(merging)
    }

    /// Removes the snapshot, and starts the merge with its store. This device is suspended before, and resumed by the
    /// merge.
    fn replace_by_merge(
        &self,
        host: &Host,
        snapshot: &SnapshotDev,
        old: &Table<Snapshot>,
        table: &Table<SnapshotMerge>,
    ) -> Result<MergeDev, DevError> {
        let info = snapshot.info(host)?;
        let options = SetupOptions::new().read_only(info.is_read_only());
        let options = snapshot.uuid().map_or(options, |uuid| options.uuid(uuid));
        let removed = unless_in_effect(snapshot.remove_with(host, QUICKLY).map(drop))?;
        let merging = self.retyped::<SnapshotMerge>();
        match merging.set_table(host, table) {
            Ok(()) => removed.map(|()| merging),
            Err(cause) if cause.took_effect() => Err(cause),
            Err(cause) => {
                let name = info.name().unwrap_or(snapshot.name());
                Err(cause.undo(SnapshotDev::create_with(host, name, old, options).map(drop)))
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

/// Waits until no program has the snapshot open, for at most as long as a patient removal, before the origin is
/// suspended.
fn wait_until_closed(host: &Host, snapshot: &SnapshotDev) -> Result<(), DevError> {
    let start = Instant::now();
    while snapshot.info(host)?.open_count() > 0 && start.elapsed() < PATIENCE {
        thread::sleep(PAUSE);
    }
    Ok(())
}

/// An origin into which a snapshot is being merged.
impl MappedDev<SnapshotMerge> {
    /// Ends a completed merge while the device is in use. The device becomes a plain origin, and the snapshot's COW
    /// device is free.
    ///
    /// # Errors
    ///
    /// [`DevError::Merging`]: the merge has not finished, or has failed. [`DevError::SeveralLines`]. Nothing was
    /// changed in these cases. Otherwise as [`set_table`](MappedDev::set_table).
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
        let table = Table::new(lines.collect::<Vec<_>>()).map_err(|error| self.no_table(error))?;
        let origin = self.retyped::<SnapshotOrigin>();
        origin.set_table(host, &table)?;
        Ok(origin)
    }
}
