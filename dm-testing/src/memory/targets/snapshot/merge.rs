//! Merges snapshots: copies the exceptions back into the origin (`snapshot_merge_next_chunks`).
//!
//! There is no thread: each time the status is read, the next run of chunks is merged.

use super::state::{SnapshotState, buffer};
use super::store::StoreKind;
use super::{LOG_PREFIX, before_write, with_snapshot};
use crate::memory::kernel::Kernel;
use crate::memory::kernel::io::{Io, IoFault};

/// Chunks to merge, which are consecutive on both devices.
#[derive(Clone, Copy, Debug)]
struct Run {
    /// The first chunk on the origin.
    old: u64,
    /// The first chunk on the COW device.
    new: u64,
    /// The number of chunks.
    length: u64,
}

/// The reason why a merge stops.
enum Stop {
    /// A device holds I/O; the merge continues later.
    Held,
    Failed(&'static str),
}

/// Merges the next run of chunks.
pub(super) fn step(kernel: &mut Kernel, id: u64) {
    let Some(Some(run)) = with_snapshot(kernel, id, next_run) else { return };
    let Some((origin, start, length)) = kernel.shared.snapshots.get(id).map(|state| {
        let size = state.store.chunk_size;
        (state.origin, run.old.saturating_mul(size), run.length.saturating_mul(size))
    }) else {
        return;
    };
    // Other snapshots of the origin keep the data that is overwritten.
    if before_write(kernel, origin, start, length).is_err() {
        return;
    }
    with_snapshot(kernel, id, |kernel, state| match merge(kernel, state, run) {
        Ok(()) => {
            (run.old..run.old.saturating_add(run.length)).for_each(|chunk| {
                state.exceptions.remove(&chunk);
            });
        }
        Err(Stop::Held) => {}
        Err(Stop::Failed(text)) => fail(kernel, state, text),
    });
}

/// The next chunks to merge. `None` if there are none.
fn next_run(kernel: &mut Kernel, state: &mut SnapshotState) -> Option<Run> {
    if !state.merging {
        return None;
    }
    if !state.valid {
        kernel.log(LOG_PREFIX, "Snapshot is invalid: can't merge");
        state.merging = false;
        return None;
    }
    let StoreKind::Persistent(store) = &mut state.store.kind else { return None };
    match store.last_run(kernel) {
        Ok(Some((old, new, length))) => return Some(Run { old, new, length }),
        Ok(None) => state.merging = false,
        Err(IoFault::Failed(_)) => fail(kernel, state, "Read error in exception store: shutting down merge"),
        Err(IoFault::Held(_) | IoFault::Waits(_)) => {}
    }
    None
}

fn merge(kernel: &mut Kernel, state: &mut SnapshotState, run: Run) -> Result<(), Stop> {
    let size = state.store.chunk_size;
    let (to, from) = (run.old.saturating_mul(size), run.new.saturating_mul(size));
    let left = kernel.sectors(state.origin).unwrap_or(0).saturating_sub(to);
    let mut data = buffer(run.length.saturating_mul(size).min(left));
    kernel.io(state.cow, from, Io::Read(&mut data)).map_err(stop("Read error: shutting down merge."))?;
    kernel.io(state.origin, to, Io::Write(&data)).map_err(stop("Write error: shutting down merge."))?;
    kernel.io(state.origin, 0, Io::Flush).map_err(stop("Flush after merge failed: shutting down merge"))?;
    let StoreKind::Persistent(store) = &mut state.store.kind else { return Ok(()) };
    store.forget(kernel, run.length).map_err(stop("Write error in exception store: shutting down merge"))
}

fn stop(text: &'static str) -> impl Fn(IoFault) -> Stop {
    move |fault| match fault {
        IoFault::Failed(_) => Stop::Failed(text),
        IoFault::Held(_) | IoFault::Waits(_) => Stop::Held,
    }
}

fn fail(kernel: &mut Kernel, state: &mut SnapshotState, text: &str) {
    kernel.log(LOG_PREFIX, text);
    state.merge_failed = true;
    state.merging = false;
}
