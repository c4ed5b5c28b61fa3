//! What pools and thin devices can do beyond what every device can.

use dm_core::{DevId, DmName, InfoOptions, RemoveOptions, Retry, SuspendOptions, Transport};
use dm_units::Sectors;

use super::{DevError, DevOptions, Host, MappedDev, ThinDev};
use crate::table::{Table, TableLine};
use crate::thin::{ThinDevId, ThinTable};
use crate::thin_pool::ThinPoolMessage;
use crate::{Thin, ThinPool};

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
    /// `EEXIST` of the message: there is such a thin device, see [`activate`](Self::activate). Otherwise those of
    /// [`create`](MappedDev::create).
    pub fn create_thin<T: Transport>(
        &self,
        host: &Host<T>,
        id: ThinDevId,
        name: DmName<'_>,
        length: Sectors,
        options: DevOptions<'_>,
    ) -> Result<ThinDev, DevError> {
        self.message(host, &ThinPoolMessage::CreateThin(id))?;
        self.activate(host, id, name, length, options).map_err(|cause| cause.undo(self.delete_id(host, id)))
    }

    /// Creates the mapped device that shows a thin device which the pool has.
    ///
    /// # Errors
    ///
    /// `ENODATA` of the load: the pool has none of this id. Otherwise those of [`create`](MappedDev::create).
    pub fn activate<T: Transport>(
        &self,
        host: &Host<T>,
        id: ThinDevId,
        name: DmName<'_>,
        length: Sectors,
        options: DevOptions<'_>,
    ) -> Result<ThinDev, DevError> {
        let table = Table::new([TableLine::new(Sectors(0), length, ThinTable::new(self.number(), id))]);
        let table = table.map_err(|source| DevError::Table { device: DevId::Name(name).to_owned(), source })?;
        ThinDev::create(host, name, &table, options)
    }

    /// Takes a snapshot of a thin device of this pool, and creates the mapped device that shows it.
    ///
    /// The origin is suspended for a moment, so that the snapshot holds all that was written to it. When a step fails, the
    /// snapshot is deleted again. Of a thin device that no mapped device shows, a
    /// [`CreateSnap`](ThinPoolMessage::CreateSnap) and [`activate`](Self::activate) do.
    ///
    /// # Errors
    ///
    /// As [`create_thin`](Self::create_thin).
    pub fn snapshot<T: Transport>(
        &self,
        host: &Host<T>,
        origin: &ThinDev,
        id: ThinDevId,
        name: DmName<'_>,
        options: DevOptions<'_>,
    ) -> Result<ThinDev, DevError> {
        let (origin_id, length) = origin.line(host)?;
        let message = ThinPoolMessage::CreateSnap { id, origin: origin_id };
        let was_suspended = host.dm().device_info(origin.id(), InfoOptions::new())?.is_suspended();
        if was_suspended {
            self.message(host, &message)?;
        } else {
            origin.suspend(host, SuspendOptions::new())?;
            let taken = self.message(host, &message);
            let resumed = origin.resume(host);
            match (taken, resumed) {
                (Ok(_), Ok(())) => {}
                (Err(cause), resumed) => return Err(cause.undo(resumed)),
                (Ok(_), Err(cause)) => return Err(cause.undo(self.delete_id(host, id))),
            }
        }
        self.activate(host, id, name, length, options).map_err(|cause| cause.undo(self.delete_id(host, id)))
    }

    /// Removes the mapped device and deletes the thin device with all that is on it.
    ///
    /// # Errors
    ///
    /// [`is_busy`](DevError::is_busy): somebody uses it; nothing was done. Where the message fails, the mapped device is
    /// gone all the same.
    pub fn delete<T: Transport>(&self, host: &Host<T>, thin: &ThinDev) -> Result<(), DevError> {
        let id = thin.dev_id(host)?;
        thin.remove(host, RemoveOptions::new().retry(Retry::default()))?;
        self.delete_id(host, id)
    }

    fn delete_id<T: Transport>(&self, host: &Host<T>, id: ThinDevId) -> Result<(), DevError> {
        self.message(host, &ThinPoolMessage::Delete(id)).map(drop)
    }

    /// Takes the data device to be of another length, and the metadata device to be as long as it is by now.
    ///
    /// Whoever grows the data device calls this afterwards. A pool never shrinks.
    ///
    /// # Errors
    ///
    /// Those of [`change`](MappedDev::change).
    pub fn grow<T: Transport>(&self, host: &Host<T>, length: Sectors) -> Result<(), DevError> {
        self.change(host, |lines| lines.iter_mut().for_each(|line| line.length = length))
    }
}

/// A device that takes blocks of its pool when it is written.
impl MappedDev<Thin> {
    /// Its id in the pool.
    ///
    /// # Errors
    ///
    /// [`DevError::Table`]: the pool has failed.
    pub fn dev_id<T: Transport>(&self, host: &Host<T>) -> Result<ThinDevId, DevError> {
        self.line(host).map(|(id, _)| id)
    }

    /// Its id in the pool, and its length; of several lines, those of the first.
    fn line<T: Transport>(&self, host: &Host<T>) -> Result<(ThinDevId, Sectors), DevError> {
        match self.table(host)?.lines() {
            [TableLine { params: ThinTable::Device { id, .. }, length, .. }, ..] => Ok((*id, *length)),
            // What is printed of others is no table.
            _ => Err(DevError::NoTable(self.id().to_owned())),
        }
    }

    /// Makes it longer or shorter. What is cut off by that stays mapped in the pool.
    ///
    /// # Errors
    ///
    /// Those of [`change`](MappedDev::change).
    pub fn set_length<T: Transport>(&self, host: &Host<T>, length: Sectors) -> Result<(), DevError> {
        self.change(host, |lines| lines.iter_mut().for_each(|line| line.length = length))
    }
}
