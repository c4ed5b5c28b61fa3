//! The one seam to the kernel: everything this crate does passes through [`Transport::ioctl`].
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

use super::kernel_log::{KernelLogFile, LogMark};
use super::{open, within};
use crate::error::{OpenError, Result};
use crate::wire::header;
use crate::wire::{Command, Flags};

/// Carries a request to the kernel and its answer back.
///
/// [`ControlNode`] is the real one. Another one can take its place to test a program, or to measure this crate, without a
/// kernel: see [`Dm::with_transport`](crate::Dm::with_transport).
pub trait Transport: fmt::Debug + Send + Sync {
    /// Sends the request, which is a `struct dm_ioctl` with its payload, and puts the answer in its place.
    ///
    /// # Errors
    /// What the kernel refuses, as the error number it returns. The three version words of the answer are written even then.
    fn ioctl(&self, command: Command, request: &mut [u8]) -> io::Result<()>;

    /// As [`ioctl`](Self::ioctl), but gives up after `timeout` or when a signal arrives. The answer is not put in place of the
    /// request.
    ///
    /// By default there is no timeout.
    ///
    /// # Errors
    /// As [`ioctl`](Self::ioctl); `ETIMEDOUT` or `EINTR` if it was given up.
    fn ioctl_within(&self, command: Command, request: &mut [u8], timeout: Duration) -> io::Result<()> {
        let _ = timeout;
        self.ioctl(command, request)
    }

    /// Marks the current end of the kernel's log, so that what an ioctl adds to it can be read if the kernel refuses it.
    ///
    /// `None`, the default, if there is no log to look at.
    fn log_mark(&self) -> Option<LogMark<'_>> {
        None
    }

    /// About how many mapped devices there are, so that the first list is offered enough memory: one that does not fit costs the
    /// kernel nearly half of one that does.
    ///
    /// 0, the default, if that is not known.
    fn expected_devices(&self) -> usize {
        0
    }

    /// The descriptor that becomes readable after [`arm_poll`](crate::Dm::arm_poll) when something happens to a device.
    ///
    /// `None`, the default, if there is none.
    fn poll_fd(&self) -> Option<BorrowedFd<'_>> {
        None
    }

    /// Opens the same control node again: each waiter for events needs an open file of its own.
    ///
    /// # Errors
    /// By default: [`OpenError::NoSecondNode`].
    fn reopen(&self) -> Result<Arc<dyn Transport>, OpenError> {
        Err(OpenError::NoSecondNode)
    }
}

/// Wraps a transport, or keeps a handle on one that a [`Dm`](crate::Dm) uses.
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

    fn reopen(&self) -> Result<Arc<dyn Transport>, OpenError> {
        (**self).reopen()
    }
}

/// An open control node, `/dev/mapper/control`, with the kernel's log beside it.
#[derive(Debug)]
pub struct ControlNode {
    file: File,
    path: Cow<'static, Path>,
    log: Option<KernelLogFile>,
}

impl ControlNode {
    /// Opens the node, which is made where it is missing.
    pub(crate) fn open(path: Cow<'static, Path>, with_log: bool) -> Result<Self, OpenError> {
        let file = open::open(&path)?;
        Ok(Self { file, path, log: with_log.then(KernelLogFile::default) })
    }

    /// A node that is open already, and was checked.
    pub(super) fn of(file: File, path: PathBuf) -> Self {
        Self { file, path: path.into(), log: Some(KernelLogFile::default()) }
    }

    /// Where the node is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }
}

impl Transport for ControlNode {
    fn ioctl(&self, command: Command, request: &mut [u8]) -> io::Result<()> {
        // The kernel trusts this word for the length of what it reads and writes, so it is set here and nowhere else.
        header::set_data_size(request)?;
        // SAFETY: `request` is exclusively borrowed for the length of the call, initialised, and at least a whole `struct
        // dm_ioctl` long; its `data_size`, both checked and set above, is its length. The kernel's handler (`ctl_ioctl` in
        // drivers/md/dm-ioctl.c) reads and writes at most `data_size` bytes, and where that is less than the 305 which
        // precede `data` in the struct it refuses; those are there. It keeps no pointer to them after it returns. It needs
        // no alignment, since it copies from and to user space bytewise, and any bytes are valid as `u8`. The file is open
        // as long as `self` is. `open.rs` has checked that it is the device mapper's control node, so no other driver
        // reads this request number in a way of its own.
        let result =
            unsafe { nix::libc::ioctl(self.file.as_raw_fd(), command.request_code() as _, request.as_mut_ptr()) };
        if result < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
    }

    fn ioctl_within(&self, command: Command, request: &mut [u8], timeout: Duration) -> io::Result<()> {
        header::set_data_size(request)?;
        // The two commands are one ioctl with a flag (`dev_suspend` in drivers/md/dm-ioctl.c).
        let mut undo =
            (command == Command::DeviceSuspend).then(|| header::without_flag(request, Flags::SUSPEND)).flatten();
        let undo = undo.as_mut().map(|undo| undo.as_mut_slice());
        within::ioctl(self.file.as_raw_fd(), command.request_code(), request, undo, timeout)
    }

    fn log_mark(&self) -> Option<LogMark<'_>> {
        self.log.as_ref().map(KernelLogFile::mark)
    }

    /// The kernel counts a directory's subdirectories among its links (`kernfs_refresh_inode` in fs/kernfs/inode.c), and
    /// this one has those of loop and other devices without hardware as well, but not of mapped devices without a table.
    fn expected_devices(&self) -> usize {
        let links = std::fs::metadata("/sys/devices/virtual/block").map_or(0, |directory| directory.nlink());
        usize::try_from(links).unwrap_or(0)
    }

    fn poll_fd(&self) -> Option<BorrowedFd<'_>> {
        Some(self.file.as_fd())
    }

    fn reopen(&self) -> Result<Arc<dyn Transport>, OpenError> {
        Ok(Arc::new(Self::open(self.path.clone(), self.log.is_some())?))
    }
}
