//! [`StatsRegion`]: a line of the reply to `@stats_list`.

use alloc::vec::Vec;
use core::fmt::{self, Write};
use core::str::FromStr;

use dm_units::Sectors;

use super::create::{print_options, split_options};
use super::{AUX, PROGRAM, REGION_ID, StatsRange};
use crate::{Fields, Params, ParseError, Printer, Problem, TextKind, Value, Word, WordBuf};

/// A statistics region: one line of the reply to `@stats_list`.
///
/// ```text
/// <id>: <range> <step> <program> <aux>[ precise_timestamps][ histogram:<boundary>[,<boundary>]…]
/// ```
///
/// The kernel does not quote `<program>` and `<aux>`. `<program>` is assumed to be one word, and `<aux>` at least one.
/// Words at the end of the line that look like an option are parsed as options, even if they belong to `<aux>`.
///
/// Interface version 4.32 does not list the options: `precise_timestamps` is then false and `histogram` empty, even if
/// the region was created with them.
///
/// Kernel: `dm_stats_list` in `drivers/md/dm-stats.c`.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct StatsRegion {
    /// The id, by which other messages address the region.
    pub id: u32,
    /// The part of the device.
    pub range: StatsRange,
    /// The size of the areas into which the range is divided. The last area can be shorter.
    pub step: Sectors,
    /// The program that the region belongs to; `-` for none.
    pub program: WordBuf,
    /// The data that the program stored with the region; `-` for none.
    pub aux: WordBuf,
    /// Whether times have a resolution of nanoseconds and are given in nanoseconds. Otherwise, they are measured in
    /// ticks of the kernel's clock and given in milliseconds.
    pub precise_timestamps: bool,
    /// The boundaries of the histogram of request durations, in milliseconds, or in nanoseconds with
    /// `precise_timestamps`. Empty if the region has no histogram.
    pub histogram: Vec<u64>,
}

/// The id of a region, followed by a colon.
struct Label(u32);

impl Value for Label {
    fn read(word: Word<'_>) -> Result<Self, Problem> {
        let id = word.spelling().strip_suffix(':').ok_or(Problem::Expected("a number and a colon"))?;
        let id = u32::read(Word::plain(id))?;
        REGION_ID.check(id).map(|()| Self(id)).map_err(|invalid| invalid.problem())
    }

    fn print(&self, out: &mut Printer<'_, '_>) -> fmt::Result {
        self.0.print(out)?;
        out.write_char(':')
    }
}

impl Params for StatsRegion {
    fn parse(fields: &mut Fields<'_>) -> Result<Self, ParseError> {
        let Label(id) = fields.read(REGION_ID.field())?;
        let (range, step) = (fields.read("range")?, fields.read("step")?);
        let Some((program, rest)) = fields.remainder().trim_start_matches(' ').split_once(' ') else {
            fields.next_word().ok_or_else(|| fields.missing(PROGRAM))?;
            return Err(fields.missing(AUX));
        };
        let program = WordBuf::new(program).map_err(|problem| fields.error(PROGRAM, problem))?;
        let (aux, precise_timestamps, histogram) = split_options(rest);
        // `rest` was split as it was printed; the words are skipped, so that `fields` is at its end.
        while fields.next_word().is_some() {}
        let aux = WordBuf::new(aux).map_err(|problem| fields.error(AUX, problem))?;
        Ok(Self { id, range, step, program, aux, precise_timestamps, histogram })
    }
}

impl FromStr for StatsRegion {
    type Err = ParseError;

    fn from_str(line: &str) -> Result<Self, ParseError> {
        Fields::printed(line).read_all(Self::parse).map_err(|error| error.in_part(TextKind::Reply))
    }
}

/// Prints the line without a line feed.
impl fmt::Display for StatsRegion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut out = Printer::printed(f);
        out.put(&Label(self.id)).put(&self.range).put(&self.step).put(&self.program).put(&self.aux);
        print_options(&mut out, self.precise_timestamps, &self.histogram);
        out.end()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn aux_of(line: &str) -> (String, bool, Vec<u64>) {
        let region: StatsRegion = line.parse().unwrap();
        assert_eq!(region.to_string(), line);
        (region.aux.to_string(), region.precise_timestamps, region.histogram)
    }

    #[test]
    fn aux_data_may_be_several_words() {
        assert_eq!(aux_of("2: 0+8 8 prog a b"), ("a b".to_owned(), false, vec![]));
        assert_eq!(aux_of("2: 0+8 8 prog a precise_timestamps"), ("a".to_owned(), true, vec![]));
        assert_eq!(aux_of("2: 0+8 8 prog precise_timestamps"), ("precise_timestamps".to_owned(), false, vec![]));
        assert_eq!(aux_of("2: 0+8 8 prog histogram:1,2"), ("histogram:1,2".to_owned(), false, vec![]));
        assert_eq!(
            aux_of("3: 0+8 8 prog precise_timestamps precise_timestamps histogram:1,2"),
            ("precise_timestamps".to_owned(), true, vec![1, 2])
        );
        assert_eq!(aux_of("3: 0+8 8 prog histogram:2,1"), ("histogram:2,1".to_owned(), false, vec![]));
    }

    #[test]
    fn aux_data_may_end_with_what_the_kernel_does_not_print_as_an_option() {
        for aux in ["a HISTOGRAM:1", "a Precise_Timestamps", "a histogram:01", "a histogram:1,+2"] {
            assert_eq!(aux_of(&format!("2: 0+8 8 prog {aux}")), (aux.to_owned(), false, vec![]));
        }
    }

    #[test]
    fn lines_with_missing_words_or_without_a_colon_are_refused() {
        let error = |line: &str| line.parse::<StatsRegion>().unwrap_err().to_string();
        assert_eq!(error("0 0+8 8 - -"), "reply: word 1, region id, must be a number and a colon");
        assert_eq!(error("0: 0+8 8"), "reply: word 4, program id, is missing");
        assert_eq!(error("0: 0+8 8 -"), "reply: word 5, aux data, is missing");
    }
}
