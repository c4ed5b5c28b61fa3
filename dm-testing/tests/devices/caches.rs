//! Caches that are cleaned or that grow while they are in use.

use dm_core::{Difference, Host};
use dm_targets::cache::{CacheIoMode, CachePolicy, CacheStatus, CacheTable, WorkingCache};
use dm_targets::devices::{CacheDev, LinearDev};
use dm_targets::linear::LinearTable;
use dm_testing::{Pattern, wait_until};
use dm_units::{DataBlocks, Sectors};

use crate::support::{SOON, difference, large_disk, one, scene};

const LENGTH: Sectors = Sectors(16_384);
const BLOCK: Sectors = Sectors(128);

fn working(cache: &CacheDev, host: &Host) -> Box<WorkingCache> {
    match cache.status(host).unwrap() {
        CacheStatus::Working(cache) => cache,
        other => unreachable!("{other:?}"),
    }
}

#[test]
#[ignore = "needs root and device mapper: cargo xtask test-root"]
fn a_cache_is_cleaned_while_it_is_in_use() {
    let Some((scratch, host)) = scene(&["cache"]) else { return };
    let [metadata, fast, origin] = [2, 4, 8].map(|size| large_disk(&scratch, size));
    let table = |policy| {
        let table = CacheTable::new(metadata.number(), fast.number(), origin.number(), BLOCK, policy);
        one(LENGTH, table.io_mode(CacheIoMode::Writeback))
    };
    let name = scratch.name("cache").unwrap();
    let setup = |policy| CacheDev::setup(&host, &name, &table(policy));
    let cache = setup(CachePolicy::Smq).unwrap();
    assert_eq!(setup(CachePolicy::Smq).unwrap(), cache);
    assert_eq!(difference(&setup(CachePolicy::Cleaner).unwrap_err()), Difference::Line(0, "policy"));

    let path = cache.path(&host).unwrap();
    let length = Sectors(1024);
    wait_until("blocks to be cached", SOON, || {
        Pattern::new(1).write(&path, Sectors(0), length).unwrap();
        working(&cache, &host).dirty > DataBlocks(0)
    })
    .unwrap();
    cache.change(&host, |lines| lines.iter_mut().for_each(|line| line.params.policy = CachePolicy::Cleaner)).unwrap();
    assert_eq!(cache.table(&host).unwrap(), table(CachePolicy::Cleaner));
    wait_until("the cache to be clean", SOON, || working(&cache, &host).dirty == DataBlocks(0)).unwrap();
    Pattern::new(1).verify(origin.path(), Sectors(0), length).unwrap();
    Pattern::new(1).verify(&path, Sectors(0), length).unwrap();
}

#[test]
#[ignore = "needs root and device mapper: cargo xtask test-root"]
fn a_cache_grows_with_its_fast_device() {
    let Some((scratch, host)) = scene(&["cache", "linear"]) else { return };
    let [metadata, fast, origin] = [2, 4, 8].map(|size| large_disk(&scratch, size));
    let part = |length| one(length, LinearTable::new(fast.number(), Sectors(0)));
    let [fast_name, name] = ["fast", "cache"].map(|suffix| scratch.name(suffix).unwrap());
    let half = LinearDev::create(&host, &fast_name, &part(Sectors(4096))).unwrap();
    let table =
        CacheTable::new(metadata.number(), half.number(&host).unwrap(), origin.number(), BLOCK, CachePolicy::Smq);
    let cache = CacheDev::create(&host, &name, &one(LENGTH, table)).unwrap();
    assert_eq!(working(&cache, &host).resident.total, DataBlocks(32));
    half.set_table(&host, &part(fast.size())).unwrap();
    cache.change(&host, |_| ()).unwrap();
    assert_eq!(working(&cache, &host).resident.total, DataBlocks(64));
}
