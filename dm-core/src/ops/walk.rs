//! Walks over stacks: down from a device to those that it uses, or up to those that use it.

use std::collections::{BTreeMap, BTreeSet};

use dm_units::DeviceNumber;

use super::error::{OpError, Step};
use super::locks::Moment;
use super::op::{Op, uninterrupted};
use crate::commands::{DepsOptions, TableSlot};
use crate::error::Error;
use crate::id::{DevId, DevIdBuf};
use crate::machine::holders_within;
use crate::wire::DeviceInfo;

/// A mapped device of a stack.
#[derive(Debug)]
pub(super) struct Member {
    pub(super) info: DeviceInfo,
    /// The time at which its state was read.
    pub(super) moment: Moment,
    /// The devices that its tables use.
    uses: BTreeSet<DeviceNumber>,
}

impl Member {
    /// The name, since the number may belong to another device after a removal.
    pub(super) fn id(&self) -> DevId<'_> {
        self.info.name().map_or(DevId::Number(self.info.number()), DevId::Name)
    }
}

/// The mapped devices of a stack, and an order in which each comes before those that it uses.
pub(super) type Stack = (Members, Vec<DeviceNumber>);
/// Boxed, since each node of a `BTreeMap` has room for eleven values.
pub(super) type Members = BTreeMap<DeviceNumber, Box<Member>>;

/// The mapped devices below the device of an operation and that device, each after those that it uses.
pub(super) fn bottom_up(op: &mut Op<'_>) -> Result<Vec<DeviceNumber>, OpError> {
    let (_, mut order) = walk_down(op)?;
    order.reverse();
    Ok(order)
}

/// Walks down from the device of an operation: one command for each device, and one more if it has an inactive table.
pub(super) fn walk_down(op: &mut Op<'_>) -> Result<Stack, OpError> {
    let top = read(op, op.id(), true).map_err(|error| op.fail(Step::Read, error))?;
    let Some(top) = top else { return Ok(Stack::default()) };
    op.found(&top.info);
    let op = &*op;
    let fail = |error: Error| op.fail(Step::Read, error);
    let start = top.info.number();
    let mut members = BTreeMap::from([(start, top)]);
    let mut finished = Vec::new();
    let below = |members: &Members, number| -> Vec<DeviceNumber> {
        members.get(&number).map(|member| member.uses.iter().copied().collect()).unwrap_or_default()
    };
    let mut disks = BTreeSet::new();
    // The devices from the top to the present one, each with those still to visit. Not recursive: stacks can be deep.
    let mut path = vec![(start, below(&members, start))];
    while let Some((number, left)) = path.last_mut() {
        let Some(next) = left.pop() else {
            finished.push(*number);
            path.pop();
            continue;
        };
        if members.contains_key(&next) || disks.contains(&next) {
            continue;
        }
        match read(op, DevId::Number(next), next.major == start.major).map_err(fail)? {
            Some(member) => {
                members.insert(next, member);
                path.push((next, below(&members, next)));
            }
            None => {
                disks.insert(next);
            }
        }
    }
    finished.reverse();
    Ok((members, finished))
}

/// Reads which devices a device uses. `None` if it is not a mapped device, which `is_mapped` tells by its major number,
/// or no longer exists.
fn read(op: &Op<'_>, id: DevId<'_>, is_mapped: bool) -> Result<Option<Box<Member>>, Error> {
    if !is_mapped {
        return Ok(None);
    }
    let moment = op.host.locks.moment();
    let deps = match uninterrupted(|| op.dm().table_deps(id)) {
        Err(error) if error.is_not_found() && id != op.id() => return Ok(None),
        deps => deps?,
    };
    let mut uses: BTreeSet<DeviceNumber> = deps.iter().collect();
    let info = deps.info();
    if info.has_inactive_table() {
        // An older kernel reports the active table again.
        let inactive = DepsOptions::new().slot(TableSlot::Inactive).if_possible(true);
        uses.extend(uninterrupted(|| op.dm().table_deps_with(id, inactive))?.iter());
    }
    Ok(Some(Box::new(Member { info, moment, uses })))
}

/// Splits a stack into the devices that nothing outside the stack uses, users first, and the others.
///
/// A device opens each device that its tables use once: since Linux 3.18, its active and its inactive table share an
/// opening (`dm_get_table_device` in drivers/md/dm.c). A device is therefore used by nothing else if its open count
/// equals the number of removed devices that use it. If the two tables differ in mode, or the kernel is older, the
/// count is higher and the device is kept.
pub(super) fn only_used_inside(
    members: &Members,
    order: &[DeviceNumber],
) -> (Vec<(DeviceNumber, DevIdBuf)>, Vec<DeviceNumber>) {
    let mut opened = BTreeMap::<DeviceNumber, i32>::new();
    let (mut going, mut kept) = (Vec::new(), Vec::new());
    for (index, number) in order.iter().enumerate() {
        let Some(member) = members.get(number) else { continue };
        let by_going = opened.get(number).copied().unwrap_or(0);
        // The first device is removed regardless of its users; if that is impossible, it is an error.
        if index > 0 && member.info.open_count() > by_going {
            kept.push(*number);
            continue;
        }
        going.push((*number, member.id().to_owned()));
        for used in &member.uses {
            let count = opened.entry(*used).or_insert(0_i32);
            *count = count.saturating_add(1);
        }
    }
    (going, kept)
}

/// The mapped devices that use a device, each before those that it uses, and the device itself at the end.
pub(super) fn users_first(op: &Op<'_>, start: DeviceNumber) -> Result<Vec<(DeviceNumber, DevIdBuf)>, OpError> {
    let mut seen = BTreeSet::from([start]);
    let mut finished = Vec::new();
    let mut path = vec![((start, op.target().to_owned()), users_of(op, start)?)];
    while let Some((device, left)) = path.last_mut() {
        match left.pop() {
            Some(user) if seen.insert(user.0) => {
                let users = users_of(op, user.0)?;
                path.push((user, users));
            }
            Some(_) => {}
            None => {
                finished.push(device.clone());
                path.pop();
            }
        }
    }
    Ok(finished)
}

/// The mapped devices whose tables use a device, from sysfs; where that does not show the device, from a list of all.
fn users_of(op: &Op<'_>, number: DeviceNumber) -> Result<Vec<(DeviceNumber, DevIdBuf)>, OpError> {
    if let Ok(holders) = holders_within(number) {
        let mapped = holders.into_iter().filter_map(|holder| holder.number.zip(holder.dm_name.map(DevIdBuf::Name)));
        return Ok(mapped.collect());
    }
    let fail = |error: Error| op.fail(Step::Read, error);
    let mut users = Vec::new();
    for device in &uninterrupted(|| op.dm().list_devices()).map_err(fail)? {
        let device = device.map_err(|error| fail(error.into()))?;
        let member = read(op, DevId::Number(device.number), true).map_err(fail)?;
        let is_user = member.is_some_and(|member| member.uses.contains(&number));
        users.extend(is_user.then(|| (device.number, DevIdBuf::Name(device.name.to_owned()))));
    }
    Ok(users)
}
