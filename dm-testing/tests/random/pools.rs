//! Sequences of commands for a pool and its thin devices.
//!
//! I/O that finds no space fails at once here, since it would otherwise wait for a minute.

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;

use crate::general::{self, id, name, operation};
use crate::lines::BLOCK;
use crate::step::{Below, Id, Line, Step, Table, Target};

const FEATURES: [&str; 8] = [
    "1 error_if_no_space",
    "1 error_if_no_space",
    "1 error_if_no_space",
    "2 skip_block_zeroing error_if_no_space",
    "2 no_discard_passdown error_if_no_space",
    "2 ignore_discard error_if_no_space",
    "2 error_if_no_space read_only",
    "1 nonsense",
];

const MESSAGES: [&str; 28] = [
    "create_thin 0",
    "create_thin 1",
    "create_thin 2",
    "create_thin 16777215",
    "create_thin 16777216",
    "create_thin",
    "create_thin one",
    "create_thin 0 1",
    "create_snap 1 0",
    "create_snap 2 0",
    "create_snap 2 1",
    "create_snap 0 1",
    "create_snap 1 1",
    "create_snap 1",
    "delete 0",
    "delete 1",
    "delete 2",
    "delete -1",
    "set_transaction_id 0 1",
    "set_transaction_id 1 2",
    "set_transaction_id 1 0",
    "set_transaction_id 0",
    "set_transaction_id 0 x",
    "reserve_metadata_snap",
    "reserve_metadata_snap",
    "release_metadata_snap",
    "release_metadata_snap now",
    "nonsense",
];

/// Positions at the ends and in the middle of blocks.
fn sector() -> impl Strategy<Value = u64> + Clone {
    select(vec![0, 60, 124, 128, 252, 256, 380, 384, 508, 512, 636, 640, 764, 1020])
}

fn one_line(length: u64, target: Target, read_only: bool) -> Table {
    Table { lines: vec![Line { length, target }], gap: 0, read_only }
}

fn pool(features: impl Strategy<Value = &'static str>) -> impl Strategy<Value = Table> {
    let read_only = prop::bool::weighted(0.05);
    (select(vec![4_u64, 4, 4, 5, 8, 9]), select(vec![0_u64, 1, 2, 100]), features, read_only).prop_map(
        |(blocks, low_water, features, read_only)| {
            one_line(blocks * BLOCK, Target::ThinPool(low_water, features), read_only)
        },
    )
}

fn thin() -> impl Strategy<Value = Table> {
    let origin = prop_oneof![2 => (0..2_u8).prop_map(Below::Disk), 1 => name().prop_map(Below::Device)];
    let length = select(vec![4 * BLOCK, 4 * BLOCK, 3 * BLOCK, 8 * BLOCK, BLOCK / 2]);
    let pool = prop_oneof![12 => Just(0_u8), 1 => name()];
    (length, pool, 0..3_u32, option::weighted(0.2, origin), prop::bool::weighted(0.05))
        .prop_map(|(length, pool, id, origin, read_only)| one_line(length, Target::Thin(pool, id, origin), read_only))
}

fn table() -> BoxedStrategy<Table> {
    prop_oneof![3 => pool(select(FEATURES.to_vec())), 5 => thin(), 1 => general::good_table()].boxed()
}

fn step() -> BoxedStrategy<Step> {
    let flag = any::<bool>;
    let errno = select(vec![nix::libc::ENOMEM, nix::libc::EINVAL, nix::libc::EBUSY]);
    let receiver = prop_oneof![12 => Just(Id::Name(0)), 1 => id()];
    let commands = prop_oneof![
        8 => (receiver, Just(0_u64), select(MESSAGES.to_vec())).prop_map(|(id, at, text)| Step::Message(id, at, text)),
        4 => (name(), table()).prop_map(|(name, table)| Step::Map(name, table)),
        3 => (name(), table()).prop_map(|(name, table)| Step::Reload(name, table)),
        2 => (id(), table()).prop_map(|(id, table)| Step::Load(id, table)),
        2 => (id(), flag(), flag()).prop_map(|(id, noflush, skip_lockfs)| Step::Suspend { id, noflush, skip_lockfs }),
        4 => (id(), flag()).prop_map(|(id, noflush)| Step::Resume { id, noflush }),
        2 => (id(), flag()).prop_map(|(id, deferred)| Step::Remove { id, deferred }),
    ];
    let others = prop_oneof![
        4 => (id(), flag(), flag(), flag())
            .prop_map(|(id, table, inactive, noflush)| Step::Status { id, table, inactive, noflush }),
        5 => (name(), sector()).prop_map(|(name, start)| Step::Read(name, start)),
        10 => (name(), sector()).prop_map(|(name, start)| Step::Write(name, start)),
        3 => (name(), sector(), select(vec![4_u64, 128, 256, 512]))
            .prop_map(|(name, start, length)| Step::Discard(name, start, length)),
        1 => (name(), table(), operation(), 1..6_usize, errno, flag()).prop_map(
            |(name, table, operation, n, errno, after)| Step::Fail { name, table, operation, n, errno, after }
        ),
        2 => general::step(),
    ];
    prop_oneof![1 => commands.boxed(), 1 => others.boxed()].boxed()
}

/// Most start with a pool and thin devices.
pub(crate) fn steps() -> BoxedStrategy<Vec<Step>> {
    let thin = |name: u8, id| Step::Map(name, one_line(4 * BLOCK, Target::Thin(0, id, None), false));
    let start = (pool(select(FEATURES[..5].to_vec())), option::of(sector()), any::<bool>());
    let start = start.prop_map(move |(pool, written, has_snapshot)| {
        let mut steps = vec![Step::Map(0, pool), Step::Message(Id::Name(0), 0, "create_thin 0"), thin(1, 0)];
        steps.extend(written.map(|at| Step::Write(1, at % (4 * BLOCK))));
        if has_snapshot {
            steps.extend([Step::Message(Id::Name(0), 0, "create_snap 1 0"), thin(2, 1)]);
        }
        steps
    });
    (option::weighted(0.95, start), vec(step(), 1..30))
        .prop_map(|(start, rest)| start.into_iter().flatten().chain(rest).collect())
        .boxed()
}
