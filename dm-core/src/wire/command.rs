//! The commands of the control node.

use core::fmt;

use dm_sys as sys;

/// The major version of the interface that this crate uses; the minor version counts its additions.
pub(crate) const INTERFACE_MAJOR: u32 = 4;

/// A command of the control node. Each variant is named after the method of [`Dm`](crate::Dm) that sends it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Command {
    /// `DM_VERSION`
    Version,
    /// `DM_REMOVE_ALL`
    RemoveAll,
    /// `DM_LIST_DEVICES`
    ListDevices,
    /// `DM_DEV_CREATE`
    DeviceCreate,
    /// `DM_DEV_REMOVE`
    DeviceRemove,
    /// `DM_DEV_RENAME`
    DeviceRename,
    /// `DM_DEV_SUSPEND` with the suspend flag
    DeviceSuspend,
    /// `DM_DEV_SUSPEND` without the suspend flag
    DeviceResume,
    /// `DM_DEV_STATUS`
    DeviceInfo,
    /// `DM_DEV_WAIT`
    DeviceWait,
    /// `DM_TABLE_LOAD`
    TableLoad,
    /// `DM_TABLE_CLEAR`
    TableClear,
    /// `DM_TABLE_DEPS`
    TableDeps,
    /// `DM_TABLE_STATUS`
    TableStatus,
    /// `DM_LIST_VERSIONS`
    ListVersions,
    /// `DM_TARGET_MSG`
    TargetMsg,
    /// `DM_DEV_SET_GEOMETRY`
    SetGeometry,
    /// `DM_DEV_ARM_POLL`
    ArmPoll,
    /// `DM_GET_TARGET_VERSION`
    TargetVersion,
}

impl Command {
    /// The name of the method that sends the command, as errors and logs show it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        self.facts().0
    }

    /// The request code for `ioctl(2)`.
    #[must_use]
    pub const fn request_code(self) -> u32 {
        self.facts().1
    }

    /// The minor interface version that introduced the command, which is sent unless an option requires a later one.
    pub(crate) const fn since_minor(self) -> u32 {
        self.facts().2
    }

    const fn facts(self) -> (&'static str, u32, u32) {
        match self {
            Self::Version => ("version", sys::DM_VERSION, 0),
            Self::RemoveAll => ("remove_all", sys::DM_REMOVE_ALL, 0),
            Self::ListDevices => ("list_devices", sys::DM_LIST_DEVICES, 0),
            Self::DeviceCreate => ("device_create", sys::DM_DEV_CREATE, 0),
            Self::DeviceRemove => ("device_remove", sys::DM_DEV_REMOVE, 0),
            Self::DeviceRename => ("device_rename", sys::DM_DEV_RENAME, 0),
            Self::DeviceSuspend => ("device_suspend", sys::DM_DEV_SUSPEND, 0),
            Self::DeviceResume => ("device_resume", sys::DM_DEV_SUSPEND, 0),
            Self::DeviceInfo => ("device_info", sys::DM_DEV_STATUS, 0),
            Self::DeviceWait => ("device_wait", sys::DM_DEV_WAIT, 0),
            Self::TableLoad => ("table_load", sys::DM_TABLE_LOAD, 0),
            Self::TableClear => ("table_clear", sys::DM_TABLE_CLEAR, 0),
            Self::TableDeps => ("table_deps", sys::DM_TABLE_DEPS, 0),
            Self::TableStatus => ("table_status", sys::DM_TABLE_STATUS, 0),
            Self::ListVersions => ("list_versions", sys::DM_LIST_VERSIONS, 1),
            Self::TargetMsg => ("target_msg", sys::DM_TARGET_MSG, 2),
            Self::SetGeometry => ("set_geometry", sys::DM_DEV_SET_GEOMETRY, 6),
            Self::ArmPoll => ("arm_poll", sys::DM_DEV_ARM_POLL, 36),
            Self::TargetVersion => ("target_version", sys::DM_GET_TARGET_VERSION, 41),
        }
    }
}

impl fmt::Display for Command {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}
