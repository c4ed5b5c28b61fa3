//! Levels of usage, with hysteresis.

use super::{AlarmKind, Space};
use crate::text::value::Usage;

/// The number of percentage points below a level at which it counts as left.
const MARGIN: u8 = 2;

/// The highest level that a space has reached.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Level {
    reached: Option<u8>,
    /// The total size at that time.
    total: u64,
}

impl Level {
    /// Returns the new level, and the change to report. An unknown usage changes nothing.
    pub(super) fn next(self, space: Space, usage: Option<Usage<u64>>, levels: &[u8]) -> (Self, Option<AlarmKind>) {
        let Some((usage, percent)) = usage.and_then(|usage| Some((usage, usage.percent()?))) else {
            return (self, None);
        };
        // After a program has extended the space, an insufficient extension is reported again.
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

    /// The reports for a series of usages and sizes: levels reached, or left (negative).
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
        // At 79 percent the level would still apply, but the pool has grown, so the next alarm must come.
        assert_eq!(reported(&[(80, 100), (80, 101), (81, 101)], &[80]), [80, -80, 80]);
    }

    #[test]
    fn an_unknown_usage_changes_no_level() {
        let (level, _) = Level::default().next(Space::Data, Some(Usage { used: 9, total: 10 }), &[80]);
        assert_eq!(level.next(Space::Data, None, &[80]), (level, None));
        assert_eq!(level.next(Space::Data, Some(Usage { used: 0, total: 0 }), &[80]), (level, None));
    }
}
