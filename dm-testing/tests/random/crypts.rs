//! Sequences about a device that is encrypted, and its keys.

use proptest::prelude::*;
use proptest::sample::select;

use crate::around::{self, Subject, one_line};
use crate::step::{Step, Table};

const KEY: &str = "5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5aa5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5";

const OPTIONS: [&str; 6] = [
    "",
    "",
    " 1 allow_discards",
    " 1 same_cpu_crypt",
    " 2 no_read_workqueue no_write_workqueue",
    " 2 sector_size:2048 iv_large_sectors",
];
const ANY_OPTION: [&str; 5] = [" 1 nonsense", " 1 sector_size:1000", " 2 allow_discards", " 0", " 1 sector_size:1024"];

const MESSAGES: &[&str] = &[
    "key set 5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5aa5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5",
    "KEY SET 5A5A5A5A5A5A5A5A5A5A5A5A5A5A5A5AA5A5A5A5A5A5A5A5A5A5A5A5A5A5A5A5",
    "key set 1111111111111111111111111111111122222222222222222222222222222222",
    "key set 5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a",
    "key set zz5a5a5a5a5a5a5a5a5a5a5a5a5a5a5aa5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5",
    "key set -",
    "key set",
    "key wipe",
    "key wipe",
    "key wipe now",
    "key nonsense",
    "key",
    "nonsense",
];

fn table(options: &'static [&'static str], keys: &'static [&'static str]) -> BoxedStrategy<Table> {
    let start = select(vec![0_u64, 0, 0, 8]);
    (select(vec![64_u64, 128, 256]), start, select(keys), select(options), prop::bool::weighted(0.05))
        .prop_map(|(length, start, key, options, read_only)| {
            one_line(length, "crypt", format!("aes-xts-plain64 {key} 0 DATA {start}{options}"), read_only)
        })
        .boxed()
}

pub(crate) fn steps() -> BoxedStrategy<Vec<Step>> {
    around::steps(&Subject {
        good: table(&OPTIONS, &[KEY]),
        any: prop_oneof![4 => table(&OPTIONS, &[KEY]), 1 => table(&ANY_OPTION, &[KEY, "-", "5a5a", "5a5", "zz"])]
            .boxed(),
        idle: table(&OPTIONS, &[KEY]),
        messages: MESSAGES,
    })
}
