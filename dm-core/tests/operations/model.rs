//! A small model of the device mapper: devices with two table slots, as far as operations can see them.
//!
//! It follows `do_resume`, `dev_remove`, `table_load` and `__dev_status` in drivers/md/dm-ioctl.c.

use std::collections::BTreeMap;

/// The major number of the model's devices: no real device of a test machine has it.
pub(crate) const MAJOR: u32 = 4000;

pub(crate) const ENOENT_DEVICE: i32 = nix::libc::ENXIO;

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Line {
    pub(crate) start: u64,
    pub(crate) length: u64,
    pub(crate) target: String,
    pub(crate) params: String,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Table {
    pub(crate) lines: Vec<Line>,
    pub(crate) read_only: bool,
}

impl Table {
    pub(crate) fn new(target: &str, params: &str) -> Self {
        let line = Line { start: 0, length: 64, target: target.to_owned(), params: params.to_owned() };
        Self { lines: vec![line], read_only: false }
    }

    pub(crate) fn is_errors(&self) -> bool {
        self.lines.iter().all(|line| line.target == "error")
    }

    /// The devices of the model that it uses.
    pub(crate) fn uses(&self) -> Vec<u32> {
        let words = self.lines.iter().flat_map(|line| line.params.split(' '));
        let minors = words.filter_map(|word| word.strip_prefix(&format!("{MAJOR}:"))?.parse().ok());
        let mut minors: Vec<u32> = minors.collect();
        minors.sort_unstable();
        minors.dedup();
        minors
    }
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Device {
    pub(crate) name: String,
    pub(crate) uuid: String,
    pub(crate) active: Option<Table>,
    pub(crate) inactive: Option<Table>,
    pub(crate) suspended: bool,
    pub(crate) internally_suspended: bool,
    pub(crate) deferred: bool,
    /// How often it is open, apart from tables that use it.
    pub(crate) opened: i32,
    /// How many messages its target has carried out.
    pub(crate) messages: usize,
}

impl Device {
    pub(crate) fn new(name: &str, active: Option<Table>) -> Self {
        Self { name: name.to_owned(), active, ..Self::default() }
    }

    pub(crate) fn tables(&self) -> impl Iterator<Item = &Table> {
        self.active.iter().chain(&self.inactive)
    }
}

/// How far a resume gets before it fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ResumeFault {
    /// The new table can't take the place of the old one: it is dropped, and the device is suspended.
    Swap,
    /// The targets of the table can't be resumed: the new table is active, and the device is suspended.
    Targets,
}

/// All devices, by minor number.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct State {
    pub(crate) devices: BTreeMap<u32, Device>,
}

pub(crate) type Outcome<T = ()> = Result<T, i32>;

impl State {
    pub(crate) fn named(&self, name: &str) -> Option<&Device> {
        self.devices.values().find(|device| device.name == name)
    }

    pub(crate) fn minor_of(&self, name: &str) -> Option<u32> {
        self.devices.iter().find(|(_, device)| device.name == name).map(|(minor, _)| *minor)
    }

    pub(crate) fn open_count(&self, minor: u32) -> i32 {
        let tables = self.devices.values().flat_map(Device::tables);
        let used = tables.filter(|table| table.uses().contains(&minor)).count();
        self.devices[&minor].opened + i32::try_from(used).unwrap()
    }

    pub(crate) fn get(&mut self, minor: u32) -> Outcome<&mut Device> {
        self.devices.get_mut(&minor).ok_or(ENOENT_DEVICE)
    }

    pub(crate) fn create(&mut self, name: &str, uuid: &str, minor: Option<u32>) -> Outcome<u32> {
        let is_taken = |device: &Device| device.name == name || !uuid.is_empty() && device.uuid == uuid;
        if self.devices.values().any(is_taken) || minor.is_some_and(|minor| self.devices.contains_key(&minor)) {
            return Err(nix::libc::EBUSY);
        }
        let minor = minor.unwrap_or_else(|| (0..).find(|minor| !self.devices.contains_key(minor)).unwrap());
        self.devices.insert(minor, Device { uuid: uuid.to_owned(), ..Device::new(name, None) });
        Ok(minor)
    }

    /// Returns whether the device is gone.
    pub(crate) fn remove(&mut self, minor: u32, deferred: bool) -> Outcome<bool> {
        if self.open_count(minor) > 0 {
            if !deferred {
                return Err(nix::libc::EBUSY);
            }
            self.get(minor)?.deferred = true;
            return Ok(false);
        }
        self.devices.remove(&minor);
        self.remove_closed();
        Ok(true)
    }

    /// A device whose removal was deferred goes when it is closed for the last time.
    pub(crate) fn remove_closed(&mut self) {
        while let Some(minor) =
            self.devices.keys().copied().find(|minor| self.devices[minor].deferred && self.open_count(*minor) == 0)
        {
            self.devices.remove(&minor);
        }
    }

    pub(crate) fn load(&mut self, minor: u32, table: Table) -> Outcome {
        if table.uses().iter().any(|used| *used == minor || !self.devices.contains_key(used)) {
            return Err(nix::libc::EINVAL);
        }
        self.get(minor)?.inactive = Some(table);
        self.remove_closed();
        Ok(())
    }

    /// Returns whether a uevent is sent.
    pub(crate) fn resume(&mut self, minor: u32, fault: Option<ResumeFault>) -> Outcome<bool> {
        let device = self.get(minor)?;
        if let Some(table) = device.inactive.take() {
            device.suspended = true;
            if fault == Some(ResumeFault::Swap) {
                self.remove_closed();
                return Err(nix::libc::EINVAL);
            }
            device.active = Some(table);
        }
        if !device.suspended {
            return Ok(false);
        }
        if device.active.is_none() || fault.is_some() {
            return Err(nix::libc::EINVAL);
        }
        device.suspended = false;
        self.remove_closed();
        Ok(true)
    }

    pub(crate) fn rename(&mut self, minor: u32, new: &str) -> Outcome {
        if self.named(new).is_some() {
            return Err(nix::libc::EBUSY);
        }
        self.get(minor)?.name = new.to_owned();
        Ok(())
    }

    pub(crate) fn set_uuid(&mut self, minor: u32, uuid: &str) -> Outcome {
        if self.devices.values().any(|device| device.uuid == uuid) {
            return Err(nix::libc::EBUSY);
        }
        let device = self.get(minor)?;
        if !device.uuid.is_empty() {
            return Err(nix::libc::EINVAL);
        }
        device.uuid = uuid.to_owned();
        Ok(())
    }

    pub(crate) fn message(&mut self, minor: u32, text: &str) -> Outcome {
        // A snapshot of an origin that serves I/O would not be consistent.
        if let Some(origin) = text.strip_prefix("snapshot of ") {
            let origin = self.named(origin).ok_or(nix::libc::ENODATA)?;
            if !origin.suspended {
                return Err(nix::libc::EPERM);
            }
        }
        let device = self.get(minor)?;
        if text == "@cancel_deferred_remove" {
            device.deferred = false;
        } else if device.active.is_none() {
            return Err(nix::libc::EINVAL);
        } else {
            device.messages += 1;
        }
        Ok(())
    }
}
