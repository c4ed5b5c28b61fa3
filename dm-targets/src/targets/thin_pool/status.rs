//! The status of a `thin-pool` target.

use alloc::vec::Vec;
use core::fmt;

use dm_units::{DataBlocks, MetaBlocks};

use crate::option::keywords::keywords;
use crate::{Concern, Fields, Health, Params, ParseError, Printer, Usage, WordBuf};

keywords! {
    exact;
    /// The operations that a pool can still perform.
    pub enum PoolMode {
        /// All operations.
        ReadWrite = "rw",
        /// The metadata cannot change, because the table requests this mode, an error occurred, or no metadata block is
        /// free. Reads still work, as do writes to mapped blocks that no other thin device shares.
        ReadOnly = "ro",
        /// Data blocks cannot be allocated until blocks are freed or the pool is extended.
        OutOfDataSpace = "out_of_data_space",
    }
}

keywords! {
    exact;
    /// How the pool handles discards.
    pub enum PoolDiscard {
        /// Discards are not supported.
        Ignore = "ignore_discard",
        /// A discard frees blocks of the pool and is passed to the data device.
        Passdown = "discard_passdown",
        /// A discard frees blocks of the pool, but is not passed to the data device.
        NoPassdown = "no_discard_passdown",
    }
}

keywords! {
    exact;
    /// How the pool handles writes that need a data block when none is free.
    pub enum PoolNoSpace {
        /// Writes fail.
        Error = "error_if_no_space",
        /// Writes block until space is available or the parameter `no_space_timeout` of the module `dm_thin_pool`
        /// expires (60 seconds by default). After that, writes fail, and the status shows [`Error`](Self::Error).
        Queue = "queue_if_no_space",
    }
}

keywords! {
    exact;
    /// Whether the metadata must be checked with `thin_check`.
    pub enum PoolCheck {
        /// No check is necessary.
        NotNeeded = "-",
        /// The metadata must be checked, and repaired if necessary, before the pool can be read-write again.
        Needed = "needs_check",
    }
}

/// The state of a pool, or why it is not known.
///
/// ```
/// use dm_targets::thin_pool::{PoolMode, ThinPoolStatus};
/// use dm_targets::{Target, ThinPool};
/// use dm_units::DataBlocks;
///
/// let text = "77 4110/65536 1/4096 - rw discard_passdown queue_if_no_space - 1024 ";
/// let ThinPoolStatus::Working(pool) = ThinPool::parse_status(text)? else { return Ok(()) };
/// assert_eq!((pool.data.used, pool.data.total), (DataBlocks(1), DataBlocks(4096)));
/// assert_eq!((pool.transaction_id, pool.mode), (77, Some(PoolMode::ReadWrite)));
/// # Ok::<(), dm_targets::ParseError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub enum ThinPoolStatus {
    /// The pool works; it may be read-only or out of space.
    Working(WorkingPool),
    /// The metadata has failed. All I/O fails until the metadata is repaired.
    Fail,
    /// The kernel could not read the metadata.
    Error,
}

/// The figures in the status of a working `thin-pool` target.
///
/// A field that an old kernel does not print is `None`.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct WorkingPool {
    /// A number that user space sets with
    /// [`ThinPoolMessage::SetTransactionId`](super::ThinPoolMessage::SetTransactionId). After a crash, it tells user
    /// space which of its steps were completed.
    pub transaction_id: u64,
    /// The used and total blocks of the metadata device. The used ones include the kernel's reserve: a tenth of the
    /// total, at most 4096 blocks.
    pub metadata: Usage<MetaBlocks>,
    /// The used and total blocks of the data device, in blocks of the table's block size.
    pub data: Usage<DataBlocks>,
    /// The metadata block at which the metadata snapshot starts; `None` if none is reserved.
    pub held_root: Option<MetaBlocks>,
    /// The operations that the pool can still perform.
    pub mode: Option<PoolMode>,
    /// How the pool handles discards.
    pub discard: Option<PoolDiscard>,
    /// How the pool handles writes that need a data block when none is free.
    pub no_space: Option<PoolNoSpace>,
    /// Whether the metadata must be checked with `thin_check`.
    pub check: Option<PoolCheck>,
    /// The low water mark for metadata: the kernel sends an event when the number of free metadata blocks falls to this
    /// number. The reserve counts as free here, unlike in [`metadata`](Self::metadata).
    pub metadata_low_water: Option<MetaBlocks>,
    /// Words after the known ones, which a later kernel may print.
    #[cfg_attr(feature = "serde", serde(default))]
    pub extra: Vec<WordBuf>,
}

impl ThinPoolStatus {
    pub(super) fn health(&self) -> Health {
        match self {
            Self::Working(pool) => pool.health(),
            Self::Fail => Health { repairs: 1, ..Health::only(Concern::Failed) },
            Self::Error => Health::only(Concern::NoFigures),
        }
    }
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
    fn health(&self) -> Health {
        let Usage { used, total } = self.metadata;
        let free = MetaBlocks(total.0.saturating_sub(used.0));
        let low = self.metadata_low_water.is_some_and(|low| free <= low) || self.metadata.is_full();
        let needs_check = self.check == Some(PoolCheck::Needed);
        let unknown = matches!(self.mode, Some(PoolMode::Other(_))) || matches!(self.check, Some(PoolCheck::Other(_)));
        Health {
            data: Some(self.data.numbers()),
            metadata: Some(self.metadata.numbers()),
            repairs: needs_check.into(),
            ..Health::default()
        }
        .concern(Concern::ReadOnly, self.mode == Some(PoolMode::ReadOnly))
        .concern(Concern::OutOfDataSpace, self.mode == Some(PoolMode::OutOfDataSpace) || self.data.is_full())
        .concern(Concern::LowMetadataSpace, low)
        .concern(Concern::NeedsCheck, needs_check)
        .concern(Concern::Unknown, unknown)
    }

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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Target, ThinPool};

    #[test]
    fn a_status_of_an_early_kernel_ends_early() {
        let text = "0 4109/65536 0/4096 - rw ";
        let status = ThinPool::parse_status(text).unwrap();
        let ThinPoolStatus::Working(pool) = &status else { panic!("{status:?}") };
        assert_eq!((&pool.mode, &pool.discard), (&Some(PoolMode::ReadWrite), &None));
        assert_eq!(status.to_string(), text);
        assert_eq!(
            ThinPool::parse_status("0 4109/65536 0/4096").unwrap_err().to_string(),
            "thin-pool status: word 4, held metadata root, is missing"
        );
        assert_eq!(
            ThinPool::parse_status("Fail Fail").unwrap_err().to_string(),
            "thin-pool status: word 1, transaction id, must be a decimal number"
        );
    }
}
