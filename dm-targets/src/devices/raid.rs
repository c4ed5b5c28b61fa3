//! What RAID arrays can do beyond what every device can: scrubs, and legs that are replaced.

use core::time::Duration;

use dm_core::{Host, StatusOptions};

use super::{DevError, MappedDev, Progress};
use crate::Raid;
use crate::raid::{RaidDevice, RaidMessage, RaidStatus};

/// Several devices that are one, and survive the failure of some.
impl MappedDev<Raid> {
    /// Compares the devices and counts what does not match; follows the work until it is done. The count is then in the status
    /// ([`mismatches`](Self::mismatches)).
    ///
    /// # Errors
    ///
    /// [`is_busy`](DevError::is_busy): the array is at work already, such as on a rebuild.
    pub fn check<'h>(&self, host: &'h Host, interval: Duration) -> Result<Progress<'h, Raid>, DevError> {
        self.message(host, &RaidMessage::Check)?;
        Ok(self.progress(host, interval))
    }

    /// Compares the devices and repairs what does not match; follows the work until it is done.
    ///
    /// # Errors
    ///
    /// As [`check`](Self::check).
    pub fn repair<'h>(&self, host: &'h Host, interval: Duration) -> Result<Progress<'h, Raid>, DevError> {
        self.message(host, &RaidMessage::Repair)?;
        Ok(self.progress(host, interval))
    }

    /// How many sectors did not match in the last check.
    ///
    /// # Errors
    ///
    /// Those of [`status`](MappedDev::status).
    pub fn mismatches(&self, host: &Host) -> Result<Option<u64>, DevError> {
        Ok(match self.status(host, StatusOptions::new().noflush(true))? {
            RaidStatus::Array(array) => array.mismatches,
            RaidStatus::Nothing => None,
        })
    }

    /// Replaces a leg, counted from 0, by another device while the array is in use, and follows the rebuild until it is done.
    ///
    /// # Errors
    ///
    /// [`DevError::NoLeg`]: the array has fewer. Those of [`change`](MappedDev::change): when the kernel refuses, the array is
    /// as before.
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
