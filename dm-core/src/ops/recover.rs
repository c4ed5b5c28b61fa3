//! Finds and cleans up devices that a program left unfinished because it was stopped between two commands.

use std::fmt;

use dm_units::DeviceNumber;

use super::error::{OpError, OpErrorKind, Operation, StateAfter, Step};
use super::host::Host;
use super::op::{Op, uninterrupted};
use super::remove::{RemovePolicy, remove};
use super::retry::Retry;
use super::suspend::resumed_all_the_same;
use super::undo::{AT_ONCE, Before, Loaded, NewTable};
use super::walk::bottom_up;
use crate::commands::{DeviceList, ListOptions, ResumeOptions};
use crate::error::Error;
use crate::id::{DevId, DmName, DmNameBuf, DmUuid};
use crate::node::Dm;
use crate::wire::{DeviceInfo, UdevFlags};

/// Selects devices by the beginning of their name or uuid. No other program should use the same prefix.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Prefix<'a> {
    /// The devices whose name has this prefix.
    Name(&'a DmName),
    /// The devices whose uuid has this prefix.
    Uuid(&'a DmUuid),
}

impl Prefix<'_> {
    pub(crate) fn matches(self, info: &DeviceInfo) -> bool {
        match self {
            Self::Name(prefix) => info.name().is_some_and(|name| name.as_bytes().starts_with(prefix.as_bytes())),
            Self::Uuid(prefix) => info.uuid().is_some_and(|uuid| uuid.as_bytes().starts_with(prefix.as_bytes())),
        }
    }

    /// Lists the devices that [match](Self::matches), and on kernels before ioctl interface 4.45 all others as well.
    pub(crate) fn list(self, dm: &Dm) -> Result<DeviceList, Error> {
        let options = match self {
            Self::Name(prefix) => ListOptions::new().name_prefix(prefix),
            Self::Uuid(prefix) => ListOptions::new().uuid_prefix(prefix),
        };
        match uninterrupted(|| dm.list_devices_with(options)) {
            Err(error) if error.is_unsupported() => uninterrupted(|| dm.list_devices()),
            listed => listed,
        }
    }
}

/// An unfinished device: apparently the program that created or changed it was stopped before it had finished.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Leftover {
    /// The kernel's name of the device.
    pub name: DmNameBuf,
    /// The device number when the device was found.
    pub number: DeviceNumber,
    /// The state in which the device was left.
    pub kind: LeftoverKind,
}

/// The state in which an interrupted program can leave a device.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum LeftoverKind {
    /// The device was created, but has no table.
    NoTable,
    /// The first table of the device was loaded, but is not active.
    NeverResumed,
    /// A new table was loaded, but is not active. The old table still maps I/O.
    TableLoaded,
    /// The device is suspended, with or without a new table.
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

/// Prints the state, such as `no table`.
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
    /// Returns the unfinished devices with the prefix, in the kernel's order. [`LeftoverKind`] lists the states of
    /// unfinished devices.
    ///
    /// This takes one ioctl for the list, and one for each listed device. Since ioctl interface 4.45, the kernel lists
    /// only the devices with the prefix. Older kernels list all devices.
    ///
    /// # Errors
    /// [`OpErrorKind::Command`](crate::OpErrorKind::Command): the devices cannot be listed, or the state of a device
    /// cannot be read. It is not an error if a device is removed meanwhile.
    pub fn leftovers(&self, prefix: Prefix<'_>) -> Result<Vec<Leftover>, OpError> {
        let dm = self.dm().with_journal(self.journal(), None);
        let found = find_leftovers(&dm, prefix);
        dm.log_journal(&Operation::Leftovers);
        found.map_err(|error| OpError::new(Operation::Leftovers, None, Step::Read, error.into()))
    }

    /// Cleans up the unfinished devices with the prefix, waits for udev, and returns these devices.
    ///
    /// - A device without an active table is removed.
    /// - If an unfinished device has an active table, that table stays active. The inactive table is removed, and the
    ///   device is resumed if it is suspended.
    /// - Suspended devices are cleaned up first. Each is cleaned up after the devices that it uses, such as a thin
    ///   device after its pool.
    ///
    /// Finished devices and devices without the prefix are not changed. Other processes must not change devices with
    /// the prefix during the call, since an operation in progress looks the same as an interrupted one.
    ///
    /// # Errors
    /// As [`leftovers`](Self::leftovers), before anything is changed. Other errors:
    ///
    /// - [`is_busy`](OpError::is_busy): a device to remove is in use.
    /// - [`is_timed_out`](OpError::is_timed_out): udev did not finish in time.
    /// - [`OpErrorKind::Locked`](crate::OpErrorKind::Locked): another operation has locked a device.
    /// - [`OpErrorKind::Command`](crate::OpErrorKind::Command): the kernel refuses to clear a table or to resume a
    ///   device.
    /// - [`OpErrorKind::SuspendedInternally`]: the kernel has suspended a device internally, for example because its
    ///   pool is suspended and does not have the prefix. In this case, resume the pool first.
    ///
    /// After one of these errors, the call still cleans up the other devices, and then returns the first error. You can
    /// repeat the call. It is not an error if a device is removed meanwhile.
    pub fn recover(&self, prefix: Prefix<'_>) -> Result<Vec<Leftover>, OpError> {
        let leftovers = self.leftovers(prefix)?;
        let mut errors = self
            .resumed_first(&leftovers)
            .into_iter()
            .filter_map(|leftover| self.finish_leftover(leftover, prefix).err().filter(|error| !error.is_not_found()));
        let first = errors.next();
        // The iterator does the work: without this, the devices after the first error would not be cleaned up.
        errors.for_each(drop);
        first.map_or(Ok(leftovers.clone()), Err)
    }

    /// The suspended devices, each after those that it uses, then the others. The resume of a thin device would wait for
    /// that of its pool, and any command may wait for I/O on a suspended device below.
    fn resumed_first<'l>(&self, leftovers: &'l [Leftover]) -> Vec<&'l Leftover> {
        let mut order: Vec<&Leftover> = Vec::with_capacity(leftovers.len());
        for suspended in leftovers.iter().filter(|leftover| leftover.kind == LeftoverKind::Suspended) {
            let mut op = Op::of(self, Operation::Recover, DevId::Name(&suspended.name));
            // If the stack cannot be read, the error of the device's clean-up is reported.
            let stack = bottom_up(&mut op).unwrap_or_else(|_| vec![suspended.number]);
            let below = stack.iter().filter_map(|number| leftovers.iter().find(|other| other.number == *number));
            for leftover in below.filter(|leftover| leftover.kind == LeftoverKind::Suspended) {
                if !order.contains(&leftover) {
                    order.push(leftover);
                }
            }
        }
        order.extend(leftovers.iter().filter(|leftover| leftover.kind != LeftoverKind::Suspended));
        order
    }

    fn finish_leftover(&self, leftover: &Leftover, prefix: Prefix<'_>) -> Result<(), OpError> {
        let mut op = Op::of(self, Operation::Recover, DevId::Name(&leftover.name));
        let moment = self.locks.moment();
        let info = op.info()?;
        op.found(&info);
        let locked = self.lock(&op, &info, moment)?;
        let info = if locked.state_is_outdated() { op.info()? } else { info };
        // Meanwhile another device may have taken the name, or the device may be finished.
        let is_same = info.number() == leftover.number && prefix.matches(&info);
        let Some(kind) = LeftoverKind::of(&info).filter(|_| is_same) else { return Ok(()) };
        let is_removed = matches!(kind, LeftoverKind::NoTable | LeftoverKind::NeverResumed);
        if info.is_internally_suspended() && !is_removed {
            return Err(op.fail(Step::Check, OpErrorKind::SuspendedInternally));
        }
        match kind {
            LeftoverKind::NoTable | LeftoverKind::NeverResumed => {
                remove(&mut op, RemovePolicy::new().retry(Retry::default()))?;
            }
            LeftoverKind::TableLoaded => clear(&op, &info)?,
            LeftoverKind::Suspended => {
                clear(&op, &info)?;
                let cookie = op.udev.expect(UdevFlags::empty());
                let options = ResumeOptions::new().suspend(AT_ONCE).cookie(cookie);
                let resumed = op.resume(options);
                op.udev.sent(resumed.as_ref().is_ok_and(DeviceInfo::uevent_generated));
                let resumed = resumed.or_else(|error| resumed_all_the_same(&op, &info, None).ok_or(error));
                let resumed = resumed.map_err(|error| op.failed(Step::Resume, error, state_after(&op, &info)))?;
                op.udev.note_present(&resumed);
            }
        }
        drop(locked);
        op.finish()
    }
}

fn find_leftovers(dm: &Dm, prefix: Prefix<'_>) -> Result<Vec<Leftover>, Error> {
    let mut found = Vec::new();
    for device in &prefix.list(dm)? {
        let number = device?.number;
        let info = match uninterrupted(|| dm.device_info(number)) {
            Err(error) if error.is_not_found() => continue,
            info => info?,
        };
        let kind = LeftoverKind::of(&info).filter(|_| prefix.matches(&info));
        found.extend(kind.zip(info.name()).map(|(kind, name)| Leftover { name: name.to_owned(), number, kind }));
    }
    Ok(found)
}

fn clear(op: &Op<'_>, info: &DeviceInfo) -> Result<(), OpError> {
    let cleared = uninterrupted(|| op.dm().table_clear(op.target()));
    cleared.map(drop).map_err(|error| op.failed(Step::Clear, error, state_after(op, info)))
}

/// Reads how the device differs from the state in which it was found.
fn state_after(op: &Op<'_>, info: &DeviceInfo) -> StateAfter {
    Before { info, loaded: Loaded::No, table: NewTable::Unchanged, resumes: true }.judge(op, None)
}

#[cfg(test)]
mod tests {
    use nix::errno::Errno;

    use super::*;
    use crate::fake_host::{FakeHost, bare};
    use crate::wire::Command;

    #[test]
    fn each_state_is_printed_as_it_is_documented() {
        let kinds =
            [LeftoverKind::NoTable, LeftoverKind::NeverResumed, LeftoverKind::TableLoaded, LeftoverKind::Suspended];
        let texts = ["no table", "a first table that is not active", "another table that is not active", "suspended"];
        assert_eq!(kinds.map(|kind| kind.to_string()), texts);
        assert_eq!(format!("{:>9}", LeftoverKind::NoTable), " no table");
    }

    #[test]
    fn a_leftover_that_cannot_be_read_is_an_error_but_not_one_that_is_removed_meanwhile() {
        let fake = FakeHost::new(48, [bare(0, "vg-a", ""), bare(1, "vg-b", "")]);
        let host = Host::new(fake.dm());
        let leftovers = || host.leftovers(Prefix::Name(DmName::new("vg-").unwrap()));
        fake.lock().fail = Some((Command::DeviceInfo, Errno::ENOMEM));
        assert_eq!(leftovers().unwrap_err().errno(), Some(Errno::ENOMEM as i32));
        fake.lock().meanwhile = Some(Box::new(|command, state| {
            if command == Command::DeviceInfo {
                state.devices.retain(|device| device.minor == 1);
            }
        }));
        let found = leftovers().unwrap();
        assert_eq!(found.iter().map(|leftover| leftover.name.to_string()).collect::<Vec<_>>(), ["vg-b"]);
    }
}
