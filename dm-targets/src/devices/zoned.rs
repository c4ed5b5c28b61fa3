//! What zoned devices can do beyond what every device can: zones counted and freed.

use dm_core::{Host, StatusOptions};

use super::{DevError, MappedDev};
use crate::zoned::{ZonedMessage, ZonedStatus, Zones};
use crate::{Usage, Zoned};

/// A zoned device that can be written anywhere.
///
/// The disks are formatted by `dmzadm`.
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
    /// How many zones of all devices hold data. [`status`](MappedDev::status) has them by kind and device.
    ///
    /// # Errors
    ///
    /// Those of [`status`](MappedDev::status).
    pub fn zones_used(&self, host: &Host) -> Result<Usage<u64>, DevError> {
        let ZonedStatus { cache, devices, .. } = self.status(host, StatusOptions::new().noflush(true))?;
        let of_devices = devices.iter().flat_map(|device| [device.random, device.sequential]);
        let add = |sum: Usage<u64>, Zones { unmapped, total }: Zones| Usage {
            used: sum.used.saturating_add(total.saturating_sub(unmapped).into()),
            total: sum.total.saturating_add(total.into()),
        };
        Ok(cache.into_iter().chain(of_devices).fold(Usage { used: 0, total: 0 }, add))
    }

    /// Lets the kernel move data out of the zones that can be written anywhere, in the background, as it does by itself when
    /// few of them are free.
    ///
    /// # Errors
    ///
    /// Those of [`message`](MappedDev::message).
    pub fn reclaim(&self, host: &Host) -> Result<(), DevError> {
        self.message(host, &ZonedMessage::Reclaim).map(drop)
    }
}
