//! Events of mapped devices: [`EventPoller`] follows all of them, [`Dm::wait_event`](crate::Dm::wait_event) one.

mod changes;
mod poller;
mod starting;
mod uuids;
mod wait;

#[cfg(test)]
mod tests;

use dm_units::DeviceNumber;

pub use poller::{EventPoller, PollerOptions};

use crate::id::{DmNameBuf, DmUuidBuf};

/// An event of a mapped device, as reported by [`EventPoller`].
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Event {
    /// The device's number.
    pub number: DeviceNumber,
    /// The device's current name, or its last known name if it was removed.
    pub name: DmNameBuf,
    /// The device's current uuid, or its last known uuid if it was removed. `None` if it has no uuid.
    pub uuid: Option<DmUuidBuf>,
    /// The kind of event.
    pub kind: EventKind,
}

/// What has happened to the device of an [`Event`].
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum EventKind {
    /// The device was created.
    Added,
    /// The device was removed.
    Removed,
    /// The device was renamed.
    #[non_exhaustive]
    Renamed {
        /// The previous name.
        from: DmNameBuf,
    },
    /// The device got its uuid.
    UuidSet,
    /// The first table of the device became active.
    ///
    /// This is reported for devices that were created after the [`EventPoller`] was opened. With
    /// [`PollerOptions::existing`], it is also reported for devices that had no active table when the poller was
    /// opened. A device that was suspended at that time is reported when it is resumed.
    Resumed,
    /// A target raised an event, or the device was renamed or got a uuid while it had a table. Read the device's status
    /// for details.
    #[non_exhaustive]
    Changed {
        /// The new event number of the device.
        event_nr: u32,
    },
}

impl Event {
    /// The order in which events are reported: removals first, so that a name or number is released before another
    /// device takes it, then by number, then in the order of a device's life.
    fn order(&self) -> (bool, DeviceNumber, u8) {
        let rank = match self.kind {
            EventKind::Added | EventKind::Removed => 0,
            EventKind::Renamed { .. } => 1,
            EventKind::UuidSet => 2,
            EventKind::Resumed => 3,
            EventKind::Changed { .. } => 4,
        };
        (self.kind != EventKind::Removed, self.number, rank)
    }
}
