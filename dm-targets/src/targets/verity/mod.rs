//! `verity`: a read-only device whose blocks are checked against a hash tree.
//!
//! ```text
//! table  = <version> <data_dev> <hash_dev> <data_block> <hash_block> <data_blocks> <hash_start>
//!          <algorithm> <digest> <salt> [<#opt> {<opt>}]
//! opt    = ignore_corruption | restart_on_corruption | panic_on_corruption
//!        | restart_on_error | panic_on_error
//!        | ignore_zero_blocks | check_at_most_once | try_verify_in_tasklet
//!        | use_fec_from_device <device> | fec_blocks <n> | fec_start <n> | fec_roots <n>
//!        | root_hash_sig_key_desc <description>
//! status = <state> [<corrected>]
//! ```
//!
//! | word | type | unit | range |
//! |---|---|---|---|
//! | version | `u32` | | 0 (Chromium OS) or 1 |
//! | data_block, hash_block | `u32` | bytes | power of two from 512 to 2^30, at least the device's logical block size; data_block at most a page |
//! | data_blocks | [`DataBlocks`] | data blocks | at least the length of the target |
//! | hash_start | `u64` | hash blocks | |
//! | algorithm | word | | name of a hash in the kernel's crypto API, case-sensitive |
//! | digest | [`Hex`] | | as long as the algorithm's output |
//! | salt | [`Hex`] or `-` | | `-`: none |
//! | #opt | count | words | at most 15 (fewer before version 1.10.0 and where the kernel lacks features) |
//! | fec_blocks, fec_start | [`DataBlocks`] | data blocks | fec_blocks counts data, hashes and anything after them |
//! | fec_roots | `u8` | parity bytes per code word | 2 to 24 |
//! | state | [`VerityState`] | | `V` or `C` |
//! | corrected | [`FecCorrections`] | blocks | `-`: no FEC; not printed by Linux 6.12 and earlier |
//!
//! Option words are not case-sensitive. Forward error correction (FEC) requires `use_fec_from_device`, `fec_blocks`,
//! `fec_roots`, and equal data and hash block sizes. Without `use_fec_from_device`, the other FEC options have no
//! effect and are not printed. The parser and the kernel ignore words after the counted options. The table must be
//! loaded read-only. In Linux 6.1, it may have several lines of verity; in newer kernels, only one. The target takes no
//! messages.
//!
//! Kernel: `verity_ctr`, `verity_parse_opt_args` and `verity_status` in `drivers/md/dm-verity-target.c`,
//! `verity_fec_parse_opt_args` in `drivers/md/dm-verity-fec.c`.

mod fec;
mod hex;
mod status;
mod table;

pub use fec::FecCorrections;
pub use hex::Hex;
pub use status::{VerityState, VerityStatus};
pub use table::{OnCorruption, OnError, VerityDevice, VerityOptions, VerityTable};

use dm_units::Sectors;

use crate::option::OptionGroup;
use crate::{Comparison, Feature, Health, InvalidField, Limits, NoMessage, TableDifference, Target};

#[cfg(doc)]
use dm_units::DataBlocks;

use fec::{FEC_BLOCKS, FEC_DEVICE, FEC_ROOTS, FEC_START, check_fec, check_fec_is_complete};
use table::{DATA_BLOCK, HASH_BLOCK, VERSION};

/// The `verity` target as a type parameter. The trait [`Target`] has the functions that parse its table, status and
/// messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verity {}

impl Target for Verity {
    const TYPE: &'static str = "verity";
    type Table = VerityTable;
    type Status = VerityStatus;
    type Message = NoMessage;

    const IMMUTABLE: bool = true;

    const FEATURES: &'static [Feature] = VerityOptions::FEATURES;

    fn check(table: &VerityTable, length: Sectors) -> Result<(), InvalidField> {
        VERSION.check(table.version)?;
        DATA_BLOCK.check(table.data.block_size)?;
        HASH_BLOCK.check(table.hash.block_size)?;
        check_sizes(table, length)?;
        table.options.check()?;
        check_fec(table)
    }

    fn difference(one: &VerityTable, other: &VerityTable) -> Option<TableDifference> {
        let [one, other] = [one, other].map(VerityTable::in_full);
        Comparison::new(&one, &other)
            .layout("version", |table| &table.version)
            .layout("data dev", |table| &table.data)
            .layout("hash dev", |table| &table.hash)
            .layout("data blocks", |table| &table.data_blocks)
            .layout("hash start", |table| &table.hash_start)
            .layout("algorithm", |table| &table.algorithm)
            .layout("digest", |table| &table.digest)
            .layout("salt", |table| &table.salt)
            .tunable("options", |table| &table.options)
            .result()
    }

    fn health(status: &VerityStatus) -> Health {
        status.health()
    }
}

/// The largest number of blocks of `block_size` bytes whose number of sectors fits in 64 bits.
fn max_blocks(block_size: u32) -> u64 {
    u64::MAX.checked_div(u64::from(block_size >> 9)).unwrap_or_default()
}

/// Checks block counts and the length of the digest; the block sizes must be valid.
fn check_sizes(table: &VerityTable, length: Sectors) -> Result<(), InvalidField> {
    Limits::new("data blocks", 1, max_blocks(table.data.block_size)).check(table.data_blocks)?;
    Limits::new("hash start", 0, max_blocks(table.hash.block_size)).check(table.hash_start)?;
    let sectors = table.data_blocks.0.saturating_mul(u64::from(table.data.block_size >> 9));
    Limits::new("length", 1, sectors).check(length)?;
    if table.options.check_at_most_once {
        Limits::new("data blocks", 1, i32::MAX as u64).check(table.data_blocks)?;
    }
    let digest = Limits::new("size of the digest", 1, u64::from(table.hash.block_size >> 1));
    digest.check(table.digest.size() as u64)
}

#[cfg(test)]
mod tests;
