//! `cache`, `writecache`, `era`, `clone`: targets between a device and its users.

use dm_targets::cache::{
    CacheBlocks, CacheCheck, CacheIoMode, CacheKey, CacheMessage, CacheMetadataMode, CachePolicy, CacheSetting,
    CacheStatus, CacheTable, WorkingCache,
};
use dm_targets::clone::{CloneMessage, CloneMode, CloneStatus, CloneTable, WorkingClone};
use dm_targets::era::{EraMessage, EraStatus, EraTable, WorkingEra};
use dm_targets::writecache::{WritecacheKind, WritecacheMessage, WritecacheTable};
use dm_targets::{Cache, CloneTarget, Concern, Era, Writecache};
use dm_testing::{Fault, FaultyDisk, Pattern, Scratch, require, wait_until};
use dm_units::{DataBlocks, Sectors};

use crate::support::{Mapped, SOON, concerns, disk, has, map};

/// The length of all origins.
const LENGTH: Sectors = Sectors(16_384);
const BLOCK: Sectors = Sectors(128);

/// A cache with new metadata.
fn cache<'s>(
    scratch: &'s Scratch,
    suffix: &str,
    policy: CachePolicy,
    options: impl FnOnce(CacheTable) -> CacheTable,
) -> Mapped<'s, Cache> {
    let [metadata, fast, origin] = [2, 4, 8].map(|size| disk(scratch, size).number());
    map(scratch, suffix, LENGTH, options(CacheTable::new(metadata, fast, origin, BLOCK, policy)))
}

fn working(cache: &Mapped<'_, Cache>) -> Box<WorkingCache> {
    match cache.status() {
        CacheStatus::Working(cache) => cache,
        other => panic!("{other:?}"),
    }
}

#[test]
#[ignore = "needs root and device mapper: cargo xtask test-root"]
fn a_cache_that_writes_back_reports_dirty_blocks() {
    let Some(scratch) = Scratch::new(&[require::target("cache")]) else { return };
    let cache = cache(&scratch, "cache", CachePolicy::Smq, |table| table.io_mode(CacheIoMode::Writeback));
    assert_eq!(working(&cache).resident.used, DataBlocks(0));
    // Blocks that are written completely and repeatedly are promoted.
    for seed in 0..20 {
        Pattern::new(seed).write(&cache.device().path(), Sectors(0), Sectors(1024)).unwrap();
    }
    let status = working(&cache);
    assert!(status.write_hits + status.write_misses > 0);
    cache.send(&CacheMessage::Set(CacheSetting::new(CacheKey::MigrationThreshold, 4096)));
    assert!(working(&cache).core_args.contains(&CacheSetting::new(CacheKey::MigrationThreshold, 4096)));
}

#[test]
#[ignore = "needs root and device mapper: cargo xtask test-root"]
fn caches_of_all_modes_and_policies_are_loaded() {
    let Some(scratch) = Scratch::new(&[require::target("cache")]) else { return };
    let passthrough = cache(&scratch, "passthrough", CachePolicy::Default, |table| {
        table.metadata2().io_mode(CacheIoMode::Passthrough).no_discard_passdown()
    });
    let status = working(&passthrough);
    assert_eq!(status.features.io_mode, Some(CacheIoMode::Passthrough));
    assert!(status.features.metadata2 && status.features.no_discard_passdown);
    let blocks = vec![CacheBlocks::One(DataBlocks(0)), CacheBlocks::Range { begin: DataBlocks(3), end: DataBlocks(9) }];
    passthrough.send(&CacheMessage::InvalidateCblocks(blocks));

    let mq = cache(&scratch, "mq", CachePolicy::Mq, |table| {
        table
            .io_mode(CacheIoMode::Writethrough)
            .set(CacheKey::MigrationThreshold, 100)
            .set(CacheKey::RandomThreshold, 4)
    });
    assert_eq!(working(&mq).policy, CachePolicy::Mq);
    mq.send(&CacheMessage::Set(CacheSetting::new(CacheKey::RandomThreshold, 9)));
    let cleaner = cache(&scratch, "cleaner", CachePolicy::Cleaner, |table| table);
    assert_eq!(working(&cleaner).policy, CachePolicy::Cleaner);
}

#[test]
#[ignore = "needs root and device mapper: cargo xtask test-root"]
fn dirty_blocks_of_a_cache_are_written_back() {
    let Some(scratch) = Scratch::new(&[require::target("cache")]) else { return };
    let [metadata, fast, origin] = [2, 4, 8].map(|size| disk(&scratch, size));
    let table =
        |policy, mode| CacheTable::new(metadata.number(), fast.number(), origin.number(), BLOCK, policy).io_mode(mode);
    let cache = map::<Cache>(&scratch, "cache", LENGTH, table(CachePolicy::Smq, CacheIoMode::Writeback));
    let dirty = || {
        Pattern::new(1).write(&cache.device().path(), Sectors(0), Sectors(1024)).unwrap();
        working(&cache).dirty > DataBlocks(0)
    };
    wait_until("dirty blocks", SOON, dirty).unwrap();
    Pattern::new(1).verify(origin.path(), Sectors(0), Sectors(1024)).unwrap_err();

    cache.swap(table(CachePolicy::Cleaner, CacheIoMode::Writeback));
    let clean = |status: &CacheStatus| matches!(status, CacheStatus::Working(cache) if cache.dirty == DataBlocks(0));
    cache.wait_for("all blocks to be clean", clean);
    Pattern::new(1).verify(origin.path(), Sectors(0), Sectors(1024)).unwrap();

    // Blocks in writethrough mode are never dirty.
    cache.swap(table(CachePolicy::Mq, CacheIoMode::Writethrough));
    Pattern::new(2).write(&cache.device().path(), Sectors(0), Sectors(1024)).unwrap();
    let status = working(&cache);
    assert!(status.resident.used > DataBlocks(0) && status.write_hits > 0);
    assert_eq!(status.dirty, DataBlocks(0));
    Pattern::new(2).verify(origin.path(), Sectors(0), Sectors(1024)).unwrap();
}

#[test]
#[ignore = "needs root and device mapper: cargo xtask test-root"]
fn a_cache_whose_metadata_fails_says_so() {
    let Some(scratch) = Scratch::new(&["cache", "flakey"].map(require::target)) else { return };
    let failed = |suffix: &str, fault: &Fault| {
        let [metadata, fast, origin] = [2, 4, 8].map(|size| disk(&scratch, size));
        let faulty = format!("faulty-{suffix}");
        let faulty = FaultyDisk::over(&scratch, &faulty, metadata.number(), metadata.size()).unwrap();
        let table = CacheTable::new(faulty.number(), fast.number(), origin.number(), BLOCK, CachePolicy::Smq);
        let cache = map::<Cache>(&scratch, suffix, LENGTH, table.io_mode(CacheIoMode::Writethrough));
        wait_until("blocks in the cache", SOON, || {
            Pattern::new(1).write(&cache.device().path(), Sectors(0), Sectors(1024)).unwrap();
            working(&cache).resident.used > DataBlocks(0)
        })
        .unwrap();
        faulty.set(fault).unwrap();
        // Reading a status commits.
        cache.status();
        cache.status()
    };
    // The cache also commits by itself. If that fails at the same moment, the kernel finds the flag already set on metadata
    // that is already read-only, and the cache has failed (`abort_transaction` in drivers/md/dm-cache-target.c).
    let mut attempts = (0..5).map(|attempt| failed(&format!("writes-{attempt}"), &Fault::WriteErrors));
    let read_only = attempts.find(|status| *status != CacheStatus::Fail).expect("it fails each time");
    assert_eq!(concerns::<Cache>(&read_only), [Concern::ReadOnly, Concern::NeedsCheck]);
    let CacheStatus::Working(read_only) = read_only else { panic!("{read_only}") };
    let state = (read_only.mode, read_only.check);
    assert_eq!(state, (Some(CacheMetadataMode::ReadOnly), Some(CacheCheck::Needed)));
    assert_eq!(failed("all", &Fault::Errors), CacheStatus::Fail);
}

#[test]
#[ignore = "needs root and device mapper: cargo xtask test-root"]
fn a_writecache_takes_its_options_and_messages() {
    let Some(scratch) = Scratch::new(&[require::target("writecache")]) else { return };
    let table = || {
        let [origin, cache] = [8, 4].map(|size| disk(&scratch, size).number());
        WritecacheTable::new(WritecacheKind::Ssd, origin, cache, 4096)
    };
    let writes =
        |cache: &Mapped<'_, Writecache>| Pattern::new(1).write(&cache.device().path(), Sectors(0), Sectors(1024));
    let cache = map::<Writecache>(&scratch, "cache", LENGTH, table());
    let empty = cache.status();
    assert_eq!((empty.error, empty.free, empty.writeback), (0, empty.blocks, 0));
    writes(&cache).unwrap();
    cache.send(&WritecacheMessage::Flush);
    cache.send(&WritecacheMessage::FlushOnSuspend);
    if has::<Writecache>(&scratch, "clear_stats") {
        assert!(cache.status_now().counts.unwrap().writes > 0);
        cache.send(&WritecacheMessage::ClearStats);
        assert_eq!(cache.status_now().counts.unwrap().writes, 0);
    }
    if has::<Writecache>(&scratch, "cleaner") {
        cache.send(&WritecacheMessage::Cleaner);
    }

    let plain = table().start_sector(Sectors(8)).high_watermark(60).low_watermark(40).writeback_jobs(8);
    map::<Writecache>(&scratch, "options", LENGTH, plain.autocommit_blocks(100).autocommit_time(500));
    if has::<Writecache>(&scratch, "pause_writeback") {
        let table = table().max_age(1000).cleaner().metadata_only().pause_writeback(10);
        map::<Writecache>(&scratch, "later", LENGTH, table);
    }
}

#[test]
#[ignore = "needs root and device mapper: cargo xtask test-root"]
fn a_writecache_that_fails_says_so() {
    let Some(scratch) = Scratch::new(&["writecache", "error"].map(require::target)) else { return };
    let [origin, cache] = [8, 4].map(|size| disk(&scratch, size));
    let faulty = FaultyDisk::over(&scratch, "faulty", cache.number(), cache.size()).unwrap();
    let table = WritecacheTable::new(WritecacheKind::Ssd, origin.number(), faulty.number(), 4096);
    let cache = map::<Writecache>(&scratch, "cache", LENGTH, table);
    assert_eq!(cache.status().error, 0);
    faulty.set(&Fault::Errors).unwrap();
    Pattern::new(1).write(&cache.device().path(), Sectors(0), Sectors(8)).unwrap_err();
    cache.try_send(&WritecacheMessage::Flush).unwrap_err();
    assert_ne!(cache.status().error, 0);
    assert_eq!(concerns::<Writecache>(&cache.status()), [Concern::ReadOnly]);
}

fn working_era(era: &Mapped<'_, Era>) -> WorkingEra {
    match era.status() {
        EraStatus::Working(era) => era,
        other => panic!("{other:?}"),
    }
}

#[test]
#[ignore = "needs root and device mapper: cargo xtask test-root"]
fn an_era_device_counts_eras() {
    let Some(scratch) = Scratch::new(&[require::target("era")]) else { return };
    let [metadata, origin] = [2, 8].map(|size| disk(&scratch, size).number());
    let era = map::<Era>(&scratch, "era", LENGTH, EraTable::new(metadata, origin, BLOCK));
    let before = working_era(&era);
    assert_eq!(before.held_root, None);
    Pattern::new(1).write(&era.device().path(), Sectors(0), BLOCK).unwrap();
    era.send(&EraMessage::Checkpoint);
    assert!(working_era(&era).era > before.era);
    era.send(&EraMessage::TakeMetadataSnap);
    assert!(working_era(&era).held_root.is_some());
    era.send(&EraMessage::DropMetadataSnap);
    assert_eq!(working_era(&era).held_root, None);
}

#[test]
#[ignore = "needs root and device mapper: cargo xtask test-root"]
fn an_era_device_whose_metadata_fails_says_so() {
    let Some(scratch) = Scratch::new(&["era", "error"].map(require::target)) else { return };
    let [metadata, origin] = [2, 8].map(|size| disk(&scratch, size));
    let faulty = FaultyDisk::over(&scratch, "faulty", metadata.number(), metadata.size()).unwrap();
    let era = map::<Era>(&scratch, "era", LENGTH, EraTable::new(faulty.number(), origin.number(), BLOCK));
    working_era(&era);
    faulty.set(&Fault::Errors).unwrap();
    era.try_send(&EraMessage::TakeMetadataSnap).unwrap_err();
    assert_eq!(era.status(), EraStatus::Error);
    assert_eq!(concerns::<Era>(&era.status()), [Concern::NoFigures]);
}

fn working_clone(clone: &Mapped<'_, CloneTarget>) -> WorkingClone {
    match clone.status() {
        CloneStatus::Working(clone) => clone,
        other => panic!("{other:?}"),
    }
}

#[test]
#[ignore = "needs root and device mapper: cargo xtask test-root"]
fn a_clone_copies_its_source() {
    let Some(scratch) = Scratch::new(&[require::target("clone")]) else { return };
    let [metadata, dest, source] = [2, 8, 8].map(|size| disk(&scratch, size));
    Pattern::new(1).write(source.path(), Sectors(0), LENGTH).unwrap();
    let table = CloneTable::new(metadata.number(), dest.number(), source.number(), BLOCK);
    let table = table.no_hydration().no_discard_passdown().hydration_threshold(13).hydration_batch_size(2);
    let clone = map::<CloneTarget>(&scratch, "clone", LENGTH, table);
    let status = working_clone(&clone);
    assert_eq!((status.hydrated.used, status.hydrated.total), (0, 128));
    assert_eq!(status.core.hydration_threshold, Some(13));
    clone.send(&CloneMessage::HydrationThreshold(99));
    clone.send(&CloneMessage::HydrationBatchSize(4));
    let core = working_clone(&clone).core;
    assert_eq!((core.hydration_threshold, core.hydration_batch_size), (Some(99), Some(4)));
    clone.send(&CloneMessage::EnableHydration);
    assert!(!working_clone(&clone).features.no_hydration);
    let all = |status: &CloneStatus| matches!(status, CloneStatus::Working(clone) if clone.hydrated.used == 128);
    clone.wait_for("the copy", all);
    clone.send(&CloneMessage::DisableHydration);
    Pattern::new(1).verify(dest.path(), Sectors(0), LENGTH).unwrap();
}

#[test]
#[ignore = "needs root and device mapper: cargo xtask test-root"]
fn a_clone_whose_metadata_fails_says_so() {
    let Some(scratch) = Scratch::new(&["clone", "flakey"].map(require::target)) else { return };
    let failed = |suffix: &str, fault: &Fault| {
        let [metadata, dest, source] = [2, 8, 8].map(|size| disk(&scratch, size));
        let faulty = format!("faulty-{suffix}");
        let faulty = FaultyDisk::over(&scratch, &faulty, metadata.number(), metadata.size()).unwrap();
        let table = CloneTable::new(faulty.number(), dest.number(), source.number(), BLOCK).no_hydration();
        let clone = map::<CloneTarget>(&scratch, suffix, LENGTH, table);
        working_clone(&clone);
        faulty.set(fault).unwrap();
        // A completely written region is not copied.
        let _ = Pattern::new(1).write(&clone.device().path(), Sectors(0), BLOCK);
        // Reading a status commits.
        clone.status();
        clone.status()
    };
    let read_only = failed("writes", &Fault::WriteErrors);
    assert_eq!(concerns::<CloneTarget>(&read_only), [Concern::ReadOnly]);
    let CloneStatus::Working(read_only) = read_only else { panic!("it failed") };
    assert_eq!(read_only.mode, CloneMode::ReadOnly);
    assert_eq!(failed("all", &Fault::Errors), CloneStatus::Fail);
}
