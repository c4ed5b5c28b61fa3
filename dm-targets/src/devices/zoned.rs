//! Operations of zoned devices: count zones, and free them.

use dm_core::Host;

use super::{DevError, MappedDev};
use crate::zoned::{ZonedMessage, ZonedStatus, Zones};
use crate::{Usage, Zoned};

/// A device on zoned disks that can be written in any order.
///
/// `dmzadm` formats the disks.
///
/// ```no_run
/// use dm_core::Host;
/// use dm_targets::devices::ZonedDev;
///
/// let host = Host::open()?;
/// let archive = ZonedDev::open(&host, "archive")?;
/// let zones = archive.zones_used(&host)?;
/// println!("{} of {} zones hold data", zones.used, zones.total);
/// archive.reclaim(&host)?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
impl MappedDev<Zoned> {
    /// Reads how many zones hold data, and how many zones there are, on all devices together. For the numbers of each
    /// kind and device, see [`status`](MappedDev::status).
    ///
    /// # Errors
    ///
    /// As [`status`](MappedDev::status).
    pub fn zones_used(&self, host: &Host) -> Result<Usage<u64>, DevError> {
        let ZonedStatus { cache, devices, .. } = self.unflushed_status(host)?;
        let of_devices = devices.iter().flat_map(|device| [device.random, device.sequential]);
        let add = |sum: Usage<u64>, Zones { unmapped, total }: Zones| Usage {
            used: sum.used.saturating_add(total.saturating_sub(unmapped).into()),
            total: sum.total.saturating_add(total.into()),
        };
        Ok(cache.into_iter().chain(of_devices).fold(Usage { used: 0, total: 0 }, add))
    }

    /// Makes the kernel move data out of the random-access zones in the background, if the device is idle or few of
    /// these zones are free (`dmz_should_reclaim` in drivers/md/dm-zoned-reclaim.c). The kernel also does so without
    /// this call.
    ///
    /// # Errors
    ///
    /// As [`message`](MappedDev::message).
    pub fn reclaim(&self, host: &Host) -> Result<(), DevError> {
        self.message(host, &ZonedMessage::Reclaim).map(drop)
    }
}
