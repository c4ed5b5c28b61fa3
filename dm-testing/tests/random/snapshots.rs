//! Sequences of commands for snapshots, their origins, and merging.
//!
//! Exceptions are stored on disks, which are not suspended: a command that accesses them is uninterruptible.

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;

use crate::general::{self, id, name, operation};
use crate::step::{Below, Line, Step, Table, Target};

const STORES: [&str; 7] = ["P 8", "P 8", "P 8", "P 16", "PO 8", "N 8", "N 4"];

/// Also refused ones.
const ANY_STORE: [&str; 10] = ["P 8", "P 8", "P 8", "P 16", "PO 8", "N 8", "N 4", "Q 8", "PX 8", "P 7"];

fn sector() -> impl Strategy<Value = u64> + Clone {
    (0..32_u64).prop_map(|at| at * 4)
}

fn length() -> impl Strategy<Value = u64> + Clone {
    select(vec![128, 128, 128, 64, 160])
}

fn one_line(length: u64, target: Target, read_only: bool) -> Table {
    Table { lines: vec![Line { length, target }], gap: 0, read_only }
}

fn below() -> BoxedStrategy<Below> {
    prop_oneof![8 => Just(Below::Disk(0)), 1 => Just(Below::Disk(1)), 3 => name().prop_map(Below::Device)].boxed()
}

fn origin() -> impl Strategy<Value = Target> {
    below().prop_map(Target::Origin)
}

fn snapshot() -> impl Strategy<Value = Target> {
    let cow = prop_oneof![8 => Just(1_u8), 4 => Just(2), 1 => Just(0)];
    (below(), cow, select(ANY_STORE.to_vec())).prop_map(|(origin, cow, store)| Target::Snapshot(origin, cow, store))
}

fn merge() -> impl Strategy<Value = Target> {
    let cow = prop_oneof![8 => Just(1_u8), 4 => Just(2)];
    (cow, select(vec!["P 8", "P 8", "PO 8", "P 16", "N 8", "Q 8"]))
        .prop_map(|(cow, store)| Target::Merge(0, cow, store))
}

fn table() -> BoxedStrategy<Table> {
    let target = prop_oneof![3 => origin(), 5 => snapshot(), 4 => merge()];
    let whole = (length(), target, prop::bool::weighted(0.05))
        .prop_map(|(length, target, read_only)| one_line(length, target, read_only));
    prop_oneof![12 => whole, 1 => general::good_table()].boxed()
}

fn step() -> BoxedStrategy<Step> {
    let flag = any::<bool>;
    let errno = select(vec![nix::libc::ENOMEM, nix::libc::EINVAL, nix::libc::EBUSY]);
    let commands = prop_oneof![
        4 => (name(), table()).prop_map(|(name, table)| Step::Map(name, table)),
        4 => (name(), table()).prop_map(|(name, table)| Step::Reload(name, table)),
        3 => (id(), table()).prop_map(|(id, table)| Step::Load(id, table)),
        3 => (id(), flag(), flag()).prop_map(|(id, noflush, skip_lockfs)| Step::Suspend { id, noflush, skip_lockfs }),
        5 => (id(), flag()).prop_map(|(id, noflush)| Step::Resume { id, noflush }),
        2 => (id(), flag()).prop_map(|(id, deferred)| Step::Remove { id, deferred }),
    ];
    let others = prop_oneof![
        3 => (id(), flag(), flag(), flag())
            .prop_map(|(id, table, inactive, noflush)| Step::Status { id, table, inactive, noflush }),
        4 => (name(), sector()).prop_map(|(name, start)| Step::Read(name, start)),
        12 => (name(), sector()).prop_map(|(name, start)| Step::Write(name, start)),
        3 => (name(), sector(), select(vec![4_u64, 8, 32]))
            .prop_map(|(name, start, length)| Step::Discard(name, start, length)),
        1 => (name(), table(), operation(), 1..6_usize, errno, flag()).prop_map(
            |(name, table, operation, n, errno, after)| Step::Fail { name, table, operation, n, errno, after }
        ),
        2 => general::step(),
    ];
    prop_oneof![1 => commands.boxed(), 1 => others.boxed()].boxed()
}

/// Most start with an origin and a snapshot, some with a second one.
pub(crate) fn steps() -> BoxedStrategy<Vec<Step>> {
    let snapshot = |name: u8, cow: u8| {
        let store = select(STORES.to_vec());
        store.prop_map(move |store| Step::Map(name, one_line(128, Target::Snapshot(Below::Disk(0), cow, store), false)))
    };
    let start = (snapshot(1, 1), option::weighted(0.3, snapshot(2, 2))).prop_map(|(first, second)| {
        let origin = Step::Map(0, one_line(128, Target::Origin(Below::Disk(0)), false));
        [origin, first].into_iter().chain(second).collect::<Vec<_>>()
    });
    (option::weighted(0.95, start), vec(step(), 1..30))
        .prop_map(|(start, rest)| start.into_iter().flatten().chain(rest).collect())
        .boxed()
}
