//! `snapshot`, `snapshot-origin`, `snapshot-merge`.

use std::sync::Arc;

use dm_targets::snapshot::{SnapshotMergeTable, SnapshotOriginTable, SnapshotStatus, SnapshotStore, SnapshotTable};
use dm_targets::{HealthState, Snapshot, SnapshotMerge, SnapshotOrigin, Target};
use dm_testing::{Fault, FaultyDisk, LoopDevice, Pattern, Scratch, require};
use dm_units::{Bytes, Sectors};

use crate::support::{Mapped, PATIENTLY, disk, has, map};

const LENGTH: Sectors = Sectors(1024);
const CHUNK: Sectors = Sectors(16);

fn table(origin: &LoopDevice, cow: &LoopDevice, store: SnapshotStore) -> SnapshotTable {
    SnapshotTable::new(origin.number(), cow.number(), store, CHUNK)
}

/// An origin with a snapshot, of whose store only the header is used.
fn origin_with_snapshot<'s>(
    scratch: &'s Scratch,
    origin: &LoopDevice,
    table: SnapshotTable,
) -> (Mapped<'s, SnapshotOrigin>, Mapped<'s, Snapshot>) {
    let snapshot = map::<Snapshot>(scratch, "snapshot", LENGTH, table);
    (map::<SnapshotOrigin>(scratch, "origin", LENGTH, SnapshotOriginTable::new(origin.number())), snapshot)
}

fn disks(scratch: &Scratch) -> [Arc<LoopDevice>; 2] {
    [disk(scratch, 1), disk(scratch, 1)]
}

#[test]
#[ignore = "needs root and device mapper: cargo xtask test-root"]
fn a_persistent_snapshot_counts_what_it_keeps() {
    let Some(scratch) = Scratch::new(&["snapshot", "snapshot-origin"].map(require::target)) else { return };
    let [below, cow] = disks(&scratch);
    let (origin, snapshot) = origin_with_snapshot(&scratch, &below, table(&below, &cow, SnapshotStore::Persistent));
    let used = |status| match status {
        SnapshotStatus::Valid { space, metadata, .. } => (space.used, space.total, metadata),
        other => panic!("{other:?}"),
    };
    assert_eq!(used(snapshot.status()), (Sectors(32), cow.size(), Sectors(32)));
    Pattern::new(1).write(&origin.device().path(), Sectors(0), CHUNK).unwrap();
    assert_eq!(used(snapshot.status()), (Sectors(48), cow.size(), Sectors(32)));
    Pattern::zeros().verify(&snapshot.device().path(), Sectors(0), CHUNK).unwrap();
}

#[test]
#[ignore = "needs root and device mapper: cargo xtask test-root"]
fn a_transient_snapshot_has_no_metadata() {
    let Some(scratch) = Scratch::new(&[require::target("snapshot")]) else { return };
    let [below, cow] = disks(&scratch);
    let table = table(&below, &cow, SnapshotStore::Transient);
    let snapshot = map::<Snapshot>(&scratch, "snapshot", LENGTH, table);
    assert!(matches!(snapshot.status(), SnapshotStatus::Valid { metadata: Sectors(0), .. }));
}

#[test]
#[ignore = "needs root and device mapper: cargo xtask test-root"]
fn a_snapshot_can_take_discards() {
    let Some(scratch) = Scratch::new(&[require::target("snapshot")]) else { return };
    if !has::<Snapshot>(&scratch, "discard_zeroes_cow") {
        return require::skip("it needs target snapshot with discard_zeroes_cow");
    }
    let table = || {
        let [below, cow] = disks(&scratch).map(|disk| disk.number());
        // Linux 7.2 divides by zero if chunks are smaller.
        SnapshotTable::new(below, cow, SnapshotStore::PersistentOverflow, Sectors(512)).discard_zeroes_cow()
    };
    map::<Snapshot>(&scratch, "one", LENGTH, table());
    map::<Snapshot>(&scratch, "both", LENGTH, table().discard_passdown_origin());
}

#[test]
#[ignore = "needs root and device mapper: cargo xtask test-root"]
fn a_snapshot_overflows() {
    let Some(scratch) = Scratch::new(&["snapshot", "snapshot-origin"].map(require::target)) else { return };
    let full = |suffix: &str, store: SnapshotStore| {
        let [below, cow] = [Bytes(1 << 20), Bytes(64 << 10)].map(|size| scratch.loop_device(size).unwrap());
        let snapshot = map::<Snapshot>(&scratch, suffix, LENGTH, table(&below, &cow, store));
        // More data than fits on the COW device.
        Pattern::new(1).write(&snapshot.device().path(), Sectors(0), LENGTH).unwrap_err();
        snapshot.status()
    };
    assert_eq!(full("overflow", SnapshotStore::PersistentOverflow), SnapshotStatus::Overflow);
    assert_eq!(full("persistent", SnapshotStore::Persistent), SnapshotStatus::Invalid);
    assert_eq!(full("transient", SnapshotStore::Transient), SnapshotStatus::Invalid);
}

#[test]
#[ignore = "needs root and device mapper: cargo xtask test-root"]
fn a_snapshot_is_merged_into_its_origin() {
    let needs = ["snapshot", "snapshot-origin", "snapshot-merge"].map(require::target);
    let Some(scratch) = Scratch::new(&needs) else { return };
    let [below, cow] = disks(&scratch);
    let snapshot = map::<Snapshot>(&scratch, "snapshot", LENGTH, table(&below, &cow, SnapshotStore::Persistent));
    Pattern::new(1).write(&snapshot.device().path(), Sectors(0), CHUNK).unwrap();
    let number = snapshot.device().number();
    scratch.dm().device_suspend(number).unwrap();
    scratch.host().remove_with(number, PATIENTLY).unwrap();
    let merge = SnapshotMergeTable(table(&below, &cow, SnapshotStore::Persistent));
    let merge = map::<SnapshotMerge>(&scratch, "merge", LENGTH, merge);
    merge.wait_for("the end of the merge", SnapshotStatus::is_merged);
    Pattern::new(1).verify(below.path(), Sectors(0), CHUNK).unwrap();
}

#[test]
#[ignore = "needs root and device mapper: cargo xtask test-root"]
fn a_merge_that_fails_says_so() {
    let needs = ["snapshot", "snapshot-merge", "error"].map(require::target);
    let Some(scratch) = Scratch::new(&needs) else { return };
    let [below, cow] = disks(&scratch);
    let origin = FaultyDisk::over(&scratch, "faulty", below.number(), below.size()).unwrap();
    let table = || SnapshotTable::new(origin.number(), cow.number(), SnapshotStore::Persistent, CHUNK);
    let snapshot = map::<Snapshot>(&scratch, "snapshot", LENGTH, table());
    Pattern::new(1).write(&snapshot.device().path(), Sectors(0), CHUNK).unwrap();
    let number = snapshot.device().number();
    scratch.host().remove_with(number, PATIENTLY).unwrap();
    origin.set(&Fault::Errors).unwrap();
    let merge = map::<SnapshotMerge>(&scratch, "merge", LENGTH, SnapshotMergeTable(table()));
    let failed = merge.wait_for("the merge to fail", |status| *status == SnapshotStatus::MergeFailed);
    // I/O continues.
    assert_eq!(SnapshotMerge::health(&failed).state(), HealthState::Attention);
    Pattern::new(1).verify(&merge.device().path(), Sectors(0), CHUNK).unwrap();
}
