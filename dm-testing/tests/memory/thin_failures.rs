//! Pools whose disks fail.

use dm_core::{StatusOptions, TargetLine};
use dm_targets::devices::ThinPoolDev;
use dm_targets::thin::ThinStatus;
use dm_targets::thin_pool::{PoolCheck, PoolMode, ThinPoolMessage, ThinPoolStatus};
use dm_testing::MemoryKernel;
use dm_units::{Bytes, DataBlocks, Sectors};

use crate::support::{BLOCK, LENGTH, Scene, block, id, linear, one};

/// A pool whose metadata device can get another table.
fn over_metadata() -> Scene {
    let memory = MemoryKernel::new();
    let metadata = memory.disk(Bytes(2 << 20));
    let number = memory.host().create("metadata", [linear(Sectors(4096), metadata.number())]).unwrap().number();
    Scene::on(memory, metadata, number, |table| table)
}

/// Makes writes to the metadata fail.
fn fail_writes(scene: &Scene) {
    let params = format!("{} 0 0 1 1 error_writes", scene.metadata.number());
    scene.host.reload("metadata", [TargetLine::text(Sectors(0), Sectors(4096), "flakey", params)]).unwrap();
}

#[test]
fn a_pool_whose_metadata_cannot_be_written_forgets_the_transaction_and_needs_a_check() {
    let scene = over_metadata();
    let _thin = scene.thin(0, "thin");
    scene.memory.write("thin", Sectors(0), &block(1)).unwrap();
    scene.status();
    let before = scene.events();
    fail_writes(&scene);
    scene.memory.write("thin", BLOCK, &block(1)).unwrap();
    // The message succeeds, since its reply does not depend on the commit.
    scene.send(&ThinPoolMessage::CreateThin(id(1))).unwrap();
    let status = scene.status();
    assert_eq!((status.mode, status.check), (Some(PoolMode::ReadOnly), Some(PoolCheck::Needed)));
    assert_eq!((scene.events(), status.data.used), (before + 1, DataBlocks(1)));
    assert!(scene.logged("metadata operation 'dm_pool_commit_metadata' failed: error = -5"));
    assert_eq!((scene.byte("thin", 0), scene.byte("thin", BLOCK.0)), (1, 0));
    assert_eq!(scene.send(&ThinPoolMessage::CreateThin(id(2))).unwrap_err().errno(), Some(95));
    // A flush fails if changes were lost.
    assert_eq!(scene.memory.flush("thin").unwrap_err().errno(), Some(5));
}

#[test]
fn a_pool_that_needs_a_check_is_not_writable_until_the_flag_is_cleared() {
    let scene = over_metadata();
    fail_writes(&scene);
    scene.send(&ThinPoolMessage::CreateThin(id(1))).unwrap();
    scene.host.reload("metadata", [linear(Sectors(4096), scene.metadata.number())]).unwrap();
    // Neither another table nor more space changes that.
    scene.pool.set_table(&scene.host, &one(Sectors(4096), scene.table.clone())).unwrap();
    let status = scene.status();
    assert_eq!((status.mode, status.data.total), (Some(PoolMode::ReadOnly), DataBlocks(16)));
    assert!(scene.logged("unable to switch pool to write mode until repaired."));
    assert!(scene.logged("unable to grow the data device until repaired."));
}

#[test]
fn a_pool_that_cannot_read_its_metadata_has_failed() {
    let scene = Scene::new();
    let thin = scene.thin(0, "thin");
    scene.memory.write("thin", Sectors(0), &block(1)).unwrap();
    scene.metadata.fail(Sectors(0)..Sectors(8));
    scene.send(&ThinPoolMessage::CreateThin(id(1))).unwrap();
    assert_eq!(scene.any_status(), ThinPoolStatus::Fail);
    assert_eq!(thin.status(&scene.host).unwrap(), ThinStatus::Fail);
    let lines = scene.host.dm().table_status_with("thin", StatusOptions::table()).unwrap();
    assert_eq!(lines.iter().next().unwrap().unwrap().params.to_str(), Ok("Fail"));
    assert!(scene.logged("failed to abort metadata transaction"));
    let mut sector = [0; 512];
    assert_eq!(scene.memory.read("thin", Sectors(0), &mut sector).unwrap_err().errno(), Some(5));
    assert_eq!(scene.send(&ThinPoolMessage::CreateThin(id(2))).unwrap_err().errno(), Some(95));

    // The state is kept even if the disk works again.
    scene.metadata.heal();
    scene.pool.suspend(&scene.host).unwrap();
    scene.pool.resume(&scene.host).unwrap();
    assert_eq!(scene.any_status(), ThinPoolStatus::Fail);
    let refused = scene.pool.activate(&scene.host, id(0), "again", LENGTH).unwrap_err();
    assert!(refused.is_invalid(), "{refused}");
    assert!(scene.logged("Couldn't open thin device, Pool is in fail mode (-EINVAL)"));
    let refused = scene.pool.set_table(&scene.host, &one(LENGTH, scene.table.clone())).unwrap_err();
    assert!(refused.is_invalid(), "{refused}");

    // Only a new pool on the same metadata finds the committed data.
    scene.host.remove("thin").unwrap();
    scene.host.remove("pool").unwrap();
    let pool = ThinPoolDev::create(&scene.host, "pool", &one(LENGTH, scene.table.clone())).unwrap();
    assert!(matches!(pool.status(&scene.host).unwrap(), ThinPoolStatus::Working(_)));
    pool.activate(&scene.host, id(0), "thin", LENGTH).unwrap();
}

#[test]
fn metadata_that_cannot_be_read_make_no_pool() {
    let scene = Scene::new();
    scene.host.remove("pool").unwrap();
    scene.metadata.fail(Sectors(0)..Sectors(1));
    let refused = ThinPoolDev::create(&scene.host, "pool", &one(LENGTH, scene.table.clone())).unwrap_err();
    assert_eq!(refused.errno(), Some(5), "{refused}");
    assert!(scene.logged("Error creating metadata object (-EIO)"));
}

#[test]
fn a_pool_whose_data_device_fails_fails_writes_only() {
    let scene = Scene::new();
    scene.thin(0, "thin");
    scene.memory.write("thin", Sectors(0), &block(1)).unwrap();
    scene.data.fail(Sectors(128)..Sectors(256));
    assert_eq!(scene.memory.write("thin", BLOCK, &[2; 512]).unwrap_err().errno(), Some(5));
    let status = scene.status();
    assert_eq!((status.mode, status.check), (Some(PoolMode::ReadWrite), Some(PoolCheck::NotNeeded)));
    assert_eq!((scene.byte("thin", 0), scene.byte("thin", BLOCK.0)), (1, 0));
    // The failed block is lost, and the next one is used.
    scene.memory.write("thin", BLOCK, &[2; 512]).unwrap();
    assert_eq!(scene.status().data.used, DataBlocks(3));
}

#[test]
fn a_data_device_that_cannot_be_flushed_makes_commits_fail() {
    let scene = Scene::new();
    let data = scene.host.create("data", [linear(LENGTH, scene.data.number())]).unwrap().number();
    let metadata = scene.memory.disk(Bytes(2 << 20));
    let mut table = scene.table.clone();
    (table.metadata, table.data) = (metadata.number().into(), data.into());
    let pool = ThinPoolDev::create(&scene.host, "second", &one(LENGTH, table)).unwrap();
    // A target `error` would let flushes succeed.
    let down = TargetLine::text(Sectors(0), LENGTH, "flakey", format!("{} 0 0 1", scene.data.number()));
    scene.host.reload("data", [down]).unwrap();
    match pool.status(&scene.host).unwrap() {
        ThinPoolStatus::Working(status) => assert_eq!(status.check, Some(PoolCheck::Needed)),
        other => unreachable!("{other:?}"),
    }
    assert!(scene.logged("thin metadata: pre-commit callback failed"));
}

#[test]
fn metadata_of_another_data_block_size_are_refused() {
    let scene = Scene::new();
    scene.host.remove("pool").unwrap();
    let mut table = scene.table.clone();
    table.block_size = Sectors(256);
    let refused = ThinPoolDev::create(&scene.host, "pool", &one(LENGTH, table)).unwrap_err();
    assert!(refused.is_invalid(), "{refused}");
    assert!(scene.logged("changing the data block size (from 128 to 256) is not supported"));
}
