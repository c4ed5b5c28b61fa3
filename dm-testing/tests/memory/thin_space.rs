//! Pools that run out of space.

use std::thread;
use std::time::Duration;

use dm_core::SuspendPolicy;
use dm_targets::thin_pool::{PoolCheck, PoolMode, PoolNoSpace, ThinPoolMessage, ThinPoolTable};
use dm_testing::MemoryKernel;
use dm_units::{Bytes, DataBlocks, Sectors};

use crate::support::{BLOCK, LENGTH, Scene, block, id, linear, one};

const BEHIND: Sectors = Sectors(2048);

fn writes_wait(scene: &Scene) -> bool {
    scene.memory.write("full", BEHIND, &block(2)).is_err_and(|error| error.would_wait())
}

#[test]
fn writes_wait_until_the_pool_has_grown() {
    let scene = Scene::new();
    let _thin = scene.fill();
    thread::scope(|scope| {
        let writer = scope.spawn(|| scene.memory.write_waiting("full", BEHIND, &block(2)));
        while scene.status().mode != Some(PoolMode::OutOfDataSpace) {
            thread::yield_now();
        }
        assert!(!writer.is_finished());
        scene.pool.grow(&scene.host, Sectors(4096)).unwrap();
        writer.join().unwrap().unwrap();
    });
    let status = scene.status();
    assert_eq!((status.mode, status.data.used), (Some(PoolMode::ReadWrite), DataBlocks(17)));
    assert_eq!((scene.byte("full", BEHIND.0), scene.byte("full", 0)), (2, 1));
}

#[test]
fn writes_that_wait_fail_after_a_minute() {
    let scene = Scene::new();
    let _thin = scene.fill();
    assert!(writes_wait(&scene));
    let before = scene.events();
    scene.memory.advance(Duration::from_secs(59));
    assert!(writes_wait(&scene));
    thread::scope(|scope| {
        let writer = scope.spawn(|| scene.memory.write_waiting("full", BEHIND, &block(2)));
        scene.memory.advance(Duration::from_secs(1));
        assert_eq!(writer.join().unwrap().unwrap_err().errno(), Some(28));
    });
    assert_eq!((scene.events(), scene.status().no_space), (before + 1, Some(PoolNoSpace::Error)));
    assert!(scene.logged("switching pool to out-of-data-space (error IO) mode"));
    // A resume restores the mode in the table.
    scene.pool.suspend(&scene.host).unwrap();
    scene.pool.resume(&scene.host).unwrap();
    assert_eq!((scene.status().mode, writes_wait(&scene)), (Some(PoolMode::OutOfDataSpace), true));
}

#[test]
fn a_full_pool_raises_events_for_its_low_water_mark_and_its_mode() {
    let scene = Scene::new();
    let _thin = scene.fill();
    let before = scene.events();
    assert!(writes_wait(&scene));
    assert_eq!(scene.events(), before + 2);
    assert!(scene.logged("reached low water mark for data device: sending event."));
    assert!(scene.logged("switching pool to out-of-data-space (queue IO) mode"));
    assert!(writes_wait(&scene));
    assert_eq!(scene.events(), before + 2);
}

#[test]
fn io_that_waits_for_space_is_returned_only_by_a_noflush_suspend() {
    let scene = Scene::new();
    let thin = scene.fill();
    thread::scope(|scope| {
        let writer = scope.spawn(|| scene.memory.write_waiting("full", BEHIND, &block(2)));
        while scene.status().mode != Some(PoolMode::OutOfDataSpace) {
            thread::yield_now();
        }
        let soon = SuspendPolicy::new().timeout(Duration::from_millis(10));
        assert!(thin.suspend_with(&scene.host, soon).unwrap_err().is_timed_out());
        thin.suspend_with(&scene.host, SuspendPolicy::new().noflush(true)).unwrap();
        scene.pool.grow(&scene.host, Sectors(4096)).unwrap();
        assert!(!writer.is_finished());
        thin.resume(&scene.host).unwrap();
        writer.join().unwrap().unwrap();
    });
}

#[test]
fn a_full_pool_can_be_written_again_after_discards() {
    let scene = Scene::new();
    let _thin = scene.fill();
    assert!(writes_wait(&scene));
    scene.memory.discard("full", Sectors(0), BLOCK).unwrap();
    // They are free after the next commit, which happens every second.
    assert!(writes_wait(&scene));
    scene.memory.advance(Duration::from_secs(2));
    scene.memory.write("full", BEHIND, &block(2)).unwrap();
    assert_eq!(scene.status().data.used, DataBlocks(16));
}

#[test]
fn a_full_pool_is_grown_by_its_data_device() {
    let scene = Scene::new();
    scene.host.create("data", [linear(LENGTH, scene.data.number())]).unwrap();
    let data = scene.host.dm().device_info("data").unwrap().number();
    let metadata = scene.memory.disk(Bytes(2 << 20));
    let table = ThinPoolTable::new(metadata.number(), data, BLOCK, DataBlocks(0));
    let pool = dm_targets::devices::ThinPoolDev::create(&scene.host, "second", &one(LENGTH, table)).unwrap();
    // The pool cannot be longer than its device.
    assert!(pool.grow(&scene.host, Sectors(4096)).unwrap_err().is_invalid());
    scene.host.reload("data", [linear(Sectors(4096), scene.data.number())]).unwrap();
    pool.grow(&scene.host, Sectors(4096)).unwrap();
    assert_eq!(pool.info(&scene.host).unwrap().event_nr(), 0);
}

/// A pool with metadata for few devices.
fn small() -> Scene {
    let memory = MemoryKernel::new();
    let metadata = memory.disk(Bytes(128 << 10));
    let number = metadata.number();
    Scene::on(memory, metadata, number, |table| table)
}

#[test]
fn a_pool_without_metadata_space_only_reads_until_it_has_grown() {
    let scene = small();
    scene.thin(0, "thin");
    let before = scene.events();
    let created = (1..100).take_while(|number| scene.send(&ThinPoolMessage::CreateThin(id(*number))).is_ok()).count();
    assert!(created > 5, "{created}");
    let status = scene.status();
    assert_eq!((status.mode, status.check), (Some(PoolMode::ReadOnly), Some(PoolCheck::NotNeeded)));
    assert_eq!(status.metadata.used, status.metadata.total);
    // One event for low space, and one for no space.
    assert_eq!(scene.events(), before + 2);
    assert!(scene.logged("reached low water mark for metadata device: sending event."));
    assert!(scene.logged("thin: No free metadata blocks"));
    assert_eq!(scene.memory.write("thin", Sectors(0), &block(1)).unwrap_err().errno(), Some(5));

    scene.metadata.resize(Bytes(1 << 20));
    scene.pool.suspend(&scene.host).unwrap();
    scene.pool.resume(&scene.host).unwrap();
    assert_eq!(scene.status().mode, Some(PoolMode::ReadWrite));
    scene.memory.write("thin", Sectors(0), &block(1)).unwrap();
    scene.pool.activate(&scene.host, id(1), "second", LENGTH).unwrap();
}

#[test]
fn a_read_only_pool_neither_discards_nor_flushes_what_is_not_mapped() {
    let scene = Scene::new();
    let thin = scene.thin(0, "full");
    scene.memory.write("full", BLOCK, &block(1)).unwrap();
    scene.memory.flush("full").unwrap();
    scene.pool.set_table(&scene.host, &one(LENGTH, scene.table.clone().read_only())).unwrap();
    scene.memory.discard("full", BLOCK, BLOCK).unwrap();
    assert_eq!(scene.byte("full", BLOCK.0), 1);
    assert_eq!(scene.memory.flush("full").unwrap_err().errno(), Some(5));
    assert!(thin.status(&scene.host).is_ok());
}
