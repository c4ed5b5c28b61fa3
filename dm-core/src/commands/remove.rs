//! `DM_DEV_REMOVE` and `DM_REMOVE_ALL`.

use crate::buffer::Buffer;
use crate::command::Command;
use crate::commands::MessageOptions;
use crate::cookie::{UdevCookie, with_cookie};
use crate::dev_id::DevId;
use crate::dm::Dm;
use crate::error::Result;
use crate::flags::Flags;
use crate::header::{self, Request};
use crate::transport::Transport;

/// The interface version that has deferred removal; older kernels would remove at once.
const DEFERRED_MINOR: u32 = 27;

/// Options of [`Dm::device_remove`].
#[derive(Clone, Copy, Debug, Default)]
pub struct RemoveOptions {
    deferred: bool,
    cookie: Option<UdevCookie>,
}

impl RemoveOptions {
    /// At once or not at all, without a cookie.
    #[must_use]
    pub const fn new() -> Self {
        Self { deferred: false, cookie: None }
    }

    /// A device that is open goes away when it is closed for the last time. Interface 4.27 and later.
    #[must_use]
    pub const fn deferred(self, deferred: bool) -> Self {
        Self { deferred, ..self }
    }

    /// Puts a cookie into the uevent. Interface 4.15 and later.
    #[must_use]
    pub const fn cookie(self, cookie: UdevCookie) -> Self {
        Self { cookie: Some(cookie), ..self }
    }
}

/// What became of a removal that the kernel accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Removal {
    /// The device is gone.
    Done {
        /// A uevent was sent, so udev will have something to do.
        uevent_generated: bool,
    },
    /// The device is open and goes away when it is closed for the last time.
    Deferred,
}

/// Options of [`Dm::remove_all`].
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

    /// Devices that are open go away when they are closed for the last time. Interface 4.27 and later.
    #[must_use]
    pub const fn deferred(self, deferred: bool) -> Self {
        Self { deferred }
    }
}

impl<T: Transport> Dm<T> {
    /// Removes a device and its tables.
    ///
    /// - Interface 4.0 and later.
    /// - It need not be suspended; io that waits on a suspended device ends in errors.
    /// - One ioctl: nothing is tried again and nothing is waited for.
    ///
    /// # Errors
    /// [`is_busy`](crate::Error::is_busy): the device is open. [`is_not_found`](crate::Error::is_not_found).
    #[doc(alias = "DM_DEV_REMOVE")]
    pub fn device_remove<'a>(&self, id: impl Into<DevId<'a>>, options: RemoveOptions) -> Result<Removal> {
        let request = Request::of(Command::DeviceRemove, id.into());
        let request = request.flag_since(DEFERRED_MINOR, Flags::DEFERRED_REMOVE, options.deferred);
        let answer = header::flags(&self.send(&with_cookie(request, options.cookie))?);
        Ok(if answer.contains(Flags::DEFERRED_REMOVE) {
            Removal::Deferred
        } else {
            Removal::Done { uevent_generated: answer.contains(Flags::UEVENT_GENERATED) }
        })
    }

    /// Takes back a deferred removal that has not happened yet.
    ///
    /// - Interface 4.27 and later.
    /// - It is the message `@cancel_deferred_remove`, which needs no table.
    ///
    /// # Errors
    /// [`is_busy`](crate::Error::is_busy): the removal is under way. [`is_not_found`](crate::Error::is_not_found).
    #[doc(alias = "@cancel_deferred_remove")]
    pub fn cancel_deferred_remove<'a>(&self, id: impl Into<DevId<'a>>) -> Result<()> {
        let mut buffer = Buffer::new();
        self.target_msg(&mut buffer, id, dm_units::Sectors(0), "@cancel_deferred_remove", MessageOptions::new())?;
        Ok(())
    }

    /// Removes every device on this host that is not open, whoever made it.
    ///
    /// - Interface 4.0 and later.
    /// - Devices used by others go in the same call, once their users are gone.
    /// - The kernel does not say what it has removed and sends its uevents without a cookie.
    ///
    /// # Errors
    /// No permission. That devices stay because they are open is no error.
    #[doc(alias = "DM_REMOVE_ALL")]
    pub fn remove_all(&self, options: RemoveAllOptions) -> Result<()> {
        let request = Request::new(Command::RemoveAll);
        self.send(&request.flag_since(DEFERRED_MINOR, Flags::DEFERRED_REMOVE, options.deferred))?;
        Ok(())
    }
}
