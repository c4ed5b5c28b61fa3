//! Snapshots on disks that fail, their discards, and merging.

use dm_core::{Host, TargetLine};
use dm_targets::devices::MappedDev;
use dm_targets::snapshot::{SnapshotMergeTable, SnapshotOriginTable, SnapshotStatus, SnapshotStore, SnapshotTable};
use dm_targets::{Snapshot, SnapshotMerge, SnapshotOrigin};
use dm_testing::MemoryKernel;
use dm_testing::memory::MemoryDisk;
use dm_units::{Bytes, Sectors};

use crate::support::{linear, one};

const LENGTH: Sectors = Sectors(1024);
const CHUNK: Sectors = Sectors(16);

/// A disk filled with ones, and a COW device.
struct Scene {
    memory: MemoryKernel,
    host: Host,
    disk: MemoryDisk,
    cow: MemoryDisk,
}

impl Scene {
    fn new() -> Self {
        let memory = MemoryKernel::new();
        let (disk, cow) = (memory.disk(LENGTH.to_bytes()), memory.disk(Bytes(1 << 20)));
        disk.write(Sectors(0), &[1; 1024 * 512]).unwrap();
        let host = memory.host();
        Self { memory, host, disk, cow }
    }

    fn table(&self) -> SnapshotTable {
        SnapshotTable::new(self.disk.number(), self.cow.number(), SnapshotStore::Persistent, CHUNK)
    }

    fn snapshot(&self, table: SnapshotTable) -> MappedDev<Snapshot> {
        MappedDev::create(&self.host, "snapshot", &one(LENGTH, table)).unwrap()
    }

    fn origin(&self) -> MappedDev<SnapshotOrigin> {
        MappedDev::create(&self.host, "origin", &one(LENGTH, SnapshotOriginTable::new(self.disk.number()))).unwrap()
    }

    fn merge(&self) -> MappedDev<SnapshotMerge> {
        MappedDev::create(&self.host, "merge", &one(LENGTH, SnapshotMergeTable(self.table()))).unwrap()
    }

    fn byte(&self, device: &str, at: u64) -> u8 {
        let mut sector = [0xee; 512];
        self.memory.read(device, Sectors(at), &mut sector).unwrap();
        sector[0]
    }

    fn logged(&self, text: &str) -> bool {
        self.memory.log().iter().any(|line| line.ends_with(text))
    }
}

fn status<T: dm_targets::Target<Status = SnapshotStatus>>(scene: &Scene, device: &MappedDev<T>) -> SnapshotStatus {
    device.status(&scene.host).unwrap()
}

fn used(status: SnapshotStatus) -> (u64, u64) {
    match status {
        SnapshotStatus::Valid { space, metadata, .. } => (space.used.0, metadata.0),
        other => unreachable!("{other:?}"),
    }
}

#[test]
fn a_failed_cow_device_invalidates_the_snapshot_but_not_the_origin() {
    let scene = Scene::new();
    let (snapshot, _origin) = (scene.snapshot(scene.table()), scene.origin());
    scene.cow.fail(Sectors(32)..Sectors(48));
    scene.memory.write("origin", Sectors(0), &[2; 512]).unwrap();
    assert_eq!((status(&scene, &snapshot), scene.byte("origin", 0)), (SnapshotStatus::Invalid, 2));
    assert!(scene.logged("snapshots: Invalidating snapshot: Error reading/writing."));
    assert_eq!(snapshot.info(&scene.host).unwrap().event_nr(), 1);
}

#[test]
fn a_map_that_cannot_be_written_invalidates_the_snapshot() {
    let scene = Scene::new();
    let snapshot = scene.snapshot(scene.table());
    scene.cow.fail(Sectors(16)..Sectors(32));
    assert_eq!(scene.memory.write("snapshot", Sectors(0), &[2; 512]).unwrap_err().errno(), Some(5));
    assert_eq!(status(&scene, &snapshot), SnapshotStatus::Invalid);
}

#[test]
fn an_area_of_the_map_follows_when_one_is_full() {
    let scene = Scene::new();
    let cow = scene.memory.disk(Bytes(4 << 20));
    let table = || SnapshotTable::new(scene.disk.number(), cow.number(), SnapshotStore::Persistent, Sectors(1));
    let snapshot = scene.snapshot(table());
    // An area has 32 entries.
    scene.memory.write("snapshot", Sectors(0), &[2; 31 * 512]).unwrap();
    assert_eq!(used(status(&scene, &snapshot)), (33, 2));
    scene.memory.write("snapshot", Sectors(31), &[2; 2 * 512]).unwrap();
    assert_eq!(used(status(&scene, &snapshot)), (36, 3));
    scene.host.remove("snapshot").unwrap();
    let snapshot = scene.snapshot(table());
    assert_eq!(used(status(&scene, &snapshot)), (36, 3));
    assert_eq!((scene.byte("snapshot", 32), scene.byte("snapshot", 33)), (2, 1));
}

#[test]
fn discards_zero_chunks_of_the_cow_device() {
    let scene = Scene::new();
    scene.snapshot(scene.table());
    let refused = scene.memory.discard("snapshot", Sectors(0), CHUNK).unwrap_err();
    assert_eq!(refused.errno(), Some(95));
    scene.host.remove("snapshot").unwrap();

    scene.snapshot(scene.table().discard_zeroes_cow());
    scene.memory.write("snapshot", Sectors(0), &[2; 16 * 512]).unwrap();
    scene.memory.discard("snapshot", Sectors(0), Sectors(32)).unwrap();
    // Sectors without an exception are unchanged.
    assert_eq!((scene.byte("snapshot", 0), scene.byte("snapshot", 16)), (0, 1));
    // The origin is not discarded, unless the table requests it.
    let mut sector = [9; 512];
    scene.disk.read(Sectors(0), &mut sector).unwrap();
    assert_eq!(sector, [1; 512]);
    scene.host.remove("snapshot").unwrap();
    scene.snapshot(scene.table().discard_zeroes_cow().discard_passdown_origin());
    scene.memory.discard("snapshot", Sectors(0), LENGTH).unwrap();
    scene.disk.read(Sectors(0), &mut sector).unwrap();
    assert_eq!(sector, [0; 512]);
}

#[test]
fn a_merge_continues_each_time_its_status_is_read() {
    let scene = Scene::new();
    scene.snapshot(scene.table());
    scene.memory.write("snapshot", Sectors(0), &[2; 32 * 512]).unwrap();
    scene.memory.write("snapshot", Sectors(160), &[3; 512]).unwrap();
    scene.host.remove("snapshot").unwrap();
    let merge = scene.merge();
    assert_eq!(used(status(&scene, &merge)), (80, 32));
    // Consecutive chunks are merged at once, the newest first.
    assert_eq!(used(status(&scene, &merge)), (64, 32));
    assert_eq!((scene.byte("merge", 0), scene.byte("merge", 160)), (2, 3));
    let merged = status(&scene, &merge);
    assert!(merged.is_merged(), "{merged:?}");
    let mut sector = [0; 512];
    scene.disk.read(Sectors(31), &mut sector).unwrap();
    assert_eq!(sector, [2; 512]);
    // Nothing is merged while the device is suspended.
    merge.suspend(&scene.host).unwrap();
    assert!(status(&scene, &merge).is_merged());
}

#[test]
fn a_merge_that_fails_says_so_and_serves_what_is_not_merged() {
    let scene = Scene::new();
    scene.snapshot(scene.table());
    scene.memory.write("snapshot", Sectors(0), &[2; 16 * 512]).unwrap();
    scene.host.remove("snapshot").unwrap();
    scene.disk.fail(Sectors(0)..Sectors(1));
    let merge = scene.merge();
    status(&scene, &merge);
    assert_eq!(status(&scene, &merge), SnapshotStatus::MergeFailed);
    assert!(scene.logged("snapshots: Write error: shutting down merge."));
    assert_eq!((scene.byte("merge", 0), scene.byte("merge", 16)), (2, 1));
}

#[test]
fn a_merge_takes_over_from_the_snapshot() {
    let scene = Scene::new();
    scene.snapshot(scene.table());
    scene.memory.write("snapshot", Sectors(0), &[2; 512]).unwrap();
    let params = || format!("{} {} P 16", scene.disk.number(), scene.cow.number());
    let line = || TargetLine::text(Sectors(0), LENGTH, "snapshot-merge", params());
    // In the origin's device, as volume managers do it.
    let origin = scene.origin();
    scene.host.dm().table_load("origin", [line()]).unwrap();
    // The source must be suspended first.
    let refused = scene.host.dm().device_resume("origin").unwrap_err();
    assert!(
        refused.to_string().contains("Unable to perform snapshot handover until source is suspended."),
        "{refused}"
    );
    scene.host.suspend("snapshot").unwrap();
    scene.host.dm().device_resume("origin").unwrap();
    let merge: MappedDev<SnapshotMerge> = MappedDev::open(&scene.host, "origin").unwrap();
    assert_eq!(used(status(&scene, &merge)), (48, 32));
    assert!(status(&scene, &merge).is_merged());
    // A second merge would have no snapshot to take over from.
    scene.host.create("again", [line()]).unwrap_err();
    assert!(scene.logged("Snapshot cow pairing for exception table handover failed (-EINVAL)"));
    drop(origin);
}

#[test]
fn a_snapshot_whose_source_is_removed_before_the_handover_is_invalid() {
    let scene = Scene::new();
    let source = scene.snapshot(scene.table());
    let table = one::<Snapshot>(LENGTH, scene.table());
    let dm = scene.host.dm();
    dm.device_create("waiting").unwrap();
    dm.table_load("waiting", table.lines().iter().map(TargetLine::from)).unwrap();
    scene.host.remove(&source).unwrap();
    assert!(scene.logged("snapshots: Cancelling snapshot handover."));
    dm.device_resume("waiting").unwrap();
    let waiting: MappedDev<Snapshot> = MappedDev::open(&scene.host, "waiting").unwrap();
    assert_eq!(status(&scene, &waiting), SnapshotStatus::Invalid);
}

#[test]
fn an_origin_waits_while_the_cow_device_is_suspended() {
    let scene = Scene::new();
    let cow = scene.host.create("cow", [linear(Sectors(2048), scene.cow.number())]).unwrap().number();
    let snapshot = scene.snapshot(SnapshotTable::new(scene.disk.number(), cow, SnapshotStore::Persistent, CHUNK));
    let _origin = scene.origin();
    scene.host.suspend("cow").unwrap();
    assert!(scene.memory.write("origin", Sectors(0), &[2; 512]).unwrap_err().would_wait());
    scene.host.resume("cow").unwrap();
    assert_eq!(used(status(&scene, &snapshot)), (32, 32));
    scene.memory.write("origin", Sectors(0), &[2; 512]).unwrap();
    assert_eq!((used(status(&scene, &snapshot)), scene.byte("snapshot", 0)), ((48, 32), 1));
}
