//! A kernel in memory, with the device mapper and disks, for tests that need neither root nor a device mapper.
//!
//! [`MemoryKernel`] behaves like Linux 6.12, except for the [simplifications](#simplifications) below. It has the same
//! commands, rules, error numbers, flags and event numbers. Its disks are in memory as well, and mapped devices can be
//! read and written through their tables.
//!
//! Code that uses `dm-core` and `dm-targets` runs unchanged, since a `MemoryKernel` replaces the kernel behind
//! [`Transport`](dm_core::Transport). Calls that inspect the machine itself (`/dev`, `/sys`, users of a device) do not
//! find the devices in memory.
//!
//! ```
//! use dm_core::TargetLine;
//! use dm_testing::memory::MemoryKernel;
//! use dm_units::{Bytes, Sectors};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let memory = MemoryKernel::new();
//! let disk = memory.disk(Bytes(1 << 20));
//! let host = memory.host();
//! host.create("home", [TargetLine::text(Sectors(0), Sectors(8), "linear", format!("{} 16", disk.number()))])?;
//!
//! memory.write("home", Sectors(0), &[7; 512])?;
//! let mut data = [0; 512];
//! disk.read(Sectors(16), &mut data)?;
//! assert_eq!(data, [7; 512]);
//!
//! host.remove("home")?;
//! # Ok(())
//! # }
//! ```
//!
//! # Simplifications
//!
//! | what | in memory | Linux |
//! |---|---|---|
//! | device numbers | mapped devices have the major number 4000 and disks 4001, which real devices do not use; [`disk_at`](MemoryKernel::disk_at) makes a disk with any other number | numbers that differ from boot to boot |
//! | time | passes only when [`advance`](MemoryKernel::advance) is called, and only thin pools depend on it: `delay` does not delay, and `flakey` counts I/Os instead of seconds | is real time, on which other targets depend as well |
//! | I/O | is executed immediately, in the calling thread | is executed in parallel and out of order |
//! | I/O on devices that map each other in a cycle | fails with `EIO` | never completes |
//! | the last close of a device | removes the device immediately if its removal was deferred | a worker removes the device a moment later |
//! | metadata of thin pools | only the superblock is on the device, in the kernel's format; the rest is in the `MemoryKernel`. If you copy the device, a pool on the copy therefore has the current state, not the state at the time of the copy | all of it is on the device |
//! | metadata blocks in use | are estimated: the number is exact for a new pool, but a mapping tree that shares only some of its blocks with another tree is counted completely | are counted |
//! | metadata or COW devices that are suspended | pools postpone commits, and a table is refused with `EIO` if its metadata cannot be read | the command waits until the device is resumed |
//! | discards that `thin-pool`, `cache` and `clone` pass on | are tried on every device | are disabled if the device does not support them |
//! | merging of snapshots | advances by one run of consecutive chunks each time the status is read | runs in the background |
//! | background work | advances by one step when a status is read, and when [`work`](MemoryKernel::work) is called. A step is a quarter of a `mirror` or `raid`, `hydration_threshold` regions of a `clone`, and, for a `cache` with the policy `cleaner`, `migration_threshold` sectors but at least one block | runs all the time |
//! | metadata of `cache`, `clone`, `era`, `integrity`, `mirror`, `raid`, `writecache` | is on the device, in another format; cannot be read or written while the device is suspended | commands wait until the device is resumed |
//! | `cache` | promotes a block at its second access, demotes the least recently used block, and writes a dirty block back when the block is demoted or the policy is `cleaner` | the policy `smq` learns, and writes back when there is little to do |
//! | `crypt`, `integrity` | pass sectors on unchanged, and detect no corruption; every key that a table names exists in the keyring; recalculating tags takes no time | |
//! | `verity` | checks each block that is read if the algorithm is SHA-1 or SHA-2, does not check blocks with other algorithms, and corrects no errors; if Linux would restart or panic, only the read fails | supports all algorithms, and corrects errors |
//! | `mirror` | has no userspace log; marks a leg as `F` in the status when a flush fails | marks the leg as if a write had failed, until the thread of the mirror next runs |
//! | `flakey` | ignores the flags of `corrupt_bio_byte`, and corrupts nothing at random | |
//! | `mirror`, `switch` | have at most 2^24 regions | |
//! | `multipath` | uses the first path of a group that works; hardware handlers do nothing | selectors spread I/O |
//! | events of `raid` | one event for each leg that fails and each action that ends | one event for everything that has happened since the worker last ran; the first resume of an array with metadata devices raises another event if the array's thread happens to run while the bitmap is being loaded |
//! | failures of `raid` | the failure of the last leg raises no event, and a resync that cannot read its source completes | each failure of the last leg raises an event, and the resync restarts forever |
//! | `raid` of levels other than `raid1` | has states and a status, and finds failed legs when the status is read; I/O fails with `EOPNOTSUPP` | |
//! | `vdo`, `zoned` | treat every disk as formatted, and use its sectors in order; `vdo` does not deduplicate | |
//! | `writecache` | writes to the origin immediately, and only counts the blocks that would be in the cache | |
//! | `@stats_` messages | count I/Os and sectors; all times and merges are 0 | measure times as well |
//! | udev | completes cookies as set by [`udev`](MemoryKernel::udev), and does nothing else | runs rules |
//! | nodes in `/dev` | do not exist, but tables and `Host::open_block` accept their paths: `/dev/disk0` for a disk, and `/dev/mapper/NAME`, which `Host::path` returns, for a mapped device | |
//! | text for the integrity measurement architecture | is empty | |
//! | the log | has the reasons for most refusals, in the wording of Linux or of dm-targets | |
//!
//! Targets that execute I/O: `cache`, `clone`, `crypt`, `delay`, `dust`, `ebs`, `era`, `error`, `flakey`, `integrity`,
//! `linear`, `log-writes`, `mirror`, `multipath`, `raid` (only `raid1`), `snapshot`, `snapshot-merge`,
//! `snapshot-origin`, `striped`, `switch`, `thin`, `thin-pool`, `unstriped`, `vdo`, `verity`, `writecache`, `zero`,
//! `zoned`.

mod block;
mod commands;
mod disk;
mod errno;
mod faults;
mod io_error;
mod kernel;
mod node;
mod opened;
mod sectors;
mod targets;
mod text;
mod udev;
mod wire;

use std::collections::btree_map::Entry;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use dm_core::udev::{Strategy, Udev};
use dm_core::{AsDevId, DevId, Dm, Host};
use dm_units::{Bytes, DeviceNumber, Sectors, Version};

pub use self::disk::MemoryDisk;
pub use self::faults::ResumeFault;
pub use self::io_error::{MemoryError, MemoryErrorKind};
use self::kernel::device::Device;
use self::kernel::disk::Disk;
use self::kernel::{DISK_MAJOR, Kernel, MAPPED_MAJOR};
use self::node::{Machine, Node};
pub use self::opened::OpenDevice;
pub use self::udev::MemoryUdev;
use crate::fail::fail;
use crate::fail_at::{Faulty, Plan};

/// The interface of Linux 6.12.
const INTERFACE: Version = Version::new(4, 48, 0);

/// A device mapper and disks in memory, in place of a Linux kernel. Clones share their devices and disks.
///
/// See the [module](self) for an example and for the simplifications.
#[derive(Clone)]
pub struct MemoryKernel {
    machine: Arc<Machine>,
    /// The failures of commands of handles that are opened here.
    plan: Option<Arc<Plan>>,
}

impl MemoryKernel {
    /// Makes a kernel without devices, with interface 4.48.0 as in Linux 6.12.
    #[must_use]
    pub fn new() -> Self {
        Self::with_interface(INTERFACE)
    }

    /// Makes a kernel with another version of the interface, 4.0.0 or later. Like Linux with that version, the kernel
    /// refuses commands that later versions introduced, and ignores later flags. The targets are those of Linux 6.12.
    /// From 4.50.0 on, multipath devices can also probe their paths.
    #[must_use]
    pub fn with_interface(version: Version) -> Self {
        Self { machine: Arc::new(Machine::new(Kernel::new(version))), plan: None }
    }

    /// Opens a new handle on the control node.
    ///
    /// # Panics
    /// If the process cannot create the socket pair that serves as the descriptor of the control node.
    #[must_use]
    pub fn dm(&self) -> Dm {
        let node = match Node::open(&self.machine) {
            Ok(node) => node,
            Err(error) => fail(format_args!("cannot open the control node of a kernel in memory: {error}")),
        };
        match &self.plan {
            Some(plan) => Dm::with_transport(Faulty::sharing(Arc::new(node), Arc::clone(plan))),
            None => Dm::with_transport(node),
        }
    }

    /// Makes another handle of this kernel, whose commands fail according to a plan and are counted together.
    pub(crate) fn with_plan(&self, plan: Arc<Plan>) -> Self {
        Self { machine: Arc::clone(&self.machine), plan: Some(plan) }
    }

    /// Makes a host on a new handle. The host does not wait for udev and makes no nodes.
    ///
    /// # Panics
    /// As [`dm`](Self::dm).
    #[must_use]
    pub fn host(&self) -> Host {
        Host::new(self.dm()).with_udev(Udev::new(Strategy::None))
    }

    /// Makes a disk filled with zeros. The size is rounded down to whole sectors.
    #[must_use]
    pub fn disk(&self, size: Bytes) -> MemoryDisk {
        let number = self.machine.with(|kernel| {
            let number = DeviceNumber::new(DISK_MAJOR, u32::try_from(kernel.disks.len()).unwrap_or(u32::MAX));
            kernel.disks.insert(number, Disk::new(format!("disk{}", number.minor), in_sectors(size).0));
            number
        });
        MemoryDisk::new(&self.machine, number)
    }

    /// Makes a disk with a given number, such as 8:1, for tables that contain this number. The path of the disk is then
    /// `/dev/disk8:1`.
    ///
    /// ```
    /// # use {dm_core::TargetLine, dm_units::{Bytes, DeviceNumber, Sectors}};
    /// let memory = dm_testing::MemoryKernel::new();
    /// memory.disk_at(DeviceNumber::new(8, 1), Bytes(1 << 20));
    /// memory.host().create("home", [TargetLine::text(Sectors(0), Sectors(8), "linear", "8:1 0")])?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Panics
    /// If another disk has this number, or the major number is 4000 or 4001, which this kernel gives to its own devices.
    pub fn disk_at(&self, number: DeviceNumber, size: Bytes) -> MemoryDisk {
        let disk = Disk::new(format!("disk{number}"), in_sectors(size).0);
        let is_free = ![MAPPED_MAJOR, DISK_MAJOR].contains(&number.major)
            && self.machine.with(|kernel| match kernel.disks.entry(number) {
                Entry::Vacant(free) => {
                    free.insert(disk);
                    true
                }
                Entry::Occupied(_) => false,
            });
        if !is_free {
            fail(format_args!("a disk cannot have the number {number}, which belongs to another device"));
        }
        MemoryDisk::new(&self.machine, number)
    }

    /// Keeps a mapped device open until the result is dropped, like a program or a mounted file system. Returns `None`
    /// if the device does not exist, or has no node because it never had a table.
    #[must_use]
    pub fn open(&self, id: impl AsDevId) -> Option<OpenDevice> {
        self.machine.with(|kernel| {
            let device = device_mut(kernel, &id).filter(|device| device.has_node())?;
            device.opened = device.opened.saturating_add(1);
            Some(OpenDevice::new(&self.machine, device.minor))
        })
    }

    /// Replaces the status text of every target of a device. `None` restores the texts that the targets report. Returns
    /// `false` if the device does not exist.
    pub fn set_status(&self, id: impl AsDevId, status: Option<&str>) -> bool {
        let set = |device: &mut Device| device.status = status.map(str::to_owned);
        self.machine.with(|kernel| device_mut(kernel, &id).map(set).is_some())
    }

    /// Raises an event of a device: increments its event number, and wakes commands that wait for events and programs
    /// that poll the control node. If the device has no active table, nothing happens. Returns `false` if the device
    /// does not exist.
    pub fn raise_event(&self, id: impl AsDevId) -> bool {
        self.machine.with(|kernel| {
            let minor = device_mut(kernel, &id).map(|device| device.minor);
            minor.map(|minor| kernel.event(minor)).is_some()
        })
    }

    /// Advances the clock, on which only thin pools depend. I/O that waits for space fails 60 seconds after its pool
    /// has run out of space. A pool commits changes if its last commit is more than one second ago.
    pub fn advance(&self, by: Duration) {
        self.machine.with(|kernel| kernel.advance(by));
    }

    /// Sets when udev completes the cookies of later commands. The default is [`MemoryUdev::None`].
    pub fn udev(&self, udev: MemoryUdev) {
        self.machine.with(|kernel| kernel.udev.set(udev));
    }

    /// Advances background work, such as copying, cleaning or checking, by one [step](crate::memory#simplifications) on
    /// every device that has an active table and is not suspended. Reading the status of a device does the same for
    /// that device.
    pub fn work(&self) {
        self.machine.with(|kernel| {
            let active = kernel.devices.values().filter(|device| !device.holds_io());
            for table in active.filter_map(|device| device.active.clone()).collect::<Vec<_>>() {
                table.each(|_, target| target.work(kernel));
            }
        });
    }

    /// All lines of this kernel's log, the oldest first.
    #[must_use]
    pub fn log(&self) -> Vec<String> {
        self.machine.with(|kernel| kernel.whole_log())
    }
}

impl Default for MemoryKernel {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for MemoryKernel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemoryKernel").finish_non_exhaustive()
    }
}

fn device_mut<'a>(kernel: &'a mut Kernel, id: &dyn AsDevId) -> Option<&'a mut Device> {
    let minor = match id.as_dev_id().ok()? {
        DevId::Name(name) => kernel.names.get(name.as_bytes()).copied()?,
        DevId::Uuid(uuid) => kernel.uuids.get(uuid.as_bytes()).copied()?,
        DevId::Number(number) => kernel.mapped(number)?.minor,
    };
    kernel.devices.get_mut(&minor)
}

/// The whole sectors of a size, which is limited to what a disk can have.
fn in_sectors(size: Bytes) -> Sectors {
    size.to_sectors_floor().unwrap_or(Sectors(u64::MAX >> 9))
}
