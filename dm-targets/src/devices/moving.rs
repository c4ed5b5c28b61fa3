//! Moves segments of linear devices to another disk while in use, as `pvmove` does: a mirror copies the segment, then
//! the copy replaces it.

use alloc::vec::Vec;

use dm_core::{Host, StatusOptions};
use dm_units::Sectors;

use super::mirror::{region_size, without_flush};
use super::{DevError, LinearDev, MappedDev};
use crate::linear::LinearTable;
use crate::mirror::{MirrorHealth, MirrorLeg, MirrorLog, MirrorStatus, MirrorTable};
use crate::table::{StatusLine, Table, TableLine};
use crate::{Any, AnyStatus, AnyTable, Device, Linear, Usage};

/// Ranges of other devices, concatenated.
///
/// ```no_run
/// use std::time::Duration;
///
/// use dm_core::Host;
/// use dm_targets::devices::LinearDev;
/// use dm_units::{DeviceNumber, Sectors};
///
/// let host = Host::open()?;
/// let home = LinearDev::open(&host, "home")?;
///
/// // Moves the first segment to another disk.
/// let moving = home.move_segment(&host, Sectors(0), DeviceNumber::new(8, 32), Sectors(2048))?;
/// for work in moving.progress(&host, Duration::from_secs(1)) {
///     println!("{:?} % copied", work?.done.and_then(|done| done.percent()));
/// }
/// let home = moving.finish_move(&host)?;
/// println!("{} has moved", home.name());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
impl MappedDev<Linear> {
    /// Starts moving a segment (a line of the table) to sector `start` of the device `to`. `segment` is the first
    /// sector of this line. Previous contents of the new place are overwritten.
    ///
    /// During the move, the segment is a mirror of the old and the new place. Follow the copying with
    /// [`progress`](MappedDev::progress), then call [`finish_move`](MappedDev::finish_move) or
    /// [`cancel_move`](MappedDev::cancel_move). Until then, writes to copied regions go to both places. If a device
    /// fails, writes to the segment may block until [`cancel_move`](MappedDev::cancel_move).
    ///
    /// The progress is not stored on a disk: after a crash of the machine, set the device up with its old table and
    /// start the move again. If only your program was restarted, open the device as a `MappedDev<Any>` and continue.
    ///
    /// # Errors
    ///
    /// [`DevError::NoSegment`]: no segment starts there. [`DevError::Table`]: a segment of one sector cannot be moved.
    /// Otherwise as [`set_table`](MappedDev::set_table).
    pub fn move_segment(
        &self,
        host: &Host,
        segment: Sectors,
        to: impl Into<Device>,
        start: Sectors,
    ) -> Result<MappedDev<Any>, DevError> {
        let table = self.table(host)?;
        if !table.lines().iter().any(|line| line.start == segment) {
            return Err(DevError::NoSegment { device: self.to_id(), start: segment });
        }
        let to = MirrorLeg::new(to, start);
        let lines = table.into_lines().into_iter().map(|line| {
            if line.start != segment {
                return TableLine::<Any>::new(line.start, line.length, line.params);
            }
            let from = MirrorLeg::new(line.params.device, line.params.start);
            let mirror = MirrorTable::new(MirrorLog::core(region_size(line.length)), [from, to.clone()]);
            TableLine::new(line.start, line.length, mirror.handle_errors())
        });
        let table = Table::new(lines.collect::<Vec<_>>()).map_err(|error| self.no_table(error))?;
        let moving = self.retyped::<Any>();
        moving.set_table(host, &table)?;
        Ok(moving)
    }
}

/// A linear device with segments that are being moved.
impl MappedDev<Any> {
    /// Ends all moves of the device while it is in use. The segments are then at their new places, and the old places
    /// are free. Without a move, the call does nothing.
    ///
    /// After a complete copy, failed reads at the old place do not prevent this call. A failed write at the old place
    /// does: its region is then out of sync, and the status does not show whether the region was copied before. If you
    /// know that the copy was complete, set a table with the new place yourself, with
    /// [`set_table_with`](MappedDev::set_table_with) and without a flush.
    ///
    /// # Errors
    ///
    /// [`DevError::NotCopied`]: the copy is not complete, or the device of the new place has failed. Nothing was
    /// changed. [`DevError::NotMoving`]: the table has other targets, or a mirror without exactly two legs. Otherwise
    /// as [`set_table`](MappedDev::set_table).
    pub fn finish_move(&self, host: &Host) -> Result<LinearDev, DevError> {
        let statuses = self.statuses_with(host, StatusOptions::new().noflush(true))?;
        for status in statuses.iter().filter_map(mirror_status) {
            // With all regions in sync, a destination without errors has all data, even if the source fails now.
            let is_whole = status.legs.get(1).is_some_and(|to| to.health == MirrorHealth::Alive);
            if status.in_sync < status.regions || !is_whole {
                let regions = Usage { used: status.in_sync, total: status.regions };
                return Err(DevError::NotCopied { device: self.to_id(), regions });
            }
        }
        self.end_move(host, |[_, to]| to)
    }

    /// Cancels all moves of the device while it is in use. The segments stay at their old places.
    ///
    /// # Errors
    ///
    /// [`DevError::NotMoving`]: the table has other targets, or a mirror without exactly two legs. Otherwise as
    /// [`set_table`](MappedDev::set_table).
    pub fn cancel_move(&self, host: &Host) -> Result<LinearDev, DevError> {
        self.end_move(host, |[from, _]| from)
    }

    fn end_move(&self, host: &Host, chosen: fn([MirrorLeg; 2]) -> MirrorLeg) -> Result<LinearDev, DevError> {
        let mut lines = Vec::new();
        let mut is_moving = false;
        for line in self.table(host)?.into_lines() {
            let params = match line.params {
                AnyTable::Linear(linear) => linear,
                AnyTable::Mirror(mirror) => {
                    is_moving = true;
                    let legs = mirror.legs.clone().try_into();
                    let MirrorLeg { device, offset } =
                        legs.map(chosen).map_err(|_| DevError::NotMoving(self.to_id()))?;
                    LinearTable::new(device, offset)
                }
                _ => return Err(DevError::NotMoving(self.to_id())),
            };
            lines.push(TableLine::<Linear>::new(line.start, line.length, params));
        }
        let table = Table::new(lines).map_err(|error| self.no_table(error))?;
        let device = self.retyped::<Linear>();
        if is_moving {
            device.set_table_with(host, &table, without_flush())?;
        }
        Ok(device)
    }
}

fn mirror_status(line: &StatusLine) -> Option<&MirrorStatus> {
    match &line.status {
        AnyStatus::Mirror(status) => Some(status),
        _ => None,
    }
}
