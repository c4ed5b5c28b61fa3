//! The header of every request and reply, `struct dm_ioctl`, read and written as bytes.

use core::fmt;
use core::mem::offset_of;
use std::io;

use dm_sys::dm_ioctl;
use dm_units::{DeviceNumber, Version};

use super::command::{Command, INTERFACE_MAJOR};
use super::cookie::{UdevCookie, UdevFlags};
use super::flags::Flags;
use super::scan::{nul_terminated, u32_at, u64_at};
use crate::id::DevId;

/// The offset of the payload in requests, and in the replies of all kernels.
pub(crate) const HEADER_SIZE: usize = size_of::<dm_ioctl>();

/// [`HEADER_SIZE`] in the type of the field `data_start`.
const DATA_START: u32 = 312;
const _: () = assert!(DATA_START as usize == HEADER_SIZE);

/// The offsets of the three words of the version.
const VERSION_AT: [usize; 3] = [0, 4, 8];
const _: () = assert!(offset_of!(dm_ioctl, version) == VERSION_AT[0]);

/// The largest minor number in the kernel, its `MINORMASK`.
pub(crate) const MAX_MINOR: u32 = 0xf_ffff;

/// The interface version that can wipe buffers.
pub(crate) const SECURE_DATA_MINOR: u32 = 20;
/// The interface version that can set a uuid; older kernels would use it as the new name.
pub(crate) const SET_UUID_MINOR: u32 = 19;
/// The interface version that has cookies.
const COOKIE_MINOR: u32 = 15;

/// The bytes of a header, which are the request and the reply of a command without payload. They need no alignment.
pub(crate) type HeaderBytes = [u8; HEADER_SIZE];

/// An empty header, to be written into.
pub(crate) const NO_HEADER: HeaderBytes = [0; HEADER_SIZE];

/// The fields of a request before it is encoded.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Request<'a> {
    pub(crate) command: Command,
    /// The minor interface version that the command and its options require; older kernels refuse the request.
    pub(crate) minor: u32,
    pub(crate) flags: Flags,
    pub(crate) id: Option<DevId<'a>>,
    /// The interface version that wiping requires; 0 if an older kernel may leave its copies as they are.
    pub(crate) secure_minor: u32,
    /// The content of the name field for commands without a device: a target type, or a prefix of names.
    pub(crate) name: Option<&'a [u8]>,
    /// The uuid of a device to create, or a prefix of uuids for lists.
    pub(crate) uuid: Option<&'a [u8]>,
    /// The number of a device to create.
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
            secure_minor: SECURE_DATA_MINOR,
            name: None,
            uuid: None,
            number: None,
            event_nr: 0,
            target_count: 0,
        }
    }

    pub(crate) fn of(command: Command, id: DevId<'a>) -> Self {
        Self { id: Some(id), ..Self::new(command) }
    }

    /// Sets a flag without raising the required version.
    #[must_use]
    pub(crate) fn flag(mut self, flag: Flags, on: bool) -> Self {
        if on {
            self.flags |= flag;
        }
        self
    }

    /// Sets a flag that an older kernel would ignore, and raises the required version so that it refuses the request
    /// instead.
    #[must_use]
    pub(crate) fn flag_since(self, minor: u32, flag: Flags, on: bool) -> Self {
        let needed = if on { self.minor.max(minor) } else { self.minor };
        Self { minor: needed, ..self }.flag(flag, on)
    }

    /// Makes the kernel wipe its copies of the request and of the reply.
    #[must_use]
    pub(crate) fn secure(self, on: bool) -> Self {
        self.flag_since(self.secure_minor, Flags::SECURE_DATA, on)
    }

    /// Whether an older kernel may leave its copies as they are; set it before [`secure`](Self::secure).
    #[must_use]
    pub(crate) const fn secure_if_possible(self, if_possible: bool) -> Self {
        let secure_minor = if if_possible { 0 } else { SECURE_DATA_MINOR };
        Self { secure_minor, ..self }
    }

    /// Passes a cookie to udev with the uevent.
    ///
    /// Without a cookie, this sends the flag that libdm always sets: the uevent comes from a command. A kernel without
    /// cookies ignores it.
    #[must_use]
    pub(crate) fn cookie(self, cookie: Option<UdevCookie>) -> Self {
        let number = cookie.unwrap_or(UdevCookie::flags_only(UdevFlags::PRIMARY_SOURCE));
        let request = self.flag_since(COOKIE_MINOR, Flags::empty(), number.base() != 0);
        Self { event_nr: number.number(), ..request }
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
        if let Some(name) = self.name {
            put(bytes, offset_of!(dm_ioctl, name), name);
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
    // No device has a number that cannot be encoded, nor one with all bits set, so the kernel reports that the device
    // does not exist.
    put(bytes, offset_of!(dm_ioctl, dev), &number.to_huge().unwrap_or(u64::MAX).to_ne_bytes());
}

fn put_u32(bytes: &mut HeaderBytes, at: usize, value: u32) {
    put(bytes, at, &value.to_ne_bytes());
}

/// Always fits, since offsets are constants of the struct and the lengths of texts were checked.
fn put(bytes: &mut HeaderBytes, at: usize, value: &[u8]) {
    if let Some(place) = bytes.get_mut(at..).and_then(|rest| rest.get_mut(..value.len())) {
        place.copy_from_slice(value);
    }
}

/// Writes the length of a request into its header and returns it.
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

/// The header of a request, as one without payload and without a certain flag.
pub(crate) fn without_flag(request: &[u8], flag: Flags) -> Option<HeaderBytes> {
    let mut header: HeaderBytes = *request.first_chunk()?;
    let flags = flags(&header).difference(flag);
    put_u32(&mut header, offset_of!(dm_ioctl, flags), flags.bits());
    Some(header)
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
    // The C library's encoding extends the kernel's to all 64 bits, so every bit pattern is valid.
    DeviceNumber::from_dev_t(u64_at(header, offset_of!(dm_ioctl, dev)).unwrap_or(0))
}

/// Checks those fields of a reply's header that can be malformed; returns the error and its offset.
pub(crate) fn fault(header: &HeaderBytes) -> Option<(&'static str, usize)> {
    let last = |at: usize, len: usize| header.get(at..)?.get(..len)?.last().copied();
    // The kernel terminates both texts within their fields.
    if last(offset_of!(dm_ioctl, name), dm_sys::DM_NAME_LEN) != Some(0) {
        return Some(("an unterminated name", offset_of!(dm_ioctl, name)));
    }
    if last(offset_of!(dm_ioctl, uuid), dm_sys::DM_UUID_LEN) != Some(0) {
        return Some(("an unterminated uuid", offset_of!(dm_ioctl, uuid)));
    }
    None
}

/// Checks the position and length of a reply's payload, with a buffer of `offered` bytes; returns the error and its
/// offset.
#[inline]
pub(crate) fn payload_fault(header: &HeaderBytes, offered: usize) -> Option<(&'static str, usize)> {
    if data_start(header) != HEADER_SIZE {
        return Some(("a payload that does not follow the header", offset_of!(dm_ioctl, data_start)));
    }
    if data_size(header) > offered {
        return Some(("more bytes than were offered", offset_of!(dm_ioctl, data_size)));
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_is_logged_as_its_command_and_its_device() {
        let home = DevId::Name(crate::id::DmName::new("home").unwrap());
        assert_eq!(Request::of(Command::DeviceInfo, home).to_string(), "device_info of device 'home'");
        assert_eq!(Request::new(Command::ListDevices).to_string(), "list_devices");
    }
}
