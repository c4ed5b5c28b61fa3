//! Following what happens to mapped devices.

use std::collections::BTreeMap;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, RawFd};
use std::time::{Duration, Instant};

use dm_units::DeviceNumber;
use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

use crate::buffer::Buffer;
use crate::command::{Command, Version};
use crate::commands::{InfoOptions, ListOptions, ListedDevice};
use crate::dev_id::DevId;
use crate::dm::Dm;
use crate::error::{Error, Refusal, Result};
use crate::info::DeviceInfo;
use crate::name::{DmNameBuf, DmUuid, DmUuidBuf};
use crate::transport::{ControlNode, Transport};

/// Something that has happened to a mapped device.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Event {
    /// The device's number.
    pub number: DeviceNumber,
    /// Its name, now or when it was last seen.
    pub name: DmNameBuf,
    /// Its uuid, now or when it was last seen.
    pub uuid: Option<DmUuidBuf>,
    /// What has happened.
    pub kind: EventKind,
}

/// What has happened to a mapped device.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum EventKind {
    /// It was created.
    Added,
    /// It is gone.
    Removed,
    /// It has another name.
    Renamed {
        /// The name it had.
        from: DmNameBuf,
    },
    /// It was given a uuid.
    UuidSet,
    /// It serves io: its first table was put in force, or it was suspended when the poller began.
    Resumed,
    /// A target has something to tell: read the status.
    Changed {
        /// How many events the device has had by now.
        event_nr: u32,
    },
}

/// Follows all mapped devices over one handle on the control node.
///
/// It arms the handle, lists the devices, compares them with those of the last time, and waits for the next time. Nothing
/// that lasts is lost, and nothing is reported twice: what happens after the list was read makes the handle readable again.
/// What begins and ends between two lists is not seen, such as a device that is created and removed at once. And where a
/// device without a uuid is removed and another one gets its number between two lists, that looks like a renaming.
///
/// The kernel tells of events of targets, of devices created, removed and renamed, and of tables put in force, the last an
/// instant before it resumes the device (`dm_swap_table` in drivers/md/dm.c). It does not tell of the resumption itself, nor
/// to which device a table was given. So a first table counts as a resumption, and a device that serves is not reported when
/// it is given another table, or is suspended and resumed. One that was suspended when the poller began is looked at again.
///
/// It can be waited for with [`wait`](Self::wait), or with `poll`, `mio` or `tokio` by its file descriptor: when that is
/// readable, call [`read`](Self::read). In a loop of your own, the resumption of a device that was suspended when the poller
/// began comes with the next event, if `read` is not called in between.
///
/// ```no_run
/// use dm_core::{Dm, EventPoller};
///
/// let mut poller = EventPoller::new(Dm::open()?)?;
/// loop {
///     for event in poller.wait(None)? {
///         println!("{} {:?}", event.name, event.kind);
///     }
/// }
/// # #[allow(unreachable_code)]
/// # Ok::<(), dm_core::Error>(())
/// ```
#[derive(Debug)]
pub struct EventPoller<T = ControlNode> {
    dm: Dm<T>,
    buffer: Buffer,
    /// What was seen the last time; `None` before the first time.
    known: Option<BTreeMap<DeviceNumber, Known>>,
    /// The kernel reports uuids with the list.
    lists_uuids: bool,
}

/// The interface version whose lists have uuids.
const UUID_LIST: Version = Version::new(4, 45, 0);

/// What was last seen of a device.
#[derive(Clone, Debug)]
struct Known {
    name: DmNameBuf,
    uuid: Option<DmUuidBuf>,
    event_nr: u32,
    state: State,
}

/// Whether a device serves io.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// It has no table in force.
    Bare,
    Suspended,
    Serves,
}

impl<T: Transport> EventPoller<T> {
    /// Begins with the devices that there are, which are not reported as added.
    ///
    /// The handle must be the poller's own: whoever else arms it makes the poller miss events.
    ///
    /// # Errors
    /// [`is_unsupported`](crate::Error::is_unsupported): interface 4.37 and later is needed.
    pub fn new(dm: Dm<T>) -> Result<Self> {
        let lists_uuids = dm.version()? >= UUID_LIST;
        let mut poller = Self { dm, buffer: Buffer::new(), known: None, lists_uuids };
        poller.read()?;
        Ok(poller)
    }

    /// The handle, for commands that are to follow an event; all but [`arm_poll`](Dm::arm_poll).
    pub const fn dm(&self) -> &Dm<T> {
        &self.dm
    }

    /// What has happened since the last time. Does not wait.
    ///
    /// # Errors
    /// Those of [`list_devices`](Dm::list_devices) and [`device_info`](Dm::device_info). What has happened is then reported
    /// the next time.
    pub fn read(&mut self) -> Result<Vec<Event>> {
        // Armed first, so that whatever the list does not show yet makes the handle readable.
        self.dm.arm_poll()?;
        let listed = self.dm.list_devices(&mut self.buffer, ListOptions::new().uuids(self.lists_uuids))?;
        let mut now = BTreeMap::new();
        for device in &listed {
            let device = device?;
            // One that vanishes in between is not there, and its removal makes the handle readable.
            now.extend(look(&self.dm, &device, self.known.as_ref())?.map(|known| (device.number, known)));
        }
        let events = self.known.as_ref().map(|before| compare(before, &now));
        self.known = Some(now);
        Ok(events.unwrap_or_default())
    }

    /// There are devices whose resumption the kernel may not tell of.
    fn has_suspended(&self) -> bool {
        self.known.iter().flat_map(BTreeMap::values).any(|known| known.state == State::Suspended)
    }
}

impl<T: Transport + AsFd> EventPoller<T> {
    /// Waits until something has happened, or for as long as `deadline`; then nothing is reported.
    ///
    /// Signals do not end the wait. Devices that were suspended when the poller began are looked at again each second.
    ///
    /// # Errors
    /// As [`read`](Self::read).
    pub fn wait(&mut self, deadline: Option<Duration>) -> Result<Vec<Event>> {
        let end = End::after(deadline);
        loop {
            let look_again = self.has_suspended().then_some(LOOK_AGAIN);
            self.dm.wait_readable(&end.or_after(look_again))?;
            let over = end.is_over();
            let events = self.read()?;
            if over || !events.is_empty() {
                return Ok(events);
            }
        }
    }
}

const LOOK_AGAIN: Duration = Duration::from_secs(1);

impl<T: AsFd> AsFd for EventPoller<T> {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.dm.as_fd()
    }
}

impl<T: AsFd> AsRawFd for EventPoller<T> {
    fn as_raw_fd(&self) -> RawFd {
        self.dm.as_fd().as_raw_fd()
    }
}

/// What is known of a listed device; `None` where it has vanished. `known` is what was seen of all devices the last time.
///
/// The list does not say whether a device serves io, so those that did not the last time are looked at.
fn look<T: Transport>(
    dm: &Dm<T>,
    device: &ListedDevice<'_>,
    known: Option<&BTreeMap<DeviceNumber, Known>>,
) -> Result<Option<Known>> {
    let event_nr = device.event_nr.unwrap_or(0);
    let name = device.name.to_owned();
    let uuid = device.uuid.map(DmUuid::to_owned);
    let before = known.and_then(|known| known.get(&device.number));
    let before = before.filter(|before| before.is_same(&name, uuid.as_ref(), event_nr));
    if let Some(Known { uuid: known_uuid, state: State::Serves, .. }) = before {
        return Ok(Some(Known { name, uuid: uuid.or_else(|| known_uuid.clone()), event_nr, state: State::Serves }));
    }
    let info = match dm.device_info(device.number, InfoOptions::new()) {
        Err(error) if error.is_not_found() => return Ok(None),
        info => info?,
    };
    let had_table = known.is_none() || before.is_some_and(|before| before.state != State::Bare);
    let uuid = uuid.or_else(|| info.uuid().map(DmUuid::to_owned));
    Ok(Some(Known { name, uuid, event_nr, state: State::of(&info, had_table) }))
}

impl State {
    /// A first table is put in force by a resumption alone, so that is over or under way.
    fn of(info: &DeviceInfo, had_table: bool) -> Self {
        match (info.has_active_table(), info.is_suspended()) {
            (false, _) => Self::Bare,
            (true, true) if had_table => Self::Suspended,
            (true, _) => Self::Serves,
        }
    }
}

impl Known {
    /// Whether a device of the same number can be the same device: a device keeps its uuid, and its event number only grows.
    fn is_same(&self, name: &DmNameBuf, uuid: Option<&DmUuidBuf>, event_nr: u32) -> bool {
        let same_uuid = match (&self.uuid, uuid) {
            (Some(before), Some(now)) => before == now,
            (None, _) => true,
            // Lists of older kernels have no uuids; then the name has to do.
            (Some(_), None) => self.name == *name,
        };
        // Grown by less than half of all numbers, since they wrap around.
        same_uuid && event_nr.wrapping_sub(self.event_nr) <= u32::MAX / 2
    }

    fn event(&self, number: DeviceNumber, kind: EventKind) -> Event {
        Event { number, name: self.name.clone(), uuid: self.uuid.clone(), kind }
    }
}

/// All that has happened between two lists, removals first, so that a name or number is given up before it is taken.
fn compare(before: &BTreeMap<DeviceNumber, Known>, now: &BTreeMap<DeviceNumber, Known>) -> Vec<Event> {
    let is_same = |old: &Known, new: &Known| old.is_same(&new.name, new.uuid.as_ref(), new.event_nr);
    let stayed = |number: &DeviceNumber, old: &Known| now.get(number).is_some_and(|new| is_same(old, new));
    let gone = before.iter().filter(|(number, old)| !stayed(number, old));
    let mut events: Vec<Event> = gone.map(|(&number, old)| old.event(number, EventKind::Removed)).collect();
    for (&number, new) in now {
        let old = before.get(&number).filter(|old| is_same(old, new));
        let Some(old) = old else {
            events.push(new.event(number, EventKind::Added));
            events.extend((new.state == State::Serves).then(|| new.event(number, EventKind::Resumed)));
            continue;
        };
        let mut happened = |kind| events.push(new.event(number, kind));
        if old.name != new.name {
            happened(EventKind::Renamed { from: old.name.clone() });
        }
        if old.uuid != new.uuid {
            happened(EventKind::UuidSet);
        }
        if new.state == State::Serves && old.state != State::Serves {
            happened(EventKind::Resumed);
        }
        if old.event_nr != new.event_nr {
            happened(EventKind::Changed { event_nr: new.event_nr });
        }
    }
    events
}

/// When a wait is over.
struct End(Option<Instant>);

impl End {
    /// A deadline so far off that no clock can tell it is none.
    fn after(deadline: Option<Duration>) -> Self {
        Self(deadline.and_then(|deadline| Instant::now().checked_add(deadline)))
    }

    fn left(&self) -> Option<Duration> {
        self.0.map(|end| end.saturating_duration_since(Instant::now()))
    }

    fn is_over(&self) -> bool {
        self.left().is_some_and(|left| left.is_zero())
    }

    /// The same, but no later than after a pause.
    fn or_after(&self, pause: Option<Duration>) -> Self {
        let Self(paused) = Self::after(pause);
        Self([self.0, paused].into_iter().flatten().min())
    }
}

impl<T: Transport + AsFd> Dm<T> {
    /// Waits until a device's event number is another than `event_nr`, or for as long as `deadline`; then gives `None`.
    ///
    /// - Interface 4.36 and later.
    /// - As [`device_wait`](Self::device_wait), but with an end, and a removal ends it, too. Signals do not.
    /// - It arms this handle, so nobody else can poll it at the same time.
    ///
    /// # Errors
    /// [`is_not_found`](crate::Error::is_not_found): there is no such device, or no longer.
    pub fn wait_event<'a>(
        &self,
        id: impl Into<DevId<'a>>,
        event_nr: u32,
        deadline: Option<Duration>,
    ) -> Result<Option<DeviceInfo>> {
        let id = id.into();
        let end = End::after(deadline);
        loop {
            self.arm_poll()?;
            let info = self.device_info(id, InfoOptions::new())?;
            if info.event_nr() != event_nr {
                return Ok(Some(info));
            }
            if !self.wait_readable(&end)? {
                return Ok(None);
            }
        }
    }

    /// Waits until something has happened since the handle was armed; `false` when the time is over.
    fn wait_readable(&self, end: &End) -> Result<bool> {
        loop {
            let left = end.left();
            // Rounded up, so that the end is not missed by a fraction of a millisecond many times over.
            let timeout = left.map_or(Ok(PollTimeout::NONE), |left| left.as_millis().saturating_add(1).try_into());
            let mut descriptors = [PollFd::new(self.as_fd(), PollFlags::POLLIN)];
            match poll(&mut descriptors, timeout.unwrap_or(PollTimeout::MAX)) {
                Ok(0) if end.is_over() => return Ok(false),
                Ok(0) | Err(Errno::EINTR) => {}
                Ok(_) => return Ok(true),
                Err(errno) => return Err(Error::from(Refusal::new(Command::ArmPoll, None, &errno.into()))),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn number(minor: u32) -> DeviceNumber {
        DeviceNumber::new(253, minor)
    }

    fn known(name: &str, uuid: &str, event_nr: u32) -> Known {
        Known { name: DmNameBuf::new(name).unwrap(), uuid: DmUuidBuf::new(uuid).ok(), event_nr, state: State::Serves }
    }

    fn happened(before: &[(u32, Known)], now: &[(u32, Known)]) -> Vec<(u32, String, EventKind)> {
        let map = |list: &[(u32, Known)]| list.iter().map(|(minor, known)| (number(*minor), known.clone())).collect();
        let events = compare(&map(before), &map(now)).into_iter();
        events.map(|event| (event.number.minor, event.name.to_string(), event.kind)).collect()
    }

    #[test]
    fn nothing_new_is_nothing_reported() {
        let same = [(0, known("a", "u", 3)), (1, known("b", "", 0))];
        assert_eq!(happened(&same, &same), []);
    }

    #[test]
    fn each_change_is_reported_once() {
        let before = [(0, known("a", "u", 3)), (1, Known { state: State::Bare, ..known("b", "", 0) })];
        let now =
            [(0, known("c", "u", 5)), (1, known("b", "v", 0)), (2, Known { state: State::Bare, ..known("d", "", 0) })];
        let from = DmNameBuf::new("a").unwrap();
        assert_eq!(
            happened(&before, &now),
            [
                (0, "c".to_owned(), EventKind::Renamed { from }),
                (0, "c".to_owned(), EventKind::Changed { event_nr: 5 }),
                (1, "b".to_owned(), EventKind::UuidSet),
                (1, "b".to_owned(), EventKind::Resumed),
                (2, "d".to_owned(), EventKind::Added),
            ]
        );
        assert_eq!(happened(&before[..1], &[]), [(0, "a".to_owned(), EventKind::Removed)]);
    }

    #[test]
    fn a_number_that_was_used_again_is_another_device() {
        let removed_and_added = |before: Known, now: Known| {
            let kinds: Vec<_> = happened(&[(0, before)], &[(0, now)]).into_iter().map(|(_, _, kind)| kind).collect();
            assert_eq!(kinds, [EventKind::Removed, EventKind::Added, EventKind::Resumed]);
        };
        removed_and_added(known("a", "u", 0), known("a", "v", 0));
        removed_and_added(known("a", "", 7), known("a", "", 0));
    }

    #[test]
    fn event_numbers_wrap_around() {
        let kinds = happened(&[(0, known("a", "", u32::MAX))], &[(0, known("a", "", 1))]);
        assert_eq!(kinds, [(0, "a".to_owned(), EventKind::Changed { event_nr: 1 })]);
    }
}
