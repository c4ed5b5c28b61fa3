//! [`Monitor`], which reports changes in the health of devices.

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

/// The pause before a retry after an error.
const RETRY: Duration = Duration::from_secs(1);

/// Follows the health of devices, and reports each change once.
///
/// A monitor replaces dmeventd, for all targets and without a thread: you wait for reports, in [`wait`](Self::wait) or
/// in an event loop, and act on them. The monitor detects changes in two ways:
///
/// - with events of the kernel, from an [`EventPoller`]: for example, a leg fails or a pool is full;
/// - by reading the status at an interval ([`MonitorOptions::status_interval`]), for changes without an event: for
///   example, usage reaches a level, a block of a verity device is corrupted, or a writecache has failed.
///
/// In a *step*, the monitor reads what has changed. [`read`](Self::read) takes one step; [`wait`](Self::wait) takes
/// steps until there is something to report. The first step reports the concerns that already exist.
///
/// ```
/// use dm_core::Host;
/// use dm_targets::Concern;
/// use dm_targets::devices::{AlarmKind, Monitor, MonitorOptions, Space};
///
/// # let _ = || {
/// let host = Host::open()?;
/// # Ok::<_, dm_core::OpenError>(host) };
/// # let memory = dm_testing::MemoryKernel::new();
/// # let line = |target, params| [dm_core::TargetLine::text(dm_units::Sectors(0), dm_units::Sectors(128), target, params)];
/// # let [metadata, data] = [21, 16].map(|order| memory.disk(dm_units::Bytes(1 << order)).number());
/// # memory.host().create("pool", line("thin-pool", format!("{metadata} {data} 128 0")))?;
/// # memory.set_status("pool", Some("0 10/512 0/1 - ro discard_passdown queue_if_no_space needs_check 128"));
/// # let host = memory.host();
/// let mut monitor = Monitor::open(&host)?;
/// loop {
///     for alarm in monitor.wait(None)? {
///         println!("{alarm}");
///         match alarm.kind {
///             AlarmKind::LevelReached { space: Space::Data, .. } | AlarmKind::BelowLowWater { .. } => { /* extend it */ }
///             AlarmKind::Raised(Concern::NeedsCheck) => { /* check its metadata */ }
///             AlarmKind::Leg { .. } => { /* replace it if it has failed */ }
///             _ => {}
///         }
///     }
/// #   break;
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// With `poll(2)`, `mio` or `tokio`, register the monitor as a descriptor. Call [`read`](Self::read) once at the
/// beginning, and then whenever the descriptor is readable or [`next_timeout`](Self::next_timeout) has expired.
///
/// # Followed devices
///
/// The [`MonitorOptions`] select devices by their current name or uuid. A new device is reported as
/// [`Added`](AlarmKind::Added), and the removal of a device as [`Removed`](AlarmKind::Removed). The monitor does not
/// need udev.
///
/// Two changes may be missing from the kernel's list of devices:
///
/// - A device that has a table gets a new table.
/// - A device is replaced between two steps by another with the same name and number, and neither has had an event.
///   This one shows in the list only if one of the two devices has a uuid and the ioctl interface is 4.45 or later.
///
/// The monitor sees the effects with the next event or status. To read all statuses immediately, call
/// [`read_all`](Self::read_all). Changes that are reverted between two steps are not seen.
///
/// # Costs
///
/// A step takes as many ioctls as a step of the [`EventPoller`], usually two, and one more for each status that it
/// reads. Reading the status of a thin pool takes two ioctls, since the low water mark is only in its table. Reading
/// the status of an [`EraDev`](super::EraDev) also takes two, since the monitor first checks whether the device is
/// suspended. A step reads the status of devices with an event, and once per interval also of devices that can change
/// without an event. The first step reads the status of all followed devices. Reading does not commit metadata
/// (`noflush`).
///
/// The status of an era device is not read while it is suspended, since the request would block. A step can still block
/// until an era device is resumed: if the device is suspended between the check and the request, or if the monitor does
/// not yet know that it is an era device, because its status has not been read with this target.
#[derive(Debug)]
pub struct Monitor {
    dm: Dm,
    poller: EventPoller,
    options: MonitorOptions,
    devices: BTreeMap<DeviceNumber, Device>,
    /// The devices whose status must be read.
    due: BTreeSet<DeviceNumber>,
    /// The time of the next status of devices that change without an event.
    next_look: Option<Instant>,
    /// The time of the next retry after an error.
    retry: Option<Instant>,
    /// The alarms that have not been reported yet.
    alarms: Vec<Alarm>,
}

impl Monitor {
    /// Starts following all devices.
    ///
    /// # Errors
    ///
    /// As [`EventPoller::open`], which requires ioctl interface 4.37, and [`Dm::list_devices`].
    pub fn open(host: &Host) -> Result<Self, DevError> {
        Self::open_with(host, MonitorOptions::new())
    }

    /// Starts following devices with options, such as a selection of devices or other usage levels.
    ///
    /// # Errors
    ///
    /// As [`open`](Self::open).
    pub fn open_with(host: &Host, options: MonitorOptions) -> Result<Self, DevError> {
        let dm = host.dm().clone();
        // Opened first, so that a device that is created after the list is reported.
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

    /// Follows a device if it is selected.
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

    /// Reports the changes since the last step, without waiting.
    ///
    /// # Errors
    ///
    /// [`EventPoller::read`] fails, or [`Dm::table_status`] fails and no other device has a change to report. Changes
    /// are kept after an error, and the next call reports them. A status that cannot be parsed is not an error but an
    /// [alarm](AlarmKind::Unreadable).
    pub fn read(&mut self) -> Result<Vec<Alarm>, DevError> {
        let events = self.poller.read()?;
        self.step(events)
    }

    /// Reads the status of all followed devices and reports the changes.
    ///
    /// # Errors
    ///
    /// As [`read`](Self::read).
    pub fn read_all(&mut self) -> Result<Vec<Alarm>, DevError> {
        self.due.extend(self.devices.keys());
        self.read()
    }

    /// Waits for changes and reports them. Returns an empty list if nothing changes within `timeout`.
    ///
    /// With `None`, or with a timeout too long for the clock, such as `Duration::MAX`, it waits without limit. Signals
    /// do not end the wait.
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

    /// How long to wait for the descriptor before you call [`read`](Self::read) anyway. `None` if no timeout is
    /// necessary.
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
            // The device that failed is read again later; the alarms of the others are returned now.
            _ => Ok(mem::take(&mut self.alarms)),
        }
    }

    fn take(&mut self, Event { number, name, uuid, kind, .. }: Event) {
        let uuid = uuid.as_deref();
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
            EventKind::Resumed | EventKind::Changed { .. } => {
                // A step skips devices that it does not follow.
                self.due.insert(number);
            }
            _ => {}
        }
    }

    /// Updates a device with a new name or uuid, which may start or end its selection.
    fn rename(&mut self, number: DeviceNumber, name: &DmName, uuid: Option<&DmUuid>, kind: AlarmKind) {
        let Some(device) = self.devices.get_mut(&number) else {
            let added = self.add(number, name, uuid).map(|device| device.alarm(None, kind));
            return self.alarms.extend(added);
        };
        device.rename(name, uuid);
        if kind != AlarmKind::Added {
            self.alarms.push(device.alarm(None, kind));
        }
        // The last status may have been requested with the old name and not found.
        self.due.insert(number);
        if !self.options.choose(name, uuid) {
            self.devices.remove(&number);
        }
    }

    /// Schedules the status of devices that change without an event, if the interval is over.
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

/// The descriptor becomes readable when any device has an event.
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
