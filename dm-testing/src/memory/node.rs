//! The control node: open files that pass requests to the kernel.

use std::fmt;
use std::io::{self, Read as _, Write as _};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixStream;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use dm_core::block::{BlockId, BlockIo, BlockOpenOptions};
use dm_core::{Command, LogMark, OpenError, Transport};

use super::block;
use super::commands::{self, Waiting};
use super::errno::Errno;
use super::kernel::{EventNumber, Kernel, Pause};

/// A kernel that several threads use, one at a time.
pub(crate) struct Machine {
    kernel: Mutex<Kernel>,
    /// Signals a change of the kernel.
    changed: Condvar,
}

impl Machine {
    pub(crate) fn new(kernel: Kernel) -> Self {
        Self { kernel: Mutex::new(kernel), changed: Condvar::new() }
    }

    /// Runs a function on the kernel, and wakes waiting threads afterwards.
    pub(crate) fn with<T>(&self, work: impl FnOnce(&mut Kernel) -> T) -> T {
        let result = work(&mut self.lock());
        self.changed.notify_all();
        result
    }

    /// As [`with`](Self::with), repeated after each change until the work is done. Returns `None` if the time expires
    /// first.
    pub(crate) fn with_until<T>(
        &self,
        end: Option<Instant>,
        mut work: impl FnMut(&mut Kernel) -> Option<T>,
    ) -> Option<T> {
        let mut kernel = self.lock();
        loop {
            if let Some(result) = work(&mut kernel) {
                drop(kernel);
                self.changed.notify_all();
                return Some(result);
            }
            kernel = match end.map(|end| end.saturating_duration_since(Instant::now())) {
                None => self.changed.wait(kernel).unwrap_or_else(PoisonError::into_inner),
                Some(Duration::ZERO) => return None,
                Some(left) => self.changed.wait_timeout(kernel, left).unwrap_or_else(PoisonError::into_inner).0,
            };
        }
    }

    fn lock(&self) -> MutexGuard<'_, Kernel> {
        self.kernel.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Machine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Machine").finish_non_exhaustive()
    }
}

/// An open file of the control node (`struct dm_file`).
#[derive(Debug)]
pub(crate) struct OpenFile {
    /// The last event that it has seen.
    seen: EventNumber,
    /// While there is a later event, `reader` has a byte to read.
    is_readable: AtomicBool,
    reader: UnixStream,
    writer: UnixStream,
}

impl OpenFile {
    fn open(kernel: &mut Kernel) -> io::Result<Arc<Self>> {
        let (reader, writer) = UnixStream::pair()?;
        reader.set_nonblocking(true)?;
        writer.set_nonblocking(true)?;
        let file = Arc::new(Self { seen: EventNumber::default(), is_readable: AtomicBool::new(false), reader, writer });
        file.seen.set(kernel.event_nr());
        kernel.add_file(Arc::downgrade(&file));
        Ok(file)
    }

    /// Reports an event. Returns `true`, since the file is still open.
    pub(crate) fn tell(&self, number: u32) -> bool {
        if self.seen.is_before(number) && !self.is_readable.swap(true, Ordering::SeqCst) {
            // The byte always fits into the socket's buffer.
            let _ = (&self.writer).write(&[0]);
        }
        true
    }

    /// As `dev_arm_poll`.
    fn arm(&self, number: u32) {
        self.seen.set(number);
        if self.is_readable.swap(false, Ordering::SeqCst) {
            let _ = (&self.reader).read(&mut [0]);
        }
    }
}

/// The transport of a handle.
#[derive(Debug)]
pub(crate) struct Node {
    machine: Arc<Machine>,
    file: Arc<OpenFile>,
}

impl Node {
    pub(crate) fn open(machine: &Arc<Machine>) -> io::Result<Self> {
        let file = machine.with(OpenFile::open)?;
        Ok(Self { machine: Arc::clone(machine), file })
    }

    fn send(&self, command: Command, request: &mut [u8], end: Option<Instant>) -> io::Result<()> {
        let mut waiting = Waiting::default();
        self.machine.with(|kernel| kernel.udev.command());
        let answered =
            self.machine.with_until(end, |kernel| match commands::carry_out(kernel, command, request, &mut waiting) {
                Err(Pause::Wait) => None,
                Err(Pause::Failed(errno)) => Some(Err(errno)),
                Ok(()) => {
                    if command == Command::ArmPoll {
                        self.file.arm(kernel.event_nr());
                    }
                    Some(Ok(()))
                }
            });
        if answered.is_none() {
            if let Some(serial) = waiting.serial {
                self.machine.with(|kernel| commands::stop_waiting(kernel, serial));
            }
        }
        if let Some(replaced) = waiting.replaced.take() {
            self.machine.with(|kernel| kernel.drop_table(Some(replaced)));
        }
        answered.unwrap_or(Err(Errno::ETIMEDOUT)).map_err(Errno::to_io)
    }
}

impl Transport for Node {
    fn ioctl(&self, command: Command, request: &mut [u8]) -> io::Result<()> {
        self.send(command, request, None)
    }

    fn ioctl_within(&self, command: Command, request: &mut [u8], timeout: Duration) -> io::Result<()> {
        self.send(command, &mut request.to_vec(), Instant::now().checked_add(timeout))
    }

    fn log_mark(&self) -> Option<LogMark<'_>> {
        let from = self.machine.with(|kernel| kernel.log_len());
        Some(LogMark::from_fn(move || self.machine.with(|kernel| kernel.log_since(from))))
    }

    fn poll_fd(&self) -> Option<BorrowedFd<'_>> {
        Some(self.file.reader.as_fd())
    }

    fn open_block(&self, device: BlockId<'_>, options: BlockOpenOptions) -> Option<io::Result<Box<dyn BlockIo>>> {
        Some(block::open(&self.machine, device, options))
    }

    fn has_nodes(&self) -> bool {
        false
    }

    fn reopen(&self) -> Result<Arc<dyn Transport>, OpenError> {
        Self::open(&self.machine).map(|node| Arc::new(node) as _).map_err(|_| OpenError::NoSecondNode)
    }
}
