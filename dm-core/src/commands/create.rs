//! `DM_DEV_CREATE`.

use dm_units::DeviceNumber;

use crate::error::{Error, RequestFault, Result};
use crate::id::name::{DmName, DmUuid};
use crate::node::dm::Dm;
use crate::node::transport::Transport;
use crate::wire::command::Command;
use crate::wire::flags::Flags;
use crate::wire::header::{MAX_MINOR, Request};
use crate::wire::info::DeviceInfo;

/// Options of [`Dm::device_create`].
#[derive(Clone, Copy, Debug, Default)]
pub struct CreateOptions<'a> {
    uuid: Option<DmUuid<'a>>,
    minor: Option<u32>,
}

impl<'a> CreateOptions<'a> {
    /// No uuid, the next free minor number.
    #[must_use]
    pub const fn new() -> Self {
        Self { uuid: None, minor: None }
    }

    /// Gives the device a uuid. One can also be set later, once: [`Dm::device_set_uuid`].
    #[must_use]
    pub const fn uuid(self, uuid: DmUuid<'a>) -> Self {
        Self { uuid: Some(uuid), ..self }
    }

    /// Chooses the minor number.
    #[must_use]
    pub const fn minor(self, minor: u32) -> Self {
        Self { minor: Some(minor), ..self }
    }
}

impl<T: Transport> Dm<T> {
    /// Creates a device without a table.
    ///
    /// - Interface 4.0 and later.
    /// - The device is neither suspended nor usable: io to it fails until a table is loaded and resumed.
    /// - Read-only is a property of a table: see [`LoadOptions::read_only`](crate::LoadOptions::read_only).
    /// - No uevent is sent that a cookie could be for.
    ///
    /// # Errors
    /// [`already_exists`](crate::Error::already_exists): the name, the uuid or the chosen minor number is taken.
    /// [`Error::Request`]: the minor number is too large. [`is_invalid`](crate::Error::is_invalid): the name is `control`,
    /// `.` or `..` (interface 4.48 and later).
    #[doc(alias = "DM_DEV_CREATE")]
    pub fn device_create(&self, name: DmName<'_>, options: CreateOptions<'_>) -> Result<DeviceInfo> {
        if let Some(minor) = options.minor.filter(|&minor| minor > MAX_MINOR) {
            return Err(Error::request(Command::DeviceCreate, RequestFault::Minor { minor }));
        }
        let request = Request {
            uuid: options.uuid.map(DmUuid::as_bytes),
            // The kernel takes the major number from its driver and reads the minor only.
            number: options.minor.map(|minor| DeviceNumber::new(0, minor)),
            ..Request::of(Command::DeviceCreate, name.into())
        };
        self.device_command(&request.flag(Flags::PERSISTENT_DEV, options.minor.is_some()))
    }
}
