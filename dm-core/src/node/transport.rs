//! The one seam to the kernel: everything this crate does passes through [`Transport::ioctl`].
#![expect(unsafe_code, reason = "the ioctl itself; no other file of this crate may hold unsafe code")]

use std::fs::File;
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};

use dm_units::DeviceNumber;

use crate::node::kernel_log;
use crate::wire::command::Command;
use crate::wire::header;

/// Carries a request to the kernel and its answer back.
///
/// [`ControlNode`] is the real one. Another one can stand in its place to test a program, or to measure this crate,
/// without a kernel: see [`Dm::with_transport`](crate::Dm::with_transport).
pub trait Transport {
    /// Sends the request, which is a `struct dm_ioctl` with its payload, and puts the answer in its place.
    ///
    /// # Errors
    /// What the kernel refuses, as the error number it gives. The three version words of the answer are written even then.
    fn ioctl(&self, command: Command, request: &mut [u8]) -> io::Result<()>;

    /// What the kernel wrote to its log about a device during this thread's last ioctl, which it refused.
    ///
    /// `device` is its number, where it is known. By default there is no log.
    fn kernel_log(&self, device: Option<DeviceNumber>) -> Vec<String> {
        let _ = device;
        Vec::new()
    }
}

/// An open control node, `/dev/mapper/control`.
#[derive(Debug)]
pub struct ControlNode(File);

impl ControlNode {
    pub(crate) fn new(node: File) -> Self {
        Self(node)
    }
}

impl AsFd for ControlNode {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

impl Transport for ControlNode {
    fn ioctl(&self, command: Command, request: &mut [u8]) -> io::Result<()> {
        // The kernel trusts this word for the length of what it reads and writes, so it is set here and nowhere else.
        header::set_data_size(request)?;
        let _call = kernel_log::begin(command);
        // SAFETY: `request` is ours alone for the length of the call, initialised, and at least a whole `struct dm_ioctl`
        // long; its `data_size`, both checked and set above, is its length. The kernel's handler (`ctl_ioctl` in
        // drivers/md/dm-ioctl.c) reads and writes at most `data_size` bytes, and where that is less than the 305 which
        // precede `data` in the struct it refuses; those are there. It keeps no pointer to them after it returns. It needs
        // no alignment, since it copies from and to user space bytewise, and any bytes are valid as `u8`. The file is open
        // as long as `self` is. `open.rs` has checked that it is the device mapper's control node, so no other driver
        // gets to read this request number in a way of its own.
        let result = unsafe { nix::libc::ioctl(self.0.as_raw_fd(), command.request_code() as _, request.as_mut_ptr()) };
        if result < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
    }

    fn kernel_log(&self, device: Option<DeviceNumber>) -> Vec<String> {
        kernel_log::lines_since(device)
    }
}
