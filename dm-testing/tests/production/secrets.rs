//! No operation leaves a key in the memory of the process.
#![expect(
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    clippy::cast_possible_truncation,
    reason = "a test fails by panicking"
)]

use std::fs::File;
use std::io::{BufRead as _, BufReader};
use std::os::unix::fs::FileExt as _;

use dm_core::{LineText, Message, MessageOptions, StatusOptions, TargetLine};
use dm_targets::crypt::{Cipher, CryptKey, CryptMessage, CryptTable};
use dm_targets::devices::CryptDev;
use dm_targets::{Key, Table, TableLine};
use dm_testing::{Scratch, require};
use dm_units::{Bytes, DeviceNumber, Sectors};
use memchr::memmem;
use zeroize::Zeroizing;

use crate::support::PATIENTLY;

const LENGTH: Sectors = Sectors(1024);
const KEY_SIZE: usize = 32;

/// A key that is in memory only where a test puts it: it is stored in a modified form.
struct Planted([u8; KEY_SIZE]);

const MASK: u8 = 0xa5;

impl Planted {
    fn new(seed: u8) -> Self {
        let mut masked = [0; KEY_SIZE];
        let mut state = seed;
        for byte in &mut masked {
            state = state.wrapping_mul(167).wrapping_add(89);
            *byte = state;
        }
        Self(masked)
    }

    fn byte(&self, at: usize) -> u8 {
        self.0[at] ^ MASK
    }

    /// A hexadecimal digit of the key.
    fn digit(&self, at: usize) -> u8 {
        let byte = self.byte(at / 2);
        let digit = if at % 2 == 0 { byte >> 4 } else { byte & 15 };
        b"0123456789abcdef"[usize::from(digit)]
    }

    /// The key as text between `start` and `end`, in memory that is wiped.
    fn text(&self, start: &str, end: &str) -> Zeroizing<String> {
        let mut text = Zeroizing::new(String::with_capacity(start.len() + 2 * KEY_SIZE + end.len()));
        text.push_str(start);
        (0..2 * KEY_SIZE).for_each(|at| text.push(char::from(self.digit(at))));
        text.push_str(end);
        text
    }

    fn key(&self) -> CryptKey {
        CryptKey::Hex(Key::from_hex(&self.text("", "")).unwrap())
    }

    /// Whether memory contains the second half of the key, as bytes or as digits: an allocator overwrites the start of
    /// freed memory.
    fn is_in(&self, memory: &[u8]) -> bool {
        let raw: [u8; 4] = std::array::from_fn(|i| self.byte(KEY_SIZE / 2 + i));
        let hex: [u8; 4] = std::array::from_fn(|i| self.digit(KEY_SIZE + i));
        let goes_on = |at: usize, len: usize, expected: &dyn Fn(usize) -> u8| {
            (0..len).all(|i| memory.get(at + i).is_some_and(|byte| *byte == expected(i)))
        };
        memmem::find_iter(memory, &raw).any(|at| goes_on(at, KEY_SIZE / 2, &|i| self.byte(KEY_SIZE / 2 + i)))
            || memmem::find_iter(memory, &hex).any(|at| goes_on(at, KEY_SIZE, &|i| self.digit(KEY_SIZE + i)))
    }

    /// The parts of this process's memory that contain the key.
    fn places(&self) -> Vec<String> {
        let memory = File::open("/proc/self/mem").unwrap();
        let maps = BufReader::new(File::open("/proc/self/maps").unwrap());
        let maps: Vec<String> = maps.lines().map(Result::unwrap).collect();
        // The buffer contains what is found, so it is wiped.
        let mut piece = Zeroizing::new(vec![0; 1 << 16]);
        let own = piece.as_ptr() as u64..piece.as_ptr() as u64 + piece.len() as u64;
        let mut found = Vec::new();
        for map in maps.iter().filter(|map| map.contains(" rw")) {
            let (start, rest) = map.split_once('-').unwrap();
            let end = u64::from_str_radix(rest.split_once(' ').unwrap().0, 16).unwrap();
            let mut at = u64::from_str_radix(start, 16).unwrap();
            while at < end {
                // The buffer contains the last read, so it is skipped.
                if own.contains(&at) {
                    at = own.end;
                    continue;
                }
                let until = if at < own.start { end.min(own.start) } else { end };
                let len = (until - at).min(piece.len() as u64) as usize;
                if memory.read_at(&mut piece[..len], at).is_ok_and(|len| self.is_in(&piece[..len])) {
                    found.push(format!("{at:x} in {map}"));
                }
                // The parts overlap, so that a key at a border is found.
                at += if at + len as u64 == until { len as u64 } else { len as u64 - 2 * KEY_SIZE as u64 };
            }
        }
        found
    }

    #[track_caller]
    fn is_nowhere(&self, after: &str) {
        assert_eq!(self.places(), [] as [String; 0], "after {after}");
    }
}

fn typed(key: &Planted, disk: DeviceNumber) -> Table<dm_targets::Crypt> {
    let cipher = Cipher::new("aes-xts-plain64").unwrap();
    let table = CryptTable::new(cipher, key.key(), Sectors(0), disk, Sectors(0));
    Table::new([TableLine::new(Sectors(0), LENGTH, table)]).unwrap()
}

/// A disk for crypt devices.
fn disk(scratch: &Scratch) -> DeviceNumber {
    scratch.loop_device(Bytes(1 << 20)).unwrap().number()
}

fn line(params: &str) -> TargetLine<LineText<'static, &str>> {
    TargetLine::text(Sectors(0), LENGTH, "crypt", params)
}

/// The params of a crypt table as text.
fn params(key: &Planted, disk: DeviceNumber) -> Zeroizing<String> {
    key.text("aes-xts-plain64 ", &format!(" 0 {disk} 0"))
}

#[test]
#[ignore = "needs root and device mapper: cargo xtask test-root"]
fn the_search_finds_a_key_that_is_left() {
    let Some(_scratch) = Scratch::new(&[require::target("crypt")]) else { return };
    let key = Planted::new(1);
    key.is_nowhere("nothing");
    let text = key.text("", "");
    assert!(!key.places().is_empty());
    drop(text);
    let raw: Box<[u8]> = (0..KEY_SIZE).map(|at| key.byte(at)).collect();
    assert!(!key.places().is_empty());
    drop(Zeroizing::new(raw));
    key.is_nowhere("dropping what was wiped");
}

#[test]
#[ignore = "needs root and device mapper: cargo xtask test-root"]
fn no_key_is_left_in_memory_after_loading_reading_and_replacing_tables() {
    let Some(scratch) = Scratch::new(&[require::target("crypt")]) else { return };
    let (dm, host, disk) = (scratch.dm(), scratch.host(), disk(&scratch));
    let (first, second) = (Planted::new(2), Planted::new(3));

    // As text, into the inactive slot, in an error, and read from there without the secure option.
    let device = scratch.create("text").unwrap();
    dm.table_load(&device, [line(&params(&first, disk))]).unwrap();
    first.is_nowhere("a load of text");
    let wrong = first.text("aes-xts-plain64 ", " 0 4095:1048575 0");
    drop(dm.table_load(&device, [line(&wrong)]).unwrap_err());
    drop(wrong);
    first.is_nowhere("a refused load");
    dm.device_resume(&device).unwrap();
    for options in [StatusOptions::table(), StatusOptions::table().secure(true)] {
        let table = dm.table_status_with(&device, options).unwrap();
        let copy = table.clone();
        let lines: Vec<String> = table.iter().map(|line| format!("{line:?} {0}", line.as_ref().unwrap())).collect();
        drop((table, copy));
        dm.free_memory();
        first.is_nowhere(&format!("reading {lines:?} with {options:?}"));
    }

    // Replaced by another key; the old table is read for that, and loaded again when the new one fails.
    host.reload(&device, [line(&params(&second, disk))]).unwrap();
    first.is_nowhere("a reload, which reads the old table");
    second.is_nowhere("a reload");
    let short = TargetLine::text(Sectors(0), LENGTH, "crypt", "aes-xts-plain64 00 0 4095:1048575 0");
    drop(host.reload(&device, [short]).unwrap_err());
    second.is_nowhere("a reload that was undone");

    // In messages, as text and with an option.
    dm.device_suspend(&device).unwrap();
    dm.target_msg(&device, "key wipe").unwrap();
    dm.target_msg(&device, first.text("key set ", "").as_str()).unwrap();
    first.is_nowhere("a message");
    dm.target_msg(&device, "key wipe").unwrap();
    let bytes = first.text("key set ", "");
    dm.target_msg_with(&device, Message::new(bytes.as_bytes()), MessageOptions::new().secure(true)).unwrap();
    drop(bytes);
    first.is_nowhere("a message with options");
    dm.device_resume(&device).unwrap();
    host.remove_with(&device, PATIENTLY).unwrap();
    first.is_nowhere("the removal");
}

#[test]
#[ignore = "needs root and device mapper: cargo xtask test-root"]
fn no_key_is_left_in_memory_after_the_life_of_a_whole_device() {
    let Some(scratch) = Scratch::new(&[require::target("crypt")]) else { return };
    let (host, disk) = (scratch.host(), disk(&scratch));
    let (first, second) = (Planted::new(4), Planted::new(5));
    let name = scratch.name("typed").unwrap();
    scratch.track(&name);

    let device = CryptDev::create(host, &name, &typed(&first, disk)).unwrap();
    first.is_nowhere("creation");
    assert_eq!(CryptDev::setup(host, &name, &typed(&first, disk)).unwrap(), device);
    first.is_nowhere("taking over the device");
    drop(CryptDev::setup(host, &name, &typed(&second, disk)).unwrap_err());
    first.is_nowhere("a refusal to take over the device");
    second.is_nowhere("a refusal to take over the device");
    let table = device.table(host).unwrap();
    assert!(!format!("{table:?}").is_empty());
    drop(table);
    first.is_nowhere("reading the table");
    device.change(host, |_| ()).unwrap();
    first.is_nowhere("a change that reads and loads the table");
    device.set_table(host, &typed(&second, disk)).unwrap();
    first.is_nowhere("a new table");
    second.is_nowhere("a new table");
    device.suspend(host).unwrap();
    device.message(host, &CryptMessage::KeyWipe).unwrap();
    device.message(host, &CryptMessage::KeySet(second.key())).unwrap();
    second.is_nowhere("a typed message");
    device.resume(host).unwrap();
    device.remove_with(host, PATIENTLY).unwrap();
    second.is_nowhere("the removal");
}
