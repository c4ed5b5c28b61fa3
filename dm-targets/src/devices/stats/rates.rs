//! [`StatsRates`]: the rates between two readings of a region.

use std::time::Duration;

use super::reading::add_counts;
use crate::message::stats::{StatsArea, StatsCounts};

/// Rates and averages of a region between two readings.
///
/// Δ is the difference between two readings of a counter, and *T* is the time between them:
///
/// | figure | formula | name in dmstats |
/// |---|---|---|
/// | [`per_second`](StatsFlow::per_second) | Δ requests completed / *T* | `reads_per_sec`, `writes_per_sec`, `throughput` |
/// | [`merged_per_second`](StatsFlow::merged_per_second) | Δ requests merged / *T* | `reads_merged_per_sec`, `writes_merged_per_sec` |
/// | [`bytes_per_second`](StatsFlow::bytes_per_second) | 512 · Δ sectors / *T* | `read_size_per_sec`, `write_size_per_sec` |
/// | [`mean_size`](StatsFlow::mean_size) | 512 · Δ sectors / Δ requests completed | `avg_request_size` |
/// | [`mean_wait`](StatsFlow::mean_wait) | Δ time of requests / Δ requests completed | `await`, `read_await`, `write_await` |
/// | [`utilization`](StatsFlow::utilization) | Δ time with any request in flight / *T* | `util` |
/// | [`queue_size`](Self::queue_size) | Δ weighted time / *T* | `queue_size` |
/// | [`service_time`](Self::service_time) | utilization / requests per second | `service_time` |
///
/// The counters are those of the kernel's `Documentation/admin-guide/device-mapper/statistics.rst`. The weighted time
/// includes requests that are still in flight; the time of requests includes only completed ones.
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct StatsRates {
    /// The time between the readings.
    pub interval: Duration,
    /// The rates of reads.
    pub reads: StatsFlow,
    /// The rates of writes.
    pub writes: StatsFlow,
    /// The rates of reads and writes together.
    pub all: StatsFlow,
    /// The average number of requests in flight.
    pub queue_size: f64,
    /// The average time that a request occupied the device, if the device processes one request at a time. `None`
    /// without requests.
    pub service_time: Option<Duration>,
}

/// The rates of reads, of writes, or of both, between two readings: see [`StatsRates`].
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct StatsFlow {
    /// The number of completed requests per second.
    pub per_second: f64,
    /// The number of requests per second that start where the previous request ended.
    pub merged_per_second: f64,
    /// The number of bytes per second.
    pub bytes_per_second: f64,
    /// The average size of a request in bytes. `None` without requests.
    pub mean_size: Option<f64>,
    /// The average time from the start of a request to its completion. `None` without requests.
    pub mean_wait: Option<Duration>,
    /// The fraction of the time during which any request was in flight, from 0 to 1. For several areas, it is the sum
    /// of their fractions, limited to 1.
    pub utilization: f64,
}

const SECTOR: f64 = 512.0;

impl StatsRates {
    /// `None` if a counter has decreased, or no time has passed.
    pub(super) fn between(
        before: Option<&StatsArea>,
        now: &StatsArea,
        interval: Duration,
        tick: Duration,
    ) -> Option<Self> {
        let grown = |counter: fn(&StatsArea) -> u64| counter(now).checked_sub(before.map_or(0, counter));
        let counts = |counts: fn(&StatsArea) -> &StatsCounts| grown_counts(before.map(counts), counts(now));
        let (reads, writes) = (counts(|area| &area.reads)?, counts(|area| &area.writes)?);
        let mut all = reads;
        add_counts(&mut all, &writes);
        let clock =
            Clock { interval: (!interval.is_zero()).then_some(interval)?.as_secs_f64(), tick: tick.as_secs_f64() };
        let reads = clock.flow(&reads, grown(|area| area.read_time)?);
        let writes = clock.flow(&writes, grown(|area| area.write_time)?);
        let all = clock.flow(&all, grown(|area| area.time)?);
        Some(Self {
            interval,
            reads,
            writes,
            all,
            queue_size: clock.seconds(grown(|area| area.weighted_time)?) / clock.interval,
            service_time: Duration::try_from_secs_f64(all.utilization / all.per_second).ok(),
        })
    }
}

fn grown_counts(before: Option<&StatsCounts>, now: &StatsCounts) -> Option<StatsCounts> {
    let before = before.copied().unwrap_or_default();
    Some(StatsCounts {
        completed: now.completed.checked_sub(before.completed)?,
        merged: now.merged.checked_sub(before.merged)?,
        sectors: now.sectors.checked_sub(before.sectors)?,
        time: now.time.checked_sub(before.time)?,
    })
}

/// The time between two readings, and the unit of their times; both in seconds.
struct Clock {
    interval: f64,
    tick: f64,
}

impl Clock {
    fn seconds(&self, ticks: u64) -> f64 {
        ticks as f64 * self.tick
    }

    fn flow(&self, counts: &StatsCounts, busy: u64) -> StatsFlow {
        let bytes = counts.sectors.0 as f64 * SECTOR;
        let completed = (counts.completed > 0).then_some(counts.completed as f64);
        StatsFlow {
            per_second: counts.completed as f64 / self.interval,
            merged_per_second: counts.merged as f64 / self.interval,
            bytes_per_second: bytes / self.interval,
            mean_size: completed.map(|completed| bytes / completed),
            mean_wait: completed
                .and_then(|completed| Duration::try_from_secs_f64(self.seconds(counts.time) / completed).ok()),
            utilization: (self.seconds(busy) / self.interval).min(1.0),
        }
    }
}
