//! [`TestKernel`], for tests that run on both kinds of kernels.

use std::any::Any;
use std::fmt;
use std::io;

use dm_core::{DmNameBuf, Host};
use dm_units::{Bytes, DeviceNumber, Sectors};

use crate::memory::MemoryKernel;

/// A kernel that a test runs on, in memory or real.
///
/// The same test runs within milliseconds on a [`MemoryKernel`], or on a real kernel with a `Scratch`. The `Scratch`
/// removes the test's devices at the end.
///
/// ```
/// use dm_core::TargetLine;
/// use dm_testing::{MemoryKernel, TestKernel};
/// use dm_units::{Bytes, Sectors};
///
/// fn data_written_to_the_device_is_on_the_disk(kernel: &dyn TestKernel) {
///     let (host, name, disk) = (kernel.host(), kernel.name("home"), kernel.disk(Bytes(1 << 20)));
///     let line = TargetLine::text(Sectors(0), Sectors(8), "linear", format!("{disk} 16"));
///     let home = host.create(&name, [line]).unwrap().number();
///
///     kernel.write(home, Sectors(1), &[7; 512]).unwrap();
///     let mut data = [0; 512];
///     kernel.read(disk, Sectors(17), &mut data).unwrap();
///     assert_eq!(data, [7; 512]);
/// }
///
/// // #[test]
/// fn in_memory() {
///     data_written_to_the_device_is_on_the_disk(&MemoryKernel::new());
/// }
///
/// // #[test]
/// // #[ignore = "needs root and device mapper"]
/// # #[cfg(feature = "real")]
/// fn on_a_real_kernel() {
///     use dm_testing::{Scratch, require};
///     let Some(scratch) = Scratch::new(&[require::target("linear")]) else { return };
///     data_written_to_the_device_is_on_the_disk(&scratch);
/// }
/// # in_memory();
/// ```
pub trait TestKernel: fmt::Debug + Sync {
    /// Returns the host that creates, changes and removes devices of this kernel. For single commands, use its
    /// [`dm`](Host::dm).
    fn host(&self) -> Host;

    /// The prefix of the names that [`name`](Self::name) makes.
    fn prefix(&self) -> &str;

    /// Makes a name for a mapped device: the [prefix](Self::prefix) and the suffix.
    ///
    /// # Panics
    /// If the name would be too long, or would contain a NUL or a `/`.
    fn name(&self, suffix: &str) -> DmNameBuf;

    /// Makes a disk filled with zeros and returns its device number. The size is rounded down to whole sectors.
    ///
    /// # Panics
    /// If the disk cannot be created.
    fn disk(&self, size: Bytes) -> DeviceNumber;

    /// Reads from a disk or a mapped device, bypassing the page cache. `start` and the length of `data` must be
    /// multiples of the logical block size. While the device is suspended, the call blocks and keeps the device open.
    ///
    /// # Errors
    /// On a real kernel: the error of opening the device or of the I/O. In memory: `Other`, which contains a
    /// [`MemoryError`](crate::memory::MemoryError).
    fn read(&self, device: DeviceNumber, start: Sectors, data: &mut [u8]) -> io::Result<()>;

    /// Writes to a disk or a mapped device, and flushes the device. The rules for alignment and blocking are those of
    /// [`read`](Self::read).
    ///
    /// # Errors
    /// As [`read`](Self::read).
    fn write(&self, device: DeviceNumber, start: Sectors, data: &[u8]) -> io::Result<()>;

    /// Discards sectors. Afterwards, the sectors of a disk read as zeros, but those of a mapped device have undefined
    /// content. The rules for alignment are those of [`read`](Self::read). While the device is suspended, the call
    /// blocks on a real kernel and fails in memory.
    ///
    /// # Errors
    /// `Other`, for example because the device does not support discards. On a real kernel the error contains a
    /// [`BlockError`](dm_core::block::BlockError), in memory a [`MemoryError`](crate::memory::MemoryError).
    fn discard(&self, device: DeviceNumber, start: Sectors, length: Sectors) -> io::Result<()>;

    /// Opens a mapped device. The device stays open until the result is dropped.
    ///
    /// # Errors
    /// `NotFound`: the device does not exist, or never had a table.
    fn open(&self, device: DeviceNumber) -> io::Result<Box<dyn Any>>;
}

/// The whole kernel belongs to the test.
impl TestKernel for MemoryKernel {
    fn host(&self) -> Host {
        Self::host(self)
    }

    fn prefix(&self) -> &'static str {
        "test-"
    }

    fn name(&self, suffix: &str) -> DmNameBuf {
        name(TestKernel::prefix(self), suffix)
    }

    fn disk(&self, size: Bytes) -> DeviceNumber {
        Self::disk(self, size).number()
    }

    fn read(&self, device: DeviceNumber, start: Sectors, data: &mut [u8]) -> io::Result<()> {
        let _opened = Self::open(self, device);
        self.read_waiting(device, start, data).map_err(io::Error::other)
    }

    fn write(&self, device: DeviceNumber, start: Sectors, data: &[u8]) -> io::Result<()> {
        let _opened = Self::open(self, device);
        let written = self.write_waiting(device, start, data).and_then(|()| self.flush_waiting(device));
        written.map_err(io::Error::other)
    }

    fn discard(&self, device: DeviceNumber, start: Sectors, length: Sectors) -> io::Result<()> {
        let _opened = Self::open(self, device);
        Self::discard(self, device, start, length).map_err(io::Error::other)
    }

    fn open(&self, device: DeviceNumber) -> io::Result<Box<dyn Any>> {
        let opened = Self::open(self, device).ok_or(io::ErrorKind::NotFound)?;
        Ok(Box::new(opened))
    }
}

/// Makes a name, or fails the test.
pub(crate) fn name(prefix: &str, suffix: &str) -> DmNameBuf {
    let text = format!("{prefix}{suffix}");
    DmNameBuf::new(&text).unwrap_or_else(|error| crate::fail::fail(error))
}
