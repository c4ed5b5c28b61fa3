//! A part of another device, which most targets map.

use dm_targets::Device;
use dm_units::{DeviceNumber, Sectors};

use super::Construction;
use crate::memory::errno::Errno;
use crate::memory::kernel::Kernel;
use crate::memory::kernel::disk::SECTOR;
use crate::memory::kernel::io::{Io, IoFault, IoResult};
use crate::memory::kernel::table::Span;

/// The sectors of a device from `start` on.
#[derive(Clone, Copy, Debug)]
pub(super) struct DevicePart {
    pub(super) device: DeviceNumber,
    pub(super) start: u64,
}

/// The number of sectors that are copied at a time.
const COPIED: u64 = 2048;

/// The side of a copy that has failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum CopyFault {
    From(IoFault),
    To(IoFault),
}

impl DevicePart {
    /// Opens the device in the mode of the table, and replaces its path with its number, as the kernel prints it.
    pub(super) fn open(
        construction: &mut Construction<'_>,
        device: &mut Device,
        start: Sectors,
        failure: &str,
    ) -> Result<Self, Errno> {
        let writes = !construction.read_only;
        Self::open_for(construction, device, start, writes, failure)
    }

    /// As [`open`](Self::open), for reading or also for writing.
    pub(super) fn open_for(
        construction: &mut Construction<'_>,
        device: &mut Device,
        start: Sectors,
        writes: bool,
        failure: &str,
    ) -> Result<Self, Errno> {
        let number = construction.device_for(device, writes, failure)?;
        *device = Device::Number(number);
        Ok(Self { device: number, start: start.0 })
    }

    /// The length of the device.
    pub(super) fn device_len(self, kernel: &Kernel) -> u64 {
        kernel.sectors(self.device).unwrap_or(0)
    }

    /// Executes an I/O that starts `at` sectors after the start.
    pub(super) fn io(self, kernel: &mut Kernel, at: u64, io: Io<'_>) -> IoResult {
        kernel.io(self.device, self.start.saturating_add(at), io)
    }

    /// Zeroes sectors, as the discard of a target reads that only changes its metadata: the device need not support discards.
    pub(super) fn zero(self, kernel: &mut Kernel, at: u64, sectors: u64) -> IoResult {
        if kernel.discards(self.device) {
            return self.io(kernel, at, Io::Discard(sectors));
        }
        let len = usize::try_from(sectors).unwrap_or(0).saturating_mul(SECTOR);
        self.io(kernel, at, Io::Write(&vec![0; len]))
    }

    /// Copies sectors to the same place of another part. Only sectors that differ are written, so that a sparse disk
    /// stays sparse.
    pub(super) fn copy(self, kernel: &mut Kernel, to: Self, at: u64, sectors: u64) -> Result<(), CopyFault> {
        let end = at.saturating_add(sectors);
        let mut at = at;
        while at < end {
            let length = COPIED.min(end.saturating_sub(at));
            let len = usize::try_from(length).unwrap_or(0).saturating_mul(SECTOR);
            let (mut data, mut old) = (vec![0; len], vec![0; len]);
            self.io(kernel, at, Io::Read(&mut data)).map_err(CopyFault::From)?;
            // A device that cannot be read may be written nevertheless.
            let is_equal = match to.io(kernel, at, Io::Read(&mut old)) {
                Ok(()) => data == old,
                Err(IoFault::Failed(_)) => false,
                Err(fault) => return Err(CopyFault::To(fault)),
            };
            if !is_equal {
                to.io(kernel, at, Io::Write(&data)).map_err(CopyFault::To)?;
            }
            at = at.saturating_add(length);
        }
        Ok(())
    }

    pub(super) const fn span(self, length: u64) -> Span {
        Span { number: self.device, start: self.start, length }
    }
}
