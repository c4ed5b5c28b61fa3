//! [`VerityError`]: the errors of creating, reading and verifying hash trees.

use alloc::string::String;

use dm_core::block::BlockError;
use dm_units::{DataBlocks, Sectors};

use super::VerityAlgorithm;
use crate::InvalidField;
use crate::devices::signature::ForeignData;

/// The error of creating, reading or verifying a hash tree.
///
/// Requires the feature `verity-format`.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum VerityError {
    /// The size of a device could not be read, or a read, write or flush failed.
    #[error(transparent)]
    Block(#[from] BlockError),
    /// A parameter, or a field of the superblock or table, has a value that is not valid or that this crate does not
    /// support.
    #[error("the verity parameters cannot be used: {0}")]
    Invalid(InvalidField),
    /// The hash device has no superblock at the expected position.
    #[error("{device} has no verity superblock at sector {offset}: there {}", match found {
        Some(found) => alloc::format!("is {found}"),
        None => "are zeros".into(),
    })]
    #[non_exhaustive]
    NoSuperblock {
        /// The name of the device in the [`VerityVolume`](super::VerityVolume), or `the hash device` if no volume was
        /// used.
        device: String,
        /// The expected position of the superblock on the hash device.
        offset: Sectors,
        /// The contents of the 512 bytes at this position; `None` for zeros.
        found: Option<ForeignData>,
    },
    /// The device is smaller than the data, the superblock or the tree that it should hold.
    #[error("{device} has {size} sectors, and {needed} are needed")]
    #[non_exhaustive]
    TooSmall {
        /// The name of the device in the [`VerityVolume`](super::VerityVolume), or `the data device` or `the hash
        /// device` if no volume was used.
        device: String,
        /// The size of the device.
        size: Sectors,
        /// The required size.
        needed: Sectors,
    },
    /// Data and hashes are on the same device, and the superblock would overwrite data, or leave no room for a data
    /// block. Nothing was written.
    #[error(
        "the superblock at sector {offset} would be written over data, which end at sector {end}, or leave no room for them"
    )]
    #[non_exhaustive]
    Overlap {
        /// The requested position of the superblock.
        offset: Sectors,
        /// The first sector after the data; 0 if no data block fits.
        end: Sectors,
    },
    /// The root hash is not as long as the hashes of the algorithm.
    #[error("the root hash has {found} bytes, but a hash of {algorithm} has {expected}")]
    #[non_exhaustive]
    RootHash {
        /// The algorithm of the tree.
        algorithm: VerityAlgorithm,
        /// The length of its hashes in bytes.
        expected: usize,
        /// The length of the root hash in bytes.
        found: usize,
    },
    /// The hash of the tree's first block is not the root hash. Either the root hash belongs to another tree, or the
    /// block was changed.
    #[error(
        "the tree does not have this root hash: the root hash is that of another tree, or hash block {block} was changed"
    )]
    #[non_exhaustive]
    OtherRoot {
        /// The number of this hash block, counted from the start of the hash device.
        block: u64,
    },
    /// A block of the tree does not have the hash that is stored in its parent block.
    #[error("hash block {block}, in level {level} of the tree, is corrupted")]
    #[non_exhaustive]
    CorruptedHashes {
        /// The level of the block: 0 for blocks with hashes of data, 1 for blocks with hashes of level 0, and so on.
        level: usize,
        /// The number of this hash block, counted from the start of the hash device.
        block: u64,
    },
    /// A data block does not have the hash that is stored in the tree. If it is the only data block, its hash is not
    /// the root hash.
    #[error("data block {block} is corrupted")]
    #[non_exhaustive]
    CorruptedData {
        /// The number of the data block, counted from 0.
        block: DataBlocks,
    },
    /// The system gave no random bytes for a salt or a uuid.
    #[error("no random bytes for a salt or a uuid: /dev/urandom cannot be read; give both")]
    NoRandom,
}

impl From<InvalidField> for VerityError {
    fn from(error: InvalidField) -> Self {
        Self::Invalid(error)
    }
}

impl VerityError {
    /// The error in [`Block`](Self::Block); `None` for other variants.
    #[must_use]
    pub const fn block(&self) -> Option<&BlockError> {
        match self {
            Self::Block(error) => Some(error),
            _ => None,
        }
    }

    /// Whether data or hashes do not match the root hash. They were changed, or the root hash belongs to another tree.
    #[must_use]
    pub const fn is_corrupted(&self) -> bool {
        matches!(self, Self::OtherRoot { .. } | Self::CorruptedHashes { .. } | Self::CorruptedData { .. })
    }
}
