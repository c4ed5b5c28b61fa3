//! Failures of commands.

use std::io;
use std::os::fd::BorrowedFd;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use dm_core::{Command, Dm, Host, OpenError, Transport};
use dm_targets::devices::Monitor;
use dm_testing::{FailAt, MemoryKernel};
use dm_units::Version;

use crate::support::{Scene, name, shown};

const ENOMEM: i32 = 12;

fn scene() -> Scene {
    let scene = Scene::on(MemoryKernel::new());
    scene.pool("pool");
    scene.create("snap", "snapshot", "{} {} P 8");
    scene.status("snap", "16/2048 16");
    scene
}

/// The alarms in three steps with changes between them, and the number of failed steps.
fn run(scene: &Scene, host: &Host) -> Option<(Vec<String>, usize)> {
    let mut monitor = Monitor::open(host).ok()?;
    let (mut alarms, mut failures) = (Vec::new(), Vec::new());
    let mut steps = |monitor: &mut Monitor| {
        // At the third step, nothing is left to retry.
        for _ in 0..3 {
            match monitor.read() {
                Ok(more) => alarms.extend(shown(more)),
                Err(error) => {
                    assert_eq!(error.errno(), Some(ENOMEM), "{error}");
                    failures.push(error);
                }
            }
        }
    };
    steps(&mut monitor);
    scene.pool_status("pool", 100, "out_of_data_space", "-");
    scene.memory.raise_event("pool");
    scene.event("snap", "Invalid");
    steps(&mut monitor);
    scene.host.remove("snap").unwrap();
    scene.memory.raise_event("pool");
    steps(&mut monitor);
    assert!(monitor.next_timeout().is_none_or(|timeout| timeout > Duration::ZERO));
    Some((alarms, failures.len()))
}

#[test]
fn whichever_command_fails_each_change_is_reported_once() {
    let healthy = scene();
    let counter = FailAt::new(&healthy.memory.dm(), usize::MAX, 0);
    let (mut expected, failures) = run(&healthy, &Host::new(counter.dm())).unwrap();
    assert_eq!((expected.len(), failures), (5, 0), "{expected:?}");
    expected.sort();
    let mut failed_steps = 0;
    for n in 1..=counter.count() {
        let scene = scene();
        let host = Host::new(FailAt::new(&scene.memory.dm(), n, ENOMEM).dm());
        // Opening fails, or the same alarms are reported.
        let Some((mut alarms, failures)) = run(&scene, &host) else { continue };
        alarms.sort();
        assert_eq!(alarms, expected, "command {n} fails");
        failed_steps += failures;
    }
    assert!(failed_steps > 0);
}

#[test]
fn a_device_that_fails_does_not_hold_up_others() {
    let scene = scene();
    let mut monitor = scene.quiet_monitor();
    scene.event("snap", "Invalid");
    scene.pool_status("pool", 85, "rw", "-");
    scene.memory.raise_event("pool");
    drop(monitor.read().unwrap());

    // The third command reads the first of the two.
    let failing = FailAt::new(&scene.memory.dm(), 7, ENOMEM);
    let mut monitor = Monitor::open(&Host::new(failing.dm())).unwrap();
    let first = shown(monitor.read().unwrap());
    assert_eq!(first.len(), 1, "{first:?}");
    assert!(monitor.next_timeout().is_some_and(|timeout| timeout > Duration::ZERO));
    let second = shown(monitor.wait(Some(Duration::from_secs(60))).unwrap());
    assert_eq!(second.len(), 1, "{second:?}");
    assert_ne!(first, second);
}

#[test]
fn a_step_fails_only_if_it_has_nothing_to_report() {
    for (other, expected) in [("1/100 - rw", None), ("85/100 - rw", Some(1))] {
        let scene = scene();
        scene.status("pool", &format!("0 1/1024 {other} discard_passdown queue_if_no_space - 24 "));
        let read = |n| {
            let counter = FailAt::new(&scene.memory.dm(), n, ENOMEM);
            let mut monitor = Monitor::open(&Host::new(counter.dm())).unwrap();
            (monitor.read().map(|alarms| alarms.len()), counter.count())
        };
        let (_, commands) = read(usize::MAX);
        // The last command reads the status of the snapshot.
        let (result, _) = read(commands);
        assert_eq!(result.as_ref().ok(), expected.as_ref(), "{result:?}");
        assert!(result.map_or_else(|error| error.errno() == Some(ENOMEM), |_| true));
    }
}

#[test]
fn a_monitor_is_not_opened_if_the_devices_cannot_be_listed() {
    for version in [Version::new(4, 37, 0), Version::new(4, 48, 0)] {
        let scene = Scene::on(MemoryKernel::with_interface(version));
        scene.create("zero", "zero", "");
        let open = |n| {
            let counter = FailAt::new(&scene.memory.dm(), n, ENOMEM);
            (Monitor::open(&Host::new(counter.dm())).map(drop), counter.count())
        };
        let (opened, commands) = open(usize::MAX);
        opened.unwrap();
        for n in 1..=commands {
            let (refused, _) = open(n);
            assert_eq!(refused.map_err(|error| error.errno()), Err(Some(ENOMEM)), "{version}: command {n}");
        }
    }
}

/// Another process removes the device `gone` just before the n-th of these commands, counted from 1.
#[derive(Debug)]
struct Vanishing(Dm, Arc<dyn Transport>, Command, Arc<AtomicUsize>);

impl Transport for Vanishing {
    fn ioctl(&self, command: Command, request: &mut [u8]) -> io::Result<()> {
        if command == self.2 && self.3.fetch_sub(1, Ordering::SeqCst) == 1 {
            self.0.device_remove("gone").unwrap();
        }
        self.1.ioctl(command, request)
    }

    fn poll_fd(&self) -> Option<BorrowedFd<'_>> {
        self.1.poll_fd()
    }

    fn reopen(&self) -> Result<Arc<dyn Transport>, OpenError> {
        Ok(Arc::new(Self(self.0.clone(), self.1.reopen()?, self.2, Arc::clone(&self.3))))
    }
}

fn vanishing(scene: &Scene, command: Command, n: usize) -> Monitor {
    let dm = scene.memory.dm();
    let transport = Vanishing(dm.clone(), dm.transport(), command, Arc::new(n.into()));
    Monitor::open(&Host::new(Dm::with_transport(transport))).unwrap()
}

#[test]
fn a_device_that_is_removed_during_a_step_is_reported_by_the_next_one() {
    for command in [Command::DeviceInfo, Command::TableStatus] {
        let scene = scene();
        scene.create("gone", "zero", "");
        let mut monitor = vanishing(&scene, command, 1);
        assert_eq!(shown(monitor.read().unwrap()), [""; 0], "{command:?}");
        assert_eq!(shown(monitor.read().unwrap()), ["gone: was removed"], "{command:?}");
    }
}

#[test]
fn a_device_may_be_removed_while_an_old_kernel_is_asked_for_the_uuids() {
    for n in 1..8 {
        let scene = Scene::on(MemoryKernel::with_interface(Version::new(4, 37, 0)));
        scene.create("gone", "zero", "");
        scene.create("kept", "zero", "");
        let monitor = vanishing(&scene, Command::DeviceInfo, n);
        assert!(monitor.followed().any(|followed| followed == &*name("kept")), "before the request {n}");
    }
}

#[test]
fn the_status_of_an_era_device_is_not_read_if_it_is_unknown_whether_it_would_block() {
    let scene = Scene::new();
    scene.create("era", "era", "{} {} 128");
    scene.host.suspend("era").unwrap();
    let step = |n| {
        let counter = FailAt::new(&scene.memory.dm(), n, ENOMEM);
        let mut monitor = Monitor::open(&Host::new(counter.dm())).unwrap();
        let before = counter.count();
        (monitor.read().is_ok(), before, counter.count())
    };
    let (is_read, before, after) = step(usize::MAX);
    // The first two commands of a step are those of the poller.
    assert!(is_read && after > before + 2);
    for n in before + 3..=after {
        assert_eq!(step(n), (false, before, n), "no command after one that fails");
    }
}
