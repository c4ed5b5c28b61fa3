//! A thin pool.

use std::thread;
use std::time::Duration;

use dm_targets::devices::{AlarmKind, LinearDev, Monitor, MonitorOptions, Space, ThinPoolDev};
use dm_targets::linear::LinearTable;
use dm_targets::thin::ThinDevId;
use dm_targets::thin_pool::ThinPoolTable;
use dm_targets::{Linear, Table, TableLine, ThinPool};
use dm_testing::{Pattern, Scratch};
use dm_units::{Bytes, DataBlocks, Sectors};

use crate::tour::{Result, Tour};

const BLOCK: Sectors = Sectors(128);
/// The initial size of the pool; its disk is four times as large.
const POOL: Sectors = Sectors(8192);
const VOLUME: Sectors = Sectors(24_576);

pub(crate) fn show(tour: &mut Tour, scratch: &Scratch) -> Result<()> {
    let host = scratch.host();
    let metadata = scratch.loop_device(Bytes(2 << 20))?;
    let disk = scratch.loop_device(Bytes(16 << 20))?;
    let part = |length| {
        Table::new([TableLine::<Linear>::new(Sectors(0), length, LinearTable::new(disk.number(), Sectors(0)))])
    };
    let data = LinearDev::create(host, scratch.name("data")?, &part(POOL)?)?;

    tour.step("Create a pool on a quarter of a disk", "ThinPoolDev::create(host, name, &table)");
    let table = ThinPoolTable::new(metadata.number(), data.number(host)?, BLOCK, DataBlocks(16));
    let table = Table::new([TableLine::<ThinPool>::new(Sectors(0), POOL, table)])?;
    let pool = ThinPoolDev::create(host, scratch.name("pool")?, &table)?;
    let figures = pool.figures(host)?;
    tour.answer(format_args!("{} of {} blocks are used", figures.data.used, figures.data.total));

    tour.step("Create a thin device larger than the pool, and write to it", "pool.create_thin(host, id, name, length)");
    let home = pool.create_thin(host, ThinDevId::new(1)?, scratch.name("home")?, VOLUME)?;
    let path = home.path(host)?;
    Pattern::new(1).write(&path, Sectors(0), Sectors(2048))?;
    tour.answer(format_args!("{} of {} blocks are used", pool.figures(host)?.data.used, figures.data.total));

    tour.step("Take a snapshot, then overwrite the origin", "pool.snapshot(host, &home, id, name)");
    let before = pool.snapshot(host, &home, ThinDevId::new(2)?, scratch.name("before")?)?;
    Pattern::new(2).write(&path, Sectors(0), Sectors(2048))?;
    Pattern::new(1).verify(&before.path(host)?, Sectors(0), Sectors(2048))?;
    tour.answer("the snapshot has the old data");

    tour.step("Extend the pool while a writer fills it", "monitor.wait(timeout), pool.grow(host, length)");
    let monitor = MonitorOptions::new().name(pool.name().to_owned()).levels([80]);
    let mut monitor = Monitor::open_with(host, monitor.status_interval(Some(Duration::from_millis(200))))?;
    thread::scope(|scope| -> Result<()> {
        let writer = scope.spawn(|| Pattern::new(3).write(&path, Sectors(0), VOLUME));
        let mut length = POOL;
        while !writer.is_finished() {
            for alarm in monitor.wait(Some(Duration::from_millis(200)))? {
                let is_short = matches!(
                    alarm.kind,
                    AlarmKind::LevelReached { space: Space::Data, .. } | AlarmKind::BelowLowWater { .. }
                );
                if is_short && length < disk.size() {
                    tour.answer(&alarm);
                    length = (length + POOL).min(disk.size());
                    data.set_table(host, &part(length)?)?;
                    pool.grow_with(host, length, at_once())?;
                    tour.answer(format_args!("extended to {} blocks", pool.figures(host)?.data.total));
                }
            }
        }
        writer.join().map_err(|_| "the writer panicked")??;
        Ok(())
    })?;
    Pattern::new(3).verify(&path, Sectors(0), VOLUME)?;
    tour.answer("no written data was lost");
    Ok(())
}

/// A suspend that flushes would wait for the writes that wait for space.
fn at_once() -> dm_core::ReloadOptions {
    dm_core::ReloadOptions::new().suspend(dm_core::SuspendPolicy::new().noflush(true))
}
