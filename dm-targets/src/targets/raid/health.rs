//! The health of a `raid` target.
//!
//! Kernel: `raid_status`, `rs_get_progress` and `__raid_dev_status` in `drivers/md/dm-raid.c`.

use alloc::vec::Vec;

use super::{JournalHealth, Level, RaidArrayStatus, RaidHealth, RaidStatus, RaidType, SyncAction};
use crate::{Concern, Health, Usage, Work, WorkKind};

impl RaidStatus {
    pub(super) fn health(&self) -> Health {
        match self {
            Self::Array(array) => array.health(),
            Self::Nothing => Health::only(Concern::NoFigures),
        }
    }
}

impl RaidArrayStatus {
    fn health(&self) -> Health {
        let total = self.health.len() as u64;
        let failed = self.count(|health| matches!(health, RaidHealth::Failed | RaidHealth::Missing));
        let lost = self.lost();
        let in_order = lost.iter().filter(|lost| !**lost).count() as u64;
        let journal_failed = self.journal == Some(JournalHealth::Failed);
        let mismatches = self.mismatches.unwrap_or_default();
        let sync = self.sync();
        let out_of_sync = self.count(|health| *health == RaidHealth::OutOfSync) > 0;
        let unfinished = sync.is_some_and(|sync| sync.used < sync.total);
        Health {
            legs: Some(Usage { used: in_order, total }),
            sync,
            work: self.work(),
            repairs: failed.saturating_add(journal_failed.into()).saturating_add(mismatches),
            ..Health::default()
        }
        .concern(Concern::Failed, self.raid_type.loses_data(&lost))
        .concern(Concern::FailedLegs, failed > 0 || journal_failed)
        .concern(Concern::ReadOnly, journal_failed)
        .concern(Concern::NotInSync, out_of_sync || unfinished)
        .concern(Concern::Mismatches, mismatches > 0)
        .concern(Concern::Unknown, self.is_unknown())
    }

    fn count(&self, is: impl Fn(&RaidHealth) -> bool) -> u64 {
        self.health.iter().filter(|health| is(health)).count() as u64
    }

    /// For each device, whether its data is lost or incomplete.
    ///
    /// The kernel prints `a` for all devices while the whole array is being synchronized. Next to an `A`, it means a device
    /// that is being rebuilt or waits for it.
    fn lost(&self) -> Vec<bool> {
        let rebuilt = self.count(|health| *health == RaidHealth::InSync) > 0;
        let lost = |health: &RaidHealth| match health {
            RaidHealth::Failed | RaidHealth::Missing => true,
            RaidHealth::OutOfSync => rebuilt,
            RaidHealth::InSync | RaidHealth::Other(_) => false,
        };
        self.health.iter().map(lost).collect()
    }

    /// The sectors in sync. The ratio shows them only while the array is idle, being resynchronized or being rebuilt.
    fn sync(&self) -> Option<Usage<u64>> {
        let Usage { used, total } = self.ratio();
        match &self.action {
            None | Some(SyncAction::Idle | SyncAction::Resync | SyncAction::Recover) => Some(Usage { used, total }),
            // A check starts only after the initial synchronization.
            Some(SyncAction::Check | SyncAction::Repair) => Some(Usage { used: total, total }),
            Some(SyncAction::Frozen | SyncAction::Reshape | SyncAction::Undefined | SyncAction::Other(_)) => None,
        }
    }

    fn work(&self) -> Option<Work> {
        let kind = match &self.action {
            Some(SyncAction::Resync) => WorkKind::Resync,
            Some(SyncAction::Recover) => WorkKind::Recovery,
            Some(SyncAction::Check) => WorkKind::Check,
            Some(SyncAction::Repair) => WorkKind::Repair,
            Some(SyncAction::Reshape) => WorkKind::Reshape,
            None | Some(SyncAction::Idle | SyncAction::Frozen | SyncAction::Undefined | SyncAction::Other(_)) => {
                return None;
            }
        };
        Some(Work::new(kind, Some(self.ratio())))
    }

    const fn ratio(&self) -> Usage<u64> {
        Usage { used: self.progress.0, total: self.total.0 }
    }

    fn is_unknown(&self) -> bool {
        self.health.iter().any(|health| matches!(health, RaidHealth::Other(_)))
            || matches!(self.action, Some(SyncAction::Undefined | SyncAction::Other(_)))
            || matches!(self.journal, Some(JournalHealth::Other(_)))
    }
}

impl RaidType {
    /// Whether the kernel has too few devices for some data.
    fn loses_data(&self, lost: &[bool]) -> bool {
        let count = lost.iter().filter(|lost| **lost).count();
        match self.level() {
            Some(Level::Raid0) => count > 0,
            Some(Level::Raid45) => count > 1,
            Some(Level::Raid6) => count > 2,
            Some(Level::Raid10) => self.loses_pair(lost),
            Some(Level::Raid1) | None => count > 0 && count == lost.len(),
        }
    }

    /// Whether two neighboring devices are lost that can hold the same data, if there are two copies.
    ///
    /// As `_enough` in `drivers/md/raid10.c` counts them, without which the kernel does not start an array: in the near layout
    /// with an even number of devices, these are fixed pairs; otherwise each device with both neighbors, and the last
    /// device with the first. In the far and offset layouts, the kernel counts a pair also if `raid10_use_near_sets` is not
    /// set, where the copies are in fixed sets.
    fn loses_pair(&self, lost: &[bool]) -> bool {
        let near = matches!(self, Self::Raid10 | Self::Raid10Near);
        if near && lost.len() % 2 == 0 {
            return lost.chunks(2).any(|pair| pair.iter().all(|lost| *lost));
        }
        let next = lost.iter().cycle().skip(1);
        lost.iter().zip(next).any(|(one, other)| *one && *other)
    }
}
