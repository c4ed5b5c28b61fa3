//! Operations on a stack: a device together with those that it uses, or with those that use it.
//!
//! The walk starts at the device, so the cost depends on the size of the stack and not on the number of devices. Only
//! `remove_and_users` reads all devices, and only where sysfs does not show one of the stack.

use dm_units::DeviceNumber;

use super::error::{OpError, Operation, Remains, StateAfter, Step};
use super::host::Host;
use super::op::Op;
use super::remove::{RemovePolicy, remove};
use super::suspend::SuspendPolicy;
use super::undo::Before;
use super::walk::{Going, Member, is_disk, only_used_inside, users_first, walk_down};
use crate::commands::{Removal, ResumeOptions};
use crate::id::{AsDevId, DevId};
use crate::wire::{DeviceInfo, UdevFlags};

/// The devices that [`Host::remove_stack`] or [`Host::remove_and_users`] has removed, and those that were kept.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct StackRemoval {
    /// The devices that were removed, or whose removal was deferred, in the order of removal.
    pub removed: Vec<DeviceNumber>,
    /// The devices that another device, a mount or a process still uses, and the devices below them. Empty after
    /// [`Host::remove_and_users`].
    pub kept: Vec<DeviceNumber>,
}

impl Host {
    /// Removes a device and the mapped devices below it, which its tables use directly or through other devices.
    ///
    /// A lower device is kept if another device, a mount or a process uses it when the call begins, even if only udev
    /// has it open for a moment. If the device itself is in use, the call fails.
    ///
    /// # Errors
    /// As [`remove`](Self::remove), for the first device that cannot be removed. If the error has [`Remains::Removed`],
    /// the device itself and possibly others were removed. Then repeat the call for each device that it used.
    #[doc(alias = "dm_tree_deactivate_children")]
    pub fn remove_stack(&self, id: impl AsDevId) -> Result<StackRemoval, OpError> {
        self.remove_stack_with(id, RemovePolicy::new())
    }

    /// Removes a device and the mapped devices below it that nothing else uses, each as the policy says. The device
    /// itself must not be in use, unless the policy defers its removal.
    ///
    /// # Errors
    /// As [`remove_stack`](Self::remove_stack) and [`remove_with`](Self::remove_with).
    #[doc(alias = "dm_tree_retry_remove")]
    pub fn remove_stack_with(&self, id: impl AsDevId, policy: RemovePolicy) -> Result<StackRemoval, OpError> {
        let mut op = Op::new(self, Operation::RemoveStack, &id)?;
        let (members, order) = walk_down(&mut op)?;
        let (going, kept) = only_used_inside(&members, &order);
        let removed = self.remove_each(Operation::RemoveStack, &op, going, policy)?;
        Ok(StackRemoval { removed, kept })
    }

    /// Removes a device and all mapped devices that use it, directly or through other mapped devices, topmost first.
    ///
    /// If `id` is the number of a device that is not a mapped device, such as a disk, only the mapped devices that use
    /// it or one of its partitions are removed.
    ///
    /// # Errors
    /// As [`remove`](Self::remove), for the first device that cannot be removed. [`Remains::Removed`] has the number of
    /// removed devices. You can repeat the call.
    pub fn remove_and_users(&self, id: impl AsDevId) -> Result<StackRemoval, OpError> {
        self.remove_and_users_with(id, RemovePolicy::new())
    }

    /// Removes a device and all mapped devices that use it, each as the policy says.
    ///
    /// # Errors
    /// As [`remove_and_users`](Self::remove_and_users) and [`remove_with`](Self::remove_with).
    pub fn remove_and_users_with(&self, id: impl AsDevId, policy: RemovePolicy) -> Result<StackRemoval, OpError> {
        let mut op = Op::new(self, Operation::RemoveAndUsers, &id)?;
        let start = match (op.info(), op.id()) {
            (Ok(info), _) => {
                op.found(&info);
                info.number()
            }
            (Err(error), DevId::Number(number)) if error.is_not_found() && is_disk(&op, number) => number,
            (Err(error), _) => return Err(error),
        };
        let is_mapped = op.is_found();
        let mut order = users_first(&op, start)?;
        order.retain(|going| is_mapped || going.number != start);
        let removed = self.remove_each(Operation::RemoveAndUsers, &op, order, policy)?;
        Ok(StackRemoval { removed, kept: Vec::new() })
    }

    /// Removes devices in order, and waits for udev once. The error is that of the whole operation; its source names
    /// the device that could not be removed.
    fn remove_each(
        &self,
        operation: Operation,
        whole: &Op<'_>,
        going: Vec<Going>,
        policy: RemovePolicy,
    ) -> Result<Vec<DeviceNumber>, OpError> {
        let batch = self.batch();
        let mut removed = Vec::new();
        for Going { number, id, uuid } in going {
            let is_named = Some(number) == whole.number();
            let id = if is_named { whole.target() } else { id.as_borrowed() };
            let mut op = Op::of(&batch, operation, id);
            op.expect_device(number, uuid);
            match remove(&mut op, policy) {
                Ok(Removal::Done { .. } | Removal::Deferred) => removed.push(number),
                // Another process has just removed it. An error only for the named device, if it is the first.
                Err(error) if (!removed.is_empty() || !is_named) && error.is_not_found() && op.is_gone() => {
                    removed.push(number);
                }
                Err(error) => {
                    let count = (!removed.is_empty()).then_some(Remains::Removed(removed.len()));
                    drop(op);
                    // After an error, this still waits for the removed devices.
                    let _ = self.finish_part(batch);
                    return Err(whole.adopt(error, count));
                }
            }
        }
        self.finish_part(batch).map_err(|error| whole.failed(Step::Udev, error, StateAfter::Done))?;
        Ok(removed)
    }

    /// Suspends a device and the mapped devices below it. Each is suspended before the devices that it uses, so that no
    /// suspension waits for I/O that a suspended device holds back.
    ///
    /// Returns the devices that the call has suspended, in the order of suspension. Devices that were suspended before
    /// or have no active table are left out.
    ///
    /// If a device cannot be suspended, the devices that the call has already suspended are resumed.
    ///
    /// # Errors
    /// As [`suspend`](Self::suspend).
    #[doc(alias = "dm_tree_suspend_children")]
    pub fn suspend_stack(&self, id: impl AsDevId) -> Result<Vec<DeviceNumber>, OpError> {
        self.suspend_stack_with(id, SuspendPolicy::new())
    }

    /// Suspends a device and the mapped devices below it, each as the policy says.
    ///
    /// # Errors
    /// As [`suspend_stack`](Self::suspend_stack) and [`suspend_with`](Self::suspend_with).
    #[doc(alias = "dm_tree_skip_lockfs")]
    #[doc(alias = "dm_tree_use_no_flush_suspend")]
    pub fn suspend_stack_with(&self, id: impl AsDevId, policy: SuspendPolicy) -> Result<Vec<DeviceNumber>, OpError> {
        let mut whole = Op::new(self, Operation::SuspendStack, &id)?;
        let (mut members, order) = walk_down(&mut whole)?;
        let mut suspended = Vec::with_capacity(order.len());
        let mut ops = Vec::with_capacity(order.len());
        for number in order {
            let Some(member) = members.get_mut(&number) else { continue };
            let mut op = Op::of(self, Operation::SuspendStack, member.id());
            op.found(&member.info);
            // All are kept until all are suspended or resumed again, since dropping one logs its commands.
            ops.push(op);
            let Some(op) = ops.last() else { continue };
            match suspend_member(self, op, member, policy) {
                Ok(true) => suspended.push(number),
                Ok(false) => {}
                Err(error) => {
                    let before = suspended.iter().rev().filter_map(|number| members.get(number));
                    let undone = resume_again(&ops, before.map(|member| &member.info));
                    return Err(whole.adopt(error, undone));
                }
            }
        }
        Ok(suspended)
    }

    /// Resumes the devices that [`suspend_stack`](Self::suspend_stack) has suspended, and waits for udev. Pass them in
    /// the order in which `suspend_stack` returned them: they are resumed from the last to the first. In another order,
    /// a thin device may be resumed before its pool, and then its resume waits until a signal arrives.
    ///
    /// A device given by its number, as `suspend_stack` returns it, takes one ioctl. A device given by name or uuid
    /// takes two.
    ///
    /// # Errors
    /// As [`resume`](Self::resume), for the first device that cannot be resumed. The call still resumes the others.
    pub fn resume_stack(&self, suspended: &[impl AsDevId]) -> Result<(), OpError> {
        let batch = self.batch();
        let mut first = None;
        let mut ops = Vec::with_capacity(suspended.len());
        for id in suspended.iter().rev() {
            match Op::new(&batch, Operation::ResumeStack, id) {
                Ok(op) => ops.push(op),
                Err(error) => first = first.or(Some(error)),
            }
        }
        // A device whose state cannot be read is resumed nevertheless.
        for op in ops.iter_mut().filter(|op| op.number().is_none()) {
            if let Ok(info) = op.read() {
                op.found(&info);
            }
        }
        // All are kept until all are resumed, since dropping one logs its commands.
        for op in &mut ops {
            first = first.or(self.resume_member(op).err());
        }
        drop(ops);
        let finished = self.finish_part(batch).map_err(|error| {
            OpError::new(Operation::ResumeStack, None, Step::Udev, error.into()).with_state(StateAfter::Done)
        });
        first.map_or(finished, Err)
    }

    /// Resumes a device of a stack, even if another operation on it does not finish.
    fn resume_member(&self, op: &mut Op<'_>) -> Result<(), OpError> {
        let lock = |number| self.locks.lock(number, self.locks.moment(), self.udev().wait_timeout());
        let _locked = op.number().map(lock);
        let options = ResumeOptions::new().cookie(op.udev.expect(UdevFlags::empty()));
        let resumed = op.resume(options);
        op.udev.sent(resumed.as_ref().is_ok_and(DeviceInfo::uevent_generated));
        match resumed {
            Ok(info) => op.udev.note_present(&info),
            Err(error) => {
                if let Some(state) = still_suspended(op) {
                    return Err(op.failed(Step::Resume, error, state));
                }
            }
        }
        Ok(())
    }
}

/// Locks and suspends a device of a stack. Returns `false` if it was suspended before or has no table.
fn suspend_member(host: &Host, op: &Op<'_>, member: &mut Member, policy: SuspendPolicy) -> Result<bool, OpError> {
    let locked = host.lock(op, &member.info, member.moment)?;
    if locked.state_is_outdated() {
        let now = op.info()?;
        // Another device has taken the name, and is not of this stack.
        if now.number() != member.info.number() {
            return Ok(false);
        }
        member.info = now;
    }
    if !member.info.has_active_table() || member.info.is_suspended() {
        return Ok(false);
    }
    policy.suspend_or_undo(op, &member.info)?;
    Ok(true)
}

/// The state of the device after a failed resume; `None` if it was resumed nevertheless.
fn still_suspended(op: &Op<'_>) -> Option<StateAfter> {
    match op.read() {
        Ok(info) if info.is_suspended() => Some(StateAfter::left(vec![Remains::Suspended], None)),
        Ok(_) => None,
        Err(error) if error.is_not_found() => Some(StateAfter::Undone),
        Err(error) => Some(StateAfter::left(vec![Remains::Unknown], Some(error))),
    }
}

/// Resumes devices of a stack that were suspended, in order.
fn resume_again<'m>(ops: &[Op<'_>], suspended: impl Iterator<Item = &'m DeviceInfo>) -> Vec<Remains> {
    let mut remains = Vec::new();
    for before in suspended {
        let Some(op) = ops.iter().find(|op| op.number() == Some(before.number())) else { continue };
        let state = Before::suspending(before).put_back(op);
        remains.extend(state.remains().iter().filter(|left| !remains.contains(*left)).copied().collect::<Vec<_>>());
    }
    remains
}
