//! The uuids of listed devices, also on kernels whose lists have none.

use std::borrow::Cow;
use std::collections::BTreeMap;

use dm_units::DeviceNumber;

use crate::commands::{DeviceList, ListedDevice};
use crate::error::Result;
use crate::id::{DmUuid, DmUuidBuf};
use crate::node::Dm;

/// What is known of uuids beyond what lists report.
#[derive(Debug)]
pub(super) enum Uuids {
    /// Lists report them: interface 4.45 and later.
    Listed,
    /// They have to be looked up one by one.
    LookedUp(BTreeMap<DeviceNumber, DmUuidBuf>),
}

impl Uuids {
    /// Looks up the uuids of all devices of a list that has none.
    pub(super) fn look_up(dm: &Dm, list: &DeviceList) -> Result<Self> {
        let mut uuids = BTreeMap::new();
        for device in list {
            let device = device?;
            uuids.extend(uuid_of(dm, &device)?.map(|uuid| (device.number, uuid)));
        }
        Ok(Self::LookedUp(uuids))
    }

    pub(super) const fn are_listed(&self) -> bool {
        matches!(self, Self::Listed)
    }

    /// The uuid that a device of the last list had.
    pub(super) fn before<'a>(&'a self, device: &ListedDevice<'a>) -> Option<&'a DmUuid> {
        match self {
            Self::Listed => device.uuid,
            Self::LookedUp(uuids) => uuids.get(&device.number).map(|uuid| &**uuid),
        }
    }

    /// The uuid that a device of the new list has. `before` is the entry of its number in the last one.
    ///
    /// A device keeps its uuid, so one with the same name is not looked up again.
    pub(super) fn now<'a>(
        &'a self,
        dm: &Dm,
        device: &ListedDevice<'a>,
        before: Option<&ListedDevice<'a>>,
    ) -> Result<Option<Cow<'a, DmUuid>>> {
        if self.are_listed() {
            return Ok(device.uuid.map(Cow::Borrowed));
        }
        let same_name = before.filter(|before| before.name == device.name);
        match same_name.and_then(|before| self.before(before)) {
            Some(uuid) => Ok(Some(Cow::Borrowed(uuid))),
            None => Ok(uuid_of(dm, device)?.map(Cow::Owned)),
        }
    }

    /// Remembers what was looked up.
    pub(super) fn learn(&mut self, learned: Vec<(DeviceNumber, Option<DmUuidBuf>)>) {
        let Self::LookedUp(uuids) = self else { return };
        for (number, uuid) in learned {
            uuids.remove(&number);
            uuids.extend(uuid.map(|uuid| (number, uuid)));
        }
    }
}

/// `None` also for a device that has vanished, or whose number another one has taken: that raises an event.
fn uuid_of(dm: &Dm, device: &ListedDevice<'_>) -> Result<Option<DmUuidBuf>> {
    match dm.device_info(device.number) {
        Err(error) if error.is_not_found() => Ok(None),
        info => {
            let info = info?;
            let same = info.name().is_some_and(|name| name == device.name);
            Ok(info.uuid().filter(|_| same).map(DmUuid::to_owned))
        }
    }
}
