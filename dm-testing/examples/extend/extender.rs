//! The extender, which works on any [`Host`].

use std::time::Duration;

use dm_core::{DevIdBuf, DmName, Host, ReloadOptions, SuspendPolicy};
use dm_targets::devices::{Alarm, AlarmKind, DevError, LinearDev, Monitor, MonitorOptions, Space, ThinPoolDev};
use dm_units::Sectors;

/// The part of the pool in percent that may be used before it is extended.
const LEVEL: u8 = 80;

/// The time between two checks of the pool. Crossing the low water mark raises an event; reaching `LEVEL` does not.
const INTERVAL: Duration = Duration::from_millis(500);

/// Watches a pool and extends it.
#[derive(Debug)]
pub(crate) struct Extender {
    host: Host,
    pool: ThinPoolDev,
    data: LinearDev,
    step: Sectors,
    limit: Sectors,
    monitor: Monitor,
}

impl Extender {
    /// Watches the pool with this name, and extends it by `step` sectors up to `limit`.
    pub(crate) fn open(host: &Host, pool: &DmName, step: Sectors, limit: Sectors) -> Result<Self, DevError> {
        let options = MonitorOptions::new().name(pool.to_owned()).levels([LEVEL]).status_interval(Some(INTERVAL));
        let monitor = Monitor::open_with(host, options)?;
        let pool = ThinPoolDev::open(host, pool)?;
        let data = data_of(host, &pool)?;
        Ok(Self { host: host.clone(), pool, data, step, limit, monitor })
    }

    /// Waits at most `timeout` until something happens to the pool, extends it if necessary, and returns what happened.
    pub(crate) fn watch(&mut self, timeout: Option<Duration>) -> Result<Vec<Alarm>, DevError> {
        let alarms = self.monitor.wait(timeout)?;
        if alarms.iter().any(is_short_of_space) {
            self.extend()?;
        }
        Ok(alarms)
    }

    /// Extends the data device and then the pool. If the latter fails, the next attempt extends the data device again.
    fn extend(&self) -> Result<(), DevError> {
        let length = self.data.table(&self.host)?.length();
        let longer = length.saturating_add(self.step).min(self.limit);
        let more = longer.saturating_sub(length);
        if more > Sectors(0) {
            self.data.change(&self.host, |lines| {
                if let Some(last) = lines.last_mut() {
                    last.length = last.length.saturating_add(more);
                }
            })?;
        }
        // A suspend that flushes would wait for the writes that wait for space.
        let options = ReloadOptions::new().suspend(SuspendPolicy::new().noflush(true));
        self.pool.grow_with(&self.host, longer.max(length), options)
    }
}

fn is_short_of_space(alarm: &Alarm) -> bool {
    matches!(alarm.kind, AlarmKind::LevelReached { space: Space::Data, .. } | AlarmKind::BelowLowWater { .. })
}

/// The data device of a pool.
fn data_of(host: &Host, pool: &ThinPoolDev) -> Result<LinearDev, DevError> {
    let table = pool.table(host)?;
    match table.lines().first().and_then(|line| line.params.data.number()) {
        Some(number) => LinearDev::open(host, number),
        // The kernel prints devices as numbers.
        None => Err(DevError::NoTable(DevIdBuf::Name(pool.name().to_owned()))),
    }
}
