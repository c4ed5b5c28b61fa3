//! The stores of snapshots (drivers/md/dm-exception-store.c, drivers/md/dm-snap-transient.c).

use std::collections::BTreeMap;

use dm_targets::snapshot::SnapshotStore;
use dm_units::DeviceNumber;

use super::persistent::Persistent;
use crate::memory::errno::Errno;
use crate::memory::kernel::Kernel;
use crate::memory::kernel::io::IoFault;

#[derive(Debug)]
pub(super) struct Store {
    /// The chunk size in sectors; 0 until it is taken over from another store.
    pub(super) chunk_size: u64,
    /// Whether the user supports the status `Overflow`.
    pub(super) overflow: bool,
    pub(super) cow: DeviceNumber,
    pub(super) kind: StoreKind,
}

#[derive(Debug)]
pub(super) enum StoreKind {
    Persistent(Persistent),
    /// The map is in memory only. `next` is the first free chunk.
    Transient {
        next: u64,
    },
}

impl Store {
    pub(super) fn new(store: &SnapshotStore, cow: DeviceNumber, chunk_size: u64) -> Self {
        // The kernel checks the first two letters, ignoring case.
        let word = store.to_string().to_ascii_uppercase();
        let kind = if word.starts_with('N') {
            StoreKind::Transient { next: 0 }
        } else {
            StoreKind::Persistent(Persistent::new())
        };
        Self { chunk_size, overflow: word.starts_with("PO"), cow, kind }
    }

    /// The word for the store in a table.
    pub(super) fn word(&self) -> SnapshotStore {
        match (&self.kind, self.overflow) {
            (StoreKind::Transient { .. }, _) => SnapshotStore::Transient,
            (StoreKind::Persistent(_), false) => SnapshotStore::Persistent,
            (StoreKind::Persistent(_), true) => SnapshotStore::PersistentOverflow,
        }
    }

    pub(super) const fn can_merge(&self) -> bool {
        matches!(self.kind, StoreKind::Persistent(_))
    }

    /// Reads its exceptions; `None` if it was marked invalid (`read_metadata`).
    pub(super) fn read(&mut self, kernel: &mut Kernel) -> Result<Option<BTreeMap<u64, u64>>, Errno> {
        match &mut self.kind {
            StoreKind::Transient { .. } => Ok(Some(BTreeMap::new())),
            StoreKind::Persistent(store) => store.read(kernel, self.cow, &mut self.chunk_size),
        }
    }

    /// The next chunk of the COW device to use, if there is one (`prepare_exception`).
    pub(super) fn next_chunk(&self, kernel: &Kernel) -> Option<u64> {
        let next = match &self.kind {
            StoreKind::Persistent(store) => store.next_free(),
            StoreKind::Transient { next } => *next,
        };
        let end = next.saturating_add(1).saturating_mul(self.chunk_size);
        (end <= kernel.sectors(self.cow).unwrap_or(0)).then_some(next)
    }

    /// Records that the next chunk contains a chunk of the origin (`commit_exception`).
    pub(super) fn commit(&mut self, kernel: &mut Kernel, old: u64, new: u64) -> Result<(), IoFault> {
        match &mut self.kind {
            StoreKind::Persistent(store) => store.commit(kernel, old, new),
            StoreKind::Transient { next } => {
                *next = next.saturating_add(1);
                Ok(())
            }
        }
    }

    /// Marks the snapshot as invalid (`drop_snapshot`).
    pub(super) fn drop_snapshot(&mut self, kernel: &mut Kernel) {
        if let StoreKind::Persistent(store) = &mut self.kind {
            store.drop_snapshot(kernel);
        }
    }

    /// The numbers of used sectors, and of those with the map (`usage`).
    pub(super) fn usage(&self) -> (u64, u64) {
        let (chunks, metadata) = match &self.kind {
            StoreKind::Persistent(store) => (store.next_free(), store.metadata_chunks()),
            StoreKind::Transient { next } => (*next, 0),
        };
        (chunks.saturating_mul(self.chunk_size), metadata.saturating_mul(self.chunk_size))
    }
}
