//! Suspends and resumes devices, and sends messages while a device is suspended.

use std::time::Duration;

use super::error::{OpError, OpErrorKind, Operation, Remains, StateAfter, Step};
use super::host::Host;
use super::locks::{Locked, Moment};
use super::op::{Op, uninterrupted};
use super::read_ahead::{self, ResumePolicy};
use super::undo::{Before, Loaded, NewTable, is_same, read_table};
use crate::commands::{Message, Payload, PreparedMessage, ResumeOptions, SuspendOptions, TableStatus};
use crate::error::Error;
use crate::id::{AsDevId, DevIdBuf};
use crate::node::{Dm, Failure};
use crate::wire::{DeviceInfo, UdevFlags};

/// How an operation suspends a device: whether it flushes I/O and freezes the file system, and how long it waits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SuspendPolicy {
    options: SuspendOptions,
    timeout: Option<Duration>,
}

impl SuspendPolicy {
    /// The default: if the kernel has suspended the device [internally](DeviceInfo::is_internally_suspended), as it
    /// suspends a thin device while its pool is suspended, waits until that suspension ends. Then freezes the file
    /// system, flushes queued I/O, and waits until all I/O has completed.
    ///
    /// A signal ends both waits. In some kernels, such as Linux 6.12 and late releases of 6.1, however, the wait for
    /// I/O continues if the signal's handler has `SA_RESTART`, unless a [`timeout`](Self::timeout) is set.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Does not flush queued I/O: I/O that the target holds back stays queued. The file system is not frozen either.
    /// The kernel still waits for I/O that the underlying devices have not completed. Requires version 4.12 of the
    /// ioctl interface (see [`Dm::version`]).
    #[must_use]
    #[doc(alias = "--noflush")]
    pub const fn noflush(self, noflush: bool) -> Self {
        Self { options: self.options.noflush(noflush), ..self }
    }

    /// Whether to flush on a kernel that lacks [`noflush`](Self::noflush), instead of failing: see
    /// [`SuspendOptions::if_possible`].
    #[must_use]
    pub const fn if_possible(self, if_possible: bool) -> Self {
        Self { options: self.options.if_possible(if_possible), ..self }
    }

    /// Does not freeze the file system on the device first.
    #[must_use]
    #[doc(alias = "--nolockfs")]
    pub const fn skip_lockfs(self, skip_lockfs: bool) -> Self {
        Self { options: self.options.skip_lockfs(skip_lockfs), ..self }
    }

    /// Limits the wait for pending I/O. By default there is no limit. When the timeout expires, the operation fails
    /// with [`is_timed_out`](OpError::is_timed_out). The device is then not suspended, but some targets [stay prepared
    /// for the suspension](Dm::device_suspend): for example, a `mirror` does not recover until the device has been
    /// suspended and resumed.
    ///
    /// With a timeout, a child process sends the command. This takes longer than a direct ioctl.
    ///
    /// Unless [`noflush`](Self::noflush) or [`skip_lockfs`](Self::skip_lockfs) is set, the kernel first freezes the
    /// file system. If no file system is mounted, the kernel writes back the page cache of the device instead. Neither
    /// can be interrupted. If this step hangs, the operation fails about a second after the timeout. The child process
    /// then remains, and resumes the device as soon as the device has been suspended.
    #[must_use]
    pub const fn timeout(self, timeout: Duration) -> Self {
        Self { timeout: Some(timeout), ..self }
    }

    pub(super) const fn options(self) -> SuspendOptions {
        self.options
    }

    /// Suspends the device of an operation, unless it was suspended already. A signal ends the wait for I/O.
    ///
    /// After an error the caller must restore the device, since the suspension may have completed at the last moment.
    pub(super) fn suspend(self, op: &Op<'_>, before: &DeviceInfo) -> Result<(), Error> {
        if before.is_suspended() {
            return Ok(());
        }
        let Some(timeout) = self.timeout else {
            return op.dm().device_suspend_with(op.target(), self.options).map(drop);
        };
        op.dm().send_within(&self.options.request(op.target()), timeout)?;
        // Only the child process has the reply.
        op.dm().record_suspended(before.number());
        Ok(())
    }

    /// As [`suspend`](Self::suspend), and undoes the suspension if it fails. For operations without other steps to
    /// undo.
    pub(super) fn suspend_or_undo(self, op: &Op<'_>, before: &DeviceInfo) -> Result<(), OpError> {
        self.suspend(op, before)
            .map_err(|error| op.failed(Step::Suspend, error, Before::suspending(before).put_back(op)))
    }
}

impl Host {
    /// Suspends a device: new I/O waits until the device is resumed. Has no effect on a suspended device.
    ///
    /// # Errors
    /// - [`is_interrupted`](OpError::is_interrupted): a signal arrived during the wait for pending I/O. The device is
    ///   not suspended, but some targets [stay prepared for the suspension](Dm::device_suspend).
    /// - [`is_timed_out`](OpError::is_timed_out): another operation on the device did not finish in time.
    /// - [`is_not_found`](OpError::is_not_found): the device does not exist.
    #[doc(alias = "DM_DEVICE_SUSPEND")]
    #[doc(alias = "dmsetup suspend")]
    pub fn suspend(&self, id: impl AsDevId) -> Result<DeviceInfo, OpError> {
        self.suspend_with(id, SuspendPolicy::new())
    }

    /// Suspends a device, for example without a flush, or with a timeout.
    ///
    /// # Errors
    /// As [`suspend`](Self::suspend). [`is_timed_out`](OpError::is_timed_out) also if pending I/O did not complete in
    /// time. The device is then in the same state as after a signal.
    pub fn suspend_with(&self, id: impl AsDevId, policy: SuspendPolicy) -> Result<DeviceInfo, OpError> {
        let mut op = Op::new(self, Operation::Suspend, &id)?;
        let (before, _locked) = self.lock_existing(&mut op)?;
        policy.suspend_or_undo(&op, &before)?;
        op.read().map_err(|error| {
            let state = Before::suspending(&before).put_back(&op);
            op.failed(Step::Read, error, state)
        })
    }

    /// Resumes a device: makes the inactive table active if there is one, lets I/O continue, and waits for udev.
    ///
    /// # Errors
    /// - [`is_not_found`](OpError::is_not_found): the device does not exist.
    /// - [`is_invalid`](OpError::is_invalid): the device is suspended and has no table, the new table cannot replace
    ///   the old one, or one of its targets cannot be resumed.
    /// - [`is_interrupted`](OpError::is_interrupted): a signal arrived while I/O was flushed for a new table, or while
    ///   the command waited because the kernel had just
    ///   [suspended the device internally](DeviceInfo::is_internally_suspended).
    /// - [`OpErrorKind::SuspendedInternally`]: the kernel kept the device suspended internally until the timeout for
    ///   udev expired.
    /// - [`is_timed_out`](OpError::is_timed_out): udev or another operation on the device did not finish in time.
    ///
    /// If the device was suspended before, the state says whether the new table is active, and whether the device is
    /// still suspended. Otherwise the old table becomes active again, and the device is resumed, but the new table may
    /// be lost.
    #[doc(alias = "DM_DEVICE_RESUME")]
    #[doc(alias = "dmsetup resume")]
    pub fn resume(&self, id: impl AsDevId) -> Result<DeviceInfo, OpError> {
        self.resume_with(id, ResumePolicy::new())
    }

    /// Resumes a device, with [`ResumeOptions`] or a [`ResumePolicy`]. If the options have a cookie, only its flags are
    /// used, since the operation makes its own cookie.
    ///
    /// # Errors
    /// As [`resume`](Self::resume). [`OpErrorKind::ReadAhead`]: the device is resumed, but the read-ahead cannot be
    /// set.
    pub fn resume_with(&self, id: impl AsDevId, policy: impl Into<ResumePolicy>) -> Result<DeviceInfo, OpError> {
        let ResumePolicy { options, read_ahead } = policy.into();
        let mut op = Op::new(self, Operation::Resume, &id)?;
        let (before, locked) = self.lock_existing(&mut op)?;
        if before.is_suspended() || before.has_inactive_table() {
            op.check_can_resume(Step::Resume, &before)?;
        }
        // Read to tell which table is active after a failure.
        let old = (before.has_active_table() && before.has_inactive_table())
            .then(|| uninterrupted(|| op.dm().table_status_with(op.target(), read_table())))
            .transpose()
            .map_err(|error| op.fail(Step::Read, error))?;
        let options = options.cookie(op.udev.expect(options.udev_flags()));
        // A resume with a new table waits for pending I/O, which a signal ends.
        let resumed = if before.has_inactive_table() {
            op.dm().device_resume_with(op.target(), options)
        } else {
            op.resume(options)
        };
        op.udev.sent(resumed.as_ref().is_ok_and(DeviceInfo::uevent_generated));
        let resumed = resumed.or_else(|error| resumed_all_the_same(&op, &before, old.as_ref()).ok_or(error));
        let info =
            resumed.map_err(|error| op.failed(Step::Resume, error, after_failed_resume(&op, &before, old.as_ref())))?;
        drop(locked);
        op.udev.note_present(&info);
        let set = read_ahead::set(&op, &info, read_ahead);
        op.finish()?;
        set.map(|()| info)
    }

    /// Suspends a device, sends messages to it or other devices, and resumes it, for example to take a thin snapshot.
    ///
    /// All messages are prepared before the device is suspended. If a message fails, the remaining messages are not
    /// sent. A device that was suspended before stays suspended.
    ///
    /// ```
    /// use dm_core::{Message, Steps};
    ///
    /// # let memory = dm_testing::MemoryKernel::new();
    /// # let line = |target, params| [dm_core::TargetLine::text(dm_units::Sectors(0), dm_units::Sectors(128), target, params)];
    /// # let [metadata, data] = [21, 16].map(|order| memory.disk(dm_units::Bytes(1 << order)).number());
    /// # memory.host().create("pool", line("thin-pool", format!("{metadata} {data} 128 0")))?;
    /// # memory.host().create("home", [dm_core::TargetLine::text(dm_units::Sectors(0), dm_units::Sectors(8), "zero", "")])?;
    /// # memory.dm().target_msg("pool", "create_thin 1")?;
    /// # let host = memory.host();
    /// let steps = Steps::new().message(&host, "pool", Message::new("create_snap 2 1"))?;
    /// host.while_suspended("home", steps)?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// As [`suspend`](Self::suspend), and also if a message fails or the device cannot be resumed. The state of the
    /// error has the number of messages that took effect, and says whether the device is still suspended.
    ///
    /// [`OpErrorKind::TableLoaded`]: the device was not suspended before the call and has a table in its inactive slot.
    /// The resume would make this table active.
    pub fn while_suspended(&self, id: impl AsDevId, steps: Steps) -> Result<DeviceInfo, OpError> {
        self.while_suspended_with(id, steps, SuspendPolicy::new())
    }

    /// Suspends a device, sends messages and resumes it, with a policy for the suspension.
    ///
    /// # Errors
    /// As [`while_suspended`](Self::while_suspended) and [`suspend_with`](Self::suspend_with).
    pub fn while_suspended_with(
        &self,
        id: impl AsDevId,
        steps: Steps,
        policy: SuspendPolicy,
    ) -> Result<DeviceInfo, OpError> {
        let mut op = Op::new(self, Operation::WhileSuspended, &id)?;
        let (before, locked) = self.lock_existing(&mut op)?;
        if before.has_inactive_table() && !before.is_suspended() {
            return Err(op.fail(Step::Check, OpErrorKind::TableLoaded));
        }
        let cookie = op.udev.expect(UdevFlags::empty());
        let resume = ResumeOptions::new().suspend(policy.options()).cookie(cookie);
        if let Err(error) = policy.suspend_or_undo(&op, &before) {
            op.udev.sent(false);
            return Err(error);
        }
        let (dm, mut steps) = (op.dm().clone(), steps);
        let sent = steps.send(&dm);
        let resumed = resume_surely(&op, &before, resume);
        op.udev.sent(!before.is_suspended() && resumed.as_ref().is_ok_and(DeviceInfo::uevent_generated));
        drop(locked);
        let done = sent.as_ref().err().map_or(steps.len(), |failed| failed.index);
        let messages = (done > 0).then_some(Remains::MessagesSent(done));
        let sent = sent.map_err(|failed| failed.explain(&dm, &mut steps));
        let (step, error) = match (sent, &resumed) {
            (Ok(()), Ok(_)) => {
                op.finish()?;
                return resumed.map_err(|error| op.fail(Step::Resume, error));
            }
            (Err(error), _) => (Step::Message, error),
            (Ok(()), Err(error)) => (Step::Resume, error.clone()),
        };
        let state = match resumed {
            Ok(_) => StateAfter::Undone,
            Err(undo) => Before::suspending(&before).judge(&op, Some(undo)),
        };
        // If the device was resumed, this waits for its uevent.
        let _ = op.udev.finish();
        Err(op.failed(step, error, state.and(messages)))
    }

    /// Sends a message to the target that maps the message's sector, without suspending the device.
    ///
    /// The message is not repeated after a signal, since the target may have executed it.
    ///
    /// # Errors
    /// As [`Dm::target_msg`].
    #[doc(alias = "DM_DEVICE_TARGET_MSG")]
    #[doc(alias = "dmsetup message")]
    pub fn message(
        &self,
        id: impl AsDevId,
        message: Message<impl Payload>,
    ) -> Result<crate::commands::MessageReply, OpError> {
        let op = Op::new(self, Operation::Message, &id)?;
        let options = crate::commands::MessageOptions::new();
        let sent = op.dm().target_msg_with(op.id(), message, options);
        sent.map_err(|error| op.fail(Step::Message, error))
    }

    /// Locks the device of an operation, whose state was read after `moment`.
    pub(super) fn lock(&self, op: &Op<'_>, info: &DeviceInfo, moment: Moment) -> Result<Locked, OpError> {
        let locked = self.locks.lock(info.number(), moment, self.udev().wait_timeout());
        locked.map_err(|error| op.fail(Step::Lock, error))
    }

    /// Locks a device and returns its state under the lock. A state from before may show the suspension by another
    /// operation.
    pub(super) fn lock_existing(&self, op: &mut Op<'_>) -> Result<(DeviceInfo, Locked), OpError> {
        let moment = self.locks.moment();
        let info = op.info()?;
        op.found(&info);
        let locked = self.lock(op, &info, moment)?;
        let info = if locked.state_is_outdated() { op.info()? } else { info };
        Ok((info, locked))
    }
}

/// The state after a failed resume. A device that served I/O before must not stay suspended: the kernel suspends it for
/// the new table, and leaves it so if that table cannot become active (`do_resume` in drivers/md/dm-ioctl.c).
fn after_failed_resume(op: &Op<'_>, before: &DeviceInfo, old: Option<&TableStatus>) -> StateAfter {
    let table = old.map_or(NewTable::Unchanged, NewTable::Instead);
    let table = if before.has_active_table() { table } else { NewTable::First };
    let was_serving = before.has_active_table() && !before.is_suspended();
    let before = Before { info: before, loaded: Loaded::No, table, resumes: !was_serving };
    if was_serving { before.put_back(op) } else { before.judge(op, None) }
}

/// The state of the device if a failed resume took effect and only its reply was lost.
///
/// Restoring the old table would then undo a success, and a pool that has grown refuses its old table. If the old table
/// is still active, the kernel has destroyed the new one, and another process has resumed the device.
pub(super) fn resumed_all_the_same(op: &Op<'_>, before: &DeviceInfo, old: Option<&TableStatus>) -> Option<DeviceInfo> {
    let now = op.read().ok().filter(|now| now.number() == before.number())?;
    let is_serving = now.has_active_table() && !now.has_inactive_table() && !now.is_suspended();
    let is_new = |old: &TableStatus| {
        let table = uninterrupted(|| op.dm().table_status_with(op.target(), read_table()));
        table.is_ok_and(|table| !is_same(&table, old))
    };
    (is_serving && old.is_none_or(is_new)).then_some(now)
}

/// Resumes a device that an operation has suspended. A failure is retried once, since nothing is worse than a device
/// that stays suspended.
fn resume_surely(op: &Op<'_>, before: &DeviceInfo, options: ResumeOptions) -> Result<DeviceInfo, Error> {
    if before.is_suspended() {
        return Ok(before.clone());
    }
    match op.resume(options) {
        Err(error) if !error.is_not_found() => op.resume(options).map_err(|_| error),
        resumed => resumed,
    }
}

/// The messages that [`Host::while_suspended`] sends, in the order in which they are added.
#[derive(Debug, Default)]
#[must_use]
pub struct Steps {
    messages: Vec<(DevIdBuf, PreparedMessage)>,
}

impl Steps {
    /// An empty list.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a message for the device `id`, and prepares its request.
    ///
    /// # Errors
    /// [`Error::Request`]: the name of the device is not valid, or the message cannot be sent, for example because it
    /// contains a NUL.
    pub fn message(mut self, host: &Host, id: impl AsDevId, message: Message<impl Payload>) -> Result<Self, Error> {
        let id = host.kernel_id(&id).map_err(|fault| Error::request(crate::wire::Command::TargetMsg, fault))?;
        let mut prepared = host.dm().prepare_message(&message)?;
        // Allocates now, so that sending allocates nothing.
        let _ = prepared.finish(id.as_borrowed());
        self.messages.push((id, prepared));
        Ok(self)
    }

    fn len(&self) -> usize {
        self.messages.len()
    }

    /// Sends the messages in order. Nothing is logged, and the reason of a failure is searched for later.
    fn send<'d>(&mut self, dm: &'d Dm) -> Result<(), FailedMessage<'d>> {
        for (index, (id, message)) in self.messages.iter_mut().enumerate() {
            let (request, bytes) = message.finish(id.as_borrowed());
            dm.try_send(request.command, bytes).map_err(|failure| FailedMessage { index, failure })?;
        }
        Ok(())
    }
}

struct FailedMessage<'d> {
    index: usize,
    failure: Failure<'d>,
}

impl FailedMessage<'_> {
    fn explain(&self, dm: &Dm, steps: &mut Steps) -> Error {
        match steps.messages.get_mut(self.index) {
            Some((id, message)) => {
                let (request, bytes) = message.finish(id.as_borrowed());
                dm.explain(&request, bytes.first_chunk().unwrap_or(&crate::wire::header::NO_HEADER), &self.failure)
            }
            None => Error::request(crate::wire::Command::TargetMsg, crate::error::RequestFault::NoLines),
        }
    }
}
