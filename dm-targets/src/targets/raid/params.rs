//! The parameters of a table that have names.
//!
//! Kernel: `parse_raid_params` and `raid_status` in `drivers/md/dm-raid.c`.

use alloc::collections::BTreeSet;

use super::{RaidSync, RaidTable};
use crate::pairs::read_once;
use crate::{Fields, Form, InvalidField, ParseError, Printer, Problem, Value, Word, WordBuf};

const PARAM: &str = "raid parameter";
const NEAR_SETS: &str = "raid10_use_near_sets";

impl RaidTable {
    /// Reads the parameters after the chunk size. Gives back how many words are counted that are not there.
    ///
    /// The count cannot be relied on, so a number where a parameter's name should be ends them too.
    pub(super) fn parse_params(&mut self, fields: &mut Fields<'_>, counted: u32) -> Result<u32, ParseError> {
        let mut left = counted.saturating_sub(1);
        while left > 0 {
            let Some(word) = fields.peek() else { break };
            if u32::read(word).is_ok() && self.other_params.is_empty() {
                break;
            }
            fields.next_word();
            left = left.saturating_sub(1);
            if self.set_flag(word).map_err(|problem| fields.error(PARAM, problem))? {
                continue;
            }
            let Some((name, set)) = VALUES.iter().find(|(name, _)| word.is(name)) else {
                self.other_params.push(WordBuf::read(word).map_err(|problem| fields.error(PARAM, problem))?);
                continue;
            };
            if left == 0 {
                return Err(fields.error(name, Problem::Expected("counted together with its value")));
            }
            fields.set_argument(name, |value| set(self, name, value))?;
            left = left.saturating_sub(1);
        }
        Ok(left)
    }

    /// Sets the parameter without a value that `word` is; `Ok(false)` if it is none of them.
    fn set_flag(&mut self, word: Word<'_>) -> Result<bool, Problem> {
        let (sync, other) = match word {
            _ if word.is("sync") => (RaidSync::Sync, "nosync"),
            _ if word.is("nosync") => (RaidSync::NoSync, "sync"),
            _ if word.is(NEAR_SETS) && self.raid10_use_near_sets => return Err(Problem::Repeated),
            _ if word.is(NEAR_SETS) => {
                self.raid10_use_near_sets = true;
                return Ok(true);
            }
            _ => return Ok(false),
        };
        match self.sync.replace(sync) {
            None => Ok(true),
            Some(before) if before == sync => Err(Problem::Repeated),
            Some(_) => Err(Problem::Conflict(other)),
        }
    }

    pub(super) fn print_params(&self, out: &mut Printer<'_, '_>) {
        match self.sync {
            Some(RaidSync::Sync) => out.word("sync"),
            Some(RaidSync::NoSync) => out.word("nosync"),
            None => out,
        };
        print_each(out, "rebuild", &self.rebuild);
        out.argument("daemon_sleep", &self.daemon_sleep);
        out.argument("min_recovery_rate", &self.min_recovery_rate)
            .argument("max_recovery_rate", &self.max_recovery_rate);
        print_each(out, "write_mostly", &self.write_mostly);
        out.argument("max_write_behind", &self.max_write_behind).argument("stripe_cache", &self.stripe_cache);
        out.argument("region_size", &self.region_size);
        out.argument("raid10_copies", &self.raid10_copies).argument("raid10_format", &self.raid10_format);
        if self.raid10_use_near_sets && out.form() == Form::Input {
            out.word(NEAR_SETS);
        }
        out.argument("delta_disks", &self.delta_disks).argument("data_offset", &self.data_offset);
        out.argument("journal_dev", &self.journal_dev).argument("journal_mode", &self.journal_mode);
        out.all(&self.other_params);
    }

    /// How many words the kernel counts from the chunk size on.
    pub(super) fn param_count(&self) -> usize {
        let values = [
            self.daemon_sleep.is_some(),
            self.min_recovery_rate.is_some(),
            self.max_recovery_rate.is_some(),
            self.max_write_behind.is_some(),
            self.stripe_cache.is_some(),
            self.region_size.is_some(),
            self.raid10_copies.is_some(),
            self.raid10_format.is_some(),
            self.delta_disks.is_some(),
            self.data_offset.is_some(),
            self.journal_dev.is_some(),
            self.journal_mode.is_some(),
        ];
        let set = values.into_iter().filter(|set| *set).count();
        let pairs = [set, self.rebuild.len(), self.write_mostly.len()].into_iter().sum::<usize>();
        let flags = usize::from(self.sync.is_some()).saturating_add(self.raid10_use_near_sets.into());
        let words = pairs.saturating_mul(2).saturating_add(flags).saturating_add(self.other_params.len());
        words.saturating_add(1).saturating_add(self.surplus as usize)
    }
}

/// Sets the parameter with a value that has this name.
type SetValue = fn(&mut RaidTable, &'static str, Word<'_>) -> Result<(), InvalidField>;

const VALUES: [(&str, SetValue); 14] = [
    ("rebuild", |table, name, word| insert_once(&mut table.rebuild, name, word)),
    ("daemon_sleep", |table, name, word| read_once(&mut table.daemon_sleep, name, word)),
    ("min_recovery_rate", |table, name, word| read_once(&mut table.min_recovery_rate, name, word)),
    ("max_recovery_rate", |table, name, word| read_once(&mut table.max_recovery_rate, name, word)),
    ("write_mostly", |table, name, word| insert_once(&mut table.write_mostly, name, word)),
    ("max_write_behind", |table, name, word| read_once(&mut table.max_write_behind, name, word)),
    ("stripe_cache", |table, name, word| read_once(&mut table.stripe_cache, name, word)),
    ("region_size", |table, name, word| read_once(&mut table.region_size, name, word)),
    ("raid10_copies", |table, name, word| read_once(&mut table.raid10_copies, name, word)),
    ("raid10_format", |table, name, word| read_once(&mut table.raid10_format, name, word)),
    ("delta_disks", |table, name, word| read_once(&mut table.delta_disks, name, word)),
    ("data_offset", |table, name, word| read_once(&mut table.data_offset, name, word)),
    ("journal_dev", |table, name, word| read_once(&mut table.journal_dev, name, word)),
    ("journal_mode", |table, name, word| read_once(&mut table.journal_mode, name, word)),
];

fn insert_once(indexes: &mut BTreeSet<u32>, name: &'static str, word: Word<'_>) -> Result<(), InvalidField> {
    match u32::read(word) {
        Ok(index) if indexes.insert(index) => Ok(()),
        Ok(_) => Err(InvalidField::new(name, Problem::Repeated)),
        Err(problem) => Err(InvalidField::new(name, problem)),
    }
}

fn print_each(out: &mut Printer<'_, '_>, name: &str, indexes: &BTreeSet<u32>) {
    for index in indexes {
        out.word(name).put(index);
    }
}
