//! `DM_LIST_DEVICES`: lists the mapped devices.

use core::mem::offset_of;

use dm_sys::{DM_NAME_LIST_FLAG_HAS_UUID, dm_name_list, dm_name_list_trailer};
use dm_units::DeviceNumber;

use super::since;
use crate::error::Result;
use crate::id::{DmName, DmUuid};
use crate::node::{Dm, ReplySizes};
use crate::wire::header::{self, HEADER_SIZE, HeaderBytes, Request};
use crate::wire::reply::{Reply, ReplyError};
use crate::wire::scan::{nul_terminated, padded_text, u32_at, u64_at};
use crate::wire::{Command, Flags};

/// The interface version since which event numbers are usable: 4.36 added them, 4.37 aligned them.
const EVENT_NR_MINOR: u32 = 37;
/// The interface version that reports uuids and filters by prefix.
const UUID_MINOR: u32 = 45;

/// Options of [`Dm::list_devices_with`].
#[derive(Clone, Copy, Debug, Default)]
pub struct ListOptions<'a> {
    uuids: bool,
    if_possible: bool,
    name_prefix: Option<&'a DmName>,
    uuid_prefix: Option<&'a DmUuid>,
}

impl<'a> ListOptions<'a> {
    /// Lists all devices, without their uuids.
    #[must_use]
    pub const fn new() -> Self {
        Self { uuids: false, if_possible: false, name_prefix: None, uuid_prefix: None }
    }

    /// Whether to report uuids as well. Requires ioctl interface 4.45.
    #[must_use]
    pub const fn uuids(self, uuids: bool) -> Self {
        Self { uuids, ..self }
    }

    /// Whether to accept a list without [`uuids`](Self::uuids) from a kernel older than ioctl interface 4.45. By
    /// default the command fails on such a kernel with [`Error::Unsupported`](crate::Error::Unsupported). A command
    /// with a prefix always fails on such a kernel, since the kernel ignores prefixes.
    #[must_use]
    pub const fn if_possible(self, if_possible: bool) -> Self {
        Self { if_possible, ..self }
    }

    /// Lists only devices whose name has this prefix. Requires ioctl interface 4.45.
    #[must_use]
    pub const fn name_prefix(self, prefix: &'a DmName) -> Self {
        Self { name_prefix: Some(prefix), ..self }
    }

    /// Lists only devices whose uuid has this prefix. Requires ioctl interface 4.45.
    #[must_use]
    #[doc(alias = "dm_set_uuid_prefix")]
    #[doc(alias = "dm_uuid_prefix")]
    pub const fn uuid_prefix(self, prefix: &'a DmUuid) -> Self {
        Self { uuid_prefix: Some(prefix), ..self }
    }

    const fn is_filtered(self) -> bool {
        self.name_prefix.is_some() || self.uuid_prefix.is_some()
    }

    /// The buffer size that a list is offered before the handle has seen one.
    fn first_size(self, dm: &Dm) -> usize {
        let entry = if self.uuids { ENTRY_SIZE + UUID_SIZE } else { ENTRY_SIZE };
        let expected = if self.is_filtered() { 0 } else { dm.expected_devices().min(MAX_EXPECTED) };
        expected.saturating_mul(entry).max(FIRST_SIZE)
    }

    fn request(self) -> Request<'a> {
        let request = Request::new(Command::ListDevices)
            .flag_since(since(UUID_MINOR, self.if_possible), Flags::UUID, self.uuids)
            .flag_since(UUID_MINOR, Flags::empty(), self.is_filtered());
        Request {
            name: self.name_prefix.map(DmName::as_bytes),
            uuid: self.uuid_prefix.map(DmUuid::as_bytes),
            ..request
        }
    }
}

/// A snapshot of all mapped devices, or of those that were requested, as returned by [`Dm::list_devices`].
///
/// Entries are decoded during the iteration, so each is a `Result`.
#[derive(Clone, Debug)]
pub struct DeviceList {
    reply: Reply,
    layout: Layout,
}

impl DeviceList {
    fn new(reply: Reply) -> Result<Self, ReplyError> {
        reply.needed_payload()?;
        let layout = Layout::of(reply.header());
        Ok(Self { reply, layout })
    }

    /// Iterates over the devices in the kernel's order. Current kernels sort them by name.
    #[must_use]
    pub fn iter(&self) -> Devices<'_> {
        let bytes = self.reply.payload().unwrap_or_default();
        Devices { rest: (!bytes.is_empty()).then_some(bytes), bytes, layout: self.layout }
    }

    /// Whether the list has no devices.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.reply.payload().unwrap_or_default().is_empty()
    }
}

impl<'a> IntoIterator for &'a DeviceList {
    type Item = Result<ListedDevice<'a>, ReplyError>;
    type IntoIter = Devices<'a>;

    fn into_iter(self) -> Devices<'a> {
        self.iter()
    }
}

/// The name and number of a device in a [`DeviceList`], with its event number and uuid if the list has them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ListedDevice<'a> {
    /// The kernel's name, which is not translated: see [`Naming`](crate::Naming).
    pub name: &'a DmName,
    /// The number of its block device.
    pub number: DeviceNumber,
    /// The event number, which wraps around. `None` before ioctl interface 4.37.
    pub event_nr: Option<u32>,
    /// The uuid. `None` if the device has none, or the list has no uuids.
    pub uuid: Option<&'a DmUuid>,
}

/// An iterator over a [`DeviceList`]. It ends after the first error.
#[derive(Clone, Debug)]
pub struct Devices<'a> {
    bytes: &'a [u8],
    /// The next entry and all after it; `None` after the last.
    rest: Option<&'a [u8]>,
    layout: Layout,
}

impl<'a> Iterator for Devices<'a> {
    type Item = Result<ListedDevice<'a>, ReplyError>;

    // Without inlining, each device is first assembled in memory, which takes as long as reading it.
    #[inline(always)]
    fn next(&mut self) -> Option<Self::Item> {
        let entry = self.rest.take()?;
        match self.decode(entry) {
            Ok((device, rest)) => {
                self.rest = rest;
                Some(Ok(device))
            }
            Err(what) => {
                let at = HEADER_SIZE.saturating_add(self.bytes.len().saturating_sub(entry.len()));
                Some(Err(ReplyError { command: Command::ListDevices, what, at }))
            }
        }
    }
}

impl Devices<'_> {
    /// Skips the next entries of both lists as long as their bytes are equal.
    ///
    /// This takes a fraction of the time of decoding. Entries of the other list that were already decoded are
    /// well-formed.
    #[inline]
    pub(crate) fn skip_equal(&mut self, other: &mut Self) {
        if self.layout != other.layout {
            return;
        }
        while let (Some(ours), Some(theirs)) = (self.rest, other.rest) {
            let (ours_next, theirs_next) = match u32_at(ours, offset_of!(dm_name_list, next)).unwrap_or(0) as usize {
                0 if ours == theirs => (None, None),
                next if next > NAME_AT => match (ours.split_at_checked(next), theirs.split_at_checked(next)) {
                    (Some((entry, ours)), Some((same, theirs))) if entry == same => (Some(ours), Some(theirs)),
                    _ => return,
                },
                _ => return,
            };
            (self.rest, other.rest) = (ours_next, theirs_next);
        }
    }
}

type Decoded<'a> = (ListedDevice<'a>, Option<&'a [u8]>);

impl<'a> Devices<'a> {
    #[inline(always)]
    fn decode(&self, bytes: &'a [u8]) -> Result<Decoded<'a>, &'static str> {
        let (fixed, _) = bytes.split_first_chunk::<NAME_AT>().ok_or("a truncated entry")?;
        let (entry, rest) = match u32_at(fixed, offset_of!(dm_name_list, next)).unwrap_or(0) as usize {
            0 => (bytes, None),
            // An entry is longer than its fixed part, so every step advances.
            next if next <= NAME_AT => return Err("an entry that overlaps itself"),
            next => {
                let (entry, rest) = bytes.split_at_checked(next).ok_or("an entry past the end")?;
                (entry, Some(rest))
            }
        };
        let named = entry.get(NAME_AT..).unwrap_or_default();
        let (name, event_nr, uuid) = match self.layout {
            Layout::Names => (nul_terminated(named).ok_or("an unterminated name")?, None, None),
            Layout::EventNumbers => {
                let (name, trailer) = named.split_last_chunk::<UUID_AT>().ok_or("a truncated trailer")?;
                // Names of up to three bytes occupy only four with their padding.
                let name = padded_text(name).or_else(|| nul_terminated(name));
                (name.ok_or("an unterminated name")?, event_nr(trailer), None)
            }
            Layout::Uuids => {
                let name = nul_terminated(named).ok_or("an unterminated name")?;
                let (event_nr, uuid) = trailer(name, entry)?;
                (name, event_nr, uuid)
            }
        };
        let name = DmName::from_kernel(name).ok_or("a name of an invalid length")?;
        let number = DeviceNumber::from_dev_t(u64_at(fixed, offset_of!(dm_name_list, dev)).unwrap_or(0));
        Ok((ListedDevice { name, number, event_nr, uuid }, rest))
    }
}

const NAME_AT: usize = offset_of!(dm_name_list, name);
const UUID_AT: usize = offset_of!(dm_name_list_trailer, uuid);

/// The parts of a list's entries (`list_devices` in drivers/md/dm-ioctl.c). Each part of an entry is padded so that the
/// next one starts at a multiple of eight bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Layout {
    /// Numbers and names.
    Names,
    /// Also a trailer in the last eight bytes, so that the end of the name need not be searched.
    EventNumbers,
    /// Also a uuid after the trailer, if the device has one.
    Uuids,
}

impl Layout {
    fn of(reply: &HeaderBytes) -> Self {
        match header::version(reply).minor {
            ..EVENT_NR_MINOR => Self::Names,
            UUID_MINOR.. if header::flags(reply).contains(Flags::UUID) => Self::Uuids,
            _ => Self::EventNumbers,
        }
    }
}

#[inline]
fn event_nr(trailer: &[u8; UUID_AT]) -> Option<u32> {
    u32_at(trailer, offset_of!(dm_name_list_trailer, event_nr))
}

/// Reads the event number and the uuid, which follow the name.
#[inline]
fn trailer<'a>(name: &[u8], entry: &'a [u8]) -> Result<(Option<u32>, Option<&'a DmUuid>), &'static str> {
    let trailer = dm_name_list::trailer_offset(name.len()).and_then(|at| entry.get(at..));
    let (fixed, uuid) = trailer.and_then(<[u8]>::split_first_chunk::<UUID_AT>).ok_or("a truncated trailer")?;
    let flags = u32_at(fixed, offset_of!(dm_name_list_trailer, flags)).unwrap_or(0);
    let uuid = match flags & DM_NAME_LIST_FLAG_HAS_UUID {
        0 => None,
        _ => {
            let uuid = padded_text(uuid).ok_or("an unterminated uuid")?;
            Some(DmUuid::from_kernel(uuid).ok_or("a uuid of an invalid length")?)
        }
    };
    Ok((event_nr(fixed), uuid))
}

/// The smallest size offered first: enough for about 300 devices.
const FIRST_SIZE: usize = 12 * 1024;

/// The size of an entry with a name of 24 bytes and a uuid like LVM's.
const ENTRY_SIZE: usize = 48;
const UUID_SIZE: usize = 72;

/// The expected number of devices is limited to this, since it may count devices that are not mapped ones.
const MAX_EXPECTED: usize = 8192;

/// A list that does not fit does not tell the size that it needs, and costs the kernel nearly half as much as one that
/// fits, because it adds up the size of all entries. The second offer is therefore enough for 4 000 devices, and the
/// third for 4 000 with uuids.
const fn next_size(size: usize) -> usize {
    size.saturating_mul(if size < LARGE { 16 } else { 4 })
}

/// From this size on, the offer grows by smaller factors, so that it does not become many times larger than the list.
const LARGE: usize = 64 * 1024;

impl Dm {
    /// Lists the mapped devices.
    ///
    /// - Ioctl interface 4.0 and later; event numbers since 4.37.
    /// - Devices, names and uuids are a snapshot, but event numbers can change while the kernel makes the list.
    ///
    /// ```
    /// # let memory = dm_testing::MemoryKernel::new();
    /// # let dm = memory.dm();
    /// # dm.device_create("home")?;
    /// for device in &dm.list_devices()? {
    ///     let device = device?;
    ///     println!("{} {}", device.number, device.name);
    /// }
    /// # Ok::<(), dm_core::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`is_permission_denied`](crate::Error::is_permission_denied).
    #[doc(alias = "DM_LIST_DEVICES")]
    #[doc(alias = "dm_task_get_names")]
    #[doc(alias = "DM_DEVICE_LIST")]
    #[doc(alias = "dmsetup ls")]
    pub fn list_devices(&self) -> Result<DeviceList> {
        self.list_devices_with(ListOptions::new())
    }

    /// Lists the mapped devices, with their uuids, or only those with a prefix. Both require ioctl interface 4.45.
    ///
    /// # Errors
    /// As [`list_devices`](Self::list_devices). [`is_unsupported`](crate::Error::is_unsupported): uuids or prefixes are
    /// requested from an older kernel.
    pub fn list_devices_with(&self, options: ListOptions<'_>) -> Result<DeviceList> {
        let first = if self.remembers(Command::ListDevices) { FIRST_SIZE } else { options.first_size(self) };
        let sizes = ReplySizes { first, least: 0, grow: |_, size| next_size(size) };
        Ok(DeviceList::new(self.ask(&options.request(), &sizes, |_| Ok(()))?)?)
    }
}

#[cfg(feature = "serde")]
mod serialize {
    use serde::ser::{Error as _, Serialize, SerializeSeq as _, SerializeStruct as _, Serializer};

    impl Serialize for super::ListedDevice<'_> {
        fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
            let mut fields = serializer.serialize_struct("ListedDevice", 4)?;
            fields.serialize_field("name", &self.name)?;
            fields.serialize_field("number", &self.number)?;
            fields.serialize_field("event_nr", &self.event_nr)?;
            fields.serialize_field("uuid", &self.uuid)?;
            fields.end()
        }
    }

    impl Serialize for super::DeviceList {
        fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
            let mut items = serializer.serialize_seq(None)?;
            for item in self {
                items.serialize_element(&item.map_err(S::Error::custom)?)?;
            }
            items.end()
        }
    }
}
