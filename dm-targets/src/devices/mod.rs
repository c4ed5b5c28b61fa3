//! Whole devices with a life: created, changed while they are in use, renamed and removed, each with one call.
//!
//! A [`MappedDev`] is a device of one kind of target, or of [`Any`](crate::Any); [`LinearDev`], [`ThinPoolDev`] and the others
//! are names for those of each target. A target of one's own has one too: `MappedDev<Mine>`.
//!
//! ```no_run
//! use dm_core::{Host, RemovePolicy};
//! use dm_targets::devices::LinearDev;
//! use dm_targets::linear::LinearTable;
//! use dm_targets::{Table, TableLine};
//! use dm_units::{DeviceNumber, Sectors};
//!
//! let host = Host::open()?;
//! let disk = |minor| LinearTable::new(DeviceNumber::new(8, minor), Sectors(0));
//! let table = Table::new([TableLine::new(Sectors(0), Sectors(2048), disk(0))])?;
//! let home = LinearDev::setup(&host, "home", &table)?;
//! println!("{} is {}", home.name(), home.path(&host)?.display());
//!
//! // Twice as long, while it is in use.
//! home.change(&host, |lines| lines.push(TableLine::new(Sectors(2048), Sectors(2048), disk(16))))?;
//!
//! home.remove(&host, RemovePolicy::new())?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! Thin devices live in a pool:
//!
//! ```no_run
//! # use dm_core::{Host, SetupOptions};
//! # use dm_targets::devices::ThinPoolDev;
//! # use dm_targets::thin::ThinDevId;
//! # use dm_units::Sectors;
//! # fn example(host: &Host, pool: &ThinPoolDev) -> Result<(), Box<dyn std::error::Error>> {
//! let options = SetupOptions::new();
//! let root = pool.create_thin(host, ThinDevId::new(1)?, "root", Sectors(1 << 21), options)?;
//! let before = pool.snapshot(host, &root, ThinDevId::new(2)?, "before", options)?;
//! pool.delete(host, &before)?;
//! # Ok(())
//! # }
//! ```
//!
//! # What happens to devices
//!
//! [`Monitor`] follows devices and reports each change of their health once: a pool that fills, a leg that fails and comes
//! back, a corrupted block. [`Stats`] counts their I/O, and gives rates.
//!
//! # Several steps
//!
//! Methods that take several commands are operations of [`Host`](dm_core::Host): they wait for udev, and are undone when a step
//! fails. [`DevError`] says why, and what could not be undone. Hand a [`Batch`](dm_core::Batch) in the place of the host to
//! wait once for several.
//!
//! # Errors
//!
//! Errors of dm-core are passed on: the command, the device, the errno, the kernel's reason, the users of a busy device.

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
mod progress;
mod raid;
mod snapshot;
mod stats;
mod thin;
mod vdo;
mod writecache;
mod zoned;

pub use error::DevError;
pub use line::TypedParams;
pub use mapped::MappedDev;
pub use monitor::{Alarm, AlarmKind, AlarmLine, LegState, Monitor, MonitorOptions, Space};
pub use multipath::MultipathPath;
pub use progress::Progress;
pub use stats::{Stats, StatsFlow, StatsRates, StatsReading};

/// Names for devices of one kind of target.
macro_rules! names {
    ($($(#[doc = $doc:literal])+ $name:ident of $target:ident;)+) => {$(
        $(#[doc = $doc])+
        pub type $name = MappedDev<crate::$target>;
    )+};
}

names! {
    /// A slow device with a fast one in front of it.
    CacheDev of Cache;
    /// A device that is copied from another one while it is in use.
    CloneDev of CloneTarget;
    /// A device whose contents are encrypted on the one below.
    CryptDev of Crypt;
    /// A device whose requests wait.
    DelayDev of Delay;
    /// A device with sectors that fail to be read until they are written.
    DustDev of Dust;
    /// A device with smaller blocks than the one below.
    EbsDev of Ebs;
    /// A device that keeps track of the blocks written in each era.
    EraDev of Era;
    /// A device whose requests all fail.
    ErrorDev of ErrorTarget;
    /// A device that fails from time to time.
    FlakeyDev of Flakey;
    /// A device whose sectors have tags by which changes are found.
    IntegrityDev of Integrity;
    /// Parts of other devices, one after the other.
    LinearDev of Linear;
    /// A device whose writes are logged.
    LogWritesDev of LogWrites;
    /// An origin into which a snapshot is being merged.
    MergeDev of SnapshotMerge;
    /// Several devices with the same contents.
    MirrorDev of Mirror;
    /// A device that is reached by several paths.
    MultipathDev of Multipath;
    /// A device that has snapshots.
    OriginDev of SnapshotOrigin;
    /// Several devices that are one, and survive the failure of some.
    RaidDev of Raid;
    /// What an origin held at a moment, and what was written since.
    SnapshotDev of Snapshot;
    /// Parts of other devices, in turn.
    StripedDev of Striped;
    /// Parts of other devices, as a table of regions says.
    SwitchDev of Switch;
    /// A device that takes its blocks from a pool when it is written.
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
