//! A whole device of any kind.

use alloc::borrow::ToOwned;
use alloc::string::String;
use alloc::vec::Vec;
use core::marker::PhantomData;
use std::path::PathBuf;

use dm_core::plan::{Numbers, WantedDevice};
use dm_core::udev::Visibility;
use dm_core::{
    AsDevId, AsDmName, DevId, DevIdBuf, DeviceInfo, DmName, DmNameBuf, DmUuid, DmUuidBuf, Host, NameError,
    ReloadOptions, Removal, RemovePolicy, RenameOptions, ResumeOptions, SetupOptions, StatusOptions, SuspendPolicy,
    UdevCookie,
};
use dm_units::DeviceNumber;

use super::DevError;
use super::line::{TypedMessage, lines, wanted_lines};
use crate::errors::parse_error::ParseError;
use crate::errors::table_error::{TableError, TableErrorKind};
use crate::table::{StatusLine, Table, TableLine};
use crate::target::kind::Kind;
use crate::target::{Message, Target};

/// A whole mapped device, whose lines are of the kind `K`: a target, or [`Any`](crate::Any).
///
/// It holds the names of the device and nothing of its state, so it cannot be out of date: the table, the status and the number
/// are read from the kernel whenever they are requested. Dropping it leaves the device as it is.
///
/// The device is found by its uuid, whatever its name is. One without a uuid is found by its name: if another process renames
/// or removes it, it is not found any more, and a new one of that name is taken for it.
///
/// It is an id ([`AsDevId`]), so commands of [`Dm`](dm_core::Dm) and operations of [`Host`] take it in the place of a name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MappedDev<K: Kind> {
    name: DmNameBuf,
    uuid: Option<DmUuidBuf>,
    kind: PhantomData<K>,
}

impl<K: Kind> AsDevId for MappedDev<K> {
    fn as_dev_id(&self) -> Result<DevId<'_>, NameError> {
        Ok(self.id())
    }
}

impl<K: Kind> MappedDev<K> {
    /// Creates the device, makes its table active and waits for udev.
    ///
    /// When a step fails, the device is removed again.
    ///
    /// # Errors
    ///
    /// Those of [`Host::create`]: [`is_already_exists`](DevError::is_already_exists), or the kernel's reason for a table that
    /// it refuses.
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

    /// Makes sure that a device of this name has this table: takes over the existing one, or creates it.
    ///
    /// This is what a program does when it starts again. An existing device must have this very table, as the kernel prints
    /// it: with devices by their numbers, say, and the name of a cache's policy instead of `default`. It is resumed if it is
    /// suspended, and a table in its inactive slot is dropped. A device without a table, left behind by a program that was
    /// stopped, is given the table.
    ///
    /// With [`TakeOver::SameLayout`](dm_core::TakeOver::SameLayout) or [`TakeOver::Update`](dm_core::TakeOver::Update) in the
    /// options of [`setup_with`](Self::setup_with), fields that the data do not depend on may differ.
    ///
    /// # Errors
    ///
    /// Those of [`Host::setup`]: the existing device differs from the requested one
    /// ([`is_already_exists`](DevError::is_already_exists)).
    pub fn setup(host: &Host, name: impl AsDmName, table: &Table<K>) -> Result<Self, DevError> {
        Self::setup_with(host, name, table, SetupOptions::new())
    }

    /// Makes sure that a device of this name has this table, with options, such as a uuid.
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

    /// The device as a part of a [plan](dm_core::plan), in which several devices that use each other are made, changed and
    /// removed as one.
    ///
    /// ```no_run
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
    /// let host = Host::open()?;
    /// host.carry_out(&host.plan(wanted)?)?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn wanted<'a>(name: &DmName, table: impl Fn(&Numbers) -> Option<Table<K>> + 'a) -> WantedDevice<'a>
    where
        K: 'a,
    {
        WantedDevice::new(name, move |numbers| table(numbers).map(wanted_lines)).visibility(visibility::<K>())
    }

    /// The device with this name, uuid or number, which must be of this kind. A thin device whose pool has failed is one too,
    /// and can be removed.
    ///
    /// # Errors
    ///
    /// [`is_not_found`](DevError::is_not_found). [`DevError::NoTable`], [`DevError::Table`]: it is of another kind.
    pub fn open(host: &Host, id: impl AsDevId) -> Result<Self, DevError> {
        let device = Self::of(&host.info(id)?)?;
        device.lines(host)?;
        Ok(device)
    }

    /// The device that an answer of the kernel is about.
    fn of(info: &DeviceInfo) -> Result<Self, DevError> {
        // Only the answer to a rename has no name.
        let name = info.name().ok_or(DevError::NoTable(dm_core::DevIdBuf::Number(info.number())))?;
        Ok(Self { name: name.to_owned(), uuid: info.uuid().map(DmUuid::to_owned), kind: PhantomData })
    }

    /// The name, as far as it is known here.
    #[must_use]
    pub fn name(&self) -> &DmName {
        &self.name
    }

    /// The uuid, if the device has one.
    #[must_use]
    pub fn uuid(&self) -> Option<&DmUuid> {
        self.uuid.as_deref()
    }

    /// The uuid, or else the name: how the device is found.
    #[must_use]
    pub fn id(&self) -> DevId<'_> {
        self.uuid().map_or(DevId::Name(&self.name), DevId::Uuid)
    }

    /// The state of the device, with its number and its present name.
    ///
    /// # Errors
    ///
    /// [`is_not_found`](DevError::is_not_found).
    pub fn info(&self, host: &Host) -> Result<DeviceInfo, DevError> {
        Ok(host.dm().device_info(self.id())?)
    }

    /// The number of the device, by which other tables name it.
    ///
    /// # Errors
    ///
    /// [`is_not_found`](DevError::is_not_found).
    pub fn number(&self, host: &Host) -> Result<DeviceNumber, DevError> {
        Ok(self.info(host)?.number())
    }

    /// The path of its node.
    ///
    /// # Errors
    ///
    /// [`is_not_found`](DevError::is_not_found): the device does not exist, or no path leads to it.
    pub fn path(&self, host: &Host) -> Result<PathBuf, DevError> {
        Ok(host.path(self.id())?)
    }

    /// The active table.
    ///
    /// # Errors
    ///
    /// [`DevError::NoTable`]. [`DevError::Table`]: the active table is of another kind. [`DevError::PoolFailed`].
    pub fn table(&self, host: &Host) -> Result<Table<K>, DevError> {
        let lines = self.lines(host)?;
        if lines.iter().any(|line| K::has_failed(&line.params)) {
            return Err(DevError::PoolFailed(self.id().to_owned()));
        }
        Table::new(lines).map_err(|error| self.no_table(error))
    }

    /// The lines of the active table as the kernel prints them, whether or not they can be loaded again.
    fn lines(&self, host: &Host) -> Result<Vec<TableLine<K>>, DevError> {
        let options = StatusOptions::table().noflush(true).secure(true);
        let status = host.dm().table_status_with(self.id(), options)?;
        if !status.info().has_active_table() {
            return Err(DevError::NoTable(self.id().to_owned()));
        }
        let mut lines = Vec::new();
        for (line, number) in status.iter().zip(1..) {
            let line = TableLine::try_from(line?);
            lines.push(line.map_err(|error| self.no_table(TableError::new(number, TableErrorKind::Parse(error))))?);
        }
        Ok(lines)
    }

    /// The status of each of its lines.
    ///
    /// With [`noflush`](StatusOptions::noflush), a target does not first write what it still has in memory, as pools and
    /// caches do with their metadata. The options are those of a status, not of a table.
    ///
    /// # Errors
    ///
    /// [`DevError::Text`]: a line is of another kind, or can't be read.
    pub fn statuses(&self, host: &Host, options: StatusOptions) -> Result<Vec<StatusLine<K>>, DevError> {
        let status = host.dm().table_status_with(self.id(), options)?;
        let mut lines = Vec::new();
        for line in &status {
            lines.push(StatusLine::try_from(line?).map_err(|error| self.no_text(error))?);
        }
        Ok(lines)
    }

    /// Replaces the active table while the device is in use: loads the new one, suspends the device, resumes it.
    ///
    /// When a step fails, the old table is active again.
    ///
    /// # Errors
    ///
    /// Those of [`Host::reload`].
    pub fn set_table(&self, host: &Host, table: &Table<K>) -> Result<(), DevError> {
        self.set_table_with(host, table, ReloadOptions::new())
    }

    /// Replaces the active table while the device is in use, with options for the suspension above all.
    ///
    /// # Errors
    ///
    /// As [`set_table`](Self::set_table).
    pub fn set_table_with(&self, host: &Host, table: &Table<K>, options: ReloadOptions) -> Result<(), DevError> {
        host.reload_with(self.id(), lines(table), options.default_visibility(visibility::<K>()))?;
        Ok(())
    }

    /// Replaces the active table by one that is made from it.
    ///
    /// With `|_| ()` it stays as it is, and targets such as pools and caches look again at the length of the devices below.
    /// A few targets print a field otherwise than they read it, which the docs of their tables say; set it as well then.
    ///
    /// # Errors
    ///
    /// Those of [`table`](Self::table) and [`set_table`](Self::set_table). [`DevError::Table`]: the kernel would refuse the
    /// changed table; nothing was done.
    pub fn change(&self, host: &Host, change: impl FnOnce(&mut Vec<TableLine<K>>)) -> Result<(), DevError> {
        self.change_with(host, ReloadOptions::new(), change)
    }

    /// Replaces the active table by one that is made from it, with options for the suspension above all.
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
        let mut lines = self.table(host)?.into_lines();
        change(&mut lines);
        let table = Table::new(lines).map_err(|error| self.no_table(error))?;
        self.set_table_with(host, &table, options)
    }

    /// Holds back all I/O until [`resume`](Self::resume); returns when I/O under way has completed.
    ///
    /// # Errors
    ///
    /// Those of [`Host::suspend_with`].
    pub fn suspend(&self, host: &Host, policy: SuspendPolicy) -> Result<(), DevError> {
        host.suspend_with(self.id(), policy)?;
        Ok(())
    }

    /// Lets I/O continue.
    ///
    /// # Errors
    ///
    /// Those of [`Host::resume`].
    pub fn resume(&self, host: &Host) -> Result<(), DevError> {
        host.resume_with(self.id(), ResumeOptions::new().cookie(flags::<K>()))?;
        Ok(())
    }

    /// Gives the device another name.
    ///
    /// # Errors
    ///
    /// [`is_already_exists`](DevError::is_already_exists): the name is taken.
    pub fn rename(&mut self, host: &Host, new: impl AsDmName) -> Result<(), DevError> {
        let renamed = host.rename_with(self.id(), &new, RenameOptions::new().cookie(flags::<K>()));
        let is_renamed = renamed.as_ref().map_or_else(dm_core::OpError::is_done, |_| true);
        if let Some(name) = host.kernel_name(&new).ok().filter(|_| is_renamed) {
            self.name = name.into_owned();
        }
        renamed?;
        Ok(())
    }

    /// Removes the device. Its data stays on the devices below.
    ///
    /// # Errors
    ///
    /// [`is_busy`](DevError::is_busy): the device is in use; with a [`retry`](RemovePolicy::retry) the error names the users.
    pub fn remove(&self, host: &Host, policy: RemovePolicy) -> Result<Removal, DevError> {
        Ok(host.remove_with(self.id(), policy)?)
    }

    /// The name, by which errors and other handles find it.
    pub(super) fn to_id(&self) -> DevIdBuf {
        self.id().to_owned()
    }

    /// The same device after its table has become one of another kind.
    pub(super) fn retyped<Other: Kind>(&self) -> MappedDev<Other> {
        MappedDev { name: self.name.clone(), uuid: self.uuid.clone(), kind: PhantomData }
    }

    pub(super) fn no_table(&self, source: TableError) -> DevError {
        DevError::Table { device: self.id().to_owned(), source }
    }

    fn no_text(&self, source: ParseError) -> DevError {
        DevError::Text { device: self.id().to_owned(), source }
    }
}

/// Whether other programs should see devices of a kind.
const fn visibility<K: Kind>() -> Visibility {
    if K::INTERNAL { Visibility::Private } else { Visibility::Public }
}

/// What udev's rules are told of devices of a kind.
const fn flags<K: Kind>() -> UdevCookie {
    UdevCookie::flags_only(visibility::<K>().flags())
}

impl<K: Target> MappedDev<K> {
    /// The status of its target, as [`statuses`](Self::statuses); of several lines, that of the first.
    ///
    /// # Errors
    ///
    /// [`DevError::Text`]: it can't be read. [`DevError::NoTable`].
    pub fn status(&self, host: &Host, options: StatusOptions) -> Result<K::Status, DevError> {
        let first = self.statuses(host, options)?.into_iter().next();
        first.map(|line| line.status).ok_or_else(|| DevError::NoTable(self.id().to_owned()))
    }

    /// Sends a message to its target, of several lines to that of the first, and reads the answer.
    ///
    /// # Errors
    ///
    /// Those of [`Dm::target_msg`](dm_core::Dm::target_msg). [`DevError::Text`]: the answer can't be read; the message was
    /// carried out.
    pub fn message(&self, host: &Host, message: &K::Message) -> Result<<K::Message as Message>::Reply, DevError> {
        let reply = host.dm().target_msg(self.id(), TypedMessage::<K>(message))?;
        let text = reply.text().unwrap_or_default();
        let text = String::from_utf8_lossy(text.as_bytes());
        K::parse_reply(message, &text).map_err(|error| self.no_text(error))
    }
}
