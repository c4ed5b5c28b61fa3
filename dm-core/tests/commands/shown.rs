//! Output of values from reads that may contain a key shows no byte of it.

use std::fmt::{Debug, Display};

use dm_core::{Command, Dm, Flags, LineText, Message, MessageOptions, StatusOptions, TargetLine, TargetStatus, Text};
use dm_units::Sectors;

use crate::load::line;
use crate::support::{Answer, Script, lines};

const KEY: &str = "0123456789abcdef0123456789abcdef";

/// Whether the text contains the key in any form: as it is, as numbers, or escaped.
fn shows_key(text: &str) -> bool {
    let numbers = KEY.bytes().take(4).map(|byte| byte.to_string()).collect::<Vec<_>>();
    text.contains(&KEY[..4]) || text.contains(&numbers.join(", ")) || text.contains(&numbers.join(",\n"))
}

fn assert_hidden(what: &str, shown: &[String]) {
    for text in shown {
        assert!(!shows_key(text), "{what}: {text}");
    }
}

fn debugged(value: &impl Debug) -> Vec<String> {
    vec![format!("{value:?}"), format!("{value:#?}"), format!("{value:200?}")]
}

fn printed(value: &impl Display) -> Vec<String> {
    vec![format!("{value}"), format!("{value:200}"), value.to_string()]
}

#[cfg(feature = "serde")]
fn serialized(value: &impl serde::Serialize) -> Vec<String> {
    vec![serde_json::to_string(value).unwrap()]
}

#[cfg(not(feature = "serde"))]
fn serialized<T>(_: &T) -> Vec<String> {
    Vec::new()
}

/// A kernel with a table of two lines, the second with a key.
fn kernel(target_type: &str) -> Dm {
    let table = lines(&[("linear", "7:0 0"), (target_type, KEY)]);
    let text = Answer::new().flags(Flags::DATA_OUT).payload(format!("{KEY}\0"));
    let table = Answer::new().lines(table, 2);
    let script = Script::new().answer(Command::TableStatus, table.clone()).answer(Command::DeviceWait, table);
    script.answer(Command::TargetMsg, text).dm()
}

fn check_table(what: &str, dm: &Dm, options: StatusOptions) {
    for table in [dm.table_status_with("disk", options), dm.device_wait_with("disk", 0, options)] {
        let table = table.unwrap();
        for table in [&table, &table.clone()] {
            assert_hidden(what, &debugged(table));
            assert_hidden(what, &debugged(&table.iter()));
            assert_hidden(what, &serialized(table));
            let line = table.iter().nth(1).unwrap().unwrap();
            assert_eq!(line.params.as_bytes(), KEY.as_bytes(), "the key itself can be had");
            assert!(line.params.is_secret());
            let (printed, params) = (printed(&line), line.params);
            assert_hidden(what, &[printed, debugged(&line), serialized(&line)].concat());
            assert_hidden(what, &[self::printed(&params), debugged(&params), serialized(&params)].concat());
            let to_load = line.to_line();
            assert_hidden(what, &[self::printed(&to_load), debugged(&to_load), debugged(&to_load.params)].concat());
            assert_hidden(what, &debugged(&to_load.params.clone()));
        }
    }
}

#[test]
fn tables_of_targets_that_take_keys_show_none() {
    for target_type in ["crypt", "integrity", "inlinecrypt", "default-key"] {
        check_table(target_type, &kernel(target_type), StatusOptions::table());
        check_table(target_type, &kernel(target_type), StatusOptions::table().secure(true));
    }
}

#[test]
fn secure_reads_of_any_target_show_nothing() {
    for options in [StatusOptions::table(), StatusOptions::new()] {
        check_table("foreign", &kernel("foreign"), options.secure(true));
    }
}

#[test]
fn other_tables_are_shown() {
    let dm = kernel("foreign");
    let table = dm.table_status_with("disk", StatusOptions::table()).unwrap();
    let line = table.iter().nth(1).unwrap().unwrap();
    assert!(shows_key(&line.to_string()) && shows_key(&format!("{line:?}")) && !line.params.is_secret());
    assert!(shows_key(&line.to_line().to_string()));
    let shown = format!("{table:?}");
    assert!(shown.contains("TableStatus") && shown.contains("TableStatus, buffer: Buffer { len: "), "{shown}");
    assert!(format!("{:?}", table.iter()).contains(" bytes>"), "{:?}", table.iter());
    let (least, most) = table.iter().size_hint();
    assert!(least <= 2 && most == Some(2), "{least} to {most:?}");
}

#[test]
fn answers_to_secure_messages_are_not_shown() {
    let dm = kernel("crypt");
    let secure = MessageOptions::new().secure(true);
    for reply in [dm.target_msg("disk", "key set 00"), dm.target_msg_with("disk", Message::new("any"), secure)] {
        let reply = reply.unwrap();
        let text = reply.text().unwrap();
        assert!(text.is_secret() && text == KEY);
        assert_hidden("message", &[debugged(&reply), debugged(&reply.clone())].concat());
        assert_hidden("message", &[printed(&text), debugged(&text), serialized(&text)].concat());
    }
    let reply = dm.target_msg("disk", "any").unwrap();
    assert!(shows_key(&reply.text().unwrap().to_string()));
}

#[test]
fn lines_and_messages_to_send_show_no_key() {
    let key = format!("aes-xts-plain64 {KEY} 0 7:0 0");
    for target_type in ["crypt", "integrity", "inlinecrypt", "default-key"] {
        let text = line(target_type, &key);
        assert_hidden(target_type, &[printed(&text), debugged(&text), debugged(&text.params)].concat());
        let saved = TargetStatus::new(Sectors(0), Sectors(8), Text::from(target_type), Text::from(key.as_str()));
        assert_hidden(target_type, &[printed(&saved), debugged(&saved), serialized(&saved)].concat());
        assert_hidden(target_type, &[printed(&saved.to_line()), debugged(&saved.to_line())].concat());
    }
    let foreign: TargetLine<LineText<'_, &str>> = line("foreign", &key);
    assert!(shows_key(&foreign.to_string()));
    let params = foreign.params.secret(true);
    let secret = TargetLine::new(Sectors(0), Sectors(8), params);
    assert_hidden("foreign", &[printed(&secret), debugged(&secret), debugged(&params)].concat());

    let set = format!("key set {KEY}");
    assert_hidden("message", &debugged(&Message::new(set.as_str())));
    let sent = format!("{:?}", Message::new("create_thin 7").sector(Sectors(5)));
    assert!(sent.contains("create_thin 7") && sent.contains('5'), "{sent}");
}

#[test]
fn errors_of_requests_with_keys_show_none() {
    let key = format!("{KEY}\0");
    let dm = Script::new().refuse(Command::TableLoad, crate::support::EINVAL).dm();
    for error in [
        dm.table_load("disk", [line("crypt", KEY)]).unwrap_err(),
        dm.table_load("disk", [line("crypt", &key)]).unwrap_err(),
        dm.target_msg("disk", key.as_str()).unwrap_err(),
    ] {
        assert_hidden("error", &[printed(&error), debugged(&error)].concat());
    }
}
