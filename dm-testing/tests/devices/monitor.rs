//! Alarms of real targets.

use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use dm_core::{DmUuidBuf, Host, SetupOptions};
use dm_targets::devices::{AlarmKind, LegState, LinearDev, MappedDev, Monitor, MonitorOptions, Space, ThinPoolDev};
use dm_targets::linear::LinearTable;
use dm_targets::mirror::{MirrorLeg, MirrorLog, MirrorTable};
use dm_targets::snapshot::{SnapshotOriginTable, SnapshotStore, SnapshotTable};
use dm_targets::thin::ThinDevId;
use dm_targets::thin_pool::ThinPoolTable;
use dm_targets::{Concern, Mirror, Snapshot, SnapshotOrigin};
use dm_testing::{Fault, FaultyDisk, LoopDevice, Pattern, Scratch, require};
use dm_units::{DataBlocks, Sectors};

use crate::support::{LENGTH, SOON, disk, large_disk, linear, one, scene};

use extender::Extender;

#[path = "../../examples/extend/extender.rs"]
mod extender;

const BLOCK: Sectors = Sectors(128);

/// A monitor of one device, after it has reported the problems that exist at the start.
pub(crate) fn monitor(scratch: &Scratch, host: &Host, suffix: &str) -> (Monitor, Vec<AlarmKind>) {
    let options = MonitorOptions::new().name(scratch.name(suffix).unwrap()).levels([50]).status_interval(None);
    let mut monitor = Monitor::open_with(host, options).unwrap();
    let first = monitor.read().unwrap();
    (monitor, first.into_iter().map(|alarm| alarm.kind).collect())
}

/// Collects alarms until one matches.
pub(crate) fn wait_for(monitor: &mut Monitor, is_expected: impl Fn(&AlarmKind) -> bool) -> Vec<AlarmKind> {
    let begin = Instant::now();
    let mut alarms = Vec::new();
    while !alarms.iter().any(&is_expected) {
        let left = SOON.saturating_sub(begin.elapsed());
        assert!(!left.is_zero(), "{alarms:?}");
        alarms.extend(monitor.wait(Some(left)).unwrap().into_iter().map(|alarm| alarm.kind));
    }
    alarms
}

#[test]
#[ignore = "needs root and device mapper: cargo xtask test-root"]
fn a_pool_is_extended_by_the_example_while_it_is_filled() {
    let Some((scratch, host)) = scene(&["linear", "thin-pool", "thin"]) else { return };
    let (metadata, below) = (large_disk(&scratch, 2), large_disk(&scratch, 8));
    let data = LinearDev::create(&host, scratch.name("data").unwrap(), &linear(below.number())).unwrap();
    let table = ThinPoolTable::new(metadata.number(), data.number(&host).unwrap(), BLOCK, DataBlocks(4));
    let name = scratch.name("pool").unwrap();
    let pool = ThinPoolDev::create(&host, &name, &one(LENGTH, table)).unwrap();
    let whole = Sectors(6 * LENGTH.0);
    let id = ThinDevId::new(1).unwrap();
    let thin = pool.create_thin(&host, id, scratch.name("thin").unwrap(), whole).unwrap();

    let mut extender = Extender::open(&host, &name, LENGTH, below.size()).unwrap();
    let path = thin.path(&host).unwrap();
    let mut extensions = 0;
    thread::scope(|scope| {
        let writer = scope.spawn(|| Pattern::new(1).write(&path, Sectors(0), whole));
        let begin = Instant::now();
        while !writer.is_finished() {
            assert!(begin.elapsed() < SOON, "the pool has not been extended");
            let alarms = extender.watch(Some(Duration::from_millis(200))).unwrap();
            extensions += alarms.iter().filter(|alarm| matches!(alarm.kind, AlarmKind::BelowLowWater { .. })).count();
        }
        writer.join().unwrap().unwrap();
    });
    assert!(extensions > 0);
    Pattern::new(1).verify(&path, Sectors(0), whole).unwrap();
    assert!(pool.table(&host).unwrap().length() >= whole);
}

/// An origin with a snapshot whose store is small.
fn snapshot(scratch: &Scratch, host: &Host, origin: &LoopDevice) -> (MappedDev<SnapshotOrigin>, Arc<LoopDevice>) {
    let cow = scratch.loop_device(Sectors(256).to_bytes()).unwrap();
    let table = SnapshotTable::new(origin.number(), cow.number(), SnapshotStore::Persistent, Sectors(16));
    MappedDev::<Snapshot>::create(host, scratch.name("snapshot").unwrap(), &one(LENGTH, table)).unwrap();
    let table = SnapshotOriginTable::new(origin.number());
    let name = scratch.name("origin").unwrap();
    (MappedDev::create(host, name, &one::<SnapshotOrigin>(LENGTH, table)).unwrap(), cow)
}

#[test]
#[ignore = "needs root and device mapper: cargo xtask test-root"]
fn a_snapshot_that_fills_and_overflows_is_reported() {
    let Some((scratch, host)) = scene(&["snapshot", "snapshot-origin"]) else { return };
    let below = disk(&scratch);
    let (origin, _cow) = snapshot(&scratch, &host, &below);
    let (mut monitor, first) = monitor(&scratch, &host, "snapshot");
    assert_eq!(first, []);
    let path = origin.path(&host).unwrap();
    Pattern::new(1).write(&path, Sectors(0), Sectors(128)).unwrap();
    // Usage raises no event.
    let alarms = monitor.read_all().unwrap();
    let kinds: Vec<_> = alarms.into_iter().map(|alarm| alarm.kind).collect();
    assert!(matches!(kinds.as_slice(), [AlarmKind::LevelReached { space: Space::Data, level: 50, .. }]), "{kinds:?}");

    Pattern::new(1).write(&path, Sectors(0), LENGTH).unwrap();
    let is_lost = |kind: &AlarmKind| *kind == AlarmKind::Raised(Concern::Invalid);
    wait_for(&mut monitor, is_lost);
    assert_eq!(monitor.read_all().unwrap(), []);
}

#[test]
#[ignore = "needs root and device mapper: cargo xtask test-root"]
fn a_leg_of_a_mirror_that_fails_is_reported_and_is_back_after_a_reload() {
    let Some((scratch, host)) = scene(&["mirror", "flakey", "linear"]) else { return };
    let [first, second] = [1, 2].map(|_| disk(&scratch));
    let faulty = FaultyDisk::over(&scratch, "faulty", second.number(), second.size()).unwrap();
    let legs = [first.number(), faulty.number()].map(|leg| MirrorLeg::new(leg, Sectors(0)));
    let table = MirrorTable::new(MirrorLog::core(Sectors(64)).nosync(), legs).handle_errors().keep_log();
    let table = one::<Mirror>(LENGTH, table);
    let mirror = MappedDev::create(&host, scratch.name("mirror").unwrap(), &table).unwrap();
    let (mut monitor, at_first) = monitor(&scratch, &host, "mirror");
    assert_eq!(at_first, []);

    faulty.set(&Fault::WriteErrors).unwrap();
    Pattern::new(1).write(&mirror.path(&host).unwrap(), Sectors(0), Sectors(64)).unwrap();
    let failed = |kind: &AlarmKind| matches!(kind, AlarmKind::Leg { index: 1, state: LegState::Failed, .. });
    let alarms = wait_for(&mut monitor, failed);
    assert!(alarms.contains(&AlarmKind::Raised(Concern::FailedLegs)), "{alarms:?}");

    faulty.set(&Fault::None).unwrap();
    mirror.set_table(&host, &table).unwrap();
    let kinds: Vec<_> = monitor.read_all().unwrap().into_iter().map(|alarm| alarm.kind).collect();
    assert!(kinds.contains(&AlarmKind::Cleared(Concern::FailedLegs)), "{kinds:?}");
    let back = |kind: &AlarmKind| matches!(kind, AlarmKind::Leg { index: 1, state: LegState::Working, .. });
    assert!(kinds.iter().any(back), "{kinds:?}");
}

#[test]
#[ignore = "needs root and device mapper: cargo xtask test-root"]
fn a_removed_device_and_its_successor_are_two() {
    let Some((scratch, host)) = scene(&["linear"]) else { return };
    // The list of earlier interfaces does not tell them apart.
    if !require::met(&[require::interface(45)]) {
        return;
    }
    let below = disk(&scratch);
    let create = |uuid: &str| {
        let uuid = DmUuidBuf::new(&format!("{}{uuid}", scratch.prefix())).unwrap();
        let options = SetupOptions::new().uuid(&uuid);
        LinearDev::create_with(&host, scratch.name("linear").unwrap(), &linear(below.number()), options).unwrap()
    };
    let before = create("before");
    let (mut monitor, _) = monitor(&scratch, &host, "linear");
    before.remove_with(&host, crate::support::PATIENTLY).unwrap();
    let after = create("after");
    let kinds: Vec<_> = monitor.read().unwrap().into_iter().map(|alarm| alarm.kind).collect();
    assert_eq!(kinds, [AlarmKind::Removed, AlarmKind::Added]);
    after.change(&host, |lines| lines[0].params = LinearTable::new(below.number(), Sectors(0))).unwrap();
    assert_eq!(monitor.read().unwrap(), []);
}
