//! Restores the state that a device had before an operation failed.

use super::error::{OpError, OpErrorKind, Remains, StateAfter};
use super::op::{Op, uninterrupted};
use crate::commands::{LoadOptions, ResumeOptions, StatusOptions, SuspendOptions, TableStatus};
use crate::error::{Error, Result};
use crate::id::DevId;
use crate::wire::DeviceInfo;

/// Whether the inactive slot may contain a table of the operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Loaded {
    /// The operation loads no table.
    No,
    /// Loading failed, so a table that was there before is still there.
    Failed,
    /// Loading failed after the kernel may have loaded the table, which then replaced one that was there before.
    Lost,
    /// The table was loaded.
    Yes,
}

impl Loaded {
    /// After a failed load. The kernel returns `EFAULT` also if it cannot copy the reply (`ctl_ioctl` in
    /// drivers/md/dm-ioctl.c).
    pub(super) fn after(error: &Error) -> Self {
        let is_lost = matches!(error, Error::Reply(_)) || error.errno() == Some(nix::libc::EFAULT);
        if is_lost { Self::Lost } else { Self::Failed }
    }

    /// As [`after`](Self::after), for the error of an operation's load.
    pub(super) fn after_op(error: &OpError) -> Self {
        match error.kind() {
            OpErrorKind::Command(error) => Self::after(error),
            _ => Self::Failed,
        }
    }
}

/// The table that may have replaced the active one.
#[derive(Clone, Copy, Debug)]
pub(super) enum NewTable<'a> {
    /// The operation replaces no table.
    Unchanged,
    /// A new table may have replaced this one.
    Instead(&'a TableStatus),
    /// An `error` target may have replaced the table.
    Errors,
    /// The device had no table before.
    First,
}

/// The state before an operation, and the steps that may have taken effect.
#[derive(Clone, Copy, Debug)]
pub(super) struct Before<'a> {
    pub(super) info: &'a DeviceInfo,
    pub(super) loaded: Loaded,
    pub(super) table: NewTable<'a>,
    /// The operation resumes a device that was suspended, so the undo does not suspend it again.
    pub(super) resumes: bool,
}

impl<'a> Before<'a> {
    /// For an operation that only suspends the device.
    pub(super) const fn suspending(info: &'a DeviceInfo) -> Self {
        Self { info, loaded: Loaded::No, table: NewTable::Unchanged, resumes: false }
    }

    /// Undoes what can be undone, and reads the resulting state.
    ///
    /// Tries all steps, even if one fails.
    pub(super) fn put_back(self, op: &Op<'_>) -> StateAfter {
        let mut error = None;
        let now = match op.read() {
            Ok(now) if now.number() == self.info.number() => Some(now),
            Ok(_) => return self.gone(op),
            Err(fault) if fault.is_not_found() => return self.gone(op),
            Err(fault) => {
                error = Some(fault);
                None
            }
        };
        let has_inactive = now.as_ref().is_none_or(DeviceInfo::has_inactive_table);
        let is_suspended = now.as_ref().is_none_or(DeviceInfo::is_suspended);
        let is_ours = match self.loaded {
            Loaded::No => false,
            Loaded::Failed | Loaded::Lost => !self.info.has_inactive_table(),
            Loaded::Yes => true,
        };
        let was_suspended = self.info.is_suspended();
        // An operation that could not load its table has not suspended the device.
        let must_resume = !was_suspended && is_suspended && !matches!(self.loaded, Loaded::Failed | Loaded::Lost);
        // A resume would make the loaded table active.
        let must_clear = has_inactive && (is_ours || must_resume);
        let may_resume = must_resume || matches!(self.table, NewTable::Instead(_));
        if may_resume && now.as_ref().is_some_and(|now| !op.can_resume(now)) {
            return self.judge(op, error);
        }
        let mut step = |result: Result<()>| result.map_err(|fault| error.get_or_insert(fault).clone()).is_ok();
        let is_clear = !must_clear || step(uninterrupted(|| op.dm().table_clear(op.target()).map(drop)));
        if let NewTable::Instead(old) = self.table {
            step(restore(op, old, !is_clear));
        }
        if was_suspended && !self.resumes {
            step(uninterrupted(|| op.dm().device_suspend_with(op.target(), AT_ONCE).map(drop)));
        } else if must_resume && (is_clear || !matches!(self.table, NewTable::Unchanged)) {
            step(op.resume(ResumeOptions::new().cookie(op.udev.of_undo())).map(drop));
        }
        self.judge(op, error)
    }

    /// Reads which effects of the operation remain.
    pub(super) fn judge(self, op: &Op<'_>, error: Option<Error>) -> StateAfter {
        let now = match op.read() {
            Ok(now) if now.number() == self.info.number() => now,
            Ok(_) => return self.gone(op),
            Err(fault) if fault.is_not_found() => return self.gone(op),
            Err(fault) => return StateAfter::left(vec![Remains::Unknown], error.or(Some(fault))),
        };
        let mut remains = Vec::new();
        match (self.info.is_suspended(), now.is_suspended()) {
            (false, true) => remains.push(Remains::Suspended),
            // Reported because the operation should have resumed it.
            (true, true) if self.resumes => remains.push(Remains::Suspended),
            (true, false) => remains.push(Remains::Resumed),
            _ => {}
        }
        let active = self.active_table(op, &now);
        // A resume makes the inactive table active.
        let is_active = self.loaded == Loaded::No && active == Some(Remains::NewTable);
        let is_replaced = self.loaded == Loaded::Yes || !now.has_inactive_table();
        if self.info.has_inactive_table() && is_replaced && !is_active {
            remains.push(Remains::InactiveTableDropped);
        }
        if now.has_inactive_table() && (self.loaded == Loaded::Yes || !self.info.has_inactive_table()) {
            remains.push(Remains::TableLoaded);
        }
        if self.loaded == Loaded::Lost && self.info.has_inactive_table() && now.has_inactive_table() {
            // It is the earlier table or the new one.
            remains.push(Remains::Unknown);
        }
        remains.extend(active);
        StateAfter::left(remains, error)
    }

    fn active_table(self, op: &Op<'_>, now: &DeviceInfo) -> Option<Remains> {
        let read = || uninterrupted(|| op.dm().table_status_with(op.target(), read_table()));
        match self.table {
            NewTable::Unchanged => None,
            NewTable::First => now.has_active_table().then_some(Remains::NewTable),
            NewTable::Instead(old) => match read() {
                Ok(table) => (!is_same(&table, old)).then_some(Remains::NewTable),
                Err(_) => Some(Remains::Unknown),
            },
            NewTable::Errors => match read() {
                Ok(table) => has_errors_only(&table).then_some(Remains::ErrorTable),
                Err(_) => Some(Remains::Unknown),
            },
        }
    }

    /// Called when the device is no longer found: nothing is left of a removed device.
    ///
    /// If the caller gave its name, it may have been renamed, which a lookup by number shows.
    fn gone(self, op: &Op<'_>) -> StateAfter {
        if !matches!(op.target(), DevId::Name(_)) {
            return StateAfter::Undone;
        }
        match uninterrupted(|| op.dm().device_info(self.info.number())) {
            Err(error) if error.is_not_found() => StateAfter::Undone,
            Ok(_) => StateAfter::left(vec![Remains::Unknown], None),
            Err(error) => StateAfter::left(vec![Remains::Unknown], Some(error)),
        }
    }
}

/// How an undo or a forced removal suspends. On a kernel before ioctl interface 4.12 it flushes, since failing would be
/// worse.
pub(super) const AT_ONCE: SuspendOptions = SuspendOptions::without_flush().if_possible(true);

/// A table that is read for comparison is always treated as secret.
pub(super) const fn read_table() -> StatusOptions {
    StatusOptions::table().noflush(true).secure(true).if_possible(true)
}

pub(super) fn has_errors_only(table: &TableStatus) -> bool {
    table.iter().all(|line| line.is_ok_and(|line| line.target_type == *"error"))
}

/// Whether two active tables have the same lines and make the device read-only or read-write alike.
pub(super) fn is_same(table: &TableStatus, old: &TableStatus) -> bool {
    table.info().is_read_only() == old.info().is_read_only() && table.has_lines_of(old)
}

/// Makes a table active again, if it is not active, or if the next resume would replace it. A table whose key was wiped is
/// not loaded.
fn restore(op: &Op<'_>, old: &TableStatus, is_threatened: bool) -> Result<()> {
    let (dm, id) = (op.dm(), op.target());
    if !is_threatened && is_same(&uninterrupted(|| dm.table_status_with(id, read_table()))?, old) {
        return Ok(());
    }
    // The new table stays: with the old one as it is printed, I/O would be encrypted with a key of zeros.
    if old.has_wiped_key() {
        return Ok(());
    }
    // A kernel that cannot wipe its copy must not prevent the undo.
    let options = LoadOptions::new().read_only(old.info().is_read_only()).secure(true).if_possible(true);
    uninterrupted(|| {
        let lines = old.iter().map(|line| line.map(|line| line.to_line())).collect::<Result<Vec<_>, _>>()?;
        dm.table_load_with(id, lines, options)
    })?;
    // While the new table is active there may be I/O that it cannot complete.
    op.resume(ResumeOptions::new().suspend(AT_ONCE).cookie(op.udev.of_undo())).map(drop).inspect_err(|_| {
        let _ = dm.table_clear(id);
    })
}
