//! Disks that fail when told to.

use std::ops::Range;
use std::path::PathBuf;
use std::time::Duration;

use dm_core::{Buffer, LoadOptions, Printed, ResumeOptions, SuspendOptions, TargetLine};
use dm_units::{DeviceNumber, Sectors};

use crate::error::Result;
use crate::scratch::{MappedDevice, Scratch};

/// How a [`FaultyDisk`] behaves.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Fault {
    /// As the disk below.
    None,
    /// All io fails. Target `error`.
    Errors,
    /// Io to these sectors fails. Target `error`.
    ErrorsIn(Range<Sectors>),
    /// Writes fail, reads do not. Target `flakey`.
    WriteErrors,
    /// Writes seem to succeed and are forgotten. Target `flakey`.
    LostWrites,
    /// All io takes so much longer, which is rounded down to milliseconds. Target `delay`.
    Slow(Duration),
    /// All io waits until another behaviour is set: the device is suspended.
    Hang,
}

/// A disk over another one whose behaviour can be changed at any time, under io.
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
pub struct FaultyDisk<'s> {
    scratch: &'s Scratch,
    device: MappedDevice,
    below: DeviceNumber,
    size: Sectors,
}

impl<'s> FaultyDisk<'s> {
    /// Makes a disk, named as by [`Scratch::name`], over the first sectors of another one. It has no fault yet.
    ///
    /// # Errors
    /// The suffix can't be part of a name, or the kernel refuses.
    pub fn over(scratch: &'s Scratch, suffix: &str, below: DeviceNumber, size: Sectors) -> Result<Self> {
        let lines = lines(&Fault::None, below, size);
        let device = scratch.map(suffix, lines)?;
        Ok(Self { scratch, device, below, size })
    }

    /// Changes its behaviour.
    ///
    /// Io that is under way has ended by then in the way it was begun; io that hangs goes on in the new way.
    ///
    /// # Errors
    /// The kernel refuses, for instance because it lacks the target.
    pub fn set(&self, fault: &Fault) -> Result<()> {
        let dm = self.scratch.dm();
        // A file system on a disk that fails can't be frozen.
        let at_once = SuspendOptions::new().noflush(true).skip_lockfs(true);
        if *fault == Fault::Hang {
            dm.device_suspend(self.number(), at_once)?;
            return Ok(());
        }
        let lines = lines(fault, self.below, self.size);
        dm.table_load(&mut Buffer::new(), self.number(), lines, LoadOptions::new())?;
        dm.device_resume(self.number(), ResumeOptions::new().suspend(at_once))?;
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

/// The table of a behaviour.
fn lines(fault: &Fault, below: DeviceNumber, size: Sectors) -> Vec<TargetLine<'static, Printed<String>>> {
    let whole = |target_type, params| vec![TargetLine::new(Sectors(0), size, target_type, params)];
    match fault {
        Fault::None | Fault::Hang => whole("linear", format!("{below} 0")),
        Fault::Errors => whole("error", String::new()),
        Fault::ErrorsIn(bad) => lines_around(bad, below, size),
        // Up for no second, then down for one, and so on: always down.
        Fault::WriteErrors => whole("flakey", format!("{below} 0 0 1 1 error_writes")),
        Fault::LostWrites => whole("flakey", format!("{below} 0 0 1 1 drop_writes")),
        Fault::Slow(delay) => whole("delay", format!("{below} 0 {}", delay.as_millis())),
    }
}

/// Errors in one stretch, the disk below before and behind it.
fn lines_around(bad: &Range<Sectors>, below: DeviceNumber, size: Sectors) -> Vec<TargetLine<'static, Printed<String>>> {
    let (start, end) = (bad.start.min(size), bad.end.min(size));
    let stretches = [(Sectors(0), start, true), (start, end, false), (end, size, true)];
    let line = |(start, end, good): (Sectors, Sectors, bool)| {
        let length = end.checked_sub(start).filter(|length| *length > Sectors(0))?;
        Some(match good {
            true => TargetLine::new(start, length, "linear", format!("{below} {start}")),
            false => TargetLine::new(start, length, "error", String::new()),
        })
    };
    stretches.into_iter().filter_map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(bad: Range<u64>) -> Vec<String> {
        let bad = Sectors(bad.start)..Sectors(bad.end);
        let lines = lines(&Fault::ErrorsIn(bad), DeviceNumber::new(7, 1), Sectors(100));
        lines.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn bad_sectors_are_cut_out() {
        assert_eq!(table(8..16), ["0 8 linear 7:1 0", "8 8 error ", "16 84 linear 7:1 16"]);
        assert_eq!(table(0..16), ["0 16 error ", "16 84 linear 7:1 16"]);
        assert_eq!(table(90..200), ["0 90 linear 7:1 0", "90 10 error "]);
    }
}
