//! The model behind `struct dm_ioctl`: requests are read from its bytes and answers written into them.

use dm_core::{Command, Flags};

use crate::model::{ENOENT_DEVICE, Line, MAJOR, Outcome, ResumeFault, State, Table};

const HEADER: usize = 312;
const DATA_SIZE: usize = 12;
const TARGET_COUNT: usize = 20;
const OPEN_COUNT: usize = 24;
const FLAGS: usize = 28;
const DEV: usize = 40;
const NAME: usize = 48;
const NAME_LEN: usize = 128;
const UUID: usize = 176;
const UUID_LEN: usize = 129;
const SPEC: usize = 40;

/// Carries a request out and puts the answer in its place.
pub(crate) fn carry_out(state: &mut State, command: Command, bytes: &mut [u8], fault: Option<ResumeFault>) -> Outcome {
    put_u32(bytes, 0, 4);
    put_u32(bytes, 4, 48);
    put_u32(bytes, 8, 0);
    let size = u32::try_from(bytes.len()).unwrap();
    put_u32(bytes, DATA_SIZE, size);
    match command {
        Command::Version => Ok(()),
        Command::ListDevices => {
            list(state, bytes);
            Ok(())
        }
        Command::DeviceCreate => {
            let minor = flags(bytes).contains(Flags::PERSISTENT_DEV).then(|| minor_of(u64_at(bytes, DEV)));
            let minor = state.create(&text(bytes, NAME, NAME_LEN), &text(bytes, UUID, UUID_LEN), minor)?;
            status(state, minor, bytes);
            Ok(())
        }
        _ => {
            let minor = find(state, bytes).ok_or(ENOENT_DEVICE)?;
            on_device(state, minor, command, bytes, fault)
        }
    }
}

fn on_device(state: &mut State, minor: u32, command: Command, bytes: &mut [u8], fault: Option<ResumeFault>) -> Outcome {
    let device = state.get(minor)?;
    put_text(bytes, NAME, NAME_LEN, &device.name);
    put_text(bytes, UUID, UUID_LEN, &device.uuid);
    match command {
        Command::DeviceInfo => {}
        Command::DeviceRemove => {
            let is_gone = state.remove(minor, flags(bytes).contains(Flags::DEFERRED_REMOVE))?;
            set_flag(bytes, Flags::DEFERRED_REMOVE, !is_gone);
            set_flag(bytes, Flags::UEVENT_GENERATED, is_gone);
            return Ok(());
        }
        Command::DeviceRename => {
            let new = text(bytes, HEADER, UUID_LEN);
            if flags(bytes).contains(Flags::UUID) {
                state.set_uuid(minor, &new)?;
            } else {
                state.rename(minor, &new)?;
            }
            set_flag(bytes, Flags::UEVENT_GENERATED, true);
        }
        Command::DeviceSuspend => device.suspended = true,
        Command::DeviceResume => {
            let uevent = state.resume(minor, fault)?;
            set_flag(bytes, Flags::UEVENT_GENERATED, uevent);
        }
        Command::TableLoad => state.load(minor, read_table(bytes))?,
        Command::TableClear => {
            device.inactive = None;
            state.remove_closed();
        }
        Command::TableStatus => {
            status(state, minor, bytes);
            write_table(state, minor, bytes);
            return Ok(());
        }
        Command::TableDeps => {
            status(state, minor, bytes);
            write_deps(state, minor, bytes);
            return Ok(());
        }
        Command::TargetMsg => {
            let message = text(bytes, HEADER + 8, bytes.len() - HEADER - 8);
            state.message(minor, &message)?;
        }
        other => panic!("{other} is not modelled"),
    }
    status(state, minor, bytes);
    Ok(())
}

fn find(state: &State, bytes: &[u8]) -> Option<u32> {
    let (name, uuid) = (text(bytes, NAME, NAME_LEN), text(bytes, UUID, UUID_LEN));
    let mut devices = state.devices.iter();
    if !uuid.is_empty() {
        devices.find(|(_, device)| device.uuid == uuid).map(|(minor, _)| *minor)
    } else if !name.is_empty() {
        state.minor_of(&name)
    } else {
        let number = u64_at(bytes, DEV);
        let is_model = number >> 8 & 0xfff == u64::from(MAJOR);
        Some(minor_of(number)).filter(|minor| is_model && state.devices.contains_key(minor))
    }
}

/// As `__dev_status` does.
fn status(state: &State, minor: u32, bytes: &mut [u8]) {
    let device = &state.devices[&minor];
    let inactive = flags(bytes).contains(Flags::QUERY_INACTIVE_TABLE);
    let table = if inactive { &device.inactive } else { &device.active };
    set_flag(bytes, Flags::SUSPEND, device.suspended);
    set_flag(bytes, Flags::INTERNAL_SUSPEND, device.internally_suspended);
    set_flag(bytes, Flags::DEFERRED_REMOVE, device.deferred);
    set_flag(bytes, Flags::ACTIVE_PRESENT, device.active.is_some());
    set_flag(bytes, Flags::INACTIVE_PRESENT, device.inactive.is_some());
    set_flag(bytes, Flags::READONLY, table.as_ref().is_some_and(|table| table.read_only));
    let lines = table.as_ref().map_or(0, |table| table.lines.len());
    put_u32(bytes, TARGET_COUNT, u32::try_from(lines).unwrap());
    put_u32(bytes, OPEN_COUNT, u32::try_from(state.open_count(minor)).unwrap());
    put_u64(bytes, DEV, u64::from(MAJOR) << 8 | u64::from(minor));
}

fn read_table(bytes: &[u8]) -> Table {
    let mut lines = Vec::new();
    let mut at = HEADER;
    for _ in 0..u32_at(bytes, TARGET_COUNT) {
        let next = u32_at(bytes, at + 20) as usize;
        lines.push(Line {
            start: u64_at(bytes, at),
            length: u64_at(bytes, at + 8),
            target: text(bytes, at + 24, 16),
            params: text(bytes, at + SPEC, bytes.len() - at - SPEC),
        });
        at += next;
    }
    Table { lines, read_only: flags(bytes).contains(Flags::READONLY) }
}

fn write_table(state: &State, minor: u32, bytes: &mut [u8]) {
    let device = &state.devices[&minor];
    let asked = flags(bytes);
    let table = if asked.contains(Flags::QUERY_INACTIVE_TABLE) { &device.inactive } else { &device.active };
    let mut payload = Vec::new();
    for line in table.iter().flat_map(|table| &table.lines) {
        let at = payload.len();
        payload.extend_from_slice(&line.start.to_ne_bytes());
        payload.extend_from_slice(&line.length.to_ne_bytes());
        payload.extend_from_slice(&[0; 8]);
        let mut target = line.target.clone().into_bytes();
        target.resize(16, 0);
        payload.extend_from_slice(&target);
        if asked.contains(Flags::STATUS_TABLE) {
            payload.extend_from_slice(line.params.as_bytes());
        }
        payload.push(0);
        payload.resize(payload.len().next_multiple_of(8), 0);
        let next = u32::try_from(payload.len()).unwrap();
        payload[at + 20..at + 24].copy_from_slice(&next.to_ne_bytes());
    }
    answer(bytes, &payload);
}

fn write_deps(state: &State, minor: u32, bytes: &mut [u8]) {
    let device = &state.devices[&minor];
    let inactive = flags(bytes).contains(Flags::QUERY_INACTIVE_TABLE);
    let table = if inactive { &device.inactive } else { &device.active };
    let uses = table.as_ref().map(Table::uses).unwrap_or_default();
    let mut payload = u32::try_from(uses.len()).unwrap().to_ne_bytes().to_vec();
    payload.extend_from_slice(&[0; 4]);
    for used in uses {
        payload.extend_from_slice(&(u64::from(MAJOR) << 8 | u64::from(used)).to_ne_bytes());
    }
    answer(bytes, &payload);
}

fn list(state: &State, bytes: &mut [u8]) {
    let (name, uuid) = (text(bytes, NAME, NAME_LEN), text(bytes, UUID, UUID_LEN));
    let devices =
        state.devices.iter().filter(|(_, device)| device.name.starts_with(&name) && device.uuid.starts_with(&uuid));
    let mut payload = Vec::new();
    let mut last = None;
    for (minor, device) in devices {
        last = Some(payload.len());
        let at = payload.len();
        payload.extend_from_slice(&(u64::from(MAJOR) << 8 | u64::from(*minor)).to_ne_bytes());
        payload.extend_from_slice(&[0; 4]);
        payload.extend_from_slice(device.name.as_bytes());
        payload.push(0);
        payload.resize(payload.len().next_multiple_of(8), 0);
        payload.extend_from_slice(&[0; 8]);
        let next = u32::try_from(payload.len() - at).unwrap();
        payload[at + 8..at + 12].copy_from_slice(&next.to_ne_bytes());
    }
    if let Some(at) = last {
        payload[at + 8..at + 12].fill(0);
    }
    set_flag(bytes, Flags::UUID, false);
    answer(bytes, &payload);
}

/// Puts the payload behind the header, if it fits.
fn answer(bytes: &mut [u8], payload: &[u8]) {
    let size = HEADER + payload.len();
    if size > bytes.len() {
        set_flag(bytes, Flags::BUFFER_FULL, true);
        return;
    }
    bytes[HEADER..size].copy_from_slice(payload);
    put_u32(bytes, DATA_SIZE, u32::try_from(size).unwrap());
    put_u32(bytes, DATA_SIZE + 4, u32::try_from(HEADER).unwrap());
}

fn minor_of(number: u64) -> u32 {
    u32::try_from(number & 0xff).unwrap()
}

fn flags(bytes: &[u8]) -> Flags {
    Flags::from_bits_retain(u32_at(bytes, FLAGS))
}

fn set_flag(bytes: &mut [u8], flag: Flags, on: bool) {
    let mut flags = flags(bytes);
    flags.set(flag, on);
    put_u32(bytes, FLAGS, flags.bits());
}

fn text(bytes: &[u8], at: usize, len: usize) -> String {
    let text = bytes[at..].iter().take(len).take_while(|byte| **byte != 0).copied().collect();
    String::from_utf8(text).unwrap()
}

fn put_text(bytes: &mut [u8], at: usize, len: usize, text: &str) {
    bytes[at..at + len].fill(0);
    bytes[at..at + text.len()].copy_from_slice(text.as_bytes());
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from_ne_bytes(bytes[at..at + 4].try_into().unwrap())
}

fn u64_at(bytes: &[u8], at: usize) -> u64 {
    u64::from_ne_bytes(bytes[at..at + 8].try_into().unwrap())
}

fn put_u32(bytes: &mut [u8], at: usize, value: u32) {
    bytes[at..at + 4].copy_from_slice(&value.to_ne_bytes());
}

fn put_u64(bytes: &mut [u8], at: usize, value: u64) {
    bytes[at..at + 8].copy_from_slice(&value.to_ne_bytes());
}
