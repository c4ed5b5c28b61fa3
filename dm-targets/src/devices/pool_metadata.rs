//! Reads the metadata device of a pool before the pool is created, so that no data is overwritten.

use alloc::boxed::Box;
use alloc::string::ToString as _;
use core::fmt;

use dm_core::block::BlockOpenOptions;
use dm_core::{AsDmName, Host, SetupOptions};
use dm_units::Sectors;

use super::block::NamedBlock;
use super::signature::{ForeignData, LOOKED_AT};
use super::{DevError, MappedDev};
use crate::table::Table;
use crate::{Device, ThinPool};

/// What the first 4096 bytes of a pool's metadata device contain.
///
/// The kernel makes a new pool if the first 4096 bytes are zeros (`__superblock_all_zeroes` in
/// drivers/md/dm-thin-metadata.c).
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum PoolMetadata {
    /// Zeros. The kernel makes a new pool, unless the table has the feature `read_only`.
    Empty,
    /// A pool, recognized by its magic number. The rest of its metadata is not checked. Its thin devices can be
    /// activated once a table for the pool is active.
    #[non_exhaustive]
    Pool {
        /// Its transaction id: see [`set_transaction_id`](crate::devices::ThinPoolDev::set_transaction_id).
        transaction_id: u64,
        /// The size of its data blocks.
        block_size: Sectors,
    },
    /// Other data. The kernel refuses to create a pool on it.
    Other(ForeignData),
}

/// Prints a description such as `a thin pool with transaction id 7 and blocks of 128 sectors`.
impl fmt::Display for PoolMetadata {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => f.write_str("nothing"),
            Self::Pool { transaction_id, block_size } => {
                write!(f, "a thin pool with transaction id {transaction_id} and blocks of {block_size} sectors")
            }
            Self::Other(data) => data.fmt(f),
        }
    }
}

/// `THIN_SUPERBLOCK_MAGIC`, and where `struct thin_disk_superblock` has what is read here.
const MAGIC: u64 = 27_022_010;
const MAGIC_AT: usize = 32;
const TRANSACTION_ID_AT: usize = 48;
const BLOCK_SIZE_AT: usize = 336;

impl PoolMetadata {
    /// Recognizes the first 4096 bytes of a device.
    fn of(block: &[u8; LOOKED_AT]) -> Self {
        fn at<const N: usize>(block: &[u8], at: usize) -> [u8; N] {
            block.get(at..).and_then(<[u8]>::first_chunk).copied().unwrap_or([0; N])
        }
        if *block == [0; LOOKED_AT] {
            return Self::Empty;
        }
        if u64::from_le_bytes(at(block, MAGIC_AT)) != MAGIC {
            return Self::Other(ForeignData::of(block));
        }
        let transaction_id = u64::from_le_bytes(at(block, TRANSACTION_ID_AT));
        Self::Pool { transaction_id, block_size: Sectors(u32::from_le_bytes(at(block, BLOCK_SIZE_AT)).into()) }
    }
}

/// Methods that check the metadata device before they create or erase a pool.
///
/// ```no_run
/// use dm_core::{Host, SetupOptions};
/// use dm_targets::devices::ThinPoolDev;
/// use dm_targets::thin_pool::ThinPoolTable;
/// use dm_targets::{Table, TableLine};
/// use dm_units::{DataBlocks, DeviceNumber, Sectors};
///
/// let host = Host::open()?;
/// let (metadata, data) = (DeviceNumber::new(8, 1), DeviceNumber::new(8, 2));
/// println!("8:1 holds {}", ThinPoolDev::metadata_on(&host, metadata)?);
///
/// // The same call creates a new pool and, after a restart of the machine, activates the existing one.
/// let params = ThinPoolTable::new(metadata, data, Sectors(128), DataBlocks(1024));
/// let table = Table::new([TableLine::new(Sectors(0), Sectors(1 << 21), params)])?;
/// let pool = ThinPoolDev::setup_pool(&host, "pool", &table)?;
/// println!("{} has {} blocks", pool.name(), pool.figures(&host)?.data.total);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
impl MappedDev<ThinPool> {
    /// Reads the first 4096 bytes of `device`, and returns what they contain. Nothing is written. For the metadata
    /// device of an active pool, the result may be out of date.
    ///
    /// # Errors
    ///
    /// [`DevError::Block`]: the device cannot be read.
    pub fn metadata_on(host: &Host, device: impl Into<Device>) -> Result<PoolMetadata, DevError> {
        let mut block = [0; LOOKED_AT];
        NamedBlock::open(host, &device.into(), BlockOpenOptions::new())?.read_first(&mut block)?;
        Ok(PoolMetadata::of(&block))
    }

    /// Creates a new pool. Its metadata device must begin with 4096 bytes of zeros.
    ///
    /// # Errors
    ///
    /// [`DevError::MetadataHolds`]: the metadata device holds a pool or other data; nothing was done.
    /// [`DevError::Block`]: it cannot be read; nothing was done. Otherwise as [`create`](Self::create).
    pub fn create_pool(host: &Host, name: impl AsDmName, table: &Table<ThinPool>) -> Result<Self, DevError> {
        Self::create_pool_with(host, name, table, SetupOptions::new())
    }

    /// Creates a new pool on an empty metadata device, with options.
    ///
    /// # Errors
    ///
    /// As [`create_pool`](Self::create_pool).
    pub fn create_pool_with(
        host: &Host,
        name: impl AsDmName,
        table: &Table<ThinPool>,
        options: SetupOptions<'_>,
    ) -> Result<Self, DevError> {
        check(host, table, |found| *found == PoolMetadata::Empty)?;
        Self::create_with(host, name, table, options)
    }

    /// Makes sure that the pool is active: takes over the active pool, or activates the pool on the metadata device. If
    /// the metadata device begins with 4096 bytes of zeros, a new pool is created. Other contents of the metadata
    /// device are never overwritten.
    ///
    /// # Errors
    ///
    /// [`DevError::MetadataHolds`]: the metadata device holds neither zeros nor a pool; nothing was done.
    /// [`DevError::Block`]: it cannot be read; nothing was done. [`is_invalid`](DevError::is_invalid): the pool on the
    /// device has another block size, or is larger than the table. Otherwise as [`setup`](Self::setup).
    pub fn setup_pool(host: &Host, name: impl AsDmName, table: &Table<ThinPool>) -> Result<Self, DevError> {
        Self::setup_pool_with(host, name, table, SetupOptions::new())
    }

    /// Makes sure that the pool is active, with options.
    ///
    /// # Errors
    ///
    /// As [`setup_pool`](Self::setup_pool).
    pub fn setup_pool_with(
        host: &Host,
        name: impl AsDmName,
        table: &Table<ThinPool>,
        options: SetupOptions<'_>,
    ) -> Result<Self, DevError> {
        check(host, table, |found| !matches!(found, PoolMetadata::Other(_)))?;
        Self::setup_with(host, name, table, options)
    }

    /// Writes zeros to the first 4096 bytes of a device, so that a new pool can be created on it. The previous contents
    /// are lost, for example a pool with all of its thin devices.
    ///
    /// # Errors
    ///
    /// [`is_busy`](DevError::is_busy): the device is in use, for example by an active pool; nothing was written.
    pub fn erase_metadata(host: &Host, device: impl Into<Device>) -> Result<(), DevError> {
        let options = BlockOpenOptions::new().writable(true).exclusive(true);
        let device = NamedBlock::open(host, &device.into(), options)?;
        device.zero(Sectors(0), Sectors((LOOKED_AT >> 9) as u64))?;
        Ok(())
    }
}

/// Looks at the metadata device of each line, of which a valid table of a pool has one.
fn check(host: &Host, table: &Table<ThinPool>, is_usable: fn(&PoolMetadata) -> bool) -> Result<(), DevError> {
    for line in table.lines() {
        let device = &line.params.metadata;
        let found = MappedDev::<ThinPool>::metadata_on(host, device.clone())?;
        if !is_usable(&found) {
            return Err(DevError::MetadataHolds { device: device.to_string(), found: Box::new(found) });
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_block_is_empty_a_pool_or_something_else() {
        let mut block = [0; LOOKED_AT];
        assert_eq!(PoolMetadata::of(&block), PoolMetadata::Empty);
        block[MAGIC_AT..][..8].copy_from_slice(&MAGIC.to_le_bytes());
        block[TRANSACTION_ID_AT] = 7;
        block[BLOCK_SIZE_AT] = 128;
        let text = "a thin pool with transaction id 7 and blocks of 128 sectors";
        assert_eq!(PoolMetadata::of(&block).to_string(), text);
        let mut block = [0; LOOKED_AT];
        block[LOOKED_AT - 1] = 1;
        assert!(matches!(PoolMetadata::of(&block), PoolMetadata::Other(_)));
    }
}
