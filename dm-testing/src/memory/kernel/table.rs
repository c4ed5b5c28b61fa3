//! Tables: their lines, the devices they use, and how they are built (`struct dm_table` in drivers/md/dm-core.h).

use std::sync::{Mutex, PoisonError, TryLockError};

use dm_units::DeviceNumber;

use super::Kernel;
use super::io::IoResult;
use crate::memory::errno::Errno;
use crate::memory::targets::{self, Construction, Target, TargetType};

/// The largest size of a table in sectors: in bytes it must fit in an `i64` (`dm_table_add_target`).
const MAX_SECTORS: u64 = (1 << 54) - 1;

/// How the requests of a device are queued. The first table determines it, and no later one can change it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum QueueKind {
    Bios,
    Requests,
}

/// A device that a table uses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Use {
    pub(crate) number: DeviceNumber,
    pub(crate) writes: bool,
}

/// A part of another device that a target maps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Span {
    pub(crate) number: DeviceNumber,
    /// The first sector on that device.
    pub(crate) start: u64,
    /// The number of sectors.
    pub(crate) length: u64,
}

/// A line in the request of a `table_load`, before its target is constructed.
#[derive(Debug)]
pub(crate) struct RawLine<'a> {
    /// The first sector in the table.
    pub(crate) start: u64,
    /// The number of sectors.
    pub(crate) length: u64,
    pub(crate) target: &'a [u8],
    pub(crate) params: &'a [u8],
}

/// A line of a table, with its constructed target.
#[derive(Debug)]
pub(crate) struct Line {
    /// The first sector in the table.
    pub(crate) start: u64,
    /// The number of sectors.
    pub(crate) length: u64,
    pub(crate) kind: &'static TargetType,
    target: Mutex<Box<dyn Target>>,
}

impl Line {
    /// Calls a function with the target. Only one command runs at a time, and a command calls `with` on one target
    /// after the other, so the target is not locked. I/O that a target sends to other devices uses [`io`](Self::io).
    pub(crate) fn with<T>(&self, call: impl FnOnce(&mut dyn Target) -> T) -> T {
        call(self.target.lock().unwrap_or_else(PoisonError::into_inner).as_mut())
    }

    /// Calls a function that executes an I/O with the target. The target is locked if a device maps itself through other
    /// devices. Such an I/O would never complete in the kernel; here it fails.
    pub(crate) fn io(&self, call: impl FnOnce(&mut dyn Target) -> IoResult) -> IoResult {
        match self.target.try_lock() {
            Ok(mut target) => call(target.as_mut()),
            Err(TryLockError::Poisoned(poisoned)) => call(poisoned.into_inner().as_mut()),
            Err(TryLockError::WouldBlock) => Err(Errno::EIO.into()),
        }
    }

    pub(crate) const fn end(&self) -> u64 {
        self.start.saturating_add(self.length)
    }
}

/// A table in one of the slots of a device.
#[derive(Debug)]
pub(crate) struct Table {
    pub(crate) lines: Vec<Line>,
    pub(crate) read_only: bool,
    /// The devices that it uses, the last one first, as the kernel lists them.
    pub(crate) uses: Vec<Use>,
    /// The type of its targets if that is immutable: only a table with the same type or with a wildcard replaces it.
    pub(crate) immutable: Option<&'static TargetType>,
}

impl Table {
    /// Builds a table from lines. If a line is refused, the targets of the earlier ones are destroyed.
    pub(crate) fn build<'a>(
        kernel: &mut Kernel,
        minor: u32,
        lines: impl Iterator<Item = Result<RawLine<'a>, Errno>>,
        read_only: bool,
    ) -> Result<Self, Errno> {
        let mut table = Self { lines: Vec::new(), read_only, uses: Vec::new(), immutable: None };
        for line in lines {
            let added = line.and_then(|line| {
                table.add(kernel, minor, &line).inspect_err(|_| kernel.log("ioctl", "error adding target to table"))
            });
            if let Err(errno) = added {
                table.destroy(kernel);
                return Err(errno);
            }
        }
        Ok(table)
    }

    /// As `dm_table_add_target`.
    fn add(&mut self, kernel: &mut Kernel, minor: u32, line: &RawLine<'_>) -> Result<(), Errno> {
        let number = kernel.device(minor)?.number();
        let name = String::from_utf8_lossy(line.target);
        let refuse = |kernel: &mut Kernel, text: String| {
            kernel.log("table", &format!("{number}: {text}"));
            Err(Errno::EINVAL)
        };
        if let Some(first) = self.lines.first().filter(|first| first.kind.singleton) {
            return refuse(kernel, format!("target type {} must appear alone in table", first.kind.name));
        }
        if line.length == 0 {
            return refuse(kernel, "zero-length target".to_owned());
        }
        if line.start.checked_add(line.length).is_none_or(|end| end > MAX_SECTORS) {
            return refuse(kernel, "too large device".to_owned());
        }
        let Some(kind) = targets::find(&name) else {
            return refuse(kernel, format!("{name}: unknown target type"));
        };
        let made = self.make(kernel, minor, kind, line);
        match made {
            Ok(target) => {
                self.lines.push(Line { start: line.start, length: line.length, kind, target: Mutex::new(target) });
                Ok(())
            }
            Err((errno, reason)) => {
                kernel.log("table", &format!("{number}: {name}: {reason} ({errno})"));
                Err(errno)
            }
        }
    }

    fn make(
        &mut self,
        kernel: &mut Kernel,
        minor: u32,
        kind: &'static TargetType,
        line: &RawLine<'_>,
    ) -> Result<Box<dyn Target>, (Errno, String)> {
        let refuse = |reason: &str| Err((Errno::EINVAL, reason.to_owned()));
        if kind.singleton && !self.lines.is_empty() {
            return refuse("singleton target type must appear alone in table");
        }
        if kind.always_writeable && self.read_only {
            return refuse("target type may not be included in a read-only table");
        }
        if self.immutable.is_some_and(|other| other.name != kind.name)
            || kind.immutable && self.immutable.is_none() && !self.lines.is_empty()
        {
            return refuse("immutable target type cannot be mixed with other target types");
        }
        if kind.immutable {
            self.immutable = Some(kind);
        }
        if self.lines.last().map_or(0, Line::end) != line.start {
            return refuse("Gap in table");
        }
        let Ok(params) = std::str::from_utf8(line.params) else { return refuse("the params are not UTF-8") };
        let mut construction = Construction {
            kernel,
            minor,
            start: line.start,
            length: line.length,
            read_only: self.read_only,
            reason: String::from("Unknown error"),
            uses: &mut self.uses,
        };
        let made = (kind.construct)(&mut construction, params);
        made.map_err(|errno| (errno, construction.reason))
    }

    /// Destroys all targets (`dm_table_destroy`).
    pub(crate) fn destroy(&self, kernel: &mut Kernel) {
        self.each(|_, target| target.destroy(kernel));
    }

    /// Calls a function with each target.
    pub(crate) fn each(&self, mut call: impl FnMut(&Line, &mut dyn Target)) {
        for line in &self.lines {
            line.with(|target| call(line, target));
        }
    }

    /// Calls a function with each target, until one fails.
    pub(crate) fn try_each(
        &self,
        mut call: impl FnMut(&Line, &mut dyn Target) -> Result<(), Errno>,
    ) -> Result<(), Errno> {
        self.lines.iter().try_for_each(|line| line.with(|target| call(line, target)))
    }

    pub(crate) fn sectors(&self) -> u64 {
        self.lines.last().map_or(0, Line::end)
    }

    /// The line that maps a sector.
    pub(crate) fn line_at(&self, sector: u64) -> Option<&Line> {
        self.lines.iter().find(|line| line.start <= sector && sector < line.end())
    }

    /// Whether it has a target that can replace an immutable one (`dm_table_get_wildcard_target`).
    pub(crate) fn is_wildcard(&self) -> bool {
        self.lines.iter().any(|line| line.kind.wildcard)
    }

    pub(crate) fn queue(&self) -> QueueKind {
        let by_requests = self.lines.iter().any(|line| line.with(|target| target.queues_requests()));
        if by_requests { QueueKind::Requests } else { QueueKind::Bios }
    }

    /// Sets the limits of the device's queue from those of all devices below: it supports discards if all targets do
    /// (`dm_table_supports_discards`). A table whose targets lack devices leaves the limits of the active table unchanged
    /// (`dm_table_has_no_data_devices`).
    pub(crate) fn set_limits(&self, kernel: &mut Kernel, minor: u32) -> Result<(), Errno> {
        if kernel.device(minor)?.active.is_some()
            && self.lines.iter().all(|line| line.with(|target| target.lacks_devices()))
        {
            return Ok(());
        }
        let caches_writes = self.lines.iter().any(|line| {
            line.with(|target| {
                target.wants_flushes() || target.spans().iter().any(|span| kernel.caches_writes(span.number))
            })
        });
        let discards = self.lines.iter().all(|line| line.with(|target| target.discards(kernel)));
        let device = kernel.device_mut(minor)?;
        device.caches_writes = caches_writes;
        device.discards = discards;
        Ok(())
    }

    /// Checks that the devices are large enough, as `dm_calculate_queue_limits` does.
    pub(crate) fn check_areas(&self, kernel: &mut Kernel, minor: u32) -> Result<(), Errno> {
        let number = kernel.device(minor)?.number();
        let spans: Vec<Span> = self.lines.iter().flat_map(|line| line.with(|target| target.spans())).collect();
        for Span { number: used, start, length } in spans {
            // A device of size 0 is not checked: it may get a size later (`device_area_is_invalid`).
            let Some(sectors) = kernel.sectors(used).filter(|sectors| *sectors > 0) else { continue };
            if start >= sectors || start.saturating_add(length) > sectors {
                let sizes = format!("start={start}, len={length}, dev_size={sectors}");
                kernel.log("table", &format!("{number}: {used} too small for target: {sizes}"));
                return Err(Errno::EINVAL);
            }
        }
        Ok(())
    }
}
