//! [`MonitorOptions`]: the devices that a monitor follows, and the levels that it reports.

use alloc::vec::Vec;
use core::time::Duration;

use dm_core::{DmName, DmNameBuf, DmUuid, DmUuidBuf};

/// Options of [`Monitor::open_with`](super::Monitor::open_with): the devices, the levels of usage, and the interval.
///
/// ```
/// use std::time::Duration;
///
/// use dm_core::{DmNameBuf, DmUuidBuf};
/// use dm_targets::devices::MonitorOptions;
///
/// # fn main() -> Result<(), dm_core::NameError> {
/// let options = MonitorOptions::new()
///     .name(DmNameBuf::new("pool")?)
///     .uuid_prefix(DmUuidBuf::new("LVM-")?)
///     .levels([70, 90])
///     .status_interval(Some(Duration::from_secs(30)));
/// # let _ = options;
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MonitorOptions {
    names: Vec<DmNameBuf>,
    uuids: Vec<DmUuidBuf>,
    uuid_prefixes: Vec<DmUuidBuf>,
    levels: Vec<u8>,
    status_interval: Option<Duration>,
}

impl Default for MonitorOptions {
    fn default() -> Self {
        Self::new()
    }
}

impl MonitorOptions {
    /// The default options: all devices, the levels 80, 85, 90, 95 and 100 percent, and an interval of 10 seconds. Once
    /// a device is selected, only selected devices are followed.
    #[must_use]
    pub fn new() -> Self {
        Self {
            names: Vec::new(),
            uuids: Vec::new(),
            uuid_prefixes: Vec::new(),
            levels: [80, 85, 90, 95, 100].into(),
            status_interval: Some(Duration::from_secs(10)),
        }
    }

    /// Follows any device while it has this name. Can be called several times.
    #[must_use]
    pub fn name(mut self, name: DmNameBuf) -> Self {
        self.names.push(name);
        self
    }

    /// Follows the device with this uuid. Can be called several times.
    #[must_use]
    pub fn uuid(mut self, uuid: DmUuidBuf) -> Self {
        self.uuids.push(uuid);
        self
    }

    /// Follows the devices whose uuid has this prefix, such as `LVM-`. A complete uuid also selects devices with a
    /// longer uuid that starts with it. To select only the exact uuid, use [`uuid`](Self::uuid). Can be called several
    /// times.
    #[must_use]
    pub fn uuid_prefix(mut self, prefix: DmUuidBuf) -> Self {
        self.uuid_prefixes.push(prefix);
        self
    }

    /// Replaces the usage levels that are reported, in percent, for data and for metadata. 0 and values above 100 are
    /// ignored.
    #[must_use]
    pub fn levels(mut self, levels: impl IntoIterator<Item = u8>) -> Self {
        self.levels = levels.into_iter().filter(|level| *level > 0).collect();
        self.levels.sort_unstable();
        self
    }

    /// Sets the interval for reading the status of devices that can change without an event; `None` disables it.
    #[must_use]
    pub fn status_interval(self, interval: Option<Duration>) -> Self {
        Self { status_interval: interval, ..self }
    }

    /// Whether a device with this name and uuid is followed.
    pub(super) fn choose(&self, name: &DmName, uuid: Option<&DmUuid>) -> bool {
        let all = self.names.is_empty() && self.uuids.is_empty() && self.uuid_prefixes.is_empty();
        let starts = |prefix: &DmUuidBuf| uuid.is_some_and(|uuid| uuid.as_bytes().starts_with(prefix.as_bytes()));
        all || self.names.iter().any(|chosen| *chosen == *name)
            || self.uuids.iter().any(|chosen| uuid == Some(chosen))
            || self.uuid_prefixes.iter().any(starts)
    }

    /// The levels in ascending order.
    pub(super) fn sorted_levels(&self) -> &[u8] {
        &self.levels
    }

    pub(super) const fn interval(&self) -> Option<Duration> {
        self.status_interval
    }
}
