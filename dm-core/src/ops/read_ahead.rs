//! The read-ahead of a device: reading and setting it, also as the last step of other operations.

use std::io;

use dm_units::{DeviceNumber, Sectors};

use super::error::{OpError, OpErrorKind, Operation, StateAfter, Step};
use super::host::Host;
use super::op::Op;
use crate::commands::ResumeOptions;
use crate::error::Errno;
use crate::id::AsDevId;
use crate::machine::block::{ReadAhead, read_ahead, read_ahead_path, set_read_ahead};
use crate::wire::DeviceInfo;

/// How an operation resumes a device: the options of the command, and the read-ahead.
///
/// [`Host::resume_with`](crate::Host::resume_with) also accepts [`ResumeOptions`], which convert into this type.
#[derive(Clone, Copy, Debug, Default)]
pub struct ResumePolicy {
    pub(super) options: ResumeOptions,
    pub(super) read_ahead: ReadAhead,
}

impl ResumePolicy {
    /// The defaults: [`ResumeOptions::new`] and [`ReadAhead::Auto`].
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets the options of the command.
    #[must_use]
    pub const fn options(self, options: ResumeOptions) -> Self {
        Self { options, ..self }
    }

    /// Sets the read-ahead that the device gets after the resume. By default, [`ReadAhead::Auto`].
    #[must_use]
    pub const fn read_ahead(self, read_ahead: ReadAhead) -> Self {
        Self { read_ahead, ..self }
    }
}

impl From<ResumeOptions> for ResumePolicy {
    fn from(options: ResumeOptions) -> Self {
        Self::new().options(options)
    }
}

impl Host {
    /// Reads the read-ahead of a device, in sectors.
    ///
    /// # Errors
    /// [`is_not_found`](OpError::is_not_found): the device does not exist. [`OpErrorKind::ReadAhead`]: no table of the
    /// device has been loaded yet, sysfs cannot be read, or the host uses a kernel in memory, which has no sysfs.
    pub fn read_ahead(&self, id: impl AsDevId) -> Result<Sectors, OpError> {
        let mut op = Op::new(self, Operation::ReadAhead, &id)?;
        let info = op.info()?;
        op.found(&info);
        read_ahead(info.number()).map_err(|error| op.fail(Step::Read, fault(info.number(), &error)))
    }

    /// Sets the read-ahead of a device. [`Auto`](ReadAhead::Auto) changes nothing. The kernel can change the value
    /// again when a new table becomes active.
    ///
    /// ```no_run
    /// use dm_core::{Host, block::ReadAhead};
    /// use dm_units::Sectors;
    ///
    /// Host::open()?.set_read_ahead("home", ReadAhead::AtLeast(Sectors(1024)))?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// As [`read_ahead`](Self::read_ahead). [`OpErrorKind::ReadAhead`] also if the kernel refuses the number, or if the
    /// process lacks the permission to write to sysfs ([`is_permission_denied`](OpError::is_permission_denied)).
    pub fn set_read_ahead(&self, id: impl AsDevId, read_ahead: ReadAhead) -> Result<(), OpError> {
        let mut op = Op::new(self, Operation::ReadAhead, &id)?;
        let info = op.info()?;
        op.found(&info);
        set(&op, &info, read_ahead).map_err(|error| error.with_state(StateAfter::Undone))
    }
}

/// Sets the read-ahead after an operation has resumed the device. A failure does not undo the operation.
pub(super) fn set(op: &Op<'_>, info: &DeviceInfo, read_ahead: ReadAhead) -> Result<(), OpError> {
    let number = info.number();
    set_read_ahead(number, read_ahead)
        .map_err(|error| op.failed(Step::ReadAhead, fault(number, &error), StateAfter::Done))
}

fn fault(number: DeviceNumber, error: &io::Error) -> OpErrorKind {
    OpErrorKind::ReadAhead { path: read_ahead_path(number), errno: Errno::of(error) }
}
