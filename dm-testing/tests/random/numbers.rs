//! The devices of a sequence, with texts for their numbers that are the same on each kernel.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use dm_units::DeviceNumber;

/// A device's number, and its event number on kernels that list it.
pub(crate) type Listed = (DeviceNumber, Option<u32>);

pub(crate) struct Numbers {
    /// The existing devices with their serial numbers.
    serials: BTreeMap<DeviceNumber, usize>,
    /// The text for each number in answers; a number that was used again stands for the younger device.
    shown: BTreeMap<DeviceNumber, String>,
    next_serial: usize,
    /// The event numbers after the last step, and the devices for which it has changed them.
    events: BTreeMap<DeviceNumber, Option<u32>>,
    changed: BTreeSet<String>,
}

impl Numbers {
    /// Starts with no devices.
    pub(crate) fn new(disks: &[DeviceNumber]) -> Self {
        let shown = disks.iter().enumerate().map(|(index, disk)| (*disk, format!("(disk {index})"))).collect();
        let (serials, events, changed) = Default::default();
        Self { serials, shown, next_serial: 0, events, changed }
    }

    /// Updates the devices after a step.
    pub(crate) fn update(&mut self, devices: &[Listed]) {
        self.serials.retain(|number, _| devices.iter().any(|(device, _)| device == number));
        for (number, _) in devices {
            if !self.serials.contains_key(number) {
                self.serials.insert(*number, self.next_serial);
                self.shown.insert(*number, format!("(device {})", self.next_serial));
                self.next_serial += 1;
            }
        }
    }

    /// Notes which event numbers have changed.
    pub(crate) fn update_events(&mut self, devices: Vec<Listed>) {
        let events = devices.into_iter().filter(|(number, _)| self.serials.contains_key(number)).collect();
        let last = std::mem::replace(&mut self.events, events);
        let changed =
            self.events.iter().filter(|(number, event)| **event != last.get(number).copied().unwrap_or(Some(0)));
        self.changed = changed.map(|(number, _)| self.shown[number].clone()).collect();
    }

    /// The serial number; older devices have smaller ones.
    pub(crate) fn serial(&self, number: DeviceNumber) -> Option<usize> {
        self.serials.get(&number).copied()
    }

    /// The devices that have raised events in the last step, if the number of events depends on time.
    pub(crate) fn changed(&self) -> &BTreeSet<String> {
        &self.changed
    }

    /// Replaces the numbers in a text.
    pub(crate) fn replace_in(&self, mut text: String) -> String {
        let mut numbers: Vec<_> = self.shown.iter().map(|(number, shown)| (number.to_string(), shown)).collect();
        // A number may be a prefix of another one.
        numbers.sort_by_key(|(number, _)| Reverse(number.len()));
        for (number, shown) in numbers {
            text = text.replace(&number, shown);
        }
        text
    }
}
