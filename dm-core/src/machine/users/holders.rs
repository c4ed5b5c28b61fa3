//! The block devices that use a device.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use dm_units::DeviceNumber;

use super::disk::{Disk, read_number};
use super::limits::{Budget, read_start};
use super::mounts::{Location, MountTable};
use crate::id::DmNameBuf;
use crate::machine::foreign::ForeignText;
use crate::machine::paths::{name_in, read_dm_name};
use crate::machine::roots::Roots;

/// The largest length of a path in the kernel is 4096 bytes.
const PATH: u64 = 4096;

/// A block device that uses another one, such as a mapped device, an md array, a loop device or a bcache device.
///
/// `Display` prints the kernel's name, followed by the name of a mapped device or the file of a loop device:
/// `dm-3 (home)`, `loop0 over "/srv/image"`.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Holder {
    /// The kernel's name, such as `dm-3`, `md0` or `loop0`.
    pub name: String,
    /// The number of the holder. `None` if it could not be read.
    pub number: Option<DeviceNumber>,
    /// The name of a mapped device. `None` for other holders, or if the name could not be read.
    pub dm_name: Option<DmNameBuf>,
    /// The file of a loop device, if the file is on the file system of the used device. `None` for other holders, and
    /// for a loop device that is set up directly on the device's node.
    pub backing_file: Option<ForeignText>,
    /// The device that the holder uses: the device you asked about, one of its partitions, or the disk of which it is a
    /// partition.
    pub uses: DeviceNumber,
}

impl Holder {
    fn new(name: String, folder: &Path, uses: DeviceNumber) -> Self {
        let dm_name = read_dm_name(&name_in(folder)).unwrap_or_default();
        Self { name, number: read_number(&folder.join("dev")), dm_name, backing_file: None, uses }
    }
}

/// Finds the devices that the kernel links as holders, and loop devices, which it does not link.
pub(super) fn find(roots: &Roots, disk: &Disk, table: &MountTable, budget: &mut Budget) -> Vec<Holder> {
    let mut holders = Vec::new();
    for &device in &disk.claimed_together {
        match names(&roots.block(device).join("holders")) {
            Ok(found) => {
                holders.extend(found.into_iter().map(|(name, folder)| Holder::new(name, &folder, device)));
            }
            Err(error) => budget.failed(&error),
        }
    }
    holders.extend(loops(roots, disk, table, budget));
    holders.sort_by(|a, b| (a.number, &a.name).cmp(&(b.number, &b.name)));
    holders
}

/// Finds loop devices over the device, or over a file on its file system.
///
/// The `LOOP_GET_STATUS64` ioctl would identify the file, but calls the file system (`loop_get_status` in
/// drivers/block/loop.c), which may block. sysfs has only the path.
fn loops(roots: &Roots, disk: &Disk, table: &MountTable, budget: &mut Budget) -> Vec<Holder> {
    let mut found = Vec::new();
    let blocks = match names(&roots.sys_dir.join("block")) {
        Ok(blocks) => blocks,
        // Also if it does not exist: then sysfs is not mounted, and no holder was found either.
        Err(_) => {
            budget.leave_out();
            return found;
        }
    };
    for (name, folder) in blocks.into_iter().filter(|(name, _)| name.starts_with("loop")) {
        if budget.is_over() {
            break;
        }
        // The directory `loop` exists only while the device has a file.
        let Ok(path) = read_start(&folder.join("loop/backing_file"), PATH) else { continue };
        let path = path.strip_suffix(b"\n").unwrap_or(&path);
        let dev_dir = roots.dev_dir.as_os_str().as_encoded_bytes();
        if let Some(device) = disk.of_path(roots, path) {
            found.push(Holder::new(name, &folder, device));
        } else if table.locate(path, dev_dir) == Location::OnDevice {
            let backing_file = Some(ForeignText::new(path));
            found.push(Holder { backing_file, ..Holder::new(name, &folder, disk.number) });
        }
    }
    found
}

/// The names in a directory of sysfs, and their paths.
fn names(folder: &Path) -> io::Result<Vec<(String, PathBuf)>> {
    let entries = fs::read_dir(folder)?.flatten();
    Ok(entries.map(|entry| (entry.file_name().to_string_lossy().into_owned(), entry.path())).collect())
}
