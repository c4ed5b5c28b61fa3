//! Error correction.
//!
//! Kernel: `verity_fec_parse_opt_args`, `verity_fec_ctr` and `verity_fec_status_table` in
//! `drivers/md/dm-verity-fec.c`.

use core::fmt::{self, Write};

use dm_units::DataBlocks;

use super::{VerityTable, most_blocks};
use crate::{Device, Fields, InvalidField, Limits, Number, ParseError, Printer, Problem, Value, Word};

pub(super) const FEC_DEVICE: &str = "use_fec_from_device";
const FEC_BLOCKS: Limits = Limits::new("fec_blocks", 1, u64::MAX);
const FEC_START: Limits = Limits::new("fec_start", 0, u64::MAX);
const FEC_ROOTS: Limits = Limits::new("fec_roots", 2, 24);

/// Error correction: what makes up for blocks that are wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct VerityFec {
    /// Holds the parity.
    pub device: Device,
    /// How many blocks it covers: the data, the hashes and what follows them.
    pub blocks: DataBlocks,
    /// Where on the device it starts; at 0 where it is not given. The kernel always prints it.
    pub start: Option<DataBlocks>,
    /// How many bytes of parity each code word of 255 bytes has.
    pub roots: u8,
}

impl VerityFec {
    /// Parity for `blocks` blocks, on `device` from `start` on.
    pub fn new(device: impl Into<Device>, blocks: DataBlocks, start: DataBlocks, roots: u8) -> Self {
        Self { device: device.into(), blocks, start: Some(start), roots }
    }

    /// How many words the options are.
    pub(super) fn word_count(&self) -> usize {
        if self.start.is_some() { 8 } else { 6 }
    }

    pub(super) fn print(&self, out: &mut Printer<'_, '_>) {
        out.word(FEC_DEVICE).put(&self.device).word(FEC_BLOCKS.field()).put(&self.blocks);
        if let Some(start) = &self.start {
            out.word(FEC_START.field()).put(start);
        }
        out.word(FEC_ROOTS.field()).put(&self.roots);
    }
}

/// Error correction while its options are read, which can stand in any order.
#[derive(Default)]
pub(super) struct FecOptions {
    device: Option<Device>,
    blocks: Option<DataBlocks>,
    start: Option<DataBlocks>,
    roots: Option<u8>,
}

impl FecOptions {
    /// Reads the value of an option. `Ok(false)` if the option is none of these.
    pub(super) fn read(&mut self, word: Word<'_>, options: &mut Fields<'_>) -> Result<bool, ParseError> {
        match () {
            () if word.is(FEC_DEVICE) => read_value(options, &mut self.device, FEC_DEVICE)?,
            () if word.is(FEC_BLOCKS.field()) => read_number(options, &mut self.blocks, &FEC_BLOCKS)?,
            () if word.is(FEC_START.field()) => read_number(options, &mut self.start, &FEC_START)?,
            () if word.is(FEC_ROOTS.field()) => read_number(options, &mut self.roots, &FEC_ROOTS)?,
            () => return Ok(false),
        }
        Ok(true)
    }

    /// All of it; the name of an option that is missing; or nothing if no option was given.
    pub(super) fn finish(self) -> Result<Option<VerityFec>, InvalidField> {
        let missing = |field| InvalidField::new(field, Problem::Missing);
        if self.device.is_none() && self.blocks.is_none() && self.start.is_none() && self.roots.is_none() {
            return Ok(None);
        }
        Ok(Some(VerityFec {
            device: self.device.ok_or(missing(FEC_DEVICE))?,
            blocks: self.blocks.ok_or(missing(FEC_BLOCKS.field()))?,
            start: self.start,
            roots: self.roots.ok_or(missing(FEC_ROOTS.field()))?,
        }))
    }
}

/// Reads the value of an option that may be given only once.
pub(super) fn read_value<T: Value>(
    options: &mut Fields<'_>,
    slot: &mut Option<T>,
    option: &'static str,
) -> Result<(), ParseError> {
    if slot.is_some() {
        return Err(options.error(option, Problem::Repeated));
    }
    *slot = Some(options.read_argument(option)?);
    Ok(())
}

/// The same for a number, which is checked.
fn read_number<T: Number>(options: &mut Fields<'_>, slot: &mut Option<T>, limits: &Limits) -> Result<(), ParseError> {
    read_value(options, slot, limits.field())?;
    slot.map_or(Ok(()), |number| limits.check(number)).map_err(|invalid| options.blame(invalid))
}

/// Checks error correction.
pub(super) fn check_fec(table: &VerityTable, fec: &VerityFec) -> Result<(), InvalidField> {
    if table.data.block_size != table.hash.block_size {
        return Err(InvalidField::new(FEC_DEVICE, Problem::Conflict("blocks of two sizes")));
    }
    let most = most_blocks(table.data.block_size);
    Limits::new(FEC_BLOCKS.field(), table.data_blocks.0.max(1), most).check(fec.blocks)?;
    fec.start.map_or(Ok(()), |start| Limits::new(FEC_START.field(), 0, most).check(start))?;
    FEC_ROOTS.check(fec.roots)
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
