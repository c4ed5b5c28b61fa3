//! [`Scratch`]: the devices of one test, and their removal.

use std::collections::HashMap;
use std::fmt;
use std::path::PathBuf;
use std::process;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use dm_core::{
    AsDevId, CreateOptions, DevId, DeviceInfo, Dm, DmName, DmNameBuf, Host, NameError, TargetLine, TargetParams, paths,
};
use dm_units::{Bytes, DeviceNumber};

use crate::fail::{fail, fail_in_drop};
use crate::real::cleanup;
use crate::real::error::{Result, in_full};
use crate::real::loop_device::LoopDevice;
use crate::real::require::{self, Requirement};
use crate::real::test_name::safe_test_name;
use crate::real::wait::PATIENCE;

/// Makes unique names and loop devices for one test, and removes the test's devices when it is dropped.
///
/// The drop also works after a panic. It first removes the test's mapped devices, starting with those that use others,
/// and then detaches the test's loop devices:
///
/// - Mapped devices of the test are those whose names start with [`prefix`](Self::prefix), no matter how they were
///   made, and those that were [tracked](Self::track).
/// - Loop devices of the test are those of [`loop_device`](Self::loop_device) and [`keep`](Self::keep).
///
/// If a device cannot be removed, for example because udev has it open for a moment, the drop tries again. It gives up
/// when it has removed no device for 60 seconds. While no device can be removed, it replaces the table of each
/// suspended device with an `error` target, so that waiting I/O completes.
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
///     let line = TargetLine::text(Sectors(0), Sectors(1024), "linear", format!("{} 8", disk.number()));
///     let device = scratch.map("whole", [line]).unwrap();
///
///     Pattern::new(1).write(&device.path(), Sectors(0), Sectors(1024)).unwrap();
///     Pattern::new(1).moved(Sectors(0), Sectors(8)).verify(disk.path(), Sectors(8), Sectors(1024)).unwrap();
/// }
/// # fn main() { a_linear_device_shows_its_disk() }
/// ```
///
/// # Panics
/// The drop panics if something cannot be removed, so that the test fails. If the test has already panicked, the drop
/// only prints what is left. In both cases the kernel is told to remove the mapped devices at their last close.
#[derive(Debug)]
pub struct Scratch {
    host: Host,
    prefix: String,
    patience: Duration,
    /// In the order in which they were requested.
    names: Mutex<Vec<DmNameBuf>>,
    loop_devices: Mutex<Vec<Arc<LoopDevice>>>,
}

/// On a busy machine, an emulated one can need a minute for what udev does in a second.
const UDEV_TIMEOUT: Duration = Duration::from_secs(120);

/// The number of the next scratch of this process.
static SERIAL: AtomicU32 = AtomicU32::new(0);

impl Scratch {
    /// Checks that the kernel has a device mapper and meets the given requirements, and opens a host.
    ///
    /// Returns `None` if a requirement is not met and the skip is recorded in the directory `DM_TESTING_DIR`. The test
    /// must then return. See [`require`].
    ///
    /// # Panics
    /// As [`require::met`]. Also if the control node cannot be opened.
    #[must_use]
    #[track_caller]
    pub fn new(requirements: &[Requirement]) -> Option<Self> {
        if !require::met(&[require::device_mapper()]) || !require::met(requirements) {
            return None;
        }
        let host = Host::open().unwrap_or_else(|error| fail(in_full(&error)));
        let udev = host.udev().clone().timeout(UDEV_TIMEOUT);
        let host = host.with_udev(udev);
        let serial = SERIAL.fetch_add(1, Ordering::Relaxed);
        let prefix = format!("{}-{}-{serial}-", safe_test_name(), process::id());
        let (names, loop_devices) = Default::default();
        Some(Self { host, prefix, patience: PATIENCE, names, loop_devices })
    }

    /// Sets how long the drop keeps trying while it can remove no mapped device, and how long it waits for each loop
    /// device. The default is 60 seconds.
    pub fn set_patience(&mut self, timeout: Duration) {
        self.patience = timeout;
    }

    /// The handle on the control node, for single commands.
    #[must_use]
    pub const fn dm(&self) -> &Dm {
        self.host.dm()
    }

    /// The host, for operations. Each operation waits up to 2 minutes for udev, if udev runs.
    #[must_use]
    pub const fn host(&self) -> &Host {
        &self.host
    }

    /// The prefix of the names that [`name`](Self::name) makes: the test's name, the process id and a number.
    #[must_use]
    pub fn prefix(&self) -> &str {
        &self.prefix
    }

    /// Makes a name that only this scratch uses: its [prefix](Self::prefix) and the suffix.
    ///
    /// # Errors
    /// [`Error::Name`](crate::Error::Name): the name would exceed 127 bytes, or the suffix contains a NUL or a `/`.
    pub fn name(&self, suffix: impl AsRef<[u8]>) -> Result<DmNameBuf> {
        let name = DmNameBuf::new(&[self.prefix.as_bytes(), suffix.as_ref()].concat())?;
        self.track(&name);
        Ok(name)
    }

    /// Makes the drop remove the device with this name as well, if the device exists at that time. Needed only for
    /// names that do not start with the [prefix](Self::prefix).
    pub fn track(&self, name: &DmName) {
        locked(&self.names).push(name.to_owned());
    }

    /// Makes a file of zeros and a loop device over it. The drop of the scratch detaches the device after it has tried
    /// to remove the mapped devices. If another `Arc` of the device exists at that time, the device is detached when
    /// the last `Arc` is dropped.
    ///
    /// # Errors
    /// As [`LoopDevice::sparse`].
    pub fn loop_device(&self, size: Bytes) -> Result<Arc<LoopDevice>> {
        Ok(self.keep(LoopDevice::sparse(size)?))
    }

    /// Adopts a loop device. It is detached like those of [`loop_device`](Self::loop_device).
    pub fn keep(&self, device: LoopDevice) -> Arc<LoopDevice> {
        let device = Arc::new(device);
        locked(&self.loop_devices).push(Arc::clone(&device));
        device
    }

    /// Creates a device without a table, with the name [`name(suffix)`](Self::name).
    ///
    /// # Errors
    /// [`Error::Name`](crate::Error::Name): the suffix cannot be part of a name. [`Error::Dm`](crate::Error::Dm): the kernel
    /// refuses the command.
    pub fn create(&self, suffix: impl AsRef<[u8]>) -> Result<MappedDevice> {
        self.create_with(suffix, CreateOptions::new())
    }

    /// As [`create`](Self::create), with options such as a uuid or a chosen minor number.
    ///
    /// # Errors
    /// As [`create`](Self::create).
    pub fn create_with(&self, suffix: impl AsRef<[u8]>, options: CreateOptions<'_>) -> Result<MappedDevice> {
        let name = self.name(suffix)?;
        let info = self.dm().device_create_with(&name, options)?;
        Ok(MappedDevice::new(name, &info))
    }

    /// Creates a device with the name [`name(suffix)`](Self::name) and makes a table active. The call does not wait for
    /// udev, so open the device by its [path](MappedDevice::path) in `/dev`. To wait for udev, call [`Host::create`]
    /// with the [`name`](Self::name).
    ///
    /// # Errors
    /// Those of [`create`](Self::create) and of [`swap`](Self::swap).
    pub fn map<P: TargetParams>(
        &self,
        suffix: impl AsRef<[u8]>,
        lines: impl IntoIterator<Item = TargetLine<P>>,
    ) -> Result<MappedDevice> {
        let device = self.create(suffix)?;
        self.swap(&device, lines)?;
        Ok(device)
    }

    /// Loads a table and makes it active, also during I/O. If this fails, nothing is undone; [`Host::reload`] undoes
    /// its steps.
    ///
    /// # Errors
    /// [`Error::Dm`](crate::Error::Dm): the kernel refuses a command, for example because of the table.
    pub fn swap<P: TargetParams>(
        &self,
        device: &MappedDevice,
        lines: impl IntoIterator<Item = TargetLine<P>>,
    ) -> Result<DeviceInfo> {
        self.dm().table_load(device, lines)?;
        Ok(self.dm().device_resume(device)?)
    }

    /// The existing devices of this test, the newest first as far as that is known.
    fn left(&self) -> dm_core::Result<Vec<DmNameBuf>> {
        let requested = locked(&self.names);
        let order: HashMap<&[u8], usize> =
            requested.iter().enumerate().map(|(at, name)| (name.as_bytes(), at)).collect();
        let mut left = Vec::new();
        for device in &self.dm().list_devices()? {
            let name = device?.name;
            let place = order.get(name.as_bytes()).copied();
            if place.is_some() || name.as_bytes().starts_with(self.prefix.as_bytes()) {
                left.push((place.unwrap_or(usize::MAX), name.to_owned()));
            }
        }
        left.sort_by(|a, b| b.cmp(a));
        Ok(left.into_iter().map(|(_, name)| name).collect())
    }

    /// Removes everything. Returns descriptions of the objects that could not be removed.
    fn clean_up(&self) -> Vec<String> {
        let mut faults = cleanup::remove_devices(&self.host, self.patience, || self.left());
        while let Some(device) = locked(&self.loop_devices).pop() {
            // A loop device that a thread of the test still uses is detached when the thread drops it.
            let detached = Arc::try_unwrap(device).map_or(Ok(()), |device| device.detach_within(self.patience));
            faults.extend(detached.err().map(|error| in_full(&error)));
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

/// Locks a list, which is consistent even if a test panics while it holds the lock.
fn locked<T>(list: &Mutex<T>) -> MutexGuard<'_, T> {
    list.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A mapped device that a [`Scratch`] has created and will remove.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MappedDevice {
    name: DmNameBuf,
    number: DeviceNumber,
}

impl MappedDevice {
    fn new(name: DmNameBuf, info: &DeviceInfo) -> Self {
        Self { name, number: info.number() }
    }

    /// The name with which the device was created.
    #[must_use]
    pub fn name(&self) -> &DmName {
        &self.name
    }

    /// The device number, for use in tables.
    #[must_use]
    pub const fn number(&self) -> DeviceNumber {
        self.number
    }

    /// The path of the kernel's node, such as `/dev/dm-0`. The node exists once the device has had a table, with or
    /// without udev.
    #[must_use]
    pub fn path(&self) -> PathBuf {
        paths::kernel_path(self.number)
    }
}

/// Identifies the device by its number, which a rename does not change.
impl AsDevId for MappedDevice {
    fn as_dev_id(&self) -> core::result::Result<DevId<'_>, NameError> {
        Ok(DevId::Number(self.number))
    }
}

/// Prints the name.
impl fmt::Display for MappedDevice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.name.fmt(f)
    }
}
