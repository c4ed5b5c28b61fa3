//! Why the control node can't be used.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use dm_sys::DM_NAME;
use dm_units::{DeviceNumber, Version};

use crate::wire::INTERFACE_MAJOR;

/// Why the control node can't be used.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// The kernel has no device mapper, and opening the node did not load its module.
    #[error(
        "this kernel has no device mapper: {DM_NAME} is not in /proc/misc and opening {} did not load it; load the module \
         dm-mod, or use a kernel that has it", path.display()
    )]
    #[non_exhaustive]
    NoDeviceMapper {
        /// The control node that was tried.
        path: PathBuf,
    },
    /// The process may not use the device mapper.
    #[error("no permission to use the device mapper through {}: {reason}", path.display())]
    #[non_exhaustive]
    Permission {
        /// The control node.
        path: PathBuf,
        /// Why, and what to do.
        reason: PermissionReason,
    },
    /// The path leads to something else than the device mapper's control node.
    #[error("{} is not the device mapper's control node, which is {expected}: {found}; remove it and open again", path.display())]
    #[non_exhaustive]
    NotControlNode {
        /// The path.
        path: PathBuf,
        /// The number that the kernel gives the control node.
        expected: DeviceNumber,
        /// What is at the path.
        found: String,
    },
    /// The kernel has an interface version that this library does not know.
    #[error(
        "the device mapper of this kernel has interface version {version}; this library speaks {INTERFACE_MAJOR}.x"
    )]
    #[non_exhaustive]
    Interface {
        /// The version.
        version: Version,
    },
    /// The kernel answers the version command with an error that Linux never gives.
    #[error("the device mapper does not answer through {}; is this a real Linux kernel?", path.display())]
    #[non_exhaustive]
    NoAnswer {
        /// The control node.
        path: PathBuf,
        /// The error.
        source: Arc<io::Error>,
    },
    /// A file of the system can't be read, or the node can't be made.
    #[error("can't {action} {}", path.display())]
    #[non_exhaustive]
    File {
        /// What was tried, such as `open`.
        action: &'static str,
        /// The file.
        path: PathBuf,
        /// The error.
        source: Arc<io::Error>,
    },
    /// This way to the kernel has no second control node to open.
    #[error("this transport can't open the control node again")]
    NoSecondNode,
    /// A [`Transport`](crate::Transport) whose events can't be waited for.
    #[error("this transport has no descriptor that becomes readable with an event")]
    NoDescriptor,
}

/// Why a process may not use the device mapper. Each was checked before it is reported.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PermissionReason {
    /// The process is not root.
    #[error("run as root (it takes CAP_SYS_ADMIN)")]
    NotRoot,
    /// The process is root in its own user namespace only.
    #[error("this process is root in a user namespace of its own, and the kernel wants root of the first one")]
    UserNamespace,
    /// The file system that holds the node is mounted with `nodev`.
    #[error("the file system that holds the node is mounted with nodev; mount it without, or use another /dev")]
    NoDev,
    /// Root was refused to open the node: the device cgroup of a container does that.
    #[error(
        "root was refused the node, as the device cgroup of a container does; allow the container character device \
         access to it"
    )]
    DeviceCgroup,
    /// Root lacks `CAP_SYS_ADMIN`.
    #[error("root lacks CAP_SYS_ADMIN here; give it to this service or container")]
    NoCapability,
}

impl OpenError {
    pub(crate) fn file(action: &'static str, path: impl Into<PathBuf>, source: io::Error) -> Self {
        Self::File { action, path: path.into(), source: Arc::new(source) }
    }

    /// The error number of the system call that failed, if one did.
    #[must_use]
    pub fn errno(&self) -> Option<i32> {
        match self {
            Self::File { source, .. } | Self::NoAnswer { source, .. } => source.raw_os_error(),
            _ => None,
        }
    }

    /// The process may not use the device mapper, or a file that is needed.
    #[must_use]
    pub fn is_permission_denied(&self) -> bool {
        match self {
            Self::Permission { .. } => true,
            Self::File { source, .. } => source.kind() == io::ErrorKind::PermissionDenied,
            _ => false,
        }
    }

    /// This kernel has no device mapper, and it could not be loaded.
    #[must_use]
    pub const fn is_no_device_mapper(&self) -> bool {
        matches!(self, Self::NoDeviceMapper { .. })
    }
}
