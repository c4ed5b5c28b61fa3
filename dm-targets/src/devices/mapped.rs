//! A whole device of any kind.

use alloc::vec::Vec;
use core::marker::PhantomData;
use std::path::PathBuf;

use dm_core::{
    Buffer, DevId, DevIdBuf, DeviceInfo, DmName, DmNameBuf, DmUuid, DmUuidBuf, InfoOptions, LoadOptions,
    MessageOptions, ReloadOptions, Removal, RemoveOptions, RenameOptions, ResumeOptions, SetupOptions, StatusOptions,
    SuspendOptions, Transport,
};
use dm_units::{DeviceNumber, Sectors};

use super::{DevError, DevOptions, Difference, Host};
use crate::kind::Kind;
use crate::table::{StatusLine, Table, TableLine};
use crate::table_error::{TableError, TableErrorKind};
use crate::target::{Message, Target};

/// A whole mapped device, whose lines are of the kind `K`: a target, or [`Any`](crate::Any).
///
/// It holds what the device is called and nothing of its state, so it cannot be out of date: the table and the status are
/// read from the kernel whenever they are asked for. Dropping it leaves the device as it is.
///
/// The device is found by its uuid, whatever its name is by then. One without a uuid is found by its name: should somebody
/// else rename it or remove it, it is not found any more, and a new one of that name is taken for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MappedDev<K: Kind> {
    name: DmNameBuf,
    uuid: Option<DmUuidBuf>,
    number: DeviceNumber,
    kind: PhantomData<K>,
}

impl<K: Kind> MappedDev<K> {
    /// Creates the device, puts its table in force and waits for its node.
    ///
    /// When a step fails, the device is removed again.
    ///
    /// # Errors
    ///
    /// [`already_exists`](DevError::already_exists): the name, the uuid or the minor number is taken. Otherwise those of
    /// [`Dm::device_setup`](dm_core::Dm::device_setup), with the kernel's own words for a table that it refuses.
    pub fn create<T: Transport>(
        host: &Host<T>,
        name: DmName<'_>,
        table: &Table<K>,
        options: DevOptions<'_>,
    ) -> Result<Self, DevError> {
        let mut batch = host.udev().batch()?;
        let setup = SetupOptions::new().create(options.create()).load(load_options(table).read_only(options.read_only));
        let info = batch.setup(host.dm(), &mut Buffer::new(), name, lines(table), setup)?;
        let device = Self::new(name.to_owned(), options.uuid.map(DmUuid::to_owned), info.number());
        batch.finish().map_err(|error| DevError::from(error).undo(device.remove_again(host)))?;
        Ok(device)
    }

    /// The device of this name with this table: the one that there is, or a new one.
    ///
    /// This is what a program does after it was started again. A device that there is must have this very table, as the
    /// kernel prints it: with devices by their numbers, say, and the name of a cache's policy instead of `default`. It is
    /// resumed if it is suspended, and a table that waits in its inactive slot is dropped. A device without a table, left
    /// behind by somebody who was stopped in the middle, is given the table.
    ///
    /// Where other tables are good as well, [`open`](Self::open) the device and look at its [`table`](Self::table).
    ///
    /// # Errors
    ///
    /// [`DevError::Differs`]: there is a device of this name that is not as `table` and `options` say. Otherwise those of
    /// [`create`](Self::create).
    pub fn setup<T: Transport>(
        host: &Host<T>,
        name: DmName<'_>,
        table: &Table<K>,
        options: DevOptions<'_>,
    ) -> Result<Self, DevError> {
        match Self::create(host, name, table, options) {
            Err(taken) if taken.already_exists() => match host.dm().device_info(name, InfoOptions::new()) {
                // It was the uuid or the minor number.
                Err(error) if error.is_not_found() => Err(taken),
                info => Self::take_over(host, &info?, table, options),
            },
            created => created,
        }
    }

    fn take_over<T: Transport>(
        host: &Host<T>,
        info: &DeviceInfo,
        table: &Table<K>,
        options: DevOptions<'_>,
    ) -> Result<Self, DevError> {
        let device = Self::of(info)?;
        if let Some(difference) = options.difference(info) {
            return Err(device.differs(difference));
        }
        if info.has_active_table() {
            device.check_table(host, table)?;
            if info.has_inactive_table() {
                device.clear(host)?;
            }
            if info.is_suspended() {
                device.resume(host)?;
            }
        } else {
            let load = load_options(table).read_only(options.read_only);
            host.dm().table_load(&mut Buffer::new(), device.id(), lines(table), load)?;
            device.resume(host).map_err(|cause| cause.undo(device.clear(host)))?;
        }
        Ok(device)
    }

    /// Makes sure that this very table is in force.
    fn check_table<T: Transport>(&self, host: &Host<T>, table: &Table<K>) -> Result<(), DevError> {
        let found = self.table(host)?;
        let same = found.lines().iter().zip(table.lines()).take_while(|(found, wanted)| found == wanted).count();
        if same == found.lines().len() && same == table.lines().len() {
            return Ok(());
        }
        Err(self.differs(Difference::Line(same.saturating_add(1))))
    }

    fn clear<T: Transport>(&self, host: &Host<T>) -> Result<(), DevError> {
        host.dm().table_clear(self.id())?;
        Ok(())
    }

    /// The device of this name, uuid or number, which must be of this kind.
    ///
    /// # Errors
    ///
    /// [`is_not_found`](DevError::is_not_found). [`DevError::NoTable`], [`DevError::Table`]: it is of another kind.
    pub fn open<'a, T: Transport>(host: &Host<T>, id: impl Into<DevId<'a>>) -> Result<Self, DevError> {
        let device = Self::of(&host.dm().device_info(id, InfoOptions::new())?)?;
        device.table(host)?;
        Ok(device)
    }

    /// The device that the kernel has told of.
    fn of(info: &DeviceInfo) -> Result<Self, DevError> {
        let number = info.number();
        // It has a name, since it was asked for as a device.
        let name = info.name().ok_or(DevError::NoTable(DevIdBuf::Number(number)))?.to_owned();
        Ok(Self::new(name, info.uuid().map(DmUuid::to_owned), number))
    }

    fn new(name: DmNameBuf, uuid: Option<DmUuidBuf>, number: DeviceNumber) -> Self {
        Self { name, uuid, number, kind: PhantomData }
    }

    /// Its name, as far as is known here.
    pub fn name(&self) -> DmName<'_> {
        self.name.as_borrowed()
    }

    /// Its uuid, if it has one.
    #[must_use]
    pub fn uuid(&self) -> Option<DmUuid<'_>> {
        self.uuid.as_ref().map(DmUuidBuf::as_borrowed)
    }

    /// Its number, which other tables name it by.
    #[must_use]
    pub const fn number(&self) -> DeviceNumber {
        self.number
    }

    /// How commands of [`Dm`](dm_core::Dm) find it.
    #[must_use]
    pub fn id(&self) -> DevId<'_> {
        self.uuid().map_or(DevId::Name(self.name()), DevId::Uuid)
    }

    /// The path of its node.
    ///
    /// # Errors
    ///
    /// There is none that is this very device.
    pub fn path<T>(&self, host: &Host<T>) -> Result<PathBuf, DevError> {
        Ok(host.udev().path_of(self.name(), self.number)?)
    }

    /// Its table, as it is in force.
    ///
    /// # Errors
    ///
    /// [`DevError::NoTable`], [`DevError::Table`]: it is of another kind by now.
    pub fn table<T: Transport>(&self, host: &Host<T>) -> Result<Table<K>, DevError> {
        let mut buffer = Buffer::new();
        let status =
            host.dm().table_status(&mut buffer, self.id(), StatusOptions::table().noflush(true).secure(true))?;
        if !status.info().has_active_table() {
            return Err(DevError::NoTable(self.id().to_owned()));
        }
        let mut lines = Vec::new();
        for (line, number) in status.iter().zip(1..) {
            let line = TableLine::try_from(line?);
            lines.push(line.map_err(|error| self.no_table(TableError::new(number, TableErrorKind::Parse(error))))?);
        }
        Table::new(lines).map_err(|error| self.no_table(error))
    }

    /// What all of its lines report.
    ///
    /// Where `options` say [`noflush`](StatusOptions::noflush), a target does not first write what it still has in memory, as
    /// pools and caches do with their metadata. The options are those of a status, not of a table.
    ///
    /// # Errors
    ///
    /// [`DevError::Text`]: a line is of another kind, or can't be read.
    pub fn statuses<T: Transport>(
        &self,
        host: &Host<T>,
        options: StatusOptions,
    ) -> Result<Vec<StatusLine<K>>, DevError> {
        let mut buffer = Buffer::new();
        let status = host.dm().table_status(&mut buffer, self.id(), options)?;
        let mut lines = Vec::new();
        for line in &status {
            lines.push(StatusLine::try_from(line?).map_err(|error| self.no_text(error))?);
        }
        Ok(lines)
    }

    /// Puts another table in force while the device is in use: loads it, suspends the device, resumes it.
    ///
    /// When a step fails, the old table is in force again.
    ///
    /// # Errors
    ///
    /// Those of [`Dm::device_reload`](dm_core::Dm::device_reload).
    pub fn set_table<T: Transport>(&self, host: &Host<T>, table: &Table<K>) -> Result<(), DevError> {
        let read_only = host.dm().device_info(self.id(), InfoOptions::new())?.is_read_only();
        let options = ReloadOptions::new().load(load_options(table).read_only(read_only));
        host.dm().device_reload(&mut Buffer::new(), self.id(), lines(table), options)?;
        Ok(())
    }

    /// The same with a table that is made from the one in force.
    ///
    /// With `|_| ()` it stays as it is, and targets such as pools and caches look again at how long the devices below are.
    /// A few targets print a field otherwise than they take it, which the docs of their tables say; set it as well then.
    ///
    /// # Errors
    ///
    /// Those of [`table`](Self::table) and [`set_table`](Self::set_table). [`DevError::Table`]: the kernel would refuse what
    /// has become of it; nothing was done.
    pub fn change<T: Transport>(
        &self,
        host: &Host<T>,
        change: impl FnOnce(&mut Vec<TableLine<K>>),
    ) -> Result<(), DevError> {
        let mut lines = self.table(host)?.into_lines();
        change(&mut lines);
        let table = Table::new(lines).map_err(|error| self.no_table(error))?;
        self.set_table(host, &table)
    }

    /// Holds back all io from now on, until [`resume`](Self::resume); returns when what was under way is done.
    ///
    /// # Errors
    ///
    /// Those of [`Dm::device_suspend`](dm_core::Dm::device_suspend).
    pub fn suspend<T: Transport>(&self, host: &Host<T>, options: SuspendOptions) -> Result<(), DevError> {
        host.dm().device_suspend(self.id(), options)?;
        Ok(())
    }

    /// Lets io go on.
    ///
    /// # Errors
    ///
    /// Those of [`Dm::device_resume`](dm_core::Dm::device_resume).
    pub fn resume<T: Transport>(&self, host: &Host<T>) -> Result<(), DevError> {
        let mut batch = host.udev().batch()?;
        batch.resume(host.dm(), self.id(), ResumeOptions::new())?;
        Ok(batch.finish()?)
    }

    /// Gives it another name.
    ///
    /// # Errors
    ///
    /// [`already_exists`](DevError::already_exists): the name is taken.
    pub fn rename<T: Transport>(&mut self, host: &Host<T>, new: DmName<'_>) -> Result<(), DevError> {
        // Somebody else may have renamed it.
        let now = Self::of(&host.dm().device_info(self.id(), InfoOptions::new())?)?;
        let mut batch = host.udev().batch()?;
        batch.rename(host.dm(), now.name(), new, RenameOptions::new())?;
        self.name = new.to_owned();
        Ok(batch.finish()?)
    }

    /// Removes it. What was on it stays on the devices below.
    ///
    /// # Errors
    ///
    /// [`is_busy`](DevError::is_busy): somebody uses it, and with a [`retry`](RemoveOptions::retry) the error says who.
    pub fn remove<T: Transport>(&self, host: &Host<T>, options: RemoveOptions) -> Result<Removal, DevError> {
        let mut batch = host.udev().batch()?;
        let removal = batch.remove(host.dm(), self.id(), options)?;
        batch.finish()?;
        Ok(removal)
    }

    /// Removes what was just created.
    pub(super) fn remove_again<T: Transport>(&self, host: &Host<T>) -> Result<(), DevError> {
        host.dm().device_remove(self.id(), RemoveOptions::new().retry(dm_core::Retry::default()))?;
        Ok(())
    }

    fn differs(&self, difference: Difference) -> DevError {
        DevError::Differs { device: self.id().to_owned(), difference }
    }

    pub(super) fn no_table(&self, source: TableError) -> DevError {
        DevError::Table { device: self.id().to_owned(), source }
    }

    fn no_text(&self, source: crate::ParseError) -> DevError {
        DevError::Text { device: self.id().to_owned(), source }
    }
}

impl<K: Target> MappedDev<K> {
    /// What its target reports, as [`statuses`](Self::statuses) does; of several lines, that of the first.
    ///
    /// # Errors
    ///
    /// [`DevError::Text`]: it can't be read. [`DevError::NoTable`].
    pub fn status<T: Transport>(&self, host: &Host<T>, options: StatusOptions) -> Result<K::Status, DevError> {
        let first = self.statuses(host, options)?.into_iter().next();
        first.map(|line| line.status).ok_or_else(|| DevError::NoTable(self.id().to_owned()))
    }

    /// Sends a message to its target, of several lines to that of the first, and reads the answer.
    ///
    /// # Errors
    ///
    /// Those of [`Dm::target_msg`](dm_core::Dm::target_msg). [`DevError::Text`]: the answer can't be read; the message was
    /// carried out.
    pub fn message<T: Transport>(
        &self,
        host: &Host<T>,
        message: &K::Message,
    ) -> Result<<K::Message as Message>::Reply, DevError> {
        let mut buffer = Buffer::new();
        let options = MessageOptions::new().secure(K::SECRET);
        let answer = host.dm().target_msg(&mut buffer, self.id(), Sectors(0), message, options)?;
        let text = std::string::String::from_utf8_lossy(answer.map_or(b"", |answer| answer.as_bytes()));
        K::parse_reply(message, &text).map_err(|error| self.no_text(error))
    }
}

/// The lines of a table, as they are loaded.
fn lines<K: Kind>(table: &Table<K>) -> impl Iterator<Item = dm_core::TargetLine<'_, dm_core::Printed<&K::Table>>> {
    table.lines().iter().map(Into::into)
}

/// The kernel wipes its copy of a table that may hold a key.
fn load_options<K: Kind>(table: &Table<K>) -> LoadOptions {
    LoadOptions::new().secure(table.lines().iter().any(|line| K::is_secret(&line.params)))
}
