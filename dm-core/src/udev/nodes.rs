//! Creates and removes nodes and links below `/dev/mapper` if udev does not.

use std::fs::{self, DirBuilder, Metadata, Permissions};
use std::io::{self, ErrorKind};
use std::os::unix::fs::{DirBuilderExt as _, FileTypeExt as _, MetadataExt as _, PermissionsExt as _, lchown, symlink};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use dm_sys::DM_DIR;
use dm_units::DeviceNumber;
use nix::errno::Errno;
use nix::sys::stat::SFlag;

use super::detect::Facts;
use super::error::{UdevError, errno_of};
use super::node_change::{Change, NodeChange, sysfs_path};
use super::node_name::{file_names, node_name};
use super::node_state::{is_block_node, is_link_to_kernel_node, leads_to};
use crate::id::{DmName, Naming};
use crate::machine::paths::{is_device, udev_path_in};
use crate::node::make_device_node;

/// The kind of node that is made below `/dev/mapper` if udev makes none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum NodeMode {
    /// The default: a link to the kernel's node `/dev/dm-N`, as udev makes it. If the kernel's node is missing, this
    /// process makes a block node instead, with mode 0600 and this process's user as the owner.
    #[default]
    Link,
    /// A block node with the given owner, group and permission bits, as libdm makes it.
    #[non_exhaustive]
    Node {
        /// The user id of the node's owner.
        uid: u32,
        /// The id of the node's group.
        gid: u32,
        /// The node's permission bits; the umask does not apply.
        mode: u32,
    },
}

impl NodeMode {
    /// A block node with an owner, a group and permission bits, such as `0o660`.
    #[must_use]
    #[doc(alias = "dm_task_set_uid")]
    #[doc(alias = "dm_task_set_gid")]
    #[doc(alias = "dm_task_set_mode")]
    pub const fn node(uid: u32, gid: u32, mode: u32) -> Self {
        Self::Node { uid, gid, mode }
    }
}

/// The directory that is used as `/dev`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct DevDir {
    pub(super) path: Arc<Path>,
    pub(super) mode: NodeMode,
    pub(super) naming: Naming,
}

impl DevDir {
    pub(super) fn mapper_dir(&self) -> PathBuf {
        self.path.join(DM_DIR)
    }

    /// The path at which this process makes the node of a device.
    pub(super) fn node_path(&self, name: &DmName) -> PathBuf {
        self.mapper_dir().join(node_name(name, self.naming))
    }

    /// The possible paths of a device's node: first the one at which this process makes it.
    pub(super) fn places(&self, name: &DmName) -> Vec<PathBuf> {
        let mapper = self.mapper_dir();
        file_names(name, self.naming).into_iter().map(|name| mapper.join(name)).collect()
    }

    /// The path of the kernel's node, if this directory has them.
    pub(super) fn kernel_path(&self, number: DeviceNumber) -> PathBuf {
        self.path.join(format!("dm-{}", number.minor))
    }

    pub(super) fn change(&self, name: &DmName, number: DeviceNumber, kind: NodeChange) -> Change {
        Change { name: name.to_owned(), number, kind, places: self.places(name) }
    }

    /// Whether a change is visible, or no longer applies because another process has removed, renamed or created the
    /// device since.
    pub(super) fn is_done(&self, change: &Change, facts: &Facts) -> bool {
        let places = &change.places;
        match change.kind {
            NodeChange::Present => {
                places.iter().any(|path| is_device(path, change.number)) || change.has_no_device(facts)
            }
            NodeChange::Absent => !places.iter().any(|path| leads_to(path, change.number)) || change.has_device(facts),
            NodeChange::Deferred => !places.iter().any(|path| is_block_node(path, change.number)),
        }
    }

    /// Whether this process must make a change because udev will not: udev's link leads to a kernel's node that is
    /// missing in this directory, or a path is a block node or has a name other than that of udev's link, while udev
    /// removes only its link.
    pub(super) fn is_left_to_us(&self, change: &Change, facts: &Facts) -> bool {
        let has_kernel_node = is_device(&self.kernel_path(change.number), change.number);
        match change.kind {
            NodeChange::Present => {
                !has_kernel_node && change.places.iter().any(|path| is_link_to_kernel_node(path, change.number))
            }
            NodeChange::Deferred => true,
            NodeChange::Absent => {
                let udevs = udev_path_in(&self.path, &change.name);
                let is_not_udevs =
                    |path: &Path| is_block_node(path, change.number) || *path != udevs && leads_to(path, change.number);
                change.places.iter().any(|path| is_not_udevs(path))
                    || has_kernel_node && facts.path(sysfs_path(change.number)).symlink_metadata().is_err()
            }
        }
    }

    /// Makes a change, unless it is made already or no longer applies.
    pub(super) fn carry_out(&self, change: &Change, facts: &Facts) -> Result<(), UdevError> {
        match change.kind {
            NodeChange::Present => self.make_present(change, facts).map(drop),
            NodeChange::Absent if change.has_device(facts) => Ok(()),
            NodeChange::Absent | NodeChange::Deferred => change.places.iter().try_for_each(|path| {
                remove(path, change.number).map_err(|error| change.node_error("remove", path.clone(), &error))
            }),
        }
    }

    /// Creates the node, unless it exists or the device does not. Returns the new path.
    pub(super) fn make_present(&self, change: &Change, facts: &Facts) -> Result<Option<PathBuf>, UdevError> {
        // A correct node needs no change, whether or not the device still exists.
        if is_device(&self.node_path(&change.name), change.number) || change.has_no_device(facts) {
            return Ok(None);
        }
        self.make(change)
    }

    /// Creates the node, replacing a node or link of another device. Returns its path, unless another process made it.
    fn make(&self, change: &Change) -> Result<Option<PathBuf>, UdevError> {
        self.make_directory(change)?;
        let path = self.node_path(&change.name);
        let kernels = self.kernel_path(change.number);
        // Most devices are new, and their path is free.
        if self.mode == NodeMode::Link && is_device(&kernels, change.number) && link(&kernels, &path).is_ok() {
            return Ok(Some(path));
        }
        let (path, is_udevs) = match change.places.iter().find(|path| is_link_to_kernel_node(path, change.number)) {
            // Only `mapper` is shared with udev's `/dev`, so its link is correct but leads to a node that is missing
            // here.
            Some(_) if fs::symlink_metadata(&kernels).is_err() => (kernels, true),
            _ => (path, false),
        };
        let failed = |error: &io::Error| change.node_error("make", path.clone(), error);
        match fs::symlink_metadata(&path).map(|metadata| metadata.file_type()) {
            Ok(kind) if kind.is_symlink() || kind.is_block_device() => {
                gone(fs::remove_file(&path)).map_err(|error| failed(&error))?;
            }
            Ok(_) => {
                return Err(UdevError::Occupied {
                    name: change.name.clone(),
                    number: change.number,
                    path: path.clone(),
                });
            }
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            Err(error) => return Err(failed(&error)),
        }
        let made = if is_udevs { make_node(&path, change.number) } else { self.make_at(&path, change.number) };
        match made {
            // Another process has just made it.
            Err(error) if error.kind() == ErrorKind::AlreadyExists && is_device(&path, change.number) => Ok(None),
            Err(error) => Err(failed(&error)),
            Ok(()) => Ok(Some(path)),
        }
    }

    fn make_at(&self, path: &Path, number: DeviceNumber) -> io::Result<()> {
        let kernels = self.kernel_path(number);
        match self.mode {
            NodeMode::Link if is_device(&kernels, number) => link(&kernels, path),
            NodeMode::Link => make_node(path, number),
            NodeMode::Node { uid, gid, mode } => {
                make_node(path, number)?;
                lchown(path, Some(uid), Some(gid))?;
                fs::set_permissions(path, Permissions::from_mode(mode & 0o7777))
            }
        }
    }

    /// Creates `/dev/mapper` if it is missing, with mode 0755 regardless of the umask, and refuses one in which any
    /// user can create links.
    fn make_directory(&self, change: &Change) -> Result<(), UdevError> {
        let path = self.mapper_dir();
        let failed = |error: io::Error| change.node_error("make", path.clone(), &error);
        let metadata = match fs::symlink_metadata(&path) {
            Err(error) if error.kind() == ErrorKind::NotFound => make_own(&path).map_err(failed)?,
            metadata => metadata.map_err(failed)?,
        };
        // A directory that replaces `/dev` may belong to another user, as in that user's tests.
        let is_trusted =
            || metadata.uid() == 0 || fs::metadata(&self.path).is_ok_and(|dev| dev.uid() == metadata.uid());
        if metadata.is_dir() && is_trusted() && metadata.mode() & 0o002 == 0 {
            return Ok(());
        }
        Err(UdevError::Directory { path })
    }
}

/// Creates a directory with mode 0755, unless another process has just done so.
fn make_own(path: &Path) -> io::Result<Metadata> {
    match DirBuilder::new().mode(0o700).create(path) {
        Ok(()) => fs::set_permissions(path, Permissions::from_mode(0o755))?,
        Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
        Err(error) => return Err(error),
    }
    fs::symlink_metadata(path)
}

/// Creates a link to the kernel's node, as udev does.
fn link(kernels: &Path, path: &Path) -> io::Result<()> {
    symlink(Path::new("..").join(kernels.file_name().unwrap_or_default()), path)
}

/// Creates a block node that only its owner may use.
fn make_node(path: &Path, number: DeviceNumber) -> io::Result<()> {
    Ok(make_device_node(path, SFlag::S_IFBLK, number)?)
}

/// Removes a device's node or link.
fn remove(path: &Path, number: DeviceNumber) -> io::Result<()> {
    // A link to the kernel's node is recognized by its target, without following it.
    let is_ours = is_link_to_kernel_node(path, number) || leads_to(path, number);
    if is_ours { gone(fs::remove_file(path)) } else { Ok(()) }
}

/// Treats a file that another process has just removed as removed.
fn gone(removed: io::Result<()>) -> io::Result<()> {
    match removed {
        Err(error) if Errno::ENOENT == errno_of(&error) => Ok(()),
        removed => removed,
    }
}

#[cfg(test)]
mod block_nodes;

#[cfg(test)]
mod tests {
    use super::super::node_change::in_order;
    use super::*;
    use crate::udev::alive::fake::Fake;

    const NUMBER: DeviceNumber = DeviceNumber { major: 4000, minor: 7 };

    /// A root with sysfs and an empty directory in the place of `/dev`.
    fn empty() -> (Fake, Facts, DevDir) {
        let fake = Fake::new();
        fs::create_dir_all(fake.path("sys/dev/block")).unwrap();
        fs::create_dir(fake.path("dev")).unwrap();
        let (facts, dev) =
            (fake.facts(), DevDir { path: fake.path("dev").into(), mode: NodeMode::Link, naming: Naming::Auto });
        (fake, facts, dev)
    }

    fn change(dev: &DevDir, name: &str, kind: NodeChange) -> Change {
        dev.change(DmName::new(name).unwrap(), NUMBER, kind)
    }

    fn put_link(dev: &DevDir, name: &str, target: &str) -> PathBuf {
        let link = dev.path.join(DM_DIR).join(name);
        fs::create_dir_all(link.parent().unwrap()).unwrap();
        symlink(target, &link).unwrap();
        link
    }

    #[test]
    fn only_links_and_block_nodes_are_removed_and_replaced() {
        let (fake, facts, dev) = empty();
        let link = put_link(&dev, "link", "../nowhere");
        let other = put_link(&dev, "other", "/dev/null");
        let file = dev.path.join("mapper/file");
        fs::write(&file, "").unwrap();
        for name in ["link", "other", "file", "missing"] {
            dev.carry_out(&change(&dev, name, NodeChange::Absent), &facts).unwrap();
        }
        assert!(!link.is_symlink() && other.is_symlink() && file.exists());
        // The device exists, so that its node should.
        fake.file("sys/dev/block/4000:7/dm/name", "file\n");
        let error = dev.carry_out(&change(&dev, "file", NodeChange::Present), &facts).unwrap_err();
        assert!(matches!(&error, UdevError::Occupied { path, .. } if *path == file), "{error}");
        assert!(file.is_file());
    }

    #[test]
    fn nodes_that_other_programs_made_go_with_the_name_in_every_mode() {
        let (_fake, facts, dev) = empty();
        for naming in [Naming::Auto, Naming::Hex, Naming::None] {
            let dev = DevDir { naming, ..dev.clone() };
            let absent = change(&dev, "od d", NodeChange::Absent);
            for file in [r"od\x20d", "od d", "od_d"] {
                let node = put_link(&dev, file, "../nowhere");
                assert_eq!(
                    dev.is_left_to_us(&absent, &facts),
                    file != "od_d",
                    "{naming:?} {file}: udev removes its own"
                );
                dev.carry_out(&absent, &facts).unwrap();
                assert!(!node.is_symlink() && dev.is_done(&absent, &facts), "{naming:?} {file}");
            }
        }
        let another = put_link(&dev, "od-d", "../nowhere");
        dev.carry_out(&change(&dev, "od d", NodeChange::Absent), &facts).unwrap();
        assert!(another.is_symlink());
    }

    #[test]
    fn no_node_is_made_for_a_device_that_another_process_removed_or_renamed() {
        let (fake, facts, dev) = empty();
        dev.carry_out(&change(&dev, "gone", NodeChange::Present), &facts).unwrap();
        fake.file("sys/dev/block/4000:7/dm/name", "new name\n");
        dev.carry_out(&change(&dev, "old name", NodeChange::Present), &facts).unwrap();
        assert!(!dev.path.join(DM_DIR).exists());
    }

    #[test]
    fn the_link_of_a_device_that_was_made_again_is_kept() {
        let (fake, facts, dev) = empty();
        let link = put_link(&dev, "again", "../dm-7");
        fake.file("sys/dev/block/4000:7/dm/name", "again\n");
        let absent = change(&dev, "again", NodeChange::Absent);
        assert!(dev.is_done(&absent, &facts));
        dev.carry_out(&absent, &facts).unwrap();
        assert!(link.is_symlink());
        // A deferred removal removes it while the device still exists.
        dev.carry_out(&change(&dev, "again", NodeChange::Deferred), &facts).unwrap();
        assert!(!link.is_symlink());
    }

    #[test]
    fn a_rename_to_a_name_with_the_same_link_keeps_the_link() {
        let (_fake, _, dev) = empty();
        let [old, new] = ["my disk", "my_disk"].map(|name| DmName::new(name).unwrap());
        let changes = in_order(vec![
            dev.change(new, NUMBER, NodeChange::Present),
            dev.change(old, NUMBER, NodeChange::Absent),
            dev.change(old, DeviceNumber::new(4000, 8), NodeChange::Deferred),
        ]);
        let mapper = dev.path.join(DM_DIR);
        assert_eq!(changes[0].places, [r"my\x20disk", "my disk"].map(|file| mapper.join(file)));
        assert_eq!(changes[1].places, dev.places(old), "another device's link is not the same");
        assert_eq!((&*changes[2].name, &changes[2].places), (new, &vec![mapper.join("my_disk")]));
    }

    #[test]
    fn the_directory_has_its_mode_whatever_the_umask_and_is_not_a_link() {
        let (fake, _, dev) = empty();
        let mapper = dev.path.join(DM_DIR);
        let present = change(&dev, "x", NodeChange::Present);
        dev.make_directory(&present).unwrap();
        assert_eq!(fs::metadata(&mapper).unwrap().mode() & 0o7777, 0o755);
        // An existing one keeps its mode.
        fs::set_permissions(&mapper, Permissions::from_mode(0o700)).unwrap();
        dev.make_directory(&present).unwrap();
        assert_eq!(fs::metadata(&mapper).unwrap().mode() & 0o7777, 0o700);

        let refused = || matches!(dev.make_directory(&present), Err(UdevError::Directory { path }) if path == mapper);
        fs::set_permissions(&mapper, Permissions::from_mode(0o777)).unwrap();
        assert!(refused());
        fs::remove_dir(&mapper).unwrap();
        symlink(fake.path("sys"), &mapper).unwrap();
        assert!(refused());
        fs::remove_file(&mapper).unwrap();
        fs::write(&mapper, "").unwrap();
        assert!(refused());
    }

    #[test]
    fn a_missing_dev_is_an_error_and_is_not_made() {
        let (fake, facts, _) = empty();
        let dev = DevDir { path: fake.path("no/dev").into(), mode: NodeMode::Link, naming: Naming::Auto };
        fake.file("sys/dev/block/4000:7/dm/name", "x\n");
        let error = dev.carry_out(&change(&dev, "x", NodeChange::Present), &facts).unwrap_err();
        assert_eq!(error.errno(), Some(Errno::ENOENT as i32), "{error}");
        assert!(!fake.path("no").exists());
    }
}
