//! The superblock of a pool's metadata (`struct thin_disk_superblock` in drivers/md/dm-thin-metadata.c).

use std::sync::LazyLock;

use crate::memory::errno::Errno;
use crate::memory::kernel::Kernel;
use crate::memory::kernel::disk::{u32_at, u64_at};

/// Bytes of a metadata block.
pub(super) const METADATA_BLOCK: usize = 4096;

/// Sectors of a metadata block.
pub(super) const METADATA_BLOCK_SECTORS: u64 = 8;

const MAGIC: u64 = 27_022_010;
const VERSION: u32 = 2;
const CSUM_XOR: u32 = 160_774;
const NEEDS_CHECK: u32 = 1;

/// The polynomial of CRC-32C, with its bits in reverse.
const CRC_32C: u32 = 0x82f6_3b78;

const CSUM: usize = 0;
const FLAGS: usize = 4;
const BLOCK_NUMBER: usize = 8;
const MAGIC_AT: usize = 32;
const VERSION_AT: usize = 40;
const TIME: usize = 44;
const TRANSACTION: usize = 48;
const HELD_ROOT: usize = 56;
const MAPPING_ROOT: usize = 320;
const DATA_BLOCK_SIZE: usize = 336;
const METADATA_BLOCK_SIZE: usize = 340;
const METADATA_BLOCKS: usize = 344;

/// The fields of a superblock that the pool uses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Superblock {
    pub(super) needs_check: bool,
    pub(super) time: u32,
    pub(super) transaction_id: u64,
    pub(super) held_root: u64,
    /// The root of the mappings. Here it is the number of the content in the kernel.
    pub(super) content: u64,
    pub(super) data_block_size: u32,
    pub(super) metadata_blocks: u64,
}

impl Superblock {
    pub(super) fn to_bytes(self) -> Vec<u8> {
        let mut block = vec![0; METADATA_BLOCK];
        put(&mut block, FLAGS, &u32::from(self.needs_check).to_le_bytes());
        put(&mut block, MAGIC_AT, &MAGIC.to_le_bytes());
        put(&mut block, VERSION_AT, &VERSION.to_le_bytes());
        put(&mut block, TIME, &self.time.to_le_bytes());
        put(&mut block, TRANSACTION, &self.transaction_id.to_le_bytes());
        put(&mut block, HELD_ROOT, &self.held_root.to_le_bytes());
        put(&mut block, MAPPING_ROOT, &self.content.to_le_bytes());
        put(&mut block, DATA_BLOCK_SIZE, &self.data_block_size.to_le_bytes());
        put(&mut block, METADATA_BLOCK_SIZE, &8_u32.to_le_bytes());
        put(&mut block, METADATA_BLOCKS, &self.metadata_blocks.to_le_bytes());
        let csum = checksum(&block);
        put(&mut block, CSUM, &csum.to_le_bytes());
        block
    }

    /// Reads and checks a block, as `sb_check` does.
    pub(super) fn read(kernel: &mut Kernel, block: &[u8]) -> Result<Self, Errno> {
        let mut fail = |errno, text: String| {
            kernel.log("thin metadata", &format!("sb_check failed: {text}"));
            kernel.log("block manager", "superblock validator check failed for block 0");
            Err(errno)
        };
        let (number, magic) = (u64_at(block, BLOCK_NUMBER), u64_at(block, MAGIC_AT));
        if number != 0 {
            return fail(Errno::ENOTBLK, format!("blocknr {number}: wanted 0"));
        }
        if magic != MAGIC {
            return fail(Errno::EILSEQ, format!("magic {magic}: wanted {MAGIC}"));
        }
        let (csum, right) = (u32_at(block, CSUM), checksum(block));
        if csum != right {
            return fail(Errno::EILSEQ, format!("csum {right}: wanted {csum}"));
        }
        Ok(Self {
            needs_check: u32_at(block, FLAGS) & NEEDS_CHECK != 0,
            time: u32_at(block, TIME),
            transaction_id: u64_at(block, TRANSACTION),
            held_root: u64_at(block, HELD_ROOT),
            content: u64_at(block, MAPPING_ROOT),
            data_block_size: u32_at(block, DATA_BLOCK_SIZE),
            metadata_blocks: u64_at(block, METADATA_BLOCKS),
        })
    }
}

fn put(block: &mut [u8], at: usize, bytes: &[u8]) {
    let rest = block.get_mut(at..).unwrap_or_default();
    rest.iter_mut().zip(bytes).for_each(|(to, from)| *to = *from);
}

/// As `dm_bm_checksum`: the CRC-32C of the bytes after the checksum, without the final complement.
fn checksum(block: &[u8]) -> u32 {
    let step = |crc: u32, byte: &u8| {
        let [low, ..] = (crc ^ u32::from(*byte)).to_le_bytes();
        crc >> 8 ^ REMAINDERS.get(usize::from(low)).copied().unwrap_or(0)
    };
    block.iter().skip(FLAGS).fold(u32::MAX, step) ^ CSUM_XOR
}

/// The CRC remainder of each byte.
static REMAINDERS: LazyLock<[u32; 256]> = LazyLock::new(|| {
    let shift = |crc: u32, _| if crc & 1 == 1 { crc >> 1 ^ CRC_32C } else { crc >> 1 };
    std::array::from_fn(|byte| (0..8).fold(u32::try_from(byte).unwrap_or(0), shift))
});
