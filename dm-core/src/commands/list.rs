//! `DM_LIST_DEVICES`.

use core::mem::offset_of;

use dm_sys::{DM_NAME_LIST_FLAG_HAS_UUID, dm_name_list, dm_name_list_trailer};
use dm_units::DeviceNumber;

use crate::error::{ReplyError, Result};
use crate::id::name::{DmName, DmUuid};
use crate::node::dm::{Answer, Dm, Room};
use crate::node::transport::Transport;
use crate::wire::buffer::Buffer;
use crate::wire::command::Command;
use crate::wire::flags::Flags;
use crate::wire::header::{self, HeaderBytes, Request};

/// The interface version from which event numbers are right: 4.36 added them, 4.37 aligned them.
const EVENT_NR_MINOR: u32 = 37;
/// The interface version that has uuids, and filters by prefix.
const UUID_MINOR: u32 = 45;

/// Options of [`Dm::list_devices`].
#[derive(Clone, Copy, Debug, Default)]
pub struct ListOptions<'a> {
    uuids: bool,
    name_prefix: Option<DmName<'a>>,
    uuid_prefix: Option<DmUuid<'a>>,
}

impl<'a> ListOptions<'a> {
    /// All devices, without their uuids.
    #[must_use]
    pub const fn new() -> Self {
        Self { uuids: false, name_prefix: None, uuid_prefix: None }
    }

    /// Whether to report uuids, too. Interface 4.45 and later.
    #[must_use]
    pub const fn uuids(self, uuids: bool) -> Self {
        Self { uuids, ..self }
    }

    /// Only devices whose name starts like this. Interface 4.45 and later.
    #[must_use]
    pub const fn name_prefix(self, prefix: DmName<'a>) -> Self {
        Self { name_prefix: Some(prefix), ..self }
    }

    /// Only devices whose uuid starts like this. Interface 4.45 and later.
    #[must_use]
    pub const fn uuid_prefix(self, prefix: DmUuid<'a>) -> Self {
        Self { uuid_prefix: Some(prefix), ..self }
    }

    fn request(self) -> Request<'a> {
        let filtered = self.name_prefix.is_some() || self.uuid_prefix.is_some();
        let request = Request::new(Command::ListDevices).flag_since(UUID_MINOR, Flags::UUID, self.uuids).flag_since(
            UUID_MINOR,
            Flags::empty(),
            filtered,
        );
        Request { id: self.name_prefix.map(Into::into), uuid: self.uuid_prefix.map(DmUuid::as_bytes), ..request }
    }
}

/// All mapped devices at one moment, or those that were asked for: see [`Dm::list_devices`].
///
/// It borrows the caller's buffer; [`to_owned`](Self::to_owned) makes one that stands on its own.
#[derive(Clone, Debug)]
pub struct DeviceList<B = Box<[u8]>> {
    bytes: B,
    layout: Layout,
}

impl<B: AsRef<[u8]>> DeviceList<B> {
    /// The devices, in the order of the kernel: by name, in current ones.
    pub fn iter(&self) -> Devices<'_> {
        let bytes = self.bytes.as_ref();
        Devices { rest: (!bytes.is_empty()).then_some(bytes), bytes, layout: self.layout }
    }

    /// Whether there is no device.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.bytes.as_ref().is_empty()
    }

    /// A copy that does not borrow the buffer, made with one allocation.
    #[must_use]
    pub fn to_owned(&self) -> DeviceList {
        DeviceList { bytes: self.bytes.as_ref().into(), layout: self.layout }
    }
}

impl<'a, B: AsRef<[u8]>> IntoIterator for &'a DeviceList<B> {
    type Item = Result<ListedDevice<'a>, ReplyError>;
    type IntoIter = Devices<'a>;

    fn into_iter(self) -> Devices<'a> {
        self.iter()
    }
}

/// A device in a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ListedDevice<'a> {
    /// Its name.
    pub name: DmName<'a>,
    /// Its number.
    pub number: DeviceNumber,
    /// How many events it has had. `None` before interface 4.37.
    pub event_nr: Option<u32>,
    /// Its uuid. `None` where it has none, or uuids were not asked for.
    pub uuid: Option<DmUuid<'a>>,
}

/// The iterator over a [`DeviceList`]. It ends after the first error.
#[derive(Clone, Debug)]
pub struct Devices<'a> {
    bytes: &'a [u8],
    /// From the entry to be read next on; `None` after the last.
    rest: Option<&'a [u8]>,
    layout: Layout,
}

impl<'a> Iterator for Devices<'a> {
    type Item = Result<ListedDevice<'a>, ReplyError>;

    // Where it is not inlined, each device is first put together in memory, which takes as long as reading it.
    #[inline(always)]
    fn next(&mut self) -> Option<Self::Item> {
        let entry = self.rest.take()?;
        match self.decode(entry) {
            Ok((device, rest)) => {
                self.rest = rest;
                Some(Ok(device))
            }
            Err(what) => {
                let at = header::HEADER_SIZE.saturating_add(self.bytes.len().saturating_sub(entry.len()));
                Some(Err(ReplyError { command: Command::ListDevices, what, at }))
            }
        }
    }
}

type Decoded<'a> = (ListedDevice<'a>, Option<&'a [u8]>);

impl<'a> Devices<'a> {
    #[inline(always)]
    fn decode(&self, bytes: &'a [u8]) -> Result<Decoded<'a>, &'static str> {
        let (fixed, _) = bytes.split_first_chunk::<NAME_AT>().ok_or("a cut entry")?;
        let (entry, rest) = match header::u32_at(fixed, offset_of!(dm_name_list, next)).unwrap_or(0) as usize {
            0 => (bytes, None),
            // An entry is longer than its fixed part, so every step leads forward.
            next if next <= NAME_AT => return Err("an entry that overlaps itself"),
            next => {
                let (entry, rest) = bytes.split_at_checked(next).ok_or("an entry behind the end")?;
                (entry, Some(rest))
            }
        };
        let named = entry.get(NAME_AT..).unwrap_or_default();
        let (name, event_nr, uuid) = match self.layout {
            Layout::Names => (header::nul_terminated(named).ok_or("an endless name")?, None, None),
            Layout::EventNumbers => {
                let (name, trailer) = named.split_last_chunk::<UUID_AT>().ok_or("a cut trailer")?;
                // Names of up to three bytes have only four with their padding.
                let name = header::padded_text(name).or_else(|| header::nul_terminated(name));
                (name.ok_or("an endless name")?, event_nr(trailer), None)
            }
            Layout::Uuids => {
                let name = header::nul_terminated(named).ok_or("an endless name")?;
                let (event_nr, uuid) = trailer(name, entry).ok_or("a cut trailer")?;
                (name, event_nr, uuid)
            }
        };
        let name = DmName::from_kernel(name).ok_or("an empty name")?;
        let number = DeviceNumber::from_dev_t(header::u64_at(fixed, offset_of!(dm_name_list, dev)).unwrap_or(0));
        Ok((ListedDevice { name, number, event_nr, uuid }, rest))
    }
}

const NAME_AT: usize = offset_of!(dm_name_list, name);
const UUID_AT: usize = offset_of!(dm_name_list_trailer, uuid);

/// What the entries of a list hold (`list_devices` in drivers/md/dm-ioctl.c). Each part of an entry is padded so that the next
/// one starts at a multiple of eight bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Layout {
    /// Numbers and names.
    Names,
    /// A trailer as well, which is the last eight bytes: so the name need not be searched for its end.
    EventNumbers,
    /// A uuid behind the trailer, where the device has one.
    Uuids,
}

impl Layout {
    fn of(answer: &HeaderBytes) -> Self {
        match header::version(answer).minor {
            ..EVENT_NR_MINOR => Self::Names,
            UUID_MINOR.. if header::flags(answer).contains(Flags::UUID) => Self::Uuids,
            _ => Self::EventNumbers,
        }
    }
}

#[inline]
fn event_nr(trailer: &[u8; UUID_AT]) -> Option<u32> {
    header::u32_at(trailer, offset_of!(dm_name_list_trailer, event_nr))
}

/// Reads the event number and the uuid, which stand behind the name.
#[inline]
fn trailer<'a>(name: &[u8], entry: &'a [u8]) -> Option<(Option<u32>, Option<DmUuid<'a>>)> {
    let trailer = entry.get(dm_name_list::trailer_offset(name.len())?..)?;
    let (fixed, uuid) = trailer.split_first_chunk::<UUID_AT>()?;
    let flags = header::u32_at(fixed, offset_of!(dm_name_list_trailer, flags))?;
    let uuid = match flags & DM_NAME_LIST_FLAG_HAS_UUID {
        0 => None,
        _ => DmUuid::from_kernel(header::padded_text(uuid)?),
    };
    Some((event_nr(fixed), uuid))
}

/// The size offered first: enough for some 400 devices. A list that does not fit gives no hint how long it is, so the next
/// one is sixteen times as large; 4000 devices with uuids then take three calls at most.
const FIRST_SIZE: usize = 16 * 1024;

impl<T: Transport> Dm<T> {
    /// Lists the mapped devices.
    ///
    /// - Interface 4.0 and later; event numbers since 4.37, uuids and prefixes since 4.45.
    /// - A snapshot: the kernel makes it in one go.
    ///
    /// # Errors
    /// [`is_unsupported`](crate::Error::is_unsupported): uuids or prefixes, on an older kernel.
    #[doc(alias = "DM_LIST_DEVICES")]
    pub fn list_devices<'b>(&self, buffer: &'b mut Buffer, options: ListOptions<'_>) -> Result<DeviceList<&'b [u8]>> {
        let room = Room { first: FIRST_SIZE, least: 0, grow: |_, size| size.saturating_mul(16) };
        let answer = self.ask(buffer, &options.request(), &room, |_| Ok(()))?;
        Ok(DeviceList::new(&answer))
    }
}

impl<'b> DeviceList<&'b [u8]> {
    fn new(answer: &Answer<'b>) -> Self {
        Self { bytes: answer.payload.unwrap_or_default(), layout: Layout::of(answer.header) }
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

    impl<B: AsRef<[u8]>> Serialize for super::DeviceList<B> {
        fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
            let mut items = serializer.serialize_seq(None)?;
            for item in self {
                items.serialize_element(&item.map_err(S::Error::custom)?)?;
            }
            items.end()
        }
    }
}
