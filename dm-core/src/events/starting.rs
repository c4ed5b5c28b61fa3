//! Devices that do not serve I/O yet.
//!
//! A list does not report whether a device has a table or is suspended, so these devices, and no others, are looked up one by
//! one.

use std::collections::BTreeMap;
use std::mem;

use dm_units::DeviceNumber;

use super::{Event, EventKind};
use crate::error::Result;
use crate::id::{DmName, DmNameBuf, DmUuidBuf};
use crate::node::Dm;
use crate::wire::DeviceInfo;

/// The devices whose first resume is still to be reported.
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
    /// It has no active table.
    Bare,
    /// It has a table and was suspended when the poller was opened.
    Suspended,
    Serves,
}

impl State {
    /// The kernel raises the event for a first table an instant before it resumes the device (`dm_swap_table` in
    /// drivers/md/dm.c), so a bare device that has a table now serves, or will in a moment.
    fn next(self, info: &DeviceInfo) -> Self {
        match self {
            Self::Bare if info.has_active_table() => Self::Serves,
            Self::Suspended if !info.is_suspended() => Self::Serves,
            state => state,
        }
    }
}

impl Starting {
    /// A device that was added. It replaces what is known of another one with its number.
    pub(super) fn add(&mut self, number: DeviceNumber, name: &DmName, uuid: Option<DmUuidBuf>) {
        self.0.insert(number, Device { name: name.to_owned(), uuid, state: State::Bare });
    }

    /// Follows a device that existed when the poller was opened, if it does not serve.
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

    /// A device that has another name or uuid now.
    pub(super) fn rename(&mut self, number: DeviceNumber, name: &DmName, uuid: Option<&DmUuidBuf>) {
        if let Some(device) = self.0.get_mut(&number) {
            device.name = name.to_owned();
            device.uuid = uuid.cloned();
        }
    }

    pub(super) fn remove(&mut self, number: DeviceNumber) {
        self.0.remove(&number);
    }

    /// Looks up each device. What was learned is kept if a later one fails.
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

    /// Reports the devices that serve now, and follows them no longer.
    pub(super) fn take_resumed(&mut self, events: &mut Vec<Event>) {
        self.0.retain(|&number, device| {
            if device.state == State::Serves {
                let (name, uuid) = (device.name.clone(), mem::take(&mut device.uuid));
                events.push(Event { number, name, uuid, kind: EventKind::Resumed });
            }
            device.state != State::Serves
        });
    }

    /// Whether a device was suspended when the poller was opened: the kernel raises no event when it is resumed.
    pub(super) fn has_suspended(&self) -> bool {
        self.0.values().any(|device| device.state == State::Suspended)
    }
}

impl Device {
    /// Another device can have taken the number since the list was made.
    fn is(&self, info: &DeviceInfo) -> bool {
        let same_uuid = match (&self.uuid, info.uuid()) {
            (Some(known), Some(uuid)) => known == uuid,
            (Some(_), None) => false,
            // It may have been given one since.
            (None, _) => true,
        };
        same_uuid && info.name().is_some_and(|name| self.name == name)
    }
}
