//! The counters of an area.

use alloc::vec::Vec;
use core::fmt::{self, Write};
use core::str::FromStr;

use dm_units::Sectors;

use super::StatsRange;
use super::create::print_numbers;
use crate::{Fields, Params, ParseError, Printer, Problem, TextKind, Value, Word, WordBuf};

/// The counters of an area: one line of the reply to `@stats_print`.
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
    /// The start of the area, and the area size of the region. The last area of a region can be shorter than this size.
    pub range: StatsRange,
    /// The counters of reads.
    pub reads: StatsCounts,
    /// The counters of writes.
    pub writes: StatsCounts,
    /// The number of requests in flight.
    pub in_flight: i32,
    /// The time during which at least one request was in flight.
    pub time: u64,
    /// The sum of the times for which requests were in flight.
    pub weighted_time: u64,
    /// The time during which at least one read was in flight.
    pub read_time: u64,
    /// The time during which at least one write was in flight.
    pub write_time: u64,
    /// The number of requests in each interval of durations. The first interval is below the first boundary, and each
    /// boundary begins another interval. Empty if the region has no histogram.
    pub histogram: Vec<u64>,
    /// Words after the known ones, which a later kernel may print.
    #[cfg_attr(feature = "serde", serde(default))]
    pub extra: Vec<WordBuf>,
}

/// The counters of the reads or of the writes in an area.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct StatsCounts {
    /// The number of completed requests.
    pub completed: u64,
    /// The number of requests that start where the previous one on the same CPU ended, in the same direction.
    pub merged: u64,
    /// The number of sectors transferred.
    pub sectors: Sectors,
    /// The sum of the durations of all requests, in milliseconds, or in nanoseconds with precise timestamps.
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

/// A signed number, which the kernel prints with `%d`.
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

/// The counters of a histogram, separated by colons.
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
        // A histogram has at least two counters, so its word contains a colon.
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
        Fields::printed(line).read_all(Self::parse).map_err(|error| error.in_part(TextKind::Reply))
    }
}

/// Prints the line without a line feed.
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
        assert_eq!(
            format!("{COUNTERS} 0:").parse::<StatsArea>().unwrap_err().to_string(),
            "reply: word 15, histogram, must be a decimal number"
        );
    }
}
