//! `DM_DEV_RENAME`: another name, or a uuid.

use dm_sys::DM_UUID_LEN;

use crate::error::Result;
use crate::id::name::{DmName, DmUuid};
use crate::node::dm::Dm;
use crate::node::transport::Transport;
use crate::wire::command::Command;
use crate::wire::cookie::{UdevCookie, with_cookie};
use crate::wire::flags::Flags;
use crate::wire::header::{HEADER_SIZE, Request};
use crate::wire::info::DeviceInfo;

/// The interface version that sets a uuid by renaming; older kernels would take it for a name.
const SET_UUID_MINOR: u32 = 19;

/// Options of [`Dm::device_rename`] and [`Dm::device_set_uuid`].
#[derive(Clone, Copy, Debug, Default)]
pub struct RenameOptions {
    cookie: Option<UdevCookie>,
}

impl RenameOptions {
    /// Without a cookie.
    #[must_use]
    pub const fn new() -> Self {
        Self { cookie: None }
    }

    /// Puts a cookie into the uevent. Interface 4.15 and later.
    #[must_use]
    pub const fn cookie(self, cookie: UdevCookie) -> Self {
        Self { cookie: Some(cookie) }
    }
}

impl<T: Transport> Dm<T> {
    /// Gives a device another name.
    ///
    /// - Interface 4.0 and later.
    /// - The one command that finds its device by name only.
    /// - It may be open and in use. The answer's name is still the old one, and its uuid is empty.
    ///
    /// # Errors
    /// [`already_exists`](crate::Error::already_exists): the new name is taken.
    /// [`is_not_found`](crate::Error::is_not_found). [`is_invalid`](crate::Error::is_invalid): as for creation.
    #[doc(alias = "DM_DEV_RENAME")]
    pub fn device_rename(&self, name: DmName<'_>, new: DmName<'_>, options: RenameOptions) -> Result<DeviceInfo> {
        let request = Request::of(Command::DeviceRename, name.into());
        self.rename(with_cookie(request, options.cookie), new.as_bytes())
    }

    /// Gives a device that has none a uuid.
    ///
    /// - Interface 4.19 and later.
    /// - A uuid can't be changed or taken away again.
    ///
    /// # Errors
    /// [`already_exists`](crate::Error::already_exists): another device has the uuid.
    /// [`is_invalid`](crate::Error::is_invalid): this device has one already.
    /// [`is_not_found`](crate::Error::is_not_found).
    #[doc(alias = "DM_DEV_RENAME")]
    pub fn device_set_uuid(&self, name: DmName<'_>, uuid: DmUuid<'_>, options: RenameOptions) -> Result<DeviceInfo> {
        let request = Request::of(Command::DeviceRename, name.into()).flag_since(SET_UUID_MINOR, Flags::UUID, true);
        self.rename(with_cookie(request, options.cookie), uuid.as_bytes())
    }

    fn rename(&self, request: Request<'_>, new: &[u8]) -> Result<DeviceInfo> {
        let mut bytes = [0; HEADER_SIZE + DM_UUID_LEN];
        if let Some(place) = bytes.get_mut(HEADER_SIZE..).and_then(|payload| payload.get_mut(..new.len())) {
            place.copy_from_slice(new);
        }
        Ok(DeviceInfo::new(Command::DeviceRename, &self.send_bytes(&request, &mut bytes)?)?)
    }
}
