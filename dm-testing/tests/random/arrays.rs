//! Sequences about a mirror or an array of `raid`, one leg of which is a mapped device that fails and is repaired.
//!
//! Left out are cases whose result depends on timing on a real kernel:
//! - A second leg that fails: the worker that raises events raises one or two for failures within a moment, and an array whose
//!   last leg fails shows its progress as 0 until its thread happens to run.
//! - A failing leg of an array without metadata devices: the array then holds all writes, even when it is suspended.
//! - A resync that reads from the leg that fails: the array retries it forever.
//! - A leg that fails flushes: a mirror counts that as a failed write, and forgets it when its thread next runs.
//! - Suspended legs: the suspension of a mirror or an array would wait for their I/O forever.
//! - Mirrors with `handle_errors` and without `keep_log`: they hold writes until they are suspended. The conformance tests
//!   of mirrors try that.
//! - A failing leg of a mirror without `handle_errors`: sectors that cannot be read are copied as whatever is in memory.

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

use crate::around::{SUBJECT, one_line};
use crate::general::operation;
use crate::step::{Area, Below, Id, Line, Operation, Step, Table, Target};

/// The device that fails. It is mapped to the disk that stands in for it before it exists.
const LEG: u8 = 1;

/// The device that uses the subject.
const USER: u8 = 2;

const LENGTH: u64 = 128;

/// The tables of the sequences.
struct Arrays {
    target_type: &'static str,
    /// Params with `$` for the leg that fails, and the disks `ONE` and `TWO`.
    tables: &'static [&'static str],
    /// Params that may be refused.
    others: &'static [&'static str],
    messages: &'static [&'static str],
}

const MIRRORS: Arrays = Arrays {
    target_type: "mirror",
    tables: &[
        "core 1 16 2 $ 0 ONE 0 2 handle_errors keep_log",
        "core 1 32 2 ONE 0 $ 0 2 handle_errors keep_log",
        "core 2 32 nosync 2 $ 0 ONE 0 2 handle_errors keep_log",
        "core 2 16 sync 2 TWO 0 $ 0 2 handle_errors keep_log",
        "core 1 16 3 ONE 0 $ 0 TWO 0 2 keep_log handle_errors",
        "disk 2 META 16 2 $ 0 ONE 0 2 handle_errors keep_log",
        "disk 2 META 32 2 ONE 0 $ 0 2 handle_errors keep_log",
        "disk 3 META 16 sync 2 ONE 0 $ 0 2 handle_errors keep_log",
        "disk 3 META 16 nosync 2 $ 0 TWO 0 2 handle_errors keep_log",
        "core 1 16 2 ONE 0 TWO 0",
        "core 2 16 nosync 2 TWO 0 ONE 0",
        "disk 2 META 16 2 TWO 0 ONE 0",
    ],
    others: &[
        "core 1 16 2 ONE 0 TWO 0 1 keep_log",
        "core 1 15 2 ONE 0 TWO 0",
        "core 1 16 1 ONE 0",
        "core 1 16 2 ONE 0 TWO",
        "core 1 16 2 ONE 0 TWO 0 1 nonsense",
        "core 2 16 nonsense 2 ONE 0 TWO 0",
        "disk 1 META 2 ONE 0 TWO 0",
        "core 1 16 2 ONE 8 TWO 0",
    ],
    messages: &["nonsense", "resync"],
};

const RAIDS: Arrays = Arrays {
    target_type: "raid",
    tables: &[
        "raid1 1 0 2 FAST ONE META $",
        "raid1 1 0 2 FAST ONE META $",
        "raid1 2 0 nosync 2 FAST ONE META $",
        "raid1 2 0 sync 2 FAST ONE META $",
        "raid1 3 0 rebuild 1 2 FAST ONE META $",
        "raid1 4 0 nosync write_mostly 0 2 FAST ONE META $",
        "raid1 1 0 2 - ONE - TWO",
        "raid1 2 0 nosync 2 - TWO - ONE",
        "raid1 1 0 1 - ONE",
    ],
    others: &[
        "raid1 1 0 2 - ONE",
        "raid1 2 0 nonsense 2 - ONE - TWO",
        "raid9 1 0 2 - ONE - TWO",
        "raid1 3 0 write_mostly 2 2 - ONE - TWO",
        "raid1 2 0 sync 2 - ONE - -",
    ],
    messages: &[
        "check",
        "check",
        "CHECK",
        "repair",
        "repair",
        "idle",
        "frozen",
        "resync",
        "recover",
        "reshape",
        "nonsense",
        "check now",
    ],
};

impl Arrays {
    fn table(&self, params: &'static [&'static str]) -> BoxedStrategy<Table> {
        let target_type = self.target_type;
        (select(params), prop::bool::weighted(0.03))
            .prop_map(move |(params, read_only)| {
                let below = params.split(' ').filter(|word| *word == "$").map(|_| Below::Device(LEG)).collect();
                let target = Target::Filled(target_type, params.to_owned(), below);
                Table { lines: vec![Line { length: LENGTH, target }], gap: 0, read_only }
            })
            .boxed()
    }

    fn any_table(&self) -> BoxedStrategy<Table> {
        prop_oneof![6 => self.table(self.tables), 1 => self.table(self.others)].boxed()
    }

    fn step(&self) -> BoxedStrategy<Step> {
        let flag = any::<bool>;
        let errno = select(vec![nix::libc::ENOMEM, nix::libc::EINVAL, nix::libc::EBUSY]);
        let subject = || prop_oneof![3 => Just(Id::Name(SUBJECT)), 1 => Just(Id::Number(SUBJECT))];
        let any_id = || prop_oneof![4 => subject(), 1 => Just(Id::Name(LEG)), 1 => Just(Id::Name(USER))];
        let name = || prop_oneof![6 => Just(SUBJECT), 1 => Just(USER)];
        let commands = prop_oneof![
            6 => leg().prop_map(|table| Step::Reload(LEG, table)),
            2 => self.any_table().prop_map(|table| Step::Map(SUBJECT, table)),
            4 => self.any_table().prop_map(|table| Step::Reload(SUBJECT, table)),
            3 => self.any_table().prop_map(|table| Step::Load(Id::Name(SUBJECT), table)),
            1 => Just(Step::Clear(Id::Name(SUBJECT))),
            1 => Just(Step::Map(USER, linear(SUBJECT))),
            3 => (subject(), flag(), flag())
                .prop_map(|(id, noflush, skip_lockfs)| Step::Suspend { id, noflush, skip_lockfs }),
            6 => (subject(), flag()).prop_map(|(id, noflush)| Step::Resume { id, noflush }),
            1 => (any_id(), flag()).prop_map(|(id, deferred)| Step::Remove { id, deferred }),
            6 => select(self.messages).prop_map(|text| Step::Message(Id::Name(SUBJECT), 0, text)),
        ];
        let sector = || (0..32_u64).prop_map(|at| at * 4);
        let others = prop_oneof![
            5 => (any_id(), flag(), flag(), flag())
                .prop_map(|(id, table, inactive, noflush)| Step::Status { id, table, inactive, noflush }),
            1 => (any_id(), flag()).prop_map(|(id, inactive)| Step::Info(id, inactive)),
            1 => (any_id(), flag()).prop_map(|(id, inactive)| Step::Deps(id, inactive)),
            7 => (name(), sector()).prop_map(|(name, start)| Step::Read(name, start)),
            10 => (name(), sector()).prop_map(|(name, start)| Step::Write(name, start)),
            2 => (name(), sector(), select(vec![4_u64, 16, 32]))
                .prop_map(|(name, start, length)| Step::Discard(name, start, length)),
            1 => (self.table(self.tables), operation(), 1..6_usize, errno, flag()).prop_filter_map(
                "nothing else may get the name of the subject",
                |(table, operation, n, errno, after)| match operation {
                    Operation::Rename(_) => None,
                    _ => Some(Step::Fail { name: SUBJECT, table, operation, n, errno, after }),
                }
            ),
        ];
        prop_oneof![1 => commands.boxed(), 1 => others.boxed()].boxed()
    }

    fn steps(&self) -> BoxedStrategy<Vec<Step>> {
        let start = (self.table(self.tables), any::<bool>()).prop_map(|(table, is_used)| {
            let user = is_used.then(|| Step::Map(USER, linear(SUBJECT)));
            [Step::Map(LEG, repaired()), Step::Map(SUBJECT, table)].into_iter().chain(user).collect::<Vec<_>>()
        });
        (start, vec(self.step(), 1..25)).prop_map(|(start, rest)| start.into_iter().chain(rest).collect()).boxed()
    }
}

fn linear(below: u8) -> Table {
    let target = Target::Linear(Area(Below::Device(below), 0));
    Table { lines: vec![Line { length: LENGTH, target }], gap: 0, read_only: false }
}

/// The leg without failures.
fn repaired() -> Table {
    let target = Target::Linear(Area(Below::Disk(LEG), 0));
    Table { lines: vec![Line { length: LENGTH, target }], gap: 0, read_only: false }
}

/// The leg with or without failures.
fn leg() -> BoxedStrategy<Table> {
    let flakey = |features| {
        let target = Target::Flakey(Area(Below::Disk(LEG), 0), [0, 1], features);
        Table { lines: vec![Line { length: LENGTH, target }], gap: 0, read_only: false }
    };
    prop_oneof![
        4 => Just(repaired()),
        3 => Just(one_line(LENGTH, "error", String::new(), false)),
        2 => Just(flakey("1 error_reads")),
    ]
    .boxed()
}

pub(crate) fn mirrors() -> BoxedStrategy<Vec<Step>> {
    MIRRORS.steps()
}

pub(crate) fn raids() -> BoxedStrategy<Vec<Step>> {
    RAIDS.steps()
}
