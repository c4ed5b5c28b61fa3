//! Operations of era devices: attach to a device in use, start an era, snapshots of the metadata.

use dm_core::{AsDmName, Host};
use dm_units::{DeviceNumber, MetaBlocks};

use super::{DevError, EraDev, LinearDev, MappedDev};
use crate::Era;
use crate::era::{EraMessage, EraStatus, EraTable, WorkingEra};

/// A device that records which blocks are written in each era.
///
/// The first 4096 bytes of a new device's metadata device must be zero.
///
/// While the device is suspended, messages and status requests block until the resume, and a signal does not end the
/// wait. If the table is replaced during such a wait, neither call returns (`perform_rpc` in
/// drivers/md/dm-era-target.c). If the device is suspended, the methods therefore return [`DevError::Suspended`]
/// instead of sending a request, and [`Monitor`](super::Monitor) does not read the status. They cannot detect a
/// suspension right after this check: do not suspend the device while another thread or process uses these methods.
/// Commands of [`Dm`](dm_core::Dm) such as [`table_status`](dm_core::Dm::table_status) do not check.
///
/// ```no_run
/// use dm_core::Host;
/// use dm_targets::devices::{EraDev, LinearDev};
/// use dm_targets::era::EraTable;
/// use dm_units::{DeviceNumber, Sectors};
///
/// let host = Host::open()?;
/// let home = LinearDev::open(&host, "home")?;
/// let table = |origin| EraTable::new(DeviceNumber::new(259, 0), origin, Sectors(128));
/// let (_origin, home) = EraDev::attach(&host, &home, "home-data", table)?;
///
/// // For a backup: writes from now on belong to the next backup.
/// let era = home.checkpoint(&host)?;
/// let root = home.reserve_metadata_snapshot(&host)?;
/// println!("era_invalidate --metadata-snapshot reads at block {root} what was written before era {era}");
/// home.release_metadata_snapshot(&host)?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
impl MappedDev<Era> {
    /// Attaches an era target to a device in use, which keeps its name and contents.
    ///
    /// The active table moves to a new private device, `origin_name`. `era` makes the era table from the number of this
    /// device. When a step fails, all steps are undone. If the new table is active but udev does not finish, the target
    /// stays attached ([`OpError::is_done`](dm_core::OpError::is_done)).
    ///
    /// # Errors
    ///
    /// [`is_already_exists`](DevError::is_already_exists): the origin's name is taken.
    /// [`is_invalid`](DevError::is_invalid): the kernel refuses the table. [`DevError::Table`]: the table is not valid.
    /// [`DevError::NotUndone`]: the origin could not be removed again.
    pub fn attach(
        host: &Host,
        device: &LinearDev,
        origin_name: impl AsDmName,
        era: impl FnOnce(DeviceNumber) -> EraTable,
    ) -> Result<(LinearDev, EraDev), DevError> {
        Self::lay_over(host, device, origin_name, era)
    }

    /// Detaches the era target while the device is in use, so that the device maps its origin directly. Writes are then
    /// no longer recorded.
    ///
    /// # Errors
    ///
    /// [`DevError::SeveralLines`]. Otherwise as [`set_table`](MappedDev::set_table).
    pub fn detach(&self, host: &Host) -> Result<LinearDev, DevError> {
        let table = self.table(host)?;
        self.replace_by(host, &table, |table| &table.origin)
    }

    /// Starts a new era and returns its number. A resume also starts a new era.
    ///
    /// # Errors
    ///
    /// [`DevError::Suspended`]: the device is suspended. [`DevError::EraFailed`]: the metadata cannot be read.
    pub fn checkpoint(&self, host: &Host) -> Result<u32, DevError> {
        self.send(host, EraMessage::Checkpoint)?;
        Ok(self.figures(host)?.era)
    }

    /// Takes a snapshot of the metadata, starts a new era, and returns the snapshot's block on the metadata device.
    /// Programs such as `era_dump` and `era_invalidate` can read the snapshot while the device is in use.
    ///
    /// # Errors
    ///
    /// [`is_invalid`](DevError::is_invalid): a snapshot exists already. [`DevError::Suspended`].
    /// [`DevError::EraFailed`].
    pub fn reserve_metadata_snapshot(&self, host: &Host) -> Result<MetaBlocks, DevError> {
        self.send(host, EraMessage::TakeMetadataSnap)?;
        self.figures(host)?.held_root.ok_or_else(|| DevError::EraFailed(self.to_id()))
    }

    /// Releases the snapshot of the metadata.
    ///
    /// # Errors
    ///
    /// [`is_invalid`](DevError::is_invalid): there is no snapshot. [`DevError::Suspended`].
    pub fn release_metadata_snapshot(&self, host: &Host) -> Result<(), DevError> {
        self.send(host, EraMessage::DropMetadataSnap)
    }

    /// Reads the figures in the status: the current era, and the usage of the metadata device.
    ///
    /// # Errors
    ///
    /// [`DevError::Suspended`]. [`DevError::EraFailed`].
    pub fn figures(&self, host: &Host) -> Result<WorkingEra, DevError> {
        match self.unflushed_status(host)? {
            EraStatus::Working(era) => Ok(era),
            EraStatus::Error => Err(DevError::EraFailed(self.to_id())),
        }
    }

    fn send(&self, host: &Host, message: EraMessage) -> Result<(), DevError> {
        self.message(host, &message).map(drop)
    }
}
