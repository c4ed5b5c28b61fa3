//! The state of the kernel: mapped devices, disks, event numbers, the log and the clock.
//!
//! Positions and lengths are numbers of sectors of 512 bytes, unless their docs have another unit. A `minor` is the minor number
//! of a mapped device.

pub(crate) mod device;
pub(crate) mod disk;
pub(crate) mod io;
pub(crate) mod stats;
pub(crate) mod table;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Weak;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread::{self, ThreadId};
use std::time::Duration;

use dm_core::DmName;
use dm_core::paths::mapper_path;
use dm_units::{DeviceNumber, Version};

use self::device::Device;
use self::disk::Disk;
use self::table::Table;
use super::errno::Errno;
use super::faults::ResumeFault;
use super::node::OpenFile;
use super::targets::{self, Shared};
use super::udev::Daemon;

/// The major number of mapped devices. Real machines do not use it.
pub(crate) const MAPPED_MAJOR: u32 = 4000;

/// The major number of disks. Real machines do not use it.
pub(crate) const DISK_MAJOR: u32 = 4001;

/// One more than the largest minor number (`MINORMASK`).
const MINORS: u32 = 1 << 20;

/// The reason why a command does not continue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Pause {
    /// The command has failed.
    Failed(Errno),
    /// The command must be retried after a change. It had no effect.
    Wait,
}

impl From<Errno> for Pause {
    fn from(errno: Errno) -> Self {
        Self::Failed(errno)
    }
}

/// The state of one kernel.
#[derive(Debug)]
pub(crate) struct Kernel {
    pub(crate) interface: Version,
    pub(crate) devices: BTreeMap<u32, Device>,
    /// Minor numbers by name, in the order of lists.
    pub(crate) names: BTreeMap<Vec<u8>, u32>,
    pub(crate) uuids: BTreeMap<Vec<u8>, u32>,
    /// Devices that were removed while a command waited for their events, by serial number.
    pub(crate) gone: BTreeMap<u64, Device>,
    pub(crate) disks: BTreeMap<DeviceNumber, Disk>,
    /// The state that targets of several tables share.
    pub(crate) shared: Shared,
    /// The time of its clock.
    pub(crate) now: Duration,
    pub(crate) udev: Daemon,
    /// The point at which the next resume fails.
    pub(crate) resume_fault: Option<ResumeFault>,
    next_serial: u64,
    event_nr: u32,
    files: Vec<Weak<OpenFile>>,
    log: Vec<(ThreadId, String)>,
}

impl Kernel {
    pub(crate) fn new(interface: Version) -> Self {
        Self {
            interface,
            devices: BTreeMap::new(),
            names: BTreeMap::new(),
            uuids: BTreeMap::new(),
            gone: BTreeMap::new(),
            disks: BTreeMap::new(),
            shared: Shared::default(),
            now: Duration::ZERO,
            udev: Daemon::default(),
            resume_fault: None,
            next_serial: 0,
            event_nr: 0,
            files: Vec::new(),
            log: Vec::new(),
        }
    }

    // Devices.

    pub(crate) fn device(&self, minor: u32) -> Result<&Device, Errno> {
        self.devices.get(&minor).ok_or(Errno::ENXIO)
    }

    pub(crate) fn device_mut(&mut self, minor: u32) -> Result<&mut Device, Errno> {
        self.devices.get_mut(&minor).ok_or(Errno::ENXIO)
    }

    /// Looks up the mapped device with this number.
    pub(crate) fn mapped(&self, number: DeviceNumber) -> Option<&Device> {
        if number.major == MAPPED_MAJOR { self.devices.get(&number.minor) } else { None }
    }

    /// Adds a device (`dm_create` and `dm_hash_insert`).
    pub(crate) fn add(&mut self, name: &[u8], uuid: &[u8], minor: Option<u32>) -> Result<u32, Errno> {
        // `dm_create` returns the same errno for a taken number and for one out of range.
        let minor = match minor {
            Some(minor) if minor >= MINORS || self.devices.contains_key(&minor) => return Err(Errno::ENXIO),
            Some(minor) => minor,
            None => (0..MINORS).find(|minor| !self.devices.contains_key(minor)).ok_or(Errno::ENXIO)?,
        };
        if self.names.contains_key(name) || !uuid.is_empty() && self.uuids.contains_key(uuid) {
            return Err(Errno::EBUSY);
        }
        self.names.insert(name.to_vec(), minor);
        if !uuid.is_empty() {
            self.uuids.insert(uuid.to_vec(), minor);
        }
        self.devices.insert(minor, Device::new(self.next_serial, minor, name, uuid));
        self.next_serial = self.next_serial.wrapping_add(1);
        Ok(minor)
    }

    /// Removes a device (`__hash_remove` and `dm_destroy`). The caller has checked that this is allowed.
    pub(crate) fn delete(&mut self, minor: u32) {
        self.event(minor);
        let Some(device) = self.devices.remove(&minor) else { return };
        self.names.remove(&device.name);
        self.uuids.remove(&device.uuid);
        // A device that is not suspended is suspended first, so that its targets write their state (`__dm_destroy`).
        if let Some(table) = device.active.as_ref().filter(|_| !device.suspended) {
            table.each(|_, target| target.presuspend(self, false));
            table.each(|_, target| target.postsuspend(self));
        }
        for table in [&device.inactive, &device.active].into_iter().flatten() {
            table.destroy(self);
        }
        if device.waiters > 0 {
            self.gone.insert(device.serial, device);
        }
        self.remove_closed();
    }

    /// The open count of a mapped device: programs, and tables of other devices. All tables of one device open it once
    /// for each mode (`dm_get_table_device`).
    pub(crate) fn open_count(&self, minor: u32) -> usize {
        let Some(device) = self.devices.get(&minor) else { return 0 };
        let number = DeviceNumber::new(MAPPED_MAJOR, minor);
        let by_tables: usize = self.devices.values().map(|other| other.openings(number)).sum();
        device.opened.saturating_add(by_tables)
    }

    /// Removes the devices whose removal was deferred until they were closed (`dm_deferred_remove`).
    pub(crate) fn remove_closed(&mut self) {
        let is_due = |device: &Device| device.deferred_remove && self.open_count(device.minor) == 0;
        if let Some(minor) = self.devices.values().find(|device| is_due(device)).map(|device| device.minor) {
            self.delete(minor);
        }
    }

    /// Destroys a table that no device uses any more.
    pub(crate) fn drop_table(&mut self, table: Option<std::sync::Arc<Table>>) {
        if let Some(table) = table {
            table.destroy(self);
            self.remove_closed();
        }
    }

    // Disks.

    /// Looks up a device by a word of a table: a number, or the path of a node.
    pub(crate) fn lookup(&self, path: &str) -> Result<DeviceNumber, Errno> {
        let Some(name) = path.strip_prefix("/dev/") else { return Err(Errno::ENOENT) };
        let disk = || self.disks.iter().find(|(_, disk)| disk.name == name).map(|(number, _)| *number);
        let mapped = || {
            let minor = match name.strip_prefix("mapper/") {
                Some(_) => self.by_mapper_path(Path::new(path)),
                None => name.strip_prefix("dm-").and_then(|minor| minor.parse().ok()),
            };
            minor.filter(|minor| self.devices.contains_key(minor)).map(|minor| DeviceNumber::new(MAPPED_MAJOR, minor))
        };
        disk().or_else(mapped).ok_or(Errno::ENOENT)
    }

    fn by_mapper_path(&self, path: &Path) -> Option<u32> {
        let is_of = |name: &[u8]| DmName::new(name).is_ok_and(|name| mapper_path(name) == path);
        self.names.iter().find(|(name, _)| is_of(name)).map(|(_, minor)| *minor)
    }

    /// The length of a device in sectors, if it exists.
    pub(crate) fn sectors(&self, number: DeviceNumber) -> Option<u64> {
        match self.mapped(number) {
            Some(device) => Some(device.sectors()),
            None => self.disks.get(&number).map(Disk::sectors),
        }
    }

    /// Whether a device supports discards. All disks do.
    pub(crate) fn discards(&self, number: DeviceNumber) -> bool {
        self.mapped(number).is_none_or(|device| device.discards)
    }

    /// Whether a device may lose data that is not flushed. All disks may.
    pub(crate) fn caches_writes(&self, number: DeviceNumber) -> bool {
        self.mapped(number).is_none_or(|device| device.caches_writes)
    }

    /// Whether programs cannot write to a device.
    pub(crate) fn is_read_only(&self, number: DeviceNumber) -> bool {
        match self.mapped(number) {
            Some(device) => device.read_only,
            None => self.disks.get(&number).is_some_and(|disk| disk.read_only),
        }
    }

    // Events.

    /// Raises an event of a device (`dm_table_event`).
    pub(crate) fn event(&mut self, minor: u32) {
        if let Some(device) = self.devices.get_mut(&minor).filter(|device| device.active.is_some()) {
            device.event_nr = device.event_nr.wrapping_add(1);
            self.global_event();
        }
    }

    /// Raises a global event (`dm_issue_global_event`).
    pub(crate) fn global_event(&mut self) {
        self.event_nr = self.event_nr.wrapping_add(1);
        let number = self.event_nr;
        self.files.retain(|file| file.upgrade().is_some_and(|file| file.tell(number)));
    }

    /// The number of the last global event.
    pub(crate) const fn event_nr(&self) -> u32 {
        self.event_nr
    }

    /// Adds an open file of the control node, which global events wake.
    pub(crate) fn add_file(&mut self, file: Weak<OpenFile>) {
        self.files.push(file);
    }

    /// Sends the uevent of a command, with its cookie. Returns `false` if the device never had a table and therefore
    /// has no disk for a uevent.
    pub(crate) fn uevent(&mut self, minor: u32, cookie: u32) -> bool {
        let has_disk = self.devices.get(&minor).is_some_and(Device::has_node);
        if has_disk {
            self.udev.uevent(cookie);
        }
        has_disk
    }

    // The clock.

    /// Advances the clock, and runs expired timers.
    pub(crate) fn advance(&mut self, by: Duration) {
        self.now = self.now.saturating_add(by);
        targets::thin::tick(self);
    }

    // The log.

    /// Adds a line to the log, as `DMERR` does for a module of the device mapper.
    pub(crate) fn log(&mut self, part: &str, text: &str) {
        self.log.push((thread::current().id(), format!("device-mapper: {part}: {text}")));
    }

    /// The number of lines of the log.
    pub(crate) fn log_len(&self) -> usize {
        self.log.len()
    }

    /// The lines of the current thread since the log had `from` lines.
    pub(crate) fn log_since(&self, from: usize) -> Vec<String> {
        let ours = thread::current().id();
        self.log.iter().skip(from).filter(|(thread, _)| *thread == ours).map(|(_, line)| line.clone()).collect()
    }

    /// The whole log.
    pub(crate) fn whole_log(&self) -> Vec<String> {
        self.log.iter().map(|(_, line)| line.clone()).collect()
    }
}

/// An event number that several threads read.
#[derive(Debug, Default)]
pub(crate) struct EventNumber(AtomicU32);

impl EventNumber {
    pub(crate) fn set(&self, number: u32) {
        self.0.store(number, Ordering::SeqCst);
    }

    /// Whether `number` comes after it; numbers wrap.
    pub(crate) fn is_before(&self, number: u32) -> bool {
        (1..=u32::MAX >> 1).contains(&number.wrapping_sub(self.0.load(Ordering::SeqCst)))
    }
}
