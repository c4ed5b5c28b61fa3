//! Alarms: what has changed in the health of devices.

mod alarm;
mod device;
mod levels;
mod line;
mod options;
mod targets;

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::vec::Vec;
use core::mem;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, RawFd};
use std::time::{Duration, Instant};

use dm_core::{Dm, DmName, DmUuid, Error, Event, EventKind, EventPoller, Host, ListOptions};
use dm_units::DeviceNumber;

pub use alarm::{Alarm, AlarmKind, AlarmLine, LegState, Space};
pub use options::MonitorOptions;

use self::device::Device;
use super::DevError;

/// How soon to try again to read a status after an error.
const RETRY: Duration = Duration::from_secs(1);

/// Follows the health of devices, and reports each change once.
///
/// It does what dmeventd does, for all targets and without a thread: the caller waits, in [`wait`](Self::wait) or in an event
/// loop, and acts on what is reported. Changes are found in two ways:
///
/// - through events of the kernel, which an [`EventPoller`] receives: a leg that fails, a pool that is full;
/// - by reading the status from time to time, for what the kernel raises no event for: levels in percent, a corrupted block of a
///   verity device, a writecache that has failed. [`MonitorOptions::status_interval`] sets how often.
///
/// What is wrong when the monitor is opened is reported by the first step.
///
/// ```no_run
/// use dm_core::Host;
/// use dm_targets::Concern;
/// use dm_targets::devices::{AlarmKind, Monitor, MonitorOptions, Space};
///
/// let host = Host::open()?;
/// let mut monitor = Monitor::open(&host, MonitorOptions::new())?;
/// loop {
///     for alarm in monitor.wait(None)? {
///         println!("{alarm}");
///         match alarm.kind {
///             AlarmKind::LevelReached { space: Space::Data, .. } | AlarmKind::BelowLowWater { .. } => { /* extend it */ }
///             AlarmKind::Raised(Concern::NeedsCheck) => { /* check its metadata */ }
///             AlarmKind::Leg { .. } => { /* replace it, or be glad */ }
///             _ => {}
///         }
///     }
/// }
/// # #[allow(unreachable_code)]
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// With `poll(2)`, `mio` or `tokio`, register it as a descriptor, and call [`read`](Self::read) when it is readable or
/// [`next_timeout`](Self::next_timeout) is over, and once at the beginning.
///
/// # Which devices
///
/// Those whose present name or uuid is chosen by the [`MonitorOptions`]. One that is removed is reported as
/// [`Removed`](AlarmKind::Removed), and a new one of its name as [`Added`](AlarmKind::Added), whatever it is. Nothing here
/// needs udev, so it may be stopped or restarted.
///
/// Two things look to the kernel's list of devices as if nothing had happened: a device that serves already and is given another
/// table; and a device without a uuid that is replaced, between two steps, by one of the same name and number, if neither has
/// had an event. Both are noticed with the next event or status, which is compared with the last one whosever it was;
/// [`read_all`](Self::read_all) looks at once.
///
/// # Costs
///
/// A step is what a step of the [`EventPoller`] is: two ioctls. Each device that had an event, and when the interval is over
/// each one that can change without, takes one more, and a thin pool two, since its low water mark is only in its table.
/// Nothing is committed for it (`noflush`). The first step reads all followed devices.
#[derive(Debug)]
pub struct Monitor {
    dm: Dm,
    poller: EventPoller,
    options: MonitorOptions,
    devices: BTreeMap<DeviceNumber, Device>,
    /// The devices whose status is to be read.
    due: BTreeSet<DeviceNumber>,
    /// When to read the statuses of those that change without an event.
    next_look: Option<Instant>,
    /// When to try again what has failed.
    retry: Option<Instant>,
    /// What was found and is not reported yet.
    alarms: Vec<Alarm>,
}

impl Monitor {
    /// Starts to follow devices.
    ///
    /// # Errors
    ///
    /// Those of [`EventPoller::open`], which needs interface 4.37, and of [`Dm::list_devices`].
    pub fn open(host: &Host, options: MonitorOptions) -> Result<Self, DevError> {
        let dm = host.dm().clone();
        // First, so that a device that is created after the list was made is reported.
        let poller = EventPoller::open(&dm)?;
        let (devices, due) = (BTreeMap::new(), BTreeSet::new());
        let mut monitor = Self { dm, poller, options, devices, due, next_look: None, retry: None, alarms: Vec::new() };
        monitor.add_existing()?;
        Ok(monitor)
    }

    fn add_existing(&mut self) -> Result<(), Error> {
        match self.dm.list_devices_with(ListOptions::new().uuids(true)) {
            Err(error) if error.is_unsupported() => {
                for listed in &self.dm.list_devices()? {
                    match self.dm.device_info(listed?.number) {
                        Err(error) if error.is_not_found() => {}
                        info => {
                            let info = info?;
                            info.name().map(|name| self.add(info.number(), name, info.uuid()));
                        }
                    }
                }
            }
            list => {
                for listed in &list? {
                    let listed = listed?;
                    self.add(listed.number, listed.name, listed.uuid);
                }
            }
        }
        Ok(())
    }

    /// Follows a device if it is chosen.
    fn add(&mut self, number: DeviceNumber, name: &DmName, uuid: Option<&DmUuid>) -> Option<&Device> {
        if !self.options.choose(name, uuid) {
            return None;
        }
        self.due.insert(number);
        self.devices.insert(number, Device::new(number, name, uuid));
        self.devices.get(&number)
    }

    /// The names of the devices that are followed, as of the last step.
    pub fn followed(&self) -> impl Iterator<Item = &DmName> {
        self.devices.values().map(Device::name)
    }

    /// Reports what has changed since the last step, without waiting.
    ///
    /// # Errors
    ///
    /// Those of [`EventPoller::read`], and of [`Dm::table_status`] if no other device has anything to report. Nothing is lost:
    /// the next call reports what this one did not. A status that can't be understood is not an error but an
    /// [alarm](AlarmKind::Unreadable).
    pub fn read(&mut self) -> Result<Vec<Alarm>, DevError> {
        let events = self.poller.read()?;
        self.step(events)
    }

    /// Reads the status of all followed devices and reports what has changed.
    ///
    /// # Errors
    ///
    /// As [`read`](Self::read).
    pub fn read_all(&mut self) -> Result<Vec<Alarm>, DevError> {
        self.due.extend(self.devices.keys());
        self.read()
    }

    /// Waits until there is something to report. Nothing is reported if nothing has changed after `timeout`.
    ///
    /// With `None`, or with a timeout such as `Duration::MAX`, it waits without an end. Signals don't end it.
    ///
    /// # Errors
    ///
    /// As [`read`](Self::read).
    pub fn wait(&mut self, timeout: Option<Duration>) -> Result<Vec<Alarm>, DevError> {
        let end = timeout.and_then(|timeout| Instant::now().checked_add(timeout));
        loop {
            let left = end.map(|end| end.saturating_duration_since(Instant::now()));
            let pause = left.into_iter().chain(self.next_timeout()).min();
            let events = self.poller.wait(pause)?;
            let alarms = self.step(events)?;
            if !alarms.is_empty() || left.is_some_and(|left| left.is_zero()) {
                return Ok(alarms);
            }
        }
    }

    /// After what time to call [`read`](Self::read) although the descriptor is not readable. `None` if there is no need.
    #[must_use]
    pub fn next_timeout(&self) -> Option<Duration> {
        if !self.due.is_empty() && self.retry.is_none() {
            return Some(Duration::ZERO);
        }
        let next = self.retry.into_iter().chain(self.next_look).min();
        next.map(|next| next.saturating_duration_since(Instant::now()))
    }

    fn step(&mut self, events: Vec<Event>) -> Result<Vec<Alarm>, DevError> {
        events.into_iter().for_each(|event| self.take(event));
        self.look_at_silent();
        let mut failure = None;
        for number in mem::take(&mut self.due) {
            let Some(device) = self.devices.get_mut(&number) else { continue };
            if let Err(error) = device.look(&self.dm, self.options.sorted_levels(), &mut self.alarms) {
                self.due.insert(number);
                failure.get_or_insert(error);
            }
        }
        self.retry = failure.as_ref().and_then(|_| Instant::now().checked_add(RETRY));
        self.plan_look();
        match failure {
            Some(error) if self.alarms.is_empty() => Err(error.into()),
            // It is tried again, and fails alone if it fails again.
            _ => Ok(mem::take(&mut self.alarms)),
        }
    }

    fn take(&mut self, Event { number, name, uuid, kind, .. }: Event) {
        let uuid = uuid.as_deref();
        let is_followed = self.devices.contains_key(&number);
        match kind {
            EventKind::Added => {
                let added = self.add(number, &name, uuid).map(|device| device.alarm(None, AlarmKind::Added));
                self.alarms.extend(added);
            }
            EventKind::Removed => {
                let removed = self.devices.remove(&number);
                self.alarms.extend(removed.map(|device| device.alarm(None, AlarmKind::Removed)));
            }
            EventKind::Renamed { from, .. } => self.rename(number, &name, uuid, AlarmKind::Renamed { from }),
            EventKind::UuidSet => self.rename(number, &name, uuid, AlarmKind::Added),
            EventKind::Resumed | EventKind::Changed { .. } if is_followed => {
                self.due.insert(number);
            }
            _ => {}
        }
    }

    /// A device has another name or uuid: it is chosen now, or not any more, or still.
    fn rename(&mut self, number: DeviceNumber, name: &DmName, uuid: Option<&DmUuid>, kind: AlarmKind) {
        let Some(device) = self.devices.get_mut(&number) else {
            let added = self.add(number, name, uuid).map(|device| device.alarm(None, kind));
            return self.alarms.extend(added);
        };
        device.rename(name, uuid);
        if kind != AlarmKind::Added {
            self.alarms.push(device.alarm(None, kind));
        }
        // Its last status may have been asked for under the old name, and not found.
        self.due.insert(number);
        if !self.options.choose(name, uuid) {
            self.devices.remove(&number);
        }
    }

    /// Lets the statuses be read of devices that change without an event, if it is time.
    fn look_at_silent(&mut self) {
        if self.next_look.is_some_and(|next| next <= Instant::now()) {
            self.next_look = None;
            self.due.extend(self.devices.iter().filter(|(_, device)| device.is_silent()).map(|(number, _)| number));
        }
    }

    fn plan_look(&mut self) {
        if !self.devices.values().any(Device::is_silent) {
            self.next_look = None;
        } else if self.next_look.is_none() {
            self.next_look = self.options.interval().and_then(|interval| Instant::now().checked_add(interval));
        }
    }
}

/// Becomes readable when something has happened to any device.
impl AsFd for Monitor {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.poller.as_fd()
    }
}

impl AsRawFd for Monitor {
    fn as_raw_fd(&self) -> RawFd {
        self.poller.as_raw_fd()
    }
}
