//! Output of dmsetup 1.02.185 on Linux 6.12, and variations of it.

use alloc::vec::Vec;

use super::*;
use crate::crypt::CryptKey;
use crate::{AnyStatus, AnyTable};

const TABLE: &str = r"a: 0 8 zero: 0 16 error 
com,ma;\back: 0 16 linear 7:0 0
enc: 0 16 crypt aes-xts-plain64 0000000000000000000000000000000000000000000000000000000000000000 0 7:0 0
left right: 0 16 zero 
notable: 
null: 0 16 crypt cipher_null-ecb 0 0 7:0 0
two: 0 8 zero 
two: 8 8 error 
";

const STATUS: &str = r"a: 0 8 zero: 0 16 error 
com,ma;\back: 0 16 linear 
enc: 0 16 crypt 
left right: 0 16 zero 
notable: 
two: 0 8 zero 
two: 8 8 error 
";

const NAMES: [&str; 8] = ["a: 0 8 zero", r"com,ma;\back", "enc", "left right", "notable", "null", "two", "two"];

fn names(output: &str) -> Vec<Option<&str>> {
    dmsetup_table(output).map(|line| line.unwrap().name).collect()
}

#[test]
fn names_end_before_a_line() {
    assert_eq!(names(TABLE), NAMES.map(Some));
    let types: Vec<_> = dmsetup_status(STATUS)
        .map(|item| item.unwrap())
        .map(|item| (item.name.unwrap(), item.line.map(|line| line.status)))
        .collect();
    assert_eq!(types[0].0, "a: 0 8 zero");
    assert!(matches!(types[0].1, Some(AnyStatus::Error(_))));
    assert_eq!(types[4], ("notable", None));
}

#[test]
fn names_are_distinguished_from_numbers() {
    let output = "0 8 linear 253:0 0\n253:0: 0 8 zero \n0: 0 8 error \nempty: \ntrimmed:";
    assert_eq!(names(output), [None, Some("253:0"), Some("0"), Some("empty"), Some("trimmed")]);
    // Printed with `--manglename none`.
    assert_eq!(names("a:\\x200\\x208\\x20zero: 0 16 error "), [Some("a:\\x200\\x208\\x20zero")]);
}

#[test]
fn a_name_may_look_like_a_line_in_many_ways() {
    for name in [
        "0 8 zero",
        "x: 0 8 linear y",
        "x: 0 8 bow",
        ": ",
        "a : b",
        "0 8",
        "x:",
        " x",
        "a: 0 8 zero: 0 8 error ",
        "00112233: 0 8 linear x",
    ] {
        let line = format!("z\n{name}: 0 16 linear 8:0 0");
        let item = dmsetup_table(&line).nth(1).unwrap().unwrap();
        assert_eq!((item.name, item.line.unwrap().length.0), (Some(name), 16), "{name}");
    }
}

#[test]
fn hidden_keys_are_read() {
    let keys: Vec<_> = dmsetup_table(TABLE)
        .filter_map(|item| match item.unwrap().line?.params {
            AnyTable::Crypt(table) => Some(table.key),
            _ => None,
        })
        .collect();
    assert!(matches!(&keys[..], [CryptKey::Hex(key), CryptKey::Empty] if key.size() == 32), "{keys:?}");
    assert!("0 16 crypt cipher_null-ecb 0 0 7:0 0".parse::<TableLine>().is_err(), "nothing to be loaded");
    assert_eq!(
        TableLine::<Any>::parse_printed("0 16 inlinecrypt aes-xts-plain64 0 0 7:0 0").unwrap_err().to_string(),
        "inlinecrypt table: word 2, key, must be an even number of hexadecimal digits"
    );
}

#[test]
fn output_without_devices_has_no_lines() {
    assert_eq!(dmsetup_status("No devices found\n").count(), 0);
    assert_eq!(dmsetup_status("").count(), 0);
}

#[test]
fn blank_and_indented_lines_are_not_errors() {
    assert_eq!(names("\n  a: 0 8 zero \n\n  b: 0 8 zero \n   \n"), [Some("a"), Some("b")]);
    assert_eq!(names("\ta: 0 8 zero \r\n\tb: 0 8 zero \r\n"), [Some("a"), Some("b")]);
    // A space that the other lines do not have is part of the name.
    assert_eq!(names(" a: 0 8 zero \nb: 0 8 zero \n"), [Some(" a"), Some("b")]);
}

#[test]
fn several_lines_of_a_foreign_target_are_one_item() {
    let output = "a: 0 8 zero \nb: 0 8 bow first: 1\nsecond 2\n\n  third:\nc: 0 8 linear \n";
    let items: Vec<_> = dmsetup_status(output).map(|item| item.unwrap()).collect();
    assert_eq!(items.iter().map(|item| item.name.unwrap()).collect::<Vec<_>>(), ["a", "b", "c"]);
    let Some(AnyStatus::Other(status)) = items[1].line.as_ref().map(|line| &line.status) else { panic!("{items:?}") };
    assert_eq!(status.text(), "first: 1\nsecond 2\n\n  third:");
}

#[test]
fn an_error_names_the_line_and_points_into_it() {
    let output = "  \na: 0 8 linear \nb: 0 8 delay 0 x 0";
    let error = dmsetup_status(output).nth(1).unwrap().unwrap_err();
    assert_eq!(error.to_string(), "line 3: delay status: word 2, writes, must be a decimal number");
    let TableErrorKind::Parse(cause) = error.kind() else { panic!("{error}") };
    assert_eq!(&output.lines().nth(2).unwrap()[cause.span()], "x");
    for bad in ["a: 0 8", "a: 0", "a: x 8 zero", "a b", "0 8", "a: 0 8 linear 8:"] {
        assert!(dmsetup_table(bad).next().unwrap().is_err(), "{bad}");
    }
}

#[test]
fn a_line_with_a_key_is_not_a_name() {
    let line = "0 16 crypt aes-xts-plain64 c0ffee00c0ffee00 0 7:0 0b: 0 8 zero ";
    let error = dmsetup_table(line).next().unwrap().unwrap_err();
    assert_eq!(error.to_string(), "line 1: line: word 1, name, looks like a key, which does not belong here");
    // Many names contain an identifier.
    let name = "c0ffee00c0ffee00-verity";
    assert_eq!(names(&format!("{name}: 0 8 zero ")), [Some(name)]);
}

#[test]
fn devices_are_listed() {
    let output = "a: 0 8 zero\t(254:1)\nleft right\t(254, 0)\nnull\t(dm-4)\na\t(b)\t(254:7)\n";
    let list: Vec<_> = dmsetup_ls(output).map(|item| item.unwrap()).collect();
    assert_eq!(list.iter().map(|item| item.name).collect::<Vec<_>>(), ["a: 0 8 zero", "left right", "null", "a\t(b)"]);
    let numbers: Vec<_> = list.iter().map(|item| item.number.map(|number| (number.major, number.minor))).collect();
    assert_eq!(numbers, [Some((254, 1)), Some((254, 0)), None, Some((254, 7))]);
    assert_eq!(dmsetup_ls("No devices found\n").count(), 0);
    let error = dmsetup_ls("a\t(254:1)\nb (254:2)\n").nth(1).unwrap().unwrap_err();
    assert_eq!(error.to_string(), "line 2: line: word 1 must be a name, a tab and a device in brackets");
}

#[test]
fn devices_are_described() {
    let aligned = "\
Name             Maj Min Stat Open Targ Event  UUID                            
a: 0 8 zero      254   1 L--w    0    1      5                                 
left right       254   0 LIsr    3    1      0                                 
notable          254   2 ---w    0    0      0                                 
two              254   3 L--w    0    2      0 TEST-my uuid                    
";
    let plain = "a: 0 8 zero:254:1:L--w:0:1:5:\nleft right:254:0:LIsr:3:1:0:\nnotable:254:2:---w:0:0:0:\n\
                 two:254:3:L--w:0:2:0:TEST-my uuid\n";
    let read = |output| dmsetup_info(output).map(|item| item.unwrap()).collect::<Vec<_>>();
    let list = read(aligned);
    assert_eq!(list, read(plain));
    assert_eq!(list.iter().map(|item| item.name).collect::<Vec<_>>(), ["a: 0 8 zero", "left right", "notable", "two"]);
    assert_eq!((list[1].number.minor, list[1].state, list[1].open), (0, "LIsr", 3));
    assert_eq!((list[0].event, list[3].targets, list[3].uuid), (5, 2, Some("TEST-my uuid")));
    assert_eq!((list[0].uuid, list[2].targets), (None, 0));
    assert_eq!(
        dmsetup_info("Name:   a").next().unwrap().unwrap_err().to_string(),
        "line 1: line: word 1 must be the columns Name Maj Min Stat Open Targ Event UUID"
    );
    // A name that looks like columns.
    assert_eq!(read("1 2 L--w 0 1 5 254 1 L--w 0 1 7 u")[0].name, "1 2 L--w 0 1 5");
}

#[test]
fn targets_have_versions() {
    let list: Vec<_> =
        dmsetup_targets("crypt            v1.28.0\nzero             v1.2.0\n").map(Result::unwrap).collect();
    assert_eq!((list[0].target_type, list[1].version), ("crypt", dm_units::Version::new(1, 2, 0)));
    for bad in ["crypt", "crypt 1.28.0", "crypt v1.28"] {
        assert!(dmsetup_targets(bad).next().unwrap().is_err(), "{bad}");
    }
}

#[test]
fn cookies_have_two_times() {
    let output = "Cookie       Semid      Value      Last semop time           Last change time\n\
                  0xd4d1234    557082     1          Thu Jan  1 00:00:00 1970  Mon Nov  2 00:54:08 2026\n\
                  0xd4dfe01    7          2          unknown  unknown\n";
    let list: Vec<_> = dmsetup_cookies(output).map(Result::unwrap).collect();
    assert_eq!((list[0].cookie, list[0].semaphore, list[0].value), (0x0d4d_1234, 557_082, 1));
    assert_eq!(list[0].last_operation, "Thu Jan  1 00:00:00 1970");
    assert_eq!(list[0].last_change, "Mon Nov  2 00:54:08 2026");
    assert_eq!((list[1].last_operation, list[1].last_change), ("unknown", "unknown"));
    // In another language.
    let other = "0x1 7 2          Do  1 Jan 1970 00:00:00  Mo 30 Nov 2026 00:54:08\n";
    let other = dmsetup_cookies(other).next().unwrap().unwrap();
    assert_eq!((other.last_operation, other.last_change), ("Do", "1 Jan 1970 00:00:00  Mo 30 Nov 2026 00:54:08"));
    for bad in ["0xg 1 2 a  b", "0x1 x 2 a  b", "0x1 1 x a  b", "0x1 1 2 a", "1 1 2 a  b"] {
        assert!(dmsetup_cookies(bad).next().unwrap().is_err(), "{bad}");
    }
}

#[test]
fn measurements_are_names_and_values() {
    let output = "a: 0 8 zero: 0 16 error \nb: 0 16 linear target_name=linear,names=x,y=,z,start=0;\nnotable: \n";
    let items: Vec<_> = dmsetup_measure(output).map(|item| item.unwrap()).collect();
    assert_eq!(items[0].line.as_ref().unwrap().attributes, []);
    let expected = [("target_name", "linear"), ("names", "x"), ("y", ",z"), ("start", "0")];
    assert_eq!(items[1].line.as_ref().unwrap().attributes, expected);
    assert_eq!((items[2].name, &items[2].line), (Some("notable"), &None));
    assert_eq!(
        dmsetup_measure("a: 0 x linear").next().unwrap().unwrap_err().to_string(),
        "line 1: line: word 2, length, must be a decimal number"
    );
}

#[test]
fn the_concise_form_of_dmsetup_is_read() {
    let output = r"a: 0 8 zero,,1,rw,0 16 error ;com\,ma\;\\back,,6,rw,0 16 linear 7:0 0;enc,,5,rw,0 16 crypt aes-xts-plain64 0000000000000000000000000000000000000000000000000000000000000000 0 7:0 0;left right,,0,ro,0 16 zero ;notable,,2,rw;null,,,,0 16 crypt cipher_null-ecb 0 0 7:0 0;two,TEST-my uuid,3,rw,0 8 zero ,8 8 error 
";
    let devices = dmsetup_concise(output).unwrap();
    let names: Vec<_> = devices.iter().map(|device| &*device.name).collect();
    assert_eq!(names, NAMES[..7]);
    let lines: Vec<_> = devices.iter().map(|device| device.lines.len()).collect();
    assert_eq!(lines, [1, 1, 1, 1, 0, 1, 2]);
    assert_eq!((devices[6].uuid.as_deref(), devices[5].minor, devices[1].minor), (Some("TEST-my uuid"), None, Some(6)));
    assert!(devices[3].read_only && !devices[5].read_only);
    for without_devices in ["\n", "No devices found\n"] {
        assert_eq!(dmsetup_concise(without_devices), Ok(Vec::new()));
    }
}

#[test]
fn errors_in_the_concise_form_of_dmsetup_say_where() {
    let error = |text| dmsetup_concise(text).unwrap_err().to_string();
    assert_eq!(error("a"), "device 1: uuid is missing");
    assert_eq!(error("a,,,rw;b,"), "device 2: minor is missing");
    assert_eq!(error("a,,1"), "device 1: flags is missing");
    assert_eq!(error("a,,x,rw"), "device 1: minor must be a decimal number");
    assert_eq!(error("a,,1,rx"), "device 1: flags must be ro or rw");
    assert_eq!(error(",,1,rw"), "device 1: name is missing");
    let text = "a,,1,rw,0 8 crypt aes-xts-plain64 c0ff 0 8:0 0;b,,,rw,0 8 zero ,8 8 linear 8:0 x";
    let error = dmsetup_concise(text).unwrap_err();
    assert_eq!(error.to_string(), "device 2: line 2: linear table: word 2, start, must be a decimal number");
    let crate::ConciseErrorKind::Table(table) = error.kind() else { panic!("{error}") };
    let TableErrorKind::Parse(cause) = table.kind() else { panic!("{error}") };
    assert_eq!(&text[cause.span()], "x");
    assert!(cause.annotate(text).to_string().contains("\n  8 8 linear 8:0 x\n"), "{}", cause.annotate(text));
}
