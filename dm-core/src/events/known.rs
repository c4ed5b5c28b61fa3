//! What is known of devices, and what has happened between two lists of them.

use std::collections::BTreeMap;

use dm_units::DeviceNumber;

use super::{Event, EventKind};
use crate::commands::{InfoOptions, ListedDevice};
use crate::error::Result;
use crate::id::name::{DmNameBuf, DmUuid, DmUuidBuf};
use crate::node::dm::Dm;
use crate::node::transport::Transport;
use crate::wire::info::DeviceInfo;

/// What was last seen of a device.
#[derive(Clone, Debug)]
pub(super) struct Known {
    name: DmNameBuf,
    uuid: Option<DmUuidBuf>,
    event_nr: u32,
    state: State,
}

/// Whether a device serves io.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// It has no table in force.
    Bare,
    Suspended,
    Serves,
}

/// What is known of a listed device; `None` where it has vanished. `known` is what was seen of all devices the last time.
///
/// The list does not say whether a device serves io, so those that did not the last time are looked at.
pub(super) fn look<T: Transport>(
    dm: &Dm<T>,
    device: &ListedDevice<'_>,
    known: Option<&BTreeMap<DeviceNumber, Known>>,
) -> Result<Option<Known>> {
    let event_nr = device.event_nr.unwrap_or(0);
    let name = device.name.to_owned();
    let uuid = device.uuid.map(DmUuid::to_owned);
    let before = known.and_then(|known| known.get(&device.number));
    let before = before.filter(|before| before.is_same(&name, uuid.as_ref(), event_nr));
    if let Some(Known { uuid: known_uuid, state: State::Serves, .. }) = before {
        return Ok(Some(Known { name, uuid: uuid.or_else(|| known_uuid.clone()), event_nr, state: State::Serves }));
    }
    let info = match dm.device_info(device.number, InfoOptions::new()) {
        Err(error) if error.is_not_found() => return Ok(None),
        info => info?,
    };
    let had_table = known.is_none() || before.is_some_and(|before| before.state != State::Bare);
    let uuid = uuid.or_else(|| info.uuid().map(DmUuid::to_owned));
    Ok(Some(Known { name, uuid, event_nr, state: State::of(&info, had_table) }))
}

impl State {
    /// A first table is put in force by a resumption alone, so that is over or under way.
    fn of(info: &DeviceInfo, had_table: bool) -> Self {
        match (info.has_active_table(), info.is_suspended()) {
            (false, _) => Self::Bare,
            (true, true) if had_table => Self::Suspended,
            (true, _) => Self::Serves,
        }
    }
}

impl Known {
    /// Whether a device of the same number can be the same device: a device keeps its uuid, and its event number only grows.
    fn is_same(&self, name: &DmNameBuf, uuid: Option<&DmUuidBuf>, event_nr: u32) -> bool {
        let same_uuid = match (&self.uuid, uuid) {
            (Some(before), Some(now)) => before == now,
            (None, _) => true,
            // Lists of older kernels have no uuids; then the name has to do.
            (Some(_), None) => self.name == *name,
        };
        // Grown by less than half of all numbers, since they wrap around.
        same_uuid && event_nr.wrapping_sub(self.event_nr) <= u32::MAX / 2
    }

    /// Its next resumption is one that the kernel may not tell of.
    pub(super) fn is_suspended(&self) -> bool {
        self.state == State::Suspended
    }

    fn event(&self, number: DeviceNumber, kind: EventKind) -> Event {
        Event { number, name: self.name.clone(), uuid: self.uuid.clone(), kind }
    }
}

/// All that has happened between two lists, removals first, so that a name or number is given up before it is taken.
pub(super) fn compare(before: &BTreeMap<DeviceNumber, Known>, now: &BTreeMap<DeviceNumber, Known>) -> Vec<Event> {
    let is_same = |old: &Known, new: &Known| old.is_same(&new.name, new.uuid.as_ref(), new.event_nr);
    let stayed = |number: &DeviceNumber, old: &Known| now.get(number).is_some_and(|new| is_same(old, new));
    let gone = before.iter().filter(|(number, old)| !stayed(number, old));
    let mut events: Vec<Event> = gone.map(|(&number, old)| old.event(number, EventKind::Removed)).collect();
    for (&number, new) in now {
        let old = before.get(&number).filter(|old| is_same(old, new));
        let Some(old) = old else {
            events.push(new.event(number, EventKind::Added));
            events.extend((new.state == State::Serves).then(|| new.event(number, EventKind::Resumed)));
            continue;
        };
        let mut happened = |kind| events.push(new.event(number, kind));
        if old.name != new.name {
            happened(EventKind::Renamed { from: old.name.clone() });
        }
        if old.uuid != new.uuid {
            happened(EventKind::UuidSet);
        }
        if new.state == State::Serves && old.state != State::Serves {
            happened(EventKind::Resumed);
        }
        if old.event_nr != new.event_nr {
            happened(EventKind::Changed { event_nr: new.event_nr });
        }
    }
    events
}

#[cfg(test)]
mod tests {
    use super::*;

    fn number(minor: u32) -> DeviceNumber {
        DeviceNumber::new(253, minor)
    }

    fn known(name: &str, uuid: &str, event_nr: u32) -> Known {
        Known { name: DmNameBuf::new(name).unwrap(), uuid: DmUuidBuf::new(uuid).ok(), event_nr, state: State::Serves }
    }

    fn happened(before: &[(u32, Known)], now: &[(u32, Known)]) -> Vec<(u32, String, EventKind)> {
        let map = |list: &[(u32, Known)]| list.iter().map(|(minor, known)| (number(*minor), known.clone())).collect();
        let events = compare(&map(before), &map(now)).into_iter();
        events.map(|event| (event.number.minor, event.name.to_string(), event.kind)).collect()
    }

    #[test]
    fn nothing_new_is_nothing_reported() {
        let same = [(0, known("a", "u", 3)), (1, known("b", "", 0))];
        assert_eq!(happened(&same, &same), []);
    }

    #[test]
    fn each_change_is_reported_once() {
        let before = [(0, known("a", "u", 3)), (1, Known { state: State::Bare, ..known("b", "", 0) })];
        let now =
            [(0, known("c", "u", 5)), (1, known("b", "v", 0)), (2, Known { state: State::Bare, ..known("d", "", 0) })];
        let from = DmNameBuf::new("a").unwrap();
        assert_eq!(
            happened(&before, &now),
            [
                (0, "c".to_owned(), EventKind::Renamed { from }),
                (0, "c".to_owned(), EventKind::Changed { event_nr: 5 }),
                (1, "b".to_owned(), EventKind::UuidSet),
                (1, "b".to_owned(), EventKind::Resumed),
                (2, "d".to_owned(), EventKind::Added),
            ]
        );
        assert_eq!(happened(&before[..1], &[]), [(0, "a".to_owned(), EventKind::Removed)]);
    }

    #[test]
    fn a_number_that_was_used_again_is_another_device() {
        let removed_and_added = |before: Known, now: Known| {
            let kinds: Vec<_> = happened(&[(0, before)], &[(0, now)]).into_iter().map(|(_, _, kind)| kind).collect();
            assert_eq!(kinds, [EventKind::Removed, EventKind::Added, EventKind::Resumed]);
        };
        removed_and_added(known("a", "u", 0), known("a", "v", 0));
        removed_and_added(known("a", "", 7), known("a", "", 0));
    }

    #[test]
    fn event_numbers_wrap_around() {
        let kinds = happened(&[(0, known("a", "", u32::MAX))], &[(0, known("a", "", 1))]);
        assert_eq!(kinds, [(0, "a".to_owned(), EventKind::Changed { event_nr: 1 })]);
    }
}
