//! `cache`, `clone`, `writecache`.

use dm_testing::MemoryKernel;
use dm_testing::memory::MemoryDisk;
use dm_units::Sectors;

use crate::support::{Discarding, EBUSY, EINVAL, EIO, EOPNOTSUPP, EPERM, Mapped, byte, disks, fail};

const BLOCK: u64 = 64;

/// Devices for metadata, for four blocks of cache, and for eight blocks of an origin.
struct Cache {
    cache: Mapped,
    metadata: MemoryDisk,
    fast: MemoryDisk,
    origin: MemoryDisk,
}

impl Cache {
    fn new(memory: &MemoryKernel, mode: &str, policy: &str) -> Self {
        let [metadata, fast, origin] = disks(memory, [1024, 128, 256]);
        let numbers = [&metadata, &fast, &origin].map(|disk| disk.number().to_string()).join(" ");
        let cache = Mapped::new(memory, 512, "cache", &format!("{numbers} 64 1 {mode} {policy}"));
        Self { cache, metadata, fast, origin }
    }

    fn table(&self, mode: &str, policy: &str) -> String {
        let numbers = [&self.metadata, &self.fast, &self.origin].map(|disk| disk.number().to_string()).join(" ");
        format!("{numbers} 64 1 {mode} {policy}")
    }

    /// Accesses blocks twice, so that they are cached.
    fn promote(&self, blocks: impl IntoIterator<Item = u64>) {
        for block in blocks {
            (0..2).for_each(|_| _ = self.cache.read(block * BLOCK, 1).unwrap());
        }
    }

    /// The number of cached blocks, and of dirty ones.
    fn blocks(&self) -> String {
        self.cache.words([3, 10]).join(" ")
    }
}

#[test]
fn a_block_is_promoted_when_it_is_accessed_for_the_second_time() {
    let Cache { cache, fast, origin, .. } = Cache::new(&MemoryKernel::new(), "writeback", "smq 0");
    assert!(cache.status().ends_with(" 64 0/4 0 0 0 0 0 0 0 1 writeback 2 migration_threshold 2048 smq 0 rw - "));
    origin.write(Sectors(64), &[7; 512]).unwrap();
    cache.read(64, 1).unwrap();
    assert_eq!(cache.words([3, 4, 5, 9]), ["0/4", "0", "1", "0"]);
    cache.read(64, 1).unwrap();
    assert_eq!(cache.words([3, 4, 5, 9]), ["1/4", "0", "2", "1"]);
    assert_eq!(byte(&fast, 0), 7);
    cache.read(64, 1).unwrap();
    assert_eq!(cache.words([3, 4, 5, 9]), ["1/4", "1", "2", "1"]);
}

#[test]
fn writeback_leaves_blocks_dirty_until_the_cleaner_has_written_them() {
    let memory = MemoryKernel::new();
    let cache = Cache::new(&memory, "writeback", "smq 0");
    cache.promote(0..4);
    (0..4).for_each(|block| cache.cache.write(block * BLOCK, 1, 7).unwrap());
    assert_eq!((cache.blocks().as_str(), byte(&cache.origin, 0)), ("4/4 4", 0));
    assert_eq!(cache.cache.read(0, 1), Ok(7));

    cache.cache.swap(&cache.table("writeback", "cleaner 2 migration_threshold 64"));
    let before = cache.cache.event_nr();
    let dirty: Vec<String> = (0..5).map(|_| cache.cache.words([10]).concat()).collect();
    assert_eq!(dirty, ["4", "3", "2", "1", "0"]);
    assert_eq!((byte(&cache.origin, 192), cache.cache.event_nr()), (7, before + 1));
    assert!(cache.cache.status().contains(" cleaner 0 rw - "));
}

#[test]
fn writethrough_writes_both() {
    let cache = Cache::new(&MemoryKernel::new(), "writethrough", "smq 0");
    cache.promote([1]);
    cache.cache.write(64, 1, 7).unwrap();
    assert_eq!((byte(&cache.fast, 0), byte(&cache.origin, 64), cache.blocks().as_str()), (7, 7, "1/4 0"));
}

#[test]
fn a_full_cache_loses_the_block_that_was_not_used_for_the_longest_time() {
    let cache = Cache::new(&MemoryKernel::new(), "writeback", "smq 0");
    cache.promote(0..4);
    cache.cache.write(0, 1, 7).unwrap();
    cache.promote(1..4);
    cache.promote([5]);
    assert_eq!(cache.cache.words([3, 8, 9, 10]), ["4/4", "1", "5", "0"]);
    // It was dirty, and was written to the origin.
    assert_eq!(byte(&cache.origin, 0), 7);
}

#[test]
fn passthrough_needs_a_clean_cache_and_forgets_what_is_written() {
    let memory = MemoryKernel::new();
    let cache = Cache::new(&memory, "writeback", "smq 0");
    cache.promote(0..3);
    cache.cache.write(0, 1, 7).unwrap();
    cache.cache.load(&cache.table("passthrough", "smq 0")).unwrap();
    assert_eq!([(); 2].map(|()| cache.cache.try_resume()), [Err(EBUSY), Err(EINVAL)]);
    cache.cache.swap(&cache.table("writeback", "cleaner 0"));
    cache.cache.status();
    cache.cache.suspend();
    cache.cache.swap(&cache.table("passthrough", "smq 0"));
    assert_eq!(cache.blocks(), "3/4 0");
    cache.cache.write(0, 1, 8).unwrap();
    assert_eq!((cache.blocks().as_str(), byte(&cache.origin, 0)), ("2/4 0", 8));
    cache.promote([7]);
    assert_eq!(cache.blocks(), "2/4 0");

    cache.cache.send(&["invalidate_cblocks 1-2"]);
    assert_eq!(cache.blocks(), "1/4 0");
    cache.cache.refuses(EINVAL, &["invalidate_cblocks 4", "invalidate_cblocks 2-2", "invalidate_cblocks x"]);
    cache.cache.send(&["invalidate_cblocks 2 0-4"]);
    assert_eq!(cache.blocks(), "0/4 0");
}

#[test]
fn settings_are_changed_by_messages() {
    let cache = Cache::new(&MemoryKernel::new(), "writethrough", "mq 0");
    cache.cache.send(&["migration_threshold 100", "random_threshold 4"]);
    assert!(cache.cache.status().contains(" 2 migration_threshold 100 mq 10 random_threshold 0 "));
    cache.cache.refuses(EINVAL, &["migration_threshold x", "migration_threshold", "unknown 1", "random_threshold 1 2"]);
    cache.cache.refuses(EPERM, &["invalidate_cblocks 0"]);
    let smq = Cache::new(&MemoryKernel::new(), "writethrough", "smq 0");
    smq.cache.refuses(EINVAL, &["random_threshold 4"]);
}

#[test]
fn cached_blocks_are_found_again_after_the_device_was_removed() {
    let memory = MemoryKernel::new();
    let cache = Cache::new(&memory, "writeback", "smq 0");
    cache.promote(0..3);
    cache.cache.write(64, 1, 7).unwrap();
    let table = cache.table("writeback", "smq 0");
    cache.cache.dm.device_remove(cache.cache.number).unwrap();
    let again = Mapped::new(&memory, 512, "cache", &table);
    assert_eq!(again.words([3, 10]), ["3/4", "1"]);
    assert_eq!(again.read(64, 1), Ok(7));
    let refused = Mapped::try_new(&memory, 512, "cache", &table.replace(" 64 1 ", " 128 1 ")).err().unwrap();
    assert_eq!(refused.0, EINVAL);
    cache.metadata.write(Sectors(0), &[0; 512]).unwrap();
    assert_eq!(Mapped::new(&memory, 512, "cache", &table).words([3]), ["0/4"]);
}

#[test]
fn a_cache_whose_metadata_fail_has_failed() {
    let cache = Cache::new(&MemoryKernel::new(), "writethrough", "smq 0");
    let before = cache.cache.event_nr();
    fail(&cache.metadata);
    assert_eq!(cache.cache.status(), "Fail");
    assert_eq!(cache.cache.event_nr(), before + 1);
    cache.cache.refuses(EOPNOTSUPP, &["migration_threshold 1"]);
    // I/O needs no metadata.
    cache.promote([0]);
    cache.cache.memory.flush(cache.cache.number).unwrap();
}

#[test]
fn a_flush_of_a_cache_fails_if_its_changes_cannot_be_committed() {
    let cache = Cache::new(&MemoryKernel::new(), "writeback", "smq 0");
    let flush = || cache.cache.memory.flush(cache.cache.number).map_err(|error| error.errno());
    cache.promote([0]);
    assert_eq!(flush(), Ok(()));
    cache.metadata.set_read_only(true);
    assert_eq!(flush(), Ok(()));
    cache.promote([1]);
    assert_eq!([flush(), flush()], [Err(EIO), Err(EINVAL)]);
    assert!(cache.cache.status().ends_with(" ro needs_check "), "{}", cache.cache.status());
    cache.cache.write(0, 1, 7).unwrap();
    assert_eq!(cache.cache.read(0, 1), Ok(7));
}

#[test]
fn metadata_that_cannot_be_written_must_be_checked() {
    let memory = MemoryKernel::new();
    let [metadata, fast, origin] = disks(&memory, [1, 8192, 8192]);
    let numbers = [&metadata, &fast, &origin].map(|disk| disk.number().to_string()).join(" ");
    let cache = Mapped::new(&memory, 16384, "cache", &format!("{numbers} 64 1 writethrough smq 0"));
    // The metadata does not fit on the device.
    (0..100).for_each(|at| _ = cache.read(at / 2 * 64, 1).unwrap());
    assert!(cache.status().ends_with(" ro needs_check "), "{}", cache.status());
    assert_eq!(cache.read(0, 1), Ok(0));
}

/// Devices for metadata, destination and source, with eight regions of eight sectors.
fn clone(memory: &MemoryKernel, options: &str) -> (Mapped, [MemoryDisk; 3]) {
    let disks = disks(memory, [1024, 32, 32]);
    disks[2].write(Sectors(0), &[7; 64 * 512]).unwrap();
    let numbers = disks.each_ref().map(|disk| disk.number().to_string()).join(" ");
    (Mapped::new(memory, 64, "clone", &format!("{numbers} 8{options}")), disks)
}

#[test]
fn a_clone_is_hydrated_by_steps() {
    let (clone, [_, dest, _]) = clone(&MemoryKernel::new(), " 0 2 hydration_threshold 3");
    let before = clone.event_nr();
    let regions: Vec<String> = (0..4).map(|_| clone.words([3]).concat()).collect();
    assert_eq!(regions, ["0/8", "3/8", "6/8", "8/8"]);
    assert_eq!((byte(&dest, 63), clone.event_nr()), (7, before + 1));
    assert!(clone.status().ends_with(" 8 8/8 0 0 4 hydration_threshold 3 hydration_batch_size 1 rw"));
}

#[test]
fn a_region_of_a_clone_is_hydrated_when_it_is_written() {
    let (clone, [_, dest, source]) = clone(&MemoryKernel::new(), " 1 no_hydration");
    assert_eq!(clone.read(0, 64), Ok(7));
    assert_eq!(clone.words([3]), ["0/8"]);
    clone.write(9, 1, 8).unwrap();
    clone.write(16, 8, 9).unwrap();
    assert_eq!(clone.words([3]), ["2/8"]);
    assert_eq!([8, 9, 16, 0].map(|sector| byte(&dest, sector)), [7, 8, 9, 0]);
    assert_eq!((byte(&source, 9), clone.read(9, 1)), (7, Ok(8)));
    // Discarded regions are not copied.
    clone.memory.discard(clone.number, Sectors(20), Sectors(20)).unwrap();
    assert_eq!((clone.words([3]), clone.read(24, 16)), (["4/8".to_owned()], Ok(0)));
}

#[test]
fn hydration_is_steered_by_messages() {
    let (clone, _) = clone(&MemoryKernel::new(), " 1 no_hydration");
    let table = clone.table();
    clone.send(&["hydration_threshold 2", "hydration_batch_size 4", "enable_hydration"]);
    assert_eq!(clone.words([3, 5, 7, 9]), ["0/8", "0", "hydration_threshold", "hydration_batch_size"]);
    clone.send(&["disable_hydration"]);
    assert_eq!(clone.words([3, 5, 6, 9]), ["2/8", "1", "no_hydration", "2"]);
    assert_eq!(clone.words([3]), ["2/8"]);
    assert_eq!(clone.table(), table);
    clone.refuses(EINVAL, &["hydration_threshold", "hydration_threshold x", "hydration_threshold 1 2", "other 1"]);
}

#[test]
fn hydrated_regions_are_found_again_after_the_device_was_removed() {
    let memory = MemoryKernel::new();
    let (clone, disks) = clone(&memory, " 1 no_hydration");
    clone.write(0, 8, 9).unwrap();
    let table = clone.table();
    clone.swap(&table);
    assert_eq!(clone.words([3]), ["1/8"]);
    clone.dm.device_remove(clone.number).unwrap();
    let again = Mapped::new(&memory, 64, "clone", &table);
    assert_eq!((again.words([3]), again.read(0, 8)), (["1/8".to_owned()], Ok(9)));
    fail(&disks[0]);
    // Metadata that have not changed are not written.
    assert!(again.status().ends_with(" rw"));
    again.write(8, 8, 9).unwrap();
    assert_eq!(again.status(), "Fail");
    assert_eq!(again.read(0, 8).unwrap_err().errno(), EIO);
}

#[test]
fn a_clone_whose_metadata_cannot_be_written_hydrates_nothing() {
    let memory = MemoryKernel::new();
    let (clone, [metadata, dest, _]) = clone(&memory, " 1 no_hydration");
    clone.write(0, 8, 8).unwrap();
    memory.flush(clone.number).unwrap();
    clone.write(8, 8, 8).unwrap();
    metadata.set_read_only(true);
    assert_eq!(memory.flush(clone.number).unwrap_err().errno(), EIO);
    // The second region is not hydrated any more, since that was not committed.
    assert_eq!((clone.words([3, 12]), clone.read(8, 8)), (["1/8".to_owned(), "ro".to_owned()], Ok(7)));
    for (start, sectors) in [(8, 8), (16, 8), (17, 1)] {
        assert_eq!(clone.write(start, sectors, 9).unwrap_err().errno(), EIO, "{start}");
    }
    assert_eq!(memory.flush(clone.number).unwrap_err().errno(), EIO);
    // A discard that covers regions which are not hydrated is ignored, also for the others.
    memory.discard(clone.number, Sectors(0), Sectors(32)).unwrap();
    assert_eq!((clone.words([3]), byte(&dest, 0), byte(&dest, 16)), (["1/8".to_owned()], 8, 0));
    clone.write(0, 1, 9).unwrap();
    memory.discard(clone.number, Sectors(0), Sectors(12)).unwrap();
    assert_eq!((byte(&dest, 0), byte(&dest, 8)), (0, 8));
}

#[test]
fn the_discard_of_hydrated_regions_is_passed_on_as_the_table_says() {
    for (options, left) in [(" 1 no_hydration", [9, 0, 9]), (" 2 no_hydration no_discard_passdown", [9, 9, 9])] {
        let (clone, [_, dest, _]) = clone(&MemoryKernel::new(), options);
        clone.write(0, 24, 9).unwrap();
        clone.memory.discard(clone.number, Sectors(4), Sectors(16)).unwrap();
        assert_eq!([4, 8, 16].map(|sector| byte(&dest, sector)), left, "{options}");
    }
}

#[test]
fn a_discard_that_the_origin_does_not_support_is_not_an_error_of_a_writecache() {
    let memory = MemoryKernel::new();
    let [disk, cache] = disks(&memory, [64, 64]);
    let origin = Discarding::new(&memory, &disk);
    let table = format!("s {} {} 4096 0", origin.0.number, cache.number());
    let device = Mapped::new(&memory, 128, "writecache", &table);
    origin.stop();
    memory.discard(device.number, Sectors(0), Sectors(8)).unwrap();
    assert_eq!(device.words([0]), ["0"]);
}

fn writecache(memory: &MemoryKernel, options: &str) -> (Mapped, [MemoryDisk; 2]) {
    let disks = disks(memory, [64, 64]);
    let table = format!("s {} {} 4096 {options}", disks[0].number(), disks[1].number());
    (Mapped::new(memory, 128, "writecache", &table), disks)
}

#[test]
fn a_writecache_counts_what_it_holds() {
    let (cache, [origin, _]) = writecache(&MemoryKernel::new(), "0");
    assert_eq!(cache.status(), "0 15 15 0 0 0 0 0 0 0 0 0 0 0");
    cache.write(0, 16, 7).unwrap();
    cache.write(0, 8, 8).unwrap();
    cache.memory.flush(cache.number).unwrap();
    cache.write(0, 8, 9).unwrap();
    cache.read(0, 8).unwrap();
    cache.read(64, 8).unwrap();
    // Two blocks are cached; of four writes, two were new, one before and one after the flush.
    assert_eq!(cache.status(), "0 15 13 0 2 1 4 1 1 0 2 0 1 0");
    assert_eq!(byte(&origin, 0), 9);
    cache.send(&["flush", "clear_stats"]);
    assert_eq!(cache.status(), "0 15 15 0 0 0 0 0 0 0 0 0 0 0");
}

#[test]
fn a_writecache_writes_back_when_it_is_half_full() {
    let (cache, _) = writecache(&MemoryKernel::new(), "0");
    (0..7).for_each(|block| cache.write(block * 8, 8, 7).unwrap());
    assert_eq!(cache.words([2]), ["8"]);
    cache.write(56, 8, 7).unwrap();
    assert_eq!(cache.words([2]), ["9"]);
    cache.send(&["cleaner"]);
    cache.write(64, 8, 7).unwrap();
    assert_eq!(cache.words([2, 9]), ["15", "1"]);
}

#[test]
fn a_suspended_writecache_is_not_flushed() {
    let memory = MemoryKernel::new();
    let (cache, disks) = writecache(&memory, "0");
    cache.write(0, 8, 7).unwrap();
    cache.suspend();
    cache.refuses(EBUSY, &["flush"]);
    cache.send(&["flush_on_suspend"]);
    cache.resume();
    assert_eq!(cache.words([2]), ["14"]);
    cache.suspend();
    cache.resume();
    assert_eq!(cache.words([2]), ["15"]);
    cache.refuses(EINVAL, &["flush now", "other", "cleaner 1"]);
    fail(&disks[0]);
    assert_eq!(cache.write(0, 8, 7).unwrap_err().errno(), EIO);
    assert_eq!(cache.words([0]), ["1"]);
    cache.refuses(EIO, &["flush"]);
    cache.send(&["clear_stats"]);
    assert_eq!(cache.write(0, 16, 7).unwrap_err().errno(), EIO);
    assert_eq!(memory.discard(cache.number, Sectors(0), Sectors(8)).unwrap_err().errno(), EIO);
    // What fails is counted all the same: writes, and discards at the end.
    assert_eq!(cache.words([6, 13]), ["2", "1"]);
    let pmem = format!("p {} {} 4096 0", disks[0].number(), disks[1].number());
    assert_eq!(Mapped::try_new(&memory, 128, "writecache", &pmem).err().unwrap().0, EOPNOTSUPP);
}
