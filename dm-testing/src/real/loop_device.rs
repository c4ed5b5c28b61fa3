//! [`LoopDevice`]: a file as a disk.

use std::fs::{self, File};
use std::io;
use std::os::fd::AsRawFd as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread;
use std::time::Duration;

use dm_units::{Bytes, DeviceNumber, Sectors};
use loopdev::LoopControl;
use nix::errno::Errno;
use tempfile::TempPath;

use crate::fail::fail_in_drop;
use crate::real::error::{Error, Result, in_full};
use crate::real::test_name::safe_test_name;
use crate::real::wait::{PATIENCE, wait_until};

/// Options for attaching a file with [`LoopDevice::over`].
#[derive(Clone, Copy, Debug, Default)]
pub struct LoopOptions {
    offset: Bytes,
    size_limit: Bytes,
    read_only: bool,
    sector_size: Option<u32>,
}

impl LoopOptions {
    /// The defaults: the whole file, for reading and writing, with logical blocks of 512 bytes.
    #[must_use]
    pub const fn new() -> Self {
        Self { offset: Bytes(0), size_limit: Bytes(0), read_only: false, sector_size: None }
    }

    /// Sets the offset in the file at which the device starts.
    #[must_use]
    pub const fn offset(self, offset: Bytes) -> Self {
        Self { offset, ..self }
    }

    /// Limits the size of the device; 0 means no limit.
    #[must_use]
    pub const fn size_limit(self, size_limit: Bytes) -> Self {
        Self { size_limit, ..self }
    }

    /// Makes the device read-only.
    #[must_use]
    pub const fn read_only(self, read_only: bool) -> Self {
        Self { read_only, ..self }
    }

    /// Sets the logical block size in bytes: a power of two from 512 to the page size. Newer kernels may accept larger
    /// sizes. This option needs the program `losetup`.
    #[must_use]
    pub const fn sector_size(self, bytes: u32) -> Self {
        Self { sector_size: Some(bytes), ..self }
    }
}

/// A loop device over a file. The device is detached when the `LoopDevice` is dropped, also after a panic.
///
/// Before that, remove the devices that use it. A [`Scratch`](crate::Scratch) does so for its loop devices.
///
/// ```no_run
/// use dm_testing::LoopDevice;
/// use dm_units::Bytes;
///
/// let disk = LoopDevice::sparse(Bytes(64 << 20))?;
/// println!("{} is {}", disk.path().display(), disk.number());
/// disk.detach()?;
/// # Ok::<(), dm_testing::Error>(())
/// ```
///
/// # Panics
/// The drop panics if another process has detached the device, or if the device is still in use after 60 seconds. If
/// the test has already panicked, the drop only prints the reason.
#[derive(Debug)]
pub struct LoopDevice {
    /// `None` once it is being detached, since another process may use it from then on.
    attached: Option<loopdev::LoopDevice>,
    path: PathBuf,
    number: DeviceNumber,
    size: Sectors,
    backing_file: PathBuf,
    /// Removes the file on drop, if this created it.
    made: Option<TempPath>,
}

impl LoopDevice {
    /// Makes a sparse file of zeros in [`temp_dir`](std::env::temp_dir) and attaches it. The size of the device is
    /// rounded down to whole sectors. The file is removed when the `LoopDevice` is dropped, but [`leave`](Self::leave)
    /// keeps it.
    ///
    /// # Errors
    /// [`Error::Io`]: the file cannot be created, the process lacks the permission to attach it, or no loop device
    /// becomes free. [`Error::TooLarge`]: the size is 2^64 bytes or more.
    pub fn sparse(size: Bytes) -> Result<Self> {
        let folder = std::env::temp_dir();
        let made = tempfile::Builder::new().prefix(&format!("{}-", safe_test_name())).tempfile_in(&folder);
        let (file, path) = made.map_err(Error::io("make a file in", &folder))?.into_parts();
        file.set_len(narrow(size)?).map_err(Error::io("set the size of", &path))?;
        let mut device = Self::attach(&file, path.to_path_buf(), LoopOptions::new())?;
        device.made = Some(path);
        Ok(device)
    }

    /// Attaches a file to a free loop device.
    ///
    /// # Errors
    /// [`Error::Io`]: the file cannot be opened, the process lacks the permission to attach it, no loop device becomes
    /// free, the sector size is invalid, or a sector size is set and the program `losetup` is missing.
    /// [`Error::TooLarge`]: the offset or the size limit is 2^64 bytes or more.
    pub fn over(file: &Path, options: LoopOptions) -> Result<Self> {
        let path = file.canonicalize().map_err(Error::io("find", file))?;
        let opened = File::options().read(true).write(!options.read_only).open(file);
        Self::attach(&opened.map_err(Error::io("open", file))?, path, options)
    }

    fn attach(file: &File, backing_file: PathBuf, options: LoopOptions) -> Result<Self> {
        let (device, path, number) = attach_to_free(file, options)?;
        let mut attached = Self { attached: Some(device), path, number, size: Sectors(0), backing_file, made: None };
        if let Some(bytes) = options.sector_size {
            set_sector_size(&attached.path, bytes).map_err(Error::io("set the sector size of", &attached.path))?;
        }
        attached.size = attached.read_size()?;
        Ok(attached)
    }

    /// A device that is attached and open.
    pub(super) fn taken_over(
        device: loopdev::LoopDevice,
        path: PathBuf,
        number: DeviceNumber,
        backing_file: PathBuf,
    ) -> Result<Self> {
        let mut taken = Self { attached: None, path, number, size: Sectors(0), backing_file, made: None };
        taken.size = taken.read_size()?;
        taken.attached = Some(device);
        Ok(taken)
    }

    /// Adapts the size of the device to that of its file, for example after the file has grown, and returns the new
    /// size of the device (`LOOP_SET_CAPACITY`). The offset and the size limit still apply.
    ///
    /// A mapped device that uses the loop device can use the new space once a new table is loaded and active.
    ///
    /// # Errors
    /// [`Error::Io`]: another process has detached the device.
    pub fn follow_file(&mut self) -> Result<Sectors> {
        if let Some(device) = &self.attached {
            device.set_capacity().map_err(Error::io("set the capacity of", &self.path))?;
        }
        self.size = self.read_size()?;
        Ok(self.size)
    }

    /// Leaves the device attached, so that another run can [find](Self::find) it. A file made by
    /// [`sparse`](Self::sparse) is kept. If the device has [`autoclear`](crate::AttachedLoop::autoclear), the kernel
    /// still detaches it at its last close.
    pub fn leave(mut self) {
        self.attached = None;
        if let Some(file) = self.made.take() {
            // Keeping a file cannot fail on Unix.
            let _ = file.keep();
        }
    }

    /// The path of the device's node, such as `/dev/loop0`.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The device number, for use in tables.
    #[must_use]
    pub const fn number(&self) -> DeviceNumber {
        self.number
    }

    /// The size in sectors when the file was attached, or at the last [`follow_file`](Self::follow_file).
    #[must_use]
    pub const fn size(&self) -> Sectors {
        self.size
    }

    /// The path of the attached file.
    #[must_use]
    pub fn backing_file(&self) -> &Path {
        &self.backing_file
    }

    /// Detaches the device and waits up to 60 seconds until the kernel has released the file. The kernel keeps the file
    /// while another program, such as udev, has the device open.
    ///
    /// # Errors
    /// [`Error::Io`]: another process has detached the device. [`Error::TimedOut`]: the device is still in use. The
    /// kernel will detach it at its last close.
    pub fn detach(self) -> Result<()> {
        self.detach_within(PATIENCE)
    }

    /// Detaches the device and waits up to `timeout` until the kernel has released the file.
    ///
    /// # Errors
    /// As [`detach`](Self::detach).
    pub fn detach_within(mut self, timeout: Duration) -> Result<()> {
        self.release(timeout)
    }

    fn release(&mut self, timeout: Duration) -> Result<()> {
        let Some(device) = self.attached.take() else { return Ok(()) };
        device.detach().map_err(Error::io("detach", &self.path))?;
        // The kernel detaches it at the last close.
        drop(device);
        let (path, file) = (self.path.display(), self.backing_file.display());
        wait_until(format_args!("{path} to release {file}"), timeout, || !self.holds_file())
    }

    fn holds_file(&self) -> bool {
        let shown = fs::read(self.attribute("loop/backing_file")).unwrap_or_default();
        let name = self.backing_file.as_os_str().as_encoded_bytes();
        // The kernel appends a word to the name of a removed file.
        shown.strip_prefix(name).is_some_and(|rest| matches!(rest, b"\n" | b" (deleted)\n"))
    }

    fn read_size(&self) -> Result<Sectors> {
        let path = self.attribute("size");
        let text = fs::read_to_string(&path).map_err(Error::io("read", &path))?;
        let size = text.trim().parse().map_err(io::Error::other);
        Ok(Sectors(size.map_err(Error::io("read", &path))?))
    }

    fn attribute(&self, name: &str) -> PathBuf {
        PathBuf::from(format!("/sys/dev/block/{}/{name}", self.number))
    }
}

impl Drop for LoopDevice {
    fn drop(&mut self) {
        if let Err(error) = self.release(PATIENCE) {
            fail_in_drop(in_full(&error));
        }
    }
}

const CONTROL: &str = "/dev/loop-control";

/// The number of retries when another process takes the device first.
const TRIES: u32 = 1000;

/// Attaches a file to a free device.
///
/// Another process may attach a free device first. The kernel then refuses, and this tries another device.
fn attach_to_free(file: &File, options: LoopOptions) -> Result<(loopdev::LoopDevice, PathBuf, DeviceNumber)> {
    let control = LoopControl::open().map_err(Error::io("open", Path::new(CONTROL)))?;
    let (offset, size_limit) = (narrow(options.offset)?, narrow(options.size_limit)?);
    let attach = |device: loopdev::LoopDevice| {
        // Done before attaching, since later failures would have to detach it.
        let path = device.path().ok_or(io::ErrorKind::NotFound)?;
        let number = DeviceNumber::new(device.major()?, device.minor()?);
        let with = device.with().offset(offset).size_limit(size_limit).read_only(options.read_only);
        with.attach_fd(file.as_raw_fd())?;
        Ok((device, path, number))
    };
    let mut tries: u32 = 0;
    loop {
        match control.next_free().and_then(attach) {
            Err(error) if is_taken(&error) && tries < TRIES => {
                tries = tries.saturating_add(1);
                thread::sleep(Duration::from_millis(1));
            }
            result => return result.map_err(Error::io("attach a file by", Path::new(CONTROL))),
        }
    }
}

/// Whether the error means that the device is no longer free.
fn is_taken(error: &io::Error) -> bool {
    let errno = error.raw_os_error().map(Errno::from_raw);
    matches!(errno, Some(Errno::EBUSY | Errno::ENXIO | Errno::ENODEV | Errno::ENOENT))
}

/// Uses `losetup`, since the crate `loopdev` lacks this.
fn set_sector_size(path: &Path, bytes: u32) -> io::Result<()> {
    let output = Command::new("losetup").arg("--sector-size").arg(bytes.to_string()).arg(path).output();
    let output = output.map_err(|error| io::Error::new(error.kind(), format!("cannot run losetup: {error}")))?;
    if output.status.success() {
        return Ok(());
    }
    Err(io::Error::other(String::from_utf8_lossy(&output.stderr).trim_end()))
}

fn narrow(size: Bytes) -> Result<u64> {
    u64::try_from(size.0).map_err(|_| Error::TooLarge { what: "a file", size: format!("{size:#}") })
}
