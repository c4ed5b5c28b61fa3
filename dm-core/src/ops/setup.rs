//! Several commands that belong together, and are undone together when one fails.

use std::fmt;

use dm_units::DeviceNumber;

use crate::commands::{
    CreateOptions, LoadOptions, RemoveOptions, ResumeOptions, StatusOptions, SuspendOptions, TableStatus, TargetLine,
    WriteParams,
};
use crate::error::{Error, RequestFault};
use crate::id::dev_id::DevId;
use crate::id::name::DmName;
use crate::node::dm::Dm;
use crate::node::transport::Transport;
use crate::ops::retry::Retry;
use crate::wire::buffer::Buffer;
use crate::wire::command::Command;
use crate::wire::info::DeviceInfo;

/// Options of [`Dm::device_setup`]: those of the commands that it is made of.
#[derive(Clone, Copy, Debug, Default)]
pub struct SetupOptions<'a> {
    create: CreateOptions<'a>,
    load: LoadOptions,
    pub(crate) resume: ResumeOptions,
}

impl<'a> SetupOptions<'a> {
    /// All as by default.
    #[must_use]
    pub const fn new() -> Self {
        Self { create: CreateOptions::new(), load: LoadOptions::new(), resume: ResumeOptions::new() }
    }

    /// How to create the device.
    #[must_use]
    pub const fn create(self, create: CreateOptions<'a>) -> Self {
        Self { create, ..self }
    }

    /// How to load its table.
    #[must_use]
    pub const fn load(self, load: LoadOptions) -> Self {
        Self { load, ..self }
    }

    /// How to put the table in force.
    #[must_use]
    pub const fn resume(self, resume: ResumeOptions) -> Self {
        Self { resume, ..self }
    }
}

/// Options of [`Dm::device_reload`]: those of the commands that it is made of.
#[derive(Clone, Copy, Debug, Default)]
pub struct ReloadOptions {
    load: LoadOptions,
    suspend: SuspendOptions,
    resume: ResumeOptions,
}

impl ReloadOptions {
    /// All as by default.
    #[must_use]
    pub const fn new() -> Self {
        Self { load: LoadOptions::new(), suspend: SuspendOptions::new(), resume: ResumeOptions::new() }
    }

    /// How to load the new table. With [`secure`](LoadOptions::secure), the old one is read and loaded back that way, too.
    #[must_use]
    pub const fn load(self, load: LoadOptions) -> Self {
        Self { load, ..self }
    }

    /// How to suspend the device.
    #[must_use]
    pub const fn suspend(self, suspend: SuspendOptions) -> Self {
        Self { suspend, ..self }
    }

    /// How to put the new table in force.
    #[must_use]
    pub const fn resume(self, resume: ResumeOptions) -> Self {
        Self { resume, ..self }
    }
}

/// Why several commands in a row did not get to their end, and whether all is again as it was before.
#[derive(Debug)]
pub struct StepError {
    /// The command that failed.
    pub cause: Error,
    /// The command that failed when what was done before was to be undone. `None` if all is as it was.
    pub not_undone: Option<Box<Error>>,
}

impl fmt::Display for StepError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.cause.fmt(f)?;
        match &self.not_undone {
            Some(error) => write!(f, "; what was done before could not be undone: {error}"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for StepError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.cause.source()
    }
}

impl StepError {
    pub(crate) fn new(cause: Error, undone: Result<(), Error>) -> Self {
        Self { cause, not_undone: undone.err().map(Box::new) }
    }

    /// For a first step: there is nothing to be undone.
    pub(crate) fn first(cause: Error) -> Self {
        Self { cause, not_undone: None }
    }
}

impl<T: Transport> Dm<T> {
    /// Creates a device, loads its table and puts that in force.
    ///
    /// When a step fails, the device is removed again.
    ///
    /// # Errors
    /// Those of [`device_create`](Self::device_create), [`table_load`](Self::table_load) and
    /// [`device_resume`](Self::device_resume), and what could not be undone.
    pub fn device_setup<'l, P: WriteParams>(
        &self,
        buffer: &mut Buffer,
        name: DmName<'_>,
        lines: impl IntoIterator<Item = TargetLine<'l, P>>,
        options: SetupOptions<'_>,
    ) -> Result<DeviceInfo, StepError> {
        self.setup_with(buffer, name, lines, options, |number| self.device_resume(number, options.resume))
    }

    /// The same, with the last step left to the caller.
    pub(crate) fn setup_with<'l, P: WriteParams>(
        &self,
        buffer: &mut Buffer,
        name: DmName<'_>,
        lines: impl IntoIterator<Item = TargetLine<'l, P>>,
        options: SetupOptions<'_>,
        resume: impl FnOnce(DeviceNumber) -> Result<DeviceInfo, Error>,
    ) -> Result<DeviceInfo, StepError> {
        // By its number, the device that is removed can only be the one that was created.
        let number = self.device_create(name, options.create).map_err(StepError::first)?.number();
        self.table_load(buffer, number, lines, options.load).and_then(|_| resume(number)).map_err(|cause| {
            let removed = self.device_remove(number, RemoveOptions::new().retry(Retry::default()));
            StepError::new(cause, removed.map(drop))
        })
    }

    /// Puts another table in force on a device that is in use: loads it, suspends the device, resumes it.
    ///
    /// When a step fails, the old table is in force again and the device goes on, or is suspended if it was before. A table
    /// that was in the inactive slot is lost.
    ///
    /// # Errors
    /// Those of [`table_load`](Self::table_load), [`device_suspend`](Self::device_suspend) and
    /// [`device_resume`](Self::device_resume), and what could not be undone. The device must have a table in force.
    pub fn device_reload<'a, 'l, P: WriteParams>(
        &self,
        buffer: &mut Buffer,
        id: impl Into<DevId<'a>>,
        lines: impl IntoIterator<Item = TargetLine<'l, P>>,
        options: ReloadOptions,
    ) -> Result<DeviceInfo, StepError> {
        // A buffer of its own, since that is wiped if the table has keys.
        let mut old_buffer = Buffer::new();
        let read = StatusOptions::table().noflush(true).secure(options.load.is_secure());
        let old = self.table_status(&mut old_buffer, id, read).map_err(StepError::first)?;
        if !old.info().has_active_table() {
            return Err(StepError::first(Error::request(Command::TableLoad, RequestFault::NoActiveTable)));
        }
        // By its number, since nobody renames that.
        let number = old.info().number();

        self.table_load(buffer, number, lines, options.load).map_err(StepError::first)?;
        self.device_suspend(number, options.suspend).map_err(|cause| {
            let undone = self.table_clear(number).and_then(|_| self.go_on(&old));
            StepError::new(cause, undone)
        })?;
        self.device_resume(number, options.resume).map_err(|cause| {
            let undone = self.load_back(buffer, &old, options.load).and_then(|()| self.go_on(&old));
            StepError::new(cause, undone)
        })
    }

    /// After a resume that failed, the new table is in force if its targets could not be resumed, and the old one if the
    /// new one could not take its place (`do_resume` in drivers/md/dm-ioctl.c). The inactive slot is empty in both cases.
    fn load_back(&self, buffer: &mut Buffer, old: &TableStatus<&[u8]>, options: LoadOptions) -> Result<(), Error> {
        let number = old.info().number();
        let read = StatusOptions::table().noflush(true).secure(options.is_secure());
        if self.table_status(buffer, number, read)?.has_lines_of(old) {
            return Ok(());
        }
        let lines = old.iter().collect::<Result<Vec<_>, _>>()?;
        let options = options.read_only(old.info().is_read_only());
        self.table_load(buffer, number, lines, options)?;
        self.device_resume(number, ResumeOptions::new()).map(drop)
    }

    /// Resumes the device, or suspends it if it was before.
    fn go_on(&self, before: &TableStatus<&[u8]>) -> Result<(), Error> {
        let number = before.info().number();
        if before.info().is_suspended() {
            self.device_suspend(number, SuspendOptions::new().noflush(true).skip_lockfs(true)).map(drop)
        } else {
            self.device_resume(number, ResumeOptions::new()).map(drop)
        }
    }
}
