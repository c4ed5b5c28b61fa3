//! [`Dm`], the handle on the control node, and how it sends commands.

use std::borrow::Cow;
use std::os::fd::BorrowedFd;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use super::explain::Failure;
use super::journal::OperationJournal;
use super::kernel_log::has_reasons;
use super::open;
use super::transport::{ControlNode, Transport};
use crate::error::{Errno, Error, OpenError, RequestFault, Result};
use crate::wire::buffer::{Buffer, MAX_SIZE};
use crate::wire::header::{self, HeaderBytes, NO_HEADER, Request};
use crate::wire::pool::Pool;
use crate::wire::reply::Reply;
use crate::wire::{Command, DeviceInfo, Flags, INTERFACE_MAJOR};

/// A handle on the device mapper's control node. Each command is a method.
///
/// Each of these methods sends one ioctl, and repeats it only if the reply does not fit into the buffer. If the kernel
/// refuses a command, one more ioctl may be sent to find the reason. [`wait_event`](Self::wait_event),
/// [`device_tree`](Self::device_tree) and [`device_tree_of`](Self::device_tree_of) send several commands. To set up a
/// device, or to replace the table of a device in use, call the methods of [`Host`](crate::Host).
///
/// A handle is cheap to clone and can be used from several threads at the same time. Clones share the open file, and
/// with it the state that [`arm_poll`](Self::arm_poll) sets.
///
/// ```
/// use dm_core::{Dm, TargetLine};
/// use dm_units::Sectors;
///
/// # let _ = || {
/// let dm = Dm::open()?;
/// # Ok::<_, dm_core::OpenError>(dm) };
/// # let memory = dm_testing::MemoryKernel::new();
/// # let dm = memory.dm();
/// dm.device_create("first")?;
/// dm.table_load("first", [TargetLine::text(Sectors(0), Sectors(2048), "zero", "")])?;
/// let info = dm.device_resume("first")?;
/// println!("first is {}", info.number());
/// dm.device_remove("first")?;
/// # Ok::<(), dm_core::Error>(())
/// ```
#[derive(Clone, Debug)]
#[doc(alias = "dm_task_run")]
#[doc(alias = "dm_task_destroy")]
#[doc(alias = "dm_hold_control_dev")]
pub struct Dm {
    pub(super) transport: Arc<dyn Transport>,
    pub(super) pool: Arc<Pool>,
    /// If set, commands are recorded here instead of being logged.
    pub(super) journal: Option<Arc<OperationJournal>>,
}

/// Which control node [`Dm::open_with`] opens, and whether the handle reads the kernel's log.
#[derive(Clone, Debug, Default)]
pub struct OpenOptions {
    path: Option<PathBuf>,
    no_kernel_log: bool,
}

impl OpenOptions {
    /// Opens the default node, `/dev/mapper/control`, and reads the kernel's log.
    #[must_use]
    pub const fn new() -> Self {
        Self { path: None, no_kernel_log: false }
    }

    /// Opens the control node at another path, for programs in a chroot or with a private `/dev`.
    #[must_use]
    pub fn path(self, path: impl Into<PathBuf>) -> Self {
        Self { path: Some(path.into()), ..self }
    }

    /// Whether to search the kernel's log for the reason when the kernel refuses a command. On by default.
    ///
    /// This costs three short system calls before each command for which the kernel logs reasons. The handle also keeps
    /// `/dev/kmsg` open, up to four times if several threads use the handle at the same time.
    ///
    /// A kernel without `CONFIG_PRINTK_CALLER` does not record which thread wrote a line. A line without a device
    /// number may then be about a command that another handle or process sent at the same moment.
    #[must_use]
    pub const fn kernel_log(mut self, kernel_log: bool) -> Self {
        self.no_kernel_log = !kernel_log;
        self
    }
}

impl Dm {
    /// Opens `/dev/mapper/control`.
    ///
    /// A missing node is created with the number that `/proc/misc` reports, or else with the fixed number 10:236.
    /// Opening the node makes the kernel load its module `dm-mod`.
    ///
    /// # Errors
    /// The kernel has no device mapper, the process lacks the permission, the file at the path is not the control
    /// node, or the interface's major version is not 4. [`OpenError`] has a variant for each of these, and for other
    /// failures.
    #[doc(alias = "dm_task_create")]
    pub fn open() -> Result<Self, OpenError> {
        Self::open_with(OpenOptions::new())
    }

    /// Opens the control node. The options set its path, and whether to search the kernel's log for the reason when a
    /// command is refused.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub fn open_with(options: OpenOptions) -> Result<Self, OpenError> {
        let path = options.path.map_or(Cow::Borrowed(open::default_path()), Cow::Owned);
        let node = Arc::new(ControlNode::open(path.clone(), !options.no_kernel_log)?);
        let dm = Self::over(Arc::clone(&node) as _);
        // The file is checked only if it does not answer, since the check is nearly a tenth of the cost of opening.
        dm.check_interface(&path).map_err(|error| node.check().err().unwrap_or(error))?;
        Ok(dm)
    }

    pub(super) fn check_interface(&self, path: &Path) -> Result<(), OpenError> {
        let mut reply = NO_HEADER;
        let request = Request::new(Command::Version);
        request.encode(&mut reply);
        let path = || path.to_owned();
        let result = self.transport.ioctl(Command::Version, &mut reply);
        let version = header::version(&reply);
        match result {
            // The kernel also refuses a request with another major version, and returns its own.
            _ if version.major != INTERFACE_MAJOR => Err(OpenError::Interface { version }),
            Ok(()) => Ok(()),
            Err(error) if error.kind() == std::io::ErrorKind::PermissionDenied => {
                Err(OpenError::Permission { path: path(), reason: open::reason_for_command() })
            }
            Err(error) => Err(OpenError::UnexpectedErrno { path: path(), source: Arc::new(error) }),
        }
    }

    /// Makes a handle that sends its commands to `transport` instead of a control node, for tests and measurements.
    #[must_use]
    pub fn with_transport(transport: impl Transport + 'static) -> Self {
        Self::over(Arc::new(transport))
    }

    fn over(transport: Arc<dyn Transport>) -> Self {
        Self { transport, pool: Arc::default(), journal: None }
    }

    /// The transport of this handle. Another transport can wrap it, to record calls or to make them fail.
    #[must_use]
    pub fn transport(&self) -> Arc<dyn Transport> {
        Arc::clone(&self.transport)
    }

    /// Opens the same control node again. Each thread that waits for events needs a separate open file.
    ///
    /// # Errors
    /// As [`open`](Self::open). [`OpenError::NoSecondNode`]: the transport cannot open its node again.
    pub fn reopen(&self) -> Result<Self, OpenError> {
        Ok(Self { transport: self.transport.reopen()?, pool: Arc::default(), journal: None })
    }

    /// The descriptor to pass to `poll(2)` after [`arm_poll`](Self::arm_poll). `None` if the transport has no
    /// descriptor.
    #[must_use]
    pub fn poll_fd(&self) -> Option<BorrowedFd<'_>> {
        self.transport.poll_fd()
    }

    /// Frees the memory that this handle and its clones keep for future replies. Later commands allocate new memory.
    pub fn free_memory(&self) {
        self.pool.clear();
    }

    /// The number of bytes that this handle and its clones keep for future replies.
    #[must_use]
    pub fn idle_memory(&self) -> usize {
        self.pool.capacity()
    }

    /// Sends an encoded request, without logging and without a search for the reason of an error.
    #[inline]
    pub(crate) fn try_send(&self, command: Command, bytes: &mut [u8]) -> Result<(), Failure<'_>> {
        let mark = if has_reasons(command) { self.transport.log_mark() } else { None };
        let sent = self.transport.ioctl(command, bytes);
        if let Some(journal) = &self.journal {
            journal.record(command, sent.as_ref().map(|()| reply_header(bytes)).map_err(Errno::of));
        }
        sent.map_err(|error| Failure { errno: Errno::of(&error), mark })
    }

    /// Sends a command without payload and gives up after `timeout` or when a signal arrives. Its reply is not
    /// returned.
    pub(crate) fn send_within(&self, request: &Request<'_>, timeout: Duration) -> Result<()> {
        let mut bytes = NO_HEADER;
        request.encode(&mut bytes);
        self.transport.ioctl_within(request.command, &mut bytes, timeout).map_err(|error| {
            let failure = Failure { errno: Errno::of(&error), mark: None };
            self.explain(request, &bytes, &failure)
        })
    }

    /// Sends a command without payload, without allocating.
    ///
    /// `bytes` must be zero and receives the reply. It is passed in because copies of a header dominate the cost of a
    /// call.
    #[inline]
    pub(crate) fn send(&self, request: &Request<'_>, bytes: &mut HeaderBytes) -> Result<()> {
        request.encode(bytes);
        self.send_encoded(request, bytes)
    }

    /// Sends a command without payload whose reply is the state of the device.
    #[inline]
    pub(crate) fn device_command(&self, request: &Request<'_>) -> Result<DeviceInfo> {
        let mut reply = NO_HEADER;
        self.send(request, &mut reply)?;
        Ok(DeviceInfo::new(request.command, &reply)?)
    }

    /// Sends bytes that already contain the header of the request and its payload.
    #[inline]
    pub(crate) fn send_encoded(&self, request: &Request<'_>, bytes: &mut [u8]) -> Result<()> {
        match self.try_send(request.command, bytes) {
            Ok(()) => {
                if self.journal.is_none() {
                    log::trace!("{request}: {}", header::flags(reply_header(bytes)));
                }
                Ok(())
            }
            Err(failure) => {
                let error = self.explain(request, reply_header(bytes), &failure);
                if self.journal.is_none() {
                    log::debug!("{error}");
                }
                Err(error)
            }
        }
    }

    /// Sends a command with a short payload, which the array contains after space for the header.
    ///
    /// The first 312 bytes of the array must be zero; the header is written there.
    pub(crate) fn send_array<const N: usize>(&self, request: &Request<'_>, bytes: &mut [u8; N]) -> Result<()> {
        if let Some(header) = bytes.first_chunk_mut() {
            request.encode(header);
        }
        self.send_encoded(request, bytes)
    }

    /// As [`send_array`](Self::send_array), for a command whose reply is the state of the device.
    pub(crate) fn array_command<const N: usize>(
        &self,
        request: &Request<'_>,
        bytes: &mut [u8; N],
    ) -> Result<DeviceInfo> {
        self.send_array(request, bytes)?;
        Ok(DeviceInfo::new(request.command, reply_header(bytes))?)
    }

    /// An empty buffer from this handle's pool, and the size that the command should be offered.
    #[inline]
    pub(crate) fn take_buffer(&self, command: Command, first: usize) -> (Buffer, usize) {
        let (mut buffer, size) = self.pool.take(command, first);
        buffer.start();
        (buffer, size)
    }

    /// Whether this handle has seen the size of a reply to a command.
    #[inline]
    pub(crate) fn remembers(&self, command: Command) -> bool {
        self.pool.remembers(command)
    }

    /// The approximate number of mapped devices.
    pub(crate) fn expected_devices(&self) -> usize {
        self.transport.expected_devices()
    }

    pub(crate) fn give_back(&self, buffer: Buffer) {
        self.pool.give_back(buffer);
    }

    /// Sends a command whose reply has a payload, and repeats it with a larger buffer until the reply fits.
    ///
    /// `write` appends the payload of the request, if it has one, each time the request is sent. If it marks the buffer
    /// as secret, the request is sent as a secret one.
    pub(crate) fn ask(
        &self,
        request: &Request<'_>,
        sizes: &ReplySizes,
        write: impl Fn(&mut Buffer) -> Result<(), RequestFault>,
    ) -> Result<Reply> {
        let (mut buffer, size) = self.take_buffer(request.command, sizes.first);
        let mut size = size.max(sizes.least);
        let sent = loop {
            if let Err(fault) = self.offer(request, &mut buffer, size, &write) {
                break Err(fault);
            }
            if !header::flags(buffer.header()).contains(Flags::BUFFER_FULL) {
                break Ok(());
            }
            if size >= MAX_SIZE {
                break Err(Error::request(request.command, RequestFault::ReplyTooLarge));
            }
            size = (sizes.grow)(&buffer, size).max(size.saturating_mul(2)).min(MAX_SIZE);
            if replies_with_text(request.command) {
                // The truncated reply may contain a key, and its memory is freed now.
                buffer.set_secret();
            }
            buffer.start();
        };
        if let Err(error) = sent {
            self.give_back(buffer);
            return Err(error);
        }
        let needed = buffer.reply_len();
        let reply = Reply::new(request.command, buffer, Arc::clone(&self.pool))?;
        self.pool.remember(request.command, needed);
        Ok(reply)
    }

    /// Writes the request into the buffer and sends it once, offering `size` bytes for the reply.
    #[inline]
    fn offer(
        &self,
        request: &Request<'_>,
        buffer: &mut Buffer,
        size: usize,
        write: impl Fn(&mut Buffer) -> Result<(), RequestFault>,
    ) -> Result<()> {
        if request.flags.contains(Flags::SECURE_DATA) {
            buffer.set_secret();
        }
        write(buffer).map_err(|fault| Error::request(request.command, fault))?;
        // A request is so large that copying it would show in the cost of a call.
        let secret;
        let request = if buffer.is_secret() {
            secret = request.secure(true);
            &secret
        } else {
            request
        };
        buffer.finish(request, size);
        self.send_encoded(request, buffer.bytes_mut())
    }
}

/// The commands whose replies contain text of targets.
const fn replies_with_text(command: Command) -> bool {
    matches!(command, Command::TableStatus | Command::DeviceWait | Command::TargetMsg)
}

/// The header in the bytes of a request that was sent, which holds the reply.
#[inline]
fn reply_header(bytes: &[u8]) -> &HeaderBytes {
    bytes.first_chunk().unwrap_or(&NO_HEADER)
}

/// The sizes of the buffer that a reply is offered, in bytes with its header.
pub(crate) struct ReplySizes {
    /// The size offered before the handle has seen a reply to the command.
    pub(crate) first: usize,
    /// The smallest size that is ever offered.
    pub(crate) least: usize,
    /// Returns the size to offer next, from a reply that did not fit and the size that was offered.
    pub(crate) grow: fn(&Buffer, usize) -> usize,
}
