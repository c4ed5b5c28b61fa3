//! Following what happens to mapped devices: [`EventPoller`] follows all of them, [`Dm::wait_event`](crate::Dm::wait_event)
//! one.

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

/// Something that has happened to a mapped device.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Event {
    /// The device's number.
    pub number: DeviceNumber,
    /// The name, now or when the device was last seen.
    pub name: DmNameBuf,
    /// The uuid, now or when the device was last seen.
    pub uuid: Option<DmUuidBuf>,
    /// What has happened.
    pub kind: EventKind,
}

/// What has happened to a mapped device.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum EventKind {
    /// The device was created.
    Added,
    /// The device was removed.
    Removed,
    /// The device has another name.
    #[non_exhaustive]
    Renamed {
        /// The name that it had.
        from: DmNameBuf,
    },
    /// The device was given a uuid.
    UuidSet,
    /// The device serves I/O for the first time: its first table became active.
    ///
    /// Reported for devices that were added after the poller was opened, and for others if
    /// [`PollerOptions::existing`] is set.
    Resumed,
    /// A target raised an event, or the device was renamed or given a uuid while it had a table. The status has details.
    #[non_exhaustive]
    Changed {
        /// The device's event number now.
        event_nr: u32,
    },
}

impl Event {
    /// The order in which events are reported: removals first, so that a name or number is given up before it is taken.
    /// Then by number, and what happens first in the life of a device first.
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
