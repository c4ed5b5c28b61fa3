//! The creation of a statistics region.

use alloc::vec::Vec;
use core::fmt::{self, Write};

use dm_units::Sectors;

use super::{AUX, PROGRAM};
use crate::{Fields, InvalidField, Limits, Number, Params, ParseError, Printer, Problem, Value, Word, WordBuf};

const STEP: &str = "step";
const OPTION: &str = "option";
const PRECISE_TIMESTAMPS: &str = "precise_timestamps";
const HISTOGRAM: &str = "histogram:";

/// The definition of a statistics region, for [`StatsMessage::Create`](super::StatsMessage::Create).
///
/// ```
/// use dm_targets::stats::{StatsCreate, StatsStep};
/// use dm_units::Sectors;
///
/// let create = StatsCreate::new(None, StatsStep::Sectors(Sectors(2048))).precise_timestamps().histogram([1000, 5000]);
/// assert_eq!(create.to_string(), "- 2048 2 precise_timestamps histogram:1000,5000");
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct StatsCreate {
    /// The sectors to count; `None` means the whole device, with the length that it has when the region is created.
    pub range: Option<StatsRange>,
    /// The division into areas.
    pub step: StatsStep,
    /// Whether times have a resolution of nanoseconds and are given in nanoseconds. Otherwise, they are measured in
    /// ticks of the kernel's clock and given in milliseconds.
    pub precise_timestamps: bool,
    /// The boundaries of a histogram of request durations, in milliseconds, or in nanoseconds with
    /// `precise_timestamps`. They must be in ascending order, and at least 1. Empty for no histogram.
    pub histogram: Vec<u64>,
    /// The program that the region belongs to; `None` for no program.
    pub program: Option<WordBuf>,
    /// Data that the program stores with the region; `None` for no data.
    pub aux: Option<WordBuf>,
}

/// A range of sectors of a device, printed as `start+length`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct StatsRange {
    /// The first sector.
    pub start: Sectors,
    /// The number of sectors.
    pub length: Sectors,
}

/// The division of a region into areas.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum StatsStep {
    /// Areas of this number of sectors each.
    Sectors(Sectors),
    /// At most this number of areas. The area size is rounded up to whole sectors. Printed as `/` followed by the
    /// number.
    Areas(u32),
}

impl StatsCreate {
    /// A region for the sectors of `range`, or for the whole device if `range` is `None`. The values are not checked;
    /// [`check`](Self::check) does that.
    #[must_use]
    pub fn new(range: Option<StatsRange>, step: StatsStep) -> Self {
        Self { range, step, precise_timestamps: false, histogram: Vec::new(), program: None, aux: None }
    }

    /// Measures times with a resolution of nanoseconds, and returns them in nanoseconds.
    #[must_use]
    pub fn precise_timestamps(self) -> Self {
        Self { precise_timestamps: true, ..self }
    }

    /// Counts requests by their duration, in a histogram with these boundaries.
    #[must_use]
    pub fn histogram(self, boundaries: impl IntoIterator<Item = u64>) -> Self {
        Self { histogram: boundaries.into_iter().collect(), ..self }
    }

    /// Sets the program that the region belongs to.
    #[must_use]
    pub fn program(self, program: WordBuf) -> Self {
        Self { program: Some(program), ..self }
    }

    /// Stores `aux` with the region.
    #[must_use]
    pub fn aux(self, aux: WordBuf) -> Self {
        Self { aux: Some(aux), ..self }
    }

    /// Checks for values that the kernel refuses on every device. The kernel's limits on areas and memory are not
    /// checked.
    ///
    /// # Errors
    ///
    /// [`Problem::OutOfRange`]: the range, an area or the number of areas is 0, or the range is too long.
    /// [`Problem::Expected`]: the boundaries are not in ascending order, or one is 0.
    pub fn check(&self) -> Result<(), InvalidField> {
        self.range.map_or(Ok(()), |range| range.check())?;
        self.step.check()?;
        if self.histogram.is_empty() { Ok(()) } else { check_boundaries(&self.histogram).map_err(invalid_histogram) }
    }

    pub(super) fn print<'p, 'f, 'o>(&self, out: &'p mut Printer<'f, 'o>) -> &'p mut Printer<'f, 'o> {
        // The number of options is always printed, because the kernel would take a program named 7 for it.
        let options = usize::from(self.precise_timestamps).saturating_add(usize::from(!self.histogram.is_empty()));
        out.put(&self.range).put(&self.step).count(options);
        print_options(out, self.precise_timestamps, &self.histogram);
        match (&self.program, &self.aux) {
            (None, Some(aux)) => out.word("-").put(aux),
            (program, aux) => out.all(program).all(aux),
        }
    }

    /// Parses the counted options.
    fn parse_options(&mut self, options: &mut Fields<'_>) -> Result<(), ParseError> {
        while let Some(word) = options.next_word() {
            let blame = |problem| options.error(OPTION, problem);
            if word.is(PRECISE_TIMESTAMPS) {
                if core::mem::replace(&mut self.precise_timestamps, true) {
                    return Err(blame(Problem::Repeated));
                }
            } else if let Some(boundaries) = boundaries(word) {
                if !self.histogram.is_empty() {
                    return Err(blame(Problem::Repeated));
                }
                self.histogram = read_boundaries(boundaries).map_err(blame)?;
            } else {
                return Err(blame(Problem::Unknown));
            }
        }
        Ok(())
    }
}

/// Prints the options in the order in which the kernel lists them.
pub(super) fn print_options(out: &mut Printer<'_, '_>, precise_timestamps: bool, histogram: &[u64]) {
    if precise_timestamps {
        out.word(PRECISE_TIMESTAMPS);
    }
    if !histogram.is_empty() {
        out.next_word(|out| {
            out.write_str(HISTOGRAM)?;
            print_numbers(out, histogram, ',')
        });
    }
}

/// Prints numbers with a separator.
pub(super) fn print_numbers(out: &mut Printer<'_, '_>, numbers: &[u64], separator: char) -> fmt::Result {
    for (number, at) in numbers.iter().zip(0..) {
        if at != 0 {
            out.write_char(separator)?;
        }
        number.print(out)?;
    }
    Ok(())
}

/// Splits the options from the end of a region's text in the list of regions. They are compared exactly, because the
/// kernel prints them in only one way.
pub(super) fn split_options(text: &str) -> (&str, bool, Vec<u64>) {
    let histogram = text.rsplit_once(' ').and_then(|(before, last)| {
        let boundaries = last.strip_prefix(HISTOGRAM)?;
        let is_printed = |number: &str| number.starts_with(|digit: char| matches!(digit, '1'..='9'));
        if !boundaries.split(',').all(is_printed) {
            return None;
        }
        Some((before, read_boundaries(boundaries).ok()?))
    });
    let (text, histogram) = histogram.unwrap_or((text, Vec::new()));
    match text.rsplit_once(' ') {
        Some((before, PRECISE_TIMESTAMPS)) => (before, true, histogram),
        _ => (text, false, histogram),
    }
}

/// The text after `histogram:`, in upper or lower case.
fn boundaries(word: Word<'_>) -> Option<&str> {
    let (name, boundaries) = word.spelling().split_at_checked(HISTOGRAM.len())?;
    name.eq_ignore_ascii_case(HISTOGRAM).then_some(boundaries)
}

fn read_boundaries(text: &str) -> Result<Vec<u64>, Problem> {
    let boundaries = text.split(',').map(|number| u64::read(Word::plain(number))).collect::<Result<Vec<_>, _>>()?;
    check_boundaries(&boundaries)?;
    Ok(boundaries)
}

fn check_boundaries(boundaries: &[u64]) -> Result<(), Problem> {
    let mut last = 0;
    for boundary in boundaries {
        if *boundary <= last {
            return Err(Problem::Expected("made of boundaries from 1, each larger than the one before"));
        }
        last = *boundary;
    }
    Ok(())
}

fn invalid_histogram(problem: Problem) -> InvalidField {
    InvalidField::new("histogram", problem)
}

impl Params for StatsCreate {
    fn parse(fields: &mut Fields<'_>) -> Result<Self, ParseError> {
        let range: Option<StatsRange> = fields.read("range")?;
        range.map_or(Ok(()), |range| range.check()).map_err(|invalid| fields.blame(invalid))?;
        let step: StatsStep = fields.read(STEP)?;
        step.check().map_err(|invalid| fields.blame(invalid))?;
        let mut create = Self::new(range, step);
        // Like the kernel, this takes a word of digits for the number of options, however large, and any other word for the
        // program.
        if fields.peek().is_some_and(|word| word.spelling().bytes().all(|byte| byte.is_ascii_digit())) {
            create.parse_options(&mut fields.read_group("number of options")?)?;
        }
        create.program = fields.read_optional(PROGRAM)?;
        create.aux = fields.read_optional(AUX)?;
        Ok(create)
    }
}

/// Prints the words after `@stats_create`.
impl fmt::Display for StatsCreate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.print(&mut Printer::new(f)).end()
    }
}

impl StatsRange {
    fn check(self) -> Result<(), InvalidField> {
        Limits::new("length of the range", 1, u64::MAX.saturating_sub(self.start.0)).check(self.length)
    }
}

impl Value for StatsRange {
    fn read(word: Word<'_>) -> Result<Self, Problem> {
        let (start, length) = word.split_once('+').ok_or(Problem::Expected("a range such as 0+8"))?;
        Ok(Self { start: Value::read(start)?, length: Value::read(length)? })
    }

    fn print(&self, out: &mut Printer<'_, '_>) -> fmt::Result {
        self.start.print(out)?;
        out.write_char('+')?;
        self.length.print(out)
    }
}

impl StatsStep {
    fn check(self) -> Result<(), InvalidField> {
        let number = match self {
            Self::Sectors(length) => length.get(),
            Self::Areas(count) => count.get(),
        };
        Limits::new(STEP, 1, u64::MAX).check(number)
    }
}

impl Value for StatsStep {
    fn read(word: Word<'_>) -> Result<Self, Problem> {
        match word.spelling().strip_prefix('/') {
            Some(count) => u32::read(Word::plain(count)).map(Self::Areas),
            None => Sectors::read(word).map(Self::Sectors),
        }
    }

    fn print(&self, out: &mut Printer<'_, '_>) -> fmt::Result {
        match self {
            Self::Sectors(length) => length.print(out),
            Self::Areas(count) => {
                out.write_char('/')?;
                count.print(out)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::StatsMessage;
    use super::*;

    fn parse(text: &str) -> Result<StatsCreate, String> {
        match format!("@stats_create {text}").parse() {
            Ok(StatsMessage::Create(create)) => Ok(create),
            Ok(other) => panic!("{other}"),
            Err(error) => Err(error.to_string()),
        }
    }

    #[test]
    fn a_program_of_digits_is_distinguished_from_the_count() {
        let word = |text| WordBuf::new(text).unwrap();
        let whole = || StatsCreate::new(None, StatsStep::Areas(1));
        assert_eq!(parse("- /1 prog").unwrap(), whole().program(word("prog")));
        assert_eq!(parse("- /1 0 77").unwrap(), whole().program(word("77")));
        assert_eq!(whole().program(word("77")).to_string(), "- /1 0 77");
        assert_eq!(whole().aux(word("a b")).to_string(), r"- /1 0 - a\ b");
        assert_eq!(
            parse("- /1 77 88").unwrap_err(),
            "message: word 4, number of options, counts 77 words, but 1 follow"
        );
        assert_eq!(
            parse("- /1 4294967296").unwrap_err(),
            "message: word 4, number of options, must be at most 4294967295"
        );
    }

    #[test]
    fn empty_ranges_and_steps_are_refused() {
        let error = |text| parse(text).unwrap_err();
        assert_eq!(error("5+0 8"), "message: word 2, length of the range, must be from 1 to 18446744073709551610");
        assert_eq!(error("5 8"), "message: word 2, range, must be a range such as 0+8");
        assert_eq!(error("- 0"), "message: word 3, step, must be at least 1");
        assert_eq!(error("- /0"), "message: word 3, step, must be at least 1");
        assert_eq!(error("-"), "message: word 3, step, is missing");
    }

    #[test]
    fn boundaries_ascend_from_1() {
        let create = parse("0+8 8 2 Histogram:1,2,30 PRECISE_timestamps").unwrap();
        assert_eq!(create.histogram, [1, 2, 30]);
        assert!(create.precise_timestamps);
        for bad in ["0,5", "5,5", "5,4"] {
            assert_eq!(
                parse(&format!("- 8 1 histogram:{bad}")).unwrap_err(),
                "message: word 5, option, must be made of boundaries from 1, each larger than the one before"
            );
        }
        assert_eq!(parse("- 8 1 histogram:").unwrap_err(), "message: word 5, option, must be a decimal number");
        assert_eq!(parse("- 8 2 histogram:1 histogram:2").unwrap_err(), "message: word 6, option, is given twice");
        assert_eq!(parse("- 8 1 other").unwrap_err(), "message: word 5, option, is not known");

        let create = StatsCreate::new(None, StatsStep::Sectors(Sectors(8)));
        assert_eq!(
            create.clone().histogram([1, 1]).check().unwrap_err().to_string(),
            "histogram must be made of boundaries from 1, each larger than the one before"
        );
        assert_eq!(create.histogram([1, 2]).check(), Ok(()));
        assert_eq!(
            StatsCreate::new(None, StatsStep::Areas(0)).check().unwrap_err().to_string(),
            "step must be at least 1"
        );
    }
}
