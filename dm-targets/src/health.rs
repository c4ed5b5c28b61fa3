//! How a target is, in the same words for all targets.

use alloc::vec::Vec;
use core::fmt;

use crate::value::{Number, Usage};

/// What a status says of the health of its target; from [`Target::health`](crate::Target::health) or
/// [`AnyStatus::health`](crate::AnyStatus::health).
///
/// Only what the kernel itself says is a [`Concern`]. Whether a pool that is 90 percent full is one is for the caller to
/// say, who has the numbers.
///
/// ```
/// use dm_targets::{HealthState, StatusLine};
///
/// let line = "0 524288 thin-pool 7 15/1024 3072/4096 - rw discard_passdown queue_if_no_space needs_check 256 ";
/// let health = line.parse::<StatusLine>()?.status.health().unwrap_or_default();
/// assert_eq!(health.state(), HealthState::Attention);
/// assert_eq!(health.data.and_then(|data| data.percent()), Some(75));
/// assert_eq!(health.to_string(), "attention: metadata must be checked; data 75% used, metadata 1% used, 1 to repair");
/// # Ok::<(), dm_targets::ParseError>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct Health {
    /// What is wrong.
    pub concerns: Vec<Concern>,
    /// How much of the space for data is used, in units of the target.
    pub data: Option<Usage<u64>>,
    /// How much of the space for metadata is used, in units of the target.
    pub metadata: Option<Usage<u64>>,
    /// How many of its devices work and hold what they should: legs of a mirror or RAID, stripes, paths.
    pub legs: Option<Usage<u64>>,
    /// How far devices have been brought in step, in units of the target.
    pub sync: Option<Usage<u64>>,
    /// How many things are to be repaired: devices that have failed, blocks that do not match, metadata to be checked.
    pub repairs: u64,
}

/// How bad it is, from good to bad.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum HealthState {
    /// The kernel has no complaint.
    Good,
    /// It works, perhaps not wholly, and somebody has to look after it.
    Attention,
    /// It does not work, or what is on it is lost.
    Failed,
}

/// Something that is wrong with a target.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub enum Concern {
    /// It serves no requests any more.
    Failed,
    /// What is on it is no longer of use, as with a snapshot that could not keep what was overwritten.
    Invalid,
    /// Data was found that is not what it should be.
    Corrupted,
    /// Blocks were found that do not match what is known of them: a tag, another leg.
    Mismatches,
    /// Its figures could not be read.
    NoFigures,
    /// It takes no writes.
    ReadOnly,
    /// It has no space left for data.
    OutOfDataSpace,
    /// Its space for metadata comes to an end.
    LowMetadataSpace,
    /// Its metadata must be checked, and repaired where that is due.
    NeedsCheck,
    /// Some of its devices have failed, or requests to them.
    FailedLegs,
    /// Its devices are not in step yet.
    NotInSync,
    /// Part of what it is for has stopped, such as logging.
    Disabled,
}

impl Health {
    /// The worst of the concerns.
    #[must_use]
    pub fn state(&self) -> HealthState {
        self.concerns.iter().map(|concern| concern.state()).max().unwrap_or(HealthState::Good)
    }

    /// The same with a concern more, if `there_is_one`.
    #[must_use]
    pub fn concern(mut self, concern: Concern, there_is_one: bool) -> Self {
        if there_is_one {
            self.concerns.push(concern);
        }
        self
    }

    /// The health of what has this concern, and nothing else to say.
    #[must_use]
    pub fn only(concern: Concern) -> Self {
        Self::default().concern(concern, true)
    }
}

impl Concern {
    /// How bad it is.
    #[must_use]
    pub const fn state(self) -> HealthState {
        match self {
            Self::Failed | Self::Invalid | Self::Corrupted => HealthState::Failed,
            _ => HealthState::Attention,
        }
    }
}

impl<T: Number> Usage<T> {
    /// How many percent are used, rounded down, at most 100; `None` if there is nothing.
    #[must_use]
    pub fn percent(&self) -> Option<u8> {
        let hundredfold = u128::from(self.used.get()).saturating_mul(100);
        let percent = hundredfold.checked_div(self.total.get().into())?;
        Some(u8::try_from(percent).unwrap_or(u8::MAX).min(100))
    }

    /// The bare numbers, for [`Health`].
    #[must_use]
    pub fn numbers(&self) -> Usage<u64> {
        Usage { used: self.used.get(), total: self.total.get() }
    }
}

impl fmt::Display for HealthState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Good => "good",
            Self::Attention => "attention",
            Self::Failed => "failed",
        })
    }
}

impl fmt::Display for Concern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Failed => "serves no requests",
            Self::Invalid => "contents are lost",
            Self::Corrupted => "data is corrupted",
            Self::Mismatches => "blocks do not match",
            Self::NoFigures => "figures could not be read",
            Self::ReadOnly => "takes no writes",
            Self::OutOfDataSpace => "out of data space",
            Self::LowMetadataSpace => "low on metadata space",
            Self::NeedsCheck => "metadata must be checked",
            Self::FailedLegs => "devices have failed",
            Self::NotInSync => "devices are not in sync",
            Self::Disabled => "partly disabled",
        })
    }
}

/// A sentence: `state: concerns; numbers`.
impl fmt::Display for Health {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.state().fmt(f)?;
        let mut separator = ": ";
        for concern in &self.concerns {
            write!(f, "{separator}{concern}")?;
            separator = ", ";
        }
        separator = "; ";
        for (name, usage) in [("data", self.data), ("metadata", self.metadata)] {
            if let Some(percent) = usage.and_then(|usage| usage.percent()) {
                write!(f, "{separator}{name} {percent}% used")?;
                separator = ", ";
            }
        }
        if let Some(Usage { used, total }) = self.legs {
            write!(f, "{separator}{used} of {total} devices in order")?;
            separator = ", ";
        }
        if let Some(percent) = self.sync.and_then(|sync| sync.percent()) {
            write!(f, "{separator}{percent}% in sync")?;
            separator = ", ";
        }
        if self.repairs > 0 {
            write!(f, "{separator}{} to repair", self.repairs)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::StatusLine;

    fn health(line: &str) -> String {
        line.parse::<StatusLine>().unwrap().status.health().map_or("unknown".into(), |health| health.to_string())
    }

    #[test]
    fn statuses_tell() {
        let pool = |words: &str| health(&format!("0 8 thin-pool {words} "));
        assert_eq!(pool("0 300/1024 1/4 - rw - - - 256"), "good; data 25% used, metadata 29% used");
        assert_eq!(
            pool("0 769/1024 4/4 - out_of_data_space - - - 256"),
            "attention: out of data space, low on metadata space; data 100% used, metadata 75% used"
        );
        assert_eq!(
            pool("0 8/1024 4/4 - ro - - needs_check"),
            "attention: takes no writes, metadata must be checked; data 100% used, metadata 0% used, 1 to repair"
        );
        assert_eq!(pool("Fail"), "failed: serves no requests; 1 to repair");
        assert_eq!(pool("Error"), "attention: figures could not be read");
        assert_eq!(health("0 8 thin 8 7"), "good");
        assert_eq!(health("0 8 thin Fail"), "failed: serves no requests");
        assert_eq!(health("0 8 thin -"), "attention: figures could not be read");
        assert_eq!(
            health("0 8 striped 2 7:0 7:1 1 AD"),
            "attention: devices have failed; 1 of 2 devices in order, 1 to repair"
        );
        assert_eq!(health("0 8 log-writes 1 1 logging_disabled"), "attention: partly disabled");
        assert_eq!(health("0 8 linear "), "good");
        assert_eq!(health("0 8 snapshot 4/16 2"), "good; data 25% used");
        assert_eq!(health("0 8 snapshot Invalid"), "failed: contents are lost");
        assert_eq!(health("0 8 snapshot Overflow"), "attention: out of data space, takes no writes");
        assert_eq!(health("0 8 snapshot-merge Merge failed"), "failed: serves no requests; 1 to repair");
        assert_eq!(health("0 8 verity C"), "failed: data is corrupted");
        assert_eq!(health("0 8 integrity 3 64 -"), "attention: blocks do not match; 3 to repair");
        assert_eq!(health("0 8 integrity 0 64 16"), "good; 25% in sync");
        assert_eq!(health("0 8 writecache 1 100 75 0"), "attention: takes no writes; data 25% used, 1 to repair");
        assert_eq!(health("0 8 era 8 3/128 1 -"), "good; metadata 2% used");
        assert_eq!(health("0 8 clone Fail"), "failed: serves no requests");
        assert_eq!(health("0 8 cache Error"), "attention: figures could not be read");
        assert_eq!(
            health("0 8 mirror 2 7:0 7:1 5/64 1 AD 1 core"),
            "attention: devices have failed, devices are not in sync; \
             1 of 2 devices in order, 7% in sync, 1 to repair"
        );
        assert_eq!(health("0 8 later words"), "unknown");
    }

    #[test]
    fn the_worst_concern_counts() {
        assert_eq!(Health::default().state(), HealthState::Good);
        let health = Health::only(Concern::ReadOnly).concern(Concern::Failed, true).concern(Concern::NotInSync, true);
        assert_eq!(health.state(), HealthState::Failed);
        assert_eq!(Health::default().concern(Concern::Failed, false).state(), HealthState::Good);
    }

    #[test]
    fn percents_are_rounded_down() {
        let percent = |used: u64, total| Usage { used, total }.percent();
        assert_eq!(percent(999, 1000), Some(99));
        assert_eq!(percent(1000, 1000), Some(100));
        assert_eq!(percent(u64::MAX, u64::MAX), Some(100));
        assert_eq!(percent(u64::MAX, 1), Some(100));
        assert_eq!(percent(0, 0), None);
    }

    #[test]
    fn a_sentence_says_it_all() {
        assert_eq!(Health::default().to_string(), "good");
        let health = Health {
            legs: Some(Usage { used: 1, total: 2 }),
            sync: Some(Usage { used: 1, total: 8 }),
            repairs: 1,
            ..Health::only(Concern::FailedLegs)
        };
        assert_eq!(
            health.to_string(),
            "attention: devices have failed; 1 of 2 devices in order, 12% in sync, 1 to repair"
        );
    }
}
