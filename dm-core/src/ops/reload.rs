//! Replaces the table of a device in use.

use super::error::{OpError, OpErrorKind, Operation, Step};
use super::host::Host;
use super::op::{Op, Shown, uninterrupted};
use super::read_ahead;
use super::setup::{load, prepare};
use super::suspend::{SuspendPolicy, resumed_all_the_same};
use super::undo::{Before, Loaded, NewTable, read_table};
use crate::commands::{LoadOptions, PreparedTable, ResumeOptions, TableStatus, TargetLine, TargetParams};
use crate::id::AsDevId;
use crate::machine::block::ReadAhead;
use crate::udev::Visibility;
use crate::wire::{DeviceInfo, UdevFlags};

/// How [`Host::reload_with`] loads the table, and suspends and resumes the device.
#[derive(Clone, Copy, Debug, Default)]
pub struct ReloadOptions {
    load: LoadOptions,
    /// `None` keeps the present setting.
    read_only: Option<bool>,
    suspend: SuspendPolicy,
    shown: Shown,
    read_ahead: ReadAhead,
}

impl ReloadOptions {
    /// The defaults: the device keeps its mode, read-only or read-write. The suspension freezes the file system and
    /// flushes all I/O.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The options that a setup uses; it sets the read-ahead afterwards.
    pub(super) const fn of_setup(load: LoadOptions, suspend: SuspendPolicy, shown: Shown) -> Self {
        Self { load, read_only: None, suspend, shown, read_ahead: ReadAhead::Auto }
    }

    /// Whether the device is read-only. Most targets then also open the underlying devices read-only. By default the
    /// device keeps its mode.
    #[must_use]
    pub const fn read_only(self, read_only: bool) -> Self {
        Self { read_only: Some(read_only), ..self }
    }

    /// Treats the table as secret even if no line is known to contain a key: the kernel and this library wipe their
    /// copies after use. Requires ioctl interface 4.20, unless [`if_possible`](Self::if_possible) is set.
    #[must_use]
    pub const fn secure(self, secure: bool) -> Self {
        Self { load: self.load.secure(secure), ..self }
    }

    /// Whether to load a secret table on a kernel that cannot wipe its copy: see [`LoadOptions::if_possible`].
    #[must_use]
    pub const fn if_possible(self, if_possible: bool) -> Self {
        Self { load: self.load.if_possible(if_possible), ..self }
    }

    /// Sets how the device is suspended.
    #[must_use]
    pub const fn suspend(self, suspend: SuspendPolicy) -> Self {
        Self { suspend, ..self }
    }

    /// Sets the read-ahead once the device is resumed. By default, [`ReadAhead::Auto`].
    #[must_use]
    pub const fn read_ahead(self, read_ahead: ReadAhead) -> Self {
        Self { read_ahead, ..self }
    }

    /// Whether other programs should see the device. By default they do, even if the device was private before.
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
}

impl Host {
    /// Replaces the active table of a device, which can be in use: loads the new table, suspends the device, resumes
    /// it, and waits for udev.
    ///
    /// A device that was suspended before the call is also resumed. If the inactive slot has a table, the new table
    /// replaces it. The state of an error says whether that table is lost.
    ///
    /// If a step fails, the old table becomes active again, and the device is resumed. If the device was suspended
    /// before the call, it is suspended again, but without freezing its file system. If only the wait for udev or the
    /// read-ahead fails, the new table stays active: see [`is_done`](OpError::is_done).
    ///
    /// ```
    /// # use dm_core::{Host, TargetLine};
    /// # use dm_units::Sectors;
    /// # let memory = dm_testing::MemoryKernel::new();
    /// # memory.disk_at(dm_units::DeviceNumber::new(8, 1), dm_units::Bytes(1 << 21));
    /// # memory.host().create("home", [dm_core::TargetLine::text(dm_units::Sectors(0), dm_units::Sectors(8), "zero", "")])?;
    /// # let host = memory.host();
    /// host.reload("home", [TargetLine::text(Sectors(0), Sectors(2048), "linear", "8:1 0")])?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// - [`OpErrorKind::NoActiveTable`]: the device has no active table.
    /// - [`is_invalid`](OpError::is_invalid): the kernel refuses the table, or the table cannot replace the old one.
    /// - [`is_disk_unusable`](OpError::is_disk_unusable): usually a device that the table uses is missing, busy or
    ///   cannot be opened.
    /// - [`OpErrorKind::SuspendedInternally`]: the kernel kept the device suspended internally until the timeout for
    ///   udev expired.
    /// - [`is_interrupted`](OpError::is_interrupted): a signal arrived while I/O was flushed.
    /// - [`is_timed_out`](OpError::is_timed_out): the suspension, udev or another operation on the device did not
    ///   finish in time.
    /// - [`is_not_found`](OpError::is_not_found): the device does not exist.
    #[doc(alias = "DM_DEVICE_RELOAD")]
    #[doc(alias = "dmsetup reload")]
    #[doc(alias = "dmsetup wipe_table")]
    pub fn reload<P: TargetParams>(
        &self,
        id: impl AsDevId,
        lines: impl IntoIterator<Item = TargetLine<P>>,
    ) -> Result<DeviceInfo, OpError> {
        self.reload_with(id, lines, ReloadOptions::new())
    }

    /// Replaces the active table of a device, which can be in use. The options can, for example, skip the flush of its
    /// I/O.
    ///
    /// # Errors
    /// As [`reload`](Self::reload). [`OpErrorKind::ReadAhead`]: the new table is active, but the read-ahead cannot be
    /// set.
    pub fn reload_with<P: TargetParams>(
        &self,
        id: impl AsDevId,
        lines: impl IntoIterator<Item = TargetLine<P>>,
        options: ReloadOptions,
    ) -> Result<DeviceInfo, OpError> {
        let mut op = Op::new(self, Operation::Reload, &id)?;
        let mut table = prepare(&op, lines)?;
        let moment = self.locks.moment();
        let old = read_active_table(&op)?;
        let info = old.info();
        op.found(&info);
        let locked = self.lock(&op, &info, moment)?;
        let old = if locked.state_is_outdated() { read_active_table(&op)? } else { old };
        let info = replace(&mut op, &mut table, &old, options)?;
        drop(locked);
        let set = read_ahead::set(&op, &info, options.read_ahead);
        op.finish()?;
        set.map(|()| info)
    }
}

/// Reads the active table, which must exist.
fn read_active_table(op: &Op<'_>) -> Result<TableStatus, OpError> {
    let table = uninterrupted(|| op.dm().table_status_with(op.target(), read_table()));
    let table = table.map_err(|error| op.fail(Step::Read, error))?;
    if table.info().has_active_table() { Ok(table) } else { Err(op.fail(Step::Check, OpErrorKind::NoActiveTable)) }
}

pub(super) fn replace(
    op: &mut Op<'_>,
    table: &mut PreparedTable,
    old: &TableStatus,
    options: ReloadOptions,
) -> Result<DeviceInfo, OpError> {
    let before = old.info();
    op.check_can_resume(Step::Check, &before)?;
    let read_only = options.read_only.unwrap_or(before.is_read_only());
    let undo = |op: &Op<'_>, loaded, table| Before { info: &before, loaded, table, resumes: false }.put_back(op);
    load(op, table, options.load.read_only(read_only)).map_err(|error| {
        let state = undo(op, Loaded::after_op(&error), NewTable::Unchanged);
        error.with_state(state)
    })?;
    let cookie = op.udev.expect(options.shown.udev_flags());
    let resume = ResumeOptions::new().suspend(options.suspend.options()).cookie(cookie);
    // The cookie is ready. From here to the resume, the successful path allocates nothing.
    if let Err(failure) = options.suspend.suspend(op, &before) {
        op.udev.sent(false);
        let state = undo(op, Loaded::Yes, NewTable::Instead(old));
        return Err(op.failed(Step::Suspend, failure, state));
    }
    let resumed = op.dm().device_resume_with(op.target(), resume);
    op.udev.sent(resumed.as_ref().is_ok_and(DeviceInfo::uevent_generated));
    let info = resumed.or_else(|error| {
        if let Some(info) = resumed_all_the_same(op, &before, Some(old)) {
            return Ok(info);
        }
        // The new table is still in the inactive slot, or was destroyed because it could not replace the old one, or is
        // active and its targets could not be resumed (`do_resume` in drivers/md/dm-ioctl.c).
        let state = undo(op, Loaded::Yes, NewTable::Instead(old));
        Err(op.failed(Step::Resume, error, state))
    })?;
    op.udev.note_present(&info);
    Ok(info)
}
