//! The counters of an area.

use alloc::vec::Vec;
use core::fmt::{self, Write};
use core::str::FromStr;

use dm_units::Sectors;

use super::StatsRange;
use super::create::print_numbers;
use crate::{Fields, Params, ParseError, Part, Printer, Problem, Value, Word, WordBuf};

/// The counters of an area: a line of the answer to `@stats_print`.
///
/// ```text
/// <start>+<step> <reads>{4} <writes>{4} <in_flight> <busy> <weighted> <busy reading> <busy writing> [<count>[:<count>]…]
/// ```
///
/// Times are in milliseconds, or in nanoseconds in a region with precise timestamps.
///
/// Kernel: `dm_stats_print` in `drivers/md/dm-stats.c`.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct StatsArea {
    /// Where the area starts, and the size of areas; the last area of a region may be shorter than that.
    pub range: StatsRange,
    /// What was read.
    pub reads: StatsCounts,
    /// What was written.
    pub writes: StatsCounts,
    /// How many requests are under way.
    pub in_flight: i32,
    /// For how long any request was under way.
    pub time: u64,
    /// The sum of the times for which requests were under way.
    pub weighted_time: u64,
    /// For how long any read was under way.
    pub read_time: u64,
    /// For how long any write was under way.
    pub write_time: u64,
    /// How many requests took how long: up to the first boundary, the second and so on, and longer; empty for no histogram.
    pub histogram: Vec<u64>,
    /// Words after the known ones, which a later kernel may print.
    #[cfg_attr(feature = "serde", serde(default, skip_serializing_if = "Vec::is_empty"))]
    pub extra: Vec<WordBuf>,
}

/// What was done in one direction.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct StatsCounts {
    /// How many requests were completed.
    pub completed: u64,
    /// How many requests were merged with others.
    pub merged: u64,
    /// How much was transferred.
    pub sectors: Sectors,
    /// The sum of the times that requests took.
    pub time: u64,
}

impl StatsCounts {
    fn parse(fields: &mut Fields<'_>, time: &'static str) -> Result<Self, ParseError> {
        Ok(Self {
            completed: fields.read("completed requests")?,
            merged: fields.read("merged requests")?,
            sectors: fields.read("sectors")?,
            time: fields.read(time)?,
        })
    }
}

/// A number that may be negative: requests may be counted on one CPU when they start and on another when they end.
struct Signed(i32);

impl Value for Signed {
    fn read(word: Word<'_>) -> Result<Self, Problem> {
        let digits = word.spelling().strip_prefix('-').unwrap_or(word.spelling());
        u32::read(Word::plain(digits))?;
        word.spelling().parse().map(Self).map_err(|_| Problem::Expected("from -2147483648 to 2147483647"))
    }

    fn print(&self, out: &mut Printer<'_, '_>) -> fmt::Result {
        write!(out, "{}", self.0)
    }
}

/// The counters of a histogram, with colons between them.
struct Histogram(Vec<u64>);

impl Value for Histogram {
    fn read(word: Word<'_>) -> Result<Self, Problem> {
        let counts = word.spelling().split(':').map(|count| u64::read(Word::plain(count)));
        counts.collect::<Result<_, _>>().map(Self)
    }

    fn print(&self, out: &mut Printer<'_, '_>) -> fmt::Result {
        print_numbers(out, &self.0, ':')
    }
}

impl Params for StatsArea {
    fn parse(fields: &mut Fields<'_>) -> Result<Self, ParseError> {
        let mut area = Self {
            range: fields.read("range")?,
            reads: StatsCounts::parse(fields, "time of reads")?,
            writes: StatsCounts::parse(fields, "time of writes")?,
            in_flight: fields.read::<Signed>("requests in flight")?.0,
            time: fields.read("time")?,
            weighted_time: fields.read("weighted time")?,
            read_time: fields.read("time reading")?,
            write_time: fields.read("time writing")?,
            histogram: Vec::new(),
            extra: Vec::new(),
        };
        // A histogram has two counters or more.
        if fields.peek().is_some_and(|word| word.spelling().contains(':')) {
            area.histogram = fields.read::<Histogram>("histogram")?.0;
        }
        area.extra = fields.read_rest("extra")?;
        Ok(area)
    }
}

impl FromStr for StatsArea {
    type Err = ParseError;

    fn from_str(line: &str) -> Result<Self, ParseError> {
        Fields::printed(line).read_all(Self::parse).map_err(|error| error.in_part(Part::Reply))
    }
}

/// The line, without the line feed.
impl fmt::Display for StatsArea {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut out = Printer::printed(f);
        out.put(&self.range);
        for counts in [&self.reads, &self.writes] {
            out.put(&counts.completed).put(&counts.merged).put(&counts.sectors).put(&counts.time);
        }
        out.put(&Signed(self.in_flight)).put(&self.time).put(&self.weighted_time);
        out.put(&self.read_time).put(&self.write_time);
        if !self.histogram.is_empty() {
            out.next_word(|out| print_numbers(out, &self.histogram, ':'));
        }
        out.all(&self.extra).end()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const COUNTERS: &str = "0+8 1 2 3 4 5 6 7 8 9 10 11 12 13";

    #[test]
    fn in_flight_may_be_negative() {
        let line = COUNTERS.replace(" 9 ", " -9 ");
        let area: StatsArea = line.parse().unwrap();
        assert_eq!(area.in_flight, -9);
        assert_eq!(area.to_string(), line);
        for bad in ["+9", "-", "--9", "2147483648", "x"] {
            assert!(COUNTERS.replace(" 9 ", &format!(" {bad} ")).parse::<StatsArea>().is_err(), "{bad}");
        }
    }

    #[test]
    fn words_after_the_counters_are_a_histogram_or_unknown() {
        let area: StatsArea = format!("{COUNTERS} 0:29:0 7").parse().unwrap();
        assert_eq!(area.histogram, [0, 29, 0]);
        assert_eq!(area.extra.len(), 1);
        let area: StatsArea = format!("{COUNTERS} 7").parse().unwrap();
        assert_eq!((area.histogram.len(), area.extra.len()), (0, 1));
        assert!(format!("{COUNTERS} 0:").parse::<StatsArea>().is_err());
    }
}
