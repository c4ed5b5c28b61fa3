//! The devices that a program wants, with tables that refer to each other by name.

use std::collections::BTreeMap;
use std::fmt;

use dm_units::DeviceNumber;

use crate::commands::{Payload, TargetLine, TargetParams};
use crate::id::{DmName, DmNameBuf, DmUuid};
use crate::machine::block::ReadAhead;
use crate::ops::{Prefix, SetupOptions, SuspendPolicy};
use crate::udev::Visibility;

/// A line of a wanted table, made by [`TargetLine::boxed`].
pub type WantedLine<'a> = TargetLine<Box<dyn TargetParams + 'a>>;

impl<P: TargetParams> TargetLine<P> {
    /// Moves the params to the heap, so that lines with different targets have one type.
    pub fn boxed<'a>(self) -> WantedLine<'a>
    where
        P: 'a,
    {
        TargetLine { start: self.start, length: self.length, params: Box::new(self.params) }
    }
}

/// A function that makes the lines of a table; it returns `None` if the number of a device is missing.
type Lines<'a> = Box<dyn Fn(&Numbers) -> Option<Vec<WantedLine<'a>>> + Send + Sync + 'a>;

/// The numbers of the devices that a wanted device uses. The function given to [`WantedDevice::new`] makes its table
/// from them.
#[derive(Clone, Debug, Default)]
pub struct Numbers(pub(super) BTreeMap<DmNameBuf, DeviceNumber>);

impl Numbers {
    /// Returns the number of a device that was declared with [`uses`](WantedDevice::uses), and `None` for any other
    /// name.
    #[must_use]
    pub fn get(&self, name: &DmName) -> Option<DeviceNumber> {
        self.0.get(name).copied()
    }
}

/// A device that should exist, with its table, options and messages.
pub struct WantedDevice<'a> {
    pub(super) name: DmNameBuf,
    pub(super) uses: Vec<DmNameBuf>,
    pub(super) uuid: Option<&'a DmUuid>,
    pub(super) minor: Option<u32>,
    pub(super) read_only: bool,
    pub(super) read_ahead: ReadAhead,
    pub(super) visibility: Visibility,
    pub(super) suspend: SuspendPolicy,
    pub(super) messages: Vec<Box<dyn Payload + Send + Sync + 'a>>,
    lines: Lines<'a>,
}

impl<'a> WantedDevice<'a> {
    /// Describes a device by its name and a function that makes its table. The function gets the numbers of the devices
    /// that this device [uses](Self::uses). It is called when these devices exist, possibly several times.
    ///
    /// The function returns `None` if it needs the number of a device that was not declared with [`uses`](Self::uses).
    /// The error is then [`PlanError::Undeclared`](super::PlanError::Undeclared), or
    /// [`PlanCause::Undeclared`](super::PlanCause::Undeclared) while the plan is carried out.
    pub fn new(name: &DmName, lines: impl Fn(&Numbers) -> Option<Vec<WantedLine<'a>>> + Send + Sync + 'a) -> Self {
        Self {
            name: name.to_owned(),
            uses: Vec::new(),
            uuid: None,
            minor: None,
            read_only: false,
            read_ahead: ReadAhead::Auto,
            visibility: Visibility::Public,
            suspend: SuspendPolicy::new(),
            messages: Vec::new(),
            lines: Box::new(lines),
        }
    }

    /// Declares the other wanted devices that this device's table uses. Also name devices here that must be
    /// ready before the table becomes active. This replaces libdm's activation priorities and delayed resumes.
    #[must_use]
    pub fn uses<'n>(mut self, names: impl IntoIterator<Item = &'n DmName>) -> Self {
        self.uses.extend(names.into_iter().map(DmName::to_owned));
        self
    }

    /// Sets the uuid. If an existing device has this uuid and another name, the plan renames it. If an existing device
    /// has this name, but another uuid or none, this is an error ([`PlanError::Differs`](super::PlanError::Differs)),
    /// unless the plan renames that device.
    #[must_use]
    pub fn uuid(self, uuid: &'a DmUuid) -> Self {
        Self { uuid: Some(uuid), ..self }
    }

    /// Sets the minor number, 0 to 1048575. With a larger number, the step that creates the device fails. An existing
    /// device with another minor number is an error ([`PlanError::Differs`](super::PlanError::Differs)).
    #[must_use]
    pub fn minor(self, minor: u32) -> Self {
        Self { minor: Some(minor), ..self }
    }

    /// Sets the read-ahead that the device gets whenever the plan makes one of its tables active. By default,
    /// [`ReadAhead::Auto`].
    #[must_use]
    pub fn read_ahead(self, read_ahead: ReadAhead) -> Self {
        Self { read_ahead, ..self }
    }

    /// Whether the device is read-only. By default it is read-write. If an existing device differs, the plan loads its
    /// table again.
    #[must_use]
    pub fn read_only(self, read_only: bool) -> Self {
        Self { read_only, ..self }
    }

    /// Whether other programs should see the device. By default they do. A plan does not change an existing device only
    /// because its visibility differs.
    #[must_use]
    pub fn visibility(self, visibility: Visibility) -> Self {
        Self { visibility, ..self }
    }

    /// Sets how the device is suspended if its table changes.
    #[must_use]
    pub fn suspend(self, suspend: SuspendPolicy) -> Self {
        Self { suspend, ..self }
    }

    /// Adds a message to the first target of the device. Every plan sends the message, even if the device does not
    /// change. It is sent after this device is created or resumed, and before devices that use it are created.
    ///
    /// If the target refuses the message, the plan fails. A pool, for example, refuses `create_thin 1` if that thin
    /// device exists. A message that was sent is not undone.
    #[must_use]
    pub fn message(mut self, message: impl Payload + Send + Sync + 'a) -> Self {
        self.messages.push(Box::new(message));
        self
    }

    /// Makes the lines from the numbers of the devices that it declares to use.
    pub(super) fn lines(&self, numbers: &Numbers) -> Option<Vec<WantedLine<'a>>> {
        let used = self.uses.iter().filter_map(|name| Some((name.clone(), numbers.get(name)?)));
        (self.lines)(&Numbers(used.collect()))
    }

    pub(super) fn setup(&self) -> SetupOptions<'a> {
        let options = SetupOptions::new().read_only(self.read_only).visibility(self.visibility);
        let options = options.read_ahead(self.read_ahead);
        let options = self.minor.map_or(options, |minor| options.minor(minor));
        self.uuid.map_or(options, |uuid| options.uuid(uuid))
    }
}

/// Prints no messages and tables, since they may contain keys.
impl fmt::Debug for WantedDevice<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WantedDevice").field("name", &self.name).field("uses", &self.uses).finish_non_exhaustive()
    }
}

/// The devices that should exist, for [`Host::plan`](crate::Host::plan).
#[derive(Debug, Default)]
pub struct Wanted<'a> {
    pub(super) devices: Vec<WantedDevice<'a>>,
    pub(super) owned: Option<Prefix<'a>>,
}

impl<'a> Wanted<'a> {
    /// An empty set.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a device. The order does not matter.
    #[must_use]
    pub fn device(mut self, device: WantedDevice<'a>) -> Self {
        self.devices.push(device);
        self
    }

    /// The plan also removes devices that have this prefix in their name or uuid and are not in this set. No other
    /// program should use the same prefix.
    #[must_use]
    pub fn only(self, prefix: Prefix<'a>) -> Self {
        Self { owned: Some(prefix), ..self }
    }

    pub(super) fn get(&self, name: &DmName) -> Option<&WantedDevice<'a>> {
        self.devices.iter().find(|device| *device.name == *name)
    }

    /// Sorts the devices; `order` names each once.
    pub(super) fn in_order(mut self, order: &[DmNameBuf]) -> Self {
        let place = |device: &WantedDevice<'_>| order.iter().position(|name| *name == device.name);
        self.devices.sort_by_key(place);
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wanted_device_is_shown_without_its_messages() {
        let [name, used] = ["home", "pool"].map(|name| DmName::new(name).unwrap());
        let device = WantedDevice::new(name, |_| None).uses([used]).message("key set 00ff");
        let shown = format!("{device:?}");
        assert!(shown.contains("home") && shown.contains("pool") && !shown.contains("00ff"), "{shown}");
    }
}
