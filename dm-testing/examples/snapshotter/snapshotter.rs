//! The snapshotter, which works on any [`Host`], so that its tests also run on a kernel in memory.

use std::collections::BTreeMap;
use std::fmt;

use dm_core::{DmNameBuf, DmUuidBuf, Host, NameError, OpError, Prefix, RemovePolicy, Retry, SetupOptions};
use dm_targets::devices::{DevError, ThinDev, ThinPoolDev};
use dm_targets::thin::ThinDevId;
use dm_units::Sectors;

/// The kinds of snapshots.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Writable, for a container or for unpacking an image. It has a mapped device.
    Active,
    /// As `Active`, but read-only.
    View,
    /// Complete: never written again, and a possible parent. It has no mapped device.
    Committed,
}

/// The progress of a change of a snapshot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Progress {
    /// It is being created, and may exist.
    Making,
    /// It is complete.
    Done,
    /// It is being removed, and may no longer exist.
    Removing,
}

/// The state of a snapshot. It is stored before the pool is changed and again afterwards, so that the next start finds
/// changes that a crash has interrupted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Record {
    pub(crate) id: ThinDevId,
    pub(crate) parent: Option<String>,
    pub(crate) length: Sectors,
    pub(crate) kind: Kind,
    pub(crate) progress: Progress,
}

/// All records by the keys of their snapshots.
pub(crate) type Records = BTreeMap<String, Record>;

/// The storage for records.
pub(crate) trait Store {
    /// Replaces all records atomically.
    fn save(&mut self, records: &Records) -> std::io::Result<()>;
}

/// The error of a change.
#[derive(Debug)]
pub(crate) enum Error {
    /// No snapshot has this key, or the snapshot is not of the required kind.
    Unfit {
        key: String,
        needed: &'static str,
    },
    /// The key is in use.
    Taken(String),
    /// It is the parent of other snapshots.
    IsParent(String),
    /// All ids of the pool are in use.
    NoIds,
    Device(DevError),
    Operation(OpError),
    Name(NameError),
    Store(std::io::Error),
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unfit { key, needed } => write!(f, "there is no snapshot '{key}' that is {needed}"),
            Self::Taken(key) => write!(f, "the snapshot '{key}' already exists"),
            Self::IsParent(key) => write!(f, "'{key}' is the parent of other snapshots"),
            Self::NoIds => f.write_str("the pool has no free device id"),
            Self::Device(error) => error.fmt(f),
            Self::Operation(error) => error.fmt(f),
            Self::Name(error) => error.fmt(f),
            Self::Store(error) => write!(f, "the records cannot be written: {error}"),
        }
    }
}

impl std::error::Error for Error {}

/// The snapshots of one pool.
pub(crate) struct Snapshotter<S> {
    host: Host,
    pool: ThinPoolDev,
    records: Records,
    store: S,
    /// The prefix of the names and uuids of its mapped devices.
    prefix: String,
}

/// A container may end before the kernel has closed its device.
const PATIENTLY: RemovePolicy = RemovePolicy::new().retry(Retry::within(std::time::Duration::from_secs(10)));

impl<S: Store> Snapshotter<S> {
    /// Starts with the stored records: completes or reverts the changes that a crash has interrupted, and makes the
    /// mapped devices of all snapshots.
    pub(crate) fn start(
        host: Host,
        pool: ThinPoolDev,
        prefix: &str,
        records: Records,
        store: S,
    ) -> Result<Self, Error> {
        let mut this = Self { host, pool, records, store, prefix: prefix.to_owned() };
        let uuids = DmUuidBuf::new(prefix).map_err(Error::Name)?;
        this.host.recover(Prefix::Uuid(&uuids)).map_err(Error::Operation)?;
        for (key, record) in this.records.clone() {
            match (record.progress, record.kind) {
                // The caller did not learn that an incomplete snapshot exists.
                (Progress::Making | Progress::Removing, _) => this.erase(&key, record.id)?,
                // An interrupted commit may have left the mapped device.
                (Progress::Done, Kind::Committed) => this.hide(&key)?,
                (Progress::Done, Kind::Active | Kind::View) => drop(this.show(&key, &record)?),
            }
        }
        Ok(this)
    }

    /// Creates an empty snapshot, into which an image can be unpacked.
    pub(crate) fn create(&mut self, key: &str, length: Sectors) -> Result<ThinDev, Error> {
        let (name, uuid) = self.names(key)?;
        let record = self.begin(key, None, length, Kind::Active)?;
        let options = SetupOptions::new().uuid(&uuid);
        let made = self.pool.create_thin_with(&self.host, record.id, &name, length, options);
        self.finish(key, made.map_err(Error::Device))
    }

    /// Creates a writable snapshot of a committed one.
    pub(crate) fn prepare(&mut self, key: &str, parent: &str) -> Result<ThinDev, Error> {
        self.branch(key, parent, Kind::Active)
    }

    /// Creates a read-only snapshot of a committed one.
    pub(crate) fn view(&mut self, key: &str, parent: &str) -> Result<ThinDev, Error> {
        self.branch(key, parent, Kind::View)
    }

    fn branch(&mut self, key: &str, parent: &str, kind: Kind) -> Result<ThinDev, Error> {
        let (origin, length) = self.get(parent, "committed", |record| record.kind == Kind::Committed)?;
        let (name, uuid) = self.names(key)?;
        let record = self.begin(key, Some(parent.to_owned()), length, kind)?;
        let options = SetupOptions::new().uuid(&uuid).read_only(kind == Kind::View);
        let made = self.pool.snapshot_of_inactive_with(&self.host, origin, record.id, &name, length, options);
        self.finish(key, made.map_err(Error::Device))
    }

    /// Completes an active snapshot under a new key. It can then be a parent.
    pub(crate) fn commit(&mut self, key: &str, new_key: &str) -> Result<(), Error> {
        self.get(key, "active", |record| record.kind == Kind::Active)?;
        if self.records.contains_key(new_key) {
            return Err(Error::Taken(new_key.to_owned()));
        }
        self.names(new_key)?;
        self.hide(key)?;
        self.update(|records| {
            if let Some(record) = records.remove(key) {
                records.insert(new_key.to_owned(), Record { kind: Kind::Committed, ..record });
            }
        })
    }

    /// Removes a snapshot with its data. It must not be a parent.
    pub(crate) fn remove(&mut self, key: &str) -> Result<(), Error> {
        let (id, _) = self.get(key, "complete", |_| true)?;
        if self.records.values().any(|other| other.parent.as_deref() == Some(key)) {
            return Err(Error::IsParent(key.to_owned()));
        }
        self.set_progress(key, Progress::Removing)?;
        self.erase(key, id)
    }

    /// The current records.
    pub(crate) fn records(&self) -> &Records {
        &self.records
    }

    /// Records that a snapshot will be created.
    fn begin(&mut self, key: &str, parent: Option<String>, length: Sectors, kind: Kind) -> Result<Record, Error> {
        if self.records.contains_key(key) {
            return Err(Error::Taken(key.to_owned()));
        }
        let is_free = |id: &ThinDevId| self.records.values().all(|record| record.id != *id);
        let mut ids = std::iter::successors(ThinDevId::new(1).ok(), |id| id.next());
        let id = ids.find(is_free).ok_or(Error::NoIds)?;
        let record = Record { id, parent, length, kind, progress: Progress::Making };
        self.update(|records| drop(records.insert(key.to_owned(), record.clone())))?;
        Ok(record)
    }

    /// Records that a snapshot was created, or reverts what was done.
    fn finish(&mut self, key: &str, made: Result<ThinDev, Error>) -> Result<ThinDev, Error> {
        match made {
            Ok(device) => {
                self.set_progress(key, Progress::Done)?;
                Ok(device)
            }
            Err(error) => {
                // A part that cannot be reverted now is reverted at the next start.
                if let Some(record) = self.records.get(key) {
                    let _ = self.erase(key, record.id);
                }
                Err(error)
            }
        }
    }

    /// Removes everything of a snapshot, including its record.
    fn erase(&mut self, key: &str, id: ThinDevId) -> Result<(), Error> {
        self.hide(key)?;
        match self.pool.delete_id(&self.host, id) {
            Err(error) if !error.is_no_data() => return Err(Error::Device(error)),
            _ => {}
        }
        self.update(|records| drop(records.remove(key)))
    }

    /// Makes sure that the snapshot has a mapped device.
    fn show(&self, key: &str, record: &Record) -> Result<ThinDev, Error> {
        let (name, uuid) = self.names(key)?;
        let options = SetupOptions::new().uuid(&uuid).read_only(record.kind == Kind::View);
        self.pool.activate_with(&self.host, record.id, &name, record.length, options).map_err(Error::Device)
    }

    /// Makes sure that the snapshot has no mapped device.
    fn hide(&self, key: &str) -> Result<(), Error> {
        let (name, _) = self.names(key)?;
        match self.host.remove_with(&name, PATIENTLY) {
            Err(error) if !error.is_not_found() => Err(Error::Operation(error)),
            _ => Ok(()),
        }
    }

    fn get(
        &self,
        key: &str,
        needed: &'static str,
        fits: impl FnOnce(&Record) -> bool,
    ) -> Result<(ThinDevId, Sectors), Error> {
        let record = self.records.get(key).filter(|record| record.progress == Progress::Done && fits(record));
        let record = record.ok_or_else(|| Error::Unfit { key: key.to_owned(), needed })?;
        Ok((record.id, record.length))
    }

    fn set_progress(&mut self, key: &str, progress: Progress) -> Result<(), Error> {
        self.update(|records| {
            if let Some(record) = records.get_mut(key) {
                record.progress = progress;
            }
        })
    }

    /// Changes the records after they were stored.
    fn update(&mut self, change: impl FnOnce(&mut Records)) -> Result<(), Error> {
        let mut records = self.records.clone();
        change(&mut records);
        self.store.save(&records).map_err(Error::Store)?;
        self.records = records;
        Ok(())
    }

    /// The name and uuid of a snapshot's mapped device. A key that cannot be part of them must not be recorded: a start
    /// could not remove it.
    fn names(&self, key: &str) -> Result<(DmNameBuf, DmUuidBuf), Error> {
        let text = format!("{}{key}", self.prefix);
        Ok((DmNameBuf::new(&text).map_err(Error::Name)?, DmUuidBuf::new(&text).map_err(Error::Name)?))
    }
}
