//! Vdo and zoned devices, whose disks a program must format. These tests run only in memory, where any disk is treated
//! as formatted; the test program `targets` tests real kernels.

use dm_targets::devices::{DevError, VdoDev, ZonedDev};
use dm_targets::vdo::{VdoCompression, VdoIndexState, VdoSectorSize, VdoTable};
use dm_targets::zoned::ZonedTable;
use dm_testing::{MemoryKernel, TestKernel};
use dm_units::{Bytes, DataBlocks, DeviceNumber, Sectors};

use super::{SHORT, one};

#[test]
fn a_vdo_is_switched_and_counted_in_use() {
    let memory = MemoryKernel::new();
    let (host, disk) = (memory.host(), TestKernel::disk(&memory, Bytes(64 << 20)));
    let vdo = VdoDev::create(&host, "vdo", &one(SHORT, vdo_table(disk))).unwrap();
    let compression = || vdo.status(&host).unwrap().compression;
    vdo.set_compression(&host, true).unwrap();
    assert_eq!(compression(), VdoCompression::Online);
    vdo.set_compression(&host, false).unwrap();
    assert_eq!(compression(), VdoCompression::Offline);

    vdo.set_deduplication(&host, false).unwrap();
    assert_eq!(vdo.index_state(&host).unwrap(), VdoIndexState::Offline);
    vdo.set_deduplication(&host, true).unwrap();
    assert_eq!(vdo.index_state(&host).unwrap(), VdoIndexState::Online);
    vdo.create_index(&host).unwrap();
    assert!(vdo.config(&host).is_ok());
    let used = || vdo.stats(&host).unwrap().data_blocks_used;
    let before = used();
    memory.write("vdo", Sectors(0), &[7; 4096]).unwrap();
    assert_eq!(used(), DataBlocks(before.0 + 1));

    host.remove("vdo").unwrap();
    let refused = [vdo.create_index(&host), vdo.set_deduplication(&host, true), vdo.set_compression(&host, true)];
    assert!(refused.iter().all(|sent| sent.as_ref().is_err_and(DevError::is_not_found)), "{refused:?}");
}

fn vdo_table(disk: DeviceNumber) -> VdoTable {
    VdoTable::new(disk, DataBlocks(16_384), VdoSectorSize::Bytes4096, 32_768, 16_380)
}

#[test]
fn zones_that_hold_data_are_counted() {
    let memory = MemoryKernel::new();
    let (host, disk) = (memory.host(), TestKernel::disk(&memory, Bytes(8 << 20)));
    let zoned = ZonedDev::create(&host, "zoned", &one(Sectors(16_384), ZonedTable::new(disk))).unwrap();
    let used = || zoned.zones_used(&host).unwrap();
    assert_eq!((used().used, used().total), (0, 8));
    memory.write("zoned", Sectors(4096), &[7; 4096]).unwrap();
    assert_eq!(used().used, 1);
    zoned.reclaim(&host).unwrap();
    host.remove("zoned").unwrap();
    assert!(zoned.reclaim(&host).unwrap_err().is_not_found());
}
