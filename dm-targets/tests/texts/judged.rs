//! Tables that were loaded into Linux 6.12, with the result; found by `cargo xtask oracle`.

use dm_targets::{Table, TableErrorKind};

/// Tables that the kernel accepts.
const TAKEN: &[&str] = &[
    // FEC options have no effect without an FEC device.
    "0 280 verity 0 7:4 7:5 1024 1024 140 60 sha256 00 aa 3 fec_blocks 26 panic_on_corruption",
    "0 280 verity 0 7:4 7:5 1024 2048 140 60 sha256 00 - 2 fec_blocks 0",
    "0 280 verity 1 7:4 7:5 1024 1024 140 60 sha256 00 - 4 fec_start 60 fec_roots 7",
    // Without metadata, the kernel cannot know which devices are in sync.
    "0 5120 raid raid6_zr 5 64 delta_disks 1 rebuild 1 6 - 7:4 - 7:6 - 7:1 - 7:3 - 7:5 - -",
    // Words after the counted options are ignored.
    "0 24 flakey 7:1 0 14 0 0 random_write_corrupt 21",
    "0 53 flakey 7:4 51 29 1000 2 ERROR_WRITES error_reads 4294967297",
    "0 480 log-writes 7:0 7:1 0x10",
    "0 8192 thin-pool 7:2 7:3 128 55 0 x",
];

/// Tables that the kernel refuses, with the error.
const REFUSED: &[(&str, &str)] = &[
    ("0 11264 raid raid10 2 128 2 7:1 7:4 - -", "number of raid devices"),
    ("0 7552 raid raid10 1 64 2 - 7:5 - 7:6", "metadata device"),
    ("0 46080 raid raid10_near 2 128 nosync 3 - 7:1 - 7:3 - 7:5", "metadata device"),
    ("0 40704 raid raid10_far 2 64 sync 3 7:3 7:4 7:5 7:6 7:0 7:1", "sync"),
    ("0 4096 raid raid0 1 64 2 - 7:2 - -", "data device"),
    ("0 24576 raid raid6_ra_6 3 8 stripe_cache 5 4 7:3 7:4 7:5 7:6 7:0 7:1 7:2 7:3", "stripe_cache"),
];

#[test]
fn tables_that_the_kernel_accepts_are_accepted() {
    for text in TAKEN {
        assert!(text.parse::<Table>().is_ok(), "{text}: {}", text.parse::<Table>().unwrap_err());
    }
}

#[test]
fn tables_that_the_kernel_refuses_are_refused() {
    for (text, field) in REFUSED {
        match text.parse::<Table>().expect_err(text).kind() {
            TableErrorKind::Parse(error) => assert_eq!(error.field(), *field, "{text}"),
            TableErrorKind::Field(invalid) => assert_eq!(invalid.field(), *field, "{text}"),
            other => panic!("{text}: {other}"),
        }
    }
}
