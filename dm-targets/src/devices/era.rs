//! What era devices can do beyond what every device can: put in front of a device in use, eras begun, snapshots of the metadata.

use dm_core::{AsDmName, Host, StatusOptions};
use dm_units::{DeviceNumber, MetaBlocks};

use super::{DevError, EraDev, LinearDev, MappedDev};
use crate::Era;
use crate::era::{EraMessage, EraStatus, EraTable, WorkingEra};

/// A device that keeps track of the blocks written in each era.
///
/// The metadata device of a new one must begin with zeros: 4096 bytes are enough. While the device is suspended, its target
/// answers neither messages nor requests for its status, and no signal ends the wait: these methods say
/// [`DevError::Suspended`] instead. `status` and `message` do not look.
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
/// let (_origin, home) = EraDev::put_before(&host, &home, "home-data", table)?;
///
/// // A backup: what is written from now on belongs to the next one.
/// let era = home.checkpoint(&host)?;
/// let root = home.reserve_metadata_snapshot(&host)?;
/// println!("era_invalidate --metadata-snapshot reads at block {root} what was written before era {era}");
/// home.release_metadata_snapshot(&host)?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
impl MappedDev<Era> {
    /// Puts an era target in front of a device in use, whose name and contents stay as they are.
    ///
    /// What the device was until now becomes a private device, `origin_name`. `era` makes the table of its number. When a step
    /// fails, everything is as before.
    ///
    /// # Errors
    ///
    /// [`is_already_exists`](DevError::is_already_exists): the origin's name is taken. [`is_invalid`](DevError::is_invalid): the
    /// kernel refuses the table. [`DevError::Table`].
    pub fn put_before(
        host: &Host,
        device: &LinearDev,
        origin_name: impl AsDmName,
        era: impl FnOnce(DeviceNumber) -> EraTable,
    ) -> Result<(LinearDev, EraDev), DevError> {
        Self::lay_over(host, device, origin_name, era)
    }

    /// Takes the target off while the device is in use: from now on it is the origin itself, and nothing is noted any more.
    ///
    /// # Errors
    ///
    /// Those of [`set_table`](MappedDev::set_table).
    pub fn take_off(&self, host: &Host) -> Result<LinearDev, DevError> {
        let table = self.table(host)?;
        self.replace_by(host, &table, |table| &table.origin)
    }

    /// Begins a new era, and returns its number. A resume begins one as well.
    ///
    /// # Errors
    ///
    /// [`DevError::Suspended`]. [`DevError::EraFailed`].
    pub fn checkpoint(&self, host: &Host) -> Result<u32, DevError> {
        self.tell(host, EraMessage::Checkpoint)?;
        Ok(self.figures(host)?.era)
    }

    /// Takes a snapshot of the metadata that programs such as `era_dump` and `era_invalidate` can read while the device is in
    /// use, and begins a new era. Returns the snapshot's block on the metadata device.
    ///
    /// # Errors
    ///
    /// [`is_invalid`](DevError::is_invalid): there is one already. [`DevError::Suspended`]. [`DevError::EraFailed`].
    pub fn reserve_metadata_snapshot(&self, host: &Host) -> Result<MetaBlocks, DevError> {
        self.tell(host, EraMessage::TakeMetadataSnap)?;
        self.figures(host)?.held_root.ok_or_else(|| DevError::EraFailed(self.to_id()))
    }

    /// Gives the snapshot of the metadata back.
    ///
    /// # Errors
    ///
    /// [`is_invalid`](DevError::is_invalid): there is none. [`DevError::Suspended`].
    pub fn release_metadata_snapshot(&self, host: &Host) -> Result<(), DevError> {
        self.tell(host, EraMessage::DropMetadataSnap)
    }

    /// The figures: the era, the use of the metadata device.
    ///
    /// # Errors
    ///
    /// [`DevError::Suspended`]. [`DevError::EraFailed`].
    pub fn figures(&self, host: &Host) -> Result<WorkingEra, DevError> {
        self.check_resumed(host)?;
        match self.status(host, StatusOptions::new().noflush(true))? {
            EraStatus::Working(era) => Ok(era),
            EraStatus::Error => Err(DevError::EraFailed(self.to_id())),
        }
    }

    fn tell(&self, host: &Host, message: EraMessage) -> Result<(), DevError> {
        self.check_resumed(host)?;
        self.message(host, &message).map(drop)
    }

    fn check_resumed(&self, host: &Host) -> Result<(), DevError> {
        if self.info(host)?.is_suspended() { Err(DevError::Suspended(self.to_id())) } else { Ok(()) }
    }
}
