//! `thin-pool` and `thin`.

use std::sync::Arc;

use dm_targets::thin::{ThinDevId, ThinStatus, ThinTable};
use dm_targets::thin_pool::{
    PoolCheck, PoolDiscard, PoolMode, PoolNoSpace, ThinPoolMessage, ThinPoolStatus, ThinPoolTable, WorkingPool,
};
use dm_targets::{Concern, Thin, ThinPool};
use dm_testing::{Fault, FaultyDisk, LoopDevice, Pattern, Scratch, require};
use dm_units::{DataBlocks, DeviceNumber, Sectors};

use crate::support::{Mapped, concerns, disk, map};

/// The length of the data device: 16 blocks.
const LENGTH: Sectors = Sectors(2048);
const BLOCK: Sectors = Sectors(128);

fn id(id: u32) -> ThinDevId {
    ThinDevId::new(id).unwrap()
}

fn disks(scratch: &Scratch) -> [Arc<LoopDevice>; 2] {
    [disk(scratch, 2), disk(scratch, 1)]
}

fn table(metadata: DeviceNumber, data: &LoopDevice) -> ThinPoolTable {
    ThinPoolTable::new(metadata, data.number(), BLOCK, DataBlocks(2))
}

fn working(status: ThinPoolStatus) -> WorkingPool {
    match status {
        ThinPoolStatus::Working(pool) => pool,
        other => panic!("{other:?}"),
    }
}

/// A pool with one thin device, which is twice as long as the pool.
fn pool_with_thin<'s>(scratch: &'s Scratch, table: ThinPoolTable) -> (Mapped<'s, ThinPool>, Mapped<'s, Thin>) {
    let pool = map::<ThinPool>(scratch, "pool", LENGTH, table);
    pool.send(&ThinPoolMessage::CreateThin(id(0)));
    let thin = map::<Thin>(scratch, "thin", Sectors(2 * LENGTH.0), ThinTable::new(pool.device().number(), id(0)));
    (pool, thin)
}

#[test]
#[ignore = "needs root and device mapper: cargo xtask test-root"]
fn thin_devices_and_snapshots_are_made_by_messages() {
    let Some(scratch) = Scratch::new(&[require::target("thin-pool"), require::target("thin")]) else { return };
    let [metadata, data] = disks(&scratch);
    let (pool, thin) = pool_with_thin(&scratch, table(metadata.number(), &data));
    assert_eq!(working(pool.status()).data.used, DataBlocks(0));
    assert!(matches!(thin.status(), ThinStatus::Working { mapped: Sectors(0), highest: None, .. }));
    Pattern::new(1).write(&thin.device().path(), Sectors(0), BLOCK).unwrap();
    Pattern::new(1).write(&thin.device().path(), Sectors(512), Sectors(8)).unwrap();
    match thin.status() {
        ThinStatus::Working { mapped, highest, .. } => {
            assert_eq!((mapped, highest), (Sectors(256), Some(Sectors(639))));
        }
        other => panic!("{other:?}"),
    }
    let status = working(pool.status());
    assert_eq!((status.data.used, status.data.total), (DataBlocks(2), DataBlocks(16)));
    assert_eq!(
        (status.mode, status.discard, status.no_space, status.check),
        (Some(PoolMode::ReadWrite), Some(PoolDiscard::Passdown), Some(PoolNoSpace::Queue), Some(PoolCheck::NotNeeded))
    );

    let again = pool.try_send(&ThinPoolMessage::CreateThin(id(0))).unwrap_err();
    assert_eq!(again.errno(), Some(nix::errno::Errno::EEXIST as i32), "{again}");
    pool.send(&ThinPoolMessage::CreateSnap { id: id(16_777_215), origin: id(0) });
    let snapshot = ThinTable::new(pool.device().number(), id(16_777_215));
    let snapshot = map::<Thin>(&scratch, "snapshot", Sectors(2 * LENGTH.0), snapshot);
    Pattern::new(1).verify(&snapshot.device().path(), Sectors(0), BLOCK).unwrap();
    let busy = pool.try_send(&ThinPoolMessage::Delete(id(0))).unwrap_err();
    assert!(busy.is_busy(), "{busy}");

    let with_origin = ThinTable::with_external_origin(pool.device().number(), id(1), data.number());
    pool.send(&ThinPoolMessage::CreateThin(id(1)));
    map::<Thin>(&scratch, "with-origin", LENGTH, with_origin);
    pool.send(&ThinPoolMessage::CreateThin(id(2)));
    pool.send(&ThinPoolMessage::Delete(id(2)));
}

#[test]
#[ignore = "needs root and device mapper: cargo xtask test-root"]
fn a_pool_has_a_transaction_id_and_a_held_root() {
    let Some(scratch) = Scratch::new(&[require::target("thin-pool")]) else { return };
    let [metadata, data] = disks(&scratch);
    let pool = map::<ThinPool>(&scratch, "pool", LENGTH, table(metadata.number(), &data));
    pool.send(&ThinPoolMessage::SetTransactionId { current: 0, new: 7 });
    assert_eq!(working(pool.status()).transaction_id, 7);
    let refused = pool.try_send(&ThinPoolMessage::SetTransactionId { current: 0, new: 8 }).unwrap_err();
    assert!(refused.is_invalid(), "{refused}");
    pool.send(&ThinPoolMessage::ReserveMetadataSnap);
    assert!(working(pool.status()).held_root.is_some());
    pool.send(&ThinPoolMessage::ReleaseMetadataSnap);
    assert_eq!(working(pool.status()).held_root, None);
}

#[test]
#[ignore = "needs root and device mapper: cargo xtask test-root"]
fn a_pool_without_space_says_so() {
    let Some(scratch) = Scratch::new(&[require::target("thin-pool"), require::target("thin")]) else { return };
    let [metadata, data] = disks(&scratch);
    let table =
        table(metadata.number(), &data).skip_block_zeroing().ignore_discard().no_discard_passdown().error_if_no_space();
    let (pool, thin) = pool_with_thin(&scratch, table);
    Pattern::new(1).write(&thin.device().path(), Sectors(0), Sectors(2 * LENGTH.0)).unwrap_err();
    let status = working(pool.status());
    assert_eq!(
        (status.mode, status.discard, status.no_space),
        (Some(PoolMode::OutOfDataSpace), Some(PoolDiscard::Ignore), Some(PoolNoSpace::Error))
    );
    assert_eq!(status.data.used, status.data.total);
    assert_eq!(concerns::<ThinPool>(&pool.status()), [Concern::OutOfDataSpace]);
}

#[test]
#[ignore = "needs root and device mapper: cargo xtask test-root"]
fn a_read_only_pool_says_so() {
    let Some(scratch) = Scratch::new(&[require::target("thin-pool")]) else { return };
    let [metadata, data] = disks(&scratch);
    // The pool is formatted first.
    let pool = map::<ThinPool>(&scratch, "pool", LENGTH, table(metadata.number(), &data));
    let read_only = table(metadata.number(), &data).read_only();
    pool.swap(read_only.clone());
    assert_eq!(pool.table(), read_only);
    assert_eq!(working(pool.status()).mode, Some(PoolMode::ReadOnly));
    pool.try_send(&ThinPoolMessage::CreateThin(id(0))).unwrap_err();
}

#[test]
#[ignore = "needs root and device mapper: cargo xtask test-root"]
fn a_pool_whose_metadata_fails_says_so() {
    let needs = ["thin-pool", "thin", "flakey"].map(require::target);
    let Some(scratch) = Scratch::new(&needs) else { return };
    for (fault, suffix) in [(Fault::WriteErrors, "writes"), (Fault::Errors, "all")] {
        let [metadata, data] = disks(&scratch);
        let faulty =
            FaultyDisk::over(&scratch, &format!("faulty-{suffix}"), metadata.number(), metadata.size()).unwrap();
        let pool = map::<ThinPool>(&scratch, suffix, LENGTH, table(faulty.number(), &data));
        pool.send(&ThinPoolMessage::CreateThin(id(0)));
        working(pool.status());
        let thin = ThinTable::new(pool.device().number(), id(0));
        let thin = map::<Thin>(&scratch, &format!("thin-{suffix}"), LENGTH, thin);
        faulty.set(&fault).unwrap();
        let _ = pool.try_send(&ThinPoolMessage::CreateThin(id(1)));
        let _ = Pattern::new(1).write(&thin.device().path(), Sectors(0), BLOCK);
        match pool.status_now() {
            ThinPoolStatus::Working(pool) => {
                assert_eq!((pool.mode, pool.check), (Some(PoolMode::ReadOnly), Some(PoolCheck::Needed)));
            }
            failed => {
                assert_eq!(failed, ThinPoolStatus::Fail);
                assert_eq!(thin.status_now(), ThinStatus::Fail);
            }
        }
    }
}
