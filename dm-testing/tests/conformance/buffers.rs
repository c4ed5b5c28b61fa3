//! The number of calls and the buffer sizes that the library promises, with replies of kernels.

use std::time::{Duration, Instant};

use dm_core::{Command, DmName, ListOptions, StatusOptions};
use dm_testing::TestKernel;
use dm_units::Sectors;

use crate::support::{Call, Devices, LENGTH, one_sector_each, recorded, zero};

on_both_kernels! { ["zero"], interface 45;
    a_table_of_any_size_is_read,
    a_handle_serves_large_and_small_replies_in_turn,
    a_small_table_is_offered_little,
    thousands_of_devices_are_listed_in_three_calls,
}

/// The number of mapped devices that a new handle must list in three calls.
const MANY: usize = 4000;

fn a_table_of_any_size_is_read(kernel: &dyn TestKernel) {
    let lower = kernel.map("lower", [zero(Sectors(10_000))]);
    for count in [1, 3, 10, 30, 100, 1000, 10_000] {
        let (dm, calls) = recorded(kernel);
        let expected: Vec<_> = one_sector_each(lower.number(), count).iter().map(ToString::to_string).collect();
        let device = kernel.map(&count.to_string(), one_sector_each(lower.number(), count));
        // The first reply may not fit, the second one must.
        for most in [3, 1] {
            let status = dm.table_status_with(&device, StatusOptions::table()).unwrap();
            let read: Vec<_> = status.iter().map(|line| line.unwrap().to_string()).collect();
            assert_eq!(read, expected);
            let calls = calls.take();
            assert!(calls.len() <= most, "{count} lines: {calls:?}");
        }
    }
}

fn a_handle_serves_large_and_small_replies_in_turn(kernel: &dyn TestKernel) {
    let ours = ListOptions::new().name_prefix(DmName::new(kernel.prefix()).unwrap());
    let (dm, calls) = recorded(kernel);
    let small = kernel.map("small", [zero(LENGTH)]);
    let large = kernel.map("large", one_sector_each(small.number(), 64));
    for round in 0..4 {
        for (device, count) in [(&large, 64), (&small, 1)] {
            calls.take();
            let status = dm.table_status_with(device, StatusOptions::table()).unwrap();
            assert_eq!(status.iter().map(Result::unwrap).count(), count);
            let deps = dm.table_deps(device).unwrap();
            assert_eq!(deps.len(), usize::from(count == 64));
            // Only the devices of this test, since the number of others may change at any time.
            let list = dm.list_devices_with(ours).unwrap();
            assert_eq!(list.iter().filter(|entry| entry.unwrap().number == device.number()).count(), 1);
            let list = dm.list_devices_with(ours.uuids(true)).unwrap();
            assert_eq!(list.iter().map(Result::unwrap).count(), 2);
            assert!(dm.list_versions().unwrap().iter().any(|entry| entry.unwrap().target_type == "linear"));
            // One call for each of the five. The last status was that of the small table, so the status of the large
            // one may need a second call.
            let most = if count == 1 { 5 } else { 6 };
            assert!(round == 0 || calls.take().len() <= most, "round {round}, {count} lines");
        }
    }
}

fn a_small_table_is_offered_little(kernel: &dyn TestKernel) {
    let (dm, calls) = recorded(kernel);
    let device = kernel.map("device", [zero(LENGTH)]);
    dm.table_status_with(&device, StatusOptions::table()).unwrap();
    calls.take();
    dm.table_status_with(&device, StatusOptions::table()).unwrap();
    let offered = calls.take();
    assert!(matches!(offered.as_slice(), [Call { command: Command::TableStatus, offered: ..1024, .. }]), "{offered:?}");
}

fn thousands_of_devices_are_listed_in_three_calls(kernel: &dyn TestKernel) {
    let (dm, calls) = recorded(kernel);
    // An emulated processor needs half a minute for all of them, so the number is limited by the time, two seconds.
    let start = Instant::now();
    let mut made: usize = 0;
    while made < MANY && start.elapsed() < Duration::from_secs(2) {
        let name = format!("{}{made:04}", kernel.prefix());
        dm.device_create(DmName::new(&name).unwrap()).unwrap();
        made += 1;
    }
    println!("{made} devices");
    let ours = |name: &DmName| name.as_bytes().starts_with(kernel.prefix().as_bytes());
    for most in [3, 1] {
        calls.take();
        let list = dm.list_devices().unwrap();
        let names: Vec<_> = list.iter().map(|device| device.unwrap().name).filter(|name| ours(name)).collect();
        assert_eq!(names.len(), made);
        assert!(names.is_sorted(), "the kernel lists by name");
        let calls = calls.take();
        assert!(calls.len() <= most, "{calls:?}");
    }
    let (dm, calls) = recorded(kernel);
    dm.list_devices_with(ListOptions::new().uuids(true)).unwrap();
    assert!(calls.take().len() <= 3);
}
