//! Thin devices and their pool: refusals and their reasons, discards, and undo of failed operations.

use std::io;
use std::mem::offset_of;
use std::sync::{Arc, Mutex};

use dm_core::{Command, Dm, DmUuid, Flags, Host, SetupOptions, SuspendPolicy, Transport};
use dm_sys::dm_ioctl;
use dm_targets::devices::{DevError, PoolToolErrorKind, ThinDev, ThinOptions, ThinPoolDev};
use dm_targets::thin::ThinTable;
use dm_targets::thin_pool::ThinPoolMessage;
use dm_units::{Bytes, DataBlocks, MetaBlocks, Sectors};

use crate::support::{BLOCK, LENGTH, Scene, block, id, linear, one};

#[test]
fn a_refusal_of_a_message_has_the_kernels_reason() {
    let scene = Scene::new();
    let reasons = [
        ("create_thin x", "thin: Message received with invalid device id: x"),
        ("create_thin", "thin: Message received with 1 arguments instead of 2."),
        ("create_snap 2 1", "thin: Creation of new snapshot 2 of device 1 failed."),
        ("delete 1", "thin: Deletion of thin device 1 failed."),
        ("set_transaction_id x 1", "thin: set_transaction_id message: Unrecognised id x."),
        ("set_transaction_id 0 -", "thin: set_transaction_id message: Unrecognised new id -."),
        ("set_transaction_id 3 4", "thin metadata: mismatched transaction id"),
        ("set_transaction_id 3 4", "thin: Failed to change transaction id from 3 to 4."),
        ("release_metadata_snap", "thin metadata: No pool metadata snapshot found: nothing to release."),
        ("grow", "thin: Unrecognised thin pool target message received: grow"),
    ];
    for (message, reason) in reasons {
        let refused = scene.host.dm().target_msg("pool", message).unwrap_err();
        assert!(refused.to_string().contains(reason), "{refused}");
    }
}

#[test]
fn a_refusal_of_a_table_has_the_kernels_reason() {
    let scene = Scene::new();
    let thin = |pool, number| one(LENGTH, ThinTable::new(pool, id(number)));
    let pool = scene.pool.number(&scene.host).unwrap();
    let refuse = |table, reason: &str| {
        ThinDev::create(&scene.host, "thin", &table).unwrap_err();
        assert!(scene.logged(reason), "{reason}");
    };
    refuse(thin(pool, 1), "thin: Couldn't open thin internal device (-ENODATA)");
    refuse(thin(scene.data.number(), 1), "thin: Couldn't get pool mapped device (-EINVAL)");
    let plain = scene.host.create("plain", [linear(LENGTH, scene.data.number())]).unwrap().number();
    refuse(thin(plain, 1), "thin: Couldn't find pool object (-EINVAL)");
    scene.send(&ThinPoolMessage::CreateThin(id(1))).unwrap();
    scene.pool.suspend(&scene.host).unwrap();
    refuse(thin(pool, 1), "thin: Unable to activate thin device while pool is suspended (-EINVAL)");
    ThinPoolDev::create(&scene.host, "second", &one(LENGTH, scene.table.clone())).unwrap_err();
    assert!(scene.logged("thin-pool: metadata device already in use by a pool (-EBUSY)"));
}

#[test]
fn a_discard_frees_whole_blocks_and_reaches_the_data_device() {
    let scene = Scene::new();
    let _thin = scene.fill();
    scene.memory.discard("full", Sectors(64), Sectors(320)).unwrap();
    assert_eq!(scene.status().data.used, DataBlocks(14));
    assert_eq!([64, 128, 383, 384].map(|at| scene.byte("full", at)), [1, 0, 0, 1]);
    let mut sector = [9; 512];
    scene.data.read(Sectors(128), &mut sector).unwrap();
    assert_eq!(sector, [0; 512]);
}

#[test]
fn a_discard_stays_in_the_pool_or_is_not_supported_if_the_table_says_so() {
    let scene = Scene::with(|table| table.no_discard_passdown());
    let _thin = scene.fill();
    scene.memory.discard("full", Sectors(0), BLOCK).unwrap();
    assert_eq!(scene.status().data.used, DataBlocks(15));
    let mut sector = [9; 512];
    scene.data.read(Sectors(0), &mut sector).unwrap();
    assert_eq!(sector, [1; 512]);

    let scene = Scene::with(|table| table.ignore_discard());
    let _thin = scene.fill();
    let refused = scene.memory.discard("full", Sectors(0), BLOCK).unwrap_err();
    assert_eq!((refused.errno(), scene.status().data.used), (Some(95), DataBlocks(16)));
}

#[test]
fn a_block_that_is_shared_is_not_discarded_on_the_data_device() {
    let scene = Scene::new();
    let thin = scene.fill();
    scene.pool.snapshot(&scene.host, &thin, id(1), "snapshot").unwrap();
    scene.memory.discard("full", Sectors(0), BLOCK).unwrap();
    assert_eq!(scene.status().data.used, DataBlocks(16));
    assert_eq!((scene.byte("full", 0), scene.byte("snapshot", 0)), (0, 1));
    scene.memory.discard("snapshot", Sectors(0), BLOCK).unwrap();
    assert_eq!(scene.status().data.used, DataBlocks(15));
}

#[test]
fn new_blocks_show_old_data_if_they_are_not_zeroed() {
    for (skips, byte) in [(false, 0), (true, 1)] {
        let scene = Scene::with(|table| table.no_discard_passdown());
        let _thin = scene.fill();
        scene.memory.discard("full", Sectors(0), LENGTH).unwrap();
        scene.status();
        if skips {
            let table = scene.table.clone().skip_block_zeroing();
            scene.pool.set_table(&scene.host, &one(LENGTH, table)).unwrap();
        }
        scene.memory.write("full", Sectors(0), &[2; 512]).unwrap();
        assert_eq!((scene.byte("full", 0), scene.byte("full", 1)), (2, byte));
    }
}

#[test]
fn an_external_origin_can_be_a_device_of_the_same_pool() {
    let scene = Scene::new();
    let full = scene.fill();
    scene.memory.discard("full", Sectors(1024), Sectors(1024)).unwrap();
    scene.status();
    scene.send(&ThinPoolMessage::CreateThin(id(1))).unwrap();
    let pool = scene.pool.number(&scene.host).unwrap();
    let origin = full.number(&scene.host).unwrap();
    let table = one(LENGTH, ThinTable::with_external_origin(pool, id(1), origin));
    ThinDev::create(&scene.host, "over", &table).unwrap();
    scene.memory.write("over", Sectors(8), &[2; 4096]).unwrap();
    assert_eq!([0, 8, 16, 127].map(|at| scene.byte("over", at)), [1, 2, 1, 1]);
    assert_eq!(scene.status().data.used, DataBlocks(9));
}

#[test]
fn a_thin_device_is_deleted_again_when_a_later_step_fails() {
    let scene = Scene::new();
    let unused = |number| scene.send(&ThinPoolMessage::Delete(id(number))).unwrap_err();
    let taken = scene.pool.create_thin(&scene.host, id(1), "pool", LENGTH).unwrap_err();
    assert!(taken.is_already_exists(), "{taken}");
    assert!(unused(1).is_no_data());
    let missing = scene.pool.activate(&scene.host, id(1), "thin", LENGTH).unwrap_err();
    assert!(missing.is_no_data(), "{missing}");

    let thin = scene.thin(2, "thin");
    scene.memory.write("thin", Sectors(0), &block(1)).unwrap();
    let taken = scene.pool.snapshot(&scene.host, &thin, id(3), "pool").unwrap_err();
    assert!(taken.is_already_exists(), "{taken}");
    assert!(unused(3).is_no_data());
    let taken = scene.pool.snapshot(&scene.host, &thin, id(2), "other").unwrap_err();
    assert!(taken.is_already_exists(), "{taken}");
    assert!(!thin.info(&scene.host).unwrap().is_suspended());
    assert_eq!((scene.byte("thin", 0), scene.host.dm().list_devices().unwrap().iter().count()), (1, 2));
}

#[test]
fn snapshots_of_a_suspended_device_leave_it_suspended() {
    let scene = Scene::new();
    let thin = scene.thin(1, "thin");
    scene.memory.write("thin", Sectors(0), &block(1)).unwrap();
    thin.suspend(&scene.host).unwrap();
    scene.pool.snapshot(&scene.host, &thin, id(2), "snapshot").unwrap();
    assert!(thin.info(&scene.host).unwrap().is_suspended());
    assert_eq!(scene.byte("snapshot", 0), 1);
    assert!(scene.memory.write("thin", Sectors(0), &block(2)).unwrap_err().would_wait());
    thin.resume(&scene.host).unwrap();
    scene.memory.write("thin", Sectors(0), &block(2)).unwrap();
    assert_eq!((scene.byte("thin", 0), scene.byte("snapshot", 0)), (2, 1));
}

/// Records the flags of each suspend.
#[derive(Debug)]
struct Suspends(Arc<dyn Transport>, Arc<Mutex<Vec<Flags>>>);

impl Transport for Suspends {
    fn ioctl(&self, command: Command, request: &mut [u8]) -> io::Result<()> {
        if command == Command::DeviceSuspend {
            let flags = request.get(offset_of!(dm_ioctl, flags)..).and_then(<[u8]>::first_chunk).unwrap();
            self.1.lock().unwrap().push(Flags::from_bits_retain(u32::from_ne_bytes(*flags)));
        }
        self.0.ioctl(command, request)
    }
}

#[test]
fn the_origin_of_a_snapshot_is_suspended_as_the_options_say() {
    let scene = Scene::new();
    let thin = scene.thin(1, "thin");
    let flags = Arc::default();
    let host = Host::new(Dm::with_transport(Suspends(scene.host.dm().transport(), Arc::clone(&flags))));
    let uuid = DmUuid::new("U-2").unwrap();
    let options = ThinOptions::from(SetupOptions::new().uuid(uuid)).suspend(SuspendPolicy::new().skip_lockfs(true));
    let snapshot = scene.pool.snapshot_with(&host, &thin, id(2), "snapshot", options).unwrap();
    let flags = flags.lock().unwrap();
    assert!(!flags.is_empty() && flags.iter().all(|flags| flags.contains(Flags::SKIP_LOCKFS)), "{flags:?}");
    assert_eq!(snapshot.info(&scene.host).unwrap().uuid(), Some(uuid));
}

#[test]
fn a_thin_device_in_use_is_not_deleted() {
    let scene = Scene::new();
    let thin = scene.thin(1, "thin");
    let opened = scene.memory.open("thin").unwrap();
    let error = scene.pool.delete(&scene.host, &thin).unwrap_err();
    // The error of the removal, not of a message to the pool.
    assert!(error.is_busy() && error.operation().is_some(), "{error:?}");
    drop(opened);
    scene.pool.delete(&scene.host, &thin).unwrap();
}

#[test]
fn a_suspended_pool_suspends_its_devices() {
    let scene = Scene::new();
    let thin = scene.thin(1, "thin");
    scene.pool.suspend(&scene.host).unwrap();
    assert!(scene.memory.write("thin", Sectors(0), &block(1)).unwrap_err().would_wait());
    // A device that the pool keeps suspended can be neither resumed nor suspended.
    let policy = SuspendPolicy::new().timeout(std::time::Duration::from_millis(10));
    assert!(thin.suspend_with(&scene.host, policy).unwrap_err().is_timed_out());
    scene.pool.resume(&scene.host).unwrap();
    scene.memory.write("thin", Sectors(0), &block(1)).unwrap();
}

#[test]
fn a_metadata_device_grows_and_never_shrinks() {
    let scene = Scene::new();
    let cycle = || {
        scene.pool.suspend(&scene.host).unwrap();
        scene.pool.resume(&scene.host)
    };
    scene.metadata.resize(Bytes(4 << 20));
    cycle().unwrap();
    let status = scene.status();
    assert_eq!((status.metadata.total, status.metadata_low_water), (MetaBlocks(1024), Some(MetaBlocks(256))));
    assert!(scene.logged("growing the metadata device from 512 to 1024 blocks"));
    scene.metadata.resize(Bytes(2 << 20));
    assert!(cycle().unwrap_err().is_invalid());
    assert!(scene.logged("metadata device (512 blocks) too small: expected 1024"));
    assert!(scene.pool.info(&scene.host).unwrap().is_suspended());
}

#[test]
fn programs_of_this_machine_are_not_run_on_devices_of_another_kernel() {
    let scene = Scene::new();
    let disk = scene.memory.disk(Bytes(1 << 20)).number();
    for result in [
        ThinPoolDev::check_metadata(&scene.host, disk),
        ThinPoolDev::clear_needs_check(&scene.host, disk),
        ThinPoolDev::repair_metadata(&scene.host, disk, disk),
    ] {
        let error = result.unwrap_err();
        assert!(
            matches!(&error, DevError::PoolTool(error) if error.kind == PoolToolErrorKind::OtherMachine),
            "{error}"
        );
        assert!(
            error.to_string().ends_with(&format!("cannot be run for {disk}, which is not a device of this machine"))
        );
    }
}
