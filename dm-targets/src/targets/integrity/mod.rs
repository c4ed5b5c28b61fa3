//! `integrity`: stores an integrity tag for every block. With an `internal_hash`, the target also calculates the tag,
//! and checks it when the block is read.
//!
//! ```text
//! table  = <device> <reserved> <tag_size> <mode> <#opt> {<opt>}
//! mode   = J | B | D | R | I
//! opt    = meta_device:<device> | block_size:<bytes> | recalculate | reset_recalculate
//!        | allow_discards | allow_discards_keyed
//!        | journal_sectors:<n> | interleave_sectors:<n> | buffer_sectors:<n>
//!        | journal_watermark:<percent> | commit_time:<ms> | sectors_per_bit:<n> | bitmap_flush_interval:<ms>
//!        | fix_padding | fix_hmac | legacy_recalculate
//!        | internal_hash:<alg> | journal_crypt:<alg> | journal_mac:<alg>
//! alg    = <name>[:<hexkey>]
//! status = <mismatches> [<provided_sectors> [<recalculated>]]
//! ```
//!
//! | word | type | unit | range |
//! |---|---|---|---|
//! | reserved | [`Sectors`] | sectors before the superblock | |
//! | tag_size | `u32` or `-` | bytes | 1 to 255; `-`: the size of the internal hash |
//! | mode | [`IntegrityMode`] | | |
//! | #opt | count | words | at most 18; required |
//! | block_size | `u32` | bytes | power of two from 512 to 4096; never printed as 512 |
//! | journal_sectors, interleave_sectors, buffer_sectors | `u32` | sectors | rounded by the kernel |
//! | journal_watermark | `u32` | percent | at most 100 |
//! | commit_time, bitmap_flush_interval | `u32` | milliseconds | |
//! | sectors_per_bit | `u64` | sectors | rounded down to a power of two |
//! | recalculated | [`Sectors`] or `-` | sectors recalculated so far | `-`: no tags are being recalculated |
//!
//! Option words are case-sensitive. The parser and the kernel ignore words after the counted options. The kernel prints
//! the values in effect. It may have rounded them or read them from the superblock. Therefore it may print
//! `fix_padding`, `fix_hmac` and `recalculate` without a request, or omit them in spite of a request. It prints the
//! digits of keys in the case in which they were given. Since version 1.15.0, it prints `journal_sectors` only in mode
//! `J`, and after `buffer_sectors`. A parsed table remembers the position.
//!
//! The superblock is the 4 KiB after the reserved sectors. If it is all zeros, the kernel formats the device when it
//! loads the table, except in mode `R`. The kernel refuses other contents that are not a superblock. To find the
//! largest possible length, load a table of 8 sectors and read `provided_sectors`. The target takes no messages.
//!
//! Kernel: `dm_integrity_ctr`, `get_alg_and_key` and `dm_integrity_status` in `drivers/md/dm-integrity.c`.

mod algorithm;
mod check;
mod status;
mod table;

pub use algorithm::KeyedAlgorithm;
pub use status::{IntegrityStatus, Recalculation};
pub use table::{IntegrityMode, IntegrityOptions, IntegrityTable};

use dm_units::Sectors;

use crate::option::OptionGroup;
use crate::{Comparison, Feature, Health, InvalidField, NoMessage, TableDifference, Target};

use check::{check_inline, check_internal_hash};
use table::TAG_SIZE;

/// The `integrity` target as a type parameter. The trait [`Target`] has the functions that parse its table, status and
/// messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Integrity {}

impl Target for Integrity {
    const TYPE: &'static str = "integrity";
    type Table = IntegrityTable;
    type Status = IntegrityStatus;
    type Message = NoMessage;

    const SINGLETON: bool = true;
    const SECRET: bool = true;

    const FEATURES: &'static [Feature] = IntegrityOptions::FEATURES;

    fn check(table: &IntegrityTable, _length: Sectors) -> Result<(), InvalidField> {
        table.tag_size.map_or(Ok(()), |size| TAG_SIZE.check(size))?;
        table.options.check()?;
        check_internal_hash(table)?;
        if table.mode == IntegrityMode::Inline { check_inline(table) } else { Ok(()) }
    }

    fn remove_requests(table: &mut IntegrityTable) {
        table.options.reset_recalculate = false;
    }

    /// Compares the requested table `one` with `other`, which the kernel printed; see [`Target::difference`]. Values
    /// that the kernel prints without a request are ignored. `journal_sectors` and `interleave_sectors` are ignored,
    /// too, because an existing device has them in its superblock. A printed number counts as equal if the kernel may
    /// have adjusted the requested number to it.
    fn difference(one: &IntegrityTable, other: &IntegrityTable) -> Option<TableDifference> {
        let other = other.as_requested(one);
        Comparison::new(one, &other)
            .layout("device", |table| &table.device)
            .layout("reserved sectors", |table| &table.reserved)
            .layout("tag size", |table| &table.tag_size)
            .layout("meta_device", |table| &table.options.meta_device)
            .layout("block_size", |table| &table.options.block_size)
            .layout("internal_hash", |table| &table.options.internal_hash)
            .layout("journal_crypt", |table| &table.options.journal_crypt)
            .layout("journal_mac", |table| &table.options.journal_mac)
            .tunable("mode", |table| &table.mode)
            .tunable("options", |table| &table.options)
            .result()
    }

    fn health(status: &IntegrityStatus) -> Health {
        status.health()
    }
}

#[cfg(test)]
mod tests;
