//! `DM_DEV_REMOVE` and `DM_REMOVE_ALL`.

use super::dev_id;
use crate::error::Result;
use crate::id::AsDevId;
use crate::node::Dm;
use crate::wire::header::{self, HeaderBytes, NO_HEADER, Request};
use crate::wire::{Command, Flags, UdevCookie};

/// The interface version that has deferred removal; older kernels would remove at once.
const DEFERRED_MINOR: u32 = 27;

/// Options of [`Dm::device_remove_with`].
#[derive(Clone, Copy, Debug, Default)]
pub struct RemoveOptions {
    deferred: bool,
    cookie: Option<UdevCookie>,
}

impl RemoveOptions {
    /// At once or not at all; without a cookie, so udev's rules are only told that the uevent comes from a command.
    #[must_use]
    pub const fn new() -> Self {
        Self { deferred: false, cookie: None }
    }

    /// Removes a device that is open when it is closed for the last time. Interface 4.27 and later.
    #[must_use]
    #[doc(alias = "dm_task_deferred_remove")]
    pub const fn deferred(self, deferred: bool) -> Self {
        Self { deferred, ..self }
    }

    /// Puts a cookie into the uevent. Interface 4.15 and later.
    #[must_use]
    pub const fn cookie(self, cookie: UdevCookie) -> Self {
        Self { cookie: Some(cookie), ..self }
    }
}

/// The result of a removal that the kernel accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Removal {
    /// The device was removed.
    #[non_exhaustive]
    Done {
        /// A uevent was sent, which udev processes after the command has returned.
        uevent_generated: bool,
    },
    /// The device is open and will be removed when it is closed for the last time.
    Deferred,
}

impl Removal {
    pub(crate) fn of(answer: &HeaderBytes) -> Self {
        let flags = header::flags(answer);
        if flags.contains(Flags::DEFERRED_REMOVE) {
            Self::Deferred
        } else {
            Self::Done { uevent_generated: flags.contains(Flags::UEVENT_GENERATED) }
        }
    }
}

/// Options of [`Dm::remove_all_with`].
#[derive(Clone, Copy, Debug, Default)]
pub struct RemoveAllOptions {
    deferred: bool,
}

impl RemoveAllOptions {
    /// Devices that are open stay.
    #[must_use]
    pub const fn new() -> Self {
        Self { deferred: false }
    }

    /// Removes devices that are open when they are closed for the last time. Interface 4.27 and later.
    #[must_use]
    pub const fn deferred(self, deferred: bool) -> Self {
        Self { deferred }
    }
}

impl Dm {
    /// Removes a device and its tables.
    ///
    /// - Interface 4.0 and later.
    /// - It need not be suspended; I/O that waits on a suspended device fails.
    /// - To try again while the device is busy, to force it or to wait for udev use [`Host::remove`](crate::Host::remove).
    ///
    /// # Errors
    /// [`is_busy`](crate::Error::is_busy): the device is open. [`is_not_found`](crate::Error::is_not_found).
    #[doc(alias = "DM_DEV_REMOVE")]
    #[doc(alias = "DM_DEVICE_REMOVE")]
    pub fn device_remove(&self, id: impl AsDevId) -> Result<Removal> {
        self.device_remove_with(id, RemoveOptions::new())
    }

    /// Removes a device and its tables, with options.
    ///
    /// # Errors
    /// As [`device_remove`](Self::device_remove). A deferred removal is never busy.
    pub fn device_remove_with(&self, id: impl AsDevId, options: RemoveOptions) -> Result<Removal> {
        const COMMAND: Command = Command::DeviceRemove;
        let request = Request::of(COMMAND, dev_id(COMMAND, &id)?)
            .flag_since(DEFERRED_MINOR, Flags::DEFERRED_REMOVE, options.deferred)
            .cookie(options.cookie);
        let mut answer = NO_HEADER;
        self.send(&request, &mut answer)?;
        Ok(Removal::of(&answer))
    }

    /// Removes every device on this host that is not open, whichever program created it.
    ///
    /// - Interface 4.0 and later.
    /// - Devices that are used by others are removed by the same call, once their users are.
    /// - The kernel does not report what it has removed and sends its uevents without a cookie.
    ///
    /// # Errors
    /// [`is_permission_denied`](crate::Error::is_permission_denied). Devices that stay because they are open are not an error.
    #[doc(alias = "DM_REMOVE_ALL")]
    #[doc(alias = "DM_DEVICE_REMOVE_ALL")]
    pub fn remove_all(&self) -> Result<()> {
        self.remove_all_with(RemoveAllOptions::new())
    }

    /// Removes every device on this host that is not open, with options.
    ///
    /// # Errors
    /// As [`remove_all`](Self::remove_all).
    pub fn remove_all_with(&self, options: RemoveAllOptions) -> Result<()> {
        let request = Request::new(Command::RemoveAll);
        let request = request.flag_since(DEFERRED_MINOR, Flags::DEFERRED_REMOVE, options.deferred);
        self.send(&request, &mut { NO_HEADER })
    }
}
