//! Pools and thin devices.

use std::thread;

use dm_core::{DmNameBuf, Host};
use dm_targets::devices::{LinearDev, ThinDev, ThinPoolDev};
use dm_targets::linear::LinearTable;
use dm_targets::thin::{ThinDevId, ThinStatus};
use dm_targets::thin_pool::{PoolMode, ThinPoolMessage, ThinPoolStatus, ThinPoolTable, WorkingPool};
use dm_testing::{Pattern, Scratch, wait_until};
use dm_units::{DataBlocks, DeviceNumber, Sectors};

use crate::support::{LENGTH, PATIENTLY, SOON, disk, large_disk, linear, one, scene};

const BLOCK: Sectors = Sectors(128);
const NEEDS: [&str; 3] = ["linear", "thin-pool", "thin"];

fn id(id: u32) -> ThinDevId {
    ThinDevId::new(id).unwrap()
}

/// A pool on a data device of [`LENGTH`].
fn pool(scratch: &Scratch, host: &Host, data: DeviceNumber) -> ThinPoolDev {
    let metadata = large_disk(scratch, 2);
    let table = ThinPoolTable::new(metadata.number(), data, BLOCK, DataBlocks(0));
    ThinPoolDev::setup(host, name(scratch, "pool"), &one(LENGTH, table)).unwrap()
}

fn name(scratch: &Scratch, suffix: &str) -> DmNameBuf {
    scratch.name(suffix).unwrap()
}

fn working(pool: &ThinPoolDev, host: &Host) -> WorkingPool {
    match pool.status(host).unwrap() {
        ThinPoolStatus::Working(pool) => pool,
        other => unreachable!("{other:?}"),
    }
}

fn write(device: &ThinDev, host: &Host, seed: u64) {
    Pattern::new(seed).write(&device.path(host).unwrap(), Sectors(0), BLOCK).unwrap();
}

fn verify(device: &ThinDev, host: &Host, seed: u64) {
    Pattern::new(seed).verify(&device.path(host).unwrap(), Sectors(0), BLOCK).unwrap();
}

#[test]
#[ignore = "needs root and device mapper: cargo xtask test-root"]
fn thin_devices_and_snapshots_are_created_changed_and_deleted() {
    let Some((scratch, host)) = scene(&NEEDS) else { return };
    let data = disk(&scratch);
    let pool = pool(&scratch, &host, data.number());
    let thin = pool.create_thin(&host, id(7), name(&scratch, "thin"), LENGTH).unwrap();
    assert_eq!(thin.dev_id(&host).unwrap(), id(7));
    write(&thin, &host, 1);
    assert!(matches!(thin.status(&host).unwrap(), ThinStatus::Working { mapped: BLOCK, .. }));

    let snapshot = pool.snapshot(&host, &thin, id(8), name(&scratch, "snapshot")).unwrap();
    write(&thin, &host, 2);
    verify(&snapshot, &host, 1);
    verify(&thin, &host, 2);
    assert_eq!(working(&pool, &host).data.used, DataBlocks(2));

    thin.remove_with(&host, PATIENTLY).unwrap();
    let again = pool.activate(&host, id(7), name(&scratch, "again"), LENGTH).unwrap();
    verify(&again, &host, 2);
    again.set_length(&host, Sectors(2 * LENGTH.0)).unwrap();
    assert_eq!(again.table(&host).unwrap().length(), Sectors(2 * LENGTH.0));
    verify(&again, &host, 2);

    pool.delete_with(&host, &snapshot, PATIENTLY).unwrap();
    assert!(snapshot.table(&host).unwrap_err().is_not_found());
    assert_eq!(working(&pool, &host).data.used, DataBlocks(1));
    pool.delete_with(&host, &again, PATIENTLY).unwrap();
    assert_eq!(working(&pool, &host).data.used, DataBlocks(0));
}

#[test]
#[ignore = "needs root and device mapper: cargo xtask test-root"]
fn a_failed_step_leaves_no_thin_device() {
    let Some((scratch, host)) = scene(&NEEDS) else { return };
    let data = disk(&scratch);
    let pool = pool(&scratch, &host, data.number());
    let taken = pool.name();
    let unused = |id| pool.message(&host, &ThinPoolMessage::Delete(id)).unwrap_err();
    let error = pool.create_thin(&host, id(1), taken, LENGTH).unwrap_err();
    assert!(error.is_already_exists(), "{error}");
    unused(id(1));
    let error = pool.activate(&host, id(1), name(&scratch, "missing"), LENGTH).unwrap_err();
    assert!(error.is_no_data(), "{error}");
    assert!(ThinDev::open(&host, name(&scratch, "missing")).unwrap_err().is_not_found());

    let thin = pool.create_thin(&host, id(2), name(&scratch, "thin"), LENGTH).unwrap();
    pool.create_thin(&host, id(2), name(&scratch, "second"), LENGTH).unwrap_err();
    // It existed before the operation, so it still does.
    write(&thin, &host, 1);
    let error = pool.snapshot(&host, &thin, id(3), taken).unwrap_err();
    assert!(error.is_already_exists(), "{error}");
    unused(id(3));
    let error = pool.snapshot(&host, &thin, id(2), name(&scratch, "second")).unwrap_err();
    assert!(error.is_already_exists(), "{error}");
    assert!(!thin.info(&host).unwrap().is_suspended());
    verify(&thin, &host, 1);
}

#[test]
#[ignore = "needs root and device mapper: cargo xtask test-root"]
fn a_suspended_origin_stays_suspended() {
    let Some((scratch, host)) = scene(&NEEDS) else { return };
    let data = disk(&scratch);
    let pool = pool(&scratch, &host, data.number());
    let thin = pool.create_thin(&host, id(1), name(&scratch, "thin"), LENGTH).unwrap();
    write(&thin, &host, 1);
    thin.suspend(&host).unwrap();
    let snapshot = pool.snapshot(&host, &thin, id(2), name(&scratch, "snapshot")).unwrap();
    assert!(thin.info(&host).unwrap().is_suspended());
    verify(&snapshot, &host, 1);
    thin.resume(&host).unwrap();
}

#[test]
#[ignore = "needs root and device mapper: cargo xtask test-root"]
fn a_full_pool_grows_while_writers_wait() {
    let Some((scratch, host)) = scene(&NEEDS) else { return };
    let disk = large_disk(&scratch, 8);
    let data = name(&scratch, "data");
    let data = LinearDev::create(&host, &data, &linear(disk.number())).unwrap();
    let pool = pool(&scratch, &host, data.number(&host).unwrap());
    let twice = Sectors(2 * LENGTH.0);
    let thin = pool.create_thin(&host, id(1), name(&scratch, "thin"), twice).unwrap();
    let path = thin.path(&host).unwrap();
    thread::scope(|scope| {
        let writer = scope.spawn(|| Pattern::new(1).write(&path, Sectors(0), twice));
        let mode = || working(&pool, &host).mode;
        wait_until("the pool to be full", SOON, || mode() == Some(PoolMode::OutOfDataSpace)).unwrap();
        assert!(!writer.is_finished());
        data.set_table(&host, &one(twice, LinearTable::new(disk.number(), Sectors(0)))).unwrap();
        pool.grow(&host, twice).unwrap();
        writer.join().unwrap().unwrap();
    });
    Pattern::new(1).verify(&path, Sectors(0), twice).unwrap();
    let status = working(&pool, &host);
    assert_eq!((status.mode, status.data.total), (Some(PoolMode::ReadWrite), DataBlocks(32)));
}
