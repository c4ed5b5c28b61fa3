//! Reads and writes the data of devices that tables name.

use alloc::boxed::Box;
use alloc::string::{String, ToString as _};
use std::path::Path;

use dm_core::Host;
use dm_core::block::{BlockAction, BlockError, BlockId, BlockIo, BlockOpenOptions};
use dm_units::Sectors;

use crate::Device;

impl<'a> From<&'a Device> for BlockId<'a> {
    fn from(device: &'a Device) -> Self {
        match device {
            Device::Number(number) => Self::Number(*number),
            Device::Path(path) => Self::Path(Path::new(path.as_str())),
        }
    }
}

/// An open device, with its name for errors.
pub(super) struct NamedBlock {
    name: String,
    io: Box<dyn BlockIo>,
}

impl NamedBlock {
    pub(super) fn open(host: &Host, device: &Device, options: BlockOpenOptions) -> Result<Self, BlockError> {
        Ok(Self { name: device.to_string(), io: host.open_block_with(device, options)? })
    }

    /// The size of the device.
    pub(super) fn size(&self) -> Result<Sectors, BlockError> {
        self.io.size().map_err(|error| self.refused(BlockAction::GetSize, &error))
    }

    /// Reads the first bytes, which are whole sectors.
    pub(super) fn read_first(&self, data: &mut [u8]) -> Result<(), BlockError> {
        self.io.read_sectors(Sectors(0), data).map_err(|error| self.refused(BlockAction::Read, &error))
    }

    /// Writes zeros, and makes sure that they are on the device.
    pub(super) fn zero(&self, start: Sectors, length: Sectors) -> Result<(), BlockError> {
        self.io.zero_sectors(start, length).map_err(|error| self.refused(BlockAction::ZeroOut, &error))?;
        self.io.flush().map_err(|error| self.refused(BlockAction::Flush, &error))
    }

    /// Lets the kernel probe the paths of a multipath device.
    pub(super) fn probe_paths(&self) -> Result<(), BlockError> {
        self.io.probe_paths().map_err(|error| self.refused(BlockAction::ProbePaths, &error))
    }

    fn refused(&self, action: BlockAction, error: &std::io::Error) -> BlockError {
        BlockError::refused(action, self.name.clone(), error)
    }
}
