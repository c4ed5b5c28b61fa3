//! What a pool reports.

use alloc::vec::Vec;
use core::fmt;

use dm_units::{DataBlocks, MetaBlocks};

use crate::option::keywords::keywords;
use crate::{Concern, Fields, Health, Params, ParseError, Printer, Usage, WordBuf};

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
    /// An event is sent when no more metadata blocks than this are free.
    pub metadata_low_water: Option<MetaBlocks>,
    /// Words after the known ones, which a later kernel may print.
    #[cfg_attr(feature = "serde", serde(default, skip_serializing_if = "Vec::is_empty"))]
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
        assert!(ThinPool::parse_status("0 4109/65536 0/4096").is_err());
        assert!(ThinPool::parse_status("Fail Fail").is_err());
    }
}
