//! Removes the devices that a test has left, in whatever state.

use std::thread;
use std::time::{Duration, Instant};

use dm_core::{
    DmName, DmNameBuf, Host, OpError, RemovePolicy, Result, ResumeOptions, StatusOptions, SuspendOptions, TargetLine,
};
use dm_units::Sectors;

use crate::real::error::in_full;

/// The pause between two rounds in which no device could be removed.
const PAUSE: Duration = Duration::from_millis(5);

/// Removes the devices that `left` finds until it finds none. If their number does not decrease for `timeout`, returns
/// descriptions of the rest.
///
/// A round that removes something may free what that device used, so the next round follows at once.
pub(crate) fn remove_devices(host: &Host, timeout: Duration, left: impl Fn() -> Result<Vec<DmNameBuf>>) -> Vec<String> {
    let (mut fewest, mut since) = (usize::MAX, Instant::now());
    loop {
        let names = match left() {
            Ok(names) if names.is_empty() => return Vec::new(),
            Ok(names) => names,
            Err(error) => return vec![in_full(&error)],
        };
        if names.len() < fewest {
            (fewest, since) = (names.len(), Instant::now());
        } else if since.elapsed() > timeout {
            return names.iter().map(|name| give_up(host, name)).collect();
        }
        let stuck: Vec<_> = names.iter().filter(|name| !remove(host, name, RemovePolicy::new())).collect();
        if stuck.len() == names.len() {
            for name in stuck {
                // A device that cannot be removed is reported in the end.
                let _ = unblock(host, name);
            }
            thread::sleep(PAUSE);
        }
    }
}

/// Returns whether the device is removed. Errors about `/dev` are ignored.
fn remove(host: &Host, name: &DmName, policy: RemovePolicy) -> bool {
    host.remove_with(name, policy).map_or_else(|error: OpError| error.is_done() || error.is_not_found(), |_| true)
}

/// Clears the inactive table, which keeps other devices open, and ends I/O that waits on the suspended device.
fn unblock(host: &Host, name: &DmName) -> Result<()> {
    let dm = host.dm();
    dm.table_clear(name)?;
    if !dm.device_info(name)?.is_suspended() {
        return Ok(());
    }
    let table = dm.table_status_with(name, StatusOptions::table().noflush(true))?;
    let end = table.iter().last().transpose()?.map_or(Sectors(0), |line| line.start.saturating_add(line.length));
    if end > Sectors(0) {
        dm.table_load(name, [TargetLine::text(Sectors(0), end, "error", "")])?;
    }
    dm.device_resume_with(name, ResumeOptions::new().suspend(SuspendOptions::without_flush()))?;
    Ok(())
}

/// Makes the kernel remove a device at its last close. Returns the reason why it still exists.
fn give_up(host: &Host, name: &DmName) -> String {
    let state = match host.dm().device_info(name) {
        Ok(info) => format!("{}, open {} times", info.number(), info.open_count()),
        Err(error) => in_full(&error),
    };
    remove(host, name, RemovePolicy::new().deferred(true));
    format!("mapped device {} ({state})", name.shown())
}
