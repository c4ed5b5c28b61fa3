//! Random sequences of commands, messages, I/O and failures, with the same answers in memory and on a real kernel.
//!
//! In memory, they run everywhere: no sequence may panic, or leave devices that can't be removed. As root, each is also
//! run on the real kernel: a few, or as many as possible in `DM_SEQUENCES_SECONDS`. `DM_SEQUENCES_SEED` selects others, and
//! `DM_SEQUENCES_ABOUT` kinds of them, such as `pools,caches`.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
#![allow(clippy::arithmetic_side_effects, clippy::indexing_slicing, reason = "a panic is how a test fails")]

#[cfg(feature = "real")]
#[path = "../production/daemon.rs"]
#[allow(dead_code, reason = "shared with another test program")]
mod daemon;
#[cfg(feature = "real")]
#[path = "../production/support.rs"]
#[allow(dead_code, reason = "shared with another test program")]
mod support;

mod answer;
mod around;
mod arrays;
mod caches;
mod compare;
mod crypts;
mod general;
mod lines;
mod numbers;
mod pools;
mod settle;
mod snapshots;
mod step;
mod world;

use std::io::Write as _;
use std::time::{Duration, Instant};

use dm_testing::MemoryKernel;
use proptest::strategy::{BoxedStrategy, Strategy as _, Union, ValueTree as _};
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};

use crate::compare::first_difference;
use crate::step::Step;

/// A number from the environment.
fn setting(name: &str) -> Option<u64> {
    std::env::var(name).ok().map(|text| text.parse().unwrap())
}

/// Prints something at once, which the harness would hold back until the test ends.
fn say(text: &str) {
    let _ = std::io::stderr().write_all(format!("{text}\n").as_bytes());
}

/// Tries sequences until `is_over` returns `true`, or `fault` has found a fault in several. Returns the number of
/// sequences. Panics with the smallest failing ones.
fn try_sequences(mut is_over: impl FnMut(usize) -> bool, fault: impl Fn(&[Step]) -> Option<String>) -> usize {
    let mut seed = [0; 32];
    seed[..8].copy_from_slice(&setting("DM_SEQUENCES_SEED").unwrap_or(0).to_le_bytes());
    let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &seed);
    let mut runner = TestRunner::new_with_rng(Config::default(), rng);
    let strategy = sequences();
    let mut count = 0;
    let mut findings = Vec::new();
    let mut said = Instant::now();
    while !is_over(count) && findings.len() < FINDINGS {
        if said.elapsed() > OFTEN {
            say(&format!("{count} sequences, {} findings", findings.len()));
            said = Instant::now();
        }
        let mut tree = strategy.new_tree(&mut runner).unwrap();
        count += 1;
        let Some(mut found) = fault(&tree.current()) else { continue };
        let mut smallest = tree.current();
        let mut is_smaller = tree.simplify();
        for _ in 0..SHRINKINGS {
            if !is_smaller {
                break;
            }
            let current = tree.current();
            is_smaller = match fault(&current) {
                Some(text) => {
                    (found, smallest) = (text, current);
                    tree.simplify()
                }
                None => tree.complicate(),
            };
        }
        let text = format!("sequence {count}: {found}\n  {smallest:?}");
        say(&text);
        findings.push(text);
    }
    assert!(findings.is_empty(), "{} findings in {count} sequences:\n{}", findings.len(), findings.join("\n"));
    count
}

/// All kinds of sequences, or the kinds that the environment names.
fn sequences() -> BoxedStrategy<Vec<Step>> {
    let about = std::env::var("DM_SEQUENCES_ABOUT").ok();
    let kinds = [
        (3, "general", general::steps()),
        (3, "pools", pools::steps()),
        (3, "snapshots", snapshots::steps()),
        (1, "caches", caches::steps()),
        (1, "crypts", crypts::steps()),
        (1, "mirrors", arrays::mirrors()),
        (1, "raids", arrays::raids()),
    ];
    let is_wanted = |name| about.as_ref().is_none_or(|about| about.split(',').any(|word| word == name));
    let wanted = kinds.into_iter().filter(|(_, name, _)| is_wanted(*name));
    Union::new_weighted(wanted.map(|(weight, _, steps)| (weight, steps)).collect()).boxed()
}

/// The mapped targets.
#[cfg(feature = "real")]
const TARGETS: [&str; 15] = [
    "zero",
    "error",
    "linear",
    "striped",
    "delay",
    "flakey",
    "thin-pool",
    "thin",
    "snapshot",
    "snapshot-origin",
    "snapshot-merge",
    "cache",
    "crypt",
    "mirror",
    "raid",
];

/// The number of smaller sequences that are tried.
const SHRINKINGS: usize = 80;

/// The interval of progress reports.
const OFTEN: Duration = Duration::from_secs(30);

/// The number of sequences on a real kernel if no time is requested.
#[cfg(feature = "real")]
const FEW: usize = 40;

/// The number of failing sequences after which the search stops.
const FINDINGS: usize = 5;

#[test]
fn no_sequence_panics_or_leaves_devices_that_cannot_be_removed_in_memory() {
    try_sequences(|count| count == 500, |steps| first_difference(steps, &MemoryKernel::new(), None));
}

#[cfg(feature = "real")]
#[test]
#[ignore = "needs root and device mapper: cargo xtask test-root"]
fn every_sequence_has_the_same_answers_from_a_real_kernel_and_in_memory() {
    use dm_testing::{Scratch, require};

    let mut needed: Vec<_> = TARGETS.map(require::target).into();
    // The kernel in memory behaves as recent ones.
    needed.push(require::interface(48));
    let Some(scratch) = Scratch::new(&needed) else { return };
    let disks = world::SIZES.map(|size| dm_testing::TestKernel::disk(&scratch, size.to_bytes()));
    let version = scratch.dm().version().unwrap();
    // udev would open and read new devices.
    let _gone = require::udev().missing().is_none().then(daemon::Gone::new);
    let requested = setting("DM_SEQUENCES_SECONDS");
    let length = Duration::from_secs(requested.unwrap_or(10));
    // Together with other tests it tries the same few sequences each time, on fast and slow machines.
    let most = requested.map_or(FEW, |_| usize::MAX);
    let start = Instant::now();
    let count = try_sequences(
        |count| start.elapsed() > length || count >= most,
        |steps| {
            let memory = MemoryKernel::with_interface(version);
            first_difference(&step::spared(steps), &memory, Some((&scratch, disks)))
        },
    );
    println!("{count} sequences in {:?}", start.elapsed());
}
