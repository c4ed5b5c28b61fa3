//! Putting a device back into the state that it had before an operation failed.

use super::error::{Remains, StateAfter};
use super::op::{Op, uninterrupted};
use crate::commands::{LoadOptions, ResumeOptions, StatusOptions, SuspendOptions, TableStatus};
use crate::error::{Error, Result};
use crate::id::DevId;
use crate::node::Dm;
use crate::wire::DeviceInfo;

/// Whether the inactive slot may hold a table of the operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Loaded {
    /// The operation loads none.
    No,
    /// Loading it failed, so a table that was there before still is.
    Failed,
    /// It was loaded.
    Yes,
}

/// What the active table is, if it is not the one from before.
#[derive(Clone, Copy, Debug)]
pub(super) enum NewTable<'a> {
    /// The operation replaces none.
    Unchanged,
    /// It may have replaced this one.
    Instead(&'a TableStatus),
    /// It may have replaced one by a table of errors.
    Errors,
    /// There was none.
    First,
}

/// The state from before an operation, and how far the operation may have got.
#[derive(Clone, Copy, Debug)]
pub(super) struct Before<'a> {
    pub(super) info: &'a DeviceInfo,
    pub(super) loaded: Loaded,
    pub(super) table: NewTable<'a>,
    /// The operation is to resume a device that was suspended, so it is not suspended again.
    pub(super) resumes: bool,
}

impl<'a> Before<'a> {
    /// Of an operation that suspends the device only.
    pub(super) const fn suspending(info: &'a DeviceInfo) -> Self {
        Self { info, loaded: Loaded::No, table: NewTable::Unchanged, resumes: false }
    }

    /// Undoes what can be undone, and reads what is left.
    ///
    /// A step that fails does not keep the others from being tried.
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
        let mut step = |step: &dyn Fn(&Dm, DevId<'_>) -> Result<()>| {
            let result = uninterrupted(|| step(op.dm(), op.target()));
            result.map_err(|fault| error.get_or_insert(fault).clone()).is_ok()
        };
        let has_inactive = now.as_ref().is_none_or(DeviceInfo::has_inactive_table);
        let is_suspended = now.as_ref().is_none_or(DeviceInfo::is_suspended);
        let is_ours = match self.loaded {
            Loaded::No => false,
            Loaded::Failed => !self.info.has_inactive_table(),
            Loaded::Yes => true,
        };
        let was_suspended = self.info.is_suspended();
        // An operation that could not load its table has suspended nothing.
        let must_resume = !was_suspended && is_suspended && self.loaded != Loaded::Failed;
        // A resume would make it active.
        let must_clear = has_inactive && (is_ours || must_resume);
        let is_clear = !must_clear || step(&|dm, id| dm.table_clear(id).map(drop));
        if let NewTable::Instead(old) = self.table {
            step(&|dm, id| restore(dm, id, old, !is_clear));
        }
        if was_suspended && !self.resumes {
            step(&|dm, id| dm.device_suspend_with(id, SuspendOptions::at_once()).map(drop));
        } else if must_resume && (is_clear || !matches!(self.table, NewTable::Unchanged)) {
            step(&|dm, id| dm.device_resume(id).map(drop));
        }
        self.judge(op, error)
    }

    /// Reads what is left of the operation.
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
            // It was to be resumed, so the caller wants to know.
            (true, true) if self.resumes => remains.push(Remains::Suspended),
            (true, false) => remains.push(Remains::Resumed),
            _ => {}
        }
        let is_replaced = self.loaded == Loaded::Yes || !now.has_inactive_table();
        if self.info.has_inactive_table() && is_replaced {
            remains.push(Remains::InactiveTableDropped);
        }
        if now.has_inactive_table() && (self.loaded == Loaded::Yes || !self.info.has_inactive_table()) {
            remains.push(Remains::TableLoaded);
        }
        remains.extend(self.active_table(op, &now));
        StateAfter::left(remains, error)
    }

    fn active_table(self, op: &Op<'_>, now: &DeviceInfo) -> Option<Remains> {
        let read = || uninterrupted(|| op.dm().table_status_with(op.target(), read_table()));
        match self.table {
            NewTable::Unchanged => None,
            NewTable::First => now.has_active_table().then_some(Remains::NewTable),
            NewTable::Instead(old) => match read() {
                Ok(table) => (!table.has_lines_of(old)).then_some(Remains::NewTable),
                Err(_) => Some(Remains::Unknown),
            },
            NewTable::Errors => match read() {
                Ok(table) => has_errors_only(&table).then_some(Remains::ErrorTable),
                Err(_) => Some(Remains::Unknown),
            },
        }
    }

    /// The device is not found any more: nothing is left of one that was removed.
    ///
    /// If the caller named it by its name, it may have been renamed, and its number tells.
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

/// Tables that are read to be compared count as secret, whatever they are.
pub(super) const fn read_table() -> StatusOptions {
    StatusOptions::table().noflush(true).secure(true)
}

pub(super) fn has_errors_only(table: &TableStatus) -> bool {
    table.iter().all(|line| line.is_ok_and(|line| line.target_type == *"error"))
}

/// Makes a table active again, if it is not, or if another one would take its place at the next resume.
fn restore(dm: &Dm, id: DevId<'_>, old: &TableStatus, is_threatened: bool) -> Result<()> {
    if !is_threatened && dm.table_status_with(id, read_table())?.has_lines_of(old) {
        return Ok(());
    }
    let lines = old.iter().map(|line| line.map(|line| line.to_line())).collect::<Result<Vec<_>, _>>()?;
    dm.table_load_with(id, lines, LoadOptions::new().read_only(old.info().is_read_only()))?;
    // With the new table active there may be I/O that it can't complete.
    let resume = ResumeOptions::new().suspend(SuspendOptions::at_once());
    match dm.device_resume_with(id, resume) {
        Ok(_) => Ok(()),
        Err(error) => {
            let _ = dm.table_clear(id);
            Err(error)
        }
    }
}
