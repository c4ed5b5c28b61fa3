//! A mapped device: its names, its two table slots, and its state (`struct mapped_device`, `struct hash_cell`).

use std::collections::BTreeSet;
use std::sync::Arc;

use dm_units::DeviceNumber;

use super::MAPPED_MAJOR;
use super::stats::Stats;
use super::table::{QueueKind, Table};

/// A mapped device and its state.
#[derive(Clone, Debug)]
pub(crate) struct Device {
    /// Distinguishes it from later devices with the same number.
    pub(crate) serial: u64,
    pub(crate) minor: u32,
    pub(crate) name: Vec<u8>,
    /// Empty without a uuid.
    pub(crate) uuid: Vec<u8>,
    pub(crate) active: Option<Arc<Table>>,
    pub(crate) inactive: Option<Arc<Table>>,
    pub(crate) suspended: bool,
    /// The number of targets of other devices that keep it suspended (`dm_internal_suspend_noflush`).
    pub(crate) internal_suspensions: usize,
    pub(crate) deferred_remove: bool,
    pub(crate) read_only: bool,
    /// Whether a device below may lose data that is not flushed; otherwise flushes succeed at once.
    pub(crate) caches_writes: bool,
    /// Whether its queue supports discards (`max_discard_sectors`).
    pub(crate) discards: bool,
    /// The number of times programs have it open.
    pub(crate) opened: usize,
    pub(crate) event_nr: u32,
    /// How its requests are queued, from its first table on.
    pub(crate) queue: Option<QueueKind>,
    /// The status that a test has set instead of that of its targets.
    pub(crate) status: Option<String>,
    /// The number of commands that wait for its events.
    pub(crate) waiters: usize,
    /// The number of I/Os that wait in its targets.
    pub(crate) in_flight: usize,
    /// The statistics of its I/O.
    pub(crate) stats: Stats,
    /// The geometry as stored by `dm_set_geometry`.
    pub(crate) geometry: Option<[u64; 4]>,
}

impl Device {
    pub(crate) fn new(serial: u64, minor: u32, name: &[u8], uuid: &[u8]) -> Self {
        Self {
            serial,
            minor,
            name: name.to_vec(),
            uuid: uuid.to_vec(),
            active: None,
            inactive: None,
            suspended: false,
            internal_suspensions: 0,
            deferred_remove: false,
            read_only: false,
            caches_writes: false,
            discards: false,
            opened: 0,
            event_nr: 0,
            queue: None,
            status: None,
            waiters: 0,
            in_flight: 0,
            stats: Stats::default(),
            geometry: None,
        }
    }

    pub(crate) const fn number(&self) -> DeviceNumber {
        DeviceNumber::new(MAPPED_MAJOR, self.minor)
    }

    /// Its length in sectors.
    pub(crate) fn sectors(&self) -> u64 {
        self.active.as_ref().map_or(0, |table| table.sectors())
    }

    /// Whether it has a disk, with a node and uevents: since the first load (`dm_setup_md_queue`).
    pub(crate) const fn has_node(&self) -> bool {
        self.queue.is_some()
    }

    pub(crate) const fn holds_io(&self) -> bool {
        self.suspended || self.internal_suspensions > 0
    }

    /// The number of times that its tables have another device open.
    pub(crate) fn openings(&self, used: DeviceNumber) -> usize {
        let tables = self.active.iter().chain(&self.inactive);
        let modes = tables.filter_map(|table| table.uses.iter().find(|other| other.number == used));
        modes.map(|other| other.writes).collect::<BTreeSet<bool>>().len()
    }

    pub(crate) fn name_text(&self) -> String {
        String::from_utf8_lossy(&self.name).into_owned()
    }
}
