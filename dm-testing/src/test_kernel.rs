//! One test for two kernels.

use std::any::Any;
use std::fmt;
use std::io;

use dm_core::{DmNameBuf, Host};
use dm_units::{Bytes, DeviceNumber, Sectors};

use crate::memory::MemoryKernel;

/// A kernel that a test runs on: one in memory, or a real one.
///
/// A test that takes one can run in both worlds: in milliseconds on a [`MemoryKernel`], and on a real kernel through a
/// `Scratch`, which removes all that the test has made.
///
/// ```
/// use dm_core::TargetLine;
/// use dm_testing::{MemoryKernel, TestKernel};
/// use dm_units::{Bytes, Sectors};
///
/// fn what_is_written_is_on_the_disk(kernel: &dyn TestKernel) {
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
///     what_is_written_is_on_the_disk(&MemoryKernel::new());
/// }
///
/// // #[test]
/// // #[ignore = "needs root and device mapper"]
/// # #[cfg(feature = "real")]
/// fn on_a_real_kernel() {
///     use dm_testing::{Scratch, require};
///     let Some(scratch) = Scratch::new(&[require::target("linear")]) else { return };
///     what_is_written_is_on_the_disk(&scratch);
/// }
/// # in_memory();
/// ```
pub trait TestKernel: fmt::Debug + Sync {
    /// A host for operations; its [`dm`](Host::dm) is for single commands.
    fn host(&self) -> Host;

    /// What the names of all devices of this test start with.
    fn prefix(&self) -> &str;

    /// A name of a device, which starts with the prefix.
    ///
    /// # Panics
    /// The suffix can't be a part of a name.
    fn name(&self, suffix: &str) -> DmNameBuf;

    /// A new disk of zeros.
    ///
    /// # Panics
    /// There can't be another disk.
    fn disk(&self, size: Bytes) -> DeviceNumber;

    /// Reads whole sectors of a disk or a mapped device, from the device and not from a cache. Waits while the device is
    /// suspended, and holds it open meanwhile.
    ///
    /// # Errors
    /// The device fails.
    fn read(&self, device: DeviceNumber, start: Sectors, data: &mut [u8]) -> io::Result<()>;

    /// Writes whole sectors of a disk or a mapped device, and flushes them. Waits as [`read`](Self::read) does.
    ///
    /// # Errors
    /// As [`read`](Self::read).
    fn write(&self, device: DeviceNumber, start: Sectors, data: &[u8]) -> io::Result<()>;

    /// Opens a mapped device, as any program can. It is open until the answer is dropped.
    ///
    /// # Errors
    /// It does not exist.
    fn open(&self, device: DeviceNumber) -> io::Result<Box<dyn Any>>;
}

/// Whatever is on the kernel belongs to the test.
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

    fn open(&self, device: DeviceNumber) -> io::Result<Box<dyn Any>> {
        let opened = Self::open(self, device).ok_or(io::ErrorKind::NotFound)?;
        Ok(Box::new(opened))
    }
}

/// A name, or the end of the test.
pub(crate) fn name(prefix: &str, suffix: &str) -> DmNameBuf {
    let text = format!("{prefix}{suffix}");
    DmNameBuf::new(&text).unwrap_or_else(|error| crate::fail::fail(error))
}
