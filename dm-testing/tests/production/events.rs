//! Following events.

use std::collections::BTreeMap;
use std::thread;
use std::time::{Duration, Instant};

use dm_core::{
    Buffer, DeviceInfo, Dm, DmNameBuf, DmUuidBuf, Event, EventKind, EventPoller, ListOptions, RenameOptions,
    ResumeOptions, SuspendOptions,
};
use dm_testing::{MappedDevice, Scratch, require};
use dm_units::DeviceNumber;

use crate::signals::under_signals;
use crate::support::{REMOVE, SOON, info, zero};

/// How long nothing is to happen.
const QUIET: Duration = Duration::from_millis(150);

fn poller() -> EventPoller {
    EventPoller::new(Dm::open().unwrap()).unwrap()
}

/// What has happened to a device by now, and to no other one; asked again, it is not told again.
fn news(poller: &mut EventPoller, number: DeviceNumber) -> Vec<(DmNameBuf, Option<DmUuidBuf>, EventKind)> {
    let events = poller.wait(Some(SOON)).unwrap();
    assert!(events.iter().all(|event| event.number == number), "{events:?}");
    assert_eq!(poller.read().unwrap(), []);
    events.into_iter().map(|event| (event.name, event.uuid, event.kind)).collect()
}

#[test]
#[ignore = "needs root and device mapper: cargo xtask test-root"]
fn the_life_of_a_device_is_told_once() {
    let Some(scratch) = Scratch::new(&[require::target("zero")]) else { return };
    let dm = scratch.dm();
    let (new, uuid) = (scratch.name("new").unwrap(), DmUuidBuf::new(scratch.prefix()).unwrap());
    let mut poller = poller();
    let device = scratch.create("old").unwrap();
    let (old, number) = (device.name().to_owned(), device.number());
    assert_eq!(news(&mut poller, number), [(old.clone(), None, EventKind::Added)]);

    scratch.swap(&device, [zero()]).unwrap();
    assert_eq!(news(&mut poller, number), [(old.clone(), None, EventKind::Resumed)]);

    dm.device_rename(device.name(), new.as_borrowed(), RenameOptions::new()).unwrap();
    let renamed = EventKind::Renamed { from: old };
    let changed = EventKind::Changed { event_nr: 1 };
    assert_eq!(news(&mut poller, number), [(new.clone(), None, renamed), (new.clone(), None, changed)]);

    dm.device_set_uuid(new.as_borrowed(), uuid.as_borrowed(), RenameOptions::new()).unwrap();
    let changed = EventKind::Changed { event_nr: 2 };
    let uuid = Some(uuid);
    let expected = [(new.clone(), uuid.clone(), EventKind::UuidSet), (new.clone(), uuid.clone(), changed)];
    assert_eq!(news(&mut poller, number), expected);

    dm.device_suspend(number, SuspendOptions::new()).unwrap();
    assert_eq!(poller.wait(Some(QUIET)).unwrap(), []);
    scratch.swap(&device, [zero()]).unwrap();
    dm.device_remove(number, REMOVE).unwrap();
    // The last moment it could be resumed in is over by the time anybody looks.
    assert_eq!(news(&mut poller, number), [(new, uuid, EventKind::Removed)]);
}

#[test]
#[ignore = "needs root and device mapper: cargo xtask test-root"]
fn devices_that_were_there_are_not_told() {
    let Some(scratch) = Scratch::new(&[require::target("zero")]) else { return };
    let device = scratch.map("device", [zero()]).unwrap();
    let mut poller = poller();
    assert_eq!(poller.read().unwrap(), []);
    scratch.dm().device_remove(device.number(), REMOVE).unwrap();
    let expected = [(device.name().to_owned(), None, EventKind::Removed)];
    assert_eq!(news(&mut poller, device.number()), expected);
}

/// The kernel tells of a table an instant before the device serves, so that a poller on another processor sees it in
/// between now and then.
#[test]
#[ignore = "needs root and device mapper: cargo xtask test-root"]
fn no_first_table_is_lost() {
    const ROUNDS: usize = 30;
    let Some(scratch) = Scratch::new(&[require::target("zero")]) else { return };
    let mut poller = poller();
    for round in 0..ROUNDS {
        let device = scratch.create(format!("{round}")).unwrap();
        let told = |kind| [(device.name().to_owned(), None, kind)];
        assert_eq!(news(&mut poller, device.number()), told(EventKind::Added));
        thread::scope(|scope| {
            let resume = scope.spawn(|| scratch.swap(&device, [zero()]).unwrap());
            assert_eq!(news(&mut poller, device.number()), told(EventKind::Resumed));
            resume.join().unwrap();
        });
        assert_eq!(poller.read().unwrap(), []);
        scratch.dm().device_remove(device.number(), REMOVE).unwrap();
        assert_eq!(news(&mut poller, device.number()), told(EventKind::Removed));
    }
}

#[test]
#[ignore = "needs root and device mapper: cargo xtask test-root"]
fn the_resumption_of_a_device_that_was_suspended_is_told() {
    let Some(scratch) = Scratch::new(&[require::target("zero")]) else { return };
    let device = scratch.map("device", [zero()]).unwrap();
    let resumed = [(device.name().to_owned(), None, EventKind::Resumed)];
    let resume: [&(dyn Fn() -> DeviceInfo + Sync); 2] =
        [&|| scratch.dm().device_resume(device.number(), ResumeOptions::new()).unwrap(), &|| {
            scratch.swap(&device, [zero()]).unwrap()
        }];
    for resume in resume {
        scratch.dm().device_suspend(device.number(), SuspendOptions::new()).unwrap();
        let mut poller = poller();
        assert_eq!(meanwhile(resume, || news(&mut poller, device.number())), resumed);
    }
}

#[test]
#[ignore = "needs root and device mapper: cargo xtask test-root"]
fn waiting_has_an_end_that_signals_do_not_hasten() {
    let Some(scratch) = Scratch::new(&[require::target("zero")]) else { return };
    let device = scratch.map("device", [zero()]).unwrap();
    let mut poller = poller();
    let within = |begun: Instant| (QUIET..SOON).contains(&begun.elapsed());
    under_signals(|| {
        let begun = Instant::now();
        assert_eq!(poller.wait(Some(QUIET)).unwrap(), []);
        assert!(within(begun), "{:?}", begun.elapsed());
        let begun = Instant::now();
        assert!(scratch.dm().wait_event(device.number(), 0, Some(QUIET)).unwrap().is_none());
        assert!(within(begun), "{:?}", begun.elapsed());
    });
    assert_eq!(poller.wait(Some(Duration::ZERO)).unwrap(), []);
}

/// What a thread does while this one waits.
fn meanwhile<R, S>(action: impl FnOnce() -> S + Send, wait: impl FnOnce() -> R) -> R {
    thread::scope(|scope| {
        scope.spawn(|| {
            thread::sleep(QUIET);
            action();
        });
        wait()
    })
}

#[test]
#[ignore = "needs root and device mapper: cargo xtask test-root"]
fn one_device_can_be_waited_for() {
    let Some(scratch) = Scratch::new(&[require::target("zero")]) else { return };
    let [device, other] = ["device", "other"].map(|suffix| scratch.map(suffix, [zero()]).unwrap());
    let rename = |device: &MappedDevice, suffix: &str| {
        let new = scratch.name(suffix).unwrap();
        scratch.dm().device_rename(device.name(), new.as_borrowed(), RenameOptions::new()).unwrap();
    };
    let waiter = Dm::open().unwrap();
    // What happens to another one does not count.
    let wait = |limit| waiter.wait_event(device.number(), 0, Some(limit)).unwrap();
    assert!(meanwhile(|| rename(&other, "other-new"), || wait(QUIET * 2)).is_none());
    let seen = meanwhile(|| rename(&device, "new"), || wait(SOON)).unwrap();
    assert_eq!((seen.number(), seen.event_nr()), (device.number(), 1));
    // What has happened already counts at once.
    assert_eq!(wait(SOON).unwrap().event_nr(), 1);
}

#[test]
#[ignore = "needs root and device mapper: cargo xtask test-root"]
fn removal_ends_the_wait_for_a_device() {
    let Some(scratch) = Scratch::new(&[require::target("zero")]) else { return };
    let [mapped, bare] = [scratch.map("mapped", [zero()]).unwrap(), scratch.create("bare").unwrap()];
    let waiter = Dm::open().unwrap();
    for device in [mapped, bare] {
        let remove = || {
            scratch.dm().device_remove(device.number(), REMOVE).unwrap();
        };
        let error = meanwhile(remove, || waiter.wait_event(device.name(), 0, None)).unwrap_err();
        assert!(error.is_not_found(), "{error}");
    }
}

/// What is known from the events alone.
#[derive(Default)]
struct Told {
    devices: BTreeMap<DeviceNumber, (DmNameBuf, bool)>,
    count: usize,
}

impl Told {
    fn learn(&mut self, events: Vec<Event>) {
        for Event { number, name, kind, .. } in events {
            self.count = self.count.saturating_add(1);
            match kind {
                EventKind::Added => assert!(self.devices.insert(number, (name, false)).is_none(), "added twice"),
                EventKind::Removed => assert_eq!(self.devices.remove(&number).unwrap().0, name),
                EventKind::Renamed { from } => {
                    let (known, _) = self.devices.get_mut(&number).unwrap();
                    assert_eq!(std::mem::replace(known, name), from);
                }
                EventKind::Resumed => self.devices.get_mut(&number).unwrap().1 = true,
                _ => assert_eq!(self.devices.get(&number).unwrap().0, name),
            }
        }
    }
}

const THREADS: usize = 16;
const ROUNDS: usize = 3;

#[test]
#[ignore = "needs root and device mapper: cargo xtask test-root"]
fn nothing_is_lost_while_many_are_at_work() {
    let Some(scratch) = Scratch::new(&[require::target("zero")]) else { return };
    let mut poller = poller();
    let mut told = Told::default();
    thread::scope(|scope| {
        let live = |thread: usize| {
            for round in 0..ROUNDS {
                let device = scratch.map(format!("{thread}-{round}"), [zero()]).unwrap();
                let new = scratch.name(format!("{thread}-{round}-new")).unwrap();
                scratch.dm().device_rename(device.name(), new.as_borrowed(), RenameOptions::new()).unwrap();
                // The last ones of some threads stay.
                if round < ROUNDS.saturating_sub(1) || thread % 2 == 0 {
                    scratch.dm().device_remove(device.number(), REMOVE).unwrap();
                }
            }
        };
        let threads: Vec<_> = (0..THREADS).map(|thread| scope.spawn(move || live(thread))).collect();
        while !threads.iter().all(thread::ScopedJoinHandle::is_finished) {
            told.learn(poller.wait(Some(Duration::from_millis(20))).unwrap());
        }
    });
    told.learn(poller.read().unwrap());
    println!("{} events told by {} threads' devices", told.count, THREADS);

    let mut buffer = Buffer::new();
    let list = scratch.dm().list_devices(&mut buffer, ListOptions::new()).unwrap();
    let ours = list
        .iter()
        .map(Result::unwrap)
        .filter(|device| device.name.as_bytes().starts_with(scratch.prefix().as_bytes()));
    let expected: BTreeMap<_, _> = ours.map(|device| (device.number, (device.name.to_owned(), true))).collect();
    assert_eq!(expected.len(), THREADS / 2);
    assert_eq!(told.devices, expected);
    assert!(expected.keys().all(|&number| info(&scratch, number).has_active_table()));
}
