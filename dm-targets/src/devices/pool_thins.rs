//! Methods of pools for their thin devices: create, activate, take snapshots, delete.

use dm_core::{AsDmName, Host, Message, OpError, Remains, RemovePolicy, SetupOptions, Step, Steps, SuspendPolicy};
use dm_units::Sectors;

use super::error::steps::unless_in_effect;
use super::line::TypedMessage;
use super::thin::ThinLine;
use super::{DevError, MappedDev, ThinDev};
use crate::errors::problem::{InvalidField, Problem};
use crate::table::{Table, TableLine};
use crate::thin::{ThinDevId, ThinTable};
use crate::thin_pool::ThinPoolMessage;
use crate::{Device, Thin, ThinPool};

/// Options for creating or activating a thin device or a snapshot.
///
/// Methods with these options also accept [`SetupOptions`] directly.
#[derive(Clone, Debug, Default)]
#[must_use]
pub struct ThinOptions<'a> {
    setup: SetupOptions<'a>,
    external_origin: Option<Device>,
    suspend: SuspendPolicy,
}

impl<'a> ThinOptions<'a> {
    /// The defaults, without an external origin: blocks that were never written read as zeros. A snapshot by
    /// [`snapshot_with`](MappedDev::snapshot_with) gets the external origin of its origin, if there is one.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets the options of the mapped device, such as its uuid or that it is read-only.
    pub fn setup(self, setup: SetupOptions<'a>) -> Self {
        Self { setup, ..self }
    }

    /// Sets the device from which blocks that were never written are read. Its contents must not change, and it must
    /// not shrink.
    pub fn external_origin(self, origin: impl Into<Device>) -> Self {
        Self { external_origin: Some(origin.into()), ..self }
    }

    /// Sets how the origin of a snapshot is suspended, for [`snapshot_with`](MappedDev::snapshot_with).
    pub fn suspend(self, suspend: SuspendPolicy) -> Self {
        Self { suspend, ..self }
    }

    /// The table of a thin device of a pool.
    fn table(
        &self,
        pool: &MappedDev<ThinPool>,
        host: &Host,
        id: ThinDevId,
        length: Sectors,
    ) -> Result<Table<Thin>, DevError> {
        let pool_number = pool.number(host)?;
        let table = match &self.external_origin {
            Some(origin) => ThinTable::with_external_origin(pool_number, id, origin.clone()),
            None => ThinTable::new(pool_number, id),
        };
        Table::new([TableLine::new(Sectors(0), length, table)]).map_err(|error| pool.no_table(error))
    }
}

impl<'a> From<SetupOptions<'a>> for ThinOptions<'a> {
    fn from(setup: SetupOptions<'a>) -> Self {
        Self::new().setup(setup)
    }
}

/// The thin devices of a pool.
impl MappedDev<ThinPool> {
    /// Creates a thin device in the pool, and the mapped device for it.
    ///
    /// When a step fails, the thin device is deleted again.
    ///
    /// # Errors
    ///
    /// [`is_already_exists`](DevError::is_already_exists): a thin device with this id exists (call
    /// [`activate`](Self::activate) instead), or the name is taken ([`operation`](DevError::operation) is then `Some`).
    /// [`is_read_only`](DevError::is_read_only): the pool is read-only, out of metadata space or failed.
    /// [`is_invalid`](DevError::is_invalid): the pool is suspended.
    pub fn create_thin(
        &self,
        host: &Host,
        id: ThinDevId,
        name: impl AsDmName,
        length: Sectors,
    ) -> Result<ThinDev, DevError> {
        self.create_thin_with(host, id, name, length, ThinOptions::new())
    }

    /// Creates a thin device in the pool, and the mapped device for it, with options.
    ///
    /// # Errors
    ///
    /// As [`create_thin`](Self::create_thin).
    pub fn create_thin_with<'a>(
        &self,
        host: &Host,
        id: ThinDevId,
        name: impl AsDmName,
        length: Sectors,
        options: impl Into<ThinOptions<'a>>,
    ) -> Result<ThinDev, DevError> {
        self.message(host, &ThinPoolMessage::CreateThin(id))?;
        self.map_new(host, id, name, length, &options.into())
    }

    /// Creates a thin device with the first free id of the pool, starting at `first`. Returns the id and the device.
    ///
    /// The caller needs no list of used ids: the call tries one id after the other. Each id that is taken costs one
    /// command.
    ///
    /// # Errors
    ///
    /// As [`create_thin`](Self::create_thin), but [`is_already_exists`](DevError::is_already_exists) means that the
    /// name or all ids from `first` on are taken.
    pub fn create_thin_from(
        &self,
        host: &Host,
        first: ThinDevId,
        name: impl AsDmName,
        length: Sectors,
    ) -> Result<(ThinDevId, ThinDev), DevError> {
        self.create_thin_from_with(host, first, name, length, ThinOptions::new())
    }

    /// Creates a thin device with the first free id of the pool, starting at `first`, with options.
    ///
    /// # Errors
    ///
    /// As [`create_thin_from`](Self::create_thin_from).
    pub fn create_thin_from_with<'a>(
        &self,
        host: &Host,
        first: ThinDevId,
        name: impl AsDmName,
        length: Sectors,
        options: impl Into<ThinOptions<'a>>,
    ) -> Result<(ThinDevId, ThinDev), DevError> {
        let mut id = first;
        loop {
            match (self.message(host, &ThinPoolMessage::CreateThin(id)), id.next()) {
                (Ok(_), _) => break,
                (Err(error), Some(next)) if error.is_already_exists() => id = next,
                (Err(error), _) => return Err(error),
            }
        }
        Ok((id, self.map_new(host, id, name, length, &options.into())?))
    }

    /// Activates a thin device of the pool: creates the mapped device for it, or takes over the existing one.
    ///
    /// The pool does not store the length of a thin device: pass the same length each time. The kernel does not refuse
    /// a second mapped device with another name for the same id, but using both can corrupt a file system.
    ///
    /// # Errors
    ///
    /// [`is_no_data`](DevError::is_no_data): the pool has no thin device with this id.
    /// [`is_invalid`](DevError::is_invalid): the pool is suspended or has failed. Otherwise as [`MappedDev::setup`]:
    /// [`is_already_exists`](DevError::is_already_exists) if the name belongs to another device.
    pub fn activate(
        &self,
        host: &Host,
        id: ThinDevId,
        name: impl AsDmName,
        length: Sectors,
    ) -> Result<ThinDev, DevError> {
        self.activate_with(host, id, name, length, ThinOptions::new())
    }

    /// Activates a thin device of the pool, with options.
    ///
    /// The pool does not store the external origin of a thin device: pass the origin each time.
    ///
    /// # Errors
    ///
    /// As [`activate`](Self::activate).
    pub fn activate_with<'a>(
        &self,
        host: &Host,
        id: ThinDevId,
        name: impl AsDmName,
        length: Sectors,
        options: impl Into<ThinOptions<'a>>,
    ) -> Result<ThinDev, DevError> {
        let options = options.into();
        ThinDev::setup_with(host, name, &options.table(self, host, id, length)?, options.setup)
    }

    /// Takes a snapshot of a thin device of this pool, and creates the mapped device for it.
    ///
    /// The call suspends the origin for a moment, so that the snapshot contains all data written so far. If the origin
    /// has an external origin, the snapshot gets the same one. Threads with clones of `host`, and processes that share
    /// a lock directory, take turns (see [`Host::with_lock_dir`]).
    ///
    /// When a step fails, the snapshot is deleted again. If the origin is resumed but udev does not finish, the mapped
    /// device is still created ([`OpError::is_done`]).
    ///
    /// For a thin device without a mapped device, see [`snapshot_of_inactive`](Self::snapshot_of_inactive).
    ///
    /// # Errors
    ///
    /// As [`create_thin`](Self::create_thin). [`DevError::Request`]: `origin` belongs to another pool; nothing was done. [`DevError::Operation`]: the origin cannot be suspended or
    /// resumed, or has a table in its inactive slot. [`DevError::PoolFailed`].
    pub fn snapshot(
        &self,
        host: &Host,
        origin: &ThinDev,
        id: ThinDevId,
        name: impl AsDmName,
    ) -> Result<ThinDev, DevError> {
        self.snapshot_with(host, origin, id, name, ThinOptions::new())
    }

    /// Takes a snapshot of a thin device of this pool, with options for the snapshot and for the suspension of the
    /// origin.
    ///
    /// If the pool is full and holds writes back, a suspension with a flush blocks until the pool has space, or until
    /// these writes fail after the kernel's `no_space_timeout` (60 seconds by default). A suspension with
    /// [`noflush`](SuspendPolicy::noflush) does not block, but the held-back writes are then not in the snapshot.
    ///
    /// # Errors
    ///
    /// As [`snapshot`](Self::snapshot).
    pub fn snapshot_with<'a>(
        &self,
        host: &Host,
        origin: &ThinDev,
        id: ThinDevId,
        name: impl AsDmName,
        options: impl Into<ThinOptions<'a>>,
    ) -> Result<ThinDev, DevError> {
        let mut options = options.into();
        let line = self.line_of(host, origin)?;
        let message = ThinPoolMessage::CreateSnap { id, origin: line.id };
        let steps = Steps::new().message(host, self.id(), Message::new(TypedMessage::<ThinPool>(&message)))?;
        let taken = host.while_suspended_with(origin.id(), steps, options.suspend).map(drop).map_err(|error| {
            let is_sent = |remains: &Remains| matches!(remains, Remains::MessagesSent(_));
            let is_taken = error.remains().iter().any(is_sent);
            let error = of_message(error);
            if is_taken { error.undo(self.delete_id(host, id)) } else { error }
        });
        let taken = unless_in_effect(taken)?;
        options.external_origin = options.external_origin.or(line.external_origin);
        let mapped = self.map_new(host, id, name, line.length, &options)?;
        taken.map(|()| mapped)
    }

    /// Takes a snapshot of a thin device without a mapped device, and creates the mapped device for the snapshot.
    ///
    /// The call does not check that `origin` has no mapped device. If it has one, the snapshot can be corrupt. When a
    /// step fails, the snapshot is deleted again.
    ///
    /// # Errors
    ///
    /// As [`create_thin`](Self::create_thin). [`is_no_data`](DevError::is_no_data): the pool has no thin device
    /// `origin`.
    pub fn snapshot_of_inactive(
        &self,
        host: &Host,
        origin: ThinDevId,
        id: ThinDevId,
        name: impl AsDmName,
        length: Sectors,
    ) -> Result<ThinDev, DevError> {
        self.snapshot_of_inactive_with(host, origin, id, name, length, ThinOptions::new())
    }

    /// Takes a snapshot of a thin device without a mapped device, with options.
    ///
    /// The pool does not store the external origin of a thin device: if `origin` has one, pass the same for the
    /// snapshot.
    ///
    /// # Errors
    ///
    /// As [`snapshot_of_inactive`](Self::snapshot_of_inactive).
    pub fn snapshot_of_inactive_with<'a>(
        &self,
        host: &Host,
        origin: ThinDevId,
        id: ThinDevId,
        name: impl AsDmName,
        length: Sectors,
        options: impl Into<ThinOptions<'a>>,
    ) -> Result<ThinDev, DevError> {
        self.message(host, &ThinPoolMessage::CreateSnap { id, origin })?;
        self.map_new(host, id, name, length, &options.into())
    }

    /// Reads the table of a thin device of this pool. Devices of different pools can have the same id.
    fn line_of(&self, host: &Host, thin: &ThinDev) -> Result<ThinLine, DevError> {
        let line = thin.line(host)?;
        if line.pool == Device::Number(self.number(host)?) {
            return Ok(line);
        }
        let source = InvalidField::new("pool", Problem::Expected("the pool that the device belongs to"));
        Err(DevError::Request { device: thin.to_id(), source })
    }

    /// Creates the mapped device for a new thin device, or deletes the thin device again.
    fn map_new(
        &self,
        host: &Host,
        id: ThinDevId,
        name: impl AsDmName,
        length: Sectors,
        options: &ThinOptions<'_>,
    ) -> Result<ThinDev, DevError> {
        let table = options.table(self, host, id, length);
        let mapped = table.and_then(|table| ThinDev::create_with(host, name, &table, options.setup));
        mapped.map_err(|cause| cause.undo(self.delete_id(host, id)))
    }

    /// Removes the mapped device and deletes the thin device with all of its data.
    ///
    /// # Errors
    ///
    /// Nothing was done in these cases:
    ///
    /// - [`DevError::Request`]: `thin` belongs to another pool.
    /// - [`is_busy`](DevError::is_busy), with an [`operation`](DevError::operation): the mapped device is in use.
    /// - [`DevError::PoolFailed`]: the pool has failed. Call [`remove`](Self::remove) to remove only the mapped device.
    ///
    /// If the message to the pool fails ([`operation`](DevError::operation) is `None`), the mapped device is removed
    /// but the thin device remains: call [`delete_id`](Self::delete_id). If both steps succeed but udev does not
    /// finish, both devices are removed.
    pub fn delete(&self, host: &Host, thin: &ThinDev) -> Result<(), DevError> {
        self.delete_with(host, thin, RemovePolicy::new())
    }

    /// Removes the mapped device and deletes the thin device with all of its data, with a policy for the removal.
    ///
    /// # Errors
    ///
    /// As [`delete`](Self::delete), with two exceptions if the mapped device is in use
    /// ([`is_busy`](DevError::is_busy)). After a deferred removal, the mapped device is removed when it is closed, but
    /// the thin device remains: call [`delete_id`](Self::delete_id) then. After a forced removal, the active table of
    /// the mapped device is an `error` target.
    pub fn delete_with(&self, host: &Host, thin: &ThinDev, policy: RemovePolicy) -> Result<(), DevError> {
        let id = self.line_of(host, thin)?.id;
        let removed = thin.remove_with(host, policy).map(drop);
        match &removed {
            Err(error) if !error.took_effect() => removed,
            // The mapped device is removed, even if udev is late.
            _ => self.delete_id(host, id).and(removed),
        }
    }

    /// Deletes a thin device without a mapped device.
    ///
    /// # Errors
    ///
    /// [`is_busy`](DevError::is_busy): the thin device is active. [`is_no_data`](DevError::is_no_data): the pool has no
    /// thin device with this id.
    pub fn delete_id(&self, host: &Host, id: ThinDevId) -> Result<(), DevError> {
        self.message(host, &ThinPoolMessage::Delete(id)).map(drop)
    }
}

/// The error of a message between a suspend and a resume, as that of a message alone if nothing remains to be told.
fn of_message(error: OpError) -> DevError {
    match error.command() {
        Some(command) if error.step() == Step::Message && error.is_undone() => DevError::Command(command.clone()),
        _ => error.into(),
    }
}
