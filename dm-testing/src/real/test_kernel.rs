//! Implements [`TestKernel`] for real kernels.

use std::any::Any;
use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::FileExt as _;
use std::path::PathBuf;

use dm_core::block::{BlockDevice, BlockOpenOptions};
use dm_core::{DmNameBuf, Host, paths};
use dm_units::{Bytes, DeviceNumber, Sectors};

use super::error::in_full;
use super::pattern::{byte, open, with_aligned};
use super::scratch::Scratch;
use crate::fail::fail;
use crate::test_kernel::TestKernel;

/// The major number of loop devices, `LOOP_MAJOR` in include/uapi/linux/major.h.
const LOOP_MAJOR: u32 = 7;

/// Uses the names and loop devices of the scratch.
impl TestKernel for Scratch {
    fn host(&self) -> Host {
        Self::host(self).clone()
    }

    fn prefix(&self) -> &str {
        Self::prefix(self)
    }

    fn name(&self, suffix: &str) -> DmNameBuf {
        Self::name(self, suffix).unwrap_or_else(|error| fail(in_full(&error)))
    }

    fn disk(&self, size: Bytes) -> DeviceNumber {
        self.loop_device(size).unwrap_or_else(|error| fail(in_full(&error))).number()
    }

    fn read(&self, device: DeviceNumber, start: Sectors, data: &mut [u8]) -> io::Result<()> {
        let (file, _) = open(&path(device), OpenOptions::new().read(true))?;
        let at = byte(start)?;
        with_aligned(data.len(), |memory| {
            file.read_exact_at(memory, at)?;
            data.copy_from_slice(memory);
            Ok(())
        })
    }

    fn write(&self, device: DeviceNumber, start: Sectors, data: &[u8]) -> io::Result<()> {
        let (file, _) = open(&path(device), OpenOptions::new().write(true))?;
        let at = byte(start)?;
        with_aligned(data.len(), |memory| {
            memory.copy_from_slice(data);
            file.write_all_at(memory, at)
        })?;
        file.sync_data()
    }

    fn discard(&self, device: DeviceNumber, start: Sectors, length: Sectors) -> io::Result<()> {
        let options = BlockOpenOptions::new().writable(true);
        let device = BlockDevice::open_with(path(device), options).map_err(io::Error::other)?;
        device.discard(start, length).map_err(io::Error::other)
    }

    fn open(&self, device: DeviceNumber) -> io::Result<Box<dyn Any>> {
        Ok(Box::new(File::open(path(device))?))
    }
}

/// The path of the kernel's node of a loop device or a mapped device.
fn path(device: DeviceNumber) -> PathBuf {
    if device.major == LOOP_MAJOR {
        return PathBuf::from(format!("/dev/loop{}", device.minor));
    }
    paths::kernel_path(device)
}
