//! The content of a pool's metadata: thin devices, their mappings, and the data blocks in use.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::sync::Arc;

use crate::memory::errno::Errno;

/// The number of blocks that one bitmap block of a space map describes.
pub(super) const BITMAP_ENTRIES: u64 = 16_320;

/// The maximum number of entries in a block of a mapping tree.
const NODE_ENTRIES: u64 = 126;

/// The metadata blocks of a pool without devices, apart from bitmaps: the superblock, the index and the reference
/// counts of both space maps, and the roots of mappings and of devices.
const FIXED_BLOCKS: u64 = 7;

/// The mappings of a thin device by block. A snapshot shares the tree with its origin until one of them is written.
type Tree = Arc<BTreeMap<u64, Mapping>>;

/// The data block of a thin block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Mapping {
    /// The number of the data block.
    pub(super) block: u64,
    /// The value of [`Content::time`] when it was mapped.
    time: u32,
}

/// A thin device in the metadata.
#[derive(Clone, Debug, Default)]
struct Thin {
    tree: Tree,
    /// The value of [`Content::time`] at its creation or last snapshot.
    snapshotted: u32,
}

/// The metadata snapshot, which user space can read.
#[derive(Clone, Debug)]
struct MetadataSnapshot {
    /// The metadata block of its superblock.
    block: u64,
    trees: Vec<Tree>,
}

/// The state that one transaction changes atomically.
#[derive(Clone, Debug, Default)]
pub(super) struct Content {
    pub(super) transaction_id: u64,
    pub(super) needs_check: bool,
    /// The size of the metadata device in metadata blocks.
    pub(super) metadata_blocks: u64,
    /// The size of the data device in data blocks.
    pub(super) data_blocks: u64,
    /// The number of snapshots taken so far.
    time: u32,
    thins: BTreeMap<u32, Thin>,
    /// The reference count of each data block in use.
    counts: Arc<BTreeMap<u64, u32>>,
    held: Option<MetadataSnapshot>,
}

impl Content {
    /// Makes the content of a new pool.
    pub(super) fn new(metadata_blocks: u64) -> Self {
        Self { metadata_blocks, ..Self::default() }
    }

    pub(super) const fn time(&self) -> u32 {
        self.time
    }

    pub(super) fn contains(&self, id: u32) -> bool {
        self.thins.contains_key(&id)
    }

    /// As `__create_thin`.
    pub(super) fn create_thin(&mut self, id: u32) -> Result<(), Errno> {
        if self.contains(id) {
            return Err(Errno::EEXIST);
        }
        self.thins.insert(id, Thin { tree: Tree::default(), snapshotted: self.time });
        Ok(())
    }

    /// As `__create_snap`. It does not check whether the origin is in use.
    pub(super) fn create_snap(&mut self, id: u32, origin: u32) -> Result<(), Errno> {
        if self.contains(id) {
            return Err(Errno::EEXIST);
        }
        let thin = self.thins.get_mut(&origin).ok_or(Errno::ENODATA)?;
        self.time = self.time.wrapping_add(1);
        thin.snapshotted = self.time;
        let snapshot = thin.clone();
        self.count_all(&snapshot.tree);
        self.thins.insert(id, snapshot);
        Ok(())
    }

    /// As `__delete_device`. The caller has checked that the device is not open.
    pub(super) fn delete(&mut self, id: u32) -> Result<(), Errno> {
        let thin = self.thins.remove(&id).ok_or(Errno::ENODATA)?;
        self.release_all(&thin.tree);
        Ok(())
    }

    /// The data block of a thin block, and whether a snapshot may share it (`__snapshotted_since`).
    pub(super) fn find(&self, id: u32, block: u64) -> Option<(u64, bool)> {
        let thin = self.thins.get(&id)?;
        let mapping = thin.tree.get(&block)?;
        Some((mapping.block, thin.snapshotted > mapping.time))
    }

    /// Maps a thin block to an allocated data block.
    pub(super) fn insert(&mut self, id: u32, block: u64, data: u64) {
        let mapping = Mapping { block: data, time: self.time };
        let old = self.thins.get_mut(&id).and_then(|thin| Arc::make_mut(&mut thin.tree).insert(block, mapping));
        if let Some(old) = old {
            self.release(old.block);
        }
    }

    /// Removes the first mapping in a range. Returns its data block and whether it was shared; its reference is not
    /// released.
    pub(super) fn remove_first(&mut self, id: u32, range: &Range<u64>) -> Option<(u64, bool)> {
        let block = *self.thins.get(&id)?.tree.range(range.clone()).next()?.0;
        let found = self.find(id, block)?;
        Arc::make_mut(&mut self.thins.get_mut(&id)?.tree).remove(&block);
        Some(found)
    }

    /// The number of mapped blocks, and the last of them.
    pub(super) fn mapped(&self, id: u32) -> Option<(u64, Option<u64>)> {
        let tree = &self.thins.get(&id)?.tree;
        Some((len(tree.len()), tree.keys().next_back().copied()))
    }

    // Data blocks.

    pub(super) fn is_used(&self, block: u64) -> bool {
        self.counts.contains_key(&block)
    }

    pub(super) fn used_data(&self) -> u64 {
        len(self.counts.len())
    }

    /// The reference count of a data block.
    pub(super) fn count(&self, block: u64) -> u32 {
        self.counts.get(&block).copied().unwrap_or(0)
    }

    pub(super) fn take(&mut self, block: u64) {
        let count = Arc::make_mut(&mut self.counts).entry(block).or_insert(0);
        *count = count.saturating_add(1);
    }

    pub(super) fn release(&mut self, block: u64) {
        let counts = Arc::make_mut(&mut self.counts);
        match counts.get_mut(&block) {
            Some(count) if *count > 1 => *count = count.saturating_sub(1),
            _ => {
                counts.remove(&block);
            }
        }
    }

    fn count_all(&mut self, tree: &Tree) {
        tree.values().for_each(|mapping| self.take(mapping.block));
    }

    fn release_all(&mut self, tree: &Tree) {
        tree.values().for_each(|mapping| self.release(mapping.block));
    }

    // The metadata device.

    /// The block of the metadata snapshot.
    pub(super) fn held_root(&self) -> Option<u64> {
        self.held.as_ref().map(|held| held.block)
    }

    /// Takes a metadata snapshot. The blocks that are mapped now stay in use until it is released.
    pub(super) fn hold(&mut self) {
        let trees: Vec<Tree> = self.thins.values().map(|thin| Arc::clone(&thin.tree)).collect();
        trees.iter().for_each(|tree| self.count_all(tree));
        let block = self.used_metadata();
        self.held = Some(MetadataSnapshot { block, trees });
    }

    pub(super) fn release_held(&mut self) {
        if let Some(held) = self.held.take() {
            held.trees.iter().for_each(|tree| self.release_all(tree));
        }
    }

    /// The number of metadata blocks in use: an estimate that is exact for a new pool.
    pub(super) fn used_metadata(&self) -> u64 {
        let bitmaps =
            self.metadata_blocks.div_ceil(BITMAP_ENTRIES).saturating_add(self.data_blocks.div_ceil(BITMAP_ENTRIES));
        let held = self.held.iter().flat_map(|held| &held.trees);
        let mut seen = BTreeSet::new();
        let trees = self.thins.values().map(|thin| &thin.tree).chain(held);
        // A shared tree counts once. Empty trees are distinct, since each has its own allocation.
        let distinct = trees.filter(|tree| seen.insert(Arc::as_ptr(tree)));
        let trees = distinct.map(|tree| nodes(len(tree.len()))).fold(0, u64::saturating_add);
        let lists = nodes(len(self.thins.len())).saturating_sub(1);
        let held = u64::from(self.held.is_some());
        [FIXED_BLOCKS, bitmaps, trees, lists, held].into_iter().fold(0, u64::saturating_add)
    }
}

/// The number of blocks of a tree with this number of entries, if its leaves are full.
fn nodes(entries: u64) -> u64 {
    let leaves = entries.div_ceil(NODE_ENTRIES).max(1);
    if leaves == 1 { 1 } else { leaves.saturating_add(leaves.div_ceil(NODE_ENTRIES)) }
}

fn len(len: usize) -> u64 {
    u64::try_from(len).unwrap_or(u64::MAX)
}
