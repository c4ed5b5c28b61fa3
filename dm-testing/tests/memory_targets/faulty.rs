//! Targets for tests and tracing: `dust`, `log-writes`, `era`.

use dm_testing::MemoryKernel;
use dm_testing::memory::MemoryDisk;
use dm_units::Sectors;

use crate::support::{Discarding, EINVAL, EIO, EOPNOTSUPP, Mapped, byte, disks, fail};

fn dust(memory: &MemoryKernel) -> Mapped {
    let [disk] = disks(memory, [64]);
    Mapped::new(memory, 64, "dust", &format!("{} 8 1024", disk.number()))
}

#[test]
fn bad_blocks_of_dust_fail_once_it_is_enabled() {
    let dust = dust(&MemoryKernel::new());
    dust.write(0, 8, 7).unwrap();
    // Blocks are counted from the start of the disk: the fifth one starts after the first two sectors of the device.
    dust.send(&["addbadblock 5"]);
    assert_eq!(dust.read(0, 8), Ok(7));
    assert!(dust.status().ends_with(" bypass verbose"));
    dust.send(&["enable"]);
    assert!(dust.status().ends_with(" fail_read_on_bad_block verbose"));
    assert_eq!(dust.read(0, 2), Ok(7));
    assert_eq!(dust.read(2, 1).unwrap_err().errno(), EIO);
    assert_eq!(dust.read(0, 8).unwrap_err().errno(), EIO);
    dust.send(&["disable"]);
    assert_eq!(dust.read(2, 1), Ok(7));
}

#[test]
fn a_bad_block_is_good_after_a_write_that_does_not_fail() {
    let dust = dust(&MemoryKernel::new());
    dust.send(&["enable", "addbadblock 4 2", "addbadblock 5"]);
    assert_eq!(dust.write(0, 2, 7).unwrap_err().errno(), EIO);
    assert_eq!(dust.write(0, 2, 7).unwrap_err().errno(), EIO);
    dust.write(0, 4, 7).unwrap();
    assert_eq!(dust.read(0, 4), Ok(7));
    assert_eq!(dust.message("countbadblocks"), Ok(Some("countbadblocks: 0 badblock(s) found".to_owned())));
}

#[test]
fn dust_reports_its_bad_blocks() {
    let dust = dust(&MemoryKernel::new());
    let answer = |text: &str| dust.message(text).unwrap().unwrap();
    assert_eq!(answer("listbadblocks"), "No blocks in badblocklist");
    assert_eq!(answer("clearbadblocks"), "dust_clear_badblocks: no badblocks found");
    // As in the kernel, the number after the last block is accepted.
    dust.send(&["addbadblock 64", "addbadblock 9", "quiet"]);
    assert!(dust.status().ends_with(" quiet"));
    assert_eq!(answer("listbadblocks"), "9\n64\n");
    assert_eq!(answer("queryblock 9"), "dust_query_block: block 9 found in badblocklist");
    assert_eq!(answer("queryblock 8"), "dust_query_block: block 8 not found in badblocklist");
    dust.send(&["removebadblock 9"]);
    assert_eq!(answer("countbadblocks"), "countbadblocks: 1 badblock(s) found");
    assert_eq!(answer("clearbadblocks"), "dust_clear_badblocks: badblocks cleared");
}

#[test]
fn dust_refuses_wrong_blocks_and_words() {
    let dust = dust(&MemoryKernel::new());
    dust.send(&["addbadblock 9"]);
    for text in ["addbadblock", "addbadblock 9", "addbadblock x", "addbadblock 65", "addbadblock 1 256"] {
        dust.refuses(EINVAL, &[text]);
    }
    dust.refuses(EINVAL, &["removebadblock 8", "queryblock 1 2", "enable 1", "break", "addbadblock 1 2 3"]);
}

/// The entries of a log: sector, length, flags.
fn entries(log: &MemoryDisk, count: usize) -> Vec<[u64; 3]> {
    let mut at = 1;
    let mut entries = Vec::new();
    for _ in 0..count {
        let mut sector = [0; 512];
        log.read(Sectors(at), &mut sector).unwrap();
        let number = |place: usize| u64::from_le_bytes(sector[place * 8..][..8].try_into().unwrap());
        let entry = [0, 1, 2].map(number);
        at += 1 + if entry[2] == 4 { 0 } else { entry[1] };
        entries.push(entry);
    }
    entries
}

#[test]
fn log_writes_logs_what_was_written_once_it_is_flushed() {
    let memory = MemoryKernel::new();
    let [disk, log] = disks(&memory, [64, 64]);
    let device = Mapped::new(&memory, 64, "log-writes", &format!("{} {}", disk.number(), log.number()));
    assert_eq!(device.status(), "0 0");
    device.write(3, 2, 7).unwrap();
    memory.discard(device.number, Sectors(8), Sectors(4)).unwrap();
    assert_eq!((device.status().as_str(), byte(&disk, 3)), ("0 0", 7));
    memory.flush(device.number).unwrap();
    assert_eq!(device.status(), "3 5");
    assert_eq!(entries(&log, 3), [[3, 2, 0], [8, 4, 4], [0, 0, 1]]);
    assert_eq!((byte(&log, 2), byte(&log, 3)), (7, 7));
    device.send(&["mark here"]);
    assert_eq!(entries(&log, 4)[3], [0, 0, 8]);
    device.refuses(EINVAL, &["mark", "mark two words", "note here"]);

    device.dm.device_remove(device.number).unwrap();
    assert_eq!(entries(&log, 5)[4], [0, 0, 8]);
    let mut first = [0; 512];
    log.read(Sectors(0), &mut first).unwrap();
    assert_eq!(u64::from_le_bytes(first[16..24].try_into().unwrap()), 5);
}

#[test]
fn log_writes_logs_what_the_device_does_not_execute() {
    let memory = MemoryKernel::new();
    let [disk, log] = disks(&memory, [64, 64]);
    let lower = Discarding::new(&memory, &disk);
    lower.stop();
    let device = Mapped::new(&memory, 128, "log-writes", &format!("{} {}", lower.0.number, log.number()));
    memory.discard(device.number, Sectors(8), Sectors(4)).unwrap();
    disk.fail(Sectors(0)..Sectors(1));
    assert_eq!(device.write(0, 2, 7).unwrap_err().errno(), EIO);
    memory.flush(device.number).unwrap();
    assert_eq!(entries(&log, 3), [[8, 4, 4], [0, 2, 0], [0, 0, 1]]);
}

#[test]
fn a_log_that_is_full_or_fails_is_not_written_any_more() {
    let memory = MemoryKernel::new();
    for is_full in [false, true] {
        let [disk, log] = disks(&memory, [64, 4]);
        let device = Mapped::new(&memory, 64, "log-writes", &format!("{} {}", disk.number(), log.number()));
        if !is_full {
            fail(&log);
        }
        device.write(0, 8, 7).unwrap();
        memory.flush(device.number).unwrap();
        assert!(device.status().ends_with(" logging_disabled"), "{}", device.status());
        assert_eq!(device.read(0, 8), Ok(7));
    }
}

#[test]
fn an_era_begins_at_every_resume_and_checkpoint() {
    let memory = MemoryKernel::new();
    let [metadata, origin] = disks(&memory, [4096, 64]);
    let table = format!("{} {} 8", metadata.number(), origin.number());
    let era = Mapped::new(&memory, 128, "era", &table);
    assert_eq!(era.status(), "8 13/1024 1 -");
    era.send(&["checkpoint"]);
    assert_eq!(era.words([2]), ["2"]);
    era.suspend();
    era.resume();
    assert_eq!(era.words([2]), ["3"]);
    era.write(0, 1, 7).unwrap();
    assert_eq!(byte(&origin, 0), 7);
    // The number is stored, and lost with the metadata.
    era.dm.device_remove(era.number).unwrap();
    assert_eq!(Mapped::new(&memory, 128, "era", &table).words([2]), ["4"]);
    let refused = Mapped::try_new(&memory, 128, "era", &table.replace(" 8", " 16")).err().unwrap();
    assert_eq!(refused.0, EINVAL);
    metadata.write(Sectors(0), &[0; 512]).unwrap();
    assert_eq!(Mapped::new(&memory, 128, "era", &table.replace(" 8", " 16")).words([2]), ["1"]);
}

#[test]
fn an_era_supports_discards_if_its_origin_does() {
    let memory = MemoryKernel::new();
    let [disk, metadata] = disks(&memory, [64, 4096]);
    let origin = Discarding::new(&memory, &disk);
    let table = format!("{} {} 8", metadata.number(), origin.0.number);
    let era = Mapped::new(&memory, 128, "era", &table);
    era.write(0, 8, 7).unwrap();
    memory.discard(era.number, Sectors(0), Sectors(8)).unwrap();
    assert_eq!(era.read(0, 8), Ok(0));
    origin.stop();
    era.swap(&table);
    assert_eq!(memory.discard(era.number, Sectors(0), Sectors(8)).unwrap_err().errno(), EOPNOTSUPP);
}

#[test]
fn there_is_one_snapshot_of_the_metadata_of_an_era() {
    let memory = MemoryKernel::new();
    let [metadata, origin] = disks(&memory, [4096, 64]);
    let era = Mapped::new(&memory, 128, "era", &format!("{} {} 8", metadata.number(), origin.number()));
    era.refuses(EINVAL, &["drop_metadata_snap"]);
    era.send(&["take_metadata_snap"]);
    assert_eq!(era.words([2, 3]), ["2", "29"]);
    era.refuses(EINVAL, &["take_metadata_snap", "checkpoint now", "other"]);
    era.send(&["drop_metadata_snap"]);
    assert_eq!(era.words([2, 3]), ["2", "-"]);
}
