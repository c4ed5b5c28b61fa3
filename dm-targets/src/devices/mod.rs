//! Creates, changes, renames and removes mapped devices, each with one call.
//!
//! A [`MappedDev`] is a device whose table lines all have the same target, or any targets ([`Any`](crate::Any)). Each
//! target has an alias, such as [`LinearDev`] or [`ThinPoolDev`]. For a target that you define, write
//! `MappedDev<Mine>`.
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
//! // Doubles the length while the device is in use.
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
//! [`setup_pool`](ThinPoolDev::setup_pool) creates the pool if its metadata device begins with zeros. If the pool
//! exists, the call activates it, or takes it over if it is active.
//!
//! # Verity
//!
//! The feature `verity-format` adds `VerityVolume`, which creates the hash tree of a device as `veritysetup` does. It
//! also checks all blocks without a verity device, and returns the table for [`VerityDev::activate`]. `VerityFormat`
//! and `VeritySuperblock` do the same for images in files.
//!
//! # Monitoring and statistics
//!
//! [`Monitor`] follows devices and reports changes in their health: for example, a pool fills up, a leg fails or works
//! again, or a block is corrupted. [`Stats`] counts the I/O of a device and computes rates.
//!
//! # Operations
//!
//! Methods that create, rename or remove a device, or that replace its table, are operations of
//! [`Host`](dm_core::Host). They wait for udev. When a step fails, they undo the earlier steps, unless their docs say
//! otherwise. [`DevError`] contains the cause, and the effects that could not be undone. To wait once for several
//! operations, pass a [`Batch`](dm_core::Batch) instead of the host.
//!
//! # Errors
//!
//! The error of a failed command names the command, the device and the errno. If known, it also contains the kernel's
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
    /// A device whose contents are stored encrypted on another device.
    CryptDev of Crypt;
    /// A device that delays its I/O.
    DelayDev of Delay;
    /// A device that fails reads of chosen sectors until they are written.
    DustDev of Dust;
    /// A device with a smaller logical block size than the underlying device.
    EbsDev of Ebs;
    /// A device that records which blocks are written in each era.
    EraDev of Era;
    /// A device whose I/O always fails.
    ErrorDev of ErrorTarget;
    /// A device that fails at intervals.
    FlakeyDev of Flakey;
    /// A device whose contents are encrypted by the storage hardware.
    InlineCryptDev of InlineCrypt;
    /// A device that stores a tag with each block, to detect changed data.
    IntegrityDev of Integrity;
    /// Ranges of other devices, concatenated.
    LinearDev of Linear;
    /// A device whose writes are logged.
    LogWritesDev of LogWrites;
    /// An origin into which a snapshot is being merged.
    MergeDev of SnapshotMerge;
    /// Several devices with the same contents.
    MirrorDev of Mirror;
    /// A device that is reached through several paths.
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
    /// Several devices, and a table that maps each region to one of them.
    SwitchDev of Switch;
    /// A device whose blocks are allocated from a pool when they are first written.
    ThinDev of Thin;
    /// A pool of blocks for thin devices.
    ThinPoolDev of ThinPool;
    /// One stripe of a device that does its own striping.
    UnstripedDev of Unstriped;
    /// A device that deduplicates and compresses its blocks.
    VdoDev of Vdo;
    /// A read-only device whose contents are checked against a hash tree.
    VerityDev of Verity;
    /// A device whose writes go to a fast device first.
    WritecacheDev of Writecache;
    /// A device of zeros.
    ZeroDev of Zero;
    /// A device on zoned disks that can be written in any order.
    ZonedDev of Zoned;
}
