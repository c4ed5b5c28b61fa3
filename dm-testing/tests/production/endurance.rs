//! Repeated life cycles of a device.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use dm_core::DmName;
use dm_core::paths::mapper_dir;
use dm_testing::{Scratch, require};

use crate::cookies::{Watch, has_link, has_no_link, quick};
use crate::support::{PATIENTLY, exists, settle, zero};

/// The variable with the number of cycles; by default, the time limits them.
const CYCLES: &str = "DM_PRODUCTION_CYCLES";

/// The time of the cycles if no number is given.
const TIME: Duration = Duration::from_secs(10);

/// The minimum number of cycles.
const FEW: usize = 5;

/// The nodes of mapped devices, those of the kernel and of udev.
fn nodes() -> Vec<PathBuf> {
    let entries = |folder: &Path| fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let is_mapped = |path: &PathBuf| path.file_name().unwrap().as_encoded_bytes().starts_with(b"dm-");
    let mut nodes: Vec<_> = entries(Path::new("/dev")).filter(is_mapped).chain(entries(&mapper_dir())).collect();
    nodes.sort();
    nodes
}

/// Runs the life cycle of a device, and checks its external effects.
fn cycle(scratch: &Scratch, name: &DmName) {
    let number = scratch.host().create_with(name, [zero()], quick()).unwrap().number();
    assert!(has_link(name, number), "{number} has no link");
    scratch.host().remove_with(number, PATIENTLY).unwrap();
    assert!(!exists(scratch, name) && has_no_link(name));
}

/// Prints the number of cycles.
#[test]
#[ignore = "needs root and device mapper: cargo xtask test-root"]
fn many_cycles_leave_nothing() {
    let Some(scratch) = Scratch::new(&[require::target("zero"), require::udev()]) else { return };
    let requested = std::env::var(CYCLES).ok().map(|cycles| cycles.parse::<usize>().unwrap());
    assert_eq!(scratch.host().udev().check_cookies(), Ok(()));
    let name = scratch.name("device").unwrap();
    // udev's pending work for other tests changes nodes, too.
    settle();
    let (watch, before, begun) = (Watch::new(), nodes(), Instant::now());
    let continues = |done: usize| requested.map_or(begun.elapsed() < TIME || done < FEW, |all| done < all);
    let mut cycles: usize = 0;
    while continues(cycles) {
        cycle(&scratch, &name);
        cycles = cycles.saturating_add(1);
    }
    println!("{cycles} cycles in {:?}", begun.elapsed());
    watch.nothing_is_left();
    assert_eq!(nodes(), before);
}
