//! `DM_DEV_REMOVE` and `DM_REMOVE_ALL`.

use super::{dev_id, since};
use crate::error::Result;
use crate::id::AsDevId;
use crate::node::Dm;
use crate::wire::header::{self, HeaderBytes, NO_HEADER, Request};
use crate::wire::{Command, Flags, UdevCookie};

/// The interface version that has deferred removal; older kernels would remove at once.
const DEFERRED_MINOR: u32 = 27;

/// Whether [`Dm::device_remove_with`] defers the removal of an open device, and the cookie of the uevent.
#[derive(Clone, Copy, Debug, Default)]
pub struct RemoveOptions {
    deferred: bool,
    if_possible: bool,
    cookie: Option<UdevCookie>,
}

impl RemoveOptions {
    /// The default: an open device is not removed, and the command fails. The uevent's cookie has no semaphore and only
    /// the flag [`UdevFlags::PRIMARY_SOURCE`](crate::UdevFlags::PRIMARY_SOURCE).
    #[must_use]
    pub const fn new() -> Self {
        Self { deferred: false, if_possible: false, cookie: None }
    }

    /// Whether the kernel removes an open device later, when its last user closes it. Requires ioctl interface 4.27.
    #[must_use]
    #[doc(alias = "dm_task_deferred_remove")]
    pub const fn deferred(self, deferred: bool) -> Self {
        Self { deferred, ..self }
    }

    /// Whether to send a deferred command even if the kernel lacks deferred removal. Such a kernel removes the device
    /// immediately, or refuses if the device is open. By default the command fails on such a kernel with
    /// [`Error::Unsupported`](crate::Error::Unsupported).
    #[must_use]
    pub const fn if_possible(self, if_possible: bool) -> Self {
        Self { if_possible, ..self }
    }

    /// Adds a cookie to the uevent. A cookie with a semaphore requires ioctl interface 4.15.
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
        /// Whether the kernel sent a uevent. udev may process the uevent after the command has returned.
        uevent_generated: bool,
    },
    /// The device is open. The kernel removes it when its last user closes it.
    Deferred,
}

impl Removal {
    pub(crate) fn of(reply: &HeaderBytes) -> Self {
        let flags = header::flags(reply);
        // A kernel that cannot defer has removed the device, and returns the unknown flag as it was sent.
        let can_defer = header::version(reply).minor >= DEFERRED_MINOR;
        if can_defer && flags.contains(Flags::DEFERRED_REMOVE) {
            Self::Deferred
        } else {
            Self::Done { uevent_generated: flags.contains(Flags::UEVENT_GENERATED) }
        }
    }
}

/// Whether [`Dm::remove_all_with`] defers the removal of open devices.
#[derive(Clone, Copy, Debug, Default)]
pub struct RemoveAllOptions {
    deferred: bool,
    if_possible: bool,
}

impl RemoveAllOptions {
    /// The default: open devices are not removed.
    #[must_use]
    pub const fn new() -> Self {
        Self { deferred: false, if_possible: false }
    }

    /// Whether the kernel removes each open device later, when its last user closes it. Requires ioctl interface 4.27.
    #[must_use]
    pub const fn deferred(self, deferred: bool) -> Self {
        Self { deferred, ..self }
    }

    /// Whether to send a [`deferred`](Self::deferred) command even if the kernel lacks deferred removal. Such a kernel
    /// keeps open devices. By default the command fails on such a kernel with
    /// [`Error::Unsupported`](crate::Error::Unsupported).
    #[must_use]
    pub const fn if_possible(self, if_possible: bool) -> Self {
        Self { if_possible, ..self }
    }
}

impl Dm {
    /// Removes a device and its tables.
    ///
    /// - Ioctl interface 4.0 and later.
    /// - A suspended device can be removed too, but I/O that waits on it usually keeps it open, and then the call
    ///   fails.
    /// - To retry while the device is busy, to force the removal or to wait for udev, use
    ///   [`Host::remove`](crate::Host::remove).
    ///
    /// # Errors
    /// [`is_busy`](crate::Error::is_busy): the device is open. [`is_not_found`](crate::Error::is_not_found).
    #[doc(alias = "DM_DEV_REMOVE")]
    #[doc(alias = "DM_DEVICE_REMOVE")]
    pub fn device_remove(&self, id: impl AsDevId) -> Result<Removal> {
        self.device_remove_with(id, RemoveOptions::new())
    }

    /// Removes a device and its tables. The options can defer the removal or set a cookie.
    ///
    /// # Errors
    /// As [`device_remove`](Self::device_remove). With [`deferred`](RemoveOptions::deferred), an open device is not an
    /// error. [`is_unsupported`](crate::Error::is_unsupported): the kernel cannot defer the removal.
    pub fn device_remove_with(&self, id: impl AsDevId, options: RemoveOptions) -> Result<Removal> {
        const COMMAND: Command = Command::DeviceRemove;
        let request = Request::of(COMMAND, dev_id(COMMAND, &id)?)
            .flag_since(since(DEFERRED_MINOR, options.if_possible), Flags::DEFERRED_REMOVE, options.deferred)
            .cookie(options.cookie);
        let mut reply = NO_HEADER;
        self.send(&request, &mut reply)?;
        Ok(Removal::of(&reply))
    }

    /// Removes every device on this host that is not open, whichever program created it.
    ///
    /// - Ioctl interface 4.0 and later.
    /// - A device that other mapped devices use is removed too, as soon as the call has removed its users.
    /// - The kernel does not report which devices it has removed, and it sends uevents without a cookie.
    ///
    /// # Errors
    /// [`is_permission_denied`](crate::Error::is_permission_denied). Devices that stay because they are open are not an
    /// error.
    #[doc(alias = "DM_REMOVE_ALL")]
    #[doc(alias = "DM_DEVICE_REMOVE_ALL")]
    #[doc(alias = "dmsetup remove_all")]
    pub fn remove_all(&self) -> Result<()> {
        self.remove_all_with(RemoveAllOptions::new())
    }

    /// Removes every device on this host that is not open. The options can defer the removal of open devices.
    ///
    /// # Errors
    /// As [`remove_all`](Self::remove_all). [`is_unsupported`](crate::Error::is_unsupported): the kernel cannot defer
    /// the removal.
    pub fn remove_all_with(&self, options: RemoveAllOptions) -> Result<()> {
        let request = Request::new(Command::RemoveAll);
        let request =
            request.flag_since(since(DEFERRED_MINOR, options.if_possible), Flags::DEFERRED_REMOVE, options.deferred);
        self.send(&request, &mut { NO_HEADER })
    }
}
