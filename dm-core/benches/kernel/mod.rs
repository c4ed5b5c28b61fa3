//! A transport in place of a kernel: it answers each command with bytes that were prepared.
//!
//! Shared by the benchmarks, the tests that count allocations and the program that counts instructions.
#![allow(
    clippy::arithmetic_side_effects,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "made-up answers of known size; a fault ends the run"
)]

use std::io;

use dm_core::{Command, Transport};

/// A kernel that gives every command the same answer.
#[derive(Debug)]
pub(crate) struct Kernel {
    /// The answer with its header, which overwrites the request.
    answer: Vec<u8>,
    /// The size of the buffer that the kernel would need, in bytes; at least the length of the answer.
    wanted: usize,
}

const HEADER_SIZE: usize = 312;
const VERSION_AT: usize = 0;
const DATA_SIZE_AT: usize = 12;
const DATA_START_AT: usize = 16;
const TARGET_COUNT_AT: usize = 20;
const FLAGS_AT: usize = 28;
const NAME_AT: usize = 48;
/// Of a line of a table.
const NEXT_AT: usize = 20;
const BUFFER_FULL: u32 = 1 << 8;
const UUID: u32 = 1 << 14;

impl Kernel {
    fn new(payload: &[u8], target_count: u32) -> Self {
        let mut answer = vec![0; HEADER_SIZE];
        answer.extend_from_slice(payload);
        put_u32(&mut answer, VERSION_AT, 4);
        put_u32(&mut answer, VERSION_AT + 4, 48);
        // Without payload the kernel writes what precedes the field `data`.
        let size = if payload.is_empty() { 305 } else { answer.len() };
        put_u32(&mut answer, DATA_SIZE_AT, u32::try_from(size).unwrap());
        put_u32(&mut answer, DATA_START_AT, 312);
        put_u32(&mut answer, TARGET_COUNT_AT, target_count);
        answer[NAME_AT..NAME_AT + 4].copy_from_slice(b"root");
        let wanted = size.next_multiple_of(8);
        Self { answer, wanted }
    }

    /// Answers with a header only: the state of a device.
    pub(crate) fn with_device() -> Self {
        Self::new(&[], 1)
    }

    /// Answers with a list of devices.
    pub(crate) fn with_devices(count: usize, uuids: bool) -> Self {
        let mut payload = Vec::new();
        for index in 0..count {
            let mut entry = Vec::new();
            entry.extend_from_slice(&(253 << 8 | (index as u64 & 0xff) | (index as u64 & !0xff) << 12).to_ne_bytes());
            entry.extend_from_slice(&[0; 4]);
            entry.extend_from_slice(format!("vg-volume{index:05}").as_bytes());
            entry.push(0);
            pad(&mut entry);
            entry.extend_from_slice(&7_u32.to_ne_bytes());
            entry.extend_from_slice(&u32::from(uuids).to_ne_bytes());
            if uuids {
                entry.extend_from_slice(format!("LVM-{:064}", index).as_bytes());
                entry.push(0);
                pad(&mut entry);
            }
            let next = if index + 1 == count { 0 } else { u32::try_from(entry.len()).unwrap() };
            put_u32(&mut entry, 8, next);
            payload.extend_from_slice(&entry);
        }
        let mut kernel = Self::new(&payload, 0);
        put_u32(&mut kernel.answer, FLAGS_AT, if uuids { UUID } else { 0 });
        kernel
    }

    /// Answers with a table, or a status, of a line for each text.
    pub(crate) fn with_lines(texts: &[String]) -> Self {
        let mut payload = Vec::new();
        for (index, text) in texts.iter().enumerate() {
            let at = payload.len();
            payload.extend_from_slice(&(index as u64 * 8).to_ne_bytes());
            payload.extend_from_slice(&8_u64.to_ne_bytes());
            payload.extend_from_slice(&[0; 8]);
            payload.extend_from_slice(b"linear\0\0\0\0\0\0\0\0\0\0");
            payload.extend_from_slice(text.as_bytes());
            payload.push(0);
            pad(&mut payload);
            let next = u32::try_from(payload.len()).unwrap();
            put_u32(&mut payload, at + NEXT_AT, next);
        }
        Self::new(&payload, u32::try_from(texts.len()).unwrap())
    }

    /// Answers with the devices that a table uses.
    pub(crate) fn with_deps(count: u32) -> Self {
        let mut payload = [count.to_ne_bytes(), [0; 4]].concat();
        payload.extend((0..count).flat_map(|minor| u64::from(7 << 8 | minor).to_ne_bytes()));
        Self::new(&payload, 1)
    }
}

fn put_u32(bytes: &mut [u8], at: usize, value: u32) {
    bytes[at..at + 4].copy_from_slice(&value.to_ne_bytes());
}

fn get_u32(bytes: &[u8], at: usize) -> u32 {
    u32::from_ne_bytes(bytes[at..at + 4].try_into().unwrap())
}

fn pad(bytes: &mut Vec<u8>) {
    bytes.resize(bytes.len().next_multiple_of(8), 0);
}

impl Transport for Kernel {
    #[inline(never)]
    fn ioctl(&self, command: Command, request: &mut [u8]) -> io::Result<()> {
        if command == Command::TableLoad {
            request[..HEADER_SIZE].copy_from_slice(&self.answer[..HEADER_SIZE]);
        } else if request.len() < self.wanted && self.answer.len() > HEADER_SIZE {
            self.answer_what_fits(command, request);
        } else {
            request[..self.answer.len()].copy_from_slice(&self.answer);
        }
        Ok(())
    }
}

impl Kernel {
    /// Answers in a buffer that is too small: a table or status with the lines that fit, any other command with no payload.
    fn answer_what_fits(&self, command: Command, request: &mut [u8]) {
        let mut end = HEADER_SIZE;
        if command == Command::TableStatus {
            let mut next = end;
            while next <= request.len() {
                end = next;
                next = HEADER_SIZE + get_u32(&self.answer, end + NEXT_AT) as usize;
            }
        }
        request[..end].copy_from_slice(&self.answer[..end]);
        put_u32(request, DATA_SIZE_AT, u32::try_from(if end == HEADER_SIZE { 305 } else { end }).unwrap());
        put_u32(request, FLAGS_AT, BUFFER_FULL);
    }
}
