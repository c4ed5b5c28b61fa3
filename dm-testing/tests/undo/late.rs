//! Operations of whole devices whose udev does not finish: the steps took effect, so that they are not undone, and the
//! steps after them are taken.
//!
//! As root, a process that looks like a udev makes the timeout an error. For another user that depends on whether udev
//! may run on this machine. In every case, the work is complete.

use std::time::Duration;

use dm_core::udev::{Strategy, Udev};
use dm_core::{Host, OpError, TargetLine};
use dm_targets::cache::{CachePolicy, CacheTable};
use dm_targets::devices::{CacheDev, DevError, EraDev, IntegrityDev, LinearDev, MappedDev, ThinPoolDev, WritecacheDev};
use dm_targets::era::EraTable;
use dm_targets::integrity::{IntegrityMode, IntegrityTable, KeyedAlgorithm};
use dm_targets::linear::LinearTable;
use dm_targets::thin::ThinDevId;
use dm_targets::thin_pool::ThinPoolTable;
use dm_targets::writecache::{WritecacheKind, WritecacheTable};
use dm_targets::{Linear, Target};
use dm_testing::MemoryKernel;
use dm_testing::memory::MemoryUdev;
use dm_units::{Bytes, DataBlocks, DeviceNumber, Sectors};

use crate::devices::{LENGTH, disk, exists, make_disks, one, open};
use crate::hung_udev::HungUdev;
use crate::merges::origin_and_snapshot;

/// A host whose udev completes this number of cookies and then none.
fn dying(memory: &MemoryKernel, completed: u32) -> Host {
    memory.udev(MemoryUdev::Dies(completed));
    memory.host().with_udev(Udev::new(Strategy::Cookies).timeout(Duration::from_millis(100)))
}

/// The call may only fail with the timeout, which says that the operation took effect.
fn assert_took_effect<R>(what: &str, hung: &HungUdev, result: Result<R, DevError>) {
    assert!(result.is_err() || !hung.is_root(), "{what}");
    if let Err(error) = result {
        assert!(!matches!(error, DevError::NotUndone { .. }), "{what}: {error:?}");
        assert!(error.is_timed_out() && error.operation().is_some_and(OpError::is_done), "{what}: {error:?}");
    }
}

fn attached<T: Target>(what: &str, attach: impl Fn(&Host, &LinearDev) -> Result<(LinearDev, MappedDev<T>), DevError>) {
    let memory = MemoryKernel::new();
    make_disks(&memory);
    let table = one::<Linear>(LENGTH, LinearTable::new(disk(0), Sectors(0)));
    let home = LinearDev::create(&memory.host(), "thome", &table).unwrap();
    // The origin is complete; the switch is not.
    assert_took_effect(what, &HungUdev::start(what), attach(&dying(&memory, 1), &home));
    open::<T>(&memory, "thome").unwrap();
    open::<Linear>(&memory, "torigin").unwrap();
}

#[test]
fn a_target_that_udev_announces_too_late_is_attached() {
    attached("cache", |host, home| {
        let table = |origin: DeviceNumber| CacheTable::new(disk(1), disk(2), origin, Sectors(128), CachePolicy::Smq);
        CacheDev::attach(host, home, "torigin", table)
    });
    attached("writecache", |host, home| {
        let table = |origin| WritecacheTable::new(WritecacheKind::Ssd, origin, disk(1), 512);
        WritecacheDev::attach(host, home, "torigin", table)
    });
    attached("era", |host, home| {
        EraDev::attach(host, home, "torigin", |origin| EraTable::new(disk(1), origin, Sectors(128)))
    });
}

#[test]
fn a_merge_continues_when_udev_announces_the_removal_of_the_snapshot_too_late() {
    for completed in [0, 1] {
        let (memory, origin, snapshot) = origin_and_snapshot();
        assert_took_effect("merge", &HungUdev::start("merge"), origin.merge(&dying(&memory, completed), &snapshot));
        open::<dm_targets::SnapshotMerge>(&memory, "torigin").unwrap();
        assert!(!exists(&memory, "tsnapshot"));
    }
}

#[test]
fn an_integrity_device_has_its_whole_length_when_udev_announces_it_too_late() {
    let params = || {
        let table = IntegrityTable::new(disk(1), Sectors(0), None, IntegrityMode::Journal);
        table.internal_hash(KeyedAlgorithm::new("crc32c").unwrap())
    };
    let short = |host: &Host| IntegrityDev::create(host, "tsafe", &one(Sectors(8), params()));
    let make =
        |what: &str, completed: u32, begun: &dyn Fn(&MemoryKernel), make: &dyn Fn(&Host) -> Result<(), DevError>| {
            let memory = MemoryKernel::new();
            make_disks(&memory);
            begun(&memory);
            assert_took_effect(what, &HungUdev::start(what), make(&dying(&memory, completed)));
            let safe: IntegrityDev = open(&memory, "tsafe").unwrap();
            assert!(!safe.info(&memory.host()).unwrap().is_suspended(), "{what}");
            let length = safe.table(&memory.host()).unwrap().length();
            assert_eq!(safe.resize_to_disk(&memory.host()).unwrap(), length, "{what}");
        };
    let setup_whole = |host: &Host| IntegrityDev::setup_whole(host, "tsafe", &params()).map(drop);
    make("create_whole", 1, &|_| (), &|host| IntegrityDev::create_whole(host, "tsafe", &params()).map(drop));
    make("grow", 1, &|_| (), &|host| short(host)?.grow(host).map(drop));
    make("setup_whole of a new device", 1, &|_| (), &setup_whole);
    let suspended = |memory: &MemoryKernel| short(&memory.host()).unwrap().suspend(&memory.host()).unwrap();
    let without_table = |memory: &MemoryKernel| _ = memory.dm().device_create("tsafe").unwrap();
    for completed in [0, 1] {
        make("setup_whole of a suspended device", completed, &suspended, &setup_whole);
        make("setup_whole of a device without a table", completed, &without_table, &setup_whole);
    }
}

#[test]
fn a_pool_that_has_not_grown_says_so_also_when_udev_is_late() {
    let memory = MemoryKernel::new();
    let (host, metadata) = (memory.host(), memory.disk(Bytes(2 << 20)).number());
    let line = |target: &'static str, params: String| [TargetLine::text(Sectors(0), Sectors(4096), target, params)];
    let linear = || line("linear", format!("{metadata} 0"));
    let below = host.create("tmetadata", linear()).unwrap().number();
    let params = ThinPoolTable::new(below, memory.disk(Bytes(2 << 20)).number(), Sectors(128), DataBlocks(0));
    let pool = ThinPoolDev::create(&host, "tpool", &one(LENGTH, params)).unwrap();
    let hung = HungUdev::start("grow-pool");
    assert_took_effect("grow", &hung, pool.grow(&dying(&memory, 0), Sectors(3072)));
    assert_eq!(pool.figures(&host).unwrap().data.total, DataBlocks(24));

    host.reload("tmetadata", line("flakey", format!("{metadata} 0 0 1 1 error_writes"))).unwrap();
    pool.create_thin(&host, ThinDevId::new(1).unwrap(), "tthin", LENGTH).unwrap_err();
    host.reload("tmetadata", linear()).unwrap();
    let grown = pool.grow(&dying(&memory, 0), Sectors(4096));
    assert!(matches!(grown, Err(DevError::NotGrown { blocks: DataBlocks(24), .. })), "{grown:?}");
}
