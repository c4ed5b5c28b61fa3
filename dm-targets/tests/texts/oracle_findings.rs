//! Tables that were loaded into Linux 6.12, with the result; found by `cargo xtask oracle`.

use dm_targets::{Table, TableErrorKind};

/// Tables that the kernel accepts.
const ACCEPTED: &[&str] = &[
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
#[rustfmt::skip]
const REFUSED: &[(&str, &str)] = &[
    ("0 11264 raid raid10 2 128 2 7:1 7:4 - -", "number of raid devices"),
    ("0 7552 raid raid10 1 64 2 - 7:5 - 7:6", "metadata device"),
    ("0 46080 raid raid10_near 2 128 nosync 3 - 7:1 - 7:3 - 7:5", "metadata device"),
    ("0 40704 raid raid10_far 2 64 sync 3 7:3 7:4 7:5 7:6 7:0 7:1", "sync"),
    ("0 4096 raid raid0 1 64 2 - 7:2 - -", "data device"),
    ("0 24576 raid raid6_ra_6 3 8 stripe_cache 5 4 7:3 7:4 7:5 7:6 7:0 7:1 7:2 7:3", "stripe_cache"),
    // One of each kind that a longer run has refused.
    ("0 768 cache 7:2 7:3 7:4 1376 1 metadata2 mq 0", "data block size"),
    ("0 3200 cache 7:0 7:1 7:2 0 0 cleaner 0", "data block size"),
    ("0 2624 cache 7:1 7:2 7:3 2496 0 cleaner 2 random_threshold 0", "policy argument"),
    ("0 464 crypt aes-cbc-eboiv 00a0fa00af77af77000faa0f0a07aaaa 64 7:3 0 2 integrity:50:aead no_read_workqueue", "cipher"),
    ("0 2 crypt aes-cbc-eboiv f0777a770a770770f0f0aaaf0ff0070f 35 7:5 0 2 high_priority sector_size:2048", "iv_offset"),
    ("0 72 era 7:6 7:0 36", "block size"),
    ("0 24 era 7:2 7:3 0", "block size"),
    ("0 42 flakey 7:2 0 57 811 9 error_reads random_write_corrupt 21 drop_writes corrupt_bio_byte 31 w 58 39", "corrupt_bio_byte"),
    ("0 37 flakey 7:3 19 0 18 7 error_writes corrupt_bio_byte 1786792691 w 30 44 error_reads", "corrupt_bio_byte"),
    ("0 46 flakey 7:1 53 60 4294967295", "down interval"),
    ("0 1 flakey x 46 0 0", "down interval"),
    ("0 11 flakey 7:5 39 0 42 2 drop_writes error_writes", "error_writes"),
    ("0 37 flakey 7:4 0 10 971092873 2 random_write_corrupt 1000000001", "random_write_corrupt"),
    ("0 45 integrity 7:1 0 1 R 2 journal_watermark:4294967295 internal_hash:crc32c", "journal_watermark"),
    ("0 18 integrity 7:3 32 0 B 2 block_size:4096 internal_hash:sha256", "tag size"),
    ("0 336 mirror core 1 8 2 7:0 46 7:0 7 1 keep_log", "keep_log"),
    ("0 240 mirror core 2 4 sync 0 0", "number of mirrors"),
    ("0 16 mirror core 1 9 2 7:6 64 7:5 0", "region size"),
    ("0 96 mirror disk 3 7:3 0 sync 2 7:0 62 7:5 3 0", "region size"),
    ("0 152 multipath 0 2 alua 1 2 1 service-time 0 1 2 7:0 0 51 round-robin 1 2 1 7:3 1 65536 29", "number of path selector args"),
    ("0 105 multipath 6 pg_init_retries 7 queue_mode rq pg_init_delay_msecs 4294967295 0 1 1 service-time 0 1 0 7:2", "pg_init_delay_msecs"),
    ("0 41472 raid raid0 1 8 3 7:1 7:2 - - 7:5 7:6", "data device"),
    ("0 19456 raid raid10 1 128 2 - 7:4 - 7:6", "metadata device"),
    ("0 22529 raid raid6_la_6 6 16 stripe_cache 3 nosync write_mostly 1 4 7:4 7:5 7:6 7:0 7:1 7:2 7:3 7:4", "nosync"),
    ("0 6144 raid raid1 4 0 max_write_behind 37 sync 0", "number of raid devices"),
    ("0 31488 raid raid6_n_6 6 32 rebuild 3 max_recovery_rate 2147483647 sync 5 - 7:1 - 7:3 - 7:5 - 7:0 - 7:2", "rebuild"),
    ("0 25088 raid raid10_offset 7 16 nosync delta_disks 3 sync rebuild 1 2 - 7:3 - 7:5", "sync"),
    ("0 297 snapshot 7:0 7:0 PO 56", "COW device"),
    ("0 9 snapshot 7:6 7:0 PO 60", "chunk size"),
    ("0 480 snapshot 7:3 7:4 PO 4194305", "chunk size"),
    ("0 88 snapshot 7:4 7:5 N 8 1 discard_passdown_origin", "discard_passdown_origin"),
    ("0 496 snapshot 7:6 7:0 o 0", "exception store type"),
    ("0 112 snapshot-merge 7:6 7:6 P 2", "COW device"),
    ("0 400 snapshot-merge 7:5 7:6 PO 61", "chunk size"),
    ("0 320 snapshot-merge 7:5 7:6 none 4194304", "chunk size"),
    ("0 64 snapshot-merge 7:2 7:3 P 4 1 discard_passdown_origin", "discard_passdown_origin"),
    ("0 192 snapshot-merge 7:4 7:5 n 32", "exception store type"),
    ("0 344 snapshot-merge 7:2 7:3 o 0 0", "exception store type"),
    ("0 2257 striped 1 18446744073709551616 7:2 8", "chunk size"),
    ("0 6 striped 25 0", "chunk size"),
    ("0 9217 striped 2 128 7:4 35 7:5 32", "length"),
    ("0 521 striped 1 65 7:1 18", "length of a stripe"),
    ("0 44 switch 1 18 1 7:2 0", "number of optional args"),
    ("0 45 switch 0 0", "number of paths"),
    ("0 45 switch 1 4294967296 0 7:3 0", "region size"),
    ("0 63 switch 1 0 0 7:6 55", "region size"),
    ("0 11 thin 254:1 2147483648 7:3", "dev id"),
    ("0 1024 thin-pool 7:6 7:0 90560 27 2 no_discard_passdown read_only", "data block size"),
    ("0 1792 thin-pool 7:3 7:4 0", "data block size"),
    ("0 2816 thin-pool 7:6 7:6 6912 32", "data dev"),
    ("0 3 unstriped 3 0 0 0", "chunk size"),
    ("0 1067 unstriped 3 26 0 7:0 0", "length"),
    ("0 54 unstriped 0 1 3 7:0 56", "stripe count"),
    ("0 416 unstriped 2 52 256 7:3 24", "stripe number"),
    ("0 56 vdo V4 7:1 1036 512 32798 27 hash 39 logical 43 physical 1 nokey 6", "block map page cache size"),
    ("0 112 vdo v4 7:4 1024 512 65536 19", "logical block size"),
    ("0 416 vdo V4 7:3 1024 512 32774 43 hash 47", "logical, physical and hash"),
    ("0 112 vdo V4 7:1 1064 4096 62189 8 hash 1 logical 25 physical 17 nokey 0 physical 6 cpu 16", "physical"),
    ("0 264 vdo V5 7:1 1024 512 32795 61", "version"),
    ("0 1 verity 1 7:1 7:2 4096 4096 0 64 sha256 a00000fa07faf7a77f00af07ff7a00aa000aa0aaf77f07777700fff7aff7f070 0a77", "data blocks"),
    ("0 200 writecache p 7:4 7:5 1025 2 high_watermark 57", "block size"),
    ("0 16 writecache s 7:4 7:5 256 2 autocommit_time 3600000", "block size"),
    ("0 448 writecache s 7:1 7:2 4096 3 START_SECTOR 8 fua", "fua"),
    ("0 344 writecache s 7:5 7:6 4096 2 low_watermark 100", "low_watermark"),
    ("0 368 writecache p 7:5 7:6 4096 5 cleaner pause_writeback 44 autocommit_blocks 48", "pause_writeback"),
];

#[test]
fn tables_that_the_kernel_accepts_are_accepted() {
    for text in ACCEPTED {
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
