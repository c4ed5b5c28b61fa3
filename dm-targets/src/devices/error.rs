//! [`DevError`]: the errors of whole devices.

mod predicates;
pub(super) mod steps;

use alloc::boxed::Box;
use alloc::string::String;

use dm_core::block::BlockError;
use dm_core::{DevIdBuf, Error, NameError, OpError, ReplyError};
use dm_units::{DataBlocks, MetaBlocks, Sectors, Version};

use super::pool_metadata::PoolMetadata;
use super::pool_tools::PoolToolError;
#[cfg(feature = "verity-format")]
use super::verity::VerityError;
use crate::Usage;
use crate::errors::parse_error::ParseError;
use crate::errors::problem::InvalidField;
use crate::errors::table_error::TableError;
use crate::snapshot::SnapshotStatus;
use crate::thin_pool::PoolMode;

/// The error of an action on a mapped device.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DevError {
    /// An operation of [`Host`](dm_core::Host) failed. [`OpError`] tells which effects of the operation remain, usually
    /// none.
    #[error(transparent)]
    Operation(#[from] OpError),
    /// A command that is not part of an operation of [`Host`](dm_core::Host) failed.
    #[error(transparent)]
    Command(#[from] Error),
    /// A text is not a valid device name or uuid.
    #[error(transparent)]
    Name(#[from] NameError),
    /// The device has no active table.
    #[error("{0} has no active table")]
    NoTable(DevIdBuf),
    /// The active table has another target type or cannot be parsed, or the method made a table that the kernel would
    /// refuse.
    #[error("the table of {device} cannot be used")]
    #[non_exhaustive]
    Table {
        /// The device with this table.
        device: DevIdBuf,
        /// The error in the table.
        source: TableError,
    },
    /// The kernel would refuse the table that was passed to create or set up a device. Nothing was changed.
    #[error("the requested table cannot be used")]
    #[non_exhaustive]
    RequestedTable {
        /// The error in the table.
        source: TableError,
    },
    /// A status, or the reply to a message, cannot be parsed.
    #[error("the reply of {device} cannot be read")]
    #[non_exhaustive]
    Text {
        /// The device that reported the text.
        device: DevIdBuf,
        /// The error in the text.
        source: ParseError,
    },
    /// The request is not valid for this device. Nothing was changed.
    #[error("the request to {device} is not valid")]
    #[non_exhaustive]
    Request {
        /// The device of the request.
        device: DevIdBuf,
        /// The error in the request.
        source: InvalidField,
    },
    /// The pool has failed, so it reports no figures for itself or its thin devices.
    #[error("the thin pool has failed, so {0} cannot be used; check the kernel's log, then repair the pool's metadata")]
    PoolFailed(DevIdBuf),
    /// The metadata of the cache has failed, so it reports no figures.
    #[error("the cache {0} has failed; check the kernel's log, then repair its metadata")]
    CacheFailed(DevIdBuf),
    /// The metadata of the clone has failed, so it reports no figures.
    #[error("the clone {0} has failed; check the kernel's log, then repair its metadata")]
    CloneFailed(DevIdBuf),
    /// The metadata of the era device cannot be read.
    #[error("the metadata of the era device {0} cannot be read; check the kernel's log")]
    EraFailed(DevIdBuf),
    /// The table has several lines, but the action supports only one, since it cannot rule out data loss in the others.
    #[error(
        "the table of {0} has several lines, but this method requires a table of one line; load another table instead"
    )]
    SeveralLines(DevIdBuf),
    /// The target does not report the requested data, usually because the kernel is too old.
    #[error("the target of {0} does not report the requested data; this kernel may be too old")]
    NotReported(DevIdBuf),
    /// A device of the write cache has failed, so the origin may lack data.
    #[error(
        "the write cache {0} has failed, and its origin may lack data; repair the device that failed, then load the table \
         again"
    )]
    WritecacheFailed(DevIdBuf),
    /// The cache has dirty blocks, or is in writeback mode, so that blocks can become dirty at any time.
    #[error("the cache {cache} is not clean: {blocks} blocks are dirty, or could become so; clean it first")]
    #[non_exhaustive]
    Dirty {
        /// The cache device.
        cache: DevIdBuf,
        /// The number of dirty blocks.
        blocks: DataBlocks,
    },
    /// The array or mirror has no such leg.
    #[error("{array} has no leg {leg}, counted from 0")]
    #[non_exhaustive]
    NoLeg {
        /// The array or mirror device.
        array: DevIdBuf,
        /// The index of the leg, from 0.
        leg: u32,
    },
    /// The leg that would be kept may lack data. If a leg is added, replaced or removed, every remaining leg may lack
    /// data.
    #[error(
        "no suitable leg of {mirror} is known to hold all data: {} of {} regions are in sync; if you know which \
         one does, use rebuild_from or keep_leg_unchecked",
        regions.used, regions.total
    )]
    #[non_exhaustive]
    NoSource {
        /// The mirror device.
        mirror: DevIdBuf,
        /// The number of regions in sync, and of all regions.
        regions: Usage<u64>,
    },
    /// Some regions have not been copied yet, or the device that they are copied to has failed.
    #[error(
        "{} of {} regions of {device} are copied{}",
        regions.used, regions.total,
        if regions.used < regions.total { "; wait for the others" } else { ", but a device has failed" }
    )]
    #[non_exhaustive]
    NotCopied {
        /// The device of the request.
        device: DevIdBuf,
        /// The number of copied regions, and of all regions.
        regions: Usage<u64>,
    },
    /// No segment starts at this sector.
    #[error("no segment of {device} starts at sector {start}")]
    #[non_exhaustive]
    NoSegment {
        /// The device of the request.
        device: DevIdBuf,
        /// The requested start sector.
        start: Sectors,
    },
    /// A line of the table is neither a linear segment nor a segment that is being moved (a mirror with two legs).
    #[error("{0} has targets other than linear segments and segments that are being moved")]
    NotMoving(DevIdBuf),
    /// The device is suspended, and its target does not answer until the device is resumed.
    #[error("{0} is suspended, and its target answers only after a resume")]
    Suspended(DevIdBuf),
    /// The key of the device was wiped. The kernel prints it as zeros, and loading this table would set the key to
    /// zeros. Nothing was changed. A suspended device whose key really is zeros causes the same error.
    #[error("the key of {0} was wiped, and zeros would become its key; set its key first")]
    KeyWiped(DevIdBuf),
    /// The kernel is too old for the action.
    #[error("this kernel cannot {what} of {device}: it has interface version {found}, and {since} is needed")]
    #[non_exhaustive]
    Unsupported {
        /// The device of the request.
        device: DevIdBuf,
        /// The action, as words that continue "this kernel cannot".
        what: &'static str,
        /// The required version of the ioctl interface.
        since: Version,
        /// The version of the ioctl interface that the running kernel has.
        found: Version,
    },
    /// A block device cannot be opened, or refuses an action.
    #[error(transparent)]
    Block(Box<BlockError>),
    /// A merge has not finished, or has failed.
    #[error("the merge into {origin} is not done: {status}")]
    #[non_exhaustive]
    Merging {
        /// The origin of the merge.
        origin: DevIdBuf,
        /// The status of the merge.
        status: Box<SnapshotStatus>,
    },
    /// The new table is active, but the pool still has the old size, since it cannot write its metadata.
    #[error(
        "{pool} has not grown to {wanted} blocks: it has {blocks} and is in mode {mode}{}",
        if *needs_check { "; its metadata must be checked" } else { "; check the kernel's log" }
    )]
    #[non_exhaustive]
    NotGrown {
        /// The pool that did not grow.
        pool: DevIdBuf,
        /// The number of blocks that the pool has.
        blocks: DataBlocks,
        /// The number of blocks that was requested.
        wanted: DataBlocks,
        /// The mode of the pool.
        mode: PoolMode,
        /// Whether the pool's metadata must be checked before the pool can write it again.
        needs_check: bool,
    },
    /// The new table is active, but the pool still uses the old size of its metadata device, because its metadata must
    /// be checked.
    #[error("the metadata of {pool} has not grown to {wanted} blocks: it has {blocks}; check and repair it first")]
    #[non_exhaustive]
    MetadataNotGrown {
        /// The pool whose metadata did not grow.
        pool: DevIdBuf,
        /// The number of metadata blocks that the pool has.
        blocks: MetaBlocks,
        /// The number of metadata blocks that the metadata device can hold.
        wanted: MetaBlocks,
    },
    /// The metadata device of a pool contains data that the method does not accept. Nothing was done.
    #[error("the metadata device {device} holds {found}; {}", match **found {
        PoolMetadata::Pool { .. } => "take that pool over, or erase its metadata first",
        _ => "use another metadata device, or erase this one first",
    })]
    #[non_exhaustive]
    MetadataHolds {
        /// The metadata device, as the table names it.
        device: String,
        /// The contents of the device.
        found: Box<PoolMetadata>,
    },
    /// The metadata of a pool could not be checked or repaired, or is damaged.
    #[error(transparent)]
    PoolTool(Box<PoolToolError>),
    /// A hash tree could not be created, read or verified. Requires the feature `verity-format`.
    #[cfg(feature = "verity-format")]
    #[error(transparent)]
    Verity(Box<VerityError>),
    /// The transaction id of the pool is not the expected one.
    #[error(
        "the transaction id of {pool} is {found}, not {expected}: another program, or an earlier run, may have changed it"
    )]
    #[non_exhaustive]
    TransactionId {
        /// The pool device.
        pool: DevIdBuf,
        /// The expected id.
        expected: u64,
        /// The id that the pool has.
        found: u64,
    },
    /// A step failed, and the earlier steps could not be undone.
    #[error("the steps before could not be undone ({undo})")]
    #[non_exhaustive]
    NotUndone {
        /// The error of the step.
        #[source]
        cause: Box<DevError>,
        /// The error of the attempt to undo the earlier steps.
        undo: Box<DevError>,
    },
}

#[cfg(feature = "verity-format")]
impl From<VerityError> for DevError {
    fn from(error: VerityError) -> Self {
        Self::Verity(Box::new(error))
    }
}

impl From<BlockError> for DevError {
    fn from(error: BlockError) -> Self {
        Self::Block(Box::new(error))
    }
}

impl From<ReplyError> for DevError {
    fn from(error: ReplyError) -> Self {
        Self::Command(error.into())
    }
}

#[cfg(test)]
mod tests;
