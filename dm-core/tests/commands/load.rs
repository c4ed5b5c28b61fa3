//! Tables as they are sent: the chain of lines, and tables that are refused before anything is sent.

use std::fmt;

use dm_core::{Error, LineText, Payload, PayloadWriter, RequestFault, TargetLine, TargetParams, TargetStatus, Text};
use dm_units::Sectors;

use crate::support::Script;

pub(crate) fn line<'a>(target_type: &'a str, params: &'a str) -> TargetLine<LineText<'a, &'a str>> {
    TargetLine::text(Sectors(0), Sectors(8), target_type, params)
}

#[test]
fn a_table_is_a_chain_of_aligned_lines() {
    let second = TargetLine::text(Sectors(8), Sectors(16), "a23456789012345", "");
    let request = Script::request_of(|dm| dm.table_load("disk", [line("linear", "7:0 0"), second]).unwrap());
    assert_eq!((request.name(), request.u32(20)), (&b"disk"[..], 2));
    // 40 bytes for the fixed part, 5 for the text, 1 for its NUL, and 2 up to the next multiple of 8.
    assert_eq!((request.u64(312), request.u64(320), request.u32(332)), (0, 8, 48));
    assert_eq!((request.text(336), request.text(352)), (&b"linear"[..], &b"7:0 0"[..]));
    assert_eq!((request.u64(360), request.u64(368), request.u32(380)), (8, 16, 48));
    assert_eq!((request.text(384), request.text(400)), (&b"a23456789012345"[..], &b""[..]));
    assert_eq!(request.bytes.len(), 408);
}

#[test]
fn texts_of_every_length_are_padded_with_zeros() {
    let texts: Vec<String> = (0..=24).map(|len| "p".repeat(len)).collect();
    let request = Script::request_of(|dm| dm.table_load("disk", texts.iter().map(|text| line("zero", text))).unwrap());
    let mut at = 312;
    for text in &texts {
        let next = request.u32(at + 20) as usize;
        assert_eq!(next, (40 + text.len() + 1).next_multiple_of(8));
        let (written, padding) = request.bytes[at + 40..at + next].split_at(text.len());
        assert_eq!(written, text.as_bytes());
        assert!(padding.iter().all(|&byte| byte == 0));
        at += next;
    }
    assert_eq!(at, request.bytes.len());
}

#[test]
fn a_line_that_was_read_is_loaded_with_its_backslashes_doubled() {
    let read = |params| TargetStatus::new(Sectors(0), Sectors(8), Text::from("vdo"), Text::new(params));
    for (params, sent) in [(&br"/dev/a\b 0\"[..], &br"/dev/a\\b 0\\"[..]), (b"/dev/\xff\xa0 0", b"/dev/\xff\xa0 0")] {
        let request = Script::request_of(|dm| dm.table_load("disk", [read(params).to_line()]).unwrap());
        assert_eq!((request.text(336), request.text(352)), (&b"vdo"[..], sent));
    }
}

#[test]
fn tables_that_the_kernel_could_not_read_are_not_sent() {
    let (dm, script) = Script::new().start();
    let fault =
        |lines: &[TargetLine<LineText<'static, &'static str>>]| match dm.table_load("disk", lines.iter().copied()) {
            Err(Error::Request { fault, .. }) => fault,
            other => panic!("{other:?}"),
        };
    let linear = TargetLine::text(Sectors(0), Sectors(8), "linear", "7:0\0 0");
    let of_type = |target_type| TargetLine::text(Sectors(0), Sectors(8), target_type, "");
    assert_eq!(fault(&[]), RequestFault::NoLines);
    for wrong in ["", "a234567890123456", "a2345678901234567890", "li\0ear", "\0"] {
        assert!(matches!(fault(&[of_type(wrong)]), RequestFault::TargetType { line: Some(0), .. }), "{wrong:?}");
    }
    assert!(matches!(fault(&[of_type("zero"), linear]), RequestFault::Nul { line: Some(1), at: 3, .. }));
    let message = dm.target_msg("disk", "a\0b").unwrap_err();
    assert_eq!(message.to_string(), "target_msg cannot be sent: the text has a NUL at byte 1");
    assert_eq!(script.sent(), []);
}

/// Params that a function writes.
struct By(fn(&mut PayloadWriter<'_>) -> fmt::Result);

impl Payload for By {
    fn write(&self, out: &mut PayloadWriter<'_>) -> fmt::Result {
        self.0(out)
    }
}

impl TargetParams for By {
    fn target_type(&self) -> &str {
        "linear"
    }
}

#[test]
fn params_that_fail_to_print_or_never_end_are_an_error() {
    let (dm, script) = Script::new().start();
    let load = |by| dm.table_load("disk", [TargetLine::new(Sectors(0), Sectors(8), By(by))]).unwrap_err().to_string();
    assert_eq!(
        load(|_| Err(fmt::Error)),
        "table_load cannot be sent: the text of table line 0 could not be printed: its Display returned an error"
    );
    let endless = |out: &mut PayloadWriter<'_>| {
        let piece = vec![0; 1 << 26];
        loop {
            out.write_bytes(&piece)?;
        }
    };
    assert_eq!(
        load(endless),
        "table_load cannot be sent: the request, with the space for its reply, has more than 1073741824 bytes"
    );
    assert_eq!(script.sent(), []);
    dm.free_memory();
}

#[test]
fn too_many_lines_are_not_sent() {
    let (dm, script) = Script::new().start();
    let lines = |count: u64| (0..count).map(|start| TargetLine::text(Sectors(start), Sectors(1), "zero", ""));
    dm.table_load("disk", lines(1 << 20)).unwrap();
    let error = dm.table_load("disk", lines((1 << 20) + 1)).unwrap_err();
    assert_eq!(error.to_string(), "table_load cannot be sent: the table has more than 1048576 lines");
    assert_eq!(script.sent().len(), 1);
}

#[test]
fn lines_that_cannot_be_sent_are_shown_with_the_reason() {
    assert_eq!(line("linear", "7:0\0 0").to_string(), "0 8 linear <the text has a NUL at byte 3>");
    let fails = TargetLine::new(Sectors(0), Sectors(8), By(|_| Err(fmt::Error)));
    assert_eq!(fails.to_string(), "0 8 linear <the text could not be printed: its Display returned an error>");
}

#[test]
fn tables_are_compared_with_what_the_kernel_prints() {
    let line = line("linear", "7:0 0");
    let differs = |line: &dyn TargetParams, printed: &str| line.difference(Text::from(printed)).is_some();
    assert!(!differs(&line.params, "7:0 0") && differs(&line.params, "7:0 8"));
    let read = TargetStatus::new(Sectors(0), Sectors(8), Text::from("vdo"), Text::from(r"a\b"));
    assert!(!differs(&read.to_line().params, r"a\b"), "as it was printed, not as it is loaded");
    assert!(differs(&read.to_line().params, r"a\\b"));
}
