//! `zoned` on a real kernel: its counts of zones.

use dm_targets::Zoned;
use dm_targets::devices::ZonedDev;
use dm_targets::zoned::{ZonedTable, Zones};
use dm_testing::{Pattern, Scratch, require};
use dm_units::Sectors;

use crate::support::map;
use crate::zoned_disk::{CHUNKS, ZONE, ZONES, ZonedDisk};

#[test]
#[ignore = "needs root and device mapper: cargo xtask test-root"]
fn a_zoned_device_counts_its_zones() {
    // The number and position of disks are set when their driver is loaded.
    let modules = [require::target("zoned"), require::module("null_blk"), require::throw_away_kernel()];
    // The disk of Linux 5.10 does not keep what is written: its driver has no parameter `memory_backed`.
    let needs = modules.into_iter().chain([require::interface(45)]).collect::<Vec<_>>();
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
