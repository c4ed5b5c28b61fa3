//! `DM_TABLE_STATUS` and `DM_DEV_WAIT`, which have the same reply.

use core::mem::offset_of;

use dm_sys::dm_target_spec;

use super::{TableSlot, TableStatus, dev_id, since};
use crate::error::Result;
use crate::id::AsDevId;
use crate::node::{Dm, ReplySizes};
use crate::wire::buffer::Buffer;
use crate::wire::header::{self, Request};
use crate::wire::scan::u32_at;
use crate::wire::{Command, Flags};

/// The interface version that reads without committing metadata first.
const NOFLUSH_MINOR: u32 = 12;
/// The interface version required for measurements. Kernels with this version but without measurements return the
/// status.
const IMA_MINOR: u32 = 45;

/// Selects the text that the targets of a table report.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum StatusKind {
    /// The present state of the target, `STATUSTYPE_INFO`.
    #[default]
    Status,
    /// The params of the table, `STATUSTYPE_TABLE`.
    Table,
    /// The measurement that the integrity measurement architecture (IMA) records, `STATUSTYPE_IMA`.
    ///
    /// Requires Linux 5.15. The interface version was not raised for this, so a kernel with ioctl interface 4.45 may
    /// return the status instead. A measurement starts with `target_name=`. For a target without measurements, such as
    /// `thin`, the text is empty.
    #[doc(alias = "dm_task_ima_measurement")]
    #[doc(alias = "dmsetup measure")]
    Ima,
}

/// Which table and which text [`Dm::table_status_with`] and [`Dm::device_wait_with`] read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct StatusOptions {
    kind: StatusKind,
    slot: TableSlot,
    noflush: bool,
    secure: bool,
    if_possible: bool,
}

impl StatusOptions {
    /// Reads the status of the active table, after thin pools, caches and clones have committed their metadata.
    #[must_use]
    pub const fn new() -> Self {
        Self { kind: StatusKind::Status, slot: TableSlot::Active, noflush: false, secure: false, if_possible: false }
    }

    /// Reads the params of the active table.
    #[must_use]
    #[doc(alias = "DM_DEVICE_TABLE")]
    #[doc(alias = "dmsetup table")]
    pub const fn table() -> Self {
        Self::new().kind(StatusKind::Table)
    }

    /// Selects the text to read.
    #[must_use]
    pub const fn kind(self, kind: StatusKind) -> Self {
        Self { kind, ..self }
    }

    /// Selects the active or the inactive table. The inactive table requires ioctl interface 4.16.
    #[must_use]
    #[doc(alias = "dm_task_query_inactive_table")]
    pub const fn slot(self, slot: TableSlot) -> Self {
        Self { slot, ..self }
    }

    /// Reads the status without committing metadata first. Requires ioctl interface 4.12.
    #[must_use]
    pub const fn noflush(self, noflush: bool) -> Self {
        Self { noflush, ..self }
    }

    /// Treats the whole reply as secret: the kernel and this library wipe their copies, and the
    /// [`params`](crate::TargetStatus::params) of its lines show only their length. Requires ioctl interface 4.20.
    ///
    /// Without this option, the kernel does not wipe its copy. This library then treats the reply as secret only if the
    /// reply has params or measurements and one of the targets is known to take keys.
    #[must_use]
    pub const fn secure(self, secure: bool) -> Self {
        Self { secure, ..self }
    }

    /// Whether to send the command, as libdm does, even if the kernel lacks an option. By default the command fails on
    /// such a kernel with [`Error::Unsupported`](crate::Error::Unsupported). If the kernel lacks
    ///
    /// - [`slot`](Self::slot), it reports about the active table;
    /// - [`noflush`](Self::noflush), it commits metadata first;
    /// - [`secure`](Self::secure), it does not wipe its copy;
    /// - [`StatusKind::Ima`], the command fails nevertheless.
    #[must_use]
    pub const fn if_possible(self, if_possible: bool) -> Self {
        Self { if_possible, ..self }
    }

    #[inline]
    fn apply(self, request: Request<'_>) -> Request<'_> {
        self.slot
            .apply(request, self.if_possible)
            .flag(Flags::STATUS_TABLE, self.kind == StatusKind::Table)
            .flag_since(IMA_MINOR, Flags::IMA_MEASUREMENT, self.kind == StatusKind::Ima)
            .flag_since(since(NOFLUSH_MINOR, self.if_possible), Flags::NOFLUSH, self.noflush)
            .secure_if_possible(self.if_possible)
            .secure(self.secure)
    }
}

/// The size offered first: enough for the table of most devices.
const FIRST_SIZE: usize = 1024;

/// A reply that does not fit has the number of lines and those lines that did fit, from whose length the total is
/// estimated.
fn grow(reply: &Buffer, offered: usize) -> usize {
    let header = reply.header();
    let payload = reply.bytes().get(header::data_start(header)..reply.reply_len()).unwrap_or_default();
    let complete = complete_lines(payload);
    match payload.len().checked_div(complete) {
        Some(mean) => {
            let line = mean.saturating_add(mean / 8).saturating_add(EXTRA_DIGITS);
            line.saturating_mul(header::target_count(header) as usize).saturating_add(FIRST_SIZE)
        }
        // Not even the first line did fit.
        None => offered.saturating_mul(8),
    }
}

/// Start sectors are small in the first lines of a table and have more digits in the last.
const EXTRA_DIGITS: usize = 16;

/// The number of complete lines in a reply; if it did not fit, the last one has no successor.
fn complete_lines(payload: &[u8]) -> usize {
    let next = |at: usize| {
        let spec = payload.get(at..)?;
        Some(u32_at(spec, offset_of!(dm_target_spec, next))? as usize)
    };
    core::iter::successors(Some(0), |&at| next(at).filter(|&next| next > at && next < payload.len()))
        .count()
        .min(payload.len())
}

impl Dm {
    /// Reads the status of the active table.
    ///
    /// - Ioctl interface 4.0 and later.
    /// - If the device has no active table, the reply has no lines.
    /// - The device need not be suspended. Thin pools, caches and clones that are not suspended commit their metadata
    ///   first, unless [`noflush`](StatusOptions::noflush) is set.
    ///
    /// ```
    /// # let memory = dm_testing::MemoryKernel::new();
    /// # memory.host().create("home", [dm_core::TargetLine::text(dm_units::Sectors(0), dm_units::Sectors(8), "zero", "")])?;
    /// # let dm = memory.dm();
    /// for line in &dm.table_status("home")? {
    ///     println!("{}", line?);
    /// }
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// [`is_not_found`](crate::Error::is_not_found).
    #[doc(alias = "DM_TABLE_STATUS")]
    #[doc(alias = "DM_DEVICE_STATUS")]
    #[doc(alias = "dmsetup status")]
    pub fn table_status(&self, id: impl AsDevId) -> Result<TableStatus> {
        self.table_status_with(id, StatusOptions::new())
    }

    /// Reads the status, the params or the IMA measurement of a table.
    ///
    /// # Errors
    /// [`is_not_found`](crate::Error::is_not_found). [`is_unsupported`](crate::Error::is_unsupported): the kernel is
    /// too old for an option.
    pub fn table_status_with(&self, id: impl AsDevId, options: StatusOptions) -> Result<TableStatus> {
        self.status(&options.apply(Request::of(Command::TableStatus, dev_id(Command::TableStatus, &id)?)))
    }

    /// Waits until a device's event number differs from `event_nr`, then reads the status of its active table.
    ///
    /// - Ioctl interface 4.0 and later.
    /// - Returns immediately if the number already differs, so no event is missed between two calls.
    /// - Otherwise blocks until an event or a signal arrives. If the signal's handler has `SA_RESTART`, the wait
    ///   continues.
    /// - Removing the device ends the wait only if it has an active table. Without one, the removal blocks until this
    ///   call returns.
    /// - To wait with a timeout, use [`wait_event`](Self::wait_event). To wait for many devices, use an
    ///   [`EventPoller`](crate::EventPoller).
    ///
    /// # Errors
    /// [`is_interrupted`](crate::Error::is_interrupted): a signal arrived.
    /// [`is_not_found`](crate::Error::is_not_found).
    #[doc(alias = "DM_DEV_WAIT")]
    #[doc(alias = "DM_DEVICE_WAITEVENT")]
    #[doc(alias = "dm_task_set_event_nr")]
    pub fn device_wait(&self, id: impl AsDevId, event_nr: u32) -> Result<TableStatus> {
        self.device_wait_with(id, event_nr, StatusOptions::new())
    }

    /// Waits until a device's event number differs from `event_nr`, then reads what the options select.
    ///
    /// # Errors
    /// As [`device_wait`](Self::device_wait). [`is_unsupported`](crate::Error::is_unsupported): the kernel is too old
    /// for an option. With [`secure`](StatusOptions::secure), also [`is_invalid`](crate::Error::is_invalid): a signal
    /// restarted the command after the kernel had wiped the request.
    pub fn device_wait_with(&self, id: impl AsDevId, event_nr: u32, options: StatusOptions) -> Result<TableStatus> {
        let request = Request { event_nr, ..Request::of(Command::DeviceWait, dev_id(Command::DeviceWait, &id)?) };
        self.status(&options.apply(request))
    }

    #[inline]
    fn status(&self, request: &Request<'_>) -> Result<TableStatus> {
        let reply = self.ask(request, &ReplySizes { first: FIRST_SIZE, least: 0, grow }, |_| Ok(()))?;
        Ok(TableStatus::new(reply)?)
    }
}
