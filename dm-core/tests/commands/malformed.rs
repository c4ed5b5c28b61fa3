//! Malformed replies are refused, and the error gives the fault and the offset of the byte.

use dm_core::{Command, Dm, DmUuid, Error, Flags, ListOptions, ReplyError, StatusOptions};

use crate::load::line;
use crate::support::{Answer, HEADER_SIZE, Layout, Script, deps, devices, lines, put, versions};

/// The fault of a reply and its offset, as a decoder reports them.
type Fault = (&'static str, usize);

fn fault(error: &ReplyError) -> Fault {
    assert!(
        error.to_string().starts_with(&format!(
            "malformed reply to {}: {} at byte {}; ",
            error.command(),
            error.what(),
            error.at()
        )),
        "{error}"
    );
    (error.what(), error.at())
}

/// The fault of a call that failed.
fn refused<T>(result: dm_core::Result<T>) -> Fault {
    match result.err().expect("a malformed reply") {
        Error::Reply(error) => fault(&error),
        other => panic!("{other:?}"),
    }
}

/// The fault at the end of an iteration, and the number of valid items before it.
fn ends<T: std::fmt::Debug>(items: impl Iterator<Item = Result<T, ReplyError>>) -> (usize, Fault) {
    let items: Vec<_> = items.take(100).collect();
    let (last, good) = items.split_last().expect("an item");
    assert!(good.iter().all(Result::is_ok), "an error is the end");
    (good.len(), fault(last.as_ref().expect_err("a malformed item")))
}

/// Changes a word of a payload.
fn with_word(mut payload: Vec<u8>, at: usize, word: u32) -> Vec<u8> {
    put(&mut payload, at, &[word]);
    payload
}

/// Truncates a payload.
fn cut(mut payload: Vec<u8>, len: usize) -> Vec<u8> {
    payload.truncate(len);
    payload
}

/// Replaces the end of a payload by bytes that are not zero.
fn endless(mut payload: Vec<u8>, from: usize) -> Vec<u8> {
    payload[from..].fill(b'x');
    payload
}

/// A command whose reply is refused.
type Call = fn(&Dm) -> Fault;

/// Every command whose reply is the state of a device.
const STATES: [(Command, Call); 12] = [
    (Command::DeviceCreate, |dm| refused(dm.device_create("disk"))),
    (Command::DeviceRename, |dm| refused(dm.device_rename("disk", "new"))),
    (Command::DeviceRename, |dm| refused(dm.device_set_uuid("disk", DmUuid::new("LVM-1").unwrap()))),
    (Command::DeviceSuspend, |dm| refused(dm.device_suspend("disk"))),
    (Command::DeviceResume, |dm| refused(dm.device_resume("disk"))),
    (Command::DeviceInfo, |dm| refused(dm.device_info("disk"))),
    (Command::DeviceWait, |dm| refused(dm.device_wait("disk", 0))),
    (Command::TableLoad, |dm| refused(dm.table_load("disk", [line("zero", "")]))),
    (Command::TableClear, |dm| refused(dm.table_clear("disk"))),
    (Command::TableDeps, |dm| refused(dm.table_deps("disk"))),
    (Command::TableStatus, |dm| refused(dm.table_status("disk"))),
    (Command::TargetMsg, |dm| refused(dm.target_msg("disk", "any"))),
];

#[test]
fn a_state_whose_name_or_uuid_has_no_end() {
    for (command, call) in STATES {
        let state = |at, len| Script::new().answer(command, Answer::new().text(at, vec![b'x'; len])).dm();
        assert_eq!(call(&state(48, 128)), ("an unterminated name", 48), "{command}");
        assert_eq!(call(&state(176, 129)), ("an unterminated uuid", 176), "{command}");
    }
    // A text that is one byte shorter is valid.
    let longest = Answer::new().text(48, [b'n'; 127]).text(176, [b'u'; 128]);
    let info = Script::new().answer(Command::DeviceInfo, longest).dm().device_info("disk").unwrap();
    assert_eq!((info.name().unwrap().as_bytes().len(), info.uuid().unwrap().as_bytes().len()), (127, 128));
}

#[test]
fn answers_that_report_more_bytes_than_were_offered_or_a_payload_elsewhere() {
    let calls: [(Command, Call); 6] = [
        (Command::ListDevices, |dm| refused(dm.list_devices())),
        (Command::ListVersions, |dm| refused(dm.list_versions())),
        (Command::TableStatus, |dm| refused(dm.table_status("disk"))),
        (Command::DeviceWait, |dm| refused(dm.device_wait("disk", 0))),
        (Command::TableDeps, |dm| refused(dm.table_deps("disk"))),
        (Command::TargetMsg, |dm| refused(dm.target_msg("disk", "any"))),
    ];
    for (command, call) in calls {
        let answer = |at, word| Script::new().answer(command, Answer::new().word(at, word)).dm();
        assert_eq!(call(&answer(12, 20_000)), ("more bytes than were offered", 12), "{command}");
        assert_eq!(call(&answer(12, u32::MAX)), ("more bytes than were offered", 12), "{command}");
        for start in [0, 305, 311, 313, 320, u32::MAX] {
            assert_eq!(call(&answer(16, start)), ("a payload that does not follow the header", 16), "{command}");
        }
    }
}

#[test]
fn lists_and_versions_without_payload() {
    let dm = Script::new().dm();
    assert_eq!(refused(dm.list_devices()), ("no payload", 305));
    assert_eq!(refused(dm.list_devices_with(ListOptions::new().uuids(true))), ("no payload", 305));
    assert_eq!(refused(dm.list_versions()), ("no payload", 305));
    // An empty payload is not the same as none.
    let script = Script::new().answer(Command::ListDevices, Answer::new().payload([]));
    let dm = script.dm();
    assert!(dm.list_devices().unwrap().is_empty() && dm.list_devices().unwrap().iter().next().is_none());
}

/// Reads a list of devices with one kind of entries.
fn list(payload: Vec<u8>, layout: Layout) -> (usize, Fault) {
    let version = [4, if layout == Layout::Names { 36 } else { 48 }, 0];
    let flags = if layout == Layout::Uuids { Flags::UUID } else { Flags::empty() };
    let answer = Answer::new().payload(payload).flags(flags);
    let dm = Script::new().interface(version).answer(Command::ListDevices, answer).dm();
    ends(dm.list_devices().unwrap().iter())
}

const LAYOUTS: [Layout; 3] = [Layout::Names, Layout::EventNumbers, Layout::Uuids];

#[test]
fn entries_of_a_list_that_are_cut_overlap_or_lie_behind_the_end() {
    for layout in LAYOUTS {
        let good = || devices(&["first", "second"], layout);
        let first = u32::from_ne_bytes(good()[8..12].try_into().unwrap()) as usize;
        assert_eq!(list(cut(good(), 11), layout), (0, ("a truncated entry", HEADER_SIZE)), "{layout:?}");
        assert_eq!(list(cut(good(), first + 5), layout), (1, ("a truncated entry", HEADER_SIZE + first)), "{layout:?}");
        assert_eq!(list(cut(good(), first), layout), (1, ("a truncated entry", HEADER_SIZE + first)), "{layout:?}");
        for next in [1, 8, 12] {
            let overlaps = with_word(good(), 8, next);
            assert_eq!(list(overlaps, layout), (0, ("an entry that overlaps itself", HEADER_SIZE)), "{layout:?}");
        }
        for next in [5000, u32::MAX] {
            let behind = with_word(good(), 8, next);
            assert_eq!(list(behind, layout), (0, ("an entry past the end", HEADER_SIZE)), "{layout:?}");
            let behind = with_word(good(), first + 8, next);
            assert_eq!(list(behind, layout), (1, ("an entry past the end", HEADER_SIZE + first)), "{layout:?}");
        }
    }
}

#[test]
fn names_and_uuids_of_a_list_that_are_empty_endless_or_too_long() {
    let at = HEADER_SIZE;
    for layout in LAYOUTS {
        let empty = devices(&[""], layout);
        let what = if layout == Layout::Uuids { "uuid" } else { "name" };
        assert_eq!(list(empty, layout), (0, (&*format!("a {what} of an invalid length"), at)), "{layout:?}");
        let long = "n".repeat(128);
        assert_eq!(list(devices(&[&long], layout), layout), (0, ("a name of an invalid length", at)), "{layout:?}");
        let longest = "n".repeat(127);
        let twice = devices(&[&longest, ""], layout);
        assert_eq!(list(twice, layout).0, 1, "{layout:?}");
    }
    assert_eq!(list(endless(devices(&["first"], Layout::Names), 12), Layout::Names), (0, ("an unterminated name", at)));
    let mut list_of = devices(&["first and longest"], Layout::EventNumbers);
    let trailer = list_of.len() - 8;
    list_of[12..trailer].fill(b'x');
    assert_eq!(list(list_of, Layout::EventNumbers), (0, ("an unterminated name", at)));
    assert_eq!(list(endless(devices(&["first"], Layout::Uuids), 12), Layout::Uuids), (0, ("an unterminated name", at)));

    // Name and padding take 8 bytes after the fixed part of 12, so the trailer is at 24 and the uuid at 32.
    let uuids = || devices(&["first-disk"], Layout::Uuids);
    assert_eq!(list(endless(uuids(), 32), Layout::Uuids), (0, ("an unterminated uuid", at)));
    assert_eq!(list(cut(uuids(), 36), Layout::Uuids), (0, ("an unterminated uuid", at)));
    let mut empty = uuids();
    empty[32..].fill(0);
    empty.truncate(40);
    assert_eq!(list(empty, Layout::Uuids), (0, ("a uuid of an invalid length", at)));
}

#[test]
fn trailers_of_a_list_that_are_cut() {
    for (len, layout) in [(14, Layout::EventNumbers), (19, Layout::EventNumbers), (31, Layout::Uuids)] {
        let payload = cut(devices(&["first-disk"], layout), len);
        assert_eq!(list(payload, layout), (0, ("a truncated trailer", HEADER_SIZE)), "{layout:?}");
    }
}

/// Reads a table with this number of lines.
fn table(payload: Vec<u8>, count: usize) -> (usize, Fault) {
    let answer = Answer::new().payload(payload).target_count(count);
    let dm = Script::new().answer(Command::TableStatus, answer.clone()).answer(Command::DeviceWait, answer).dm();
    let read = ends(dm.table_status("disk").unwrap().iter());
    assert_eq!(ends(dm.device_wait("disk", 0).unwrap().iter()), read, "both answer alike");
    assert_eq!(ends(dm.table_status_with("disk", StatusOptions::table()).unwrap().iter()), read);
    read
}

#[test]
fn lines_of_a_table_that_are_cut_lead_back_or_have_no_end() {
    let good = || lines(&[("linear", "7:0 0"), ("linear", "7:0 8")]);
    assert_eq!(table(cut(good(), 39), 2), (0, ("a truncated line", 312)));
    assert_eq!(table(cut(good(), 48), 2), (1, ("a truncated line", 360)));
    assert_eq!(table(cut(good(), 48 + 39), 2), (1, ("a truncated line", 360)));
    assert_eq!(table(cut(good(), 48 + 44), 2), (1, ("an unterminated text", 360)));
    assert_eq!(table(with_word(good(), 20, 0), 2), (0, ("a line whose next one is not after it", 312)));
    assert_eq!(table(with_word(good(), 20, 4000), 2), (0, ("a text that does not end in its line", 312)));
    assert_eq!(table(endless(good(), 40), 1), (0, ("an unterminated text", 312)));
    let mut no_end = good();
    no_end[24..40].fill(b'x');
    assert_eq!(table(no_end, 2), (0, ("an unterminated target type", 312)));
}

#[test]
fn tables_that_count_more_lines_than_they_have() {
    let good = lines(&[("linear", "7:0 0")]);
    // The only line has no padding, which is optional for the last one.
    assert_eq!(table(good.clone(), 2), (0, ("a text that does not end in its line", 312)));
    let mut padded = good;
    padded.resize(48, 0);
    assert_eq!(table(padded.clone(), 2), (1, ("a truncated line", 312 + 48)));
    assert_eq!(table(padded, u32::MAX as usize), (1, ("a truncated line", 312 + 48)));
    let dm = Script::new().answer(Command::TableStatus, Answer::new().target_count(1)).dm();
    assert_eq!(ends(dm.table_status("disk").unwrap().iter()), (0, ("a truncated line", 312)), "no payload at all");
}

#[test]
fn dependencies_that_are_cut_or_fewer_than_counted() {
    let read = |payload: Vec<u8>| {
        let dm = Script::new().answer(Command::TableDeps, Answer::new().payload(payload)).dm();
        refused(dm.table_deps("disk"))
    };
    assert_eq!(read(vec![]), ("a truncated count", 312));
    assert_eq!(read(vec![0; 3]), ("a truncated count", 312));
    assert_eq!(read(vec![0; 4]), ("fewer devices than the count says", 316));
    assert_eq!(read(cut(deps(3), 31)), ("fewer devices than the count says", 343));
    assert_eq!(read(with_word(deps(3), 0, 4)), ("fewer devices than the count says", 344));
    assert_eq!(read(with_word(deps(3), 0, u32::MAX)), ("fewer devices than the count says", 344));
}

#[test]
fn versions_that_are_cut_overlap_or_have_no_end() {
    let read = |payload: Vec<u8>| {
        let dm = Script::new().answer(Command::ListVersions, Answer::new().payload(payload)).dm();
        ends(dm.list_versions().unwrap().iter())
    };
    let good = || versions(&[("linear", [1, 4, 0]), ("zero", [1, 1, 0])]);
    assert_eq!(read(cut(good(), 15)), (0, ("a truncated entry", 312)));
    assert_eq!(read(cut(good(), 24 + 7)), (1, ("a truncated entry", 336)));
    for next in [1, 16] {
        assert_eq!(read(with_word(good(), 0, next)), (0, ("an entry that overlaps itself", 312)));
    }
    assert_eq!(read(with_word(good(), 0, 49)), (0, ("an entry past the end", 312)));
    assert_eq!(read(with_word(good(), 24, 25)), (1, ("an entry past the end", 336)));
    assert_eq!(read(endless(good(), 40)), (1, ("an unterminated name", 336)));
}

#[test]
fn the_version_of_another_target() {
    let read = |payload: Vec<u8>| {
        let script = Script::new().act(Command::TargetVersion, move |request| {
            request[HEADER_SIZE..][..payload.len()].copy_from_slice(&payload);
            Ok(())
        });
        script.dm().target_version("linear")
    };
    assert_eq!(read(versions(&[("linear", [1, 4, 0])])).unwrap(), dm_units::Version::new(1, 4, 0));
    for other in ["zero", "linea", "linear2"] {
        assert_eq!(refused(read(versions(&[(other, [1, 4, 0])]))), ("another target", 312));
    }
    assert_eq!(refused(read(vec![])), ("another target", 312));
    assert_eq!(refused(read(vec![b'x'; 40])), ("an unterminated name", 312));
}

#[test]
fn answers_to_messages_without_payload_or_end() {
    let read = |answer: Answer| {
        let dm = Script::new().answer(Command::TargetMsg, answer.flags(Flags::DATA_OUT)).dm();
        dm.target_msg("disk", "any")
    };
    assert_eq!(refused(read(Answer::new())), ("no payload", 305));
    assert_eq!(refused(read(Answer::new().payload([]))), ("an unterminated text", 312));
    assert_eq!(refused(read(Answer::new().payload(*b"text"))), ("an unterminated text", 312));
    assert_eq!(read(Answer::new().payload(*b"text\0more")).unwrap().text().unwrap(), "text");
    assert_eq!(read(Answer::new().payload(*b"\0")).unwrap().text().unwrap(), "");
    // Without the flag, the bytes after the header are not a reply.
    let dm = Script::new().answer(Command::TargetMsg, Answer::new().payload(*b"text")).dm();
    assert!(dm.target_msg("disk", "any").unwrap().text().is_none());
}
