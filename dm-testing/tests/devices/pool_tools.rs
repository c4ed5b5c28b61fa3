//! Metadata of pools, checked and repaired by the programs of thin-provisioning-tools.

use dm_core::Host;
use dm_targets::Device;
use dm_targets::devices::{DevError, PoolToolErrorKind, ThinPoolDev};
use dm_targets::thin::ThinDevId;
use dm_targets::thin_pool::ThinPoolTable;
use dm_testing::{Pattern, Scratch, require};
use dm_units::{DataBlocks, DeviceNumber, Sectors};

use crate::support::{LENGTH, PATIENTLY, disk, large_disk, one};

const BLOCK: Sectors = Sectors(128);

fn scene() -> Option<Scratch> {
    let needs = ["thin_check", "thin_repair"].map(require::program);
    let targets = ["thin-pool", "thin"].map(require::target);
    Scratch::new(&needs.into_iter().chain(targets).collect::<Vec<_>>())
}

fn id() -> ThinDevId {
    ThinDevId::new(1).unwrap()
}

fn pool(scratch: &Scratch, metadata: DeviceNumber, data: DeviceNumber) -> ThinPoolDev {
    let table = one(LENGTH, ThinPoolTable::new(metadata, data, BLOCK, DataBlocks(0)));
    ThinPoolDev::setup_pool(scratch.host(), scratch.name("pool").unwrap(), &table).unwrap()
}

fn remove(pool: &ThinPoolDev, host: &Host) {
    pool.remove_with(host, PATIENTLY).unwrap();
}

fn failed(error: DevError, program: &str) -> String {
    match error {
        DevError::PoolTool(error) if error.program == program => {
            assert!(matches!(error.kind, PoolToolErrorKind::Failed { status: Some(1), .. }), "{error:?}");
            error.to_string()
        }
        other => unreachable!("{other:?}"),
    }
}

#[test]
#[ignore = "needs root and device mapper: cargo xtask test-root"]
fn metadata_is_checked_and_saved_to_another_device() {
    let Some(scratch) = scene() else { return };
    let (host, data) = (scratch.host(), disk(&scratch));
    let [metadata, spare] = [(); 2].map(|()| large_disk(&scratch, 4));
    let active = pool(&scratch, metadata.number(), data.number());
    let thin = active.create_thin(host, id(), scratch.name("thin").unwrap(), LENGTH).unwrap();
    Pattern::new(1).write(&thin.path(host).unwrap(), Sectors(0), BLOCK).unwrap();
    let error = ThinPoolDev::check_metadata(host, metadata.number()).unwrap_err();
    assert!(error.is_busy(), "{error}");
    assert!(ThinPoolDev::repair_metadata(host, spare.number(), metadata.number()).unwrap_err().is_busy());
    thin.remove_with(host, PATIENTLY).unwrap();
    remove(&active, host);

    ThinPoolDev::check_metadata(host, metadata.number()).unwrap();
    ThinPoolDev::clear_needs_check(host, metadata.number()).unwrap();
    // Also if its two names differ.
    let same = Device::new(metadata.path().to_str().unwrap()).unwrap();
    let error = ThinPoolDev::repair_metadata(host, metadata.number(), same).unwrap_err();
    assert!(matches!(&error, DevError::PoolTool(error) if error.kind == PoolToolErrorKind::SameDevice), "{error}");
    ThinPoolDev::check_metadata(host, metadata.number()).unwrap();
    ThinPoolDev::repair_metadata(host, metadata.number(), spare.number()).unwrap();
    ThinPoolDev::check_metadata(host, spare.number()).unwrap();
    let saved = pool(&scratch, spare.number(), data.number());
    let thin = saved.activate(host, id(), scratch.name("thin").unwrap(), LENGTH).unwrap();
    Pattern::new(1).verify(&thin.path(host).unwrap(), Sectors(0), BLOCK).unwrap();
    thin.remove_with(host, PATIENTLY).unwrap();
    remove(&saved, host);
}

#[test]
#[ignore = "needs root and device mapper: cargo xtask test-root"]
fn damaged_metadata_is_an_error_with_the_words_of_the_program() {
    let Some(scratch) = scene() else { return };
    let (host, data, metadata, spare) =
        (scratch.host(), disk(&scratch), large_disk(&scratch, 4), large_disk(&scratch, 4));
    remove(&pool(&scratch, metadata.number(), data.number()), host);
    // All but the first block, with the superblock.
    Pattern::new(9).write(metadata.path(), Sectors(8), Sectors(1024)).unwrap();
    let text = failed(ThinPoolDev::check_metadata(host, metadata.number()).unwrap_err(), "thin_check");
    assert!(text.starts_with(&format!("thin_check failed for {} with exit status 1; ", metadata.number())), "{text}");
    failed(ThinPoolDev::clear_needs_check(host, metadata.number()).unwrap_err(), "thin_check");
    // Without the superblock nothing can be saved.
    Pattern::new(9).write(metadata.path(), Sectors(0), Sectors(8)).unwrap();
    failed(ThinPoolDev::repair_metadata(host, metadata.number(), spare.number()).unwrap_err(), "thin_repair");
}
