//! Failures of commands.

use std::time::Duration;

use dm_core::Host;
use dm_targets::devices::Monitor;
use dm_testing::{FailAt, MemoryKernel};

use crate::support::{Scene, shown};

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
