//! The control node on systems other than Linux, where opening it is an error.

use nix::unistd::{Pid, getpid};

/// Returns the number of the process. It is not used, since the kernel's log cannot be opened here.
pub(super) fn gettid() -> Pid {
    getpid()
}

/// No control node can be opened.
pub(super) mod open {
    use std::fs::File;
    use std::path::Path;

    use dm_units::DeviceNumber;
    use nix::errno::Errno;
    use nix::sys::stat::SFlag;

    use crate::error::{OpenError, PermissionReason};

    pub(crate) fn default_path() -> &'static Path {
        Path::new("/dev/mapper/control")
    }

    pub(crate) fn open(_: &Path) -> Result<File, OpenError> {
        Err(OpenError::NotLinux)
    }

    pub(in crate::node) fn checked(_: File, _: &Path) -> Result<File, OpenError> {
        Err(OpenError::NotLinux)
    }

    pub(in crate::node) const fn check(_: &File, _: &Path) -> Result<(), OpenError> {
        Err(OpenError::NotLinux)
    }

    /// Never called, since no control node can be opened here.
    pub(in crate::node) const fn reason_for_command() -> PermissionReason {
        PermissionReason::NotRoot
    }

    pub(crate) fn make_device_node(_: &Path, _: SFlag, _: DeviceNumber) -> Result<(), Errno> {
        Err(Errno::EOPNOTSUPP)
    }
}

/// Never used, since no control node can be opened here.
pub(super) mod within {
    use std::io;
    use std::os::fd::RawFd;
    use std::time::Duration;

    pub(in crate::node) fn ioctl(_: RawFd, _: u32, _: &mut [u8], _: Option<&mut [u8]>, _: Duration) -> io::Result<()> {
        Err(io::ErrorKind::Unsupported.into())
    }
}
