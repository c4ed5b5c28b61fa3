//! [`StatsReading`]: the counters of a region at one moment.

use alloc::vec::Vec;
use std::time::{Duration, Instant};

use super::StatsRates;
use crate::message::stats::{StatsArea, StatsCounts, StatsRange};

/// The counters of a region at one moment, from [`Stats::read`](super::Stats::read).
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct StatsReading {
    /// The time at which the reply arrived.
    pub taken_at: Instant,
    /// Whether times are in nanoseconds instead of milliseconds.
    pub precise_timestamps: bool,
    /// The areas, in the order of their sectors. The last area of the region ends where the region ends.
    pub areas: Vec<StatsArea>,
}

impl StatsReading {
    /// The sum of the counters of all areas. `None` without areas.
    ///
    /// The range extends from the start of the first area to the end of the last. The times with any request in flight
    /// are added up like the other counters, so areas that are busy at the same time count several times.
    #[must_use]
    pub fn total(&self) -> Option<StatsArea> {
        let (first, rest) = self.areas.split_first()?;
        let mut total = first.clone();
        rest.iter().for_each(|area| add(&mut total, area));
        Some(total)
    }

    /// The rates of all areas together since an earlier reading of the same region.
    ///
    /// `None` if they cannot be computed: a counter has decreased because the region was cleared or replaced, the
    /// readings have different areas or none, or no time has passed.
    #[must_use]
    pub fn rates_since(&self, earlier: &Self) -> Option<StatsRates> {
        let (before, now) = (earlier.total()?, self.total()?);
        if before.range != now.range || earlier.areas.len() != self.areas.len() {
            return None;
        }
        StatsRates::between(Some(&before), &now, self.interval_since(earlier)?, self.tick())
    }

    /// The rates of each area since an earlier reading of the same region, as [`rates_since`](Self::rates_since).
    ///
    /// Each area is compared with the area of the same range in `earlier`. Areas that `earlier` does not have are left
    /// out.
    #[must_use]
    pub fn area_rates_since(&self, earlier: &Self) -> Vec<(StatsRange, StatsRates)> {
        let Some(interval) = self.interval_since(earlier) else { return Vec::new() };
        let rates = |area: &StatsArea| {
            let before = earlier.areas.iter().find(|before| before.range == area.range)?;
            Some((area.range, StatsRates::between(Some(before), area, interval, self.tick())?))
        };
        self.areas.iter().filter_map(rates).collect()
    }

    /// The rates of all areas together, for a reading from [`read_and_clear`](super::Stats::read_and_clear). `interval`
    /// is the time since the region was created or last cleared. `None` if `interval` is zero, or if there are no
    /// areas.
    #[must_use]
    pub fn rates_over(&self, interval: Duration) -> Option<StatsRates> {
        StatsRates::between(None, &self.total()?, interval, self.tick())
    }

    fn interval_since(&self, earlier: &Self) -> Option<Duration> {
        let same_unit = self.precise_timestamps == earlier.precise_timestamps;
        self.taken_at.checked_duration_since(earlier.taken_at).filter(|_| same_unit)
    }

    /// The unit of times.
    const fn tick(&self) -> Duration {
        if self.precise_timestamps { Duration::from_nanos(1) } else { Duration::from_millis(1) }
    }
}

fn add(total: &mut StatsArea, area: &StatsArea) {
    total.range.length = total.range.length.saturating_add(area.range.length);
    add_counts(&mut total.reads, &area.reads);
    add_counts(&mut total.writes, &area.writes);
    total.in_flight = total.in_flight.saturating_add(area.in_flight);
    total.time = total.time.saturating_add(area.time);
    total.weighted_time = total.weighted_time.saturating_add(area.weighted_time);
    total.read_time = total.read_time.saturating_add(area.read_time);
    total.write_time = total.write_time.saturating_add(area.write_time);
    for (total, count) in total.histogram.iter_mut().zip(&area.histogram) {
        *total = total.saturating_add(*count);
    }
}

pub(super) fn add_counts(total: &mut StatsCounts, counts: &StatsCounts) {
    total.completed = total.completed.saturating_add(counts.completed);
    total.merged = total.merged.saturating_add(counts.merged);
    total.sectors = total.sectors.saturating_add(counts.sectors);
    total.time = total.time.saturating_add(counts.time);
}
