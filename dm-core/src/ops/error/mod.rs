//! [`OpError`]: why an operation failed, and the state in which it leaves the device.

mod cause;
mod state;
mod step;

use std::fmt;

use dm_units::DeviceNumber;
use nix::errno::Errno as NixErrno;

pub(super) use self::cause::NUMBER_OF_LINES;
pub use self::cause::{Difference, OpErrorKind};
pub use self::state::{Remains, StateAfter};
pub use self::step::{Operation, Step};
use super::disk::UnusableDisk;
use crate::error::{Error, Refusal};
use crate::id::{DevId, DevIdBuf};
use crate::machine::Users;

/// Why an operation failed: the step that failed, the cause, and the state in which the device is now.
///
/// An operation undoes the steps before the one that failed, so usually [`is_undone`](Self::is_undone) is true.
/// Otherwise [`state`](Self::state) says what is left.
///
/// `Display` prints the operation, the device, the step, the state and, if known, the [disk](Self::disk) or the
/// [users](Self::users) that caused the failure. It does not print the cause, which
/// [`source`](std::error::Error::source) returns. Print both, for example with `{:#}` of `anyhow`.
#[derive(Clone, Debug)]
pub struct OpError(Box<Inner>);

#[derive(Clone, Debug)]
struct Inner {
    operation: Operation,
    device: Option<DevIdBuf>,
    /// The device as the commands named it.
    named: Option<DevIdBuf>,
    number: Option<DeviceNumber>,
    step: Step,
    cause: OpErrorKind,
    state: StateAfter,
    users: Option<Users>,
    disk: Option<UnusableDisk>,
}

impl OpError {
    pub(super) fn new(operation: Operation, device: Option<DevIdBuf>, step: Step, cause: OpErrorKind) -> Self {
        let state = StateAfter::Undone;
        let (named, number, users, disk) = (None, None, None, None);
        Self(Box::new(Inner { operation, device, named, number, step, cause, state, users, disk }))
    }

    /// Adds the number of the device, if it is known.
    pub(super) fn number(mut self, number: Option<DeviceNumber>) -> Self {
        self.0.number = number;
        self
    }

    /// Makes an error of a command name the device as the caller did, instead of by the uuid or number that the command
    /// used.
    pub(super) fn about(mut self, named: DevId<'_>) -> Self {
        self.0.named = Some(named.to_owned());
        if let OpErrorKind::Command(error) = &self.0.cause {
            self.0.cause = OpErrorKind::Command(self.renamed(error.clone()));
        }
        let state = std::mem::take(&mut self.0.state);
        self.with_state(state)
    }

    pub(super) fn with_state(mut self, state: StateAfter) -> Self {
        self.0.state = state.map_error(|error| self.renamed(error));
        self
    }

    fn renamed(&self, error: Error) -> Error {
        let numbered = self.0.number.map(DevIdBuf::Number);
        let is_it = |refusal: &Refusal| {
            refusal.device().is_some_and(|id| Some(id) == self.0.named.as_ref() || Some(id) == numbered.as_ref())
        };
        match error {
            Error::Refused(refusal) if is_it(&refusal) => refusal.about(self.0.device.clone()).into(),
            error => error,
        }
    }

    pub(super) fn with_users(mut self, users: Option<Users>) -> Self {
        self.0.users = users;
        self
    }

    pub(super) fn with_disk(mut self, disk: Option<UnusableDisk>) -> Self {
        self.0.disk = disk;
        self
    }

    /// The operation that failed.
    #[must_use]
    pub fn operation(&self) -> Operation {
        self.0.operation
    }

    /// The device, as the caller named it. `None` if the name is invalid, or the operation is not about one device.
    #[must_use]
    pub fn device(&self) -> Option<&DevIdBuf> {
        self.0.device.as_ref()
    }

    /// The number of the device, if it was known. By now it may be the number of another device.
    #[must_use]
    pub fn device_number(&self) -> Option<DeviceNumber> {
        self.0.number
    }

    /// The step of the operation that failed.
    #[must_use]
    pub fn step(&self) -> Step {
        self.0.step
    }

    /// The cause of the failure.
    #[must_use]
    pub fn kind(&self) -> &OpErrorKind {
        &self.0.cause
    }

    /// The state in which the operation left the device.
    #[must_use]
    pub fn state(&self) -> &StateAfter {
        &self.0.state
    }

    /// Whether the device is as it was before the operation: see [`StateAfter::Undone`].
    #[must_use]
    pub fn is_undone(&self) -> bool {
        matches!(self.0.state, StateAfter::Undone)
    }

    /// Whether the operation took effect, and only the wait for udev, a node or the read-ahead failed.
    #[must_use]
    pub fn is_done(&self) -> bool {
        matches!(self.0.state, StateAfter::Done)
    }

    /// The effects of the operation that were not undone.
    #[must_use]
    pub fn remains(&self) -> &[Remains] {
        self.0.state.remains()
    }

    /// The users of a device that could not be removed because it is busy. `None` unless the policy sets
    /// [`retry`](crate::RemovePolicy::retry) or [`users`](crate::RemovePolicy::users).
    #[must_use]
    pub fn users(&self) -> Option<&Users> {
        self.0.users.as_ref()
    }

    /// The disk that probably made the kernel refuse a table, with the line of the table that names the disk. `None` if
    /// no such disk was found.
    #[must_use]
    pub fn disk(&self) -> Option<&UnusableDisk> {
        self.0.disk.as_ref()
    }

    /// The error of the command, if [`kind`](Self::kind) is [`OpErrorKind::Command`].
    #[must_use]
    pub fn command(&self) -> Option<&Error> {
        match &self.0.cause {
            OpErrorKind::Command(error) => Some(error),
            _ => None,
        }
    }

    /// The errno, if a system call failed.
    #[must_use]
    #[doc(alias = "dm_task_get_errno")]
    pub fn errno(&self) -> Option<i32> {
        match &self.0.cause {
            OpErrorKind::Command(error) => error.errno(),
            OpErrorKind::Udev(error) => error.errno(),
            OpErrorKind::LockFile { errno, .. } | OpErrorKind::ReadAhead { errno, .. } => Some(errno.number()),
            _ => None,
        }
    }

    fn command_is(&self, predicate: impl Fn(&Error) -> bool) -> bool {
        self.command().is_some_and(predicate)
    }

    /// Whether the device does not exist, or no path leads to it.
    #[must_use]
    pub fn is_not_found(&self) -> bool {
        match &self.0.cause {
            OpErrorKind::Udev(error) => error.is_not_found(),
            _ => self.command_is(Error::is_not_found),
        }
    }

    /// Whether the name, uuid or minor number is taken, an existing device differs from the requested one, or a message
    /// would create something that already exists. See also [`Error::is_already_exists`].
    #[must_use]
    pub fn is_already_exists(&self) -> bool {
        matches!(self.0.cause, OpErrorKind::Differs(_)) || self.command_is(Error::is_already_exists)
    }

    /// Whether the device is in use, another operation on it has not finished, or the device cannot execute the command
    /// in its present state.
    #[must_use]
    pub fn is_busy(&self) -> bool {
        matches!(self.0.cause, OpErrorKind::Locked) || self.command_is(Error::is_busy)
    }

    /// Whether a table could not be loaded because of a disk that it uses: see [`disk`](Self::disk).
    #[must_use]
    pub fn is_disk_unusable(&self) -> bool {
        self.disk().is_some() || self.command_is(Error::is_disk_unusable)
    }

    /// Whether a wait exceeded its timeout: for udev, for a suspension, or for another operation.
    #[must_use]
    pub fn is_timed_out(&self) -> bool {
        match &self.0.cause {
            OpErrorKind::Udev(error) => error.is_timed_out(),
            OpErrorKind::Locked => true,
            _ => self.errno() == Some(NixErrno::ETIMEDOUT as i32),
        }
    }

    /// Whether the kernel returned `EINVAL`, for example for an invalid table or message. Also `true` if the caller
    /// named a device by text that is not a valid name.
    ///
    /// `false` for a request that could not be sent: see [`Error::Request`].
    #[must_use]
    pub fn is_invalid(&self) -> bool {
        self.command_is(Error::is_invalid) || matches!(self.kind(), OpErrorKind::Name(_))
    }

    /// Whether a signal interrupted a command before it completed.
    #[must_use]
    pub fn is_interrupted(&self) -> bool {
        self.command_is(Error::is_interrupted)
    }

    /// Whether the process lacks the permission for a command, or for a file that the operation uses: a node, a lock
    /// file, or the read-ahead file in sysfs. A target can cause this too: see [`Error::is_permission_denied`].
    #[must_use]
    pub fn is_permission_denied(&self) -> bool {
        match &self.0.cause {
            OpErrorKind::Udev(error) => error.is_permission_denied(),
            OpErrorKind::LockFile { errno, .. } | OpErrorKind::ReadAhead { errno, .. } => {
                errno.is(NixErrno::EACCES) || errno.is(NixErrno::EPERM)
            }
            _ => self.command_is(Error::is_permission_denied),
        }
    }

    /// Whether the running kernel lacks a command or an option, or a target does not support what a table requires.
    #[must_use]
    pub fn is_unsupported(&self) -> bool {
        self.command_is(Error::is_unsupported)
    }

    /// Whether the kernel returned `ENODATA`: a pool has no thin device with the requested id, or
    /// a disk could not be read.
    #[must_use]
    pub fn is_no_data(&self) -> bool {
        self.command_is(Error::is_no_data)
    }

    /// Whether a command failed because the device or a device that it uses is read-only, or because a pool or cache
    /// cannot write its metadata.
    #[must_use]
    pub fn is_read_only(&self) -> bool {
        self.command_is(Error::is_read_only)
    }

    /// Whether there is not enough space for a command, for example in a pool's metadata.
    #[must_use]
    pub fn is_no_space(&self) -> bool {
        self.command_is(Error::is_no_space)
    }
}

impl fmt::Display for OpError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Inner { operation, device, number, step, state, users, disk, cause, named: _ } = &*self.0;
        write!(f, "{operation}")?;
        match (device, number) {
            (Some(device @ DevIdBuf::Number(_)), _) | (Some(device), None) => write!(f, " of {device}")?,
            (Some(device), Some(number)) => write!(f, " of {device} ({number})")?,
            (None, _) => {}
        }
        write!(f, " failed at {step}; ")?;
        state.write(f, &cause.to_string())?;
        disk.iter().try_for_each(|disk| write!(f, "; {disk}"))?;
        users.iter().try_for_each(|users| write!(f, "; {users}"))
    }
}

impl std::error::Error for OpError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&self.0.cause)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Errno;
    use crate::udev::UdevError;

    #[test]
    fn no_error_names_an_undo_or_a_wait_that_there_was_not() {
        let number = DeviceNumber::new(4000, 7);
        let error = |fault| Error::from(Refusal::new(crate::wire::Command::DeviceRename, None, Errno::from_nix(fault)));
        let state = StateAfter::left(vec![Remains::Unknown], Some(error(NixErrno::ENOMEM)));
        let failed = OpError::new(Operation::Rename, None, Step::Rename, error(NixErrno::EIO).into()).with_state(state);
        assert!(!failed.to_string().contains("undo"), "{failed}");
        let name = crate::id::DmNameBuf::new("a").unwrap();
        let occupied = UdevError::Occupied { name, number, path: "/dev/mapper/a".into() };
        let failed = OpError::new(Operation::Create, None, Step::Udev, occupied.into()).with_state(StateAfter::Done);
        assert!(!failed.to_string().contains("wait"), "{failed}");
    }

    #[test]
    fn a_file_that_cannot_be_used_for_lack_of_permission_is_permission_denied() {
        let path = std::path::PathBuf::from("/run/lock/dm/253:7");
        for (errno, denied) in [(NixErrno::EACCES, true), (NixErrno::EPERM, true), (NixErrno::ENOSPC, false)] {
            let kinds = [
                OpErrorKind::LockFile { path: path.clone(), errno: Errno::from_nix(errno) },
                OpErrorKind::ReadAhead { path: path.clone(), errno: Errno::from_nix(errno) },
                OpErrorKind::Udev(UdevError::StaleNode { path: path.clone(), source: errno }),
            ];
            for kind in kinds {
                let error = OpError::new(Operation::Reload, None, Step::Lock, kind);
                assert_eq!(error.is_permission_denied(), denied, "{error:?}");
            }
        }
    }

    #[test]
    fn an_error_has_the_errno_and_the_condition_of_its_cause() {
        let path = std::path::PathBuf::from("/run/lock/dm/253:7");
        let errno = NixErrno::ENOENT;
        let of = |kind: OpErrorKind| OpError::new(Operation::Reload, None, Step::Lock, kind);
        let stale = |source| of(OpErrorKind::Udev(UdevError::StaleNode { path: path.clone(), source }));
        assert_eq!(stale(NixErrno::EROFS).errno(), Some(NixErrno::EROFS as i32));
        let lock = of(OpErrorKind::LockFile { path: path.clone(), errno: Errno::from_nix(errno) });
        let read_ahead = of(OpErrorKind::ReadAhead { path: path.clone(), errno: Errno::from_nix(errno) });
        assert_eq!((lock.errno(), read_ahead.errno()), (Some(errno as i32), Some(errno as i32)));
        assert!(!lock.is_not_found() && !read_ahead.is_not_found() && !lock.is_timed_out());

        let gone = of(OpErrorKind::Udev(UdevError::Cookie { what: "read", cookie: Some(1), source: NixErrno::EINVAL }));
        assert!(gone.is_not_found() && !stale(NixErrno::EROFS).is_not_found());
        let locked = of(OpErrorKind::Locked);
        assert!(locked.is_timed_out() && locked.is_busy() && locked.errno().is_none());
        assert!(!of(OpErrorKind::NoActiveTable).is_timed_out());
    }

    #[test]
    fn an_error_names_the_device_as_the_caller_did_and_its_number() {
        let (name, number) = (crate::id::DmNameBuf::new("a").unwrap(), DeviceNumber::new(253, 7));
        let error =
            || OpError::new(Operation::Reload, Some(DevIdBuf::Name(name.clone())), Step::Lock, OpErrorKind::Locked);
        assert_eq!((error().device(), error().device_number()), (Some(&DevIdBuf::Name(name.clone())), None));
        assert_eq!(error().number(Some(number)).device_number(), Some(number));
    }
}
