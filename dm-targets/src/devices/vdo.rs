//! What vdo devices can do beyond what every device can: statistics, compression and deduplication switched in use.

use alloc::boxed::Box;

use dm_core::{Host, StatusOptions};

use super::{DevError, MappedDev};
use crate::Vdo;
use crate::vdo::{VdoConfig, VdoIndexState, VdoMessage, VdoReply, VdoStats};

/// A device that stores equal blocks once, and compresses them.
///
/// A volume is formatted by `vdoformat`. It is grown with [`change`](MappedDev::change): a longer line for the logical size,
/// another number of blocks in its table for the physical one, after the device below has grown.
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
    /// Counts and sizes since the device was set up.
    ///
    /// # Errors
    ///
    /// [`DevError::Text`]: the answer can't be read. Those of [`message`](MappedDev::message).
    pub fn stats(&self, host: &Host) -> Result<Box<VdoStats>, DevError> {
        match self.message(host, &VdoMessage::Stats)? {
            VdoReply::Stats(stats) => Ok(stats),
            _ => Err(DevError::NoAnswer(self.to_id())),
        }
    }

    /// How the volume was formatted.
    ///
    /// # Errors
    ///
    /// As [`stats`](Self::stats).
    pub fn config(&self, host: &Host) -> Result<VdoConfig, DevError> {
        match self.message(host, &VdoMessage::Config)? {
            VdoReply::Config(config) => Ok(config),
            _ => Err(DevError::NoAnswer(self.to_id())),
        }
    }

    /// Whether what is written from now on is compressed. A table that is loaded later decides again.
    ///
    /// # Errors
    ///
    /// [`is_busy`](DevError::is_busy): another message is being processed.
    pub fn set_compression(&self, host: &Host, on: bool) -> Result<(), DevError> {
        self.message(host, &VdoMessage::Compression(on)).map(drop)
    }

    /// Whether what is written from now on is looked up in the index, so that equal blocks are stored once. A table that is
    /// loaded later decides again.
    ///
    /// The index is opened in the background: [`index_state`](Self::index_state) says when it is
    /// [`Online`](VdoIndexState::Online).
    ///
    /// # Errors
    ///
    /// As [`set_compression`](Self::set_compression).
    pub fn set_deduplication(&self, host: &Host, on: bool) -> Result<(), DevError> {
        self.message(host, if on { &VdoMessage::IndexEnable } else { &VdoMessage::IndexDisable }).map(drop)
    }

    /// Makes a new, empty index in the place of one that has failed. Blocks that are stored already are not in it.
    ///
    /// # Errors
    ///
    /// As [`set_compression`](Self::set_compression).
    pub fn create_index(&self, host: &Host) -> Result<(), DevError> {
        self.message(host, &VdoMessage::IndexCreate).map(drop)
    }

    /// What the index is doing.
    ///
    /// # Errors
    ///
    /// Those of [`status`](MappedDev::status).
    pub fn index_state(&self, host: &Host) -> Result<VdoIndexState, DevError> {
        Ok(self.status(host, StatusOptions::new().noflush(true))?.index)
    }
}
