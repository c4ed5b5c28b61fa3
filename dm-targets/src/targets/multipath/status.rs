//! The status of a `multipath` target.

use alloc::vec::Vec;
use core::fmt;

use dm_units::DeviceNumber;

use crate::option::keywords::keywords;
use crate::{Concern, Fields, Health, Limits, Params, ParseError, Printer, Usage, WordBuf};

const PATHS: Limits = Limits::new("number of paths", 1, u64::MAX);
const FEATURE_WORDS: Limits = Limits::new("number of feature words", 2, u64::MAX);

keywords! {
    exact;
    /// Whether a path group is in use, can be used, or is disabled.
    pub enum GroupState {
        /// The group is used now.
        Active = "A",
        /// The group is neither used now nor disabled. Perhaps all its paths have failed.
        Enabled = "E",
        /// A message or a busy storage array has disabled the group. The kernel uses it only if no other group works.
        Disabled = "D",
    }
}

keywords! {
    exact;
    /// Whether a path works.
    pub enum PathState {
        /// The path works.
        Active = "A",
        /// The path has failed and is not used.
        Failed = "F",
    }
}

/// The state of a `multipath` target, of its path groups and of its paths.
///
/// ```
/// use dm_targets::multipath::PathState;
/// use dm_targets::{Multipath, Target};
///
/// let status = Multipath::parse_status("2 0 1 0 1 1 A 0 2 0 8:0 A 0 8:16 F 3 ")?;
/// let path = &status.groups[0].paths[1];
/// assert_eq!((&path.state, path.fail_count), (&PathState::Failed, 3));
/// # Ok::<(), dm_targets::ParseError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct MultipathStatus {
    /// Not 0 while the target queues all requests: before the first request, and while a hardware handler initializes
    /// the path group. Otherwise 0. Early kernels print the number of waiting requests here.
    pub queue_io: u32,
    /// The number of attempts to initialize the current path group.
    pub pg_init_count: u32,
    /// Words about features, which a later kernel may print.
    #[cfg_attr(feature = "serde", serde(default))]
    pub other_features: Vec<WordBuf>,
    /// Words about the hardware handler, which a later kernel may print.
    #[cfg_attr(feature = "serde", serde(default))]
    pub handler: Vec<WordBuf>,
    /// The number, from 1, of the group to which the next request switches. If no switch is pending, this is the number
    /// of the group in use, or 1 if no group is in use. 0 if there are no groups.
    pub group: u32,
    /// The groups in the order of the table.
    pub groups: Vec<PathGroupStatus>,
    /// Words after the known ones, which a later kernel may print.
    #[cfg_attr(feature = "serde", serde(default))]
    pub extra: Vec<WordBuf>,
}

/// The state of a path group and of its paths.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct PathGroupStatus {
    /// Whether the group is in use, can be used, or is disabled.
    pub state: GroupState,
    /// The words that the path selector prints about itself.
    pub selector: SelectorInfo,
    /// The paths in the order of the table.
    pub paths: Vec<PathStatus>,
}

/// The words that a path selector prints about itself.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub enum SelectorInfo {
    /// No words; most path selectors print none.
    Nothing,
    /// The two arguments of `historical-service-time`.
    HistoricalServiceTime {
        /// The weight of earlier requests in units of 1/1024.
        base_weight: u32,
        /// A path counts as slower than another only if it is slower by this factor. With 0 or 1, any difference
        /// counts.
        threshold_multiplier: u32,
    },
    /// Words that this crate does not know.
    Other(Vec<WordBuf>),
}

/// Whether a path works, and how often it has failed.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct PathStatus {
    /// The device that the path leads to.
    pub device: DeviceNumber,
    /// Whether the path works.
    pub state: PathState,
    /// How often the path changed from working to failed since the table was loaded, including changes by messages.
    pub fail_count: u32,
    /// The words that the path selector prints about the path.
    pub info: PathInfo,
}

/// The words that a path selector prints about a path.
///
/// The status does not name the selector. The variant follows from the number of words.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub enum PathInfo {
    /// No words; `round-robin` prints none.
    Nothing,
    /// `queue-length`: the number of requests in flight. `io-affinity`: how often a path of the group was chosen on a
    /// CPU to which no path is assigned.
    Count(i32),
    /// The words of `service-time`.
    ServiceTime {
        /// The number of bytes in flight. The kernel's counter can overflow and become negative.
        in_flight_size: i32,
        /// The throughput in relation to the other paths.
        relative_throughput: u32,
    },
    /// The words of `historical-service-time`.
    HistoricalServiceTime {
        /// The weighted average of the duration of a request, in units of 1/1024 ns.
        historical_service_time: u64,
        /// The number of requests in flight.
        outstanding: u64,
        /// The time at which the average expires, in nanoseconds of `CLOCK_MONOTONIC`; 0 before the first completed
        /// request.
        stale_after: u64,
    },
    /// Words that this crate does not know.
    Other(Vec<WordBuf>),
}

impl MultipathStatus {
    pub(super) fn health(&self) -> Health {
        let paths = || self.groups.iter().flat_map(|group| &group.paths);
        let total = paths().count() as u64;
        let working = paths().filter(|path| path.state == PathState::Active).count() as u64;
        let failed = paths().filter(|path| path.state == PathState::Failed).count() as u64;
        let disabled = self.groups.iter().any(|group| group.state == GroupState::Disabled);
        let unknown = paths().any(|path| matches!(path.state, PathState::Other(_)))
            || self.groups.iter().any(|group| matches!(group.state, GroupState::Other(_)));
        Health { legs: Some(Usage { used: working, total }), repairs: failed, ..Health::default() }
            .concern(Concern::Failed, working == 0)
            .concern(Concern::FailedLegs, failed > 0)
            .concern(Concern::Disabled, disabled)
            .concern(Concern::Unknown, unknown)
    }
}

impl Params for MultipathStatus {
    fn parse(fields: &mut Fields<'_>) -> Result<Self, ParseError> {
        fields.clone().read_within::<u32>(&FEATURE_WORDS)?;
        let mut features = fields.read_group(FEATURE_WORDS.field())?;
        let (queue_io, pg_init_count) = (features.read("queue_io")?, features.read("pg_init_count")?);
        let handler = fields.read_group("number of hardware handler words")?.read_rest("hardware handler")?;
        let count: u32 = fields.read("number of priority groups")?;
        Ok(Self {
            queue_io,
            pg_init_count,
            other_features: features.read_rest("feature")?,
            handler,
            group: fields.read("priority group")?,
            groups: (0..count).map(|_| PathGroupStatus::parse(fields)).collect::<Result<_, _>>()?,
            extra: fields.read_rest("extra")?,
        })
    }
}

impl fmt::Display for MultipathStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut out = Printer::printed(f);
        out.count(self.other_features.len().saturating_add(2)).put(&self.queue_io).put(&self.pg_init_count);
        out.all(&self.other_features).count(self.handler.len()).all(&self.handler);
        out.count(self.groups.len()).put(&self.group);
        for group in &self.groups {
            group.print(&mut out);
        }
        out.all(&self.extra).space().end()
    }
}

impl PathGroupStatus {
    fn parse(fields: &mut Fields<'_>) -> Result<Self, ParseError> {
        let state = fields.read("priority group state")?;
        let selector = SelectorInfo::parse(fields)?;
        let count: u32 = fields.read_within(&PATHS)?;
        let info_words = fields.read("number of path info words")?;
        let paths = (0..count).map(|_| PathStatus::parse(fields, info_words)).collect::<Result<_, _>>()?;
        Ok(Self { state, selector, paths })
    }

    fn print(&self, out: &mut Printer<'_, '_>) {
        out.put(&self.state);
        self.selector.print(out);
        out.count(self.paths.len()).count(self.paths.first().map_or(0, |path| path.info.words()));
        for path in &self.paths {
            out.put(&path.device).put(&path.state).put(&path.fail_count);
            path.info.print(out);
        }
    }
}

impl SelectorInfo {
    fn parse(fields: &mut Fields<'_>) -> Result<Self, ParseError> {
        let mut words = fields.read_group("number of path selector words")?;
        if words.is_empty() {
            return Ok(Self::Nothing);
        }
        let mut ahead = words.clone();
        if let (Ok(base_weight), Ok(threshold_multiplier), true) =
            (ahead.read("base weight"), ahead.read("threshold multiplier"), ahead.is_empty())
        {
            return Ok(Self::HistoricalServiceTime { base_weight, threshold_multiplier });
        }
        words.read_rest("path selector word").map(Self::Other)
    }

    fn print(&self, out: &mut Printer<'_, '_>) {
        match self {
            Self::Nothing => out.word("0"),
            Self::HistoricalServiceTime { base_weight, threshold_multiplier } => {
                out.word("2").put(base_weight).put(threshold_multiplier)
            }
            Self::Other(words) => out.count(words.len()).all(words),
        };
    }
}

impl PathStatus {
    fn parse(fields: &mut Fields<'_>, info_words: u32) -> Result<Self, ParseError> {
        Ok(Self {
            device: fields.read("device")?,
            state: fields.read("path state")?,
            fail_count: fields.read("fail count")?,
            info: PathInfo::parse(fields, info_words)?,
        })
    }
}

impl PathInfo {
    /// The number of words, which is the same for all paths of a group.
    fn words(&self) -> usize {
        match self {
            Self::Nothing => 0,
            Self::Count(_) => 1,
            Self::ServiceTime { .. } => 2,
            Self::HistoricalServiceTime { .. } => 3,
            Self::Other(words) => words.len(),
        }
    }

    /// Parses the words of a path: of a known selector if they fit, otherwise of an unknown one.
    fn parse(fields: &mut Fields<'_>, words: u32) -> Result<Self, ParseError> {
        let mut ahead = fields.clone();
        if let Ok(Some(known)) = Self::parse_known(&mut ahead, words) {
            *fields = ahead;
            return Ok(known);
        }
        let words = (0..words).map(|_| fields.read("path info word")).collect::<Result<_, _>>()?;
        Ok(Self::Other(words))
    }

    fn parse_known(fields: &mut Fields<'_>, words: u32) -> Result<Option<Self>, ParseError> {
        Ok(match words {
            0 => Some(Self::Nothing),
            1 => Some(Self::Count(fields.read("path selector count")?)),
            2 => Some(Self::ServiceTime {
                in_flight_size: fields.read("in flight size")?,
                relative_throughput: fields.read("relative throughput")?,
            }),
            3 => Some(Self::HistoricalServiceTime {
                historical_service_time: fields.read("historical service time")?,
                outstanding: fields.read("outstanding")?,
                stale_after: fields.read("stale after")?,
            }),
            _ => None,
        })
    }

    fn print(&self, out: &mut Printer<'_, '_>) {
        match self {
            Self::Nothing => out,
            Self::Count(count) => out.put(count),
            Self::ServiceTime { in_flight_size, relative_throughput } => {
                out.put(in_flight_size).put(relative_throughput)
            }
            Self::HistoricalServiceTime { historical_service_time, outstanding, stale_after } => {
                out.put(historical_service_time).put(outstanding).put(stale_after)
            }
            Self::Other(words) => out.all(words),
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Multipath, Target};

    #[test]
    fn selectors_are_recognized_by_the_number_of_words() {
        let info = |text: &str| {
            let status = Multipath::parse_status(&format!("2 0 0 0 1 1 A {text}")).unwrap();
            status.groups[0].paths[0].info.clone()
        };
        assert_eq!(info("0 1 0 8:0 A 0"), PathInfo::Nothing);
        assert_eq!(info("0 1 1 8:0 A 0 -1"), PathInfo::Count(-1));
        let expected = PathInfo::ServiceTime { in_flight_size: 4096, relative_throughput: 5 };
        assert_eq!(info("0 1 2 8:0 A 0 4096 5"), expected);
        assert!(matches!(info("2 972 0 1 3 8:0 A 0 1 2 3"), PathInfo::HistoricalServiceTime { outstanding: 2, .. }));
        // The words of unknown selectors can be anything.
        for (text, count) in [("0 1 1 8:0 A 0 x", 1), ("0 1 2 8:0 A 0 1 x", 2), ("0 1 3 8:0 A 0 -1 2 3", 3)] {
            assert!(matches!(info(text), PathInfo::Other(words) if words.len() == count), "{text}");
        }
        assert!(matches!(info("1 x 1 4 8:0 A 0 1 2 3 4"), PathInfo::Other(words) if words.len() == 4));
    }

    #[test]
    fn more_words_of_later_kernels_are_kept() {
        let text = "3 0 1 new 1 alua 1 1 A 0 1 0 8:0 A 0 more ";
        let status = Multipath::parse_status(text).unwrap();
        assert_eq!((status.pg_init_count, status.other_features.len(), status.handler.len()), (1, 1, 1));
        assert_eq!(status.to_string(), text);
    }

    #[test]
    fn a_feature_count_below_two_is_refused() {
        let error = Multipath::parse_status("1 0 0 0 0 ").unwrap_err();
        assert_eq!(error.to_string(), "multipath status: word 1, number of feature words, must be at least 2");
    }
}
