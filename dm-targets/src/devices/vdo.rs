//! Operations of VDO devices: statistics, and compression and deduplication switched while in use.

use alloc::boxed::Box;

use dm_core::Host;

use super::{DevError, MappedDev};
use crate::Vdo;
use crate::vdo::{VdoConfig, VdoIndexState, VdoMessage, VdoReply, VdoStats};

/// A device that deduplicates and compresses its blocks.
///
/// Format a volume with `vdoformat`. To grow it, use [`change`](MappedDev::change): a longer line increases the logical
/// size. A larger number of blocks in the table increases the physical size, after the underlying device has grown.
///
/// The logical block size, cached blocks, era length and threads cannot change while the volume is active: the kernel
/// refuses such a table ([`is_invalid`](DevError::is_invalid), with a line in the kernel's log), and
/// [`TakeOver::Update`](dm_core::TakeOver::Update) fails and changes nothing. To change these fields, remove the
/// device and set it up again.
///
/// ```no_run
/// use dm_core::Host;
/// use dm_targets::devices::VdoDev;
/// use dm_targets::vdo::VdoIndexState;
///
/// let host = Host::open()?;
/// let archive = VdoDev::open(&host, "archive")?;
/// archive.set_compression(&host, true)?;
/// if archive.index_state(&host)? == VdoIndexState::Offline {
///     archive.set_deduplication(&host, true)?;
/// }
/// println!("{}", archive.stats(&host)?);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
impl MappedDev<Vdo> {
    /// Reads the statistics of the volume: counters and current sizes.
    ///
    /// # Errors
    ///
    /// [`DevError::Text`]: the reply cannot be parsed. Otherwise as [`message`](MappedDev::message).
    pub fn stats(&self, host: &Host) -> Result<Box<VdoStats>, DevError> {
        match self.message(host, &VdoMessage::Stats)? {
            VdoReply::Stats(stats) => Ok(stats),
            _ => Err(DevError::NotReported(self.to_id())),
        }
    }

    /// Reads the current sizes of the volume, and the parameters that `vdoformat` has set for its index and its slabs.
    /// Slabs are the parts of equal size in which the volume allocates blocks.
    ///
    /// # Errors
    ///
    /// As [`stats`](Self::stats).
    pub fn config(&self, host: &Host) -> Result<VdoConfig, DevError> {
        match self.message(host, &VdoMessage::Config)? {
            VdoReply::Config(config) => Ok(config),
            _ => Err(DevError::NotReported(self.to_id())),
        }
    }

    /// Sets whether new data is compressed. Each resume restores the setting in the table.
    ///
    /// # Errors
    ///
    /// [`is_busy`](DevError::is_busy): another message is being processed.
    pub fn set_compression(&self, host: &Host, on: bool) -> Result<(), DevError> {
        self.message(host, &VdoMessage::Compression(on)).map(drop)
    }

    /// Sets whether new data is looked up in the index, so that equal blocks are stored once. Each resume restores the
    /// setting in the table.
    ///
    /// The index is opened in the background: [`index_state`](Self::index_state) tells when it is
    /// [`Online`](VdoIndexState::Online).
    ///
    /// # Errors
    ///
    /// As [`set_compression`](Self::set_compression).
    pub fn set_deduplication(&self, host: &Host, on: bool) -> Result<(), DevError> {
        self.message(host, if on { &VdoMessage::IndexEnable } else { &VdoMessage::IndexDisable }).map(drop)
    }

    /// Replaces the index with a new, empty one in the background. The new index does not contain blocks that are
    /// already stored, so new data is not deduplicated against them.
    ///
    /// # Errors
    ///
    /// As [`set_compression`](Self::set_compression).
    pub fn create_index(&self, host: &Host) -> Result<(), DevError> {
        self.message(host, &VdoMessage::IndexCreate).map(drop)
    }

    /// Reads the state of the index.
    ///
    /// # Errors
    ///
    /// As [`status`](MappedDev::status).
    pub fn index_state(&self, host: &Host) -> Result<VdoIndexState, DevError> {
        Ok(self.unflushed_status(host)?.index)
    }
}
