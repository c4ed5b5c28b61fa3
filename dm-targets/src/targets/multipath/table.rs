//! The table.
//!
//! Kernel: `multipath_ctr` and `multipath_status` in `drivers/md/dm-mpath.c`.

use alloc::vec::Vec;
use core::fmt;

use super::PathGroup;
use crate::keywords::keywords;
use crate::pairs::read_once;
use crate::{Fields, InvalidField, Limits, Params, ParseError, Printer, Problem, Value, WordBuf};

const FEATURE_COUNT: Limits = Limits::new("number of feature args", 0, 8);
const PG_INIT_RETRIES: Limits = Limits::new("pg_init_retries", 1, 50);
const PG_INIT_DELAY: Limits = Limits::new("pg_init_delay_msecs", 0, 60_000);
const QUEUE_MODE: &str = "queue_mode";
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
#[derive(Clone, Debug, PartialEq, Eq)]
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

    fn words(&self) -> usize {
        self.args.len().saturating_add(1)
    }
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
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct MultipathTable {
    /// Requests wait when no path is left, instead of failing.
    pub queue_if_no_path: bool,
    /// How often the initialisation of a group is tried again.
    pub pg_init_retries: Option<u32>,
    /// How many milliseconds lie between the tries; 2000 if not given.
    pub pg_init_delay_msecs: Option<u32>,
    /// The hardware handler that a path has already is kept.
    pub retain_attached_hw_handler: bool,
    /// How requests are handed to the paths.
    pub queue_mode: Option<QueueMode>,
    /// Feature words that this version does not know; they are printed after the others.
    pub other_features: Vec<WordBuf>,
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
        Self {
            queue_if_no_path: false,
            pg_init_retries: None,
            pg_init_delay_msecs: None,
            retain_attached_hw_handler: false,
            queue_mode: None,
            other_features: Vec::new(),
            handler: None,
            first_group: u32::from(!groups.is_empty()),
            groups,
        }
    }

    /// Lets requests wait when no path is left.
    #[must_use]
    pub fn queue_if_no_path(self) -> Self {
        Self { queue_if_no_path: true, ..self }
    }

    /// Tries to initialise a group up to `retries` times more, 1 to 50.
    #[must_use]
    pub fn pg_init_retries(self, retries: u32) -> Self {
        Self { pg_init_retries: Some(retries), ..self }
    }

    /// Waits `delay` milliseconds between these tries, at most 60000.
    #[must_use]
    pub fn pg_init_delay_msecs(self, delay: u32) -> Self {
        Self { pg_init_delay_msecs: Some(delay), ..self }
    }

    /// Keeps the hardware handler that a path has already.
    #[must_use]
    pub fn retain_attached_hw_handler(self) -> Self {
        Self { retain_attached_hw_handler: true, ..self }
    }

    /// Hands requests to the paths in this way.
    #[must_use]
    pub fn queue_mode(self, mode: QueueMode) -> Self {
        Self { queue_mode: Some(mode), ..self }
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

    fn feature_words(&self) -> usize {
        let flags = [self.queue_if_no_path, self.retain_attached_hw_handler];
        let pairs = [self.pg_init_retries.is_some(), self.pg_init_delay_msecs.is_some(), self.queue_mode.is_some()];
        let set = |options: &[bool]| options.iter().filter(|set| **set).count();
        set(&flags).saturating_add(set(&pairs).saturating_mul(2)).saturating_add(self.other_features.len())
    }

    pub(super) fn check(&self) -> Result<(), InvalidField> {
        FEATURE_COUNT.check(self.feature_words() as u64)?;
        self.pg_init_retries.map_or(Ok(()), |retries| PG_INIT_RETRIES.check(retries))?;
        self.pg_init_delay_msecs.map_or(Ok(()), |delay| PG_INIT_DELAY.check(delay))?;
        HANDLER_COUNT.check(self.handler.as_ref().map_or(0, HardwareHandler::words) as u64)?;
        GROUPS.check(self.groups.len() as u64)?;
        check_first_group(self.first_group, self.groups.len())?;
        self.groups.iter().try_for_each(PathGroup::check)
    }

    /// Reads the words of the features, which may stand in any order.
    fn parse_features(&mut self, mut words: Fields<'_>) -> Result<(), ParseError> {
        while let Some(word) = words.next_word() {
            match word {
                _ if word.is("queue_if_no_path") => set_once(&mut self.queue_if_no_path, &words)?,
                _ if word.is("retain_attached_hw_handler") => set_once(&mut self.retain_attached_hw_handler, &words)?,
                _ if word.is(PG_INIT_RETRIES.field()) => {
                    words.read_argument_once(&mut self.pg_init_retries, &PG_INIT_RETRIES)?;
                }
                _ if word.is(PG_INIT_DELAY.field()) => {
                    words.read_argument_once(&mut self.pg_init_delay_msecs, &PG_INIT_DELAY)?;
                }
                _ if word.is(QUEUE_MODE) => {
                    let slot = &mut self.queue_mode;
                    words.set_argument(QUEUE_MODE, |value| read_once(slot, QUEUE_MODE, value))?;
                }
                _ => {
                    let other = WordBuf::read(word).map_err(|problem| words.error("feature", problem))?;
                    self.other_features.push(other);
                }
            }
        }
        Ok(())
    }

    fn print_features(&self, out: &mut Printer<'_, '_>) {
        out.count(self.feature_words());
        if self.queue_if_no_path {
            out.word("queue_if_no_path");
        }
        out.argument(PG_INIT_RETRIES.field(), &self.pg_init_retries);
        out.argument(PG_INIT_DELAY.field(), &self.pg_init_delay_msecs);
        if self.retain_attached_hw_handler {
            out.word("retain_attached_hw_handler");
        }
        out.argument(QUEUE_MODE, &self.queue_mode);
        out.all(&self.other_features);
    }
}

/// Sets a flag that `words` has just read.
fn set_once(flag: &mut bool, words: &Fields<'_>) -> Result<(), ParseError> {
    if core::mem::replace(flag, true) { Err(words.error("feature", Problem::Repeated)) } else { Ok(()) }
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
        let mut table = Self::new([]);
        table.parse_features(fields.read_group(FEATURE_COUNT.field())?)?;
        let mut handler = fields.read_group(HANDLER_COUNT.field())?;
        if let Some(name) = handler.read_optional("hardware handler")? {
            table.handler = Some(HardwareHandler { name, args: handler.read_rest("hardware handler argument")? });
        }
        let groups: u32 = fields.read_within(&GROUPS)?;
        table.first_group = fields.read(FIRST_GROUP.field())?;
        check_first_group(table.first_group, groups as usize).map_err(|invalid| fields.blame(invalid))?;
        table.groups = (0..groups).map(|_| PathGroup::parse(fields)).collect::<Result<_, _>>()?;
        Ok(table)
    }
}

impl fmt::Display for MultipathTable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut out = Printer::new(f);
        self.print_features(&mut out);
        out.count(self.handler.as_ref().map_or(0, HardwareHandler::words));
        if let Some(handler) = &self.handler {
            out.put(&handler.name).all(&handler.args);
        }
        out.count(self.groups.len()).put(&self.first_group);
        for group in &self.groups {
            group.print(&mut out);
        }
        out.space().end()
    }
}
