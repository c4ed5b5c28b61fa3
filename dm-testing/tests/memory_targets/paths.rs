//! `multipath`: the choice of paths, messages, and I/O without a path.

use std::thread;

use dm_testing::MemoryKernel;
use dm_testing::memory::MemoryDisk;
use dm_units::Sectors;

use crate::support::{EBUSY, EINVAL, EIO, Mapped, disks, fail};

/// Two groups, the first with two paths. The paths lead to different disks, which shows the one that was used.
fn multipath(memory: &MemoryKernel, features: &str) -> (Mapped, [MemoryDisk; 3]) {
    let disks = disks(memory, [64; 3]);
    let [a, b, c] = [0, 1, 2].map(|place| disks[place].number());
    let groups = format!("round-robin 0 2 0 {a} {b} queue-length 0 1 1 {c} 1");
    (Mapped::new(memory, 64, "multipath", &format!("{features} 0 2 1 {groups}")), disks)
}

/// The state of each group, and the state and failures of each path.
fn states(multipath: &Mapped) -> String {
    let [one, a, a_count, b, b_count, two, c, c_count] = multipath.words([6, 11, 12, 14, 15, 16, 21, 22]);
    format!("{one} {a}{a_count} {b}{b_count} {two} {c}{c_count}")
}

#[test]
fn the_first_path_that_works_is_used() {
    let (multipath, disks) = multipath(&MemoryKernel::new(), "0");
    assert_eq!(states(&multipath), "E A0 A0 E A0");
    disks[0].write(Sectors(0), &[1; 512]).unwrap();
    disks[1].write(Sectors(0), &[2; 512]).unwrap();
    disks[2].write(Sectors(0), &[3; 512]).unwrap();
    assert_eq!(multipath.read(0, 1), Ok(1));
    assert_eq!(states(&multipath), "A A0 A0 E A0");
    let before = multipath.event_nr();
    fail(&disks[0]);
    assert_eq!(multipath.read(0, 1), Ok(2));
    assert_eq!(states(&multipath), "A F1 A0 E A0");
    assert_eq!(multipath.event_nr(), before + 1);
    fail(&disks[1]);
    assert_eq!(multipath.read(0, 1), Ok(3));
    assert_eq!(states(&multipath), "E F1 F1 A A0");
    assert_eq!(multipath.words([5]), ["2"]);
    assert!(multipath.table().contains(" 2 2 round-robin "));
    fail(&disks[2]);
    assert_eq!(multipath.read(0, 1).unwrap_err().errno(), EIO);
    assert_eq!(states(&multipath), "E F1 F1 E F1");
}

#[test]
fn paths_are_failed_and_reinstated_by_messages() {
    let (multipath, disks) = multipath(&MemoryKernel::new(), "0");
    let (a, b) = (disks[0].number(), disks[1].path());
    let before = multipath.event_nr();
    multipath.send(&[&format!("fail_path {a}"), &format!("fail_path {}", b.display())]);
    assert_eq!(states(&multipath), "E F1 F1 E A0");
    assert_eq!(multipath.event_nr(), before + 2);
    // A failed path cannot fail again.
    multipath.send(&[&format!("fail_path {a}"), &format!("reinstate_path {a}"), &format!("reinstate_path {a}")]);
    assert_eq!(states(&multipath), "E A1 F1 E A0");
    assert_eq!(multipath.event_nr(), before + 3);
    multipath.refuses(EINVAL, &["fail_path 4001:9", "fail_path", "fail 1", "reinstate_path 1 2"]);
    assert_eq!(multipath.message("fail_path /dev/none"), Err(Some(2)));
}

#[test]
fn groups_are_disabled_enabled_and_switched_by_messages() {
    let (multipath, disks) = multipath(&MemoryKernel::new(), "0");
    disks[2].write(Sectors(0), &[3; 512]).unwrap();
    multipath.send(&["switch_group 2"]);
    assert_eq!(multipath.words([5]), ["2"]);
    assert_eq!(multipath.read(0, 1), Ok(3));
    assert_eq!(states(&multipath), "E A0 A0 A A0");
    multipath.send(&["disable_group 2"]);
    assert_eq!(states(&multipath), "E A0 A0 D A0");
    assert_eq!(multipath.read(0, 1), Ok(0));
    // A disabled group is used if there is no other.
    fail(&disks[0]);
    fail(&disks[1]);
    assert_eq!(multipath.read(0, 1), Ok(3));
    multipath.send(&["enable_group 2"]);
    assert_eq!(states(&multipath), "E F1 F1 E A0");
    multipath.refuses(EINVAL, &["switch_group 0", "switch_group 3", "disable_group x", "enable_group 3"]);
}

#[test]
fn without_a_path_io_waits_if_queueing_is_on() {
    let memory = MemoryKernel::new();
    let (multipath, disks) = multipath(&memory, "1 queue_if_no_path");
    let fail_all = || disks.iter().for_each(|disk| multipath.send(&[&format!("fail_path {}", disk.number())]));
    fail_all();
    assert!(multipath.write(0, 1, 7).unwrap_err().would_wait());
    let number = multipath.number;
    thread::scope(|scope| {
        let writer = scope.spawn(|| memory.write_waiting(number, Sectors(0), &[7; 512]));
        multipath.send(&[&format!("reinstate_path {}", disks[1].number())]);
        writer.join().unwrap().unwrap();
    });
    assert_eq!(multipath.read(0, 1), Ok(7));

    fail_all();
    multipath.send(&["fail_if_no_path"]);
    assert_eq!(multipath.write(0, 1, 7).unwrap_err().errno(), EIO);
    assert!(multipath.table().starts_with("0 0 2 "), "{}", multipath.table());
    multipath.send(&["queue_if_no_path"]);
    assert!(multipath.table().starts_with("1 queue_if_no_path 0 2 "), "{}", multipath.table());
}

#[test]
fn a_suspended_multipath_takes_no_message_and_does_not_wait() {
    let (multipath, _) = multipath(&MemoryKernel::new(), "1 queue_if_no_path");
    multipath.suspend();
    multipath.refuses(EBUSY, &["switch_group 2", "queue_if_no_path", "anything"]);
    assert!(multipath.table().starts_with("0 0 2 "));
    multipath.resume();
    assert!(multipath.table().starts_with("1 queue_if_no_path 0 2 "));
}
