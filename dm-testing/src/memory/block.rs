//! Disks and mapped devices that programs open through a host to read and write them.

use std::io;
use std::sync::Arc;

use dm_core::AsDevId;
use dm_core::block::{BlockId, BlockIo, BlockOpenOptions};
use dm_units::{DeviceNumber, Sectors, Version};

use super::errno::Errno;
use super::io_error::{MemoryError, MemoryErrorKind};
use super::kernel::Kernel;
use super::kernel::device::Device;
use super::kernel::disk::SECTOR;
use super::kernel::io::{Io, IoFault, IoResult};
use super::node::Machine;
use super::opened::OpenDevice;
use super::{MemoryKernel, device_mut};

/// The interface of Linux 6.16, the first whose multipath devices probe their paths.
const PROBES_SINCE: Version = Version::new(4, 50, 0);

/// An open disk or mapped device.
#[derive(Debug)]
struct OpenBlock {
    kernel: MemoryKernel,
    number: DeviceNumber,
    writable: bool,
    /// Keeps a mapped device open, so that it cannot be removed.
    _opened: Option<OpenDevice>,
}

/// Opens a disk or a mapped device (`blkdev_open` in block/fops.c and `dm_blk_open` in drivers/md/dm.c).
pub(super) fn open(
    machine: &Arc<Machine>,
    device: BlockId<'_>,
    options: BlockOpenOptions,
) -> io::Result<Box<dyn BlockIo>> {
    let number = machine.with(|kernel| check(kernel, device, options)).map_err(Errno::to_io)?;
    let kernel = MemoryKernel { machine: Arc::clone(machine), plan: None };
    let opened = kernel.open(number);
    Ok(Box::new(OpenBlock { kernel, number, writable: options.is_writable(), _opened: opened }))
}

fn check(kernel: &Kernel, device: BlockId<'_>, options: BlockOpenOptions) -> Result<DeviceNumber, Errno> {
    let number = match device {
        BlockId::Number(number) => number,
        BlockId::Path(path) => kernel.lookup(path.to_str().unwrap_or_default())?,
    };
    let has_node = kernel.mapped(number).is_none_or(Device::has_node);
    if kernel.sectors(number).is_none() || !has_node || options.expected_number().is_some_and(|other| other != number) {
        return Err(Errno::ENXIO);
    }
    if options.is_exclusive() && kernel.devices.values().any(|user| user.openings(number) > 0) {
        return Err(Errno::EBUSY);
    }
    Ok(number)
}

impl OpenBlock {
    /// Whether a range is within the device.
    fn holds(&self, start: Sectors, len: usize) -> io::Result<bool> {
        let (size, length) = (self.size()?, u64::try_from(len.div_ceil(SECTOR)).unwrap_or(u64::MAX));
        Ok(start.0.checked_add(length).is_some_and(|end| end <= size.0))
    }
}

/// I/O waits as on a real kernel while a device is suspended or a target waits.
impl BlockIo for OpenBlock {
    fn size(&self) -> io::Result<Sectors> {
        let size = self.kernel.machine.with(|kernel| kernel.sectors(self.number));
        size.map(Sectors).ok_or_else(|| Errno::ENXIO.to_io())
    }

    fn read_sectors(&self, start: Sectors, data: &mut [u8]) -> io::Result<()> {
        // As on Linux, where an empty range needs no system call.
        if data.is_empty() {
            return Ok(());
        }
        if !self.holds(start, data.len())? {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        self.kernel.read_waiting(self.number, start, data).map_err(|error| to_io(&error))
    }

    fn write_sectors(&self, start: Sectors, data: &[u8]) -> io::Result<()> {
        if data.is_empty() {
            return Ok(());
        }
        if !self.writable {
            return Err(Errno::EBADF.to_io());
        }
        if !self.holds(start, data.len())? {
            return Err(Errno::ENOSPC.to_io());
        }
        self.kernel.write_waiting(self.number, start, data).map_err(|error| to_io(&error))
    }

    fn flush(&self) -> io::Result<()> {
        self.kernel.flush_waiting(self.number).map_err(|error| to_io(&error))
    }

    fn number(&self) -> Option<DeviceNumber> {
        Some(self.number)
    }

    fn probe_paths(&self) -> io::Result<()> {
        let probed = self.kernel.machine.with_until(None, |kernel| match probe_paths(kernel, self.number) {
            Err(IoFault::Held(_) | IoFault::Waits(_)) => None,
            Err(IoFault::Failed(errno)) => Some(Err(errno.to_io())),
            Ok(()) => Some(Ok(())),
        });
        probed.unwrap_or(Ok(()))
    }
}

/// Probes the paths of a multipath device (`dm_prepare_ioctl` in drivers/md/dm.c). Kernels before Linux 6.16 pass the ioctl
/// on to a path, which does not know it.
fn probe_paths(kernel: &mut Kernel, number: DeviceNumber) -> IoResult {
    let device = kernel.mapped(number).filter(|_| kernel.interface >= PROBES_SINCE).ok_or(Errno::ENOTTY)?;
    let (suspended, table) = (device.suspended, device.active.clone());
    let [line] = table.as_ref().map_or(&[][..], |table| &table.lines) else { return Err(Errno::ENOTTY.into()) };
    if line.kind.name == "multipath" && suspended {
        return Err(Errno::EAGAIN.into());
    }
    line.with(|target| target.probe_paths(kernel)).unwrap_or(Err(Errno::ENOTTY.into()))
}

fn to_io(error: &MemoryError) -> io::Error {
    match error.kind() {
        MemoryErrorKind::NoDevice => Errno::ENXIO.to_io(),
        MemoryErrorKind::PartOfSector => Errno::EINVAL.to_io(),
        _ => error.errno().map_or_else(|| io::ErrorKind::Other.into(), io::Error::from_raw_os_error),
    }
}

/// Discards sectors as `BLKDISCARD` does. Fails if the device does not support discards; a discard that a lower device does not
/// support is ignored, since it is only a hint (`blk_ioctl_discard` in block/ioctl.c).
pub(super) fn discard(
    memory: &MemoryKernel,
    id: &dyn AsDevId,
    start: Sectors,
    length: Sectors,
) -> Result<(), MemoryError> {
    let done = memory.io(id, start, Io::Discard(length.0));
    let takes_discards = memory.machine.with(|kernel| device_mut(kernel, id).is_none_or(|device| device.discards));
    match done {
        Err(error) if takes_discards && error.errno() == Some(Errno::EOPNOTSUPP.0) => Ok(()),
        done => done,
    }
}
