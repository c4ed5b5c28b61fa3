//! A cache on a fast device for a slow device.

use std::time::Duration;

use dm_targets::cache::{CacheIoMode, CachePolicy, CacheTable};
use dm_targets::devices::{CacheDev, LinearDev};
use dm_targets::linear::LinearTable;
use dm_targets::{Linear, Table, TableLine};
use dm_testing::{Pattern, Scratch};
use dm_units::{Bytes, Sectors};

use crate::tour::{Result, Tour};

const LENGTH: Sectors = Sectors(16_384);
/// The time between two reports of progress.
const INTERVAL: Duration = Duration::from_millis(200);

pub(crate) fn show(tour: &mut Tour, scratch: &Scratch) -> Result<()> {
    let host = scratch.host();
    let [slow, fast, metadata] = [
        scratch.loop_device(Bytes(8 << 20))?,
        scratch.loop_device(Bytes(4 << 20))?,
        scratch.loop_device(Bytes(2 << 20))?,
    ];
    let table =
        Table::new([TableLine::<Linear>::new(Sectors(0), LENGTH, LinearTable::new(slow.number(), Sectors(0)))])?;
    let home = LinearDev::create(host, scratch.name("home")?, &table)?;
    let path = home.path(host)?;
    let _in_use = std::fs::File::open(&path)?;

    tour.step("Attach a cache to a device that is open", "CacheDev::attach(host, &home, origin_name, table)");
    let table = |origin| {
        CacheTable::new(metadata.number(), fast.number(), origin, Sectors(128), CachePolicy::Smq)
            .io_mode(CacheIoMode::Writeback)
    };
    let (origin, cache) = CacheDev::attach(host, &home, scratch.name("origin")?, table)?;
    tour.answer(format_args!("{} is a cache now; its origin is {}", cache.name(), origin.name()));

    tour.step("Write the same blocks repeatedly, until they are cached", "cache.figures(host)");
    let mut rounds = 1..50;
    let usage = loop {
        Pattern::new(1).write(&path, Sectors(0), Sectors(1024))?;
        let usage = cache.figures(host)?;
        if usage.dirty.0 > 0 {
            break usage;
        }
        rounds.next().ok_or("50 writes of the same blocks have cached none of them")?;
    };
    tour.answer(format_args!("{} blocks are cached, {} of them dirty", usage.resident.used, usage.dirty));

    tour.step("Write back the dirty blocks", "cache.clean(host, interval)");
    for work in cache.clean(host, INTERVAL)? {
        let done = work?.done.and_then(|done| done.percent()).unwrap_or(100);
        tour.answer(format_args!("{done} % of the cached blocks are clean"));
    }
    tour.answer(format_args!("{} blocks are dirty", cache.figures(host)?.dirty));

    tour.step("Detach the cache", "cache.detach(host)");
    let home = cache.detach(host)?;
    Pattern::new(1).verify(&path, Sectors(0), Sectors(1024))?;
    tour.answer(format_args!("{} is linear again, and its data is intact", home.name()));
    Ok(())
}
