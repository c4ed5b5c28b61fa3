//! The buffer that commands with a payload fill and the kernel answers in.

use core::hint::black_box;

use crate::wire::command::Command;
use crate::wire::flags::Flags;
use crate::wire::header::{self, HEADER_SIZE, HeaderBytes, NO_HEADER, Request};

/// The most bytes the kernel takes in one request (`copy_params` in drivers/md/dm-ioctl.c).
pub(crate) const MAX_SIZE: usize = 1 << 30;

/// Memory for requests and replies with a payload, to be reused over many calls.
///
/// The kernel copies as many bytes as it is offered, in and out, used or not. So each command is offered just what its
/// last reply in this buffer needed and a little more; a large table read once makes nothing else slower. A reply that
/// does not fit is asked for again with more room.
///
/// ```no_run
/// use dm_core::{Buffer, Dm, ListOptions};
///
/// let dm = Dm::open()?;
/// let mut buffer = Buffer::new();
/// for device in &dm.list_devices(&mut buffer, ListOptions::new())? {
///     let device = device?;
///     println!("{} {}", device.number, device.name);
/// }
/// # Ok::<(), dm_core::Error>(())
/// ```
#[derive(Debug, Default)]
pub struct Buffer {
    /// All bytes of the last request or reply. What is beyond its length is never offered to the kernel.
    bytes: Vec<u8>,
    sizes: LastSizes,
    /// There is or was key material in it.
    secret: bool,
}

/// How many bytes the last reply to each command needed; 0 before the first.
#[derive(Debug, Default)]
struct LastSizes {
    list_devices: usize,
    table_deps: usize,
    table_status: usize,
    list_versions: usize,
    target_msg: usize,
}

impl LastSizes {
    fn of(&mut self, command: Command) -> Option<&mut usize> {
        match command {
            Command::ListDevices => Some(&mut self.list_devices),
            Command::TableDeps => Some(&mut self.table_deps),
            Command::TableStatus | Command::DeviceWait => Some(&mut self.table_status),
            Command::ListVersions => Some(&mut self.list_versions),
            Command::TargetMsg => Some(&mut self.target_msg),
            _ => None,
        }
    }
}

impl Buffer {
    /// An empty buffer; memory is allocated by the first command that needs it.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// How many bytes it holds on to.
    #[must_use]
    pub fn capacity(&self) -> usize {
        self.bytes.capacity()
    }

    /// Gives the memory back, and forgets how much each command needed.
    pub fn clear(&mut self) {
        self.wipe();
        *self = Self::new();
    }

    /// How much to offer to a command: a first guess, or what it last needed and a sixteenth more, as far as there is
    /// memory for it already.
    pub(crate) fn size_for(&mut self, command: Command, first: usize) -> usize {
        match self.sizes.of(command) {
            Some(&mut last) if last > 0 => {
                last.saturating_add(last / 16).saturating_add(SLACK).min(self.bytes.capacity())
            }
            _ => first,
        }
    }

    pub(crate) fn remember(&mut self, command: Command, needed: usize) {
        if let Some(last) = self.sizes.of(command) {
            *last = needed;
        }
    }

    /// Empties the buffer for a request.
    #[inline]
    pub(crate) fn start(&mut self, request: &Request<'_>) {
        self.wipe();
        self.secret = request.flags.contains(Flags::SECURE_DATA);
        self.bytes.clear();
    }

    /// Leaves room for the header of a request with a payload, which is then appended.
    pub(crate) fn start_payload(&mut self) {
        self.zero_to(HEADER_SIZE);
    }

    /// Writes the header, and zeros up to the size that the answer is offered.
    ///
    /// Some status handlers write nothing, so what the kernel then takes for their text is what stands here: with zeros,
    /// none.
    pub(crate) fn finish(&mut self, request: &Request<'_>, size: usize) {
        self.zero_to(size.max(HEADER_SIZE));
        if let Some(header) = self.bytes.first_chunk_mut() {
            request.encode(header);
        }
    }

    /// Appends zeros up to a size.
    fn zero_to(&mut self, size: usize) {
        self.reserve(size.saturating_sub(self.bytes.len()));
        while self.bytes.len() < size {
            // In pieces that the C library clears with vector stores. For longer ones it uses an instruction that is no
            // faster, and that emulated processors carry out byte by byte.
            let end = self.bytes.len().saturating_add(PIECE).min(size);
            self.bytes.resize(end, 0);
        }
    }

    /// Appends bytes to a request that is being written.
    #[inline]
    pub(crate) fn append(&mut self, bytes: &[u8]) {
        if self.secret {
            self.reserve(bytes.len());
        }
        // Otherwise the vector makes room itself.
        self.bytes.extend_from_slice(bytes);
    }

    /// Cuts what is behind so many bytes.
    #[inline]
    pub(crate) fn truncate(&mut self, len: usize) {
        self.bytes.truncate(len);
    }

    /// Makes room for more bytes at once.
    pub(crate) fn reserve(&mut self, more: usize) {
        if !self.secret {
            self.bytes.reserve(more);
        } else if self.bytes.capacity().saturating_sub(self.bytes.len()) < more {
            self.move_secret(more);
        }
    }

    /// Makes room and leaves no copy of the secret behind, as a vector that grows would.
    #[cold]
    fn move_secret(&mut self, more: usize) {
        let room = self.bytes.len().saturating_mul(2).saturating_add(more);
        let mut larger = Vec::with_capacity(room);
        larger.extend_from_slice(&self.bytes);
        wipe(&mut self.bytes);
        self.bytes = larger;
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    pub(crate) fn bytes_mut(&mut self) -> &mut [u8] {
        &mut self.bytes
    }

    pub(crate) fn header(&self) -> &HeaderBytes {
        self.bytes.first_chunk().unwrap_or(&NO_HEADER)
    }

    /// Overwrites what is there, if it may have held a key.
    pub(crate) fn wipe(&mut self) {
        if self.secret {
            wipe(&mut self.bytes);
            self.secret = false;
        }
    }

    /// What the kernel says it has written, header included; never more than was offered.
    pub(crate) fn reply_len(&self) -> usize {
        header::data_size(self.header()).min(self.bytes.len())
    }
}

impl Drop for Buffer {
    fn drop(&mut self) {
        self.wipe();
    }
}

/// Room beyond the sixteenth: a number that got a digit longer, or one more device, should not cost a second call.
const SLACK: usize = 256;
const PIECE: usize = 2000;

/// Overwrites bytes in a way that the compiler can't leave out, although nobody reads them again.
fn wipe(bytes: &mut Vec<u8>) {
    bytes.resize(bytes.capacity(), 0);
    bytes.fill(0);
    black_box(bytes.as_slice());
    bytes.clear();
}
