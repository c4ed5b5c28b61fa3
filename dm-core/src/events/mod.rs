//! Following what happens to mapped devices.

mod known;

use std::collections::BTreeMap;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, RawFd};
use std::time::{Duration, Instant};

use dm_units::DeviceNumber;
use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

use known::{Known, compare, look};

use crate::commands::{InfoOptions, ListOptions};
use crate::error::{Error, Refusal, Result};
use crate::id::dev_id::DevId;
use crate::id::name::{DmNameBuf, DmUuidBuf};
use crate::node::dm::Dm;
use crate::node::transport::{ControlNode, Transport};
use crate::wire::buffer::Buffer;
use crate::wire::command::Command;
use crate::wire::info::DeviceInfo;
use dm_units::Version;

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
        self.known.iter().flat_map(BTreeMap::values).any(Known::is_suspended)
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
