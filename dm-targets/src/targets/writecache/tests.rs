//! Tests of what the golden lines do not cover.

use super::*;

fn parse(args: &str) -> Result<WritecacheTable, ParseError> {
    Writecache::parse_table(&format!("s 1:0 1:1 {args}"))
}

#[test]
fn options_come_in_any_order_and_case() {
    let table = Writecache::parse_input("P 1:0 1:1 4096 4 NOFUA cleaner Max_Age 7 ignored").unwrap();
    assert_eq!(table.to_string(), "p 1:0 1:1 4096 4 max_age 7 cleaner nofua");
    assert_eq!(Writecache::check(&table, Sectors(8)), Ok(()));
}

#[test]
fn malformed_options_are_refused() {
    let refusal = |args| parse(args).unwrap_err().to_string();
    assert_eq!(refusal("4096 1 max_age 5"), "writecache table: word 6, max_age, must be followed by a value");
    assert_eq!(refusal("4096 4 max_age 5 max_age 5"), "writecache table: word 8, max_age, is given twice");
    assert_eq!(refusal("4096 2 cleaner cleaner"), "writecache table: word 7, cleaner, is given twice");
    assert_eq!(refusal("4096 2 low_watermark 101"), "writecache table: word 7, low_watermark, must be at most 100");
    assert_eq!(refusal("1000 0"), "writecache table: word 4, block size, must be a power of two");
    assert_eq!(refusal("4096"), "writecache table: word 5, number of optional arguments, is missing");
    assert_eq!(parse("4096 2 new 5").unwrap().to_string(), "s 1:0 1:1 4096 2 new 5");
}

#[test]
fn options_that_conflict_are_refused() {
    let refusal = |table: WritecacheTable| Writecache::check(&table, Sectors(8)).unwrap_err().to_string();
    let plain = parse("4096 0").unwrap();
    assert_eq!(refusal(plain.clone().fua(false)), "fua cannot be combined with an SSD");
    assert_eq!(refusal(plain.clone().low_watermark(51)), "low_watermark must be at most high_watermark");
    assert_eq!(refusal(plain.clone().high_watermark(44)), "low_watermark must be at most high_watermark");
    assert_eq!(refusal(plain.clone().max_age(86_400_001)), "max_age must be at most 86400000");
    let pmem = WritecacheTable { kind: WritecacheKind::Pmem, ..plain };
    assert_eq!(refusal(pmem.clone().pause_writeback(5)), "pause_writeback cannot be combined with persistent memory");
    let other = Writecache::parse_table("x 1:0 1:1 4096 0").unwrap();
    assert_eq!(refusal(other), "kind must be s or p");
}

#[test]
fn early_statuses_have_four_words() {
    let status = Writecache::parse_status("0 65280 65280 0").unwrap();
    assert_eq!(status.counts, None);
    let error = Writecache::parse_status("0 65280 65280 0 1").unwrap_err();
    assert_eq!(error.to_string(), "writecache status: word 6, read hits, is missing");
}
