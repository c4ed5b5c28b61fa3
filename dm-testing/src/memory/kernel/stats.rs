//! The I/O statistics of a device, by regions and their areas (`struct dm_stat` in drivers/md/dm-stats.c). All times
//! are 0.

use std::collections::BTreeMap;
use std::fmt::Write as _;

/// The regions of a device, by number.
#[derive(Clone, Debug, Default)]
pub(crate) struct Stats {
    pub(crate) regions: BTreeMap<u32, Region>,
}

/// A region with its counters.
#[derive(Clone, Debug)]
pub(crate) struct Region {
    /// The first sector.
    pub(crate) start: u64,
    /// The sector after the last one.
    pub(crate) end: u64,
    /// The length of an area in sectors.
    pub(crate) step: u64,
    pub(crate) is_precise: bool,
    /// The times between the buckets of its histograms.
    pub(crate) boundaries: Vec<u64>,
    pub(crate) program: String,
    pub(crate) aux: String,
    /// The areas with I/O.
    areas: BTreeMap<u64, Area>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Area {
    reads: Counts,
    writes: Counts,
}

#[derive(Clone, Copy, Debug, Default)]
struct Counts {
    /// The number of completed I/Os.
    ios: u64,
    /// The number of sectors that they read or wrote.
    sectors: u64,
}

impl Stats {
    /// Counts an I/O.
    pub(crate) fn account(&mut self, start: u64, sectors: u64, is_write: bool) {
        let end = start.saturating_add(sectors);
        for region in self.regions.values_mut() {
            region.account(start.max(region.start), end.min(region.end), is_write);
        }
    }

    /// Adds a region and returns its number, the first free one.
    pub(crate) fn add(&mut self, region: Region) -> u32 {
        let number = (0..).find(|number| !self.regions.contains_key(number)).unwrap_or(u32::MAX);
        self.regions.insert(number, region);
        number
    }
}

impl Region {
    pub(crate) fn new(start: u64, end: u64, step: u64) -> Self {
        let none = || "-".to_owned();
        Self {
            start,
            end,
            step,
            is_precise: false,
            boundaries: Vec::new(),
            program: none(),
            aux: none(),
            areas: BTreeMap::new(),
        }
    }

    /// The number of its areas.
    pub(crate) fn len(&self) -> u64 {
        self.end.saturating_sub(self.start).div_ceil(self.step.max(1))
    }

    /// Counts an I/O between two sectors, as one I/O in each area.
    fn account(&mut self, mut at: u64, end: u64, is_write: bool) {
        while at < end {
            let number = at.saturating_sub(self.start).checked_div(self.step).unwrap_or(0);
            let next = number.saturating_add(1).saturating_mul(self.step).saturating_add(self.start).min(end);
            let area = self.areas.entry(number).or_default();
            let counts = if is_write { &mut area.writes } else { &mut area.reads };
            counts.ios = counts.ios.wrapping_add(1);
            counts.sectors = counts.sectors.wrapping_add(next.saturating_sub(at));
            at = next;
        }
    }

    /// A line for each of the areas from a number on.
    pub(crate) fn print(&self, from: u64, to: u64) -> String {
        let mut text = String::new();
        for number in from..to {
            let start = self.start.saturating_add(self.step.saturating_mul(number));
            let Area { reads, writes } = self.areas.get(&number).copied().unwrap_or_default();
            let counts = |counts: Counts| format!("{} 0 {} 0", counts.ios, counts.sectors);
            let _ = write!(text, "{start}+{} {} {} 0 0 0 0 0", self.step, counts(reads), counts(writes));
            if !self.boundaries.is_empty() {
                // All I/O takes less time than the first boundary.
                let _ = write!(text, " {}{}", reads.ios.wrapping_add(writes.ios), ":0".repeat(self.boundaries.len()));
            }
            text.push('\n');
        }
        text
    }

    /// Resets the counters of a range of areas.
    pub(crate) fn clear(&mut self, from: u64, to: u64) {
        self.areas.retain(|number, _| !(from..to).contains(number));
    }
}
