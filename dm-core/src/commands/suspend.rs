//! `DM_DEV_SUSPEND`: suspends a device, or resumes it, with the new table if one is loaded.

use super::{dev_id, since};
use crate::error::Result;
use crate::id::{AsDevId, DevId};
use crate::node::Dm;
use crate::wire::header::Request;
use crate::wire::{Command, DeviceInfo, Flags, UdevCookie, UdevFlags};

/// The first minor version of the interface with `DM_NOFLUSH_FLAG`.
const NOFLUSH_MINOR: u32 = 12;

/// Whether [`Dm::device_suspend_with`] flushes I/O and freezes the file system.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SuspendOptions {
    noflush: bool,
    skip_lockfs: bool,
    if_possible: bool,
}

impl SuspendOptions {
    /// The default: freezes the file system, flushes queued I/O and waits until all I/O has completed.
    #[must_use]
    pub const fn new() -> Self {
        Self { noflush: false, skip_lockfs: false, if_possible: false }
    }

    /// Does not flush queued I/O: I/O that the target holds back stays queued. The file system is not frozen either.
    /// The kernel still waits for I/O that the underlying devices have not completed. Requires version 4.12 of the
    /// ioctl interface (see [`Dm::version`]).
    #[must_use]
    #[doc(alias = "dm_task_no_flush")]
    pub const fn noflush(self, noflush: bool) -> Self {
        Self { noflush, ..self }
    }

    /// Does not freeze the file system on the device first.
    #[must_use]
    #[doc(alias = "dm_task_skip_lockfs")]
    pub const fn skip_lockfs(self, skip_lockfs: bool) -> Self {
        Self { skip_lockfs, ..self }
    }

    /// Whether to send the command, as libdm does, even if the kernel lacks [`noflush`](Self::noflush). Such a kernel,
    /// with an interface before 4.12, flushes I/O. By default the command fails on such a kernel with
    /// [`Error::Unsupported`](crate::Error::Unsupported).
    #[must_use]
    pub const fn if_possible(self, if_possible: bool) -> Self {
        Self { if_possible, ..self }
    }

    /// Neither flushes I/O nor freezes the file system. For targets that hold back I/O, such as `multipath` without a
    /// path. The kernel still waits for I/O that the underlying devices have not completed.
    #[must_use]
    pub const fn without_flush() -> Self {
        Self { noflush: true, skip_lockfs: true, if_possible: false }
    }

    fn apply(self, request: Request<'_>) -> Request<'_> {
        let minor = since(NOFLUSH_MINOR, self.if_possible);
        request.flag_since(minor, Flags::NOFLUSH, self.noflush).flag(Flags::SKIP_LOCKFS, self.skip_lockfs)
    }

    /// The request that suspends a device.
    pub(crate) fn request(self, id: DevId<'_>) -> Request<'_> {
        self.apply(Request::of(Command::DeviceSuspend, id).flag(Flags::SUSPEND, true))
    }
}

/// How [`Dm::device_resume_with`] suspends the device before a new table becomes active, and the cookie of the uevent.
#[derive(Clone, Copy, Debug, Default)]
pub struct ResumeOptions {
    suspend: SuspendOptions,
    cookie: Option<UdevCookie>,
}

impl ResumeOptions {
    /// The default: before a new table becomes active, the kernel suspends the device as with [`SuspendOptions::new`].
    /// The uevent's cookie has no semaphore and only the flag [`UdevFlags::PRIMARY_SOURCE`].
    #[must_use]
    pub const fn new() -> Self {
        Self { suspend: SuspendOptions::new(), cookie: None }
    }

    /// Sets how the kernel suspends the device before a new table becomes active. Has no effect if the device is
    /// already suspended or has no new table.
    #[must_use]
    pub const fn suspend(self, suspend: SuspendOptions) -> Self {
        Self { suspend, ..self }
    }

    /// Adds a cookie to the uevent. A cookie with a semaphore requires ioctl interface 4.15.
    #[must_use]
    pub const fn cookie(self, cookie: UdevCookie) -> Self {
        Self { cookie: Some(cookie), ..self }
    }

    /// The flags for udev's rules that the cookie carries.
    pub(crate) fn udev_flags(self) -> UdevFlags {
        self.cookie.map_or(UdevFlags::empty(), UdevCookie::flags)
    }

    /// The request that resumes a device.
    pub(crate) fn request(self, id: DevId<'_>) -> Request<'_> {
        self.suspend.apply(Request::of(Command::DeviceResume, id)).cookie(self.cookie)
    }
}

impl Dm {
    /// Suspends a device: new I/O waits until the device is resumed.
    ///
    /// - Ioctl interface 4.0 and later.
    /// - First freezes the file system on the device. A signal does not interrupt this.
    /// - Then blocks until pending I/O has completed, however long the underlying devices take. A signal ends the wait,
    ///   and the device is not suspended. In some kernels, such as Linux 6.12 and updates of older ones, however, the
    ///   command starts again if the signal's handler has `SA_RESTART`.
    /// - Before both, the kernel prepares the targets (`presuspend`). If the call then fails, some targets stay
    ///   prepared until the device has been suspended and resumed: `mirror` does not recover, `snapshot-merge` does not
    ///   merge, `delay` does not delay, and `multipath` without a path fails I/O despite `queue_if_no_path`.
    /// - The call also blocks while the kernel has suspended the device
    ///   [internally](DeviceInfo::is_internally_suspended), such as a thin device while its pool is suspended.
    /// - Suspending a suspended device does nothing.
    ///
    /// # Errors
    /// [`is_not_found`](crate::Error::is_not_found): the device does not exist.
    /// [`is_interrupted`](crate::Error::is_interrupted): a signal ended the wait. Another errno: the file system could
    /// not be frozen. After an error the device is not suspended, but some targets may stay prepared: see above.
    #[doc(alias = "DM_DEV_SUSPEND")]
    #[doc(alias = "DM_DEVICE_SUSPEND")]
    pub fn device_suspend(&self, id: impl AsDevId) -> Result<DeviceInfo> {
        self.device_suspend_with(id, SuspendOptions::new())
    }

    /// Suspends a device, with options.
    ///
    /// # Errors
    /// As [`device_suspend`](Self::device_suspend). [`is_unsupported`](crate::Error::is_unsupported): the kernel lacks
    /// [`noflush`](SuspendOptions::noflush).
    pub fn device_suspend_with(&self, id: impl AsDevId, options: SuspendOptions) -> Result<DeviceInfo> {
        self.device_command(&options.request(dev_id(Command::DeviceSuspend, &id)?))
    }

    /// Makes the inactive table active, if there is one, and lets I/O continue.
    ///
    /// - Ioctl interface 4.0 and later.
    /// - If there is an inactive table, the kernel first suspends the device, unless it is already suspended. This
    ///   blocks as [`device_suspend`](Self::device_suspend) does. The old table is destroyed.
    /// - If the device is suspended, and the kernel has also suspended it
    ///   [internally](DeviceInfo::is_internally_suspended), the call blocks until the internal suspension ends or a
    ///   signal arrives. Meanwhile a new table is already active.
    /// - A uevent is sent if the device was suspended or has a new table. If the new table has a different size, recent
    ///   kernels add `RESIZE=1` to the uevent.
    /// - Resuming a device that is not suspended and has no inactive table does nothing.
    ///
    /// # Errors
    /// - [`is_not_found`](crate::Error::is_not_found): the device does not exist, or the suspend failed and another
    ///   process loaded a table meanwhile.
    /// - [`is_interrupted`](crate::Error::is_interrupted): a signal arrived while the call was blocked.
    /// - [`is_invalid`](crate::Error::is_invalid): the device is suspended and has no table, the new table cannot
    ///   replace the old one, or the new table does not fit the devices that it uses.
    /// - Another errno: the file system could not be frozen, or a target could not be resumed.
    ///
    /// The state after an error depends on the step that failed:
    ///
    /// - The suspend: both tables are unchanged, unless another process has replaced the inactive table meanwhile. Some
    ///   targets may stay prepared, as after a failed [`device_suspend`](Self::device_suspend).
    /// - Activating the new table: the new table is destroyed, and the device is suspended with the old table.
    /// - The resume, or the wait for an internal suspension to end: the device is suspended with the new table.
    ///
    /// After each of these, [`Host::reload`](crate::Host::reload) restores the old table, and so does
    /// [`Host::resume`](crate::Host::resume) of a device that was not suspended.
    #[doc(alias = "DM_DEV_SUSPEND")]
    #[doc(alias = "DM_DEVICE_RESUME")]
    pub fn device_resume(&self, id: impl AsDevId) -> Result<DeviceInfo> {
        self.device_resume_with(id, ResumeOptions::new())
    }

    /// Makes the inactive table active and lets I/O continue, with options.
    ///
    /// # Errors
    /// As [`device_resume`](Self::device_resume). [`is_unsupported`](crate::Error::is_unsupported): the kernel lacks an
    /// option.
    pub fn device_resume_with(&self, id: impl AsDevId, options: ResumeOptions) -> Result<DeviceInfo> {
        self.device_command(&options.request(dev_id(Command::DeviceResume, &id)?))
    }
}
