//! Data are checked against a tree of hashes, as the kernel does when it reads them.

use alloc::vec::Vec;

use dm_core::block::BlockIo;
use dm_units::DataBlocks;

use super::error::VerityError;
use super::hash::{Hash, Hasher};
use super::layout::Layout;
use super::part::Part;
use super::superblock::VeritySuperblock;
use crate::verity::Hex;

impl VeritySuperblock {
    /// Reads all data and all hashes and checks them, from the first block on.
    ///
    /// The data of a device that is in use can be checked as well. Memory of about 1 MiB is used.
    ///
    /// # Errors
    ///
    /// [`is_corrupted`](VerityError::is_corrupted): the error names the first block that is not what the root hash stands for,
    /// of data or of hashes. [`VerityError::RootHash`], [`VerityError::TooSmall`], [`VerityError::Block`].
    pub fn verify(&self, data: &dyn BlockIo, hash: &dyn BlockIo, root_hash: &Hex) -> Result<(), VerityError> {
        self.verify_parts(&Part::data(data), &Part::hash(hash), root_hash)
    }

    pub(super) fn verify_parts(&self, data: &Part<'_>, hash: &Part<'_>, root_hash: &Hex) -> Result<(), VerityError> {
        // The fields can be set by the caller.
        self.check()?;
        let mut tree = TreeReader::new(self, hash, self.check_root(root_hash)?)?;
        data.require(self.length())?;
        hash.require(self.hash_end()?)?;
        let hasher = self.hasher();
        data.each_block(self.data_block_size, self.data_blocks.0, |number, block| {
            if hasher.hash(block) == tree.expected(number)? {
                return Ok(());
            }
            Err(VerityError::CorruptedData { block: DataBlocks(number) })
        })
    }
}

/// Reads the hashes of data blocks. One block of each level, which was checked, is in memory.
struct TreeReader<'a> {
    superblock: &'a VeritySuperblock,
    hasher: Hasher<'a>,
    hash: &'a Part<'a>,
    layout: Layout,
    levels: Vec<CheckedBlock>,
    root: Hash,
}

struct CheckedBlock {
    content: Vec<u8>,
    /// Which block of the level it is; `None` before the first one was read.
    number: Option<u64>,
}

impl<'a> TreeReader<'a> {
    fn new(superblock: &'a VeritySuperblock, hash: &'a Part<'a>, root: Hash) -> Result<Self, VerityError> {
        let layout = superblock.layout()?;
        let unread = |_: &_| CheckedBlock { content: superblock.hash_block(), number: None };
        let levels = layout.levels.iter().map(unread).collect();
        Ok(Self { superblock, hasher: superblock.hasher(), hash, layout, levels, root })
    }

    /// The hash that a block of data must have.
    fn expected(&mut self, data_block: u64) -> Result<Hash, VerityError> {
        let mut expected = self.root.clone();
        for level in (0..self.levels.len()).rev() {
            let (number, at) = self.layout.place(self.layout.hash_of(level, data_block));
            self.load(level, number, &expected)?;
            let content = self.levels.get(level).map(|checked| checked.content.as_slice()).unwrap_or_default();
            let size = expected.len();
            expected.clear();
            expected.extend(content.iter().skip(at).take(size));
        }
        Ok(expected)
    }

    /// Reads and checks a block of a level, unless it is in memory.
    fn load(&mut self, level: usize, number: u64, expected: &[u8]) -> Result<(), VerityError> {
        let (Some(checked), Some(place)) = (self.levels.get_mut(level), self.layout.levels.get(level)) else {
            return Ok(());
        };
        if checked.number == Some(number) {
            return Ok(());
        }
        let block = place.start.saturating_add(number);
        checked.number = None;
        self.hash.read(self.superblock.hash_sector(block), &mut checked.content)?;
        if self.hasher.hash(&checked.content) != expected {
            let is_root = level.saturating_add(1) == self.layout.levels.len();
            return Err(if is_root {
                VerityError::OtherRoot { block }
            } else {
                VerityError::CorruptedHashes { level, block }
            });
        }
        checked.number = Some(number);
        Ok(())
    }
}
