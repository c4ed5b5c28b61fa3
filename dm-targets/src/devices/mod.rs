//! Whole devices: created, changed while in use, renamed and removed, each with one call.
//!
//! A [`MappedDev`] is a device with one kind of target, or with [`Any`](crate::Any). Each target has an alias, such as
//! [`LinearDev`] and [`ThinPoolDev`]; for a target of your own, write `MappedDev<Mine>`.
//!
//! ```
//! use dm_core::Host;
//! use dm_targets::devices::LinearDev;
//! use dm_targets::linear::LinearTable;
//! use dm_targets::{Table, TableLine};
//! use dm_units::{DeviceNumber, Sectors};
//!
//! # let _ = || {
//! let host = Host::open()?;
//! # Ok::<_, dm_core::OpenError>(host) };
//! # let memory = dm_testing::MemoryKernel::new();
//! # memory.disk_at(dm_units::DeviceNumber::new(8, 0), dm_units::Bytes(1 << 21));
//! # memory.disk_at(dm_units::DeviceNumber::new(8, 16), dm_units::Bytes(1 << 21));
//! # let host = memory.host();
//! let disk = |minor| LinearTable::new(DeviceNumber::new(8, minor), Sectors(0));
//! let table = Table::new([TableLine::new(Sectors(0), Sectors(2048), disk(0))])?;
//! let home = LinearDev::setup(&host, "home", &table)?;
//! println!("{} is {}", home.name(), home.number(&host)?);
//!
//! // Twice as long, while it is in use.
//! home.change(&host, |lines| lines.push(TableLine::new(Sectors(2048), Sectors(2048), disk(16))))?;
//!
//! home.remove(&host)?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! Thin devices belong to a pool:
//!
//! ```
//! # use dm_targets::thin::ThinDevId;
//! # use dm_targets::thin_pool::ThinPoolTable;
//! # use dm_targets::{Table, TableLine, ThinPool};
//! # use dm_units::{Bytes, DataBlocks, Sectors};
//! # let memory = dm_testing::MemoryKernel::new();
//! # let host = memory.host();
//! # let [metadata, data] = [21, 30].map(|order| memory.disk(Bytes(1 << order)).number());
//! # let table = ThinPoolTable::new(metadata, data, Sectors(128), DataBlocks(0));
//! # let table = Table::new([TableLine::<ThinPool>::new(Sectors(0), Sectors(1 << 21), table)])?;
//! # let pool = dm_targets::devices::ThinPoolDev::setup(&host, "pool", &table)?;
//! let root = pool.create_thin(&host, ThinDevId::new(1)?, "root", Sectors(1 << 21))?;
//! let before = pool.snapshot(&host, &root, ThinDevId::new(2)?, "before")?;
//! pool.delete(&host, &before)?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! [`setup_pool`](ThinPoolDev::setup_pool) creates the pool if its metadata device begins with zeros, and activates or
//! takes over an existing pool.
//!
//! # Verity
//!
//! With the feature `verity-format`, `VerityVolume` creates the hash tree of a device as `veritysetup` does, checks all
//! blocks without a verity device, and returns the table for [`VerityDev::activate`]. `VerityFormat` and
//! `VeritySuperblock` do the same with images in files.
//!
//! # Monitoring and statistics
//!
//! [`Monitor`] follows devices and reports changes of their health, such as a pool that fills, a leg that fails or
//! comes back, or a corrupted block. [`Stats`] counts the I/O of a device and computes rates.
//!
//! # Operations
//!
//! Methods that create, rename or remove a device or replace its table are operations of [`Host`](dm_core::Host): they
//! wait for udev, and are undone when a step fails, unless their docs say otherwise. [`DevError`] has the cause, and
//! the effects that could not be undone. Pass a [`Batch`](dm_core::Batch) instead of the host to wait once for several
//! operations.
//!
//! # Errors
//!
//! Errors include those of dm-core, with the command, the device, the errno and, where they are known, the kernel's
//! reason and the users of a busy device.

mod block;
mod cache;
mod copy;
mod crypt;
mod era;
mod error;
mod in_front;
mod integrity;
mod line;
mod mapped;
mod mirror;
mod monitor;
mod moving;
mod multipath;
mod pool;
mod pool_metadata;
mod pool_thins;
mod pool_tools;
mod progress;
mod queries;
mod raid;
mod signature;
mod snapshot;
mod stats;
mod thin;
mod vdo;
mod verity;
mod writecache;
mod zoned;

pub use error::DevError;
pub use line::TypedParams;
pub use mapped::MappedDev;
pub use monitor::{Alarm, AlarmKind, AlarmLine, LegState, Monitor, MonitorOptions, Space};
pub use multipath::MultipathPath;
pub use pool_metadata::PoolMetadata;
pub use pool_thins::ThinOptions;
pub use pool_tools::{PoolToolError, PoolToolErrorKind};
pub use progress::Progress;
pub use signature::ForeignData;
pub use stats::{Stats, StatsFlow, StatsRates, StatsReading};
#[cfg(feature = "verity-format")]
pub use verity::{
    VerityAlgorithm, VerityError, VerityFormat, VerityFormatted, VeritySuperblock, VerityTree, VerityVolume,
};

/// Defines aliases for the devices of targets.
macro_rules! aliases {
    ($($(#[doc = $doc:literal])+ $name:ident of $target:ident;)+) => {$(
        $(#[doc = $doc])+
        pub type $name = MappedDev<crate::$target>;
    )+};
}

aliases! {
    /// A cache on a fast device for a slow one.
    CacheDev of Cache;
    /// A copy of another device that can be used while the data is still being copied.
    CloneDev of CloneTarget;
    /// A device whose contents are stored encrypted on another one.
    CryptDev of Crypt;
    /// A device that delays its I/O.
    DelayDev of Delay;
    /// A device with sectors whose reads fail until they are written.
    DustDev of Dust;
    /// A device with smaller blocks than the one that it uses.
    EbsDev of Ebs;
    /// A device that records which blocks are written in each era.
    EraDev of Era;
    /// A device whose I/O always fails.
    ErrorDev of ErrorTarget;
    /// A device that fails at intervals.
    FlakeyDev of Flakey;
    /// A device whose contents are encrypted by the storage hardware.
    InlineCryptDev of InlineCrypt;
    /// A device that stores a tag with each block, by which changed data is detected.
    IntegrityDev of Integrity;
    /// Ranges of other devices, concatenated.
    LinearDev of Linear;
    /// A device whose writes are logged.
    LogWritesDev of LogWrites;
    /// An origin into which a snapshot is being merged.
    MergeDev of SnapshotMerge;
    /// Several devices with the same contents.
    MirrorDev of Mirror;
    /// A device that is accessed by several paths.
    MultipathDev of Multipath;
    /// A device that has snapshots.
    OriginDev of SnapshotOrigin;
    /// A cache on persistent memory for a slow device.
    PcacheDev of Pcache;
    /// An array of devices, such as RAID 1, 5, 6 or 10.
    RaidDev of Raid;
    /// A writable snapshot of an origin.
    SnapshotDev of Snapshot;
    /// Several devices over which the data is striped.
    StripedDev of Striped;
    /// Several devices, with a table that maps regions to them.
    SwitchDev of Switch;
    /// A device whose blocks are allocated from a pool on writes.
    ThinDev of Thin;
    /// A pool of blocks for thin devices.
    ThinPoolDev of ThinPool;
    /// One stripe of a device that does its own striping.
    UnstripedDev of Unstriped;
    /// A device that stores equal blocks once, and compresses them.
    VdoDev of Vdo;
    /// A read-only device whose contents are checked against a tree of hashes.
    VerityDev of Verity;
    /// A device whose writes go to a fast one first.
    WritecacheDev of Writecache;
    /// A device of zeros.
    ZeroDev of Zero;
    /// A zoned device that can be written anywhere.
    ZonedDev of Zoned;
}
