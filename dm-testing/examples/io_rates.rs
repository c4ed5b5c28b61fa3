//! Prints a device's requests per second and its utilization once a second, like `iostat`.
//!
//! ```text
//! io_rates DEVICE SECONDS
//! ```

use std::error::Error;
use std::thread;
use std::time::Duration;

use dm_core::Host;
use dm_targets::WordBuf;
use dm_targets::devices::{DevError, Stats, StatsReading};
use dm_targets::stats::{StatsCreate, StatsRegion, StatsStep};

/// The counters of a whole device.
pub(crate) struct Counters {
    stats: Stats,
    region: StatsRegion,
    last: StatsReading,
}

impl Counters {
    /// Starts counting, and first deletes the counters that a killed program of this name has left.
    pub(crate) fn begin(host: &Host, device: &str, program: &WordBuf) -> Result<Self, DevError> {
        let stats = Stats::of(host, device)?;
        stats.delete_of(host, program)?;
        let whole = StatsCreate::new(None, StatsStep::Areas(1)).precise_timestamps().program(program.clone());
        let region = stats.create(host, &whole)?;
        let last = stats.read(host, &region)?;
        Ok(Self { stats, region, last })
    }

    /// The rates since the last call, in one line.
    pub(crate) fn line(&mut self, host: &Host) -> Result<String, DevError> {
        let now = self.stats.read(host, &self.region)?;
        let rates = now.rates_since(&self.last);
        self.last = now;
        Ok(rates.map_or_else(
            || "no time has passed".to_owned(),
            |rates| format!("{:.0} requests/s, {:.0} % busy", rates.all.per_second, rates.all.utilization * 100.0),
        ))
    }

    /// Stops counting.
    pub(crate) fn end(self, host: &Host) -> Result<(), DevError> {
        self.stats.delete(host, &self.region)
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [device, seconds] = arguments.as_slice() else { return Err("usage: io_rates DEVICE SECONDS".into()) };
    let host = Host::open()?;
    let mut counters = Counters::begin(&host, device, &WordBuf::new("io_rates")?)?;
    for _ in 0..seconds.parse()? {
        thread::sleep(Duration::from_secs(1));
        println!("{}", counters.line(&host)?);
    }
    counters.end(&host)?;
    Ok(())
}
