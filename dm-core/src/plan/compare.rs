//! Compares the existing devices with the wanted ones, and derives the steps.

use std::collections::{BTreeMap, BTreeSet};

use dm_units::DeviceNumber;

use super::PlanStep;
use super::error::PlanError;
use super::rename::Renames;
use super::wanted::{Numbers, Wanted, WantedDevice, WantedLine};
use crate::commands::{StatusOptions, TableStatus, is_secret};
use crate::error::Error;
use crate::id::{DevId, DevIdBuf, DmNameBuf};
use crate::ops::{Difference, Host, Prefix};
use crate::wire::DeviceInfo;

/// The change that a device needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Change {
    /// It does not exist.
    New,
    /// It exists, but its table, its state or both differ.
    Table,
    /// It needs no change.
    None,
}

/// The stage in which a device is changed: even stages create devices, odd ones replace tables.
type Stage = usize;

/// Returns the steps, and the wanted devices bottom up.
pub(super) fn steps(
    host: &Host,
    wanted: &Wanted<'_>,
    order: &[DmNameBuf],
) -> Result<(Vec<PlanStep>, Vec<DmNameBuf>), PlanError> {
    let renames = Renames::find(host, wanted)?;
    let mut seen = Seen { host, renames: &renames, numbers: Numbers::default(), changes: BTreeMap::new() };
    let mut stages: BTreeMap<Stage, Vec<&WantedDevice<'_>>> = BTreeMap::new();
    for device in order.iter().filter_map(|name| wanted.get(name)) {
        let change = seen.look_at(device)?;
        let stage = seen.stage(device, change);
        seen.changes.insert(device.name.clone(), (change, stage));
        stages.entry(stage).or_default().push(device);
    }
    let mut steps = renames.steps();
    for (stage, devices) in &stages {
        if stage.checked_rem(2) == Some(0) {
            devices.iter().for_each(|device| seen.make(device, &mut steps));
        } else {
            replace(devices, &mut steps);
        }
    }
    if let Some(prefix) = wanted.owned {
        steps.extend(unwanted(host, wanted, &renames, prefix)?.into_iter().map(PlanStep::Remove));
    }
    let order = stages.into_values().flatten().map(|device| device.name.clone()).collect();
    Ok((steps, order))
}

/// The results for the devices compared so far, which others may use.
struct Seen<'h> {
    host: &'h Host,
    renames: &'h Renames,
    numbers: Numbers,
    changes: BTreeMap<DmNameBuf, (Change, Stage)>,
}

impl Seen<'_> {
    fn look_at(&mut self, device: &WantedDevice<'_>) -> Result<Change, PlanError> {
        let info = match self.host.dm().device_info(self.id(device)) {
            Ok(info) => info,
            Err(error) if error.is_not_found() => return Ok(Change::New),
            Err(error) => return Err(unreadable(&device.name, error)),
        };
        self.numbers.0.insert(device.name.clone(), info.number());
        let difference = if device.uuid.is_some_and(|uuid| info.uuid() != Some(uuid)) {
            Some(Difference::Uuid)
        } else {
            device.minor.filter(|minor| info.number().minor != *minor).map(|_| Difference::Minor)
        };
        if let Some(difference) = difference {
            return Err(PlanError::Differs { device: device.name.clone(), difference });
        }
        let uses_new = device.uses.iter().any(|name| self.change(name) == Some(Change::New));
        if uses_new || is_unfinished(&info) || info.is_read_only() != device.read_only {
            return Ok(Change::Table);
        }
        let lines = device.lines(&self.numbers).ok_or_else(|| PlanError::Undeclared(device.name.clone()))?;
        let is_same = self.has_table(device, &lines)?;
        Ok(if is_same { Change::None } else { Change::Table })
    }

    fn has_table(&self, device: &WantedDevice<'_>, lines: &[WantedLine<'_>]) -> Result<bool, PlanError> {
        let is_secret = lines.iter().any(|line| is_secret(&line.params));
        let options = StatusOptions::table().noflush(true).secure(is_secret).if_possible(true);
        let table = self.host.dm().table_status_with(self.id(device), options);
        let table = table.map_err(|error| unreadable(&device.name, error))?;
        is_table(&table, lines).map_err(|error| unreadable(&device.name, error))
    }

    /// How the device is found before the plan renames it.
    fn id<'d>(&'d self, device: &'d WantedDevice<'_>) -> DevId<'d> {
        DevId::Name(self.renames.present_name(&device.name))
    }

    fn change(&self, name: &DmNameBuf) -> Option<Change> {
        self.changes.get(name).map(|(change, _)| *change)
    }

    /// The first suitable stage at which all devices that it uses are ready.
    fn stage(&self, device: &WantedDevice<'_>, change: Change) -> Stage {
        let after = |name: &DmNameBuf| match (self.changes.get(name), change) {
            // A new device may depend on the new table of another one. Tables that depend on each other are replaced
            // together.
            (Some((Change::Table, stage)), Change::New | Change::None) => stage.saturating_add(1),
            (Some((Change::New, stage)), Change::Table) => stage.saturating_add(1),
            (Some((_, stage)), _) => *stage,
            (None, _) => 0,
        };
        let stage = device.uses.iter().map(after).max().unwrap_or(0);
        let is_odd = stage.checked_rem(2) == Some(1);
        if is_odd == (change == Change::Table) { stage } else { stage.saturating_add(1) }
    }

    fn make(&self, device: &WantedDevice<'_>, steps: &mut Vec<PlanStep>) {
        if self.change(&device.name) == Some(Change::New) {
            steps.push(PlanStep::Create(device.name.clone()));
        }
        steps.extend(message(device));
    }
}

fn message(device: &WantedDevice<'_>) -> Option<PlanStep> {
    (!device.messages.is_empty()).then(|| PlanStep::Message(device.name.clone()))
}

/// Adds the steps that replace the tables of several devices, given bottom up.
fn replace(devices: &[&WantedDevice<'_>], steps: &mut Vec<PlanStep>) {
    steps.extend(devices.iter().map(|device| PlanStep::Load(device.name.clone())));
    steps.extend(devices.iter().rev().map(|device| PlanStep::Suspend(device.name.clone())));
    steps.extend(devices.iter().map(|device| PlanStep::Resume(device.name.clone())));
    // The program writes them, and must not be called while one of the devices is suspended.
    steps.extend(devices.iter().filter_map(|device| message(device)));
}

/// Whether the table must be loaded and made active even if it is equal.
fn is_unfinished(info: &DeviceInfo) -> bool {
    !info.has_active_table() || info.has_inactive_table() || info.is_suspended()
}

fn is_table(table: &TableStatus, lines: &[WantedLine<'_>]) -> Result<bool, Error> {
    let mut count = 0_usize;
    for (index, found) in table.iter().enumerate() {
        let found = found?;
        let is_same = lines.get(index).is_some_and(|wanted| {
            wanted.start == found.start
                && wanted.length == found.length
                && found.target_type == wanted.params.target_type()
                && wanted.params.difference(found.params).is_none()
        });
        if !is_same {
            return Ok(false);
        }
        count = index.saturating_add(1);
    }
    Ok(count == lines.len())
}

/// The program's devices that are no longer wanted, users first.
fn unwanted(
    host: &Host,
    wanted: &Wanted<'_>,
    renames: &Renames,
    prefix: Prefix<'_>,
) -> Result<Vec<DmNameBuf>, PlanError> {
    let fault = |source: Error| PlanError::List { source };
    let list = prefix.list(host.dm()).map_err(fault)?;
    let mut found: BTreeMap<DeviceNumber, (DmNameBuf, BTreeSet<DeviceNumber>)> = BTreeMap::new();
    for device in &list {
        let device = device.map_err(|error| fault(error.into()))?;
        if wanted.get(device.name).is_some() || renames.is_renamed(device.name) {
            continue;
        }
        match host.dm().table_deps(device.name) {
            Ok(deps) if prefix.matches(&deps.info()) => {
                found.insert(device.number, (device.name.to_owned(), deps.iter().collect()));
            }
            Ok(_) => {}
            Err(error) if error.is_not_found() => {}
            Err(error) => return Err(unreadable(&device.name.to_owned(), error)),
        }
    }
    let mut names = Vec::new();
    while !found.is_empty() {
        let is_used = |number: &DeviceNumber| found.values().any(|(_, uses)| uses.contains(number));
        // Devices cannot form a cycle, but states that were read one after the other may seem to.
        let top = found.keys().copied().find(|number| !is_used(number)).or_else(|| found.keys().next().copied());
        names.extend(top.and_then(|number| found.remove(&number)).map(|(name, _)| name));
    }
    Ok(names)
}

pub(super) fn unreadable(name: &DmNameBuf, source: Error) -> PlanError {
    PlanError::Read { device: DevIdBuf::Name(name.clone()), source }
}

#[cfg(test)]
mod tests {
    use nix::errno::Errno;

    use super::*;
    use crate::fake_host::{FakeHost, serving};
    use crate::id::DmName;
    use crate::wire::Command;

    #[test]
    fn an_unwanted_device_that_cannot_be_read_is_an_error_but_not_one_that_is_removed_meanwhile() {
        let fake = FakeHost::new(48, [serving(0, "vg-a", ""), serving(1, "vg-b", "")]);
        let host = Host::new(fake.dm());
        let plan = || host.plan(Wanted::new().only(Prefix::Name(DmName::new("vg-").unwrap())));
        fake.lock().fail = Some((Command::TableDeps, Errno::ENOMEM));
        let error = plan().unwrap_err();
        assert_eq!(error.to_string(), "the present state of device 'vg-a' could not be read");
        assert_eq!(error.errno(), Some(Errno::ENOMEM as i32));
        fake.lock().meanwhile = Some(Box::new(|command, state| {
            if command == Command::TableDeps {
                state.devices.retain(|device| device.minor == 1);
            }
        }));
        assert_eq!(plan().unwrap().to_string(), "remove vg-b\n");
    }
}
