//! I/O to disks and mapped devices: a request is split at table lines and target blocks, and passed to the targets.

use dm_units::DeviceNumber;

use super::Kernel;
use super::disk::SECTOR;
use crate::memory::errno::Errno;

/// A read, write, discard or flush of a device.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Io<'a> {
    /// Reads whole sectors; bytes after the last whole one are ignored.
    Read(&'a mut [u8]),
    /// Writes; the length as for `Read`.
    Write(&'a [u8]),
    /// Discards this number of sectors.
    Discard(u64),
    /// Makes earlier writes survive a power failure.
    Flush,
}

/// The reason why an I/O did not complete.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum IoFault {
    Failed(Errno),
    /// The mapped device with this minor number is suspended, and queues the I/O.
    Held(u32),
    /// A target of the mapped device with this minor number queues the I/O, for example until there is space.
    Waits(u32),
}

impl From<Errno> for IoFault {
    fn from(errno: Errno) -> Self {
        Self::Failed(errno)
    }
}

pub(crate) type IoResult = Result<(), IoFault>;

impl Io<'_> {
    /// The length in sectors; 0 for a flush.
    pub(crate) fn sectors(&self) -> u64 {
        match self {
            Self::Read(data) => in_sectors(data),
            Self::Write(data) => in_sectors(data),
            Self::Discard(length) => *length,
            Self::Flush => 0,
        }
    }

    /// The part with the `length` sectors from the relative sector `from` on.
    pub(crate) fn part(&mut self, from: u64, length: u64) -> Io<'_> {
        let bytes = || {
            let start = usize::try_from(from).ok()?.checked_mul(SECTOR)?;
            Some(start..usize::try_from(length).ok()?.checked_mul(SECTOR)?.checked_add(start)?)
        };
        match self {
            Self::Read(data) => Io::Read(bytes().and_then(|bytes| data.get_mut(bytes)).unwrap_or_default()),
            Self::Write(data) => Io::Write(bytes().and_then(|bytes| data.get(bytes)).unwrap_or_default()),
            Self::Discard(_) => Io::Discard(length),
            Self::Flush => Io::Flush,
        }
    }

    /// Splits this I/O at multiples of `block` sectors (0: not at all), and calls `call` with the start and the I/O of each part.
    pub(crate) fn by_blocks(
        &mut self,
        start: u64,
        block: u64,
        mut call: impl FnMut(u64, Io<'_>) -> IoResult,
    ) -> IoResult {
        let end = start.saturating_add(self.sectors());
        let mut at = start;
        let mut parts = Parts::default();
        while at < end {
            let stop =
                at.checked_div(block).map_or(end, |number| number.saturating_add(1).saturating_mul(block)).min(end);
            parts.add(call(at, self.part(at.saturating_sub(start), stop.saturating_sub(at))))?;
            at = stop;
        }
        parts.result
    }
}

/// The result of a split I/O. All parts are executed even if one fails, and the I/O fails with the first error. A part that
/// waits ends the I/O at once.
#[derive(Debug)]
pub(crate) struct Parts {
    pub(crate) result: IoResult,
}

impl Default for Parts {
    fn default() -> Self {
        Self { result: Ok(()) }
    }
}

impl Parts {
    /// Records the result of a part.
    ///
    /// # Errors
    /// The part waits; the whole I/O is retried later.
    pub(crate) fn add(&mut self, part: IoResult) -> IoResult {
        match part {
            Err(IoFault::Failed(_)) if self.result.is_ok() => self.result = part,
            Ok(()) | Err(IoFault::Failed(_)) => {}
            Err(IoFault::Held(_) | IoFault::Waits(_)) => return part,
        }
        Ok(())
    }
}

fn in_sectors(data: &[u8]) -> u64 {
    u64::try_from(data.len().div_euclid(SECTOR)).unwrap_or(u64::MAX)
}

impl Kernel {
    /// Executes an I/O on a disk or a mapped device.
    pub(crate) fn io(&mut self, number: DeviceNumber, start: u64, io: Io<'_>) -> IoResult {
        match self.mapped(number) {
            Some(device) => self.mapped_io(device.minor, start, io),
            None => Ok(self.disks.get_mut(&number).ok_or(Errno::ENXIO)?.io(start, io)?),
        }
    }

    fn mapped_io(&mut self, minor: u32, start: u64, mut io: Io<'_>) -> IoResult {
        let device = self.device(minor)?;
        if io == Io::Flush && !device.caches_writes {
            return Ok(());
        }
        if matches!(io, Io::Discard(_)) && !device.discards {
            return Err(Errno::EOPNOTSUPP.into());
        }
        if device.holds_io() {
            return Err(IoFault::Held(minor));
        }
        let table = device.active.clone().ok_or(Errno::EIO)?;
        if io == Io::Flush {
            return table.lines.iter().try_for_each(|line| line.io(|target| target.io(self, 0, Io::Flush)));
        }
        let end = start.checked_add(io.sectors()).filter(|end| *end <= table.sectors()).ok_or(Errno::EIO)?;
        let (sectors, is_write) = (io.sectors(), !matches!(io, Io::Read(_)));
        let mut parts = Parts::default();
        let mut lines = table.lines.iter().filter(|line| line.start < end && start < line.end());
        let waits = lines.try_for_each(|line| {
            let (from, to) = (start.max(line.start), end.min(line.end()));
            let part = io.part(from.saturating_sub(start), to.saturating_sub(from));
            let origin = if line.kind.counts_from_device { 0 } else { line.start };
            parts.add(line.io(|target| target.io(self, from.saturating_sub(origin), part)))
        });
        // I/O that waits is counted when it completes.
        waits?;
        self.device_mut(minor)?.stats.account(start, sectors, is_write);
        parts.result
    }
}
