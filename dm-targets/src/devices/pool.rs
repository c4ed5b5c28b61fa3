//! What pools can do beyond what every device can: thin devices, snapshots, growth.

use dm_core::{
    AsDmName, Host, Message, ReloadOptions, RemovePolicy, SetupOptions, StatusOptions, Steps, SuspendPolicy,
};
use dm_units::{MetaBlocks, Sectors};

use super::line::TypedMessage;
use super::{DevError, MappedDev, ThinDev};
use crate::ThinPool;
use crate::table::{Table, TableLine};
use crate::thin::{ThinDevId, ThinTable};
use crate::thin_pool::{PoolCheck, PoolMode, ThinPoolFeatures, ThinPoolMessage, ThinPoolStatus, WorkingPool};

/// A pool of blocks that its thin devices take when they are written.
///
/// The metadata device of a new pool must begin with zeros: 4096 bytes are enough. [`setup_pool`](MappedDev::setup_pool) looks
/// at it first, and takes over a pool that it finds there. All else of the pool's table can be
/// changed with [`change`](MappedDev::change).
///
/// A pool is not shown to programs that look for file systems, unless [`SetupOptions::visibility`] says otherwise.
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
        let table = ThinTable::new(self.number(host)?, id);
        let made = self.thin_table(table, length).and_then(|table| ThinDev::create_with(host, name, &table, options));
        made.map_err(|cause| cause.undo(self.delete_id(host, id)))
    }

    /// Creates a thin device with an id that the pool has not given away yet: the first free one from `first` on.
    ///
    /// The pool itself decides which ids are free, so no list of them has to be kept or read. Each id that is taken costs one
    /// command.
    ///
    /// # Errors
    ///
    /// As [`create_thin`](Self::create_thin), if the name is taken. [`is_already_exists`](DevError::is_already_exists) if all
    /// ids from `first` on are taken.
    pub fn create_thin_from(
        &self,
        host: &Host,
        first: ThinDevId,
        name: impl AsDmName,
        length: Sectors,
        options: SetupOptions<'_>,
    ) -> Result<(ThinDevId, ThinDev), DevError> {
        let mut id = first;
        loop {
            match (self.message(host, &ThinPoolMessage::CreateThin(id)), id.next()) {
                (Ok(_), _) => break,
                (Err(error), Some(next)) if error.is_already_exists() => id = next,
                (Err(error), _) => return Err(error),
            }
        }
        let made = self.activate(host, id, name, length, options);
        made.map(|thin| (id, thin)).map_err(|cause| cause.undo(self.delete_id(host, id)))
    }

    /// Makes sure that a mapped device shows a thin device which the pool has: creates it, or takes over the one that shows it
    /// already.
    ///
    /// # Errors
    ///
    /// [`is_no_data`](DevError::is_no_data): the pool has no thin device with this id. Those of [`MappedDev::setup`]: the name
    /// belongs to another device.
    pub fn activate(
        &self,
        host: &Host,
        id: ThinDevId,
        name: impl AsDmName,
        length: Sectors,
        options: SetupOptions<'_>,
    ) -> Result<ThinDev, DevError> {
        self.activate_table(host, ThinTable::new(self.number(host)?, id), name, length, options)
    }

    /// Makes sure that a mapped device shows a thin device which reads `origin` where nothing is mapped.
    ///
    /// The external origin must not change from then on, nor may it be longer than it was.
    ///
    /// # Errors
    ///
    /// As [`activate`](Self::activate).
    pub fn activate_over(
        &self,
        host: &Host,
        id: ThinDevId,
        origin: impl Into<crate::Device>,
        name: impl AsDmName,
        length: Sectors,
        options: SetupOptions<'_>,
    ) -> Result<ThinDev, DevError> {
        let table = ThinTable::with_external_origin(self.number(host)?, id, origin);
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
        ThinDev::setup_with(host, name, &self.thin_table(table, length)?, options)
    }

    fn thin_table(&self, table: ThinTable, length: Sectors) -> Result<Table<crate::Thin>, DevError> {
        Table::new([TableLine::new(Sectors(0), length, table)]).map_err(|error| self.no_table(error))
    }

    /// Takes a snapshot of a thin device of this pool, and creates the mapped device that shows it.
    ///
    /// The origin is suspended for a moment, so that the snapshot holds all that was written to it. The snapshot reads blocks
    /// that were never written from the same external origin, if the origin has one. When a step fails, the snapshot is deleted
    /// again. Threads and processes that share a lock directory take turns (see [`Host::with_lock_dir`]).
    ///
    /// For a thin device that no mapped device shows, there is [`snapshot_of_inactive`](Self::snapshot_of_inactive).
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
    /// Under a full pool that holds writes back, a suspension that flushes waits until the pool has space. One with
    /// [`noflush`](SuspendPolicy::noflush) does not; what is held back is then not in the snapshot.
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
            ThinDev::create_with(host, name, &self.thin_table(table, line.length)?, options)
        });
        snapshot.map_err(|cause| cause.undo(self.delete_id(host, id)))
    }

    /// Takes a snapshot of a thin device that no mapped device shows, and creates the mapped device that shows the snapshot.
    ///
    /// When a step fails, the snapshot is deleted again.
    ///
    /// # Errors
    ///
    /// As [`create_thin`](Self::create_thin); [`is_no_data`](DevError::is_no_data): the pool has no thin device `origin`.
    pub fn snapshot_of_inactive(
        &self,
        host: &Host,
        origin: ThinDevId,
        id: ThinDevId,
        name: impl AsDmName,
        length: Sectors,
        options: SetupOptions<'_>,
    ) -> Result<ThinDev, DevError> {
        self.message(host, &ThinPoolMessage::CreateSnap { id, origin })?;
        let made = self.activate(host, id, name, length, options);
        made.map_err(|cause| cause.undo(self.delete_id(host, id)))
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

    /// Deletes a thin device that no mapped device shows.
    ///
    /// # Errors
    ///
    /// [`is_busy`](DevError::is_busy): a mapped device shows it. [`is_no_data`](DevError::is_no_data): the pool has none with
    /// this id.
    pub fn delete_id(&self, host: &Host, id: ThinDevId) -> Result<(), DevError> {
        self.message(host, &ThinPoolMessage::Delete(id)).map(drop)
    }

    /// Takes the data device to be of another length, and the metadata device to be as long as it is now.
    ///
    /// Call it after the devices below have grown. A pool never shrinks.
    ///
    /// # Errors
    ///
    /// Those of [`change`](MappedDev::change). [`DevError::NotGrown`]: the kernel has taken the table, and the pool is as small
    /// as before, because it cannot write its metadata.
    pub fn grow(&self, host: &Host, length: Sectors) -> Result<(), DevError> {
        self.grow_with(host, length, ReloadOptions::new())
    }

    /// Takes the data device to be of another length, with options for the suspension above all.
    ///
    /// # Errors
    ///
    /// As [`grow`](Self::grow).
    pub fn grow_with(&self, host: &Host, length: Sectors, options: ReloadOptions) -> Result<(), DevError> {
        let mut block_size = Sectors(1);
        self.change_with(host, options, |lines| {
            for line in lines {
                line.length = length;
                block_size = line.params.block_size;
            }
        })?;
        // A pool that cannot write its metadata keeps its size, and the resume succeeds (`maybe_resize_data_dev` in
        // drivers/md/dm-thin.c).
        let pool = self.figures(host)?;
        let wanted = length.to_data_blocks_floor(block_size);
        match wanted.filter(|blocks| pool.data.total < *blocks) {
            None => Ok(()),
            Some(wanted) => Err(DevError::NotGrown {
                pool: self.id().to_owned(),
                blocks: pool.data.total,
                wanted,
                mode: pool.mode.unwrap_or(PoolMode::ReadOnly),
                needs_check: pool.check == Some(PoolCheck::Needed),
            }),
        }
    }

    /// Changes the features of the pool while it is in use.
    ///
    /// # Errors
    ///
    /// Those of [`change`](MappedDev::change).
    pub fn set_features(&self, host: &Host, change: impl FnOnce(&mut ThinPoolFeatures)) -> Result<(), DevError> {
        self.change(host, |lines| {
            if let Some(line) = lines.first_mut() {
                change(&mut line.params.features);
            }
        })
    }

    /// The figures of the pool, read without committing its metadata first: usage, mode, transaction id.
    ///
    /// # Errors
    ///
    /// [`DevError::PoolFailed`].
    pub fn figures(&self, host: &Host) -> Result<WorkingPool, DevError> {
        match self.status(host, StatusOptions::new().noflush(true))? {
            ThinPoolStatus::Working(pool) => Ok(pool),
            _ => Err(DevError::PoolFailed(self.id().to_owned())),
        }
    }

    /// Changes the transaction id from `current` to `new`: a number by which a program tells whether a change of several steps,
    /// in the pool and in its own records, was completed.
    ///
    /// # Errors
    ///
    /// [`DevError::TransactionId`]: the pool has another one, so that another program, or an earlier run, has changed it.
    pub fn set_transaction_id(&self, host: &Host, current: u64, new: u64) -> Result<(), DevError> {
        let sent = self.message(host, &ThinPoolMessage::SetTransactionId { current, new });
        sent.map(drop).map_err(|error| match self.figures(host) {
            Ok(pool) if error.is_invalid() && pool.transaction_id != current => {
                DevError::TransactionId { pool: self.id().to_owned(), expected: current, found: pool.transaction_id }
            }
            _ => error,
        })
    }

    /// Takes a snapshot of the metadata that programs such as `thin_dump` and `thin_delta` can read while the pool is in use.
    /// Returns its block on the metadata device.
    ///
    /// # Errors
    ///
    /// [`is_busy`](DevError::is_busy): there is one already.
    pub fn reserve_metadata_snapshot(&self, host: &Host) -> Result<MetaBlocks, DevError> {
        self.message(host, &ThinPoolMessage::ReserveMetadataSnap)?;
        self.figures(host)?.held_root.ok_or_else(|| DevError::PoolFailed(self.id().to_owned()))
    }

    /// Gives the snapshot of the metadata back.
    ///
    /// # Errors
    ///
    /// [`is_invalid`](DevError::is_invalid): there is none.
    pub fn release_metadata_snapshot(&self, host: &Host) -> Result<(), DevError> {
        self.message(host, &ThinPoolMessage::ReleaseMetadataSnap).map(drop)
    }
}
