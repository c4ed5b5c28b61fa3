//! The header of every request and reply, `struct dm_ioctl`, read and written as bytes.

use core::fmt;
use core::mem::offset_of;
use std::io;

use dm_sys::dm_ioctl;
use dm_units::DeviceNumber;

use crate::id::dev_id::DevId;
use crate::wire::command::{Command, INTERFACE_MAJOR};
use crate::wire::flags::Flags;
use dm_units::Version;

/// Where the payload of requests starts, and that of replies in every kernel there is.
pub(crate) const HEADER_SIZE: usize = size_of::<dm_ioctl>();

/// The same, as requests say it.
const DATA_START: u32 = 312;
const _: () = assert!(DATA_START as usize == HEADER_SIZE);

/// Where the three words of the version stand.
const VERSION_AT: [usize; 3] = [0, 4, 8];
const _: () = assert!(offset_of!(dm_ioctl, version) == VERSION_AT[0]);

/// The largest minor number in the kernel, its `MINORMASK`.
pub(crate) const MAX_MINOR: u32 = 0xf_ffff;

/// A header on its own: what a command without payload sends and gets back. No alignment is needed.
pub(crate) type HeaderBytes = [u8; HEADER_SIZE];

/// A header that is still to be written.
pub(crate) const NO_HEADER: HeaderBytes = [0; HEADER_SIZE];

/// What a request says, before it is bytes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Request<'a> {
    pub(crate) command: Command,
    /// The interface that the command and its options need; older kernels refuse it as a whole.
    pub(crate) minor: u32,
    pub(crate) flags: Flags,
    pub(crate) id: Option<DevId<'a>>,
    /// Set besides the id by device creation only.
    pub(crate) uuid: Option<&'a [u8]>,
    /// Set besides the id by device creation only.
    pub(crate) number: Option<DeviceNumber>,
    pub(crate) event_nr: u32,
    pub(crate) target_count: u32,
}

impl<'a> Request<'a> {
    pub(crate) const fn new(command: Command) -> Self {
        Self {
            command,
            minor: command.since_minor(),
            flags: Flags::empty(),
            id: None,
            uuid: None,
            number: None,
            event_nr: 0,
            target_count: 0,
        }
    }

    pub(crate) fn of(command: Command, id: DevId<'a>) -> Self {
        Self { id: Some(id), ..Self::new(command) }
    }

    /// Sets a flag that all kernels know.
    #[must_use]
    pub(crate) fn flag(mut self, flag: Flags, on: bool) -> Self {
        if on {
            self.flags |= flag;
        }
        self
    }

    /// Sets a flag that an older kernel would not refuse but ignore, so it is made to refuse.
    #[must_use]
    pub(crate) fn flag_since(self, minor: u32, flag: Flags, on: bool) -> Self {
        let needed = if on { self.minor.max(minor) } else { self.minor };
        Self { minor: needed, ..self }.flag(flag, on)
    }

    /// Writes the header. `bytes` must be zero.
    pub(crate) fn encode(&self, bytes: &mut HeaderBytes) {
        put_u32(bytes, VERSION_AT[0], INTERFACE_MAJOR);
        put_u32(bytes, VERSION_AT[1], self.minor);
        put_u32(bytes, offset_of!(dm_ioctl, data_start), DATA_START);
        put_u32(bytes, offset_of!(dm_ioctl, target_count), self.target_count);
        put_u32(bytes, offset_of!(dm_ioctl, flags), self.flags.bits());
        put_u32(bytes, offset_of!(dm_ioctl, event_nr), self.event_nr);
        if let Some(number) = self.number {
            put_number(bytes, number);
        }
        if let Some(uuid) = self.uuid {
            put(bytes, offset_of!(dm_ioctl, uuid), uuid);
        }
        match self.id {
            Some(DevId::Name(name)) => put(bytes, offset_of!(dm_ioctl, name), name.as_bytes()),
            Some(DevId::Uuid(uuid)) => put(bytes, offset_of!(dm_ioctl, uuid), uuid.as_bytes()),
            Some(DevId::Number(number)) => put_number(bytes, number),
            None => {}
        }
    }
}

/// Prints the command and the device, for the log.
impl fmt::Display for Request<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.id {
            Some(id) => write!(f, "{} of {id}", self.command),
            None => write!(f, "{}", self.command),
        }
    }
}

fn put_number(bytes: &mut HeaderBytes, number: DeviceNumber) {
    // No device has a number that can't be encoded, and none has all bits set: the kernel will say that it is not found.
    put(bytes, offset_of!(dm_ioctl, dev), &number.to_huge().unwrap_or(u64::MAX).to_ne_bytes());
}

fn put_u32(bytes: &mut HeaderBytes, at: usize, value: u32) {
    put(bytes, at, &value.to_ne_bytes());
}

/// Offsets are constants of the struct and texts were checked for their length, so it always fits.
fn put(bytes: &mut HeaderBytes, at: usize, value: &[u8]) {
    if let Some(place) = bytes.get_mut(at..).and_then(|rest| rest.get_mut(..value.len())) {
        place.copy_from_slice(value);
    }
}

/// Writes a request's whole length into its header; gives the length back.
pub(crate) fn set_data_size(request: &mut [u8]) -> io::Result<usize> {
    let len = request.len();
    let size = u32::try_from(len);
    match (request.first_chunk_mut::<HEADER_SIZE>(), size) {
        (Some(header), Ok(size)) => {
            put_u32(header, offset_of!(dm_ioctl, data_size), size);
            Ok(len)
        }
        _ => Err(io::Error::from(io::ErrorKind::InvalidInput)),
    }
}

pub(crate) fn version(header: &HeaderBytes) -> Version {
    let [major, minor, patch] = VERSION_AT;
    Version::new(field_u32(header, major), field_u32(header, minor), field_u32(header, patch))
}

pub(crate) fn data_size(header: &HeaderBytes) -> usize {
    field_u32(header, offset_of!(dm_ioctl, data_size)) as usize
}

pub(crate) fn data_start(header: &HeaderBytes) -> usize {
    field_u32(header, offset_of!(dm_ioctl, data_start)) as usize
}

pub(crate) fn target_count(header: &HeaderBytes) -> u32 {
    field_u32(header, offset_of!(dm_ioctl, target_count))
}

pub(crate) fn open_count(header: &HeaderBytes) -> i32 {
    i32::from_ne_bytes(field_u32(header, offset_of!(dm_ioctl, open_count)).to_ne_bytes())
}

pub(crate) fn flags(header: &HeaderBytes) -> Flags {
    Flags::from_bits_retain(field_u32(header, offset_of!(dm_ioctl, flags)))
}

pub(crate) fn event_nr(header: &HeaderBytes) -> u32 {
    field_u32(header, offset_of!(dm_ioctl, event_nr))
}

pub(crate) fn number(header: &HeaderBytes) -> DeviceNumber {
    // The C library's encoding extends the kernel's to all 64 bits, so every bit pattern is a number.
    DeviceNumber::from_dev_t(u64_at(header, offset_of!(dm_ioctl, dev)).unwrap_or(0))
}

/// What is wrong with an answer's header, and at which byte: the fields that not every bit pattern is right for.
pub(crate) fn fault(header: &HeaderBytes) -> Option<(&'static str, usize)> {
    let last = |at: usize, len: usize| header.get(at..)?.get(..len)?.last().copied();
    // The kernel ends both texts at their last byte at the latest.
    if last(offset_of!(dm_ioctl, name), dm_sys::DM_NAME_LEN) != Some(0) {
        return Some(("an endless name", offset_of!(dm_ioctl, name)));
    }
    if last(offset_of!(dm_ioctl, uuid), dm_sys::DM_UUID_LEN) != Some(0) {
        return Some(("an endless uuid", offset_of!(dm_ioctl, uuid)));
    }
    None
}

pub(crate) fn name(header: &HeaderBytes) -> &[u8] {
    text(header, offset_of!(dm_ioctl, name), dm_sys::DM_NAME_LEN)
}

pub(crate) fn uuid(header: &HeaderBytes) -> &[u8] {
    text(header, offset_of!(dm_ioctl, uuid), dm_sys::DM_UUID_LEN)
}

fn text(header: &HeaderBytes, at: usize, len: usize) -> &[u8] {
    header.get(at..).and_then(|rest| rest.get(..len)).and_then(nul_terminated).unwrap_or_default()
}

/// Reads a field at a constant offset of the struct, so the fallback is never taken.
fn field_u32(header: &HeaderBytes, at: usize) -> u32 {
    u32_at(header, at).unwrap_or(0)
}

/// The `u32` that stands at an offset, in this machine's byte order.
pub(crate) fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_ne_bytes(*bytes.get(at..)?.first_chunk()?))
}

/// The `u64` that stands at an offset, in this machine's byte order.
pub(crate) fn u64_at(bytes: &[u8], at: usize) -> Option<u64> {
    Some(u64::from_ne_bytes(*bytes.get(at..)?.first_chunk()?))
}

/// The text up to the first NUL; `None` where there is none.
///
/// Inlined, it would leave too few registers to the loops around it.
#[inline(never)]
pub(crate) fn nul_terminated(bytes: &[u8]) -> Option<&[u8]> {
    bytes.get(..first_zero(bytes)?)
}

/// The text in a field of 16 bytes, up to its first NUL; `None` where there is none.
#[inline]
pub(crate) fn field_text(field: &[u8; 16]) -> Option<&[u8]> {
    let zero = zero_in_block(field);
    field.get(..zero).filter(|_| zero < field.len())
}

/// The text in bytes that the kernel has padded to a multiple of eight: up to the first NUL among the last eight, which is
/// looked for nowhere else. `None` where there is none.
#[inline]
pub(crate) fn padded_text(bytes: &[u8]) -> Option<&[u8]> {
    let end = bytes.last_chunk()?;
    match zeros_in(*end) {
        0 => None,
        zeros => {
            let padding = end.len().saturating_sub(index(zeros));
            bytes.get(..bytes.len().saturating_sub(padding))
        }
    }
}

/// Where the first zero stands.
///
/// It takes a fourth of the instructions of what the standard library has, which is made for longer texts.
#[inline]
pub(crate) fn first_zero(bytes: &[u8]) -> Option<usize> {
    let mut at: usize = 0;
    let mut rest = bytes;
    while let Some((block, after)) = rest.split_first_chunk() {
        if has_zero(block) {
            return Some(at.wrapping_add(zero_in_block(block)));
        }
        (at, rest) = (at.wrapping_add(block.len()), after);
    }
    if let Some((word, after)) = rest.split_first_chunk() {
        let zeros = zeros_in(*word);
        if zeros != 0 {
            return Some(at.wrapping_add(index(zeros)));
        }
        (at, rest) = (at.wrapping_add(word.len()), after);
    }
    rest.iter().position(|&byte| byte == 0).map(|zero| at.wrapping_add(zero))
}

/// Looks without an early end, so that all bytes are compared at once.
#[inline]
fn has_zero(block: &[u8; 16]) -> bool {
    block.iter().fold(false, |found, &byte| found | (byte == 0))
}

/// Where the first zero of 16 bytes stands; 16 where there is none.
#[inline]
fn zero_in_block(block: &[u8; 16]) -> usize {
    let (Some(first), Some(second)) = (block.first_chunk(), block.last_chunk()) else { return block.len() };
    match zeros_in(*first) {
        0 => index(zeros_in(*second)).wrapping_add(8),
        zeros => index(zeros),
    }
}

/// A word whose lowest bit is the top bit of the first of eight bytes that is zero; 0 where none is.
#[inline]
fn zeros_in(bytes: [u8; 8]) -> u64 {
    // Subtracting one from every byte borrows from the top bit of those that are zero.
    const ONES: u64 = u64::MAX / 0xff;
    let word = u64::from_le_bytes(bytes);
    word.wrapping_sub(ONES) & !word & (ONES << 7)
}

/// Which byte it is that [`zeros_in`] has found; 8 where it has found none.
#[inline]
fn index(zeros: u64) -> usize {
    (zeros.trailing_zeros() / 8) as usize
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_text_ends_at_its_first_nul(bytes in prop::collection::vec(prop_oneof![Just(0), Just(1), Just(0x80), any::<u8>()], 0..40)) {
            let expected = bytes.iter().position(|&byte| byte == 0).map(|at| &bytes[..at]);
            prop_assert_eq!(nul_terminated(&bytes), expected);
        }

        #[test]
        fn a_field_holds_a_text_up_to_its_first_nul(field: [u8; 16], zeros in prop::collection::vec(0..16_usize, 0..3)) {
            let mut field = field.map(|byte| byte.max(1));
            zeros.iter().for_each(|&at| field[at] = 0);
            prop_assert_eq!(field_text(&field), zeros.iter().min().map(|&at| &field[..at]));
        }

        #[test]
        fn a_padded_text_ends_among_the_last_eight_bytes(text in prop::collection::vec(1..=u8::MAX, 0..40), padding: [u8; 7]) {
            let mut bytes = text.clone();
            bytes.push(0);
            let padded = bytes.len().next_multiple_of(8);
            bytes.extend_from_slice(&padding);
            bytes.truncate(padded);
            prop_assert_eq!(padded_text(&bytes), Some(&text[..]));
            bytes.iter_mut().for_each(|byte| *byte = (*byte).max(1));
            prop_assert_eq!(padded_text(&bytes), None);
        }
    }
}
