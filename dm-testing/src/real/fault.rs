//! Disks whose faults a test switches on and off.

use std::ops::Range;
use std::path::PathBuf;
use std::time::Duration;

use dm_core::udev::{Strategy, Udev, Visibility};
use dm_core::{AsDevId, DevId, Host, LineText, NameError, ReloadOptions, SuspendPolicy, TargetLine};
use dm_units::{DeviceNumber, Sectors};

use crate::real::error::Result;
use crate::real::scratch::{MappedDevice, Scratch};

/// How a [`FaultyDisk`] behaves.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Fault {
    /// As the disk below.
    None,
    /// All I/O fails. Target `error`.
    Errors,
    /// I/O to these sectors fails. Target `error`.
    ErrorsIn(Range<Sectors>),
    /// Writes fail, reads do not. Target `flakey`.
    WriteErrors,
    /// Writes seem to succeed and are dropped. Target `flakey`.
    LostWrites,
    /// All I/O takes this much longer, rounded down to milliseconds. Target `delay`.
    Slow(Duration),
    /// All I/O waits until another behaviour is set: the device is suspended.
    Hang,
}

/// A disk over another one whose behaviour can be changed at any time, under I/O.
///
/// ```no_run
/// use dm_testing::{Fault, FaultyDisk, Scratch, require};
/// use dm_units::{Bytes, Sectors};
///
/// # /*
/// #[test]
/// #[ignore = "needs root and device mapper"]
/// # */
/// fn a_bad_sector_is_reported() {
///     let Some(scratch) = Scratch::new(&[require::target("error")]) else { return };
///     let disk = scratch.loop_device(Bytes(1 << 20)).unwrap();
///     let faulty = FaultyDisk::over(&scratch, "faulty", disk.number(), disk.size()).unwrap();
///
///     faulty.set(&Fault::ErrorsIn(Sectors(100)..Sectors(108))).unwrap();
///     std::fs::read(faulty.path()).unwrap_err();
///
///     faulty.set(&Fault::None).unwrap();
///     std::fs::read(faulty.path()).unwrap();
/// }
/// # fn main() { a_bad_sector_is_reported() }
/// ```
#[derive(Debug)]
pub struct FaultyDisk {
    host: Host,
    device: MappedDevice,
    below: DeviceNumber,
    size: Sectors,
}

impl FaultyDisk {
    /// Makes a disk, named as by [`Scratch::name`], over the first sectors of another one. It has no fault yet.
    ///
    /// # Errors
    /// The suffix can't be part of a name, or the kernel refuses.
    pub fn over(scratch: &Scratch, suffix: &str, below: DeviceNumber, size: Sectors) -> Result<Self> {
        let device = scratch.map(suffix, lines(&texts(&Fault::None, below, size)))?;
        // udev may hang on a disk that hangs, so it is not waited for.
        let host = scratch.host().clone().with_udev(Udev::new(Strategy::None));
        Ok(Self { host, device, below, size })
    }

    /// Changes its behaviour.
    ///
    /// I/O that is under way completes first, as it was begun; I/O that hangs continues in the new way.
    ///
    /// # Errors
    /// The kernel refuses, for instance because it lacks the target. The disk then behaves as before.
    pub fn set(&self, fault: &Fault) -> Result<()> {
        // A file system on a disk that fails can't be frozen.
        let at_once = SuspendPolicy::new().noflush(true).skip_lockfs(true);
        if *fault == Fault::Hang {
            self.host.suspend_with(self, at_once)?;
            return Ok(());
        }
        let options = ReloadOptions::new().suspend(at_once).visibility(Visibility::Private);
        self.host.reload_with(self, lines(&texts(fault, self.below, self.size)), options)?;
        Ok(())
    }

    /// The mapped device that it is.
    #[must_use]
    pub const fn device(&self) -> &MappedDevice {
        &self.device
    }

    /// Its number, as tables name it.
    #[must_use]
    pub const fn number(&self) -> DeviceNumber {
        self.device.number()
    }

    /// Its node.
    #[must_use]
    pub fn path(&self) -> PathBuf {
        self.device.path()
    }

    /// Its size.
    #[must_use]
    pub const fn size(&self) -> Sectors {
        self.size
    }
}

/// By its number.
impl AsDevId for FaultyDisk {
    fn as_dev_id(&self) -> std::result::Result<DevId<'_>, NameError> {
        self.device.as_dev_id()
    }
}

/// A line of a table: start, length, target and params.
type LineOf = (Sectors, Sectors, &'static str, String);

fn lines(texts: &[LineOf]) -> impl Iterator<Item = TargetLine<LineText<'_, &str>>> {
    texts.iter().map(|(start, length, target, params)| TargetLine::text(*start, *length, target, params.as_str()))
}

/// The table of a behaviour.
fn texts(fault: &Fault, below: DeviceNumber, size: Sectors) -> Vec<LineOf> {
    let whole = |target, params| vec![(Sectors(0), size, target, params)];
    match fault {
        Fault::None | Fault::Hang => whole("linear", format!("{below} 0")),
        Fault::Errors => whole("error", String::new()),
        Fault::ErrorsIn(bad) => texts_around(bad, below, size),
        // Up for no second, then down for one, and so on: always down.
        Fault::WriteErrors => whole("flakey", format!("{below} 0 0 1 1 error_writes")),
        Fault::LostWrites => whole("flakey", format!("{below} 0 0 1 1 drop_writes")),
        Fault::Slow(delay) => whole("delay", format!("{below} 0 {}", delay.as_millis())),
    }
}

/// Errors in one range, the disk below before and behind it.
fn texts_around(bad: &Range<Sectors>, below: DeviceNumber, size: Sectors) -> Vec<LineOf> {
    let (start, end) = (bad.start.min(size), bad.end.min(size));
    let ranges = [(Sectors(0), start, true), (start, end, false), (end, size, true)];
    let line = |(start, end, good): (Sectors, Sectors, bool)| {
        let length = end.checked_sub(start).filter(|length| *length > Sectors(0))?;
        Some(match good {
            true => (start, length, "linear", format!("{below} {start}")),
            false => (start, length, "error", String::new()),
        })
    };
    ranges.into_iter().filter_map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(bad: Range<u64>) -> Vec<String> {
        let bad = Sectors(bad.start)..Sectors(bad.end);
        let texts = texts(&Fault::ErrorsIn(bad), DeviceNumber::new(7, 1), Sectors(100));
        lines(&texts).map(|line| line.to_string()).collect()
    }

    #[test]
    fn bad_sectors_are_cut_out() {
        assert_eq!(table(8..16), ["0 8 linear 7:1 0", "8 8 error ", "16 84 linear 7:1 16"]);
        assert_eq!(table(0..16), ["0 16 error ", "16 84 linear 7:1 16"]);
        assert_eq!(table(90..200), ["0 90 linear 7:1 0", "90 10 error "]);
    }
}
