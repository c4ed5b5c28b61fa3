//! Operations of clones: copy with progress, then replace the clone with its destination.

use core::time::Duration;

use dm_core::Host;

use super::{DevError, LinearDev, MappedDev, Progress};
use crate::CloneTarget;
use crate::clone::{CloneMessage, CloneStatus, WorkingClone};

/// A copy of another device, its source, that can be used while the data is still being copied.
///
/// The first 4096 bytes of a new clone's metadata device must be zero. The clone overwrites the contents of its
/// destination device.
///
/// ```no_run
/// use std::time::Duration;
///
/// use dm_core::Host;
/// use dm_targets::clone::CloneTable;
/// use dm_targets::devices::CloneDev;
/// use dm_targets::{Table, TableLine};
/// use dm_units::{DeviceNumber, Sectors};
///
/// let host = Host::open()?;
/// let [metadata, local, remote] = [0, 16, 32].map(|minor| DeviceNumber::new(8, minor));
/// let table = CloneTable::new(metadata, local, remote, Sectors(8)).no_hydration();
/// let image = CloneDev::create(&host, "image", &Table::new([TableLine::new(Sectors(0), Sectors(1 << 21), table)])?)?;
///
/// // The device can be used from now on. Later, when the load is low:
/// image.set_hydration(&host, 16, 16)?;
/// for work in image.hydrate(&host, Duration::from_secs(1))? {
///     println!("{:?} % copied", work?.done.and_then(|done| done.percent()));
/// }
/// let image = image.finish(&host)?;
/// println!("{} does not need its source any more", image.name());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
impl MappedDev<CloneTarget> {
    /// Starts copying in the background. The returned progress ends when everything is copied.
    ///
    /// The progress also ends when copying is [paused](Self::pause_hydration), when its
    /// [threshold](Self::set_hydration) is 0, or when the metadata can no longer be written.
    ///
    /// # Errors
    ///
    /// As [`message`](MappedDev::message). A step of the progress fails if the status cannot be read.
    pub fn hydrate<'h>(&self, host: &'h Host, interval: Duration) -> Result<Progress<'h, CloneTarget>, DevError> {
        self.message(host, &CloneMessage::EnableHydration)?;
        Ok(self.progress(host, interval))
    }

    /// Stops copying in the background, after the regions in progress. A write still copies its region first, unless it
    /// fills the whole region.
    ///
    /// # Errors
    ///
    /// As [`message`](MappedDev::message).
    pub fn pause_hydration(&self, host: &Host) -> Result<(), DevError> {
        self.message(host, &CloneMessage::DisableHydration).map(drop)
    }

    /// Limits copying in the background: at most `threshold` regions are copied at the same time, and one request
    /// copies at most `batch_size` adjacent regions.
    ///
    /// # Errors
    ///
    /// As [`message`](MappedDev::message).
    pub fn set_hydration(&self, host: &Host, threshold: u32, batch_size: u32) -> Result<(), DevError> {
        self.message(host, &CloneMessage::HydrationThreshold(threshold))?;
        self.message(host, &CloneMessage::HydrationBatchSize(batch_size)).map(drop)
    }

    /// Ends a completed copy while the device is in use, so that the device maps its destination directly. The source
    /// and the metadata device are then free.
    ///
    /// # Errors
    ///
    /// [`DevError::NotCopied`]: the copy is not complete. [`DevError::CloneFailed`]: the metadata has failed.
    /// [`DevError::SeveralLines`]. Nothing was changed in these cases. Otherwise as
    /// [`set_table`](MappedDev::set_table).
    pub fn finish(&self, host: &Host) -> Result<LinearDev, DevError> {
        let regions = self.figures(host)?.hydrated;
        if regions.used < regions.total {
            return Err(DevError::NotCopied { device: self.to_id(), regions });
        }
        let table = self.table(host)?;
        self.replace_by(host, &table, |table| &table.dest)
    }

    /// Reads the figures in the status, such as the number of copied regions. The metadata is not committed first.
    ///
    /// # Errors
    ///
    /// [`DevError::CloneFailed`]: the metadata has failed.
    pub fn figures(&self, host: &Host) -> Result<WorkingClone, DevError> {
        match self.unflushed_status(host)? {
            CloneStatus::Working(clone) => Ok(clone),
            _ => Err(DevError::CloneFailed(self.to_id())),
        }
    }
}
