//! Operations of thin devices: read the id, change the length.

use dm_core::{Host, ReloadOptions};
use dm_units::Sectors;

use super::{DevError, MappedDev};
use crate::thin::{ThinDevId, ThinTable};
use crate::{Device, Thin};

/// The fields of a thin device's table.
pub(super) struct ThinLine {
    pub(super) pool: Device,
    pub(super) id: ThinDevId,
    pub(super) length: Sectors,
    pub(super) external_origin: Option<Device>,
}

/// A device whose blocks are allocated from a pool when they are first written.
impl MappedDev<Thin> {
    /// Reads the id of this thin device in its pool.
    ///
    /// # Errors
    ///
    /// As [`table`](MappedDev::table): [`DevError::PoolFailed`] if the pool has failed.
    pub fn dev_id(&self, host: &Host) -> Result<ThinDevId, DevError> {
        Ok(self.line(host)?.id)
    }

    /// Reads its table, or the first line if there are several.
    pub(super) fn line(&self, host: &Host) -> Result<ThinLine, DevError> {
        match self.table(host)?.lines() {
            [line, ..] => match &line.params {
                ThinTable::Device { pool, id, external_origin, .. } => Ok(ThinLine {
                    pool: pool.clone(),
                    id: *id,
                    length: line.length,
                    external_origin: external_origin.clone(),
                }),
                _ => Err(DevError::PoolFailed(self.id().to_owned())),
            },
            [] => Err(DevError::NoTable(self.id().to_owned())),
        }
    }

    /// Changes the length of the device while it is in use.
    ///
    /// Grow a file system after you extend the device, or shrink it before you shorten the device. Blocks beyond the
    /// new end stay allocated in the pool, and reappear when the device is extended again. To free them, discard them
    /// first.
    ///
    /// # Errors
    ///
    /// As [`change`](MappedDev::change).
    pub fn set_length(&self, host: &Host, length: Sectors) -> Result<(), DevError> {
        self.set_length_with(host, length, ReloadOptions::new())
    }

    /// Changes the length of the device, with options such as those of the suspension.
    ///
    /// If the pool is full and holds writes back, a suspension with a flush blocks until the pool has space, or until
    /// these writes fail after the kernel's `no_space_timeout` (60 seconds by default). A suspension with
    /// [`noflush`](dm_core::SuspendPolicy::noflush) does not block, and the writes stay held back.
    ///
    /// # Errors
    ///
    /// As [`set_length`](Self::set_length).
    pub fn set_length_with(&self, host: &Host, length: Sectors, options: ReloadOptions) -> Result<(), DevError> {
        self.change_with(host, options, |lines| lines.iter_mut().for_each(|line| line.length = length))
    }
}
