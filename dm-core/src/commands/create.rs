//! `DM_DEV_CREATE`: creates a device without a table.

use dm_units::DeviceNumber;

use crate::error::{Error, RequestFault, Result};
use crate::id::{AsDmName, DevId, DmUuid};
use crate::node::Dm;
use crate::wire::header::{MAX_MINOR, Request};
use crate::wire::{Command, DeviceInfo, Flags};

/// Options of [`Dm::device_create_with`].
#[derive(Clone, Copy, Debug, Default)]
pub struct CreateOptions<'a> {
    uuid: Option<&'a DmUuid>,
    minor: Option<u32>,
}

impl<'a> CreateOptions<'a> {
    /// The default: no uuid, and the lowest free minor number.
    #[must_use]
    pub const fn new() -> Self {
        Self { uuid: None, minor: None }
    }

    /// Gives the device a uuid, which cannot be changed later. [`Dm::device_set_uuid`] sets the uuid of a device that
    /// was created without one.
    #[must_use]
    pub const fn uuid(self, uuid: &'a DmUuid) -> Self {
        Self { uuid: Some(uuid), ..self }
    }

    /// Sets the minor number, from 0 to 1048575. [`Dm::device_create_with`] refuses a larger number.
    #[must_use]
    pub const fn minor(self, minor: u32) -> Self {
        Self { minor: Some(minor), ..self }
    }
}

impl Dm {
    /// Creates a device without a table.
    ///
    /// - Ioctl interface 4.0 and later.
    /// - The device is not usable yet: its size is 0 until a table is loaded and the device is resumed.
    /// - The table decides whether the device is read-only: see
    ///   [`LoadOptions::read_only`](crate::LoadOptions::read_only).
    /// - The call sends no uevent with a cookie, so there is nothing to wait for. The kernel registers the block device
    ///   and sends a uevent when the first table is loaded (`dm_setup_md_queue` in drivers/md/dm.c). Kernels before
    ///   5.15 do both when the device is created.
    ///
    /// ```
    /// # let memory = dm_testing::MemoryKernel::new();
    /// # let dm = memory.dm();
    /// let info = dm.device_create("home")?;
    /// println!("home is device {}", info.number());
    /// # Ok::<(), dm_core::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`is_already_exists`](Error::is_already_exists): the name is taken. [`Error::Request`]: the text is not a valid
    /// name. [`is_invalid`](Error::is_invalid): the name is `control`, `.` or `..` (ioctl interface 4.48 and later).
    #[doc(alias = "DM_DEV_CREATE")]
    #[doc(alias = "DM_DEVICE_CREATE")]
    #[doc(alias = "--notable")]
    pub fn device_create(&self, name: impl AsDmName) -> Result<DeviceInfo> {
        self.device_create_with(name, CreateOptions::new())
    }

    /// Creates a device without a table, with a uuid or a chosen minor number.
    ///
    /// # Errors
    /// As [`device_create`](Self::device_create). [`is_already_exists`](Error::is_already_exists): the name, the uuid
    /// or the minor number is taken. [`RequestFault::Minor`] in [`Error::Request`]: the minor number is too large.
    pub fn device_create_with(&self, name: impl AsDmName, options: CreateOptions<'_>) -> Result<DeviceInfo> {
        let name = name.as_dm_name().map_err(|fault| Error::request(Command::DeviceCreate, fault))?;
        if let Some(minor) = options.minor.filter(|&minor| minor > MAX_MINOR) {
            return Err(Error::request(Command::DeviceCreate, RequestFault::Minor { minor }));
        }
        let request = Request {
            uuid: options.uuid.map(DmUuid::as_bytes),
            // The kernel takes the major number from its driver and reads only the minor number.
            number: options.minor.map(|minor| DeviceNumber::new(0, minor)),
            ..Request::of(Command::DeviceCreate, DevId::Name(name))
        };
        self.device_command(&request.flag(Flags::PERSISTENT_DEV, options.minor.is_some()))
    }
}
