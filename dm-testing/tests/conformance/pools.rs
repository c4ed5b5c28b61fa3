//! Pools and thin devices in unusual states.

use dm_core::{
    Host, ReloadOptions, RemovePolicy, Retry, SetupOptions, StatusOptions, SuspendPolicy, TakeOver, TargetLine,
};
use dm_targets::devices::{DevError, ThinDev, ThinOptions, ThinPoolDev};
use dm_targets::thin::ThinDevId;
use dm_targets::thin_pool::ThinPoolTable;
use dm_targets::{Table, TableLine, ThinPool};
use dm_testing::TestKernel;
use dm_units::{Bytes, DataBlocks, DeviceNumber, MetaBlocks, Sectors};

on_both_kernels! { ["thin-pool", "thin", "linear", "flakey", "error"];
    a_pool_that_cannot_write_its_metadata_says_that_it_has_not_grown,
    metadata_that_must_be_checked_does_not_grow_and_the_pool_says_so,
    a_failed_pool_is_named_and_its_thin_devices_can_be_removed,
    a_thin_device_of_another_pool_is_refused_before_anything_changes,
    a_running_pool_is_taken_over_as_the_policy_says,
    an_id_that_is_taken_is_skipped,
    activation_takes_over_an_active_device,
    the_transaction_id_is_compared_before_it_is_set,
    a_snapshot_of_an_inactive_device_has_its_data,
    features_are_switched_and_the_metadata_snapshot_is_given_back,
    a_device_over_an_external_origin_reads_it_where_nothing_was_written,
    // Linux 5.10 does not resume such a pool (EPERM).
    a_read_only_pool_does_not_grow_and_fails_if_it_has_no_size_yet needs [require::interface(45)],
}

const BLOCK: Sectors = Sectors(128);
const LENGTH: Sectors = Sectors(2048);

fn id(id: u32) -> ThinDevId {
    ThinDevId::new(id).unwrap()
}

fn line(target: &'static str, params: String) -> [TargetLine<dm_core::LineText<'static, String>>; 1] {
    [TargetLine::text(Sectors(0), Sectors(4096), target, params)]
}

/// A mapped device for the metadata, on a disk. Tests can replace its table.
fn metadata(kernel: &dyn TestKernel) -> (DeviceNumber, DeviceNumber) {
    let disk = kernel.disk(Bytes(2 << 20));
    let info = kernel.host().create(kernel.name("metadata"), line("linear", format!("{disk} 0"))).unwrap();
    (info.number(), disk)
}

fn table(metadata: DeviceNumber, data: DeviceNumber, length: Sectors, low_water: u64) -> Table<ThinPool> {
    let table = ThinPoolTable::new(metadata, data, BLOCK, DataBlocks(low_water));
    Table::new([TableLine::<ThinPool>::new(Sectors(0), length, table)]).unwrap()
}

/// A pool of 16 blocks on a data disk of 32 blocks.
fn pool(kernel: &dyn TestKernel) -> ThinPoolDev {
    let (metadata, _) = metadata(kernel);
    let data = kernel.disk(Bytes(2 << 20));
    ThinPoolDev::setup(&kernel.host(), kernel.name("pool"), &table(metadata, data, LENGTH, 0)).unwrap()
}

fn thin(kernel: &dyn TestKernel, pool: &ThinPoolDev, number: u32) -> ThinDev {
    let name = kernel.name(&format!("thin{number}"));
    pool.create_thin(&kernel.host(), id(number), name, LENGTH).unwrap()
}

fn remove(host: &Host, thin: &ThinDev) {
    let patiently = RemovePolicy::new().retry(Retry::within(std::time::Duration::from_secs(60)));
    thin.remove_with(host, patiently).unwrap();
}

fn a_pool_that_cannot_write_its_metadata_says_that_it_has_not_grown(kernel: &dyn TestKernel) {
    let (host, (metadata, disk)) = (kernel.host(), metadata(kernel));
    let data = kernel.disk(Bytes(2 << 20));
    let name = kernel.name("pool");
    let pool = ThinPoolDev::setup(&host, &name, &table(metadata, data, LENGTH, 0)).unwrap();
    host.reload(metadata, line("flakey", format!("{disk} 0 0 1 1 error_writes"))).unwrap();
    // It cannot be committed, so the pool needs a check and is read-only from now on.
    let refused = pool.create_thin(&host, id(1), kernel.name("thin"), LENGTH);
    assert!(refused.is_err(), "{refused:?}");
    host.reload(metadata, line("linear", format!("{disk} 0"))).unwrap();
    match pool.grow(&host, Sectors(2 * LENGTH.0)).unwrap_err() {
        DevError::NotGrown { blocks, wanted, needs_check, .. } => {
            assert_eq!((blocks, wanted, needs_check), (DataBlocks(16), DataBlocks(32), true));
        }
        other => unreachable!("{other}"),
    }
    assert!(!pool.info(&host).unwrap().is_suspended());
}

fn metadata_that_must_be_checked_does_not_grow_and_the_pool_says_so(kernel: &dyn TestKernel) {
    let (host, disk, data) = (kernel.host(), kernel.disk(Bytes(4 << 20)), kernel.disk(Bytes(2 << 20)));
    let on_disk = |length| [TargetLine::text(Sectors(0), Sectors(length), "linear", format!("{disk} 0"))];
    let metadata = host.create(kernel.name("metadata"), on_disk(4096)).unwrap().number();
    let pool = ThinPoolDev::setup(&host, kernel.name("pool"), &table(metadata, data, LENGTH, 0)).unwrap();
    host.reload(metadata, on_disk(6144)).unwrap();
    pool.grow(&host, LENGTH).unwrap();
    assert_eq!(pool.figures(&host).unwrap().metadata.total, MetaBlocks(768));

    host.reload(
        metadata,
        [TargetLine::text(Sectors(0), Sectors(6144), "flakey", format!("{disk} 0 0 1 1 error_writes"))],
    )
    .unwrap();
    pool.create_thin(&host, id(1), kernel.name("thin"), LENGTH).unwrap_err();
    host.reload(metadata, on_disk(6144)).unwrap();
    // There is nothing to grow to.
    pool.grow(&host, LENGTH).unwrap();
    host.reload(metadata, on_disk(8192)).unwrap();
    match pool.grow(&host, LENGTH).unwrap_err() {
        DevError::MetadataNotGrown { blocks, wanted, .. } => {
            assert_eq!((blocks, wanted), (MetaBlocks(768), MetaBlocks(1024)));
        }
        other => unreachable!("{other}"),
    }
}

fn a_failed_pool_is_named_and_its_thin_devices_can_be_removed(kernel: &dyn TestKernel) {
    let (host, pool) = (kernel.host(), pool(kernel));
    let device = thin(kernel, &pool, 1);
    host.reload(kernel.name("metadata"), line("error", String::new())).unwrap();
    let refused = pool.create_thin(&host, id(2), kernel.name("second"), LENGTH);
    assert!(refused.is_err(), "{refused:?}");
    let is_named = |error: DevError| assert!(matches!(error, DevError::PoolFailed(_)), "{error}");
    is_named(pool.figures(&host).unwrap_err());
    is_named(device.table(&host).unwrap_err());
    is_named(device.dev_id(&host).unwrap_err());
    is_named(device.set_length(&host, Sectors(4096)).unwrap_err());
    is_named(pool.delete(&host, &device).unwrap_err());
    let opened = ThinDev::open(&host, device.name()).unwrap();
    remove(&host, &opened);
}

fn a_thin_device_of_another_pool_is_refused_before_anything_changes(kernel: &dyn TestKernel) {
    let (host, pool) = (kernel.host(), pool(kernel));
    let metadata = kernel.disk(Bytes(2 << 20));
    let table = table(metadata, kernel.disk(Bytes(2 << 20)), LENGTH, 0);
    let other = ThinPoolDev::setup(&host, kernel.name("other"), &table).unwrap();
    let theirs = other.create_thin(&host, id(1), kernel.name("theirs"), LENGTH).unwrap();
    // The device with the same id is not active, so the pool would delete it.
    let ours = thin(kernel, &pool, 1);
    remove(&host, &ours);
    let refused = [
        pool.delete(&host, &theirs).unwrap_err(),
        pool.delete_with(&host, &theirs, RemovePolicy::new().deferred(true).force(true)).unwrap_err(),
        pool.snapshot(&host, &theirs, id(2), kernel.name("snapshot")).unwrap_err(),
    ];
    for error in refused {
        assert!(matches!(&error, DevError::Request { device, .. } if *device == theirs.id().to_owned()), "{error}");
    }
    assert_eq!(theirs.table(&host).unwrap().length(), LENGTH);
    assert!(pool.delete_id(&host, id(2)).unwrap_err().is_no_data());
    pool.activate(&host, id(1), ours.name(), LENGTH).unwrap();
    other.delete(&host, &theirs).unwrap();
}

fn a_running_pool_is_taken_over_as_the_policy_says(kernel: &dyn TestKernel) {
    let (host, (metadata, _), data) = (kernel.host(), metadata(kernel), kernel.disk(Bytes(2 << 20)));
    let name = kernel.name("pool");
    let setup = |low_water, block: Sectors, policy| {
        let params = ThinPoolTable::new(metadata, data, block, DataBlocks(low_water));
        let table = Table::new([TableLine::<ThinPool>::new(Sectors(0), LENGTH, params)]).unwrap();
        ThinPoolDev::setup_with(&host, &name, &table, SetupOptions::new().take_over(policy))
    };
    let pool = setup(1, BLOCK, TakeOver::SameTable).unwrap();
    let low_water = || pool.table(&host).unwrap().lines().first().unwrap().params.low_water;
    let error = setup(2, BLOCK, TakeOver::SameTable).unwrap_err().to_string();
    assert!(setup(2, BLOCK, TakeOver::SameTable).unwrap_err().is_already_exists(), "{error}");
    setup(2, BLOCK, TakeOver::SameLayout).unwrap();
    assert_eq!(low_water(), DataBlocks(1));
    setup(3, BLOCK, TakeOver::Update).unwrap();
    assert_eq!(low_water(), DataBlocks(3));
    for policy in [TakeOver::SameTable, TakeOver::SameLayout, TakeOver::Update] {
        let error = setup(3, Sectors(2 * BLOCK.0), policy).unwrap_err();
        assert!(error.is_already_exists(), "{error}");
    }
    assert!(!pool.info(&host).unwrap().is_suspended());
}

fn an_id_that_is_taken_is_skipped(kernel: &dyn TestKernel) {
    let (host, pool) = (kernel.host(), pool(kernel));
    thin(kernel, &pool, 1);
    thin(kernel, &pool, 2);
    let (found, device) = pool.create_thin_from(&host, id(1), kernel.name("next"), LENGTH).unwrap();
    assert_eq!((found, device.dev_id(&host).unwrap()), (id(3), id(3)));
    // If the name is in use, the id is released.
    let error = pool.create_thin_from(&host, id(1), pool.name(), LENGTH).unwrap_err();
    assert!(error.is_already_exists(), "{error}");
    assert!(pool.delete_id(&host, id(4)).unwrap_err().is_no_data());
}

fn activation_takes_over_an_active_device(kernel: &dyn TestKernel) {
    let (host, pool) = (kernel.host(), pool(kernel));
    let device = thin(kernel, &pool, 1);
    let again = pool.activate(&host, id(1), device.name(), LENGTH).unwrap();
    assert_eq!(again, device);
    let other = pool.activate(&host, id(2), device.name(), LENGTH).unwrap_err();
    assert!(other.is_already_exists(), "{other}");
}

fn the_transaction_id_is_compared_before_it_is_set(kernel: &dyn TestKernel) {
    let (host, pool) = (kernel.host(), pool(kernel));
    pool.set_transaction_id(&host, 0, 7).unwrap();
    assert_eq!(pool.figures(&host).unwrap().transaction_id, 7);
    match pool.set_transaction_id(&host, 0, 8).unwrap_err() {
        DevError::TransactionId { expected: 0, found: 7, .. } => {}
        other => unreachable!("{other}"),
    }
}

fn a_snapshot_of_an_inactive_device_has_its_data(kernel: &dyn TestKernel) {
    let (host, pool) = (kernel.host(), pool(kernel));
    let device = thin(kernel, &pool, 1);
    kernel.write(device.number(&host).unwrap(), Sectors(0), &[7; 4096]).unwrap();
    remove(&host, &device);
    let name = kernel.name("snapshot");
    let snapshot = pool.snapshot_of_inactive(&host, id(1), id(2), name, LENGTH).unwrap();
    let mut data = [0; 4096];
    kernel.read(snapshot.number(&host).unwrap(), Sectors(0), &mut data).unwrap();
    assert_eq!(data, [7; 4096]);
    // No I/O waits, so flushing makes no difference.
    let options = ReloadOptions::new().suspend(SuspendPolicy::new().noflush(true));
    snapshot.set_length_with(&host, Sectors(2 * LENGTH.0), options).unwrap();
    assert_eq!(snapshot.table(&host).unwrap().length(), Sectors(2 * LENGTH.0));
}

fn features_are_switched_and_the_metadata_snapshot_is_given_back(kernel: &dyn TestKernel) {
    let (host, pool) = (kernel.host(), pool(kernel));
    pool.set_features(&host, |features| features.error_if_no_space = true).unwrap();
    assert!(pool.table(&host).unwrap().lines().first().unwrap().params.features.error_if_no_space);
    let root = pool.reserve_metadata_snapshot(&host).unwrap();
    assert_eq!(pool.figures(&host).unwrap().held_root, Some(root));
    assert!(pool.reserve_metadata_snapshot(&host).unwrap_err().is_busy());
    pool.release_metadata_snapshot(&host).unwrap();
    assert_eq!(pool.figures(&host).unwrap().held_root, None);
    assert!(pool.release_metadata_snapshot(&host).unwrap_err().is_invalid());
}

fn a_device_over_an_external_origin_reads_it_where_nothing_was_written(kernel: &dyn TestKernel) {
    let (host, pool, origin) = (kernel.host(), pool(kernel), kernel.disk(Bytes(1 << 20)));
    kernel.write(origin, Sectors(0), &[7; 4096]).unwrap();
    let over = || ThinOptions::new().external_origin(origin);
    let holds = |device: &ThinDev, second: u8| {
        let (number, mut data) = (device.number(&host).unwrap(), [0; 4096]);
        for (start, byte) in [(Sectors(0), 7), (BLOCK, second)] {
            kernel.read(number, start, &mut data).unwrap();
            assert_eq!(data, [byte; 4096]);
        }
    };
    let device = pool.create_thin_with(&host, id(1), kernel.name("over"), LENGTH, over()).unwrap();
    kernel.write(device.number(&host).unwrap(), BLOCK, &[8; 4096]).unwrap();
    holds(&device, 8);
    holds(&pool.snapshot(&host, &device, id(2), kernel.name("snapshot")).unwrap(), 8);
    // A thin device without a mapped device has only the given external origin.
    remove(&host, &device);
    let inactive = kernel.name("of-inactive");
    holds(&pool.snapshot_of_inactive_with(&host, id(1), id(3), inactive, LENGTH, over()).unwrap(), 8);
    holds(&pool.activate_with(&host, id(1), device.name(), LENGTH, over()).unwrap(), 8);
}

fn a_read_only_pool_does_not_grow_and_fails_if_it_has_no_size_yet(kernel: &dyn TestKernel) {
    let (host, (metadata, _), data) = (kernel.host(), metadata(kernel), kernel.disk(Bytes(2 << 20)));
    let name = kernel.name("pool");
    let lines = |length, features| {
        let params = format!("{metadata} {data} {BLOCK} 0 {features}");
        [TargetLine::text(Sectors(0), length, "thin-pool", params)]
    };
    let status = || crate::support::lines(kernel, &name, StatusOptions::new()).concat();
    let dm = host.dm();
    dm.device_create(&name).unwrap();
    // This writes metadata, and the pool would get its size when it is resumed.
    dm.table_load(&name, lines(LENGTH, "0")).unwrap();
    dm.table_clear(&name).unwrap();
    dm.table_load(&name, lines(LENGTH, "1 read_only")).unwrap();
    dm.device_resume(&name).unwrap();
    assert_eq!(status(), "0 2048 thin-pool Fail");
    dm.device_remove(&name).unwrap();

    host.create(&name, lines(LENGTH, "0")).unwrap();
    host.reload(&name, lines(Sectors(2 * LENGTH.0), "1 read_only")).unwrap();
    assert!(status().contains(" 0/16 - ro "), "{}", status());
}
