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
    /// The device.
    pub device: DeviceNumber,
    /// The number of its group, from 1.
    pub group: u32,
    /// Whether its group may be used.
    pub group_state: GroupState,
    /// Whether the path is in use or has failed.
    pub state: PathState,
    /// How many times it has failed since the table was loaded.
    pub fail_count: u32,
    /// What the path selector says about it: what is in flight, how long requests take.
    pub info: PathInfo,
}

/// A device that is reached by several paths.
///
/// None of these methods works while the device is suspended ([`is_busy`](DevError::is_busy)), except
/// [`paths`](Self::paths). If the table has several lines, the methods work on the first one.
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
///         // Once a test has shown that it works:
///         lun.reinstate_path(&host, path.device)?;
///     }
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
impl MappedDev<Multipath> {
    /// The paths of all groups, in their order.
    ///
    /// # Errors
    ///
    /// Those of [`status`](MappedDev::status).
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

    /// Marks a path as failed: it is not used until it is [reinstated](Self::reinstate_path).
    ///
    /// # Errors
    ///
    /// [`is_invalid`](DevError::is_invalid): no path has this device.
    pub fn fail_path(&self, host: &Host, path: impl Into<Device>) -> Result<(), DevError> {
        self.tell(host, MultipathMessage::FailPath(path.into()))
    }

    /// Uses a path again that has failed. The kernel does not test it; should it fail again, it is not used any more.
    ///
    /// # Errors
    ///
    /// As [`fail_path`](Self::fail_path).
    pub fn reinstate_path(&self, host: &Host, path: impl Into<Device>) -> Result<(), DevError> {
        self.tell(host, MultipathMessage::ReinstatePath(path.into()))
    }

    /// Uses a group, counted from 1, from the next request on. All groups are enabled.
    ///
    /// # Errors
    ///
    /// [`is_invalid`](DevError::is_invalid): there is no such group.
    pub fn switch_group(&self, host: &Host, group: u32) -> Result<(), DevError> {
        self.tell(host, MultipathMessage::SwitchGroup(group))
    }

    /// Uses a group only when no other one is left.
    ///
    /// # Errors
    ///
    /// As [`switch_group`](Self::switch_group).
    pub fn disable_group(&self, host: &Host, group: u32) -> Result<(), DevError> {
        self.tell(host, MultipathMessage::DisableGroup(group))
    }

    /// Uses a group again that was disabled.
    ///
    /// # Errors
    ///
    /// As [`switch_group`](Self::switch_group).
    pub fn enable_group(&self, host: &Host, group: u32) -> Result<(), DevError> {
        self.tell(host, MultipathMessage::EnableGroup(group))
    }

    /// Whether requests wait when no path is left, instead of failing. When that is switched off, those that wait fail.
    ///
    /// # Errors
    ///
    /// Those of [`message`](MappedDev::message).
    pub fn set_queueing(&self, host: &Host, waits: bool) -> Result<(), DevError> {
        self.tell(host, if waits { MultipathMessage::QueueIfNoPath } else { MultipathMessage::FailIfNoPath })
    }

    /// Lets the kernel read from each path of the group in use that works, and takes those for failed that don't answer. Returns
    /// when it is done; [`paths`](Self::paths) then shows the result.
    ///
    /// This is for a program that sends its requests past the device mapper, such as one that passes SCSI commands of a virtual
    /// machine on, and so has to find out itself whether a path has failed. Failed paths are not probed.
    ///
    /// It opens the node of the device.
    ///
    /// # Errors
    ///
    /// [`DevError::Unsupported`]: the kernel is older than Linux 6.16. [`DevError::Block`] with the errno `ENOTCONN`: no path is
    /// left and requests fail; with `EAGAIN`: the device is suspended.
    pub fn probe_paths(&self, host: &Host) -> Result<(), DevError> {
        // An older kernel would pass the ioctl on to a path, and wait for one without an end if there is none
        // (`dm_prepare_ioctl` in drivers/md/dm.c).
        let found = host.dm().version()?;
        if found < PROBES_SINCE {
            let what = "probe the paths";
            return Err(DevError::Unsupported { device: self.to_id(), what, since: PROBES_SINCE, found });
        }
        let device = Device::Number(self.number(host)?);
        Ok(NamedBlock::open(host, &device, BlockOpenOptions::new())?.probe_paths()?)
    }

    fn tell(&self, host: &Host, message: MultipathMessage) -> Result<(), DevError> {
        self.message(host, &message).map(drop)
    }
}
