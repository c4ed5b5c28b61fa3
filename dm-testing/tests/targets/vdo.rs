//! `vdo` on a real kernel: options, messages, and a failure.

use std::fs::File;
use std::os::unix::fs::FileExt as _;
use std::path::Path;

use dm_targets::Vdo;
use dm_targets::devices::VdoDev;
use dm_targets::vdo::{
    VdoCompression, VdoDump, VdoIndexState, VdoMessage, VdoMode, VdoRecovery, VdoReply, VdoSectorSize, VdoStats,
    VdoTable,
};
use dm_testing::{Fault, FaultyDisk, Pattern, Scratch, require};
use dm_units::{Bytes, DataBlocks, DeviceNumber, Sectors};

use crate::support::{Mapped, map};
use crate::zoned_disk::crc32;

const LENGTH: Sectors = Sectors(8 * LOGICAL_BLOCKS);
const LOGICAL_BLOCKS: u64 = 2560;

// The layout of the disk in blocks of 4 KiB.
const INDEX: u64 = 1;
const SUPER_BLOCK: u64 = INDEX + (3 << 18);
const BLOCK_MAP: u64 = SUPER_BLOCK + 1;
const SLABS: u64 = BLOCK_MAP + BLOCK_MAP_ROOTS;
const JOURNAL: u64 = SLABS + 2 * SLAB;
const SLAB_SUMMARY: u64 = JOURNAL + JOURNAL_SIZE;
const END: u64 = SLAB_SUMMARY + 64;

const BLOCK_MAP_ROOTS: u64 = 60;
/// The length of the only slab, of which 224 blocks are its journal and one counts references.
const SLAB: u64 = 4096;
const JOURNAL_SIZE: u64 = 1024;
const NONCE: u64 = 0x5eed;
const DISK: Bytes = Bytes(4096 * END as u128);

fn bytes(numbers: &[u64]) -> Vec<u8> {
    numbers.iter().flat_map(|number| number.to_le_bytes()).collect()
}

fn version(major: u32) -> Vec<u8> {
    [major, 0].into_iter().flat_map(u32::to_le_bytes).collect()
}

/// The header of a component: its number, version, and size in bytes.
fn header(id: u32, major: u32, size: usize) -> Vec<u8> {
    [id.to_le_bytes().to_vec(), version(major), (size as u64).to_le_bytes().to_vec()].concat()
}

fn component(id: u32, major: u32, content: &[u8]) -> Vec<u8> {
    [header(id, major, content.len()).as_slice(), content].concat()
}

fn with_checksum(mut block: Vec<u8>) -> Vec<u8> {
    let checksum = !crc32(0, &block);
    block.extend(checksum.to_le_bytes());
    block
}

/// The first block, which describes the parts of the disk for the index and the volume.
fn geometry() -> Vec<u8> {
    let region = |id: u32, start: u64| [id.to_le_bytes().as_slice(), &start.to_le_bytes()].concat();
    // An index with 256 MiB of memory, not sparse.
    let index = [(-256_i32).to_le_bytes().as_slice(), &[0; 5]].concat();
    let content = [vec![0; 4], bytes(&[NONCE, 1, 1, 0]), region(0, INDEX), region(1, SUPER_BLOCK), index].concat();
    // This header counts itself, the bytes before it, and the checksum.
    with_checksum([b"dmvdo001".as_slice(), &header(5, 5, 101), &content].concat())
}

/// The content of a new volume.
fn super_block() -> Vec<u8> {
    let volume = [
        version(41),
        1_u32.to_le_bytes().to_vec(),
        bytes(&[0, 0, LOGICAL_BLOCKS, END, SLAB, JOURNAL_SIZE, 224, NONCE]),
    ];
    let partition = |id: u8, start, length| [vec![id], bytes(&[start, 0, length])].concat();
    let layout = [
        bytes(&[SLABS, JOURNAL]),
        vec![4],
        partition(0, BLOCK_MAP, BLOCK_MAP_ROOTS),
        partition(1, SLABS, 2 * SLAB),
        partition(2, JOURNAL, JOURNAL_SIZE),
        partition(3, SLAB_SUMMARY, 64),
    ];
    let slabs = [bytes(&[SLAB, SLAB - 225, 1, 224, 168, 208, 222, SLABS, JOURNAL]), vec![0]];
    let components = [
        vec![0; 4],
        version(67),
        volume.concat(),
        component(1, 3, &layout.concat()),
        component(2, 7, &bytes(&[1, 0, 0])),
        component(3, 2, &slabs.concat()),
        component(4, 2, &bytes(&[1, 0, BLOCK_MAP, BLOCK_MAP_ROOTS])),
    ]
    .concat();
    // This header counts the checksum.
    let size = components.len().checked_add(4).unwrap();
    with_checksum([header(0, 12, size), components].concat())
}

/// Formats a volume on a disk of zeros.
fn format(path: &Path) {
    let disk = File::options().write(true).open(path).unwrap();
    disk.write_all_at(&geometry(), 0).unwrap();
    disk.write_all_at(&super_block(), 4096 * SUPER_BLOCK).unwrap();
    disk.sync_all().unwrap();
}

fn stats(vdo: &Mapped<'_, Vdo>) -> Box<VdoStats> {
    match vdo.send(&VdoMessage::Stats) {
        VdoReply::Stats(stats) => stats,
        other => panic!("{other:?}"),
    }
}

/// Waits until the index has this state.
fn wait_for(vdo: &Mapped<'_, Vdo>, index: &VdoIndexState) {
    vdo.wait_for("another state of the index", |status| status.index == *index);
}

fn table(disk: DeviceNumber) -> VdoTable {
    VdoTable::new(disk, DataBlocks(END), VdoSectorSize::Bytes4096, 4096, 380)
}

#[test]
#[ignore = "needs root and device mapper: cargo xtask test-root"]
fn vdo_takes_its_options_and_messages() {
    let Some(scratch) = Scratch::new(&[require::target("vdo")]) else { return };
    let disk = scratch.loop_device(DISK).unwrap();
    format(disk.path());
    let vdo = map::<Vdo>(&scratch, "vdo", LENGTH, table(disk.number()));
    wait_for(&vdo, &VdoIndexState::Online);
    let status = vdo.status();
    assert_eq!((status.device.as_str(), status.total), (disk.path().to_str().unwrap(), DataBlocks(END)));
    assert_eq!((status.mode, status.recovery), (VdoMode::Normal, VdoRecovery::None));
    let VdoReply::Config(config) = vdo.send(&VdoMessage::Config) else { panic!("no config") };
    assert_eq!((config.logical_size, config.slab_size), (4096 * LOGICAL_BLOCKS, DataBlocks(SLAB)));

    // The same data repeatedly, which is stored once.
    let path = vdo.device().path();
    let place = |copy: u64| Sectors(512 * copy);
    let copies = |copy| Pattern::new(1).moved(Sectors(0), place(copy)).write(&path, place(copy), Sectors(64)).unwrap();
    (0..8).for_each(copies);
    let stored = stats(&vdo);
    assert_eq!(stored.logical_blocks_used, DataBlocks(64));
    assert!(stored.data_blocks_used < DataBlocks(64));
    assert!(vdo.status().used > status.used);

    let (host, device) = (scratch.host(), VdoDev::open(scratch.host(), vdo.device()).unwrap());
    assert_eq!(device.stats(host).unwrap().logical_blocks_used, DataBlocks(64));
    assert_eq!(device.config(host).unwrap(), config);
    device.set_compression(host, true).unwrap();
    assert_eq!(vdo.status().compression, VdoCompression::Online);
    device.set_compression(host, false).unwrap();
    assert_eq!(vdo.status().compression, VdoCompression::Offline);
    device.set_deduplication(host, false).unwrap();
    wait_for(&vdo, &VdoIndexState::Offline);
    device.set_deduplication(host, true).unwrap();
    wait_for(&vdo, &VdoIndexState::Online);
    assert_eq!(device.index_state(host).unwrap(), VdoIndexState::Online);
    vdo.send(&VdoMessage::IndexClose);
    wait_for(&vdo, &VdoIndexState::Closed);
    device.create_index(host).unwrap();
    wait_for(&vdo, &VdoIndexState::Online);
    vdo.send(&VdoMessage::Dump(vec![VdoDump::Pools]));
    scratch.dm().device_suspend(vdo.device()).unwrap();
    assert_eq!(vdo.status().index, VdoIndexState::Suspended);
    scratch.dm().device_resume(vdo.device()).unwrap();
    wait_for(&vdo, &VdoIndexState::Online);
    Pattern::new(1).verify(&path, Sectors(0), Sectors(64)).unwrap();
}

#[test]
#[ignore = "needs root and device mapper: cargo xtask test-root"]
fn a_vdo_device_that_fails_says_so() {
    let Some(scratch) = Scratch::new(&["vdo", "error"].map(require::target)) else { return };
    let disk = scratch.loop_device(DISK).unwrap();
    format(disk.path());
    let faulty = FaultyDisk::over(&scratch, "faulty", disk.number(), disk.size()).unwrap();
    let table = table(faulty.number()).deduplication(false).compression(true).max_discard(16);
    let table = table.ack(0).bio(1).cpu(2).hash(1).logical(1).physical(1);
    let vdo = map::<Vdo>(&scratch, "vdo", LENGTH, table);
    let status = vdo.status();
    assert_eq!((status.index, status.compression), (VdoIndexState::Closed, VdoCompression::Online));
    faulty.set(&Fault::Errors).unwrap();
    Pattern::new(1).write(&vdo.device().path(), Sectors(0), Sectors(64)).unwrap_err();
    vdo.wait_for("the volume to fail", |status| status.mode == VdoMode::ReadOnly);
    assert!(stats(&vdo).errors.read_only_error_count > 0);
}
