//! Operations of caches: attach to a device in use, clean, detach.

use core::time::Duration;

use dm_core::{AsDmName, Host};
use dm_units::DeviceNumber;

use super::{CacheDev, DevError, LinearDev, MappedDev, Progress};
use crate::Cache;
use crate::cache::{CacheIoMode, CachePolicy, CacheStatus, CacheTable, WorkingCache};
use crate::table::TableLine;

/// A cache on a fast device for a slow device, the origin.
///
/// The first 4096 bytes of a new cache's metadata device must be zero. To change settings of the policy, send
/// [`CacheMessage::Set`](crate::cache::CacheMessage::Set) with [`message`](MappedDev::message).
impl MappedDev<Cache> {
    /// Attaches a cache to a device in use, which keeps its name and contents.
    ///
    /// The active table moves to a new private device, `origin_name`. This device becomes the origin of the cache.
    /// `cache` makes the cache's table from the origin's number.
    ///
    /// The metadata device must begin with 4096 bytes of zeros. This is not checked. If the metadata device holds the
    /// metadata of an older cache, reads return that cache's blocks instead of the device's data, and these blocks may
    /// overwrite the data.
    ///
    /// When a step fails, all steps are undone. If the new table is active but udev does not finish, the cache stays
    /// attached ([`OpError::is_done`](dm_core::OpError::is_done)).
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

    /// Writes back all dirty blocks and keeps the cache clean. For this, the policy is changed to `cleaner` and the
    /// mode to writethrough; the settings of the old policy are lost.
    ///
    /// The returned progress ends when no block is dirty, or when the cache fails. It does not end while the origin
    /// refuses writes.
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
    /// [`DevError::Dirty`]: blocks have not been written back, or can become dirty at any time because the cache is in
    /// writeback mode. Call [`clean`](Self::clean) first. [`DevError::CacheFailed`]. [`DevError::SeveralLines`].
    /// Nothing was changed in these cases. Otherwise as [`set_table`](MappedDev::set_table).
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

    /// Reads the figures in the status, such as the number of dirty blocks. The metadata is not committed first.
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
