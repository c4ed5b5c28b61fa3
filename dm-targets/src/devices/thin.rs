//! What pools and thin devices can do beyond what every device can.

use dm_core::{AsDmName, Host, Message, RemovePolicy, SetupOptions, Steps, SuspendPolicy};
use dm_units::Sectors;

use super::line::TypedMessage;
use super::{DevError, MappedDev, ThinDev};
use crate::table::{Table, TableLine};
use crate::thin::{ThinDevId, ThinTable};
use crate::thin_pool::ThinPoolMessage;
use crate::{Device, Thin, ThinPool};

/// A pool of blocks that its thin devices take when they are written.
///
/// The metadata device of a new pool must begin with zeros: 4096 bytes are enough. All else of the pool's table can be
/// changed with [`change`](MappedDev::change).
impl MappedDev<ThinPool> {
    /// Creates a thin device in the pool, and the mapped device that shows it.
    ///
    /// When a step fails, the thin device is deleted again.
    ///
    /// # Errors
    ///
    /// [`is_already_exists`](DevError::is_already_exists): a thin device with this id exists, see
    /// [`activate`](Self::activate); or the name is taken.
    pub fn create_thin(
        &self,
        host: &Host,
        id: ThinDevId,
        name: impl AsDmName,
        length: Sectors,
        options: SetupOptions<'_>,
    ) -> Result<ThinDev, DevError> {
        self.message(host, &ThinPoolMessage::CreateThin(id))?;
        self.activate(host, id, name, length, options).map_err(|cause| cause.undo(self.delete_id(host, id)))
    }

    /// Creates the mapped device that shows a thin device which the pool has.
    ///
    /// # Errors
    ///
    /// [`is_no_data`](DevError::is_no_data): the pool has no thin device with this id.
    pub fn activate(
        &self,
        host: &Host,
        id: ThinDevId,
        name: impl AsDmName,
        length: Sectors,
        options: SetupOptions<'_>,
    ) -> Result<ThinDev, DevError> {
        let table = ThinTable::new(self.number(host)?, id);
        self.activate_table(host, table, name, length, options)
    }

    fn activate_table(
        &self,
        host: &Host,
        table: ThinTable,
        name: impl AsDmName,
        length: Sectors,
        options: SetupOptions<'_>,
    ) -> Result<ThinDev, DevError> {
        let table = Table::new([TableLine::new(Sectors(0), length, table)]).map_err(|error| self.no_table(error))?;
        ThinDev::create_with(host, name, &table, options)
    }

    /// Takes a snapshot of a thin device of this pool, and creates the mapped device that shows it.
    ///
    /// The origin is suspended for a moment, so that the snapshot holds all that was written to it. The snapshot reads blocks
    /// that were never written from the same external origin, if the origin has one. When a step fails, the snapshot is deleted
    /// again. For a thin device that no mapped device shows, send a [`CreateSnap`](ThinPoolMessage::CreateSnap) and
    /// [`activate`](Self::activate) it.
    ///
    /// # Errors
    ///
    /// As [`create_thin`](Self::create_thin).
    pub fn snapshot(
        &self,
        host: &Host,
        origin: &ThinDev,
        id: ThinDevId,
        name: impl AsDmName,
        options: SetupOptions<'_>,
    ) -> Result<ThinDev, DevError> {
        self.snapshot_with(host, origin, id, name, options, SuspendPolicy::new())
    }

    /// Takes a snapshot of a thin device of this pool, with a policy for the suspension of the origin.
    ///
    /// # Errors
    ///
    /// As [`snapshot`](Self::snapshot).
    pub fn snapshot_with(
        &self,
        host: &Host,
        origin: &ThinDev,
        id: ThinDevId,
        name: impl AsDmName,
        options: SetupOptions<'_>,
        policy: SuspendPolicy,
    ) -> Result<ThinDev, DevError> {
        let line = origin.line(host)?;
        let message = ThinPoolMessage::CreateSnap { id, origin: line.id };
        let steps = Steps::new().message(host, self.id(), Message::new(TypedMessage::<ThinPool>(&message)))?;
        host.while_suspended_with(origin.id(), steps, policy).map_err(|error| {
            let is_taken = error.remains().iter().any(|remains| matches!(remains, dm_core::Remains::MessagesSent(_)));
            let error = DevError::from(error);
            if is_taken { error.undo(self.delete_id(host, id)) } else { error }
        })?;
        let snapshot = self.number(host).and_then(|pool| {
            let table = match line.external_origin {
                Some(external) => ThinTable::with_external_origin(pool, id, external),
                None => ThinTable::new(pool, id),
            };
            self.activate_table(host, table, name, line.length, options)
        });
        snapshot.map_err(|cause| cause.undo(self.delete_id(host, id)))
    }

    /// Removes the mapped device and deletes the thin device with all of its data.
    ///
    /// # Errors
    ///
    /// [`is_busy`](DevError::is_busy): the device is in use; nothing was done. If the message fails, the mapped device is
    /// removed all the same.
    pub fn delete(&self, host: &Host, thin: &ThinDev) -> Result<(), DevError> {
        self.delete_with(host, thin, RemovePolicy::new())
    }

    /// Removes the mapped device and deletes the thin device with all of its data, with a policy for the removal.
    ///
    /// # Errors
    ///
    /// As [`delete`](Self::delete).
    pub fn delete_with(&self, host: &Host, thin: &ThinDev, policy: RemovePolicy) -> Result<(), DevError> {
        let id = thin.dev_id(host)?;
        thin.remove(host, policy)?;
        self.delete_id(host, id)
    }

    fn delete_id(&self, host: &Host, id: ThinDevId) -> Result<(), DevError> {
        self.message(host, &ThinPoolMessage::Delete(id)).map(drop)
    }

    /// Takes the data device to be of another length, and the metadata device to be as long as it is now.
    ///
    /// Call it after the data device has grown. A pool never shrinks.
    ///
    /// # Errors
    ///
    /// Those of [`change`](MappedDev::change).
    pub fn grow(&self, host: &Host, length: Sectors) -> Result<(), DevError> {
        self.change(host, |lines| lines.iter_mut().for_each(|line| line.length = length))
    }
}

/// What a thin device's table says.
struct ThinLine {
    id: ThinDevId,
    length: Sectors,
    external_origin: Option<Device>,
}

/// A device that takes blocks of its pool when it is written.
impl MappedDev<Thin> {
    /// Its id in the pool.
    ///
    /// # Errors
    ///
    /// [`DevError::PoolFailed`].
    pub fn dev_id(&self, host: &Host) -> Result<ThinDevId, DevError> {
        Ok(self.line(host)?.id)
    }

    /// What its table says; of several lines, the first.
    fn line(&self, host: &Host) -> Result<ThinLine, DevError> {
        match self.table(host)?.lines() {
            [TableLine { params: ThinTable::Device { id, external_origin, .. }, length, .. }, ..] => {
                Ok(ThinLine { id: *id, length: *length, external_origin: external_origin.clone() })
            }
            // A pool that has failed prints another word than a table.
            _ => Err(DevError::PoolFailed(self.id().to_owned())),
        }
    }

    /// Makes it longer or shorter. What is cut off stays mapped in the pool.
    ///
    /// # Errors
    ///
    /// Those of [`change`](MappedDev::change).
    pub fn set_length(&self, host: &Host, length: Sectors) -> Result<(), DevError> {
        self.change(host, |lines| lines.iter_mut().for_each(|line| line.length = length))
    }
}
