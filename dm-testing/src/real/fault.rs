//! [`FaultyDisk`]: a disk whose faults a test switches on and off.

use std::ops::Range;
use std::path::PathBuf;
use std::time::Duration;

use dm_core::udev::{Strategy, Udev, Visibility};
use dm_core::{AsDevId, DevId, Host, LineText, NameError, ReloadOptions, SuspendPolicy, TargetLine};
use dm_units::{DeviceNumber, Sectors};

use crate::real::error::Result;
use crate::real::scratch::{MappedDevice, Scratch};

/// How a [`FaultyDisk`] fails, loses writes or delays I/O.
///
/// If the disk below does not support discards, discards fail with `EOPNOTSUPP` whatever the fault is. The exceptions
/// are [`Errors`](Self::Errors), and an [`ErrorsIn`](Self::ErrorsIn) that covers the whole disk.
///
/// With [`Errors`](Self::Errors), a flush without data succeeds. If the disk below has a write cache, such a flush
/// fails with [`WriteErrors`](Self::WriteErrors) and is dropped with [`LostWrites`](Self::LostWrites).
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Fault {
    /// No fault: the disk behaves like the disk below it.
    None,
    /// Reads, writes and discards fail with `EIO`. On older kernels such as 6.1, discards fail with `EOPNOTSUPP`. Needs
    /// the target `error`.
    Errors,
    /// Reads, writes and discards that touch one of these sectors fail with `EIO`. Sectors beyond the end of the disk
    /// are ignored. On older kernels such as 6.1, all discards of the disk fail with `EOPNOTSUPP`. Needs the target
    /// `error`.
    ErrorsIn(Range<Sectors>),
    /// Writes and discards fail with `EIO`; reads succeed. Needs the target `flakey`.
    WriteErrors,
    /// Writes and discards are dropped, but reported as successful. Needs the target `flakey`.
    LostWrites,
    /// Delays all I/O by this time, rounded down to milliseconds and limited to 4294967295 ms. The delay can be one
    /// tick of the kernel's timer too short. Needs the target `delay`.
    Slow(Duration),
    /// Suspends the device, so that I/O blocks until another fault is set. Read-ahead, and I/O that is not allowed to
    /// block, fail immediately.
    Hang,
}

/// A mapped device over a disk, with a [`Fault`] that a test can change at any time, also during I/O.
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
    /// Makes a faulty disk over the first `size` sectors of the disk `below`. [`Scratch::name`] makes its name from
    /// `suffix`. At first the disk has no fault.
    ///
    /// # Errors
    /// [`Error::Name`](crate::Error::Name): the suffix cannot be part of a name. [`Error::Dm`](crate::Error::Dm): the
    /// kernel refuses a command.
    pub fn over(scratch: &Scratch, suffix: &str, below: DeviceNumber, size: Sectors) -> Result<Self> {
        let device = scratch.map(suffix, lines(&texts(&Fault::None, below, size)))?;
        // udev may hang together with the disk, so this does not wait for it.
        let host = scratch.host().clone().with_udev(Udev::new(Strategy::None));
        Ok(Self { host, device, below, size })
    }

    /// Replaces the fault of the disk.
    ///
    /// Pending I/O first completes with the old fault; delayed I/O then completes without further delay. I/O that hangs
    /// continues with the new fault.
    ///
    /// # Errors
    /// [`Error::Op`](crate::Error::Op): the kernel refuses a command, for example because it lacks the target. If
    /// [`OpError::is_undone`](dm_core::OpError::is_undone) is true, the disk still has its old fault.
    pub fn set(&self, fault: &Fault) -> Result<()> {
        // A file system on a failing disk cannot be frozen.
        let at_once = SuspendPolicy::new().noflush(true).skip_lockfs(true);
        if *fault == Fault::Hang {
            self.host.suspend_with(self, at_once)?;
            return Ok(());
        }
        let options = ReloadOptions::new().suspend(at_once).visibility(Visibility::Private);
        self.host.reload_with(self, lines(&texts(fault, self.below, self.size)), options)?;
        Ok(())
    }

    /// The mapped device of the disk.
    #[must_use]
    pub const fn device(&self) -> &MappedDevice {
        &self.device
    }

    /// The device number, for use in tables.
    #[must_use]
    pub const fn number(&self) -> DeviceNumber {
        self.device.number()
    }

    /// The path of the kernel's node of the disk, such as `/dev/dm-0`.
    #[must_use]
    pub fn path(&self) -> PathBuf {
        self.device.path()
    }

    /// The size in sectors.
    #[must_use]
    pub const fn size(&self) -> Sectors {
        self.size
    }
}

/// Identifies the disk by its number.
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

/// The table for a behavior.
fn texts(fault: &Fault, below: DeviceNumber, size: Sectors) -> Vec<LineOf> {
    let whole = |target, params| vec![(Sectors(0), size, target, params)];
    match fault {
        Fault::None | Fault::Hang => whole("linear", format!("{below} 0")),
        Fault::Errors => whole("error", String::new()),
        Fault::ErrorsIn(bad) => texts_around(bad, below, size),
        // An up interval of 0 and a down interval of 1 second, so it is always down.
        Fault::WriteErrors => whole("flakey", format!("{below} 0 0 1 1 error_writes")),
        Fault::LostWrites => whole("flakey", format!("{below} 0 0 1 1 drop_writes")),
        // The kernel reads 32 bits and ignores the others.
        Fault::Slow(delay) => {
            whole("delay", format!("{below} 0 {}", u32::try_from(delay.as_millis()).unwrap_or(u32::MAX)))
        }
    }
}

/// The table with errors in one range, and the disk below before and after it.
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
    fn a_delay_fits_in_the_kernels_32_bits() {
        let params = |delay| texts(&Fault::Slow(delay), DeviceNumber::new(7, 1), Sectors(100)).remove(0).3;
        assert_eq!(params(Duration::from_micros(1500)), "7:1 0 1");
        assert_eq!(params(Duration::from_millis(1 << 32)), "7:1 0 4294967295");
    }

    #[test]
    fn bad_sectors_are_cut_out() {
        assert_eq!(table(8..16), ["0 8 linear 7:1 0", "8 8 error ", "16 84 linear 7:1 16"]);
        assert_eq!(table(0..16), ["0 16 error ", "16 84 linear 7:1 16"]);
        assert_eq!(table(90..200), ["0 90 linear 7:1 0", "90 10 error "]);
    }
}
