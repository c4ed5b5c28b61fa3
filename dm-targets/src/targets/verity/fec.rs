//! Forward error correction (FEC): the kernel corrects damaged blocks with the parity on the FEC device.
//!
//! Kernel: `verity_fec_ctr` in `drivers/md/dm-verity-fec.c`.

use core::fmt::{self, Write};

use super::{VerityOptions, VerityTable, max_blocks};
use crate::{InvalidField, Limits, Printer, Problem, Value, Word};

pub(super) const FEC_DEVICE: &str = "use_fec_from_device";
pub(super) const FEC_BLOCKS: &str = "fec_blocks";
pub(super) const FEC_START: &str = "fec_start";
pub(super) const FEC_ROOTS: Limits = Limits::new("fec_roots", 2, 24);

/// Checks that a table with an FEC device has `fec_blocks` and `fec_roots`; `fec_start` is 0 by default. Without the
/// device, the kernel ignores the other FEC options.
pub(super) fn check_fec_is_complete(options: &VerityOptions) -> Result<(), InvalidField> {
    let VerityOptions { use_fec_from_device: device, fec_blocks: blocks, fec_roots: roots, .. } = options;
    let missing = |field| Err(InvalidField::new(field, Problem::Missing));
    match (device, blocks, roots) {
        (None, ..) | (Some(_), Some(_), Some(_)) => Ok(()),
        (_, None, _) => missing(FEC_BLOCKS),
        _ => missing(FEC_ROOTS.field()),
    }
}

/// Checks the FEC options. The kernel refuses numbers out of range also without an FEC device.
pub(super) fn check_fec(table: &VerityTable) -> Result<(), InvalidField> {
    check_fec_is_complete(&table.options)?;
    let max = max_blocks(table.data.block_size);
    let within = |field, min, blocks| Limits::new(field, min, max).check(blocks);
    table.options.fec_start.map_or(Ok(()), |start| within(FEC_START, 0, start))?;
    let (Some(_), Some(blocks)) = (&table.options.use_fec_from_device, table.options.fec_blocks) else {
        return table.options.fec_blocks.map_or(Ok(()), |blocks| within(FEC_BLOCKS, 0, blocks));
    };
    if table.data.block_size != table.hash.block_size {
        return Err(InvalidField::new(FEC_DEVICE, Problem::Conflict("different data and hash block sizes")));
    }
    within(FEC_BLOCKS, table.data_blocks.0.saturating_add(tree_blocks(table)).max(1), blocks)
}

/// The number of blocks of the hash tree. The number of hashes in a block is a power of two, although more may fit.
fn tree_blocks(table: &VerityTable) -> u64 {
    let fitting = u64::from(table.hash.block_size).checked_div(table.digest.size() as u64);
    let hashes = fitting.and_then(u64::checked_ilog2).map_or(0, |exponent| 1_u64 << exponent);
    let (mut level, mut blocks) = (table.data_blocks.0, 0_u64);
    while level > 1 && hashes > 1 {
        level = level.div_ceil(hashes);
        blocks = blocks.saturating_add(level);
    }
    blocks
}

/// How many blocks forward error correction (FEC) has corrected; printed as `-` without an FEC device.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum FecCorrections {
    /// The table has no FEC device.
    NoFec,
    /// The number of corrected blocks since the table was loaded.
    Blocks(u64),
}

impl Value for FecCorrections {
    fn read(word: Word<'_>) -> Result<Self, Problem> {
        Option::read(word).map(|blocks| blocks.map_or(Self::NoFec, Self::Blocks))
    }

    fn print(&self, out: &mut Printer<'_, '_>) -> fmt::Result {
        match self {
            Self::NoFec => out.write_char('-'),
            Self::Blocks(blocks) => blocks.print(out),
        }
    }
}
