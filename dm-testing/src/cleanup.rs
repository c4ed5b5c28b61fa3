//! Removal of whatever a test has left, in whatever state.

use std::thread;
use std::time::{Duration, Instant};

use dm_core::{
    Buffer, DevId, Dm, DmNameBuf, InfoOptions, LoadOptions, RemoveOptions, Result, ResumeOptions, StatusOptions,
    SuspendOptions, TargetLine,
};
use dm_units::Sectors;

/// Between two rounds in which nothing could be removed.
const PAUSE: Duration = Duration::from_millis(5);

/// Removes the devices that `left` finds until it finds none; says which stay, once so long they did not become fewer.
///
/// A round that removes something may free what that stood on, so the next follows at once.
pub(crate) fn remove_devices(dm: &Dm, limit: Duration, left: impl Fn() -> Result<Vec<DmNameBuf>>) -> Vec<String> {
    let (mut fewest, mut since) = (usize::MAX, Instant::now());
    loop {
        let names = match left() {
            Ok(names) if names.is_empty() => return Vec::new(),
            Ok(names) => names,
            Err(error) => return vec![error.to_string()],
        };
        if names.len() < fewest {
            (fewest, since) = (names.len(), Instant::now());
        } else if since.elapsed() > limit {
            return names.iter().map(|name| give_up(dm, name)).collect();
        }
        let stuck: Vec<_> = names.iter().filter(|name| !remove(dm, name, RemoveOptions::new())).collect();
        if stuck.len() == names.len() {
            for name in stuck {
                // Where it fails, the device is reported in the end.
                let _ = unblock(dm, name);
            }
            thread::sleep(PAUSE);
        }
    }
}

/// Whether the device is gone.
fn remove(dm: &Dm, name: &DmNameBuf, options: RemoveOptions) -> bool {
    match dm.device_remove(name, options) {
        Ok(_) => true,
        Err(error) => error.is_not_found(),
    }
}

/// Has the device itself let go what keeps devices open: its inactive table, and io that waits while it is suspended.
fn unblock(dm: &Dm, name: &DmNameBuf) -> Result<()> {
    dm.table_clear(name)?;
    if !dm.device_info(name, InfoOptions::new())?.is_suspended() {
        return Ok(());
    }
    let mut buffer = Buffer::new();
    let size = size(dm, &mut buffer, name.into())?;
    if size > Sectors(0) {
        let errors = TargetLine::new(Sectors(0), size, "error", "");
        dm.table_load(&mut buffer, name, [errors], LoadOptions::new())?;
    }
    let at_once = SuspendOptions::new().noflush(true).skip_lockfs(true);
    dm.device_resume(name, ResumeOptions::new().suspend(at_once))?;
    Ok(())
}

/// The size of the table in force; 0 without one.
fn size(dm: &Dm, buffer: &mut Buffer, id: DevId<'_>) -> Result<Sectors> {
    let table = dm.table_status(buffer, id, StatusOptions::table().noflush(true))?;
    let last = table.iter().last().transpose()?;
    Ok(last.map_or(Sectors(0), |line| line.start.saturating_add(line.length)))
}

/// Has a device removed at its last close; says why it is still there.
fn give_up(dm: &Dm, name: &DmNameBuf) -> String {
    let state = match dm.device_info(name, InfoOptions::new()) {
        Ok(info) => format!("{}, open {} times", info.number(), info.open_count()),
        Err(error) => error.to_string(),
    };
    remove(dm, name, RemoveOptions::new().deferred(true));
    format!("mapped device {} ({state})", name.as_borrowed().mangled())
}
