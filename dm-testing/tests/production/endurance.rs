//! The same again and again.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use dm_core::paths::mapper_dir;
use dm_core::udev::{Strategy, Udev};
use dm_core::{Buffer, DmName, SetupOptions};
use dm_testing::{Scratch, require};

use crate::cookies::{QUICK, Watch, has_link, has_no_link};
use crate::support::{REMOVE, exists, settle, zero};

/// How many cycles to do, however long they take; without it, as many as there is time for.
const CYCLES: &str = "DM_PRODUCTION_CYCLES";

/// How long to go on where nobody says how often.
const TIME: Duration = Duration::from_secs(10);

/// Fewer would show nothing.
const FEW: usize = 5;

/// The nodes of mapped devices, the kernel's and udev's.
fn nodes() -> Vec<PathBuf> {
    let entries = |folder: &Path| fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let is_mapped = |path: &PathBuf| path.file_name().unwrap().as_encoded_bytes().starts_with(b"dm-");
    let mut nodes: Vec<_> = entries(Path::new("/dev")).filter(is_mapped).chain(entries(&mapper_dir())).collect();
    nodes.sort();
    nodes
}

/// The life of a device, and what it looks like from outside.
fn cycle(scratch: &Scratch, udev: &Udev, buffer: &mut Buffer, name: DmName<'_>) {
    let mut batch = udev.batch().unwrap();
    batch.set_flags(QUICK);
    let made = batch.setup(scratch.dm(), buffer, name, [zero()], SetupOptions::new()).unwrap();
    batch.finish().unwrap();
    assert!(has_link(name, made.number()), "{made:?} has no link");

    let mut batch = udev.batch().unwrap();
    batch.set_flags(QUICK);
    batch.remove(scratch.dm(), made.number(), REMOVE).unwrap();
    batch.finish().unwrap();
    assert!(!exists(scratch, name) && has_no_link(name));
}

/// Prints how many there were.
#[test]
#[ignore = "needs root and device mapper: cargo xtask test-root"]
fn many_cycles_leave_nothing() {
    let Some(scratch) = Scratch::new(&[require::target("zero"), require::udev()]) else { return };
    let asked_for = std::env::var(CYCLES).ok().map(|cycles| cycles.parse::<usize>().unwrap());
    let udev = Udev::new(Strategy::Cookies).unwrap();
    let (mut buffer, name) = (Buffer::new(), scratch.name("device").unwrap());
    // What udev still has to do for other tests changes nodes, too.
    settle();
    let (watch, before, begun) = (Watch::new(), nodes(), Instant::now());
    let goes_on = |done: usize| asked_for.map_or(begun.elapsed() < TIME || done < FEW, |all| done < all);
    let mut cycles: usize = 0;
    while goes_on(cycles) {
        cycle(&scratch, &udev, &mut buffer, name.as_borrowed());
        cycles = cycles.saturating_add(1);
    }
    println!("{cycles} cycles in {:?}", begun.elapsed());
    watch.nothing_is_left();
    assert_eq!(nodes(), before);
}
