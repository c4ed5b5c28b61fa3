//! `era`: records for each block the era in which the block was last written. The messages `checkpoint` and
//! `take_metadata_snap`, and every resume, start a new era.
//!
//! ```text
//! table   = <metadata> <origin> <block_size>
//! status  = <metadata_block_size> <used>/<total> <era> <held_root> | Error
//! message = checkpoint | take_metadata_snap | drop_metadata_snap
//! ```
//!
//! | word | type | unit | range |
//! |---|---|---|---|
//! | metadata, origin | [`Device`] | | |
//! | block_size | [`Sectors`] | sectors | 8 to 4294967288, a multiple of 8 |
//! | metadata_block_size | [`Sectors`] | sectors | 8 |
//! | used/total | [`Usage`] | metadata blocks | |
//! | era | `u32` | | from 1 on; 0 before the first resume |
//! | held_root | [`MetaBlocks`] or `-` | number of a metadata block | `-`: no snapshot is held |
//!
//! The status is `Error` if the kernel could not read or commit the metadata. Replies to messages are empty.
//!
//! While the device is suspended, the worker thread that handles status requests and messages is stopped. Both block
//! until the resume, and signals do not interrupt them.
//!
//! Kernel: `era_ctr`, `era_status` and `era_message` in `drivers/md/dm-era-target.c`.

use alloc::vec::Vec;
use core::fmt;

use dm_units::{MetaBlocks, Sectors};

use crate::{
    Concern, Device, Fields, Health, InvalidField, Limits, Message, NoReply, Params, ParseError, Printer, Problem,
    Target, Usage, WordBuf,
};

const BLOCK_SIZE: Limits = Limits::new("block size", 8, u32::MAX as u64).multiple_of(8);

/// The `era` target as a type parameter. The trait [`Target`] has the functions that parse its table, status and
/// messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Era {}

impl Target for Era {
    const TYPE: &'static str = "era";
    type Table = EraTable;
    type Status = EraStatus;
    type Message = EraMessage;

    fn check(table: &EraTable, _length: Sectors) -> Result<(), InvalidField> {
        BLOCK_SIZE.check(table.block_size)
    }

    fn health(status: &EraStatus) -> Health {
        match status {
            EraStatus::Working(era) => Health { metadata: Some(era.metadata.numbers()), ..Health::default() }
                .concern(Concern::LowMetadataSpace, era.metadata.is_full()),
            EraStatus::Error => Health::only(Concern::NoFigures),
        }
    }
}

/// The arguments of an `era` target: two devices, and the size of a block.
///
/// ```
/// use dm_targets::era::EraTable;
/// use dm_targets::{Era, Target};
/// use dm_units::{DeviceNumber, Sectors};
///
/// let table = EraTable::new(DeviceNumber::new(254, 32), DeviceNumber::new(254, 0), Sectors(128));
/// assert_eq!(table.to_string(), "254:32 254:0 128");
/// assert_eq!(Era::parse_table("254:32 254:0 128")?, table);
/// # Ok::<(), dm_targets::ParseError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct EraTable {
    /// The device that records the era in which each block was last written. For a new era device, its first 4096 bytes
    /// must be zeros.
    pub metadata: Device,
    /// The device that is mapped.
    pub origin: Device,
    /// The size of a block: 8 to 4294967288 sectors, a multiple of 8.
    pub block_size: Sectors,
}

impl EraTable {
    /// Maps `origin`, and records in `metadata` the era in which each block was last written. The values are not
    /// checked; [`Era::check`](Target::check) does that.
    pub fn new(metadata: impl Into<Device>, origin: impl Into<Device>, block_size: Sectors) -> Self {
        Self { metadata: metadata.into(), origin: origin.into(), block_size }
    }
}

impl Params for EraTable {
    fn parse(fields: &mut Fields<'_>) -> Result<Self, ParseError> {
        Ok(Self {
            metadata: fields.read("metadata dev")?,
            origin: fields.read("origin dev")?,
            block_size: fields.read_within(&BLOCK_SIZE)?,
        })
    }
}

impl fmt::Display for EraTable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Printer::new(f).put(&self.metadata).put(&self.origin).put(&self.block_size).end()
    }
}

/// The status of an `era` target: its figures, or `Error`. Requesting the status blocks while the device is suspended.
///
/// ```
/// use dm_targets::era::EraStatus;
/// use dm_targets::{Era, Target};
///
/// let EraStatus::Working(era) = Era::parse_status("8 20/65536 3 -")? else { return Ok(()) };
/// assert_eq!((era.era, era.held_root), (3, None));
/// # Ok::<(), dm_targets::ParseError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub enum EraStatus {
    /// The target works.
    Working(WorkingEra),
    /// The kernel could not read or commit the metadata.
    Error,
}

/// The figures in the status of a working `era` target.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct WorkingEra {
    /// The size of a metadata block: 8 sectors.
    pub metadata_block_size: Sectors,
    /// The used and total blocks of the metadata device.
    pub metadata: Usage<MetaBlocks>,
    /// The current era, counted from 1; 0 before the first resume.
    pub era: u32,
    /// The metadata block at which the metadata snapshot starts; `None` if no snapshot is held.
    pub held_root: Option<MetaBlocks>,
    /// Words after the known ones, which a later kernel may print.
    #[cfg_attr(feature = "serde", serde(default))]
    pub extra: Vec<WordBuf>,
}

impl Params for EraStatus {
    fn parse(fields: &mut Fields<'_>) -> Result<Self, ParseError> {
        if fields.take_all("Error") {
            return Ok(Self::Error);
        }
        Ok(Self::Working(WorkingEra {
            metadata_block_size: fields.read("metadata block size")?,
            metadata: fields.read("used/total metadata blocks")?,
            era: fields.read("current era")?,
            held_root: fields.read("held metadata root")?,
            extra: fields.read_rest("extra")?,
        }))
    }
}

impl fmt::Display for EraStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self::Working(era) = self else { return f.write_str("Error") };
        let mut out = Printer::printed(f);
        out.put(&era.metadata_block_size).put(&era.metadata).put(&era.era).put(&era.held_root);
        out.all(&era.extra).end()
    }
}

/// A message to an `era` target: starts an era, or takes or drops a metadata snapshot. Sending the message blocks while
/// the device is suspended.
///
/// ```
/// use dm_targets::era::EraMessage;
///
/// assert_eq!(EraMessage::Checkpoint.to_string(), "checkpoint");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum EraMessage {
    /// Starts a new era.
    Checkpoint,
    /// Takes a snapshot of the metadata, which user space can read while the target is in use. Also starts a new era.
    /// The kernel returns `EINVAL` if a snapshot already exists.
    TakeMetadataSnap,
    /// Releases the snapshot of the metadata. The kernel returns `EINVAL` if there is no snapshot.
    DropMetadataSnap,
}

impl Message for EraMessage {
    type Reply = NoReply;
}

impl Params for EraMessage {
    fn parse(fields: &mut Fields<'_>) -> Result<Self, ParseError> {
        let name = fields.next_word().ok_or_else(|| fields.missing("message"))?;
        match name {
            _ if name.is("checkpoint") => Ok(Self::Checkpoint),
            _ if name.is("take_metadata_snap") => Ok(Self::TakeMetadataSnap),
            _ if name.is("drop_metadata_snap") => Ok(Self::DropMetadataSnap),
            _ => Err(fields.error("message", Problem::Unknown)),
        }
    }
}

impl fmt::Display for EraMessage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Checkpoint => "checkpoint",
            Self::TakeMetadataSnap => "take_metadata_snap",
            Self::DropMetadataSnap => "drop_metadata_snap",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_are_multiples_of_eight_sectors() {
        let refusal = |text| Era::parse_table(text).unwrap_err().to_string();
        assert_eq!(refusal("254:32 254:0 12"), "era table: word 3, block size, must be a multiple of 8");
        assert_eq!(refusal("254:32 254:0 0"), "era table: word 3, block size, must be from 8 to 4294967288");
        let table = EraTable::new(Device::new("/dev/a").unwrap(), Device::new("/dev/b").unwrap(), Sectors(4));
        assert_eq!(Era::check(&table, Sectors(8)).unwrap_err().to_string(), "block size must be from 8 to 4294967288");
        assert!(Era::parse_table("254:32 254:0 24").is_ok(), "not only powers of two");
    }

    #[test]
    fn messages_are_one_word() {
        assert_eq!(Era::parse_message("CheckPoint"), Ok(EraMessage::Checkpoint));
        let refusal = |text| Era::parse_message(text).unwrap_err().to_string();
        assert_eq!(refusal("checkpoint now"), "era message: word 2 is one word too many");
        assert_eq!(refusal("check"), "era message: word 1, message, is not known");
        assert_eq!(refusal(""), "era message: word 1, message, is missing");
    }
}
