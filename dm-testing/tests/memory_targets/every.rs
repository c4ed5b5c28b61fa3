//! Properties of all targets.

use std::collections::BTreeSet;

use dm_targets::{HealthState, Target, TargetVisitor, visit_targets};
use dm_testing::MemoryKernel;

use crate::support::{Mapped, disks};

/// A target, its length, params, and the params that the kernel prints if they differ. `A` to `F` are disks of 4 MiB.
pub(crate) const TABLES: &[(&str, u64, &str, &str)] = &[
    ("cache", 8192, "A B C 128 1 writethrough default 2 migration_threshold 100", ""),
    ("clone", 8192, "A B C 8 1 no_hydration 4 hydration_threshold 13 hydration_batch_size 2", ""),
    ("crypt", 1024, "aes-cbc-plain64 000102030405060708090a0b0c0d0e0f 8 A 8 1 allow_discards", ""),
    ("delay", 64, "A 0 10 B 8 20", ""),
    ("dust", 64, "A 8 512", ""),
    ("ebs", 64, "A 8 1 8", ""),
    ("era", 8192, "A B 128", ""),
    ("error", 64, "", ""),
    ("flakey", 64, "A 0 5 10", "A 0 5 10 2 error_reads error_writes"),
    (
        "integrity",
        64,
        "A 0 - J 1 internal_hash:crc32c",
        "A 0 4 J 6 journal_sectors:64 interleave_sectors:32768 buffer_sectors:128 journal_watermark:50 \
         commit_time:10000 internal_hash:crc32c",
    ),
    ("linear", 64, "A 8", ""),
    ("log-writes", 8192, "A B", ""),
    ("mirror", 8192, "disk 3 A 1024 nosync 2 B 0 C 0 1 handle_errors", ""),
    (
        "multipath",
        8192,
        "1 queue_if_no_path 0 2 2 round-robin 0 1 0 A service-time 0 2 2 B 1 7 C 1 0",
        "1 queue_if_no_path 0 2 2 round-robin 0 1 1 A 1 service-time 0 2 2 B 1 7 C 1 0",
    ),
    ("raid", 8192, "raid1 2 0 nosync 2 A B C D", ""),
    ("snapshot-origin", 64, "A", ""),
    ("striped", 128, "2 64 A 0 B 64", ""),
    ("switch", 256, "2 128 0 A 0 B 8", ""),
    ("unstriped", 64, "2 64 1 A 0", ""),
    ("vdo", 8192, "V4 A 1024 4096 32768 16380 compression on", ""),
    (
        "verity",
        8192,
        "1 A B 4096 4096 1024 1 sha256 4392712ba01368efdf14b05c76f9e4df0d53664630b5d48632ed17a137f39076 -",
        "",
    ),
    ("writecache", 8192, "s A B 4096 2 high_watermark 60", ""),
    ("zero", 64, "", ""),
    ("zoned", 8192, "A B", ""),
];

/// Targets that are newer than Linux 6.12.
pub(crate) const LATER: &[&str] = &["inlinecrypt", "pcache"];

/// Targets whose devices are made in other ways.
const ELSEWHERE: &[&str] = &["snapshot", "snapshot-merge", "thin", "thin-pool"];

/// Params with another word in the place of each disk.
pub(crate) fn with_disks(params: &str, disk: impl Fn(usize) -> String) -> String {
    let place = |word: &str| "ABCDEF".find(word).filter(|_| word.len() == 1);
    let words = params.split(' ').map(|word| place(word).map_or_else(|| word.to_owned(), &disk));
    words.collect::<Vec<_>>().join(" ")
}

struct EveryTarget;

impl TargetVisitor for EveryTarget {
    fn visit<T: Target>(&mut self) {
        let memory = MemoryKernel::new();
        if LATER.contains(&T::TYPE) {
            let (errno, line) = Mapped::try_new(&memory, 64, T::TYPE, "").err().unwrap();
            assert_eq!(errno, crate::support::EINVAL);
            assert!(line.ends_with("unknown target type"), "{line}");
            return;
        }
        let Some((_, length, params, printed)) = TABLES.iter().find(|(target, ..)| *target == T::TYPE) else {
            assert!(ELSEWHERE.contains(&T::TYPE), "{}", T::TYPE);
            return;
        };
        let disks = disks(&memory, [4096; 6]);
        let named = |params: &str, paths: bool| {
            with_disks(params, |place| match paths {
                true => disks[place].path().to_str().unwrap().to_owned(),
                false => disks[place].number().to_string(),
            })
        };
        // A path is equivalent to a number.
        for paths in [false, true] {
            let given = named(params, paths);
            let device = Mapped::new(&memory, *length, T::TYPE, &given);
            let is_verbatim = T::TYPE == "vdo";
            let printed = named(if printed.is_empty() { params } else { printed }, paths && is_verbatim);
            assert_eq!(device.table().trim_end(), printed, "{}", T::TYPE);
            assert_eq!(T::parse_table(&device.table()).unwrap(), T::parse_input(&printed).unwrap(), "{}", T::TYPE);

            let status = device.status();
            let health = T::health(&T::parse_status(&status).unwrap());
            assert_eq!(health.state(), HealthState::Good, "{} {status}: {health}", T::TYPE);

            let used: BTreeSet<_> = device.dm.table_deps(device.number).unwrap().iter().collect();
            let wanted = params.split(' ').filter_map(|word| "ABCDEF".find(word).filter(|_| word.len() == 1));
            let wanted: BTreeSet<_> = wanted.map(|place| disks[place].number()).collect();
            assert_eq!(used, wanted, "{}", T::TYPE);
            device.dm.device_remove(device.number).unwrap();
        }
    }
}

#[test]
fn a_valid_table_of_every_target_is_printed_as_loaded_and_is_healthy() {
    visit_targets(&mut EveryTarget);
}
