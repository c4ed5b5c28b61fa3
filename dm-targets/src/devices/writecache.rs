//! Methods of write caches: attach to a device in use, write back, detach.

use core::time::Duration;

use dm_core::{AsDmName, Host};
use dm_units::{DataBlocks, DeviceNumber};

use super::{DevError, LinearDev, MappedDev, Progress, WritecacheDev};
use crate::writecache::{WritecacheMessage, WritecacheStatus, WritecacheTable};
use crate::{Usage, Work, WorkKind, Writecache};

/// A device whose writes go to a fast device first.
///
/// The fast device of a new cache must begin with 4096 bytes of zeros. This is not checked. If the fast device holds an
/// older cache, reads return the blocks of that cache instead of the origin's data, and these blocks overwrite the
/// data.
///
/// The methods refuse a table with several lines ([`DevError::SeveralLines`]), since messages reach only the first
/// line.
///
/// ```no_run
/// use std::time::Duration;
///
/// use dm_core::Host;
/// use dm_targets::devices::{LinearDev, WritecacheDev};
/// use dm_targets::writecache::{WritecacheKind, WritecacheTable};
/// use dm_units::DeviceNumber;
///
/// let host = Host::open()?;
/// let home = LinearDev::open(&host, "home")?;
/// let fast = DeviceNumber::new(259, 0);
/// let table = |origin| WritecacheTable::new(WritecacheKind::Ssd, origin, fast, 4096);
/// let (_slow, cached) = WritecacheDev::attach(&host, &home, "home-slow", table)?;
///
/// // Later, to free the fast device while home is in use:
/// for work in cached.clean(&host, Duration::from_secs(1))? {
///     println!("{:?} % written back", work?.done.and_then(|done| done.percent()));
/// }
/// let home = cached.detach(&host)?;
/// println!("{} is not cached any more", home.name());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
impl MappedDev<Writecache> {
    /// Attaches a write cache to a device in use, which keeps its name and contents.
    ///
    /// The active table moves to a new private device, `origin_name`. This device becomes the origin of the cache.
    /// `cache` makes the cache's table from the origin's number. When a step fails, all steps are undone. If the
    /// new table is active but udev does not finish, the cache stays attached
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
        cache: impl FnOnce(DeviceNumber) -> WritecacheTable,
    ) -> Result<(LinearDev, WritecacheDev), DevError> {
        Self::lay_over(host, device, origin_name, cache)
    }

    /// Writes back all cached blocks, and returns when they are written. Later writes are cached as before.
    ///
    /// This can take minutes for a large cache. To see the progress, use [`clean`](Self::clean).
    ///
    /// # Errors
    ///
    /// [`is_busy`](DevError::is_busy): the device is suspended. [`DevError::WritecacheFailed`].
    pub fn flush(&self, host: &Host) -> Result<(), DevError> {
        match self.send(host, WritecacheMessage::Flush) {
            Ok(()) => Ok(()),
            Err(error) if error.is_busy() => Err(error),
            Err(error) => Err(self.working(host).err().unwrap_or(error)),
        }
    }

    /// Makes the next suspension write back all cached blocks. The origin then holds all data, and can be copied or
    /// used without the cache while the device is suspended.
    ///
    /// The suspension takes as long as these writes. If one of them fails, only the status shows the error.
    ///
    /// # Errors
    ///
    /// As [`message`](MappedDev::message).
    pub fn flush_on_suspend(&self, host: &Host) -> Result<(), DevError> {
        self.send(host, WritecacheMessage::FlushOnSuspend)
    }

    /// Writes back all cached blocks. No further blocks are cached until the cache's table is replaced. The returned
    /// progress ends when nothing is cached.
    ///
    /// The progress also ends when the cache fails. In that case, [`detach`](Self::detach) returns
    /// [`DevError::WritecacheFailed`].
    ///
    /// # Errors
    ///
    /// As [`message`](MappedDev::message). A step of the progress fails if the status cannot be read.
    pub fn clean<'h>(&self, host: &'h Host, interval: Duration) -> Result<Progress<'h, Writecache>, DevError> {
        self.send(host, WritecacheMessage::Cleaner)?;
        Ok(self.progress_of(host, interval, cleaning))
    }

    /// Detaches a clean cache while the device is in use, so that the device maps its origin directly. The fast device
    /// is then free.
    ///
    /// No further blocks are cached from this call on, even if it returns [`DevError::Dirty`].
    ///
    /// # Errors
    ///
    /// [`DevError::Dirty`]: blocks have not been written back. Call [`clean`](Self::clean) first.
    /// [`DevError::WritecacheFailed`]. In both cases the cache is still attached. Otherwise as
    /// [`set_table`](MappedDev::set_table).
    pub fn detach(&self, host: &Host) -> Result<LinearDev, DevError> {
        // Writes after the status was read must not be cached.
        self.send(host, WritecacheMessage::Cleaner)?;
        let blocks = DataBlocks(self.working(host)?.used());
        if blocks.0 > 0 {
            return Err(DevError::Dirty { cache: self.to_id(), blocks });
        }
        self.replace_by(host, &self.table(host)?, |table| &table.origin)
    }

    /// Sends a message to the only line.
    fn send(&self, host: &Host, message: WritecacheMessage) -> Result<(), DevError> {
        self.check_single(&self.table(host)?)?;
        self.message(host, &message).map(drop)
    }

    /// The status, if the cache has not failed. After an error, blocks that count as written back may be missing on the
    /// origin (`__writecache_endio_ssd` in drivers/md/dm-writecache.c).
    fn working(&self, host: &Host) -> Result<WritecacheStatus, DevError> {
        let status = self.unflushed_status(host)?;
        if status.error == 0 { Ok(status) } else { Err(DevError::WritecacheFailed(self.to_id())) }
    }
}

/// The work of a cache that writes back all that it holds.
fn cleaning(status: &WritecacheStatus) -> Option<Work> {
    let done = Usage { used: status.free, total: status.blocks };
    (status.error == 0 && status.used() > 0).then(|| Work::new(WorkKind::Cleaning, Some(done)))
}
