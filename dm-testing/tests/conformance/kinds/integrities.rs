//! Integrity devices: their size, setup, growth and mode.

use dm_core::RemovePolicy;
use dm_targets::Integrity;
use dm_targets::devices::{DevError, IntegrityDev, LinearDev, MappedDev};
use dm_targets::integrity::{IntegrityMode, IntegrityTable, KeyedAlgorithm};
use dm_testing::TestKernel;
use dm_units::{Bytes, DeviceNumber, Sectors};

use super::{MOMENT, first_byte, linear, one, wait};

on_both_kernels! { ["integrity", "linear"];
    a_device_is_as_long_as_its_disk_allows,
    a_device_is_taken_over_or_completed,
    // Linux 5.10 refuses a table that changes the mode.
    a_device_grows_with_its_disk_and_changes_its_mode needs [require::interface(45)],
}

fn table(disk: DeviceNumber, mode: IntegrityMode) -> IntegrityTable {
    IntegrityTable::new(disk, Sectors(0), None, mode).internal_hash(KeyedAlgorithm::new("crc32c").unwrap())
}

fn length(kernel: &dyn TestKernel, device: &IntegrityDev) -> u64 {
    device.table(&kernel.host()).unwrap().length().0
}

fn a_device_is_as_long_as_its_disk_allows(kernel: &dyn TestKernel) {
    let (host, disk) = (kernel.host(), kernel.disk(Bytes(4 << 20)));
    let table = table(disk, IntegrityMode::Journal);
    let safe = IntegrityDev::create_whole(&host, kernel.name("safe"), &table).unwrap();
    let whole = length(kernel, &safe);
    assert!((7000..8192).contains(&whole), "{whole}");
    let number = safe.number(&host).unwrap();
    wait(safe.recalculate(&host, MOMENT).unwrap());
    kernel.write(number, Sectors(8), &[7; 4096]).unwrap();
    assert_eq!([0, 8, whole - 1].map(|start| first_byte(kernel, number, start)), [0, 7, 0]);

    // The same disk with other tags.
    safe.remove_with(&host, RemovePolicy::new().retry(dm_core::Retry::default())).unwrap();
    let other = table.internal_hash(KeyedAlgorithm::new("sha256").unwrap());
    let error = IntegrityDev::create_whole(&host, kernel.name("safe"), &other).unwrap_err();
    assert!(error.is_invalid(), "{error}");
    assert!(!crate::support::exists(kernel, kernel.name("safe")));
    let garbage = kernel.disk(Bytes(4 << 20));
    kernel.write(garbage, Sectors(0), &[1; 4096]).unwrap();
    let table = self::table(garbage, IntegrityMode::Journal);
    let error = IntegrityDev::create_whole(&host, kernel.name("safe"), &table).unwrap_err();
    assert!(error.is_invalid(), "{error}");
    assert_eq!(first_byte(kernel, garbage, 0), 1);

    IntegrityDev::wipe_superblock(&host, garbage, Sectors(0)).unwrap();
    let safe = IntegrityDev::create_whole(&host, kernel.name("safe"), &table).unwrap();
    let error = IntegrityDev::wipe_superblock(&host, garbage, Sectors(0)).unwrap_err();
    assert!(error.is_busy(), "{error}");
    assert!(length(kernel, &safe) > 7000);
}

fn a_device_is_taken_over_or_completed(kernel: &dyn TestKernel) {
    let (host, disk) = (kernel.host(), kernel.disk(Bytes(4 << 20)));
    let table = table(disk, IntegrityMode::Journal);
    let setup = || IntegrityDev::setup_whole(&host, kernel.name("safe"), &table);
    let safe = setup().unwrap();
    let whole = length(kernel, &safe);
    assert_eq!(setup().unwrap(), safe);
    // The state that a program leaves when it is stopped between the two steps.
    safe.remove_with(&host, RemovePolicy::new().retry(dm_core::Retry::default())).unwrap();
    MappedDev::create(&host, kernel.name("safe"), &one::<Integrity>(Sectors(8), table.clone())).unwrap();
    assert_eq!(length(kernel, &setup().unwrap()), whole);
    let other = table.clone().internal_hash(KeyedAlgorithm::new("sha256").unwrap());
    let error = IntegrityDev::setup_whole(&host, kernel.name("safe"), &other).unwrap_err();
    assert!(error.is_already_exists(), "{error}");
    assert!(!matches!(error, DevError::NotUndone { .. }));
    assert_eq!(length(kernel, &safe), whole);
}

fn a_device_grows_with_its_disk_and_changes_its_mode(kernel: &dyn TestKernel) {
    let (host, disk) = (kernel.host(), kernel.disk(Bytes(8 << 20)));
    let below = LinearDev::create(&host, kernel.name("below"), &linear(disk, Sectors(8192))).unwrap();
    let table = table(below.number(&host).unwrap(), IntegrityMode::Journal);
    let safe = IntegrityDev::create_whole(&host, kernel.name("safe"), &table).unwrap();
    let number = safe.number(&host).unwrap();
    let _in_use = kernel.open(number).unwrap();
    wait(safe.recalculate(&host, MOMENT).unwrap());
    kernel.write(number, Sectors(8), &[7; 4096]).unwrap();
    let before = length(kernel, &safe);
    below.set_table(&host, &linear(disk, Sectors(16_384))).unwrap();
    let grown = safe.grow(&host).unwrap();
    assert!(grown.0 > before + 7000 && length(kernel, &safe) == grown.0, "{grown}");
    wait(safe.progress(&host, MOMENT));
    assert_eq!([8, grown.0 - 1].map(|start| first_byte(kernel, number, start)), [7, 0]);

    for (mode, byte) in [IntegrityMode::Bitmap, IntegrityMode::Direct, IntegrityMode::Journal].into_iter().zip(1..) {
        safe.set_mode(&host, mode.clone()).unwrap();
        assert_eq!(safe.table(&host).unwrap().lines()[0].params.mode, mode);
        kernel.write(number, Sectors(16), &[byte; 4096]).unwrap();
        assert_eq!([8, 16].map(|start| first_byte(kernel, number, start)), [7, byte]);
    }
    safe.set_mode(&host, IntegrityMode::Recovery).unwrap();
    kernel.write(number, Sectors(16), &[9; 4096]).unwrap_err();
    safe.set_mode(&host, IntegrityMode::Journal).unwrap();
    wait(safe.recalculate_anew(&host, MOMENT).unwrap());
    assert_eq!(first_byte(kernel, number, 16), 3);
}
