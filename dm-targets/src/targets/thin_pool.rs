//! `thin-pool`: the blocks and the metadata of [`thin`](crate::thin) devices.
//!
//! ```text
//! table   = <metadata> <data> <block_size> <low_water> [<#features> {<feature>}]
//! feature = skip_block_zeroing | ignore_discard | no_discard_passdown | read_only | error_if_no_space
//! status  = <transaction_id> <used>/<total> <used>/<total> <held_root>
//!           [<mode> [<discard> [<no_space> [<check> [<meta_low_water>]]]]]
//!         | Fail | Error
//! message = create_thin <dev_id> | create_snap <dev_id> <origin_id> | delete <dev_id>
//!         | set_transaction_id <current> <new>
//!         | reserve_metadata_snap | release_metadata_snap
//! ```
//!
//! | word | type | unit | range |
//! |---|---|---|---|
//! | metadata, data | [`Device`] | | must be spelled differently |
//! | block_size | [`Sectors`] | sectors | 128 to 2097152 (64 KiB to 1 GiB), a multiple of 128 |
//! | low_water | [`DataBlocks`] | data blocks | |
//! | #features | count | words | at most 4 when loaded, although there are five |
//! | used/total | [`Usage`] | metadata blocks of 4 KiB, then data blocks | |
//! | held_root | [`MetaBlocks`] or `-` | number of a metadata block | |
//! | check | `needs_check` or `-` | | |
//! | meta_low_water | [`MetaBlocks`] | metadata blocks | |
//!
//! The table and the status with figures end with a space. Early kernels print fewer words in the status. The features
//! of the table are those that were asked for, the status has those in effect.
//!
//! Messages are answered with nothing. They fail with `EOPNOTSUPP` once the pool is out of metadata space, read-only or
//! failed.
//!
//! Kernel: `pool_ctr`, `pool_status` and `pool_message` in `drivers/md/dm-thin.c`.

use alloc::vec::Vec;
use core::fmt;

use dm_units::{DataBlocks, MetaBlocks, Sectors};

use crate::flags::{Flag, flags};
use crate::keywords::keywords;
use crate::thin::ThinDevId;
use crate::{
    Device, Feature, Fields, InvalidField, Limits, Message, NoReply, Params, ParseError, Printer, Problem, Target,
    Usage, WordBuf,
};

const METADATA: &str = "metadata dev";
const DATA: &str = "data dev";
const BLOCK_SIZE: Limits = Limits::new("data block size", 128, 1 << 21).multiple_of(128);
const FEATURE_COUNT: Limits = Limits::new("number of features", 0, 4);

const FLAGS: [Flag<ThinPoolTable>; 5] =
    flags![skip_block_zeroing, ignore_discard, no_discard_passdown, read_only, error_if_no_space];

/// The `thin-pool` target.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ThinPool {}

impl Target for ThinPool {
    const TYPE: &'static str = "thin-pool";
    type Table = ThinPoolTable;
    type Status = ThinPoolStatus;
    type Message = ThinPoolMessage;

    const SINGLETON: bool = true;

    const FEATURES: &'static [Feature] = &[
        Feature { name: "ignore_discard", since: (1, 1, 0) },
        Feature { name: "no_discard_passdown", since: (1, 1, 0) },
        Feature { name: "error_if_no_space", since: (1, 10, 0) },
    ];

    fn check(table: &ThinPoolTable, _: Sectors) -> Result<(), InvalidField> {
        check_devices(&table.metadata, &table.data)?;
        BLOCK_SIZE.check(table.block_size)?;
        let features = Flag::count(&FLAGS, table, &table.other_features);
        FEATURE_COUNT.check(features as u64)
    }
}

fn check_devices(metadata: &Device, data: &Device) -> Result<(), InvalidField> {
    if metadata == data {
        return Err(InvalidField::new(DATA, Problem::SameAs(METADATA)));
    }
    Ok(())
}

/// The table of a `thin-pool` target.
///
/// ```
/// use dm_targets::thin_pool::ThinPoolTable;
/// use dm_units::{DataBlocks, DeviceNumber, Sectors};
///
/// let [metadata, data] = [DeviceNumber::new(254, 32), DeviceNumber::new(254, 48)];
/// let table = ThinPoolTable::new(metadata, data, Sectors(128), DataBlocks(1024)).error_if_no_space();
/// assert_eq!(table.to_string(), "254:32 254:48 128 1024 1 error_if_no_space ");
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ThinPoolTable {
    /// Holds what is mapped where.
    pub metadata: Device,
    /// Holds the blocks.
    pub data: Device,
    /// The size of a block.
    pub block_size: Sectors,
    /// An event is sent when fewer blocks than this are free.
    pub low_water: DataBlocks,
    /// New blocks are not zeroed.
    pub skip_block_zeroing: bool,
    /// Discards are not supported at all.
    pub ignore_discard: bool,
    /// Discards give blocks back to the pool, but do not reach the data device.
    pub no_discard_passdown: bool,
    /// The metadata is never changed.
    pub read_only: bool,
    /// Writes fail at once when there is no space, instead of waiting.
    pub error_if_no_space: bool,
    /// Features that this version does not know; they are printed after the others.
    pub other_features: Vec<WordBuf>,
}

impl ThinPoolTable {
    /// A pool with no features.
    pub fn new(
        metadata: impl Into<Device>,
        data: impl Into<Device>,
        block_size: Sectors,
        low_water: DataBlocks,
    ) -> Self {
        Self {
            metadata: metadata.into(),
            data: data.into(),
            block_size,
            low_water,
            skip_block_zeroing: false,
            ignore_discard: false,
            no_discard_passdown: false,
            read_only: false,
            error_if_no_space: false,
            other_features: Vec::new(),
        }
    }

    /// Does not zero new blocks.
    #[must_use]
    pub fn skip_block_zeroing(self) -> Self {
        Self { skip_block_zeroing: true, ..self }
    }

    /// Does not support discards.
    #[must_use]
    pub fn ignore_discard(self) -> Self {
        Self { ignore_discard: true, ..self }
    }

    /// Does not pass discards down to the data device.
    #[must_use]
    pub fn no_discard_passdown(self) -> Self {
        Self { no_discard_passdown: true, ..self }
    }

    /// Never changes the metadata.
    #[must_use]
    pub fn read_only(self) -> Self {
        Self { read_only: true, ..self }
    }

    /// Fails writes when there is no space, instead of letting them wait.
    #[must_use]
    pub fn error_if_no_space(self) -> Self {
        Self { error_if_no_space: true, ..self }
    }
}

impl Params for ThinPoolTable {
    fn parse(fields: &mut Fields<'_>) -> Result<Self, ParseError> {
        let (metadata, data) = (fields.read(METADATA)?, fields.read(DATA)?);
        check_devices(&metadata, &data).map_err(|invalid| fields.blame(invalid))?;
        let block_size = fields.read_within(&BLOCK_SIZE)?;
        let mut table = Self::new(metadata, data, block_size, fields.read("low water mark")?);
        let mut features = fields.read_optional_group(FEATURE_COUNT.field())?;
        table.other_features = features.read_flags("feature", &FLAGS, &mut table)?;
        Ok(table)
    }
}

impl fmt::Display for ThinPoolTable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Printer::new(f)
            .put(&self.metadata)
            .put(&self.data)
            .put(&self.block_size)
            .put(&self.low_water)
            .flags(&FLAGS, self, &self.other_features)
            .space()
            .end()
    }
}

keywords! {
    exact;
    /// What a pool can still do.
    pub enum PoolMode {
        /// Everything.
        ReadWrite = "rw",
        /// Reading; also what a pool without free metadata does.
        ReadOnly = "ro",
        /// No new blocks until the data device is extended.
        OutOfDataSpace = "out_of_data_space",
    }
}

keywords! {
    exact;
    /// What becomes of discards.
    pub enum PoolDiscard {
        /// They are not supported.
        Ignore = "ignore_discard",
        /// They reach the data device.
        Passdown = "discard_passdown",
        /// They only give blocks back to the pool.
        NoPassdown = "no_discard_passdown",
    }
}

keywords! {
    exact;
    /// What becomes of writes when there is no space.
    pub enum PoolNoSpace {
        /// They fail.
        Error = "error_if_no_space",
        /// They wait for space, up to a time-out.
        Queue = "queue_if_no_space",
    }
}

keywords! {
    exact;
    /// Whether the metadata must be checked.
    pub enum PoolCheck {
        /// It need not.
        NotNeeded = "-",
        /// Nothing can be written until it has been checked, and repaired where that is due.
        Needed = "needs_check",
    }
}

/// The status of a `thin-pool` target.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub enum ThinPoolStatus {
    /// The pool works, perhaps not for writing.
    Working(WorkingPool),
    /// The pool has failed; it is of no use until it is repaired.
    Fail,
    /// The figures could not be read.
    Error,
}

/// The figures of a `thin-pool` target.
///
/// Early kernels end after the first few fields: what is not printed is `None`, and so is everything after it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct WorkingPool {
    /// A number that the pool keeps for user space, to tell whether a change of several steps was completed.
    pub transaction_id: u64,
    /// How full the metadata device is.
    pub metadata: Usage<MetaBlocks>,
    /// How full the data device is, in blocks of the table's block size.
    pub data: Usage<DataBlocks>,
    /// The metadata block of the reserved snapshot of the metadata, if there is one.
    pub held_root: Option<MetaBlocks>,
    /// What the pool can still do.
    pub mode: Option<PoolMode>,
    /// What becomes of discards.
    pub discard: Option<PoolDiscard>,
    /// What becomes of writes when there is no space.
    pub no_space: Option<PoolNoSpace>,
    /// Whether the metadata must be checked.
    pub check: Option<PoolCheck>,
    /// An event is sent when fewer metadata blocks than this are free.
    pub metadata_low_water: Option<MetaBlocks>,
    /// Words that later kernels may print.
    #[cfg_attr(feature = "serde", serde(default, skip_serializing_if = "Vec::is_empty"))]
    pub extra: Vec<WordBuf>,
}

impl Params for ThinPoolStatus {
    fn parse(fields: &mut Fields<'_>) -> Result<Self, ParseError> {
        if fields.take_all("Fail") {
            return Ok(Self::Fail);
        }
        if fields.take_all("Error") {
            return Ok(Self::Error);
        }
        WorkingPool::parse(fields).map(Self::Working)
    }
}

impl fmt::Display for ThinPoolStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Working(pool) => pool.print(&mut Printer::printed(f)),
            Self::Fail => f.write_str("Fail"),
            Self::Error => f.write_str("Error"),
        }
    }
}

impl WorkingPool {
    #[inline]
    fn parse(fields: &mut Fields<'_>) -> Result<Self, ParseError> {
        Ok(Self {
            transaction_id: fields.read("transaction id")?,
            metadata: fields.read("used/total metadata blocks")?,
            data: fields.read("used/total data blocks")?,
            held_root: fields.read("held metadata root")?,
            mode: fields.read_optional("mode")?,
            discard: fields.read_optional("discard mode")?,
            no_space: fields.read_optional("no space mode")?,
            check: fields.read_optional("needs_check")?,
            metadata_low_water: fields.read_optional("metadata low watermark")?,
            extra: fields.read_rest("extra")?,
        })
    }

    fn print(&self, out: &mut Printer<'_, '_>) -> fmt::Result {
        out.put(&self.transaction_id).put(&self.metadata).put(&self.data).put(&self.held_root);
        out.all(&self.mode).all(&self.discard).all(&self.no_space).all(&self.check);
        out.all(&self.metadata_low_water).all(&self.extra).space().end()
    }
}

/// A message to a `thin-pool` target.
///
/// ```
/// use dm_targets::thin::ThinDevId;
/// use dm_targets::thin_pool::ThinPoolMessage;
///
/// let message = ThinPoolMessage::CreateThin(ThinDevId::new(7)?);
/// assert_eq!(message.to_string(), "create_thin 7");
/// # Ok::<(), dm_targets::InvalidField>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ThinPoolMessage {
    /// Creates an empty thin device; fails with `EEXIST` if there is one.
    CreateThin(ThinDevId),
    /// Creates a thin device as a snapshot of another, which must not be in use without being suspended.
    CreateSnap {
        /// The new device.
        id: ThinDevId,
        /// The device that it is a snapshot of.
        origin: ThinDevId,
    },
    /// Deletes a thin device; fails with `EBUSY` while it is open.
    Delete(ThinDevId),
    /// Changes the transaction id; fails with `EINVAL` if the current one is another.
    SetTransactionId {
        /// The transaction id that is expected to be in force.
        current: u64,
        /// The one to be in force from now on.
        new: u64,
    },
    /// Takes a snapshot of the metadata that can be read while the pool is in use.
    ReserveMetadataSnap,
    /// Gives that snapshot back.
    ReleaseMetadataSnap,
}

impl Message for ThinPoolMessage {
    type Reply = NoReply;
}

impl Params for ThinPoolMessage {
    fn parse(fields: &mut Fields<'_>) -> Result<Self, ParseError> {
        let name = fields.next_word().ok_or_else(|| fields.missing("message"))?;
        Ok(match name {
            _ if name.is("create_thin") => Self::CreateThin(fields.read("dev id")?),
            _ if name.is("create_snap") => {
                Self::CreateSnap { id: fields.read("dev id")?, origin: fields.read("origin id")? }
            }
            _ if name.is("delete") => Self::Delete(fields.read("dev id")?),
            _ if name.is("set_transaction_id") => {
                Self::SetTransactionId { current: fields.read("current id")?, new: fields.read("new id")? }
            }
            _ if name.is("reserve_metadata_snap") => Self::ReserveMetadataSnap,
            _ if name.is("release_metadata_snap") => Self::ReleaseMetadataSnap,
            _ => return Err(fields.error("message", Problem::Unknown)),
        })
    }
}

impl fmt::Display for ThinPoolMessage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut out = Printer::new(f);
        match self {
            Self::CreateThin(id) => out.word("create_thin").put(id),
            Self::CreateSnap { id, origin } => out.word("create_snap").put(id).put(origin),
            Self::Delete(id) => out.word("delete").put(id),
            Self::SetTransactionId { current, new } => out.word("set_transaction_id").put(current).put(new),
            Self::ReserveMetadataSnap => out.word("reserve_metadata_snap"),
            Self::ReleaseMetadataSnap => out.word("release_metadata_snap"),
        };
        out.end()
    }
}
