//! `delay`, `flakey`, `dust`, `log-writes`: targets for tests.

use dm_targets::delay::{DelayClass, DelayTable};
use dm_targets::dust::{DustLog, DustMessage, DustReads, DustReply, DustTable};
use dm_targets::flakey::{CorruptBioByte, Direction, FlakeyTable};
use dm_targets::log_writes::{LogWritesMessage, LogWritesTable};
use dm_targets::{Concern, Delay, Dust, Flakey, LogWrites, WordBuf};
use dm_testing::{Pattern, Scratch, require};
use dm_units::Sectors;

use crate::support::{concerns, disk, map, map_changed, try_map};

const LENGTH: Sectors = Sectors(1024);

#[test]
#[ignore = "needs root and device mapper: cargo xtask test-root"]
fn a_delay_counts_the_io_that_waits() {
    let Some(scratch) = Scratch::new(&[require::target("delay")]) else { return };
    let [one, two, three] = [1, 2, 3].map(|_| disk(&scratch, 1));
    let class = |disk: &dm_testing::LoopDevice, offset, delay| DelayClass::new(disk.number(), Sectors(offset), delay);
    let all = map::<Delay>(&scratch, "all", LENGTH, DelayTable::All(class(&one, 8, 5)));
    let status = all.status();
    assert_eq!((status.reads, status.writes, status.flushes.unwrap_or_default()), (0, 0, 0));
    let (read, write, flush) = (class(&one, 0, 10), class(&two, 8, 20), class(&three, 16, 30));
    let two_classes = DelayTable::ReadWrite { read: read.clone(), write: write.clone() };
    map::<Delay>(&scratch, "two", LENGTH, two_classes);
    map::<Delay>(&scratch, "three", LENGTH, DelayTable::ReadWriteFlush { read, write, flush });

    let writes = |delay| DelayTable::ReadWrite { read: class(&one, 0, 0), write: class(&one, 0, delay) };
    let slow = map::<Delay>(&scratch, "slow", LENGTH, writes(600_000));
    let path = slow.device().path();
    let writer = std::thread::spawn(move || Pattern::new(1).write(&path, Sectors(0), Sectors(8)));
    let waiting = slow.wait_for("a write that is delayed", |status| status.writes > 0);
    assert_eq!((waiting.reads, waiting.writes), (0, 1));
    // Another table releases waiting I/O.
    slow.swap(writes(0));
    writer.join().unwrap().unwrap();
    assert_eq!(slow.status().writes, 0);
}

#[test]
#[ignore = "needs root and device mapper: cargo xtask test-root"]
fn a_flakey_device_drops_or_refuses_writes() {
    let Some(scratch) = Scratch::new(&[require::target("flakey")]) else { return };
    let disk = disk(&scratch, 1);
    let table = || FlakeyTable::new(disk.number(), Sectors(8), 0, 60);
    let drops = map::<Flakey>(&scratch, "drops", LENGTH, table().drop_writes());
    Pattern::new(1).write(&drops.device().path(), Sectors(0), LENGTH).unwrap();
    Pattern::zeros().verify(disk.path(), Sectors(8), LENGTH).unwrap();
    let errors = map::<Flakey>(&scratch, "errors", LENGTH, table().error_writes());
    Pattern::new(1).write(&errors.device().path(), Sectors(0), LENGTH).unwrap_err();
    // Later kernels print `error_reads error_writes` for this.
    let plain = map_changed::<Flakey>(&scratch, "plain", LENGTH, FlakeyTable::new(disk.number(), Sectors(0), 60, 0));
    assert_eq!((plain.table().up, plain.table().down), (60, 0));
    let corrupt = CorruptBioByte::new(32, Direction::Read, 1);
    map::<Flakey>(&scratch, "reads", LENGTH, table().corrupt_bio_byte(corrupt));
    let corrupt = CorruptBioByte::new(224, Direction::Read, 0).flags(32);
    map::<Flakey>(&scratch, "flags", LENGTH, table().drop_writes().corrupt_bio_byte(corrupt));
}

#[test]
#[ignore = "needs root and device mapper: cargo xtask test-root"]
fn a_flakey_device_corrupts_at_random() {
    let Some(scratch) = Scratch::new(&[require::target("flakey")]) else { return };
    let disk = disk(&scratch, 1);
    let table = || FlakeyTable::new(disk.number(), Sectors(0), 0, 60);
    // Added without a new version of the target.
    let Ok(random) = try_map::<Flakey>(&scratch, "random", LENGTH, table().random_read_corrupt(1_000_000_000)) else {
        return require::skip("it needs target flakey with random_read_corrupt");
    };
    assert_eq!(random.table(), table().random_read_corrupt(1_000_000_000));
    Pattern::zeros().verify(&random.device().path(), Sectors(0), LENGTH).unwrap_err();
    map::<Flakey>(&scratch, "writes", LENGTH, table().error_reads().random_write_corrupt(1));
    map::<Flakey>(&scratch, "all", LENGTH, table().error_reads().error_writes());
}

#[test]
#[ignore = "needs root and device mapper: cargo xtask test-root"]
fn a_dust_device_fails_reads_of_its_bad_blocks() {
    let Some(scratch) = Scratch::new(&[require::target("dust")]) else { return };
    let disk = disk(&scratch, 1);
    let dust = map::<Dust>(&scratch, "dust", LENGTH, DustTable::new(disk.number(), Sectors(8), 512));
    let path = dust.device().path();
    // Blocks are counted from the start of the device below.
    let reads = |block: u64| Pattern::zeros().verify(&path, Sectors(block - 8), Sectors(8)).is_ok();
    assert_eq!(dust.send(&DustMessage::ListBadBlocks), DustReply::List(vec![]));
    assert_eq!(dust.send(&DustMessage::AddBadBlock { block: 64, failing_writes: None }), DustReply::None);
    dust.send(&DustMessage::AddBadBlock { block: 83, failing_writes: Some(3) });
    assert_eq!(dust.send(&DustMessage::QueryBlock(64)), DustReply::Block { block: 64, bad: true });
    assert_eq!(dust.send(&DustMessage::QueryBlock(72)), DustReply::Block { block: 72, bad: false });
    assert_eq!(dust.send(&DustMessage::CountBadBlocks), DustReply::Count(2));
    assert_eq!(dust.send(&DustMessage::ListBadBlocks), DustReply::List(vec![64, 83]));
    assert!(reads(64));
    dust.send(&DustMessage::Enable);
    assert_eq!(dust.status().reads, DustReads::Fail);
    assert!(!reads(64) && reads(72));
    dust.send(&DustMessage::Quiet);
    assert_eq!(dust.status().log, DustLog::Quiet);
    dust.send(&DustMessage::RemoveBadBlock(64));
    assert!(reads(64));
    assert_eq!(dust.send(&DustMessage::ClearBadBlocks), DustReply::Cleared(true));
    assert_eq!(dust.send(&DustMessage::ClearBadBlocks), DustReply::Cleared(false));
    dust.send(&DustMessage::Disable);
    assert_eq!(dust.status().reads, DustReads::Bypass);
}

#[test]
#[ignore = "needs root and device mapper: cargo xtask test-root"]
fn log_writes_logs_writes_and_marks_until_its_log_is_full() {
    let Some(scratch) = Scratch::new(&[require::target("log-writes")]) else { return };
    let [disk, log] = [2, 1].map(|size| disk(&scratch, size));
    let mapped = map::<LogWrites>(&scratch, "disk", LENGTH, LogWritesTable::new(disk.number(), log.number()));
    let before = mapped.status().logged_entries;
    Pattern::new(1).write(&mapped.device().path(), Sectors(0), Sectors(8)).unwrap();
    mapped.send(&LogWritesMessage::Mark(WordBuf::new("written").unwrap()));
    let after = mapped.wait_for("the write and the mark in the log", |status| status.logged_entries > before + 1);
    assert!(!after.logging_disabled);
    // More data than fits in the log.
    Pattern::new(2).write(&mapped.device().path(), Sectors(0), LENGTH).unwrap();
    let _ = Pattern::new(3).write(&mapped.device().path(), Sectors(0), LENGTH);
    let _ = Pattern::new(4).write(&mapped.device().path(), Sectors(0), LENGTH);
    let full = mapped.wait_for("a full log", |status| status.logging_disabled);
    assert_eq!(concerns::<LogWrites>(&full), [Concern::Disabled]);
}
