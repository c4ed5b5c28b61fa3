//! The health of a `mirror` target.
//!
//! Kernel: `device_status_char`, `do_writes` and `do_failures` in `drivers/md/dm-raid1.c`, `disk_status` in
//! `drivers/md/dm-log.c`, `userspace_status` in `drivers/md/dm-log-userspace-base.c`.

use super::{LogHealth, MirrorHealth, MirrorLogStatus, MirrorStatus};
use crate::{Concern, Health, Usage, WordBuf, Work, WorkKind};

impl MirrorStatus {
    pub(super) fn health(&self) -> Health {
        let count = |is: fn(&MirrorHealth) -> bool| self.mirrors.iter().filter(|leg| is(&leg.health)).count() as u64;
        let all = self.mirrors.len() as u64;
        let alive = count(|health| *health == MirrorHealth::Alive);
        let unknown = count(|health| matches!(health, MirrorHealth::Other(_)));
        let log_failed = self.log.has_failed();
        let sync = Some(Usage { used: self.in_sync, total: self.regions });
        // The kernel does not retry a region that could not be copied until the device is resumed.
        let is_copied = self.mirrors.iter().all(|leg| leg.health.lets_copy());
        Health {
            legs: Some(Usage { used: alive, total: all }),
            sync,
            work: (self.in_sync < self.regions && is_copied).then_some(Work::new(WorkKind::Resync, sync)),
            repairs: all.saturating_sub(alive).saturating_add(log_failed.into()),
            ..Health::default()
        }
        .concern(Concern::Failed, alive == 0)
        .concern(Concern::FailedLegs, alive < all)
        .concern(Concern::FailedLog, log_failed)
        .concern(Concern::NotInSync, self.in_sync < self.regions)
        .concern(Concern::Unknown, unknown > 0 || self.log.is_unknown())
    }
}

impl MirrorHealth {
    /// Whether the kernel still copies regions to or from this leg. It stops after an error, except an error of an ordinary
    /// read.
    const fn lets_copy(&self) -> bool {
        matches!(self, Self::Alive | Self::ReadFailed)
    }
}

impl MirrorLogStatus {
    fn has_failed(&self) -> bool {
        match self {
            Self::Core => false,
            Self::Disk { health, .. } => matches!(health, LogHealth::Dead | LogHealth::FlushFailed),
            Self::CommunicationFailure => true,
            Self::Other(words) => last_letter(words).is_some_and(|letter| matches!(letter, "D" | "F")),
        }
    }

    fn is_unknown(&self) -> bool {
        match self {
            Self::Core | Self::CommunicationFailure => false,
            Self::Disk { health, .. } => matches!(health, LogHealth::Other(_)),
            Self::Other(words) => last_letter(words).is_some_and(|letter| !matches!(letter, "A" | "D" | "F")),
        }
    }
}

/// The last word of the status of a userspace log. A log on a device ends with a health letter, as in `3 clustered-disk
/// 253:3 A`: a count, the log type, the device and the letter.
fn last_letter(words: &[WordBuf]) -> Option<&str> {
    let [_, _, _, letter] = words else { return None };
    Some(letter.as_str())
}
