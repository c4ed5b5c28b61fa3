//! Sequences around one device whose target is the subject: it is loaded, reloaded, sent messages, and used by other devices.

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

use crate::general::{self, operation};
use crate::step::{Id, Line, Step, Table, Target};

/// The device that a sequence changes, with tables for it.
pub(crate) struct Subject {
    /// A table that is taken at first.
    pub(crate) good: BoxedStrategy<Table>,
    /// Any table.
    pub(crate) any: BoxedStrategy<Table>,
    /// A table that starts no work in the background, for operations that fail in between.
    pub(crate) idle: BoxedStrategy<Table>,
    pub(crate) messages: &'static [&'static str],
}

/// The device that is the subject.
pub(crate) const SUBJECT: u8 = 0;

pub(crate) fn one_line(length: u64, target_type: &'static str, params: String, read_only: bool) -> Table {
    let target = Target::Filled(target_type, params, Vec::new());
    Table { lines: vec![Line { length, target }], gap: 0, read_only }
}

fn name() -> impl Strategy<Value = u8> + Clone {
    prop_oneof![4 => Just(SUBJECT), 1 => Just(1_u8), 1 => Just(2)]
}

fn id() -> impl Strategy<Value = Id> + Clone {
    prop_oneof![3 => name().prop_map(Id::Name), 1 => name().prop_map(Id::Number)]
}

fn sector() -> impl Strategy<Value = u64> + Clone {
    (0..64_u64).prop_map(|at| at * 4)
}

fn step(subject: &Subject) -> BoxedStrategy<Step> {
    let flag = any::<bool>;
    let errno = select(vec![nix::libc::ENOMEM, nix::libc::EINVAL, nix::libc::EBUSY]);
    let table = || subject.any.clone();
    let commands = prop_oneof![
        3 => table().prop_map(|table| Step::Map(SUBJECT, table)),
        4 => table().prop_map(|table| Step::Reload(SUBJECT, table)),
        3 => table().prop_map(|table| Step::Load(Id::Name(SUBJECT), table)),
        1 => Just(Step::Clear(Id::Name(SUBJECT))),
        3 => (1..3_u8, general::good_table()).prop_map(|(name, table)| Step::Map(name, table)),
        5 => (id(), flag(), flag()).prop_map(|(id, noflush, skip_lockfs)| Step::Suspend { id, noflush, skip_lockfs }),
        7 => (id(), flag()).prop_map(|(id, noflush)| Step::Resume { id, noflush }),
        2 => (id(), flag()).prop_map(|(id, deferred)| Step::Remove { id, deferred }),
        8 => select(subject.messages).prop_map(|text| Step::Message(Id::Name(SUBJECT), 0, text)),
    ];
    let others = prop_oneof![
        3 => (id(), flag(), flag(), flag())
            .prop_map(|(id, table, inactive, noflush)| Step::Status { id, table, inactive, noflush }),
        1 => (id(), flag()).prop_map(|(id, inactive)| Step::Deps(id, inactive)),
        6 => (name(), sector()).prop_map(|(name, start)| Step::Read(name, start)),
        9 => (name(), sector()).prop_map(|(name, start)| Step::Write(name, start)),
        3 => (name(), sector(), select(vec![4_u64, 32, 64, 128]))
            .prop_map(|(name, start, length)| Step::Discard(name, start, length)),
        1 => name().prop_map(Step::Open),
        1 => Just(Step::Close),
        1 => (subject.idle.clone(), operation(), 1..6_usize, errno, flag()).prop_filter_map(
            "nothing else may get the name of the subject",
            |(table, operation, n, errno, after)| match operation {
                crate::step::Operation::Rename(_) => None,
                _ => Some(Step::Fail { name: SUBJECT, table, operation, n, errno, after }),
            }
        ),
    ];
    prop_oneof![1 => commands.boxed(), 1 => others.boxed()].boxed()
}

pub(crate) fn steps(subject: &Subject) -> BoxedStrategy<Vec<Step>> {
    (subject.good.clone(), vec(step(subject), 1..30))
        .prop_map(|(table, rest)| [Step::Map(SUBJECT, table)].into_iter().chain(rest).collect())
        .boxed()
}
