//! Removes a device: with retries while it is busy, deferred, or by force.

use std::time::Duration;

use dm_units::Sectors;
use nix::errno::Errno as NixErrno;

use super::error::{OpError, OpErrorKind, Operation, Remains, StateAfter, Step};
use super::host::Host;
use super::op::{Op, uninterrupted};
use super::retry::Retry;
use super::take_over::cancel_removal;
use super::undo::{AT_ONCE, Before, Loaded, NewTable, has_errors_only};
use crate::commands::{Removal, RemoveOptions, ResumeOptions, StatusOptions, TargetLine};
use crate::error::{Errno, Error, Refusal};
use crate::id::AsDevId;
use crate::machine::Users;
use crate::udev::NodeChange;
use crate::wire::{Command, DeviceInfo, UdevFlags};

/// How an operation removes a device: deferred, by force, or with retries while the device is busy.
#[derive(Clone, Copy, Debug)]
pub struct RemovePolicy {
    deferred: bool,
    if_possible: bool,
    force: bool,
    retry: Retry,
    users: Option<Duration>,
}

impl RemovePolicy {
    /// The defaults: one try, which fails if the device is open.
    #[must_use]
    pub const fn new() -> Self {
        Self { deferred: false, if_possible: false, force: false, retry: Retry::NONE, users: None }
    }

    /// Whether the kernel removes an open device later, when its last user closes it. Requires ioctl interface 4.27.
    #[must_use]
    #[doc(alias = "--deferred")]
    pub const fn deferred(self, deferred: bool) -> Self {
        Self { deferred, ..self }
    }

    /// Whether to try the removal immediately on a kernel that lacks deferred removal. This try fails if the device is
    /// open: see [`RemoveOptions::if_possible`].
    #[must_use]
    pub const fn if_possible(self, if_possible: bool) -> Self {
        Self { if_possible, ..self }
    }

    /// Sets how long to retry while the device is busy. If the kernel [defers](Self::deferred) the removal, no retry is
    /// necessary.
    ///
    /// If the device stays busy, the error lists its [users](OpError::users). The search for users takes at most 500
    /// ms, unless [`users`](Self::users) sets another time.
    #[must_use]
    #[doc(alias = "dm_task_retry_remove")]
    #[doc(alias = "--retry")]
    pub const fn retry(self, retry: Retry) -> Self {
        let users = if retry.is_none() || self.users.is_some() { self.users } else { Some(LOOK_FOR_USERS) };
        Self { retry, users, ..self }
    }

    /// Whether to first replace the active table with an `error` target. Queued and new I/O then fails, and the devices
    /// that the old table uses are released.
    ///
    /// The replacement waits for I/O that those devices have not completed, and on kernels before ioctl interface 4.12
    /// also for queued I/O. A signal ends the wait ([`is_interrupted`](OpError::is_interrupted)). An open device
    /// remains with the `error` target. Unless its removal is deferred, the operation then fails because the device is
    /// busy.
    #[must_use]
    #[doc(alias = "--force")]
    pub const fn force(self, force: bool) -> Self {
        Self { force, ..self }
    }

    /// If the device is busy, searches for its users for at most `timeout`. [`OpError::users`] returns them.
    #[must_use]
    pub const fn users(self, timeout: Duration) -> Self {
        Self { users: Some(timeout), ..self }
    }

    /// Whether the device is removed at once or not at all, without any other step.
    const fn is_one_command(self) -> bool {
        let Self { deferred, force, retry, users, if_possible: _ } = self;
        !deferred && !force && retry.is_none() && users.is_none()
    }
}

/// The same as [`RemovePolicy::new`].
impl Default for RemovePolicy {
    fn default() -> Self {
        Self::new()
    }
}

/// The time for the search for users if a retry was requested.
const LOOK_FOR_USERS: Duration = Duration::from_millis(500);

impl Host {
    /// Removes a device and its tables, and waits for udev.
    ///
    /// This takes two ioctls: the first reads the name and number of the device, for its node and for errors. With
    /// [`Strategy::None`](crate::udev::Strategy::None), which removes no nodes, it takes one ioctl. An error then has
    /// the [number](OpError::device_number) of the device only if `id` is a number.
    ///
    /// ```
    /// # let memory = dm_testing::MemoryKernel::new();
    /// # memory.host().create("home", [dm_core::TargetLine::text(dm_units::Sectors(0), dm_units::Sectors(8), "zero", "")])?;
    /// # memory.host().create("other", [dm_core::TargetLine::text(dm_units::Sectors(0), dm_units::Sectors(8), "zero", "")])?;
    /// # let host = memory.host();
    /// use dm_core::{RemovePolicy, Retry};
    ///
    /// host.remove("home")?;
    /// // udev may have the device open for a moment; one second is usually enough.
    /// host.remove_with("other", RemovePolicy::new().retry(Retry::default()))?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// [`is_busy`](OpError::is_busy): the device is open. [`is_not_found`](OpError::is_not_found): the device does not
    /// exist. [`is_timed_out`](OpError::is_timed_out): udev did not finish in time. The device is removed nevertheless.
    #[doc(alias = "DM_DEVICE_REMOVE")]
    #[doc(alias = "dmsetup remove")]
    pub fn remove(&self, id: impl AsDevId) -> Result<Removal, OpError> {
        self.remove_with(id, RemovePolicy::new())
    }

    /// Removes a device and its tables: deferred, by force, or with retries.
    ///
    /// # Errors
    /// As [`remove`](Self::remove). [`is_unsupported`](OpError::is_unsupported): the kernel lacks deferred removal. A
    /// forced removal has the three errors below. After one of them, the `error` target may be the active table: see
    /// the state of the error.
    ///
    /// - [`is_interrupted`](OpError::is_interrupted): a signal arrived.
    /// - [`is_timed_out`](OpError::is_timed_out): another operation on the device did not finish in time.
    /// - [`OpErrorKind::SuspendedInternally`]: the kernel keeps the device suspended internally.
    pub fn remove_with(&self, id: impl AsDevId, policy: RemovePolicy) -> Result<Removal, OpError> {
        let mut op = Op::new(self, Operation::Remove, &id)?;
        let removal = remove(&mut op, policy)?;
        op.finish()?;
        Ok(removal)
    }

    /// Cancels a deferred removal. Has no effect if no removal is pending. Kernels before ioctl interface 4.27 cannot
    /// defer removals, so the call has no effect there.
    ///
    /// # Errors
    /// [`is_busy`](OpError::is_busy): the removal has already started. [`is_not_found`](OpError::is_not_found): the
    /// device does not exist.
    #[doc(alias = "@cancel_deferred_remove")]
    pub fn cancel_deferred_remove(&self, id: impl AsDevId) -> Result<(), OpError> {
        let mut op = Op::new(self, Operation::Remove, &id)?;
        cancel_removal(&op)?;
        // Without udev, the node was removed when the removal was deferred.
        let info =
            op.info().map_err(|error| error.with_state(StateAfter::left(vec![Remains::RemovalCancelled], None)))?;
        op.found(&info);
        if info.has_active_table() {
            op.udev.note_present(&info);
        }
        op.finish()
    }
}

/// Removes the device of an operation, without waiting for udev.
pub(super) fn remove(op: &mut Op<'_>, policy: RemovePolicy) -> Result<Removal, OpError> {
    // After the removal it has neither name nor number. If it has no node, a single command needs neither.
    let is_read = !policy.is_one_command() || !op.host.udev().makes_no_nodes();
    let before = is_read.then(|| read_before(op, policy)).transpose()?;
    let cookie = op.udev.expect(UdevFlags::empty());
    let options = RemoveOptions::new().deferred(policy.deferred).if_possible(policy.if_possible).cookie(cookie);
    let mut was_sent_before = false;
    let removed = policy.retry.while_busy(|| {
        uninterrupted(|| {
            let removed = op.dm().device_remove_with(op.target(), options);
            was_sent_before |= removed.as_ref().is_err_and(|error| !error.is_not_found());
            removed
        })
    });
    op.udev.sent(removed.as_ref().is_ok_and(|removal| removal.uevent_generated()));
    let removal = match removed {
        Ok(removal) => removal,
        Err(error) if was_sent_before && !error.is_busy() && !error.is_permission_denied() => {
            match removed_after_all(op, policy) {
                Ok(Some(removal)) => removal,
                Ok(None) => return Err(not_removed(op, error, before.as_ref(), policy)),
                Err(fault) => {
                    let state = StateAfter::left(vec![Remains::Unknown], Some(fault));
                    return Err(op.failed(Step::Remove, error, state));
                }
            }
        }
        Err(error) => return Err(not_removed(op, error, before.as_ref(), policy)),
    };
    let change = if removal == Removal::Deferred { NodeChange::Deferred } else { NodeChange::Absent };
    if let Some((name, number)) = before.as_ref().and_then(|before| before.info.name().zip(op.number())) {
        op.udev.note(name, number, change);
    }
    Ok(removal)
}

/// A device to remove.
struct Found {
    info: DeviceInfo,
    /// Its table was replaced with an `error` target.
    forced: bool,
}

/// Reads the device, and replaces its table if the policy says so.
fn read_before(op: &mut Op<'_>, policy: RemovePolicy) -> Result<Found, OpError> {
    let moment = op.host.locks.moment();
    let info = op.info()?;
    if op.number().is_some_and(|number| number != info.number()) {
        return Err(op.fail(Step::Read, not_found(op)));
    }
    op.found(&info);
    if !policy.force || !info.has_active_table() {
        return Ok(Found { info, forced: false });
    }
    // Prevents another operation from taking this suspension for the user's.
    let locked = op.host.lock(op, &info, moment)?;
    let info = if locked.state_is_outdated() { op.info()? } else { info };
    op.found(&info);
    let forced = put_errors_under(op, &info)?;
    Ok(Found { info, forced })
}

/// The error if another device has taken the name.
fn not_found(op: &Op<'_>) -> Error {
    Refusal::new(Command::DeviceInfo, Some(op.id().to_owned()), Errno::from_nix(NixErrno::ENXIO)).into()
}

/// Whether the device was removed although the command failed.
fn removed_after_all(op: &Op<'_>, policy: RemovePolicy) -> Result<Option<Removal>, Error> {
    match op.read() {
        Ok(info) if op.number().is_some_and(|number| number != info.number()) => {
            Ok(Some(Removal::Done { uevent_generated: false }))
        }
        Ok(info) if policy.deferred && info.is_deferred_remove() => Ok(Some(Removal::Deferred)),
        Ok(_) => Ok(None),
        Err(error) if error.is_not_found() => Ok(Some(Removal::Done { uevent_generated: false })),
        Err(error) => Err(error),
    }
}

fn not_removed(op: &Op<'_>, error: Error, before: Option<&Found>, policy: RemovePolicy) -> OpError {
    // A single command that fails has changed nothing.
    let Some(Found { info, forced }) = before else { return op.fail(Step::Remove, error) };
    let users = policy.users.filter(|_| error.is_busy()).map(|timeout| Users::of(info.number(), timeout));
    let table = if *forced { NewTable::Errors } else { NewTable::Unchanged };
    let state = Before { info, loaded: Loaded::No, table, resumes: false };
    let state = if *forced || !error.is_busy() { state.judge(op, None) } else { StateAfter::Undone };
    op.failed(Step::Remove, error, state).with_users(users)
}

/// Replaces the active table with an `error` target of the same length. Returns `false` if it had only such targets.
fn put_errors_under(op: &mut Op<'_>, info: &DeviceInfo) -> Result<bool, OpError> {
    let Some(length) = length_of_table(op).map_err(|error| op.fail(Step::Force, error))? else { return Ok(false) };
    op.check_can_resume(Step::Force, info)?;
    let undo = |op: &Op<'_>, loaded, table| Before { info, loaded, table, resumes: false }.put_back(op);
    let line = TargetLine::text(Sectors(0), length, "error", "");
    uninterrupted(|| op.dm().table_load(op.target(), [line])).map_err(|error| {
        let state = undo(op, Loaded::after(&error), NewTable::Unchanged);
        op.failed(Step::Force, error, state)
    })?;
    // I/O that waits in the old table would never be flushed.
    let cookie = op.udev.expect(UdevFlags::empty());
    let without_flush = ResumeOptions::new().suspend(AT_ONCE).cookie(cookie);
    let resumed = op.dm().device_resume_with(op.target(), without_flush);
    op.udev.sent(resumed.as_ref().is_ok_and(DeviceInfo::uevent_generated));
    resumed.map(|_| true).map_err(|error| op.failed(Step::Force, error, undo(op, Loaded::Yes, NewTable::Errors)))
}

/// The length of the active table. `None` if it has only `error` targets already.
fn length_of_table(op: &Op<'_>) -> Result<Option<Sectors>, OpErrorKind> {
    let table =
        uninterrupted(|| op.dm().table_status_with(op.target(), StatusOptions::new().noflush(true).if_possible(true)))?;
    if has_errors_only(&table) {
        return Ok(None);
    }
    let mut length = Sectors(0);
    for line in &table {
        let line = line?;
        length = line.start.saturating_add(line.length);
    }
    Ok(Some(length))
}
