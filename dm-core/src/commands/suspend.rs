//! `DM_DEV_SUSPEND`: suspending, and resuming, which puts a prepared table in force.

use crate::error::Result;
use crate::id::dev_id::DevId;
use crate::node::dm::Dm;
use crate::node::transport::Transport;
use crate::wire::command::Command;
use crate::wire::cookie::{UdevCookie, with_cookie};
use crate::wire::flags::Flags;
use crate::wire::header::Request;
use crate::wire::info::DeviceInfo;

/// The interface version that has suspension without flushing.
const NOFLUSH_MINOR: u32 = 12;

/// Options of [`Dm::device_suspend`].
#[derive(Clone, Copy, Debug, Default)]
pub struct SuspendOptions {
    noflush: bool,
    skip_lockfs: bool,
}

impl SuspendOptions {
    /// Freezes the file system, flushes queued io and waits for it.
    #[must_use]
    pub const fn new() -> Self {
        Self { noflush: false, skip_lockfs: false }
    }

    /// Does not flush queued io: what the target holds back stays held back. Interface 4.12 and later.
    #[must_use]
    pub const fn noflush(self, noflush: bool) -> Self {
        Self { noflush, ..self }
    }

    /// Does not freeze the file system on the device first.
    #[must_use]
    pub const fn skip_lockfs(self, skip_lockfs: bool) -> Self {
        Self { skip_lockfs, ..self }
    }

    fn apply(self, request: Request<'_>) -> Request<'_> {
        request.flag_since(NOFLUSH_MINOR, Flags::NOFLUSH, self.noflush).flag(Flags::SKIP_LOCKFS, self.skip_lockfs)
    }
}

/// Options of [`Dm::device_resume`].
#[derive(Clone, Copy, Debug, Default)]
pub struct ResumeOptions {
    suspend: SuspendOptions,
    cookie: Option<UdevCookie>,
}

impl ResumeOptions {
    /// Without a cookie; a device with a new table is suspended as by [`SuspendOptions::new`] first.
    #[must_use]
    pub const fn new() -> Self {
        Self { suspend: SuspendOptions::new(), cookie: None }
    }

    /// How to suspend a device that has a new table and is not suspended yet.
    #[must_use]
    pub const fn suspend(self, suspend: SuspendOptions) -> Self {
        Self { suspend, ..self }
    }

    /// Puts a cookie into the uevent. Interface 4.15 and later.
    #[must_use]
    pub const fn cookie(self, cookie: UdevCookie) -> Self {
        Self { cookie: Some(cookie), ..self }
    }
}

impl<T: Transport> Dm<T> {
    /// Suspends a device: io to it waits from now on.
    ///
    /// - Interface 4.0 and later.
    /// - Waits until io that is under way has ended, so it takes as long as the devices below take. A signal does not end
    ///   the wait.
    /// - Suspending a suspended device does nothing.
    ///
    /// # Errors
    /// [`is_not_found`](crate::Error::is_not_found). The target's own errno, where it can't be suspended.
    #[doc(alias = "DM_DEV_SUSPEND")]
    pub fn device_suspend<'a>(&self, id: impl Into<DevId<'a>>, options: SuspendOptions) -> Result<DeviceInfo> {
        let request = Request::of(Command::DeviceSuspend, id.into()).flag(Flags::SUSPEND, true);
        self.device_command(&options.apply(request))
    }

    /// Puts the inactive table in force, if there is one, and lets io go on.
    ///
    /// - Interface 4.0 and later.
    /// - With a new table the device is suspended first, if it is not yet; then the old table is dropped.
    /// - A uevent is sent if anything changed; it says so if the size did.
    /// - Resuming a device that is not suspended and has no inactive table does nothing.
    ///
    /// # Errors
    /// [`is_not_found`](crate::Error::is_not_found). [`is_invalid`](crate::Error::is_invalid): the device is suspended and
    /// has no table, or the new table can't take the place of the old one, or does not fit the devices below. The target's
    /// own errno, where it can't be resumed. After an error the new table is gone and the device is suspended with the old
    /// one, or with the new one if that is what could not be resumed; [`device_reload`](Self::device_reload) sees to that.
    #[doc(alias = "DM_DEV_SUSPEND")]
    pub fn device_resume<'a>(&self, id: impl Into<DevId<'a>>, options: ResumeOptions) -> Result<DeviceInfo> {
        let request = options.suspend.apply(Request::of(Command::DeviceResume, id.into()));
        self.device_command(&with_cookie(request, options.cookie))
    }
}
