//! A zoned disk in memory, formatted for `zoned`.

use std::fs::File;
use std::os::unix::fs::FileExt as _;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use dm_testing::wait_until;
use dm_units::{DeviceNumber, Sectors};

/// Long enough for udev to open and close a disk, on any machine.
const SOON: Duration = Duration::from_secs(20);
const BLOCK_BYTES: usize = 4096;
/// The generation of the metadata, with which the checksum starts.
const GENERATION: u32 = 1;
/// The number of zones of the disk, 32 MiB each; a quarter of them can be written at random.
pub(crate) const ZONES: u32 = 32;
pub(crate) const ZONE: Sectors = Sectors(65_536);
/// The zones reserved for reclaim.
const RESERVED: u32 = 4;
/// All zones except the reserved ones and two with metadata.
pub(crate) const CHUNKS: u32 = ZONES - RESERVED - 2;

/// A zoned disk in memory, the only one of its driver.
pub(crate) struct ZonedDisk {
    path: &'static Path,
}

impl ZonedDisk {
    pub(crate) fn new() -> Self {
        let options = ["nr_devices=1", "gb=1", "memory_backed=1", "zoned=1", "zone_size=32", "zone_nr_conv=8"];
        assert!(Command::new("modprobe").arg("null_blk").args(options).status().unwrap().success());
        let path = Path::new("/dev/nullb0");
        wait_until("the zoned disk", SOON, || path.exists()).unwrap();
        Self { path }
    }

    pub(crate) fn number(&self) -> DeviceNumber {
        let device = std::fs::read_to_string("/sys/block/nullb0/dev").unwrap();
        device.trim_end().parse().unwrap()
    }

    /// Writes the first set of metadata in the target's format 1; the kernel makes the second one from it.
    pub(crate) fn format(&self) {
        let fields = |checksum| {
            [
                u32::from_be_bytes(*b"DZBD"),
                // The format, and the generation in two words.
                1,
                GENERATION,
                0,
                // The position of this block, in two words.
                0,
                0,
                // The number of metadata blocks: this one, the map of chunks, and a bitmap for each zone.
                2 + ZONES,
                RESERVED,
                CHUNKS,
                1,
                ZONES,
                checksum,
            ]
        };
        let block = |checksum| {
            let mut block: Vec<u8> = fields(checksum).into_iter().flat_map(u32::to_le_bytes).collect();
            block.resize(BLOCK_BYTES, 0);
            block
        };
        let first = block(crc32(GENERATION, &block(0)));
        // As on a new disk, no chunk is mapped to a zone, and nothing is written.
        let blocks = [first, vec![0xff; BLOCK_BYTES]].concat();
        let disk = File::options().write(true).open(self.path).unwrap();
        disk.write_all_at(&blocks, 0).unwrap();
        disk.sync_all().unwrap();
    }
}

impl Drop for ZonedDisk {
    fn drop(&mut self) {
        let unload = || Command::new("modprobe").args(["-r", "null_blk"]).output();
        let unloaded =
            wait_until("udev to close the zoned disk", SOON, || unload().is_ok_and(|run| run.status.success()));
        assert!(unloaded.is_ok() || std::thread::panicking(), "{unloaded:?}");
    }
}

/// The checksum of this format: a CRC-32 without inversion, with a given start value.
pub(crate) fn crc32(start: u32, bytes: &[u8]) -> u32 {
    bytes.iter().fold(start, |crc, byte| {
        let step = |crc: u32, _| if crc & 1 == 0 { crc >> 1 } else { (crc >> 1) ^ 0xedb8_8320 };
        (0..8).fold(crc ^ u32::from(*byte), step)
    })
}
