//! `snapshot`, `snapshot-origin` and `snapshot-merge`.

use std::time::Duration;

use dm_core::{Host, RemovePolicy, Retry};
use dm_targets::devices::{DevError, MappedDev};
use dm_targets::snapshot::{SnapshotMergeTable, SnapshotOriginTable, SnapshotStatus, SnapshotStore, SnapshotTable};
use dm_targets::{Snapshot, SnapshotMerge, SnapshotOrigin, Table, TableLine, Target};
use dm_testing::TestKernel;
use dm_units::{DeviceNumber, Sectors};

on_both_kernels! { ["snapshot", "snapshot-origin", "snapshot-merge"];
    a_snapshot_keeps_the_old_data_of_its_origin,
    a_snapshot_can_be_written,
    a_transient_snapshot_has_no_map,
    all_snapshots_of_an_origin_keep_its_old_data,
    writes_to_the_disk_itself_are_not_kept,
    a_full_snapshot_is_invalid_or_has_overflowed,
    an_origin_that_fills_its_snapshot_is_written_all_the_same,
    a_persistent_snapshot_is_found_again,
    a_full_snapshot_stays_invalid,
    a_cow_device_that_holds_something_else_is_refused,
    the_chunk_size_on_disk_is_used,
    another_table_takes_the_exceptions_over,
    a_snapshot_is_merged_into_its_origin,
    other_snapshots_keep_what_a_merge_overwrites,
    // Older kernels crash (`snapshot_ctr` does not check the store).
    a_transient_snapshot_is_not_merged needs [require::throw_away_kernel(), require::interface(48)],
    a_merge_whose_exceptions_are_taken_over_shows_its_origin,
}

const LENGTH: Sectors = Sectors(1024);
const CHUNK: Sectors = Sectors(16);

fn one<T: Target>(params: T::Table) -> Table<T> {
    Table::new([TableLine::<T> { start: Sectors(0), length: LENGTH, params }]).unwrap()
}

/// A disk and a COW device.
struct Scene<'k> {
    kernel: &'k dyn TestKernel,
    host: Host,
    disk: DeviceNumber,
    cow: DeviceNumber,
}

type SnapshotDev = MappedDev<Snapshot>;

impl<'k> Scene<'k> {
    fn new(kernel: &'k dyn TestKernel) -> Self {
        Self::with_cow(kernel, Sectors(2048))
    }

    fn with_cow(kernel: &'k dyn TestKernel, cow: Sectors) -> Self {
        let (disk, cow) = (kernel.disk(LENGTH.to_bytes()), kernel.disk(cow.to_bytes()));
        kernel.write(disk, Sectors(0), &[1; 1024 * 512]).unwrap();
        Self { kernel, host: kernel.host(), disk, cow }
    }

    fn table(&self, store: SnapshotStore) -> SnapshotTable {
        SnapshotTable::new(self.disk, self.cow, store, CHUNK)
    }

    fn try_snapshot(&self, name: &str, table: SnapshotTable) -> Result<SnapshotDev, DevError> {
        MappedDev::create(&self.host, self.kernel.name(name), &one::<Snapshot>(table))
    }

    fn snapshot(&self, store: SnapshotStore) -> (SnapshotDev, DeviceNumber) {
        let snapshot = self.try_snapshot("snapshot", self.table(store)).unwrap();
        let number = snapshot.number(&self.host).unwrap();
        (snapshot, number)
    }

    fn origin(&self) -> DeviceNumber {
        let table = one::<SnapshotOrigin>(SnapshotOriginTable::new(self.disk));
        let origin = MappedDev::create(&self.host, self.kernel.name("origin"), &table).unwrap();
        assert_eq!(origin.table(&self.host).unwrap(), table);
        origin.number(&self.host).unwrap()
    }

    fn status(&self, snapshot: &SnapshotDev) -> SnapshotStatus {
        snapshot.status(&self.host).unwrap()
    }

    /// The number of sectors in use, and of those with the map.
    fn used(&self, snapshot: &SnapshotDev) -> (u64, u64) {
        match self.status(snapshot) {
            SnapshotStatus::Valid { space, metadata, .. } => (space.used.0, metadata.0),
            other => unreachable!("{other:?}"),
        }
    }

    fn fill(&self, device: DeviceNumber, start: u64, sectors: usize, byte: u8) -> std::io::Result<()> {
        self.kernel.write(device, Sectors(start), &[byte; 512].repeat(sectors))
    }

    fn bytes<const N: usize>(&self, device: DeviceNumber, at: [u64; N]) -> [u8; N] {
        at.map(|at| {
            let mut sector = [0xee; 512];
            self.kernel.read(device, Sectors(at), &mut sector).unwrap();
            assert!(sector.iter().all(|byte| *byte == sector[0]), "{at}");
            sector[0]
        })
    }

    fn remove(&self, device: DeviceNumber) {
        // Other programs may open a device for a moment.
        let patiently = RemovePolicy::new().retry(Retry::within(Duration::from_secs(20)));
        self.host.remove_with(device, patiently).unwrap();
    }

    /// Waits until a merge is complete.
    fn wait_for_merge(&self, merge: &MappedDev<SnapshotMerge>) {
        for _ in 0..1000 {
            if merge.status(&self.host).unwrap().is_merged() {
                return;
            }
            std::thread::sleep(Duration::from_millis(1));
        }
        unreachable!("{:?}", merge.status(&self.host));
    }
}

fn a_snapshot_keeps_the_old_data_of_its_origin(kernel: &dyn TestKernel) {
    let scene = Scene::new(kernel);
    let (snapshot, number) = scene.snapshot(SnapshotStore::Persistent);
    let origin = scene.origin();
    assert_eq!(snapshot.table(&scene.host).unwrap(), one::<Snapshot>(scene.table(SnapshotStore::Persistent)));
    // The header and the first area of the map.
    assert_eq!(scene.used(&snapshot), (32, 32));
    scene.fill(origin, 24, 8, 2).unwrap();
    assert_eq!(scene.used(&snapshot), (48, 32));
    assert_eq!(scene.bytes(number, [16, 24, 31, 32]), [1; 4]);
    assert_eq!(scene.bytes(origin, [16, 24, 31, 32]), [1, 2, 2, 1]);
    assert_eq!(scene.bytes(scene.disk, [24]), [2]);
    // A chunk is copied only once.
    scene.fill(origin, 16, 16, 3).unwrap();
    assert_eq!((scene.used(&snapshot), scene.bytes(number, [16, 31])), ((48, 32), [1; 2]));
    // These sectors are in two chunks.
    scene.fill(origin, 40, 16, 3).unwrap();
    assert_eq!((scene.used(&snapshot), scene.bytes(number, [40, 55])), ((80, 32), [1; 2]));
}

fn a_snapshot_can_be_written(kernel: &dyn TestKernel) {
    let scene = Scene::new(kernel);
    let (snapshot, number) = scene.snapshot(SnapshotStore::Persistent);
    scene.fill(number, 8, 8, 2).unwrap();
    scene.fill(number, 16, 16, 3).unwrap();
    assert_eq!(scene.bytes(number, [0, 8, 15, 16, 31, 32]), [1, 2, 2, 3, 3, 1]);
    assert_eq!((scene.bytes(scene.disk, [8, 16]), scene.used(&snapshot)), ([1; 2], (64, 32)));
}

fn a_transient_snapshot_has_no_map(kernel: &dyn TestKernel) {
    let scene = Scene::new(kernel);
    let (snapshot, number) = scene.snapshot(SnapshotStore::Transient);
    assert_eq!(scene.used(&snapshot), (0, 0));
    scene.fill(number, 0, 8, 2).unwrap();
    assert_eq!((scene.used(&snapshot), scene.bytes(number, [0, 8])), ((16, 0), [2, 1]));
}

fn all_snapshots_of_an_origin_keep_its_old_data(kernel: &dyn TestKernel) {
    let scene = Scene::new(kernel);
    let (first, _) = scene.snapshot(SnapshotStore::Persistent);
    let wide = SnapshotTable::new(scene.disk, kernel.disk(LENGTH.to_bytes()), SnapshotStore::Transient, Sectors(64));
    let second = scene.try_snapshot("second", wide).unwrap();
    let origin = scene.origin();
    scene.fill(origin, 56, 16, 2).unwrap();
    assert_eq!((scene.used(&first), scene.used(&second)), ((64, 32), (128, 0)));
    let second = second.number(&scene.host).unwrap();
    assert_eq!(scene.bytes(second, [0, 56, 71, 127]), [1; 4]);
}

fn writes_to_the_disk_itself_are_not_kept(kernel: &dyn TestKernel) {
    let scene = Scene::new(kernel);
    let (snapshot, number) = scene.snapshot(SnapshotStore::Persistent);
    scene.fill(scene.disk, 0, 16, 2).unwrap();
    assert_eq!((scene.bytes(number, [0]), scene.used(&snapshot)), ([2], (32, 32)));
}

fn a_full_snapshot_is_invalid_or_has_overflowed(kernel: &dyn TestKernel) {
    let stores = [SnapshotStore::PersistentOverflow, SnapshotStore::Persistent, SnapshotStore::Transient];
    let full = [SnapshotStatus::Overflow, SnapshotStatus::Invalid, SnapshotStatus::Invalid];
    for (at, (store, full)) in stores.into_iter().zip(full).enumerate() {
        let scene = Scene::with_cow(kernel, Sectors(128));
        let snapshot = scene.try_snapshot(&format!("snapshot{at}"), scene.table(store)).unwrap();
        let number = snapshot.number(&scene.host).unwrap();
        let events = || snapshot.info(&scene.host).unwrap().event_nr();
        let before = events();
        scene.fill(number, 0, 1024, 2).unwrap_err();
        assert_eq!(scene.status(&snapshot), full);
        // Only invalidation raises an event.
        assert_eq!(events().checked_sub(before), Some(u32::from(full == SnapshotStatus::Invalid)));
        // A snapshot that has overflowed can still be read.
        let read = kernel.read(number, Sectors(1000), &mut [0; 512]);
        assert_eq!(read.is_ok(), full == SnapshotStatus::Overflow);
    }
}

fn an_origin_that_fills_its_snapshot_is_written_all_the_same(kernel: &dyn TestKernel) {
    let scene = Scene::with_cow(kernel, Sectors(64));
    // A write to the origin makes it invalid, even if user space supports `Overflow`.
    let (snapshot, _) = scene.snapshot(SnapshotStore::PersistentOverflow);
    let origin = scene.origin();
    scene.fill(origin, 0, 32, 2).unwrap();
    assert_eq!(scene.used(&snapshot), (64, 32));
    scene.fill(origin, 32, 16, 3).unwrap();
    assert_eq!(scene.status(&snapshot), SnapshotStatus::Invalid);
    assert_eq!(scene.bytes(origin, [0, 32, 48]), [2, 3, 1]);
}

fn a_persistent_snapshot_is_found_again(kernel: &dyn TestKernel) {
    let scene = Scene::new(kernel);
    let (_, number) = scene.snapshot(SnapshotStore::Persistent);
    scene.fill(number, 160, 32, 2).unwrap();
    scene.remove(number);
    let (snapshot, number) = scene.snapshot(SnapshotStore::PersistentOverflow);
    assert_eq!((scene.bytes(number, [160, 191, 192]), scene.used(&snapshot)), ([2, 2, 1], (64, 32)));
}

fn a_full_snapshot_stays_invalid(kernel: &dyn TestKernel) {
    let scene = Scene::with_cow(kernel, Sectors(64));
    let (_, number) = scene.snapshot(SnapshotStore::Persistent);
    scene.fill(number, 0, 1024, 2).unwrap_err();
    scene.remove(number);
    let (snapshot, _) = scene.snapshot(SnapshotStore::Persistent);
    assert_eq!(scene.status(&snapshot), SnapshotStatus::Invalid);
}

fn a_cow_device_that_holds_something_else_is_refused(kernel: &dyn TestKernel) {
    let scene = Scene::new(kernel);
    scene.fill(scene.cow, 0, 1, 7).unwrap();
    let refused = scene.try_snapshot("snapshot", scene.table(SnapshotStore::Persistent)).unwrap_err();
    // ENXIO.
    assert_eq!(refused.errno(), Some(6), "{refused}");
    // A transient store does not read the COW device.
    scene.snapshot(SnapshotStore::Transient);
}

fn the_chunk_size_on_disk_is_used(kernel: &dyn TestKernel) {
    let scene = Scene::new(kernel);
    let (_, number) = scene.snapshot(SnapshotStore::Persistent);
    scene.remove(number);
    for size in [0, 64] {
        let mut table = scene.table(SnapshotStore::Persistent);
        table.chunk_size = Sectors(size);
        let snapshot = scene.try_snapshot("snapshot", table).unwrap();
        let printed = snapshot.table(&scene.host).unwrap();
        assert_eq!(printed, one::<Snapshot>(scene.table(SnapshotStore::Persistent)));
        scene.remove(snapshot.number(&scene.host).unwrap());
    }
    // A new store has chunks of 16 KiB by default.
    scene.fill(scene.cow, 0, 1, 0).unwrap();
    let mut table = scene.table(SnapshotStore::Persistent);
    table.chunk_size = Sectors(0);
    let snapshot = scene.try_snapshot("snapshot", table).unwrap();
    assert_eq!(scene.used(&snapshot), (64, 64));
}

fn another_table_takes_the_exceptions_over(kernel: &dyn TestKernel) {
    let scene = Scene::new(kernel);
    let (snapshot, number) = scene.snapshot(SnapshotStore::Transient);
    scene.fill(number, 0, 16, 2).unwrap();
    snapshot.set_table(&scene.host, &one::<Snapshot>(scene.table(SnapshotStore::Transient))).unwrap();
    assert_eq!((scene.bytes(number, [0, 16]), scene.used(&snapshot)), ([2, 1], (16, 0)));
    // A third snapshot is refused.
    let again = || one::<Snapshot>(scene.table(SnapshotStore::Transient));
    let line = TableLine::<Snapshot>::new(Sectors(0), LENGTH, scene.table(SnapshotStore::Transient));
    scene.host.dm().table_load(number, [dm_core::TargetLine::from(&line)]).unwrap();
    let refused = MappedDev::create(&scene.host, kernel.name("third"), &again()).unwrap_err();
    assert!(refused.is_invalid(), "{refused}");
    // The source cannot be resumed while a destination waits.
    snapshot.suspend(&scene.host).unwrap();
    scene.host.dm().device_resume(number).unwrap();
    assert_eq!(scene.bytes(number, [0, 16]), [2, 1]);
}

fn merge(scene: &Scene<'_>, store: SnapshotStore) -> Result<MappedDev<SnapshotMerge>, DevError> {
    let table = one::<SnapshotMerge>(SnapshotMergeTable(scene.table(store)));
    MappedDev::create(&scene.host, scene.kernel.name("merge"), &table)
}

fn a_snapshot_is_merged_into_its_origin(kernel: &dyn TestKernel) {
    let scene = Scene::new(kernel);
    let (_, number) = scene.snapshot(SnapshotStore::Persistent);
    scene.fill(number, 0, 32, 2).unwrap();
    scene.fill(number, 320, 16, 3).unwrap();
    scene.remove(number);
    let merge = merge(&scene, SnapshotStore::Persistent).unwrap();
    let number = merge.number(&scene.host).unwrap();
    assert_eq!(scene.bytes(number, [0, 31, 32, 320]), [2, 2, 1, 3]);
    scene.wait_for_merge(&merge);
    assert_eq!(scene.bytes(scene.disk, [0, 31, 32, 320]), [2, 2, 1, 3]);
    // Writes now reach the origin.
    scene.fill(number, 0, 8, 4).unwrap();
    assert_eq!(scene.bytes(scene.disk, [0, 8]), [4, 2]);
}

fn other_snapshots_keep_what_a_merge_overwrites(kernel: &dyn TestKernel) {
    let scene = Scene::new(kernel);
    let (_, number) = scene.snapshot(SnapshotStore::Persistent);
    scene.fill(number, 0, 16, 2).unwrap();
    scene.remove(number);
    let other = SnapshotTable::new(scene.disk, kernel.disk(LENGTH.to_bytes()), SnapshotStore::Persistent, Sectors(8));
    let other = scene.try_snapshot("other", other).unwrap();
    let merge = merge(&scene, SnapshotStore::Persistent).unwrap();
    scene.wait_for_merge(&merge);
    assert_eq!(scene.bytes(other.number(&scene.host).unwrap(), [0, 15]), [1; 2]);
    assert_eq!((scene.bytes(scene.disk, [0, 15]), scene.used(&other)), ([2; 2], (32, 16)));
}

fn a_transient_snapshot_is_not_merged(kernel: &dyn TestKernel) {
    let scene = Scene::new(kernel);
    let params = format!("{} {} N 16", scene.disk, scene.cow);
    let line = dm_core::TargetLine::text(Sectors(0), LENGTH, "snapshot-merge", params);
    let refused = scene.host.create(kernel.name("merge"), [line]).unwrap_err();
    assert!(refused.is_invalid(), "{refused}");
}

fn a_merge_whose_exceptions_are_taken_over_shows_its_origin(kernel: &dyn TestKernel) {
    let scene = Scene::new(kernel);
    let merge = merge(&scene, SnapshotStore::Persistent).unwrap();
    let number = merge.number(&scene.host).unwrap();
    scene.host.suspend(number).unwrap();
    let (_, snapshot) = scene.snapshot(SnapshotStore::Persistent);
    scene.host.resume(number).unwrap();
    assert_eq!((scene.bytes(number, [0, 1023]), scene.bytes(snapshot, [0, 1023])), ([1; 2], [1; 2]));
    let status = merge.status(&scene.host).unwrap();
    assert_eq!(status.to_string(), "Invalid");
}
