//! [`VeritySuperblock`]: the superblock that precedes a hash tree, in the format of `veritysetup`.

use alloc::vec;
use alloc::vec::Vec;

use dm_core::block::BlockIo;
use dm_units::{DataBlocks, Sectors};

use super::error::VerityError;
use super::hash::{Hasher, VerityAlgorithm};
use super::layout::Layout;
use super::named::NamedDevice;
use crate::devices::signature::ForeignData;
use crate::verity::{Hex, VerityDevice, VerityTable};
use crate::{Device, InvalidField, Limits, Problem, WordBuf};

/// The bytes of a superblock.
pub(super) const SIZE: usize = 512;
const MAGIC: &[u8; 8] = b"verity\0\0";
/// The version of the superblock's format, not of the tree's.
const FORMAT: u32 = 1;
const MAX_SALT: usize = 256;
/// The kernel addresses bytes of a device with a signed number (`loff_t`).
const MAX_BYTES: u64 = u64::MAX >> 1;

const ALGORITHM_SIZE: usize = 32;

const FORMAT_AT: usize = 8;
const VERSION_AT: usize = 12;
const UUID_AT: usize = 16;
const ALGORITHM_AT: usize = 32;
const DATA_BLOCK_SIZE_AT: usize = 64;
const HASH_BLOCK_SIZE_AT: usize = 68;
const DATA_BLOCKS_AT: usize = 72;
const SALT_SIZE_AT: usize = 80;
const SALT_AT: usize = 88;

/// The block sizes that `veritysetup` accepts; the kernel accepts data blocks up to the size of a page.
const BLOCK_SIZES: [Limits; 2] = [
    Limits::new("data block size", 512, 512 << 10).power_of_two(),
    Limits::new("hash block size", 512, 512 << 10).power_of_two(),
];

/// The superblock of a hash tree, and its position on the hash device.
///
/// Requires the feature `verity-format`. [`read`](Self::read) and [`verify`](Self::verify) check the fields;
/// [`table`](Self::table) leaves that to the kernel.
///
/// ```no_run
/// use std::fs::File;
///
/// use dm_targets::devices::VeritySuperblock;
/// use dm_targets::verity::Hex;
/// use dm_units::Sectors;
///
/// // Checks images of a root file system and of its hashes, without root and without the kernel.
/// let (data, hashes) = (File::open("root.img")?, File::open("root.verity")?);
/// let superblock = VeritySuperblock::read(&hashes, Sectors(0))?;
/// println!("{} blocks of {} bytes, {}", superblock.data_blocks, superblock.data_block_size, superblock.algorithm);
/// superblock.verify(&data, &hashes, &Hex::new("4392712ba01368efdf14b05c76f9e4df0d53664630b5d48632ed17a137f39076")?)?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct VeritySuperblock {
    /// The position of the superblock on the hash device. The tree starts at the next whole hash block.
    pub offset: Sectors,
    /// The format of the tree: 1, or 0 for the format of Chromium OS.
    pub version: u32,
    /// The uuid of the tree. The kernel does not use it.
    pub uuid: [u8; 16],
    /// The hash algorithm.
    pub algorithm: VerityAlgorithm,
    /// The size of a data block, in bytes.
    pub data_block_size: u32,
    /// The size of a hash block, in bytes.
    pub hash_block_size: u32,
    /// The number of data blocks that have a hash.
    pub data_blocks: DataBlocks,
    /// The salt, which is hashed with each block; at most 256 bytes.
    pub salt: Vec<u8>,
}

impl VeritySuperblock {
    /// Reads the superblock at `offset` of a hash device, or of an image of a hash device.
    ///
    /// # Errors
    ///
    /// [`VerityError::NoSuperblock`], [`VerityError::TooSmall`], [`VerityError::Block`]. [`VerityError::Invalid`]: a
    /// field has a value that this crate does not support, or the fields do not describe a tree.
    pub fn read(hash: &dyn BlockIo, offset: Sectors) -> Result<Self, VerityError> {
        Self::read_part(&NamedDevice::hash(hash), offset)
    }

    pub(super) fn read_part(hash: &NamedDevice<'_>, offset: Sectors) -> Result<Self, VerityError> {
        let mut bytes = [0; SIZE];
        hash.require(offset.saturating_add(Sectors(1)))?;
        hash.read(offset, &mut bytes)?;
        if !bytes.starts_with(MAGIC) {
            let device = hash.name().into();
            return Err(VerityError::NoSuperblock { device, offset, found: ForeignData::unless_zeros(&bytes) });
        }
        Self::from_bytes(&bytes, offset)
    }

    fn from_bytes(bytes: &[u8; SIZE], offset: Sectors) -> Result<Self, VerityError> {
        fn at<const N: usize>(bytes: &[u8], at: usize) -> [u8; N] {
            bytes.get(at..).and_then(<[u8]>::first_chunk).copied().unwrap_or([0; N])
        }
        let word = |place| u32::from_le_bytes(at(bytes, place));
        Limits::new("format of the superblock", FORMAT.into(), FORMAT.into()).check(word(FORMAT_AT))?;
        let name: [u8; ALGORITHM_SIZE] = at(bytes, ALGORITHM_AT);
        let name = name.split(|byte| *byte == 0).next().and_then(|name| core::str::from_utf8(name).ok());
        let salt_size = u16::from_le_bytes(at(bytes, SALT_SIZE_AT));
        let salt: [u8; MAX_SALT] = at(bytes, SALT_AT);
        let superblock = Self {
            offset,
            version: word(VERSION_AT),
            uuid: at(bytes, UUID_AT),
            algorithm: VerityAlgorithm::named(name.unwrap_or_default())?,
            data_block_size: word(DATA_BLOCK_SIZE_AT),
            hash_block_size: word(HASH_BLOCK_SIZE_AT),
            data_blocks: DataBlocks(u64::from_le_bytes(at(bytes, DATA_BLOCKS_AT))),
            salt: salt.get(..usize::from(salt_size)).ok_or_else(salt_too_long)?.to_vec(),
        };
        superblock.check()?;
        Ok(superblock)
    }

    pub(super) fn to_bytes(&self) -> [u8; SIZE] {
        let mut bytes = [0; SIZE];
        let mut put = |at: usize, value: &[u8]| {
            if let Some(place) = bytes.get_mut(at..).and_then(|rest| rest.get_mut(..value.len())) {
                place.copy_from_slice(value);
            }
        };
        put(0, MAGIC);
        put(FORMAT_AT, &FORMAT.to_le_bytes());
        put(VERSION_AT, &self.version.to_le_bytes());
        put(UUID_AT, &self.uuid);
        put(ALGORITHM_AT, self.algorithm.name().as_bytes());
        put(DATA_BLOCK_SIZE_AT, &self.data_block_size.to_le_bytes());
        put(HASH_BLOCK_SIZE_AT, &self.hash_block_size.to_le_bytes());
        put(DATA_BLOCKS_AT, &self.data_blocks.0.to_le_bytes());
        put(SALT_SIZE_AT, &u16::try_from(self.salt.len()).unwrap_or(u16::MAX).to_le_bytes());
        put(SALT_AT, &self.salt);
        bytes
    }

    /// Checks the fields, each alone and against the others.
    pub(super) fn check(&self) -> Result<(), VerityError> {
        Limits::new("version", 0, 1).check(self.version)?;
        for (limits, size) in BLOCK_SIZES.iter().zip([self.data_block_size, self.hash_block_size]) {
            limits.check(size)?;
        }
        if self.salt.len() > MAX_SALT {
            return Err(salt_too_long().into());
        }
        let most = MAX_BYTES.checked_div(u64::from(self.data_block_size)).unwrap_or(0);
        Limits::new("data blocks", 1, most).check(self.data_blocks.0)?;
        self.layout()?;
        Ok(())
    }

    /// The shape of the tree.
    pub(super) fn layout(&self) -> Result<Layout, VerityError> {
        let size = usize::try_from(self.hash_block_size).unwrap_or(0);
        let first = self.hash_start();
        let layout = Layout::new(self.version, self.algorithm.digest_size(), size, self.data_blocks.0, first);
        // The end must be a number of sectors, too.
        let layout = layout.filter(|tree| tree.end.checked_mul(u64::from(self.hash_block_size)).is_some());
        layout
            .ok_or_else(|| InvalidField::new("hash block size", Problem::Expected("large enough for the tree")).into())
    }

    pub(super) fn hasher(&self) -> Hasher<'_> {
        Hasher { algorithm: self.algorithm, version: self.version, salt: &self.salt }
    }

    /// The number of the first hash block of the tree, counted from the start of the hash device. It is the next whole
    /// hash block after the superblock.
    #[must_use]
    pub fn hash_start(&self) -> u64 {
        let sectors = u64::from(self.hash_block_size >> 9).max(1);
        self.offset.0.saturating_add(1).div_ceil(sectors)
    }

    /// The length of all data blocks that have a hash. The verity device has this length.
    #[must_use]
    pub fn length(&self) -> Sectors {
        Sectors(self.data_blocks.0.saturating_mul(u64::from(self.data_block_size >> 9)))
    }

    /// The required length of the hash device, which ends with the tree.
    ///
    /// # Errors
    ///
    /// [`VerityError::Invalid`]: the fields do not describe a tree, for example because a hash block is too small for
    /// two hashes.
    pub fn hash_end(&self) -> Result<Sectors, VerityError> {
        Ok(Sectors(self.layout()?.end.saturating_mul(u64::from(self.hash_block_size >> 9))))
    }

    /// The table of a verity device with this tree, for [`VerityDev::activate`](crate::devices::VerityDev::activate).
    ///
    /// # Errors
    ///
    /// [`VerityError::RootHash`]: the root hash is not as long as the hashes of the algorithm.
    pub fn table(
        &self,
        data: impl Into<Device>,
        hash: impl Into<Device>,
        root_hash: &Hex,
    ) -> Result<VerityTable, VerityError> {
        self.algorithm.check_root(root_hash)?;
        let invalid = |problem| InvalidField::new("algorithm", problem);
        let (data, hash) =
            (VerityDevice::new(data, self.data_block_size), VerityDevice::new(hash, self.hash_block_size));
        let algorithm = WordBuf::new(self.algorithm.name()).map_err(invalid)?;
        let (blocks, start) = (self.data_blocks, self.hash_start());
        let table = VerityTable::new(self.version, data, hash, blocks, start, algorithm, root_hash.clone());
        Ok(match Hex::of_bytes(&self.salt) {
            Some(salt) => table.salt(salt),
            None => table,
        })
    }

    /// An empty hash block.
    pub(super) fn hash_block(&self) -> Vec<u8> {
        vec![0; usize::try_from(self.hash_block_size).unwrap_or(0)]
    }

    /// The position of a hash block on its device.
    pub(super) fn hash_sector(&self, block: u64) -> Sectors {
        Sectors(block.saturating_mul(u64::from(self.hash_block_size >> 9)))
    }
}

fn salt_too_long() -> InvalidField {
    InvalidField::new("salt", Problem::Expected("at most 256 bytes"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn superblock() -> VeritySuperblock {
        VeritySuperblock {
            offset: Sectors(8),
            version: 1,
            uuid: [3; 16],
            algorithm: VerityAlgorithm::Sha512,
            data_block_size: 4096,
            hash_block_size: 1024,
            data_blocks: DataBlocks(1000),
            salt: vec![1, 2, 3],
        }
    }

    #[test]
    fn a_superblock_is_read_as_it_was_written() {
        let written = superblock();
        assert_eq!(VeritySuperblock::from_bytes(&written.to_bytes(), Sectors(8)).unwrap(), written);
        assert_eq!((written.hash_start(), written.length()), (5, Sectors(8000)));
        let table = written.table(
            Device::new("7:0").unwrap(),
            Device::new("7:1").unwrap(),
            &Hex::of_bytes(&[0xab; 64]).unwrap(),
        );
        let text = format!("1 7:0 7:1 4096 1024 1000 5 sha512 {} 010203", "ab".repeat(64));
        assert_eq!(table.unwrap().to_string(), text);
    }

    #[test]
    fn a_device_has_at_most_as_many_bytes_as_the_kernel_can_address() {
        let with = |blocks| VeritySuperblock { data_blocks: DataBlocks(blocks), ..superblock() };
        assert!(with((1 << 51) - 1).check().is_ok());
        assert!(matches!(with(1 << 51).check(), Err(VerityError::Invalid(error)) if error.field() == "data blocks"));
    }

    #[test]
    fn fields_that_make_no_tree_are_refused_by_name() {
        let cases: [(usize, &[u8], &str); 10] = [
            (FORMAT_AT, &[2], "format of the superblock"),
            (VERSION_AT, &[2], "version"),
            (ALGORITHM_AT, b"whirl", "algorithm"),
            (ALGORITHM_AT, &[0xff; 32], "algorithm"),
            (DATA_BLOCK_SIZE_AT, &[1], "data block size"),
            (DATA_BLOCK_SIZE_AT, &[0xff; 4], "data block size"),
            (HASH_BLOCK_SIZE_AT, &[0; 4], "hash block size"),
            (DATA_BLOCKS_AT, &[0; 8], "data blocks"),
            (DATA_BLOCKS_AT, &[0xff; 8], "data blocks"),
            (SALT_SIZE_AT, &[1, 1], "salt"),
        ];
        for (at, value, field) in cases {
            let mut bytes = superblock().to_bytes();
            bytes[at..at + value.len()].copy_from_slice(value);
            match VeritySuperblock::from_bytes(&bytes, Sectors(0)).unwrap_err() {
                VerityError::Invalid(error) => assert_eq!(error.field(), field),
                other => unreachable!("{field}: {other}"),
            }
        }
    }
}
