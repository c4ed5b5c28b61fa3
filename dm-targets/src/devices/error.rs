//! What can go wrong with a whole device.

use alloc::boxed::Box;

use dm_core::block::BlockError;
use dm_core::{DevIdBuf, Error, OpError, ReplyError};
use dm_units::{DataBlocks, Sectors, Version};

use crate::Usage;
use crate::errors::parse_error::ParseError;
use crate::errors::problem::InvalidField;
use crate::errors::table_error::TableError;
use crate::snapshot::SnapshotStatus;
use crate::thin_pool::PoolMode;

/// Why something with a whole device failed.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DevError {
    /// An operation failed. It says what is left of it, which usually is nothing.
    #[error(transparent)]
    Operation(#[from] OpError),
    /// A single command failed, which has changed nothing.
    #[error(transparent)]
    Command(#[from] Error),
    /// The device has no active table.
    #[error("{0} has no active table, so it is not a device of any kind yet")]
    NoTable(DevIdBuf),
    /// The active table is of another kind, or the requested table is one that the kernel would refuse.
    #[error("the table of {device} can't be used")]
    #[non_exhaustive]
    Table {
        /// The device.
        device: DevIdBuf,
        /// What is wrong with it.
        source: TableError,
    },
    /// The requested table of a device is one that the kernel would refuse; nothing was done.
    #[error("the requested table can't be used")]
    #[non_exhaustive]
    Wanted {
        /// What is wrong with it.
        source: TableError,
    },
    /// A status, or the answer to a message, can't be read.
    #[error("the answer of {device} can't be read")]
    #[non_exhaustive]
    Text {
        /// The device.
        device: DevIdBuf,
        /// What is wrong with it.
        source: ParseError,
    },
    /// The kernel would refuse what was requested; nothing was done.
    #[error("what was requested of {device} can't be done")]
    #[non_exhaustive]
    Request {
        /// The device.
        device: DevIdBuf,
        /// What is wrong with the request.
        source: InvalidField,
    },
    /// The pool has failed, so it reports nothing of itself or of its thin devices.
    #[error("the pool of {0} has failed; look at the kernel's log, then repair its metadata")]
    PoolFailed(DevIdBuf),
    /// The metadata of the cache has failed, so it reports nothing.
    #[error("the cache {0} has failed; look at the kernel's log, then repair its metadata")]
    CacheFailed(DevIdBuf),
    /// The metadata of the clone has failed, so it reports nothing.
    #[error("the clone {0} has failed; look at the kernel's log, then repair its metadata")]
    CloneFailed(DevIdBuf),
    /// The metadata of the era device can't be read.
    #[error("the metadata of the era device {0} can't be read; look at the kernel's log")]
    EraFailed(DevIdBuf),
    /// The table has several lines, and only the first could be asked whether nothing is lost.
    #[error(
        "the table of {0} has several lines, and this is done to devices of one line only; load another table instead"
    )]
    SeveralLines(DevIdBuf),
    /// The target does not report what was asked for.
    #[error("the target of {0} does not report what was asked for; this kernel may be too old")]
    NoAnswer(DevIdBuf),
    /// A device of the write cache has failed, so what it holds may not be on its origin.
    #[error(
        "the write cache {0} has failed, and may hold what its origin does not; repair the device that failed, then load the \
         table again"
    )]
    WritecacheFailed(DevIdBuf),
    /// Blocks of the cache differ from its origin, or could at any time, since writes do not go through to it.
    #[error("the cache {cache} is not clean: {blocks} blocks are dirty, or could become so; clean it first")]
    #[non_exhaustive]
    Dirty {
        /// The cache.
        cache: DevIdBuf,
        /// How many blocks are dirty.
        blocks: DataBlocks,
    },
    /// The array or mirror has no such leg.
    #[error("{array} has no leg {leg}, counted from 0")]
    #[non_exhaustive]
    NoLeg {
        /// The array or mirror.
        array: DevIdBuf,
        /// The leg.
        leg: u32,
    },
    /// No leg of the mirror, beside the one that is to be replaced or removed, is known to hold all data.
    #[error(
        "no leg of {mirror} that could be kept is known to hold all data: {} of {} regions are in sync; if you know which one \
         does, say so",
        regions.used, regions.total
    )]
    #[non_exhaustive]
    NoSource {
        /// The mirror.
        mirror: DevIdBuf,
        /// How many regions are in sync.
        regions: Usage<u64>,
    },
    /// Regions are still to be copied.
    #[error("{} of {} regions of {device} are copied; wait for the others", regions.used, regions.total)]
    #[non_exhaustive]
    NotCopied {
        /// The device.
        device: DevIdBuf,
        /// How many regions are copied.
        regions: Usage<u64>,
    },
    /// No segment starts at this sector.
    #[error("no segment of {device} starts at sector {start}")]
    #[non_exhaustive]
    NoSegment {
        /// The device.
        device: DevIdBuf,
        /// The sector.
        start: Sectors,
    },
    /// The device is not a linear one of which segments may be on the move.
    #[error("{0} does not consist of linear segments and of ones that are being moved")]
    NotMoving(DevIdBuf),
    /// The device is suspended, and its target would not answer until it is resumed.
    #[error("{0} is suspended, and its target answers only after it was resumed")]
    Suspended(DevIdBuf),
    /// The kernel is too old.
    #[error("this kernel cannot {what} of {device}: it has interface version {found}, and {since} is needed")]
    #[non_exhaustive]
    Unsupported {
        /// The device.
        device: DevIdBuf,
        /// What it can't do.
        what: &'static str,
        /// From which version of the ioctl interface on kernels can.
        since: Version,
        /// The version of this kernel.
        found: Version,
    },
    /// A device below can't be opened, or refuses.
    #[error(transparent)]
    Block(#[from] BlockError),
    /// A merge is not done.
    #[error("the merge into {origin} is not done: {status}")]
    #[non_exhaustive]
    Merging {
        /// The origin.
        origin: DevIdBuf,
        /// Its status.
        status: Box<SnapshotStatus>,
    },
    /// The pool has the new table and the old size: it can't write its metadata.
    #[error(
        "{pool} has not grown to {wanted} blocks: it has {blocks} and is in mode {mode}{}",
        if *needs_check { "; its metadata must be checked" } else { "; look at the kernel's log" }
    )]
    #[non_exhaustive]
    NotGrown {
        /// The pool.
        pool: DevIdBuf,
        /// How many blocks it has.
        blocks: DataBlocks,
        /// How many it should have.
        wanted: DataBlocks,
        /// What it can still do.
        mode: PoolMode,
        /// Whether its metadata must be checked before it can be written again.
        needs_check: bool,
    },
    /// The pool has another transaction id than expected.
    #[error(
        "the transaction id of {pool} is {found}, not {expected}: another program, or an earlier run, has changed it"
    )]
    #[non_exhaustive]
    TransactionId {
        /// The pool.
        pool: DevIdBuf,
        /// The one that was expected.
        expected: u64,
        /// The one that it has.
        found: u64,
    },
    /// Something failed, and what was done before could not be undone.
    #[error("what was done before could not be undone ({undo})")]
    #[non_exhaustive]
    NotUndone {
        /// What failed first.
        #[source]
        cause: Box<DevError>,
        /// What failed when that was to be undone.
        undo: Box<DevError>,
    },
}

impl DevError {
    /// The operation that failed, if it was one.
    #[must_use]
    pub fn operation(&self) -> Option<&OpError> {
        match self {
            Self::Operation(error) => Some(error),
            Self::NotUndone { cause, .. } => cause.operation(),
            _ => None,
        }
    }

    /// The command that failed, if it was one.
    #[must_use]
    pub fn command(&self) -> Option<&Error> {
        match self {
            Self::Command(error) => Some(error),
            Self::Operation(error) => error.command(),
            Self::NotUndone { cause, .. } => cause.command(),
            _ => None,
        }
    }

    /// The error of a block device, if it was one.
    #[must_use]
    pub fn block(&self) -> Option<&BlockError> {
        match self {
            Self::Block(error) => Some(error),
            Self::NotUndone { cause, .. } => cause.block(),
            _ => None,
        }
    }

    fn is(&self, operation: fn(&OpError) -> bool, command: fn(&Error) -> bool) -> bool {
        self.operation().is_some_and(operation) || self.command().is_some_and(command)
    }

    /// The number of the error that the kernel returned, if a system call failed.
    #[must_use]
    pub fn errno(&self) -> Option<i32> {
        let command = || self.command()?.errno();
        self.operation().and_then(OpError::errno).or_else(command).or_else(|| self.block()?.errno())
    }

    /// The device does not exist.
    #[must_use]
    pub fn is_not_found(&self) -> bool {
        self.is(OpError::is_not_found, Error::is_not_found) || self.block().is_some_and(BlockError::is_not_found)
    }

    /// The device is in use.
    #[must_use]
    pub fn is_busy(&self) -> bool {
        self.is(OpError::is_busy, Error::is_busy) || self.block().is_some_and(BlockError::is_busy)
    }

    /// The name, uuid or number is taken, or a thin device with this id exists.
    #[must_use]
    pub fn is_already_exists(&self) -> bool {
        self.is(OpError::is_already_exists, Error::is_already_exists)
    }

    /// The target has no such data: a pool that has no thin device with this id, for instance.
    #[must_use]
    pub fn is_no_data(&self) -> bool {
        self.is(OpError::is_no_data, Error::is_no_data)
    }

    /// The device, or its pool, can't be written.
    #[must_use]
    pub fn is_read_only(&self) -> bool {
        self.is(OpError::is_read_only, Error::is_read_only) || self.block().is_some_and(BlockError::is_not_writable)
    }

    /// No space is left where the operation needs some.
    #[must_use]
    pub fn is_no_space(&self) -> bool {
        self.is(OpError::is_no_space, Error::is_no_space)
    }

    /// The kernel found a fault in a table, a message or a name.
    #[must_use]
    pub fn is_invalid(&self) -> bool {
        self.is(OpError::is_invalid, Error::is_invalid)
    }

    /// A wait had no end within its timeout.
    #[must_use]
    pub fn is_timed_out(&self) -> bool {
        self.operation().is_some_and(OpError::is_timed_out)
    }

    /// A signal ended the operation.
    #[must_use]
    pub fn is_interrupted(&self) -> bool {
        self.is(OpError::is_interrupted, Error::is_interrupted)
    }

    /// The process may not do this.
    #[must_use]
    pub fn is_permission_denied(&self) -> bool {
        self.is(OpError::is_permission_denied, Error::is_permission_denied)
            || self.block().is_some_and(BlockError::is_permission_denied)
    }

    /// The running kernel does not know a command, or an option of it.
    #[must_use]
    pub fn is_unsupported(&self) -> bool {
        self.is(OpError::is_unsupported, Error::is_unsupported)
            || self.block().is_some_and(BlockError::is_unsupported)
            || matches!(self, Self::Unsupported { .. })
    }

    /// The error after an attempt to take back what was done before it.
    pub(super) fn undo(self, undone: Result<(), Self>) -> Self {
        match undone {
            Ok(()) => self,
            Err(undo) => Self::NotUndone { cause: Box::new(self), undo: Box::new(undo) },
        }
    }
}

impl From<ReplyError> for DevError {
    fn from(error: ReplyError) -> Self {
        Self::Command(error.into())
    }
}
