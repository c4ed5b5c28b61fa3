//! [`EventPoller`], which follows all mapped devices.

use std::borrow::Cow;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};
use std::time::Duration;

use dm_units::DeviceNumber;

use super::changes::{Change, compare};
use super::starting::Starting;
use super::uuids::Uuids;
use super::wait::{Deadline, wait_readable};
use super::{Event, EventKind};
use crate::commands::{DeviceList, ListOptions, ListedDevice};
use crate::error::{Error, OpenError, Result};
use crate::id::{DmUuid, DmUuidBuf};
use crate::node::Dm;
use crate::wire::Command;

/// Whether an [`EventPoller`] also reports the resume of existing devices. Passed to [`EventPoller::open_with`].
#[derive(Clone, Copy, Debug, Default)]
pub struct PollerOptions {
    existing: bool,
}

impl PollerOptions {
    /// Reports [`EventKind::Resumed`] only for devices that are added after the poller was opened.
    #[must_use]
    pub const fn new() -> Self {
        Self { existing: false }
    }

    /// Whether to also report [`EventKind::Resumed`] for devices that had no table or were suspended when the poller
    /// was opened.
    ///
    /// Opening the poller then takes one more ioctl for each existing device. Each [`read`](EventPoller::read) takes
    /// one more ioctl for each of these devices that still has no table or is suspended.
    ///
    /// The resume of a suspended device does not make the poller's descriptor readable. If you poll the descriptor
    /// instead of calling [`wait`](EventPoller::wait), also call `read` at intervals.
    #[must_use]
    pub const fn existing(self, existing: bool) -> Self {
        Self { existing }
    }
}

/// Reports the events of all mapped devices, through a separate handle on the control node.
///
/// Each call of [`read`](Self::read) makes one step: it [arms](Dm::arm_poll) the control node, lists the devices, and
/// compares the list with the previous one. [`wait`](Self::wait) calls `read`. An event after the list was read makes
/// the node readable again, so that the next step finds the event.
///
/// ```
/// use dm_core::{Dm, EventPoller};
///
/// # let _ = || {
/// let dm = Dm::open()?;
/// # Ok::<_, dm_core::OpenError>(dm) };
/// # let memory = dm_testing::MemoryKernel::new();
/// # let dm = memory.dm();
/// let mut poller = EventPoller::open(&dm)?;
/// # memory.host().create("home", [dm_core::TargetLine::text(dm_units::Sectors(0), dm_units::Sectors(8), "zero", "")])?;
/// loop {
///     for event in poller.wait(None)? {
///         println!("{} {:?}", event.name, event.kind);
///     }
/// #   break;
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// With `poll(2)`, `mio` or `tokio`, register the poller as a descriptor, and call [`read`](Self::read) whenever it is
/// readable. An open node serves one reader, so a poller cannot be cloned.
///
/// # What the kernel reports
///
/// The kernel raises an event when a target raises one, when a device is created, removed, renamed or given a uuid, and
/// when a table becomes active (`dm_issue_global_event` in drivers/md). It does not say which device the event is
/// about, and the list does not show whether a device has a table or is suspended. Therefore:
///
/// - [`EventKind::Resumed`] means that the first table of a device became active. Suspending, resuming or reloading a
///   device that already has an active table is not reported, except as [`PollerOptions::existing`] describes.
/// - Several events of a device between two steps are reported as one [`EventKind::Changed`]. A change that is reverted
///   between two steps is not reported, such as a device that is created and immediately removed.
/// - If a device without a uuid is removed and another device gets its number before the next step, this can be
///   reported as a change of a single device, such as a rename.
/// - Before ioctl interface 4.45, lists have no uuids. A new uuid is then reported with the next event of the device.
///
/// # Costs
///
/// Opening takes two ioctls, and so does each step. From the second step on, only changed devices cause allocations. If
/// a list does not fit into its buffer, it is read again into a larger buffer. The size of the first buffer is
/// estimated from sysfs, which lacks devices without a table. With a hundred such devices, opening may therefore read
/// the list twice. A step takes one more ioctl for each device that was added after the poller was opened and has no
/// table yet. Before ioctl interface 4.45, opening also looks up each device, and a step may look up each changed
/// device.
#[derive(Debug)]
pub struct EventPoller {
    dm: Dm,
    /// A descriptor of the open node of `dm`.
    descriptor: OwnedFd,
    /// The devices at the last step.
    list: DeviceList,
    uuids: Uuids,
    starting: Starting,
}

/// The interface version whose lists have usable event numbers.
const EVENT_NR_MINOR: u32 = 37;

/// The interval for checking suspended devices, whose resume raises no event.
const LOOK_AGAIN: Duration = Duration::from_secs(1);

impl EventPoller {
    /// Starts following devices. Existing devices are not reported as added.
    ///
    /// The control node is opened again, since arming an open node affects all users of that open file.
    ///
    /// # Errors
    /// - [`is_unsupported`](crate::Error::is_unsupported): the kernel's interface is older than 4.37.
    /// - The node cannot be opened again: see [`Dm::reopen`]. [`OpenError::NoDescriptor`]: the transport has no
    ///   descriptor.
    pub fn open(dm: &Dm) -> Result<Self> {
        Self::open_with(dm, PollerOptions::new())
    }

    /// Starts following devices, as [`open`](Self::open). With [`PollerOptions::existing`], it also reports the resume
    /// of existing devices that have no active table or are suspended.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub fn open_with(dm: &Dm, options: PollerOptions) -> Result<Self> {
        let dm = dm.reopen()?;
        let descriptor = dm.poll_fd().ok_or(OpenError::NoDescriptor)?.try_clone_to_owned();
        let descriptor = descriptor.map_err(|error| OpenError::file("duplicate", "/dev/mapper/control", error))?;
        dm.arm_poll()?;
        let (list, uuids) = first_list(&dm)?;
        let mut starting = Starting::default();
        for device in &list {
            let device = device?;
            if options.existing {
                starting.add_existing(&dm, device.number)?;
            }
        }
        Ok(Self { dm, descriptor, list, uuids, starting })
    }

    /// Reports the events since the last step, without waiting.
    ///
    /// # Errors
    /// [`arm_poll`](Dm::arm_poll), [`list_devices`](Dm::list_devices) or [`device_info`](Dm::device_info) fails.
    /// Changes are kept after an error: the next call compares with the same list and reports them.
    pub fn read(&mut self) -> Result<Vec<Event>> {
        // Armed first, so that an event after the list makes the node readable.
        self.dm.arm_poll()?;
        let now = list(&self.dm, self.uuids.are_listed())?;
        let mut step = Step::default();
        for change in compare(&self.list, &now)? {
            step.add(&self.dm, &self.uuids, &change)?;
        }
        step.apply(&mut self.starting);
        self.starting.look(&self.dm)?;
        // Nothing below can fail.
        let mut events = step.events;
        self.starting.take_resumed(&mut events);
        self.uuids.learn(step.uuids);
        self.list = now;
        events.sort_by_key(Event::order);
        Ok(events)
    }

    /// Waits for events and reports them. Returns no events if none arrive within `timeout`.
    ///
    /// With `None`, or a timeout too long for the clock, such as `Duration::MAX`, the wait has no limit. Signals do not
    /// end it. If [`PollerOptions::existing`] is set, devices that were suspended when the poller was opened are
    /// checked every second.
    ///
    /// # Errors
    /// As [`read`](Self::read).
    pub fn wait(&mut self, timeout: Option<Duration>) -> Result<Vec<Event>> {
        let deadline = Deadline::after(timeout);
        loop {
            let look_again = self.starting.has_suspended().then_some(LOOK_AGAIN);
            wait_readable(self.descriptor.as_fd(), &deadline.or_after(look_again))?;
            let has_expired = deadline.has_passed();
            let events = self.read()?;
            if has_expired || !events.is_empty() {
                return Ok(events);
            }
        }
    }
}

impl AsFd for EventPoller {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.descriptor.as_fd()
    }
}

impl AsRawFd for EventPoller {
    fn as_raw_fd(&self) -> RawFd {
        self.descriptor.as_raw_fd()
    }
}

fn list(dm: &Dm, uuids: bool) -> Result<DeviceList> {
    dm.list_devices_with(ListOptions::new().uuids(uuids))
}

/// Lists the existing devices. Requests uuids first and, if the kernel lacks them, lists without uuids.
fn first_list(dm: &Dm) -> Result<(DeviceList, Uuids)> {
    match list(dm, true) {
        Err(Error::Unsupported { kernel, .. }) if kernel.minor < EVENT_NR_MINOR => {
            Err(Error::Unsupported { command: Command::ListDevices, needed_minor: EVENT_NR_MINOR, kernel })
        }
        Err(Error::Unsupported { .. }) => {
            let list = list(dm, false)?;
            let uuids = Uuids::look_up(dm, &list)?;
            Ok((list, uuids))
        }
        list => Ok((list?, Uuids::Listed)),
    }
}

/// The results of a step, which are kept only if the whole step succeeds.
#[derive(Default)]
struct Step {
    events: Vec<Event>,
    uuids: Vec<(DeviceNumber, Option<DmUuidBuf>)>,
}

/// A device in a list, with its uuid from the list or from a lookup.
struct Device<'a> {
    listed: ListedDevice<'a>,
    uuid: Option<Cow<'a, DmUuid>>,
}

impl Step {
    /// Turns a difference between two lists into events.
    fn add<'a>(&mut self, dm: &Dm, uuids: &'a Uuids, change: &Change<'a>) -> Result<()> {
        let before = change.before.map(|listed| Device { uuid: uuids.before(&listed).map(Cow::Borrowed), listed });
        let now = match change.now {
            None => None,
            Some(listed) => Some(Device { uuid: uuids.now(dm, &listed, change.before.as_ref())?, listed }),
        };
        if !uuids.are_listed() {
            let number = change.before.or(change.now).map(|listed| listed.number);
            let uuid = now.as_ref().and_then(|now| now.uuid.as_deref().map(DmUuid::to_owned));
            self.uuids.extend(number.map(|number| (number, uuid)));
        }
        match (before, now) {
            (Some(before), Some(now)) if before.can_be(&now) => self.differ(&before, &now),
            (before, now) => {
                self.events.extend(before.map(|before| before.event(EventKind::Removed)));
                self.events.extend(now.map(|now| now.event(EventKind::Added)));
            }
        }
        Ok(())
    }

    /// Compares the entries of one device in two lists.
    fn differ(&mut self, before: &Device<'_>, now: &Device<'_>) {
        if before.listed.name != now.listed.name {
            self.events.push(now.event(EventKind::Renamed { from: before.listed.name.to_owned() }));
        }
        if before.uuid != now.uuid {
            self.events.push(now.event(EventKind::UuidSet));
        }
        if before.event_nr() != now.event_nr() {
            self.events.push(now.event(EventKind::Changed { event_nr: now.event_nr() }));
        }
    }

    /// Follows the devices that were added, under their present names. It can be repeated if the step fails.
    fn apply(&self, starting: &mut Starting) {
        for Event { number, name, uuid, kind } in &self.events {
            match kind {
                EventKind::Removed => starting.remove(*number),
                EventKind::Added => starting.add(*number, name, uuid.clone()),
                EventKind::Renamed { .. } | EventKind::UuidSet => starting.rename(*number, name, uuid.as_ref()),
                EventKind::Resumed | EventKind::Changed { .. } => {}
            }
        }
    }
}

impl Device<'_> {
    fn event_nr(&self) -> u32 {
        self.listed.event_nr.unwrap_or(0)
    }

    /// Whether a later entry with this number can be the same device: a device keeps its uuid, and its event number
    /// only grows. As it wraps around, it has grown if it is ahead by less than half of the range.
    fn can_be(&self, later: &Self) -> bool {
        let same_uuid = match (&self.uuid, &later.uuid) {
            (Some(before), now) => now.as_ref() == Some(before),
            (None, _) => true,
        };
        same_uuid && later.event_nr().wrapping_sub(self.event_nr()) <= u32::MAX / 2
    }

    fn event(&self, kind: EventKind) -> Event {
        let uuid = self.uuid.as_deref().map(DmUuid::to_owned);
        Event { number: self.listed.number, name: self.listed.name.to_owned(), uuid, kind }
    }
}
