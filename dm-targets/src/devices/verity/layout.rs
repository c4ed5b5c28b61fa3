//! The positions of the blocks of a hash tree.

use alloc::vec::Vec;

/// The shape of a tree on the hash device (`verity_ctr` in drivers/md/dm-verity-target.c): the level with the root
/// first, the hashes of data last.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Layout {
    /// The levels, from the one with the hashes of data upwards. Empty for a single data block, whose hash is the root.
    pub(super) levels: Vec<Level>,
    /// The hash block after the last one.
    pub(super) end: u64,
    /// The binary logarithm of the number of hashes in a block.
    bits: u32,
    /// The distance from one hash to the next, in bytes.
    stride: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Level {
    /// Its first block on the hash device.
    pub(super) start: u64,
    /// The number of its blocks.
    pub(super) blocks: u64,
}

impl Layout {
    /// The tree over `data_blocks` blocks that starts at the hash block `first`. `None` if a block does not hold two
    /// hashes, or if the tree has more blocks than can be counted.
    pub(super) fn new(
        version: u32,
        digest_size: usize,
        block_size: usize,
        data_blocks: u64,
        first: u64,
    ) -> Option<Self> {
        let bits = block_size.checked_div(digest_size)?.checked_ilog2().filter(|bits| *bits > 0)?;
        let stride = if version == 0 { digest_size } else { block_size.checked_shr(bits)? };
        let mut sizes = Vec::new();
        let mut entries = data_blocks;
        while entries > 1 {
            entries = entries.div_ceil(1_u64.checked_shl(bits)?);
            sizes.push(entries);
        }
        let mut end = first;
        let mut levels = Vec::new();
        for blocks in sizes.into_iter().rev() {
            levels.push(Level { start: end, blocks });
            end = end.checked_add(blocks)?;
        }
        levels.reverse();
        Some(Self { levels, end, bits, stride })
    }

    /// The number of hashes in a block.
    pub(super) const fn hashes_per_block(&self) -> u64 {
        1_u64.wrapping_shl(self.bits)
    }

    /// The hash of a level that covers a data block.
    pub(super) fn hash_of(&self, level: usize, data_block: u64) -> u64 {
        let shift = u32::try_from(level).ok().and_then(|level| level.checked_mul(self.bits));
        shift.and_then(|shift| data_block.checked_shr(shift)).unwrap_or(0)
    }

    /// The block of its level that contains a hash, and the hash's position in it, in bytes.
    pub(super) fn place(&self, hash: u64) -> (u64, usize) {
        let block = hash.wrapping_shr(self.bits);
        let number = usize::try_from(hash & self.hashes_per_block().saturating_sub(1)).unwrap_or(0);
        (block, number.saturating_mul(self.stride))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn level(start: u64, blocks: u64) -> Level {
        Level { start, blocks }
    }

    #[test]
    fn levels_follow_one_another_from_the_root_down() {
        let layout = |blocks| Layout::new(1, 32, 4096, blocks, 1).unwrap();
        assert_eq!((layout(1).levels, layout(1).end), (vec![], 1));
        assert_eq!((layout(2).levels, layout(2).end), (vec![level(1, 1)], 2));
        assert_eq!(layout(128).levels, [level(1, 1)]);
        assert_eq!((layout(129).levels, layout(129).end), (vec![level(2, 2), level(1, 1)], 4));
        assert_eq!(layout(128 * 128 + 1).levels, [level(4, 129), level(2, 2), level(1, 1)]);
    }

    #[test]
    fn hashes_are_padded_to_powers_of_two_since_version_1() {
        let [old, new] = [0, 1].map(|version| Layout::new(version, 20, 4096, 1 << 20, 1).unwrap());
        assert_eq!((old.place(129), new.place(129)), ((1, 20), (1, 32)));
        assert_eq!((new.hash_of(0, 129), new.hash_of(1, 129), new.hash_of(9, 129)), (129, 1, 0));
    }

    #[test]
    fn parameters_without_a_tree_have_no_layout() {
        assert_eq!(Layout::new(1, 64, 64, 8, 0), None);
        assert_eq!(Layout::new(1, 0, 4096, 8, 0), None);
        assert_eq!(Layout::new(1, 32, 4096, u64::MAX, u64::MAX), None);
        assert!(Layout::new(1, 32, 512, u64::MAX, 0).is_some());
    }
}
