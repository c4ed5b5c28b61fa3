//! What one test makes, and its removal.

use std::collections::HashMap;
use std::fmt;
use std::path::PathBuf;
use std::process;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use dm_core::{
    Buffer, CreateOptions, DeviceInfo, Dm, DmName, DmNameBuf, LoadOptions, ResumeOptions, TargetLine, WriteParams,
};
use dm_units::{Bytes, DeviceNumber};

use crate::cleanup;
use crate::error::Result;
use crate::fail::{fail, fail_in_drop};
use crate::loop_device::LoopDevice;
use crate::require::{self, Requirement};
use crate::test_name::safe_test_name;
use crate::wait::PATIENCE;

/// A test's own corner of the device mapper: unique names, loop devices, and the removal of all that was made.
///
/// When it is dropped, also by a panic, it removes the test's mapped devices, the youngest first, then its loop devices.
/// The test's devices are those whose names start with [`prefix`](Self::prefix), however they were made, and those it was
/// told to [`track`](Self::track). A device that is open is tried again for up to 10 s, since udev opens every new device
/// for a moment; one that is open and suspended is given a table of errors, so that io which waits for it comes to an end.
///
/// ```no_run
/// use dm_core::TargetLine;
/// use dm_testing::{Pattern, Scratch, require};
/// use dm_units::{Bytes, Sectors};
///
/// # /*
/// #[test]
/// #[ignore = "needs root and device mapper"]
/// # */
/// fn a_linear_device_shows_its_disk() {
///     let Some(scratch) = Scratch::new(&[require::target("linear")]) else { return };
///     let disk = scratch.loop_device(Bytes(1 << 20)).unwrap();
///     let line = TargetLine::new(Sectors(0), Sectors(1024), "linear", format!("{} 8", disk.number()));
///     let device = scratch.map("whole", [line]).unwrap();
///
///     Pattern::new(1).write(&device.path(), Sectors(0), Sectors(1024)).unwrap();
///     Pattern::new(1).moved(Sectors(0), Sectors(8)).verify(disk.path(), Sectors(8), Sectors(1024)).unwrap();
/// }
/// # fn main() { a_linear_device_shows_its_disk() }
/// ```
///
/// # Panics
/// When it is dropped and something can't be removed: a leftover is a failure. The devices are then removed as soon as they
/// are closed.
#[derive(Debug)]
pub struct Scratch {
    dm: Dm,
    prefix: String,
    patience: Duration,
    /// In the order in which they were asked for.
    names: Mutex<Vec<DmNameBuf>>,
    loop_devices: Mutex<Vec<Arc<LoopDevice>>>,
}

/// Tells the scratches of one process from each other.
static SERIAL: AtomicU32 = AtomicU32::new(0);

impl Scratch {
    /// Begins a test that needs a device mapper and what is named here.
    ///
    /// `None` where something is missing: the test must return, and its skip was recorded as [`require`] says.
    ///
    /// # Panics
    /// Something is missing and nobody would learn of the skip; or the control node does not work.
    #[must_use]
    #[track_caller]
    pub fn new(requirements: &[Requirement]) -> Option<Self> {
        if !require::met(&[require::device_mapper()]) || !require::met(requirements) {
            return None;
        }
        let dm = Dm::open().unwrap_or_else(|error| fail(error));
        let serial = SERIAL.fetch_add(1, Ordering::Relaxed);
        let prefix = format!("{}-{}-{serial}-", safe_test_name(), process::id());
        let (names, loop_devices) = Default::default();
        Some(Self { dm, prefix, patience: PATIENCE, names, loop_devices })
    }

    /// How long to wait in the end, while nothing goes, for others to close the test's devices; without this, 10 s.
    pub fn set_patience(&mut self, limit: Duration) {
        self.patience = limit;
    }

    /// The handle on the device mapper that belongs to this test.
    #[must_use]
    pub const fn dm(&self) -> &Dm {
        &self.dm
    }

    /// What the names of all devices of this test start with: the test's name, the process, a number.
    #[must_use]
    pub fn prefix(&self) -> &str {
        &self.prefix
    }

    /// A name of this test's own. The same suffix gives the same name again.
    ///
    /// # Errors
    /// With the suffix it has more than 127 bytes, or there is a NUL or a `/` in it.
    pub fn name(&self, suffix: impl AsRef<[u8]>) -> Result<DmNameBuf> {
        let name = DmNameBuf::new(&[self.prefix.as_bytes(), suffix.as_ref()].concat())?;
        self.track(name.as_borrowed());
        Ok(name)
    }

    /// Has a device removed, too, that does not carry the test's prefix.
    pub fn track(&self, name: DmName<'_>) {
        locked(&self.names).push(name.to_owned());
    }

    /// Makes a file of zeros and a loop device over it, which is detached after all mapped devices are gone.
    ///
    /// # Errors
    /// As [`LoopDevice::sparse`].
    pub fn loop_device(&self, size: Bytes) -> Result<Arc<LoopDevice>> {
        Ok(self.keep(LoopDevice::sparse(size)?))
    }

    /// Keeps a loop device until all mapped devices are gone.
    pub fn keep(&self, device: LoopDevice) -> Arc<LoopDevice> {
        let device = Arc::new(device);
        locked(&self.loop_devices).push(Arc::clone(&device));
        device
    }

    /// Creates a device without a table, under [`name(suffix)`](Self::name).
    ///
    /// # Errors
    /// The suffix can't be part of a name, or the kernel refuses.
    pub fn create(&self, suffix: impl AsRef<[u8]>) -> Result<MappedDevice> {
        self.create_with(suffix, CreateOptions::new())
    }

    /// The same, with a uuid or a chosen minor number.
    ///
    /// # Errors
    /// As [`create`](Self::create).
    pub fn create_with(&self, suffix: impl AsRef<[u8]>, options: CreateOptions<'_>) -> Result<MappedDevice> {
        let name = self.name(suffix)?;
        let info = self.dm.device_create(name.as_borrowed(), options)?;
        Ok(MappedDevice::new(name, &info))
    }

    /// Creates a device under [`name(suffix)`](Self::name) and puts a table in force.
    ///
    /// # Errors
    /// The suffix can't be part of a name, or the kernel refuses, for instance the table.
    pub fn map<'l, P: WriteParams>(
        &self,
        suffix: impl AsRef<[u8]>,
        lines: impl IntoIterator<Item = TargetLine<'l, P>>,
    ) -> Result<MappedDevice> {
        let device = self.create(suffix)?;
        self.swap(&device, lines)?;
        Ok(device)
    }

    /// Puts a table in force in the place of the one there is, under io.
    ///
    /// # Errors
    /// The kernel refuses, for instance the table.
    pub fn swap<'l, P: WriteParams>(
        &self,
        device: &MappedDevice,
        lines: impl IntoIterator<Item = TargetLine<'l, P>>,
    ) -> Result<DeviceInfo> {
        self.dm.table_load(&mut Buffer::new(), device.number, lines, LoadOptions::new())?;
        Ok(self.dm.device_resume(device.number, ResumeOptions::new())?)
    }

    /// The devices of this test that exist, the youngest first as far as that is known.
    fn left(&self) -> dm_core::Result<Vec<DmNameBuf>> {
        let asked_for = locked(&self.names);
        let order: HashMap<&[u8], usize> = asked_for.iter().enumerate().map(|(at, name)| (name.as_ref(), at)).collect();
        let mut left = Vec::new();
        let mut buffer = Buffer::new();
        for device in &self.dm.list_devices(&mut buffer, dm_core::ListOptions::new())? {
            let name = device?.name;
            let place = order.get(name.as_bytes()).copied();
            if place.is_some() || name.as_bytes().starts_with(self.prefix.as_bytes()) {
                left.push((place.unwrap_or(usize::MAX), name.to_owned()));
            }
        }
        left.sort_by(|a, b| b.cmp(a));
        Ok(left.into_iter().map(|(_, name)| name).collect())
    }

    /// Removes everything; says what could not be removed.
    fn clean_up(&self) -> Vec<String> {
        let mut faults = cleanup::remove_devices(&self.dm, self.patience, || self.left());
        while let Some(device) = locked(&self.loop_devices).pop() {
            // One that a thread of the test still holds is detached when that lets it go.
            let detached = Arc::try_unwrap(device).map_or(Ok(()), |device| device.detach_within(self.patience));
            faults.extend(detached.err().map(|error| error.to_string()));
        }
        faults
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let faults = self.clean_up();
        if !faults.is_empty() {
            fail_in_drop(format_args!("{} left something behind:\n{}", self.prefix, faults.join("\n")));
        }
    }
}

/// A test that panicked while it held the lock has left a list that is still right.
fn locked<T>(list: &Mutex<T>) -> MutexGuard<'_, T> {
    list.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A mapped device that a test has made. Its [`Scratch`] removes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MappedDevice {
    name: DmNameBuf,
    number: DeviceNumber,
}

impl MappedDevice {
    fn new(name: DmNameBuf, info: &DeviceInfo) -> Self {
        Self { name, number: info.number() }
    }

    /// The name it was created under.
    #[must_use]
    pub fn name(&self) -> DmName<'_> {
        self.name.as_borrowed()
    }

    /// Its number, as tables name it.
    #[must_use]
    pub const fn number(&self) -> DeviceNumber {
        self.number
    }

    /// The kernel's own node for it, `/dev/dm-0`, which is there, udev or not, as soon as there is a table.
    #[must_use]
    pub fn path(&self) -> PathBuf {
        PathBuf::from(format!("/dev/dm-{}", self.number.minor))
    }
}

/// Prints the name.
impl fmt::Display for MappedDevice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.name.fmt(f)
    }
}
