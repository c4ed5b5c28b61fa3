//! The status of a vdo.

use alloc::vec::Vec;
use core::fmt;

use dm_units::DataBlocks;

use crate::option::keywords::keywords;
use crate::{Concern, Fields, Health, Params, ParseError, Printer, Usage, WordBuf};

keywords! {
    exact;
    /// What a vdo can do.
    pub enum VdoMode {
        /// Everything.
        Normal = "normal",
        /// Everything, while it is recovering from a crash.
        Recovering = "recovering",
        /// Reading, after an error, until it is repaired.
        ReadOnly = "read-only",
    }
}

keywords! {
    exact;
    /// Whether a vdo is recovering from a crash.
    pub enum VdoRecovery {
        /// It is not.
        None = "-",
        /// It is.
        Recovering = "recovering",
    }
}

keywords! {
    exact;
    /// What the index of known data is doing.
    pub enum VdoIndexState {
        /// Nothing, it is not open.
        Closed = "closed",
        /// It is being closed.
        Closing = "closing",
        /// Nothing, it has failed.
        Error = "error",
        /// It is open, but not used.
        Offline = "offline",
        /// It is used.
        Online = "online",
        /// It is being opened.
        Opening = "opening",
        /// The device is suspended.
        Suspended = "suspended",
        /// What should never be.
        Unknown = "unknown",
    }
}

keywords! {
    exact;
    /// Whether data is compressed.
    pub enum VdoCompression {
        /// It is.
        Online = "online",
        /// It is not.
        Offline = "offline",
    }
}

/// The status of a `vdo` target.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct VdoStatus {
    /// The path of the device that holds the volume, made of the kernel's name for it.
    pub device: WordBuf,
    /// What the volume can do.
    pub mode: VdoMode,
    /// Whether it is recovering from a crash.
    pub recovery: VdoRecovery,
    /// What the index is doing.
    pub index: VdoIndexState,
    /// Whether data is compressed.
    pub compression: VdoCompression,
    /// How many blocks of 4 KiB are used, for data and by the volume itself.
    pub used: DataBlocks,
    /// How many there are.
    pub total: DataBlocks,
    /// Words after the known ones, which a later kernel may print.
    #[cfg_attr(feature = "serde", serde(default, skip_serializing_if = "Vec::is_empty"))]
    pub extra: Vec<WordBuf>,
}

impl VdoStatus {
    pub(super) fn health(&self) -> Health {
        let data = Usage { used: self.used, total: self.total };
        let recovering = self.mode == VdoMode::Recovering || self.recovery == VdoRecovery::Recovering;
        let read_only = self.mode == VdoMode::ReadOnly;
        let unknown = matches!(self.mode, VdoMode::Other(_))
            || matches!(self.recovery, VdoRecovery::Other(_))
            || matches!(self.index, VdoIndexState::Unknown | VdoIndexState::Other(_));
        Health { data: Some(data.numbers()), repairs: read_only.into(), ..Health::default() }
            .concern(Concern::ReadOnly, read_only)
            .concern(Concern::OutOfDataSpace, data.is_full())
            .concern(Concern::Recovering, recovering)
            .concern(Concern::Disabled, self.index == VdoIndexState::Error)
            .concern(Concern::Unknown, unknown)
    }
}

impl Params for VdoStatus {
    fn parse(fields: &mut Fields<'_>) -> Result<Self, ParseError> {
        Ok(Self {
            device: fields.read("device")?,
            mode: fields.read("operating mode")?,
            recovery: fields.read("in recovery")?,
            index: fields.read("index state")?,
            compression: fields.read("compression state")?,
            used: fields.read("used physical blocks")?,
            total: fields.read("total physical blocks")?,
            extra: fields.read_rest("extra")?,
        })
    }
}

impl fmt::Display for VdoStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut out = Printer::printed(f);
        out.put(&self.device).put(&self.mode).put(&self.recovery).put(&self.index).put(&self.compression);
        out.put(&self.used).put(&self.total).all(&self.extra).end()
    }
}
