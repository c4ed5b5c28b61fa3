//! [`NamedDevice`]: the device or image that contains the data or the hashes, with its name for errors.

use alloc::borrow::{Cow, ToOwned as _};
use std::io;

use dm_core::block::{BlockAction, BlockError, BlockIo};
use dm_units::Sectors;

use super::error::VerityError;

/// A device with a name for errors.
#[derive(Clone, Debug)]
pub(super) struct NamedDevice<'a> {
    io: &'a dyn BlockIo,
    name: Cow<'a, str>,
}

impl<'a> NamedDevice<'a> {
    pub(super) fn new(io: &'a dyn BlockIo, name: impl Into<Cow<'a, str>>) -> Self {
        Self { io, name: name.into() }
    }

    pub(super) fn data(io: &'a dyn BlockIo) -> Self {
        Self::new(io, "the data device")
    }

    pub(super) fn hash(io: &'a dyn BlockIo) -> Self {
        Self::new(io, "the hash device")
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// Whether both are one device. A device can have several names; files have no number.
    pub(super) fn is_same(&self, other: &Self) -> bool {
        let number = self.io.number();
        core::ptr::addr_eq(self.io, other.io) || number.is_some() && number == other.io.number()
    }

    pub(super) fn size(&self) -> Result<Sectors, BlockError> {
        self.io.size().map_err(|error| self.refused(BlockAction::GetSize, &error))
    }

    /// Checks that the device is large enough.
    pub(super) fn require(&self, needed: Sectors) -> Result<(), VerityError> {
        let size = self.size()?;
        if size < needed {
            return Err(VerityError::TooSmall { device: self.name().to_owned(), size, needed });
        }
        Ok(())
    }

    pub(super) fn read(&self, start: Sectors, data: &mut [u8]) -> Result<(), BlockError> {
        self.io.read_sectors(start, data).map_err(|error| self.refused(BlockAction::Read, &error))
    }

    pub(super) fn write(&self, start: Sectors, data: &[u8]) -> Result<(), BlockError> {
        self.io.write_sectors(start, data).map_err(|error| self.refused(BlockAction::Write, &error))
    }

    pub(super) fn flush(&self) -> Result<(), BlockError> {
        self.io.flush().map_err(|error| self.refused(BlockAction::Flush, &error))
    }

    /// Reads data blocks one after the other, many at a time, and calls a function with the number and the content of
    /// each.
    pub(super) fn each_block(
        &self,
        block_size: u32,
        blocks: u64,
        mut call: impl FnMut(u64, &[u8]) -> Result<(), VerityError>,
    ) -> Result<(), VerityError> {
        let block = usize::try_from(block_size).unwrap_or(usize::MAX).max(1);
        let sectors = u64::from(block_size >> 9);
        let at_once = AT_ONCE.checked_div(block).unwrap_or(0).max(1);
        let mut buffer = alloc::vec![0; at_once.saturating_mul(block)];
        let mut next = 0_u64;
        while next < blocks {
            let count = blocks.saturating_sub(next).min(at_once as u64);
            let length = usize::try_from(count).unwrap_or(0).saturating_mul(block);
            let data = buffer.get_mut(..length).unwrap_or_default();
            self.read(Sectors(next.saturating_mul(sectors)), data)?;
            for (number, content) in (next..).zip(data.chunks_exact(block)) {
                call(number, content)?;
            }
            next = next.saturating_add(count);
        }
        Ok(())
    }

    fn refused(&self, action: BlockAction, error: &io::Error) -> BlockError {
        BlockError::refused(action, self.name().to_owned(), error)
    }
}

/// The number of bytes of data that are read at once.
const AT_ONCE: usize = 1 << 20;
