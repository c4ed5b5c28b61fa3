//! The device whose users are searched for, and the devices that are busy together with it.

use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use dm_units::DeviceNumber;

use super::limits::read_start;
use super::nodes::node_at;
use crate::machine::foreign::unescaped;
use crate::machine::roots::Roots;

/// A device, and the devices whose users keep it busy as well.
#[derive(Debug)]
pub(super) struct Disk {
    pub(super) number: DeviceNumber,
    /// The device, its partitions, and the disk of which it is a partition: a claim on a disk excludes claims on its
    /// partitions, and the reverse (`bd_may_claim` in block/bdev.c).
    pub(super) claimed_together: Vec<DeviceNumber>,
    /// The other devices of the btrfs file system that it belongs to, if any: a mount names only one of them.
    members: Vec<DeviceNumber>,
}

impl Disk {
    pub(super) fn new(roots: &Roots, number: DeviceNumber) -> Self {
        let folder = roots.block(number);
        let mut claimed_together = vec![number];
        if folder.join("partition").exists() {
            // The link in /sys/dev/block leads into the directory of the whole disk.
            claimed_together.extend(read_number(&folder.join("../dev")));
        } else {
            let children = fs::read_dir(&folder).into_iter().flatten().flatten().map(|entry| entry.path());
            let partitions = children.filter(|child| child.join("partition").exists());
            claimed_together.extend(partitions.filter_map(|partition| read_number(&partition.join("dev"))));
        }
        Self { number, members: btrfs_members(roots, number), claimed_together }
    }

    /// Returns the one of the devices claimed together that a mount uses.
    ///
    /// Most file systems have the number of their device. btrfs and bcachefs have other numbers, and their source is a
    /// path that the kernel has resolved. For other file systems without a device, the source is an arbitrary text of
    /// the program that mounted it. The source is escaped as in procfs.
    pub(super) fn of_mount(
        &self,
        roots: &Roots,
        number: DeviceNumber,
        fs_type: &[u8],
        source: &[u8],
    ) -> Option<DeviceNumber> {
        if self.claimed_together.contains(&number) {
            return Some(number);
        }
        if number.major != 0 || !matches!(fs_type, b"btrfs" | b"bcachefs") {
            return None;
        }
        unescaped(source).split(|&byte| byte == b':').find_map(|path| {
            let found = node_at(roots, path)?;
            let is_member = || self.members.contains(&found).then_some(self.number);
            self.claimed_together.contains(&found).then_some(found).or_else(is_member)
        })
    }

    /// Returns the one of the devices claimed together to which a path below `/dev` leads.
    pub(super) fn of_path(&self, roots: &Roots, path: &[u8]) -> Option<DeviceNumber> {
        node_at(roots, path).filter(|found| self.claimed_together.contains(found))
    }
}

/// All devices of the btrfs file system with this device, from `/sys/fs/btrfs/UUID/devices`.
fn btrfs_members(roots: &Roots, number: DeviceNumber) -> Vec<DeviceNumber> {
    let Some(name) = kernel_name(roots, number) else { return Vec::new() };
    let file_systems = fs::read_dir(roots.sys_dir.join("fs/btrfs")).into_iter().flatten().flatten();
    let devices = file_systems.map(|entry| entry.path().join("devices")).find(|devices| devices.join(&name).exists());
    let members = devices.and_then(|devices| fs::read_dir(devices).ok()).into_iter().flatten().flatten();
    members.filter_map(|member| read_number(&member.path().join("dev"))).collect()
}

/// The kernel's name of a block device, as in sysfs: `dm-3`, `sda1`, `cciss!c0d0`.
pub(super) fn kernel_name(roots: &Roots, number: DeviceNumber) -> Option<String> {
    let link = fs::read_link(roots.block(number)).ok()?;
    Some(link.file_name()?.to_string_lossy().into_owned())
}

/// Reads a file of sysfs that contains a device number.
pub(super) fn read_number(path: &Path) -> Option<DeviceNumber> {
    DeviceNumber::from_ascii(read_start(path, 64).ok()?.trim_ascii_end()).ok()
}

/// The type of the file system that is active on a device, even if no mount of it is visible. Only found for types that
/// have an entry for each device in sysfs, such as btrfs, ext4, f2fs and xfs.
///
/// A file system that was unmounted while it was in use (`umount --lazy`) keeps its device until its last file is
/// closed. It is then in no list of mounts, but still has a directory in sysfs: `/sys/fs/ext4/dm-3`.
pub(super) fn active_file_system(roots: &Roots, number: DeviceNumber) -> Option<String> {
    let name = kernel_name(roots, number)?;
    let types = fs::read_dir(roots.sys_dir.join("fs")).ok()?.flatten();
    let has_device = |folder: &Path| match folder.file_name().map(OsStrExt::as_bytes) {
        Some(b"btrfs") => !btrfs_members(roots, number).is_empty(),
        _ => folder.join(&name).is_dir(),
    };
    let folder = types.map(|entry| entry.path()).find(|folder| has_device(folder))?;
    Some(folder.file_name()?.to_string_lossy().into_owned())
}
