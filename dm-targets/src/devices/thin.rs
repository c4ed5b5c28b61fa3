//! What thin devices can do beyond what every device can.

use dm_core::{Host, ReloadOptions};
use dm_units::Sectors;

use super::{DevError, MappedDev};
use crate::thin::{ThinDevId, ThinTable};
use crate::{Device, Thin};

/// What a thin device's table says.
pub(super) struct ThinLine {
    pub(super) id: ThinDevId,
    pub(super) length: Sectors,
    pub(super) external_origin: Option<Device>,
}

/// A device that takes blocks of its pool when it is written.
impl MappedDev<Thin> {
    /// Its id in the pool.
    ///
    /// # Errors
    ///
    /// [`DevError::PoolFailed`].
    pub fn dev_id(&self, host: &Host) -> Result<ThinDevId, DevError> {
        Ok(self.line(host)?.id)
    }

    /// What its table says; of several lines, the first.
    pub(super) fn line(&self, host: &Host) -> Result<ThinLine, DevError> {
        match self.table(host)?.lines() {
            [line, ..] => match &line.params {
                ThinTable::Device { id, external_origin, .. } => {
                    Ok(ThinLine { id: *id, length: line.length, external_origin: external_origin.clone() })
                }
                _ => Err(DevError::PoolFailed(self.id().to_owned())),
            },
            [] => Err(DevError::NoTable(self.id().to_owned())),
        }
    }

    /// Makes it longer or shorter.
    ///
    /// A file system on it has to be grown afterwards, or shrunk before. What is cut off stays mapped in the pool, and is there
    /// again when the device is made longer: discard it first to free it.
    ///
    /// # Errors
    ///
    /// Those of [`change`](MappedDev::change).
    pub fn set_length(&self, host: &Host, length: Sectors) -> Result<(), DevError> {
        self.set_length_with(host, length, ReloadOptions::new())
    }

    /// Makes it longer or shorter, with options for the suspension above all.
    ///
    /// Under a full pool that holds writes back, a suspension that flushes waits until the pool has space; one with
    /// [`noflush`](dm_core::SuspendPolicy::noflush) does not.
    ///
    /// # Errors
    ///
    /// As [`set_length`](Self::set_length).
    pub fn set_length_with(&self, host: &Host, length: Sectors, options: ReloadOptions) -> Result<(), DevError> {
        self.change_with(host, options, |lines| lines.iter_mut().for_each(|line| line.length = length))
    }
}
