//! The health that each status leads to: every target, healthy and in every state that the kernel prints.

use std::collections::BTreeSet;

use dm_targets::{AnyStatus, Concern, HealthState, StatusLine, Target, TargetVisitor, visit_targets};

use crate::lines::{Kind, golden};

/// Statuses and their health. All numbers differ, so that no field can be confused with another.
#[rustfmt::skip]
const STATUSES: &[(&str, &str)] = &[
    // Targets whose status contains no state.
    ("linear ", "good"),
    ("zero ", "good"),
    ("crypt ", "good"),
    ("snapshot-origin ", "good"),
    ("delay 3 4", "good"),
    ("delay 3 4 5", "good"),
    ("dust 7:0 fail_read_on_bad_block verbose", "good"),
    ("pcache 0 128 64 64 70 0 3:8192 3:0 3:0", "good"),
    ("zoned 9 zones 0/2 cache 0/2 random 0/7 sequential", "good"),

    ("cache 8 27/200 128 40/40 1 2 3 4 5 6 10 1 writeback 2 migration_threshold 2048 smq 0 rw - ",
        "good; metadata 13% used, 25% dirty"),
    ("cache 8 27/200 128 5/40 1 2 3 4 5 6 0 1 writeback 2 migration_threshold 2048 smq 0 ro needs_check ",
        "attention: writes fail, metadata must be checked; metadata 13% used, 0% dirty, 1 to repair"),
    ("cache 8 200/200 128 5/40 1 2 3 4 5 6 0 1 writeback 2 migration_threshold 2048 smq 0 rw - ",
        "attention: low on metadata space; metadata 100% used, 0% dirty"),
    ("cache 8 27/200 128 5/40 1 2 3 4 5 6 0 1 writeback 2 migration_threshold 2048 smq 0 rx - ",
        "attention: unknown state; metadata 13% used, 0% dirty"),
    ("cache 8 27/200 128 5/40 1 2 3 4 5 6 0 1 writeback 2 migration_threshold 2048 smq 0 rw later ",
        "attention: unknown state; metadata 13% used, 0% dirty"),
    ("cache 8 27/200 128 5/40 1 2 3 4 5 6 3 1 writeback 2 migration_threshold 2048 cleaner 0 rw - ",
        "good; metadata 13% used, 7% dirty, cleaning 92% done"),
    ("cache 8 27/200 128 5/40 1 2 3 4 5 6 0 1 writeback 2 migration_threshold 2048 cleaner 0 rw - ",
        "good; metadata 13% used, 0% dirty"),
    ("cache Fail", "failed: cannot serve requests; 1 to repair"),
    ("cache Error", "attention: figures could not be read"),

    ("clone 8 10/100 8 3/12 1 0 4 hydration_threshold 1 hydration_batch_size 1 rw",
        "good; metadata 10% used, copy 25% done"),
    ("clone 8 10/100 8 12/12 0 0 4 hydration_threshold 1 hydration_batch_size 1 rw", "good; metadata 10% used"),
    ("clone 8 100/100 8 12/12 0 0 4 hydration_threshold 1 hydration_batch_size 1 ro",
        "attention: writes fail, low on metadata space; metadata 100% used"),
    ("clone 8 10/100 8 3/12 1 0 4 hydration_threshold 1 hydration_batch_size 1 Fail",
        "failed: cannot serve requests; metadata 10% used, 1 to repair"),
    ("clone 8 10/100 8 3/12 0 0 4 hydration_threshold 0 hydration_batch_size 1 rw", "good; metadata 10% used"),
    ("clone 8 10/100 8 3/12 0 1 no_hydration 4 hydration_threshold 1 hydration_batch_size 1 rw", "good; metadata 10% used"),
    ("clone 8 10/100 8 12/12 1 0 4 hydration_threshold 1 hydration_batch_size 1 rx",
        "attention: unknown state; metadata 10% used"),
    ("clone Fail", "failed: cannot serve requests; 1 to repair"),
    ("clone Error", "attention: figures could not be read"),

    ("era 8 3/128 1 -", "good; metadata 2% used"),
    ("era 8 128/128 1 9", "attention: low on metadata space; metadata 100% used"),
    ("era Error", "attention: figures could not be read"),

    ("integrity 0", "good"),
    ("integrity 0 64 -", "good"),
    ("integrity 0 64 64", "good; 100% in sync"),
    ("integrity 0 64 16", "attention: not in sync; 25% in sync, recalculation 25% done"),
    ("integrity 3 64 -", "attention: blocks do not match; 3 to repair"),
    ("integrity 3 64 16", "attention: not in sync, blocks do not match; 25% in sync, recalculation 25% done, 3 to repair"),

    ("log-writes 1 1", "good"),
    ("log-writes 1 1 logging_disabled", "attention: part of its work has stopped"),

    ("mirror 2 8:0 8:16 4/4 1 AA 1 core", "good; 2 of 2 devices healthy, 100% in sync"),
    ("mirror 2 8:0 8:16 4/4 1 AA 3 disk 8:32 A", "good; 2 of 2 devices healthy, 100% in sync"),
    ("mirror 2 8:0 8:16 1/4 1 AR 1 core",
        "attention: devices have failed, not in sync; \
         1 of 2 devices healthy, 25% in sync, resync 25% done, 1 to repair"),
    ("mirror 3 8:0 8:16 8:32 5/64 1 ADA 1 core",
        "attention: devices have failed, not in sync; 2 of 3 devices healthy, 7% in sync, 1 to repair"),
    ("mirror 3 8:0 8:16 8:32 4/4 1 SRA 1 core",
        "attention: devices have failed; 1 of 3 devices healthy, 100% in sync, 2 to repair"),
    ("mirror 2 8:0 8:16 4/4 1 AF 1 core",
        "attention: devices have failed; 1 of 2 devices healthy, 100% in sync, 1 to repair"),
    ("mirror 2 8:0 8:16 4/4 1 AU 1 core",
        "attention: devices have failed; 1 of 2 devices healthy, 100% in sync, 1 to repair"),
    ("mirror 2 8:0 8:16 4/4 1 AX 1 core",
        "attention: devices have failed, unknown state; \
         1 of 2 devices healthy, 100% in sync, 1 to repair"),
    ("mirror 2 8:0 8:16 4/4 1 DR 1 core",
        "failed: cannot serve requests, devices have failed; 0 of 2 devices healthy, 100% in sync, 2 to repair"),
    ("mirror 2 8:0 8:16 4/4 1 AA 3 disk 8:32 D",
        "attention: the log has failed; 2 of 2 devices healthy, 100% in sync, 1 to repair"),
    ("mirror 2 8:0 8:16 4/4 1 AA 3 disk 8:32 F",
        "attention: the log has failed; 2 of 2 devices healthy, 100% in sync, 1 to repair"),
    ("mirror 2 8:0 8:16 4/4 1 AA 3 disk 8:32 X",
        "attention: unknown state; 2 of 2 devices healthy, 100% in sync"),
    ("mirror 2 8:0 8:16 4/4 1 AA userspace 1 COM_FAILURE",
        "attention: the log has failed; 2 of 2 devices healthy, 100% in sync, 1 to repair"),
    ("mirror 2 8:0 8:16 4/4 1 AA 1 clustered-core", "good; 2 of 2 devices healthy, 100% in sync"),
    ("mirror 2 8:0 8:16 4/4 1 AA 3 clustered-disk 8:32 A", "good; 2 of 2 devices healthy, 100% in sync"),
    ("mirror 2 8:0 8:16 4/4 1 AA 3 clustered-disk 8:32 D",
        "attention: the log has failed; 2 of 2 devices healthy, 100% in sync, 1 to repair"),
    ("mirror 2 8:0 8:16 4/4 1 AA 3 clustered_disk 8:32 F",
        "attention: the log has failed; 2 of 2 devices healthy, 100% in sync, 1 to repair"),
    ("mirror 2 8:0 8:16 4/4 1 AA 3 clustered-disk 8:32 X",
        "attention: unknown state; 2 of 2 devices healthy, 100% in sync"),

    ("multipath 2 0 0 0 2 1 A 0 1 0 8:0 A 0 E 0 1 0 8:16 A 0 ", "good; 2 of 2 devices healthy"),
    ("multipath 2 0 0 0 1 1 A 0 3 0 8:0 A 0 8:16 F 1 8:32 A 0 ",
        "attention: devices have failed; 2 of 3 devices healthy, 1 to repair"),
    ("multipath 2 0 0 0 2 1 A 0 1 0 8:0 A 0 D 0 1 0 8:16 A 0 ",
        "attention: part of its work has stopped; 2 of 2 devices healthy"),
    ("multipath 2 0 0 0 2 1 E 0 1 0 8:0 F 1 E 0 1 0 8:16 F 1 ",
        "failed: cannot serve requests, devices have failed; 0 of 2 devices healthy, 2 to repair"),
    ("multipath 2 0 0 0 1 1 A 0 2 0 8:0 A 0 8:16 X 1 ",
        "attention: unknown state; 1 of 2 devices healthy"),
    ("multipath 2 0 0 0 1 1 X 0 1 0 8:0 A 0 ", "attention: unknown state; 1 of 1 devices healthy"),
    ("multipath 2 0 0 0 0 0 ", "failed: cannot serve requests; 0 of 0 devices healthy"),

    ("raid raid1 2 AA 8/8", "good; 2 of 2 devices healthy, 100% in sync"),
    ("raid raid1 2 aa 2/8", "attention: not in sync; 2 of 2 devices healthy, 25% in sync"),
    ("raid raid1 2 AA 8/8 idle 0 0 -", "good; 2 of 2 devices healthy, 100% in sync"),
    ("raid raid1 2 AA 1/8 check 0 0 -", "good; 2 of 2 devices healthy, 100% in sync, check 12% done"),
    ("raid raid1 2 AA 1/8 repair 0 0 -", "good; 2 of 2 devices healthy, 100% in sync, repair 12% done"),
    ("raid raid1 2 AA 0/8 frozen 0 0 -", "good; 2 of 2 devices healthy"),
    ("raid raid1 2 aa 0/8 frozen 0 0 -", "attention: not in sync; 2 of 2 devices healthy"),
    ("raid raid1 2 aa 2/8 resync 0 0 -", "attention: not in sync; 2 of 2 devices healthy, 25% in sync, resync 25% done"),
    ("raid raid5_ls 3 AAA 1/8 idle 0 0 -", "attention: not in sync; 3 of 3 devices healthy, 12% in sync"),
    ("raid raid5_ls 3 aaaa 2/8 reshape 0 0 -", "attention: not in sync; 4 of 4 devices healthy, reshape 25% done"),
    ("raid raid1 2 Aa 4/8 recover 0 0 -",
        "attention: not in sync; 1 of 2 devices healthy, 50% in sync, recovery 50% done"),
    ("raid raid1 3 AaD 4/8 recover 0 0 -",
        "attention: devices have failed, not in sync; \
         1 of 3 devices healthy, 50% in sync, recovery 50% done, 1 to repair"),
    ("raid raid1 2 AA 8/8 idle 24 0 -",
        "attention: blocks do not match; 2 of 2 devices healthy, 100% in sync, 24 to repair"),
    ("raid raid1 3 ADD 8/8 idle 0 0 -",
        "attention: devices have failed; 1 of 3 devices healthy, 100% in sync, 2 to repair"),
    ("raid raid1 2 DD 8/8 idle 0 0 -",
        "failed: cannot serve requests, devices have failed; 0 of 2 devices healthy, 100% in sync, 2 to repair"),
    ("raid raid0 2 AA 8/8 idle 0 0 -", "good; 2 of 2 devices healthy, 100% in sync"),
    ("raid raid0 2 AD 8/8 idle 0 0 -",
        "failed: cannot serve requests, devices have failed; 1 of 2 devices healthy, 100% in sync, 1 to repair"),
    ("raid raid4 3 A-A 8/8 idle 0 0 -",
        "attention: devices have failed; 2 of 3 devices healthy, 100% in sync, 1 to repair"),
    ("raid raid4 3 A-D 8/8 idle 0 0 -",
        "failed: cannot serve requests, devices have failed; 1 of 3 devices healthy, 100% in sync, 2 to repair"),
    ("raid raid5_ls 3 ADD 8/8 idle 0 0 -",
        "failed: cannot serve requests, devices have failed; 1 of 3 devices healthy, 100% in sync, 2 to repair"),
    ("raid raid5_n 3 AaD 8/8 idle 0 0 -",
        "failed: cannot serve requests, devices have failed, not in sync; \
         1 of 3 devices healthy, 100% in sync, 1 to repair"),
    ("raid raid5_n 3 aaD 2/8 resync 0 0 -",
        "attention: devices have failed, not in sync; \
         2 of 3 devices healthy, 25% in sync, resync 25% done, 1 to repair"),
    ("raid raid6_zr 5 AADDA 8/8 idle 0 0 -",
        "attention: devices have failed; 3 of 5 devices healthy, 100% in sync, 2 to repair"),
    ("raid raid6_zr 5 AADDD 8/8 idle 0 0 -",
        "failed: cannot serve requests, devices have failed; 2 of 5 devices healthy, 100% in sync, 3 to repair"),
    ("raid raid6_n_6 5 AA-D- 8/8 idle 0 0 -",
        "failed: cannot serve requests, devices have failed; 2 of 5 devices healthy, 100% in sync, 3 to repair"),
    ("raid raid10 4 ADDA 8/8 idle 0 0 -",
        "attention: devices have failed; 2 of 4 devices healthy, 100% in sync, 2 to repair"),
    ("raid raid10_near 4 AADD 8/8 idle 0 0 -",
        "failed: cannot serve requests, devices have failed; 2 of 4 devices healthy, 100% in sync, 2 to repair"),
    ("raid raid10 5 ADDAA 8/8 idle 0 0 -",
        "failed: cannot serve requests, devices have failed; 3 of 5 devices healthy, 100% in sync, 2 to repair"),
    ("raid raid10_far 4 DADA 8/8 idle 0 0 -",
        "attention: devices have failed; 2 of 4 devices healthy, 100% in sync, 2 to repair"),
    ("raid raid10_offset 4 DAAD 8/8 idle 0 0 -",
        "failed: cannot serve requests, devices have failed; 2 of 4 devices healthy, 100% in sync, 2 to repair"),
    ("raid raid7 3 ADD 8/8 idle 0 0 -",
        "attention: devices have failed; 1 of 3 devices healthy, 100% in sync, 2 to repair"),
    ("raid raid5_ls 3 AAA 8/8 idle 0 0 A", "good; 3 of 3 devices healthy, 100% in sync"),
    ("raid raid5_ls 3 AAA 8/8 idle 0 0 a", "good; 3 of 3 devices healthy, 100% in sync"),
    ("raid raid5_ls 3 AAA 8/8 idle 0 0 D",
        "attention: devices have failed, writes fail; 3 of 3 devices healthy, 100% in sync, 1 to repair"),
    ("raid raid5_ls 3 AAA 8/8 idle 0 0 X",
        "attention: unknown state; 3 of 3 devices healthy, 100% in sync"),
    ("raid raid5_ls 3 AAA 8/8 undef 0 0 -", "attention: unknown state; 3 of 3 devices healthy"),
    ("raid raid5_ls 3 AAA 8/8 later 0 0 -", "attention: unknown state; 3 of 3 devices healthy"),
    ("raid raid5_ls 3 AAX 8/8 idle 0 0 -",
        "attention: unknown state; 3 of 3 devices healthy, 100% in sync"),
    ("raid ", "attention: figures could not be read"),

    ("snapshot 4/16 2", "good; data 25% used"),
    ("snapshot 16/16 2", "attention: out of data space; data 100% used"),
    ("snapshot Invalid", "failed: contents are lost"),
    ("snapshot Overflow", "attention: out of data space, writes fail"),
    ("snapshot Unknown", "attention: figures could not be read"),
    ("snapshot Merge failed", "attention: part of its work has stopped; 1 to repair"),
    ("snapshot-merge 4/16 2", "good; data 25% used, merge in progress"),
    ("snapshot-merge 16/16 2", "good; data 100% used, merge in progress"),
    ("snapshot-merge Overflow", "good; merge in progress"),
    ("snapshot-merge 4/16 4", "good; data 25% used"),
    ("snapshot-merge Invalid", "failed: contents are lost"),
    ("snapshot-merge Merge failed", "attention: part of its work has stopped; 1 to repair"),
    ("snapshot-merge Unknown", "attention: figures could not be read"),

    ("striped 2 7:0 7:1 1 AA", "good; 2 of 2 devices healthy"),
    ("striped 3 7:0 7:1 7:2 1 ADA", "attention: devices have failed; 2 of 3 devices healthy, 1 to repair"),
    ("striped 2 7:0 7:1 1 AX", "attention: unknown state; 1 of 2 devices healthy"),

    ("thin 8 7", "good"),
    ("thin 0 -", "good"),
    ("thin Fail", "failed: cannot serve requests"),
    ("thin Error", "attention: figures could not be read"),
    ("thin -", "attention: figures could not be read"),

    ("thin-pool 0 300/1024 1/4 - rw - - - 256 ", "good; data 25% used, metadata 29% used"),
    ("thin-pool 0 767/1024 1/4 - rw - - - 256 ", "good; data 25% used, metadata 74% used"),
    ("thin-pool 0 768/1024 1/4 - rw - - - 256 ",
        "attention: low on metadata space; data 25% used, metadata 75% used"),
    ("thin-pool 0 1024/1024 1/4 - rw ", "attention: low on metadata space; data 25% used, metadata 100% used"),
    ("thin-pool 0 8/1024 4/4 - rw - - - 256 ", "attention: out of data space; data 100% used, metadata 0% used"),
    ("thin-pool 0 769/1024 3/4 - out_of_data_space - - - 256 ",
        "attention: out of data space, low on metadata space; data 75% used, metadata 75% used"),
    ("thin-pool 0 8/1024 1/4 - ro - - needs_check ",
        "attention: writes fail, metadata must be checked; data 25% used, metadata 0% used, 1 to repair"),
    ("thin-pool 0 8/1024 1/4 - rx - - - 256 ",
        "attention: unknown state; data 25% used, metadata 0% used"),
    ("thin-pool 0 8/1024 1/4 - rw - - later 256 ",
        "attention: unknown state; data 25% used, metadata 0% used"),
    ("thin-pool Fail", "failed: cannot serve requests; 1 to repair"),
    ("thin-pool Error", "attention: figures could not be read"),

    ("vdo /dev/vdi normal - online offline 1 4", "good; data 25% used"),
    ("vdo /dev/vdi normal - offline online 4 4", "attention: out of data space; data 100% used"),
    ("vdo /dev/vdi recovering recovering online online 1 4", "attention: recovering from a crash; data 25% used"),
    ("vdo /dev/vdi normal recovering online online 1 4", "attention: recovering from a crash; data 25% used"),
    ("vdo /dev/vdi recovering - online online 1 4", "attention: recovering from a crash; data 25% used"),
    ("vdo /dev/vdi read-only - closed online 1 4", "attention: writes fail; data 25% used, 1 to repair"),
    ("vdo /dev/vdi normal - error online 1 4", "attention: part of its work has stopped; data 25% used"),
    ("vdo /dev/vdi normal - unknown online 1 4", "attention: unknown state; data 25% used"),
    ("vdo /dev/vdi later - online online 1 4", "attention: unknown state; data 25% used"),
    ("vdo /dev/vdi normal later online online 1 4", "attention: unknown state; data 25% used"),
    ("vdo /dev/vdi normal - later online 1 4", "attention: unknown state; data 25% used"),

    ("verity V", "good"),
    ("verity V -", "good"),
    ("verity V 0", "good"),
    ("verity V 12", "good; 12 corrected"),
    ("verity C 12", "failed: data is corrupted; 12 corrected"),
    ("verity X", "attention: unknown state"),

    ("writecache 0 100 75 5", "good; 25% dirty"),
    ("writecache 0 100 0 5", "good; 100% dirty"),
    ("writecache 1 100 75 0", "attention: writes fail; 25% dirty, 1 to repair"),
];

fn status(text: &str) -> AnyStatus {
    let line = format!("0 8 {text}");
    line.parse::<StatusLine>().unwrap_or_else(|error| panic!("{line}: {error}")).status
}

#[test]
fn every_state_has_the_health_that_the_kernel_means() {
    let mut wrong = String::new();
    for (text, expected) in STATUSES {
        let found = status(text).health().expect("the target is known").to_string();
        if found != *expected {
            wrong += &format!("{text}\n  says   {found}\n  not    {expected}\n");
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
}

/// The targets for which the table above has no good status or no bad status.
#[derive(Default)]
struct Missing(Vec<String>);

impl TargetVisitor for Missing {
    fn visit<T: Target>(&mut self) {
        let of_target =
            || STATUSES.iter().map(|(text, _)| status(text)).filter(|status| status.target_type() == T::TYPE);
        let printed = golden(T::TYPE).iter().any(|line| line.kind == Kind::Status && !line.params().trim().is_empty());
        if printed && of_target().count() == 0 {
            self.0.push(format!("{} in any state", T::TYPE));
        }
        let is_good = |status: &AnyStatus| status.health().is_some_and(|health| health.state() == HealthState::Good);
        if of_target().any(|status| !is_good(&status)) && !of_target().any(|status| is_good(&status)) {
            self.0.push(format!("{} when it is good", T::TYPE));
        }
    }
}

#[test]
fn every_target_that_prints_a_status_is_in_the_table() {
    let mut missing = Missing::default();
    visit_targets(&mut missing);
    assert_eq!(missing.0, Vec::<String>::new());
}

#[test]
fn every_concern_is_reported_by_some_status() {
    let reported: BTreeSet<String> = STATUSES
        .iter()
        .flat_map(|(text, _)| status(text).health().expect("the target is known").concerns)
        .map(|concern: Concern| concern.to_string())
        .collect();
    assert_eq!(reported.len(), 15, "{reported:?}");
}

/// The statuses in the golden lines.
struct Golden;

impl TargetVisitor for Golden {
    fn visit<T: Target>(&mut self) {
        for line in golden(T::TYPE).iter().filter(|line| line.kind == Kind::Status) {
            let status: StatusLine<T> = line.text.parse().unwrap_or_else(|error| panic!("{}: {error}", line.place));
            let health = T::health(&status.status);
            assert!(!health.concerns.contains(&Concern::Unknown), "{}: {}: {health}", line.place, line.text);
        }
    }
}

#[test]
fn no_golden_state_is_unknown() {
    visit_targets(&mut Golden);
}

#[test]
fn tags_are_complete_once_they_are_as_long_as_the_line() {
    let health = |line: &str| line.parse::<StatusLine>().unwrap().health().unwrap().to_string();
    assert_eq!(health("0 16 integrity 0 64 16"), "good; 100% in sync");
    assert_eq!(health("0 32 integrity 0 64 16"), "attention: not in sync; 50% in sync, recalculation 50% done");
    assert_eq!(health("0 8 verity V"), "good");
}

#[test]
fn an_unknown_target_has_no_health() {
    assert_eq!(status("later words").health(), None);
}
