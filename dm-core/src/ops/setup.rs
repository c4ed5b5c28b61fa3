//! Creating a device with its table.

use std::borrow::Cow;

use super::disk::unusable_disk;
use super::error::{Difference, OpError, Operation, Remains, StateAfter, Step};
use super::host::Host;
use super::op::{Op, Shown, uninterrupted};
use super::read_ahead;
use super::reload::ReloadOptions;
use super::retry::Retry;
use super::suspend::SuspendPolicy;
use super::take_over::{TakeOver, take_over};
use crate::commands::{
    CreateOptions, LoadOptions, PreparedTable, RemoveOptions, ResumeOptions, TargetLine, TargetParams,
};
use crate::error::Error;
use crate::id::{AsDmName, DevId, DmName, DmUuid};
use crate::machine::block::ReadAhead;
use crate::udev::{NodeChange, Visibility};
use crate::wire::{DeviceInfo, UdevFlags};

/// Options of [`Host::create_with`] and [`Host::setup_with`].
#[derive(Clone, Copy, Debug, Default)]
pub struct SetupOptions<'a> {
    uuid: Option<&'a DmUuid>,
    minor: Option<u32>,
    pub(super) load: LoadOptions,
    read_only: bool,
    pub(super) shown: Shown,
    pub(super) take_over: TakeOver,
    suspend: SuspendPolicy,
    pub(super) read_ahead: ReadAhead,
}

impl<'a> SetupOptions<'a> {
    /// No uuid, the next free minor number, read-write, visible.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The uuid of the device.
    #[must_use]
    pub const fn uuid(self, uuid: &'a DmUuid) -> Self {
        Self { uuid: Some(uuid), ..self }
    }

    /// The minor number of the device.
    #[must_use]
    pub const fn minor(self, minor: u32) -> Self {
        Self { minor: Some(minor), ..self }
    }

    /// Whether the device, and how it opens the devices below, is read-only.
    #[must_use]
    pub const fn read_only(self, read_only: bool) -> Self {
        Self { read_only, load: self.load.read_only(read_only), ..self }
    }

    /// Wipes the table after use although no line says that it may hold a key.
    #[must_use]
    pub const fn secure(self, secure: bool) -> Self {
        Self { load: self.load.secure(secure), ..self }
    }

    /// Sets the read-ahead as soon as the table is active; by default it is what the kernel chooses.
    #[must_use]
    pub const fn read_ahead(self, read_ahead: ReadAhead) -> Self {
        Self { read_ahead, ..self }
    }

    /// Whether other programs should see the device; by default they should.
    #[must_use]
    pub const fn visibility(mut self, visibility: Visibility) -> Self {
        self.shown.visibility = Some(visibility);
        self
    }

    /// Whether other programs should see the device, unless [`visibility`](Self::visibility) has been called: a default
    /// for a kind of devices.
    #[must_use]
    pub const fn default_visibility(self, visibility: Visibility) -> Self {
        Self { shown: self.shown.or(visibility), ..self }
    }

    /// Further flags for udev's rules.
    #[must_use]
    pub const fn udev_flags(mut self, flags: UdevFlags) -> Self {
        self.shown.flags = flags;
        self
    }

    /// Which tables an existing device may have for [`Host::setup_with`] to take it over.
    #[must_use]
    pub const fn take_over(self, take_over: TakeOver) -> Self {
        Self { take_over, ..self }
    }

    /// How to suspend an existing device whose table is replaced ([`TakeOver::Update`]).
    #[must_use]
    pub const fn suspend(self, suspend: SuspendPolicy) -> Self {
        Self { suspend, ..self }
    }

    pub(super) const fn reload(self) -> ReloadOptions {
        ReloadOptions::of_setup(self.load, self.suspend, self.shown)
    }

    fn create(self) -> CreateOptions<'a> {
        let options = self.uuid.map_or(CreateOptions::new(), |uuid| CreateOptions::new().uuid(uuid));
        self.minor.map_or(options, |minor| options.minor(minor))
    }

    /// In what an existing device differs from this, apart from its table.
    pub(super) fn difference(self, info: &DeviceInfo) -> Option<Difference> {
        if self.uuid.is_some_and(|uuid| info.uuid() != Some(uuid)) {
            Some(Difference::Uuid)
        } else if self.minor.is_some_and(|minor| info.number().minor != minor) {
            Some(Difference::Minor)
        } else if info.has_active_table() && info.is_read_only() != self.read_only {
            Some(Difference::ReadOnly)
        } else {
            None
        }
    }
}

impl Host {
    /// Creates a device, loads its table and makes it active, then waits for udev.
    ///
    /// When a step fails, udev included, the device is removed again.
    ///
    /// ```no_run
    /// # use dm_core::{Host, TargetLine};
    /// # use dm_units::Sectors;
    /// # let host = Host::open()?;
    /// let info = host.create("home", [TargetLine::text(Sectors(0), Sectors(2048), "linear", "8:1 0")])?;
    /// println!("{}", info.number());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// [`is_already_exists`](OpError::is_already_exists): the name is taken. [`is_invalid`](OpError::is_invalid): the kernel
    /// refuses the table; the source has its reason. [`is_disk_unusable`](OpError::is_disk_unusable): a device below is
    /// missing or busy. [`is_timed_out`](OpError::is_timed_out): udev did not finish.
    #[doc(alias = "DM_DEVICE_CREATE")]
    #[doc(alias = "dmsetup create")]
    pub fn create<P: TargetParams>(
        &self,
        name: impl AsDmName,
        lines: impl IntoIterator<Item = TargetLine<P>>,
    ) -> Result<DeviceInfo, OpError> {
        self.create_with(name, lines, SetupOptions::new())
    }

    /// Creates a device with its table, with options.
    ///
    /// # Errors
    /// As [`create`](Self::create); also if the uuid or the minor number is taken.
    pub fn create_with<P: TargetParams>(
        &self,
        name: impl AsDmName,
        lines: impl IntoIterator<Item = TargetLine<P>>,
        options: SetupOptions<'_>,
    ) -> Result<DeviceInfo, OpError> {
        let name = &*checked_name(self, Operation::Create, &name)?;
        let mut op = Op::of(self, Operation::Create, DevId::Name(name));
        op.check_node_name(name)?;
        let mut table = prepare(&op, lines)?;
        create(&mut op, name, &mut table, options)
    }

    /// Makes sure that a device exists with this table: creates it, or takes over the one with this name.
    ///
    /// This is what a program does when it starts again. An existing device must have the requested table, as the kernel
    /// prints it, unless [`TakeOver`] says otherwise; typed lines compare what the text means. It is resumed if it is suspended, a table in its inactive slot is
    /// dropped, and a deferred removal is cancelled. A device without an active table, left behind by a program that was
    /// stopped, is given the table.
    ///
    /// # Errors
    /// [`OpErrorKind::Differs`](crate::OpErrorKind::Differs): the existing device differs from the requested one.
    /// [`OpErrorKind::SuspendedInternally`](crate::OpErrorKind::SuspendedInternally). Otherwise as [`create`](Self::create).
    pub fn setup<P: TargetParams>(
        &self,
        name: impl AsDmName,
        lines: impl IntoIterator<Item = TargetLine<P>>,
    ) -> Result<DeviceInfo, OpError> {
        self.setup_with(name, lines, SetupOptions::new())
    }

    /// Makes sure that a device exists with this table, with options.
    ///
    /// # Errors
    /// As [`setup`](Self::setup).
    pub fn setup_with<P: TargetParams>(
        &self,
        name: impl AsDmName,
        lines: impl IntoIterator<Item = TargetLine<P>>,
        options: SetupOptions<'_>,
    ) -> Result<DeviceInfo, OpError> {
        let name = &*checked_name(self, Operation::Setup, &name)?;
        let mut op = Op::of(self, Operation::Setup, DevId::Name(name));
        op.check_node_name(name)?;
        let lines: Vec<TargetLine<P>> = lines.into_iter().collect();
        // A create that is refused is dear, so the device is looked for first.
        let moment = self.locks.moment();
        if let Some(info) = existing(&op)? {
            return take_over(&mut op, info, moment, &lines, options);
        }
        let mut table = prepare(&op, by_reference(&lines))?;
        match create(&mut op, name, &mut table, options) {
            // Another process was faster; or it is the uuid or the minor number that is taken.
            Err(taken) if taken.step() == Step::Create && taken.is_already_exists() => match existing(&op)? {
                Some(info) => take_over(&mut op, info, moment, &lines, options),
                None => Err(taken),
            },
            created => created,
        }
    }
}

/// The kernel's name of a device that is to be made or renamed.
pub(super) fn checked_name<'n>(
    host: &Host,
    operation: Operation,
    name: &'n impl AsDmName,
) -> Result<Cow<'n, DmName>, OpError> {
    host.kernel_name(name).map_err(|error| OpError::new(operation, None, Step::Check, error.into()))
}

pub(super) fn by_reference<P>(lines: &[TargetLine<P>]) -> impl Iterator<Item = TargetLine<&P>> {
    lines.iter().map(|line| TargetLine { start: line.start, length: line.length, params: &line.params })
}

pub(super) fn prepare<P: TargetParams>(
    op: &Op<'_>,
    lines: impl IntoIterator<Item = TargetLine<P>>,
) -> Result<PreparedTable, OpError> {
    op.dm().prepare_table(lines).map_err(|error| op.fail(Step::Check, error))
}

/// The device of the operation, if it exists.
fn existing(op: &Op<'_>) -> Result<Option<DeviceInfo>, OpError> {
    match op.read() {
        Ok(info) => Ok(Some(info)),
        Err(error) if error.is_not_found() => Ok(None),
        Err(error) => Err(op.fail(Step::Read, error)),
    }
}

/// Loads a table that was prepared; the error names the disk that it could not use.
pub(super) fn load(op: &Op<'_>, table: &mut PreparedTable, options: LoadOptions) -> Result<DeviceInfo, OpError> {
    uninterrupted(|| op.dm().load_prepared(op.target(), table, options)).map_err(|error| {
        let disk = error.is_disk_unusable().then(|| unusable_disk(table)).flatten();
        op.fail(Step::Load, error).with_disk(disk)
    })
}

fn create(
    op: &mut Op<'_>,
    name: &DmName,
    table: &mut PreparedTable,
    options: SetupOptions<'_>,
) -> Result<DeviceInfo, OpError> {
    let created = make_device(op, name, options)?;
    op.found(&created);
    let made = load(op, table, options.load).and_then(|_| resume_new(op, options.shown));
    let info = match made.and_then(|info| read_ahead::set(op, &info, options.read_ahead).map(|()| info)) {
        Ok(info) => info,
        Err(error) => return Err(error.with_state(remove_created(op, name))),
    };
    op.finish().map_err(|error| error.with_state(remove_created(op, name)))?;
    Ok(info)
}

fn make_device(op: &Op<'_>, name: &DmName, options: SetupOptions<'_>) -> Result<DeviceInfo, OpError> {
    let mut was_interrupted = false;
    let created = uninterrupted(|| {
        let created = op.dm().device_create_with(name, options.create());
        was_interrupted |= created.as_ref().is_err_and(Error::is_interrupted);
        created
    });
    created.map_err(|error| {
        // Whose the device of this name is can only be in doubt if the command did not say that the name is taken.
        if error.is_already_exists() && !was_interrupted || error.is_permission_denied() {
            return op.fail(Step::Create, error);
        }
        let state = match op.read() {
            Ok(_) => StateAfter::left(vec![Remains::Exists], None),
            Err(fault) if fault.is_not_found() => StateAfter::Undone,
            Err(fault) => StateAfter::left(vec![Remains::Unknown], Some(fault)),
        };
        op.failed(Step::Create, error, state)
    })
}

/// Makes the first table active. The cookie is ready before.
pub(super) fn resume_new(op: &mut Op<'_>, shown: Shown) -> Result<DeviceInfo, OpError> {
    let cookie = op.udev.expect(shown.udev_flags());
    let resume = ResumeOptions::new().cookie(cookie);
    let resumed = uninterrupted(|| op.dm().device_resume_with(op.target(), resume));
    op.udev.sent(resumed.as_ref().is_ok_and(DeviceInfo::uevent_generated));
    let info = resumed.map_err(|error| op.fail(Step::Resume, error))?;
    op.udev.note_present(&info);
    Ok(info)
}

/// Removes a device that this operation has created, and nothing else: not one that took its name or its number.
fn remove_created(op: &mut Op<'_>, name: &DmName) -> StateAfter {
    let number = op.number();
    let is_ours = |info: &DeviceInfo| Some(info.number()) == number && info.name() == Some(name);
    match op.read() {
        Ok(info) if is_ours(&info) => {}
        // Another process has removed or renamed it, so it is not this operation's any more.
        Ok(_) => return StateAfter::Undone,
        Err(error) if error.is_not_found() => return StateAfter::Undone,
        Err(error) => return StateAfter::left(vec![Remains::Exists], Some(error)),
    }
    let options = RemoveOptions::new().cookie(op.udev.expect(UdevFlags::empty()));
    // udev looks at every new device for a moment.
    let remove = || uninterrupted(|| op.dm().device_remove_with(op.target(), options));
    let removed = Retry::default().while_busy(remove);
    op.udev.sent(removed.as_ref().is_ok_and(|removal| removal.uevent_generated()));
    if let Err(error) = removed {
        match op.read() {
            Ok(info) if is_ours(&info) => return StateAfter::left(vec![Remains::Exists], Some(error)),
            Err(fault) if !fault.is_not_found() => return StateAfter::left(vec![Remains::Exists], Some(error)),
            _ => {}
        }
    }
    if let Some(number) = number {
        op.udev.note(name, number, NodeChange::Absent);
    }
    // The device is gone, and a late udev can't change that.
    let _ = op.udev.finish();
    StateAfter::Undone
}

/// Whether a removal has sent a uevent.
impl crate::commands::Removal {
    pub(super) const fn uevent_generated(self) -> bool {
        matches!(self, Self::Done { uevent_generated: true })
    }
}
