//! The memory for requests with a payload and for the kernel's replies.

use core::fmt;
use core::hint::black_box;

use super::header::{self, HEADER_SIZE, HeaderBytes, NO_HEADER, Request};

/// The largest request that current kernels accept, in bytes (`copy_params` in drivers/md/dm-ioctl.c).
pub(crate) const MAX_SIZE: usize = 1 << 30;

/// The memory of one request and its reply.
///
/// If it may have contained a key, it is wiped when it is dropped, cleared or grows.
#[derive(Default)]
pub(crate) struct Buffer {
    /// All bytes of the last request or reply. Memory beyond its length is never offered to the kernel.
    bytes: Vec<u8>,
    /// Whether it contains or contained a key.
    secret: bool,
}

impl Buffer {
    /// A copy of a reply.
    pub(crate) fn copy_of(other: &Self) -> Self {
        Self { bytes: other.bytes.clone(), secret: other.secret }
    }

    /// The number of bytes that are allocated.
    pub(crate) fn capacity(&self) -> usize {
        self.bytes.capacity()
    }

    pub(crate) fn is_secret(&self) -> bool {
        self.secret
    }

    /// Treats the content as secret from now on.
    #[inline]
    pub(crate) fn set_secret(&mut self) {
        self.secret = true;
    }

    /// Treats the content as public, since it turned out to contain no key.
    #[inline]
    pub(crate) fn set_public(&mut self) {
        self.secret = false;
    }

    /// Empties the buffer for a request.
    #[inline]
    pub(crate) fn start(&mut self) {
        self.wipe();
        self.bytes.clear();
    }

    /// Reserves space for the header; the payload is appended after it.
    pub(crate) fn start_payload(&mut self) {
        self.zero_to(HEADER_SIZE);
    }

    /// Writes the header, and zeros up to the size offered for the reply.
    ///
    /// Some status handlers write nothing, and the kernel then returns the bytes that were here as their text. With
    /// zeros the text is empty.
    #[inline]
    pub(crate) fn finish(&mut self, request: &Request<'_>, size: usize) {
        self.zero_to(size.max(HEADER_SIZE));
        if let Some(header) = self.bytes.first_chunk_mut() {
            request.encode(header);
        }
    }

    /// Appends zeros up to a size.
    fn zero_to(&mut self, size: usize) {
        if self.bytes.is_empty() && self.bytes.capacity() < size {
            // The content need not be kept, so the old memory is freed before new memory is allocated.
            self.bytes = Vec::new();
            if size >= FROM_KERNEL {
                self.bytes = vec![0; size];
                return;
            }
            self.bytes.reserve_exact(size);
        } else {
            self.reserve(size.saturating_sub(self.bytes.len()));
        }
        while self.bytes.len() < size {
            // In pieces that the C library clears with vector stores. For longer ones it uses an instruction that is
            // not faster and that emulated processors execute byte by byte.
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
        // Without a secret, the vector grows by itself.
        self.bytes.extend_from_slice(bytes);
    }

    /// Shortens the request to `len` bytes.
    #[inline]
    pub(crate) fn truncate(&mut self, len: usize) {
        self.bytes.truncate(len);
    }

    /// Reserves space for more bytes.
    pub(crate) fn reserve(&mut self, more: usize) {
        if !self.secret {
            self.bytes.reserve(more);
        } else if self.bytes.capacity().saturating_sub(self.bytes.len()) < more {
            self.move_secret(more);
        }
    }

    /// Reserves space without leaving a copy of the secret behind, as a growing vector would.
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

    #[inline]
    pub(crate) fn header(&self) -> &HeaderBytes {
        self.bytes.first_chunk().unwrap_or(&NO_HEADER)
    }

    /// Overwrites the content if it may have contained a key.
    #[inline]
    pub(crate) fn wipe(&mut self) {
        if self.secret {
            wipe(&mut self.bytes);
            self.secret = false;
        }
    }

    /// The length that the kernel reports for its reply, header included, limited to the offered size.
    #[inline]
    pub(crate) fn reply_len(&self) -> usize {
        header::data_size(self.header()).min(self.bytes.len())
    }
}

/// Shows only the size, since the content may be a key.
impl fmt::Debug for Buffer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Buffer").field("len", &self.bytes.len()).field("secret", &self.secret).finish()
    }
}

impl Drop for Buffer {
    fn drop(&mut self) {
        self.wipe();
    }
}

const PIECE: usize = 2000;

/// From about this size on, the C library often gets new memory from the kernel, which is zero already.
const FROM_KERNEL: usize = 128 * 1024;

/// Overwrites bytes in a way that keeps the compiler from removing the stores, although the bytes are not read again.
fn wipe(bytes: &mut Vec<u8>) {
    bytes.resize(bytes.capacity(), 0);
    bytes.fill(0);
    black_box(bytes.as_slice());
    bytes.clear();
}
