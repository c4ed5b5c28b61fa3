//! `struct dm_ioctl` and its payload as bytes: the fields that commands read and write.

use std::mem::offset_of;

use dm_core::Flags;
use dm_sys::{DM_NAME_LEN, DM_UUID_LEN, dm_ioctl};
use dm_units::{DeviceNumber, Version};

/// The minimum length of a request; a payload starts at the last bytes of the struct or after it.
pub(crate) const SHORTEST: usize = offset_of!(dm_ioctl, data);

/// The offset at which the kernel writes payloads.
const HEADER: usize = size_of::<dm_ioctl>();

/// A request in the kernel's memory, which becomes the reply.
#[derive(Debug)]
pub(crate) struct Param {
    bytes: Vec<u8>,
}

impl Param {
    /// The first `len` bytes of a request.
    pub(crate) fn copy(request: &[u8], len: usize) -> Self {
        Self { bytes: request.get(..len).unwrap_or(request).to_vec() }
    }

    /// Copies the reply, up to its length, into the caller's memory.
    pub(crate) fn copy_out(&self, request: &mut [u8]) {
        let len = (self.u32_at(offset_of!(dm_ioctl, data_size)) as usize).min(self.bytes.len());
        if let (Some(to), Some(from)) = (request.get_mut(..len), self.bytes.get(..len)) {
            to.copy_from_slice(from);
        }
    }

    pub(crate) fn version(&self) -> Version {
        Version::new(self.u32_at(0), self.u32_at(4), self.u32_at(8))
    }

    pub(crate) fn flags(&self) -> Flags {
        Flags::from_bits_retain(self.u32_at(offset_of!(dm_ioctl, flags)))
    }

    pub(crate) fn has(&self, flag: Flags) -> bool {
        self.flags().contains(flag)
    }

    pub(crate) fn set(&mut self, flag: Flags, on: bool) {
        let mut flags = self.flags();
        flags.set(flag, on);
        self.put_u32(offset_of!(dm_ioctl, flags), flags.bits());
    }

    pub(crate) fn name(&self) -> &[u8] {
        self.text(offset_of!(dm_ioctl, name), DM_NAME_LEN)
    }

    pub(crate) fn uuid(&self) -> &[u8] {
        self.text(offset_of!(dm_ioctl, uuid), DM_UUID_LEN)
    }

    pub(crate) fn set_name(&mut self, name: &[u8]) {
        self.put_text(offset_of!(dm_ioctl, name), DM_NAME_LEN, name);
    }

    pub(crate) fn set_uuid(&mut self, uuid: &[u8]) {
        self.put_text(offset_of!(dm_ioctl, uuid), DM_UUID_LEN, uuid);
    }

    /// The number as encoded in the request; 0 means none.
    pub(crate) fn dev(&self) -> u64 {
        self.u64_at(offset_of!(dm_ioctl, dev))
    }

    pub(crate) fn set_dev(&mut self, number: DeviceNumber) {
        self.put(offset_of!(dm_ioctl, dev), &number.to_huge().unwrap_or(0).to_ne_bytes());
    }

    /// The event number of a wait, or the cookie of a command that sends a uevent.
    pub(crate) fn event_nr(&self) -> u32 {
        self.u32_at(offset_of!(dm_ioctl, event_nr))
    }

    pub(crate) fn set_event_nr(&mut self, number: u32) {
        self.put_u32(offset_of!(dm_ioctl, event_nr), number);
    }

    pub(crate) fn target_count(&self) -> u32 {
        self.u32_at(offset_of!(dm_ioctl, target_count))
    }

    pub(crate) fn set_target_count(&mut self, count: usize) {
        self.put_u32(offset_of!(dm_ioctl, target_count), saturated(count));
    }

    pub(crate) fn set_open_count(&mut self, count: usize) {
        self.put_u32(offset_of!(dm_ioctl, open_count), saturated(count));
    }

    pub(crate) fn set_data_size(&mut self, size: usize) {
        self.put_u32(offset_of!(dm_ioctl, data_size), saturated(size));
    }

    /// The payload of the request, from the offset in the header on.
    pub(crate) fn payload(&self) -> Option<&[u8]> {
        let start = self.u32_at(offset_of!(dm_ioctl, data_start)) as usize;
        if start < SHORTEST { None } else { self.bytes.get(start..) }
    }

    /// The text in the payload of the request.
    pub(crate) fn payload_text(&self) -> Option<&[u8]> {
        nul_terminated(self.payload()?)
    }

    /// The largest size of a reply's payload (`get_result_buffer` in drivers/md/dm-ioctl.c).
    pub(crate) fn room(&self) -> usize {
        self.bytes.len().saturating_sub(HEADER)
    }

    /// Writes an answer of `size` bytes after the header, or sets the flag that it does not fit. `answer` may be
    /// shorter.
    pub(crate) fn answer(&mut self, answer: &[u8], size: usize) {
        self.begin_answer();
        if self.room() < size {
            self.set(Flags::BUFFER_FULL, true);
            return;
        }
        self.put(HEADER, answer);
        self.set_data_size(HEADER.saturating_add(size));
    }

    /// As [`answer`](Self::answer), for an answer of which only a part fits, unless `is_whole`.
    pub(crate) fn answer_part(&mut self, answer: &[u8], is_whole: bool) {
        self.begin_answer();
        if !is_whole {
            self.set(Flags::BUFFER_FULL, true);
        }
        if !answer.is_empty() {
            self.put(HEADER, answer);
            self.set_data_size(HEADER.saturating_add(answer.len()));
        }
    }

    fn begin_answer(&mut self) {
        let start = HEADER.min(self.bytes.len());
        self.put_u32(offset_of!(dm_ioctl, data_start), saturated(start));
    }

    fn text(&self, at: usize, len: usize) -> &[u8] {
        let field = self.bytes.get(at..).and_then(|rest| rest.get(..len)).unwrap_or_default();
        // The kernel terminates both texts within their fields (`validate_params`).
        nul_terminated(field).unwrap_or(field.split_last().map_or(field, |(_, text)| text))
    }

    fn put_text(&mut self, at: usize, len: usize, text: &[u8]) {
        if let Some(field) = self.bytes.get_mut(at..).and_then(|rest| rest.get_mut(..len)) {
            field.fill(0);
        }
        self.put(at, text);
    }

    fn u32_at(&self, at: usize) -> u32 {
        u32_at(&self.bytes, at).unwrap_or(0)
    }

    fn u64_at(&self, at: usize) -> u64 {
        u64_at(&self.bytes, at).unwrap_or(0)
    }

    fn put_u32(&mut self, at: usize, value: u32) {
        self.put(at, &value.to_ne_bytes());
    }

    fn put(&mut self, at: usize, value: &[u8]) {
        if let Some(place) = self.bytes.get_mut(at..).and_then(|rest| rest.get_mut(..value.len())) {
            place.copy_from_slice(value);
        }
    }
}

/// Writes the interface version into a request, since every reply contains it.
pub(crate) fn put_version(request: &mut [u8], version: Version) {
    let words = [version.major, version.minor, version.patch].into_iter().flat_map(u32::to_ne_bytes);
    for (byte, value) in request.iter_mut().zip(words) {
        *byte = value;
    }
}

/// The bytes before the first NUL, if there is one.
pub(crate) fn nul_terminated(bytes: &[u8]) -> Option<&[u8]> {
    bytes.iter().position(|byte| *byte == 0).and_then(|end| bytes.get(..end))
}

pub(crate) fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    bytes.get(at..)?.first_chunk().map(|word| u32::from_ne_bytes(*word))
}

pub(crate) fn u64_at(bytes: &[u8], at: usize) -> Option<u64> {
    bytes.get(at..)?.first_chunk().map(|word| u64::from_ne_bytes(*word))
}

/// Appends zeros up to a multiple of 8 bytes, as `align_ptr` does.
pub(crate) fn align(bytes: &mut Vec<u8>) {
    bytes.resize(bytes.len().next_multiple_of(8), 0);
}

fn saturated(value: usize) -> u32 {
    u32::try_from(value).unwrap_or(u32::MAX)
}
