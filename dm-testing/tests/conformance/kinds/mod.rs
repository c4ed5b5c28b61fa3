//! The methods that only one kind of whole device has.

use std::time::Duration;

use dm_core::{SetupOptions, StatusOptions, TableSlot, TargetLine};
use dm_targets::cache::{CacheIoMode, CachePolicy, CacheTable};
use dm_targets::crypt::{Cipher, CryptKey, CryptTable};
use dm_targets::devices::{CacheDev, CryptDev, DevError, LinearDev, MappedDev, OriginDev, RaidDev, SnapshotDev};
use dm_targets::linear::LinearTable;
use dm_targets::raid::{RaidDevice, RaidTable, RaidType};
use dm_targets::snapshot::{SnapshotOriginTable, SnapshotStore, SnapshotTable};
use dm_targets::{Any, Key, Table, TableLine, Target};
use dm_testing::TestKernel;
use dm_units::{Bytes, DeviceNumber, Sectors};

use crate::support::Devices as _;

mod copies;
mod eras;
mod integrities;
mod lines;
mod mirrors;
mod moves;
mod paths;
mod volumes;
mod writecaches;

mod caches {
    use super::*;

    on_both_kernels! { ["cache", "linear"];
        a_cache_is_attached_to_a_device_in_use_and_detached,
        a_cache_without_dirty_blocks_enters_passthrough_in_use,
    }

    fn a_cache_without_dirty_blocks_enters_passthrough_in_use(kernel: &dyn TestKernel) {
        let [slow, fast, metadata] = [8 << 20, 4 << 20, 2 << 20].map(|size| kernel.disk(Bytes(size)));
        let line = |mode| {
            TargetLine::text(Sectors(0), LENGTH, "cache", format!("{metadata} {fast} {slow} 128 1 {mode} smq 0"))
        };
        let cache = kernel.map("cache", [line("writethrough")]);
        assert_eq!(first_byte(kernel, cache.number(), 0), 0);
        kernel.write(cache.number(), Sectors(0), &[7; 4096]).unwrap();
        kernel.swap(&cache, [line("passthrough")]);
        kernel.write(cache.number(), Sectors(8), &[8; 4096]).unwrap();
        assert_eq!([0, 8].map(|start| first_byte(kernel, slow, start)), [7, 8]);
    }

    fn a_cache_is_attached_to_a_device_in_use_and_detached(kernel: &dyn TestKernel) {
        let host = kernel.host();
        let [slow, fast, metadata] = [8 << 20, 4 << 20, 2 << 20].map(|size| kernel.disk(Bytes(size)));
        let home = LinearDev::create(&host, kernel.name("home"), &linear(slow, LENGTH)).unwrap();
        let number = home.number(&host).unwrap();
        let _in_use = kernel.open(number).unwrap();
        kernel.write(number, Sectors(0), &[1; 4096]).unwrap();

        let table = |origin| {
            let table = CacheTable::new(metadata, fast, origin, Sectors(128), CachePolicy::Smq);
            table.io_mode(CacheIoMode::Writeback)
        };
        let (origin, cache) = CacheDev::attach(&host, &home, kernel.name("origin"), table).unwrap();
        assert_eq!(cache.number(&host).unwrap(), number);
        kernel.write(number, Sectors(8), &[2; 4096]).unwrap();
        assert!(matches!(cache.detach(&host).unwrap_err(), DevError::Dirty { .. }));

        for work in cache.clean(&host, MOMENT).unwrap() {
            work.unwrap();
        }
        kernel.write(number, Sectors(16), &[3; 4096]).unwrap();
        let home = cache.detach(&host).unwrap();
        let expected = linear(origin.number(&host).unwrap(), LENGTH);
        assert_eq!(home.table(&host).unwrap(), expected);
        let held = [0, 8, 16].map(|start| first_byte(kernel, number, start));
        assert_eq!(held, [1, 2, 3]);
        assert_eq!([0, 8, 16].map(|start| first_byte(kernel, slow, start)), [1, 2, 3]);
    }
}

mod crypts {
    use super::*;

    on_both_kernels! { ["crypt"];
        a_locked_device_is_unlocked_with_its_key,
        the_zeros_of_a_locked_device_do_not_become_its_key,
        a_key_of_another_size_leaves_the_device_as_it_was,
        a_key_that_the_cipher_does_not_take_is_refused,
        a_key_message_to_a_device_that_is_not_suspended_is_refused_with_the_reason,
    }

    fn key(digits: &str) -> CryptKey {
        CryptKey::Hex(Key::from_hex(digits).unwrap())
    }

    fn crypt(kernel: &dyn TestKernel) -> CryptDev {
        let cipher = Cipher::new("aes-xts-plain64").unwrap();
        let disk = kernel.disk(Bytes(1 << 20));
        let table = CryptTable::new(cipher, key(&"5a".repeat(64)), Sectors(0), disk, Sectors(0));
        CryptDev::create(&kernel.host(), kernel.name("crypt"), &one(SHORT, table)).unwrap()
    }

    fn a_locked_device_is_unlocked_with_its_key(kernel: &dyn TestKernel) {
        let (host, crypt) = (kernel.host(), crypt(kernel));
        let number = crypt.number(&host).unwrap();
        kernel.write(number, Sectors(0), &[7; 4096]).unwrap();
        crypt.lock(&host).unwrap();
        assert!(crypt.info(&host).unwrap().is_suspended());
        assert!(crypt.resume(&host).is_err());
        crypt.unlock(&host, key(&"5a".repeat(64))).unwrap();
        assert_eq!(first_byte(kernel, number, 0), 7);
        crypt.set_key(&host, key(&"5a".repeat(64))).unwrap();
        assert_eq!(first_byte(kernel, number, 0), 7);
    }

    fn the_zeros_of_a_locked_device_do_not_become_its_key(kernel: &dyn TestKernel) {
        let (host, crypt) = (kernel.host(), crypt(kernel));
        crypt.lock(&host).unwrap();
        let any = MappedDev::<Any>::open(&host, &crypt).unwrap();
        for error in [crypt.change(&host, |_| ()).unwrap_err(), any.change(&host, |_| ()).unwrap_err()] {
            assert!(matches!(error, DevError::KeyWiped(_)), "{error}");
        }
        let info = crypt.info(&host).unwrap();
        assert!(info.is_suspended() && !info.has_inactive_table());
        crypt.unlock(&host, key(&"5a".repeat(64))).unwrap();
        crypt.change(&host, |_| ()).unwrap();
    }

    fn a_key_of_another_size_leaves_the_device_as_it_was(kernel: &dyn TestKernel) {
        let (host, crypt) = (kernel.host(), crypt(kernel));
        let error = crypt.set_key(&host, key(&"5a".repeat(32))).unwrap_err();
        assert!(error.is_invalid(), "{error}");
        assert!(!crypt.info(&host).unwrap().is_suspended());
        crypt.lock(&host).unwrap();
        let error = crypt.unlock(&host, key(&"5a".repeat(32))).unwrap_err();
        assert!(error.is_invalid() && crypt.info(&host).unwrap().is_suspended(), "{error}");
        crypt.unlock(&host, key(&"5a".repeat(64))).unwrap();
    }

    fn a_key_that_the_cipher_does_not_take_is_refused(kernel: &dyn TestKernel) {
        let (device, disk) = (kernel.create("crypt"), kernel.disk(Bytes(1 << 20)));
        let load = |cipher: &str, key: &str| {
            let line = TargetLine::text(Sectors(0), SHORT, "crypt", format!("{cipher} {key} 0 {disk} 0"));
            kernel.dm().table_load(&device, [line])
        };
        for size in 0..70 {
            let key = if size == 0 { "-".to_owned() } else { "5a".repeat(size) };
            for (cipher, sizes) in [("aes-xts-plain64", [32, 48, 64]), ("aes-cbc-plain64", [16, 24, 32])] {
                let refusal = load(cipher, &key).err();
                assert_eq!(refusal.is_none(), sizes.contains(&size), "{cipher} {size}");
                assert!(refusal.is_none_or(|error| error.is_invalid()), "{cipher} {size}");
            }
        }
    }

    fn a_key_message_to_a_device_that_is_not_suspended_is_refused_with_the_reason(kernel: &dyn TestKernel) {
        let name = crypt(kernel).name().to_owned();
        let error = kernel.dm().target_msg(&name, "key wipe").unwrap_err();
        let log = error.refusal().unwrap().kernel_log();
        assert_eq!(log, ["device-mapper: crypt: not suspended during key manipulation."]);
    }
}

mod raids {
    use super::*;

    on_both_kernels! { ["raid"];
        an_array_is_checked_and_a_leg_replaced,
        // In Linux 6.1 an array that was never resumed has another status.
        only_a_new_array_with_metadata_devices_is_synchronized needs [require::interface(48)],
        a_table_with_sync_writes_no_bitmap_to_new_metadata_devices,
    }

    fn a_table_with_sync_writes_no_bitmap_to_new_metadata_devices(kernel: &dyn TestKernel) {
        let [one, two, three, four] = [(); 4].map(|()| kernel.disk(Bytes(1 << 20)));
        let line = |sync| {
            let params = format!("raid1 {sync} 2 {one} {two} {three} {four}");
            TargetLine::text(Sectors(0), SHORT, "raid", params)
        };
        let array = kernel.map("array", [line("2 0 sync")]);
        kernel.write(array.number(), Sectors(0), &[7; 4096]).unwrap();
        let load = |sync| kernel.dm().table_load(&array, [line(sync)]);
        kernel.dm().device_suspend(&array).unwrap();
        for sync in ["1 0", "2 0 nosync"] {
            let error = load(sync).unwrap_err();
            assert!(error.is_invalid(), "{error}");
        }
        load("2 0 sync").unwrap();
        kernel.dm().device_resume(&array).unwrap();
        assert_eq!(first_byte(kernel, array.number(), 0), 7);
    }

    fn only_a_new_array_with_metadata_devices_is_synchronized(kernel: &dyn TestKernel) {
        let [one, two] = [(); 2].map(|()| kernel.disk(Bytes(1 << 20)));
        let meta = || kernel.disk(Bytes(1 << 20));
        let new = || format!("{} {one} {} {two}", meta(), meta());
        let without = || format!("- {one} - {two}");
        for (suffix, legs, sync, is_synced) in [
            ("plain", without(), "1 0", false),
            ("forced", without(), "2 0 sync", false),
            ("new", new(), "1 0", true),
            ("assumed", new(), "2 0 nosync", false),
        ] {
            let line = TargetLine::text(Sectors(0), SHORT, "raid", format!("raid1 {sync} 2 {legs}"));
            let array = kernel.create(suffix);
            kernel.dm().table_load(&array, [line]).unwrap();
            let status = |slot| crate::support::lines(kernel, &array, StatusOptions::new().slot(slot))[0].clone();
            let is_frozen = || status(TableSlot::Inactive).contains(" 0/1024 frozen 0");
            crate::support::wait_until("the thread of the array to be idle", is_frozen);
            kernel.dm().device_resume(&array).unwrap();
            crate::support::wait_until("the array to be in sync", || {
                status(TableSlot::Active).contains(" AA 1024/1024 idle")
            });
            let event_nr = || crate::support::info(kernel, &array).event_nr();
            // Only the end of an action raises an event for certain; the first resume may raise another one.
            if is_synced {
                crate::support::wait_until("the end of the resync to raise an event", || event_nr() > 0);
            }
        }
    }

    fn an_array_is_checked_and_a_leg_replaced(kernel: &dyn TestKernel) {
        check_and_replace(kernel, "array", |table| table);
        check_and_replace(kernel, "assumed", RaidTable::nosync);
    }

    fn check_and_replace(kernel: &dyn TestKernel, name: &str, options: fn(RaidTable) -> RaidTable) {
        let host = kernel.host();
        let disk = |size| kernel.disk(Bytes(size));
        let leg = || RaidDevice::new(disk(1 << 20), disk(2 << 20));
        let table = options(RaidTable::new(RaidType::Raid1, Sectors(0), [leg(), leg()]));
        let array = RaidDev::create(&host, kernel.name(name), &one(Sectors(4096), table)).unwrap();
        let number = array.number(&host).unwrap();
        for work in array.progress(&host, MOMENT) {
            work.unwrap();
        }
        kernel.write(number, Sectors(0), &[7; 4096]).unwrap();
        for work in array.check(&host, MOMENT).unwrap() {
            work.unwrap();
        }
        assert_eq!(array.mismatches(&host).unwrap(), Some(0));
        for work in array.repair(&host, MOMENT).unwrap() {
            work.unwrap();
        }
        for work in array.replace_leg(&host, 1, leg(), MOMENT).unwrap() {
            work.unwrap();
        }
        assert_eq!(first_byte(kernel, number, 0), 7);
        // The kernel prints `rebuild` after the rebuild as well.
        let rebuilt = array.table(&host).unwrap();
        assert!(rebuilt.lines()[0].params.params.rebuild.contains(&1));
        let mut lines = rebuilt.into_lines();
        lines[0].params.params.rebuild.clear();
        RaidDev::setup(&host, array.name(), &Table::new(lines).unwrap()).unwrap();
        array.change(&host, |_| ()).unwrap();
        assert!(array.table(&host).unwrap().lines()[0].params.params.rebuild.is_empty());
        for work in array.progress(&host, MOMENT) {
            work.unwrap();
        }
        assert_eq!(first_byte(kernel, number, 0), 7);
        let error = array.replace_leg(&host, 2, leg(), MOMENT).unwrap_err();
        assert!(matches!(error, DevError::NoLeg { leg: 2, .. }), "{error}");
    }
}

mod snapshots {
    use super::*;

    on_both_kernels! { ["snapshot", "snapshot-origin", "snapshot-merge"];
        a_snapshot_is_merged_back_into_its_origin,
        a_snapshot_is_not_merged_into_another_origin,
    }

    fn a_snapshot_is_merged_back_into_its_origin(kernel: &dyn TestKernel) {
        let host = kernel.host();
        let [disk, cow] = [(); 2].map(|()| kernel.disk(Bytes(2 << 20)));
        let origin = one(Sectors(2048), SnapshotOriginTable::new(disk));
        let origin = OriginDev::create(&host, kernel.name("origin"), &origin).unwrap();
        let number = origin.number(&host).unwrap();
        kernel.write(number, Sectors(0), &[1; 4096]).unwrap();
        let table = SnapshotTable::new(disk, cow, SnapshotStore::Persistent, Sectors(16));
        let snapshot = snapshot_of(kernel, &origin, table);
        kernel.write(number, Sectors(0), &[2; 4096]).unwrap();

        let merging = origin.merge(&host, &snapshot).unwrap();
        for work in merging.progress(&host, MOMENT) {
            work.unwrap();
        }
        let origin = merging.finish(&host).unwrap();
        assert_eq!(origin.number(&host).unwrap(), number);
        assert_eq!([number, disk].map(|device| first_byte(kernel, device, 0)), [1, 1]);
    }

    fn a_snapshot_is_not_merged_into_another_origin(kernel: &dyn TestKernel) {
        let host = kernel.host();
        let [disk, other, cow] = [(); 3].map(|()| kernel.disk(Bytes(2 << 20)));
        let [origin, other] = [("origin", disk), ("other", other)].map(|(name, disk)| {
            let table = one(Sectors(2048), SnapshotOriginTable::new(disk));
            OriginDev::create(&host, kernel.name(name), &table).unwrap()
        });
        let table = SnapshotTable::new(disk, cow, SnapshotStore::Persistent, Sectors(16));
        let snapshot = snapshot_of(kernel, &origin, table);
        let before = other.table(&host).unwrap();
        let error = other.merge(&host, &snapshot).unwrap_err();
        assert!(matches!(error, DevError::Request { .. }), "{error}");
        assert_eq!(other.table(&host).unwrap(), before);
        snapshot.table(&host).unwrap();
    }

    /// Takes a snapshot while the origin is suspended, as the kernel requires.
    fn snapshot_of(kernel: &dyn TestKernel, origin: &OriginDev, table: SnapshotTable) -> SnapshotDev {
        let host = kernel.host();
        origin.suspend(&host).unwrap();
        let table = one(Sectors(2048), table);
        let snapshot = SnapshotDev::create_with(&host, kernel.name("snapshot"), &table, SetupOptions::new()).unwrap();
        origin.resume(&host).unwrap();
        snapshot
    }
}

const LENGTH: Sectors = Sectors(16_384);
const SHORT: Sectors = Sectors(1024);
/// The time between two reads of progress.
const MOMENT: Duration = Duration::from_millis(100);

fn one<T: Target>(length: Sectors, params: T::Table) -> Table<T> {
    Table::new([TableLine::<T> { start: Sectors(0), length, params }]).unwrap()
}

fn linear(disk: DeviceNumber, length: Sectors) -> Table<dm_targets::Linear> {
    one(length, LinearTable::new(disk, Sectors(0)))
}

/// Waits for the end of background work.
fn wait(progress: impl IntoIterator<Item = Result<dm_targets::Work, DevError>>) {
    for work in progress {
        work.unwrap();
    }
}

fn first_byte(kernel: &dyn TestKernel, device: DeviceNumber, start: u64) -> u8 {
    let mut data = [0; 512];
    kernel.read(device, Sectors(start), &mut data).unwrap();
    data[0]
}
