//! The status of a `vdo` target.

use alloc::vec::Vec;
use core::fmt;

use dm_units::DataBlocks;

use crate::option::keywords::keywords;
use crate::{Concern, Fields, Health, Params, ParseError, Printer, Usage, WordBuf};

keywords! {
    exact;
    /// Which operations a volume can perform.
    pub enum VdoMode {
        /// All operations.
        Normal = "normal",
        /// All operations, while the volume is recovering from a crash.
        Recovering = "recovering",
        /// Only reads, after an error, until the volume is repaired.
        ReadOnly = "read-only",
    }
}

keywords! {
    exact;
    /// Whether a volume is recovering from a crash.
    pub enum VdoRecovery {
        /// The volume is not recovering.
        None = "-",
        /// The volume is recovering.
        Recovering = "recovering",
    }
}

keywords! {
    exact;
    /// The state of the deduplication index.
    pub enum VdoIndexState {
        /// The index is closed.
        Closed = "closed",
        /// The index is being closed.
        Closing = "closing",
        /// The index has failed.
        Error = "error",
        /// The index is open but not used.
        Offline = "offline",
        /// The index is used.
        Online = "online",
        /// The index is being opened.
        Opening = "opening",
        /// The device is suspended.
        Suspended = "suspended",
        /// A state that the kernel has no name for.
        Unknown = "unknown",
    }
}

keywords! {
    exact;
    /// Whether new data is compressed.
    pub enum VdoCompression {
        /// New data is compressed.
        Online = "online",
        /// New data is not compressed.
        Offline = "offline",
    }
}

/// The state of a volume, and how full it is.
///
/// ```
/// use dm_targets::vdo::VdoMode;
/// use dm_targets::{Target, Vdo};
/// use dm_units::DataBlocks;
///
/// let status = Vdo::parse_status("/dev/vdi normal - online offline 1049284 2097152")?;
/// assert_eq!((status.mode, status.used, status.total), (VdoMode::Normal, DataBlocks(1049284), DataBlocks(2097152)));
/// # Ok::<(), dm_targets::ParseError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct VdoStatus {
    /// The device that holds the volume: `/dev/` and the kernel's name of the device, such as `/dev/sda`.
    pub device: WordBuf,
    /// The operations that the volume can perform.
    pub mode: VdoMode,
    /// Whether the volume is recovering from a crash.
    pub recovery: VdoRecovery,
    /// The state of the deduplication index.
    pub index: VdoIndexState,
    /// Whether new data is compressed.
    pub compression: VdoCompression,
    /// The number of used blocks of 4 KiB, for data and metadata.
    pub used: DataBlocks,
    /// The number of all blocks of 4 KiB.
    pub total: DataBlocks,
    /// Words after the known ones, which a later kernel may print.
    #[cfg_attr(feature = "serde", serde(default))]
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
