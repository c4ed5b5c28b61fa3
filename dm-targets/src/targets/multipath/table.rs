//! The table.
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
    /// How requests are handed to the paths.
    pub enum QueueMode {
        /// As bios, before they are merged; hardware handlers are not used.
        Bio = "bio",
        /// As requests; the kernel's default.
        Rq = "rq",
        /// As requests, through several queues; today the same as `rq`.
        Mq = "mq",
    }
}

/// What makes storage take requests on a path that it does not prefer.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct HardwareHandler {
    /// Its name, such as `alua`.
    pub name: WordBuf,
    /// Its arguments, which the kernel does not print.
    pub args: Vec<WordBuf>,
}

impl HardwareHandler {
    /// The handler `name` without arguments.
    #[must_use]
    pub const fn new(name: WordBuf) -> Self {
        Self { name, args: Vec::new() }
    }

    /// The same with arguments.
    #[must_use]
    pub fn args(self, args: impl IntoIterator<Item = WordBuf>) -> Self {
        Self { args: args.into_iter().collect(), ..self }
    }
}

options! {
    /// The features of a `multipath` table.
    pub struct MultipathFeatures for MultipathTable.features {
        /// Requests wait when no path is left, instead of failing.
        queue_if_no_path(): bool = Flag("queue_if_no_path");
        /// How often the initialisation of a group is tried again, 1 to 50.
        pg_init_retries(retries: u32): Option<u32> = Argument(Limits::new("pg_init_retries", 1, 50));
        /// How many milliseconds lie between the tries, at most 60000; 2000 if not given.
        pg_init_delay_msecs(delay: u32): Option<u32> = Argument(Limits::new("pg_init_delay_msecs", 0, 60_000));
        /// The hardware handler that a path has already is kept.
        retain_attached_hw_handler(): bool = Flag("retain_attached_hw_handler"), since (1, 5, 0);
        /// How requests are handed to the paths.
        queue_mode(mode: QueueMode): Option<QueueMode> = Argument("queue_mode");
    }
    other {
        /// Feature words that this crate does not know; they are printed after the others.
        other_features: WordBuf = "feature";
    }
    case: Any;
    count: Required, Limits::new("number of feature args", 0, 8);
}

/// The table of a `multipath` target.
///
/// ```
/// use dm_targets::multipath::{MultipathTable, PathGroup};
/// use dm_units::DeviceNumber;
///
/// let paths = [DeviceNumber::new(254, 0), DeviceNumber::new(254, 16)];
/// let table = MultipathTable::new([PathGroup::round_robin(paths)]).queue_if_no_path();
/// assert_eq!(table.to_string(), "1 queue_if_no_path 0 1 1 round-robin 0 2 1 254:0 1 254:16 1 ");
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct MultipathTable {
    /// How paths are used.
    pub features: MultipathFeatures,
    /// The hardware handler of all paths.
    pub handler: Option<HardwareHandler>,
    /// The number of the group that is used first, from 1; 0 if there are none.
    pub first_group: u32,
    /// The groups, the preferred one first.
    pub groups: Vec<PathGroup>,
}

impl MultipathTable {
    /// The groups, to be used in their order, with no features.
    pub fn new(groups: impl IntoIterator<Item = PathGroup>) -> Self {
        let groups: Vec<PathGroup> = groups.into_iter().collect();
        let first_group = u32::from(!groups.is_empty());
        Self { features: MultipathFeatures::default(), handler: None, first_group, groups }
    }

    /// Uses a hardware handler for all paths.
    #[must_use]
    pub fn handler(self, handler: HardwareHandler) -> Self {
        Self { handler: Some(handler), ..self }
    }

    /// Uses the group with this number first, from 1.
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
        (0, 1..) => Err(InvalidField::new(FIRST_GROUP.field(), Problem::Expected("at least 1, as there are groups"))),
        (1.., 0) => Err(InvalidField::new(FIRST_GROUP.field(), Problem::Expected("0, as there are no groups"))),
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
