//! `mirror`: copies, failed legs, and failed logs.

use dm_targets::devices::MirrorDev;
use dm_targets::mirror::{MirrorLeg, MirrorLog, MirrorTable};
use dm_targets::{Mirror, Table, TableLine};
use dm_testing::MemoryKernel;
use dm_testing::memory::MemoryDisk;
use dm_units::Sectors;

use crate::support::{EINVAL, EIO, EOPNOTSUPP, Mapped, byte, disks, fail};

/// A mirror with a log, two legs of 64 sectors, and features.
fn mirror(memory: &MemoryKernel, log: &str, features: &str) -> (Mapped, [MemoryDisk; 2]) {
    let legs = disks(memory, [64, 64]);
    let table = format!("{log} 2 {} 0 {} 0{features}", legs[0].number(), legs[1].number());
    (Mapped::new(memory, 64, "mirror", &table), legs)
}

fn letters(mirror: &Mapped) -> String {
    let [letters] = mirror.words([5]);
    letters
}

#[test]
fn a_new_mirror_is_copied_by_steps() {
    let memory = MemoryKernel::new();
    let legs = disks(&memory, [64, 64]);
    legs[0].write(Sectors(40), &[7; 512]).unwrap();
    let table = format!("core 1 8 2 {} 0 {} 0", legs[0].number(), legs[1].number());
    let mirror = Mapped::new(&memory, 64, "mirror", &table);
    let before = mirror.event_nr();
    let ratios: Vec<String> = (0..5).map(|_| mirror.words([3]).concat()).collect();
    assert_eq!(ratios, ["0/8", "2/8", "4/8", "6/8", "8/8"]);
    assert_eq!(byte(&legs[1], 40), 7);
    assert_eq!(mirror.event_nr(), before + 1);
    assert!(mirror.status().ends_with(" 8/8 1 AA 1 core"));
    mirror.refuses(EINVAL, &["anything"]);
}

#[test]
fn background_work_wakes_a_program_that_waits_for_an_event() {
    let memory = MemoryKernel::new();
    let (mirror, _) = mirror(&memory, "core 1 8", "");
    let before = mirror.event_nr();
    std::thread::scope(|scope| {
        let waiter = scope.spawn(|| mirror.memory.dm().device_wait(mirror.number, before).unwrap().info().event_nr());
        (0..4).for_each(|_| memory.work());
        assert_eq!(waiter.join().unwrap(), before + 1);
    });
}

#[test]
fn writes_reach_both_legs_only_where_they_are_in_sync() {
    let (mirror, legs) = mirror(&MemoryKernel::new(), "core 1 8", "");
    mirror.write(0, 1, 7).unwrap();
    assert_eq!((byte(&legs[0], 0), byte(&legs[1], 0)), (7, 0));
    mirror.status();
    assert_eq!(byte(&legs[1], 0), 7);
    mirror.write(0, 1, 8).unwrap();
    assert_eq!((byte(&legs[0], 0), byte(&legs[1], 0)), (8, 8));
}

#[test]
fn a_leg_that_is_not_read_is_replaced_by_the_other() {
    let (mirror, legs) = mirror(&MemoryKernel::new(), "core 2 8 nosync", " 1 handle_errors");
    mirror.status();
    mirror.write(0, 1, 7).unwrap();
    let before = mirror.event_nr();
    fail(&legs[0]);
    assert_eq!(mirror.read(0, 1), Ok(7));
    assert_eq!((letters(&mirror), mirror.event_nr()), ("RA".to_owned(), before + 1));
    fail(&legs[1]);
    assert_eq!(mirror.read(0, 1).unwrap_err().errno(), EIO);
    assert_eq!(letters(&mirror), "RR");
}

#[test]
fn a_leg_that_is_not_written_is_lost() {
    let memory = MemoryKernel::new();
    for (features, waits) in [("", false), (" 1 handle_errors", true), (" 2 handle_errors keep_log", false)] {
        let (mirror, legs) = mirror(&memory, "core 2 8 nosync", features);
        mirror.status();
        fail(&legs[1]);
        let written = mirror.write(0, 1, 7);
        assert_eq!(written.as_ref().is_err_and(|error| error.would_wait()), waits, "{features}: {written:?}");
        assert_eq!(waits, written.is_err());
        assert_eq!(letters(&mirror), "AD");
        assert_eq!((byte(&legs[0], 0), mirror.read(0, 1)), (7, Ok(7)));
        assert_eq!(mirror.words([3]), ["7/8"], "{features}");
        // Without a leg, no I/O waits.
        fail(&legs[0]);
        assert_eq!(mirror.write(8, 1, 7).unwrap_err().errno(), EIO);
    }
}

#[test]
fn a_leg_that_cannot_be_copied_to_is_tried_again_after_a_resume() {
    let (mirror, legs) = mirror(&MemoryKernel::new(), "core 1 8", " 1 handle_errors");
    fail(&legs[1]);
    (0..5).for_each(|_| drop(mirror.status()));
    assert_eq!((mirror.words([3]), letters(&mirror)), (["0/8".to_owned()], "AS".to_owned()));
    legs[1].heal();
    mirror.suspend();
    mirror.resume();
    (0..5).for_each(|_| drop(mirror.status()));
    assert_eq!((mirror.words([3]), letters(&mirror)), (["8/8".to_owned()], "AA".to_owned()));
}

#[test]
fn a_log_on_a_disk_is_found_again() {
    let memory = MemoryKernel::new();
    let [log] = disks(&memory, [64]);
    let log_words = format!("disk 2 {} 8", log.number());
    let (mirror, legs) = mirror(&memory, &log_words, "");
    (0..2).for_each(|_| drop(mirror.status()));
    let table = mirror.table();
    mirror.dm.device_remove(mirror.number).unwrap();
    let again = Mapped::new(&memory, 64, "mirror", &table);
    assert!(again.status().ends_with(&format!(" 4/8 1 AA 3 disk {} A", log.number())));
    again.dm.device_remove(again.number).unwrap();
    // The table can override it.
    let nosync = table.replace("disk 2", "disk 3").replace(" 8 2 ", " 8 nosync 2 ");
    assert_eq!(Mapped::new(&memory, 64, "mirror", &nosync).words([3]), ["8/8"]);
    drop(legs);
}

#[test]
fn a_change_of_a_mirror_does_not_take_a_lost_region_for_one_in_sync() {
    let memory = MemoryKernel::new();
    let host = memory.host();
    let ([log], legs) = (disks(&memory, [64]), disks(&memory, [64, 64]));
    let log = MirrorLog::disk(log.number(), Sectors(8)).nosync();
    let table = MirrorTable::new(log, legs.each_ref().map(|leg| MirrorLeg::new(leg.number(), Sectors(0))));
    let line = TableLine::<Mirror>::new(Sectors(0), Sectors(64), table.handle_errors().keep_log());
    let table = Table::new([line]).unwrap();
    let mirror = MirrorDev::create(&host, "home", &table).unwrap();
    fail(&legs[1]);
    memory.write("home", Sectors(0), &[7; 512]).unwrap();
    assert_eq!(mirror.status(&host).unwrap().in_sync, 7);

    mirror.change(&host, |_| ()).unwrap();
    assert_eq!(mirror.status(&host).unwrap().in_sync, 7);
    // The mirror is still the requested one.
    MirrorDev::setup(&host, "home", &table).unwrap();
}

#[test]
fn a_log_that_fails_is_an_event_and_holds_writes_if_errors_are_handled() {
    let memory = MemoryKernel::new();
    for (features, waits) in [("", false), (" 1 handle_errors", true)] {
        let [log] = disks(&memory, [64]);
        let (mirror, _) = mirror(&memory, &format!("disk 3 {} 8 nosync", log.number()), features);
        mirror.status();
        let before = mirror.event_nr();
        fail(&log);
        let written = mirror.write(0, 1, 7);
        assert_eq!(written.is_err_and(|error| error.would_wait()), waits);
        assert_eq!(mirror.event_nr(), before + 1);
        assert!(mirror.status().ends_with(" D"), "{}", mirror.status());
    }
}

#[test]
fn there_is_no_log_server() {
    let memory = MemoryKernel::new();
    let legs = disks(&memory, [64, 64]);
    let table = format!("userspace 3 id clustered-core 8 2 {} 0 {} 0", legs[0].number(), legs[1].number());
    assert_eq!(Mapped::try_new(&memory, 64, "mirror", &table).err().unwrap().0, EINVAL);
}

#[test]
fn a_read_that_a_leg_does_not_support_is_not_an_error_of_the_leg() {
    let memory = MemoryKernel::new();
    let [one, two, three, leg] = disks(&memory, [64, 64, 64, 64]);
    // Arrays of this level have no I/O here.
    let data = [one, two, three].map(|disk| format!("- {}", disk.number())).join(" ");
    let array = Mapped::new(&memory, 256, "raid", &format!("raid5_ls 1 64 3 {data}"));
    let table = format!("core 2 8 nosync 2 {} 0 {} 0 1 handle_errors", array.number, leg.number());
    let mirror = Mapped::new(&memory, 64, "mirror", &table);
    assert_eq!(mirror.read(0, 1).unwrap_err().errno(), EOPNOTSUPP);
    assert_eq!(letters(&mirror), "AA");
}
