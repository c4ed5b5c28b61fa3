//! Hands the exceptions of a snapshot over to the snapshot of the next table (`__find_snapshots_sharing_cow` and its
//! callers).

use dm_units::DeviceNumber;

use super::{LOG_PREFIX, with_snapshot};
use crate::memory::errno::Errno;
use crate::memory::kernel::Kernel;

/// Snapshots of one origin that share a COW device.
#[derive(Debug, Default)]
pub(super) struct Pairing {
    count: usize,
    /// The active snapshot, which has the exceptions.
    source: Option<u64>,
    /// The inactive snapshot, which will get the exceptions.
    destination: Option<u64>,
    /// The snapshot of the origin that is being merged, with any COW device.
    merge: Option<u64>,
}

impl Pairing {
    pub(super) fn find(kernel: &Kernel, origin: DeviceNumber, cow: DeviceNumber) -> Self {
        let mut pairing = Self::default();
        let snapshots = &kernel.shared.snapshots;
        for id in snapshots.ids_of(origin) {
            let Some(state) = snapshots.get(id) else { continue };
            if state.is_merge {
                pairing.merge = Some(id);
            }
            if state.cow != cow {
                continue;
            }
            let side = if state.active { &mut pairing.source } else { &mut pairing.destination };
            *side = Some(id);
            pairing.count = pairing.count.saturating_add(1);
        }
        pairing
    }

    /// Whether a new snapshot gets its exceptions from another (`__validate_exception_handover`).
    pub(super) fn accept(&self, kernel: &Kernel, is_merge: bool) -> Result<bool, &'static str> {
        if self.count == 2 || self.destination.is_some() {
            return Err("Snapshot cow pairing for exception table handover failed");
        }
        let Some(source) = self.source else { return Ok(false) };
        if is_merge && self.merge.is_some() {
            return Err("A snapshot is already merging.");
        }
        let can_merge = kernel.shared.snapshots.get(source).is_some_and(|source| source.store.can_merge());
        if is_merge && !can_merge {
            return Err("Snapshot exception store does not support snapshot-merge.");
        }
        Ok(true)
    }

    fn both(&self) -> Option<(u64, u64)> {
        self.source.zip(self.destination)
    }
}

fn pairing_of(kernel: &Kernel, id: u64) -> Option<(u64, u64)> {
    let state = kernel.shared.snapshots.get(id)?;
    Pairing::find(kernel, state.origin, state.cow).both()
}

/// As `snapshot_preresume`: both sides must be ready.
pub(super) fn check(kernel: &mut Kernel, id: u64) -> Result<(), Errno> {
    let Some((source, _)) = pairing_of(kernel, id) else { return Ok(()) };
    let minor = kernel.shared.snapshots.get(source).map(|source| source.minor);
    let is_suspended = minor.and_then(|minor| kernel.device(minor).ok()).is_none_or(|device| device.suspended);
    let text = if id == source {
        "Unable to resume snapshot source until handover completes."
    } else if !is_suspended {
        "Unable to perform snapshot handover until source is suspended."
    } else {
        return Ok(());
    };
    kernel.log(LOG_PREFIX, text);
    Err(Errno::EINVAL)
}

/// As `__handover_exceptions`, if there is a partner.
pub(super) fn hand_over(kernel: &mut Kernel, id: u64) {
    let Some((source, destination)) = pairing_of(kernel, id) else { return };
    with_snapshot(kernel, source, |kernel, source| {
        with_snapshot(kernel, destination, |_, destination| {
            let overflow = destination.store.overflow;
            std::mem::swap(&mut source.store, &mut destination.store);
            destination.store.overflow = overflow;
            destination.exceptions = std::mem::take(&mut source.exceptions);
            (destination.valid, destination.overflowed) = (source.valid, source.overflowed);
            source.valid = false;
        });
    });
}

/// Called before the snapshot is destroyed; a snapshot that waits for its exceptions becomes invalid.
pub(super) fn cancel(kernel: &mut Kernel, id: u64) {
    let Some((_, destination)) = pairing_of(kernel, id).filter(|(source, _)| *source == id) else { return };
    with_snapshot(kernel, destination, |_, destination| destination.valid = false);
    kernel.log(LOG_PREFIX, "Cancelling snapshot handover.");
}
