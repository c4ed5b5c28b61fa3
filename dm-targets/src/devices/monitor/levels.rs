//! How full something is, in steps.

use super::{AlarmKind, Space};
use crate::text::value::Usage;

/// By how many percentage points usage must fall below a level before the level is left.
const MARGIN: u8 = 2;

/// The highest level that a space has reached.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Level {
    reached: Option<u8>,
    /// The size when that was.
    total: u64,
}

impl Level {
    /// The level of a usage, and what has changed. What is not known stays as it was.
    pub(super) fn next(self, space: Space, usage: Option<Usage<u64>>, levels: &[u8]) -> (Self, Option<AlarmKind>) {
        let Some((usage, percent)) = usage.and_then(|usage| Some((usage, usage.percent()?))) else {
            return (self, None);
        };
        // A program that has made a space larger wants to hear of it again if that is not enough.
        let resized = usage.total != self.total;
        let before = self.reached.filter(|_| !resized);
        let holds = |level: u8| match before {
            Some(before) if level <= before => percent.saturating_add(MARGIN) > level,
            _ => percent >= level,
        };
        let reached = levels.iter().copied().rfind(|&level| holds(level));
        let kind = if reached > before {
            reached.map(|level| AlarmKind::LevelReached { space, level, usage })
        } else {
            let left = levels.iter().copied().find(|&level| Some(level) > reached && Some(level) <= self.reached);
            left.map(|level| AlarmKind::LevelLeft { space, level, usage })
        };
        (Self { reached, total: usage.total }, kind)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is reported of a space of this size while so much of it is used: levels reached, or left (negative).
    fn reported(usages: &[(u64, u64)], levels: &[u8]) -> Vec<i16> {
        let mut level = Level::default();
        let mut reported = Vec::new();
        for &(used, total) in usages {
            let (next, kind) = level.next(Space::Data, Some(Usage { used, total }), levels);
            level = next;
            match kind {
                Some(AlarmKind::LevelReached { level, .. }) => reported.push(i16::from(level)),
                Some(AlarmKind::LevelLeft { level, .. }) => reported.push(i16::from(level).saturating_neg()),
                _ => {}
            }
        }
        reported
    }

    fn of_100(usages: &[u64], levels: &[u8]) -> Vec<i16> {
        reported(&usages.iter().map(|&used| (used, 100)).collect::<Vec<_>>(), levels)
    }

    #[test]
    fn a_level_is_reported_once_however_usage_wavers() {
        assert_eq!(of_100(&[79, 80, 81, 79, 80, 79, 100], &[80]), [80]);
        assert_eq!(of_100(&[80, 78, 80], &[80]), [80, -80, 80]);
    }

    #[test]
    fn of_several_levels_the_highest_is_reached_and_the_lowest_is_left() {
        assert_eq!(of_100(&[95, 96, 100, 50], &[80, 90, 100]), [90, 100, -80]);
        assert_eq!(of_100(&[100, 85, 10], &[80, 90, 100]), [100, -90, -80]);
        assert_eq!(of_100(&[90, 89, 88], &[88, 89, 90]), [90, -90]);
        assert_eq!(of_100(&[100, 0], &[]), []);
    }

    #[test]
    fn a_space_that_has_grown_is_looked_at_anew() {
        assert_eq!(reported(&[(95, 100), (96, 101), (96, 200)], &[80, 90]), [90, 90, -80]);
        assert_eq!(reported(&[(95, 100), (95, 119), (97, 119)], &[80]), [80, -80, 80]);
        // 79 percent would hold the level, but the pool has grown, and the next alarm must come.
        assert_eq!(reported(&[(80, 100), (80, 101), (81, 101)], &[80]), [80, -80, 80]);
    }

    #[test]
    fn what_is_not_known_changes_nothing() {
        let (level, _) = Level::default().next(Space::Data, Some(Usage { used: 9, total: 10 }), &[80]);
        assert_eq!(level.next(Space::Data, None, &[80]), (level, None));
        assert_eq!(level.next(Space::Data, Some(Usage { used: 0, total: 0 }), &[80]), (level, None));
    }
}
