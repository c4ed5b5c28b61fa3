//! Operations of RAID arrays: scrubs and the replacement of legs.

use core::time::Duration;

use dm_core::{Host, StatusOptions};

use super::{DevError, MappedDev, Progress};
use crate::Raid;
use crate::raid::{RaidDevice, RaidHealth, RaidMessage, RaidStatus, RaidTable};

/// An array of devices, such as RAID 1, 5, 6 or 10.
impl MappedDev<Raid> {
    /// Starts a scrub: the kernel compares the data of the devices, and counts mismatches. The returned progress ends
    /// when the scrub has finished or was stopped; [`mismatches`](Self::mismatches) then returns the count.
    ///
    /// # Errors
    ///
    /// [`is_busy`](DevError::is_busy): the array has other background work, such as a rebuild, or is suspended. Linux
    /// 6.1 accepts the call on a suspended array. [`is_invalid`](DevError::is_invalid): the RAID level has no
    /// redundancy.
    pub fn check<'h>(&self, host: &'h Host, interval: Duration) -> Result<Progress<'h, Raid>, DevError> {
        self.message(host, &RaidMessage::Check)?;
        Ok(self.progress(host, interval))
    }

    /// Starts a scrub that repairs mismatches. The returned progress ends when the scrub has finished or was stopped.
    ///
    /// # Errors
    ///
    /// As [`check`](Self::check).
    pub fn repair<'h>(&self, host: &'h Host, interval: Duration) -> Result<Progress<'h, Raid>, DevError> {
        self.message(host, &RaidMessage::Repair)?;
        Ok(self.progress(host, interval))
    }

    /// Reads the number of sectors that did not match in the last check. Returns 0 if the last background work was not
    /// a check, and `None` if the status does not contain the number.
    ///
    /// # Errors
    ///
    /// As [`status`](MappedDev::status).
    pub fn mismatches(&self, host: &Host) -> Result<Option<u64>, DevError> {
        Ok(match self.unflushed_status(host)? {
            RaidStatus::Array(array) => array.mismatches,
            RaidStatus::Nothing => None,
        })
    }

    /// Replaces a leg, counted from 0, with another device while the array is in use. The returned progress ends when
    /// the rebuild has finished or was stopped.
    ///
    /// The new table contains the option `rebuild`, even after the rebuild. [`setup`](MappedDev::setup) accepts a table
    /// with this option, and [`change`](MappedDev::change) removes the option. But if the leg has no metadata device,
    /// [`change`](MappedDev::change) keeps the option and so rebuilds the leg again, unless you remove the option
    /// yourself. Without metadata devices, the kernel does not record the progress either: unfinished rebuilds start
    /// again from the beginning.
    ///
    /// # Errors
    ///
    /// [`DevError::NoLeg`]: the array has no leg with this index. Otherwise as [`change`](MappedDev::change); if the
    /// kernel refuses the new table, the array is unchanged.
    pub fn replace_leg<'h>(
        &self,
        host: &'h Host,
        leg: u32,
        device: RaidDevice,
        interval: Duration,
    ) -> Result<Progress<'h, Raid>, DevError> {
        let mut found = false;
        let index = usize::try_from(leg).unwrap_or(usize::MAX);
        let statuses = self.statuses_with(host, StatusOptions::new().noflush(true))?;
        let mut table = self.lines_to_change(host)?;
        for (place, line) in table.iter_mut().enumerate() {
            let status = statuses.get(place).map(|line| &line.status);
            keep_unfinished_rebuilds(&mut line.params, status);
            if let Some(place) = line.params.devices.get_mut(index) {
                place.clone_from(&device);
                line.params.params.rebuild.insert(leg);
                found = true;
            }
        }
        if !found {
            return Err(DevError::NoLeg { array: self.to_id(), leg });
        }
        self.set_table(host, &crate::Table::new(table).map_err(|error| self.no_table(error))?)?;
        Ok(self.progress(host, interval))
    }
}

/// Removes from `rebuild` the legs that are in sync, and those with a metadata device, in which the kernel records the
/// rebuild. It would use the others as if they contained all data (`parse_raid_params` in drivers/md/dm-raid.c).
fn keep_unfinished_rebuilds(table: &mut RaidTable, status: Option<&RaidStatus>) {
    let is_unfinished = |leg: &u32| {
        let Ok(index) = usize::try_from(*leg) else { return false };
        let is_in_sync = match status {
            Some(RaidStatus::Array(array)) => array.health.get(index) == Some(&RaidHealth::InSync),
            _ => false,
        };
        !is_in_sync && table.devices.get(index).is_some_and(|device| device.metadata.is_none())
    };
    table.params.rebuild.retain(is_unfinished);
}
