//! `DM_DEV_RENAME`: changes the name, or sets a uuid.

use dm_sys::DM_UUID_LEN;

use crate::error::{Error, Result};
use crate::id::{AsDmName, DevId, DmUuid};
use crate::node::Dm;
use crate::wire::header::{HEADER_SIZE, Request, SET_UUID_MINOR};
use crate::wire::{Command, DeviceInfo, Flags, UdevCookie, UdevFlags};

const COMMAND: Command = Command::DeviceRename;

/// The cookie of the uevent that [`Dm::device_rename_with`] or [`Dm::device_set_uuid_with`] causes.
#[derive(Clone, Copy, Debug, Default)]
pub struct RenameOptions {
    cookie: Option<UdevCookie>,
}

impl RenameOptions {
    /// The default: the uevent's cookie has no semaphore and only the flag
    /// [`UdevFlags::PRIMARY_SOURCE`](crate::UdevFlags::PRIMARY_SOURCE).
    #[must_use]
    pub const fn new() -> Self {
        Self { cookie: None }
    }

    /// Adds a cookie to the uevent. A cookie with a semaphore requires ioctl interface 4.15.
    #[must_use]
    pub const fn cookie(self, cookie: UdevCookie) -> Self {
        Self { cookie: Some(cookie) }
    }

    /// The flags for udev's rules that the cookie carries.
    pub(crate) fn udev_flags(self) -> UdevFlags {
        self.cookie.map_or(UdevFlags::empty(), UdevCookie::flags)
    }
}

impl Dm {
    /// Changes the name of a device.
    ///
    /// - Ioctl interface 4.0 and later.
    /// - The device must be given by name, because the kernel accepts neither a uuid nor a number here.
    /// - The device can be open and in use. The returned state has neither name nor uuid.
    ///
    /// # Errors
    /// [`is_already_exists`](Error::is_already_exists): a device, perhaps this one, already has the new name.
    /// [`is_not_found`](Error::is_not_found): no device has the name `name`. [`is_invalid`](Error::is_invalid): the new
    /// name is `control`, `.` or `..` (ioctl interface 4.48 and later). [`Error::Request`]: a text is not a valid name.
    #[doc(alias = "DM_DEV_RENAME")]
    #[doc(alias = "DM_DEVICE_RENAME")]
    #[doc(alias = "dm_task_set_newname")]
    pub fn device_rename(&self, name: impl AsDmName, new: impl AsDmName) -> Result<DeviceInfo> {
        self.device_rename_with(name, new, RenameOptions::new())
    }

    /// Changes the name of a device, and adds a cookie to the uevent.
    ///
    /// # Errors
    /// As [`device_rename`](Self::device_rename).
    pub fn device_rename_with(
        &self,
        name: impl AsDmName,
        new: impl AsDmName,
        options: RenameOptions,
    ) -> Result<DeviceInfo> {
        let new = new.as_dm_name().map_err(|fault| Error::request(COMMAND, fault))?;
        self.rename(name, new.as_bytes(), |request| request.cookie(options.cookie))
    }

    /// Sets the uuid of a device that has no uuid yet.
    ///
    /// - Ioctl interface 4.19 and later.
    /// - The device must be given by name, as for [`device_rename`](Self::device_rename). The returned state has
    ///   neither name nor uuid.
    /// - A uuid cannot be changed or removed afterwards.
    ///
    /// # Errors
    /// [`is_already_exists`](Error::is_already_exists): a device, perhaps this one, already has the uuid.
    /// [`is_invalid`](Error::is_invalid): this device has another uuid. [`is_not_found`](Error::is_not_found): no
    /// device has this name.
    #[doc(alias = "DM_DEV_RENAME")]
    #[doc(alias = "dm_task_set_newuuid")]
    pub fn device_set_uuid(&self, name: impl AsDmName, uuid: &DmUuid) -> Result<DeviceInfo> {
        self.device_set_uuid_with(name, uuid, RenameOptions::new())
    }

    /// Sets the uuid of a device that has no uuid yet, and adds a cookie to the uevent.
    ///
    /// # Errors
    /// As [`device_set_uuid`](Self::device_set_uuid).
    pub fn device_set_uuid_with(
        &self,
        name: impl AsDmName,
        uuid: &DmUuid,
        options: RenameOptions,
    ) -> Result<DeviceInfo> {
        self.rename(name, uuid.as_bytes(), |request| {
            request.flag_since(SET_UUID_MINOR, Flags::UUID, true).cookie(options.cookie)
        })
    }

    /// The new text, a name or a uuid, follows the header.
    fn rename(
        &self,
        name: impl AsDmName,
        new: &[u8],
        options: impl FnOnce(Request<'_>) -> Request<'_>,
    ) -> Result<DeviceInfo> {
        let name = name.as_dm_name().map_err(|fault| Error::request(COMMAND, fault))?;
        let mut bytes = [0; HEADER_SIZE + DM_UUID_LEN];
        if let Some(place) = bytes.get_mut(HEADER_SIZE..).and_then(|payload| payload.get_mut(..new.len())) {
            place.copy_from_slice(new);
        }
        self.array_command(&options(Request::of(COMMAND, DevId::Name(name))), &mut bytes)
    }
}
