//! Finding and cleaning up what a program left behind that was stopped between two commands.

use std::fmt;

use dm_units::DeviceNumber;

use super::error::{OpError, Operation, StateAfter, Step};
use super::host::Host;
use super::op::{Op, uninterrupted};
use super::remove::{RemovePolicy, remove};
use super::retry::Retry;
use super::undo::{Before, Loaded, NewTable};
use crate::commands::{DeviceList, ListOptions, ResumeOptions, SuspendOptions};
use crate::error::Error;
use crate::id::{DevId, DmName, DmNameBuf, DmUuid};
use crate::node::Dm;
use crate::wire::{DeviceInfo, UdevFlags};

/// The caller's devices: those whose name or uuid starts with this.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Prefix<'a> {
    /// The name starts with this.
    Name(&'a DmName),
    /// The uuid starts with this.
    Uuid(&'a DmUuid),
}

impl<'a> Prefix<'a> {
    fn is_of(self, info: &DeviceInfo) -> bool {
        match self {
            Self::Name(prefix) => info.name().is_some_and(|name| name.as_bytes().starts_with(prefix.as_bytes())),
            Self::Uuid(prefix) => info.uuid().is_some_and(|uuid| uuid.as_bytes().starts_with(prefix.as_bytes())),
        }
    }

    /// Lets the kernel look for them.
    pub(crate) fn list(self) -> ListOptions<'a> {
        match self {
            Self::Name(prefix) => ListOptions::new().name_prefix(prefix),
            Self::Uuid(prefix) => ListOptions::new().uuid_prefix(prefix),
        }
    }
}

/// A device that looks as if the program that created or changed it was stopped in the middle.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Leftover {
    /// The name.
    pub name: DmNameBuf,
    /// The device number.
    pub number: DeviceNumber,
    /// What is unfinished about it.
    pub kind: LeftoverKind,
}

/// What is unfinished about a device.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum LeftoverKind {
    /// It was created and has no table.
    NoTable,
    /// A first table was loaded and is not active.
    NeverResumed,
    /// Another table was loaded and is not active; the device serves I/O with the old one.
    TableLoaded,
    /// It is suspended, with another table loaded or not.
    Suspended,
}

impl LeftoverKind {
    fn of(info: &DeviceInfo) -> Option<Self> {
        match (info.has_active_table(), info.has_inactive_table()) {
            (false, false) => Some(Self::NoTable),
            (false, true) => Some(Self::NeverResumed),
            (true, _) if info.is_suspended() => Some(Self::Suspended),
            (true, true) => Some(Self::TableLoaded),
            (true, false) => None,
        }
    }
}

/// Prints what is unfinished, such as `no table`.
impl fmt::Display for LeftoverKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::NoTable => "no table",
            Self::NeverResumed => "a first table that is not active",
            Self::TableLoaded => "another table that is not active",
            Self::Suspended => "suspended",
        })
    }
}

impl Host {
    /// Finds the caller's devices that look unfinished, in the order of the list.
    ///
    /// From interface 4.45 on the kernel looks for the prefix; older kernels list all devices.
    ///
    /// # Errors
    /// Those of the commands; a device that is removed in between is not an error.
    pub fn leftovers(&self, prefix: Prefix<'_>) -> Result<Vec<Leftover>, OpError> {
        let dm = self.dm().with_journal(self.journal(), None);
        let found = find_leftovers(&dm, prefix);
        dm.log_journal(&Operation::Leftovers);
        found.map_err(|error| OpError::new(Operation::Leftovers, None, Step::Read, error.into()))
    }

    /// Cleans the caller's unfinished devices up, waits for udev, and returns what there was: devices that never had an active
    /// table are removed; the others are resumed with the table that they have, and lose the other one.
    ///
    /// No other device is touched. No other process may be at work on the caller's devices, since what is under way looks the
    /// same as what was left behind. Finished devices stay: whether they are needed, this can't know.
    ///
    /// # Errors
    /// Those of the commands, for the first device that can't be cleaned up; the others are cleaned up all the same. A device
    /// that is removed in between is not an error. It may be called again.
    pub fn recover(&self, prefix: Prefix<'_>) -> Result<Vec<Leftover>, OpError> {
        let leftovers = self.leftovers(prefix)?;
        let mut errors = leftovers
            .iter()
            .filter_map(|leftover| self.finish_leftover(leftover, prefix).err().filter(|error| !error.is_not_found()));
        let first = errors.next();
        errors.for_each(drop);
        first.map_or(Ok(leftovers.clone()), Err)
    }

    fn finish_leftover(&self, leftover: &Leftover, prefix: Prefix<'_>) -> Result<(), OpError> {
        let mut op = Op::of(self, Operation::Recover, DevId::Name(&leftover.name));
        let moment = self.locks.moment();
        let info = op.info()?;
        op.found(&info);
        let locked = self.lock(&op, &info, moment)?;
        let info = if locked.is_outdated() { op.info()? } else { info };
        // Another device may have taken the name by now, or the device may be finished.
        let is_same = info.number() == leftover.number && prefix.is_of(&info);
        let Some(kind) = LeftoverKind::of(&info).filter(|_| is_same) else { return Ok(()) };
        match kind {
            LeftoverKind::NoTable | LeftoverKind::NeverResumed => {
                remove(&mut op, RemovePolicy::new().retry(Retry::default()))?;
            }
            LeftoverKind::TableLoaded => clear(&op, &info)?,
            LeftoverKind::Suspended => {
                clear(&op, &info)?;
                let cookie = op.udev.expect(UdevFlags::empty());
                let options = ResumeOptions::new().suspend(SuspendOptions::at_once()).cookie(cookie);
                let resumed = uninterrupted(|| op.dm().device_resume_with(op.target(), options));
                op.udev.sent(resumed.as_ref().is_ok_and(DeviceInfo::uevent_generated));
                let resumed = resumed.map_err(|error| op.failed(Step::Resume, error, left(&op, &info)))?;
                op.udev.note_present(&resumed);
            }
        }
        drop(locked);
        op.finish()
    }
}

fn find_leftovers(dm: &Dm, prefix: Prefix<'_>) -> Result<Vec<Leftover>, Error> {
    let mut found = Vec::new();
    for device in &list_prefix(dm, prefix)? {
        let number = device?.number;
        let info = match uninterrupted(|| dm.device_info(number)) {
            Err(error) if error.is_not_found() => continue,
            info => info?,
        };
        let kind = LeftoverKind::of(&info).filter(|_| prefix.is_of(&info));
        found.extend(kind.zip(info.name()).map(|(kind, name)| Leftover { name: name.to_owned(), number, kind }));
    }
    Ok(found)
}

fn list_prefix(dm: &Dm, prefix: Prefix<'_>) -> Result<DeviceList, Error> {
    match uninterrupted(|| dm.list_devices_with(prefix.list())) {
        Err(error) if error.is_unsupported() => uninterrupted(|| dm.list_devices()),
        listed => listed,
    }
}

fn clear(op: &Op<'_>, info: &DeviceInfo) -> Result<(), OpError> {
    let cleared = uninterrupted(|| op.dm().table_clear(op.target()));
    cleared.map(drop).map_err(|error| op.failed(Step::Clear, error, left(op, info)))
}

/// What is different now from the state in which the leftover was found.
fn left(op: &Op<'_>, info: &DeviceInfo) -> StateAfter {
    Before { info, loaded: Loaded::No, table: NewTable::Unchanged, resumes: true }.judge(op, None)
}
