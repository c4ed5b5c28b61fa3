//! [`MemoryDisk`]: disks in memory.

use std::ops::Range;
use std::path::PathBuf;
use std::sync::Arc;

use dm_units::{Bytes, DeviceNumber, Sectors};

use super::in_sectors;
use super::io_error::{MemoryError, MemoryErrorKind};
use super::kernel::disk::Disk;
use super::kernel::io::{Io, IoFault};
use super::node::Machine;

/// A disk of a [`MemoryKernel`](super::MemoryKernel). It is sparse, contains zeros at first, and exists as long as its
/// kernel.
#[derive(Clone, Debug)]
pub struct MemoryDisk {
    machine: Arc<Machine>,
    number: DeviceNumber,
}

impl MemoryDisk {
    pub(super) fn new(machine: &Arc<Machine>, number: DeviceNumber) -> Self {
        Self { machine: Arc::clone(machine), number }
    }

    /// The device number, for use in tables.
    #[must_use]
    pub const fn number(&self) -> DeviceNumber {
        self.number
    }

    /// The path, for tables and [`Host::open_block`](dm_core::Host::open_block). No file with this path exists.
    #[must_use]
    pub fn path(&self) -> PathBuf {
        PathBuf::from(format!("/dev/{}", self.name()))
    }

    /// The size in sectors.
    #[must_use]
    pub fn size(&self) -> Sectors {
        Sectors(self.with(|disk| disk.sectors()))
    }

    /// Changes the size of the disk, rounded down to whole sectors. Data beyond the new end is lost.
    pub fn resize(&self, size: Bytes) {
        self.with(|disk| disk.resize(in_sectors(size).0));
    }

    /// Makes all I/O that touches one of these sectors fail with `EIO`. The sectors of earlier calls continue to fail.
    pub fn fail(&self, sectors: Range<Sectors>) {
        self.with(|disk| disk.fail(sectors.start.0..sectors.end.0));
    }

    /// Ends the failures of all earlier calls of [`fail`](Self::fail).
    pub fn heal(&self) {
        self.with(Disk::heal);
    }

    /// Makes all writes and discards fail, or lets them succeed again. A read-only disk can still be used in tables.
    pub fn set_read_only(&self, read_only: bool) {
        self.with(|disk| disk.read_only = read_only);
    }

    /// Reads whole sectors of the disk itself, not through a mapped device.
    ///
    /// # Errors
    /// [`MemoryErrorKind::Failed`] with `EIO`: a sector fails or is beyond the end. [`MemoryErrorKind::PartOfSector`]:
    /// the length is not a multiple of 512 bytes.
    pub fn read(&self, start: Sectors, data: &mut [u8]) -> Result<(), MemoryError> {
        self.io(start, data.len(), Io::Read(data))
    }

    /// Writes whole sectors of the disk itself, not through a mapped device.
    ///
    /// # Errors
    /// As [`read`](Self::read), and [`MemoryErrorKind::Failed`] with `EIO` if the disk is read-only.
    pub fn write(&self, start: Sectors, data: &[u8]) -> Result<(), MemoryError> {
        self.io(start, data.len(), Io::Write(data))
    }

    fn io(&self, start: Sectors, len: usize, io: Io<'_>) -> Result<(), MemoryError> {
        if len.checked_rem(super::kernel::disk::SECTOR) != Some(0) {
            return Err(MemoryError::new(self.name(), start, MemoryErrorKind::PartOfSector));
        }
        let name = self.name();
        self.machine.with(|kernel| {
            let done = kernel.disks.get_mut(&self.number).map_or(Ok(()), |disk| disk.io(start.0, io));
            done.map_err(|errno| MemoryError::of(kernel, name, start, IoFault::Failed(errno)))
        })
    }

    /// The name of its node in `/dev`.
    fn name(&self) -> String {
        self.with(|disk| disk.name.clone())
    }

    /// Disks are never removed.
    fn with<T: Default>(&self, work: impl FnOnce(&mut Disk) -> T) -> T {
        self.machine.with(|kernel| kernel.disks.get_mut(&self.number).map(work).unwrap_or_default())
    }
}
