//! Pools: their creation, growth, features and messages, and full or read-only ones.

use dm_targets::devices::ThinPoolDev;
use dm_targets::thin_pool::{PoolCheck, PoolDiscard, PoolMode, PoolNoSpace, ThinPoolMessage, ThinPoolTable};
use dm_testing::TestKernel;
use dm_units::{Bytes, DataBlocks, DeviceNumber, MetaBlocks, Sectors};

use super::{BLOCK, LENGTH, Scene, id, one, patiently};

on_both_kernels! { ["thin-pool", "thin"];
    a_new_pool_reports_its_sizes,
    the_transaction_id_changes_only_from_the_expected_one,
    a_pool_holds_one_metadata_snapshot,
    messages_with_other_words_are_refused,
    a_pool_is_found_again_on_its_metadata_device,
    a_metadata_device_that_holds_something_else_is_refused,
    a_pool_keeps_its_devices_and_its_block_size,
    a_pool_grows_with_its_data_device_and_never_shrinks,
    features_are_switched_by_another_table,
    a_full_pool_fails_writes_if_its_table_says_so,
    a_pool_reports_low_space_once,
    a_read_only_pool_takes_no_messages,
}

fn a_new_pool_reports_its_sizes(kernel: &dyn TestKernel) {
    let scene = Scene::new(kernel);
    let status = scene.status();
    assert_eq!(status.transaction_id, 0);
    // A tenth is reserved for commits, and counts as used.
    assert_eq!((status.metadata.used, status.metadata.total), (MetaBlocks(60), MetaBlocks(512)));
    assert_eq!((status.data.used, status.data.total), (DataBlocks(0), DataBlocks(16)));
    assert_eq!((status.held_root, status.metadata_low_water), (None, Some(MetaBlocks(128))));
    assert_eq!((status.mode, status.no_space), (Some(PoolMode::ReadWrite), Some(PoolNoSpace::Queue)));
    assert_eq!((status.discard, status.check), (Some(PoolDiscard::Passdown), Some(PoolCheck::NotNeeded)));
    assert_eq!(scene.pool.table(&scene.host).unwrap(), one(LENGTH, scene.table.clone()));
    scene.send(&ThinPoolMessage::CreateThin(id(0))).unwrap();
    assert_eq!(scene.status().metadata.used, MetaBlocks(61));
}

fn the_transaction_id_changes_only_from_the_expected_one(kernel: &dyn TestKernel) {
    let scene = Scene::new(kernel);
    scene.send(&ThinPoolMessage::SetTransactionId { current: 0, new: 7 }).unwrap();
    let refused = scene.send(&ThinPoolMessage::SetTransactionId { current: 0, new: 8 }).unwrap_err();
    assert!(refused.is_invalid(), "{refused}");
    assert_eq!(scene.status().transaction_id, 7);
}

fn a_pool_holds_one_metadata_snapshot(kernel: &dyn TestKernel) {
    let scene = Scene::new(kernel);
    let none = scene.send(&ThinPoolMessage::ReleaseMetadataSnap).unwrap_err();
    assert!(none.is_invalid(), "{none}");
    let thin = scene.thin(0, "thin");
    scene.fill(scene.number(&thin), Sectors(0), 1);
    scene.send(&ThinPoolMessage::ReserveMetadataSnap).unwrap();
    assert!(scene.status().held_root.is_some());
    let second = scene.send(&ThinPoolMessage::ReserveMetadataSnap).unwrap_err();
    assert!(second.is_busy(), "{second}");
    // The blocks in the metadata snapshot stay in use.
    scene.pool.delete_with(&scene.host, &thin, patiently()).unwrap();
    assert_eq!(scene.used(), 1);
    scene.send(&ThinPoolMessage::ReleaseMetadataSnap).unwrap();
    assert_eq!((scene.status().held_root, scene.used()), (None, 0));
}

fn messages_with_other_words_are_refused(kernel: &dyn TestKernel) {
    let scene = Scene::new(kernel);
    let number = scene.pool.number(&scene.host).unwrap();
    let send = |text: &str| scene.host.dm().target_msg(number, text);
    for text in ["create_thin", "create_thin 1 2", "create_thin x", "create_thin 16777216", "delete -1", "thin 1"] {
        let refused = send(text).unwrap_err();
        assert!(refused.is_invalid(), "{text}: {refused}");
    }
    send("CREATE_thin +1").unwrap();
    send("delete 1").unwrap();
}

fn a_pool_is_found_again_on_its_metadata_device(kernel: &dyn TestKernel) {
    let scene = Scene::new(kernel);
    let thin = scene.thin(3, "thin");
    scene.fill(scene.number(&thin), Sectors(256), 1);
    scene.send(&ThinPoolMessage::SetTransactionId { current: 0, new: 9 }).unwrap();
    scene.remove(scene.number(&thin));
    scene.remove(scene.pool.number(&scene.host).unwrap());

    let again = ThinPoolDev::create(&scene.host, kernel.name("again"), &one(LENGTH, scene.table.clone())).unwrap();
    let scene = Scene { pool: again, ..scene };
    assert_eq!((scene.status().transaction_id, scene.used()), (9, 1));
    let name = kernel.name("thin");
    let thin = scene.pool.activate(&scene.host, id(3), name, LENGTH).unwrap();
    assert_eq!(scene.mapped(&thin), (BLOCK, Some(Sectors(383))));
    assert_eq!(scene.byte(scene.number(&thin), Sectors(256)), 1);
}

fn a_metadata_device_that_holds_something_else_is_refused(kernel: &dyn TestKernel) {
    let host = kernel.host();
    let (metadata, data) = (kernel.disk(Bytes(2 << 20)), kernel.disk(Bytes(2 << 20)));
    kernel.write(metadata, Sectors(7), &[1; 512]).unwrap();
    let table = ThinPoolTable::new(metadata, data, BLOCK, DataBlocks(0));
    let refused = ThinPoolDev::create(&host, kernel.name("pool"), &one(LENGTH, table.clone())).unwrap_err();
    // EILSEQ: there is no magic number.
    assert_eq!(refused.errno(), Some(84), "{refused}");
    kernel.write(metadata, Sectors(0), &[0; 4096]).unwrap();
    // A read-only table does not create a pool: EPERM.
    let refused = ThinPoolDev::create(&host, kernel.name("pool"), &one(LENGTH, table.clone().read_only())).unwrap_err();
    assert_eq!(refused.errno(), Some(1), "{refused}");
    ThinPoolDev::create(&host, kernel.name("pool"), &one(LENGTH, table)).unwrap();
}

fn a_pool_keeps_its_devices_and_its_block_size(kernel: &dyn TestKernel) {
    let scene = Scene::new(kernel);
    let other = kernel.disk(Bytes(2 << 20));
    let table = |change: fn(&mut ThinPoolTable, DeviceNumber)| {
        let mut table = scene.table.clone();
        change(&mut table, other);
        one(LENGTH, table)
    };
    // Another pool on the same metadata device.
    let refused = ThinPoolDev::create(&scene.host, kernel.name("second"), &table(|_, _| {})).unwrap_err();
    assert!(refused.is_busy() || refused.errno() == Some(16), "{refused}");
    let refused = scene.pool.set_table(&scene.host, &table(|table, other| table.data = other.into())).unwrap_err();
    assert_eq!(refused.errno(), Some(16), "{refused}");
    let refused = scene.pool.set_table(&scene.host, &table(|table, other| table.metadata = other.into())).unwrap_err();
    assert!(refused.is_invalid(), "{refused}");
    scene.remove(scene.pool.number(&scene.host).unwrap());
    let wider = table(|table, _| table.block_size = Sectors(256));
    let refused = ThinPoolDev::create(&scene.host, kernel.name("pool"), &wider).unwrap_err();
    assert!(refused.is_invalid(), "{refused}");
}

fn a_pool_grows_with_its_data_device_and_never_shrinks(kernel: &dyn TestKernel) {
    let scene = Scene::new(kernel);
    scene.swap(Sectors(4096), scene.table.clone()).unwrap();
    assert_eq!(scene.status().data.total, DataBlocks(32));
    scene.swap(LENGTH, scene.table.clone()).unwrap_err();
}

fn features_are_switched_by_another_table(kernel: &dyn TestKernel) {
    let scene = Scene::new(kernel);
    scene.swap(LENGTH, scene.table.clone().no_discard_passdown().error_if_no_space()).unwrap();
    let status = scene.status();
    assert_eq!((status.discard, status.no_space), (Some(PoolDiscard::NoPassdown), Some(PoolNoSpace::Error)));
    // Support for discards cannot be changed later.
    let refused = scene.swap(LENGTH, scene.table.clone().ignore_discard()).unwrap_err();
    assert!(refused.is_invalid(), "{refused}");
    scene.swap(LENGTH, scene.table.clone()).unwrap();
    let status = scene.status();
    assert_eq!((status.discard, status.no_space), (Some(PoolDiscard::Passdown), Some(PoolNoSpace::Queue)));
}

fn a_full_pool_fails_writes_if_its_table_says_so(kernel: &dyn TestKernel) {
    let scene = Scene::with(kernel, |table| table.error_if_no_space());
    let thin = scene.thin(0, "thin");
    let number = scene.number(&thin);
    (0..2048).step_by(128).for_each(|at| scene.fill(number, Sectors(at), 1));
    assert_eq!(scene.status().mode, Some(PoolMode::ReadWrite));
    let events = || scene.pool.info(&scene.host).unwrap().event_nr();
    let before = events();
    scene.send(&ThinPoolMessage::CreateThin(id(1))).unwrap();
    let name = kernel.name("second");
    let second = scene.pool.activate(&scene.host, id(1), name, LENGTH).unwrap();
    let second = scene.number(&second);
    kernel.write(second, Sectors(0), &[1; 512]).unwrap_err();
    assert_eq!((scene.status().mode, scene.used()), (Some(PoolMode::OutOfDataSpace), 16));
    // One event for the low water mark, and one for the mode.
    assert_eq!(events().checked_sub(before), Some(2));
    // Mapped blocks can be written.
    scene.fill(number, Sectors(0), 2);
    scene.swap(Sectors(4096), scene.table.clone()).unwrap();
    kernel.write(second, Sectors(0), &[1; 512]).unwrap();
    assert_eq!((scene.status().mode, scene.used()), (Some(PoolMode::ReadWrite), 17));
}

fn a_pool_reports_low_space_once(kernel: &dyn TestKernel) {
    let scene = Scene::with(kernel, |mut table| {
        table.low_water = DataBlocks(14);
        table
    });
    let thin = scene.thin(0, "thin");
    let number = scene.number(&thin);
    let events = || scene.pool.info(&scene.host).unwrap().event_nr();
    let before = events();
    scene.fill(number, Sectors(0), 1);
    scene.fill(number, Sectors(128), 1);
    assert_eq!(events(), before);
    // 14 blocks are free when the third one is allocated.
    scene.fill(number, Sectors(256), 1);
    scene.fill(number, Sectors(384), 1);
    assert_eq!(events().checked_sub(before), Some(1));
}

fn a_read_only_pool_takes_no_messages(kernel: &dyn TestKernel) {
    let scene = Scene::new(kernel);
    let thin = scene.thin(0, "thin");
    let number = scene.number(&thin);
    scene.fill(number, Sectors(0), 1);
    scene.swap(LENGTH, scene.table.clone().read_only()).unwrap();
    assert_eq!(scene.status().mode, Some(PoolMode::ReadOnly));
    let refused = scene.send(&ThinPoolMessage::CreateThin(id(1))).unwrap_err();
    // EOPNOTSUPP.
    assert_eq!(refused.errno(), Some(95), "{refused}");
    scene.fill(number, Sectors(0), 2);
    kernel.write(number, Sectors(128), &[1; 512]).unwrap_err();
    assert_eq!((scene.byte(number, Sectors(0)), scene.byte(number, Sectors(128))), (2, 0));
    scene.swap(LENGTH, scene.table.clone()).unwrap();
    scene.fill(number, Sectors(128), 1);
    assert_eq!(scene.used(), 2);
}
