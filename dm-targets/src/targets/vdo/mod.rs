//! `vdo`: stores identical blocks only once (deduplication), and compresses data.
//!
//! ```text
//! table   = V4 <device> <physical_blocks> <512|4096> <cache_blocks> <era_length> {<key> <value>}
//!         | an older grammar, V0 to V3, see VdoVersion
//! key     = ack | bio | bioRotationInterval | cpu | hash | logical | physical | maxDiscard
//!         | deduplication | compression | indexSparse | indexMemory | slabSize
//! status  = <device> <mode> <recovery> <index> <compression> <used> <total>
//! message = stats | config | compression (on|off)
//!         | index-close | index-create | index-disable | index-enable
//!         | dump {<what>} | dump-on-shutdown
//! ```
//!
//! | word | type | unit | range |
//! |---|---|---|---|
//! | physical_blocks | [`DataBlocks`](dm_units::DataBlocks) | blocks of 4 KiB | |
//! | 512, 4096 | [`VdoSectorSize`] | bytes | |
//! | cache_blocks | `u32` | blocks of 4 KiB | at least 1, and at least 4096 per `logical` thread |
//! | era_length | `u32` | blocks of the recovery journal | at least 1 |
//! | ack, hash | `u32` | threads | 0 to 100 |
//! | bio, cpu | `u32` | threads | 1 to 100 |
//! | logical, physical | `u32` | threads | 0 to 60, 0 to 16; `logical`, `physical` and `hash` are all 0 or all at least 1 |
//! | bioRotationInterval | `u32` | blocks of 4 KiB | 1 to 1024 |
//! | maxDiscard | `u32` | blocks of 4 KiB | 1 to 1048575 |
//! | deduplication, compression, indexSparse | `on` or `off` | | |
//! | indexMemory | [`VdoIndexMemory`] | GiB | 0.25, 0.5, 0.75, or 1 to 1024 |
//! | slabSize | `u32` | blocks of 4 KiB | 8192 to 8388608, a power of two |
//! | used, total | [`DataBlocks`](dm_units::DataBlocks) | blocks of 4 KiB | |
//!
//! The block map maps logical to physical blocks. The kernel records changes of the block map in the recovery journal
//! first. A slab is a unit of space management.
//!
//! Keys are case-sensitive. If a key occurs twice, the last value wins. A key that the kernel does not know is ignored
//! if its value is a number of at most 100, and refused otherwise. `indexSparse`, `indexMemory` and `slabSize` only
//! apply when the kernel formats the volume, which is possible since target version 9.2.0.
//!
//! In a table, the kernel prints the words as they were given; in a status, it prints `/dev/` and the kernel's name of
//! the device. Two tables that name the same device differently therefore differ ([`difference`](Target::difference)).
//! The length must be a multiple of 8 sectors.
//!
//! The replies to `stats` and `config` are text; other replies are empty.
//!
//! Kernel: `parse_device_config`, `vdo_status` and `vdo_message` in `drivers/md/dm-vdo/dm-vdo-target.c`;
//! `message-stats.c` and `dump.c` beside it.

mod config;
mod entries;
mod message;
mod options;
mod stats;
mod status;
mod table;

pub use config::{VdoConfig, VdoIndexConfig, VdoIndexMemory};
pub use message::{VdoDump, VdoMessage, VdoReply};
pub use options::VdoOptions;
pub use stats::*;
pub use status::{VdoCompression, VdoIndexState, VdoMode, VdoRecovery, VdoStatus};
pub use table::{VdoSectorSize, VdoTable, VdoVersion};

use dm_units::Sectors;

use crate::{Comparison, Feature, Health, InvalidField, Limits, TableDifference, Target};

const LENGTH: Limits = Limits::new("length", 8, u64::MAX).multiple_of(8);

/// The `vdo` target as a type parameter. The trait [`Target`] has the functions that parse its table, status and
/// messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Vdo {}

impl Target for Vdo {
    const TYPE: &'static str = "vdo";
    type Table = VdoTable;
    type Status = VdoStatus;
    type Message = VdoMessage;

    const SINGLETON: bool = true;

    const FEATURES: &'static [Feature] = VdoOptions::FEATURES;

    fn check(table: &VdoTable, length: Sectors) -> Result<(), InvalidField> {
        LENGTH.check(length)?;
        table.check()
    }

    /// Compares two tables; see [`Target::difference`]. The device, its size and the logical block size count as
    /// layout. Partition tables and file systems depend on the logical block size. The other fields do not count as
    /// layout. While the volume is active, the kernel refuses new values for the cached blocks, the threads and the era
    /// length (`validate_new_device_config`).
    ///
    /// The kernel prints the device as it was given. Therefore a path equals only the same path, and differs from the
    /// number of the device.
    fn difference(one: &VdoTable, other: &VdoTable) -> Option<TableDifference> {
        Comparison::new(one, other)
            .layout("storage dev", |table| &table.device)
            .layout("storage device size", |table| &table.physical_blocks)
            .layout("logical block size", |table| &table.sector_size)
            .tunable("cache blocks", |table| &table.cache_blocks)
            .tunable("era length", |table| &table.era_length)
            .tunable("options", |table| &table.options)
            .result()
    }

    fn health(status: &VdoStatus) -> Health {
        status.health()
    }
}

#[cfg(test)]
mod tests;
