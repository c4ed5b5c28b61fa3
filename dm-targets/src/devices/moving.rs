//! Segments of linear devices that are moved to another disk while the device is in use, as `pvmove` does: a mirror copies the
//! segment, then the copy takes its place.

use alloc::vec::Vec;

use dm_core::{Host, StatusOptions};
use dm_units::Sectors;

use super::mirror::{at_once, region_size};
use super::{DevError, LinearDev, MappedDev};
use crate::linear::LinearTable;
use crate::mirror::{MirrorHealth, MirrorLeg, MirrorLog, MirrorStatus, MirrorTable};
use crate::table::{StatusLine, Table, TableLine};
use crate::{Any, AnyStatus, AnyTable, Device, Linear, Usage};

/// Parts of other devices, one after the other.
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
/// // What is at its start goes to another disk.
/// let moving = home.move_segment(&host, Sectors(0), DeviceNumber::new(8, 32), Sectors(2048))?;
/// for work in moving.progress(&host, Duration::from_secs(1)) {
///     println!("{:?} % copied", work?.done.and_then(|done| done.percent()));
/// }
/// let home = moving.finish_move(&host)?;
/// println!("{} has moved", home.name());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
impl MappedDev<Linear> {
    /// Begins to move the segment that starts at sector `segment` of the device to `start` on the device `to`.
    ///
    /// From now on the segment is a mirror that copies it, follow it with [`progress`](MappedDev::progress), and then
    /// [`finish_move`](MappedDev::finish_move) or [`cancel_move`](MappedDev::cancel_move). Writes go to both places until then.
    /// Should one of them fail, writes wait for either of the two calls. What is copied is not noted anywhere: after a
    /// crash the device is set up with the table before, and the move begins anew. A program that was only restarted
    /// opens the device as a `MappedDev<Any>` and continues.
    ///
    /// # Errors
    ///
    /// [`DevError::NoSegment`]. [`DevError::Table`]: a segment of one sector can't be moved. Those of
    /// [`set_table`](MappedDev::set_table); the device is as before.
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

/// A linear device of which segments are being moved.
impl MappedDev<Any> {
    /// Ends a move that is done, while the device is in use: the segment is where it was moved to, and its old place is free.
    /// Without a move under way, nothing is done.
    ///
    /// # Errors
    ///
    /// [`DevError::NotCopied`]: there is something left to copy, or a device has failed; nothing was done.
    /// [`DevError::NotMoving`].
    pub fn finish_move(&self, host: &Host) -> Result<LinearDev, DevError> {
        let statuses = self.statuses(host, StatusOptions::new().noflush(true))?;
        for status in statuses.iter().filter_map(mirror_status) {
            let is_whole = status.mirrors.iter().all(|leg| leg.health == MirrorHealth::Alive);
            if status.in_sync < status.regions || !is_whole {
                let regions = Usage { used: status.in_sync, total: status.regions };
                return Err(DevError::NotCopied { device: self.to_id(), regions });
            }
        }
        self.end_move(host, |[_, to]| to)
    }

    /// Gives a move up, while the device is in use: the segment is where it was.
    ///
    /// # Errors
    ///
    /// [`DevError::NotMoving`]. Those of [`set_table`](MappedDev::set_table).
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
                    let legs = mirror.mirrors.clone().try_into();
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
            device.set_table_with(host, &table, at_once())?;
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
