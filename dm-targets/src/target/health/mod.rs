//! The health of a target, in the same terms for all targets.

use alloc::vec::Vec;
use core::fmt;

use crate::text::value::{Number, Usage};

mod concern;

pub use concern::{Concern, HealthState};

/// The health of a target according to its status. [`Target::health`](crate::Target::health) and
/// [`AnyStatus::health`](crate::AnyStatus::health) return it.
///
/// A [`Concern`] is a problem that the kernel reports, or that follows from the kernel's numbers alone, such as a pool
/// without a free block. Whether a pool that is 90 percent full is a problem depends on how it is used. The usage is
/// therefore given as numbers, and the caller chooses the limit.
///
/// A target is [good](HealthState::Good) if no action is necessary. Errors that the target has handled itself are not a
/// concern: corrected blocks are only counted.
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
    /// The problems of the target; empty if it is good. `Display` prints them in this order.
    pub concerns: Vec<Concern>,
    /// The usage of the space for data, in blocks of a pool or vdo, or in sectors of a snapshot's COW device. `None`
    /// for other targets, such as a cache, because a full cache is normal.
    pub data: Option<Usage<u64>>,
    /// The usage of the space for metadata, in metadata blocks; `None` for targets other than cache, clone, era and
    /// thin-pool.
    pub metadata: Option<Usage<u64>>,
    /// The part of a cache or writecache that has not been written back to its origin, in blocks of the target.
    pub dirty: Option<Usage<u64>>,
    /// The number of healthy devices (`used`) and of all devices (`total`): legs of a mirror or RAID, stripes, paths. A
    /// device of a RAID that is being rebuilt is not healthy.
    pub legs: Option<Usage<u64>>,
    /// The part that is in sync, in sectors or regions; `None` if the status does not contain it.
    pub sync: Option<Usage<u64>>,
    /// The background work that is running; `None` if none is.
    pub work: Option<Work>,
    /// The number of blocks that verity has corrected with its forward error correction (FEC) data; `None` if the
    /// status does not contain it.
    pub corrected: Option<u64>,
    /// The number of things to repair, such as failed devices, mismatches, and metadata that must be checked.
    pub repairs: u64,
}

/// Background work that a target does, and how much of it is complete.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct Work {
    /// The kind of work.
    pub kind: WorkKind,
    /// The completed and the total amount, in the unit that [`WorkKind`] gives; `None` if the status does not contain
    /// them.
    pub done: Option<Usage<u64>>,
}

/// A kind of background work. Each variant begins with the targets that do this work. The unit of [`Work::done`] is a
/// sector for raid and integrity, a region for mirror and clone, and a block of the cache for cache and writecache. A
/// snapshot-merge does not report an amount.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub enum WorkKind {
    /// raid, mirror: all devices are synchronized.
    Resync,
    /// raid: the contents of some devices are rebuilt.
    Recovery,
    /// raid: devices are compared, and differences counted.
    Check,
    /// raid: devices are compared, and differences repaired.
    Repair,
    /// raid: the layout or the number of devices changes.
    Reshape,
    /// integrity: tags are recalculated.
    Recalculation,
    /// clone: regions are copied from the source. With `no_hydration`, regions are copied only when they are written
    /// to, and there is no background work.
    Copy,
    /// snapshot-merge: the snapshot is copied back into its origin.
    Merge,
    /// cache with the policy `cleaner`: dirty blocks are written back. The message `cleaner` to a writecache does the same,
    /// but its status does not show it.
    Cleaning,
}

impl Work {
    pub(crate) const fn new(kind: WorkKind, done: Option<Usage<u64>>) -> Self {
        Self { kind, done }
    }
}

impl Health {
    /// The highest severity of the concerns.
    #[must_use]
    pub fn state(&self) -> HealthState {
        self.concerns.iter().map(|concern| concern.state()).max().unwrap_or(HealthState::Good)
    }

    /// Adds `concern` if `there_is_one`.
    #[must_use]
    pub fn concern(mut self, concern: Concern, there_is_one: bool) -> Self {
        if there_is_one {
            self.concerns.push(concern);
        }
        self
    }

    /// The health of a target with one concern and no figures.
    #[must_use]
    pub fn only(concern: Concern) -> Self {
        Self::default().concern(concern, true)
    }
}

impl<T: Number> Usage<T> {
    /// The used percentage, rounded down and at most 100; `None` if the total is 0.
    ///
    /// ```
    /// use dm_targets::Usage;
    ///
    /// assert_eq!(Usage { used: 3_u64, total: 4 }.percent(), Some(75));
    /// ```
    #[must_use]
    pub fn percent(&self) -> Option<u8> {
        let hundredfold = u128::from(self.used.get()).saturating_mul(100);
        let percent = hundredfold.checked_div(self.total.get().into())?;
        Some(u8::try_from(percent).unwrap_or(u8::MAX).min(100))
    }

    /// Whether everything is used and the total is not 0.
    #[must_use]
    pub fn is_full(&self) -> bool {
        let total = self.total.get();
        total > 0 && self.used.get() >= total
    }

    /// The same numbers without their unit, as in [`Health`].
    #[must_use]
    pub fn numbers(&self) -> Usage<u64> {
        Usage { used: self.used.get(), total: self.total.get() }
    }
}

impl fmt::Display for WorkKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Resync => "resync",
            Self::Recovery => "recovery",
            Self::Check => "check",
            Self::Repair => "repair",
            Self::Reshape => "reshape",
            Self::Recalculation => "recalculation",
            Self::Copy => "copy",
            Self::Merge => "merge",
            Self::Cleaning => "cleaning",
        })
    }
}

/// Prints the state, the concerns and the numbers, as in `state: concerns; numbers`.
impl fmt::Display for Health {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.state().fmt(f)?;
        let mut separator = ": ";
        for concern in &self.concerns {
            write!(f, "{separator}{concern}")?;
            separator = ", ";
        }
        let mut numbers = Numbers { out: f, separator: "; " };
        numbers.percent("data ", self.data, "% used")?;
        numbers.percent("metadata ", self.metadata, "% used")?;
        numbers.percent("", self.dirty, "% dirty")?;
        if let Some(Usage { used, total }) = self.legs {
            numbers.next(format_args!("{used} of {total} devices healthy"))?;
        }
        numbers.percent("", self.sync, "% in sync")?;
        match self.work.map(|work| (work.kind, work.done.and_then(|done| done.percent()))) {
            Some((kind, Some(percent))) => numbers.next(format_args!("{kind} {percent}% done"))?,
            Some((kind, None)) => numbers.next(format_args!("{kind} in progress"))?,
            None => {}
        }
        if let Some(corrected @ 1..) = self.corrected {
            numbers.next(format_args!("{corrected} corrected"))?;
        }
        if self.repairs > 0 {
            numbers.next(format_args!("{} to repair", self.repairs))?;
        }
        Ok(())
    }
}

/// Prints the numbers of a [`Health`], separated by commas.
struct Numbers<'f, 'o> {
    out: &'f mut fmt::Formatter<'o>,
    separator: &'static str,
}

impl Numbers<'_, '_> {
    fn next(&mut self, number: fmt::Arguments<'_>) -> fmt::Result {
        write!(self.out, "{}{number}", self.separator)?;
        self.separator = ", ";
        Ok(())
    }

    fn percent(&mut self, before: &str, usage: Option<Usage<u64>>, after: &str) -> fmt::Result {
        match usage.and_then(|usage| usage.percent()) {
            Some(percent) => self.next(format_args!("{before}{percent}{after}")),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_state_is_that_of_the_worst_concern() {
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
    fn an_empty_total_is_not_full() {
        let is_full = |used: u64, total| Usage { used, total }.is_full();
        assert!(is_full(8, 8) && is_full(9, 8) && !is_full(7, 8) && !is_full(0, 0));
    }

    #[test]
    fn the_text_contains_all_concerns_and_numbers() {
        assert_eq!(Health::default().to_string(), "good");
        let usage = |used, total| Some(Usage { used, total });
        let health = Health {
            concerns: vec![Concern::FailedLegs, Concern::NotInSync],
            data: usage(1, 2),
            metadata: usage(1, 4),
            dirty: usage(1, 5),
            legs: usage(1, 3),
            sync: usage(1, 8),
            work: Some(Work::new(WorkKind::Recovery, usage(1, 10))),
            corrected: Some(7),
            repairs: 9,
        };
        assert_eq!(
            health.to_string(),
            "attention: devices have failed, not in sync; data 50% used, metadata 25% used, 20% dirty, \
             1 of 3 devices healthy, 12% in sync, recovery 10% done, 7 corrected, 9 to repair"
        );
        let merge = Health { work: Some(Work::new(WorkKind::Merge, None)), corrected: Some(0), ..Health::default() };
        assert_eq!(merge.to_string(), "good; merge in progress");
    }
}
