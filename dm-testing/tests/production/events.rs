//! Following events of devices.

use std::collections::BTreeMap;
use std::thread;
use std::time::{Duration, Instant};

use dm_core::{DeviceInfo, Dm, DmNameBuf, DmUuidBuf, Event, EventKind, EventPoller, PollerOptions};
use dm_testing::{MappedDevice, Scratch, require};
use dm_units::DeviceNumber;

use crate::signals::under_signals;
use crate::support::{SOON, info, when_free, zero};

/// The time during which no event is expected.
const QUIET: Duration = Duration::from_millis(150);

fn poller() -> EventPoller {
    EventPoller::open(&Dm::open().unwrap()).unwrap()
}

/// An event of a device: its name and uuid, and the kind in words.
type News = (DmNameBuf, Option<DmUuidBuf>, String);

/// The events of a device since the last call.
fn news(poller: &mut EventPoller, number: DeviceNumber) -> Vec<News> {
    let events = poller.wait(Some(SOON)).unwrap();
    assert!(events.iter().all(|event| event.number == number), "{events:?}");
    assert_eq!(poller.read().unwrap(), []);
    events.into_iter().map(|event| (event.name, event.uuid, format!("{:?}", event.kind))).collect()
}

#[test]
#[ignore = "needs root and device mapper: cargo xtask test-root"]
fn the_life_of_a_device_is_reported_once() {
    let Some(scratch) = Scratch::new(&[require::target("zero")]) else { return };
    let dm = scratch.dm();
    let (new, uuid) = (scratch.name("new").unwrap(), DmUuidBuf::new(scratch.prefix()).unwrap());
    let mut poller = poller();
    let device = scratch.create("old").unwrap();
    let (old, number) = (device.name().to_owned(), device.number());
    assert_eq!(news(&mut poller, number), [(old.clone(), None, "Added".to_owned())]);

    scratch.swap(&device, [zero()]).unwrap();
    assert_eq!(news(&mut poller, number), [(old.clone(), None, "Resumed".to_owned())]);

    dm.device_rename(device.name(), &new).unwrap();
    let renamed = format!("Renamed {{ from: {old:?} }}");
    let changed = "Changed { event_nr: 1 }".to_owned();
    assert_eq!(news(&mut poller, number), [(new.clone(), None, renamed), (new.clone(), None, changed)]);

    dm.device_set_uuid(&new, &uuid).unwrap();
    let (set, changed, uuid) = ("UuidSet".to_owned(), "Changed { event_nr: 2 }".to_owned(), Some(uuid));
    let expected = [(new.clone(), uuid.clone(), set), (new.clone(), uuid.clone(), changed)];
    assert_eq!(news(&mut poller, number), expected);

    dm.device_suspend(number).unwrap();
    assert_eq!(poller.wait(Some(QUIET)).unwrap(), []);
    scratch.swap(&device, [zero()]).unwrap();
    when_free(|| dm.device_remove(number));
    // It was resumed as well, but no longer exists when the poller reads.
    assert_eq!(news(&mut poller, number), [(new, uuid, "Removed".to_owned())]);
}

#[test]
#[ignore = "needs root and device mapper: cargo xtask test-root"]
fn existing_devices_are_not_reported() {
    let Some(scratch) = Scratch::new(&[require::target("zero")]) else { return };
    let device = scratch.map("device", [zero()]).unwrap();
    let mut poller = poller();
    assert_eq!(poller.read().unwrap(), []);
    when_free(|| scratch.dm().device_remove(&device));
    let expected = [(device.name().to_owned(), None, "Removed".to_owned())];
    assert_eq!(news(&mut poller, device.number()), expected);
}

/// The kernel raises the event of a table shortly before the device is active, so that a poller on another processor
/// sometimes reads in between.
#[test]
#[ignore = "needs root and device mapper: cargo xtask test-root"]
fn no_first_table_is_lost() {
    const ROUNDS: usize = 30;
    let Some(scratch) = Scratch::new(&[require::target("zero")]) else { return };
    let mut poller = poller();
    for round in 0..ROUNDS {
        let device = scratch.create(format!("{round}")).unwrap();
        let reported = |kind: &str| [(device.name().to_owned(), None, kind.to_owned())];
        assert_eq!(news(&mut poller, device.number()), reported("Added"));
        thread::scope(|scope| {
            let resume = scope.spawn(|| scratch.swap(&device, [zero()]).unwrap());
            assert_eq!(news(&mut poller, device.number()), reported("Resumed"));
            resume.join().unwrap();
        });
        assert_eq!(poller.read().unwrap(), []);
        when_free(|| scratch.dm().device_remove(&device));
        assert_eq!(news(&mut poller, device.number()), reported("Removed"));
    }
}

#[test]
#[ignore = "needs root and device mapper: cargo xtask test-root"]
fn the_resume_of_a_device_that_was_suspended_is_reported_on_request() {
    let Some(scratch) = Scratch::new(&[require::target("zero")]) else { return };
    let device = scratch.map("device", [zero()]).unwrap();
    let resumed = [(device.name().to_owned(), None, "Resumed".to_owned())];
    let resume: [&(dyn Fn() -> DeviceInfo + Sync); 2] =
        [&|| scratch.dm().device_resume(&device).unwrap(), &|| scratch.swap(&device, [zero()]).unwrap()];
    for resume in resume {
        scratch.dm().device_suspend(&device).unwrap();
        let options = PollerOptions::new().existing(true);
        let mut poller = EventPoller::open_with(scratch.dm(), options).unwrap();
        assert_eq!(meanwhile(resume, || news(&mut poller, device.number())), resumed);
    }
}

#[test]
#[ignore = "needs root and device mapper: cargo xtask test-root"]
fn signals_neither_end_nor_lengthen_a_wait() {
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

/// Runs an action in a thread while this one waits.
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
        scratch.dm().device_rename(device.name(), &new).unwrap();
    };
    let waiter = Dm::open().unwrap();
    // An event of another device does not count.
    let wait = |limit| waiter.wait_event(device.number(), 0, Some(limit)).unwrap();
    assert!(meanwhile(|| rename(&other, "other-new"), || wait(QUIET * 2)).is_none());
    let seen = meanwhile(|| rename(&device, "new"), || wait(SOON)).unwrap();
    assert_eq!((seen.number(), seen.event_nr()), (device.number(), 1));
    // An earlier event ends the wait at once.
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
            when_free(|| scratch.dm().device_remove(&device));
        };
        let error = meanwhile(remove, || waiter.wait_event(device.name(), 0, None)).unwrap_err();
        assert!(error.is_not_found(), "{error}");
    }
}

/// The devices according to events alone.
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
                EventKind::Renamed { from, .. } => {
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
fn no_event_is_lost_while_many_threads_work() {
    let Some(scratch) = Scratch::new(&[require::target("zero")]) else { return };
    let mut poller = poller();
    let mut told = Told::default();
    thread::scope(|scope| {
        let live = |thread: usize| {
            for round in 0..ROUNDS {
                let device = scratch.map(format!("{thread}-{round}"), [zero()]).unwrap();
                let new = scratch.name(format!("{thread}-{round}-new")).unwrap();
                scratch.dm().device_rename(device.name(), &new).unwrap();
                // The last devices of some threads are kept.
                if round < ROUNDS.saturating_sub(1) || thread % 2 == 0 {
                    when_free(|| scratch.dm().device_remove(&device));
                }
            }
        };
        let threads: Vec<_> = (0..THREADS).map(|thread| scope.spawn(move || live(thread))).collect();
        while !threads.iter().all(thread::ScopedJoinHandle::is_finished) {
            told.learn(poller.wait(Some(Duration::from_millis(20))).unwrap());
        }
    });
    told.learn(poller.read().unwrap());
    println!("{} events of {} threads' devices", told.count, THREADS);

    let list = scratch.dm().list_devices().unwrap();
    let ours = list
        .iter()
        .map(Result::unwrap)
        .filter(|device| device.name.as_bytes().starts_with(scratch.prefix().as_bytes()));
    let expected: BTreeMap<_, _> = ours.map(|device| (device.number, (device.name.to_owned(), true))).collect();
    assert_eq!(expected.len(), THREADS / 2);
    assert_eq!(told.devices, expected);
    assert!(expected.keys().all(|&number| info(&scratch, number).has_active_table()));
}
