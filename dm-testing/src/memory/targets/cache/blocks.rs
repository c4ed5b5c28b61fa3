//! The blocks of the origin that are in the cache.

use std::collections::{BTreeMap, BTreeSet};

/// A block in the cache.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Resident {
    /// The block of the cache device that holds it.
    pub(super) place: u64,
    /// Whether the origin still has old data.
    pub(super) is_dirty: bool,
    /// The time of its last use, as a number of accesses to the cache.
    used: u64,
}

/// All blocks in a cache.
#[derive(Debug)]
pub(super) struct Blocks {
    /// The number of blocks that fit in the cache.
    total: u64,
    resident: BTreeMap<u64, Resident>,
    /// Blocks that were accessed once while not in the cache.
    seen: BTreeSet<u64>,
    /// The number of accesses so far.
    accesses: u64,
    /// Whether blocks were added or removed since the last commit. Whether they are dirty is stored at a suspend.
    pub(super) has_changed: bool,
}

impl Blocks {
    pub(super) const fn new(total: u64) -> Self {
        Self { total, resident: BTreeMap::new(), seen: BTreeSet::new(), accesses: 0, has_changed: false }
    }

    pub(super) const fn total(&self) -> u64 {
        self.total
    }

    pub(super) fn resident(&self) -> u64 {
        u64::try_from(self.resident.len()).unwrap_or(u64::MAX)
    }

    pub(super) fn dirty(&self) -> u64 {
        u64::try_from(self.resident.values().filter(|block| block.is_dirty).count()).unwrap_or(u64::MAX)
    }

    /// Looks up a block, and counts the access.
    pub(super) fn access(&mut self, block: u64) -> Option<Resident> {
        self.accesses = self.accesses.saturating_add(1);
        let resident = self.resident.get_mut(&block)?;
        resident.used = self.accesses;
        Some(*resident)
    }

    /// Records an access to a block that is not in the cache; returns whether there was one before.
    pub(super) fn is_wanted(&mut self, block: u64) -> bool {
        !self.seen.insert(block)
    }

    pub(super) fn set_dirty(&mut self, block: u64, is_dirty: bool) {
        if let Some(resident) = self.resident.get_mut(&block) {
            resident.is_dirty = is_dirty;
        }
    }

    /// A free block of the cache device.
    pub(super) fn free_place(&self) -> Option<u64> {
        if self.resident() >= self.total {
            return None;
        }
        let taken: BTreeSet<u64> = self.resident.values().map(|block| block.place).collect();
        (0..self.total).find(|place| !taken.contains(place))
    }

    /// The least recently used block.
    pub(super) fn oldest(&self) -> Option<(u64, Resident)> {
        self.resident.iter().min_by_key(|(_, resident)| resident.used).map(|(block, resident)| (*block, *resident))
    }

    pub(super) fn first_dirty(&self) -> Option<(u64, Resident)> {
        let mut blocks = self.resident.iter();
        blocks.find(|(_, resident)| resident.is_dirty).map(|(block, resident)| (*block, *resident))
    }

    /// The block of the origin in a block of the cache device.
    pub(super) fn at(&self, place: u64) -> Option<u64> {
        self.resident.iter().find(|(_, resident)| resident.place == place).map(|(block, _)| *block)
    }

    pub(super) fn insert(&mut self, block: u64, place: u64, is_dirty: bool) {
        self.has_changed = true;
        self.seen.remove(&block);
        self.resident.insert(block, Resident { place, is_dirty, used: self.accesses });
    }

    pub(super) fn remove(&mut self, block: u64) {
        self.has_changed |= self.resident.remove(&block).is_some();
    }

    /// The form in which metadata stores them: three numbers for each block.
    pub(super) fn numbers(&self) -> impl Iterator<Item = u64> {
        self.resident.iter().flat_map(|(block, resident)| [*block, resident.place, u64::from(resident.is_dirty)])
    }

    /// Reads the form of [`numbers`](Self::numbers). Without a clean shutdown, every block may be dirty.
    pub(super) fn of_numbers(total: u64, numbers: &[u64], is_clean: bool) -> Self {
        let mut blocks = Self::new(total);
        for block in numbers.chunks_exact(3) {
            if let [block, place, is_dirty] = block {
                blocks.insert(*block, *place, !is_clean || *is_dirty != 0);
            }
        }
        blocks.has_changed = false;
        blocks
    }
}
