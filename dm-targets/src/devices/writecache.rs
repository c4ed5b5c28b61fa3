//! Methods of write caches: put in front of a device in use, written back, taken off again.

use core::time::Duration;

use dm_core::{AsDmName, Host};
use dm_units::{DataBlocks, DeviceNumber};

use super::{DevError, LinearDev, MappedDev, Progress, WritecacheDev};
use crate::writecache::{WritecacheMessage, WritecacheStatus, WritecacheTable};
use crate::{Usage, Work, WorkKind, Writecache};

/// A device whose writes go to a fast one first.
///
/// The fast device of a new cache must begin with zeros: 4096 bytes are enough.
///
/// A table of several lines is refused ([`DevError::SeveralLines`]), since messages reach the first line only.
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
/// // Later, to give the fast device back while home is in use:
/// for work in cached.clean(&host, Duration::from_secs(1))? {
///     println!("{:?} % written back", work?.done.and_then(|done| done.percent()));
/// }
/// let home = cached.detach(&host)?;
/// println!("{} is not cached any more", home.name());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
impl MappedDev<Writecache> {
    /// Puts a write cache in front of a device in use, whose name and contents stay as they are.
    ///
    /// What the device was until now becomes a private device, `origin_name`, over which the cache is laid. `cache` makes the
    /// cache's table of its number. When a step fails, everything is as before.
    ///
    /// # Errors
    ///
    /// [`is_already_exists`](DevError::is_already_exists): the origin's name is taken. [`is_invalid`](DevError::is_invalid): the
    /// kernel refuses the cache. [`DevError::Table`].
    pub fn attach(
        host: &Host,
        device: &LinearDev,
        origin_name: impl AsDmName,
        cache: impl FnOnce(DeviceNumber) -> WritecacheTable,
    ) -> Result<(LinearDev, WritecacheDev), DevError> {
        Self::lay_over(host, device, origin_name, cache)
    }

    /// Writes back all that is cached now, and waits for it. What is written later is cached as before.
    ///
    /// The command returns when the work is done, which of a large cache can take minutes; [`clean`](Self::clean) shows the
    /// progress.
    ///
    /// # Errors
    ///
    /// [`is_busy`](DevError::is_busy): the device is suspended. [`DevError::WritecacheFailed`].
    pub fn flush(&self, host: &Host) -> Result<(), DevError> {
        match self.tell(host, WritecacheMessage::Flush) {
            Ok(()) => Ok(()),
            Err(error) if error.is_busy() => Err(error),
            Err(error) => Err(self.working(host).err().unwrap_or(error)),
        }
    }

    /// Lets the next suspension write back all that is cached: after it the origin holds everything, and can be copied or
    /// used without the cache for as long as the device stays suspended.
    ///
    /// The suspension takes as long as the work. An error in it is not reported by the suspension, but by the status.
    ///
    /// # Errors
    ///
    /// Those of [`message`](MappedDev::message).
    pub fn flush_on_suspend(&self, host: &Host) -> Result<(), DevError> {
        self.tell(host, WritecacheMessage::FlushOnSuspend)
    }

    /// Lets the cache write back all that it holds, and cache nothing new until a table is loaded. Follows the work until
    /// nothing is cached.
    ///
    /// The progress also ends when the cache fails; [`detach`](Self::detach) tells the two apart.
    ///
    /// # Errors
    ///
    /// Those of [`message`](MappedDev::message). A step of the progress fails if the status can't be read.
    pub fn clean<'h>(&self, host: &'h Host, interval: Duration) -> Result<Progress<'h, Writecache>, DevError> {
        self.tell(host, WritecacheMessage::Cleaner)?;
        Ok(self.progress_of(host, interval, cleaning))
    }

    /// Takes a clean cache off its origin while the device is in use: from now on it is the origin itself. The fast device is
    /// then free.
    ///
    /// Nothing new is cached from this call on, also when it fails.
    ///
    /// # Errors
    ///
    /// [`DevError::Dirty`]: blocks have not been written back, see [`clean`](Self::clean). [`DevError::WritecacheFailed`]. In
    /// both cases the cache is still in place.
    pub fn detach(&self, host: &Host) -> Result<LinearDev, DevError> {
        // What is written after the status was read must not be cached.
        self.tell(host, WritecacheMessage::Cleaner)?;
        let blocks = DataBlocks(self.working(host)?.used());
        if blocks.0 > 0 {
            return Err(DevError::Dirty { cache: self.to_id(), blocks });
        }
        self.replace_by(host, &self.table(host)?, |table| &table.origin)
    }

    /// Sends a message to the only line.
    fn tell(&self, host: &Host, message: WritecacheMessage) -> Result<(), DevError> {
        self.check_single(&self.table(host)?)?;
        self.message(host, &message).map(drop)
    }

    /// The status, if the cache has not failed. After an error, what was written back may not have reached the origin
    /// (`__writecache_endio_ssd` in drivers/md/dm-writecache.c).
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
