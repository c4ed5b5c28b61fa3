//! Operations of RAID arrays: scrubs and the replacement of legs.

use core::time::Duration;

use dm_core::Host;

use super::{DevError, MappedDev, Progress};
use crate::Raid;
use crate::raid::{RaidDevice, RaidMessage, RaidStatus};

/// An array of devices, such as RAID 1, 5, 6 or 10.
impl MappedDev<Raid> {
    /// Starts a scrub: the kernel compares the data of the devices, and counts mismatches. The returned progress ends
    /// when the scrub has finished or was stopped; [`mismatches`](Self::mismatches) then returns the count.
    ///
    /// # Errors
    ///
    /// [`is_busy`](DevError::is_busy): the array has other background work, such as a rebuild; or it is suspended,
    /// which Linux 6.1 does not refuse. [`is_invalid`](DevError::is_invalid): its level has no redundancy.
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

    /// Reads the number of sectors that did not match in the last check: 0 if the last background work was not a check,
    /// `None` if the status does not contain it.
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
    /// The new table contains `rebuild`, also after the rebuild; [`change`](MappedDev::change) removes it, and
    /// [`setup`](MappedDev::setup) accepts it. If the leg has no metadata device, it stays, and a later `change` rebuilds
    /// the leg again unless it removes this word.
    ///
    /// # Errors
    ///
    /// [`DevError::NoLeg`]: the array has no leg with this index. Others as [`change`](MappedDev::change); when the
    /// kernel refuses, the array is as before.
    pub fn replace_leg<'h>(
        &self,
        host: &'h Host,
        leg: u32,
        device: RaidDevice,
        interval: Duration,
    ) -> Result<Progress<'h, Raid>, DevError> {
        let mut found = false;
        let index = usize::try_from(leg).unwrap_or(usize::MAX);
        let mut table = self.table(host)?.into_lines();
        for line in &mut table {
            if let Some(place) = line.params.devices.get_mut(index) {
                place.clone_from(&device);
                line.params.params.rebuild = [leg].into();
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
