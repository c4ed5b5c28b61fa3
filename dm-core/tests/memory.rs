//! No memory that this library frees or keeps contains a key: every freed block, and every block that moves when it
//! grows, is searched.
#![expect(unsafe_code, reason = "an allocator that looks at what is freed")]
#![expect(
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "a panic is how a test fails"
)]

mod support;

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

use dm_core::{Command, Dm, Flags, LoadOptions, Message, MessageOptions, StatusOptions, TableStatus, TargetLine, Text};
use dm_units::Sectors;

use support::{Answer, EINVAL, Script, lines};

/// The start of every key. It is assembled at run time, so that no other text contains it.
const MARK: [u8; 8] = *b"\x11kEyMaRk";

/// Searches each block for [`MARK`] before it is freed.
struct Searching;

thread_local! {
    /// Whether the blocks that this thread frees are searched. Those of the tests are not, since the tests have keys.
    static IS_SEARCHING: Cell<bool> = const { Cell::new(false) };
    static FREED: Cell<usize> = const { Cell::new(0) };
    static FOUND: Cell<usize> = const { Cell::new(0) };
}

impl Searching {
    /// Searches a block that is about to be freed.
    ///
    /// # Safety
    /// The block is allocated, `size` bytes long.
    unsafe fn search(block: *const u8, size: usize) {
        if !IS_SEARCHING.try_with(Cell::get).unwrap_or(false) {
            return;
        }
        FREED.set(FREED.get() + 1);
        let last = size.saturating_sub(MARK.len() - 1);
        for at in 0..last {
            // The bytes are read one by one and only as far as they match, since bytes that were never written may have
            // any value.
            // SAFETY: `at` and what follows it up to the length of the mark is within the block.
            let is_match = (0..MARK.len()).all(|index| unsafe { block.add(at + index).read_volatile() } == MARK[index]);
            if is_match {
                FOUND.set(FOUND.get() + 1);
            }
        }
    }
}

// SAFETY: all calls are passed on to the system's allocator; a block that is to grow is always moved.
unsafe impl GlobalAlloc for Searching {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: as the caller promises. Zeroed, so that the search reads bytes that were written.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        // SAFETY: as the caller promises.
        unsafe {
            Self::search(block, layout.size());
            System.dealloc(block, layout);
        }
    }

    // `realloc` is the trait's own: it allocates, copies and frees, so that what is left behind is searched.
}

#[global_allocator]
static ALLOCATOR: Searching = Searching;

/// A recognizable key: the mark and further text. The caller must wipe it.
fn key(len: usize) -> String {
    let mut key = String::from_utf8(MARK.to_vec()).unwrap();
    key.extend((0..len).map(|index| char::from(b'a' + u8::try_from(index % 26).unwrap())));
    key
}

/// The number of times a key was freed or kept by a handle, while `act` ran and after its handle was dropped.
fn left_behind(script: impl FnOnce() -> Script, act: impl FnOnce(&Dm)) -> usize {
    let dm = Dm::with_transport(Forgetful(script()));
    FOUND.set(0);
    FREED.set(0);
    IS_SEARCHING.set(true);
    act(&dm);
    dm.free_memory();
    drop(dm);
    IS_SEARCHING.set(false);
    assert!(FREED.get() > 0, "something was freed and searched");
    FOUND.get()
}

/// A scripted kernel that keeps no copy of requests, and whose memory is not searched.
#[derive(Debug)]
struct Forgetful(Script);

impl dm_core::Transport for Forgetful {
    fn ioctl(&self, command: Command, request: &mut [u8]) -> std::io::Result<()> {
        untested(|| self.0.answer_only(command, request))
    }
}

impl Drop for Forgetful {
    fn drop(&mut self) {
        untested(|| drop(std::mem::replace(&mut self.0, Script::new())));
    }
}

/// Runs code of the test, whose freed memory is not searched.
fn untested<R>(run: impl FnOnce() -> R) -> R {
    let before = IS_SEARCHING.replace(false);
    let result = run();
    IS_SEARCHING.set(before);
    result
}

fn load(dm: &Dm, target_type: &str, params: &str, options: LoadOptions) {
    let _ = dm.table_load_with("disk", [TargetLine::text(Sectors(0), Sectors(8), target_type, params)], options);
}

/// Reads a table and each of its lines.
fn read(dm: &Dm, options: StatusOptions) -> TableStatus {
    let table = dm.table_status_with("disk", options).unwrap();
    assert!(table.iter().all(|line| line.is_ok()));
    table
}

/// A kernel that answers with a table of `before` lines without a key and one with a key.
fn has_key(target_type: &str, before: usize) -> Script {
    untested(|| {
        let key = key(40);
        let mut table = vec![("linear", "7:0 0"); before];
        table.push((target_type, &key));
        let answer = Answer::new().lines(lines(&table), table.len());
        Script::new().answer(Command::TableStatus, answer.clone()).answer(Command::DeviceWait, answer)
    })
}

#[test]
fn the_search_finds_what_is_left() {
    let key = key(40);
    let found = left_behind(Script::new, |dm| load(dm, "foreign", &key, LoadOptions::new()));
    assert_ne!(found, 0, "text of a target that takes no keys is not wiped");
    let found = left_behind(|| has_key("foreign", 0), |dm| drop(read(dm, StatusOptions::table())));
    assert_ne!(found, 0);
}

#[test]
fn a_load_leaves_nothing() {
    let key = key(40);
    for target_type in ["crypt", "integrity", "inlinecrypt", "default-key"] {
        assert_eq!(left_behind(Script::new, |dm| load(dm, target_type, &key, LoadOptions::new())), 0, "{target_type}");
    }
    let secure = LoadOptions::new().secure(true);
    assert_eq!(left_behind(Script::new, |dm| load(dm, "foreign", &key, secure)), 0);
}

#[test]
fn a_refused_load_and_one_that_cannot_be_sent_leave_nothing() {
    let key = key(40);
    let refuses = || Script::new().refuse(Command::TableLoad, EINVAL);
    assert_eq!(left_behind(refuses, |dm| load(dm, "crypt", &key, LoadOptions::new())), 0);
    let with_nul = format!("{key}\0");
    assert_eq!(left_behind(Script::new, |dm| load(dm, "crypt", &with_nul, LoadOptions::new())), 0);
    let second = |target_type| TargetLine::text(Sectors(0), Sectors(8), target_type, key.as_str());
    let wrong = |dm: &Dm| drop(dm.table_load("disk", [second("crypt"), second("")]));
    assert_eq!(left_behind(Script::new, wrong), 0);
}

#[test]
fn a_request_that_grows_leaves_nothing() {
    let key = key(5000);
    for first in [0, 150] {
        let line = |index: u64| match index {
            _ if index < first => TargetLine::text(Sectors(index), Sectors(1), "zero", ""),
            _ => TargetLine::text(Sectors(index), Sectors(1), "crypt", key.as_str()),
        };
        // The length of the iterator is unknown, so that no memory is reserved for all lines.
        let lines = || (0..200).filter(|_| true).map(line);
        let found = left_behind(Script::new, |dm| assert!(dm.table_load("disk", lines()).is_ok()));
        assert_eq!(found, 0, "with a key from line {first} on");
    }
}

#[test]
fn messages_leave_nothing() {
    let (short, long) = (format!("key set {}", key(40)), format!("key set {}", key(9000)));
    for text in [&short, &long] {
        assert_eq!(left_behind(Script::new, |dm| drop(dm.target_msg("disk", text.as_str()))), 0);
        assert_eq!(left_behind(Script::new, |dm| drop(dm.target_msg("disk", text.as_bytes()))), 0);
        let refuses = || Script::new().refuse(Command::TargetMsg, EINVAL);
        assert_eq!(left_behind(refuses, |dm| drop(dm.target_msg("disk", Text::from(text.as_str())))), 0);
    }
    let plain = key(40);
    let secure =
        |dm: &Dm| drop(dm.target_msg_with("disk", Message::new(plain.as_str()), MessageOptions::new().secure(true)));
    assert_eq!(left_behind(Script::new, secure), 0);
}

#[test]
fn an_answer_to_a_secure_message_leaves_nothing_whatever_its_length() {
    for len in [40, 3000, 60_000] {
        let answers = move || {
            let text = untested(|| format!("{}\0", key(len)));
            Script::new().answer(Command::TargetMsg, Answer::new().flags(Flags::DATA_OUT).payload(text))
        };
        let act = |dm: &Dm| {
            let options = MessageOptions::new().secure(true);
            let reply = dm.target_msg_with("disk", Message::new("any"), options).unwrap();
            drop(reply.clone());
            assert_eq!(reply.text().unwrap().len(), len + MARK.len());
        };
        assert_eq!(left_behind(answers, act), 0, "{len}");
    }
}

#[test]
fn secure_reads_leave_nothing() {
    let secure = StatusOptions::table().secure(true);
    for before in [0, 3, 20, 1000] {
        let table = || has_key("foreign", before);
        assert_eq!(left_behind(table, |dm| drop(read(dm, secure))), 0, "{before} lines before it");
        assert_eq!(left_behind(table, |dm| drop(read(dm, secure).clone())), 0);
        let wait = |dm: &Dm| drop(dm.device_wait_with("disk", 0, secure).unwrap());
        assert_eq!(left_behind(table, wait), 0);
    }
}

#[test]
fn reads_of_tables_with_keys_leave_nothing_without_the_secure_option() {
    let options = StatusOptions::table();
    for target_type in ["crypt", "integrity", "inlinecrypt", "default-key"] {
        for before in [0, 3, 20, 1000] {
            let table = || has_key(target_type, before);
            assert_eq!(left_behind(table, |dm| drop(read(dm, options))), 0, "{target_type}, {before}");
            let copied = |dm: &Dm| {
                let table = read(dm, options);
                let copy = table.clone();
                drop(table);
                assert_eq!(copy.iter().count(), before + 1);
            };
            assert_eq!(left_behind(table, copied), 0, "{target_type}, {before}");
        }
    }
}

#[test]
fn the_part_of_a_table_that_did_fit_leaves_nothing() {
    let first = || {
        untested(|| {
            let key = key(40);
            let mut table = vec![("crypt", &*key)];
            table.resize(1000, ("linear", "7:0 0"));
            Script::new().answer(Command::TableStatus, Answer::new().lines(lines(&table), table.len()))
        })
    };
    assert_eq!(left_behind(first, |dm| drop(read(dm, StatusOptions::table()))), 0);
}

#[test]
fn malformed_answers_leave_nothing() {
    let answer = || {
        untested(|| {
            let key = key(40);
            Answer::new().lines(lines(&[("crypt", &key)]), 1)
        })
    };
    let options = StatusOptions::table();
    let act = |dm: &Dm| {
        if let Ok(table) = dm.table_status_with("disk", options) {
            assert!(table.iter().any(|line| line.is_err()));
        }
    };
    let endless_name = || Script::new().answer(Command::TableStatus, answer().text(48, [b'x'; 128]));
    assert_eq!(left_behind(endless_name, act), 0);
    let counts_two = || Script::new().answer(Command::TableStatus, answer().target_count(2));
    assert_eq!(left_behind(counts_two, act), 0);
    let elsewhere = || Script::new().answer(Command::TableStatus, answer().word(16, 320));
    assert_eq!(left_behind(elsewhere, act), 0);
    let too_many = || Script::new().answer(Command::TableStatus, answer().word(12, 1 << 20));
    assert_eq!(left_behind(too_many, act), 0);
}

#[test]
fn a_table_that_was_read_and_is_loaded_leaves_nothing() {
    let act = |dm: &Dm| {
        let table = read(dm, StatusOptions::table());
        let lines = || table.iter().map(|line| line.unwrap().to_line());
        dm.table_load("disk", lines()).unwrap();
        assert!(lines().all(|line| line.to_string().contains("<secret of ")));
    };
    for before in [0, 20] {
        let found = left_behind(|| has_key("crypt", before), act);
        assert_eq!(found, 0);
    }
}

#[test]
fn buffers_with_a_key_are_wiped_before_they_are_kept() {
    let key = key(40);
    let kept = |act: &dyn Fn(&Dm)| {
        left_behind(
            || has_key("crypt", 3),
            |dm| {
                act(dm);
                assert!(dm.idle_memory() > 0);
                dm.free_memory();
                assert_eq!(dm.idle_memory(), 0);
            },
        )
    };
    assert_eq!(kept(&|dm| load(dm, "crypt", &key, LoadOptions::new())), 0);
    assert_eq!(kept(&|dm| drop(read(dm, StatusOptions::table()))), 0);
    assert_eq!(kept(&|dm| drop(dm.target_msg("disk", format_args!("key set {key}")).unwrap())), 0);
}
