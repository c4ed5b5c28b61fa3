//! Reading and writing the sectors of mapped devices and disks.

use dm_core::{AsDevId, DevId};
use dm_units::Sectors;

use super::errno::Errno;
use super::io_error::{MemoryError, MemoryErrorKind};
use super::kernel::Kernel;
use super::kernel::disk::SECTOR;
use super::kernel::io::{Io, IoFault};
use super::{MemoryKernel, block, device_mut};

impl MemoryKernel {
    /// Reads whole sectors of a mapped device through its table, or of a disk given by its number. The call does not
    /// wait.
    ///
    /// # Errors
    /// [`MemoryErrorKind`] lists the reasons. I/O that would wait on a real kernel fails as well, with an error whose
    /// [`would_wait`](MemoryError::would_wait) is true.
    pub fn read(&self, id: impl AsDevId, start: Sectors, data: &mut [u8]) -> Result<(), MemoryError> {
        self.io(&id, start, Io::Read(data))
    }

    /// Writes whole sectors of a mapped device through its table, or of a disk given by its number. The call does not
    /// wait.
    ///
    /// # Errors
    /// As [`read`](Self::read). On a read-only device or disk, the errno is `EPERM`. After an error, the data can be
    /// partly written.
    pub fn write(&self, id: impl AsDevId, start: Sectors, data: &[u8]) -> Result<(), MemoryError> {
        self.io(&id, start, Io::Write(data))
    }

    /// Discards sectors of a mapped device, or of a disk given by its number. Discarded sectors of a disk read as
    /// zeros.
    ///
    /// # Errors
    /// As [`write`](Self::write). If the device does not support discards, the errno is `EOPNOTSUPP`.
    pub fn discard(&self, id: impl AsDevId, start: Sectors, length: Sectors) -> Result<(), MemoryError> {
        block::discard(self, &id, start, length)
    }

    /// Flushes a mapped device, so that earlier writes survive a power failure.
    ///
    /// # Errors
    /// As [`read`](Self::read).
    pub fn flush(&self, id: impl AsDevId) -> Result<(), MemoryError> {
        self.io(&id, Sectors(0), Io::Flush)
    }

    /// As [`read`](Self::read), except that the call blocks, as on a real kernel, while a device is suspended or a
    /// target holds the I/O. Another thread must end the wait, for example by resuming the device or adding space.
    ///
    /// # Errors
    /// As [`read`](Self::read), except that I/O that waits is not an error.
    pub fn read_waiting(&self, id: impl AsDevId, start: Sectors, data: &mut [u8]) -> Result<(), MemoryError> {
        self.io_waiting(&id, start, Io::Read(data))
    }

    /// As [`write`](Self::write), except that the call blocks as [`read_waiting`](Self::read_waiting) does.
    ///
    /// # Errors
    /// As [`write`](Self::write), except that I/O that waits is not an error.
    pub fn write_waiting(&self, id: impl AsDevId, start: Sectors, data: &[u8]) -> Result<(), MemoryError> {
        self.io_waiting(&id, start, Io::Write(data))
    }

    /// As [`flush`](Self::flush), except that the call blocks as [`read_waiting`](Self::read_waiting) does.
    ///
    /// # Errors
    /// As [`read`](Self::read), except that I/O that waits is not an error.
    pub fn flush_waiting(&self, id: impl AsDevId) -> Result<(), MemoryError> {
        self.io_waiting(&id, Sectors(0), Io::Flush)
    }

    fn io_waiting(&self, id: &dyn AsDevId, start: Sectors, mut request: Io<'_>) -> Result<(), MemoryError> {
        check_len(id, start, &request)?;
        let length = request.sectors();
        let mut in_flight = None;
        let done = self.machine.with_until(None, |kernel| {
            land(kernel, in_flight.take());
            match io(kernel, id, start, request.part(0, length)) {
                Err((_, IoFault::Held(_))) => None,
                Err((_, IoFault::Waits(minor))) => {
                    in_flight = take_off(kernel, minor);
                    None
                }
                done => Some(done.map_err(|(name, fault)| MemoryError::of(kernel, name, start, fault))),
            }
        });
        done.unwrap_or(Ok(()))
    }

    pub(super) fn io(&self, id: &dyn AsDevId, start: Sectors, request: Io<'_>) -> Result<(), MemoryError> {
        check_len(id, start, &request)?;
        self.machine.with(|kernel| {
            let done = io(kernel, id, start, request);
            done.map_err(|(name, fault)| MemoryError::of(kernel, name, start, fault))
        })
    }
}

/// Executes an I/O; the error names the device and the reason.
fn io(kernel: &mut Kernel, id: &dyn AsDevId, start: Sectors, request: Io<'_>) -> Result<(), (String, IoFault)> {
    let number = match id.as_dev_id() {
        // The number may be that of a disk as well.
        Ok(DevId::Number(number)) => Some(number),
        _ => device_mut(kernel, id).map(|device| device.number()),
    };
    let Some(number) = number else { return Err((shown(id), IoFault::Failed(Errno::ENXIO))) };
    // Programs cannot write to a read-only device; targets that have opened it can (`blkdev_write_iter` in
    // block/fops.c). A flush is not a write (`bio_check_ro` in block/blk-core.c).
    if matches!(request, Io::Write(_) | Io::Discard(_)) && kernel.is_read_only(number) {
        return Err((shown(id), IoFault::Failed(Errno::EPERM)));
    }
    kernel.io(number, start.0, request).map_err(|fault| (shown(id), fault))
}

/// The device as the caller named it.
fn shown(id: &dyn AsDevId) -> String {
    id.as_dev_id().map(|id| id.to_string()).unwrap_or_default()
}

/// Checks that the length is a multiple of a sector.
fn check_len(id: &dyn AsDevId, start: Sectors, io: &Io<'_>) -> Result<(), MemoryError> {
    let len = match io {
        Io::Read(data) => data.len(),
        Io::Write(data) => data.len(),
        Io::Discard(_) | Io::Flush => 0,
    };
    if len.checked_rem(SECTOR) == Some(0) {
        return Ok(());
    }
    Err(MemoryError::new(shown(id), start, MemoryErrorKind::PartOfSector))
}

/// Records that an I/O waits in the targets of a device; returns the serial number of the device.
fn take_off(kernel: &mut Kernel, minor: u32) -> Option<u64> {
    let device = kernel.devices.get_mut(&minor)?;
    device.in_flight = device.in_flight.saturating_add(1);
    Some(device.serial)
}

/// Records that an I/O no longer waits.
fn land(kernel: &mut Kernel, serial: Option<u64>) {
    let device = kernel.devices.values_mut().find(|device| Some(device.serial) == serial);
    if let Some(device) = device {
        device.in_flight = device.in_flight.saturating_sub(1);
    }
}
