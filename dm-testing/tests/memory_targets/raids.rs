//! `raid`: resync, failed legs, superblocks, checks and repairs.

use std::time::Duration;

use dm_core::{StatusOptions, TargetLine};
use dm_targets::devices::RaidDev;
use dm_targets::raid::{RaidDevice, RaidTable, RaidType};
use dm_targets::{Raid, Table, TableLine};
use dm_testing::MemoryKernel;
use dm_testing::memory::MemoryDisk;
use dm_units::{Bytes, Sectors};

use crate::support::{EBUSY, EINVAL, EIO, EOPNOTSUPP, Mapped, byte, disks, fail};

const LENGTH: u64 = 1024;

/// Metadata and data disks of two legs.
struct Raid1 {
    raid: Mapped,
    metadata: [MemoryDisk; 2],
    data: [MemoryDisk; 2],
}

fn table(metadata: &[MemoryDisk; 2], data: &[MemoryDisk; 2], sync: &str) -> String {
    let devices = [0, 1].map(|leg| format!("{} {}", metadata[leg].number(), data[leg].number()));
    let count = 1 + sync.split_ascii_whitespace().count();
    format!("raid1 {count} 0{sync} 2 {}", devices.join(" "))
}

fn raid1(memory: &MemoryKernel, sync: &str) -> Raid1 {
    let (metadata, data) = (disks(memory, [64, 64]), disks(memory, [512, 512]));
    let raid = Mapped::new(memory, LENGTH, "raid", &table(&metadata, &data, sync));
    Raid1 { raid, metadata, data }
}

/// The health of legs, the sync ratio and the action.
fn state(raid: &Mapped) -> String {
    raid.words([2, 3, 4]).join(" ")
}

#[test]
fn a_new_array_is_brought_in_sync_by_steps() {
    let memory = MemoryKernel::new();
    let (metadata, data) = (disks(&memory, [64, 64]), disks(&memory, [512, 512]));
    data[0].write(Sectors(1000), &[7; 512]).unwrap();
    let raid = Mapped::new(&memory, LENGTH, "raid", &table(&metadata, &data, ""));
    let before = raid.event_nr();
    let states: Vec<String> = (0..5).map(|_| state(&raid)).collect();
    let wanted =
        ["aa 0/1024 resync", "aa 256/1024 resync", "aa 512/1024 resync", "aa 768/1024 resync", "AA 1024/1024 idle"];
    assert_eq!(states, wanted);
    assert_eq!((byte(&data[1], 1000), raid.event_nr()), (7, before + 1));
    assert_eq!(raid.status(), "raid1 2 AA 1024/1024 idle 0 0 -");
}

#[test]
fn data_are_on_all_legs() {
    let Raid1 { raid, data, .. } = raid1(&MemoryKernel::new(), " nosync");
    raid.write(10, 2, 7).unwrap();
    assert_eq!((byte(&data[0], 11), byte(&data[1], 11)), (7, 7));
    assert_eq!(raid.read(10, 2), Ok(7));
}

#[test]
fn a_leg_that_fails_is_lost_and_the_last_one_is_kept() {
    let Raid1 { raid, data, .. } = raid1(&MemoryKernel::new(), " nosync");
    let before = raid.event_nr();
    fail(&data[0]);
    raid.write(0, 1, 7).unwrap();
    assert_eq!((state(&raid), raid.event_nr()), ("DA 1024/1024 idle".to_owned(), before + 1));
    assert_eq!((byte(&data[1], 0), raid.read(0, 1)), (7, Ok(7)));
    fail(&data[1]);
    assert_eq!(raid.write(0, 1, 8).unwrap_err().errno(), EIO);
    assert_eq!(state(&raid), "DA 1024/1024 idle");
}

#[test]
fn sectors_that_one_leg_cannot_read_are_read_from_the_other_and_rewritten() {
    let Raid1 { raid, data, .. } = raid1(&MemoryKernel::new(), " nosync");
    raid.write(0, 1, 7).unwrap();
    fail(&data[0]);
    assert_eq!(raid.read(0, 1), Ok(7));
    assert_eq!(state(&raid), "DA 1024/1024 idle");
}

#[test]
fn a_leg_that_is_back_is_rebuilt_after_a_resume() {
    let Raid1 { raid, data, .. } = raid1(&MemoryKernel::new(), " nosync");
    fail(&data[1]);
    raid.write(0, 1, 7).unwrap();
    data[1].heal();
    raid.suspend();
    assert_eq!(raid.words([4]), ["frozen"]);
    raid.resume();
    let states: Vec<String> = (0..5).map(|_| state(&raid)).collect();
    assert_eq!(states[0], "Aa 0/1024 recover");
    assert_eq!(states[4], "AA 1024/1024 idle");
    assert_eq!(byte(&data[1], 0), 7);
}

#[test]
fn superblocks_record_how_far_the_legs_are_in_sync() {
    let memory = MemoryKernel::new();
    let Raid1 { raid, metadata, data } = raid1(&memory, "");
    (0..2).for_each(|_| drop(raid.status()));
    let params = raid.table();
    raid.dm.device_remove(raid.number).unwrap();
    let raid = Mapped::new(&memory, LENGTH, "raid", &params);
    assert_eq!(state(&raid), "aa 512/1024 resync");
    (0..3).for_each(|_| drop(raid.status()));
    raid.dm.device_remove(raid.number).unwrap();
    let until_idle = |params: &str| {
        let raid = Mapped::new(&memory, LENGTH, "raid", params);
        let first = state(&raid);
        (0..4).for_each(|_| drop(raid.status()));
        assert_eq!(state(&raid), "AA 1024/1024 idle");
        raid.dm.device_remove(raid.number).unwrap();
        first
    };
    assert_eq!(until_idle(&params), "AA 1024/1024 idle");
    // A leg with an empty superblock is new.
    metadata[1].write(Sectors(0), &[0; 512]).unwrap();
    assert_eq!(until_idle(&params), "Aa 0/1024 recover");
    // A leg that the table rebuilds is treated like a new one.
    assert_eq!(until_idle(&table(&metadata, &data, " rebuild 0")), "aA 0/1024 recover");
}

#[test]
fn an_array_without_a_leg_is_refused() {
    let memory = MemoryKernel::new();
    let (metadata, data) = (disks(&memory, [64, 64]), disks(&memory, [512, 512]));
    metadata.iter().for_each(fail);
    let (errno, line) = Mapped::try_new(&memory, LENGTH, "raid", &table(&metadata, &data, "")).err().unwrap();
    assert_eq!(errno, EINVAL);
    assert!(line.contains("Insufficient redundancy to activate array"), "{line}");
    metadata[1].heal();
    assert_eq!(state(&Mapped::new(&memory, LENGTH, "raid", &table(&metadata, &data, " nosync"))), "DA 1024/1024 idle");
}

#[test]
fn a_check_counts_different_sectors_and_a_repair_makes_them_equal() {
    let Raid1 { raid, data, .. } = raid1(&MemoryKernel::new(), " nosync");
    raid.write(0, 1, 7).unwrap();
    data[1].write(Sectors(300), &[9; 512]).unwrap();
    let run = |message: &str| {
        raid.send(&[message]);
        assert_eq!(raid.words([2, 4]), ["AA", message]);
        raid.refuses(EBUSY, &["check", "unknown"]);
        (0..4).for_each(|_| drop(raid.status()));
        raid.words([4, 5]).join(" ")
    };
    assert_eq!(run("check"), "idle 128");
    assert_eq!(run("repair"), "idle 0");
    assert_eq!(byte(&data[1], 300), 0);
    assert_eq!(run("check"), "idle 0");
    raid.send(&["resync", "recover"]);
    assert_eq!(state(&raid), "AA 1024/1024 idle");
    raid.refuses(EINVAL, &["unknown"]);
}

#[test]
fn idle_and_frozen_interrupt_and_are_refused() {
    for message in ["idle", "frozen"] {
        let Raid1 { raid, .. } = raid1(&MemoryKernel::new(), "");
        raid.status();
        raid.refuses(EINVAL, &[message]);
        assert_eq!(state(&raid), "AA 256/1024 idle");
        raid.send(&["resync"]);
        assert_eq!(state(&raid), "aa 256/1024 resync");
        raid.suspend();
        raid.refuses(EBUSY, &[message, "check"]);
    }
}

#[test]
fn arrays_of_other_levels_have_states_but_no_data() {
    let memory = MemoryKernel::new();
    let [a, b, c, d] = disks(&memory, [64, 1024, 1024, 1024]);
    let legs = format!("3 - {} - {} - {}", b.number(), c.number(), d.number());
    let raid = Mapped::new(&memory, 2048, "raid", &format!("raid5_ls 1 128 {legs}"));
    assert_eq!(raid.status(), "raid5_ls 3 AAA 1024/1024 idle 0 0 -");
    assert_eq!(raid.read(0, 1).unwrap_err().errno(), EOPNOTSUPP);
    fail(&c);
    raid.status();
    assert_eq!(state(&raid), "ADA 1024/1024 idle");

    let missing = format!("raid5_ls 1 128 3 - {} - - - -", b.number());
    assert_eq!(Mapped::try_new(&memory, 2048, "raid", &missing).err().unwrap().0, EINVAL);

    let raid0 = Mapped::new(&memory, 3072, "raid", &format!("raid0 1 128 {legs}"));
    assert_eq!(state(&raid0), "AAA 1024/1024 idle");
    raid0.refuses(EINVAL, &["check", "idle"]);
    assert_eq!(Mapped::try_new(&memory, 1536, "raid", &format!("raid10 1 128 {legs}")).err().unwrap().0, EINVAL);
    let missing = Mapped::new(&memory, 1024, "raid", &format!("raid1 2 0 nosync 2 - - {} {}", a.number(), b.number()));
    assert_eq!(missing.words([2]), ["-A"]);
}

#[test]
fn the_params_of_raid1_are_printed_as_the_kernel_keeps_them() {
    let memory = MemoryKernel::new();
    let [a, b] = disks(&memory, [1024, 1024]).map(|disk| disk.number());
    let params = |chunk: u32, behind: u32| {
        format!("raid1 6 {chunk} nosync write_mostly 1 max_write_behind {behind} 2 - {a} - {b}")
    };
    let raid = Mapped::new(&memory, LENGTH, "raid", &params(128, 256));
    assert_eq!(raid.table(), params(0, 128));
}

#[test]
fn an_array_without_metadata_devices_holds_writes_after_a_leg_has_failed() {
    let memory = MemoryKernel::new();
    let [a, b] = disks(&memory, [1024, 1024]);
    let raid = Mapped::new(&memory, 1024, "raid", &format!("raid1 1 0 2 - {} - {}", a.number(), b.number()));
    raid.write(0, 1, 7).unwrap();
    fail(&b);
    assert!(raid.write(0, 1, 8).unwrap_err().would_wait());
    assert_eq!((state(&raid), raid.read(0, 1)), ("AD 1024/1024 idle".to_owned(), Ok(8)));
    b.heal();
    raid.suspend();
    assert_eq!(state(&raid), "AD 0/1024 frozen");
    raid.resume();
    assert!(raid.write(0, 1, 9).unwrap_err().would_wait());
}

#[test]
fn a_check_rewrites_sectors_that_cannot_be_read() {
    let Raid1 { raid, data, .. } = raid1(&MemoryKernel::new(), " nosync");
    fail(&data[0]);
    raid.send(&["check"]);
    (0..4).for_each(|_| drop(raid.status()));
    assert_eq!(state(&raid), "DA 1024/1024 idle");
}

/// An array of three legs without metadata devices, and its disks.
fn without_metadata(memory: &MemoryKernel, rebuild: u32) -> (RaidDev, [MemoryDisk; 3]) {
    let legs = disks(memory, [512, 512, 512]);
    legs.iter().for_each(|leg| leg.write(Sectors(1000), &[7; 512]).unwrap());
    let table = RaidTable::new(RaidType::Raid1, Sectors(0), legs.each_ref().map(leg)).rebuild(rebuild);
    let table = Table::new([TableLine::new(Sectors(0), Sectors(LENGTH), table)]).unwrap();
    (RaidDev::create(&memory.host(), "array", &table).unwrap(), legs)
}

fn leg(disk: &MemoryDisk) -> RaidDevice {
    RaidDevice::without_metadata(disk.number())
}

fn rebuilt(array: &RaidDev, memory: &MemoryKernel) -> Vec<u32> {
    array.table(&memory.host()).unwrap().lines()[0].params.params.rebuild.iter().copied().collect()
}

#[test]
fn a_leg_without_metadata_that_is_still_rebuilt_is_not_used_when_another_one_is_replaced() {
    let memory = MemoryKernel::new();
    let (array, legs) = without_metadata(&memory, 0);
    // The old content of the leg that is being rebuilt.
    legs[0].write(Sectors(1000), &[9; 512]).unwrap();
    let spare = memory.disk(Bytes(512 << 10));
    let host = memory.host();
    let work = array.replace_leg(&host, 2, leg(&spare), Duration::ZERO).unwrap();
    let mut sector = [0; 512];
    memory.read("array", Sectors(1000), &mut sector).unwrap();
    assert_eq!((sector[0], rebuilt(&array, &memory)), (7, vec![0, 2]));
    assert!(work.collect::<Result<Vec<_>, _>>().is_ok());
    assert_eq!((byte(&legs[0], 1000), byte(&spare, 1000)), (7, 7));

    // A rebuild that has finished is not repeated.
    let work = array.replace_leg(&host, 1, leg(&legs[2]), Duration::ZERO).unwrap();
    assert!(work.collect::<Result<Vec<_>, _>>().is_ok());
    assert_eq!(rebuilt(&array, &memory), [1]);
}

#[test]
fn a_reshape_is_not_requested_again() {
    let memory = MemoryKernel::new();
    let host = memory.host();
    let leg = |_| {
        let [metadata, data] = disks(&memory, [64, 512]);
        RaidDevice::new(metadata.number(), data.number())
    };
    let table = RaidTable::new(RaidType::Raid5Ls, Sectors(64), (0..4).map(leg));
    let line = |table: &RaidTable| TableLine::<Raid>::new(Sectors(0), Sectors(3 * 512), table.clone());
    for (requested, printed) in [(1, 1), (-1, 0)] {
        let growing = line(&table.clone().nosync().delta_disks(requested));
        host.create("array", [TargetLine::from(&growing)]).unwrap();
        let request = || {
            let table = memory.dm().table_status_with("array", StatusOptions::table()).unwrap();
            TableLine::<Raid>::try_from(table.iter().next().unwrap().unwrap()).unwrap().params.params.delta_disks
        };
        assert_eq!(request(), Some(printed));
        let array = RaidDev::setup(&host, "array", &Table::new([line(&table)]).unwrap()).unwrap();
        array.change(&host, |_| ()).unwrap();
        assert_eq!(request(), None);
        host.reload("array", [TargetLine::from(&growing)]).unwrap();
        let _ = array.replace_leg(&host, 1, leg(0), Duration::ZERO).unwrap();
        assert_eq!(request(), None);
        array.remove(&host).unwrap();
    }
}
