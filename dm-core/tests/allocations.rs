//! The number of memory allocations: none once a handle has memory, and a few until then.
#![expect(clippy::arithmetic_side_effects, clippy::unwrap_used, reason = "a panic is how a test fails")]

#[path = "../benches/kernel/mod.rs"]
mod kernel;
#[path = "../benches/tables/mod.rs"]
mod tables;

use std::hint::black_box;

use dm_core::{CreateOptions, Dm, DmUuid, Geometry, ListOptions, LoadOptions, StatusOptions};
use dm_units::DeviceNumber;
use kernel::Kernel;

/// The tested numbers of lines and devices.
const SIZES: [usize; 4] = [1, 100, 10_000, 100_000];

fn allocations<R>(call: impl FnOnce() -> R) -> u64 {
    // Dropping the result afterwards only frees memory.
    allocation_counter::measure(|| drop(black_box(call()))).count_total
}

/// The maximum amount of memory in bytes that a call has at one time.
fn peak<R>(call: impl FnOnce() -> R) -> u64 {
    allocation_counter::measure(|| drop(black_box(call()))).bytes_max
}

#[test]
fn a_command_without_payload_allocates_nothing() {
    let dm = &Dm::with_transport(Kernel::with_device());
    let uuid = DmUuid::new("LVM-1").unwrap();
    let calls: [(&str, &dyn Fn() -> bool); 15] = [
        ("version", &|| dm.version().is_ok()),
        ("device_info by name", &|| dm.device_info("root").is_ok()),
        ("device_info by uuid", &|| dm.device_info(uuid).is_ok()),
        ("device_info by number", &|| dm.device_info(DeviceNumber::new(253, 0)).is_ok()),
        ("device_create", &|| dm.device_create_with("root", CreateOptions::new().uuid(uuid).minor(1)).is_ok()),
        ("device_rename", &|| dm.device_rename("root", "new").is_ok()),
        ("device_set_uuid", &|| dm.device_set_uuid("root", uuid).is_ok()),
        ("device_suspend", &|| dm.device_suspend("root").is_ok()),
        ("device_resume", &|| dm.device_resume("root").is_ok()),
        ("device_remove", &|| dm.device_remove("root").is_ok()),
        ("table_clear", &|| dm.table_clear("root").is_ok()),
        ("set_geometry", &|| dm.set_geometry("root", Geometry::new(1, 2, 3)).is_ok()),
        ("arm_poll", &|| dm.arm_poll().is_ok()),
        ("remove_all", &|| dm.remove_all().is_ok()),
        // The reply has no target.
        ("target_version", &|| dm.target_version("thin-pool").is_err()),
    ];
    for (call, run) in calls {
        assert_eq!(allocations(|| assert!(run(), "{call}")), 0, "{call}");
    }
}

/// Reads a list and decodes every device.
fn read_list(dm: &Dm, uuids: bool) {
    let devices = dm.list_devices_with(ListOptions::new().uuids(uuids)).unwrap();
    assert!(devices.iter().all(|device| black_box(device).is_ok()));
}

/// Reads the text of a table and decodes every line.
fn read_table(dm: &Dm) {
    let table = dm.table_status_with("root", StatusOptions::table()).unwrap();
    assert!(table.iter().all(|line| black_box(line).is_ok()));
}

/// Reads the dependencies of a table.
fn read_deps(dm: &Dm) {
    black_box(dm.table_deps("root").unwrap().iter().map(black_box).count());
}

/// Checks that a call with a payload allocates at most `most` times at first, and then never.
fn assert_allocates(what: &str, size: usize, most: u64, kernel: Kernel, call: impl Fn(&Dm)) {
    let dm = Dm::with_transport(kernel);
    let first = allocations(|| call(&dm));
    assert!((1..=most).contains(&first), "{first} allocations for the first {what} of {size}");
    for clone in [&dm, &dm.clone()] {
        assert_eq!(allocations(|| call(clone)), 0, "a later {what} of {size}");
    }
}

#[test]
fn memory_grows_a_few_times_whatever_the_size_and_then_no_more() {
    for size in SIZES {
        for uuids in [false, true] {
            let kernel = Kernel::with_devices(size, uuids);
            assert_allocates("list", size, 7, kernel, |dm| read_list(dm, uuids));
        }
        let texts = tables::texts(tables::BELOW, size);
        assert_allocates("table", size, 3, Kernel::with_lines(&texts), read_table);

        assert_allocates("typed load", size, 4, Kernel::with_device(), |dm| {
            dm.table_load("root", tables::typed(tables::BELOW, size)).unwrap();
        });
        assert_allocates("load of text", size, 4, Kernel::with_device(), |dm| {
            dm.table_load("root", tables::from_texts(&texts)).unwrap();
        });
        assert_allocates("load with keys", size, 4, Kernel::with_device(), |dm| {
            dm.table_load_with("root", tables::from_texts(&texts), LoadOptions::new().secure(true)).unwrap();
        });
        let kernel = Kernel::with_deps(u32::try_from(size).unwrap());
        assert_allocates("dependencies", size, 6, kernel, read_deps);
    }
}

#[test]
fn replies_that_exist_at_the_same_time_allocate_nothing_either_once_there_were_as_many() {
    let dm = Dm::with_transport(Kernel::with_devices(100, true));
    let three = || [dm.list_devices().unwrap(), dm.list_devices().unwrap(), dm.list_devices().unwrap()];
    drop(three());
    assert_eq!(allocations(three), 0);
}

#[test]
fn a_copy_of_a_reply_is_one_allocation() {
    for size in SIZES {
        let dm = Dm::with_transport(Kernel::with_devices(size, true));
        let devices = dm.list_devices_with(ListOptions::new().uuids(true)).unwrap();
        assert_eq!(allocations(|| devices.clone()), 1, "a list of {size}");

        let dm = Dm::with_transport(Kernel::with_lines(&tables::texts(tables::BELOW, size)));
        let table = dm.table_status_with("root", StatusOptions::table()).unwrap();
        assert_eq!(allocations(|| table.clone()), 1, "a table of {size}");
    }
}

#[test]
fn a_first_list_of_448_kilobytes_takes_less_than_a_megabyte() {
    let dm = Dm::with_transport(Kernel::with_devices(4000, true));
    let most = peak(|| read_list(&dm, true));
    assert!((448_000..1_000_000).contains(&most), "{most} bytes at one time");
    assert!(dm.idle_memory() < 1_000_000, "{} bytes kept", dm.idle_memory());
    let later = peak(|| read_list(&dm, true));
    assert_eq!(later, 0);
}

#[test]
fn a_first_table_takes_little_more_than_its_answer() {
    let texts = tables::texts(tables::BELOW, 10_000);
    let answer: usize = texts.iter().map(|text| (40 + text.len() + 1).next_multiple_of(8)).sum();
    let dm = Dm::with_transport(Kernel::with_lines(&texts));
    let most = peak(|| read_table(&dm));
    assert!(most < answer as u64 * 3 / 2, "{most} bytes for an answer of {answer}");
}
