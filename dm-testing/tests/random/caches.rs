//! Sequences about a cache. Every write reaches the origin at once, so that all data can be compared; what is in the cache cannot.

use proptest::prelude::*;
use proptest::sample::select;

use crate::around::{self, Subject, one_line};
use crate::step::{Step, Table};

const MODES: [&str; 4] =
    ["1 writethrough", "1 passthrough", "2 metadata2 writethrough", "2 writethrough no_discard_passdown"];
const ANY_MODE: [&str; 7] = [
    "1 writethrough",
    "1 passthrough",
    "2 metadata2 writethrough",
    "1 nonsense",
    "2 writethrough",
    "1 passthrough",
    "0x",
];
const POLICIES: [&str; 4] = ["smq 0", "cleaner 0", "default 0", "mq 0"];
const ANY_POLICY: [&str; 9] = [
    "smq 0",
    "smq 2 migration_threshold 100",
    "cleaner 0",
    "mq 2 random_threshold 8",
    "smq 2 random_threshold 8",
    "smq 1 migration_threshold",
    "nonsense 0",
    "smq 2 nonsense 1",
    "smq",
];

const MESSAGES: &[&str] = &[
    "migration_threshold 100",
    "migration_threshold x",
    "migration_threshold",
    "MIGRATION_THRESHOLD 2048",
    "random_threshold 8",
    "nonsense 1",
    "nonsense",
    "invalidate_cblocks 0",
    "invalidate_cblocks 0-2 3",
    "invalidate_cblocks 0-4",
    "invalidate_cblocks 4",
    "invalidate_cblocks 0-5",
    "invalidate_cblocks 2-1",
    "invalidate_cblocks x",
    "invalidate_cblocks",
];

fn table(
    lengths: &'static [u64],
    blocks: &'static [u64],
    modes: &'static [&'static str],
    policies: &'static [&'static str],
) -> BoxedStrategy<Table> {
    (select(lengths), select(blocks), select(modes), select(policies), prop::bool::weighted(0.05))
        .prop_map(|(length, block, mode, policy, read_only)| {
            one_line(length, "cache", format!("META FAST DATA {block} {mode} {policy}"), read_only)
        })
        .boxed()
}

pub(crate) fn steps() -> BoxedStrategy<Vec<Step>> {
    around::steps(&Subject {
        good: table(&[128, 256, 100], &[64], &MODES, &POLICIES),
        any: prop_oneof![
            4 => table(&[128, 256, 100, 192], &[64], &MODES, &POLICIES),
            1 => table(&[256, 32, 2048], &[64, 128, 64, 512, 48], &ANY_MODE, &ANY_POLICY),
        ]
        .boxed(),
        idle: table(&[128], &[64], &MODES, &POLICIES),
        messages: MESSAGES,
    })
}
