//! Checks data against a hash tree, as the kernel does when it reads them.

use dm_core::block::BlockIo;
use dm_units::DataBlocks;

use super::error::VerityError;
use super::named::NamedDevice;
use super::superblock::VeritySuperblock;
use super::tree::VerityTree;
use crate::verity::Hex;

impl VeritySuperblock {
    /// Reads and checks all data and all hashes, starting with the first block.
    ///
    /// The devices can be in use. The call uses about 1 MiB of memory, plus one hash block for each level of the tree.
    ///
    /// # Errors
    ///
    /// [`is_corrupted`](VerityError::is_corrupted): data or hashes do not match the root hash. The error names the
    /// first such block. [`VerityError::Invalid`], [`VerityError::RootHash`], [`VerityError::TooSmall`],
    /// [`VerityError::Block`].
    pub fn verify(&self, data: &dyn BlockIo, hash: &dyn BlockIo, root_hash: &Hex) -> Result<(), VerityError> {
        self.verify_parts(&NamedDevice::data(data), &NamedDevice::hash(hash), root_hash)
    }

    pub(super) fn verify_parts(
        &self,
        data: &NamedDevice<'_>,
        hash: &NamedDevice<'_>,
        root_hash: &Hex,
    ) -> Result<(), VerityError> {
        // The fields can be set by the caller.
        self.check()?;
        let mut tree = VerityTree::new(self.hasher(), self.layout()?, self.hash_block().len(), root_hash)?;
        data.require(self.length())?;
        hash.require(self.hash_end()?)?;
        data.each_block(self.data_block_size, self.data_blocks.0, |number, block| {
            let read = |block, content: &mut [u8]| Ok::<_, VerityError>(hash.read(self.hash_sector(block), content)?);
            if tree.hash(block) == tree.expected(number, read)? {
                return Ok(());
            }
            Err(VerityError::CorruptedData { block: DataBlocks(number) })
        })
    }
}
