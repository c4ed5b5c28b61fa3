//! The poller over a scripted host.

use std::os::fd::{AsFd as _, AsRawFd as _};
use std::thread;
use std::time::{Duration, Instant};

use nix::errno::Errno;

use super::wait::{Deadline, wait_readable};
use super::*;
use crate::error::{Error, OpenError};
use crate::fake_host::{FakeDevice, FakeHost, bare, number, serving};
use crate::id::DmUuid;
use crate::wire::Command::{ArmPoll, DeviceInfo, ListDevices};

/// Current kernels: lists with uuids.
const NEW: u32 = 48;
/// The versions whose lists have event numbers but no uuids.
const OLD: [u32; 2] = [37, 44];

fn open(host: &FakeHost) -> EventPoller {
    EventPoller::open(&host.dm()).unwrap()
}

/// Events as `MINOR NAME KIND`.
fn texts(events: Vec<Event>) -> Vec<String> {
    events.into_iter().map(|event| format!("{} {} {:?}", event.number.minor, event.name, event.kind)).collect()
}

fn read(poller: &mut EventPoller) -> Vec<String> {
    texts(poller.read().unwrap())
}

/// The event for a change of the host, which is reported once.
fn reported(host: &FakeHost, poller: &mut EventPoller, change: impl FnOnce(&mut Vec<FakeDevice>)) -> Vec<String> {
    host.change(change);
    let events = read(poller);
    assert_eq!(read(poller), [""; 0], "it is reported again");
    events
}

#[test]
fn the_life_of_a_device_is_reported_once_on_every_kernel() {
    for minor in [37, 44, 45, NEW] {
        let host = FakeHost::new(minor, [serving(7, "other", "u7")]);
        let poller = &mut open(&host);
        assert_eq!(read(poller), [""; 0], "devices that exist are not reported");
        assert_eq!(reported(&host, poller, |devices| devices.insert(0, bare(0, "a", ""))), ["0 a Added"]);
        assert_eq!(reported(&host, poller, |devices| devices[0].has_table = true), ["0 a Resumed"]);
        let renamed = reported(&host, poller, |devices| {
            devices[0].name = "z".into();
            devices[0].event_nr = 1;
            devices.reverse();
        });
        assert_eq!(renamed, [r#"0 z Renamed { from: "a" }"#, "0 z Changed { event_nr: 1 }"], "{minor}");
        let given = reported(&host, poller, |devices| {
            devices[1].uuid = "u".into();
            devices[1].event_nr = 2;
        });
        assert_eq!(given, ["0 z UuidSet", "0 z Changed { event_nr: 2 }"], "{minor}");
        host.change(|devices| drop(devices.pop()));
        let [removed] = &poller.read().unwrap()[..] else { panic!("one event") };
        assert_eq!(
            (&removed.kind, removed.uuid.as_deref().map(DmUuid::to_str)),
            (&EventKind::Removed, Some(Some("u")))
        );
    }
}

#[test]
fn a_kernel_without_event_numbers_in_lists_is_refused() {
    for minor in [0, 35, 36] {
        let error = EventPoller::open(&FakeHost::new(minor, []).dm()).unwrap_err();
        assert!(error.is_unsupported(), "{error}");
    }
    let error = EventPoller::open(&FakeHost::new(36, []).dm()).unwrap_err();
    assert!(matches!(error, Error::Unsupported { command: ListDevices, needed_minor: 37, .. }), "{error}");
}

#[test]
fn a_transport_without_a_descriptor_is_refused() {
    let host = FakeHost::new(NEW, [serving(0, "a", "")]);
    host.lock().has_descriptor = false;
    let is_named = |error: &Error| matches!(error, Error::Open(OpenError::NoDescriptor));
    assert!(is_named(&EventPoller::open(&host.dm()).unwrap_err()));
    assert!(is_named(&host.dm().wait_event("a", 0, None).unwrap_err()));
}

fn many(count: u32, device: fn(u32, &str, &str) -> FakeDevice) -> Vec<FakeDevice> {
    (0..count).map(|minor| device(minor, &format!("volume-{minor:05}"), &format!("LVM-{minor:064}"))).collect()
}

#[test]
fn opening_and_each_step_are_a_few_ioctls_whatever_there_is() {
    for device in [serving, bare] {
        let host = FakeHost::new(NEW, many(1000, device));
        let poller = &mut open(&host);
        let opening = host.sent();
        assert!(opening.len() <= 3 && opening.iter().all(|command| [ArmPoll, ListDevices].contains(command)));
        assert_eq!(reported(&host, poller, |devices| devices[500].event_nr = 1).len(), 1);
        assert_eq!(host.sent(), [ArmPoll, ListDevices, ArmPoll, ListDevices]);
    }
}

#[test]
fn only_devices_that_were_added_and_have_no_table_are_looked_up() {
    let host = FakeHost::new(NEW, many(10, bare));
    let poller = &mut open(&host);
    host.change(|devices| devices.extend([bare(20, "x", ""), serving(21, "y", "")]));
    host.sent();
    assert_eq!(read(poller), ["20 x Added", "21 y Added", "21 y Resumed"]);
    assert_eq!(host.sent(), [ArmPoll, ListDevices, DeviceInfo, DeviceInfo]);
    assert_eq!(read(poller), [""; 0]);
    assert_eq!(host.sent(), [ArmPoll, ListDevices, DeviceInfo]);
    host.change(|devices| devices[10].has_table = true);
    assert_eq!(read(poller), ["20 x Resumed"]);
    host.sent();
    assert_eq!(read(poller), [""; 0]);
    assert_eq!(host.sent(), [ArmPoll, ListDevices]);
}

#[test]
fn a_step_allocates_only_for_what_has_changed() {
    let allocations = |poller: &mut EventPoller, expected: usize| {
        let step = || assert_eq!(poller.read().unwrap().len(), expected);
        allocation_counter::measure(step).count_total
    };
    for device in [serving, bare] {
        let host = FakeHost::new(NEW, many(1000, device));
        let poller = &mut open(&host);
        // The second list needs memory beside the first one.
        poller.read().unwrap();
        host.sent();
        assert_eq!(allocations(poller, 0), 0);
        host.change(|devices| devices[500].event_nr = 1);
        let one = allocations(poller, 1);
        assert!((1..10).contains(&one), "{one} allocations for one change");
        host.change(|devices| devices.iter_mut().take(100).for_each(|device| device.event_nr = 1));
        let hundred = allocations(poller, 100);
        // A name and a uuid for each, and vectors that grow.
        assert!(hundred < 230, "{hundred} allocations for 100 changes");
        assert_eq!(allocations(poller, 0), 0);
    }
}

#[test]
fn existing_devices_are_followed_if_that_is_requested() {
    let suspended = FakeDevice { suspended: true, ..serving(1, "b", "") };
    let host = FakeHost::new(NEW, [bare(0, "a", ""), suspended, serving(2, "c", "")]);
    let poller = &mut EventPoller::open_with(&host.dm(), PollerOptions::new().existing(true)).unwrap();
    assert_eq!(read(poller), [""; 0]);
    let resumed = reported(&host, poller, |devices| devices.iter_mut().for_each(|device| device.suspended = false));
    assert_eq!(resumed, ["1 b Resumed"]);
    assert_eq!(reported(&host, poller, |devices| devices[0].has_table = true), ["0 a Resumed"]);
}

#[test]
fn an_existing_device_that_cannot_be_read_is_an_error_but_not_one_that_is_removed_meanwhile() {
    let host = FakeHost::new(NEW, [bare(0, "a", ""), bare(1, "b", "")]);
    let open = || EventPoller::open_with(&host.dm(), PollerOptions::new().existing(true));
    host.lock().fail = Some((DeviceInfo, Errno::ENOMEM));
    assert!(open().unwrap_err().is_out_of_memory());
    host.lock().meanwhile = Some(Box::new(|command, state| {
        if command == DeviceInfo {
            state.devices.retain(|device| device.minor == 1);
        }
    }));
    let poller = &mut open().unwrap();
    assert_eq!(read(poller), ["0 a Removed"]);
    assert_eq!(reported(&host, poller, |devices| devices[0].has_table = true), ["1 b Resumed"]);
}

#[test]
fn the_resume_of_a_suspended_device_ends_a_wait_without_an_event() {
    let host = FakeHost::new(NEW, [FakeDevice { suspended: true, ..serving(1, "b", "") }]);
    let poller = &mut EventPoller::open_with(&host.dm(), PollerOptions::new().existing(true)).unwrap();
    let resume = thread::spawn(move || {
        thread::sleep(Duration::from_millis(50));
        host.lock().devices[0].suspended = false;
    });
    assert_eq!(texts(poller.wait(Some(Duration::from_secs(60))).unwrap()), ["1 b Resumed"]);
    resume.join().unwrap();
}

#[test]
fn a_number_that_is_used_again_is_another_device() {
    for minor in [OLD[0], OLD[1], NEW] {
        let host = FakeHost::new(minor, [serving(0, "a", "u"), FakeDevice { event_nr: 7, ..serving(1, "b", "") }]);
        let poller = &mut open(&host);
        let another_uuid = reported(&host, poller, |devices| devices[0] = serving(0, "c", "v"));
        assert_eq!(another_uuid, ["0 a Removed", "0 c Added", "0 c Resumed"], "{minor}");
        let fewer_events = reported(&host, poller, |devices| devices[1].event_nr = 0);
        assert_eq!(fewer_events, ["1 b Removed", "1 b Added", "1 b Resumed"], "{minor}");
    }
}

#[test]
fn event_numbers_wrap_around() {
    let host = FakeHost::new(NEW, [FakeDevice { event_nr: u32::MAX, ..serving(0, "a", "") }]);
    let changed = reported(&host, &mut open(&host), |devices| devices[0].event_nr = 1);
    assert_eq!(changed, ["0 a Changed { event_nr: 1 }"]);
}

#[test]
fn names_that_are_exchanged_are_renames() {
    let host = FakeHost::new(NEW, [serving(0, "a", "u"), serving(1, "b", "v"), serving(2, "c", "w")]);
    let rotated = reported(&host, &mut open(&host), |devices| {
        devices.iter_mut().zip([1, 2, 0]).for_each(|(device, minor)| device.minor = minor);
        devices.iter_mut().zip(["v", "w", "u"]).for_each(|(device, uuid)| device.uuid = uuid.into());
    });
    let renamed = [r#"0 c Renamed { from: "a" }"#, r#"1 a Renamed { from: "b" }"#, r#"2 b Renamed { from: "c" }"#];
    assert_eq!(rotated, renamed);
}

#[test]
fn a_list_in_any_order_gives_the_same_events() {
    for minor in [OLD[1], NEW] {
        let host = FakeHost::new(minor, many(50, serving));
        let poller = &mut open(&host);
        let shuffled = reported(&host, poller, |devices| {
            devices.rotate_left(17);
            devices.reverse();
            devices.swap(3, 30);
        });
        assert_eq!(shuffled, [""; 0]);
        let changed = reported(&host, poller, |devices| {
            devices.reverse();
            drop(devices.remove(20));
            devices[5].event_nr = 3;
            devices.push(serving(99, "new", "u"));
        });
        assert_eq!(changed.len(), 4, "{changed:?}");
    }
}

#[test]
fn a_device_that_vanishes_while_it_is_looked_up_is_reported_and_then_removed() {
    for minor in [OLD[0], NEW] {
        let host = FakeHost::new(minor, []);
        let poller = &mut open(&host);
        host.change(|devices| devices.push(serving(0, "a", "")));
        host.lock().meanwhile = Some(Box::new(|command, state| {
            if command == DeviceInfo {
                state.devices.clear();
            }
        }));
        assert_eq!(read(poller), ["0 a Added"], "{minor}");
        assert_eq!(read(poller), ["0 a Removed"], "{minor}");
        assert_eq!(read(poller), [""; 0]);
    }
}

#[test]
fn another_device_that_takes_the_number_between_list_and_look_is_not_taken_for_the_first_one() {
    let host = FakeHost::new(NEW, []);
    let poller = &mut open(&host);
    host.change(|devices| devices.push(bare(0, "a", "u")));
    host.lock().meanwhile = Some(Box::new(|command, state| {
        if command == DeviceInfo {
            state.devices = vec![serving(0, "b", "v")];
        }
    }));
    assert_eq!(read(poller), ["0 a Added"]);
    assert_eq!(read(poller), ["0 a Removed", "0 b Added", "0 b Resumed"]);
}

#[test]
fn nothing_is_lost_by_a_step_that_fails() {
    for minor in [OLD[1], NEW] {
        for failing in [ArmPoll, ListDevices, DeviceInfo] {
            let host = FakeHost::new(minor, [serving(0, "a", "u"), serving(1, "b", "")]);
            let poller = &mut open(&host);
            host.change(|devices| *devices = vec![serving(0, "c", "v"), bare(1, "b", ""), bare(2, "d", "")]);
            host.lock().devices[1].event_nr = 1;
            host.lock().fail = Some((failing, Errno::ENOMEM));
            assert!(poller.read().unwrap_err().is_out_of_memory());
            let events = ["0 a Removed", "0 c Added", "0 c Resumed", "1 b Changed { event_nr: 1 }", "2 d Added"];
            assert_eq!(read(poller), events, "{failing} of 4.{minor}");
            assert_eq!(read(poller), [""; 0]);
        }
    }
}

#[test]
fn a_resume_that_was_seen_before_a_step_failed_is_reported_by_the_next() {
    let host = FakeHost::new(NEW, []);
    let poller = &mut open(&host);
    host.change(|devices| devices.extend([bare(0, "a", ""), bare(1, "b", "")]));
    assert_eq!(read(poller), ["0 a Added", "1 b Added"]);
    host.change(|devices| devices[0].has_table = true);
    let mut looks = 0;
    host.lock().meanwhile = Some(Box::new(move |command, state| {
        looks += usize::from(command == DeviceInfo);
        if looks == 2 {
            looks = 3;
            state.fail = Some((DeviceInfo, Errno::ENOMEM));
        }
    }));
    poller.read().unwrap_err();
    assert_eq!(read(poller), ["0 a Resumed"]);
}

#[test]
fn a_malformed_list_is_refused_and_the_next_one_read() {
    // In the first entry `next` is at byte 8 and the name, of one byte, at 12; the entry has 24 bytes.
    let spoils: [fn(&mut [u8]); 5] = [
        |list| list[8..12].copy_from_slice(&8_u32.to_ne_bytes()),
        |list| list[8..12].copy_from_slice(&9000_u32.to_ne_bytes()),
        |list| list[8..12].copy_from_slice(&16_u32.to_ne_bytes()),
        |list| list[12..16].fill(b'x'),
        |list| list[12] = 0,
    ];
    for minor in [OLD[1], NEW] {
        for spoil in spoils {
            let devices = [serving(0, "a", ""), serving(1, "b", ""), serving(2, "c", "")];
            let host = FakeHost::new(minor, devices);
            let poller = &mut open(&host);
            host.change(|devices| drop(devices.pop()));
            host.lock().spoil = Some(Box::new(spoil));
            assert!(matches!(poller.read(), Err(Error::Reply(_))));
            assert!(EventPoller::open(&host.dm()).is_err());
            host.lock().spoil = None;
            assert_eq!(read(poller), ["2 c Removed"]);
        }
    }
}

#[test]
fn a_wait_ends_with_an_event_or_with_its_timeout() {
    let host = FakeHost::new(NEW, [serving(0, "a", "")]);
    let poller = &mut open(&host);
    let quiet = Duration::from_millis(30);
    let start = Instant::now();
    assert_eq!(poller.wait(Some(quiet)).unwrap(), []);
    assert!(start.elapsed() >= quiet);
    assert_eq!(poller.wait(Some(Duration::ZERO)).unwrap(), []);
    for timeout in [None, Some(Duration::MAX), Some(Duration::from_secs(60))] {
        let host = host.clone();
        let change = thread::spawn(move || {
            thread::sleep(Duration::from_millis(20));
            host.change(|devices| devices[0].event_nr += 1);
        });
        assert_eq!(poller.wait(timeout).unwrap().len(), 1);
        change.join().unwrap();
    }
}

#[test]
fn a_poller_is_readable_from_an_event_until_it_is_read() {
    let host = FakeHost::new(NEW, [serving(0, "a", "")]);
    let poller = &mut open(&host);
    assert_eq!(poller.as_raw_fd(), poller.as_fd().as_raw_fd());
    let is_readable =
        |poller: &EventPoller| wait_readable(poller.as_fd(), &Deadline::after(Some(Duration::ZERO))).unwrap();
    assert!(!is_readable(poller));
    host.change(|devices| devices[0].event_nr = 1);
    assert!(is_readable(poller));
    assert_eq!(read(poller).len(), 1);
    assert!(!is_readable(poller));
}

#[test]
fn one_device_is_waited_for() {
    let host = FakeHost::new(NEW, [serving(0, "a", ""), serving(1, "b", "")]);
    let dm = host.dm();
    let quiet = Some(Duration::from_millis(20));
    assert!(dm.wait_event("a", 0, quiet).unwrap().is_none());
    assert!(dm.wait_event("a", 0, Some(Duration::ZERO)).unwrap().is_none());
    host.change(|devices| devices[1].event_nr = 1);
    assert!(dm.wait_event("a", 0, quiet).unwrap().is_none(), "an event of another device");
    host.sent();
    let seen = dm.wait_event(number(1), 0, Some(Duration::MAX)).unwrap().unwrap();
    assert_eq!((seen.event_nr(), host.sent()), (1, vec![ArmPoll, DeviceInfo]), "what happened before counts at once");
    host.change(|devices| devices[0].event_nr = u32::MAX);
    assert_eq!(dm.wait_event("a", 0, None).unwrap().unwrap().event_nr(), u32::MAX);
    host.change(|devices| devices[0].event_nr = 0);
    assert_eq!(dm.wait_event("a", u32::MAX, None).unwrap().unwrap().event_nr(), 0);
    let remove = thread::spawn(move || {
        thread::sleep(Duration::from_millis(20));
        host.change(Vec::clear);
    });
    assert!(dm.wait_event("a", 0, None).unwrap_err().is_not_found());
    remove.join().unwrap();
}

/// A poller can be moved to another thread.
const _: fn() = || {
    fn is_send<T: Send>() {}
    is_send::<EventPoller>();
};
