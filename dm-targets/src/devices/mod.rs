//! Whole devices with a life: created, changed while they are in use, renamed and removed, each with one call.
//!
//! A [`MappedDev`] is a device of one kind of target, or of [`Any`](crate::Any); [`LinearDev`], [`ThinPoolDev`] and the others
//! are names for some of them. Every other target has one too: `MappedDev<Crypt>`, or of a target of one's own.
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
//! # Several steps
//!
//! Methods that take several commands are operations of [`Host`](dm_core::Host): they wait for udev, and are undone when a step
//! fails. [`DevError`] says why, and what could not be undone. Hand a [`Batch`](dm_core::Batch) in the place of the host to
//! wait once for several.
//!
//! # Errors
//!
//! Errors of dm-core are passed on: the command, the device, the errno, the kernel's reason, the users of a busy device.

mod error;
mod line;
mod mapped;
mod pool;
mod thin;

pub use error::DevError;
pub use line::TypedParams;
pub use mapped::MappedDev;

use crate::{Cache, Crypt, Linear, Striped, Thin, ThinPool};

/// Parts of other devices, one after the other.
pub type LinearDev = MappedDev<Linear>;

/// Parts of other devices, in turn.
pub type StripedDev = MappedDev<Striped>;

/// A pool of blocks for thin devices.
pub type ThinPoolDev = MappedDev<ThinPool>;

/// A device that takes its blocks from a pool when it is written.
pub type ThinDev = MappedDev<Thin>;

/// A slow device with a fast one in front of it.
pub type CacheDev = MappedDev<Cache>;

/// A device whose contents are encrypted on the one below.
pub type CryptDev = MappedDev<Crypt>;
