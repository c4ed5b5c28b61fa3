//! Makes and removes nodes for existing devices.

use std::collections::BTreeMap;
use std::path::PathBuf;

use dm_units::DeviceNumber;

use super::error::{OpError, OpErrorKind, Operation, Remains, StateAfter, Step};
use super::host::Host;
use super::op::{Op, uninterrupted};
use crate::id::{AsDevId, DevId, DmName, DmNameBuf};
use crate::machine::paths;
use crate::node::Dm;
use crate::udev::UdevError;
use crate::wire::DeviceInfo;

/// The changes that [`Host::make_nodes`] or [`Host::make_node`] made below `/dev/mapper`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct NodeChanges {
    /// The nodes or links that were created.
    pub made: Vec<PathBuf>,
    /// The nodes and links that were removed: those of devices that no longer exist, and block nodes whose name is not
    /// that of their device.
    pub removed: Vec<PathBuf>,
}

impl NodeChanges {
    /// The state after a failure.
    fn state(&self) -> StateAfter {
        let count = self.made.len().saturating_add(self.removed.len());
        StateAfter::left((count > 0).then_some(Remains::NodesChanged(count)).into_iter().collect(), None)
    }
}

impl Host {
    /// Creates the node of a device below `/dev/mapper` if it is missing, whether or not udev runs. A device without an
    /// active table gets no node. If `id` is a name that no device has, the call removes the node of that name, unless
    /// the node leads to another device.
    ///
    /// Call this if udev has not created a node in time. The call has no effect with a kernel in memory, whose devices
    /// have no nodes.
    ///
    /// # Errors
    /// [`OpErrorKind::Udev`]: the node cannot be created or removed. A device that does not exist is not an error.
    #[doc(alias = "dm_mknodes")]
    pub fn make_node(&self, id: impl AsDevId) -> Result<NodeChanges, OpError> {
        let op = Op::new(self, Operation::MakeNodes, &id)?;
        let mut changes = NodeChanges::default();
        if !self.dm().transport().has_nodes() {
            return Ok(changes);
        }
        match (op.read(), op.id()) {
            (Ok(info), _) => changes.made.extend(self.make_missing(&info).map_err(|error| udev(&op, error))?),
            (Err(error), DevId::Name(name)) if error.is_not_found() => {
                let removed = self.remove_stale(op.dm(), Some(name), &mut changes.removed);
                removed.map_err(|error| op.failed(Step::Udev, error, changes.state()))?;
            }
            (Err(error), _) if error.is_not_found() => {}
            (Err(error), _) => return Err(op.fail(Step::Read, error)),
        }
        Ok(changes)
    }

    /// Creates the missing nodes of all devices with an active table, and removes wrong nodes, whether or not udev
    /// runs.
    ///
    /// Wrong nodes are the nodes and links of devices that no longer exist, and block nodes whose name is not that of
    /// their device. The call has no effect with a kernel in memory, whose devices have no nodes.
    ///
    /// ```no_run
    /// let host = dm_core::Host::open()?;
    /// for path in host.make_nodes()?.made {
    ///     println!("made {}", path.display());
    /// }
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// - [`OpErrorKind::Udev`]: a node cannot be created or removed. If a node cannot be created, the call still
    ///   processes the other nodes, and then returns the first error. The state of the error has the number of changed
    ///   nodes.
    /// - [`OpErrorKind::Command`]: the devices cannot be listed or read.
    #[doc(alias = "mknodes")]
    #[doc(alias = "DM_DEVICE_MKNODES")]
    pub fn make_nodes(&self) -> Result<NodeChanges, OpError> {
        let mut changes = NodeChanges::default();
        let failed = |step, error, changes: &NodeChanges| {
            OpError::new(Operation::MakeNodes, None, step, error).with_state(changes.state())
        };
        let devices = existing(self.dm()).map_err(|error| failed(Step::Read, error, &changes))?;
        if !self.dm().transport().has_nodes() {
            return Ok(changes);
        }
        let mut first = None;
        for (number, name) in &devices {
            if self.udev().has_node(name, *number) {
                continue;
            }
            let info = match uninterrupted(|| self.dm().device_info(*number)) {
                Err(error) if error.is_not_found() => continue,
                info => info.map_err(|error| failed(Step::Read, error.into(), &changes))?,
            };
            match self.make_missing(&info) {
                Ok(made) => changes.made.extend(made),
                Err(error) => drop(first.get_or_insert(error)),
            }
        }
        match self.remove_stale(self.dm(), None, &mut changes.removed) {
            Ok(()) => {}
            Err(OpErrorKind::Udev(error)) => drop(first.get_or_insert(error)),
            Err(error) => return Err(failed(Step::Read, error, &changes)),
        }
        match first {
            Some(error) => Err(failed(Step::Udev, error.into(), &changes)),
            None => Ok(changes),
        }
    }

    /// A device without an active table has no node.
    fn make_missing(&self, info: &DeviceInfo) -> Result<Option<PathBuf>, UdevError> {
        match info.name().filter(|_| info.has_active_table()) {
            Some(name) => self.udev().make_node(name, info.number()),
            None => Ok(None),
        }
    }

    fn remove_stale(&self, dm: &Dm, only: Option<&DmName>, removed: &mut Vec<PathBuf>) -> Result<(), OpErrorKind> {
        let majors = paths::majors().unwrap_or_default();
        Ok(self.udev().remove_stale_nodes(&existing(dm)?, &majors, only, removed)?)
    }
}

fn udev(op: &Op<'_>, error: UdevError) -> OpError {
    op.fail(Step::Udev, error)
}

/// All devices, by number.
fn existing(dm: &Dm) -> Result<BTreeMap<DeviceNumber, DmNameBuf>, OpErrorKind> {
    let mut devices = BTreeMap::new();
    for device in &uninterrupted(|| dm.list_devices())? {
        let device = device?;
        devices.insert(device.number, device.name.to_owned());
    }
    Ok(devices)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use nix::errno::Errno;

    use super::*;
    use crate::fake_host::{FakeDevice, FakeHost, bare, number, serving};
    use crate::udev::Udev;
    use crate::wire::Command;

    /// A host with these devices, and a directory with an empty `/dev/mapper` and the device `a` in sysfs.
    fn scene(devices: impl IntoIterator<Item = FakeDevice>) -> (Host, FakeHost, tempfile::TempDir) {
        let root = tempfile::tempdir().unwrap();
        for directory in ["dev/mapper", "sys/dev/block/253:7/dm"] {
            fs::create_dir_all(root.path().join(directory)).unwrap();
        }
        fs::write(root.path().join("sys/dev/block/253:7/dm/name"), "a\n").unwrap();
        let fake = FakeHost::new(48, devices);
        (Host::new(fake.dm()).with_udev(Udev::below(root.path())), fake, root)
    }

    fn all_calls(host: &Host) -> [Result<NodeChanges, OpError>; 3] {
        [host.make_node("a"), host.make_node(number(7)), host.make_nodes()]
    }

    #[test]
    fn a_file_in_the_place_of_a_node_is_kept_and_named_in_the_error() {
        let (host, _fake, root) = scene([serving(7, "a", "")]);
        let file = root.path().join("dev/mapper/a");
        fs::write(&file, "").unwrap();
        for result in all_calls(&host) {
            let error = result.unwrap_err();
            let OpErrorKind::Udev(UdevError::Occupied { path, .. }) = error.kind() else { panic!("{error:?}") };
            assert!(*path == file && error.step() == Step::Udev && error.is_undone(), "{error:?}");
        }
        assert!(file.is_file());
    }

    #[test]
    fn a_device_without_an_active_table_gets_no_node() {
        let (host, _fake, root) = scene([bare(7, "a", "")]);
        for result in all_calls(&host) {
            assert_eq!(result.unwrap(), NodeChanges::default());
        }
        assert_eq!(fs::read_dir(root.path().join("dev/mapper")).unwrap().count(), 0);
    }

    #[test]
    fn stale_nodes_are_looked_for_by_name_but_not_by_number() {
        let (host, _fake, root) = scene([]);
        for result in all_calls(&host) {
            assert_eq!(result.unwrap(), NodeChanges::default());
        }
        let mapper = root.path().join("dev/mapper");
        fs::remove_dir(&mapper).unwrap();
        fs::write(&mapper, "").unwrap();
        for result in [host.make_node("a"), host.make_nodes()] {
            let error = result.unwrap_err();
            let is_unreadable = matches!(error.kind(), OpErrorKind::Udev(UdevError::UnreadableDirectory { .. }));
            assert!(is_unreadable && error.step() == Step::Udev, "{error:?}");
        }
        assert_eq!(host.make_node(number(7)).unwrap(), NodeChanges::default());
    }

    #[test]
    fn a_device_that_cannot_be_read_is_an_error_but_not_one_that_is_removed_meanwhile() {
        type Call = fn(&Host) -> Result<NodeChanges, OpError>;
        let calls: [Call; 3] = [|host| host.make_node("a"), |host| host.make_node(number(7)), Host::make_nodes];
        for call in calls {
            let (host, fake, _root) = scene([serving(7, "a", "")]);
            fake.lock().fail = Some((Command::DeviceInfo, Errno::ENOMEM));
            let error = call(&host).unwrap_err();
            assert!(error.step() == Step::Read && error.errno() == Some(Errno::ENOMEM as i32), "{error:?}");
            fake.lock().meanwhile = Some(Box::new(|command, state| {
                if command == Command::DeviceInfo {
                    state.devices.clear();
                }
            }));
            assert_eq!(call(&host).unwrap(), NodeChanges::default());
        }
    }

    #[test]
    fn the_state_after_a_failure_has_the_number_of_changed_nodes() {
        let changes = NodeChanges { made: vec!["a".into(), "b".into()], removed: vec!["c".into()] };
        assert_eq!(changes.state().remains(), [Remains::NodesChanged(3)]);
        assert_eq!(changes.state().to_string(), "3 of the nodes were made or removed");
        assert!(matches!(NodeChanges::default().state(), StateAfter::Undone));
    }
}
