//! Carries out a plan, and undoes it after a failure.

use std::sync::Arc;

use super::error::{PlanCause, PlanError};
use super::wanted::{Numbers, WantedDevice, WantedLine};
use super::{Plan, PlanStep};
use crate::commands::{LoadOptions, Payload, RenameOptions, ResumeOptions, StatusOptions, TableStatus};
use crate::id::{DmName, DmNameBuf};
use crate::node::{Dm, Journal};
use crate::ops::{Host, OpError, ReloadOptions, Remains, RemovePolicy, ResumePolicy, Retry, SuspendPolicy};
use crate::udev::Visibility;
use crate::wire::UdevCookie;

/// udev opens most new devices for a moment.
const PATIENTLY: RemovePolicy = RemovePolicy::new().retry(Retry::within(std::time::Duration::from_secs(10)));

pub(super) fn carry_out(host: &Host, plan: &Plan<'_>) -> Result<(), PlanError> {
    let batch = host.batch();
    let dm = host.dm().with_journal(&Arc::new(Journal::default()), None);
    let mut run = Run { plan, host: &batch, dm, numbers: Numbers::default(), done: Vec::new() };
    // A suspended device may hold the I/O that frees memory.
    run.done.reserve(plan.steps.len());
    if plan.steps.iter().any(|step| matches!(step, PlanStep::Suspend(_))) {
        batch.prepare_batch();
    }
    for step in &plan.steps {
        if let Err(source) = run.step(step) {
            let left = run.undo();
            run.dm.log_journal(&"plan");
            // This still waits for udev, but the result of the wait does not matter after an error.
            let _ = batch.finish();
            return Err(PlanError::Step { step: Box::new(step.clone()), source, left });
        }
    }
    run.dm.log_journal(&"plan");
    batch.finish().map_err(PlanError::Udev)
}

/// A completed step, with the state that its undo needs.
enum Done {
    Renamed { from: DmNameBuf, to: DmNameBuf },
    Created(DmNameBuf),
    Loaded { name: DmNameBuf, old: Box<TableStatus>, is_active: bool },
    Suspended(DmNameBuf),
}

/// Whether the device of a failed creation exists. With [`Remains::Unknown`], another process may have created it, so
/// the undo must not remove it.
fn exists_now(error: &OpError) -> bool {
    error.remains().contains(&Remains::Exists)
}

struct Run<'r, 'a> {
    plan: &'r Plan<'a>,
    host: &'r Host,
    /// Logs its commands at the end, since a device of the plan may be suspended now.
    dm: Dm,
    numbers: Numbers,
    done: Vec<Done>,
}

impl<'a> Run<'_, 'a> {
    fn step(&mut self, step: &PlanStep) -> Result<(), PlanCause> {
        match step {
            PlanStep::Remove(name) => return Ok(self.host.remove_with(name, PATIENTLY).map(drop)?),
            PlanStep::Rename { from, to } => return self.rename(from, to),
            _ => {}
        }
        let Some(device) = self.plan.wanted.get(step.name()) else { return Ok(()) };
        self.learn_numbers(device)?;
        match step {
            PlanStep::Create(_) => self.create(device),
            PlanStep::Load(_) => self.load(device),
            PlanStep::Suspend(_) => self.suspend(device),
            PlanStep::Resume(_) => self.resume(device),
            PlanStep::Message(_) => self.message(device),
            PlanStep::Remove(_) | PlanStep::Rename { .. } => Ok(()),
        }
    }

    /// Reads the numbers of the devices that it uses, which exist at this point.
    fn learn_numbers(&mut self, device: &WantedDevice<'_>) -> Result<(), PlanCause> {
        for name in &device.uses {
            if self.numbers.get(name).is_none() {
                let info = self.dm.device_info(name)?;
                self.numbers.0.insert(name.clone(), info.number());
            }
        }
        Ok(())
    }

    fn lines(&self, device: &WantedDevice<'a>) -> Result<Vec<WantedLine<'a>>, PlanCause> {
        device.lines(&self.numbers).ok_or_else(|| PlanCause::Undeclared(device.name.clone()))
    }

    /// The visibility of the wanted device with this name, or of the one that the plan renames from this name.
    fn visibility(&self, name: &DmName) -> Visibility {
        let next = || {
            self.plan.steps.iter().find_map(|step| match step {
                PlanStep::Rename { from, to } if **from == *name => self.plan.wanted.get(to),
                _ => None,
            })
        };
        self.plan.wanted.get(name).or_else(next).map_or(Visibility::Public, |device| device.visibility)
    }

    /// The flags for udev's rules, which every command that causes a uevent sends.
    fn flags(&self, name: &DmName) -> UdevCookie {
        UdevCookie::flags_only(self.visibility(name).flags())
    }

    /// Renames a device to `to`; its visibility is that of `named`.
    fn rename_to(&self, from: &DmNameBuf, to: &DmNameBuf, named: &DmNameBuf) -> Result<(), OpError> {
        self.host.rename_with(from, to, RenameOptions::new().cookie(self.flags(named))).map(drop)
    }

    fn rename(&mut self, from: &DmNameBuf, to: &DmNameBuf) -> Result<(), PlanCause> {
        let renamed = self.rename_to(from, to, to);
        if renamed.as_ref().map_or_else(|error| !error.is_undone(), |_| true) {
            self.done.push(Done::Renamed { from: from.clone(), to: to.clone() });
        }
        renamed?;
        Ok(())
    }

    fn create(&mut self, device: &WantedDevice<'a>) -> Result<(), PlanCause> {
        let lines = self.lines(device)?;
        let created = self.host.create_with(&device.name, lines, device.setup());
        if created.as_ref().map_or_else(exists_now, |_| true) {
            self.done.push(Done::Created(device.name.clone()));
        }
        self.numbers.0.insert(device.name.clone(), created?.number());
        Ok(())
    }

    fn load(&mut self, device: &WantedDevice<'a>) -> Result<(), PlanCause> {
        let old = self.table(&device.name)?;
        let lines = self.lines(device)?;
        let options = LoadOptions::new().read_only(device.read_only);
        // A failed load may have taken effect.
        self.done.push(Done::Loaded { name: device.name.clone(), old: Box::new(old), is_active: false });
        self.dm.table_load_with(&device.name, lines, options)?;
        Ok(())
    }

    fn table(&self, name: &DmName) -> Result<TableStatus, PlanCause> {
        let options = StatusOptions::table().noflush(true).secure(true).if_possible(true);
        Ok(self.dm.table_status_with(name, options)?)
    }

    fn suspend(&mut self, device: &WantedDevice<'_>) -> Result<(), PlanCause> {
        let was_suspended = self.dm.device_info(&device.name)?.is_suspended();
        let suspended = self.host.suspend_with(&device.name, device.suspend);
        if !was_suspended && suspended.as_ref().map_or_else(|error| !error.is_undone(), |_| true) {
            self.done.push(Done::Suspended(device.name.clone()));
        }
        suspended?;
        Ok(())
    }

    fn resume(&mut self, device: &WantedDevice<'_>) -> Result<(), PlanCause> {
        let policy = ResumePolicy::from(ResumeOptions::new().cookie(self.flags(&device.name)));
        let resumed = self.host.resume_with(&device.name, policy.read_ahead(device.read_ahead));
        // After a failure the table may be active nevertheless, if its targets could not be resumed.
        for done in &mut self.done {
            if let Done::Loaded { name, is_active, .. } = done {
                *is_active |= *name == device.name;
            }
        }
        resumed?;
        Ok(())
    }

    fn message(&self, device: &WantedDevice<'_>) -> Result<(), PlanCause> {
        for message in &device.messages {
            let message: &dyn Payload = &**message;
            self.dm.target_msg(&device.name, message)?;
        }
        Ok(())
    }

    /// Undoes the completed steps, and continues after failures.
    fn undo(&mut self) -> Vec<PlanCause> {
        let mut left = Vec::new();
        let done = std::mem::take(&mut self.done);
        for done in done.iter().rev() {
            if let Done::Loaded { name, old, is_active: true } = done {
                left.extend(self.put_back(name, old).err());
            }
        }
        let suspended =
            || done.iter().rev().filter_map(|done| if let Done::Suspended(name) = done { Some(name) } else { None });
        let loaded = || {
            done.iter().rev().filter_map(|done| match done {
                Done::Loaded { name, is_active: false, .. } => Some(name),
                _ => None,
            })
        };
        for name in loaded().filter(|name| !suspended().any(|other| other == *name)) {
            left.extend(self.clear(name).err());
        }
        // In reverse order, which is bottom up. A pool is resumed before a table of its thin device is destroyed: else
        // the kernel would never end the internal suspension of the device for that table (`thin_dtr`).
        for name in suspended() {
            // The resume must not make a table of the plan active.
            if loaded().any(|other| other == name) {
                left.extend(self.clear(name).err());
            }
            let options = ResumeOptions::new().cookie(self.flags(name));
            left.extend(self.host.resume_with(name, options).err().map(PlanCause::from));
        }
        for done in done.iter().rev() {
            if let Done::Created(name) = done {
                let removed = self.host.remove_with(name, PATIENTLY);
                left.extend(removed.err().filter(|error| !error.is_not_found()).map(PlanCause::from));
            }
        }
        for done in done.iter().rev() {
            if let Done::Renamed { from, to } = done {
                left.extend(self.rename_to(to, from, to).err().map(PlanCause::from));
            }
        }
        left
    }

    fn clear(&self, name: &DmNameBuf) -> Result<(), PlanCause> {
        Ok(self.dm.table_clear(name).map(drop)?)
    }

    /// Makes the old table active again. A device without an old table keeps the new one.
    fn put_back(&self, name: &DmNameBuf, old: &TableStatus) -> Result<(), PlanCause> {
        if old.has_wiped_key() {
            // With the old table as it is printed, I/O would be encrypted with a key of zeros.
            self.clear(name)?;
            let is_active = self.table(name)?.has_lines_of(old);
            return if is_active { Ok(()) } else { Err(PlanCause::KeyWiped(name.clone())) };
        }
        let lines = old.iter().map(|line| line.map(|line| line.to_line())).collect::<Result<Vec<_>, _>>();
        let lines = lines.map_err(crate::error::Error::from)?;
        if !lines.is_empty() {
            let suspend = SuspendPolicy::new().noflush(true).skip_lockfs(true).if_possible(true);
            let options = ReloadOptions::new().read_only(old.info().is_read_only()).suspend(suspend);
            // As in the undo of an operation: a kernel that cannot wipe its copy must not prevent it.
            let options = options.secure(true).if_possible(true).visibility(self.visibility(name));
            self.host.reload_with(name, lines, options)?;
        }
        Ok(())
    }
}
