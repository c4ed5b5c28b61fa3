//! Error correction: what makes up for blocks that are wrong.
//!
//! Kernel: `verity_fec_ctr` in `drivers/md/dm-verity-fec.c`.

use core::fmt::{self, Write};

use super::{VerityOptions, VerityTable, most_blocks};
use crate::{InvalidField, Limits, Printer, Problem, Value, Word};

pub(super) const FEC_DEVICE: &str = "use_fec_from_device";
pub(super) const FEC_BLOCKS: Limits = Limits::new("fec_blocks", 1, u64::MAX);
pub(super) const FEC_START: &str = "fec_start";
pub(super) const FEC_ROOTS: Limits = Limits::new("fec_roots", 2, 24);

/// Checks that all of error correction is given, or nothing of it.
pub(super) fn check_fec_is_whole(options: &VerityOptions) -> Result<(), InvalidField> {
    let VerityOptions { use_fec_from_device: device, fec_blocks: blocks, fec_start: start, fec_roots: roots, .. } =
        options;
    let missing = |field| Err(InvalidField::new(field, Problem::Missing));
    match (device, blocks, start, roots) {
        (None, None, None, None) | (Some(_), Some(_), _, Some(_)) => Ok(()),
        (None, ..) => missing(FEC_DEVICE),
        (_, None, ..) => missing(FEC_BLOCKS.field()),
        _ => missing(FEC_ROOTS.field()),
    }
}

/// Checks error correction.
pub(super) fn check_fec(table: &VerityTable) -> Result<(), InvalidField> {
    check_fec_is_whole(&table.options)?;
    let Some(blocks) = table.options.fec_blocks else { return Ok(()) };
    if table.data.block_size != table.hash.block_size {
        return Err(InvalidField::new(FEC_DEVICE, Problem::Conflict("blocks of two sizes")));
    }
    let most = most_blocks(table.data.block_size);
    Limits::new(FEC_BLOCKS.field(), table.data_blocks.0.max(1), most).check(blocks)?;
    table.options.fec_start.map_or(Ok(()), |start| Limits::new(FEC_START, 0, most).check(start))
}

/// How many blocks were corrected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum FecCorrections {
    /// There is no error correction.
    NoFec,
    /// So many.
    Blocks(u64),
}

impl Value for FecCorrections {
    fn read(word: Word<'_>) -> Result<Self, Problem> {
        Option::read(word).map(|blocks| blocks.map_or(Self::NoFec, Self::Blocks))
    }

    fn print(&self, out: &mut Printer<'_, '_>) -> fmt::Result {
        match self {
            Self::NoFec => out.write_str("-"),
            Self::Blocks(blocks) => blocks.print(out),
        }
    }
}
