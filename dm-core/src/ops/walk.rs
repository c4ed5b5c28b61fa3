//! Walks over stacks: down from a device to those that it uses, or up to those that use it.

use std::collections::{BTreeMap, BTreeSet};
use std::io;

use dm_units::DeviceNumber;

use super::error::{OpError, Step};
use super::locks::Moment;
use super::op::{Op, uninterrupted};
use crate::commands::{DepsOptions, TableSlot};
use crate::error::Error;
use crate::id::{DevId, DevIdBuf, DmUuid, DmUuidBuf};
use crate::machine::{Holder, holders_within};
use crate::node::{BlockId, BlockOpenOptions};
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

/// A device that an operation on a stack removes.
#[derive(Clone, Debug)]
pub(super) struct Going {
    pub(super) number: DeviceNumber,
    /// The name, which errors print.
    pub(super) id: DevIdBuf,
    /// The uuid, if it has been read: it still belongs to the device if another process renames it.
    pub(super) uuid: Option<DmUuidBuf>,
}

impl Member {
    /// The name, since the number may belong to another device after a removal.
    pub(super) fn id(&self) -> DevId<'_> {
        self.info.name().map_or(DevId::Number(self.info.number()), DevId::Name)
    }

    fn going(&self) -> Going {
        let uuid = self.info.uuid().map(DmUuid::to_owned);
        Going { number: self.info.number(), id: self.id().to_owned(), uuid }
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
pub(super) fn only_used_inside(members: &Members, order: &[DeviceNumber]) -> (Vec<Going>, Vec<DeviceNumber>) {
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
        going.push(member.going());
        for used in &member.uses {
            let count = opened.entry(*used).or_insert(0_i32);
            *count = count.saturating_add(1);
        }
    }
    (going, kept)
}

/// The mapped devices that use a device, each before those that it uses, and the device itself at the end.
pub(super) fn users_first(op: &Op<'_>, start: DeviceNumber) -> Result<Vec<Going>, OpError> {
    let mut seen = BTreeSet::from([start]);
    let mut finished = Vec::new();
    let uuid = if let DevId::Uuid(uuid) = op.target() { Some(uuid.to_owned()) } else { None };
    let first = Going { number: start, id: op.target().to_owned(), uuid };
    let mut path = vec![(first, users_of(op, start)?)];
    while let Some((device, left)) = path.last_mut() {
        match left.pop() {
            Some(user) if seen.insert(user.number) => {
                let users = users_of(op, user.number)?;
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
fn users_of(op: &Op<'_>, number: DeviceNumber) -> Result<Vec<Going>, OpError> {
    if let Some(Ok(holders)) = holders_in_sysfs(op, number) {
        let going =
            |holder: Holder| Some(Going { number: holder.number?, id: DevIdBuf::Name(holder.dm_name?), uuid: None });
        return Ok(holders.into_iter().filter_map(going).collect());
    }
    let fail = |error: Error| op.fail(Step::Read, error);
    let mut users = Vec::new();
    for device in &uninterrupted(|| op.dm().list_devices()).map_err(fail)? {
        let device = device.map_err(|error| fail(error.into()))?;
        let member = read(op, DevId::Number(device.number), true).map_err(fail)?;
        users.extend(member.filter(|member| member.uses.contains(&number)).map(|member| member.going()));
    }
    Ok(users)
}

/// `None` for the devices of another kernel than this machine's, which sysfs does not have.
fn holders_in_sysfs(op: &Op<'_>, number: DeviceNumber) -> Option<io::Result<Vec<Holder>>> {
    op.dm().transport().has_nodes().then(|| holders_within(number))
}

/// Whether a block device that is not a mapped one exists.
pub(super) fn is_disk(op: &Op<'_>, number: DeviceNumber) -> bool {
    holders_in_sysfs(op, number).map_or_else(
        || {
            let opened = op.dm().transport().open_block(BlockId::Number(number), BlockOpenOptions::new());
            opened.is_some_and(|opened| opened.is_ok())
        },
        |holders| holders.is_ok(),
    )
}
