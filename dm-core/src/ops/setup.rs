//! Creates devices with their tables, and sets existing ones up.

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

/// How [`Host::create_with`] and [`Host::setup_with`] create a device, and which existing device `setup_with` takes
/// over.
#[derive(Clone, Copy, Debug, Default)]
pub struct SetupOptions<'a> {
    uuid: Option<&'a DmUuid>,
    minor: Option<u32>,
    read_only: bool,
    pub(super) secure: bool,
    pub(super) if_possible: bool,
    pub(super) shown: Shown,
    pub(super) take_over: TakeOver,
    suspend: SuspendPolicy,
    pub(super) read_ahead: ReadAhead,
}

impl<'a> SetupOptions<'a> {
    /// The defaults: no uuid, the lowest free minor number, read-write, visible.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets the uuid of the device. [`Host::setup_with`] refuses an existing device that has another uuid or none.
    #[must_use]
    pub const fn uuid(self, uuid: &'a DmUuid) -> Self {
        Self { uuid: Some(uuid), ..self }
    }

    /// Sets the minor number of the device, from 0 to 1048575. A larger number makes the call fail with
    /// [`RequestFault::Minor`](crate::RequestFault::Minor). [`Host::setup_with`] refuses an existing device that has
    /// another minor number.
    #[must_use]
    #[doc(alias = "dm_task_set_major")]
    #[doc(alias = "dm_task_set_minor")]
    pub const fn minor(self, minor: u32) -> Self {
        Self { minor: Some(minor), ..self }
    }

    /// Whether the device is read-only. Most targets then also open the underlying devices read-only. By default the
    /// device is read-write. [`Host::setup_with`] refuses an existing device whose active table has the other mode.
    #[must_use]
    pub const fn read_only(self, read_only: bool) -> Self {
        Self { read_only, ..self }
    }

    /// Treats the table as secret even if no line is known to contain a key: the kernel and this library wipe their
    /// copies after use. Requires ioctl interface 4.20, unless [`if_possible`](Self::if_possible) is set.
    #[must_use]
    pub const fn secure(self, secure: bool) -> Self {
        Self { secure, ..self }
    }

    /// Whether to load a secret table on a kernel that cannot wipe its copy: see [`LoadOptions::if_possible`].
    #[must_use]
    pub const fn if_possible(self, if_possible: bool) -> Self {
        Self { if_possible, ..self }
    }

    /// Sets the read-ahead once the table is active. By default, [`ReadAhead::Auto`].
    #[must_use]
    pub const fn read_ahead(self, read_ahead: ReadAhead) -> Self {
        Self { read_ahead, ..self }
    }

    /// Whether other programs should see the device. By default they do. udev learns this only when the device is
    /// resumed, so the visibility of an existing device that needs no resume does not change.
    #[must_use]
    pub const fn visibility(mut self, visibility: Visibility) -> Self {
        self.shown.visibility = Some(visibility);
        self
    }

    /// Sets the visibility that applies if [`visibility`](Self::visibility) is not called. For libraries that choose a
    /// default for a kind of device.
    #[must_use]
    pub const fn default_visibility(self, visibility: Visibility) -> Self {
        Self { shown: self.shown.or(visibility), ..self }
    }

    /// Sets flags for udev's rules, in addition to those of the visibility.
    #[must_use]
    pub const fn udev_flags(mut self, flags: UdevFlags) -> Self {
        self.shown.flags = flags;
        self
    }

    /// Sets which table an existing device must have for [`Host::setup_with`] to take it over. By default,
    /// [`TakeOver::SameTable`].
    #[must_use]
    pub const fn take_over(self, take_over: TakeOver) -> Self {
        Self { take_over, ..self }
    }

    /// Sets how an existing device is suspended when its table is replaced ([`TakeOver::Update`]).
    #[must_use]
    pub const fn suspend(self, suspend: SuspendPolicy) -> Self {
        Self { suspend, ..self }
    }

    pub(super) const fn reload(self) -> ReloadOptions {
        ReloadOptions::of_setup(self.load(), self.suspend, self.shown)
    }

    pub(super) const fn load(self) -> LoadOptions {
        LoadOptions::new().read_only(self.read_only).secure(self.secure).if_possible(self.if_possible)
    }

    fn create(self) -> CreateOptions<'a> {
        let options = self.uuid.map_or(CreateOptions::new(), |uuid| CreateOptions::new().uuid(uuid));
        self.minor.map_or(options, |minor| options.minor(minor))
    }

    /// Whether a device can be one that a command with these options has just created.
    fn may_have_created(self, info: &DeviceInfo) -> bool {
        let is_new = !info.has_active_table() && !info.has_inactive_table() && info.uuid() == self.uuid;
        is_new && self.minor.is_none_or(|minor| info.number().minor == minor)
    }

    /// Compares an existing device with these options, apart from its table.
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
    /// If a step fails, including the wait for udev, the device is removed again. If the removal fails too, the state
    /// of the error says so. A [`batch`](Self::batch) waits for udev only at its end, and removes no devices if that
    /// wait fails.
    ///
    /// ```
    /// # use dm_core::{Host, TargetLine};
    /// # use dm_units::Sectors;
    /// # let memory = dm_testing::MemoryKernel::new();
    /// # memory.disk_at(dm_units::DeviceNumber::new(8, 1), dm_units::Bytes(1 << 21));
    /// # let host = memory.host();
    /// let info = host.create("home", [TargetLine::text(Sectors(0), Sectors(2048), "linear", "8:1 0")])?;
    /// println!("{}", info.number());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// - [`is_already_exists`](OpError::is_already_exists): the name is taken.
    /// - [`is_invalid`](OpError::is_invalid): the name is not valid, or the kernel refuses the table. If the kernel's
    ///   log can be read, the source of the error has the kernel's reason.
    /// - [`is_disk_unusable`](OpError::is_disk_unusable): usually a device that the table uses is missing, busy or
    ///   cannot be opened.
    /// - [`is_timed_out`](OpError::is_timed_out): udev did not finish in time.
    #[doc(alias = "DM_DEVICE_CREATE")]
    #[doc(alias = "dmsetup create")]
    pub fn create<P: TargetParams>(
        &self,
        name: impl AsDmName,
        lines: impl IntoIterator<Item = TargetLine<P>>,
    ) -> Result<DeviceInfo, OpError> {
        self.create_with(name, lines, SetupOptions::new())
    }

    /// Creates a device with its table. The options can, for example, set a uuid or make the device read-only.
    ///
    /// # Errors
    /// As [`create`](Self::create). [`is_already_exists`](OpError::is_already_exists) also if the uuid or the minor
    /// number is taken. [`OpErrorKind::ReadAhead`](crate::OpErrorKind::ReadAhead): the read-ahead cannot be set.
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

    /// Makes sure that a device with this table exists: creates it, or takes over the device with this name.
    ///
    /// Use it when a program starts again and its devices may already exist. An existing device must have the requested
    /// table, unless [`SetupOptions::take_over`] allows another table. Typed params are compared by their meaning,
    /// [text](TargetLine::text) byte for byte. In tables, give devices by their numbers: most targets print numbers,
    /// and a path never equals a number.
    ///
    /// The existing device is resumed if it is suspended, a table in its inactive slot is removed, and a deferred
    /// removal is cancelled. If the device has no active table, for example because an earlier run was stopped, the
    /// requested table is loaded and made active. If a step fails, an existing device is not removed. The state of the
    /// error says what has changed.
    ///
    /// # Errors
    /// As [`create`](Self::create). Other errors:
    ///
    /// - [`OpErrorKind::Differs`](crate::OpErrorKind::Differs): the existing device differs from the requested one.
    /// - [`OpErrorKind::SuspendedInternally`](crate::OpErrorKind::SuspendedInternally): the kernel keeps the existing
    ///   device suspended.
    /// - [`is_timed_out`](OpError::is_timed_out): also if another operation on the device did not finish in time.
    #[doc(alias = "dm_task_suppress_identical_reload")]
    pub fn setup<P: TargetParams>(
        &self,
        name: impl AsDmName,
        lines: impl IntoIterator<Item = TargetLine<P>>,
    ) -> Result<DeviceInfo, OpError> {
        self.setup_with(name, lines, SetupOptions::new())
    }

    /// Makes sure that a device with this table exists. The options can, for example, set a uuid, or update the table
    /// of an existing device.
    ///
    /// # Errors
    /// As [`setup`](Self::setup) and [`create_with`](Self::create_with).
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
        // A refused create is expensive, so the device is looked up first.
        let moment = self.locks.moment();
        if let Some(info) = existing(&op)? {
            return take_over(&mut op, info, moment, &lines, options);
        }
        let mut table = prepare(&op, by_reference(&lines))?;
        match create(&mut op, name, &mut table, options) {
            // Another process has just created it, or the uuid or the minor number is taken.
            Err(taken) if taken.step() == Step::Create && taken.is_already_exists() => match existing(&op)? {
                Some(info) => take_over(&mut op, info, moment, &lines, options),
                None => Err(taken),
            },
            created => created,
        }
    }
}

/// The kernel's name of a device to create or rename.
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

/// Looks up the device of the operation.
fn existing(op: &Op<'_>) -> Result<Option<DeviceInfo>, OpError> {
    match op.read() {
        Ok(info) => Ok(Some(info)),
        Err(error) if error.is_not_found() => Ok(None),
        Err(error) => Err(op.fail(Step::Read, error)),
    }
}

/// Loads a prepared table. The error names the disk that could not be used.
pub(super) fn load(op: &Op<'_>, table: &mut PreparedTable, options: LoadOptions) -> Result<DeviceInfo, OpError> {
    uninterrupted(|| op.dm().load_and_keep(op.target(), table, options)).map_err(|error| {
        let disk = error.is_disk_unusable().then(|| unusable_disk(table, &*op.dm().transport())).flatten();
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
    let made = load(op, table, options.load()).and_then(|_| resume_new(op, options.shown));
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
        // The command was not sent, or a device of this name existed before.
        let is_taken = error.is_already_exists() && !was_interrupted;
        let is_not_sent = matches!(error, Error::Request { .. } | Error::Unsupported { .. } | Error::Open(_));
        if is_taken || is_not_sent || error.is_permission_denied() {
            return op.fail(Step::Create, error);
        }
        let state = match op.read() {
            // A device of this name may be from another process, since the kernel does not check the name first.
            Ok(info) if !options.may_have_created(&info) => StateAfter::Undone,
            Ok(_) if matches!(error, Error::Reply(_)) => StateAfter::left(vec![Remains::Exists], None),
            Ok(_) => StateAfter::left(vec![Remains::Unknown], None),
            Err(fault) if fault.is_not_found() => StateAfter::Undone,
            Err(fault) => StateAfter::left(vec![Remains::Unknown], Some(fault)),
        };
        op.failed(Step::Create, error, state)
    })
}

/// Resumes a device that this operation has created or takes over; a loaded table becomes active.
pub(super) fn resume_new(op: &mut Op<'_>, shown: Shown) -> Result<DeviceInfo, OpError> {
    let cookie = op.udev.expect(shown.udev_flags());
    let resume = ResumeOptions::new().cookie(cookie);
    let resumed = op.resume(resume);
    op.udev.sent(resumed.as_ref().is_ok_and(DeviceInfo::uevent_generated));
    let info = resumed.map_err(|error| op.fail(Step::Resume, error))?;
    op.udev.note_present(&info);
    Ok(info)
}

/// Removes a device that this operation has created, but not another one that has taken its name or number.
fn remove_created(op: &mut Op<'_>, name: &DmName) -> StateAfter {
    let number = op.number();
    let is_ours = |info: &DeviceInfo| Some(info.number()) == number && info.name() == Some(name);
    match op.read() {
        Ok(info) if is_ours(&info) => {}
        // Another process has removed or renamed it, so it no longer belongs to this operation.
        Ok(_) => return StateAfter::Undone,
        Err(error) if error.is_not_found() => return StateAfter::Undone,
        Err(error) => return StateAfter::left(vec![Remains::Unknown], Some(error)),
    }
    let options = RemoveOptions::new().cookie(op.udev.expect(UdevFlags::empty()));
    // udev opens most new devices for a moment.
    let remove = || uninterrupted(|| op.dm().device_remove_with(op.target(), options));
    let removed = Retry::default().while_busy(remove);
    op.udev.sent(removed.as_ref().is_ok_and(|removal| removal.uevent_generated()));
    if let Err(error) = removed {
        match op.read() {
            Ok(info) if is_ours(&info) => return StateAfter::left(vec![Remains::Exists], Some(error)),
            Err(fault) if !fault.is_not_found() => return StateAfter::left(vec![Remains::Unknown], Some(error)),
            _ => {}
        }
    }
    if let Some(number) = number {
        op.udev.note(name, number, NodeChange::Absent);
    }
    // The device is removed, which a late udev cannot change.
    let _ = op.udev.finish();
    StateAfter::Undone
}

/// Whether a removal has sent a uevent.
impl crate::commands::Removal {
    pub(super) const fn uevent_generated(self) -> bool {
        matches!(self, Self::Done { uevent_generated: true })
    }
}
