//! Devices that have not been resumed with their first table.
//!
//! A list does not show whether a device has a table or is suspended, so these devices are looked up one by one.

use std::collections::BTreeMap;
use std::mem;

use dm_units::DeviceNumber;

use super::{Event, EventKind};
use crate::error::Result;
use crate::id::{DmName, DmNameBuf, DmUuidBuf};
use crate::node::Dm;
use crate::wire::DeviceInfo;

/// The devices whose first resume has not been reported.
#[derive(Debug, Default)]
pub(super) struct Starting(BTreeMap<DeviceNumber, Device>);

#[derive(Debug)]
struct Device {
    name: DmNameBuf,
    uuid: Option<DmUuidBuf>,
    state: State,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// The device has no active table.
    Bare,
    /// The device has a table and was suspended when the poller was opened.
    Suspended,
    Serves,
}

impl State {
    /// The kernel raises the event for a first table just before it resumes the device (`dm_swap_table` in
    /// drivers/md/dm.c). So a device whose first table is active is running, or will be in a moment.
    fn next(self, info: &DeviceInfo) -> Self {
        match self {
            Self::Bare if info.has_active_table() => Self::Serves,
            Self::Suspended if !info.is_suspended() => Self::Serves,
            state => state,
        }
    }
}

impl Starting {
    /// Follows a device that was added, replacing another one with its number.
    pub(super) fn add(&mut self, number: DeviceNumber, name: &DmName, uuid: Option<DmUuidBuf>) {
        self.0.insert(number, Device { name: name.to_owned(), uuid, state: State::Bare });
    }

    /// Follows a device that existed when the poller was opened, if it is not running.
    pub(super) fn add_existing(&mut self, dm: &Dm, number: DeviceNumber) -> Result<()> {
        let info = match dm.device_info(number) {
            Err(error) if error.is_not_found() => return Ok(()),
            info => info?,
        };
        let state = match (info.has_active_table(), info.is_suspended()) {
            (false, _) => State::Bare,
            (true, true) => State::Suspended,
            (true, false) => return Ok(()),
        };
        if let Some(name) = info.name() {
            let uuid = info.uuid().map(ToOwned::to_owned);
            self.0.insert(number, Device { name: name.to_owned(), uuid, state });
        }
        Ok(())
    }

    /// Updates the name or uuid of a device.
    pub(super) fn rename(&mut self, number: DeviceNumber, name: &DmName, uuid: Option<&DmUuidBuf>) {
        if let Some(device) = self.0.get_mut(&number) {
            device.name = name.to_owned();
            device.uuid = uuid.cloned();
        }
    }

    pub(super) fn remove(&mut self, number: DeviceNumber) {
        self.0.remove(&number);
    }

    /// Looks up each device. If one fails, the results of the earlier ones are kept.
    pub(super) fn look(&mut self, dm: &Dm) -> Result<()> {
        for (&number, device) in &mut self.0 {
            match dm.device_info(number) {
                // Its removal raises an event.
                Err(error) if error.is_not_found() => {}
                info => {
                    let info = info?;
                    if device.is(&info) {
                        device.state = device.state.next(&info);
                    }
                }
            }
        }
        Ok(())
    }

    /// Reports the devices that have been resumed, and stops following them.
    pub(super) fn take_resumed(&mut self, events: &mut Vec<Event>) {
        self.0.retain(|&number, device| {
            if device.state == State::Serves {
                let (name, uuid) = (device.name.clone(), mem::take(&mut device.uuid));
                events.push(Event { number, name, uuid, kind: EventKind::Resumed });
            }
            device.state != State::Serves
        });
    }

    /// Whether a followed device was suspended when the poller was opened, whose resume raises no event.
    pub(super) fn has_suspended(&self) -> bool {
        self.0.values().any(|device| device.state == State::Suspended)
    }
}

impl Device {
    /// Whether this is the same device, since another one may have taken the number after the list.
    fn is(&self, info: &DeviceInfo) -> bool {
        let same_uuid = match (&self.uuid, info.uuid()) {
            (Some(known), Some(uuid)) => known == uuid,
            (Some(_), None) => false,
            // It may have got its uuid since.
            (None, _) => true,
        };
        same_uuid && info.name().is_some_and(|name| self.name == name)
    }
}
