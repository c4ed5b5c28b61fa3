//! Statistics of a device that is read and written.

use std::thread;
use std::time::Duration;

use dm_targets::WordBuf;
use dm_targets::devices::{LinearDev, Stats};
use dm_targets::stats::{StatsCreate, StatsStep};
use dm_testing::Pattern;
use dm_units::Sectors;

use crate::support::{LENGTH, disk, linear, scene};

#[test]
#[ignore = "needs root and device mapper: cargo xtask test-root"]
fn io_is_counted_in_areas_and_gives_rates() {
    let Some((scratch, host)) = scene(&["linear"]) else { return };
    let below = disk(&scratch);
    let device = LinearDev::create(&host, scratch.name("linear").unwrap(), &linear(below.number())).unwrap();
    let program = WordBuf::new("dm-testing").unwrap();
    let stats = Stats::of(&host, &device).unwrap();
    let create = StatsCreate::new(None, StatsStep::Areas(2)).precise_timestamps().histogram([1_000_000]);
    let region = stats.create(&host, &create.program(program.clone()).aux(WordBuf::new("of a test").unwrap())).unwrap();
    assert_eq!((region.range.length, region.step), (LENGTH, Sectors(LENGTH.0 / 2)));
    assert_eq!((region.precise_timestamps, region.histogram.as_slice()), (true, &[1_000_000][..]));

    let before = stats.read(&host, &region).unwrap();
    let half = Sectors(LENGTH.0 / 2);
    let path = device.path(&host).unwrap();
    Pattern::new(1).write(&path, half, half).unwrap();
    thread::sleep(Duration::from_millis(10));
    let after = stats.read(&host, &region).unwrap();
    let rates = after.area_rates_since(&before);
    let [(_, first), (range, second)] = rates.as_slice() else { unreachable!("{rates:?}") };
    assert_eq!((range.start, first.writes.bytes_per_second), (half, 0.0));
    let bytes = second.writes.bytes_per_second * second.interval.as_secs_f64();
    assert!((bytes - 512.0 * half.0 as f64).abs() < 1.0, "{bytes}");
    assert!(second.writes.mean_wait.is_some_and(|wait| wait > Duration::ZERO && wait < second.interval), "{second:?}");
    assert!((0.0..=1.0).contains(&second.all.utilization) && second.all.utilization > 0.0, "{second:?}");
    let counted: u64 = after.total().unwrap().histogram.iter().sum();
    assert_eq!(counted, after.total().unwrap().reads.completed + after.total().unwrap().writes.completed);

    let cleared = stats.read_and_clear(&host, &region).unwrap().total().unwrap();
    assert_eq!(cleared.writes.sectors, half);
    assert_eq!(stats.read(&host, &region).unwrap().total().unwrap().writes.sectors, Sectors(0));
    Pattern::new(2).write(&path, Sectors(0), Sectors(8)).unwrap();
    stats.clear(&host, &region).unwrap();
    assert_eq!(stats.read(&host, &region).unwrap().total().unwrap().writes.completed, 0);
}
