//! The table of a `multipath` target.
//!
//! Kernel: `multipath_ctr` and `multipath_status` in `drivers/md/dm-mpath.c`.

use alloc::vec::Vec;
use core::fmt;

use super::PathGroup;
use crate::option::keywords::keywords;
use crate::option::{Argument, Flag, OptionGroup, options};
use crate::{Fields, InvalidField, Limits, Params, ParseError, Printer, Problem, WordBuf};

const HANDLER_COUNT: Limits = Limits::new("number of hardware handler args", 0, 1024);
const GROUPS: Limits = Limits::new("number of priority groups", 0, 1024);
const FIRST_GROUP: Limits = Limits::new("initial priority group number", 0, 1024);

keywords! {
    any_case;
    /// How I/O is queued for the paths.
    pub enum QueueMode {
        /// As bios, before the kernel merges them into requests. The kernel ignores a hardware handler in the table.
        Bio = "bio",
        /// As requests. This is the kernel's default.
        Rq = "rq",
        /// As requests in several queues. Today this is the same as `rq`.
        Mq = "mq",
    }
}

/// The code that switches a storage array to another path group.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct HardwareHandler {
    /// The name of the handler, such as `alua`.
    pub name: WordBuf,
    /// The arguments of the handler; the kernel does not print them.
    pub args: Vec<WordBuf>,
}

impl HardwareHandler {
    /// The handler `name` without arguments.
    #[must_use]
    pub const fn new(name: WordBuf) -> Self {
        Self { name, args: Vec::new() }
    }

    /// Sets the arguments of the handler.
    #[must_use]
    pub fn args(self, args: impl IntoIterator<Item = WordBuf>) -> Self {
        Self { args: args.into_iter().collect(), ..self }
    }
}

options! {
    /// What a `multipath` target does if no path works, and how it initializes groups and queues I/O.
    pub struct MultipathFeatures for MultipathTable.features {
        /// Queues requests, instead of failing them, while no path works.
        queue_if_no_path(): bool = Flag("queue_if_no_path");
        /// How often the kernel retries to initialize a group, from 1 to 50. If not given, it does not retry.
        pg_init_retries(retries: u32): Option<u32> = Argument(Limits::new("pg_init_retries", 1, 50));
        /// The delay in milliseconds before the kernel retries to initialize a group, at most 60000; 2000 if not given.
        pg_init_delay_msecs(delay: u32): Option<u32> = Argument(Limits::new("pg_init_delay_msecs", 0, 60_000));
        /// Keeps the hardware handler that is already attached to a path.
        retain_attached_hw_handler(): bool = Flag("retain_attached_hw_handler"), since (1, 5, 0);
        /// How I/O is queued for the paths.
        queue_mode(mode: QueueMode): Option<QueueMode> = Argument("queue_mode");
    }
    other {
        /// Feature words that this crate does not know; they are printed after the others.
        other_features: WordBuf = "feature";
    }
    case: Any;
    count: Required, Limits::new("number of feature args", 0, 8);
}

/// The arguments of a `multipath` target: the path groups, and how to use them.
///
/// ```
/// use dm_targets::multipath::{MultipathTable, PathGroup};
/// use dm_targets::{Multipath, Target};
/// use dm_units::DeviceNumber;
///
/// let paths = [DeviceNumber::new(254, 0), DeviceNumber::new(254, 16)];
/// let table = MultipathTable::new([PathGroup::round_robin(paths)]).queue_if_no_path();
/// assert_eq!(table.to_string(), "1 queue_if_no_path 0 1 1 round-robin 0 2 1 254:0 1 254:16 1 ");
/// assert_eq!(Multipath::parse_table("1 queue_if_no_path 0 1 1 round-robin 0 2 1 254:0 1 254:16 1 ")?, table);
/// # Ok::<(), dm_targets::ParseError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct MultipathTable {
    /// The optional settings.
    pub features: MultipathFeatures,
    /// The hardware handler of all paths, if any.
    pub handler: Option<HardwareHandler>,
    /// The number of the group that is used first, from 1; 0 if there are no groups.
    pub first_group: u32,
    /// The path groups in order of preference, at most 1024.
    pub groups: Vec<PathGroup>,
}

impl MultipathTable {
    /// Uses the groups in this order of preference, without features.
    ///
    /// The values are not checked; [`Multipath::check`](crate::Target::check) does that.
    pub fn new(groups: impl IntoIterator<Item = PathGroup>) -> Self {
        let groups: Vec<PathGroup> = groups.into_iter().collect();
        let first_group = u32::from(!groups.is_empty());
        Self { features: MultipathFeatures::default(), handler: None, first_group, groups }
    }

    /// Keeps only the words that every kernel prints back: drops `retain_attached_hw_handler`, a `queue_mode` other
    /// than `bio`, the arguments of the handler, a handler with `queue_mode bio` and the repeat counts.
    pub(super) fn as_printed(&self) -> Self {
        let mut printed = self.clone();
        let features = &mut printed.features;
        features.queue_mode = features.queue_mode.take().filter(|mode| *mode == QueueMode::Bio);
        features.retain_attached_hw_handler = false;
        printed.handler = printed.handler.filter(|_| features.queue_mode.is_none());
        if let Some(handler) = &mut printed.handler {
            handler.args.clear();
        }
        printed.groups.iter_mut().for_each(PathGroup::simplify);
        printed
    }

    /// With the requested hardware handler in place of one that may have been attached to a path already.
    pub(super) fn as_requested(&self, requested: &Self) -> Self {
        let mut table = self.clone();
        let is_replaced = requested.handler.is_some() || requested.features.retain_attached_hw_handler;
        if table.handler.is_some() && is_replaced {
            table.handler = requested.handler.clone();
        }
        table
    }

    /// Sets the hardware handler of all paths.
    #[must_use]
    pub fn handler(self, handler: HardwareHandler) -> Self {
        Self { handler: Some(handler), ..self }
    }

    /// Sets the group that is used first; groups are numbered from 1.
    #[must_use]
    pub fn first_group(self, number: u32) -> Self {
        Self { first_group: number, ..self }
    }

    pub(super) fn check(&self) -> Result<(), InvalidField> {
        self.features.check()?;
        HANDLER_COUNT.check(self.handler.as_ref().map_or(0, |handler| handler.args.len().saturating_add(1)) as u64)?;
        GROUPS.check(self.groups.len() as u64)?;
        check_first_group(self.first_group, self.groups.len())?;
        self.groups.iter().try_for_each(PathGroup::check)
    }
}

fn check_first_group(first_group: u32, groups: usize) -> Result<(), InvalidField> {
    FIRST_GROUP.check(first_group)?;
    match (first_group, groups) {
        (0, 1..) => {
            Err(InvalidField::new(FIRST_GROUP.field(), Problem::Expected("at least 1 because the table has groups")))
        }
        (1.., 0) => Err(InvalidField::new(FIRST_GROUP.field(), Problem::Expected("0 because the table has no groups"))),
        _ => Ok(()),
    }
}

impl Params for MultipathTable {
    fn parse(fields: &mut Fields<'_>) -> Result<Self, ParseError> {
        let features = fields.read_options()?;
        let mut words = fields.read_group(HANDLER_COUNT.field())?;
        let handler = match words.read_optional("hardware handler")? {
            Some(name) => Some(HardwareHandler { name, args: words.read_rest("hardware handler argument")? }),
            None => None,
        };
        let count: u32 = fields.read_within(&GROUPS)?;
        let first_group = fields.read(FIRST_GROUP.field())?;
        check_first_group(first_group, count as usize).map_err(|invalid| fields.blame(invalid))?;
        let groups = (0..count).map(|_| PathGroup::parse(fields)).collect::<Result<_, _>>()?;
        Ok(Self { features, handler, first_group, groups })
    }
}

impl fmt::Display for MultipathTable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { features, handler, first_group, groups } = self;
        let mut out = Printer::new(f);
        out.options(features);
        out.group(|out| {
            if let Some(HardwareHandler { name, args }) = handler {
                out.put(name).all(args);
            }
        });
        out.count(groups.len()).put(first_group);
        for group in groups {
            group.print(&mut out);
        }
        out.space().end()
    }
}
