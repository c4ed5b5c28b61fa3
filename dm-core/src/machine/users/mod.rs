//! The users of a block device, which keep it from being removed or claimed.
//!
//! [`Users::of`] searches for all kinds of users within a given time. [`holders()`] and [`mounts()`] search for one
//! kind each and do not read all of `/proc`.
//!
//! The examined programs may be hostile. The search therefore avoids calls that can wait for a file system, and limits
//! the data that it reads and keeps. It returns text of other programs as [`ForeignText`], which is escaped when
//! printed.
//!
//! The search does not find some users, among them:
//!
//! - processes of other user accounts, unless this process has `CAP_SYS_PTRACE` ([`Users::complete`] is then `false`);
//! - processes outside this pid namespace;
//! - processes that opened the device through a node outside `/dev`;
//! - files that are mapped into memory but no longer open;
//! - threads that have left the descriptor table or the mount namespace of their process;
//! - users inside the kernel that sysfs does not link, such as NVMe and iSCSI targets.

mod disk;
mod display;
mod holders;
mod limits;
mod links;
mod mounts;
mod nodes;
mod processes;
mod swaps;
#[cfg(test)]
mod tests;

use std::io;
use std::time::Duration;

use dm_units::DeviceNumber;

pub use self::holders::Holder;
pub use crate::machine::foreign::ForeignText;

use self::disk::{Disk, active_file_system};
use self::limits::{Budget, MOUNTS};
use self::mounts::{DeviceMount, MountTable};
use self::processes::Search;
use crate::machine::roots::Roots;

/// The users of a block device that are visible to this process.
///
/// The kernel only counts how often a device is open. The users are collected from sysfs and procfs, so the result may
/// be out of date when it is returned.
///
/// `Display` prints one clause, such as `used by dm-3 (home), mounted on "/srv", open in process 41 ("fsck")`.
///
/// ```no_run
/// use std::time::Duration;
/// use dm_core::Users;
///
/// let device = dm_core::paths::device_at("/dev/mapper/home".as_ref())?;
/// println!("{}", Users::of(device, Duration::from_secs(1)));
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Users {
    /// The device whose users were searched for.
    pub device: DeviceNumber,
    /// The block devices that use the device, one of its partitions, or the whole disk that it belongs to.
    pub holders: Vec<Holder>,
    /// The mounts of the device, of its partitions, and of the whole disk that it belongs to. Mounts in this mount
    /// namespace come first.
    pub mounts: Vec<Mount>,
    /// Whether there is a swap area on the device, on one of its partitions, or on the whole disk that it belongs to.
    pub is_swap: bool,
    /// The swap files on the file system of the device.
    pub swap_files: Vec<ForeignText>,
    /// The processes that have the device open or use its file system: see [`ProcessUse`].
    pub processes: Vec<Process>,
    /// The type, such as `ext4`, of a file system on the device that sysfs shows as active although no mount was found.
    /// There are three possible reasons: the file system was unmounted lazily and still has open files, this process
    /// cannot see its mount, or the time expired. `None` for types that sysfs does not show.
    pub unmounted_file_system: Option<String>,
    /// Whether the search was completed. `false` if the time expired, a limit was reached, or something could not be
    /// read.
    pub complete: bool,
}

/// A place where a device is mounted.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Mount {
    /// The mount point: a path in the mount's namespace.
    pub point: ForeignText,
    /// The mounted device: the device you asked about, one of its partitions, or the disk of which it is a partition.
    pub device: DeviceNumber,
    /// The id of a process in the mount's namespace. `None` for a mount in the namespace of the calling thread.
    pub namespace_of: Option<u32>,
    /// The number of further mount namespaces that have the mount at the same path.
    pub other_namespaces: u32,
}

impl Mount {
    fn new(place: &DeviceMount, namespace_of: Option<u32>) -> Self {
        Self { point: ForeignText::new(&place.point), device: place.device, namespace_of, other_namespaces: 0 }
    }
}

/// A process that has a device open, or uses its file system.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Process {
    /// The process id.
    pub pid: u32,
    /// The name of the process, which the kernel truncates to 15 bytes.
    pub name: ForeignText,
    /// How the process uses the device.
    pub kind: ProcessUse,
}

/// How a process uses a device. If several variants apply to a process, the first of them is reported.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ProcessUse {
    /// The process has the device open.
    Device,
    /// The working directory of the process is on the device's file system.
    WorkingDirectory,
    /// The root directory of the process is on the device's file system.
    Root,
    /// The executable of the process is on the device's file system.
    Executable,
    /// The process has a file or directory open that is on the device's file system.
    OpenFile,
}

impl Users {
    /// Searches sysfs and procfs for the users of a device.
    ///
    /// The search ends at most a few milliseconds after `timeout`. It returns at most 256 mounts, 64 processes that
    /// have the device open, and 64 other processes. If something cannot be examined, the result is not
    /// [`complete`](Self::complete). With a zero timeout, the search finds no mounts, swap areas, processes or loop
    /// devices.
    #[must_use]
    pub fn of(device: DeviceNumber, timeout: Duration) -> Self {
        Self::find(&Roots::default(), device, timeout)
    }

    fn find(roots: &Roots, device: DeviceNumber, timeout: Duration) -> Self {
        let mut budget = Budget::new(timeout);
        let disk = Disk::new(roots, device);
        let table = own_table(roots, &disk, MOUNTS, &mut budget).unwrap_or_else(|_| {
            budget.leave_out();
            MountTable::default()
        });
        let holders = holders::find(roots, &disk, &table, &mut budget);
        let swaps = swaps::find(roots, &disk, &table, &mut budget);
        let mounts = table.places.iter().map(|place| Mount::new(place, None)).collect();
        let mut search = Search { roots, disk: &disk, budget: &mut budget, mounts, processes: Vec::new() };
        search.run(&table);
        let Search { mounts, processes, .. } = search;
        let unmounted_file_system = active_file_system(roots, device).filter(|_| mounts.is_empty());
        let complete = budget.is_complete();
        Self {
            device,
            holders,
            mounts,
            is_swap: swaps.is_swap,
            swap_files: swaps.files,
            processes,
            unmounted_file_system,
            complete,
        }
    }

    /// Whether no user was found. There may be users that this process cannot see.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        let Self { holders, mounts, is_swap, swap_files, processes, unmounted_file_system, device: _, complete: _ } =
            self;
        holders.is_empty()
            && mounts.is_empty()
            && !is_swap
            && swap_files.is_empty()
            && processes.is_empty()
            && unmounted_file_system.is_none()
    }
}

/// Finds the block devices that directly use a device, one of its partitions, or the whole disk that it belongs to.
///
/// These are the devices in sysfs's `holders`, such as mapped devices and md arrays, and loop devices over the device
/// or over a file on its file system. The function reads sysfs and the mounts of the calling thread's namespace, but
/// nothing about other processes.
///
/// # Errors
/// `NotFound`: sysfs does not have the device, or sysfs or procfs is not mounted. sysfs does not have a mapped device
/// until its first table is active.
#[doc(alias = "dm_device_has_holders")]
pub fn holders(device: DeviceNumber) -> io::Result<Vec<Holder>> {
    holders_in(&Roots::default(), device)
}

/// Finds the block devices that use a device or a partition of it, and for a partition not those that use the whole
/// disk.
pub(crate) fn holders_within(device: DeviceNumber) -> io::Result<Vec<Holder>> {
    holders_within_in(&Roots::default(), device)
}

fn holders_within_in(roots: &Roots, device: DeviceNumber) -> io::Result<Vec<Holder>> {
    let mut found = holders_in(roots, device)?;
    let is_partition = roots.block(device).join("partition").exists();
    found.retain(|holder| !is_partition || holder.uses == device);
    Ok(found)
}

fn holders_in(roots: &Roots, device: DeviceNumber) -> io::Result<Vec<Holder>> {
    std::fs::metadata(roots.block(device))?;
    let mut budget = Budget::new(Duration::MAX);
    let disk = Disk::new(roots, device);
    let table = own_table(roots, &disk, usize::MAX, &mut budget)?;
    Ok(holders::find(roots, &disk, &table, &mut budget))
}

/// Finds the mounts of a device, of its partitions, and of the whole disk that it belongs to, in the mount namespace of
/// the calling thread.
///
/// Reads sysfs and one file of procfs. Returns an empty list if the device does not exist.
///
/// # Errors
/// `NotFound`: procfs is not mounted.
#[doc(alias = "dm_device_has_mounted_fs")]
#[doc(alias = "dm_mountinfo_read")]
pub fn mounts(device: DeviceNumber) -> io::Result<Vec<Mount>> {
    mounts_in(&Roots::default(), device)
}

fn mounts_in(roots: &Roots, device: DeviceNumber) -> io::Result<Vec<Mount>> {
    let mut budget = Budget::new(Duration::MAX);
    let path = roots.this_thread().join("mountinfo");
    let table = MountTable::read(roots, &path, &Disk::new(roots, device), usize::MAX, &mut budget)?;
    Ok(table.places.iter().map(|place| Mount::new(place, None)).collect())
}

/// The mounts of the calling thread's namespace.
fn own_table(roots: &Roots, disk: &Disk, limit: usize, budget: &mut Budget) -> io::Result<MountTable> {
    let path = roots.this_thread().join("mountinfo");
    let mut table = MountTable::read(roots, &path, disk, limit, budget)?;
    table.read_nested(&path, budget)?;
    Ok(table)
}
