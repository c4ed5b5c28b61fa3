//! How often the kernel is called and how much it is offered: what the library promises about the memory for replies, with
//! real ones.

use std::time::{Duration, Instant};

use dm_core::{Command, DmName, ListOptions, StatusOptions};
use dm_testing::{Scratch, require};
use dm_units::Sectors;

use crate::support::{Call, LENGTH, one_sector_each, recorded, zero};

/// How many mapped devices a fresh handle must list in three calls.
const MANY: usize = 4000;

#[test]
#[ignore = "needs root and device mapper: cargo xtask test-root"]
fn a_table_of_any_size_is_read() {
    let Some(scratch) = Scratch::new(&[require::target("zero")]) else { return };
    let lower = scratch.map("lower", [zero(Sectors(10_000))]).unwrap();
    for count in [1, 3, 10, 30, 100, 1000, 10_000] {
        let (dm, calls) = recorded();
        let expected: Vec<_> = one_sector_each(lower.number(), count).iter().map(ToString::to_string).collect();
        let device = scratch.map(count.to_string(), one_sector_each(lower.number(), count)).unwrap();
        // The first answer may not fit, the second does.
        for most in [3, 1] {
            let status = dm.table_status_with(&device, StatusOptions::table()).unwrap();
            let read: Vec<_> = status.iter().map(|line| line.unwrap().to_string()).collect();
            assert_eq!(read, expected);
            let calls = calls.take();
            assert!(calls.len() <= most, "{count} lines: {calls:?}");
        }
    }
}

#[test]
#[ignore = "needs root and device mapper: cargo xtask test-root"]
fn a_handle_serves_large_and_small_replies_in_turn() {
    let Some(scratch) = Scratch::new(&[require::target("zero"), require::interface(45)]) else { return };
    let ours = ListOptions::new().name_prefix(DmName::new(scratch.prefix()).unwrap());
    let (dm, calls) = recorded();
    let small = scratch.map("small", [zero(LENGTH)]).unwrap();
    let large = scratch.map("large", one_sector_each(small.number(), 64)).unwrap();
    for round in 0..4 {
        for (device, count) in [(&large, 64), (&small, 1)] {
            calls.take();
            let status = dm.table_status_with(device, StatusOptions::table()).unwrap();
            assert_eq!(status.iter().map(Result::unwrap).count(), count);
            let deps = dm.table_deps(device).unwrap();
            assert_eq!(deps.len(), usize::from(count == 64));
            // Of this test's devices: how many there are of others may change at any time.
            let list = dm.list_devices_with(ours).unwrap();
            assert_eq!(list.iter().filter(|entry| entry.unwrap().number == device.number()).count(), 1);
            let list = dm.list_devices_with(ours.uuids(true)).unwrap();
            assert_eq!(list.iter().map(Result::unwrap).count(), 2);
            assert!(dm.list_versions().unwrap().iter().any(|entry| entry.unwrap().target_type == "linear"));
            let sent = dm.target_msg(device, "@stats_list");
            assert!(sent.unwrap().text().unwrap().is_empty());
            // One call for each of the six; the status of the large table has just been that of the small one, and may
            // need a second.
            let most = if count == 1 { 6 } else { 7 };
            assert!(round == 0 || calls.take().len() <= most, "round {round}, {count} lines");
        }
    }
}

#[test]
#[ignore = "needs root and device mapper: cargo xtask test-root"]
fn a_small_table_is_offered_little() {
    let Some(scratch) = Scratch::new(&[require::target("zero")]) else { return };
    let (dm, calls) = recorded();
    let device = scratch.map("device", [zero(LENGTH)]).unwrap();
    dm.table_status_with(&device, StatusOptions::table()).unwrap();
    calls.take();
    dm.table_status_with(&device, StatusOptions::table()).unwrap();
    let offered = calls.take();
    assert!(matches!(offered.as_slice(), [Call { command: Command::TableStatus, offered: ..1024, .. }]), "{offered:?}");
}

#[test]
#[ignore = "needs root and device mapper: cargo xtask test-root"]
fn thousands_of_devices_are_listed_in_three_calls() {
    let Some(scratch) = Scratch::new(&[]) else { return };
    let (dm, calls) = recorded();
    // An emulated processor takes half a minute for all of them: there it is as many as can be made in two seconds.
    let start = Instant::now();
    let mut made: usize = 0;
    while made < MANY && start.elapsed() < Duration::from_secs(2) {
        let name = format!("{}{made:04}", scratch.prefix());
        dm.device_create(DmName::new(&name).unwrap()).unwrap();
        made += 1;
    }
    println!("{made} devices");
    let ours = |name: &DmName| name.as_bytes().starts_with(scratch.prefix().as_bytes());
    for most in [3, 1] {
        calls.take();
        let list = dm.list_devices().unwrap();
        let names: Vec<_> = list.iter().map(|device| device.unwrap().name).filter(|name| ours(name)).collect();
        assert_eq!(names.len(), made);
        assert!(names.is_sorted(), "the kernel lists by name");
        let calls = calls.take();
        assert!(calls.len() <= most, "{calls:?}");
    }
    let (dm, calls) = recorded();
    dm.list_devices_with(ListOptions::new().uuids(true)).unwrap();
    assert!(calls.take().len() <= 3);
}
