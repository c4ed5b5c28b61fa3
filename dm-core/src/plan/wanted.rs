//! What a program wants: devices whose tables refer to each other by name.

use std::collections::BTreeMap;
use std::fmt;

use dm_units::DeviceNumber;

use crate::commands::{Payload, TargetLine, TargetParams};
use crate::id::{DmName, DmNameBuf, DmUuid};
use crate::ops::{Prefix, SetupOptions, SuspendPolicy};
use crate::udev::Visibility;

/// A line of a wanted table; [`TargetLine::boxed`] makes one.
pub type WantedLine<'a> = TargetLine<Box<dyn TargetParams + 'a>>;

impl<P: TargetParams> TargetLine<P> {
    /// The line with its params on the heap, so that lines of several targets can stand in one list.
    pub fn boxed<'a>(self) -> WantedLine<'a>
    where
        P: 'a,
    {
        TargetLine { start: self.start, length: self.length, params: Box::new(self.params) }
    }
}

/// Makes the lines of a table; `None` if a name is not among the numbers.
type Lines<'a> = Box<dyn Fn(&Numbers) -> Option<Vec<WantedLine<'a>>> + 'a>;

/// The numbers of the devices that a wanted device uses.
#[derive(Clone, Debug, Default)]
pub struct Numbers(pub(super) BTreeMap<DmNameBuf, DeviceNumber>);

impl Numbers {
    /// The number of a device that was declared with [`uses`](WantedDevice::uses).
    #[must_use]
    pub fn get(&self, name: &DmName) -> Option<DeviceNumber> {
        self.0.get(name).copied()
    }
}

/// A device that a program wants.
pub struct WantedDevice<'a> {
    pub(super) name: DmNameBuf,
    pub(super) uses: Vec<DmNameBuf>,
    pub(super) uuid: Option<&'a DmUuid>,
    pub(super) read_only: bool,
    pub(super) visibility: Visibility,
    pub(super) suspend: SuspendPolicy,
    pub(super) messages: Vec<Box<dyn Payload + 'a>>,
    lines: Lines<'a>,
}

impl<'a> WantedDevice<'a> {
    /// A device with a table. The numbers are those of the devices that it [uses](Self::uses); they are known only when these
    /// exist, so the lines are made then, and may be made several times.
    pub fn new(name: &DmName, lines: impl Fn(&Numbers) -> Option<Vec<WantedLine<'a>>> + 'a) -> Self {
        Self {
            name: name.to_owned(),
            uses: Vec::new(),
            uuid: None,
            read_only: false,
            visibility: Visibility::Public,
            suspend: SuspendPolicy::new(),
            messages: Vec::new(),
            lines: Box::new(lines),
        }
    }

    /// The other wanted devices that its table uses.
    #[must_use]
    pub fn uses<'n>(mut self, names: impl IntoIterator<Item = &'n DmName>) -> Self {
        self.uses.extend(names.into_iter().map(DmName::to_owned));
        self
    }

    /// The uuid. A device of this name that exists must have it.
    #[must_use]
    pub fn uuid(self, uuid: &'a DmUuid) -> Self {
        Self { uuid: Some(uuid), ..self }
    }

    /// Whether the device is read-only.
    #[must_use]
    pub fn read_only(self, read_only: bool) -> Self {
        Self { read_only, ..self }
    }

    /// Whether other programs should see the device.
    #[must_use]
    pub fn visibility(self, visibility: Visibility) -> Self {
        Self { visibility, ..self }
    }

    /// How to suspend the device if its table changes.
    #[must_use]
    pub fn suspend(self, suspend: SuspendPolicy) -> Self {
        Self { suspend, ..self }
    }

    /// A message that is sent to its first target whenever the plan is carried out: after the device is made or resumed, and
    /// before those that use it are made. Such as `create_thin 1` to a pool. It is not undone.
    #[must_use]
    pub fn message(mut self, message: impl Payload + 'a) -> Self {
        self.messages.push(Box::new(message));
        self
    }

    pub(super) fn lines(&self, numbers: &Numbers) -> Option<Vec<WantedLine<'a>>> {
        (self.lines)(numbers)
    }

    pub(super) fn setup(&self) -> SetupOptions<'a> {
        let options = SetupOptions::new().read_only(self.read_only).visibility(self.visibility);
        self.uuid.map_or(options, |uuid| options.uuid(uuid))
    }
}

/// Its messages may hold keys.
impl fmt::Debug for WantedDevice<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WantedDevice").field("name", &self.name).field("uses", &self.uses).finish_non_exhaustive()
    }
}

/// The devices that a program wants.
#[derive(Debug, Default)]
pub struct Wanted<'a> {
    pub(super) devices: Vec<WantedDevice<'a>>,
    pub(super) owned: Option<Prefix<'a>>,
}

impl<'a> Wanted<'a> {
    /// None.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// One more device, in any order.
    #[must_use]
    pub fn device(mut self, device: WantedDevice<'a>) -> Self {
        self.devices.push(device);
        self
    }

    /// Removes all other devices whose name or uuid starts with this: those that the program has wanted earlier.
    #[must_use]
    pub fn only(self, prefix: Prefix<'a>) -> Self {
        Self { owned: Some(prefix), ..self }
    }

    pub(super) fn get(&self, name: &DmName) -> Option<&WantedDevice<'a>> {
        self.devices.iter().find(|device| *device.name == *name)
    }

    /// The same devices in another order, which names each once.
    pub(super) fn in_order(mut self, order: &[DmNameBuf]) -> Self {
        let place = |device: &WantedDevice<'_>| order.iter().position(|name| *name == device.name);
        self.devices.sort_by_key(place);
        self
    }
}
