//! What an administrator learns from an output.

use super::explain;
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
fn what_is_fine_is_shown_only_if_asked_for() {
    let found = text(STATUS);
    assert!(!found.contains("home") && !found.contains("thin2:"), "{found}");
    assert!(
        found.contains("pool: attention\n  thin-pool, 256 MiB from 0 B on: attention: out of data space"),
        "{found}"
    );
    assert!(everything(STATUS).contains("home: good\n"));
}

#[test]
fn the_end_sums_up_and_the_exit_status_tells() {
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
fn tables_and_statuses_are_told_apart_for_the_whole_output() {
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
        ("a,,1,rw,0 16 zero ;none,,2,rw\n", Output::Concise),
        ("a,,1,rw,0 16 linear 8:0 x", Output::Concise),
        ("a\t(254:0)\n", Output::List),
        ("a  254  0 L--w  0  1  0  uuid\n", Output::Info),
        ("linear           v1.4.0\n", Output::Targets),
        ("a: 0 16 linear target_name=linear,start=0;\n", Output::Measurements),
    ] {
        assert_eq!(kind_of(output), kind, "{output}");
    }
}

#[test]
fn sizes_are_in_bytes() {
    let table = everything("home: 0 2048 linear 254:0 8\ne: 0 8 era 254:0 254:16 64");
    assert!(table.contains("linear, 1 MiB from 0 B on\n    is 254:0 from 4 KiB on\n"), "{table}");
    assert!(table.contains("block_size: 32 KiB"), "{table}");
    let status = everything(STATUS);
    assert!(status.contains("uses 60 KiB of 4 MiB for metadata"), "{status}");
    assert!(status.contains("has mapped 4 KiB, shared or not, the last one up to 4 KiB"), "{status}");
}

#[test]
fn path_selectors_keep_their_names() {
    let table = everything("mp: 0 8 multipath 1 queue_if_no_path 0 1 1 service-time 0 2 1 8:0 1 8:16 1");
    assert!(table.contains("ServiceTime") && table.contains("8:16") && !table.contains("None"), "{table}");
}

#[test]
fn what_the_kernel_would_refuse_is_said() {
    let table = text("a: 0 8 zero \na: 16 8 zero \n");
    assert!(table.contains("could not be loaded like this: line 2: must start at sector 8"), "{table}");
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
fn names_do_nothing_to_a_terminal() {
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
}

#[test]
fn lists_are_explained_too() {
    let info = "Name  Maj Min Stat Open Targ Event  UUID\na  254  0 L-sw  0  1  0  \nb  254  1 ---w  0  0  0  x\nc  254  2 L--w  0  1  0  \n";
    let found = text(info);
    assert!(
        found.contains("a: attention\n  is suspended") && found.contains("b: attention\n  has no table"),
        "{found}"
    );
    assert!(found.ends_with("3 devices; not good: a, b\n"), "{found}");
    assert!(everything("linear v1.4.0\n").contains("linear: good\n  has version 1.4.0\n1 target;"));
    assert!(everything("a\t(254:0)\n").contains("is device 254:0"));
    assert!(everything("a: 0 16 linear target_name=linear,start=0;\n").contains("target_name: linear"));
}
