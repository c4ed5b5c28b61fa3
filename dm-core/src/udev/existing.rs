//! Creates nodes of existing devices, and removes stale ones.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs;
use std::io::ErrorKind;
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};

use dm_units::DeviceNumber;

use super::Udev;
use super::error::{UdevError, errno_of};
use super::node_change::{NodeChange, sysfs_path};
use super::node_name::file_names;
use super::node_state::is_block_node;
use crate::id::{DmName, DmNameBuf};
use crate::machine::paths::{is_device, name_in, read_dm_name};

impl Udev {
    /// Creates the node of a device, unless a path below `/dev/mapper` leads to it, or the device was removed or renamed.
    /// Returns the new path: that of the kernel's node if udev's link leads there.
    pub(crate) fn make_node(&self, name: &DmName, number: DeviceNumber) -> Result<Option<PathBuf>, UdevError> {
        if self.has_node(name, number) {
            return Ok(None);
        }
        self.dev.make_present(&self.dev.change(name, number, NodeChange::Present), &self.facts)
    }

    /// Whether a path below `/dev/mapper` leads to a device.
    pub(crate) fn has_node(&self, name: &DmName, number: DeviceNumber) -> bool {
        self.dev.places(name).iter().any(|path| is_device(path, number))
    }

    /// Removes the nodes and links below `/dev/mapper` of devices that no longer exist, and the block nodes of devices
    /// that have another name now, and adds their paths to `removed`, also if it fails. With `only`, this is limited to the nodes of that name.
    ///
    /// Other files are kept, and so are links to existing devices, which another program may have created.
    pub(crate) fn remove_stale_nodes(
        &self,
        devices: &BTreeMap<DeviceNumber, DmNameBuf>,
        majors: &[u32],
        only: Option<&DmName>,
        removed: &mut Vec<PathBuf>,
    ) -> Result<(), UdevError> {
        let directory = self.dev.mapper_dir();
        let unreadable = |error: std::io::Error| UdevError::UnreadableDirectory {
            path: directory.clone(),
            source: errno_of(&error),
        };
        let entries = match fs::read_dir(&directory) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
            entries => entries.map_err(unreadable)?,
        };
        let only = only.map(|name| file_names(name, self.dev.naming));
        let is_asked_for = |file: &OsStr| only.as_ref().is_none_or(|names| names.iter().any(|name| name == file));
        for entry in entries {
            let entry = entry.map_err(unreadable)?;
            let path = entry.path();
            let Some(number) = owner(&path, majors).filter(|_| is_asked_for(&entry.file_name())) else { continue };
            let is_the_devices = |name: &DmNameBuf| {
                // A link to the node of an existing device may be an alias of another program; a block node must have
                // the device's name.
                !is_block_node(&path, number) || self.dev.places(name).contains(&path)
            };
            // The device may have been created or renamed after the list was read.
            let current = read_dm_name(&name_in(&self.facts.path(sysfs_path(number)))).ok().flatten();
            if [devices.get(&number), current.as_ref()].into_iter().flatten().any(is_the_devices) {
                continue;
            }
            match fs::remove_file(&path) {
                Err(error) if error.kind() == ErrorKind::NotFound => {}
                Err(error) => return Err(UdevError::StaleNode { path, source: errno_of(&error) }),
                Ok(()) => removed.push(path),
            }
        }
        removed.sort();
        Ok(())
    }
}

/// The mapped device of a block node, or of the kernel's node that a link leads to. `None` for all other files.
fn owner(path: &Path, majors: &[u32]) -> Option<DeviceNumber> {
    let metadata = fs::symlink_metadata(path).ok()?;
    if metadata.file_type().is_block_device() {
        return Some(DeviceNumber::from_dev_t(metadata.rdev())).filter(|number| majors.contains(&number.major));
    }
    let target = fs::read_link(path).ok()?;
    let kernels = ["..", "/dev"].iter().any(|directory| target.parent() == Some(Path::new(directory)));
    let minor = target.file_name()?.to_str()?.strip_prefix("dm-")?.parse().ok()?;
    majors.first().filter(|_| kernels).map(|&major| DeviceNumber::new(major, minor))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{PermissionsExt as _, symlink};

    use super::*;
    use crate::udev::Strategy;

    fn stale(
        udev: &Udev,
        devices: &BTreeMap<DeviceNumber, DmNameBuf>,
        majors: &[u32],
        only: Option<&DmName>,
    ) -> Result<Vec<PathBuf>, UdevError> {
        let mut removed = Vec::new();
        udev.remove_stale_nodes(devices, majors, only, &mut removed).map(|()| removed)
    }

    #[test]
    fn only_links_to_devices_that_are_gone_are_removed() {
        let dev = tempfile::tempdir().unwrap();
        let mapper = dev.path().join("mapper");
        fs::create_dir(&mapper).unwrap();
        let link = |name: &str, target: &str| symlink(target, mapper.join(name)).unwrap();
        link("gone", "../dm-7");
        link("gone too", "/dev/dm-8");
        link("kept", "../dm-3");
        link("alias", "../dm-3");
        link("foreign", "../sda");
        link("elsewhere", "../block/dm-7");
        fs::write(mapper.join("control"), "").unwrap();
        fs::write(mapper.join("file"), "").unwrap();
        let udev = Udev::new(Strategy::MakeNodes).dev_dir(dev.path());
        let devices = BTreeMap::from([(DeviceNumber::new(253, 3), DmNameBuf::new("kept").unwrap())]);
        let only = stale(&udev, &devices, &[253], Some(DmName::new("kept").unwrap())).unwrap();
        assert!(only.is_empty());
        assert!(stale(&udev, &devices, &[], None).unwrap().is_empty(), "without a device mapper");
        let removed = stale(&udev, &devices, &[253], None).unwrap();
        assert_eq!(removed, ["gone", "gone too"].map(|name| mapper.join(name)));
        let mut left: Vec<_> = fs::read_dir(&mapper).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        left.sort();
        assert_eq!(left, ["alias", "control", "elsewhere", "file", "foreign", "kept"]);
    }

    #[test]
    fn a_device_that_was_made_after_the_list_keeps_its_link() {
        let fake = crate::udev::alive::fake::Fake::new();
        fs::create_dir_all(fake.path("dev/mapper")).unwrap();
        fake.file("sys/dev/block/253:7/dm/name", "new\n");
        symlink("../dm-7", fake.path("dev/mapper/new")).unwrap();
        let udev = Udev { facts: fake.facts(), ..Udev::new(Strategy::MakeNodes).dev_dir(fake.path("dev")) };
        assert!(stale(&udev, &BTreeMap::new(), &[253], None).unwrap().is_empty());
    }

    #[test]
    fn a_node_that_is_not_made_is_not_listed() {
        let fake = crate::udev::alive::fake::Fake::with_udev();
        let udev = Udev { facts: fake.facts(), ..Udev::new(Strategy::MakeNodes).dev_dir(fake.path("dev")) };
        let (name, number) = (DmName::new("gone").unwrap(), DeviceNumber::new(4000, 7));
        assert_eq!(udev.make_node(name, number).unwrap(), None);
        fake.file("sys/dev/block/4000:7/dm/name", "renamed\n");
        assert_eq!(udev.make_node(name, number).unwrap(), None);
    }

    #[test]
    fn a_directory_that_cannot_be_read_is_not_called_a_stale_node() {
        let dev = tempfile::tempdir().unwrap();
        fs::write(dev.path().join("mapper"), "").unwrap();
        let udev = Udev::new(Strategy::MakeNodes).dev_dir(dev.path());
        let error = stale(&udev, &BTreeMap::new(), &[253], None).unwrap_err();
        assert_eq!(error.to_string(), format!("cannot read {}", dev.path().join("mapper").display()));
        assert_eq!(error.errno(), Some(nix::libc::ENOTDIR));
    }

    #[test]
    fn a_link_that_cannot_be_removed_is_an_error() {
        let dev = tempfile::tempdir().unwrap();
        let (mapper, link) = (dev.path().join("mapper"), dev.path().join("mapper/gone"));
        fs::create_dir(&mapper).unwrap();
        symlink("../dm-7", &link).unwrap();
        let writable = |mode| fs::set_permissions(&mapper, fs::Permissions::from_mode(mode)).unwrap();
        writable(0o500);
        let result = stale(&Udev::new(Strategy::MakeNodes).dev_dir(dev.path()), &BTreeMap::new(), &[253], None);
        writable(0o700);
        match result {
            // Root may remove it all the same.
            Ok(removed) => assert!(removed == [link.clone()] && !link.is_symlink()),
            Err(error) => assert!(matches!(&error, UdevError::StaleNode { path, .. } if *path == link), "{error}"),
        }
    }

    #[test]
    fn a_missing_directory_has_no_stale_nodes() {
        let udev = Udev::new(Strategy::MakeNodes).dev_dir("/nonexistent");
        assert!(stale(&udev, &BTreeMap::new(), &[253], None).unwrap().is_empty());
    }
}
