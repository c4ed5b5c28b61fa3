//! [`MappedDev`], a whole device with any target.

use alloc::borrow::ToOwned;
use alloc::vec::Vec;
use core::marker::PhantomData;
use std::path::PathBuf;

use dm_core::plan::{Numbers, WantedDevice};
use dm_core::udev::Visibility;
use dm_core::{
    AsDevId, AsDmName, DevId, DevIdBuf, DeviceInfo, DmName, DmNameBuf, DmUuid, DmUuidBuf, Host, NameError,
    ReloadOptions, Removal, RemovePolicy, RenameOptions, ResumeOptions, SetupOptions, SuspendPolicy, UdevCookie,
};
use dm_units::DeviceNumber;

use super::DevError;
use super::line::{lines, wanted_lines};
use crate::errors::table_error::TableError;
use crate::table::{Table, TableLine};
use crate::target::kind::LineKind;

/// A mapped device whose table lines all have the target `K`, or any targets if `K` is [`Any`](crate::Any).
///
/// The handle stores only the name and uuid: each call reads the table, the status or the number from the kernel.
/// Dropping the handle does not change the device.
///
/// Calls find the device by its uuid, even after a rename, or by its name if it has no uuid. If another process or
/// handle renames or removes a device without a uuid, calls no longer find it. If a new device then gets this name,
/// calls use the new device.
///
/// Commands of [`Dm`](dm_core::Dm) and operations of [`Host`] accept the handle instead of a name, since it implements
/// [`AsDevId`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MappedDev<K: LineKind> {
    name: DmNameBuf,
    uuid: Option<DmUuidBuf>,
    kind: PhantomData<K>,
}

impl<K: LineKind> AsDevId for MappedDev<K> {
    fn as_dev_id(&self) -> Result<DevId<'_>, NameError> {
        Ok(self.id())
    }
}

impl<K: LineKind> MappedDev<K> {
    /// Creates the device, makes its table active and waits for udev.
    ///
    /// When a step fails, or udev does not finish, the device is removed again. [`Host::create`] lists the exceptions.
    ///
    /// # Errors
    ///
    /// As [`Host::create`]: [`is_already_exists`](DevError::is_already_exists) if the name is taken,
    /// [`is_invalid`](DevError::is_invalid) if the kernel refuses the table.
    pub fn create(host: &Host, name: impl AsDmName, table: &Table<K>) -> Result<Self, DevError> {
        Self::create_with(host, name, table, SetupOptions::new())
    }

    /// Creates the device with options, such as a uuid.
    ///
    /// # Errors
    ///
    /// As [`create`](Self::create).
    pub fn create_with(
        host: &Host,
        name: impl AsDmName,
        table: &Table<K>,
        options: SetupOptions<'_>,
    ) -> Result<Self, DevError> {
        Self::of(&host.create_with(name, lines(table), options.default_visibility(visibility::<K>()))?)
    }

    /// Makes sure that a device with this name and table exists: takes over the existing one, or creates it.
    ///
    /// Use it when a program starts again and its devices may already exist. An existing device must have the requested
    /// table. Write that table as the kernel prints it: for example, with device numbers instead of paths, and with the
    /// name of a cache's policy instead of `default`.
    ///
    /// The call resumes an existing device that is suspended, removes the table in its inactive slot, and cancels a
    /// deferred removal. If the device has no active table, for example because an earlier run was stopped, the call
    /// loads the requested table and makes it active.
    ///
    /// With [`TakeOver::SameLayout`](dm_core::TakeOver::SameLayout) or [`TakeOver::Update`](dm_core::TakeOver::Update)
    /// in the options of [`setup_with`](Self::setup_with), fields that do not affect the layout of the data can differ.
    ///
    /// # Errors
    ///
    /// As [`Host::setup`]: [`is_already_exists`](DevError::is_already_exists) if the existing device differs from the
    /// requested one.
    pub fn setup(host: &Host, name: impl AsDmName, table: &Table<K>) -> Result<Self, DevError> {
        Self::setup_with(host, name, table, SetupOptions::new())
    }

    /// Makes sure that a device with this name and table exists, with options such as a uuid.
    ///
    /// # Errors
    ///
    /// As [`setup`](Self::setup).
    pub fn setup_with(
        host: &Host,
        name: impl AsDmName,
        table: &Table<K>,
        options: SetupOptions<'_>,
    ) -> Result<Self, DevError> {
        Self::of(&host.setup_with(name, lines(table), options.default_visibility(visibility::<K>()))?)
    }

    /// Describes a device for a [plan](dm_core::plan). A plan creates, changes and removes a set of devices that use
    /// each other.
    ///
    /// `table` makes the device's table from the numbers of the devices that it uses. It returns `None` if one of these
    /// numbers is missing, and can be called several times.
    ///
    /// ```
    /// use dm_core::plan::Wanted;
    /// use dm_core::{DmName, Host};
    /// use dm_targets::devices::LinearDev;
    /// use dm_targets::linear::LinearTable;
    /// use dm_targets::{Table, TableLine};
    /// use dm_units::{DeviceNumber, Sectors};
    ///
    /// let (disk, home) = (DmName::new("disk")?, DmName::new("home")?);
    /// let table = |device| Table::new([TableLine::new(Sectors(0), Sectors(8), LinearTable::new(device, Sectors(0)))]).ok();
    /// let wanted = Wanted::new()
    ///     .device(LinearDev::wanted(disk, |_| table(DeviceNumber::new(8, 1))))
    ///     .device(LinearDev::wanted(home, |numbers| table(numbers.get(disk)?)).uses([disk]));
    /// # let _ = || {
    /// let host = Host::open()?;
    /// # Ok::<_, dm_core::OpenError>(host) };
    /// # let memory = dm_testing::MemoryKernel::new();
    /// # memory.disk_at(dm_units::DeviceNumber::new(8, 1), dm_units::Bytes(1 << 21));
    /// # let host = memory.host();
    /// host.carry_out(&host.plan(wanted)?)?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn wanted<'a>(
        name: &DmName,
        table: impl Fn(&Numbers) -> Option<Table<K>> + Send + Sync + 'a,
    ) -> WantedDevice<'a>
    where
        K: 'a,
    {
        WantedDevice::new(name, move |numbers| table(numbers).map(wanted_lines)).visibility(visibility::<K>())
    }

    /// Looks up the device with this name, uuid or number, and checks its target type. A thin device whose pool has
    /// failed is accepted, so that it can be removed.
    ///
    /// # Errors
    ///
    /// [`is_not_found`](DevError::is_not_found): the device does not exist. [`DevError::NoTable`]: it has no active
    /// table. [`DevError::Table`]: it has another target type, or its table cannot be parsed.
    pub fn open(host: &Host, id: impl AsDevId) -> Result<Self, DevError> {
        let device = Self::of(&host.info(id)?)?;
        device.lines(host)?;
        Ok(device)
    }

    /// Makes a handle from the device in a reply of the kernel.
    fn of(info: &DeviceInfo) -> Result<Self, DevError> {
        // Every reply except that to a rename has a name.
        let name = info.name().ok_or(DevError::NoTable(dm_core::DevIdBuf::Number(info.number())))?;
        Ok(Self { name: name.to_owned(), uuid: info.uuid().map(DmUuid::to_owned), kind: PhantomData })
    }

    /// The name of the device when this handle was made, or since the last [`rename`](Self::rename) with it.
    #[must_use]
    pub fn name(&self) -> &DmName {
        &self.name
    }

    /// The uuid of the device, if it had one when this handle was made.
    #[must_use]
    pub fn uuid(&self) -> Option<&DmUuid> {
        self.uuid.as_deref()
    }

    /// The identifier by which calls find the device: its uuid, or its name if it has no uuid.
    #[must_use]
    pub fn id(&self) -> DevId<'_> {
        self.uuid().map_or(DevId::Name(&self.name), DevId::Uuid)
    }

    /// Reads the state of the device, including its number and current name.
    ///
    /// # Errors
    ///
    /// [`is_not_found`](DevError::is_not_found): the device does not exist.
    pub fn info(&self, host: &Host) -> Result<DeviceInfo, DevError> {
        Ok(host.dm().device_info(self.id())?)
    }

    /// Looks up the number of the device, for use in tables of other devices.
    ///
    /// # Errors
    ///
    /// [`is_not_found`](DevError::is_not_found): the device does not exist.
    pub fn number(&self, host: &Host) -> Result<DeviceNumber, DevError> {
        Ok(self.info(host)?.number())
    }

    /// Looks up a path of the device below `/dev/mapper`, or else `/dev/dm-N`, as [`Host::path`] does.
    ///
    /// # Errors
    ///
    /// [`is_not_found`](DevError::is_not_found): the device does not exist, or no path leads to it.
    pub fn path(&self, host: &Host) -> Result<PathBuf, DevError> {
        Ok(host.path(self.id())?)
    }

    /// Replaces the active table while the device is in use: loads the new table, suspends the device, and resumes it.
    ///
    /// When a step fails, the old table is active again, unless the error says otherwise
    /// ([`OpError::state`](dm_core::OpError::state)). If udev does not finish or the read-ahead cannot be set, the new
    /// table stays active ([`OpError::is_done`](dm_core::OpError::is_done)).
    ///
    /// # Errors
    ///
    /// As [`Host::reload`].
    pub fn set_table(&self, host: &Host, table: &Table<K>) -> Result<(), DevError> {
        self.set_table_with(host, table, ReloadOptions::new())
    }

    /// Replaces the active table while the device is in use, with options such as those of the suspension.
    ///
    /// # Errors
    ///
    /// As [`set_table`](Self::set_table).
    pub fn set_table_with(&self, host: &Host, table: &Table<K>, options: ReloadOptions) -> Result<(), DevError> {
        host.reload_with(self.id(), lines(table), options.default_visibility(visibility::<K>()))?;
        Ok(())
    }

    /// Modifies the active table: reads it, applies `change` to its lines, and makes the result active. If another call
    /// changes the table in between, that change is lost, even with [`Host::with_lock_dir`].
    ///
    /// With `|_| ()`, the same table is loaded again. This makes targets such as pools and caches read the length of
    /// their devices again. Requests that the kernel has carried out, such as `rebuild` of a RAID, are not repeated.
    ///
    /// A few targets print a field in a form that they do not accept. The docs of their tables name such fields: set
    /// them in `change`.
    ///
    /// # Errors
    ///
    /// [`DevError::Table`]: the kernel would refuse the changed table. [`DevError::KeyWiped`]: the key in the table was
    /// wiped. Nothing was changed in these two cases. Otherwise as [`table`](Self::table) and
    /// [`set_table`](Self::set_table).
    pub fn change(&self, host: &Host, change: impl FnOnce(&mut Vec<TableLine<K>>)) -> Result<(), DevError> {
        self.change_with(host, ReloadOptions::new(), change)
    }

    /// Modifies the active table, with options such as those of the suspension.
    ///
    /// # Errors
    ///
    /// As [`change`](Self::change).
    pub fn change_with(
        &self,
        host: &Host,
        options: ReloadOptions,
        change: impl FnOnce(&mut Vec<TableLine<K>>),
    ) -> Result<(), DevError> {
        let mut lines = self.lines_to_change(host)?;
        change(&mut lines);
        let table = Table::new(lines).map_err(|error| self.no_table(error))?;
        self.set_table_with(host, &table, options)
    }

    /// Suspends the device: new I/O waits until [`resume`](Self::resume). Returns when pending I/O has completed.
    ///
    /// # Errors
    ///
    /// As [`Host::suspend_with`].
    pub fn suspend(&self, host: &Host) -> Result<(), DevError> {
        self.suspend_with(host, SuspendPolicy::new())
    }

    /// Suspends the device with a policy, for example without a flush or with a timeout.
    ///
    /// # Errors
    ///
    /// As [`Host::suspend_with`].
    pub fn suspend_with(&self, host: &Host, policy: SuspendPolicy) -> Result<(), DevError> {
        host.suspend_with(self.id(), policy)?;
        Ok(())
    }

    /// Makes the table in the inactive slot active, if there is one, and lets I/O continue.
    ///
    /// # Errors
    ///
    /// As [`Host::resume`].
    pub fn resume(&self, host: &Host) -> Result<(), DevError> {
        host.resume_with(self.id(), ResumeOptions::new().cookie(flags::<K>()))?;
        Ok(())
    }

    /// Changes the name of the device.
    ///
    /// # Errors
    ///
    /// As [`Host::rename`]: [`is_already_exists`](DevError::is_already_exists) if the name is taken.
    pub fn rename(&mut self, host: &Host, new: impl AsDmName) -> Result<(), DevError> {
        let renamed = host.rename_with(self.id(), &new, RenameOptions::new().cookie(flags::<K>()));
        let is_renamed = renamed.as_ref().map_or_else(dm_core::OpError::is_done, |_| true);
        if let Some(name) = host.kernel_name(&new).ok().filter(|_| is_renamed) {
            self.name = name.into_owned();
        }
        renamed?;
        Ok(())
    }

    /// Removes the device. Data on the devices that it uses is not erased.
    ///
    /// # Errors
    ///
    /// [`is_busy`](DevError::is_busy): the device is in use. [`is_not_found`](DevError::is_not_found): it does not
    /// exist.
    pub fn remove(&self, host: &Host) -> Result<(), DevError> {
        self.remove_with(host, RemovePolicy::new()).map(drop)
    }

    /// Removes the device with a policy: the removal can be retried while the device is in use, deferred until it is
    /// closed, or forced.
    ///
    /// # Errors
    ///
    /// As [`remove`](Self::remove). With a [`retry`](RemovePolicy::retry), the error of a busy device lists its users.
    pub fn remove_with(&self, host: &Host, policy: RemovePolicy) -> Result<Removal, DevError> {
        Ok(host.remove_with(self.id(), policy)?)
    }

    /// The identifier, for errors.
    pub(super) fn to_id(&self) -> DevIdBuf {
        self.id().to_owned()
    }

    /// A handle of the device for another target type, to replace its table or after that.
    pub(super) fn retyped<Other: LineKind>(&self) -> MappedDev<Other> {
        MappedDev { name: self.name.clone(), uuid: self.uuid.clone(), kind: PhantomData }
    }

    pub(super) fn no_table(&self, source: TableError) -> DevError {
        DevError::Table { device: self.id().to_owned(), source }
    }
}

/// Whether other programs should see devices of a kind.
const fn visibility<K: LineKind>() -> Visibility {
    if K::INTERNAL { Visibility::Private } else { Visibility::Public }
}

/// The flags for udev's rules of devices of a kind.
const fn flags<K: LineKind>() -> UdevCookie {
    UdevCookie::flags_only(visibility::<K>().flags())
}
