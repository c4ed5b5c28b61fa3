//! Operations of whole devices with a failure at every command.

use std::time::Duration;

use dm_core::{Host, Prefix};
use dm_targets::cache::{CacheIoMode, CachePolicy, CacheTable};
use dm_targets::crypt::{Cipher, CryptKey, CryptTable};
use dm_targets::devices::{
    CacheDev, CryptDev, DevError, LinearDev, MappedDev, OriginDev, RaidDev, SnapshotDev, ThinDev, ThinPoolDev,
};
use dm_targets::linear::LinearTable;
use dm_targets::raid::{RaidDevice, RaidTable, RaidType};
use dm_targets::snapshot::{SnapshotOriginTable, SnapshotStore, SnapshotTable};
use dm_targets::thin::ThinDevId;
use dm_targets::thin_pool::ThinPoolTable;
use dm_targets::{Key, LineKind, Table, TableLine, Target};
use dm_testing::{FailAt, MemoryKernel, Outcome, Sweep};
use dm_units::{Bytes, DataBlocks, DeviceNumber, Sectors};

pub(crate) const LENGTH: Sectors = Sectors(2048);
pub(crate) const EIO: i32 = 5;
/// The time between two reads of progress.
pub(crate) const MOMENT: Duration = Duration::ZERO;

pub(crate) fn one<T: Target>(length: Sectors, params: T::Table) -> Table<T> {
    Table::new([TableLine::<T> { start: Sectors(0), length, params }]).unwrap()
}

/// The disks that each test makes first, by number.
pub(crate) fn disk(number: u32) -> DeviceNumber {
    DeviceNumber::new(4001, number)
}

pub(crate) fn make_disks(memory: &MemoryKernel) {
    for _ in 0..6 {
        let _ = memory.disk(Bytes(4 << 20));
    }
}

pub(crate) fn open<K: LineKind>(memory: &MemoryKernel, name: &str) -> Result<MappedDev<K>, DevError> {
    MappedDev::open(&memory.host(), name)
}

fn write(memory: &MemoryKernel, name: &str) {
    memory.write(name, Sectors(0), &[7; 512]).unwrap();
}

/// Runs a step with a failure at every command, each time on new devices; the device `kept` contains data. After any
/// failure, no device is suspended unless the error says so, no data is lost, and a second attempt works after a new
/// start has repaired the state.
pub(crate) fn sweep(
    what: &str,
    kept: &str,
    prepare: impl Fn(&MemoryKernel),
    step: impl Fn(&MemoryKernel) -> Result<(), DevError>,
    is_done: impl Fn(&MemoryKernel) -> bool,
) {
    let prepare = |memory: &MemoryKernel| {
        make_disks(memory);
        prepare(memory);
        write(memory, kept);
    };
    let report = Sweep::new(prepare).run(&step, |memory, outcome: &Outcome<Result<(), DevError>>| {
        let (dm, host) = (memory.dm(), memory.host());
        let says_so = match outcome {
            Outcome::Returned(Err(error)) => !is_undone(error),
            Outcome::Returned(Ok(())) => false,
            Outcome::Stopped => true,
        };
        for device in &dm.list_devices().unwrap() {
            let info = dm.device_info(device.unwrap().name).unwrap();
            assert!(!info.is_suspended() || says_so, "{what}: {outcome:?}: {info:?}");
        }
        let all = dm_core::DmNameBuf::new("t").unwrap();
        host.recover(Prefix::Name(&all)).unwrap();
        let mut data = [0; 512];
        memory.read(kept, Sectors(0), &mut data).unwrap();
        assert_eq!(data, [7; 512], "{what}: {outcome:?}");
        if !is_done(memory) {
            let second = step(memory);
            assert!(
                second.as_ref().map_or_else(DevError::is_already_exists, |()| true),
                "{what}: {outcome:?}: {second:?}"
            );
        }
    });
    assert!(report.runs > report.commands && report.commands > 1, "{what}: {report:?}");
}

fn is_undone(error: &DevError) -> bool {
    match error {
        DevError::Operation(error) => error.is_undone(),
        DevError::NotUndone { .. } => false,
        _ => true,
    }
}

fn id(id: u32) -> ThinDevId {
    ThinDevId::new(id).unwrap()
}

pub(crate) fn make_pool(memory: &MemoryKernel) {
    let host = memory.host();
    let table = ThinPoolTable::new(disk(0), disk(1), Sectors(128), DataBlocks(0));
    let pool = ThinPoolDev::create(&host, "tpool", &one(LENGTH, table)).unwrap();
    pool.create_thin(&host, id(1), "thin", LENGTH).unwrap();
}

pub(crate) fn exists(memory: &MemoryKernel, name: &str) -> bool {
    memory.dm().device_info(name).is_ok_and(|info| info.has_active_table())
}

#[test]
fn operations_of_pools_can_fail_anywhere() {
    type Step = fn(&MemoryKernel) -> Result<(), DevError>;
    let steps: [(&str, Step); 6] = [
        ("create_thin_from", |memory| {
            let host = memory.host();
            let pool: ThinPoolDev = open(memory, "tpool")?;
            pool.create_thin_from(&host, id(1), "tnew", LENGTH).map(drop)
        }),
        ("snapshot", |memory| {
            let (host, origin) = (memory.host(), open::<dm_targets::Thin>(memory, "thin")?);
            let pool: ThinPoolDev = open(memory, "tpool")?;
            pool.snapshot(&host, &origin, id(2), "tnew").map(drop)
        }),
        ("grow", |memory| {
            let pool: ThinPoolDev = open(memory, "tpool")?;
            pool.grow(&memory.host(), Sectors(4096))
        }),
        ("set_features", |memory| {
            let pool: ThinPoolDev = open(memory, "tpool")?;
            pool.set_features(&memory.host(), |features| features.error_if_no_space = true)
        }),
        ("set_length", |memory| {
            let thin: ThinDev = open(memory, "thin")?;
            thin.set_length(&memory.host(), Sectors(4096))
        }),
        ("activate what is active", |memory| {
            let pool: ThinPoolDev = open(memory, "tpool")?;
            pool.activate(&memory.host(), id(1), "thin", LENGTH).map(drop)
        }),
    ];
    for (what, step) in steps {
        sweep(what, "thin", make_pool, step, |memory| exists(memory, "tnew"));
    }
}

#[test]
fn a_cache_can_be_attached_and_detached_whatever_fails() {
    let make = |memory: &MemoryKernel| {
        let table = one(LENGTH, LinearTable::new(disk(0), Sectors(0)));
        LinearDev::create(&memory.host(), "thome", &table).unwrap();
    };
    let put = |memory: &MemoryKernel| {
        let home: LinearDev = open(memory, "thome")?;
        let table = |origin| {
            CacheTable::new(disk(1), disk(2), origin, Sectors(128), CachePolicy::Smq).io_mode(CacheIoMode::Writeback)
        };
        CacheDev::attach(&memory.host(), &home, "torigin", table).map(drop)
    };
    let is_cached = |memory: &MemoryKernel| open::<dm_targets::Cache>(memory, "thome").is_ok();
    sweep("attach", "thome", make, put, |memory| is_cached(memory) || exists(memory, "torigin"));
    let make_cache = |memory: &MemoryKernel| {
        make(memory);
        put(memory).unwrap();
    };
    let detach = |memory: &MemoryKernel| {
        let cache: CacheDev = open(memory, "thome")?;
        for work in cache.clean(&memory.host(), MOMENT)? {
            work?;
        }
        cache.detach(&memory.host()).map(drop)
    };
    sweep("detach", "thome", make_cache, detach, |memory| !is_cached(memory));
}

#[test]
fn a_key_can_be_set_whatever_fails() {
    let key = || CryptKey::Hex(Key::from_hex(&"5a".repeat(64)).unwrap());
    let make = |memory: &MemoryKernel| {
        let cipher = Cipher::new("aes-xts-plain64").unwrap();
        let table = CryptTable::new(cipher, key(), Sectors(0), disk(0), Sectors(0));
        CryptDev::create(&memory.host(), "tcrypt", &one(LENGTH, table)).unwrap();
    };
    let set_key = |memory: &MemoryKernel| {
        let crypt: CryptDev = open(memory, "tcrypt")?;
        crypt.set_key(&memory.host(), key())
    };
    sweep("set_key", "tcrypt", make, set_key, |_| false);
}

#[test]
fn a_device_whose_key_is_not_wiped_is_suspended_only_if_it_was_before() {
    let cipher = Cipher::new("aes-xts-plain64").unwrap();
    let key = CryptKey::Hex(Key::from_hex(&"5a".repeat(64)).unwrap());
    let table = one(LENGTH, CryptTable::new(cipher, key, Sectors(0), disk(0), Sectors(0)));
    for was_suspended in [false, true] {
        let mut failed = 0;
        for failing in 1..20 {
            let memory = MemoryKernel::new();
            make_disks(&memory);
            let crypt = CryptDev::create(&memory.host(), "tcrypt", &table).unwrap();
            if was_suspended {
                crypt.suspend(&memory.host()).unwrap();
            }
            if crypt.lock(&Host::new(FailAt::new(&memory.dm(), failing, EIO).dm())).is_err() {
                let is_suspended = crypt.info(&memory.host()).unwrap().is_suspended();
                assert_eq!(is_suspended, was_suspended, "command {failing}");
                failed += 1;
            }
        }
        assert!(failed > 1, "{failed}");
    }
}

#[test]
fn a_leg_can_be_replaced_whatever_fails() {
    let leg = |number| RaidDevice::new(disk(number), disk(number + 1));
    let make = |memory: &MemoryKernel| {
        let table = RaidTable::new(RaidType::Raid1, Sectors(0), [leg(0), leg(2)]);
        RaidDev::create(&memory.host(), "tarray", &one(LENGTH, table)).unwrap();
    };
    let replace = |memory: &MemoryKernel| {
        let array: RaidDev = open(memory, "tarray")?;
        for work in array.replace_leg(&memory.host(), 1, leg(4), MOMENT)? {
            work?;
        }
        Ok(())
    };
    sweep("replace_leg", "tarray", make, replace, |_| false);
}

#[test]
fn a_snapshot_can_be_merged_whatever_fails() {
    let make = |memory: &MemoryKernel| {
        let host = memory.host();
        let origin = OriginDev::create(&host, "torigin", &one(LENGTH, SnapshotOriginTable::new(disk(0)))).unwrap();
        write(memory, "torigin");
        origin.suspend(&host).unwrap();
        let table = SnapshotTable::new(disk(0), disk(1), SnapshotStore::Persistent, Sectors(16));
        SnapshotDev::create(&host, "tsnapshot", &one(LENGTH, table)).unwrap();
        origin.resume(&host).unwrap();
    };
    let merge = |memory: &MemoryKernel| {
        let (origin, snapshot): (OriginDev, SnapshotDev) = (open(memory, "torigin")?, open(memory, "tsnapshot")?);
        origin.merge(&memory.host(), &snapshot).map(drop)
    };
    let is_merging = |memory: &MemoryKernel| open::<dm_targets::SnapshotMerge>(memory, "torigin").is_ok();
    // A crash between the two steps leaves an origin without a snapshot, whose store is still there.
    sweep("merge", "torigin", make, merge, |memory| is_merging(memory) || !exists(memory, "tsnapshot"));
}
