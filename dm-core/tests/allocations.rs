//! How often the heap is asked for memory: not at all once a buffer has grown, and a few times until it has.
#![expect(clippy::arithmetic_side_effects, clippy::unwrap_used, reason = "a panic is how a test fails")]

#[path = "../benches/kernel/mod.rs"]
mod kernel;
#[path = "../benches/tables/mod.rs"]
mod tables;

use std::hint::black_box;

use dm_core::{
    Buffer, CreateOptions, DepsOptions, Dm, DmName, DmUuid, Geometry, InfoOptions, ListOptions, LoadOptions,
    RemoveAllOptions, RemoveOptions, RenameOptions, ResumeOptions, StatusOptions, SuspendOptions,
};
use dm_units::{DeviceNumber, Sectors};
use kernel::Kernel;

/// The numbers of lines and devices that are tried.
const SIZES: [usize; 4] = [1, 100, 10_000, 100_000];

fn allocations<R>(call: impl FnOnce() -> R) -> u64 {
    // What the call gives is dropped afterwards, which frees and never allocates.
    allocation_counter::measure(|| drop(black_box(call()))).count_total
}

fn name() -> DmName<'static> {
    DmName::new("root").unwrap()
}

#[test]
fn a_command_without_payload_allocates_nothing() {
    let dm = &Dm::with_transport(Kernel::with_device());
    let uuid = DmUuid::new("LVM-1").unwrap();
    let geometry = Geometry { cylinders: 1, heads: 2, sectors: 3, start: Sectors(0) };
    let calls: [(&str, &dyn Fn() -> bool); 15] = [
        ("version", &|| dm.version().is_ok()),
        ("device_info by name", &|| dm.device_info(name(), InfoOptions::new()).is_ok()),
        ("device_info by uuid", &|| dm.device_info(uuid, InfoOptions::new()).is_ok()),
        ("device_info by number", &|| dm.device_info(DeviceNumber::new(253, 0), InfoOptions::new()).is_ok()),
        ("device_create", &|| dm.device_create(name(), CreateOptions::new().uuid(uuid).minor(1)).is_ok()),
        ("device_rename", &|| dm.device_rename(name(), name(), RenameOptions::new()).is_ok()),
        ("device_set_uuid", &|| dm.device_set_uuid(name(), uuid, RenameOptions::new()).is_ok()),
        ("device_suspend", &|| dm.device_suspend(name(), SuspendOptions::new()).is_ok()),
        ("device_resume", &|| dm.device_resume(name(), ResumeOptions::new()).is_ok()),
        ("device_remove", &|| dm.device_remove(name(), RemoveOptions::new()).is_ok()),
        ("table_clear", &|| dm.table_clear(name()).is_ok()),
        ("set_geometry", &|| dm.set_geometry(name(), geometry).is_ok()),
        ("arm_poll", &|| dm.arm_poll().is_ok()),
        ("remove_all", &|| dm.remove_all(RemoveAllOptions::new()).is_ok()),
        // The answer names no target.
        ("target_version", &|| dm.target_version("thin-pool").is_err()),
    ];
    for (call, run) in calls {
        assert_eq!(allocations(|| assert!(run(), "{call}")), 0, "{call}");
    }
}

/// Reads a list and walks through it.
fn read_list(dm: &Dm<Kernel>, buffer: &mut Buffer, uuids: bool) {
    let devices = dm.list_devices(buffer, ListOptions::new().uuids(uuids)).unwrap();
    assert!(devices.iter().all(|device| black_box(device).is_ok()));
}

/// Reads the text of a table and walks through it.
fn read_table(dm: &Dm<Kernel>, buffer: &mut Buffer) {
    let table = dm.table_status(buffer, name(), StatusOptions::table()).unwrap();
    assert!(table.iter().all(|line| black_box(line).is_ok()));
}

/// Reads the dependencies and walks through them.
fn read_deps(dm: &Dm<Kernel>, buffer: &mut Buffer) {
    let deps = dm.table_deps(buffer, name(), DepsOptions::new()).unwrap();
    black_box(deps.iter().map(black_box).count());
}

/// How many allocations a call costs with a fresh buffer, and how many when it is made again.
fn first_and_next(call: impl Fn(&mut Buffer)) -> (u64, u64) {
    let mut buffer = Buffer::new();
    (allocations(|| call(&mut buffer)), allocations(|| call(&mut buffer)))
}

/// The promise of a call with a payload.
fn assert_grows_at_most_four_times_and_then_no_more(what: &str, size: usize, call: impl Fn(&mut Buffer)) {
    let (first, next) = first_and_next(call);
    assert!((1..=4).contains(&first), "{first} allocations for {what} of {size} in a fresh buffer");
    assert_eq!(next, 0, "{what} of {size} in a buffer that has grown");
}

#[test]
fn a_buffer_grows_a_few_times_whatever_the_size_and_then_no_more() {
    for size in SIZES {
        for uuids in [false, true] {
            let dm = Dm::with_transport(Kernel::with_devices(size, uuids));
            assert_grows_at_most_four_times_and_then_no_more("a list", size, |buffer| read_list(&dm, buffer, uuids));
        }
        let texts = tables::texts(tables::BELOW, size);
        let dm = Dm::with_transport(Kernel::with_lines(&texts));
        assert_grows_at_most_four_times_and_then_no_more("a table", size, |buffer| read_table(&dm, buffer));

        let dm = Dm::with_transport(Kernel::with_device());
        assert_grows_at_most_four_times_and_then_no_more("a typed load", size, |buffer| {
            dm.table_load(buffer, name(), tables::typed(tables::BELOW, size), LoadOptions::new()).unwrap();
        });
        assert_grows_at_most_four_times_and_then_no_more("a load of text", size, |buffer| {
            dm.table_load(buffer, name(), tables::from_texts(&texts), LoadOptions::new()).unwrap();
        });
        let secure = LoadOptions::new().secure(true);
        assert_grows_at_most_four_times_and_then_no_more("a load with keys", size, |buffer| {
            dm.table_load(buffer, name(), tables::from_texts(&texts), secure).unwrap();
        });

        let dm = Dm::with_transport(Kernel::with_deps(u32::try_from(size).unwrap()));
        assert_grows_at_most_four_times_and_then_no_more("dependencies", size, |buffer| read_deps(&dm, buffer));
    }
}

#[test]
fn an_owned_answer_is_one_allocation() {
    let mut buffer = Buffer::new();
    for size in SIZES {
        let dm = Dm::with_transport(Kernel::with_devices(size, true));
        let devices = dm.list_devices(&mut buffer, ListOptions::new().uuids(true)).unwrap();
        assert_eq!(allocations(|| devices.to_owned()), 1, "a list of {size}");

        let dm = Dm::with_transport(Kernel::with_lines(&tables::texts(tables::BELOW, size)));
        let table = dm.table_status(&mut buffer, name(), StatusOptions::table()).unwrap();
        assert_eq!(allocations(|| table.to_owned()), 1, "a table of {size}");

        let dm = Dm::with_transport(Kernel::with_deps(u32::try_from(size).unwrap()));
        let deps = dm.table_deps(&mut buffer, name(), DepsOptions::new()).unwrap();
        assert_eq!(allocations(|| deps.to_owned()), 1, "dependencies of {size}");
    }
}
