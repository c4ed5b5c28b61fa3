//! Operations of further kinds of whole devices with a failure at every command.

use dm_core::Host;
use dm_targets::clone::CloneTable;
use dm_targets::devices::{
    CloneDev, DevError, EraDev, IntegrityDev, LinearDev, MappedDev, MirrorDev, Progress, WritecacheDev,
};
use dm_targets::era::EraTable;
use dm_targets::integrity::{IntegrityMode, IntegrityTable, KeyedAlgorithm};
use dm_targets::linear::LinearTable;
use dm_targets::mirror::{MirrorLeg, MirrorLog, MirrorTable};
use dm_targets::writecache::{WritecacheKind, WritecacheTable};
use dm_targets::{Any, LineKind, Linear, Target};
use dm_testing::{FailAt, MemoryKernel};
use dm_units::Sectors;

use crate::devices::{EIO, LENGTH, MOMENT, disk, exists, make_disks, one, open, sweep};

fn make_home(memory: &MemoryKernel) {
    LinearDev::create(&memory.host(), "thome", &one(LENGTH, LinearTable::new(disk(0), Sectors(0)))).unwrap();
}

fn follow<K: LineKind>(mut progress: Progress<'_, K>) -> Result<(), DevError> {
    progress.try_for_each(|work| work.map(drop))
}

fn is<T: Target>(memory: &MemoryKernel, name: &str) -> bool {
    open::<T>(memory, name).is_ok()
}

#[test]
fn a_write_cache_can_be_attached_and_detached_whatever_fails() {
    let put = |memory: &MemoryKernel| {
        let table = |origin| WritecacheTable::new(WritecacheKind::Ssd, origin, disk(1), 512);
        WritecacheDev::attach(&memory.host(), &open::<Linear>(memory, "thome")?, "torigin", table).map(drop)
    };
    let is_cached = is::<dm_targets::Writecache>;
    sweep("attach", "thome", make_home, put, |memory| is_cached(memory, "thome") || exists(memory, "torigin"));
    let make_cache = |memory: &MemoryKernel| {
        make_home(memory);
        put(memory).unwrap();
    };
    let detach = |memory: &MemoryKernel| {
        let cache: WritecacheDev = open(memory, "thome")?;
        follow(cache.clean(&memory.host(), MOMENT)?)?;
        cache.detach(&memory.host()).map(drop)
    };
    sweep("detach", "thome", make_cache, detach, |memory| !is_cached(memory, "thome"));
}

#[test]
fn an_era_target_can_be_attached_and_detached_whatever_fails() {
    let put = |memory: &MemoryKernel| {
        let table = |origin| EraTable::new(disk(1), origin, Sectors(128));
        EraDev::attach(&memory.host(), &open::<Linear>(memory, "thome")?, "torigin", table).map(drop)
    };
    let is_era = is::<dm_targets::Era>;
    sweep("attach", "thome", make_home, put, |memory| is_era(memory, "thome") || exists(memory, "torigin"));
    let make_era = |memory: &MemoryKernel| {
        make_home(memory);
        put(memory).unwrap();
    };
    let detach = |memory: &MemoryKernel| {
        let era: EraDev = open(memory, "thome")?;
        era.checkpoint(&memory.host())?;
        era.detach(&memory.host()).map(drop)
    };
    sweep("detach", "thome", make_era, detach, |memory| !is_era(memory, "thome"));
}

#[test]
fn legs_of_mirrors_can_be_replaced_added_and_removed_whatever_fails() {
    let leg = |number| MirrorLeg::new(disk(number), Sectors(0));
    let make = |log: fn() -> MirrorLog, legs: u32| {
        move |memory: &MemoryKernel| {
            let table = MirrorTable::new(log(), (1..=legs).map(leg)).handle_errors();
            let mirror = MirrorDev::create(&memory.host(), "tmirror", &one(LENGTH, table)).unwrap();
            follow(mirror.progress(&memory.host(), MOMENT)).unwrap();
        }
    };
    let mirror = |memory: &MemoryKernel| open::<dm_targets::Mirror>(memory, "tmirror");
    let legs = |memory: &MemoryKernel| {
        let table = mirror(memory).and_then(|mirror| mirror.table(&memory.host()));
        table.map_or(Vec::new(), |table| table.lines()[0].params.legs.clone())
    };
    let replace = |memory: &MemoryKernel| {
        let mirror: MirrorDev = mirror(memory)?;
        let host = memory.host();
        let is_begun = legs(memory).contains(&leg(5));
        let progress =
            if is_begun { mirror.progress(&host, MOMENT) } else { mirror.replace_leg(&host, 0, leg(5), MOMENT)? };
        follow(progress)?;
        mirror.settle(&host)
    };
    let add = |memory: &MemoryKernel| follow(mirror(memory)?.add_leg(&memory.host(), leg(5), MOMENT)?);
    let remove = |memory: &MemoryKernel| follow(mirror(memory)?.remove_leg(&memory.host(), 1, MOMENT)?);
    let keep = |memory: &MemoryKernel| mirror(memory)?.keep_leg(&memory.host(), 1).map(drop);
    for log in [|| MirrorLog::core(Sectors(64)), || MirrorLog::disk(disk(0), Sectors(64))] {
        sweep("replace_leg", "tmirror", make(log, 2), replace, |_| false);
        sweep("add_leg", "tmirror", make(log, 2), add, |_| false);
        sweep("remove_leg", "tmirror", make(log, 3), remove, |memory| legs(memory).len() == 2);
        sweep("keep_leg", "tmirror", make(log, 2), keep, |memory| legs(memory).is_empty());
    }
}

#[test]
fn a_segment_can_be_moved_whatever_fails() {
    let place = |memory: &MemoryKernel| {
        let table = open::<Linear>(memory, "thome").and_then(|home| home.table(&memory.host()));
        table.ok().map(|table| table.lines()[0].params.device.clone())
    };
    let begun = |memory: &MemoryKernel| match open::<Linear>(memory, "thome") {
        Ok(home) => home.move_segment(&memory.host(), Sectors(0), disk(1), Sectors(8)),
        Err(_) => open::<Any>(memory, "thome"),
    };
    let finish = |memory: &MemoryKernel| {
        let moving: MappedDev<Any> = begun(memory)?;
        follow(moving.progress(&memory.host(), MOMENT))?;
        moving.finish_move(&memory.host()).map(drop)
    };
    sweep("finish_move", "thome", make_home, finish, |memory| place(memory) == Some(disk(1).into()));
    let cancel = |memory: &MemoryKernel| begun(memory)?.cancel_move(&memory.host()).map(drop);
    sweep("cancel_move", "thome", make_home, cancel, |_| false);
}

#[test]
fn a_clone_can_be_finished_whatever_fails() {
    let make = |memory: &MemoryKernel| {
        let table = CloneTable::new(disk(0), disk(1), disk(2), Sectors(8)).no_hydration();
        CloneDev::create(&memory.host(), "tclone", &one(LENGTH, table)).unwrap();
    };
    let finish = |memory: &MemoryKernel| {
        let clone: CloneDev = open(memory, "tclone")?;
        clone.set_hydration(&memory.host(), 64, 1)?;
        follow(clone.hydrate(&memory.host(), MOMENT)?)?;
        clone.finish(&memory.host()).map(drop)
    };
    sweep("finish", "tclone", make, finish, |memory| is::<Linear>(memory, "tclone"));
}

fn integrity() -> IntegrityTable {
    let table = IntegrityTable::new(disk(1), Sectors(0), None, IntegrityMode::Journal);
    table.internal_hash(KeyedAlgorithm::new("crc32c").unwrap())
}

#[test]
fn an_integrity_device_can_be_opened_and_changed_whatever_fails() {
    let host = MemoryKernel::host;
    let setup = |memory: &MemoryKernel| IntegrityDev::setup_whole(&host(memory), "tsafe", &integrity()).map(drop);
    sweep("setup_whole", "thome", make_home, setup, |_| false);
    let create = |memory: &MemoryKernel| IntegrityDev::create_whole(&host(memory), "tsafe", &integrity()).map(drop);
    sweep("create_whole", "thome", make_home, create, |_| false);
    let make = |memory: &MemoryKernel| setup(memory).unwrap();
    let change = |memory: &MemoryKernel| {
        let safe: IntegrityDev = open(memory, "tsafe")?;
        safe.set_mode(&host(memory), IntegrityMode::Bitmap)?;
        safe.grow(&host(memory))?;
        follow(safe.recalculate(&host(memory), MOMENT)?)
    };
    sweep("change", "tsafe", make, change, |_| false);
}

/// Runs a step with a failure at each command. After a failure, the new device does not exist.
fn leaves_nothing(what: &str, new: &str, step: impl Fn(&Host) -> Result<(), DevError>) {
    let mut failed = 0;
    for failing in 1..60 {
        let memory = MemoryKernel::new();
        make_disks(&memory);
        make_home(&memory);
        if step(&Host::new(FailAt::new(&memory.dm(), failing, EIO).dm())).is_err() {
            let left = memory.dm().device_info(new);
            assert!(left.is_err(), "{what}, command {failing}: {left:?}");
            failed += 1;
        }
    }
    assert!(failed > 4, "{what}: {failed}");
}

#[test]
fn a_device_that_could_not_be_completed_is_removed_again() {
    leaves_nothing("attach", "torigin", |host| {
        let table = |origin| EraTable::new(disk(1), origin, Sectors(128));
        EraDev::attach(host, &LinearDev::open(host, "thome")?, "torigin", table).map(drop)
    });
    leaves_nothing("create_whole", "tsafe", |host| {
        let table = IntegrityTable::new(disk(1), Sectors(0), None, IntegrityMode::Journal);
        let table = table.internal_hash(KeyedAlgorithm::new("crc32c").unwrap());
        IntegrityDev::create_whole(host, "tsafe", &table).map(drop)
    });
}
