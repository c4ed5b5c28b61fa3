//! The state that a monitor keeps of a followed device.

use alloc::borrow::ToOwned;
use alloc::collections::BTreeMap;
use alloc::vec::Vec;

use dm_core::{DevId, Dm, DmName, DmNameBuf, DmUuid, DmUuidBuf, Error, StatusOptions, TableStatus, TargetStatus};
use dm_units::{DataBlocks, DeviceNumber, Sectors};

use super::line::LineState;
use super::targets::changes_silently;
use super::{Alarm, AlarmKind, AlarmLine};
use crate::devices::queries::waits_for_resume;
use crate::table::{StatusLine, TableLine};
use crate::{Era, Target as _, ThinPool};

/// A followed device, with the state of its last status.
#[derive(Clone, Debug)]
pub(super) struct Device {
    number: DeviceNumber,
    name: DmNameBuf,
    uuid: Option<DmUuidBuf>,
    /// The lines with a concern or other state, by their start.
    lines: BTreeMap<Sectors, (AlarmLine, LineState)>,
    /// Whether it can change without an event.
    is_silent: bool,
    /// Whether a target may wait for a resume before it replies, as far as the last status shows.
    may_wait: bool,
}

impl Device {
    pub(super) fn new(number: DeviceNumber, name: &DmName, uuid: Option<&DmUuid>) -> Self {
        let uuid = uuid.map(ToOwned::to_owned);
        Self { number, name: name.to_owned(), uuid, lines: BTreeMap::new(), is_silent: false, may_wait: true }
    }

    pub(super) fn name(&self) -> &DmName {
        &self.name
    }

    /// Updates its name and uuid.
    pub(super) fn rename(&mut self, name: &DmName, uuid: Option<&DmUuid>) {
        self.name = name.to_owned();
        self.uuid = uuid.map(ToOwned::to_owned);
    }

    pub(super) const fn is_silent(&self) -> bool {
        self.is_silent
    }

    pub(super) fn alarm(&self, line: Option<&AlarmLine>, kind: AlarmKind) -> Alarm {
        Alarm { number: self.number, name: self.name.clone(), uuid: self.uuid.clone(), line: line.cloned(), kind }
    }

    fn id(&self) -> DevId<'_> {
        self.uuid.as_deref().map_or(DevId::Name(&self.name), DevId::Uuid)
    }

    /// Reads the status and reports changes. An error leaves the state unchanged.
    pub(super) fn look(&mut self, dm: &Dm, levels: &[u8], alarms: &mut Vec<Alarm>) -> Result<(), Error> {
        if self.may_wait && self.waits(dm)? {
            // Its resume causes no event.
            self.is_silent = true;
            return Ok(());
        }
        let Some(status) = self.read_status(dm, StatusOptions::new())? else { return Ok(()) };
        let low_water = self.low_water(dm, &status)?;
        let mut lines = BTreeMap::new();
        // The poller does not report the first table of a device that existed when it was opened.
        let mut is_silent = !status.info().has_active_table();
        for line in &status {
            let line = line?;
            let at = at(&line);
            let state = self.known(&at).cloned().unwrap_or_default();
            let (state, kinds) = match StatusLine::try_from(line) {
                Ok(line) => {
                    is_silent |= changes_silently(&line.status);
                    state.read(&line, low_water, levels)
                }
                Err(error) => {
                    is_silent = true;
                    state.unreadable(error)
                }
            };
            if state != LineState::default() || !kinds.is_empty() {
                lines.insert(at.start, (at, state, kinds));
            }
        }
        self.is_silent = is_silent;
        self.may_wait = status.iter().flatten().any(|line| line.target_type == *Era::TYPE);
        self.report(lines, alarms);
        Ok(())
    }

    /// The last state of a line. A line with another target is a different line.
    fn known(&self, line: &AlarmLine) -> Option<&LineState> {
        let (known, state) = self.lines.get(&line.start)?;
        (known.target_type == line.target_type).then_some(state)
    }

    /// Stores the new state and reports the differences to the old one.
    fn report(&mut self, lines: BTreeMap<Sectors, (AlarmLine, LineState, Vec<AlarmKind>)>, alarms: &mut Vec<Alarm>) {
        for (line, state) in self.lines.values() {
            let is_same = |(now, ..): &(AlarmLine, _, _)| now.target_type == line.target_type;
            if !lines.get(&line.start).is_some_and(is_same) {
                alarms.extend(state.end().into_iter().map(|kind| self.alarm(Some(line), kind)));
            }
        }
        self.lines.clear();
        for (start, (line, state, kinds)) in lines {
            alarms.extend(kinds.into_iter().map(|kind| self.alarm(Some(&line), kind)));
            self.lines.insert(start, (line, state));
        }
    }

    /// Whether a status request would block until the device is resumed.
    fn waits(&self, dm: &Dm) -> Result<bool, Error> {
        match waits_for_resume(dm, self.id()) {
            Err(error) if error.is_not_found() => Ok(false),
            waits => waits,
        }
    }

    /// Reads a status. Returns `None` if the device does not exist, or its name or uuid belongs to another one; this
    /// raises another event.
    fn read_status(&self, dm: &Dm, options: StatusOptions) -> Result<Option<TableStatus>, Error> {
        match dm.table_status_with(self.id(), options.noflush(true)) {
            Err(error) if error.is_not_found() => Ok(None),
            status => Ok(Some(status?).filter(|status| status.info().number() == self.number)),
        }
    }

    /// Reads the low water mark of a pool, which only its table contains.
    fn low_water(&self, dm: &Dm, status: &TableStatus) -> Result<Option<DataBlocks>, Error> {
        let is_pool = |line: TargetStatus<'_>| line.target_type.as_bytes() == ThinPool::TYPE.as_bytes();
        if !status.iter().flatten().any(is_pool) {
            return Ok(None);
        }
        let Some(table) = self.read_status(dm, StatusOptions::table())? else { return Ok(None) };
        let line = table.iter().flatten().find_map(|line| TableLine::<ThinPool>::try_from(line).ok());
        Ok(line.map(|line| line.params.low_water))
    }
}

fn at(line: &TargetStatus<'_>) -> AlarmLine {
    let target_type = alloc::string::String::from_utf8_lossy(line.target_type.as_bytes());
    AlarmLine { start: line.start, length: line.length, target_type: target_type.into() }
}
