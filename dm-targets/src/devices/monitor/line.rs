//! The state of a table's line, and its changes.

use alloc::vec::Vec;

use dm_units::DataBlocks;

use super::levels::Level;
use super::targets::{Leg, legs};
use super::{AlarmKind, LegState, Space};
use crate::AnyStatus;
use crate::errors::parse_error::ParseError;
use crate::table::StatusLine;
use crate::target::health::{Concern, WorkKind};
use crate::thin_pool::ThinPoolStatus;

/// The state of a line. The default is a line without concerns.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct LineState {
    is_unreadable: bool,
    concerns: Vec<Concern>,
    data: Level,
    metadata: Level,
    /// The size of a pool that is below its low water mark.
    below_low_water: Option<DataBlocks>,
    legs: Vec<Leg>,
    work: Option<WorkKind>,
}

impl LineState {
    /// Compares a status with the state; returns the new state and the changes.
    pub(super) fn read(
        &self,
        line: &StatusLine,
        low_water: Option<DataBlocks>,
        levels: &[u8],
    ) -> (Self, Vec<AlarmKind>) {
        let health = line.health().unwrap_or_default();
        let (mut concerns, mut legs) = (health.concerns, legs(&line.status));
        let mut work = health.work.map(|work| work.kind);
        // Figures that could not be read are assumed to persist.
        if concerns.contains(&Concern::NoFigures) {
            concerns.extend(self.concerns.iter().filter(|concern| **concern != Concern::NoFigures));
            (legs, work) = (self.legs.clone(), self.work);
        }
        let (data, data_kind) = self.data.next(Space::Data, health.data, levels);
        let (metadata, metadata_kind) = self.metadata.next(Space::Metadata, health.metadata, levels);
        let (below_low_water, low_water_kind) = self.low_water(&line.status, low_water);
        let now = Self { is_unreadable: false, concerns, data, metadata, below_low_water, legs, work };
        let mut kinds = self.differences(&now);
        kinds.extend([low_water_kind, data_kind, metadata_kind].into_iter().flatten());
        (now, kinds)
    }

    /// Records that the status cannot be parsed.
    pub(super) fn unreadable(&self, error: ParseError) -> (Self, Vec<AlarmKind>) {
        let kinds = if self.is_unreadable { Vec::new() } else { [AlarmKind::Unreadable(error)].into() };
        (Self { is_unreadable: true, ..self.clone() }, kinds)
    }

    /// Clears all concerns of a line that is no longer in the table.
    pub(super) fn end(&self) -> Vec<AlarmKind> {
        self.differences(&Self::default())
    }

    fn differences(&self, now: &Self) -> Vec<AlarmKind> {
        let mut kinds = Vec::new();
        kinds.extend((self.is_unreadable && !now.is_unreadable).then_some(AlarmKind::Readable));
        let cleared = self.concerns.iter().filter(|concern| !now.concerns.contains(concern));
        kinds.extend(cleared.map(|concern| AlarmKind::Cleared(*concern)));
        let raised = now.concerns.iter().filter(|concern| !self.concerns.contains(concern));
        kinds.extend(raised.map(|concern| AlarmKind::Raised(*concern)));
        if self.work != now.work {
            kinds.extend(self.work.map(AlarmKind::WorkEnded));
            kinds.extend(now.work.map(AlarmKind::WorkStarted));
        }
        for (index, leg) in now.legs.iter().enumerate() {
            // A leg without an earlier state counts as one that worked.
            let before = self.legs.get(index).map_or(LegState::default(), |leg| leg.state);
            if before != leg.state {
                kinds.push(AlarmKind::Leg { index, device: leg.device, state: leg.state });
            }
        }
        kinds
    }

    /// Whether a pool is below its low water mark, as `check_low_water_mark` in drivers/md/dm-thin.c compares.
    fn low_water(&self, status: &AnyStatus, low_water: Option<DataBlocks>) -> (Option<DataBlocks>, Option<AlarmKind>) {
        let (AnyStatus::ThinPool(ThinPoolStatus::Working(pool)), Some(low_water)) = (status, low_water) else {
            return (self.below_low_water, None);
        };
        let (total, free) = (pool.data.total, pool.data.total.saturating_sub(pool.data.used));
        match (self.below_low_water, free <= low_water) {
            (Some(before), true) if before == total => (Some(total), None),
            (_, true) => (Some(total), Some(AlarmKind::BelowLowWater { free, low_water })),
            (Some(_), false) => (None, Some(AlarmKind::AboveLowWater)),
            (None, false) => (None, None),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use super::*;

    /// Statuses of the same device, of each kind that differs from others.
    const STATUSES: [&[&str]; 5] = [
        &[
            "0 8 thin-pool 0 1/1024 1/100 - rw discard_passdown queue_if_no_space - 24 ",
            "0 8 thin-pool 0 1020/1024 95/100 - rw discard_passdown queue_if_no_space - 24 ",
            "0 8 thin-pool 0 1/1024 100/100 - out_of_data_space discard_passdown queue_if_no_space - 24 ",
            "0 8 thin-pool 0 1/1024 100/200 - ro discard_passdown queue_if_no_space needs_check 24 ",
            "0 8 thin-pool Error",
            "0 8 thin-pool Fail",
        ],
        &[
            "0 8 raid raid5_ls 3 AAA 8/8 idle 0 0 -",
            "0 8 raid raid5_ls 3 ADA 8/8 idle 0 0 -",
            "0 8 raid raid5_ls 3 DaA 4/8 recover 0 0 -",
            "0 8 raid raid5_ls 3 aaa 4/8 resync 0 0 -",
            "0 8 raid raid5_ls 3 AAA 4/8 check 7 0 -",
            "0 8 raid raid5_ls 3 DDx 8/8 idle 0 0 -",
            "0 8 raid ",
        ],
        &[
            "0 8 mirror 2 7:0 7:1 4/4 1 AA 1 core",
            "0 8 mirror 2 7:0 7:1 3/4 1 SA 3 disk 7:2 D",
            "0 8 mirror 2 7:0 7:1 4/4 1 DR 3 disk 7:2 A",
        ],
        &["0 8 snapshot 7/8 1", "0 8 snapshot Overflow", "0 8 snapshot Invalid", "0 8 snapshot Unknown"],
        &["0 8 verity V", "0 8 verity C"],
    ];

    /// The state as reconstructed from all alarms.
    #[derive(Default)]
    struct Follower {
        concerns: BTreeSet<String>,
        legs: BTreeMap<usize, LegState>,
        work: Option<WorkKind>,
    }

    impl Follower {
        fn follow(&mut self, kinds: Vec<AlarmKind>) {
            for kind in kinds {
                match kind {
                    AlarmKind::Raised(concern) => assert!(self.concerns.insert(concern.to_string()), "{concern}"),
                    AlarmKind::Cleared(concern) => assert!(self.concerns.remove(&concern.to_string()), "{concern}"),
                    AlarmKind::Leg { index, state, .. } => assert_ne!(self.legs.insert(index, state), Some(state)),
                    AlarmKind::WorkStarted(work) => assert_eq!(self.work.replace(work), None),
                    AlarmKind::WorkEnded(work) => assert_eq!(self.work.take(), Some(work)),
                    _ => {}
                }
            }
        }
    }

    #[test]
    fn the_alarms_add_up_to_the_health_in_the_status() {
        let low_water = Some(DataBlocks(10));
        for statuses in STATUSES {
            let lines: Vec<StatusLine> = statuses.iter().map(|status| status.parse().unwrap()).collect();
            for (first, second) in lines.iter().flat_map(|first| lines.iter().map(move |second| (first, second))) {
                let (mut follower, mut state) = (Follower::default(), LineState::default());
                for line in [first, second] {
                    let (now, kinds) = state.read(line, low_water, &[80, 90]);
                    follower.follow(kinds);
                    assert_eq!(now.read(line, low_water, &[80, 90]), (now.clone(), Vec::new()), "{line}");
                    state = now;
                }
                let health = second.health().unwrap();
                let concerns: BTreeSet<_> = health.concerns.iter().map(ToString::to_string).collect();
                let is_unread = health.concerns.contains(&Concern::NoFigures);
                assert!(if is_unread {
                    follower.concerns.is_superset(&concerns)
                } else {
                    follower.concerns == concerns
                });
                if is_unread {
                    continue;
                }
                for (index, leg) in legs(&second.status).iter().enumerate() {
                    assert_eq!(follower.legs.get(&index).copied().unwrap_or_default(), leg.state, "{first}; {second}");
                }
                assert_eq!(follower.work, health.work.map(|work| work.kind));
                follower.follow(state.end());
                assert!(follower.concerns.is_empty() && follower.work.is_none());
            }
        }
    }
}
