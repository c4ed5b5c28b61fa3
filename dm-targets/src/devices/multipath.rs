//! Methods of multipath devices: paths, groups, queueing, probing.

use alloc::vec::Vec;

use dm_core::Host;
use dm_core::block::BlockOpenOptions;
use dm_units::{DeviceNumber, Version};

use super::block::NamedBlock;
use super::{DevError, MappedDev};
use crate::multipath::{GroupState, MultipathMessage, PathInfo, PathState};
use crate::{Device, Multipath};

/// From this version of the ioctl interface on, paths can be probed (Linux 6.16).
const PROBES_SINCE: Version = Version::new(4, 50, 0);

/// A path of a multipath device, as the status shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct MultipathPath {
    /// The number of the block device that is the path.
    pub device: DeviceNumber,
    /// The number of its group, from 1.
    pub group: u32,
    /// The state of its group, such as whether the group is used or disabled.
    pub group_state: GroupState,
    /// Whether the path works or has failed.
    pub state: PathState,
    /// How often the path has changed from working to failed since the table was loaded, including changes by a
    /// message.
    pub fail_count: u32,
    /// The path selector's information, such as the bytes in flight or the duration of requests.
    pub info: PathInfo,
}

/// A device that is reached through several paths.
///
/// While the device is suspended, [`paths`](Self::paths) works, [`probe_paths`](Self::probe_paths) fails with `EAGAIN`,
/// and the other methods return an error whose [`is_busy`](DevError::is_busy) is true.
///
/// ```no_run
/// use dm_core::Host;
/// use dm_targets::devices::MultipathDev;
/// use dm_targets::multipath::PathState;
///
/// let host = Host::open()?;
/// let lun = MultipathDev::open(&host, "lun")?;
/// // Requests wait while no path is left.
/// lun.set_queueing(&host, true)?;
/// for path in lun.paths(&host)? {
///     println!("{}: group {}, failed {} times", path.device, path.group, path.fail_count);
///     if path.state == PathState::Failed {
///         // After a test has shown that the path works:
///         lun.reinstate_path(&host, path.device)?;
///     }
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
impl MappedDev<Multipath> {
    /// Reads the paths of all groups from the status, in the order of the table.
    ///
    /// # Errors
    ///
    /// As [`status`](MappedDev::status).
    pub fn paths(&self, host: &Host) -> Result<Vec<MultipathPath>, DevError> {
        let status = self.unflushed_status(host)?;
        let mut paths = Vec::new();
        for (number, group) in (1..).zip(status.groups) {
            let group_state = group.state;
            paths.extend(group.paths.into_iter().map(|path| MultipathPath {
                device: path.device,
                group: number,
                group_state: group_state.clone(),
                state: path.state,
                fail_count: path.fail_count,
                info: path.info,
            }));
        }
        Ok(paths)
    }

    /// Marks a path as failed: it is not used until it is [reinstated](Self::reinstate_path) or the table is replaced.
    ///
    /// # Errors
    ///
    /// [`is_invalid`](DevError::is_invalid): no path has this device.
    pub fn fail_path(&self, host: &Host, path: impl Into<Device>) -> Result<(), DevError> {
        self.send(host, MultipathMessage::FailPath(path.into()))
    }

    /// Makes the kernel use a failed path again. The kernel does not test the path first. If a request on it fails, the
    /// path is marked as failed again.
    ///
    /// # Errors
    ///
    /// As [`fail_path`](Self::fail_path).
    pub fn reinstate_path(&self, host: &Host, path: impl Into<Device>) -> Result<(), DevError> {
        self.send(host, MultipathMessage::ReinstatePath(path.into()))
    }

    /// Makes the kernel use this group from the next request on, if one of its paths works. Groups are counted from 1.
    /// The call also enables all groups.
    ///
    /// # Errors
    ///
    /// [`is_invalid`](DevError::is_invalid): the device has no such group.
    pub fn switch_group(&self, host: &Host, group: u32) -> Result<(), DevError> {
        self.send(host, MultipathMessage::SwitchGroup(group))
    }

    /// Disables a group: it is used only when no enabled group has a working path.
    ///
    /// # Errors
    ///
    /// As [`switch_group`](Self::switch_group).
    pub fn disable_group(&self, host: &Host, group: u32) -> Result<(), DevError> {
        self.send(host, MultipathMessage::DisableGroup(group))
    }

    /// Enables a disabled group.
    ///
    /// # Errors
    ///
    /// As [`switch_group`](Self::switch_group).
    pub fn enable_group(&self, host: &Host, group: u32) -> Result<(), DevError> {
        self.send(host, MultipathMessage::EnableGroup(group))
    }

    /// Sets whether requests wait (`true`) or fail (`false`) while no path works. With `false`, requests that are
    /// already waiting fail.
    ///
    /// # Errors
    ///
    /// As [`message`](MappedDev::message).
    pub fn set_queueing(&self, host: &Host, waits: bool) -> Result<(), DevError> {
        self.send(host, if waits { MultipathMessage::QueueIfNoPath } else { MultipathMessage::FailIfNoPath })
    }

    /// Makes the kernel read from each working path of the current group, and mark paths as failed if the read fails.
    /// Returns after all these reads. [`paths`](Self::paths) then shows the result.
    ///
    /// This is for programs whose requests bypass the device mapper, for example SCSI commands of a virtual machine.
    /// Such programs must detect failed paths themselves. Paths that are already marked as failed are not probed.
    ///
    /// The call opens the device's node in `/dev`.
    ///
    /// # Errors
    ///
    /// [`DevError::Unsupported`]: the kernel is older than Linux 6.16. [`DevError::Block`] with the errno `ENOTCONN`:
    /// no path is left and requests fail. [`DevError::Block`] with `EAGAIN`: the device is suspended.
    pub fn probe_paths(&self, host: &Host) -> Result<(), DevError> {
        // An older kernel would pass the ioctl on to a path, and wait without a limit if no path works
        // (`dm_prepare_ioctl` in drivers/md/dm.c).
        let found = host.dm().version()?;
        if found < PROBES_SINCE {
            let what = "probe the paths";
            return Err(DevError::Unsupported { device: self.to_id(), what, since: PROBES_SINCE, found });
        }
        let device = Device::Number(self.number(host)?);
        Ok(NamedBlock::open(host, &device, BlockOpenOptions::new())?.probe_paths()?)
    }

    fn send(&self, host: &Host, message: MultipathMessage) -> Result<(), DevError> {
        self.message(host, &message).map(drop)
    }
}
