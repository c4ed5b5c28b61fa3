//! What caches can do beyond what every device can: put in front of a device in use, cleaned, taken off again.

use core::time::Duration;

use dm_core::{AsDmName, Host, StatusOptions};
use dm_units::DeviceNumber;

use super::{CacheDev, DevError, LinearDev, MappedDev, Progress};
use crate::Cache;
use crate::cache::{CacheIoMode, CachePolicy, CacheStatus, CacheTable, WorkingCache};
use crate::table::TableLine;

/// A slow device with a fast one in front of it.
///
/// The metadata device of a new cache must begin with zeros: 4096 bytes are enough. Settings of the policy are changed with
/// [`CacheMessage::Set`](crate::cache::CacheMessage::Set).
impl MappedDev<Cache> {
    /// Puts a cache in front of a device in use, whose name and contents stay as they are.
    ///
    /// What the device was until now becomes a device of its own, `origin_name`, over which the cache is laid.
    /// `cache` makes the cache's table of its number. When a step fails, everything is as before.
    ///
    /// # Errors
    ///
    /// [`is_already_exists`](DevError::is_already_exists): the origin's name is taken. [`is_invalid`](DevError::is_invalid): the
    /// kernel refuses the cache. [`DevError::Table`].
    pub fn put_before(
        host: &Host,
        device: &LinearDev,
        origin_name: impl AsDmName,
        cache: impl FnOnce(DeviceNumber) -> CacheTable,
    ) -> Result<(LinearDev, CacheDev), DevError> {
        Self::lay_over(host, device, origin_name, cache)
    }

    /// Lets the cache write back all dirty blocks, and keep it so: it is written through from now on, by the policy `cleaner`.
    /// Follows the work until no block is dirty.
    ///
    /// # Errors
    ///
    /// Those of [`change`](MappedDev::change). A step of the progress fails if the status can't be read.
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

    /// Takes a clean cache off its origin while the device is in use: from now on it is the origin itself. The devices of the
    /// cache are then free.
    ///
    /// # Errors
    ///
    /// [`DevError::Dirty`]: blocks have not been written back, see [`clean`](Self::clean); nothing was done.
    pub fn take_off(&self, host: &Host) -> Result<LinearDev, DevError> {
        let table = self.table(host)?;
        let is_kept_clean = |line: &TableLine<Cache>| line.params.features.io_mode == Some(CacheIoMode::Writethrough);
        let dirty = self.figures(host)?.dirty;
        if dirty.0 > 0 || !table.lines().iter().all(is_kept_clean) {
            return Err(DevError::Dirty { cache: self.to_id(), blocks: dirty });
        }
        self.replace_by(host, &table, |table| &table.origin)
    }

    /// The figures of the cache, read without committing its metadata first.
    ///
    /// # Errors
    ///
    /// [`DevError::CacheFailed`].
    pub fn figures(&self, host: &Host) -> Result<WorkingCache, DevError> {
        match self.status(host, StatusOptions::new().noflush(true))? {
            CacheStatus::Working(cache) => Ok(*cache),
            _ => Err(DevError::CacheFailed(self.to_id())),
        }
    }
}
