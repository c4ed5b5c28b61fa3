//! Methods of integrity devices: format, create at full length, recalculate tags, grow.

use core::time::Duration;

use dm_core::block::BlockOpenOptions;
use dm_core::{AsDmName, DevId, Host, SetupOptions};
use dm_units::Sectors;

use super::block::NamedBlock;
use super::error::steps::unless_in_effect;
use super::in_front::PATIENTLY;
use super::{DevError, MappedDev, Progress};
use crate::integrity::{IntegrityMode, IntegrityTable};
use crate::table::{Table, TableLine};
use crate::{Device, Integrity};

/// The length with which a device is created before its possible length is known: one block of the largest size.
const FIRST: Sectors = Sectors(8);

/// The size of the superblock (`SB_SECTORS` in drivers/md/dm-integrity.c).
const SUPERBLOCK: Sectors = Sectors(8);

/// A device that stores a tag with each block, to detect changed data.
///
/// When a table is loaded, the kernel formats the disk if its superblock is zero, except in the mode
/// [`Recovery`](IntegrityMode::Recovery). With an internal hash, reads of a newly formatted device fail. Write the
/// whole device once, or let the kernel [calculate](Self::recalculate) the tags.
///
/// ```no_run
/// use std::time::Duration;
///
/// use dm_core::Host;
/// use dm_targets::devices::IntegrityDev;
/// use dm_targets::integrity::{IntegrityMode, IntegrityTable, KeyedAlgorithm};
/// use dm_units::{DeviceNumber, Sectors};
///
/// let host = Host::open()?;
/// // This erases the disk: use one that holds nothing of value.
/// let disk = DeviceNumber::new(8, 16);
/// IntegrityDev::wipe_superblock(&host, disk, Sectors(0))?;
/// let table = IntegrityTable::new(disk, Sectors(0), None, IntegrityMode::Journal);
/// let table = table.internal_hash(KeyedAlgorithm::new("crc32c")?);
/// let safe = IntegrityDev::setup_whole(&host, "safe", &table)?;
/// for work in safe.recalculate(&host, Duration::from_secs(1))? {
///     println!("{:?} % have tags", work?.done.and_then(|done| done.percent()));
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
impl MappedDev<Integrity> {
    /// Writes zeros over the superblock, so that the kernel formats the disk when its table is loaded. All data on the
    /// disk is lost.
    ///
    /// `disk` is the disk that holds the tags. Its first `reserved` sectors are skipped, as in the table. No other
    /// program can mount the disk during the call.
    ///
    /// # Errors
    ///
    /// [`DevError::Block`]: the disk cannot be opened or written; [`is_busy`](DevError::is_busy) if it is in use.
    pub fn wipe_superblock(host: &Host, disk: impl Into<Device>, reserved: Sectors) -> Result<(), DevError> {
        let options = BlockOpenOptions::new().writable(true).exclusive(true);
        Ok(NamedBlock::open(host, &disk.into(), options)?.zero(reserved, SUPERBLOCK)?)
    }

    /// Creates the device with the largest length that its disks allow.
    ///
    /// Only the kernel knows this length, so the device is first created with a few sectors, and then extended.
    ///
    /// When a step fails, the device is removed, but a superblock that the kernel has written stays on the disk. If
    /// the extension succeeds but udev does not finish, the device stays
    /// ([`OpError::is_done`](dm_core::OpError::is_done)).
    ///
    /// # Errors
    ///
    /// As [`create`](MappedDev::create) and [`resize_to_disk`](Self::resize_to_disk). [`is_invalid`](DevError::is_invalid): the disk holds
    /// other data (see [`wipe_superblock`](Self::wipe_superblock)), or was formatted with other options.
    /// [`DevError::RequestedTable`]: the kernel would refuse the table.
    pub fn create_whole(host: &Host, name: impl AsDmName, params: &IntegrityTable) -> Result<Self, DevError> {
        Self::create_whole_with(host, name, params, SetupOptions::new())
    }

    /// Creates the device with the largest length that its disks allow, and with options.
    ///
    /// # Errors
    ///
    /// As [`create_whole`](Self::create_whole).
    pub fn create_whole_with(
        host: &Host,
        name: impl AsDmName,
        params: &IntegrityTable,
        options: SetupOptions<'_>,
    ) -> Result<Self, DevError> {
        Self::create_with(host, name, &Self::of_length(params, FIRST)?, options)?.fitted_or_removed(host)
    }

    /// Makes sure that a device with this name and table exists, with the largest length that its disks allow: takes
    /// over the existing one, or creates it. If an earlier run was stopped before it extended the device, the call
    /// extends it.
    ///
    /// The option `recalculate` of an existing device is not compared, and neither are numbers that `params` does not
    /// set, such as the size of the journal.
    ///
    /// # Errors
    ///
    /// As [`setup`](MappedDev::setup) and [`create_whole`](Self::create_whole).
    pub fn setup_whole(host: &Host, name: impl AsDmName, params: &IntegrityTable) -> Result<Self, DevError> {
        Self::setup_whole_with(host, name, params, SetupOptions::new())
    }

    /// Makes sure that a device with this name and table exists, with the largest length that its disks allow, and with
    /// options.
    ///
    /// # Errors
    ///
    /// As [`setup_whole`](Self::setup_whole).
    pub fn setup_whole_with(
        host: &Host,
        name: impl AsDmName,
        params: &IntegrityTable,
        options: SetupOptions<'_>,
    ) -> Result<Self, DevError> {
        let kernel_name = host.kernel_name(&name)?;
        let open = || Self::open(host, DevId::Name(&kernel_name));
        let existing = open();
        // A device without a table may have been left behind.
        let is_new = existing.is_err();
        let length = existing.map_or(Ok(FIRST), |device| Ok::<_, DevError>(device.table(host)?.length()))?;
        let made = unless_in_effect(Self::setup_with(host, &name, &Self::of_length(params, length)?, options))?;
        let Ok(device) = made.clone().or_else(|_| open()) else { return made };
        if is_new {
            device.fitted_or_removed(host)?;
        } else {
            device.resize_to_disk(host)?;
        }
        made
    }

    fn fitted_or_removed(self, host: &Host) -> Result<Self, DevError> {
        match self.resize_to_disk(host) {
            Ok(_) => Ok(self),
            Err(cause) if cause.took_effect() => Err(cause),
            Err(cause) => Err(cause.undo(self.remove_with(host, PATIENTLY).map(drop))),
        }
    }

    fn of_length(params: &IntegrityTable, length: Sectors) -> Result<Table<Integrity>, DevError> {
        let line = TableLine { start: Sectors(0), length, params: params.clone() };
        Table::new([line]).map_err(|source| DevError::RequestedTable { source })
    }

    /// Changes the length of the device, while it is in use, to the largest that its disks allow. Returns the new
    /// length.
    ///
    /// # Errors
    ///
    /// As [`set_table`](MappedDev::set_table). [`DevError::NotReported`]: the kernel is older than Linux 4.19, and does
    /// not report the largest length.
    pub fn resize_to_disk(&self, host: &Host) -> Result<Sectors, DevError> {
        let status = self.unflushed_status(host)?;
        let provided = status.provided_sectors.ok_or_else(|| DevError::NotReported(self.to_id()))?;
        if self.table(host)?.length() != provided {
            self.reload(host, |line| line.length = provided)?;
        }
        Ok(provided)
    }

    /// Extends the device, while it is in use, after its disk has grown. Returns the new length.
    ///
    /// If the tags were recalculated before, the kernel calculates the tags of the new sectors in the background.
    /// Otherwise the new sectors must be written before they can be read.
    ///
    /// # Errors
    ///
    /// As [`resize_to_disk`](Self::resize_to_disk).
    pub fn grow(&self, host: &Host) -> Result<Sectors, DevError> {
        let reloaded = unless_in_effect(self.reload(host, |_| ()))?;
        let length = self.resize_to_disk(host)?;
        reloaded.map(|()| length)
    }

    /// Makes the kernel calculate all tags from the current data. The returned progress ends when the work is complete.
    ///
    /// Call this once, after the disk was formatted: the kernel replaces existing tags, and does not check sectors that
    /// it has not reached yet.
    ///
    /// When the device is set up again after a crash, the kernel continues from the last position that it recorded.
    /// Once the work is complete, another call has nothing to calculate.
    ///
    /// # Errors
    ///
    /// As [`change`](MappedDev::change). [`is_invalid`](DevError::is_invalid): the table has no internal hash, or the
    /// kernel is older than Linux 4.19. [`is_unsupported`](DevError::is_unsupported): the hash or the journal's MAC is
    /// keyed, and the table lacks `legacy_recalculate`. For the exceptions with `fix_hmac`, see
    /// `dm_integrity_disable_recalculate` in drivers/md/dm-integrity.c.
    pub fn recalculate<'h>(&self, host: &'h Host, interval: Duration) -> Result<Progress<'h, Integrity>, DevError> {
        self.reload(host, |line| line.params.options.recalculate = true)?;
        Ok(self.progress(host, interval))
    }

    /// Makes the kernel recalculate all tags from the first sector, for example after a repair of the data. The
    /// returned progress ends when the work is complete. Changes that the old tags would have detected are no longer
    /// detected.
    ///
    /// # Errors
    ///
    /// As [`recalculate`](Self::recalculate), but [`is_invalid`](DevError::is_invalid) for kernels older than Linux
    /// 5.13.
    pub fn recalculate_anew<'h>(
        &self,
        host: &'h Host,
        interval: Duration,
    ) -> Result<Progress<'h, Integrity>, DevError> {
        self.reload(host, |line| line.params.options.reset_recalculate = true)?;
        Ok(self.progress(host, interval))
    }

    /// Changes how the kernel keeps data and tags consistent: with a journal, with a bitmap or not at all. The mode
    /// [`Recovery`](IntegrityMode::Recovery) makes the device read-only and does not check the tags.
    ///
    /// The mode [`Inline`](IntegrityMode::Inline) is chosen when the disk is formatted, and cannot be changed.
    ///
    /// # Errors
    ///
    /// As [`change`](MappedDev::change).
    pub fn set_mode(&self, host: &Host, mode: IntegrityMode) -> Result<(), DevError> {
        self.reload(host, |line| line.params.mode = mode)
    }

    /// Replaces the table by one made from it.
    fn reload(&self, host: &Host, change: impl FnOnce(&mut TableLine<Integrity>)) -> Result<(), DevError> {
        self.change(host, |lines| {
            if let Some(line) = lines.first_mut() {
                change(line);
            }
        })
    }
}
