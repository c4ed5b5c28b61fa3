//! The targets, with their I/O, statuses and messages.
//!
//! Positions, lengths and sizes of blocks are numbers of sectors of 512 bytes, unless their docs have another unit. A `length` is
//! the length of the target, a `minor` the minor number of its device.
//!
//! To add a target, write a file with a constructor and an `impl` of [`Target`], and add a line to [`TYPES`].

mod cache;
mod clone;
mod crypt;
mod delay;
mod dust;
mod ebs;
mod era;
mod error;
mod flakey;
mod integrity;
mod linear;
mod log_writes;
mod marks;
mod mirror;
mod multipath;
mod part;
mod raid;
mod snapshot;
mod striped;
mod switch;
pub(super) mod thin;
mod unstriped;
mod vdo;
mod verity;
mod writecache;
mod zero;
mod zoned;

use std::fmt;

use dm_targets::{Device, ParseError};
use dm_units::{DeviceNumber, Sectors, Version};

use super::errno::Errno;
use super::kernel::Kernel;
use super::kernel::io::{Io, IoResult};
use super::kernel::table::{Span, Use};

/// The state that targets of several tables share, which the kernel's modules keep in global lists.
#[derive(Debug, Default)]
pub(crate) struct Shared {
    pub(crate) snapshots: snapshot::Snapshots,
    pub(crate) thin: thin::ThinPools,
}

/// A type of target (`struct target_type` in include/linux/device-mapper.h).
pub(crate) struct TargetType {
    pub(crate) name: &'static str,
    pub(crate) version: Version,
    pub(crate) singleton: bool,
    pub(crate) immutable: bool,
    pub(crate) always_writeable: bool,
    pub(crate) wildcard: bool,
    /// Whether its sectors are counted from the start of the mapped device instead of the line: its `map` does not call
    /// `dm_target_offset`.
    pub(crate) counts_from_device: bool,
    pub(crate) construct: Constructor,
}

/// Makes a target from its params.
type Constructor = fn(&mut Construction<'_>, &str) -> Result<Box<dyn Target>, Errno>;

impl TargetType {
    const fn new(name: &'static str, version: [u32; 3], construct: Constructor) -> Self {
        let [major, minor, patch] = version;
        let version = Version::new(major, minor, patch);
        Self {
            name,
            version,
            singleton: false,
            immutable: false,
            always_writeable: false,
            wildcard: false,
            counts_from_device: false,
            construct,
        }
    }

    const fn singleton(self) -> Self {
        Self { singleton: true, ..self }
    }

    const fn immutable(self) -> Self {
        Self { immutable: true, ..self }
    }

    const fn always_writeable(self) -> Self {
        Self { always_writeable: true, ..self }
    }

    const fn wildcard(self) -> Self {
        Self { wildcard: true, ..self }
    }

    const fn counts_from_device(self) -> Self {
        Self { counts_from_device: true, ..self }
    }
}

impl fmt::Debug for TargetType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("TargetType").field(&self.name).finish()
    }
}

/// The target types, with the versions of Linux 6.12.
static TYPES: &[TargetType] = &[
    TargetType::new("delay", [1, 4, 0], delay::construct),
    TargetType::new("error", [1, 7, 0], error::construct).wildcard(),
    TargetType::new("flakey", [1, 5, 0], flakey::construct),
    TargetType::new("linear", [1, 4, 0], linear::construct),
    TargetType::new("snapshot", [1, 16, 0], snapshot::snapshot_target::construct).counts_from_device(),
    TargetType::new("snapshot-merge", [1, 5, 0], snapshot::snapshot_target::construct_merge).counts_from_device(),
    TargetType::new("snapshot-origin", [1, 9, 0], snapshot::origin_target::construct).counts_from_device(),
    TargetType::new("striped", [1, 6, 0], striped::construct),
    TargetType::new("thin", [1, 23, 0], thin::thin_target::construct),
    TargetType::new("thin-pool", [1, 23, 0], thin::pool_target::construct).singleton().always_writeable().immutable(),
    TargetType::new("zero", [1, 2, 0], zero::construct),
    TargetType::new("cache", [2, 3, 0], cache::construct).counts_from_device(),
    TargetType::new("clone", [1, 0, 0], clone::construct),
    TargetType::new("crypt", [1, 28, 0], crypt::construct),
    TargetType::new("dust", [1, 0, 0], dust::construct),
    TargetType::new("ebs", [1, 0, 1], ebs::construct),
    TargetType::new("era", [1, 0, 0], era::construct),
    TargetType::new("integrity", [1, 14, 0], integrity::construct).singleton(),
    TargetType::new("log-writes", [1, 1, 0], log_writes::construct).counts_from_device(),
    TargetType::new("mirror", [1, 14, 0], mirror::construct),
    TargetType::new("multipath", [1, 14, 0], multipath::construct).singleton().immutable(),
    TargetType::new("raid", [1, 15, 1], raid::construct).counts_from_device(),
    TargetType::new("switch", [1, 1, 0], switch::construct),
    TargetType::new("unstriped", [1, 1, 0], unstriped::construct),
    TargetType::new("vdo", [9, 1, 0], vdo::construct).singleton(),
    TargetType::new("verity", [1, 10, 0], verity::construct).singleton().immutable(),
    TargetType::new("writecache", [1, 6, 0], writecache::construct),
    TargetType::new("zoned", [2, 0, 0], zoned::construct).singleton(),
];

/// All types.
pub(crate) fn all() -> impl Iterator<Item = &'static TargetType> {
    TYPES.iter()
}

/// Finds a type by its name.
pub(crate) fn find(name: &str) -> Option<&'static TargetType> {
    TYPES.iter().find(|kind| kind.name == name)
}

/// The arguments and results of a constructor (`struct dm_target` before it is complete).
#[derive(Debug)]
pub(crate) struct Construction<'a> {
    pub(crate) kernel: &'a mut Kernel,
    /// The device into which the table is loaded.
    pub(crate) minor: u32,
    /// The first sector of the target in its table.
    pub(crate) start: u64,
    /// The length of the target.
    pub(crate) length: u64,
    pub(crate) read_only: bool,
    /// The reason for the log if the target is refused.
    pub(crate) reason: String,
    pub(crate) uses: &'a mut Vec<Use>,
}

impl Construction<'_> {
    /// Refuses the target with a reason.
    pub(crate) fn refuse<T>(&mut self, errno: Errno, reason: impl Into<String>) -> Result<T, Errno> {
        self.reason = reason.into();
        Err(errno)
    }

    /// Parses and checks the params of a target.
    pub(crate) fn params<T: dm_targets::Target>(&mut self, params: &str) -> Result<T::Table, Errno> {
        let read = |error: ParseError| error.to_string();
        let table = T::parse_input(params).map_err(read).and_then(|table| {
            T::check(&table, Sectors(self.length)).map_err(|field| field.to_string())?;
            Ok(table)
        });
        table.or_else(|reason| self.refuse(Errno::EINVAL, reason))
    }

    /// Refuses unknown words, which the library accepts because a later kernel may support them.
    pub(crate) fn only_known<W>(&mut self, unknown: &[W], reason: &str) -> Result<(), Errno> {
        if unknown.is_empty() { Ok(()) } else { self.refuse(Errno::EINVAL, reason) }
    }

    /// Opens a device, in the mode of the table (`dm_get_device`); `failure` is the reason for the log if that fails.
    pub(crate) fn device(&mut self, device: &Device, failure: &str) -> Result<DeviceNumber, Errno> {
        let writes = !self.read_only;
        self.device_for(device, writes, failure)
    }

    /// Opens a device for reading, or also for writing.
    pub(crate) fn device_for(&mut self, device: &Device, writes: bool, failure: &str) -> Result<DeviceNumber, Errno> {
        let opened = match device {
            Device::Number(number) => Ok(*number),
            Device::Path(path) => self.kernel.lookup(path.as_str()),
        };
        opened.and_then(|number| self.open(number, writes)).or_else(|errno| self.refuse(errno, failure))
    }

    /// Opens devices after params were refused, since the kernel opens them before it checks the refused words. Each
    /// entry has the device, whether it is written, and the reason for the log.
    pub(crate) fn open_first(&mut self, devices: &[(&str, bool, &str)]) -> Result<(), Errno> {
        for (word, writes, failure) in devices {
            let Ok(device) = Device::new(*word) else { return Ok(()) };
            self.device_for(&device, *writes, failure)?;
        }
        Ok(())
    }

    fn open(&mut self, number: DeviceNumber, writes: bool) -> Result<DeviceNumber, Errno> {
        let kernel = &*self.kernel;
        if kernel.device(self.minor)?.number() == number {
            return Err(Errno::EINVAL);
        }
        // A table may write to a read-only device; only programs may not (`bdev_open` in block/bdev.c).
        let exists = match kernel.mapped(number) {
            Some(device) => device.has_node(),
            None => kernel.disks.contains_key(&number),
        };
        if !exists {
            return Err(Errno::ENXIO);
        }
        match self.uses.iter_mut().find(|other| other.number == number) {
            Some(other) => other.writes |= writes,
            None => self.uses.insert(0, Use { number, writes }),
        }
        Ok(number)
    }
}

/// The reply to a message, with or without a text.
pub(crate) type Answer = Result<Option<String>, Errno>;

fn is_suspended(kernel: &Kernel, minor: u32) -> bool {
    kernel.device(minor).is_ok_and(|device| device.suspended)
}

/// A target of a table.
///
/// Sectors are counted from the start of the target, unless its type counts them from the start of the device.
pub(crate) trait Target: fmt::Debug + Send {
    /// Prints the params as `STATUSTYPE_TABLE` does.
    fn table(&self, kernel: &Kernel) -> String;

    /// Prints the status as `STATUSTYPE_INFO` does.
    fn status(&mut self, kernel: &mut Kernel, noflush: bool) -> String {
        let _ = (kernel, noflush);
        String::new()
    }

    /// Executes an I/O.
    fn io(&mut self, kernel: &mut Kernel, start: u64, io: Io<'_>) -> IoResult;

    /// The parts of other devices that must exist (`iterate_devices`).
    fn spans(&self) -> Vec<Span> {
        Vec::new()
    }

    /// Whether it needs flushes even if no device below caches writes (`flush_supported`).
    fn wants_flushes(&self) -> bool {
        true
    }

    /// Whether it has no devices although its type can have some (`dm_table_has_no_data_devices`).
    fn lacks_devices(&self) -> bool {
        false
    }

    /// Whether it supports discards: most targets do if all their devices do.
    fn discards(&self, kernel: &Kernel) -> bool {
        self.spans().iter().all(|span| kernel.discards(span.number))
    }

    /// Whether its device queues requests instead of bios.
    fn queues_requests(&self) -> bool {
        false
    }

    /// Executes a message; `None` if the type accepts none. The reply may be a text.
    fn message(&mut self, kernel: &mut Kernel, words: &[String]) -> Option<Answer> {
        let _ = (kernel, words);
        None
    }

    /// Probes the paths to a disk (`DM_MPATH_PROBE_PATHS`); `None` if the type has no paths.
    fn probe_paths(&mut self, kernel: &mut Kernel) -> Option<IoResult> {
        let _ = kernel;
        None
    }

    /// Advances its background work by one step. Called only while the device is not suspended.
    fn work(&mut self, kernel: &mut Kernel) {
        let _ = kernel;
    }

    /// Called before the device is suspended.
    fn presuspend(&mut self, kernel: &mut Kernel, noflush: bool) {
        let _ = (kernel, noflush);
    }

    /// Called after the device was suspended.
    fn postsuspend(&mut self, kernel: &mut Kernel) {
        let _ = kernel;
    }

    /// Called before the device is resumed. An error refuses that.
    fn preresume(&mut self, kernel: &mut Kernel) -> Result<(), Errno> {
        let _ = kernel;
        Ok(())
    }

    /// Called when the device is resumed, after [`preresume`](Self::preresume) of all its targets.
    fn resume(&mut self, kernel: &mut Kernel) {
        let _ = kernel;
    }

    /// Called when its table is destroyed.
    fn destroy(&mut self, kernel: &mut Kernel) {
        let _ = kernel;
    }
}
