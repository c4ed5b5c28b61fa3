//! Thin devices: blocks that they take, snapshots, ids, and external origins.

use dm_targets::Usage;
use dm_targets::devices::ThinDev;
use dm_targets::thin::ThinTable;
use dm_targets::thin_pool::ThinPoolMessage;
use dm_testing::TestKernel;
use dm_units::{DataBlocks, DeviceNumber, Sectors};

use super::{BLOCK, LENGTH, Scene, id, one, patiently};

on_both_kernels! { ["thin-pool", "thin", "zero"];
    a_thin_device_takes_blocks_when_it_is_written,
    a_snapshot_shares_its_blocks_until_one_side_is_written,
    a_snapshot_can_be_taken_of_a_device_that_is_not_suspended,
    blocks_of_a_deleted_device_are_free,
    thin_ids_are_unique_and_deleted_only_when_closed,
    a_thin_device_holds_its_pool_open,
    a_suspended_pool_opens_no_thin_device,
    the_resume_of_a_thin_device_waits_for_its_pool_with_the_new_table_active,
    an_external_origin_is_read_where_nothing_is_mapped,
    sectors_after_the_end_of_the_external_origin_are_zeros,
}

fn a_thin_device_takes_blocks_when_it_is_written(kernel: &dyn TestKernel) {
    let scene = Scene::new(kernel);
    let thin = scene.thin(0, "thin");
    let number = scene.number(&thin);
    assert_eq!(scene.mapped(&thin), (Sectors(0), None));
    assert_eq!(scene.byte(number, Sectors(0)), 0);
    scene.fill(number, Sectors(0), 1);
    kernel.write(number, Sectors(512), &[2; 4096]).unwrap();
    assert_eq!(scene.mapped(&thin), (Sectors(256), Some(Sectors(639))));
    let status = scene.status();
    assert_eq!(status.data, Usage { used: DataBlocks(2), total: DataBlocks(16) });
    assert_eq!([0, 127, 128, 511, 512, 519, 520].map(|at| scene.byte(number, Sectors(at))), [1, 1, 0, 0, 2, 2, 0]);
}

fn a_snapshot_shares_its_blocks_until_one_side_is_written(kernel: &dyn TestKernel) {
    let scene = Scene::new(kernel);
    let thin = scene.thin(7, "thin");
    let number = scene.number(&thin);
    scene.fill(number, Sectors(0), 1);
    let name = kernel.name("snapshot");
    let snapshot = scene.pool.snapshot(&scene.host, &thin, id(8), name).unwrap();
    let copy = scene.number(&snapshot);
    assert_eq!((scene.used(), scene.mapped(&snapshot)), (1, (BLOCK, Some(Sectors(127)))));
    kernel.write(number, Sectors(8), &[2; 4096]).unwrap();
    assert_eq!(scene.used(), 2);
    assert_eq!([7, 8, 15, 16].map(|at| scene.byte(number, Sectors(at))), [1, 2, 2, 1]);
    assert_eq!([7, 8, 15, 16].map(|at| scene.byte(copy, Sectors(at))), [1; 4]);
    // After a write it is not shared any more, but the kernel still treats the other device's block as shared.
    kernel.write(number, Sectors(8), &[3; 4096]).unwrap();
    assert_eq!(scene.used(), 2);
    scene.fill(copy, Sectors(0), 4);
    assert_eq!((scene.byte(number, Sectors(0)), scene.byte(copy, Sectors(0)), scene.used()), (1, 4, 2));
}

fn a_snapshot_can_be_taken_of_a_device_that_is_not_suspended(kernel: &dyn TestKernel) {
    let scene = Scene::new(kernel);
    let thin = scene.thin(0, "thin");
    scene.fill(scene.number(&thin), Sectors(0), 1);
    scene.send(&ThinPoolMessage::CreateSnap { id: id(1), origin: id(0) }).unwrap();
    assert!(!thin.info(&scene.host).unwrap().is_suspended());
    let missing = scene.send(&ThinPoolMessage::CreateSnap { id: id(3), origin: id(2) }).unwrap_err();
    assert!(missing.is_no_data(), "{missing}");
}

fn blocks_of_a_deleted_device_are_free(kernel: &dyn TestKernel) {
    let scene = Scene::new(kernel);
    let thin = scene.thin(0, "thin");
    scene.fill(scene.number(&thin), Sectors(0), 1);
    scene.send(&ThinPoolMessage::CreateSnap { id: id(1), origin: id(0) }).unwrap();
    scene.send(&ThinPoolMessage::Delete(id(1))).unwrap();
    assert_eq!(scene.used(), 1);
    scene.pool.delete_with(&scene.host, &thin, patiently()).unwrap();
    assert_eq!(scene.used(), 0);
}

fn thin_ids_are_unique_and_deleted_only_when_closed(kernel: &dyn TestKernel) {
    let scene = Scene::new(kernel);
    let thin = scene.thin(5, "thin");
    let taken = scene.send(&ThinPoolMessage::CreateThin(id(5))).unwrap_err();
    assert!(taken.is_already_exists(), "{taken}");
    let taken = scene.send(&ThinPoolMessage::CreateSnap { id: id(5), origin: id(5) }).unwrap_err();
    assert!(taken.is_already_exists(), "{taken}");
    let (pool, host, name) = (&scene.pool, &scene.host, kernel.name("other"));
    for (new, name, is_operation) in [(id(5), &*name, false), (id(6), thin.name(), true)] {
        for taken in [pool.create_thin(host, new, name, BLOCK), pool.snapshot(host, &thin, new, name)] {
            let taken = taken.unwrap_err();
            assert!(taken.is_already_exists() && taken.operation().is_some() == is_operation, "{taken}");
        }
    }
    let busy = scene.send(&ThinPoolMessage::Delete(id(5))).unwrap_err();
    assert!(busy.is_busy(), "{busy}");
    scene.remove(scene.number(&thin));
    scene.send(&ThinPoolMessage::Delete(id(5))).unwrap();
    let gone = scene.send(&ThinPoolMessage::Delete(id(5))).unwrap_err();
    assert!(gone.is_no_data(), "{gone}");
}

fn a_thin_device_holds_its_pool_open(kernel: &dyn TestKernel) {
    let scene = Scene::new(kernel);
    let thin = scene.thin(0, "thin");
    let number = scene.pool.number(&scene.host).unwrap();
    assert!(scene.host.dm().device_remove(number).unwrap_err().is_busy());
    // The pool's device cannot get a table of another target type.
    let zero = dm_core::TargetLine::text(Sectors(0), LENGTH, "zero", "");
    assert!(scene.host.dm().table_load(number, [zero]).unwrap_err().is_invalid());
    scene.remove(scene.number(&thin));
    scene.remove(number);
}

fn a_suspended_pool_opens_no_thin_device(kernel: &dyn TestKernel) {
    let scene = Scene::new(kernel);
    let thin = scene.thin(0, "thin");
    scene.pool.suspend(&scene.host).unwrap();
    assert!(thin.info(&scene.host).unwrap().is_internally_suspended());
    scene.send(&ThinPoolMessage::CreateThin(id(1))).unwrap();
    let name = kernel.name("second");
    let refused = scene.pool.activate(&scene.host, id(1), name, LENGTH).unwrap_err();
    assert!(refused.is_invalid(), "{refused}");
    scene.pool.resume(&scene.host).unwrap();
    assert!(!thin.info(&scene.host).unwrap().is_internally_suspended());
    scene.fill(scene.number(&thin), Sectors(0), 1);
}

fn the_resume_of_a_thin_device_waits_for_its_pool_with_the_new_table_active(kernel: &dyn TestKernel) {
    let scene = Scene::new(kernel);
    let thin = scene.number(&scene.thin(0, "thin"));
    let dm = scene.host.dm();
    dm.table_load(thin, [dm_core::TargetLine::text(Sectors(0), LENGTH, "error", "")]).unwrap();
    dm.device_suspend(thin).unwrap();
    scene.pool.suspend(&scene.host).unwrap();
    let resumed = std::thread::spawn({
        let dm = dm.clone();
        move || dm.device_resume(thin)
    });
    // The inactive slot is empty a moment before the table is active.
    let active = || dm.table_status_with(thin, dm_core::StatusOptions::table().noflush(true)).unwrap();
    let is_new = || active().iter().all(|line| line.unwrap().target_type == *"error");
    let start = std::time::Instant::now();
    while !is_new() && start.elapsed() < std::time::Duration::from_secs(20) {
        std::thread::yield_now();
    }
    let (table, is_waiting) = (active(), !resumed.is_finished());
    // Before anything can fail, since the device cannot be removed while the resume waits.
    scene.pool.resume(&scene.host).unwrap();
    let info = resumed.join().unwrap().unwrap();
    assert!(table.iter().all(|line| line.unwrap().target_type == *"error"));
    assert!(is_waiting && table.info().is_suspended() && table.info().is_internally_suspended());
    assert!(!info.is_suspended() && !info.is_internally_suspended(), "{info:?}");
    scene.remove(thin);
}

/// A thin device of 4 blocks with the first sectors of a disk as its external origin.
fn over_origin<'k>(kernel: &'k dyn TestKernel, sectors: u64) -> (Scene<'k>, DeviceNumber, DeviceNumber) {
    let scene = Scene::new(kernel);
    let origin = kernel.disk(Sectors(sectors).to_bytes());
    kernel.write(origin, Sectors(0), &[9; 512].repeat(usize::try_from(sectors).unwrap())).unwrap();
    scene.send(&ThinPoolMessage::CreateThin(id(0))).unwrap();
    let pool = scene.pool.number(&scene.host).unwrap();
    let table = one(Sectors(512), ThinTable::with_external_origin(pool, id(0), origin));
    let thin = ThinDev::create(&scene.host, kernel.name("thin"), &table).unwrap();
    assert_eq!(thin.table(&scene.host).unwrap(), table);
    let number = scene.number(&thin);
    (scene, number, origin)
}

fn an_external_origin_is_read_where_nothing_is_mapped(kernel: &dyn TestKernel) {
    let (scene, thin, origin) = over_origin(kernel, 512);
    assert_eq!(scene.byte(thin, Sectors(300)), 9);
    kernel.write(thin, Sectors(136), &[1; 4096]).unwrap();
    assert_eq!([128, 136, 143, 144, 255].map(|at| scene.byte(thin, Sectors(at))), [9, 1, 1, 9, 9]);
    assert_eq!((scene.byte(origin, Sectors(136)), scene.used()), (9, 1));
}

fn sectors_after_the_end_of_the_external_origin_are_zeros(kernel: &dyn TestKernel) {
    let (scene, thin, _) = over_origin(kernel, 200);
    assert_eq!([199, 200, 300].map(|at| scene.byte(thin, Sectors(at))), [9, 0, 0]);
    let mut across = vec![7; 16 * 512];
    kernel.read(thin, Sectors(192), &mut across).unwrap();
    let (origin, behind) = across.split_at(8 * 512);
    assert!(origin.iter().all(|byte| *byte == 9) && behind.iter().all(|byte| *byte == 0));
    kernel.write(thin, Sectors(240), &[1; 4096]).unwrap();
    assert_eq!([128, 199, 200, 239, 240, 248].map(|at| scene.byte(thin, Sectors(at))), [9, 9, 0, 0, 1, 0]);
}
