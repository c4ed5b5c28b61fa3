//! `multipath`: several paths to the same device, in groups of which one is used at a time.
//!
//! ```text
//! table   = <#features> {<feature>} <#handler> [<handler> {<handler_arg>}] <groups> <first_group> {<group>}
//! feature = queue_if_no_path | pg_init_retries <n> | pg_init_delay_msecs <n>
//!         | retain_attached_hw_handler | queue_mode <bio|rq|mq>
//! group   = <selector> <#selector_args> {<selector_arg>} <paths> <path_args> (<device> {<path_arg>}){paths}
//! status  = <#feature_words> <queue_io> <pg_init_count> <#handler_words> <groups> <group> {<group_status>}
//! group_status = <state> <#selector_words> {<selector_word>} <paths> <info_words> {<path_status>}
//! path_status  = <device> <state> <fail_count> {<info_word>}
//! message = queue_if_no_path | fail_if_no_path
//!         | disable_group <group> | enable_group <group> | switch_group <group>
//!         | fail_path <device> | reinstate_path <device>
//! ```
//!
//! | word | type | unit | range |
//! |---|---|---|---|
//! | #features | count | words | 0 to 8 |
//! | pg_init_retries | `u32` | | 1 to 50 |
//! | pg_init_delay_msecs | `u32` | milliseconds | 0 to 60000 |
//! | #handler | count | words, the name of the handler among them | 0 to 1024 |
//! | groups | `u32` | | 0 to 1024 |
//! | first_group | `u32` | a group's number, from 1 | 0 if and only if there are no groups |
//! | paths | `u32` | | 1 to 1024 |
//! | path_args | `u32` | words, the same for each path of a group | see [`PathGroup`] |
//! | queue_io | `u32` | | not 0 while requests wait for paths to be initialised |
//!
//! Table and status end with a space. `0 0 0 0` is a table without any path. The table that the kernel prints differs
//! from the one that it was given: arguments of the handler are lost, `first_group` is the group in use now,
//! `queue_if_no_path` follows the messages and is hidden while the device is suspended (with `queue_mode bio`, or with flushing), `queue_mode` is only printed
//! for `bio`, and before version 1.15 `retain_attached_hw_handler` comes with it.
//!
//! Messages are answered with nothing; they fail with `EBUSY` while the device is suspended.
//!
//! Kernel: `multipath_ctr`, `multipath_status` and `multipath_message` in `drivers/md/dm-mpath.c`, `*_add_path` and
//! `*_status` in `drivers/md/dm-ps-*.c`.

use alloc::vec::Vec;
use core::fmt;

use dm_units::Sectors;

use crate::keywords::keywords;
use crate::pairs::read_once;
use crate::{
    Device, Feature, Fields, Health, InvalidField, Limits, Message, NoReply, Params, ParseError, Printer, Problem,
    Target, Value, WordBuf,
};

mod group;
mod status;

pub use group::{CpuPath, OtherPath, PathGroup, RepeatPath, ThroughputPath};
pub use status::{GroupState, MultipathStatus, PathGroupStatus, PathInfo, PathState, PathStatus, SelectorInfo};

const FEATURE_COUNT: Limits = Limits::new("number of feature args", 0, 8);
const PG_INIT_RETRIES: Limits = Limits::new("pg_init_retries", 1, 50);
const PG_INIT_DELAY: Limits = Limits::new("pg_init_delay_msecs", 0, 60_000);
const QUEUE_MODE: &str = "queue_mode";
const HANDLER_COUNT: Limits = Limits::new("number of hardware handler args", 0, 1024);
const GROUPS: Limits = Limits::new("number of priority groups", 0, 1024);
const FIRST_GROUP: Limits = Limits::new("initial priority group number", 0, 1024);

/// The `multipath` target.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Multipath {}

impl Target for Multipath {
    const TYPE: &'static str = "multipath";
    type Table = MultipathTable;
    type Status = MultipathStatus;
    type Message = MultipathMessage;

    const SINGLETON: bool = true;

    const FEATURES: &'static [Feature] = &[Feature { name: "retain_attached_hw_handler", since: (1, 5, 0) }];

    fn check(table: &MultipathTable, _: Sectors) -> Result<(), InvalidField> {
        table.check()
    }

    fn health(status: &MultipathStatus) -> Health {
        status.health()
    }
}

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

    fn check(&self) -> Result<(), InvalidField> {
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

/// A message to a `multipath` target. Groups are numbered from 1.
///
/// ```
/// use dm_targets::multipath::MultipathMessage;
/// use dm_units::DeviceNumber;
///
/// let message = MultipathMessage::FailPath(DeviceNumber::new(8, 16).into());
/// assert_eq!(message.to_string(), "fail_path 8:16");
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum MultipathMessage {
    /// Lets requests wait when no path is left.
    QueueIfNoPath,
    /// Lets requests fail when no path is left, also those that wait now.
    FailIfNoPath,
    /// Uses a group only when no other one is left.
    DisableGroup(u32),
    /// Uses a group again that was disabled.
    EnableGroup(u32),
    /// Uses a group from now on.
    SwitchGroup(u32),
    /// Takes a path for failed.
    FailPath(Device),
    /// Uses a path again that has failed.
    ReinstatePath(Device),
}

impl Message for MultipathMessage {
    type Reply = NoReply;
}

impl Params for MultipathMessage {
    fn parse(fields: &mut Fields<'_>) -> Result<Self, ParseError> {
        let name = fields.next_word().ok_or_else(|| fields.missing("message"))?;
        Ok(match name {
            _ if name.is("queue_if_no_path") => Self::QueueIfNoPath,
            _ if name.is("fail_if_no_path") => Self::FailIfNoPath,
            _ if name.is("disable_group") => Self::DisableGroup(fields.read("group")?),
            _ if name.is("enable_group") => Self::EnableGroup(fields.read("group")?),
            _ if name.is("switch_group") => Self::SwitchGroup(fields.read("group")?),
            _ if name.is("fail_path") => Self::FailPath(fields.read("device")?),
            _ if name.is("reinstate_path") => Self::ReinstatePath(fields.read("device")?),
            _ => return Err(fields.error("message", Problem::Unknown)),
        })
    }
}

impl fmt::Display for MultipathMessage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut out = Printer::new(f);
        match self {
            Self::QueueIfNoPath => out.word("queue_if_no_path"),
            Self::FailIfNoPath => out.word("fail_if_no_path"),
            Self::DisableGroup(group) => out.word("disable_group").put(group),
            Self::EnableGroup(group) => out.word("enable_group").put(group),
            Self::SwitchGroup(group) => out.word("switch_group").put(group),
            Self::FailPath(device) => out.word("fail_path").put(device),
            Self::ReinstatePath(device) => out.word("reinstate_path").put(device),
        };
        out.end()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(text: &str) -> String {
        Multipath::parse_table(text).unwrap_err().to_string()
    }

    #[test]
    fn the_first_group_is_one_of_the_groups() {
        assert!(Multipath::parse_table("0 0 0 0").is_ok());
        let first = "initial priority group number, must be";
        assert_eq!(refusal("0 0 0 1"), format!("multipath table: word 4, {first} 0, as there are no groups"));
        assert_eq!(
            refusal("0 0 1 0 round-robin 0 1 0 8:0"),
            format!("multipath table: word 4, {first} at least 1, as there are groups")
        );
        assert_eq!(refusal("0 0 2 1 round-robin 0 1 0 8:0"), "multipath table: word 10, path selector, is missing");
        assert_eq!(refusal("0 0 1 1 round-robin 0 1 0 8:0 8:16"), "multipath table: word 10 is one word too many");
    }

    #[test]
    fn features_stand_in_any_order_and_once() {
        let table = Multipath::parse_table("5 queue_mode BIO pg_init_retries 5 QUEUE_IF_NO_PATH 0 0 0").unwrap();
        assert_eq!(table.to_string(), "5 queue_if_no_path pg_init_retries 5 queue_mode bio 0 0 0 ");
        assert_eq!(
            refusal("4 pg_init_retries 5 pg_init_retries 5 0 0 0"),
            "multipath table: word 4, pg_init_retries, is given twice"
        );
        assert_eq!(
            refusal("1 pg_init_retries 0 0 0"),
            "multipath table: word 2, pg_init_retries, must be followed by a value"
        );
        assert_eq!(
            refusal("2 pg_init_retries 51 0 0 0"),
            "multipath table: word 3, pg_init_retries, must be from 1 to 50"
        );
        assert_eq!(
            refusal("2 pg_init_delay_msecs 60001 0 0 0"),
            "multipath table: word 3, pg_init_delay_msecs, must be at most 60000"
        );
    }

    #[test]
    fn what_is_built_is_checked() {
        let check = |table: MultipathTable| Multipath::check(&table, Sectors(8)).map_err(|invalid| invalid.to_string());
        let table = MultipathTable::new([]);
        assert_eq!(check(table.clone().pg_init_retries(50).pg_init_delay_msecs(0)), Ok(()));
        assert!(check(table.clone().pg_init_retries(0)).is_err());
        assert!(check(table.clone().first_group(1)).is_err());
        let all = table.queue_if_no_path().pg_init_retries(1).pg_init_delay_msecs(1).retain_attached_hw_handler();
        let mut all = all.queue_mode(QueueMode::Rq);
        assert_eq!(check(all.clone()), Ok(()));
        all.other_features = vec![WordBuf::new("new").unwrap()];
        assert_eq!(check(all), Err("number of feature args must be at most 8".into()));
    }

    #[test]
    fn a_handler_keeps_its_arguments() {
        let handler = HardwareHandler::new(WordBuf::new("emc").unwrap());
        let table = MultipathTable::new([]).handler(handler.args(["0", "1"].map(|arg| WordBuf::new(arg).unwrap())));
        assert_eq!(table.to_string(), "0 3 emc 0 1 0 0 ");
        assert_eq!(Multipath::parse_input(&table.to_string()), Ok(table));
    }
}
