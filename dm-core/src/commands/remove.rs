//! `DM_DEV_REMOVE` and `DM_REMOVE_ALL`.

use dm_units::Sectors;

use crate::commands::{LoadOptions, MessageOptions, ResumeOptions, StatusOptions, SuspendOptions, TargetLine};
use crate::error::{Error, Result};
use crate::id::dev_id::DevId;
use crate::machine::users::Users;
use crate::node::dm::Dm;
use crate::node::transport::Transport;
use crate::ops::retry::Retry;
use crate::wire::buffer::Buffer;
use crate::wire::command::Command;
use crate::wire::cookie::{UdevCookie, with_cookie};
use crate::wire::flags::Flags;
use crate::wire::header::{self, NO_HEADER, Request};

/// The interface version that has deferred removal; older kernels would remove at once.
const DEFERRED_MINOR: u32 = 27;

/// Options of [`Dm::device_remove`].
#[derive(Clone, Copy, Debug)]
pub struct RemoveOptions {
    deferred: bool,
    force: bool,
    retry: Retry,
    cookie: Option<UdevCookie>,
}

impl Default for RemoveOptions {
    fn default() -> Self {
        Self::new()
    }
}

impl RemoveOptions {
    /// At once or not at all, without a cookie.
    #[must_use]
    pub const fn new() -> Self {
        Self { deferred: false, force: false, retry: Retry::NONE, cookie: None }
    }

    /// A device that is open goes away when it is closed for the last time. Interface 4.27 and later.
    #[must_use]
    pub const fn deferred(self, deferred: bool) -> Self {
        Self { deferred, ..self }
    }

    /// How long to try again while the device is busy. If it stays so, the error names who uses it. A deferred removal is
    /// never busy, so it is not tried again.
    #[must_use]
    pub const fn retry(self, retry: Retry) -> Self {
        Self { retry, ..self }
    }

    /// First puts a table of errors in force, so that io to the device fails from now on, also io that waits, and the
    /// devices below are let go. The device itself still stays while it is open.
    #[must_use]
    pub const fn force(self, force: bool) -> Self {
        Self { force, ..self }
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
    /// - One ioctl, unless the options ask for more: [`retry`](RemoveOptions::retry), [`force`](RemoveOptions::force).
    ///
    /// # Errors
    /// [`is_busy`](crate::Error::is_busy): the device is open. [`is_not_found`](crate::Error::is_not_found).
    #[doc(alias = "DM_DEV_REMOVE")]
    pub fn device_remove<'a>(&self, id: impl Into<DevId<'a>>, options: RemoveOptions) -> Result<Removal> {
        let id = id.into();
        if options.force {
            self.put_errors_under(id)?;
        }
        let request =
            Request::of(Command::DeviceRemove, id).flag_since(DEFERRED_MINOR, Flags::DEFERRED_REMOVE, options.deferred);
        let request = with_cookie(request, options.cookie);
        let removed = options.retry.while_busy(|| {
            let mut answer = NO_HEADER;
            self.send(&request, &mut answer)?;
            Ok(header::flags(&answer))
        });
        let answer = removed.map_err(|error| self.name_users(error, id, options.retry))?;
        Ok(if answer.contains(Flags::DEFERRED_REMOVE) {
            Removal::Deferred
        } else {
            Removal::Done { uevent_generated: answer.contains(Flags::UEVENT_GENERATED) }
        })
    }

    /// Looking for users reads much of procfs, so that is left to those who were ready to wait.
    fn name_users(&self, error: Error, id: DevId<'_>, retry: Retry) -> Error {
        match error {
            Error::Refused(refusal) if refusal.is_busy() && !retry.is_none() => match self.number_of(id) {
                Some(number) => refusal.with_users(Users::of(number)).into(),
                None => refusal.into(),
            },
            error => error,
        }
    }

    /// Gives a device a table of errors, as long as the one it has.
    fn put_errors_under(&self, id: DevId<'_>) -> Result<()> {
        let mut buffer = Buffer::new();
        let table = self.table_status(&mut buffer, id, StatusOptions::new().noflush(true))?;
        let (number, mut length) = (table.info().number(), Sectors(0));
        for line in &table {
            let line = line?;
            length = line.start.saturating_add(line.length);
        }
        if length == Sectors(0) {
            // Without a table there is no io.
            return Ok(());
        }
        let line = TargetLine::new(Sectors(0), length, "error", "");
        self.table_load(&mut buffer, number, [line], LoadOptions::new())?;
        // What waits for the old table would never be flushed.
        let at_once = SuspendOptions::new().noflush(true).skip_lockfs(true);
        self.device_resume(number, ResumeOptions::new().suspend(at_once))?;
        Ok(())
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
        self.target_msg(&mut buffer, id, Sectors(0), "@cancel_deferred_remove", MessageOptions::new())?;
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
        let request = request.flag_since(DEFERRED_MINOR, Flags::DEFERRED_REMOVE, options.deferred);
        self.send(&request, &mut { NO_HEADER })
    }
}
