//! The number of commands of a step.

use std::os::fd::{AsFd as _, AsRawFd as _};

use dm_core::Host;
use dm_targets::devices::{Monitor, MonitorOptions};
use dm_testing::{FailAt, MemoryKernel};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

use crate::support::{Scene, name, shown};

/// A monitor on a handle that counts its commands.
fn counted(memory: &MemoryKernel) -> (FailAt, Monitor) {
    let counter = FailAt::new(&memory.dm(), usize::MAX, 0);
    let monitor = Monitor::open(&Host::new(counter.dm())).unwrap();
    (counter, monitor)
}

#[test]
fn a_step_reads_only_what_has_changed() {
    let scene = Scene::new();
    for number in 0..1000 {
        scene.create(&format!("zero-{number}"), "zero", "");
    }
    scene.create("striped", "striped", "2 128 {} 0 {} 0");
    scene.status("striped", "2 7:0 7:1 1 AA");
    scene.pool("pool");
    let (counter, mut monitor) = counted(&scene.memory);
    assert_eq!(shown(monitor.read().unwrap()), [""; 0]);
    let mut commands = |change: &dyn Fn()| {
        let before = counter.count();
        change();
        monitor.read().unwrap();
        counter.count() - before
    };
    assert_eq!(commands(&|| {}), 2);
    assert_eq!(commands(&|| scene.event("striped", "2 7:0 7:1 1 AD")), 3);
    // The low water mark is in the table, which is read too.
    assert_eq!(commands(&|| assert!(scene.memory.raise_event("pool"))), 4);
    assert_eq!(commands(&|| {}), 2);
}

#[test]
fn devices_that_are_not_chosen_cost_nothing() {
    let scene = Scene::new();
    scene.pool("pool");
    scene.create("zero", "zero", "");
    let counter = FailAt::new(&scene.memory.dm(), usize::MAX, 0);
    let options = MonitorOptions::new().name(name("zero"));
    let mut monitor = Monitor::open_with(&Host::new(counter.dm()), options).unwrap();
    monitor.read().unwrap();
    assert_eq!(monitor.next_timeout(), None);
    let before = counter.count();
    scene.memory.raise_event("pool");
    monitor.read().unwrap();
    assert_eq!(counter.count() - before, 2);
}

#[test]
fn its_descriptor_is_readable_when_there_is_something_to_read() {
    let scene = Scene::new();
    scene.create("striped", "striped", "2 128 {} 0 {} 0");
    scene.status("striped", "2 7:0 7:1 1 AA");
    let mut monitor = scene.quiet_monitor();
    let is_readable = |monitor: &Monitor| {
        poll(&mut [PollFd::new(monitor.as_fd(), PollFlags::POLLIN)], PollTimeout::ZERO).unwrap() == 1
    };
    assert_eq!(monitor.as_raw_fd(), monitor.as_fd().as_raw_fd());
    assert!(!is_readable(&monitor));
    scene.event("striped", "2 7:0 7:1 1 AD");
    assert!(is_readable(&monitor));
    assert_eq!(monitor.read().unwrap().len(), 2);
    assert!(!is_readable(&monitor));
}
