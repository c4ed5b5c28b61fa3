//! The leftovers of a program that is killed between two commands, and their clean-up.

use std::sync::atomic::{AtomicU32, Ordering};

use dm_core::udev::{Strategy, Udev};
use dm_core::{DmNameBuf, DmUuidBuf, Host, LeftoverKind, Prefix, SetupOptions, TargetLine};
use dm_testing::{MappedDevice, Scratch, require};
use dm_units::{DeviceNumber, Sectors};

use crate::child;
use crate::support::{Io, LENGTH, Line, PATIENTLY, before, exists, info, linear, table, zero};

/// The work of a child on a device.
#[derive(Clone, Copy, PartialEq)]
enum Work {
    SetUp,
    Reload,
    ForcedRemoval,
}

const ALL_WORK: [(&str, Work); 3] = [("setup", Work::SetUp), ("reload", Work::Reload), ("remove", Work::ForcedRemoval)];

/// The work of a child, and the command before which it is killed.
struct Order {
    work: Work,
    commands: u32,
    name: DmNameBuf,
    uuid: DmUuidBuf,
    disk: DeviceNumber,
}

/// Another table that maps the same data with two lines.
fn halves(disk: DeviceNumber) -> [Line<String>; 2] {
    [0, 32].map(|start| TargetLine::text(Sectors(start), Sectors(32), "linear", format!("{disk} {start}")))
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

    /// Runs in the child.
    fn carry_out(&self) {
        let left = AtomicU32::new(self.commands);
        let dm = before(move |_| {
            match left.load(Ordering::Relaxed).checked_sub(1) {
                Some(fewer) => left.store(fewer, Ordering::Relaxed),
                None => child::die(),
            }
            Ok(())
        });
        let (host, name) = (Host::new(dm).with_udev(Udev::new(Strategy::None)), &self.name);
        match self.work {
            Work::SetUp => {
                host.setup_with(name, halves(self.disk), SetupOptions::new().uuid(&self.uuid)).unwrap();
            }
            Work::Reload => {
                host.reload(name, halves(self.disk)).unwrap();
            }
            Work::ForcedRemoval => {
                host.remove_with(name, PATIENTLY.force(true)).unwrap();
            }
        }
    }
}

/// More commands than any work sends.
const MANY: u32 = 20;

/// Kills a child before each of its commands in turn; `check` examines the leftovers before the next child starts.
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

/// Devices of another program that look unfinished as well.
struct Others([MappedDevice; 2]);

impl Others {
    fn new(scratch: &Scratch) -> Self {
        let bare = scratch.create("other-bare").unwrap();
        let suspended = scratch.map("other-suspended", [zero()]).unwrap();
        scratch.dm().table_load(&suspended, [zero()]).unwrap();
        scratch.dm().device_suspend(&suspended).unwrap();
        for device in [&bare, &suspended] {
            let uuid = DmUuidBuf::new(&device.to_string()).unwrap();
            scratch.dm().device_set_uuid(device.name(), &uuid).unwrap();
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

/// Prefixes for the caller's devices: of names and of uuids.
fn prefixes<'a>(name: &'a DmNameBuf, uuid: &'a DmUuidBuf) -> impl Iterator<Item = Prefix<'a>> {
    [Prefix::Name(name), Prefix::Uuid(uuid)].into_iter().cycle()
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
            let cleaned = scratch.host().recover(prefix).unwrap();
            kinds.extend(cleaned.iter().map(|leftover| leftover.kind));
            assert!(cleaned.iter().all(|leftover| leftover.name == name));
            assert!(!exists(&scratch, &name));
            assert_eq!(scratch.host().recover(prefix).unwrap(), []);
            others.are_untouched(&scratch);
        });
        assert_eq!(kinds, [LeftoverKind::NoTable, LeftoverKind::NeverResumed]);
        // A finished device is kept.
        assert_eq!(scratch.host().recover(prefix).unwrap(), []);
        assert_eq!(table(&scratch, &name).len(), 2);
        scratch.host().remove_with(&name, PATIENTLY).unwrap();
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
    scratch.dm().device_set_uuid(device.name(), &uuid).unwrap();
    let ours = scratch.name("ours-").unwrap();
    let old = table(&scratch, device.number());
    let mut prefixes = prefixes(&ours, &uuid);
    let mut kinds = Vec::new();
    let io = Io::start(&device);
    let order = Order { work: Work::Reload, commands: 0, name: device.name().to_owned(), uuid: uuid.clone(), disk };
    killed_at_each_point(order, |_| {
        let prefix = prefixes.next().unwrap();
        let cleaned = scratch.host().recover(prefix).unwrap();
        kinds.extend(cleaned.iter().map(|leftover| leftover.kind));
        let state = info(&scratch, device.number());
        assert!(state.has_active_table() && !state.has_inactive_table() && !state.is_suspended(), "{state:?}");
        assert_eq!(table(&scratch, device.number()), old);
        io.continues();
        assert_eq!(scratch.host().recover(prefix).unwrap(), []);
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
        let prefix = Prefix::Name(&ours);
        kinds.extend(scratch.host().recover(prefix).unwrap().iter().map(|leftover| leftover.kind));
        let state = info(&scratch, device.number());
        assert!(state.has_active_table() && !state.has_inactive_table() && !state.is_suspended(), "{state:?}");
        others.are_untouched(&scratch);
    });
    // Before that command the device is unchanged, and afterwards it has an `error` table; it can be removed in both
    // cases.
    assert_eq!(kinds, [LeftoverKind::TableLoaded]);
    assert!(!exists(&scratch, device.name()));
}

#[test]
#[ignore = "needs root and device mapper: cargo xtask test-root"]
fn only_devices_with_the_whole_prefix_are_found() {
    let Some(scratch) = Scratch::new(&[require::target("zero")]) else { return };
    let device = scratch.create("ours").unwrap();
    let longer = scratch.name("ours-").unwrap();
    let own_name = DmUuidBuf::new(&device.to_string()).unwrap();
    let find = |prefix| scratch.host().leftovers(prefix).unwrap();
    assert_eq!(find(Prefix::Name(&longer)), []);
    // A device without a uuid is not found by a prefix of uuids.
    assert_eq!(find(Prefix::Uuid(&own_name)), []);
    let found = find(Prefix::Name(device.name()));
    let found: Vec<_> = found.iter().map(|leftover| (leftover.number, leftover.kind)).collect();
    assert_eq!(found, [(device.number(), LeftoverKind::NoTable)]);
}
