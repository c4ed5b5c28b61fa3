//! The named parameters of a table.
//!
//! Kernel: `parse_raid_params` and `raid_status` in `drivers/md/dm-raid.c`.

use super::RaidParams;
use crate::option::{Flag, OptionGroup, OptionKind, OptionWord};
use crate::{Fields, Limits, ParseError, Printer, Problem, TextForm, Value};

/// Counts the words from the chunk size to the last parameter.
pub(super) const PARAM_COUNT: Limits = Limits::new("number of raid parameters", 1, u32::MAX as u64);

/// The flag `raid10_use_near_sets`, which the kernel counts but does not print.
pub(super) struct NearSets;

impl NearSets {
    const FLAG: Flag = Flag("raid10_use_near_sets");

    pub(super) const fn word(&self) -> &'static str {
        Self::FLAG.word()
    }
}

impl OptionKind<bool> for NearSets {
    #[inline]
    fn begins(&self, word: OptionWord<'_>) -> bool {
        Self::FLAG.begins(word)
    }

    fn read(&self, field: &mut bool, word: OptionWord<'_>, fields: &mut Fields<'_>) -> Result<(), ParseError> {
        Self::FLAG.read(field, word, fields)
    }

    fn print(&self, field: &bool, out: &mut Printer<'_, '_>) {
        match out.form() {
            TextForm::Printed if *field => {
                out.count_unwritten();
            }
            _ => Self::FLAG.print(field, out),
        }
    }

    fn given(&self, field: &bool) -> Option<&'static str> {
        Self::FLAG.given(field)
    }
}

impl RaidParams {
    /// Reads the parameters after the chunk size. Also returns the number of words that are counted but missing.
    ///
    /// The count that a kernel prints may be too large, so in printed text a number in place of a parameter's name also ends
    /// the parameters.
    pub(super) fn read_counted(fields: &mut Fields<'_>, counted: u32) -> Result<(Self, u32), ParseError> {
        let (mut params, mut last) = (Self::default(), 0);
        let mut left = counted.saturating_sub(1);
        while left > 0 {
            let Some(word) = fields.peek() else { break };
            let ends = fields.form() == TextForm::Printed && u32::read(word).is_ok();
            if ends && params.other_params.is_empty() {
                break;
            }
            let before = fields.word_number();
            fields.next_word();
            let name = fields.clone();
            let place = match params.read_option(word, fields)? {
                Some(place) => place,
                None => {
                    params.keep(word).map_err(|problem| fields.error(Self::NAME, problem))?;
                    usize::MAX
                }
            };
            if place < last {
                fields.note_unusual();
            }
            last = place;
            let read = fields.word_number().saturating_sub(before);
            let Some(rest) = left.checked_sub(u32::try_from(read).unwrap_or(u32::MAX)) else {
                return Err(name.error(Self::NAME, Problem::Expected("counted together with its value")));
            };
            left = rest;
        }
        Ok((params, left))
    }
}
