//! The field in which two tables differ, whether the kernel printed something else in place of a table, and which tables
//! keep their original words.

use std::fmt::Debug;

use dm_targets::{Any, AnyTable, LineKind as _, TableDifference, TableLine, Target, TargetVisitor, visit_targets};

use crate::lines::{Kind, golden};

/// A table and variants of it: replacements for some of its words, the field in which the variant differs, and whether that
/// field affects the layout.
type Differences = (&'static str, &'static str, &'static [(&'static str, &'static str, &'static str, bool)]);

#[rustfmt::skip]
const DIFFERENCES: &[Differences] = &[
    ("cache", "7:0 7:1 7:2 128 1 writethrough mq 2 migration_threshold 100", &[
        ("7:0", "7:9", "metadata dev", true),
        ("7:1", "7:9", "cache dev", true),
        ("7:2", "7:9", "origin dev", true),
        ("128", "64", "block size", true),
        ("1 writethrough", "2 metadata2 writethrough", "metadata format", true),
        ("writethrough", "writeback", "features", false),
        ("mq", "smq", "policy", false),
        ("100", "101", "policy args", false),
    ]),
    ("clone", "7:0 7:1 7:2 8 1 no_hydration 2 hydration_threshold 9", &[
        ("7:0", "7:9", "metadata dev", true),
        ("7:1", "7:9", "destination dev", true),
        ("7:2", "7:9", "source dev", true),
        ("2 8 1", "2 16 1", "region size", true),
        ("no_hydration", "no_discard_passdown", "features", false),
        ("threshold 9", "threshold 8", "core args", false),
    ]),
    ("crypt", "aes-cbc-essiv:sha256 0011 3 7:0 5 1 same_cpu_crypt", &[
        ("essiv:sha256", "essiv:sha1", "cipher", true),
        ("0011", "0012", "key", true),
        (" 3 ", " 4 ", "iv_offset", true),
        ("7:0", "7:1", "device", true),
        (" 5 ", " 6 ", "start", true),
        ("1 same_cpu_crypt", "2 same_cpu_crypt integrity:8:none", "integrity", true),
        ("1 same_cpu_crypt", "2 same_cpu_crypt sector_size:4096", "sector_size", true),
        ("1 same_cpu_crypt", "2 same_cpu_crypt iv_large_sectors", "iv_large_sectors", true),
        ("1 same_cpu_crypt", "2 same_cpu_crypt integrity_key_size:16", "integrity_key_size", true),
        ("same_cpu_crypt", "allow_discards", "options", false),
    ]),
    ("delay", "7:0 0 10", &[("10", "11", "table", true)]),
    ("dust", "7:0 0 512", &[("512", "1024", "table", true)]),
    ("ebs", "7:0 0 1", &[("0 1", "0 2", "table", true)]),
    ("era", "7:0 7:1 128", &[("128", "256", "table", true)]),
    ("error", "7:0 8", &[("8", "9", "table", true)]),
    ("flakey", "7:0 3 5 10 1 error_reads", &[
        ("7:0", "7:1", "device", true),
        (" 3 ", " 4 ", "offset", true),
        (" 5 ", " 6 ", "up interval", false),
        ("10", "11", "down interval", false),
        ("error_reads", "error_writes", "features", false),
    ]),
    ("inlinecrypt", "aes-xts-plain64 0011 0 7:0 0", &[("0011", "0012", "table", true)]),
    ("integrity", "7:0 2 4 J 3 journal_sectors:880 internal_hash:crc32c commit_time:7", &[
        ("7:0", "7:1", "device", true),
        (" 2 ", " 3 ", "reserved sectors", true),
        (" 4 ", " 8 ", "tag size", true),
        ("3 journal_sectors", "4 meta_device:7:1 journal_sectors", "meta_device", true),
        ("3 journal_sectors", "4 block_size:4096 journal_sectors", "block_size", true),
        ("crc32c", "crc32", "internal_hash", true),
        ("3 journal_sectors", "4 journal_crypt:ctr(aes):00 journal_sectors", "journal_crypt", true),
        ("3 journal_sectors", "4 journal_mac:hmac(sha256):00 journal_sectors", "journal_mac", true),
        ("J", "D", "mode", false),
        ("commit_time:7", "commit_time:8", "options", false),
    ]),
    ("linear", "7:0 8", &[("7:0", "7:1", "device", true), ("8", "9", "start", true)]),
    ("log-writes", "7:0 7:1", &[("7:1", "7:2", "table", true)]),
    ("mirror", "core 1 1024 2 7:0 0 7:1 0 1 handle_errors", &[
        ("7:1", "7:2", "legs", true),
        ("1024", "2048", "log", true),
        ("1 handle_errors", "2 handle_errors keep_log", "features", false),
    ]),
    ("multipath", "1 queue_if_no_path 1 alua 2 1 round-robin 0 1 1 7:0 1 round-robin 0 1 1 7:1 1", &[
        ("7:1", "7:2", "path groups", true),
        ("1 queue_if_no_path", "0", "features", false),
        ("1 alua", "0", "hardware handler", false),
        ("2 1 round", "2 2 round", "first group", false),
    ]),
    ("pcache", "7:0 7:1 2 data_crc true", &[("true", "false", "table", true)]),
    ("raid", "raid5_ls 3 64 region_size 1024 3 - 7:0 - 7:1 - 7:2", &[
        ("raid5_ls", "raid5_la", "raid type", true),
        ("64", "128", "chunk size", true),
        ("7:2", "7:3", "devices", true),
        ("1024", "2048", "params", false),
    ]),
    ("snapshot", "7:0 7:1 N 16 1 discard_zeroes_cow", &[
        ("7:0", "7:9", "origin", true),
        ("7:1", "7:9", "COW device", true),
        ("N", "P", "store", true),
        ("16", "8", "chunk size", true),
        ("1 discard_zeroes_cow", "0", "features", false),
    ]),
    ("raid", "raid10 6 64 raid10_copies 3 raid10_format far 3 - 7:0 - 7:1 - 7:2", &[
        ("copies 3", "copies 2", "raid10_copies", true),
        ("format far", "format offset", "raid10_format", true),
        ("6 64", "5 64", "raid10_use_near_sets", true),
    ]),
    ("snapshot-merge", "7:0 7:1 P 16 1 discard_zeroes_cow", &[
        ("7:0", "7:9", "origin", true),
        ("7:1", "7:9", "COW device", true),
        ("1 discard_zeroes_cow", "0", "features", false),
    ]),
    ("snapshot-origin", "7:0", &[("7:0", "7:1", "table", true)]),
    ("striped", "2 64 7:0 0 7:1 0", &[("64", "128", "chunk size", true), ("7:1", "7:2", "stripes", true)]),
    ("switch", "2 128 0 7:0 0 7:1 8", &[("128", "256", "table", true)]),
    ("thin", "7:0 3", &[("3", "4", "table", true)]),
    ("thin-pool", "7:0 7:1 128 5 1 skip_block_zeroing", &[
        ("7:0", "7:9", "metadata dev", true),
        ("7:1", "7:9", "data dev", true),
        ("128", "256", "data block size", true),
        (" 5 ", " 6 ", "low water mark", false),
        ("skip_block_zeroing", "read_only", "features", false),
    ]),
    ("unstriped", "2 64 1 7:0 0", &[("64", "128", "table", true)]),
    ("vdo", "V4 7:0 1048576 4096 32768 16380 cpu 2", &[
        ("7:0", "7:1", "storage dev", true),
        ("1048576", "1048577", "storage device size", true),
        ("4096", "512", "logical block size", true),
        ("32768", "32769", "cache blocks", false),
        ("16380", "16379", "era length", false),
        ("cpu 2", "cpu 3", "options", false),
    ]),
    ("verity", "1 7:0 7:1 4096 1024 8 3 sha256 00 a1 1 ignore_corruption", &[
        ("1 7:0", "0 7:0", "version", true),
        ("7:0", "7:9", "data dev", true),
        ("4096", "2048", "data dev", true),
        ("7:1", "7:9", "hash dev", true),
        ("1024", "2048", "hash dev", true),
        (" 8 ", " 9 ", "data blocks", true),
        (" 3 ", " 4 ", "hash start", true),
        ("sha256", "sha1", "algorithm", true),
        (" 00 ", " 01 ", "digest", true),
        ("a1", "a2", "salt", true),
        ("ignore_corruption", "restart_on_corruption", "options", false),
    ]),
    ("writecache", "s 7:0 7:1 4096 4 start_sector 8 max_age 5", &[
        ("s 7:0", "p 7:0", "cache type", true),
        ("7:0", "7:9", "origin dev", true),
        ("7:1", "7:9", "cache dev", true),
        ("4096", "512", "block size", true),
        ("sector 8", "sector 16", "start_sector", true),
        ("max_age 5", "max_age 6", "options", false),
    ]),
    ("zoned", "8:16 8:32", &[("8:32", "8:48", "table", true)]),
];

fn table(target_type: &str, params: &str) -> AnyTable {
    let line = format!("0 8 {target_type} {params}");
    TableLine::parse_printed(&line).unwrap_or_else(|error| panic!("{line}: {error}")).params
}

#[test]
fn tables_that_differ_in_one_field_differ_in_that_field() {
    for (target_type, params, changes) in DIFFERENCES {
        let one = table(target_type, params);
        assert_eq!(Any::difference(&one, &one), None, "{target_type} {params}");
        for (from, to, field, is_layout) in *changes {
            let other = table(target_type, &params.replacen(from, to, 1));
            for [one, other] in [[&one, &other], [&other, &one]] {
                // The kernel chooses the options that an integrity table does not contain.
                let found =
                    Any::difference(one, other).map(|TableDifference { field, is_layout, .. }| (field, is_layout));
                assert_eq!(found, Some((*field, *is_layout)), "{target_type} {one}: {from} or {to}");
            }
        }
    }
}

/// Params to load, and how a kernel prints them.
const PRINTED: &[(&str, &str, &str)] = &[
    ("error", "7:0 8", ""),
    ("error", "7:0", ""),
    ("flakey", "7:0 0 5 10", "7:0 0 5 10 2 error_reads error_writes"),
    ("flakey", "7:0 0 5 10 2 random_read_corrupt 0", "7:0 0 5 10 2 error_reads error_writes"),
    ("flakey", "7:0 0 5 10 3 drop_writes random_write_corrupt 0", "7:0 0 5 10 1 drop_writes"),
    (
        "inlinecrypt",
        "aes-xts-plain64 0011 0 7:0 0 2 sector_size:512 iv_large_sectors",
        "aes-xts-plain64 0011 1 0 7:0 0",
    ),
    ("multipath", "2 queue_mode rq 0 1 1 round-robin 0 1 0 7:0", "0 0 1 1 round-robin 0 1 1 7:0 1 "),
    ("multipath", "0 0 1 1 queue-length 0 1 1 7:0 128", "0 0 1 1 queue-length 0 1 1 7:0 1 "),
    ("multipath", "0 0 1 1 service-time 0 1 1 7:0 128", "0 0 1 1 service-time 0 1 2 7:0 1 1 "),
    ("multipath", "0 0 1 1 historical-service-time 0 1 0 7:0", "0 0 1 1 historical-service-time 2 972 0 1 1 7:0 0 "),
    ("multipath", "0 0 1 1 io-affinity 0 1 1 7:0 F0", "0 0 1 1 io-affinity 0 1 1 7:0 0,000000f0 "),
    ("multipath", "0 0 1 1 io-affinity 0 1 1 7:0 1,,5,", "0 0 1 1 io-affinity 0 1 1 7:0 1,00000005 "),
    ("multipath", "0 3 emc 0 1 0 0", "0 1 emc 0 0 "),
    ("multipath", "1 retain_attached_hw_handler 0 0 0", "0 0 0 0 "),
    ("multipath", "2 queue_mode bio 0 0 0", "3 retain_attached_hw_handler queue_mode bio 0 0 0 "),
    ("pcache", "7:0 7:1", "7:0 7:1 4 cache_mode writeback crc false"),
    ("snapshot", "7:0 7:1 p 16", "7:0 7:1 P 16"),
    (
        "verity",
        "1 7:0 7:1 4096 4096 8 3 sha256 00 - 4 fec_roots 2 fec_blocks 12",
        "1 7:0 7:1 4096 4096 8 3 sha256 00 -",
    ),
];

#[test]
fn a_loaded_table_does_not_differ_from_the_one_that_the_kernel_prints() {
    for (target_type, loaded, printed) in PRINTED {
        let [loaded, printed] = [loaded, printed].map(|params| table(target_type, params));
        for [one, other] in [[&loaded, &printed], [&printed, &loaded]] {
            assert_eq!(Any::difference(one, other), None, "{target_type} {one} is printed as {other}");
        }
    }
}

/// Params to load, and what a kernel may print for them.
#[rustfmt::skip]
const ADJUSTED: &[(&str, &str, &[&str])] = &[
    ("integrity", "7:0 0 - J 2 internal_hash:crc32c journal_sectors:1000", &[
        "7:0 0 4 J 6 journal_sectors:840 interleave_sectors:32768 buffer_sectors:128 journal_watermark:50 commit_time:10000 internal_hash:crc32c",
        "7:0 0 4 J 6 interleave_sectors:32768 buffer_sectors:128 journal_sectors:88 journal_watermark:50 commit_time:10000 internal_hash:crc32c",
    ]),
    ("integrity", "7:0 0 4 J 3 interleave_sectors:1000 buffer_sectors:1000 journal_watermark:33", &[
        "7:0 0 4 J 5 journal_sectors:88 interleave_sectors:512 buffer_sectors:512 journal_watermark:34 commit_time:10000",
        "7:0 0 4 J 5 journal_sectors:880 interleave_sectors:256 buffer_sectors:256 journal_watermark:33 commit_time:10000",
    ]),
    ("integrity", "7:0 0 - B 4 internal_hash:crc32c sectors_per_bit:1000 bitmap_flush_interval:1234 commit_time:7", &[
        "7:0 0 4 B 6 journal_sectors:880 interleave_sectors:512 buffer_sectors:128 sectors_per_bit:512 bitmap_flush_interval:1234 internal_hash:crc32c",
        "7:0 0 4 B 6 journal_sectors:880 interleave_sectors:512 buffer_sectors:128 sectors_per_bit:2048 bitmap_flush_interval:1236 internal_hash:crc32c",
    ]),
    ("multipath", "0 1 emc 0 0", &["0 1 alua 0 0 "]),
    ("multipath", "1 retain_attached_hw_handler 0 0 0", &["1 retain_attached_hw_handler 1 alua 0 0 ", "0 1 alua 0 0 "]),
    ("multipath", "2 queue_mode bio 1 alua 0 0", &["2 queue_mode bio 0 0 0 "]),
    ("raid", "raid1 1 24 2 - 7:0 - 7:1", &["raid1 1 0 2 - 7:0 - 7:1"]),
    ("raid", "raid1 7 0 daemon_sleep 0 max_write_behind 9 region_size 0 2 - 7:0 - 7:1", &[
        "raid1 7 0 daemon_sleep 1250 max_write_behind 4 region_size 8192 2 - 7:0 - 7:1",
        "raid1 7 0 daemon_sleep 500 max_write_behind 0 region_size 16384 2 - 7:0 - 7:1",
    ]),
    ("raid", "raid5_ls 5 512 stripe_cache 17 delta_disks -1 3 - 7:0 - 7:1 - 7:2", &[
        "raid5_ls 5 512 stripe_cache 256 delta_disks -1 3 - 7:0 - 7:1 - 7:2",
        "raid5_ls 5 512 stripe_cache 300 delta_disks 0 3 - 7:0 - 7:1 - 7:2",
    ]),
    ("integrity", "7:0 0 4 J 2 journal_sectors:199 journal_watermark:33", &["7:0 0 4 J 2 journal_sectors:199 journal_watermark:40"]),
    ("raid", "raid5_ls 3 64 stripe_cache 1 3 - 7:0 - 7:1 - 7:2", &["raid5_ls 3 64 stripe_cache 32 3 - 7:0 - 7:1 - 7:2"]),
    ("raid", "raid10 1 64 2 - 7:0 - 7:1", &["raid10 5 64 raid10_copies 2 raid10_format near 2 - 7:0 - 7:1"]),
    ("snapshot", "7:0 7:1 P 0", &["7:0 7:1 P 32", "7:0 7:1 P 0"]),
    ("snapshot", "7:0 7:1 P 16", &["7:0 7:1 P 32"]),
    ("snapshot", "7:0 7:1 none 16", &["7:0 7:1 N 16"]),
    ("snapshot-merge", "7:0 7:1 PO 16", &["7:0 7:1 PO 32"]),
    ("snapshot-merge", "7:0 7:1 po 16", &["7:0 7:1 PO 16"]),
];

#[test]
fn what_a_kernel_may_print_for_a_table_is_no_difference() {
    for (target_type, loaded, printed) in ADJUSTED {
        for printed in *printed {
            let [one, other] = [*loaded, printed].map(|params| table(target_type, params));
            assert_eq!(Any::difference(&one, &other), None, "{target_type} {one} is printed as {other}");
        }
    }
}

/// Params to load, and what no kernel prints for them.
#[rustfmt::skip]
const NOT_PRINTED: &[(&str, &str, &str)] = &[
    ("integrity", "7:0 0 4 J 1 buffer_sectors:64", "7:0 0 4 J 2 journal_sectors:880 buffer_sectors:128"),
    ("integrity", "7:0 0 4 J 1 journal_watermark:33", "7:0 0 4 J 2 journal_sectors:880 journal_watermark:34"),
    ("integrity", "7:0 0 4 B 1 sectors_per_bit:1024", "7:0 0 4 B 2 journal_sectors:880 sectors_per_bit:512"),
    ("integrity", "7:0 0 4 B 1 bitmap_flush_interval:20", "7:0 0 4 B 1 bitmap_flush_interval:30"),
    ("integrity", "7:0 0 4 J 2 journal_sectors:200 journal_watermark:33", "7:0 0 4 J 2 journal_sectors:200 journal_watermark:40"),
    ("raid", "raid5_ls 3 64 stripe_cache 1 3 - 7:0 - 7:1 - 7:2", "raid5_ls 3 64 stripe_cache 31 3 - 7:0 - 7:1 - 7:2"),
    ("raid", "raid5_ls 3 64 stripe_cache 512 3 - 7:0 - 7:1 - 7:2", "raid5_ls 3 64 stripe_cache 256 3 - 7:0 - 7:1 - 7:2"),
    ("raid", "raid5_ls 3 64 delta_disks 1 3 - 7:0 - 7:1 - 7:2", "raid5_ls 3 64 delta_disks 0 3 - 7:0 - 7:1 - 7:2"),
    ("raid", "raid1 3 0 daemon_sleep 0 2 - 7:0 - 7:1", "raid1 1 0 2 - 7:0 - 7:1"),
];

#[test]
fn what_no_kernel_prints_for_a_table_is_a_difference() {
    for (target_type, loaded, printed) in NOT_PRINTED {
        let [one, other] = [loaded, printed].map(|params| table(target_type, params));
        let is_layout = Any::difference(&one, &other).map(|found| found.is_layout);
        assert_eq!(is_layout, Some(false), "{target_type} {one} is not printed as {other}");
    }
}

#[test]
fn differences_of_the_layout_are_reported_first() {
    for (target_type, params, changes) in DIFFERENCES {
        let layouts = changes.iter().filter(|(.., is_layout)| *is_layout);
        for (from, to, field, _) in layouts {
            for (also_from, also_to, ..) in changes.iter().filter(|(.., is_layout)| !is_layout) {
                let changed = params.replacen(from, to, 1);
                if !changed.contains(also_from) {
                    continue;
                }
                let [one, other] =
                    [*params, &changed.replacen(also_from, also_to, 1)].map(|params| table(target_type, params));
                let found = Any::difference(&one, &other).map(|found| found.field);
                assert_eq!(found, Some(*field), "{target_type} {one}: {from} and {also_from}");
            }
        }
    }
}

#[test]
fn tables_of_two_targets_differ_in_their_type() {
    for pair in DIFFERENCES.windows(2) {
        let [one, other] = [&pair[0], &pair[1]].map(|(target_type, params, _)| table(target_type, params));
        assert_eq!(
            Any::difference(&one, &other).map(|found| (found.field, found.is_layout)),
            Some(("target type", true))
        );
    }
    let [one, other] = ["later", "later still"].map(|params| table("later", params));
    assert_eq!(Any::difference(&one, &other).map(|found| (found.field, found.is_layout)), Some(("table", true)));
    assert_eq!(Any::difference(&one, &one), None);
}

/// Examines the golden tables of every target.
#[derive(Default)]
struct EachTarget {
    missing: Vec<&'static str>,
    spelled: usize,
}

impl TargetVisitor for EachTarget {
    fn visit<T: Target>(&mut self) {
        if T::TYPE != "zero" && !DIFFERENCES.iter().any(|(target_type, ..)| *target_type == T::TYPE) {
            self.missing.push(T::TYPE);
        }
        for line in golden(T::TYPE).into_iter().filter(|line| line.kind == Kind::Table) {
            let table = T::parse_table(line.params()).unwrap_or_else(|error| panic!("{}: {error}", line.place));
            let any = TableLine::parse_printed(&line.text).unwrap().params;
            let has_failed = T::TYPE == "thin" && ["Fail", "-"].contains(&line.params());
            assert_eq!([T::has_failed(&table), Any::has_failed(&any)], [has_failed; 2], "{}", line.place);
            self.check_spelling::<T>(&table, line.params());
        }
    }
}

impl EachTarget {
    /// A table keeps its original words only if it would print others, so that usual tables need no memory for them.
    fn check_spelling<T: Target<Table: Debug>>(&mut self, table: &T::Table, text: &str) {
        let usual = T::parse_input(&table.to_string()).expect("what is printed is read");
        let is_kept = format!("{table:?}").contains(": unusual");
        let printed = format!("{usual:#}");
        // Keys are printed in lower case.
        let is_same = |one: &str, other: &str| if T::SECRET { one.eq_ignore_ascii_case(other) } else { one == other };
        let is_usual = if is_kept { printed == text } else { is_same(printed.trim_end(), text.trim_end()) };
        assert_ne!(is_kept, is_usual, "{} {text}", T::TYPE);
        self.spelled += usize::from(is_kept);
    }
}

#[test]
fn every_target_compares_its_tables_and_recognizes_those_of_failed_devices() {
    let mut each = EachTarget::default();
    visit_targets(&mut each);
    assert_eq!(each.missing, Vec::<&str>::new());
    assert_ne!(each.spelled, 0);
}
