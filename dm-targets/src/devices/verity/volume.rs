//! [`VerityVolume`]: the data device and the hash device of a verity device.

use alloc::boxed::Box;
use alloc::string::ToString as _;

use dm_core::Host;
use dm_core::block::{BlockIo, BlockOpenOptions};
use dm_units::Sectors;

#[cfg(doc)]
use super::error::VerityError;
use super::format::{VerityFormat, VerityFormatted};
use super::named::NamedDevice;
use super::superblock::VeritySuperblock;
use crate::Device;
use crate::devices::DevError;
use crate::verity::{Hex, VerityTable};

/// The data device and the hash device of a verity device. They can be the same device.
///
/// Requires the feature `verity-format`.
///
/// ```no_run
/// use dm_core::{Host, SetupOptions};
/// use dm_targets::devices::{VerityDev, VerityFormat, VerityVolume};
/// use dm_targets::verity::OnCorruption;
/// use dm_units::DeviceNumber;
///
/// let host = Host::open()?;
/// let volume = VerityVolume::new(DeviceNumber::new(8, 1), DeviceNumber::new(8, 2));
/// let root_hash = volume.format(&host, &VerityFormat::new())?.root_hash;
///
/// // At every start, with the root hash from a trusted place.
/// let table = volume.table(&host, &root_hash)?.on_corruption(OnCorruption::Restart);
/// let usr = VerityDev::activate(&host, "usr", table)?;
/// println!("{}, corrupted: {}", usr.path(&host)?.display(), usr.is_corrupted(&host)?);
///
/// // From time to time, verify all blocks: the error names the first block that was changed.
/// volume.verify(&host, &root_hash)?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VerityVolume {
    data: Device,
    hash: Device,
    hash_offset: Sectors,
}

impl VerityVolume {
    /// A volume with the data on one device, and the superblock and hashes at the start of another.
    pub fn new(data: impl Into<Device>, hash: impl Into<Device>) -> Self {
        Self { data: data.into(), hash: hash.into(), hash_offset: Sectors(0) }
    }

    /// A volume with data and hashes on one device. The superblock is at `hash_offset`, after the data.
    pub fn on_one(device: impl Into<Device>, hash_offset: Sectors) -> Self {
        let device = device.into();
        Self::new(device.clone(), device).hash_offset(hash_offset)
    }

    /// Sets the position of the superblock on the hash device, by default 0.
    #[must_use]
    pub fn hash_offset(self, hash_offset: Sectors) -> Self {
        Self { hash_offset, ..self }
    }

    /// Hashes all data, and writes the tree and its superblock to the hash device. Previous contents there are
    /// overwritten. The superblock is at this volume's [`hash_offset`](Self::hash_offset), not at that of `format`.
    ///
    /// The call claims the hash device, so the device must not be in use. If the data is on the same device, the data
    /// ends at the superblock, unless `format` sets the number of data blocks.
    ///
    /// # Errors
    ///
    /// [`DevError::Verity`]: an error of [`VerityFormat::write`]. [`DevError::Block`]: a device cannot be opened;
    /// [`is_busy`](DevError::is_busy) if the hash device is in use.
    pub fn format(&self, host: &Host, format: &VerityFormat) -> Result<VerityFormatted, DevError> {
        let hash = host.open_block_with(&self.hash, BlockOpenOptions::new().writable(true).exclusive(true))?;
        let data = open(host, &self.data)?;
        let format = format.clone().hash_offset(self.hash_offset);
        Ok(format.write_parts(&part(&*data, &self.data), &part(&*hash, &self.hash))?)
    }

    /// Reads the superblock at this volume's offset.
    ///
    /// # Errors
    ///
    /// [`DevError::Verity`]: the hash device cannot be read, or its superblock is missing or unusable.
    /// [`DevError::Block`]: the hash device cannot be opened.
    pub fn superblock(&self, host: &Host) -> Result<VeritySuperblock, DevError> {
        let hash = open(host, &self.hash)?;
        Ok(VeritySuperblock::read_part(&part(&*hash, &self.hash), self.hash_offset)?)
    }

    /// Returns the table of a verity device with this root hash and the parameters in the superblock.
    ///
    /// The hashes are not read: the kernel checks them when they are needed.
    ///
    /// # Errors
    ///
    /// As [`superblock`](Self::superblock). [`DevError::Verity`] with [`VerityError::RootHash`]: the root hash is not
    /// as long as the hashes of the algorithm.
    pub fn table(&self, host: &Host, root_hash: &Hex) -> Result<VerityTable, DevError> {
        Ok(self.superblock(host)?.table(self.data.clone(), self.hash.clone(), root_hash)?)
    }

    /// Reads and checks all data and all hashes, without a verity device.
    ///
    /// # Errors
    ///
    /// [`DevError::Verity`]: if [`is_corrupted`](VerityError::is_corrupted) is true, the error names the first block
    /// that does not match the root hash. Otherwise as [`table`](Self::table) and [`VeritySuperblock::verify`].
    pub fn verify(&self, host: &Host, root_hash: &Hex) -> Result<(), DevError> {
        let superblock = self.superblock(host)?;
        let (data, hash) = (open(host, &self.data)?, open(host, &self.hash)?);
        Ok(superblock.verify_parts(&part(&*data, &self.data), &part(&*hash, &self.hash), root_hash)?)
    }
}

fn open(host: &Host, device: &Device) -> Result<Box<dyn BlockIo>, DevError> {
    Ok(host.open_block(device)?)
}

fn part<'a>(io: &'a dyn BlockIo, device: &Device) -> NamedDevice<'a> {
    NamedDevice::new(io, device.to_string())
}
