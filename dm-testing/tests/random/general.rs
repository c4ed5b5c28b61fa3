//! Sequences of any commands, on devices of targets without metadata.

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;

use crate::step::{Area, Below, Id, Line, Operation, Step, Table, Target};

pub(crate) fn name() -> impl Strategy<Value = u8> + Clone {
    prop_oneof![4 => Just(0_u8), 4 => Just(1), 3 => Just(2), 1 => Just(3)]
}

pub(crate) fn id() -> BoxedStrategy<Id> {
    prop_oneof![8 => name().prop_map(Id::Name), 1 => (0..3_u8).prop_map(Id::Uuid), 4 => name().prop_map(Id::Number)]
        .boxed()
}

fn area() -> BoxedStrategy<Area> {
    let below = prop_oneof![(0..2_u8).prop_map(Below::Disk), name().prop_map(Below::Device)];
    (below, select(vec![0_u64, 0, 0, 4, 8, 60])).prop_map(|(below, start)| Area(below, start)).boxed()
}

/// Tables that are refused, or accepted although they look invalid.
const TEXTS: [(&str, &str); 15] = [
    ("nonsense", ""),
    ("zero", "argument"),
    ("linear", ""),
    ("linear", "/dev/no-such-disk 0"),
    ("linear", "4095:1048575 0"),
    ("linear", "4095:1048575"),
    ("striped", "0 8"),
    ("striped", "1 0 4095:1 0"),
    ("striped", "2 8 4095:1 0"),
    ("delay", "4095:1 0"),
    ("flakey", "4095:1 0 0 0"),
    ("error", "any text"),
    ("error", "4095:1048575 0"),
    ("error", "4095:1048575 x"),
    ("error", "one two three"),
];

fn target() -> BoxedStrategy<Target> {
    let features = select(vec!["", "1 drop_writes", "1 error_writes", "1 error_reads", "1 nonsense", "2 drop_writes"]);
    prop_oneof![
        2 => Just(Target::Zero),
        1 => Just(Target::Error),
        6 => area().prop_map(Target::Linear),
        2 => (select(vec![4_u64, 8, 8, 3]), vec(area(), 1..3)).prop_map(|(chunk, areas)| Target::Striped(chunk, areas)),
        1 => (area(), option::of(area())).prop_map(|(read, write)| Target::Delay(read, write)),
        2 => (area(), select(vec![[1_u8, 0], [0, 1], [0, 0]]), features)
            .prop_map(|(area, times, features)| Target::Flakey(area, times, features)),
        1 => select(TEXTS.to_vec()).prop_map(|(target_type, params)| Target::Text(target_type, params)),
    ]
    .boxed()
}

/// A table that can be loaded, unless a device it uses has become too small.
pub(crate) fn good_table() -> BoxedStrategy<Table> {
    let below = prop_oneof![(0..2_u8).prop_map(Below::Disk), name().prop_map(Below::Device)];
    let area = (below, select(vec![0_u64, 0, 4, 8])).prop_map(|(below, start)| Area(below, start));
    let target = prop_oneof![
        2 => Just(Target::Zero),
        1 => Just(Target::Error),
        8 => area.clone().prop_map(Target::Linear),
        3 => (select(vec![4_u64, 8]), select(vec![1_usize, 2]), area.clone(), area.clone())
            .prop_map(|(chunk, legs, one, two)| Target::Striped(chunk, [one, two].into_iter().take(legs).collect())),
        1 => (area.clone(), option::of(area.clone())).prop_map(|(read, write)| Target::Delay(read, write)),
        2 => (area, select(vec![[1_u8, 0], [0, 1]]), select(vec!["", "1 drop_writes", "1 error_writes", "1 error_reads"]))
            .prop_map(|(area, times, features)| Target::Flakey(area, times, features)),
    ];
    let line = (select(vec![16_u64, 16, 32]), target).prop_map(|(length, target)| Line { length, target });
    (vec(line, 1..4), prop::bool::weighted(0.05))
        .prop_map(|(lines, read_only)| Table { lines, gap: 0, read_only })
        .boxed()
}

fn table() -> BoxedStrategy<Table> {
    prop_oneof![3 => good_table(), 1 => any_table()].boxed()
}

fn any_table() -> BoxedStrategy<Table> {
    let length = select(vec![4_u64, 8, 8, 16, 32, 64]);
    let line = (length, target()).prop_map(|(length, target)| Line { length, target });
    (vec(line, 1..4), prop_oneof![12 => Just(0_u64), 1 => Just(4)], prop::bool::weighted(0.1))
        .prop_map(|(lines, gap, read_only)| Table { lines, gap, read_only })
        .boxed()
}

pub(crate) fn operation() -> BoxedStrategy<Operation> {
    let others = vec![
        Operation::Create,
        Operation::Setup,
        Operation::Reload,
        Operation::Suspend,
        Operation::Resume,
        Operation::WhileSuspended,
        Operation::Remove,
        Operation::RemoveDeferred,
        Operation::RemoveForced,
        Operation::CancelRemoval,
    ];
    prop_oneof![8 => select(others), 1 => name().prop_map(Operation::Rename)].boxed()
}

const MESSAGES: [&str; 8] = [
    "",
    " ",
    "hello",
    "@cancel_deferred_remove",
    "@Cancel_Deferred_Remove",
    "@cancel_deferred_remove now",
    "@nonsense",
    "\\",
];

/// Any step.
pub(crate) fn step() -> BoxedStrategy<Step> {
    let flag = any::<bool>;
    let errno = select(vec![nix::libc::ENOMEM, nix::libc::EINVAL, nix::libc::EBUSY]);
    let sector = || (0..20_u64).prop_map(|at| at * 4);
    let commands = prop_oneof![
        5 => (name(), table()).prop_map(|(name, table)| Step::Map(name, table)),
        3 => (name(), option::of(0..3_u8), option::weighted(0.2, 0..3_u8))
            .prop_map(|(name, uuid, minor)| Step::Create { name, uuid, minor }),
        4 => (id(), flag()).prop_map(|(id, deferred)| Step::Remove { id, deferred }),
        2 => (name(), name()).prop_map(|(old, new)| Step::Rename(old, new)),
        1 => (name(), 0..3_u8).prop_map(|(name, uuid)| Step::SetUuid(name, uuid)),
        4 => (id(), flag(), flag()).prop_map(|(id, noflush, skip_lockfs)| Step::Suspend { id, noflush, skip_lockfs }),
        7 => (id(), flag()).prop_map(|(id, noflush)| Step::Resume { id, noflush }),
        7 => (id(), table()).prop_map(|(id, table)| Step::Load(id, table)),
        2 => id().prop_map(Step::Clear),
    ];
    let questions = prop_oneof![
        2 => (id(), flag()).prop_map(|(id, inactive)| Step::Info(id, inactive)),
        1 => (id(), flag()).prop_map(|(id, inactive)| Step::Deps(id, inactive)),
        2 => (id(), flag(), flag(), flag())
            .prop_map(|(id, table, inactive, noflush)| Step::Status { id, table, inactive, noflush }),
        1 => (id(), 1..3_u8).prop_map(|(id, later)| Step::Wait(id, later)),
        1 => (flag(), option::of(name())).prop_map(|(uuids, prefix)| Step::List { uuids, prefix }),
        1 => select(vec!["linear", "zero", "nonsense"]).prop_map(Step::Version),
    ];
    let others = prop_oneof![
        2 => (id(), sector(), select(MESSAGES.to_vec())).prop_map(|(id, sector, text)| Step::Message(id, sector, text)),
        1 => (id(), select(vec![0_u64, 33_210, 33_211])).prop_map(|(id, start)| Step::Geometry(id, start)),
        4 => (name(), sector()).prop_map(|(name, start)| Step::Read(name, start)),
        5 => (name(), sector()).prop_map(|(name, start)| Step::Write(name, start)),
        3 => (name(), sector(), select(vec![4_u64, 8, 16, 60]))
            .prop_map(|(name, start, length)| Step::Discard(name, start, length)),
        3 => name().prop_map(Step::Open),
        2 => Just(Step::Close),
        4 => (name(), table(), operation(), 1..6_usize, errno, flag()).prop_map(
            |(name, table, operation, n, errno, after)| Step::Fail { name, table, operation, n, errno, after }
        ),
    ];
    prop_oneof![6 => commands.boxed(), 2 => questions.boxed(), 5 => others.boxed()].boxed()
}

/// A sequence, which usually starts by making some devices.
pub(crate) fn steps() -> BoxedStrategy<Vec<Step>> {
    let map =
        |name| option::weighted(0.9, good_table()).prop_map(move |table| table.map(|table| Step::Map(name, table)));
    (map(0), map(1), map(2), vec(step(), 1..25))
        .prop_map(|(zero, one, two, rest)| [zero, one, two].into_iter().flatten().chain(rest).collect())
        .boxed()
}
