//! A transport that counts ioctls.

use std::io;
use std::os::fd::BorrowedFd;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use dm_core::{Command, LogMark, OpenError, Transport};

/// Counts the ioctls that pass through it, and through the transports that are reopened from it.
#[derive(Clone, Debug)]
pub(crate) struct Counting {
    inner: Arc<dyn Transport>,
    count: Arc<AtomicU64>,
}

impl Counting {
    pub(crate) fn new(inner: Arc<dyn Transport>) -> Self {
        Self { inner, count: Arc::default() }
    }

    pub(crate) fn count(&self) -> u64 {
        self.count.load(Ordering::Relaxed)
    }

    fn note(&self) {
        self.count.fetch_add(1, Ordering::Relaxed);
    }
}

impl Transport for Counting {
    fn ioctl(&self, command: Command, request: &mut [u8]) -> io::Result<()> {
        self.note();
        self.inner.ioctl(command, request)
    }

    fn ioctl_within(&self, command: Command, request: &mut [u8], timeout: Duration) -> io::Result<()> {
        self.note();
        self.inner.ioctl_within(command, request, timeout)
    }

    fn log_mark(&self) -> Option<LogMark<'_>> {
        self.inner.log_mark()
    }

    fn expected_devices(&self) -> usize {
        self.inner.expected_devices()
    }

    fn poll_fd(&self) -> Option<BorrowedFd<'_>> {
        self.inner.poll_fd()
    }

    fn reopen(&self) -> Result<Arc<dyn Transport>, OpenError> {
        Ok(Arc::new(Self { inner: self.inner.reopen()?, count: Arc::clone(&self.count) }))
    }
}
