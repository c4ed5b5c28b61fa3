//! One operation under way: how it names its device, what its errors say, and how it waits for udev.

use std::sync::{Arc, Mutex};

use dm_units::DeviceNumber;

use super::error::{OpError, OpErrorKind, Operation, Remains, StateAfter, Step};
use super::host::{Host, lock};
use crate::error::Error;
use crate::id::{AsDevId, DevId, DevIdBuf, DmName, DmUuid, DmUuidBuf};
use crate::node::Dm;
use crate::udev::{NodeChange, Pending, Udev, UdevError, Visibility};
use crate::wire::{DeviceInfo, UdevCookie, UdevFlags};

/// One operation under way on one device.
///
/// Its commands name the device by its uuid, if it has one, else as the caller did: a number can be another device's a moment
/// after the device was removed, and a name after it was renamed.
pub(super) struct Op<'h> {
    pub(super) host: &'h Host,
    operation: Operation,
    device: DevIdBuf,
    uuid: Option<DmUuidBuf>,
    is_found: bool,
    number: Option<DeviceNumber>,
    pub(super) udev: UdevWait,
    dm: Dm,
}

/// What was sent is logged when nothing is suspended any more.
impl Drop for Op<'_> {
    fn drop(&mut self) {
        self.dm.log_journal(&format_args!("{} of {}", self.operation, self.device));
    }
}

impl<'h> Op<'h> {
    pub(super) fn new(host: &'h Host, operation: Operation, id: &impl AsDevId) -> Result<Self, OpError> {
        match host.kernel_id(id) {
            Ok(id) => Ok(Self::of(host, operation, id.as_borrowed())),
            Err(error) => Err(OpError::new(operation, None, Step::Check, error.into())),
        }
    }

    pub(super) fn of(host: &'h Host, operation: Operation, id: DevId<'_>) -> Self {
        let number = match id {
            DevId::Number(number) => Some(number),
            _ => None,
        };
        let (dm, udev) = (host.dm().with_journal(host.journal(), number), UdevWait::new(host));
        Self { host, operation, device: id.to_owned(), uuid: None, is_found: false, number, udev, dm }
    }

    /// The handle whose commands are logged at the end.
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

    /// The device exists. From now on errors name its number as well.
    pub(super) fn found(&mut self, info: &DeviceInfo) {
        self.number = Some(info.number());
        self.is_found = true;
        self.uuid = info.uuid().map(DmUuid::to_owned);
    }

    /// The state of the device.
    pub(super) fn info(&self) -> Result<DeviceInfo, OpError> {
        self.read().map_err(|error| self.fail(Step::Read, error))
    }

    pub(super) fn read(&self) -> Result<DeviceInfo, Error> {
        uninterrupted(|| self.dm.device_info(self.target()))
    }

    /// An error of this operation, of which nothing is left.
    pub(super) fn fail(&self, step: Step, cause: impl Into<OpErrorKind>) -> OpError {
        self.failed(step, cause, StateAfter::Undone)
    }

    /// An error of this operation, with the state in which it leaves the device.
    pub(super) fn failed(&self, step: Step, cause: impl Into<OpErrorKind>, state: StateAfter) -> OpError {
        let error = OpError::new(self.operation, Some(self.device.clone()), step, cause.into());
        error.number(self.number).with_state(state).about(self.target())
    }

    /// An error of a part of this operation, as this operation's.
    pub(super) fn adopt(&self, part: OpError, more: impl IntoIterator<Item = Remains>) -> OpError {
        let state = part.state().clone().and(more);
        let error = OpError::new(self.operation, Some(self.device.clone()), part.step(), part.kind().clone());
        let error = error.number(self.number).with_state(state).about(self.target());
        error.with_users(part.users().cloned()).with_disk(part.disk().cloned())
    }

    /// Refuses a name that can't have a node, if there are to be nodes.
    pub(super) fn check_node_name(&self, name: &DmName) -> Result<(), OpError> {
        if self.host.udev().makes_no_nodes() {
            return Ok(());
        }
        self.host.udev().check_node_name(name).map_err(|error| self.fail(Step::Check, error))
    }

    /// Waits for udev, unless the batch does that. What was done stays done if that fails.
    pub(super) fn finish(&mut self) -> Result<(), OpError> {
        self.udev.finish().map_err(|error| self.failed(Step::Udev, error, StateAfter::Done))
    }
}

/// How often an interrupted command is sent again.
const MOST_INTERRUPTIONS: u32 = 1000;

/// Sends a command until it is not interrupted by a signal any more, within limits: a storm of signals ends it, too.
pub(super) fn uninterrupted<R>(mut command: impl FnMut() -> Result<R, Error>) -> Result<R, Error> {
    for _ in 0..MOST_INTERRUPTIONS {
        match command() {
            Err(error) if error.is_interrupted() => {}
            result => return result,
        }
    }
    command()
}

/// How an operation gets cookies, and waits: by itself, or as part of a batch.
#[derive(Debug)]
pub(super) struct UdevWait {
    batch: Option<Arc<Mutex<Option<Pending>>>>,
    udev: Udev,
    /// This operation's, without a batch.
    own: Option<Pending>,
}

impl UdevWait {
    fn new(host: &Host) -> Self {
        Self { batch: host.batch_of().cloned(), udev: host.udev().clone(), own: None }
    }

    fn with<R>(&mut self, action: impl FnOnce(&mut Pending) -> R) -> R {
        let begin = || self.udev.begin();
        match &self.batch {
            Some(batch) => action(lock(batch).get_or_insert_with(begin)),
            None => action(self.own.get_or_insert_with(begin)),
        }
    }

    /// The cookie for a command that is about to send a uevent. It is asked for before anything is suspended.
    pub(super) fn expect(&mut self, flags: UdevFlags) -> UdevCookie {
        self.with(|pending| pending.expect(flags))
    }

    /// The command has returned.
    pub(super) fn sent(&mut self, uevent_generated: bool) {
        self.with(|pending| pending.sent(uevent_generated));
    }

    /// What `/dev/mapper` should show in the end.
    pub(super) fn note(&mut self, name: &DmName, number: DeviceNumber, change: NodeChange) {
        self.with(|pending| pending.note(name, number, change));
    }

    /// Notes that a device exists under its name, as the answer to a resume has it.
    pub(super) fn note_present(&mut self, info: &DeviceInfo) {
        if let Some(name) = info.name() {
            self.note(name, info.number(), NodeChange::Present);
        }
    }

    pub(super) fn finish(&mut self) -> Result<(), UdevError> {
        self.own.take().map_or(Ok(()), Pending::finish)
    }
}

/// How a device is shown to udev's rules.
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

    /// What holds unless it was said otherwise.
    pub(super) const fn or(self, visibility: Visibility) -> Self {
        match self.visibility {
            Some(_) => self,
            None => Self { visibility: Some(visibility), ..self },
        }
    }
}
