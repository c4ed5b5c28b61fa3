//! The devices of a kernel with both tables: the initial and the final state of a case.

use std::collections::BTreeMap;

/// The major number of mapped devices.
pub(crate) const MAJOR: u32 = 4000;

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

    /// The minor numbers of the devices that it uses.
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
    /// The open count without tables that use it.
    pub(crate) opened: i32,
}

impl Device {
    pub(crate) fn new(name: &str, active: Option<Table>) -> Self {
        Self { name: name.to_owned(), active, ..Self::default() }
    }

    pub(crate) fn tables(&self) -> impl Iterator<Item = &Table> {
        self.active.iter().chain(&self.inactive)
    }
}

/// All devices by minor number.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct State {
    pub(crate) devices: BTreeMap<u32, Device>,
    /// The number of messages that targets have executed.
    pub(crate) messages: usize,
}

impl State {
    pub(crate) fn named(&self, name: &str) -> Option<&Device> {
        self.devices.values().find(|device| device.name == name)
    }

    pub(crate) fn open_count(&self, minor: u32) -> i32 {
        let tables = self.devices.values().flat_map(Device::tables);
        let used = tables.filter(|table| table.uses().contains(&minor)).count();
        self.devices[&minor].opened + i32::try_from(used).unwrap()
    }
}
