//! `snapshot`, `snapshot-origin` and `snapshot-merge` (drivers/md/dm-snap.c).
//!
//! A [`State`] corresponds to the kernel's `struct dm_snapshot`. The states are in a list, since origins write to the
//! snapshots of their device, and one snapshot takes over the exceptions of another. Targets refer to them by number.
//! While a function works with a snapshot, it is not in the list.

mod handover;
mod merge;
pub(super) mod origin_target;
mod persistent;
pub(super) mod snapshot_target;
mod state;
mod store;

use std::collections::BTreeMap;

use dm_units::DeviceNumber;

use self::state::State;
use crate::memory::kernel::Kernel;
use crate::memory::kernel::io::IoResult;

/// The prefix of most lines in the log.
const LOG: &str = "snapshots";

/// All snapshots, including those of inactive tables.
#[derive(Debug, Default)]
pub(crate) struct Snapshots {
    /// The snapshots in the order of their creation.
    all: BTreeMap<u64, State>,
    next: u64,
}

impl Snapshots {
    fn insert(&mut self, state: State) -> u64 {
        self.next = self.next.wrapping_add(1);
        self.all.insert(self.next, state);
        self.next
    }

    fn get(&self, id: u64) -> Option<&State> {
        self.all.get(&id)
    }

    /// The snapshots of a device, those with the largest chunks first.
    fn of(&self, origin: DeviceNumber) -> Vec<u64> {
        let snapshots = self.all.iter().filter(|(_, state)| state.origin == origin);
        let mut ids: Vec<(u64, u64)> = snapshots.map(|(id, state)| (state.store.chunk_size, *id)).collect();
        ids.sort_by_key(|(chunk_size, _)| std::cmp::Reverse(*chunk_size));
        ids.into_iter().map(|(_, id)| id).collect()
    }
}

/// Calls a function with a snapshot.
fn with<T>(kernel: &mut Kernel, id: u64, work: impl FnOnce(&mut Kernel, &mut State) -> T) -> Option<T> {
    let mut state = kernel.shared.snapshots.all.remove(&id)?;
    let result = work(kernel, &mut state);
    kernel.shared.snapshots.all.insert(id, state);
    Some(result)
}

/// Called before sectors of a device are overwritten; its snapshots keep the old data (`do_origin`). It fails only if a
/// device holds I/O.
fn before_write(kernel: &mut Kernel, origin: DeviceNumber, start: u64, length: u64) -> IoResult {
    for id in kernel.shared.snapshots.of(origin) {
        with(kernel, id, |kernel, state| state.keep(kernel, start, length)).unwrap_or(Ok(()))?;
    }
    Ok(())
}
