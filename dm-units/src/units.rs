//! The four units and the conversions between them.

/// Bytes in a sector, for buffers; the kernel's `SECTOR_SIZE`.
pub const SECTOR_SIZE: usize = 512;

/// Bytes in a metadata block of the thin-pool, cache, clone and era targets, for buffers.
pub const META_BLOCK_SIZE: usize = 4096;

const BYTES_PER_SECTOR: u128 = SECTOR_SIZE as u128;

const SECTORS_PER_META_BLOCK: u64 = 8;

/// A number of 512-byte sectors, the unit in which the device mapper counts.
///
/// A sector is 512 bytes, regardless of the device's logical block size.
///
/// # Panics
///
/// The operators panic on overflow, on division by zero and for a negative factor or divisor, in every build profile.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Sectors(pub u64);

/// A number of bytes. The type can hold every number of [`Sectors`] or [`MetaBlocks`].
///
/// # Panics
///
/// The operators panic on overflow, on division by zero and for a negative factor or divisor, in every build profile.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Bytes(pub u128);

/// A number of data blocks of a thin pool, a cache or another target whose table sets the block size.
///
/// The type does not store the size of a block. Conversions take the size as the argument `block_size`.
///
/// # Panics
///
/// The operators panic on overflow, on division by zero and for a negative factor or divisor, in every build profile.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DataBlocks(pub u64);

/// A number of metadata blocks of 4096 bytes, as the thin-pool, cache, clone and era targets count their metadata.
///
/// # Panics
///
/// The operators panic on overflow, on division by zero and for a negative factor or divisor, in every build profile.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MetaBlocks(pub u64);

arithmetic!(Sectors, u64);
arithmetic!(Bytes, u128);
arithmetic!(DataBlocks, u64);
arithmetic!(MetaBlocks, u64);
integer_times!(Bytes: u128);

impl Sectors {
    /// Converts to bytes. The result is always exact.
    #[doc(alias = "bytes")]
    #[inline]
    pub const fn to_bytes(self) -> Bytes {
        Bytes((self.0 as u128).saturating_mul(BYTES_PER_SECTOR))
    }

    /// Converts to data blocks and rounds down. Returns `None` if `block_size` is zero.
    #[inline]
    pub const fn to_data_blocks_floor(self, block_size: Sectors) -> Option<DataBlocks> {
        DataBlocks::some(self.checked_div_unit(block_size))
    }

    /// Converts to data blocks and rounds up. Returns `None` if `block_size` is zero.
    #[inline]
    pub const fn to_data_blocks_ceil(self, block_size: Sectors) -> Option<DataBlocks> {
        match block_size {
            Sectors::ZERO => None,
            Sectors(size) => Some(DataBlocks(self.0.div_ceil(size))),
        }
    }

    /// Converts to data blocks. Returns `None` if the size is not a whole number of data blocks, or if `block_size` is
    /// zero.
    #[inline]
    pub const fn to_data_blocks_exact(self, block_size: Sectors) -> Option<DataBlocks> {
        if self.is_multiple_of(block_size) { self.to_data_blocks_floor(block_size) } else { None }
    }

    /// Converts to metadata blocks and rounds down.
    #[doc(alias = "metablocks")]
    #[inline]
    pub const fn to_meta_blocks_floor(self) -> MetaBlocks {
        MetaBlocks(self.0 / SECTORS_PER_META_BLOCK)
    }

    /// Converts to metadata blocks and rounds up.
    #[inline]
    pub const fn to_meta_blocks_ceil(self) -> MetaBlocks {
        MetaBlocks(self.0.div_ceil(SECTORS_PER_META_BLOCK))
    }

    /// Converts to metadata blocks. Returns `None` if the size is not a whole number of metadata blocks.
    #[inline]
    pub const fn to_meta_blocks_exact(self) -> Option<MetaBlocks> {
        if self.0 % SECTORS_PER_META_BLOCK == 0 { Some(self.to_meta_blocks_floor()) } else { None }
    }
}

impl Bytes {
    /// Converts to sectors and rounds down. Returns `None` if the result exceeds [`Sectors::MAX`].
    #[doc(alias = "sectors")]
    #[inline]
    pub const fn to_sectors_floor(self) -> Option<Sectors> {
        Sectors::some(narrow(self.0 / BYTES_PER_SECTOR))
    }

    /// Converts to sectors and rounds up. Returns `None` if the result exceeds [`Sectors::MAX`].
    #[inline]
    pub const fn to_sectors_ceil(self) -> Option<Sectors> {
        Sectors::some(narrow(self.0.div_ceil(BYTES_PER_SECTOR)))
    }

    /// Converts to sectors. Returns `None` if the size is not a whole number of sectors, or if the result exceeds
    /// [`Sectors::MAX`].
    #[inline]
    pub const fn to_sectors_exact(self) -> Option<Sectors> {
        if self.0 % BYTES_PER_SECTOR == 0 { self.to_sectors_floor() } else { None }
    }
}

impl DataBlocks {
    /// Converts to sectors. Returns `None` on overflow.
    #[inline]
    pub const fn to_sectors(self, block_size: Sectors) -> Option<Sectors> {
        block_size.checked_mul(self.0)
    }

    /// Converts to bytes. Returns `None` on overflow.
    #[inline]
    pub const fn to_bytes(self, block_size: Sectors) -> Option<Bytes> {
        block_size.to_bytes().checked_mul(self.0 as u128)
    }
}

impl MetaBlocks {
    /// Converts to sectors. Returns `None` on overflow.
    #[doc(alias = "sectors")]
    #[inline]
    pub const fn to_sectors(self) -> Option<Sectors> {
        Sectors(SECTORS_PER_META_BLOCK).checked_mul(self.0)
    }

    /// Converts to bytes. The result is always exact.
    #[inline]
    pub const fn to_bytes(self) -> Bytes {
        Bytes((self.0 as u128).saturating_mul(META_BLOCK_SIZE as u128))
    }
}

/// `u64::try_from`, which is not `const`.
const fn narrow(number: u128) -> Option<u64> {
    const MAX: u128 = u64::MAX as u128;
    if number > MAX { None } else { Some((number & MAX) as u64) }
}
