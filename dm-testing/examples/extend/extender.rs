//! The extender itself: it works on any [`Host`].

use std::time::Duration;

use dm_core::{DevIdBuf, DmName, Host, ReloadOptions, SuspendPolicy};
use dm_targets::devices::{Alarm, AlarmKind, DevError, LinearDev, Monitor, MonitorOptions, Space, ThinPoolDev};
use dm_units::Sectors;

/// How much of a pool may be used, in percent.
const LEVEL: u8 = 80;

/// How often to look at the pool between its events. Its low water mark has one, the level has none.
const INTERVAL: Duration = Duration::from_millis(500);

/// Follows a pool and extends it.
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
    /// Follows the pool of this name, which is extended by `step` until it has `limit`.
    pub(crate) fn open(host: &Host, pool: &DmName, step: Sectors, limit: Sectors) -> Result<Self, DevError> {
        let options = MonitorOptions::new().name(pool.to_owned()).levels([LEVEL]).status_interval(Some(INTERVAL));
        let monitor = Monitor::open_with(host, options)?;
        let pool = ThinPoolDev::open(host, pool)?;
        let data = data_of(host, &pool)?;
        Ok(Self { host: host.clone(), pool, data, step, limit, monitor })
    }

    /// Waits until something happens to the pool, at most for `timeout`, extends it if it is due, and reports what happened.
    pub(crate) fn watch(&mut self, timeout: Option<Duration>) -> Result<Vec<Alarm>, DevError> {
        let alarms = self.monitor.wait(timeout)?;
        if alarms.iter().any(is_short_of_space) {
            self.extend()?;
        }
        Ok(alarms)
    }

    /// Makes the data device longer, and then the pool. When the second fails, the next attempt begins with a longer device.
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
        // Flushing would wait for the writes that wait for space.
        let options = ReloadOptions::new().suspend(SuspendPolicy::new().noflush(true));
        self.pool.grow_with(&self.host, longer.max(length), options)
    }
}

fn is_short_of_space(alarm: &Alarm) -> bool {
    matches!(alarm.kind, AlarmKind::LevelReached { space: Space::Data, .. } | AlarmKind::BelowLowWater { .. })
}

/// The device that holds the data of a pool.
fn data_of(host: &Host, pool: &ThinPoolDev) -> Result<LinearDev, DevError> {
    let table = pool.table(host)?;
    match table.lines().first().and_then(|line| line.params.data.number()) {
        Some(number) => LinearDev::open(host, number),
        // The kernel prints devices by their numbers.
        None => Err(DevError::NoTable(DevIdBuf::Name(pool.name().to_owned()))),
    }
}
