//! The handle on the control node, and how a command is sent.

use std::os::fd::{AsFd, BorrowedFd};
use std::path::Path;

use dm_units::DeviceNumber;

use crate::commands::InfoOptions;
use crate::error::{Error, Refusal, ReplyError, RequestFault, Result};
use crate::id::dev_id::DevId;
use crate::node::kernel_log;
use crate::node::open::{self, OpenError};
use crate::node::transport::{ControlNode, Transport};
use crate::wire::buffer::{Buffer, MAX_SIZE};
use crate::wire::command::{Command, INTERFACE_MAJOR};
use crate::wire::flags::Flags;
use crate::wire::header::{self, HeaderBytes, NO_HEADER, Request};
use crate::wire::info::DeviceInfo;
use dm_units::Version;

/// A handle on the device mapper's control node; every command is a method of it.
///
/// It can be shared between threads: no command changes it, and the kernel orders commands itself. The one thing a handle
/// has of its own is what [`arm_poll`](Self::arm_poll) sets, so whoever polls wants one for itself.
#[derive(Debug)]
pub struct Dm<T = ControlNode> {
    transport: T,
}

impl Dm {
    /// Opens `/dev/mapper/control`.
    ///
    /// Where the node is missing it is made, with the number that `/proc/misc` has, which also makes the kernel load its
    /// module `dm-mod`.
    ///
    /// # Errors
    /// The kernel has no device mapper; no permission; the node is another device's; an interface version other than 4;
    /// each its own [`OpenError`].
    #[doc(alias = "dm_task_create")]
    pub fn open() -> Result<Self> {
        Self::open_at(&open::default_path())
    }

    /// Opens a control node at another place, as programs in a chroot or with a private `/dev` have it.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub fn open_at(path: &Path) -> Result<Self> {
        let node = open::open(path)?;
        let dm = Self { transport: ControlNode::new(node) };
        dm.check_interface(path)?;
        Ok(dm)
    }

    fn check_interface(&self, path: &Path) -> Result<(), OpenError> {
        let path = || path.to_owned();
        match self.version() {
            Ok(version) if version.major == INTERFACE_MAJOR => Ok(()),
            Ok(version) => Err(OpenError::Interface { version }),
            Err(error) if error.is_permission_denied() => Err(OpenError::Permission { path: path() }),
            Err(error) => Err(OpenError::NoAnswer {
                path: path(),
                source: std::io::Error::from_raw_os_error(error.errno().unwrap_or(0)),
            }),
        }
    }
}

/// For `poll(2)` after [`arm_poll`](Dm::arm_poll).
impl<T: AsFd> AsFd for Dm<T> {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.transport.as_fd()
    }
}

impl<T: Transport> Dm<T> {
    /// A handle that sends its commands elsewhere than to the kernel: for tests and measurements without one.
    pub const fn with_transport(transport: T) -> Self {
        Self { transport }
    }

    /// Gives the way to the kernel back, for instance to wrap it into one that records what passes.
    pub fn into_transport(self) -> T {
        self.transport
    }

    /// Sends a command without payload. Nothing is allocated.
    ///
    /// `bytes` must be zero and takes the answer: a header is large enough for its copies to be what a call costs.
    #[inline]
    pub(crate) fn send(&self, request: &Request<'_>, bytes: &mut HeaderBytes) -> Result<()> {
        loop {
            request.encode(bytes);
            match self.transport.ioctl(request.command, bytes) {
                Ok(()) => {
                    log::trace!("{request}: {}", header::flags(bytes));
                    return Ok(());
                }
                Err(error) if is_retried(&error) => bytes.fill(0),
                Err(error) => return Err(self.refused(request, bytes, &error)),
            }
        }
    }

    /// Sends a command without payload whose answer is the device's state.
    #[inline]
    pub(crate) fn device_command(&self, request: &Request<'_>) -> Result<DeviceInfo> {
        let mut answer = NO_HEADER;
        self.send(request, &mut answer)?;
        Ok(DeviceInfo::new(request.command, &answer)?)
    }

    /// Sends a request with a short payload, which stands behind the room for its header.
    ///
    /// The first 312 bytes of the array must be zero; they are written here. The answer to these commands is a header.
    pub(crate) fn send_bytes<const N: usize>(&self, request: &Request<'_>, bytes: &mut [u8; N]) -> Result<HeaderBytes> {
        let unsent = *bytes;
        loop {
            *bytes = unsent;
            if let Some(header) = bytes.first_chunk_mut() {
                request.encode(header);
            }
            let sent = self.transport.ioctl(request.command, bytes);
            let answer = bytes.first_chunk().unwrap_or(&NO_HEADER);
            match sent {
                Ok(()) => return Ok(*answer),
                Err(error) if is_retried(&error) => {}
                Err(error) => return Err(self.refused(request, answer, &error)),
            }
        }
    }

    /// Sends the request that was written into the buffer.
    pub(crate) fn send_buffer(&self, request: &Request<'_>, buffer: &mut Buffer) -> Result<()> {
        self.transport
            .ioctl(request.command, buffer.bytes_mut())
            .map_err(|error| self.refused(request, buffer.header(), &error))?;
        log::trace!("{request}: {}", header::flags(buffer.header()));
        Ok(())
    }

    /// Sends a command that answers with a payload, again with more room until the answer fits.
    ///
    /// `write` appends what the request says behind its header, if anything, each time it is sent. Afterwards the buffer
    /// holds the answer.
    pub(crate) fn ask<'b>(
        &self,
        buffer: &'b mut Buffer,
        request: &Request<'_>,
        room: &Room,
        write: impl Fn(&mut Buffer) -> Result<(), RequestFault>,
    ) -> Result<Answer<'b>> {
        let fault = |fault| Error::request(request.command, fault);
        let mut size = buffer.size_for(request.command, room.first).max(room.least);
        loop {
            buffer.start(request);
            write(buffer).map_err(fault)?;
            buffer.finish(request, size);
            match self.send_buffer(request, buffer) {
                Err(Error::Refused(refusal)) if refusal.is_retried() => continue,
                sent => sent?,
            }
            if !header::flags(buffer.header()).contains(Flags::BUFFER_FULL) {
                break;
            }
            if size >= MAX_SIZE {
                return Err(fault(RequestFault::TooLarge));
            }
            size = (room.grow)(&Answer::new(request.command, buffer), size).max(size.saturating_mul(2)).min(MAX_SIZE);
            log::debug!("{request}: the answer did not fit, offering {size} bytes");
        }
        buffer.remember(request.command, buffer.reply_len());
        Ok(Answer::new(request.command, buffer))
    }

    /// What a failed call means: an old kernel refuses the interface version that the request needs, with its own in the
    /// answer.
    #[cold]
    fn refused(&self, request: &Request<'_>, answer: &HeaderBytes, error: &std::io::Error) -> Error {
        let refusal = Refusal::new(request.command, request.id.map(DevId::to_owned), error);
        let kernel = header::version(answer);
        let is_old = kernel.major == INTERFACE_MAJOR && kernel.minor < request.minor;
        let error = if is_old && refusal.errno() == nix::libc::EINVAL {
            Error::Unsupported { command: request.command, needed_minor: request.minor, kernel }
        } else if kernel_log::has_reasons(request.command) {
            // That one gives no reasons, so the log is still where this one began.
            let info = request.id.and_then(|id| self.device_info(id, InfoOptions::new()).ok());
            let kernel_log = self.transport.kernel_log(info.as_ref().map(DeviceInfo::number));
            let of_another = info.is_some() && request.command == Command::TableLoad;
            refusal.with_kernel_log(kernel_log).of_another_device(of_another).into()
        } else {
            refusal.into()
        };
        log::debug!("{error}");
        error
    }

    pub(crate) fn number_of(&self, id: DevId<'_>) -> Option<DeviceNumber> {
        match id {
            DevId::Number(number) => Some(number),
            _ => self.device_info(id, InfoOptions::new()).ok().map(|info| info.number()),
        }
    }
}

/// How much room an answer is offered, in bytes with its header.
pub(crate) struct Room {
    /// Where the buffer has not seen the command yet.
    pub(crate) first: usize,
    /// In any case.
    pub(crate) least: usize,
    /// From an answer that did not fit in so many bytes: how many to offer next.
    pub(crate) grow: fn(&Answer<'_>, usize) -> usize,
}

/// The answer in a buffer: its header, and the bytes the kernel has written behind it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Answer<'b> {
    pub(crate) command: Command,
    pub(crate) header: &'b HeaderBytes,
    /// `None` where there is no payload, which is another thing than an empty one.
    pub(crate) payload: Option<&'b [u8]>,
}

impl<'b> Answer<'b> {
    fn new(command: Command, buffer: &'b Buffer) -> Self {
        let header = buffer.header();
        let payload = buffer.bytes().get(header::data_start(header)..buffer.reply_len());
        Self { command, header, payload }
    }

    /// The payload, which has to be there.
    pub(crate) fn payload(&self) -> Result<&'b [u8], ReplyError> {
        self.payload.ok_or(ReplyError { command: self.command, what: "no payload", at: header::data_size(self.header) })
    }
}

/// A signal ended the wait for a suspension and nothing was done, so it is done again. Only the wait for an event is handed
/// back to the caller, since it may last for ever.
fn is_retried(error: &std::io::Error) -> bool {
    error.kind() == std::io::ErrorKind::Interrupted
}

impl Refusal {
    fn is_retried(&self) -> bool {
        self.errno() == nix::libc::EINTR && self.command() != Command::DeviceWait
    }
}

impl<T: Transport> Dm<T> {
    /// The version of the kernel's ioctl interface.
    ///
    /// Interface 4.0 and later. No device is involved, nothing is allocated.
    ///
    /// # Errors
    /// No permission.
    #[doc(alias = "DM_VERSION")]
    pub fn version(&self) -> Result<Version> {
        let mut answer = NO_HEADER;
        self.send(&Request::new(Command::Version), &mut answer)?;
        Ok(header::version(&answer))
    }
}
