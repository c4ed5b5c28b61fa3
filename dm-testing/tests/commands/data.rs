//! Data survives changes of tables.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt as _;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use dm_core::{LineText, TargetLine};
use dm_testing::{Pattern, Scratch, require};
use dm_units::{DeviceNumber, SECTOR_SIZE, Sectors};

const START: Sectors = Sectors(0);
const SIZE: Sectors = Sectors(2048);

/// A table that maps one disk in pieces of `piece` sectors.
fn pieces(disk: DeviceNumber, piece: u64) -> Vec<TargetLine<LineText<'static, String>>> {
    let starts = (0..SIZE.0).step_by(usize::try_from(piece).unwrap());
    let line = |start: u64| {
        let length = piece.min(SIZE.0.saturating_sub(start));
        TargetLine::text(Sectors(start), Sectors(length), "linear", format!("{disk} {start}"))
    };
    starts.map(line).collect()
}

/// Writes the sectors of a pattern repeatedly through the page cache, until `stop` is set. Returns the number of
/// rounds.
fn write_until(stop: &AtomicBool, path: &std::path::Path, pattern: Pattern) -> io::Result<u32> {
    let file = File::options().write(true).open(path)?;
    let mut bytes = [0; 8 * SECTOR_SIZE];
    for round in 1.. {
        for start in (0..SIZE.0).step_by(8) {
            pattern.fill(Sectors(start), &mut bytes);
            file.write_all_at(&bytes, start.saturating_mul(SECTOR_SIZE as u64))?;
        }
        file.sync_data()?;
        if stop.load(Ordering::Relaxed) {
            return Ok(round);
        }
    }
    unreachable!()
}

#[test]
#[ignore = "needs root and device mapper: cargo xtask test-root"]
fn tables_are_swapped_under_a_writer() {
    let Some(scratch) = Scratch::new(&[require::target("linear")]) else { return };
    let disk = scratch.loop_device(SIZE.to_bytes()).unwrap();
    let device = scratch.map("device", pieces(disk.number(), 2048)).unwrap();
    let (pattern, stop, path) = (Pattern::new(1), AtomicBool::new(false), device.path());
    thread::scope(|scope| {
        let writer = scope.spawn(|| write_until(&stop, &path, pattern));
        for piece in [7, 64, 1, 1000, 2048, 100, 3, 500, 2000, 8] {
            scratch.swap(&device, pieces(disk.number(), piece)).unwrap();
        }
        stop.store(true, Ordering::Relaxed);
        writer.join().unwrap().unwrap();
    });
    pattern.verify(&device.path(), START, SIZE).unwrap();
    pattern.verify(disk.path(), START, SIZE).unwrap();
}

#[test]
#[ignore = "needs root and device mapper: cargo xtask test-root"]
fn data_moves_to_another_disk_under_a_writer() {
    let Some(scratch) = Scratch::new(&[require::target("linear")]) else { return };
    let [old, new] = [1, 2].map(|_| scratch.loop_device(SIZE.to_bytes()).unwrap());
    let device = scratch.map("device", pieces(old.number(), 2048)).unwrap();
    let (pattern, stop, path) = (Pattern::new(1), AtomicBool::new(false), device.path());
    pattern.write(&path, START, SIZE).unwrap();
    let dm = scratch.dm();
    thread::scope(|scope| {
        let writer = scope.spawn(|| write_until(&stop, &path, pattern));
        dm.table_load(&device, pieces(new.number(), 128)).unwrap();
        dm.device_suspend(&device).unwrap();
        // The writer has stopped, so the copy is complete.
        pattern.verify(old.path(), START, SIZE).unwrap();
        pattern.write(new.path(), START, SIZE).unwrap();
        Pattern::new(2).write(old.path(), START, SIZE).unwrap();
        dm.device_resume(&device).unwrap();
        stop.store(true, Ordering::Relaxed);
        writer.join().unwrap().unwrap();
    });
    pattern.verify(&device.path(), START, SIZE).unwrap();
    pattern.verify(new.path(), START, SIZE).unwrap();
    Pattern::new(2).verify(old.path(), START, SIZE).unwrap();
}
