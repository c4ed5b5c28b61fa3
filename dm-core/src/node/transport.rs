//! The connection to the kernel: all commands pass through a [`Transport`].
#![expect(unsafe_code, reason = "the ioctl itself")]

use std::borrow::Cow;
use std::fmt;
use std::fs::File;
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use super::block_io::{BlockId, BlockIo, BlockOpenOptions};
use super::kernel_log::{KernelLogFile, LogMark};
use super::{open, within};
use crate::error::{OpenError, Result};
use crate::wire::header;
use crate::wire::{Command, Flags};

/// Carries requests to the kernel and returns its replies.
///
/// [`ControlNode`] is the transport to the running kernel. Another transport can replace it to test or measure a
/// program without a kernel: see [`Dm::with_transport`](crate::Dm::with_transport).
pub trait Transport: fmt::Debug + Send + Sync {
    /// Sends the request, a `struct dm_ioctl` with its payload, and overwrites the request with the reply.
    ///
    /// # Errors
    /// The kernel refuses the request. The error has the errno. Even then, `request` begins with the kernel's interface
    /// version, unless the error, such as `EACCES`, occurs before the kernel has read the request.
    fn ioctl(&self, command: Command, request: &mut [u8]) -> io::Result<()>;

    /// As [`ioctl`](Self::ioctl), but gives up after `timeout` or when a signal arrives. The reply is not returned.
    ///
    /// The default implementation calls `ioctl` and ignores the timeout.
    ///
    /// # Errors
    /// As [`ioctl`](Self::ioctl). `ETIMEDOUT` after the timeout, `EINTR` after a signal. After either error, the
    /// command may have taken effect or may still be running.
    fn ioctl_within(&self, command: Command, request: &mut [u8], timeout: Duration) -> io::Result<()> {
        let _ = timeout;
        self.ioctl(command, request)
    }

    /// Marks the current end of the kernel's log, so that the lines of a refused ioctl can be read from there.
    ///
    /// `None`, the default, if there is no log to read.
    fn log_mark(&self) -> Option<LogMark<'_>> {
        None
    }

    /// The approximate number of mapped devices. The first [`list_devices`](crate::Dm::list_devices) sizes its buffer
    /// for this number. An attempt with a buffer that is too small costs the kernel nearly half as much as a successful
    /// one.
    ///
    /// 0, the default, if the number is unknown.
    fn expected_devices(&self) -> usize {
        0
    }

    /// The descriptor that becomes readable after [`arm_poll`](crate::Dm::arm_poll) when an event of a device arrives.
    ///
    /// `None`, the default, if the transport has no descriptor.
    fn poll_fd(&self) -> Option<BorrowedFd<'_>> {
        None
    }

    /// Opens a block device of this kernel, mapped or not, to read and write its data.
    ///
    /// The default implementation returns `None`: the devices of the running kernel are opened through their nodes.
    /// [`Host::open_block`](crate::Host::open_block) handles both cases.
    fn open_block(&self, device: BlockId<'_>, options: BlockOpenOptions) -> Option<io::Result<Box<dyn BlockIo>>> {
        let _ = (device, options);
        None
    }

    /// Whether the devices of this kernel have nodes on this machine.
    ///
    /// `true` by default. If `false`, the path of a device is only a name that [`open_block`](Self::open_block) and
    /// tables accept, and [`Host::path`](crate::Host::path) does not look for a node.
    fn has_nodes(&self) -> bool {
        true
    }

    /// Opens the same control node again. Each thread that waits for events needs a separate open file.
    ///
    /// # Errors
    /// The node cannot be opened again; the default implementation returns [`OpenError::NoSecondNode`].
    fn reopen(&self) -> Result<Arc<dyn Transport>, OpenError> {
        Err(OpenError::NoSecondNode)
    }
}

/// Lets a caller share a transport with a [`Dm`](crate::Dm), or with another transport that wraps it.
impl<T: Transport + ?Sized> Transport for Arc<T> {
    fn ioctl(&self, command: Command, request: &mut [u8]) -> io::Result<()> {
        (**self).ioctl(command, request)
    }

    fn ioctl_within(&self, command: Command, request: &mut [u8], timeout: Duration) -> io::Result<()> {
        (**self).ioctl_within(command, request, timeout)
    }

    fn log_mark(&self) -> Option<LogMark<'_>> {
        (**self).log_mark()
    }

    fn expected_devices(&self) -> usize {
        (**self).expected_devices()
    }

    fn poll_fd(&self) -> Option<BorrowedFd<'_>> {
        (**self).poll_fd()
    }

    fn open_block(&self, device: BlockId<'_>, options: BlockOpenOptions) -> Option<io::Result<Box<dyn BlockIo>>> {
        (**self).open_block(device, options)
    }

    fn has_nodes(&self) -> bool {
        (**self).has_nodes()
    }

    fn reopen(&self) -> Result<Arc<dyn Transport>, OpenError> {
        (**self).reopen()
    }
}

/// The transport of [`Dm::open`](crate::Dm::open): the open control node `/dev/mapper/control`, and the kernel's log.
#[derive(Debug)]
pub struct ControlNode {
    file: File,
    path: Cow<'static, Path>,
    log: Option<KernelLogFile>,
}

impl ControlNode {
    /// Opens the node, and creates it if it is missing.
    pub(crate) fn open(path: Cow<'static, Path>, with_log: bool) -> Result<Self, OpenError> {
        let file = open::open(&path)?;
        Ok(Self { file, path, log: with_log.then(KernelLogFile::default) })
    }

    /// Wraps a node that is open and has been checked.
    pub(super) fn of(file: File, path: PathBuf) -> Self {
        Self { file, path: path.into(), log: Some(KernelLogFile::default()) }
    }

    /// Checks that the open file is the control node.
    pub(super) fn check(&self) -> Result<(), OpenError> {
        open::check(&self.file, &self.path)
    }

    /// The path by which the node was opened.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }
}

impl Transport for ControlNode {
    fn ioctl(&self, command: Command, request: &mut [u8]) -> io::Result<()> {
        // The kernel uses this word as the length of the memory that it reads and writes, so it is set right before the
        // ioctl.
        header::set_data_size(request)?;
        // SAFETY: `request` is exclusively borrowed for the duration of the call, initialized, and at least as long as
        // a `struct dm_ioctl`; its `data_size`, checked and set above, is its length. The kernel's handler (`ctl_ioctl`
        // in drivers/md/dm-ioctl.c) reads and writes at most `data_size` bytes. If that is less than the 305 bytes
        // before `data` in the struct, it reads these and refuses; they exist. It keeps no pointer to them after it
        // returns. It needs no alignment, since it copies from and to user space bytewise, and any bytes are valid as
        // `u8`. The file is open as long as `self` exists, and is the device mapper's control node: `open.rs` has
        // checked its number, or it answers the first request, the version. The version request contains no addresses,
        // and its ioctl number (type 0xfd in Documentation/userspace-api/ioctl/ioctl-number.rst) is the device mapper's
        // alone.
        let result =
            unsafe { nix::libc::ioctl(self.file.as_raw_fd(), command.request_code() as _, request.as_mut_ptr()) };
        if result < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
    }

    fn ioctl_within(&self, command: Command, request: &mut [u8], timeout: Duration) -> io::Result<()> {
        header::set_data_size(request)?;
        // Suspend and resume are one ioctl with a flag (`dev_suspend` in drivers/md/dm-ioctl.c).
        let mut undo =
            (command == Command::DeviceSuspend).then(|| header::without_flag(request, Flags::SUSPEND)).flatten();
        let undo = undo.as_mut().map(|undo| undo.as_mut_slice());
        within::ioctl(self.file.as_raw_fd(), command.request_code(), request, undo, timeout)
    }

    fn log_mark(&self) -> Option<LogMark<'_>> {
        self.log.as_ref().map(KernelLogFile::mark)
    }

    /// Estimates the number from the link count of `/sys/devices/virtual/block`, which has a subdirectory for each
    /// device (`kernfs_refresh_inode` in fs/kernfs/inode.c). Loop and other virtual devices are counted too, but mapped
    /// devices without a table are not.
    fn expected_devices(&self) -> usize {
        let links = std::fs::metadata("/sys/devices/virtual/block").map_or(0, |directory| directory.nlink());
        usize::try_from(links).unwrap_or(0)
    }

    fn poll_fd(&self) -> Option<BorrowedFd<'_>> {
        Some(self.file.as_fd())
    }

    fn reopen(&self) -> Result<Arc<dyn Transport>, OpenError> {
        let node = Self::open(self.path.clone(), self.log.is_some())?;
        node.check()?;
        Ok(Arc::new(node))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Refuses every command and every device.
    #[derive(Debug)]
    struct Refusing;

    const ERRNO: i32 = 74;

    impl Transport for Refusing {
        fn ioctl(&self, _: Command, _: &mut [u8]) -> io::Result<()> {
            Err(io::Error::from_raw_os_error(ERRNO))
        }

        fn open_block(&self, _: BlockId<'_>, _: BlockOpenOptions) -> Option<io::Result<Box<dyn BlockIo>>> {
            Some(Err(io::Error::from_raw_os_error(ERRNO)))
        }
    }

    #[test]
    fn without_a_method_with_a_timeout_the_command_is_sent_without_it() {
        let sent = Refusing.ioctl_within(Command::Version, &mut [], Duration::ZERO);
        assert_eq!(sent.unwrap_err().raw_os_error(), Some(ERRNO));
    }

    #[test]
    fn a_shared_transport_opens_the_devices_of_its_kernel() {
        let opened = Arc::new(Refusing).open_block(BlockId::Path(Path::new("x")), BlockOpenOptions::new());
        assert_eq!(opened.unwrap().unwrap_err().raw_os_error(), Some(ERRNO));
    }
}
