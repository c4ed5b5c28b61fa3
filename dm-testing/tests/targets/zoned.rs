//! `zoned`.

use std::fs::File;
use std::os::unix::fs::FileExt as _;
use std::path::Path;
use std::process::Command;

use dm_targets::Zoned;
use dm_targets::devices::ZonedDev;
use dm_targets::zoned::{ZonedTable, Zones};
use dm_testing::{Pattern, Scratch, require, wait_until};
use dm_units::{DeviceNumber, Sectors};

use crate::support::{SOON, map};

const BLOCK_BYTES: usize = 4096;
/// Of the metadata, which the checksum starts from.
const GENERATION: u32 = 1;
/// Of the disk, of 32 MiB each; a quarter of them can be written anywhere.
const ZONES: u32 = 32;
const ZONE: Sectors = Sectors(65_536);
/// Kept free to clear up in.
const RESERVED: u32 = 4;
/// All zones but those, and two with metadata.
const CHUNKS: u32 = ZONES - RESERVED - 2;

/// A disk of zones in memory, the only one of its driver.
struct ZonedDisk {
    path: &'static Path,
}

impl ZonedDisk {
    fn new() -> Self {
        let options = ["nr_devices=1", "gb=1", "memory_backed=1", "zoned=1", "zone_size=32", "zone_nr_conv=8"];
        assert!(Command::new("modprobe").arg("null_blk").args(options).status().unwrap().success());
        let path = Path::new("/dev/nullb0");
        wait_until("the zoned disk", SOON, || path.exists()).unwrap();
        Self { path }
    }

    fn number(&self) -> DeviceNumber {
        let device = std::fs::read_to_string("/sys/block/nullb0/dev").unwrap();
        device.trim_end().parse().unwrap()
    }

    /// Writes the first set of metadata of the target's format 1; the kernel makes the second from it.
    fn format(&self) {
        let fields = |checksum| {
            [
                u32::from_be_bytes(*b"DZBD"),
                // The format, and the generation in two words.
                1,
                GENERATION,
                0,
                // Where this is, in two words.
                0,
                0,
                // Blocks of metadata: this one, the map of chunks, and for each zone a bitmap.
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
        // No chunk is mapped to a zone, and nothing is written, as on any new disk.
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

/// The checksum of this format: without any inversion, from a start of its own.
pub(crate) fn crc32(start: u32, bytes: &[u8]) -> u32 {
    bytes.iter().fold(start, |crc, byte| {
        let step = |crc: u32, _| if crc & 1 == 0 { crc >> 1 } else { (crc >> 1) ^ 0xedb8_8320 };
        (0..8).fold(crc ^ u32::from(*byte), step)
    })
}

#[test]
#[ignore = "needs root and device mapper: cargo xtask test-root"]
fn a_zoned_device_counts_its_zones() {
    // The driver of the disk is told once how many there are, and where they are.
    let needs = [require::target("zoned"), require::module("null_blk"), require::throw_away_kernel()];
    if !require::met(&needs) {
        return;
    }
    let disk = ZonedDisk::new();
    disk.format();
    let Some(scratch) = Scratch::new(&needs) else { return };
    let length = Sectors(u64::from(CHUNKS) * ZONE.0);
    let zoned = map::<Zoned>(&scratch, "zoned", length, ZonedTable::new(disk.number()));
    let free = |random, sequential| {
        let status = zoned.status();
        assert_eq!((status.zones, status.cache), (ZONES, Some(Zones { unmapped: 0, total: 0 })));
        let [of_disk] = status.devices.as_slice() else { panic!("{status:?}") };
        assert_eq!(of_disk.random, Zones { unmapped: random, total: ZONES / 4 - 2 });
        assert_eq!(of_disk.sequential, Zones { unmapped: sequential, total: CHUNKS - (ZONES / 4 - 2) });
    };
    free(6, 20);
    let path = zoned.device().path();
    for chunk in [1, 7] {
        Pattern::new(1).write(&path, Sectors(chunk * ZONE.0 + 8), Sectors(64)).unwrap();
    }
    free(4, 20);
    let device = ZonedDev::open(scratch.host(), zoned.device()).unwrap();
    let used = device.zones_used(scratch.host()).unwrap();
    assert_eq!((used.used, used.total), (2, CHUNKS.into()));
    device.reclaim(scratch.host()).unwrap();
    Pattern::new(1).verify(&path, Sectors(ZONE.0 + 8), Sectors(64)).unwrap();
    Pattern::zeros().verify(&path, Sectors(2 * ZONE.0), Sectors(64)).unwrap();
}
