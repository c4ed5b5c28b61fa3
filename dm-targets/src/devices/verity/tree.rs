//! [`VerityTree`]: reads the hashes of single data blocks.

use alloc::vec::Vec;

use super::error::VerityError;
use super::hash::{Hasher, VerityAlgorithm};
use super::layout::Layout;
use crate::verity::{Hex, VerityTable};
use crate::{InvalidField, Limits, Problem};

/// A hash tree for checking single data blocks. As in the kernel, only the hash blocks that a data block needs are
/// read.
///
/// Requires the feature `verity-format`. The tree does no I/O itself: the caller reads hash blocks from a device, an
/// image or a network. The last checked hash block of each level is kept in memory.
///
/// ```
/// use dm_core::block::BlockIo;
/// use dm_targets::devices::{VerityError, VerityFormat, VerityTree};
/// use dm_units::{DeviceNumber, Sectors};
///
/// # let (data, hashes) = (tempfile::tempfile()?, tempfile::tempfile()?);
/// # data.set_len(1 << 20)?;
/// # hashes.set_len(1 << 20)?;
/// let made = VerityFormat::new().write(&data, &hashes)?;
/// let table = made.superblock.table(DeviceNumber::new(8, 1), DeviceNumber::new(8, 2), &made.root_hash)?;
/// let mut tree = VerityTree::of_table(&table)?;
///
/// let mut block = [0; 4096];
/// data.read_sectors(Sectors(3 * 8), &mut block)?;
/// let read = |number: u64, content: &mut [u8]| {
///     hashes.read_sectors(Sectors(number * 8), content)?;
///     Ok::<(), Box<dyn std::error::Error>>(())
/// };
/// assert_eq!(tree.hash(&block), tree.expected(3, read)?);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct VerityTree {
    algorithm: VerityAlgorithm,
    version: u32,
    salt: Vec<u8>,
    layout: Layout,
    levels: Vec<CheckedBlock>,
    root: Vec<u8>,
}

#[derive(Debug)]
struct CheckedBlock {
    content: Vec<u8>,
    /// The number of the block in its level; `None` before the first one was read.
    number: Option<u64>,
}

impl VerityTree {
    /// Creates the tree of a device with this table.
    ///
    /// # Errors
    ///
    /// [`VerityError::Invalid`]: the algorithm is not one of [`VerityAlgorithm`], or the fields do not describe a tree.
    /// [`VerityError::RootHash`]: the root hash is not as long as the hashes of the algorithm.
    pub fn of_table(table: &VerityTable) -> Result<Self, VerityError> {
        Limits::new("version", 0, 1).check(table.version)?;
        let algorithm = VerityAlgorithm::named(table.algorithm.as_str())?;
        let block_size = usize::try_from(table.hash.block_size).unwrap_or(0);
        let size = algorithm.digest_size();
        let layout = Layout::new(table.version, size, block_size, table.data_blocks.0, table.hash_start);
        let layout = layout
            .ok_or_else(|| InvalidField::new("hash block size", Problem::Expected("large enough for the tree")))?;
        let salt = table.salt.as_ref().map(Hex::to_bytes).unwrap_or_default();
        Self::new(Hasher { algorithm, version: table.version, salt: &salt }, layout, block_size, &table.digest)
    }

    pub(super) fn new(hasher: Hasher<'_>, layout: Layout, block_size: usize, root: &Hex) -> Result<Self, VerityError> {
        let Hasher { algorithm, version, salt } = hasher;
        let root = algorithm.check_root(root)?;
        let unread = |_: &_| CheckedBlock { content: alloc::vec![0; block_size], number: None };
        let levels = layout.levels.iter().map(unread).collect();
        Ok(Self { algorithm, version, salt: salt.to_vec(), layout, levels, root })
    }

    /// The first hash block after the tree, counted from the start of the hash device.
    #[must_use]
    pub const fn end(&self) -> u64 {
        self.layout.end
    }

    /// Computes the hash of a data block with this content and the salt of the table.
    #[must_use]
    pub fn hash(&self, block: &[u8]) -> Vec<u8> {
        Hasher { algorithm: self.algorithm, version: self.version, salt: &self.salt }.hash(block)
    }

    /// Returns the hash that a data block must have. Data blocks are counted from 0.
    ///
    /// The call needs the hash blocks between the root and the data block. For each one that is not in memory, it calls
    /// `read` with the number of the hash block, counted from the start of the hash device, and a buffer to fill. It
    /// does not check that `data_block` is less than the number of data blocks in the table.
    ///
    /// # Errors
    ///
    /// As `read`. [`VerityError::OtherRoot`], [`VerityError::CorruptedHashes`].
    pub fn expected<E: From<VerityError>>(
        &mut self,
        data_block: u64,
        mut read: impl FnMut(u64, &mut [u8]) -> Result<(), E>,
    ) -> Result<Vec<u8>, E> {
        let mut expected = self.root.clone();
        for level in (0..self.levels.len()).rev() {
            let (number, at) = self.layout.place(self.layout.hash_of(level, data_block));
            self.load(level, number, &expected, &mut read)?;
            let content = self.levels.get(level).map(|checked| checked.content.as_slice()).unwrap_or_default();
            let size = expected.len();
            expected.clear();
            expected.extend(content.iter().skip(at).take(size));
        }
        Ok(expected)
    }

    /// Reads and checks a block of a level, unless it is kept.
    fn load<E: From<VerityError>>(
        &mut self,
        level: usize,
        number: u64,
        expected: &[u8],
        read: &mut impl FnMut(u64, &mut [u8]) -> Result<(), E>,
    ) -> Result<(), E> {
        let hasher = Hasher { algorithm: self.algorithm, version: self.version, salt: &self.salt };
        let (Some(checked), Some(place)) = (self.levels.get_mut(level), self.layout.levels.get(level)) else {
            return Ok(());
        };
        if checked.number == Some(number) {
            return Ok(());
        }
        let block = place.start.saturating_add(number);
        checked.number = None;
        read(block, &mut checked.content)?;
        if hasher.hash(&checked.content) != expected {
            let is_root = level.saturating_add(1) == self.layout.levels.len();
            let error =
                if is_root { VerityError::OtherRoot { block } } else { VerityError::CorruptedHashes { level, block } };
            return Err(error.into());
        }
        checked.number = Some(number);
        Ok(())
    }
}
