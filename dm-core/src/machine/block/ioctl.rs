//! The ioctls of block devices (`blkdev_ioctl` in block/ioctl.c), `DM_MPATH_PROBE_PATHS` of dm-mpath.c, and the advice
//! that drops a device's page cache.
#![expect(unsafe_code, reason = "the ioctls, which nix only wraps as unsafe functions")]

use std::fs::File;
use std::io;
use std::os::fd::AsRawFd as _;

use nix::fcntl::{PosixFadviseAdvice, posix_fadvise};
use nix::libc::{c_int, c_uint};

/// Requests as block/ioctl.c names them, from `linux/fs.h`. Most are `_IO(0x12, nr)`: their numbers do not encode the
/// size of the argument, hence the `_bad` macros.
mod request {
    use nix::libc::{c_int, c_uint};

    const BLK: u8 = 0x12;
    nix::ioctl_read_bad!(blkroget, nix::request_code_none!(BLK, 94), c_int);
    nix::ioctl_write_ptr_bad!(blkroset, nix::request_code_none!(BLK, 93), c_int);
    nix::ioctl_read_bad!(blksszget, nix::request_code_none!(BLK, 104), c_int);
    nix::ioctl_read_bad!(blkpbszget, nix::request_code_none!(BLK, 123), c_uint);
    // The number encodes the size of a `size_t`, but the kernel always writes 64 bits.
    nix::ioctl_read_bad!(blkgetsize64, nix::request_code_read!(BLK, 114, size_of::<usize>()), u64);
    nix::ioctl_write_ptr_bad!(blkdiscard, nix::request_code_none!(BLK, 119), [u64; 2]);
    nix::ioctl_none_bad!(probe_paths, dm_sys::DM_MPATH_PROBE_PATHS);
    nix::ioctl_write_ptr_bad!(blkzeroout, nix::request_code_none!(BLK, 127), [u64; 2]);
}

/// The size in bytes.
pub(super) fn size(file: &File) -> io::Result<u64> {
    let mut size = 0_u64;
    // SAFETY: the descriptor is open while `file` is borrowed. The kernel writes one `u64` (`put_u64`) into `size`, and
    // keeps no pointer to it. `mod.rs` has checked that the file is a block device, so no other driver sees the number.
    unsafe { request::blkgetsize64(file.as_raw_fd(), &raw mut size) }?;
    Ok(size)
}

/// The logical block size in bytes.
pub(super) fn logical_block_size(file: &File) -> io::Result<c_int> {
    let mut size: c_int = 0;
    // SAFETY: as in `size`; the kernel writes one `int` (`put_int`).
    unsafe { request::blksszget(file.as_raw_fd(), &raw mut size) }?;
    Ok(size)
}

/// The physical block size in bytes.
pub(super) fn physical_block_size(file: &File) -> io::Result<c_uint> {
    let mut size: c_uint = 0;
    // SAFETY: as in `size`; the kernel writes one `unsigned int` (`put_uint`).
    unsafe { request::blkpbszget(file.as_raw_fd(), &raw mut size) }?;
    Ok(size)
}

/// Whether the device is set to read-only.
pub(super) fn read_only(file: &File) -> io::Result<bool> {
    let mut flag: c_int = 0;
    // SAFETY: as in `size`; the kernel writes one `int` (`put_int`).
    unsafe { request::blkroget(file.as_raw_fd(), &raw mut flag) }?;
    Ok(flag != 0)
}

/// Sets or clears the read-only state of the device.
pub(super) fn set_read_only(file: &File, read_only: bool) -> io::Result<()> {
    let flag = c_int::from(read_only);
    // SAFETY: as in `size`; the kernel reads one `int` (`blkdev_roset`).
    unsafe { request::blkroset(file.as_raw_fd(), &raw const flag) }?;
    Ok(())
}

/// Discards a range of bytes.
pub(super) fn discard(file: &File, start: u64, len: u64) -> io::Result<()> {
    let range = [start, len];
    // SAFETY: as in `size`; the kernel reads two `u64` (`blk_ioctl_discard`). It touches data of the device, not
    // memory.
    unsafe { request::blkdiscard(file.as_raw_fd(), &raw const range) }?;
    Ok(())
}

/// Writes zeros to a range of bytes.
pub(super) fn zero_out(file: &File, start: u64, len: u64) -> io::Result<()> {
    let range = [start, len];
    // SAFETY: as in `discard` (`blk_ioctl_zeroout`).
    unsafe { request::blkzeroout(file.as_raw_fd(), &raw const range) }?;
    Ok(())
}

/// Lets a multipath device probe its paths.
pub(super) fn probe_paths(file: &File) -> io::Result<()> {
    // SAFETY: as in `size`; the ioctl takes no argument (`multipath_prepare_ioctl` in drivers/md/dm-mpath.c). A driver
    // that does not implement the request cannot take the missing argument for a pointer, because the number (`_IO`)
    // has no argument.
    unsafe { request::probe_paths(file.as_raw_fd()) }?;
    Ok(())
}

/// Drops the page cache of the device, except what is not yet written.
pub(super) fn drop_cache(file: &File) -> io::Result<()> {
    Ok(posix_fadvise(file, 0, 0, PosixFadviseAdvice::POSIX_FADV_DONTNEED)?)
}
