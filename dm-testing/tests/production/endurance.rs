//! A device that is created and removed many times.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use dm_core::DmName;
use dm_core::paths::mapper_dir;
use dm_testing::{Scratch, require};

use crate::cookies::{CookieWatch, has_link, has_no_link, without_slow_rules};
use crate::support::{PATIENTLY, exists, settle, zero};

/// The environment variable that sets the number of cycles. By default they are repeated for [`DURATION`].
const CYCLES_VARIABLE: &str = "DM_PRODUCTION_CYCLES";

/// The time for which cycles are repeated if no number is set.
const DURATION: Duration = Duration::from_secs(10);

/// The number of cycles that run even on a slow machine.
const MIN_CYCLES: usize = 5;

/// The kernel's nodes of mapped devices, `/dev/dm-N`, and all files in `/dev/mapper`, where udev makes links.
fn nodes() -> Vec<PathBuf> {
    let entries = |folder: &Path| fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let is_mapped = |path: &PathBuf| path.file_name().unwrap().as_encoded_bytes().starts_with(b"dm-");
    let mut nodes: Vec<_> = entries(Path::new("/dev")).filter(is_mapped).chain(entries(&mapper_dir())).collect();
    nodes.sort();
    nodes
}

/// Creates and removes a device, and checks that its link in `/dev/mapper` appears and disappears.
fn cycle(scratch: &Scratch, name: &DmName) {
    let number = scratch.host().create_with(name, [zero()], without_slow_rules()).unwrap().number();
    assert!(has_link(name, number), "{number} has no link");
    scratch.host().remove_with(number, PATIENTLY).unwrap();
    assert!(!exists(scratch, name) && has_no_link(name));
}

/// Also prints the number of cycles.
#[test]
#[ignore = "needs root and device mapper: cargo xtask test-root"]
fn many_cycles_leave_neither_nodes_nor_cookies() {
    let Some(scratch) = Scratch::new(&[require::target("zero"), require::udev()]) else { return };
    let requested = std::env::var(CYCLES_VARIABLE).ok().map(|cycles| cycles.parse::<usize>().unwrap());
    assert_eq!(scratch.host().udev().check_cookies(), Ok(()));
    let name = scratch.name("device").unwrap();
    // udev may still create or remove links for earlier tests.
    settle();
    let (watch, before, begun) = (CookieWatch::new(), nodes(), Instant::now());
    let continues = |done: usize| requested.map_or(begun.elapsed() < DURATION || done < MIN_CYCLES, |all| done < all);
    let mut cycles: usize = 0;
    while continues(cycles) {
        cycle(&scratch, &name);
        cycles = cycles.saturating_add(1);
    }
    println!("{cycles} cycles in {:?}", begun.elapsed());
    watch.assert_no_new_cookies();
    assert_eq!(nodes(), before);
}
