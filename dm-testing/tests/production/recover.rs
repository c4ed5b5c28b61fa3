//! What a program leaves behind that is killed between two commands, and its cleaning up.

use std::cell::Cell;

use dm_core::{
    Buffer, CreateOptions, DmNameBuf, DmUuidBuf, LeftoverKind, LoadOptions, Prefix, ReloadOptions, RenameOptions,
    SetupOptions, SuspendOptions, TargetLine,
};
use dm_testing::{MappedDevice, Scratch, require};
use dm_units::{DeviceNumber, Sectors};

use crate::child;
use crate::support::{Io, LENGTH, Line, REMOVE, before, exists, info, linear, table, zero};

/// What a child does to a device.
#[derive(Clone, Copy, PartialEq)]
enum Work {
    SetUp,
    Reload,
    ForcedRemoval,
}

const ALL_WORK: [(&str, Work); 3] = [("setup", Work::SetUp), ("reload", Work::Reload), ("remove", Work::ForcedRemoval)];

/// What a child is to do, and before which command it is killed.
struct Order {
    work: Work,
    commands: u32,
    name: DmNameBuf,
    uuid: DmUuidBuf,
    disk: DeviceNumber,
}

/// A table that leads to the same data as one line, but is another one.
fn halves(disk: DeviceNumber) -> [Line<String>; 2] {
    [0, 32].map(|start| TargetLine::new(Sectors(start), Sectors(32), "linear", format!("{disk} {start}")))
}

impl Order {
    fn parse(text: &str) -> Self {
        let [what, commands, name, uuid, disk] = text.split('\n').collect::<Vec<_>>()[..] else {
            unreachable!("{text}")
        };
        Self {
            work: ALL_WORK.iter().find(|(word, _)| *word == what).unwrap().1,
            commands: commands.parse().unwrap(),
            name: DmNameBuf::new(name).unwrap(),
            uuid: DmUuidBuf::new(uuid).unwrap(),
            disk: disk.parse().unwrap(),
        }
    }

    fn text(&self) -> String {
        let (what, _) = ALL_WORK.iter().find(|(_, work)| *work == self.work).unwrap();
        format!("{what}\n{}\n{}\n{}\n{}", self.commands, self.name, self.uuid, self.disk)
    }

    /// In the child.
    fn carry_out(&self) {
        let left = Cell::new(self.commands);
        let dm = before(|_| match left.get().checked_sub(1) {
            Some(fewer) => left.set(fewer),
            None => child::die(),
        });
        let (buffer, name) = (&mut Buffer::new(), self.name.as_borrowed());
        match self.work {
            Work::SetUp => {
                let create = CreateOptions::new().uuid(self.uuid.as_borrowed());
                dm.device_setup(buffer, name, halves(self.disk), SetupOptions::new().create(create)).unwrap();
            }
            Work::Reload => {
                dm.device_reload(buffer, name, halves(self.disk), ReloadOptions::new()).unwrap();
            }
            Work::ForcedRemoval => {
                dm.device_remove(name, REMOVE.force(true)).unwrap();
            }
        }
    }
}

/// More commands than any work takes.
const MANY: u32 = 20;

/// Has a child killed before each of its commands; between that and the next child, `check` gets to see what it left.
fn killed_at_each_point(mut order: Order, mut check: impl FnMut(u32)) {
    for commands in 0..MANY {
        order.commands = commands;
        let status = child::run(&order.text());
        if !child::was_killed(status) {
            assert!(status.success() && commands > 2, "{status} after {commands} commands");
            return;
        }
        check(commands);
    }
    unreachable!("{MANY} commands are not enough");
}

/// Devices that look just as unfinished, of somebody else.
struct Others([MappedDevice; 2]);

impl Others {
    fn new(scratch: &Scratch) -> Self {
        let bare = scratch.create("other-bare").unwrap();
        let suspended = scratch.map("other-suspended", [zero()]).unwrap();
        scratch.dm().table_load(&mut Buffer::new(), suspended.number(), [zero()], LoadOptions::new()).unwrap();
        scratch.dm().device_suspend(suspended.number(), SuspendOptions::new()).unwrap();
        for device in [&bare, &suspended] {
            let uuid = DmUuidBuf::new(&device.to_string()).unwrap();
            scratch.dm().device_set_uuid(device.name(), uuid.as_borrowed(), RenameOptions::new()).unwrap();
        }
        Self([bare, suspended])
    }

    fn are_untouched(&self, scratch: &Scratch) {
        let [bare, suspended] = &self.0;
        assert!(exists(scratch, bare.number()));
        let state = info(scratch, suspended.number());
        assert!(state.is_suspended() && state.has_inactive_table(), "{state:?}");
    }
}

/// The caller's devices by their name or by their uuid, in turn.
fn prefixes<'a>(name: &'a DmNameBuf, uuid: &'a DmUuidBuf) -> impl Iterator<Item = Prefix<'a>> {
    [Prefix::Name(name.as_borrowed()), Prefix::Uuid(uuid.as_borrowed())].into_iter().cycle()
}

#[test]
#[ignore = "needs root and device mapper: cargo xtask test-root"]
fn a_killed_set_up_is_cleaned_up() {
    if let Some(order) = child::order() {
        return Order::parse(&order).carry_out();
    }
    let Some(scratch) = Scratch::new(&["linear", "zero"].map(require::target)) else { return };
    let others = Others::new(&scratch);
    let (ours, uuid) = (scratch.name("ours-").unwrap(), DmUuidBuf::new(&format!("{}ours-", scratch.prefix())).unwrap());
    let name = scratch.name("ours-device").unwrap();
    let disk = scratch.loop_device(LENGTH.to_bytes()).unwrap().number();
    for prefix in prefixes(&ours, &uuid).take(2) {
        let device_uuid = DmUuidBuf::new(&format!("{uuid}device")).unwrap();
        let order = Order { work: Work::SetUp, commands: 0, name: name.clone(), uuid: device_uuid, disk };
        let mut kinds = Vec::new();
        killed_at_each_point(order, |_| {
            let cleaned = scratch.dm().recover(&mut Buffer::new(), prefix).unwrap();
            kinds.extend(cleaned.iter().map(|leftover| leftover.kind));
            assert!(cleaned.iter().all(|leftover| leftover.name == name));
            assert!(!exists(&scratch, &name));
            assert_eq!(scratch.dm().recover(&mut Buffer::new(), prefix).unwrap(), []);
            others.are_untouched(&scratch);
        });
        assert_eq!(kinds, [LeftoverKind::NoTable, LeftoverKind::NeverResumed]);
        // What is finished stays.
        assert_eq!(scratch.dm().recover(&mut Buffer::new(), prefix).unwrap(), []);
        assert_eq!(table(&scratch, &name).len(), 2);
        scratch.dm().device_remove(&name, REMOVE).unwrap();
    }
}

#[test]
#[ignore = "needs root and device mapper: cargo xtask test-root"]
fn a_killed_reload_is_cleaned_up() {
    if let Some(order) = child::order() {
        return Order::parse(&order).carry_out();
    }
    let Some(scratch) = Scratch::new(&["linear", "zero"].map(require::target)) else { return };
    let others = Others::new(&scratch);
    let disk = scratch.loop_device(LENGTH.to_bytes()).unwrap().number();
    let device = scratch.map("ours-device", [linear(disk)]).unwrap();
    let uuid = DmUuidBuf::new(&format!("{}ours-device", scratch.prefix())).unwrap();
    scratch.dm().device_set_uuid(device.name(), uuid.as_borrowed(), RenameOptions::new()).unwrap();
    let ours = scratch.name("ours-").unwrap();
    let old = table(&scratch, device.number());
    let mut prefixes = prefixes(&ours, &uuid);
    let mut kinds = Vec::new();
    let io = Io::start(&device);
    let order = Order { work: Work::Reload, commands: 0, name: device.name().to_owned(), uuid: uuid.clone(), disk };
    killed_at_each_point(order, |_| {
        let prefix = prefixes.next().unwrap();
        let cleaned = scratch.dm().recover(&mut Buffer::new(), prefix).unwrap();
        kinds.extend(cleaned.iter().map(|leftover| leftover.kind));
        let state = info(&scratch, device.number());
        assert!(state.has_active_table() && !state.has_inactive_table() && !state.is_suspended(), "{state:?}");
        assert_eq!(table(&scratch, device.number()), old);
        io.goes_on();
        assert_eq!(scratch.dm().recover(&mut Buffer::new(), prefix).unwrap(), []);
        others.are_untouched(&scratch);
    });
    assert_eq!(kinds, [LeftoverKind::TableLoaded, LeftoverKind::Suspended]);
    assert_eq!(table(&scratch, device.number()).len(), 2);
    io.end();
}

#[test]
#[ignore = "needs root and device mapper: cargo xtask test-root"]
fn a_killed_forced_removal_is_cleaned_up() {
    if let Some(order) = child::order() {
        return Order::parse(&order).carry_out();
    }
    let Some(scratch) = Scratch::new(&["linear", "zero", "error"].map(require::target)) else { return };
    let others = Others::new(&scratch);
    let disk = scratch.loop_device(LENGTH.to_bytes()).unwrap().number();
    let device = scratch.map("ours-device", [linear(disk)]).unwrap();
    let (ours, uuid) = (scratch.name("ours-").unwrap(), DmUuidBuf::new(scratch.prefix()).unwrap());
    let mut kinds = Vec::new();
    let order = Order { work: Work::ForcedRemoval, commands: 0, name: device.name().to_owned(), uuid, disk };
    killed_at_each_point(order, |_| {
        let prefix = Prefix::Name(ours.as_borrowed());
        kinds.extend(scratch.dm().recover(&mut Buffer::new(), prefix).unwrap().iter().map(|leftover| leftover.kind));
        let state = info(&scratch, device.number());
        assert!(state.has_active_table() && !state.has_inactive_table() && !state.is_suspended(), "{state:?}");
        others.are_untouched(&scratch);
    });
    // Before that the device is as it was, and afterwards it has a table of errors; it can be removed in both cases.
    assert_eq!(kinds, [LeftoverKind::TableLoaded]);
    assert!(!exists(&scratch, device.name()));
}

#[test]
#[ignore = "needs root and device mapper: cargo xtask test-root"]
fn only_an_exact_prefix_counts() {
    let Some(scratch) = Scratch::new(&[require::target("zero")]) else { return };
    let device = scratch.create("ours").unwrap();
    let longer = scratch.name("ours-").unwrap();
    let own_name = DmUuidBuf::new(&device.to_string()).unwrap();
    let find = |prefix| scratch.dm().leftovers(&mut Buffer::new(), prefix).unwrap();
    assert_eq!(find(Prefix::Name(longer.as_borrowed())), []);
    // A device without a uuid is nobody's by its uuid.
    assert_eq!(find(Prefix::Uuid(own_name.as_borrowed())), []);
    let found = find(Prefix::Name(device.name()));
    let found: Vec<_> = found.iter().map(|leftover| (leftover.number, leftover.kind)).collect();
    assert_eq!(found, [(device.number(), LeftoverKind::NoTable)]);
}
