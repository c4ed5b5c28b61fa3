//! Texts that consist of numbers need no allocation to be parsed, printed or refused.

use core::fmt::{self, Write};

use dm_targets::{
    Delay, Dust, Ebs, Flakey, Linear, LogWrites, StatusLine, TableLine, Target, Thin, ThinPool, Unstriped,
};

/// Discards everything that is written to it.
struct Nowhere;

impl Write for Nowhere {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        std::hint::black_box(text);
        Ok(())
    }
}

fn allocations(action: impl FnOnce()) -> u64 {
    allocation_counter::measure(action).count_total
}

/// Parses a text, and prints the value or the error.
fn read_and_print<V: fmt::Display, E: fmt::Display>(text: &str, parse: impl FnOnce(&str) -> Result<V, E>) {
    match parse(text) {
        Ok(value) => write!(Nowhere, "{value}"),
        Err(error) => write!(Nowhere, "{error}"),
    }
    .unwrap();
}

/// An action on a text.
type Action = fn(&str);

#[test]
fn numbers_need_no_allocation() {
    let pool = "77 4110/65536 1/4096 - ro discard_passdown queue_if_no_space - 1024 ";
    let texts: [(&str, Action); 16] = [
        ("254:0 10", |text| read_and_print(text, Linear::parse_table)),
        ("254:0 ten", |text| read_and_print(text, Linear::parse_table)),
        ("254:0 0 10 254:16 8 20 254:32 16 30", |text| read_and_print(text, Delay::parse_table)),
        ("254:0 8 4096", |text| read_and_print(text, Dust::parse_table)),
        ("254:0 fail_read_on_bad_block quiet", |text| read_and_print(text, Dust::parse_status)),
        ("254:0 128 1 8", |text| read_and_print(text, Ebs::parse_table)),
        ("254:0 0 5 10 6 error_reads corrupt_bio_byte 1 w 0 8", |text| read_and_print(text, Flakey::parse_table)),
        ("254:0 0 5 10 1 corrupt_bio_byte", |text| read_and_print(text, Flakey::parse_table)),
        ("812 9027 logging_disabled", |text| read_and_print(text, LogWrites::parse_status)),
        ("2 64 1 254:0 0", |text| read_and_print(text, Unstriped::parse_table)),
        ("253:0 1 254:0", |text| read_and_print(text, Thin::parse_table)),
        ("254:32 254:48 128 0 2 read_only error_if_no_space ", |text| read_and_print(text, ThinPool::parse_table)),
        (pool, |text| read_and_print(text, ThinPool::parse_status)),
        ("77 4110/65536", |text| read_and_print(text, ThinPool::parse_status)),
        ("0 8 linear 254:0 10", |text| read_and_print(text, TableLine::parse_printed)),
        ("0 8 thin 128 127", |text| read_and_print(text, str::parse::<StatusLine>)),
    ];
    for (text, action) in texts {
        assert_eq!(allocations(|| action(text)), 0, "{text}");
    }
}

#[test]
fn the_test_notices_allocations() {
    assert_eq!(allocations(|| read_and_print("/dev/sda 0", Linear::parse_table)), 1);
}
