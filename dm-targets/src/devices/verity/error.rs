//! [`VerityError`]: the errors of creating, reading and verifying hash trees.

use alloc::string::String;

use dm_core::block::BlockError;
use dm_units::{DataBlocks, Sectors};

use super::VerityAlgorithm;
use crate::InvalidField;
use crate::devices::signature::ForeignData;

/// The error of creating, reading or verifying a hash tree.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum VerityError {
    /// A device could not be opened, read or written.
    #[error(transparent)]
    Block(#[from] BlockError),
    /// A parameter, or a field of the superblock, has a value that no hash tree can have.
    #[error("the verity parameters cannot be used: {0}")]
    Invalid(InvalidField),
    /// The device holds no superblock.
    #[error("{device} has no verity superblock at sector {offset}: there {}", match found {
        Some(found) => alloc::format!("is {found}"),
        None => "are zeros".into(),
    })]
    #[non_exhaustive]
    NoSuperblock {
        /// The hash device as the caller named it.
        device: String,
        /// The expected position of the superblock.
        offset: Sectors,
        /// The data at this position; `None` for zeros.
        found: Option<ForeignData>,
    },
    /// The device is smaller than the data, the superblock or the tree that it should hold.
    #[error("{device} has {size} sectors, and {needed} are needed")]
    #[non_exhaustive]
    TooSmall {
        /// The device as the caller named it.
        device: String,
        /// Its size.
        size: Sectors,
        /// The required size.
        needed: Sectors,
    },
    /// Data and hashes are on one device, and the superblock would be written over data; nothing was written.
    #[error(
        "the hashes would be written over data: the superblock was requested at sector {offset}, but the data end at sector {end}"
    )]
    #[non_exhaustive]
    Overlap {
        /// The requested position of the superblock.
        offset: Sectors,
        /// The sector after the data.
        end: Sectors,
    },
    /// The root hash has the length of another algorithm.
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
    /// The first block of the tree does not have the root hash: the root hash is that of another tree, or the block was changed.
    #[error(
        "the tree does not have this root hash: the root hash is that of another tree, or hash block {block} was changed"
    )]
    #[non_exhaustive]
    OtherRoot {
        /// The block, counted from the start of the hash device.
        block: u64,
    },
    /// A block of the tree does not have the hash that is stored in its parent block.
    #[error("hash block {block}, in level {level} of the tree, is corrupted")]
    #[non_exhaustive]
    CorruptedHashes {
        /// Its level, counted from 0 at the hashes of data.
        level: usize,
        /// The block, counted from the start of the hash device.
        block: u64,
    },
    /// A data block does not have the hash that is stored in the tree, or the root hash if it is the only data block.
    #[error("data block {block} is corrupted")]
    #[non_exhaustive]
    CorruptedData {
        /// The block, counted from 0.
        block: DataBlocks,
    },
    /// The system gave no random bytes for a salt and a uuid.
    #[error("no random bytes for a salt and a uuid: /dev/urandom cannot be read; give both")]
    NoRandom,
}

impl From<InvalidField> for VerityError {
    fn from(error: InvalidField) -> Self {
        Self::Invalid(error)
    }
}

impl VerityError {
    /// The error of a block device, if it was one.
    #[must_use]
    pub const fn block(&self) -> Option<&BlockError> {
        match self {
            Self::Block(error) => Some(error),
            _ => None,
        }
    }

    /// Whether data or hashes do not match the root hash.
    #[must_use]
    pub const fn is_corrupted(&self) -> bool {
        matches!(self, Self::OtherRoot { .. } | Self::CorruptedHashes { .. } | Self::CorruptedData { .. })
    }
}
