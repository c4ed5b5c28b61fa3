//! [`OpenError`]: why the control node cannot be used.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use dm_sys::DM_NAME;
use dm_units::{DeviceNumber, Version};

use crate::wire::INTERFACE_MAJOR;

/// Why the control node could not be opened.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// The kernel has no device mapper, and opening the control node did not load its module.
    #[error(
        "this kernel has no device mapper: {DM_NAME} is not in /proc/misc and opening {} did not load it; load the module \
         dm-mod, or use a kernel that has it", path.display()
    )]
    #[non_exhaustive]
    NoDeviceMapper {
        /// The path of the control node.
        path: PathBuf,
    },
    /// The program was built for a system other than Linux (`target_os = "linux"`), such as macOS or Android.
    #[error(
        "this program was not built for Linux, whose device mapper it uses; tests can use dm_testing::MemoryKernel"
    )]
    NotLinux,
    /// The process lacks the permission to use the device mapper.
    #[error("no permission to use the device mapper through {}: {reason}", path.display())]
    #[non_exhaustive]
    Permission {
        /// The path of the control node.
        path: PathBuf,
        /// The missing permission, and what to do.
        reason: PermissionReason,
    },
    /// The file at the path is not the device mapper's control node.
    #[error(
        "{} is not the device mapper's control node (character device {expected}): {found}; {}",
        path.display(), advice(path)
    )]
    #[non_exhaustive]
    NotControlNode {
        /// The path of that file.
        path: PathBuf,
        /// The number that the control node must have.
        expected: DeviceNumber,
        /// A description of that file, such as `it is character device 1:3`.
        found: String,
    },
    /// The kernel has an interface version that this library does not support.
    #[error(
        "the device mapper of this kernel has interface version {version}; this library supports {INTERFACE_MAJOR}.x"
    )]
    #[non_exhaustive]
    Interface {
        /// The kernel's interface version.
        version: Version,
    },
    /// The version command failed with an error that the device mapper does not return.
    #[error(
        "the version command through {} failed with an error that the device mapper does not return; the kernel may be \
         an emulation, such as gVisor, or a filter may forbid the call", path.display()
    )]
    #[non_exhaustive]
    UnexpectedErrno {
        /// The path of the control node.
        path: PathBuf,
        /// The error of the command.
        source: Arc<io::Error>,
    },
    /// The control node cannot be opened or created for another reason, or a system file such as `/proc/misc` cannot be
    /// read.
    #[error("cannot {action} {}", path.display())]
    #[non_exhaustive]
    File {
        /// The action, such as `open`.
        action: &'static str,
        /// The path of the file.
        path: PathBuf,
        /// The error of the action.
        source: Arc<io::Error>,
    },
    /// The [`Transport`](crate::Transport) cannot open its control node again.
    #[error("this transport cannot open the control node again")]
    NoSecondNode,
    /// The [`Transport`](crate::Transport) has no descriptor to wait for events.
    #[error("this transport has no descriptor that becomes readable with an event")]
    NoDescriptor,
}

/// What to do about a file that is not the control node.
fn advice(path: &Path) -> &'static str {
    if path.starts_with("/proc/self/fd") { "pass an open control node" } else { "remove it and open again" }
}

/// Why a process cannot use the device mapper.
///
/// [`DeviceCgroup`](Self::DeviceCgroup) and [`NoCapability`](Self::NoCapability) are guesses, returned if no other
/// reason applies: the crate does not read device cgroups or capabilities.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PermissionReason {
    /// The process is not root.
    #[error("run as root, or with CAP_SYS_ADMIN and access to the control node")]
    NotRoot,
    /// The process is root only in a user namespace that is not the initial one.
    #[error("this process is root only in its own user namespace, and the kernel requires root in the initial one")]
    UserNamespace,
    /// The file system that contains the control node is mounted with `nodev`.
    #[error("the file system of the control node is mounted with nodev; mount it without, or use another /dev")]
    NoDev,
    /// The kernel does not let root open the control node, probably because of a container's device cgroup.
    #[error(
        "the kernel does not let root open the control node, for example because of a container's device cgroup; allow \
         the container to access this character device"
    )]
    DeviceCgroup,
    /// The kernel refuses root's commands, usually because the process lacks `CAP_SYS_ADMIN`.
    #[error(
        "the kernel refuses root's commands, usually because the process lacks CAP_SYS_ADMIN; give it to this service \
         or container"
    )]
    NoCapability,
}

impl OpenError {
    pub(crate) fn file(action: &'static str, path: impl Into<PathBuf>, source: io::Error) -> Self {
        Self::File { action, path: path.into(), source: Arc::new(source) }
    }

    /// The errno of [`File`](Self::File) and [`UnexpectedErrno`](Self::UnexpectedErrno); `None` for the other variants.
    #[must_use]
    pub fn errno(&self) -> Option<i32> {
        match self {
            Self::File { source, .. } | Self::UnexpectedErrno { source, .. } => source.raw_os_error(),
            _ => None,
        }
    }

    /// Whether the process lacks the permission to use the device mapper, to create the control node, or to read a
    /// required system file.
    #[must_use]
    pub fn is_permission_denied(&self) -> bool {
        match self {
            Self::Permission { .. } => true,
            Self::File { source, .. } => source.kind() == io::ErrorKind::PermissionDenied,
            _ => false,
        }
    }

    /// Whether the kernel has no device mapper, and its module could not be loaded. This is always `true` on systems
    /// other than Linux.
    #[must_use]
    pub const fn is_no_device_mapper(&self) -> bool {
        matches!(self, Self::NoDeviceMapper { .. } | Self::NotLinux)
    }
}
