//! The secure-data flag, which makes the kernel wipe its copies, is set for all requests that may contain a key, and
//! for no others.

use std::fmt;

use dm_core::{
    Command, Dm, Flags, LineText, LoadOptions, Message, MessageOptions, Payload, PayloadWriter, StatusOptions,
    TargetLine, TargetParams, TargetStatus, Text,
};
use dm_units::Sectors;

use crate::load::line;
use crate::support::{Answer, Script, lines};

/// Typed params, like those of dm-targets.
#[derive(Clone, Copy)]
struct Typed {
    target_type: &'static str,
    has_key: bool,
}

impl Payload for Typed {
    fn write(&self, out: &mut PayloadWriter<'_>) -> fmt::Result {
        out.write_bytes(b"params")
    }

    fn may_hold_key(&self) -> bool {
        self.has_key
    }
}

impl TargetParams for Typed {
    fn target_type(&self) -> &str {
        self.target_type
    }
}

/// A payload that reports no key, although its text may set one.
struct Unaware(&'static str);

impl Payload for Unaware {
    fn write(&self, out: &mut PayloadWriter<'_>) -> fmt::Result {
        out.write_bytes(self.0.as_bytes())
    }
}

/// Whether a request was marked as containing a key. If so, an old kernel must refuse it.
fn is_secure(call: impl Fn(&Dm) -> bool) -> bool {
    let request = Script::request_of(|dm| assert!(call(dm)));
    let is_secure = request.flags().contains(Flags::SECURE_DATA);
    assert_eq!(is_secure, request.minor() >= 20, "{request:?}");
    is_secure
}

fn loads_securely<P: TargetParams + Clone>(params: P) -> bool {
    let line = || TargetLine::new(Sectors(0), Sectors(8), params.clone());
    let alone = is_secure(|dm| dm.table_load("disk", [line()]).is_ok());
    let by_reference =
        is_secure(|dm| dm.table_load("disk", [TargetLine::new(Sectors(0), Sectors(8), &params)]).is_ok());
    let options = LoadOptions::new();
    assert_eq!(is_secure(|dm| dm.table_load_with("disk", [line()], options).is_ok()), alone);
    assert_eq!(by_reference, alone);
    assert!(is_secure(|dm| dm.table_load_with("disk", [line()], options.secure(true)).is_ok()));
    alone
}

const TAKE_KEYS: [&str; 4] = ["crypt", "integrity", "inlinecrypt", "default-key"];
const TAKE_NONE: [&str; 8] = ["linear", "cryp", "crypt2", "CRYPT", "verity", "thin-pool", "zero", "integrit"];

#[test]
fn typed_params_that_say_so_are_loaded_securely() {
    assert!(loads_securely(Typed { target_type: "foreign", has_key: true }));
    assert!(!loads_securely(Typed { target_type: "foreign", has_key: false }));
}

#[test]
fn one_line_with_a_key_is_enough_wherever_it_stands() {
    let typed = |has_key| Typed { target_type: "foreign", has_key };
    for place in 0..3 {
        let lines = || (0..3).map(|index| TargetLine::new(Sectors(index), Sectors(1), typed(index == place)));
        assert!(is_secure(|dm| dm.table_load("disk", lines()).is_ok()), "line {place}");
    }
}

#[test]
fn text_of_targets_that_take_keys_is_loaded_securely() {
    for target_type in TAKE_KEYS {
        assert!(loads_securely(line(target_type, "params").params), "{target_type}");
    }
    for target_type in TAKE_NONE {
        let text = line(target_type, "params").params;
        assert!(!loads_securely(text), "{target_type}");
        assert!(loads_securely(text.secret(true)), "{target_type}");
        assert!(!loads_securely(text.secret(true).secret(false)), "{target_type}");
    }
    let secret = TargetLine::text(Sectors(0), Sectors(8), "linear", Text::from("params").secret(true));
    assert!(loads_securely(secret.params));
    let plain: LineText<'_, Text<'_>> = TargetLine::text(Sectors(0), Sectors(8), "linear", Text::from("params")).params;
    assert!(!loads_securely(plain));
}

#[test]
fn lines_that_were_read_are_loaded_securely_if_their_target_takes_keys_or_the_read_was_secure() {
    let read = |target_type, secure| {
        let answer = Answer::new().lines(lines(&[(target_type, "params")]), 1);
        let dm = Script::new().answer(Command::TableStatus, answer).dm();
        let table = dm.table_status_with("disk", StatusOptions::table().secure(secure)).unwrap();
        let line = table.iter().next().unwrap().unwrap();
        loads_securely(line.to_line().params)
    };
    for target_type in TAKE_KEYS {
        assert!(read(target_type, false) && read(target_type, true), "{target_type}");
        let saved = TargetStatus::new(Sectors(0), Sectors(8), Text::from(target_type), Text::from("params"));
        assert!(loads_securely(saved.to_line().params), "{target_type}");
    }
    for target_type in TAKE_NONE {
        assert!(!read(target_type, false) && read(target_type, true), "{target_type}");
    }
}

#[test]
fn messages_that_set_a_key_are_sent_securely_and_others_are_not() {
    let short = |text: &'static str| is_secure(|dm| dm.target_msg("disk", text).is_ok());
    let long = |text: &'static str, secure| {
        let options = MessageOptions::new().secure(secure);
        is_secure(|dm| dm.target_msg_with("disk", Message::new(text), options).is_ok())
    };
    for text in ["key set 00ff", "KEY SET 00ff", " \t\u{b}key set 00ff", r"k\ey set 00ff", "key wipe"] {
        assert!(short(text) && long(text, false), "{text}");
        assert!(is_secure(|dm| dm.target_msg("disk", Unaware(text)).is_ok()), "{text}");
        assert!(is_secure(|dm| dm.target_msg("disk", text.as_bytes()).is_ok()), "{text}");
    }
    for text in ["create_thin 1", "monkey set", "set_key", "@stats_list", ""] {
        assert!(!short(text) && !long(text, false) && long(text, true), "{text}");
        assert!(!is_secure(|dm| dm.target_msg("disk", Unaware(text)).is_ok()), "{text}");
        assert!(!is_secure(|dm| dm.target_msg("disk", text.as_bytes()).is_ok()), "{text}");
    }
    assert!(is_secure(|dm| dm.target_msg("disk", Text::from("any").secret(true)).is_ok()));
    assert!(is_secure(|dm| dm.target_msg("disk", Typed { target_type: "", has_key: true }).is_ok()));
    assert!(!is_secure(|dm| dm.target_msg("disk", Typed { target_type: "", has_key: false }).is_ok()));
    let id = 7;
    assert!(is_secure(|dm| dm.target_msg("disk", format_args!("any {id}")).is_ok()), "it cannot be looked at");
    assert!(!is_secure(|dm| dm.target_msg("disk", format_args!("any")).is_ok()));
}

#[test]
fn a_wiped_key_is_a_key_of_zeros_in_the_crypt_table_of_a_suspended_device() {
    let has_wiped_key = |flags, target_type, params| {
        let answer = Answer::new().lines(lines(&[("zero", ""), (target_type, params)]), 2).flags(flags);
        let dm = Script::new().answer(Command::TableStatus, answer).dm();
        dm.table_status_with("disk", StatusOptions::table()).unwrap().has_wiped_key()
    };
    let suspended = Flags::ACTIVE_PRESENT | Flags::SUSPEND;
    assert!(has_wiped_key(suspended, "crypt", "aes-xts-plain64 0000 0 7:0 0"));
    assert!(!has_wiped_key(Flags::ACTIVE_PRESENT, "crypt", "aes-xts-plain64 0000 0 7:0 0"));
    for (target_type, params) in [
        ("crypt", "aes-xts-plain64 0001 0 7:0 0"),
        ("crypt", "cipher_null-ecb"),
        ("crypt", "cipher_null-ecb  0 7:0 0"),
        ("linear", "7:0 0"),
        ("linear", "7:0 0000"),
    ] {
        assert!(!has_wiped_key(suspended, target_type, params), "{target_type} {params}");
    }
}

#[test]
fn a_read_is_secure_if_that_was_requested() {
    let read = |options: StatusOptions| is_secure(|dm| dm.table_status_with("disk", options).is_ok());
    let wait = |options: StatusOptions| is_secure(|dm| dm.device_wait_with("disk", 0, options).is_ok());
    for options in [StatusOptions::new(), StatusOptions::table()] {
        assert!(!read(options) && !wait(options));
        assert!(read(options.secure(true)) && wait(options.secure(true)));
    }
}

#[test]
fn no_other_command_is_sent_securely() {
    let calls: [fn(&Dm) -> bool; 7] = [
        |dm| dm.device_create("disk").is_ok(),
        |dm| dm.device_suspend("disk").is_ok(),
        |dm| dm.device_resume("disk").is_ok(),
        |dm| dm.device_info("disk").is_ok(),
        |dm| dm.device_remove("disk").is_ok(),
        |dm| dm.table_clear("disk").is_ok(),
        |dm| dm.table_deps("disk").is_ok(),
    ];
    assert!(calls.iter().all(|call| !is_secure(call)));
}

#[test]
fn a_secure_command_does_not_make_the_next_one_secure() {
    let (dm, script) = Script::new().start();
    dm.table_load("disk", [line("crypt", "params")]).unwrap();
    dm.table_load("disk", [line("zero", "")]).unwrap();
    dm.target_msg("disk", "key set 00").unwrap();
    dm.target_msg("disk", "any").unwrap();
    let secure: Vec<bool> = script.sent().iter().map(|request| request.flags().contains(Flags::SECURE_DATA)).collect();
    assert_eq!(secure, [true, false, true, false]);
}

#[test]
fn a_secure_message_is_still_secure_when_it_is_sent_again_for_its_answer() {
    let answer = Answer::new().flags(Flags::DATA_OUT).payload([b'a'; 4000]);
    let (dm, script) = Script::new().answer(Command::TargetMsg, answer).start();
    let _ = dm.target_msg("disk", "key set 00");
    let sent = script.sent();
    assert_eq!(sent.len(), 2);
    assert!(sent.iter().all(|request| request.flags().contains(Flags::SECURE_DATA)));
}
