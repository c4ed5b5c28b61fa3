//! Takes over an existing device instead of creating it.

use super::error::{Difference, NUMBER_OF_LINES, OpError, OpErrorKind, Remains, StateAfter, Step};
use super::locks::Moment;
use super::op::{Op, uninterrupted};
use super::read_ahead;
use super::reload::replace;
use super::setup::{SetupOptions, by_reference, load, prepare, resume_new};
use super::suspend::resumed_all_the_same;
use super::undo::{Before, Loaded, NewTable};
use crate::commands::{FieldDifference, StatusOptions, TableStatus, TargetLine, TargetParams, TargetStatus, is_secret};
use crate::error::Error;
use crate::wire::DeviceInfo;

/// Decides which table an existing device must have so that [`Host::setup_with`](crate::Host::setup_with) takes the
/// device over.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum TakeOver {
    /// Exactly the requested table. This is the default.
    ///
    /// In the requested table, name devices by their numbers. Most targets print numbers, and a path does not equal a
    /// number.
    #[default]
    SameTable,
    /// A table with the same layout. The layout consists of all fields that determine where data is stored and what it
    /// means. Other fields, such as a low water mark or a policy, can differ; the existing table is kept. For params
    /// given as [text](crate::TargetLine::text), the whole text is the layout.
    SameLayout,
    /// A table with the same layout, as for [`SameLayout`](Self::SameLayout). If the table differs from the requested
    /// one, it is replaced, as by [`Host::reload`](crate::Host::reload).
    Update,
}

impl TakeOver {
    const fn refuses(self, difference: FieldDifference) -> bool {
        difference.is_layout || matches!(self, Self::SameTable)
    }
}

/// The message that cancels a deferred removal; it needs no table (`message_for_md` in drivers/md/dm-ioctl.c).
pub(super) const CANCEL_DEFERRED: &str = "@cancel_deferred_remove";

/// Takes over an existing device: its uuid, minor number, read-only state and tables are each as requested, or are
/// corrected, or are an error.
pub(super) fn take_over<P: TargetParams>(
    op: &mut Op<'_>,
    info: DeviceInfo,
    moment: Moment,
    lines: &[TargetLine<P>],
    options: SetupOptions<'_>,
) -> Result<DeviceInfo, OpError> {
    op.found(&info);
    // A device that seems unfinished may be in the middle of another operation.
    let is_finished = Unfinished::of(&info) == Unfinished::default();
    let may_change = !is_finished || options.take_over == TakeOver::Update;
    let locked = if !may_change { None } else { Some(op.host.lock(op, &info, moment)?) };
    let info = if locked.as_ref().is_some_and(|locked| locked.state_is_outdated()) { op.info()? } else { info };
    if let Some(difference) = options.difference(&info) {
        return Err(op.fail(Step::Check, OpErrorKind::Differs(difference)));
    }
    let mut outdated = None;
    if info.has_active_table() {
        outdated = check_lines(op, lines, options)?;
    }
    if info.is_internally_suspended() {
        return Err(op.fail(Step::Check, OpErrorKind::SuspendedInternally));
    }
    let unfinished = Unfinished::of(&info);
    if unfinished == Unfinished::default() && outdated.is_none() {
        read_ahead::set(op, &info, options.read_ahead)?;
        op.finish()?;
        return Ok(info);
    }
    if unfinished.is_removed_later {
        cancel_removal(op)?;
    }
    let mended = match outdated {
        _ if unfinished.has_no_table => give_table(op, &info, lines, options),
        Some(old) => update(op, &old, lines, options),
        None => mend_tables(op, &info, unfinished, options),
    };
    let cancelled = unfinished.is_removed_later.then_some(Remains::RemovalCancelled);
    let info = mended.and_then(|mended| mended.map_or_else(|| op.info(), Ok)).map_err(|error| {
        let state = error.state().clone().and(cancelled);
        error.with_state(state)
    })?;
    drop(locked);
    let set = read_ahead::set(op, &info, options.read_ahead);
    op.finish()?;
    set.map(|()| info)
}

/// The corrections that a device with the right table needs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Unfinished {
    is_removed_later: bool,
    has_no_table: bool,
    has_inactive_table: bool,
    is_suspended: bool,
}

impl Unfinished {
    fn of(info: &DeviceInfo) -> Self {
        Self {
            is_removed_later: info.is_deferred_remove(),
            has_no_table: !info.has_active_table(),
            has_inactive_table: info.has_inactive_table(),
            is_suspended: info.is_suspended(),
        }
    }
}

/// Cancels a deferred removal. If it is cancelled already, that is not an error.
pub(super) fn cancel_removal(op: &Op<'_>) -> Result<(), OpError> {
    let sent = uninterrupted(|| op.dm().target_msg(op.target(), CANCEL_DEFERRED));
    sent.map(drop).or_else(|error| match op.read() {
        Ok(info) if !info.is_deferred_remove() => Ok(()),
        Err(fault) if !fault.is_not_found() => {
            Err(op.failed(Step::Message, error, StateAfter::left(vec![Remains::Unknown], Some(fault))))
        }
        _ => Err(op.fail(Step::Message, error)),
    })
}

/// Loads the table of a device without an active table, and makes it active.
fn give_table<P: TargetParams>(
    op: &mut Op<'_>,
    info: &DeviceInfo,
    lines: &[TargetLine<P>],
    options: SetupOptions<'_>,
) -> Result<Option<DeviceInfo>, OpError> {
    let mut table = prepare(op, by_reference(lines))?;
    let before = |loaded| Before { info, loaded, table: NewTable::First, resumes: true };
    load(op, &mut table, options.load()).map_err(|error| {
        let state = before(Loaded::after_op(&error)).put_back(op);
        error.with_state(state)
    })?;
    let resumed = resume_new(op, options.shown);
    resumed.map(Some).map_err(|error| error.with_state(before(Loaded::Yes).put_back(op)))
}

/// Replaces a table of the same layout with the requested one, and resumes the device.
fn update<P: TargetParams>(
    op: &mut Op<'_>,
    old: &TableStatus,
    lines: &[TargetLine<P>],
    options: SetupOptions<'_>,
) -> Result<Option<DeviceInfo>, OpError> {
    let mut table = prepare(op, by_reference(lines))?;
    replace(op, &mut table, old, options.reload()).map(Some)
}

/// Removes a table in the inactive slot and resumes the device. Returns its state, unless neither was necessary.
fn mend_tables(
    op: &mut Op<'_>,
    info: &DeviceInfo,
    unfinished: Unfinished,
    options: SetupOptions<'_>,
) -> Result<Option<DeviceInfo>, OpError> {
    let before = Before { info, loaded: Loaded::No, table: NewTable::Unchanged, resumes: true };
    let mut now = None;
    if unfinished.has_inactive_table {
        let cleared = uninterrupted(|| op.dm().table_clear(op.target()));
        now = Some(cleared.map_err(|error| op.failed(Step::Clear, error, before.judge(op, None)))?);
    }
    if unfinished.is_suspended {
        let resumed = resume_new(op, options.shown).or_else(|error| {
            let now = resumed_all_the_same(op, info, None).ok_or(error)?;
            op.udev.note_present(&now);
            Ok(now)
        });
        now = Some(resumed.map_err(|error: OpError| error.with_state(before.judge(op, None)))?);
    }
    Ok(now)
}

/// Reads the active table and checks that it can be taken over. Returns it if it must be replaced.
fn check_lines<P: TargetParams>(
    op: &Op<'_>,
    lines: &[TargetLine<P>],
    options: SetupOptions<'_>,
) -> Result<Option<TableStatus>, OpError> {
    let policy = options.take_over;
    // The table may contain a key, so the kernel must wipe its copy. On a kernel that cannot do that, the setup fails,
    // unless the caller accepts that. An old kernel that flushes I/O instead is accepted always.
    let has_key = options.secure || lines.iter().any(|line| is_secret(&line.params));
    let may_ignore = !has_key || options.if_possible;
    let status = StatusOptions::table().noflush(true).secure(has_key).if_possible(may_ignore);
    let table = uninterrupted(|| op.dm().table_status_with(op.target(), status));
    let table = table.map_err(|error| op.fail(Step::Read, error))?;
    let mut is_same = true;
    let mut count = 0_usize;
    for (index, found) in table.iter().enumerate() {
        let found = found.map_err(|error| op.fail(Step::Read, Error::from(error)))?;
        let number = FieldDifference { field: NUMBER_OF_LINES, is_layout: true };
        let difference = lines.get(index).map_or(Some(number), |wanted| line_difference(wanted, &found));
        if let Some(FieldDifference { field, .. }) = difference.filter(|other| policy.refuses(*other)) {
            return Err(op.fail(Step::Check, OpErrorKind::Differs(Difference::Line(index, field))));
        }
        is_same &= difference.is_none();
        count = index.saturating_add(1);
    }
    if count != lines.len() {
        return Err(op.fail(Step::Check, OpErrorKind::Differs(Difference::Line(count, NUMBER_OF_LINES))));
    }
    Ok((!is_same && policy == TakeOver::Update).then_some(table))
}

/// Compares a line of an existing device with the requested one.
fn line_difference<P: TargetParams>(wanted: &TargetLine<P>, found: &TargetStatus<'_>) -> Option<FieldDifference> {
    let layout = |field| Some(FieldDifference { field, is_layout: true });
    if wanted.start != found.start {
        layout("start")
    } else if wanted.length != found.length {
        layout("length")
    } else if found.target_type != wanted.params.target_type() {
        layout("target type")
    } else {
        wanted.params.difference(found.params)
    }
}
