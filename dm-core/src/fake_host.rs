//! A fake kernel for unit tests: the mapped devices of a host with lists, states and dependencies.
#![expect(clippy::arithmetic_side_effects, reason = "a panic is how a test fails")]

use core::mem::offset_of;
use std::io::{self, Read as _, Write as _};
use std::os::fd::{AsFd as _, BorrowedFd};
use std::os::unix::net::UnixStream;
use std::sync::{Arc, Mutex, MutexGuard};

use dm_sys as sys;
use dm_sys::dm_ioctl;
use dm_units::DeviceNumber;
use nix::errno::Errno;

use crate::error::OpenError;
use crate::node::{Dm, Transport};
use crate::wire::Command;
use crate::wire::header::HEADER_SIZE;

/// A handle on the fake host that a test shares with the transport.
#[derive(Clone)]
pub(crate) struct FakeHost(Arc<(Mutex<State>, UnixStream)>);

/// Runs before each ioctl and may change the host.
type Meanwhile = Box<dyn FnMut(Command, &mut State) + Send>;
/// Corrupts a list: it gets the bytes after the header.
type Spoil = Box<dyn FnMut(&mut [u8]) + Send>;

pub(crate) struct State {
    /// The interface version that the kernel has, `4.minor`.
    pub(crate) minor: u32,
    pub(crate) devices: Vec<FakeDevice>,
    /// The commands since the last check.
    pub(crate) sent: Vec<Command>,
    pub(crate) meanwhile: Option<Meanwhile>,
    pub(crate) spoil: Option<Spoil>,
    /// The errno of the next command of this kind.
    pub(crate) fail: Option<(Command, Errno)>,
    pub(crate) has_descriptor: bool,
    notify: UnixStream,
}

#[derive(Clone, Default)]
pub(crate) struct FakeDevice {
    pub(crate) minor: u32,
    pub(crate) name: String,
    pub(crate) uuid: String,
    pub(crate) event_nr: u32,
    pub(crate) open_count: u32,
    pub(crate) has_table: bool,
    pub(crate) suspended: bool,
    pub(crate) uses: Vec<u32>,
    pub(crate) inactive_uses: Option<Vec<u32>>,
}

/// The number of a device or disk of the host: all have this major number.
pub(crate) const fn number(minor: u32) -> DeviceNumber {
    DeviceNumber::new(253, minor)
}

/// A device with an active table.
pub(crate) fn serving(minor: u32, name: &str, uuid: &str) -> FakeDevice {
    FakeDevice { minor, name: name.to_owned(), uuid: uuid.to_owned(), has_table: true, ..FakeDevice::default() }
}

/// A device without a table.
pub(crate) fn bare(minor: u32, name: &str, uuid: &str) -> FakeDevice {
    FakeDevice { has_table: false, ..serving(minor, name, uuid) }
}

impl FakeHost {
    pub(crate) fn new(minor: u32, devices: impl IntoIterator<Item = FakeDevice>) -> Self {
        let (readable, notify) = UnixStream::pair().unwrap();
        readable.set_nonblocking(true).unwrap();
        let state = State {
            minor,
            devices: devices.into_iter().collect(),
            // No test that counts allocations sends more between two checks.
            sent: Vec::with_capacity(4096),
            meanwhile: None,
            spoil: None,
            fail: None,
            has_descriptor: true,
            notify,
        };
        Self(Arc::new((Mutex::new(state), readable)))
    }

    pub(crate) fn dm(&self) -> Dm {
        Dm::with_transport(self.clone())
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, State> {
        self.0.0.lock().unwrap()
    }

    /// Changes the host and raises an event.
    pub(crate) fn change(&self, change: impl FnOnce(&mut Vec<FakeDevice>)) {
        let mut state = self.lock();
        change(&mut state.devices);
        state.notify.write_all(&[0]).unwrap();
    }

    /// The commands since the last call.
    pub(crate) fn sent(&self) -> Vec<Command> {
        let sent = self.lock().sent.clone();
        self.lock().sent.clear();
        sent
    }
}

impl std::fmt::Debug for FakeHost {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("FakeHost")
    }
}

impl Transport for FakeHost {
    fn ioctl(&self, command: Command, request: &mut [u8]) -> io::Result<()> {
        let state = &mut *self.lock();
        state.sent.push(command);
        if let Some(mut meanwhile) = state.meanwhile.take() {
            meanwhile(command, state);
            state.meanwhile = state.meanwhile.take().or(Some(meanwhile));
        }
        let needed = u32_at(request, 4);
        for (at, word) in [(0, 4), (4, state.minor), (8, 0)] {
            put_u32(request, at, word);
        }
        if needed > state.minor {
            return Err(Errno::EINVAL.into());
        }
        if let Some((_, errno)) = state.fail.take_if(|(failing, _)| *failing == command) {
            return Err(errno.into());
        }
        match command {
            Command::ArmPoll => {
                while (&self.0.1).read(&mut [0; 64]).is_ok() {}
                Ok(())
            }
            Command::ListDevices => {
                state.list(request);
                Ok(())
            }
            Command::DeviceInfo => state.info(request).map(|_| ()),
            Command::TableDeps => state.deps(request),
            _ => Err(Errno::ENOTTY.into()),
        }
    }

    fn poll_fd(&self) -> Option<BorrowedFd<'_>> {
        self.lock().has_descriptor.then_some(self.0.1.as_fd())
    }

    fn reopen(&self) -> Result<Arc<dyn Transport>, OpenError> {
        Ok(Arc::new(self.clone()))
    }
}

/// The interface versions that list event numbers, and uuids.
const EVENT_NR: u32 = 37;
const UUID: u32 = 45;
const ENTRY_NAME_AT: usize = offset_of!(sys::dm_name_list, name);

impl State {
    /// As `list_devices` in drivers/md/dm-ioctl.c. Nothing is allocated.
    fn list(&mut self, request: &mut [u8]) {
        let uuids = self.minor >= UUID && u32_at(request, offset_of!(dm_ioctl, flags)) & sys::DM_UUID_FLAG != 0;
        let mut at = HEADER_SIZE;
        let mut previous = None;
        for device in &self.devices {
            let trailer = (at + ENTRY_NAME_AT + device.name.len() + 1).next_multiple_of(8);
            let has_uuid = uuids && !device.uuid.is_empty();
            let mut end = trailer;
            if self.minor >= EVENT_NR {
                end += 8 + if has_uuid { (device.uuid.len() + 1).next_multiple_of(8) } else { 0 };
            }
            if end > request.len() {
                put_u32(request, offset_of!(dm_ioctl, flags), sys::DM_BUFFER_FULL_FLAG);
                put_u32(request, offset_of!(dm_ioctl, data_size), u32::try_from(request.len()).unwrap());
                return;
            }
            if let Some(previous) = previous.replace(at) {
                put_u32(request, previous + 8, u32::try_from(at - previous).unwrap());
            }
            request[at..end].fill(0);
            put(request, at, &number(device.minor).to_dev_t().to_ne_bytes());
            put(request, at + ENTRY_NAME_AT, device.name.as_bytes());
            if self.minor >= EVENT_NR {
                put_u32(request, trailer, device.event_nr);
                put_u32(request, trailer + 4, u32::from(has_uuid));
                let uuid = if has_uuid { &*device.uuid } else { "" };
                put(request, trailer + 8, uuid.as_bytes());
            }
            at = end;
        }
        put_u32(request, offset_of!(dm_ioctl, data_size), u32::try_from(at).unwrap());
        if let Some(spoil) = &mut self.spoil {
            spoil(&mut request[HEADER_SIZE..at]);
        }
    }

    /// Looks the device up and fills in its state, as `__dev_status` does.
    fn info(&self, request: &mut [u8]) -> io::Result<FakeDevice> {
        let (dev_at, name_at, uuid_at) =
            (offset_of!(dm_ioctl, dev), offset_of!(dm_ioctl, name), offset_of!(dm_ioctl, uuid));
        let name = String::from_utf8_lossy(&request[name_at..uuid_at]).trim_end_matches('\0').to_owned();
        let dev = u64::from_ne_bytes(request[dev_at..][..8].try_into().unwrap());
        let is_it = |device: &&FakeDevice| device.name == name || number(device.minor).to_dev_t() == dev;
        let device = self.devices.iter().find(is_it).ok_or(Errno::ENXIO)?.clone();
        request[name_at..HEADER_SIZE].fill(0);
        put(request, dev_at, &number(device.minor).to_dev_t().to_ne_bytes());
        put(request, name_at, device.name.as_bytes());
        put(request, uuid_at, device.uuid.as_bytes());
        put_u32(request, offset_of!(dm_ioctl, event_nr), device.event_nr);
        put_u32(request, offset_of!(dm_ioctl, open_count), device.open_count);
        let flags = [
            (device.has_table, sys::DM_ACTIVE_PRESENT_FLAG),
            (device.suspended, sys::DM_SUSPEND_FLAG),
            (device.inactive_uses.is_some(), sys::DM_INACTIVE_PRESENT_FLAG),
        ];
        let flags = flags.into_iter().filter(|(on, _)| *on).fold(0, |flags, (_, flag)| flags | flag);
        let asked = u32_at(request, offset_of!(dm_ioctl, flags)) & sys::DM_QUERY_INACTIVE_TABLE_FLAG;
        put_u32(request, offset_of!(dm_ioctl, flags), flags | asked);
        Ok(device)
    }

    fn deps(&self, request: &mut [u8]) -> io::Result<()> {
        let device = self.info(request)?;
        let inactive = u32_at(request, offset_of!(dm_ioctl, flags)) & sys::DM_QUERY_INACTIVE_TABLE_FLAG != 0;
        let uses = if inactive { device.inactive_uses.unwrap_or_default() } else { device.uses };
        let mut at = HEADER_SIZE + offset_of!(sys::dm_target_deps, dev);
        put_u32(request, HEADER_SIZE, u32::try_from(uses.len()).unwrap());
        for used in uses {
            put(request, at, &number(used).to_dev_t().to_ne_bytes());
            at += 8;
        }
        put_u32(request, offset_of!(dm_ioctl, data_size), u32::try_from(at).unwrap());
        Ok(())
    }
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from_ne_bytes(bytes[at..][..4].try_into().unwrap())
}

fn put_u32(bytes: &mut [u8], at: usize, value: u32) {
    put(bytes, at, &value.to_ne_bytes());
}

fn put(bytes: &mut [u8], at: usize, value: &[u8]) {
    bytes[at..][..value.len()].copy_from_slice(value);
}
