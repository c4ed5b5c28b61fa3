//! [`VerityFormat`]: computes a hash tree, and writes it with its superblock.

use alloc::vec::Vec;
use std::fs::File;
use std::io::Read as _;

use dm_core::block::BlockIo;
use dm_units::{DataBlocks, Sectors};

use super::error::VerityError;
use super::hash::{Hash, Hasher, VerityAlgorithm};
use super::layout::Layout;
use super::named::NamedDevice;
use super::superblock::VeritySuperblock;
use crate::verity::Hex;

/// The parameters of a new hash tree.
///
/// Requires the feature `verity-format`. [`write`](Self::write) checks the parameters, as does
/// [`VerityVolume::format`](super::VerityVolume::format).
///
/// The defaults are those of `veritysetup format`: SHA-256, blocks of 4096 bytes, the whole data device, a random salt
/// of 32 bytes and a random uuid. With a given salt and uuid, equal data always produces the same tree and superblock.
///
/// ```
/// use dm_targets::devices::{VerityFormat, VeritySuperblock};
/// use dm_units::Sectors;
///
/// // With files instead of devices, images can be made without root.
/// let (data, hashes) = (tempfile::tempfile()?, tempfile::tempfile()?);
/// data.set_len(1 << 20)?;
/// hashes.set_len(1 << 20)?;
/// let made = VerityFormat::new().salt(*b"salt").uuid([7; 16]).write(&data, &hashes)?;
/// println!("Root hash: {}", made.root_hash);
///
/// let read = VeritySuperblock::read(&hashes, Sectors(0))?;
/// assert_eq!(read, made.superblock);
/// read.verify(&data, &hashes, &made.root_hash)?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use]
pub struct VerityFormat {
    version: u32,
    algorithm: VerityAlgorithm,
    block_sizes: [u32; 2],
    data_blocks: Option<DataBlocks>,
    salt: Option<Vec<u8>>,
    uuid: Option<[u8; 16]>,
    hash_offset: Sectors,
}

/// The result of writing a hash tree: its root hash and superblock.
///
/// Requires the feature `verity-format`.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct VerityFormatted {
    /// The hash at the root of the tree, which detects every change of a block. It is not stored on the devices: keep
    /// it in a trusted place.
    pub root_hash: Hex,
    /// The superblock, which precedes the tree on the hash device.
    pub superblock: VeritySuperblock,
}

impl VerityFormat {
    /// The defaults of `veritysetup format`.
    pub const fn new() -> Self {
        Self {
            version: 1,
            algorithm: VerityAlgorithm::Sha256,
            block_sizes: [4096; 2],
            data_blocks: None,
            salt: None,
            uuid: None,
            hash_offset: Sectors(0),
        }
    }

    /// Sets the format of the tree: 1 (the default), or 0 for the format of Chromium OS.
    pub const fn version(mut self, version: u32) -> Self {
        self.version = version;
        self
    }

    /// Sets the hash algorithm, by default SHA-256.
    pub const fn algorithm(mut self, algorithm: VerityAlgorithm) -> Self {
        self.algorithm = algorithm;
        self
    }

    /// Sets the sizes of data blocks and of hash blocks in bytes: powers of two from 512 to 524288, by default 4096.
    /// The kernel refuses tables with data blocks that are larger than a page, or with blocks that are smaller than a
    /// logical block of their device.
    pub const fn block_sizes(mut self, data: u32, hash: u32) -> Self {
        self.block_sizes = [data, hash];
        self
    }

    /// Sets the number of data blocks that have a hash; by default, as many as the data device holds.
    pub const fn data_blocks(mut self, blocks: DataBlocks) -> Self {
        self.data_blocks = Some(blocks);
        self
    }

    /// Sets the salt that is hashed with each block: at most 256 bytes, by default 32 random bytes. The salt need not
    /// be secret, and can be empty.
    pub fn salt(self, salt: impl Into<Vec<u8>>) -> Self {
        Self { salt: Some(salt.into()), ..self }
    }

    /// Sets the uuid in the superblock, by default a random one.
    pub const fn uuid(mut self, uuid: [u8; 16]) -> Self {
        self.uuid = Some(uuid);
        self
    }

    /// Sets the position of the superblock on the hash device, by default 0. The tree starts at the next whole hash
    /// block.
    ///
    /// [`VerityVolume::format`](super::VerityVolume::format) uses the position in the volume instead.
    pub const fn hash_offset(mut self, offset: Sectors) -> Self {
        self.hash_offset = offset;
        self
    }

    /// Hashes all data blocks, and writes the tree and its superblock to `hash`. Previous contents there are
    /// overwritten.
    ///
    /// If `data` is the same device, the data ends at the superblock, unless you have set the number of data blocks.
    /// Two `File`s of one image are not recognized as the same device: pass one of them twice.
    ///
    /// The data is read once, and must not change during the call. The superblock is written last. The call uses about
    /// 1 MiB of memory, plus one hash block for each level of the tree.
    ///
    /// # Errors
    ///
    /// [`VerityError::Invalid`], [`VerityError::TooSmall`], [`VerityError::NoRandom`]. [`VerityError::Overlap`]: the
    /// hashes would overwrite the data. Nothing was written in these cases. [`VerityError::Block`]: a read, write or
    /// flush failed.
    pub fn write(&self, data: &dyn BlockIo, hash: &dyn BlockIo) -> Result<VerityFormatted, VerityError> {
        self.write_parts(&NamedDevice::data(data), &NamedDevice::hash(hash))
    }

    pub(super) fn write_parts(
        &self,
        data: &NamedDevice<'_>,
        hash: &NamedDevice<'_>,
    ) -> Result<VerityFormatted, VerityError> {
        if data.is_same(hash) { self.before_superblock()?.write_tree(data, hash) } else { self.write_tree(data, hash) }
    }

    /// The format of a tree behind its data: the data end at the superblock, unless their number is given.
    fn before_superblock(&self) -> Result<Self, VerityError> {
        let (offset, blocks) = (self.hash_offset, self.blocks_of(self.hash_offset));
        let end = self.end_of(blocks);
        if end > offset || blocks.0 == 0 {
            return Err(VerityError::Overlap { offset, end });
        }
        Ok(self.clone().data_blocks(blocks))
    }

    fn write_tree(&self, data: &NamedDevice<'_>, hash: &NamedDevice<'_>) -> Result<VerityFormatted, VerityError> {
        let superblock = self.superblock(data.size()?)?;
        data.require(superblock.length())?;
        hash.require(superblock.hash_end()?)?;
        let mut tree = TreeWriter::new(&superblock, hash)?;
        let hasher = superblock.hasher();
        data.each_block(superblock.data_block_size, superblock.data_blocks.0, |_, block| {
            tree.add(0, hasher.hash(block))
        })?;
        let root = tree.finish()?;
        hash.flush()?;
        hash.write(superblock.offset, &superblock.to_bytes())?;
        hash.flush()?;
        let root_hash =
            Hex::of_bytes(&root).ok_or_else(|| crate::InvalidField::new("data blocks", crate::Problem::Missing))?;
        Ok(VerityFormatted { root_hash, superblock })
    }

    /// The number of data blocks on a device of this size.
    fn blocks_of(&self, size: Sectors) -> DataBlocks {
        let sectors = u64::from(self.block_sizes[0] >> 9);
        self.data_blocks.unwrap_or(DataBlocks(size.0.checked_div(sectors).unwrap_or(0)))
    }

    /// The sector after the first `blocks` data blocks.
    fn end_of(&self, blocks: DataBlocks) -> Sectors {
        Sectors(blocks.0.saturating_mul(u64::from(self.block_sizes[0] >> 9)))
    }

    fn superblock(&self, data_size: Sectors) -> Result<VeritySuperblock, VerityError> {
        let [data_block_size, hash_block_size] = self.block_sizes;
        let superblock = VeritySuperblock {
            offset: self.hash_offset,
            version: self.version,
            uuid: self.uuid.map_or_else(random_uuid, Ok)?,
            algorithm: self.algorithm,
            data_block_size,
            hash_block_size,
            data_blocks: self.blocks_of(data_size),
            salt: self.salt.clone().map_or_else(|| random::<32>().map(Vec::from), Ok)?,
        };
        superblock.check()?;
        Ok(superblock)
    }
}

impl Default for VerityFormat {
    fn default() -> Self {
        Self::new()
    }
}

/// Random bytes, which only have to be unique.
fn random<const N: usize>() -> Result<[u8; N], VerityError> {
    let mut bytes = [0; N];
    let read = File::open("/dev/urandom").and_then(|mut file| file.read_exact(&mut bytes));
    read.map(|()| bytes).map_err(|_| VerityError::NoRandom)
}

/// A uuid of version 4, of which six bits are fixed (RFC 9562, section 5.4).
fn random_uuid() -> Result<[u8; 16], VerityError> {
    let mut uuid: [u8; 16] = random()?;
    let [_, _, _, _, _, _, version, _, variant, ..] = &mut uuid;
    *version = (*version & 0x0f) | 0x40;
    *variant = (*variant & 0x3f) | 0x80;
    Ok(uuid)
}

/// Writes the blocks of a tree as they become full: one of each level is in memory.
struct TreeWriter<'a> {
    superblock: &'a VeritySuperblock,
    hasher: Hasher<'a>,
    hash: &'a NamedDevice<'a>,
    layout: Layout,
    levels: Vec<OpenBlock>,
    root: Hash,
}

/// The block of a level that is being filled.
struct OpenBlock {
    content: Vec<u8>,
    /// The number of hashes that the level has so far.
    hashes: u64,
}

impl<'a> TreeWriter<'a> {
    fn new(superblock: &'a VeritySuperblock, hash: &'a NamedDevice<'a>) -> Result<Self, VerityError> {
        let layout = superblock.layout()?;
        let open = |_: &_| OpenBlock { content: superblock.hash_block(), hashes: 0 };
        let levels = layout.levels.iter().map(open).collect();
        Ok(Self { superblock, hasher: superblock.hasher(), hash, layout, levels, root: Vec::new() })
    }

    /// Adds the next hash of a level.
    fn add(&mut self, mut level: usize, mut hash: Hash) -> Result<(), VerityError> {
        while let Some(open) = self.levels.get_mut(level) {
            let (_, at) = self.layout.place(open.hashes);
            if let Some(place) = open.content.get_mut(at..).and_then(|rest| rest.get_mut(..hash.len())) {
                place.copy_from_slice(&hash);
            }
            open.hashes = open.hashes.saturating_add(1);
            if open.hashes.checked_rem(self.layout.hashes_per_block()) != Some(0) {
                return Ok(());
            }
            hash = self.close(level)?;
            level = level.saturating_add(1);
        }
        // The hash of the only block of the highest level, or of data.
        self.root = hash;
        Ok(())
    }

    /// Writes the block of a level that is being filled, and begins the next one. Returns the hash of the block.
    fn close(&mut self, level: usize) -> Result<Hash, VerityError> {
        let (Some(open), Some(place)) = (self.levels.get_mut(level), self.layout.levels.get(level)) else {
            return Ok(Vec::new());
        };
        let (block, _) = self.layout.place(open.hashes.saturating_sub(1));
        self.hash.write(self.superblock.hash_sector(place.start.saturating_add(block)), &open.content)?;
        let hash = self.hasher.hash(&open.content);
        open.content.fill(0);
        Ok(hash)
    }

    /// Writes the blocks that are not full. Returns the hash of the root.
    fn finish(mut self) -> Result<Hash, VerityError> {
        for level in 0..self.levels.len() {
            let hashes = self.levels.get(level).map_or(0, |open| open.hashes);
            if hashes.checked_rem(self.layout.hashes_per_block()) != Some(0) {
                let hash = self.close(level)?;
                self.add(level.saturating_add(1), hash)?;
            }
        }
        Ok(self.root)
    }
}
