//! The health of a `mirror` target.
//!
//! Kernel: `device_status_char`, `do_writes` and `do_failures` in `drivers/md/dm-raid1.c`, `disk_status` in
//! `drivers/md/dm-log.c`, `userspace_status` in `drivers/md/dm-log-userspace-base.c`.

use super::{LogHealth, MirrorHealth, MirrorLogStatus, MirrorStatus};
use crate::{Concern, Health, Usage, WordBuf, Work, WorkKind};

impl MirrorStatus {
    pub(super) fn health(&self) -> Health {
        let count =
            |matches: fn(&MirrorHealth) -> bool| self.legs.iter().filter(|leg| matches(&leg.health)).count() as u64;
        let legs = self.legs.len() as u64;
        let alive = count(|health| *health == MirrorHealth::Alive);
        let unknown = count(|health| matches!(health, MirrorHealth::Other(_)));
        let log_failed = self.log.has_failed();
        let sync = Some(Usage { used: self.in_sync, total: self.regions });
        // After a failed copy of a region, the kernel does not retry it before the device is resumed.
        let can_resync = self.legs.iter().all(|leg| leg.health.can_resync());
        Health {
            legs: Some(Usage { used: alive, total: legs }),
            sync,
            work: (self.in_sync < self.regions && can_resync).then_some(Work::new(WorkKind::Resync, sync)),
            repairs: legs.saturating_sub(alive).saturating_add(log_failed.into()),
            ..Health::default()
        }
        .concern(Concern::Failed, alive == 0)
        .concern(Concern::FailedLegs, alive < legs)
        .concern(Concern::FailedLog, log_failed)
        .concern(Concern::NotInSync, self.in_sync < self.regions)
        .concern(Concern::Unknown, unknown > 0 || self.log.is_unknown())
    }
}

impl MirrorHealth {
    /// Whether a resync can complete while this leg has this health. After any error except one of an ordinary read, some
    /// regions may stay out of sync until the device is resumed.
    const fn can_resync(&self) -> bool {
        matches!(self, Self::Alive | Self::ReadFailed)
    }
}

impl MirrorLogStatus {
    fn has_failed(&self) -> bool {
        match self {
            Self::Core => false,
            Self::Disk { health, .. } => matches!(health, LogHealth::Dead | LogHealth::FlushFailed),
            Self::CommunicationFailure => true,
            Self::Other(words) => health_letter(words).is_some_and(|letter| matches!(letter, "D" | "F")),
        }
    }

    fn is_unknown(&self) -> bool {
        match self {
            Self::Core | Self::CommunicationFailure => false,
            Self::Disk { health, .. } => matches!(health, LogHealth::Other(_)),
            Self::Other(words) => health_letter(words).is_some_and(|letter| !matches!(letter, "A" | "D" | "F")),
        }
    }
}

/// The health letter of a userspace log on a device, whose status is a count, the log type, the device and the letter:
/// `3 clustered-disk 253:3 A`. `None` if the status does not have four words.
fn health_letter(words: &[WordBuf]) -> Option<&str> {
    let [_, _, _, letter] = words else { return None };
    Some(letter.as_str())
}
