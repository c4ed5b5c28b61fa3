//! Replaces calls of Linux on other systems, where no block device can be opened and none is found.

/// Files that are opened for their path only.
pub(super) mod path_only {
    use std::fs::File;
    use std::io;
    use std::path::Path;

    use dm_units::DeviceNumber;
    use nix::errno::Errno;

    pub(in crate::machine) fn open(_: &Path) -> io::Result<File> {
        Err(Errno::EOPNOTSUPP.into())
    }

    pub(in crate::machine) fn open_beneath(_: &Path, _: &[u8]) -> io::Result<File> {
        Err(Errno::EOPNOTSUPP.into())
    }

    pub(in crate::machine) fn block_device(_: &File) -> io::Result<Option<DeviceNumber>> {
        Err(Errno::EOPNOTSUPP.into())
    }
}

/// The ioctls of block devices.
pub(super) mod ioctl {
    use std::fs::File;
    use std::io;

    use nix::errno::Errno;
    use nix::libc::{c_int, c_uint};

    pub(in crate::machine) fn size(_: &File) -> io::Result<u64> {
        Err(Errno::EOPNOTSUPP.into())
    }

    pub(in crate::machine) fn logical_block_size(_: &File) -> io::Result<c_int> {
        Err(Errno::EOPNOTSUPP.into())
    }

    pub(in crate::machine) fn physical_block_size(_: &File) -> io::Result<c_uint> {
        Err(Errno::EOPNOTSUPP.into())
    }

    pub(in crate::machine) fn read_only(_: &File) -> io::Result<bool> {
        Err(Errno::EOPNOTSUPP.into())
    }

    pub(in crate::machine) fn set_read_only(_: &File, _: bool) -> io::Result<()> {
        Err(Errno::EOPNOTSUPP.into())
    }

    pub(in crate::machine) fn discard(_: &File, _: u64, _: u64) -> io::Result<()> {
        Err(Errno::EOPNOTSUPP.into())
    }

    pub(in crate::machine) fn zero_out(_: &File, _: u64, _: u64) -> io::Result<()> {
        Err(Errno::EOPNOTSUPP.into())
    }

    pub(in crate::machine) fn probe_paths(_: &File) -> io::Result<()> {
        Err(Errno::EOPNOTSUPP.into())
    }

    pub(in crate::machine) fn drop_cache(_: &File) -> io::Result<()> {
        Err(Errno::EOPNOTSUPP.into())
    }
}
