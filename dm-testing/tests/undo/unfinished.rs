//! Steps that end a long work, for each state of that work: the step is taken only when the work is done, and otherwise
//! nothing changes.

use dm_core::StatusOptions;
use dm_targets::cache::{CacheIoMode, CachePolicy, CacheTable};
use dm_targets::clone::CloneTable;
use dm_targets::devices::{CacheDev, CloneDev, DevError, EraDev, IntegrityDev, LinearDev, MergeDev, MirrorDev};
use dm_targets::devices::{SnapshotDev, ThinPoolDev, WritecacheDev};
use dm_targets::era::EraTable;
use dm_targets::integrity::{IntegrityMode, IntegrityTable, KeyedAlgorithm};
use dm_targets::linear::LinearTable;
use dm_targets::mirror::{MirrorLeg, MirrorLog, MirrorTable};
use dm_targets::snapshot::{SnapshotOriginTable, SnapshotStore, SnapshotTable};
use dm_targets::thin_pool::ThinPoolTable;
use dm_targets::writecache::{WritecacheKind, WritecacheTable};
use dm_targets::{Any, Table, TableLine, Target};
use dm_testing::MemoryKernel;
use dm_units::{DataBlocks, Sectors};

use crate::devices::{LENGTH, MOMENT, disk, make_disks, one, open};

const NAME: &str = "tdevice";

/// The text of the active table.
fn table(memory: &MemoryKernel) -> String {
    let table = memory.dm().table_status_with(NAME, StatusOptions::table()).unwrap();
    let lines = table.iter().map(Result::unwrap);
    lines.map(|line| format!("{} {}\n", line.target_type, line.params.to_str().unwrap())).collect()
}

/// Takes the step in each state of a new device; the expected text is part of the error, or empty for success.
fn check(make: impl Fn(&MemoryKernel), step: impl Fn(&MemoryKernel) -> Result<(), DevError>, states: &[(&str, &str)]) {
    for (status, expected) in states {
        let memory = MemoryKernel::new();
        make_disks(&memory);
        make(&memory);
        let before = table(&memory);
        assert!(memory.set_status(NAME, Some(status)));
        match step(&memory) {
            Ok(()) => assert_eq!(*expected, "", "{status}: done"),
            Err(error) => {
                let text = error.to_string();
                assert!(!expected.is_empty() && text.contains(expected), "{status}: {text}");
                assert_eq!(table(&memory), before, "{status}");
                assert!(!memory.dm().device_info(NAME).unwrap().is_suspended(), "{status}");
                continue;
            }
        }
        assert_ne!(table(&memory), before, "{status}: nothing was done");
    }
}

fn make<T: Target>(table: impl Fn() -> T::Table) -> impl Fn(&MemoryKernel) {
    move |memory| {
        drop(dm_targets::devices::MappedDev::<T>::create(&memory.host(), NAME, &one(LENGTH, table())).unwrap())
    }
}

fn leg(number: u32) -> MirrorLeg {
    MirrorLeg::new(disk(number), Sectors(0))
}

fn mirror(legs: u32, keep_log: bool) -> impl Fn(&MemoryKernel) {
    make::<dm_targets::Mirror>(move || {
        let table = MirrorTable::new(MirrorLog::core(Sectors(256)), (1..=legs).map(leg)).handle_errors();
        if keep_log { table.keep_log() } else { table }
    })
}

#[test]
fn a_move_is_finished_when_all_is_copied_to_a_place_without_errors() {
    let make = |memory: &MemoryKernel| {
        let home = one(LENGTH, LinearTable::new(disk(0), Sectors(0)));
        let home = LinearDev::create(&memory.host(), NAME, &home).unwrap();
        home.move_segment(&memory.host(), Sectors(0), disk(1), Sectors(8)).unwrap();
    };
    let finish = |memory: &MemoryKernel| open::<Any>(memory, NAME)?.finish_move(&memory.host()).map(drop);
    let states = [
        ("2 8:0 8:16 0/8 1 AA 1 core", "0 of 8 regions"),
        ("2 8:0 8:16 7/8 1 AA 1 core", "7 of 8 regions of device 'tdevice' are copied; wait for the others"),
        ("2 8:0 8:16 8/8 1 AD 1 core", "8 of 8 regions of device 'tdevice' are copied, but a device has failed"),
        ("2 8:0 8:16 7/8 1 DA 1 core", "7 of 8 regions"),
        ("2 8:0 8:16 8/8 1 RA 1 core", ""),
        ("2 8:0 8:16 8/8 1 AA 1 core", ""),
    ];
    check(make, finish, &states);
    // A move can be cancelled before everything was copied.
    let cancel = |memory: &MemoryKernel| open::<Any>(memory, NAME)?.cancel_move(&memory.host()).map(drop);
    check(make, cancel, &states.map(|(status, _)| (status, "")));
}

#[test]
fn a_leg_of_a_mirror_replaces_it_only_if_it_holds_all_data() {
    let keep = |leg: u32| {
        move |memory: &MemoryKernel| open::<dm_targets::Mirror>(memory, NAME)?.keep_leg(&memory.host(), leg).map(drop)
    };
    let states = |first, second| {
        [
            ("2 8:0 8:16 7/8 1 AA 1 core", first),
            ("2 8:0 8:16 7/8 1 DA 1 core", "7 of 8 regions"),
            ("2 8:0 8:16 8/8 1 AA 1 core", ""),
            ("2 8:0 8:16 8/8 1 AD 1 core", second),
        ]
    };
    check(mirror(2, false), keep(0), &states("", ""));
    check(mirror(2, false), keep(1), &states("7 of 8 regions", "8 of 8 regions"));
}

#[test]
fn a_leg_is_copied_from_only_if_it_holds_all_data() {
    let replace = |leg: u32| {
        move |memory: &MemoryKernel| {
            let mirror: MirrorDev = open(memory, NAME)?;
            mirror.replace_leg(&memory.host(), leg, self::leg(5), MOMENT).map(drop)
        }
    };
    let add = |memory: &MemoryKernel| {
        let mirror: MirrorDev = open(memory, NAME)?;
        mirror.add_leg(&memory.host(), leg(5), MOMENT).map(drop)
    };
    check(
        mirror(2, false),
        replace(0),
        &[
            ("2 8:0 8:16 7/8 1 AA 1 core", "7 of 8 regions are in sync"),
            ("2 8:0 8:16 8/8 1 AD 1 core", "8 of 8 regions are in sync"),
            ("2 8:0 8:16 8/8 1 DA 1 core", ""),
        ],
    );
    check(
        mirror(2, true),
        replace(1),
        &[
            ("2 8:0 8:16 7/8 1 AA 1 core", ""),
            ("2 8:0 8:16 7/8 1 SA 1 core", "7 of 8 regions"),
            ("2 8:0 8:16 8/8 1 SA 1 core", "8 of 8 regions"),
        ],
    );
    for keep_log in [false, true] {
        let unknown = if keep_log { "7 of 8 regions" } else { "" };
        check(
            mirror(3, keep_log),
            add,
            &[
                ("3 8:0 8:16 8:32 7/8 1 AAA 1 core", unknown),
                ("3 8:0 8:16 8:32 7/8 1 DAA 1 core", "7 of 8 regions"),
                ("3 8:0 8:16 8:32 8/8 1 DAD 1 core", ""),
                ("3 8:0 8:16 8:32 8/8 1 DDD 1 core", "8 of 8 regions"),
            ],
        );
    }
}

#[test]
fn a_mirror_is_settled_when_all_is_copied() {
    let make = |memory: &MemoryKernel| {
        let log = MirrorLog::disk(disk(0), Sectors(256));
        let mirror = one(LENGTH, MirrorTable::new(log, [leg(1), leg(2)]).handle_errors());
        let mirror = MirrorDev::create(&memory.host(), NAME, &mirror).unwrap();
        drop(mirror.rebuild_from(&memory.host(), 0, [leg(3)], MOMENT).unwrap());
    };
    let settle = |memory: &MemoryKernel| open::<dm_targets::Mirror>(memory, NAME)?.settle(&memory.host());
    check(
        make,
        settle,
        &[("2 8:0 8:16 7/8 1 AA 3 disk 8:32 A", "7 of 8 regions"), ("2 8:0 8:16 8/8 1 AA 3 disk 8:32 A", "")],
    );
}

#[test]
fn a_mirror_of_two_lines_is_settled_when_both_are_copied() {
    let memory = MemoryKernel::new();
    make_disks(&memory);
    let copied = MirrorTable::new(MirrorLog::disk(disk(0), Sectors(256)).nosync(), [leg(1), leg(2)]);
    let new = MirrorTable::new(MirrorLog::disk(disk(3), Sectors(256)).sync(), [leg(4), leg(5)]);
    let lines = [(Sectors(0), copied), (LENGTH, new)];
    let lines = lines.map(|(start, params)| TableLine::<dm_targets::Mirror>::new(start, LENGTH, params));
    let mirror = MirrorDev::create(&memory.host(), NAME, &Table::new(lines).unwrap()).unwrap();

    let before = table(&memory);
    let error = mirror.settle(&memory.host()).unwrap_err();
    assert!(matches!(error, DevError::NotCopied { .. }), "{error}");
    assert_eq!(table(&memory), before);

    memory.set_status(NAME, Some("2 8:0 8:16 8/8 1 AA 3 disk 8:32 A"));
    mirror.settle(&memory.host()).unwrap();
    assert!(!table(&memory).contains("sync"), "{}", table(&memory));
}

#[test]
fn a_clone_is_finished_when_all_is_copied() {
    let make =
        make::<dm_targets::CloneTarget>(|| CloneTable::new(disk(0), disk(1), disk(2), Sectors(8)).no_hydration());
    let finish = |memory: &MemoryKernel| {
        let clone: CloneDev = open(memory, NAME)?;
        clone.finish(&memory.host()).map(drop)
    };
    check(
        make,
        finish,
        &[
            ("8 6/512 8 0/256 0 1 no_hydration 0 rw", "0 of 256 regions"),
            ("8 6/512 8 255/256 1 0 0 rw", "255 of 256 regions"),
            ("8 6/512 8 256/256 0 0 0 ro", ""),
            ("Fail", "the clone device 'tdevice' has failed"),
            ("Error", "the clone device 'tdevice' has failed"),
        ],
    );
}

#[test]
fn a_cache_is_detached_when_it_is_and_stays_clean() {
    let make = |mode: CacheIoMode| {
        make::<dm_targets::Cache>(move || {
            CacheTable::new(disk(0), disk(1), disk(2), Sectors(128), CachePolicy::Smq).io_mode(mode.clone())
        })
    };
    let detach = |memory: &MemoryKernel| {
        let cache: CacheDev = open(memory, NAME)?;
        cache.detach(&memory.host()).map(drop)
    };
    check(
        make(CacheIoMode::Writethrough),
        detach,
        &[
            ("8 7/512 128 4/64 0 0 0 0 0 4 3 1 writethrough 0 smq 0 rw - ", "3 blocks are dirty"),
            ("8 7/512 128 4/64 0 0 0 0 0 4 0 1 writethrough 0 smq 0 rw - ", ""),
            ("Fail", "the cache device 'tdevice' has failed"),
            ("Error", "the cache device 'tdevice' has failed"),
        ],
    );
    let clean = "8 7/512 128 4/64 0 0 0 0 0 4 0 1 passthrough 0 smq 0 rw - ";
    check(make(CacheIoMode::Passthrough), detach, &[(clean, "")]);
    let clean = "8 7/512 128 4/64 0 0 0 0 0 4 0 1 writeback 0 smq 0 rw - ";
    check(make(CacheIoMode::Writeback), detach, &[(clean, "0 blocks are dirty, or could become so")]);
}

#[test]
fn a_write_cache_is_detached_when_it_is_empty_and_has_not_failed() {
    let make = make::<dm_targets::Writecache>(|| WritecacheTable::new(WritecacheKind::Ssd, disk(0), disk(1), 512));
    let detach = |memory: &MemoryKernel| {
        let cache: WritecacheDev = open(memory, NAME)?;
        cache.detach(&memory.host()).map(drop)
    };
    check(
        make,
        detach,
        &[("0 100 93 0", "7 blocks are dirty"), ("1 100 100 0", "its origin may lack data"), ("0 100 100 0", "")],
    );
}

#[test]
fn a_merge_is_finished_when_only_metadata_is_left() {
    let make = |memory: &MemoryKernel| {
        let host = memory.host();
        let origin =
            dm_targets::devices::OriginDev::create(&host, NAME, &one(LENGTH, SnapshotOriginTable::new(disk(0))));
        let origin = origin.unwrap();
        origin.suspend(&host).unwrap();
        let table = SnapshotTable::new(disk(0), disk(1), SnapshotStore::Persistent, Sectors(16));
        let snapshot = SnapshotDev::create(&host, "tsnapshot", &one(LENGTH, table)).unwrap();
        origin.resume(&host).unwrap();
        origin.merge(&host, &snapshot).unwrap();
    };
    let finish = |memory: &MemoryKernel| {
        let merging: MergeDev = open(memory, NAME)?;
        merging.finish(&memory.host()).map(drop)
    };
    check(
        make,
        finish,
        &[
            ("48/4096 32", "the merge into device 'tdevice' is not done: 48/4096 32"),
            ("Merge failed", "is not done: Merge failed"),
            ("Invalid", "is not done: Invalid"),
            ("32/4096 32", ""),
        ],
    );
}

#[test]
fn a_pool_that_does_not_grow_is_an_error() {
    let make = make::<dm_targets::ThinPool>(|| ThinPoolTable::new(disk(0), disk(1), Sectors(128), DataBlocks(0)));
    for (status, expected) in [
        (
            "0 9/512 16/16 - ro discard_passdown queue_if_no_space - 64 ",
            "32 blocks: it has 16 and is in mode ro; check the",
        ),
        (
            "0 9/512 16/31 - rw discard_passdown queue_if_no_space needs_check 64 ",
            "31 and is in mode rw; its metadata must",
        ),
        ("0 9/512 16/32 - rw discard_passdown queue_if_no_space - 64 ", ""),
        ("Fail", "the thin pool has failed, so device 'tdevice' cannot be used"),
    ] {
        let memory = MemoryKernel::new();
        make_disks(&memory);
        make(&memory);
        memory.set_status(NAME, Some(status));
        let pool: ThinPoolDev = open(&memory, NAME).unwrap();
        let text = pool.grow(&memory.host(), Sectors(4096)).map_or_else(|error| error.to_string(), |()| String::new());
        assert!(text.contains(expected) && text.is_empty() == expected.is_empty(), "{status}: {text}");
    }
}

#[test]
fn figures_that_a_device_does_not_report_are_an_error() {
    let memory = MemoryKernel::new();
    make_disks(&memory);
    make::<dm_targets::Era>(|| EraTable::new(disk(0), disk(1), Sectors(128)))(&memory);
    let era: EraDev = open(&memory, NAME).unwrap();
    memory.set_status(NAME, Some("Error"));
    let host = memory.host();
    let errors = [
        era.figures(&host).unwrap_err(),
        era.checkpoint(&host).unwrap_err(),
        era.reserve_metadata_snapshot(&host).unwrap_err(),
    ];
    assert!(errors.iter().all(|error| matches!(error, DevError::EraFailed(_))), "{errors:?}");
    memory.set_status(NAME, Some("8 13/2048 3 -"));
    era.release_metadata_snapshot(&host).unwrap();
    assert!(matches!(era.reserve_metadata_snapshot(&host), Err(DevError::EraFailed(_))));

    let memory = MemoryKernel::new();
    make_disks(&memory);
    make::<dm_targets::Integrity>(|| {
        let table = IntegrityTable::new(disk(0), Sectors(0), None, IntegrityMode::Journal);
        table.internal_hash(KeyedAlgorithm::new("crc32c").unwrap())
    })(&memory);
    let safe: IntegrityDev = open(&memory, NAME).unwrap();
    memory.set_status(NAME, Some("0"));
    assert!(matches!(safe.resize_to_disk(&memory.host()), Err(DevError::NotReported(_))));
    memory.set_status(NAME, Some("0 1024 -"));
    assert_eq!(safe.resize_to_disk(&memory.host()).unwrap(), Sectors(1024));
    assert!(table(&memory).starts_with("integrity "));
}
