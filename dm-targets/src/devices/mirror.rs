//! Methods of mirrors: replace, add and remove legs.

use alloc::vec::Vec;
use core::time::Duration;

use dm_core::{Host, ReloadOptions, StatusOptions, SuspendPolicy};
use dm_units::Sectors;

use super::{DevError, LinearDev, MappedDev, Progress};
use crate::errors::problem::{InvalidField, Problem};
use crate::linear::LinearTable;
use crate::mirror::{LogSync, MirrorHealth, MirrorLeg, MirrorLog, MirrorStatus, MirrorTable};
use crate::table::{Table, TableLine};
use crate::{Linear, Mirror, Usage};

/// Several devices with the same contents.
///
/// Legs are counted from 0.
///
/// After a leg has failed, a mirror with the feature `handle_errors` but not `keep_log` can hold writes back until its
/// table is replaced. The new table then executes these writes. The methods that replace the table therefore suspend
/// the device without freezing a file system and without flushing I/O. A freeze would wait for the held-back writes,
/// and a flush would wait for them or make them fail.
///
/// If the table has several lines, [`settle`](MappedDev::settle) and
/// [`keep_leg_unchecked`](MappedDev::keep_leg_unchecked) work on all of them, [`keep_leg`](MappedDev::keep_leg) returns
/// [`DevError::SeveralLines`], and the other methods work on the first line.
///
/// ```no_run
/// use std::time::Duration;
///
/// use dm_core::{Host, StatusOptions};
/// use dm_targets::devices::MirrorDev;
/// use dm_targets::mirror::{MirrorHealth, MirrorLeg};
/// use dm_units::{DeviceNumber, Sectors};
///
/// let host = Host::open()?;
/// let mirror = MirrorDev::open(&host, "home")?;
/// let spare = MirrorLeg::new(DeviceNumber::new(8, 48), Sectors(0));
///
/// let legs = mirror.status(&host)?.legs;
/// if let Some(lost) = legs.iter().position(|leg| leg.health != MirrorHealth::Alive) {
///     for work in mirror.replace_leg(&host, u32::try_from(lost)?, spare, Duration::from_secs(1))? {
///         println!("{:?} % copied", work?.done.and_then(|done| done.percent()));
///     }
///     mirror.settle(&host)?;
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
impl MappedDev<Mirror> {
    /// Returns the index of a leg that holds all data according to the status, or `None` if no leg is known to hold all
    /// data.
    ///
    /// If all regions are in sync, this is the first leg without an error. Otherwise it is leg 0, from which the kernel
    /// copies, or `None` if the kernel may have changed to another leg after an error.
    ///
    /// If the first leg has failed, the status does not show whether the mirror was in sync before. If you know that it
    /// was, call [`rebuild_from`](Self::rebuild_from).
    ///
    /// # Errors
    ///
    /// As [`status`](MappedDev::status) and [`table`](MappedDev::table).
    pub fn leg_in_sync(&self, host: &Host) -> Result<Option<u32>, DevError> {
        let line = self.first_line(host)?;
        Ok(legs_in_sync(&line.params, &self.leg_status(host)?).into_iter().next())
    }

    /// Replaces a leg with another device while the mirror is in use. The previous contents of `device` are
    /// overwritten.
    ///
    /// The kernel copies everything from a leg that holds all data; that leg becomes the first one. The returned
    /// progress ends when the copying is done. Then call [`settle`](Self::settle) if the log is on a disk.
    ///
    /// # Errors
    ///
    /// [`DevError::NoLeg`]. [`DevError::NoSource`]: no other leg is known to hold all data. Otherwise as
    /// [`rebuild_from`](Self::rebuild_from).
    pub fn replace_leg<'h>(
        &self,
        host: &'h Host,
        leg: u32,
        device: MirrorLeg,
        interval: Duration,
    ) -> Result<Progress<'h, Mirror>, DevError> {
        let (source, mut others) = self.source_beside(host, Some(leg))?;
        if let Some(other) = others.get_mut(place_beside(source, leg)) {
            *other = device;
        }
        self.rebuild_from(host, source, others, interval)
    }

    /// Adds a leg while the mirror is in use. The previous contents of `device` are overwritten.
    ///
    /// The returned progress ends when the copying is done. Then call [`settle`](Self::settle) if the log is on a disk.
    ///
    /// # Errors
    ///
    /// As [`replace_leg`](Self::replace_leg). [`DevError::Table`]: the mirror already has nine legs.
    pub fn add_leg<'h>(
        &self,
        host: &'h Host,
        device: MirrorLeg,
        interval: Duration,
    ) -> Result<Progress<'h, Mirror>, DevError> {
        let (source, mut others) = self.source_beside(host, None)?;
        others.push(device);
        self.rebuild_from(host, source, others, interval)
    }

    /// Removes a leg while the mirror is in use. The mirror must have at least three legs.
    ///
    /// The kernel then copies to the remaining legs: only regions that are not in sync if the log is on a disk, or
    /// everything if the log is in memory. The returned progress follows the copying.
    ///
    /// # Errors
    ///
    /// As [`replace_leg`](Self::replace_leg). [`DevError::Table`]: the mirror has only two legs. Call
    /// [`keep_leg`](Self::keep_leg) instead.
    pub fn remove_leg<'h>(
        &self,
        host: &'h Host,
        leg: u32,
        interval: Duration,
    ) -> Result<Progress<'h, Mirror>, DevError> {
        let (source, others) = self.source_beside(host, Some(leg))?;
        let place = place_beside(source, leg);
        let others = others.into_iter().enumerate().filter(|(other, _)| *other != place).map(|(_, leg)| leg).collect();
        self.set_legs(host, source, others, None)?;
        Ok(self.progress(host, interval))
    }

    /// Copies everything from the leg `source` to `others`, the other legs of the new table. `others` can contain new
    /// devices. The caller must know that `source` holds all data: data that it lacks is lost.
    ///
    /// `source` becomes the first leg, followed by `others`. The returned progress ends when the copying is done, or
    /// when it cannot complete because a leg has failed. After a complete copy, call [`settle`](Self::settle) if the
    /// log is on a disk.
    ///
    /// # Errors
    ///
    /// [`DevError::NoLeg`]. [`DevError::Table`]: there would be fewer than two legs, or more than nine.
    /// [`DevError::Request`]: the log is kept in user space, and only the log server knows which regions are in sync.
    /// Otherwise as [`set_table`](MappedDev::set_table).
    pub fn rebuild_from<'h>(
        &self,
        host: &'h Host,
        source: u32,
        others: impl IntoIterator<Item = MirrorLeg>,
        interval: Duration,
    ) -> Result<Progress<'h, Mirror>, DevError> {
        self.set_legs(host, source, others.into_iter().collect(), Some(LogSync::Sync))?;
        Ok(self.progress(host, interval))
    }

    /// Records in the log that all regions are in sync. Call this after a complete copy; otherwise everything is copied
    /// again at the next resume.
    ///
    /// With a log in memory, this method changes nothing. Such a log does not outlive its table: everything is copied
    /// when another table becomes active, unless the new table has the option `nosync`.
    ///
    /// # Errors
    ///
    /// [`DevError::NotCopied`]: not all regions are in sync; nothing was done. Otherwise as
    /// [`change`](MappedDev::change).
    pub fn settle(&self, host: &Host) -> Result<(), DevError> {
        let statuses = self.statuses_with(host, StatusOptions::new().noflush(true))?;
        if let Some(line) = statuses.iter().find(|line| line.status.in_sync < line.status.regions) {
            return Err(self.not_copied(&line.status));
        }
        let table = self.table(host)?;
        let is_marked = |log: &MirrorLog| matches!(log, MirrorLog::Disk { sync: Some(_), .. });
        if !table.lines().iter().any(|line| is_marked(&line.params.log)) {
            return Ok(());
        }
        self.change_with(host, without_flush(), |lines| {
            for line in lines {
                if let MirrorLog::Disk { sync, .. } = &mut line.params.log {
                    *sync = None;
                }
            }
        })
    }

    /// Replaces the mirror with one of its legs while the device is in use. The other legs are then free.
    ///
    /// # Errors
    ///
    /// [`DevError::NoLeg`]. [`DevError::NoSource`]: the leg is not known to hold all data. If you know that it does,
    /// call [`keep_leg_unchecked`](Self::keep_leg_unchecked). [`DevError::SeveralLines`]. Nothing was done in these
    /// cases. Otherwise as [`set_table`](MappedDev::set_table).
    pub fn keep_leg(&self, host: &Host, leg: u32) -> Result<LinearDev, DevError> {
        self.check_single(&self.table(host)?)?;
        let table = self.first_line(host)?.params;
        self.leg(&table, leg)?;
        let status = self.leg_status(host)?;
        if !legs_in_sync(&table, &status).contains(&leg) {
            return Err(self.no_source(&status));
        }
        self.keep_leg_unchecked(host, leg)
    }

    /// Replaces the mirror with one of its legs, even if that leg is not known to hold all data. Data that the leg
    /// lacks is lost.
    ///
    /// # Errors
    ///
    /// [`DevError::NoLeg`]: nothing was done. Otherwise as [`set_table`](MappedDev::set_table).
    pub fn keep_leg_unchecked(&self, host: &Host, leg: u32) -> Result<LinearDev, DevError> {
        let table = self.table(host)?;
        let mut lines = Vec::new();
        for line in table.lines() {
            let MirrorLeg { device, offset } = self.leg(&line.params, leg)?.clone();
            lines.push(TableLine::<Linear>::new(line.start, line.length, LinearTable::new(device, offset)));
        }
        let table = Table::new(lines).map_err(|error| self.no_table(error))?;
        let device = self.retyped::<Linear>();
        device.set_table_with(host, &table, without_flush())?;
        Ok(device)
    }

    /// A leg that holds all data and is not `leg`, and all other legs in their order.
    fn source_beside(&self, host: &Host, leg: Option<u32>) -> Result<(u32, Vec<MirrorLeg>), DevError> {
        let table = self.first_line(host)?.params;
        if let Some(leg) = leg {
            self.leg(&table, leg)?;
        }
        let status = self.leg_status(host)?;
        let source = legs_in_sync(&table, &status).into_iter().find(|source| Some(*source) != leg);
        let source = source.ok_or_else(|| self.no_source(&status))?;
        let others = (0..).zip(&table.legs).filter(|(place, _)| *place != source);
        Ok((source, others.map(|(_, leg)| leg.clone()).collect()))
    }

    /// Loads a table with these legs. `sync` is what its log assumes; `None` what it did before.
    fn set_legs(
        &self,
        host: &Host,
        source: u32,
        others: Vec<MirrorLeg>,
        sync: Option<LogSync>,
    ) -> Result<(), DevError> {
        let mut lines = self.table(host)?.into_lines();
        let Some(line) = lines.first_mut() else { return Err(DevError::NoTable(self.to_id())) };
        let mut legs = Vec::from([self.leg(&line.params, source)?.clone()]);
        legs.extend(others);
        line.params.legs = legs;
        match (&mut line.params.log, sync) {
            // The contents of a log in memory are lost with its table.
            (MirrorLog::Core { sync: assumed, .. }, _) => *assumed = None,
            (MirrorLog::Disk { sync: assumed, .. }, sync) => *assumed = sync,
            (_, None) => {}
            (_, Some(_)) => {
                let source = InvalidField::new("log", Problem::Expected("core or disk"));
                return Err(DevError::Request { device: self.to_id(), source });
            }
        }
        let table = Table::new(lines).map_err(|error| self.no_table(error))?;
        self.set_table_with(host, &table, without_flush())
    }

    fn first_line(&self, host: &Host) -> Result<TableLine<Mirror>, DevError> {
        self.table(host)?.into_lines().into_iter().next().ok_or_else(|| DevError::NoTable(self.to_id()))
    }

    fn leg_status(&self, host: &Host) -> Result<MirrorStatus, DevError> {
        self.unflushed_status(host)
    }

    fn leg<'t>(&self, table: &'t MirrorTable, leg: u32) -> Result<&'t MirrorLeg, DevError> {
        let found = usize::try_from(leg).ok().and_then(|leg| table.legs.get(leg));
        found.ok_or_else(|| DevError::NoLeg { array: self.to_id(), leg })
    }

    fn no_source(&self, status: &MirrorStatus) -> DevError {
        let regions = Usage { used: status.in_sync, total: status.regions };
        DevError::NoSource { mirror: self.to_id(), regions }
    }

    fn not_copied(&self, status: &MirrorStatus) -> DevError {
        let regions = Usage { used: status.in_sync, total: status.regions };
        DevError::NotCopied { device: self.to_id(), regions }
    }
}

/// The index of a leg among all legs except the source.
fn place_beside(source: u32, leg: u32) -> usize {
    usize::try_from(leg.saturating_sub(u32::from(source < leg))).unwrap_or(usize::MAX)
}

/// The legs that certainly hold all data.
fn legs_in_sync(table: &MirrorTable, status: &MirrorStatus) -> Vec<u32> {
    let alive = (0..).zip(&status.legs).filter(|(_, leg)| leg.health == MirrorHealth::Alive).map(|(leg, _)| leg);
    // Regions that are out of sync are written only to the leg from which the kernel copies. When that leg fails, the
    // kernel copies from another one (`fail_mirror` in drivers/md/dm-raid1.c), and it forgets the error once all
    // regions are in sync (`reset_ms_flags`). In a mirror of two legs, the first leg therefore holds all data as long
    // as it shows no error; in a mirror of more legs only if writes wait for a new table after an error.
    let may_have_changed = table.legs.len() > 2 && table.features.keep_log;
    if status.in_sync == status.regions {
        alive.collect()
    } else {
        alive.filter(|leg| *leg == 0 && !may_have_changed).collect()
    }
}

/// The suspension for a new table of a mirror: held-back writes are passed to the new table, while a flush would wait
/// for them or fail them (`hold_bio` in drivers/md/dm-raid1.c).
pub(super) fn without_flush() -> ReloadOptions {
    ReloadOptions::new().suspend(SuspendPolicy::new().noflush(true).skip_lockfs(true))
}

/// A size for the regions of a mirror of this length: 512 KiB, or less for a shorter mirror.
pub(super) fn region_size(length: Sectors) -> Sectors {
    let most = length.0.clamp(1, 1024);
    Sectors(1 << most.ilog2())
}
