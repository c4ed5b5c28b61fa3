//! The state of a running operation: how it names its device, builds its errors, and waits for udev.

use std::thread;
use std::time::{Duration, Instant};

use dm_units::DeviceNumber;

use super::error::{OpError, OpErrorKind, Operation, Remains, StateAfter, Step};
use super::host::{Host, lock};
use crate::commands::ResumeOptions;
use crate::error::Error;
use crate::id::{AsDevId, DevId, DevIdBuf, DmName, DmUuid, DmUuidBuf};
use crate::node::Dm;
use crate::udev::{NodeChange, Pending, UdevError, Visibility};
use crate::wire::{DeviceInfo, UdevCookie, UdevFlags};

/// A running operation on one device.
///
/// Once the device has been read, the commands name it by its uuid, if it has one, otherwise as the caller did. A
/// number may belong to another device after the device was removed, and a name after it was renamed.
pub(super) struct Op<'h> {
    pub(super) host: &'h Host,
    operation: Operation,
    device: DevIdBuf,
    uuid: Option<DmUuidBuf>,
    is_found: bool,
    number: Option<DeviceNumber>,
    pub(super) udev: UdevWait<'h>,
    dm: Dm,
}

/// The commands are logged once no device is suspended.
impl Drop for Op<'_> {
    fn drop(&mut self) {
        self.dm.log_journal(&format_args!("{} of {}", self.operation, self.device));
    }
}

impl<'h> Op<'h> {
    pub(super) fn new(host: &'h Host, operation: Operation, id: &impl AsDevId) -> Result<Self, OpError> {
        match host.kernel_id(id) {
            Ok(device) => Ok(Self::with(host, operation, device)),
            Err(error) => Err(OpError::new(operation, None, Step::Check, error.into())),
        }
    }

    pub(super) fn of(host: &'h Host, operation: Operation, id: DevId<'_>) -> Self {
        Self::with(host, operation, id.to_owned())
    }

    fn with(host: &'h Host, operation: Operation, device: DevIdBuf) -> Self {
        let number = match device {
            DevIdBuf::Number(number) => Some(number),
            _ => None,
        };
        let (dm, udev) =
            (host.dm().with_journal(host.journal(), number), UdevWait { host, own: None, flags: UdevFlags::empty() });
        Self { host, operation, device, uuid: None, is_found: false, number, udev, dm }
    }

    /// The handle whose commands are recorded and logged at the end.
    pub(super) fn dm(&self) -> &Dm {
        &self.dm
    }

    /// The device as the caller named it.
    pub(super) fn id(&self) -> DevId<'_> {
        self.device.as_borrowed()
    }

    /// The device as commands name it.
    pub(super) fn target(&self) -> DevId<'_> {
        self.uuid.as_deref().map_or(self.id(), DevId::Uuid)
    }

    pub(super) const fn is_found(&self) -> bool {
        self.is_found
    }

    pub(super) const fn number(&self) -> Option<DeviceNumber> {
        self.number
    }

    /// Records that the device exists, so that errors include its number.
    pub(super) fn found(&mut self, info: &DeviceInfo) {
        self.number = Some(info.number());
        self.is_found = true;
        self.uuid = info.uuid().map(DmUuid::to_owned);
    }

    /// Sets the number and the uuid of the device, which an earlier command has read. Another device that has taken its
    /// name is then not found.
    pub(super) fn expect_device(&mut self, number: DeviceNumber, uuid: Option<DmUuidBuf>) {
        self.number = Some(number);
        self.uuid = uuid;
    }

    /// Whether the device that was not found no longer exists. A device without a uuid may have another name now.
    pub(super) fn is_gone(&self) -> bool {
        let Some(number) = self.number.filter(|_| self.uuid.is_none()) else { return true };
        uninterrupted(|| self.dm.device_info(number)).is_err_and(|error| error.is_not_found())
    }

    /// Reads the state of the device.
    pub(super) fn info(&self) -> Result<DeviceInfo, OpError> {
        self.read().map_err(|error| self.fail(Step::Read, error))
    }

    pub(super) fn read(&self) -> Result<DeviceInfo, Error> {
        uninterrupted(|| self.dm.device_info(self.target()))
    }

    /// Resumes the device, and repeats that while signals interrupt it. If the kernel suspends the device internally
    /// meanwhile, `dm_resume` waits without a limit (drivers/md/dm.c), so there a signal ends the call.
    pub(super) fn resume(&self, options: ResumeOptions) -> Result<DeviceInfo, Error> {
        let mut resumed = self.dm.device_resume_with(self.target(), options);
        for _ in 0..MAX_INTERRUPTIONS {
            let is_interrupted = resumed.as_ref().is_err_and(Error::is_interrupted);
            if !is_interrupted || self.read().is_ok_and(|info| info.is_internally_suspended()) {
                break;
            }
            resumed = self.dm.device_resume_with(self.target(), options);
        }
        resumed
    }

    /// Waits until the kernel does not suspend the device internally. Returns `false` if it still does after the timeout
    /// of udev. A resume would wait without a limit.
    pub(super) fn can_resume(&self, info: &DeviceInfo) -> bool {
        let start = Instant::now();
        let mut is_held = info.is_internally_suspended();
        while is_held && start.elapsed() < self.host.udev().wait_timeout() {
            thread::sleep(PAUSE);
            is_held = self.read().is_ok_and(|info| info.is_internally_suspended());
        }
        !is_held
    }

    /// As [`can_resume`](Self::can_resume), with an error of the step.
    pub(super) fn check_can_resume(&self, step: Step, info: &DeviceInfo) -> Result<(), OpError> {
        if self.can_resume(info) { Ok(()) } else { Err(self.fail(step, OpErrorKind::SuspendedInternally)) }
    }

    /// Makes an error of this operation after which the device is as before.
    pub(super) fn fail(&self, step: Step, cause: impl Into<OpErrorKind>) -> OpError {
        self.failed(step, cause, StateAfter::Undone)
    }

    /// Makes an error of this operation, with the state in which it leaves the device.
    pub(super) fn failed(&self, step: Step, cause: impl Into<OpErrorKind>, state: StateAfter) -> OpError {
        let error = OpError::new(self.operation, Some(self.device.clone()), step, cause.into());
        error.number(self.number).with_state(state).about(self.target())
    }

    /// Converts the error of a nested operation into an error of this one.
    pub(super) fn adopt(&self, part: OpError, more: impl IntoIterator<Item = Remains>) -> OpError {
        let state = part.state().clone().and(more);
        let error = OpError::new(self.operation, Some(self.device.clone()), part.step(), part.kind().clone());
        let error = error.number(self.number).with_state(state).about(self.target());
        error.with_users(part.users().cloned()).with_disk(part.disk().cloned())
    }

    /// Refuses a name that no node can have, if nodes are made.
    pub(super) fn check_node_name(&self, name: &DmName) -> Result<(), OpError> {
        if self.host.udev().makes_no_nodes() {
            return Ok(());
        }
        self.host.udev().check_node_name(name).map_err(|error| self.fail(Step::Check, error))
    }

    /// Waits for udev, unless the batch does that. A failure undoes nothing.
    pub(super) fn finish(&mut self) -> Result<(), OpError> {
        self.udev.finish().map_err(|error| self.failed(Step::Udev, error, StateAfter::Done))
    }
}

/// The largest number of times that an interrupted command is repeated.
const MAX_INTERRUPTIONS: u32 = 1000;

/// The time between two reads of a device that the kernel has suspended internally. A pool is suspended for longer.
const PAUSE: Duration = Duration::from_millis(10);

/// Repeats a command while signals interrupt it, up to a limit.
pub(super) fn uninterrupted<R>(mut command: impl FnMut() -> Result<R, Error>) -> Result<R, Error> {
    for _ in 0..MAX_INTERRUPTIONS {
        match command() {
            Err(error) if error.is_interrupted() => {}
            result => return result,
        }
    }
    command()
}

/// The cookies of an operation and its wait, separately or as part of a batch.
#[derive(Debug)]
pub(super) struct UdevWait<'h> {
    host: &'h Host,
    /// Used without a batch.
    own: Option<Pending>,
    /// The flags of the last expected uevent.
    flags: UdevFlags,
}

impl UdevWait<'_> {
    fn with<R>(&mut self, action: impl FnOnce(&mut Pending) -> R) -> R {
        let begin = || self.host.udev().begin(self.host.dm().transport().has_nodes());
        match self.host.batch_of() {
            Some(batch) => action(lock(batch).get_or_insert_with(begin)),
            None => action(self.own.get_or_insert_with(begin)),
        }
    }

    /// The cookie for a command that will send a uevent. Must be called before a device is suspended.
    pub(super) fn expect(&mut self, flags: UdevFlags) -> UdevCookie {
        self.flags = flags;
        self.with(|pending| pending.expect(flags))
    }

    /// The cookie for an undo, which does not wait for udev. The rules must treat the device as the operation requested:
    /// without its flags, they would show a private device, and without that of a primary source, they could keep a
    /// flag that they have stored while the device was suspended (10-dm.rules).
    pub(super) const fn of_undo(&self) -> UdevCookie {
        UdevCookie::flags_only(UdevFlags::PRIMARY_SOURCE.union(self.flags))
    }

    /// Does what the first [`expect`](Self::expect) would do: finds out how to wait, and makes the semaphore.
    fn prepare(&mut self) {
        self.with(|pending| {
            pending.expect(UdevFlags::empty());
            pending.sent(false);
        });
    }

    /// Records that the command has returned, and whether it sent a uevent.
    pub(super) fn sent(&mut self, uevent_generated: bool) {
        self.with(|pending| pending.sent(uevent_generated));
    }

    /// Records what `/dev/mapper` must contain in the end.
    pub(super) fn note(&mut self, name: &DmName, number: DeviceNumber, change: NodeChange) {
        self.with(|pending| pending.note(name, number, change));
    }

    /// Records that the device of a resume's reply must have a node.
    pub(super) fn note_present(&mut self, info: &DeviceInfo) {
        if let Some(name) = info.name() {
            self.note(name, info.number(), NodeChange::Present);
        }
    }

    pub(super) fn finish(&mut self) -> Result<(), UdevError> {
        self.own.take().map_or(Ok(()), Pending::finish)
    }
}

impl Host {
    /// Makes the cookie of the batch, before a caller suspends devices.
    pub(crate) fn prepare_batch(&self) {
        UdevWait { host: self, own: None, flags: UdevFlags::empty() }.prepare();
    }
}

/// How udev's rules treat a device: its visibility and flags.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Shown {
    pub(super) visibility: Option<Visibility>,
    pub(super) flags: UdevFlags,
}

impl Shown {
    pub(super) const fn udev_flags(self) -> UdevFlags {
        let visibility = match self.visibility {
            Some(visibility) => visibility,
            None => Visibility::Public,
        };
        visibility.flags().union(self.flags)
    }

    /// Sets the visibility unless the caller has set it.
    pub(super) const fn or(self, visibility: Visibility) -> Self {
        match self.visibility {
            Some(_) => self,
            None => Self { visibility: Some(visibility), ..self },
        }
    }
}
