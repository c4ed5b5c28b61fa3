//! The volume manager, which works on any [`Host`], so that its tests also run on a kernel in memory.

use std::collections::BTreeMap;
use std::fmt;

use dm_core::plan::{Numbers, PlanError, Wanted};
use dm_core::{DmNameBuf, Host, NameError, Prefix, RemovePolicy, Retry};
use dm_targets::devices::{DevError, LinearDev, ThinDev, ThinPoolDev};
use dm_targets::linear::LinearTable;
use dm_targets::thin::{ThinDevId, ThinTable};
use dm_targets::thin_pool::ThinPoolTable;
use dm_targets::{Linear, Table, TableLine, Target, Thin, ThinPool};
use dm_units::{DataBlocks, DeviceNumber, Sectors};

/// The part of the first disk for the pool's metadata.
const METADATA: Sectors = Sectors(4096);

const BLOCK: Sectors = Sectors(128);

/// udev opens a device for a moment after a program has written to it.
const PATIENTLY: RemovePolicy = RemovePolicy::new().retry(Retry::within(std::time::Duration::from_secs(10)));

/// A disk and its size.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Disk {
    pub(crate) number: DeviceNumber,
    pub(crate) size: Sectors,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Volume {
    pub(crate) id: ThinDevId,
    pub(crate) length: Sectors,
}

/// The information that a program must store to find everything again: the disks in their order, and the volumes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Layout {
    pub(crate) disks: Vec<Disk>,
    pub(crate) volumes: BTreeMap<String, Volume>,
}

/// The error of a change.
#[derive(Debug)]
pub(crate) enum Error {
    NoVolume(String),
    Taken(String),
    NoIds,
    Plan(PlanError),
    Device(DevError),
    Name(NameError),
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoVolume(name) => write!(f, "there is no volume '{name}'"),
            Self::Taken(name) => write!(f, "the volume '{name}' already exists"),
            Self::NoIds => f.write_str("the pool has no free device id"),
            Self::Plan(error) => error.fmt(f),
            Self::Device(error) => error.fmt(f),
            Self::Name(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for Error {}

impl From<PlanError> for Error {
    fn from(error: PlanError) -> Self {
        Self::Plan(error)
    }
}

impl From<DevError> for Error {
    fn from(error: DevError) -> Self {
        Self::Device(error)
    }
}

impl From<NameError> for Error {
    fn from(error: NameError) -> Self {
        Self::Name(error)
    }
}

/// The names of the devices below all volumes.
struct Names {
    metadata: DmNameBuf,
    data: DmNameBuf,
    pool: DmNameBuf,
}

/// Volumes in a pool on disks.
pub(crate) struct Volumes {
    host: Host,
    prefix: DmNameBuf,
    layout: Layout,
}

impl Volumes {
    /// Makes all devices of a layout: creates missing ones, changes different ones, and removes other devices with the
    /// prefix. A program calls it at its first start and after a crash.
    ///
    /// The first sectors of a new first disk must be zero.
    pub(crate) fn start(host: Host, prefix: &str, layout: Layout) -> Result<Self, Error> {
        let volumes = Self { host, prefix: DmNameBuf::new(prefix)?, layout };
        volumes.apply(&volumes.layout)?;
        Ok(volumes)
    }

    /// Removes all devices. The data stays on the disks.
    pub(crate) fn stop(self) -> Result<(), Error> {
        let nothing = Wanted::new().only(Prefix::Name(&self.prefix));
        Ok(self.host.carry_out(&self.host.plan(nothing)?)?)
    }

    /// The layout, which the program must store.
    pub(crate) fn layout(&self) -> &Layout {
        &self.layout
    }

    /// Extends the pool by a disk while volumes are in use: the data device and the pool change together.
    pub(crate) fn add_disk(&mut self, disk: Disk) -> Result<(), Error> {
        let mut layout = self.layout.clone();
        layout.disks.push(disk);
        self.apply(&layout)?;
        self.layout = layout;
        Ok(())
    }

    /// Creates an empty volume.
    pub(crate) fn create(&mut self, name: &str, length: Sectors) -> Result<ThinDev, Error> {
        let first = self.new_id(name)?;
        // A crash may have left a thin device that is not in the layout, so the pool decides whether an id is free.
        let (id, device) = self.pool()?.create_thin_from(&self.host, first, self.name(name)?, length)?;
        self.layout.volumes.insert(name.to_owned(), Volume { id, length });
        Ok(device)
    }

    /// Creates a volume with the present data of another one.
    pub(crate) fn snapshot(&mut self, of: &str, name: &str) -> Result<ThinDev, Error> {
        let origin = self.device(of)?;
        let length = self.volume(of)?.length;
        let id = self.new_id(name)?;
        let device = self.pool()?.snapshot(&self.host, &origin, id, self.name(name)?)?;
        self.layout.volumes.insert(name.to_owned(), Volume { id, length });
        Ok(device)
    }

    /// Extends a volume while it is in use.
    pub(crate) fn grow(&mut self, name: &str, length: Sectors) -> Result<(), Error> {
        let mut layout = self.layout.clone();
        let volume = layout.volumes.get_mut(name).ok_or_else(|| Error::NoVolume(name.to_owned()))?;
        volume.length = volume.length.max(length);
        self.apply(&layout)?;
        self.layout = layout;
        Ok(())
    }

    /// Removes a volume with its data.
    pub(crate) fn destroy(&mut self, name: &str) -> Result<(), Error> {
        self.pool()?.delete_with(&self.host, &self.device(name)?, PATIENTLY)?;
        self.layout.volumes.remove(name);
        Ok(())
    }

    /// The number of blocks of the pool in use, and of all.
    pub(crate) fn usage(&self) -> Result<(DataBlocks, DataBlocks), Error> {
        let data = self.pool()?.figures(&self.host)?.data;
        Ok((data.used, data.total))
    }

    /// The device of a volume.
    pub(crate) fn device(&self, name: &str) -> Result<ThinDev, Error> {
        self.volume(name)?;
        Ok(ThinDev::open(&self.host, self.name(name)?)?)
    }

    fn volume(&self, name: &str) -> Result<Volume, Error> {
        self.layout.volumes.get(name).copied().ok_or_else(|| Error::NoVolume(name.to_owned()))
    }

    fn pool(&self) -> Result<ThinPoolDev, Error> {
        Ok(ThinPoolDev::open(&self.host, &self.names()?.pool)?)
    }

    fn new_id(&self, name: &str) -> Result<ThinDevId, Error> {
        if self.layout.volumes.contains_key(name) {
            return Err(Error::Taken(name.to_owned()));
        }
        let is_free = |id: &ThinDevId| self.layout.volumes.values().all(|volume| volume.id != *id);
        std::iter::successors(ThinDevId::new(1).ok(), |id| id.next()).find(is_free).ok_or(Error::NoIds)
    }

    fn name(&self, volume: &str) -> Result<DmNameBuf, NameError> {
        DmNameBuf::new(&[self.prefix.as_bytes(), b"volume-", volume.as_bytes()].concat())
    }

    fn names(&self) -> Result<Names, NameError> {
        let name = |suffix: &str| DmNameBuf::new(&[self.prefix.as_bytes(), suffix.as_bytes()].concat());
        Ok(Names { metadata: name("metadata")?, data: name("data")?, pool: name("pool")? })
    }

    /// Changes the devices to match a layout.
    fn apply(&self, layout: &Layout) -> Result<(), Error> {
        let names = &self.names()?;
        let Names { metadata, data, pool } = names;
        let data_table = data_table(&layout.disks);
        let length = data_table.as_ref().map_or(Sectors(0), Table::length);
        let first = layout.disks.first().copied();
        let mut wanted = Wanted::new()
            .only(Prefix::Name(&self.prefix))
            .device(LinearDev::wanted(metadata, move |_| {
                one::<Linear>(METADATA, LinearTable::new(first?.number, Sectors(0)))
            }))
            .device(LinearDev::wanted(data, move |_| data_table.clone()))
            .device(
                ThinPoolDev::wanted(pool, move |numbers| pool_table(names, numbers, length))
                    .uses([&**metadata, &**data]),
            );
        for (name, volume) in &layout.volumes {
            let (name, volume) = (self.name(name)?, *volume);
            let table =
                move |numbers: &Numbers| one::<Thin>(volume.length, ThinTable::new(numbers.get(pool)?, volume.id));
            wanted = wanted.device(ThinDev::wanted(&name, table).uses([&**pool]));
        }
        Ok(self.host.carry_out(&self.host.plan(wanted)?)?)
    }
}

/// A table with one line.
fn one<T: Target>(length: Sectors, params: T::Table) -> Option<Table<T>> {
    Table::new([TableLine::<T> { start: Sectors(0), length, params }]).ok()
}

/// Concatenates the disks, without the metadata's part.
fn data_table(disks: &[Disk]) -> Option<Table<Linear>> {
    let mut lines = Vec::new();
    let (mut start, mut skipped) = (Sectors(0), METADATA);
    for disk in disks {
        // Whole blocks, so that no block is on two disks.
        let blocks = disk.size.checked_sub(skipped)?.to_data_blocks_floor(BLOCK)?;
        let length = blocks.to_sectors(BLOCK)?;
        lines.push(TableLine::<Linear>::new(start, length, LinearTable::new(disk.number, skipped)));
        start = start.checked_add(length)?;
        skipped = Sectors(0);
    }
    Table::new(lines).ok()
}

fn pool_table(names: &Names, numbers: &Numbers, length: Sectors) -> Option<Table<ThinPool>> {
    let (metadata, data) = (numbers.get(&names.metadata)?, numbers.get(&names.data)?);
    one(length, ThinPoolTable::new(metadata, data, BLOCK, DataBlocks(8)))
}
