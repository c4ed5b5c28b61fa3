//! Operations of caches: attach to a device in use, clean, detach.

use core::time::Duration;

use dm_core::{AsDmName, Host};
use dm_units::DeviceNumber;

use super::{CacheDev, DevError, LinearDev, MappedDev, Progress};
use crate::Cache;
use crate::cache::{CacheIoMode, CachePolicy, CacheStatus, CacheTable, WorkingCache};
use crate::table::TableLine;

/// A cache on a fast device for a slow one, its origin.
///
/// The first 4096 bytes of a new cache's metadata device must be zero. To change settings of the policy, send
/// [`CacheMessage::Set`](crate::cache::CacheMessage::Set) with [`message`](MappedDev::message).
impl MappedDev<Cache> {
    /// Attaches a cache to a device in use, which keeps its name and contents.
    ///
    /// The present table moves to a new private device, `origin_name`, which becomes the origin of the cache. `cache`
    /// makes the cache's table from the number of that device. The metadata device must begin with 4096 bytes of zeros,
    /// which is not checked. If it holds the metadata of an older cache, the blocks of that cache are read instead of
    /// the device's data, and may be written over it.
    ///
    /// When a step fails, all steps are undone. The cache stays attached if udev does not finish after the switch
    /// ([`OpError::is_done`](dm_core::OpError::is_done)).
    ///
    /// # Errors
    ///
    /// [`is_already_exists`](DevError::is_already_exists): the origin's name is taken.
    /// [`is_invalid`](DevError::is_invalid): the kernel refuses the cache. [`DevError::Table`]: the cache's table is
    /// not valid. [`DevError::NotUndone`]: the origin could not be removed again.
    pub fn attach(
        host: &Host,
        device: &LinearDev,
        origin_name: impl AsDmName,
        cache: impl FnOnce(DeviceNumber) -> CacheTable,
    ) -> Result<(LinearDev, CacheDev), DevError> {
        Self::lay_over(host, device, origin_name, cache)
    }

    /// Changes the cache to the policy `cleaner`, which writes back all dirty blocks and keeps the cache clean. The
    /// returned progress ends when no block is dirty, or when the cache fails; it does not end while the origin refuses
    /// writes. Afterwards the cache is in writethrough mode, and the settings of its old policy are gone.
    ///
    /// # Errors
    ///
    /// As [`change`](MappedDev::change). A step of the progress fails if the status cannot be read.
    pub fn clean<'h>(&self, host: &'h Host, interval: Duration) -> Result<Progress<'h, Cache>, DevError> {
        self.change(host, |lines| {
            for line in lines {
                line.params.policy = CachePolicy::Cleaner;
                line.params.policy_args.clear();
                line.params.features.io_mode = Some(CacheIoMode::Writethrough);
            }
        })?;
        Ok(self.progress(host, interval))
    }

    /// Detaches a clean cache while the device is in use, so that the device maps its origin directly. The metadata
    /// device and the fast device are then free; the origin stays in use.
    ///
    /// # Errors
    ///
    /// [`DevError::Dirty`]: blocks have not been written back, or the cache is in writeback mode, so that they may
    /// become dirty at any time: call [`clean`](Self::clean) first. [`DevError::CacheFailed`].
    /// [`DevError::SeveralLines`]. Nothing was changed in these cases. Others as [`set_table`](MappedDev::set_table).
    pub fn detach(&self, host: &Host) -> Result<LinearDev, DevError> {
        let table = self.table(host)?;
        let is_kept_clean = |line: &TableLine<Cache>| {
            matches!(line.params.features.io_mode, Some(CacheIoMode::Writethrough | CacheIoMode::Passthrough))
        };
        let dirty = self.figures(host)?.dirty;
        if dirty.0 > 0 || !table.lines().iter().all(is_kept_clean) {
            return Err(DevError::Dirty { cache: self.to_id(), blocks: dirty });
        }
        self.replace_by(host, &table, |table| &table.origin)
    }

    /// Reads the figures of the cache, without committing its metadata first.
    ///
    /// # Errors
    ///
    /// [`DevError::CacheFailed`]: the cache has failed and reports no figures.
    pub fn figures(&self, host: &Host) -> Result<WorkingCache, DevError> {
        match self.unflushed_status(host)? {
            CacheStatus::Working(cache) => Ok(*cache),
            _ => Err(DevError::CacheFailed(self.to_id())),
        }
    }
}
