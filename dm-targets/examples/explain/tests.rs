//! The reports that administrators get for an output.

use super::{explain, text_of};
use crate::kinds::{Output, kind_of};

fn text(output: &str) -> String {
    explain(output).to_text(false)
}

fn everything(output: &str) -> String {
    explain(output).to_text(true)
}

const STATUS: &str = "\
home: 0 2048 linear 
pool: 0 524288 thin-pool 7 15/1024 4/4 - rw discard_passdown queue_if_no_space - 256 
r1: 0 8 raid raid1 2 AD 8/8 idle 0 0 -
thin: 0 8 thin Fail
thin2: 0 8 thin 8 7
";

#[test]
fn good_devices_are_only_shown_on_request() {
    let found = text(STATUS);
    assert!(!found.contains("home") && !found.contains("thin2:"), "{found}");
    assert!(
        found.contains("pool: attention\n  thin-pool, 256 MiB from 0 B on: attention: out of data space"),
        "{found}"
    );
    assert!(everything(STATUS).contains("home: good\n"));
}

#[test]
fn the_last_line_and_the_exit_status_summarize_the_report() {
    assert!(text(STATUS).ends_with("5 devices; not good: pool, r1, thin\n"));
    assert_eq!(explain(STATUS).exit_status(), 1);
    assert_eq!(text("home: 0 8 linear 8:0 0"), "1 device; nothing is wrong\n");
    assert_eq!(explain("home: 0 8 linear 8:0 0").exit_status(), 0);
    assert_eq!((text("").as_str(), explain("").exit_status()), ("0 devices; nothing is wrong\n", 0));
}

#[test]
fn a_bad_line_is_an_error_with_a_caret() {
    let output = "b: 0 8 linear 8:0 0\na: 0 8 linear 254:0";
    let expected = "line 2: linear table: word 2, start, is missing\n  a: 0 8 linear 254:0\n                     ^\n\
                    1 device; 1 line not understood\n";
    assert_eq!(text(output), expected);
    assert_eq!(explain(output).exit_status(), 2);
    assert!(text("a: 0 8 linear 254:0").contains("is missing"));
    let status = text(&format!("{STATUS}bad: 0 8 delay x 0 0\n"));
    assert!(status.contains("line 6: delay status: word 1, reads, must be a decimal number"), "{status}");
}

#[test]
fn tables_and_statuses_are_distinguished_for_the_whole_output() {
    for (output, kind) in [
        (STATUS, Output::Statuses),
        ("t: 0 8 thin Fail", Output::Statuses),
        ("t: 0 8 thin Fail\na: 0 8 linear 8:0 0", Output::Tables),
        ("0 2048 thin 1024 2047", Output::Statuses),
        ("0 2048 thin 254:0 1", Output::Tables),
        ("a: 0 8 linear 254:0", Output::Tables),
        ("a: 0 8 linear ", Output::Statuses),
        ("a: 0 8 zero ", Output::Tables),
        ("a: 0 8 crypt aes-xts-plain64 00000000 0 8:0 0", Output::Tables),
        ("a: 0 8 raid ", Output::Statuses),
        ("p: 0 524288 thin-pool 7 15/x 4/4 - rw no_discard_passdown queue_if_no_space - 256 ", Output::Statuses),
        ("p: 0 524288 thin-pool 254:0 254:1 1x8 32768", Output::Tables),
        ("m: 0 8 mirror 2 8:0 8:16 x/4 1 AA 1 core", Output::Statuses),
        ("m: 0 8 mirror core 2 1024 nosync 2 8:0 x 8:16 0", Output::Tables),
        ("m: 0 8 multipath 2 0 0 0 1 1 X 0 1 0 8:0 A 0 ", Output::Statuses),
        ("m: 0 8 multipath 0 0 1 1 round-robin 0 1 x 8:0 1", Output::Tables),
        ("a,,1,rw,0 16 zero ;none,,2,rw\n", Output::Concise),
        ("a,,1,rw,0 16 linear 8:0 x", Output::Concise),
        ("bad: x\nt: 0 8 thin Fail", Output::Statuses),
        ("bad: x\na: 0 8 zero ", Output::Tables),
    ] {
        assert_eq!(kind_of(output), kind, "{output}");
    }
}

/// An output of each command that prints neither tables nor statuses, and a line that does not belong in it.
const LISTS: [(Output, &str, &str); 8] = [
    (Output::List, "a\t(254:0)\nb\t(254, 1)\n", "c (254:2"),
    (Output::Tree, "a (254:1)\n |-b (254:0)\n |  `- (8:0)\n `- (8:16)\n", " `-c"),
    (Output::InfoColumns, "Name  Maj Min Stat Open Targ Event  UUID\na  254  0 L--w  0  1  0  uuid\n", "b 254"),
    (Output::InfoColumns, "a:254:0:L--w:0:1:0:uuid\nb:254:1:L--w:0:1:0:\n", "c:254:2:L--w"),
    (Output::Deps, "a: 1 dependencies\t: (8, 0)\nb: 0 dependencies\t:\n", "c: 2 dependencies\t: (8, 0)"),
    (Output::Targets, "linear           v1.4.0\nzero  v1.2.0\n", "crypt"),
    (
        Output::Cookies,
        "Cookie  Semid  Value  Last semop time  Last change time\n0xd4d1234  5  1  Thu Jan  1 00:00:00 1970  Mon Nov 30 00:54:08 2026\n",
        "0xd4dxyz",
    ),
    (Output::Measurements, "a: 0 16 linear target_name=linear,start=0;\nb: 0 8 zero \n", "c: 0"),
];

const DETAILS: &str = "\
Name:              left right
State:             ACTIVE
Read Ahead:        256
Tables present:    LIVE
Open count:        1
Event number:      0
Major, minor:      254, 7
Number of targets: 1
UUID: TEST-a
";

#[test]
fn every_output_is_recognized_even_with_a_wrong_line() {
    assert_eq!(kind_of(DETAILS), Output::Info);
    assert_eq!(kind_of(&DETAILS.replace("254, 7", "x")), Output::Info);
    for (kind, output, bad) in LISTS {
        assert_eq!((kind_of(output), kind_of(&format!("\n  {output}"))), (kind, kind), "{output}");
        assert_eq!(explain(output).exit_status(), if kind == Output::Cookies { 1 } else { 0 }, "{output}");
        assert_eq!(kind_of(&format!("{bad}\n{output}")), kind, "{bad}\n{output}");
        let output = format!("{output}{bad}\n");
        let (report, number) = (explain(&output), output.lines().count());
        assert_eq!((report.exit_status(), report.errors.len()), (2, 1), "{output}");
        let found = report.to_text(false);
        assert!(found.contains(&format!("line {number}: ")) && found.contains('^'), "{found}");
    }
}

#[test]
fn headings_alone_are_outputs_of_nothing() {
    for (output, summary) in [
        ("Cookie       Semid      Value      Last semop time           Last change time\n", "0 cookies"),
        ("Name             Maj Min Stat Open Targ Event  UUID\n", "0 devices"),
        ("No devices found\n", "0 devices"),
        ("", "0 devices"),
    ] {
        assert_eq!(text(output), format!("{summary}; nothing is wrong\n"), "{output}");
    }
}

#[test]
fn each_device_of_the_concise_form_is_read_by_itself() {
    let found = text(r"a\;b,,1,rw,0 16 linear 8:0 x;c,,2,rw,0 8 zero ,8 8 delay 8:0;d,,,no,0 8 zero ;e,,4,rw");
    for line in [
        "device 1, line 1 of its table: linear table: word 2, start, must be a decimal number",
        "device 2, line 2 of its table: delay table: word 2, offset, is missing",
        "device 3: flags must be ro or rw",
        "e: attention\n  has no table",
        "1 device; not good: e; 3 parts not understood",
    ] {
        assert!(found.contains(line), "{found}");
    }
}

#[test]
fn sizes_are_in_bytes() {
    let table = everything("home: 0 2048 linear 254:0 8\ne: 0 8 era 254:0 254:16 64");
    assert!(table.contains("linear, 1 MiB from 0 B on\n    is 254:0 from 4 KiB on\n"), "{table}");
    assert!(table.contains("block_size: 32 KiB"), "{table}");
    let status = everything(STATUS);
    assert!(status.contains("uses 60 KiB of 4 MiB for metadata"), "{status}");
    let units = everything(
        "d: 0 8 delay 8:0 0 500\nw: 0 8 writecache s 8:0 8:16 4096 2 autocommit_time 9\nu: 0 64 unstriped 2 64 1 8:0 0",
    );
    for unit in ["delay: 500 ms", "block_size: 4 KiB", "autocommit_time: 9 ms", "chunk_size: 32 KiB"] {
        assert!(units.contains(unit), "{units}");
    }
    assert!(status.contains("has mapped 4 KiB, including shared blocks, the last one up to 4 KiB"), "{status}");
}

#[test]
fn path_selectors_keep_their_names() {
    let table = everything("mp: 0 8 multipath 1 queue_if_no_path 0 1 1 service-time 0 2 1 8:0 1 8:16 1");
    assert!(table.contains("ServiceTime") && table.contains("8:16") && !table.contains("None"), "{table}");
}

#[test]
fn tables_that_the_kernel_would_refuse_are_reported() {
    let table = text("a: 0 8 zero \na: 16 8 zero \n");
    assert!(table.contains("cannot be loaded: line 2 of its table: must start at sector 8"), "{table}");
    assert!(text("spare: \n").contains("spare: attention\n  has no table\n"));
}

#[test]
fn keys_are_not_shown() {
    let key = "7e".repeat(32);
    for output in [
        format!("0 8 crypt aes-xts-plain64 {key} 0 254:0 0"),
        format!("0 8 crypt aes-xts-plain64 {key} 0 254:0"),
        format!("a,,1,rw,0 8 crypt aes-xts-plain64 {key} 0 254:0 0;b,,,rw,0 8 linear x"),
        format!("a: 0 8 linear \nb: 0 8 bow {key}\nc: 0 8 delay 0 0 0"),
    ] {
        let report = explain(&output);
        let shown = report.to_text(true) + &report.to_json();
        assert!(!shown.contains("7e7e"), "{shown}");
    }
}

#[test]
fn names_cannot_control_a_terminal() {
    let found = text("evil\u{1b}[2J: 0 8 thin Fail\n");
    assert!(found.contains("evil\\u{1b}[2J: failed") && !found.contains('\u{1b}'), "{found}");
    let error = text("evil\u{1b}[2J: 0 8 linear x");
    assert!(!error.contains('\u{1b}'), "{error}");
}

#[test]
fn programs_read_json() {
    let report = explain(STATUS);
    let json: serde_json::Value = serde_json::from_str(&report.to_json()).unwrap();
    assert_eq!((&json["output"], &json["exit_status"]), (&"status".into(), &1.into()));
    assert_eq!((&json["devices"][1]["name"], &json["devices"][1]["state"]), (&"pool".into(), &"attention".into()));
    assert_eq!(json["devices"][0]["problems"], serde_json::json!([]));
    assert_eq!(json["summary"], "5 devices; not good: pool, r1, thin");
    let json: serde_json::Value = serde_json::from_str(&explain("a: 0 8 linear 254:0").to_json()).unwrap();
    let error = &json["errors"][0];
    assert_eq!(
        (&error["place"], &error["problem"]),
        (&"line 1".into(), &"linear table: word 2, start, is missing".into())
    );
    assert!(error["annotated"].as_str().is_some_and(|text| text.ends_with('^')), "{error}");
}

#[test]
fn states_of_devices_are_judged() {
    let info = "Name  Maj Min Stat Open Targ Event  UUID\na  254  0 L-sw  0  1  0  \nb  254  1 ---w  0  0  0  x\nc  254  2 L--w  0  1  0  \nd  254  3 -I-w  0  0  0  \n";
    let found = text(info);
    for problem in [
        "a: attention\n  is suspended",
        "b: attention\n  has no table",
        "d: attention\n  has a first table that is not",
    ] {
        assert!(found.contains(problem), "{found}");
    }
    assert!(found.ends_with("4 devices; not good: a, b, d\n"), "{found}");
    assert_eq!(text(DETAILS), "1 device; nothing is wrong\n");
    assert!(everything(DETAILS).contains("is device 254:7, opened once\n  has the uuid TEST-a\n"));
    for (from, to, problem) in [
        ("ACTIVE", "SUSPENDED (READ-ONLY)", "is suspended"),
        ("ACTIVE", "ACTIVE (DEFERRED REMOVE)", "is removed as soon as"),
        ("LIVE", "None", "has no table"),
        ("LIVE", "INACTIVE", "has a first table that is not active"),
    ] {
        let found = text(&DETAILS.replace(from, to));
        assert!(found.contains(problem) && found.ends_with("not good: left right\n"), "{found}");
    }
    let tree = everything(
        "a (254:1) [ACTIVE, RW]\n `-b (254:0) [SUSPENDED, RW]\n    `- (8:0)\nc (254:2)\n `-b (254:0) [SUSPENDED, RW]\n    `- (8:0)\n",
    );
    assert!(tree.contains("a: good\n  is device 254:1\n  uses b\n"), "{tree}");
    assert!(
        tree.contains("b: attention\n  is suspended: I/O waits until it is resumed\n  is device 254:0\n  uses 8:0\nc:"),
        "{tree}"
    );
    let cookies = text(LISTS[6].1);
    assert!(cookies.contains("ipcrm --semaphore-id 5\n1 cookie; not good: 0xd4d1234"), "{cookies}");
}

#[test]
fn listed_items_are_only_shown_on_request() {
    for (output, fact) in [
        ("linear v1.4.0\n", "linear: good\n  has version 1.4.0\n1 target;"),
        ("a\t(254:0)\n", "is device 254:0"),
        ("a: 2 dependencies\t: (8, 0) (8, 16)\nb: 0 dependencies\t:", "uses 8:0, 8:16\nb: good\n  uses no device"),
        ("a: 0 16 linear target_name=linear,start=0;\n", "target_name: linear"),
    ] {
        let found = everything(output);
        assert!(found.contains(fact), "{found}");
    }
}

#[test]
fn names_that_are_not_utf8_stay_distinct() {
    let found = text(&text_of(b"caf\xe9: 0 8 thin Fail\ncaf\xe8: 0 8 thin Fail\n"));
    assert!(found.ends_with("2 devices; not good: caf\\xe8, caf\\xe9\n"), "{found}");
}
