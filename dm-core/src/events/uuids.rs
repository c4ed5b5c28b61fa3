//! The uuids of listed devices, including those of kernels whose lists have none.

use std::borrow::Cow;
use std::collections::BTreeMap;

use dm_units::DeviceNumber;

use crate::commands::{DeviceList, ListedDevice};
use crate::error::Result;
use crate::id::{DmUuid, DmUuidBuf};
use crate::node::Dm;

/// How the uuids of devices are found.
#[derive(Debug)]
pub(super) enum Uuids {
    /// Lists report them: ioctl interface 4.45 and later.
    Listed,
    /// They are looked up one by one, and stored here.
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

    /// The uuid of a device in the last list.
    pub(super) fn before<'a>(&'a self, device: &ListedDevice<'a>) -> Option<&'a DmUuid> {
        match self {
            Self::Listed => device.uuid,
            Self::LookedUp(uuids) => uuids.get(&device.number).map(|uuid| &**uuid),
        }
    }

    /// The uuid of a device in the new list. `before` is the entry with its number in the last list.
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

    /// Stores the results of lookups.
    pub(super) fn learn(&mut self, learned: Vec<(DeviceNumber, Option<DmUuidBuf>)>) {
        let Self::LookedUp(uuids) = self else { return };
        for (number, uuid) in learned {
            uuids.remove(&number);
            uuids.extend(uuid.map(|uuid| (number, uuid)));
        }
    }
}

/// Looks up the uuid of a device. Returns `None` also if the device was removed or its number now belongs to another
/// one, since that raises another event.
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
