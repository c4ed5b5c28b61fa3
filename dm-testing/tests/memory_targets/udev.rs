//! Hosts that wait for udev.

use std::time::{Duration, Instant};

use dm_core::udev::{Strategy, Udev};
use dm_core::{Host, TargetLine};
use dm_testing::MemoryKernel;
use dm_testing::memory::MemoryUdev;
use dm_units::Sectors;

/// The time that a host waits in vain.
const TIMEOUT: Duration = Duration::from_secs(1);

fn host(memory: &MemoryKernel, udev: MemoryUdev) -> Host {
    memory.udev(udev);
    memory.host().with_udev(Udev::new(Strategy::Cookies).timeout(TIMEOUT))
}

/// Creates, renames and removes a device.
fn live(host: &Host) {
    let line = TargetLine::text(Sectors(0), Sectors(8), "zero", "");
    host.create("old", [line]).unwrap();
    host.rename("old", "new").unwrap();
    host.remove("new").unwrap();
}

#[test]
fn a_udev_that_answers_at_once_is_not_waited_for() {
    let begun = Instant::now();
    live(&host(&MemoryKernel::new(), MemoryUdev::AtOnce));
    assert!(begun.elapsed() < TIMEOUT);
}

#[test]
fn a_udev_that_answers_late_is_waited_for() {
    let late = Duration::from_millis(30);
    let begun = Instant::now();
    live(&host(&MemoryKernel::new(), MemoryUdev::After(late)));
    assert!(begun.elapsed() >= late * 3);
}

#[test]
fn cookies_are_answered_after_more_commands() {
    let memory = MemoryKernel::new();
    let host = host(&memory, MemoryUdev::AfterCommands(2));
    let batch = host.batch();
    let begun = Instant::now();
    for name in ["one", "two"] {
        batch.create(name, [TargetLine::text(Sectors(0), Sectors(8), "zero", "")]).unwrap();
    }
    // The cookie of the last resume.
    (0..2).for_each(|_| _ = memory.dm().version().unwrap());
    batch.finish().unwrap();
    assert!(begun.elapsed() < TIMEOUT);
}

/// Whether a timeout is an error depends on whether udev runs on this machine, since it may still reply.
#[test]
fn a_udev_that_has_died_or_does_not_exist_is_waited_for_in_vain() {
    let memory = MemoryKernel::new();
    for (udev, answered) in [(MemoryUdev::None, 0), (MemoryUdev::Dies(2), 2)] {
        let host = host(&memory, udev);
        let steps: [&dyn Fn() -> bool; 3] = [
            &|| host.create("old", [TargetLine::text(Sectors(0), Sectors(8), "zero", "")]).is_ok(),
            &|| host.rename("old", "new").is_ok(),
            &|| host.remove("new").is_ok(),
        ];
        for (number, step) in steps.into_iter().enumerate() {
            let begun = Instant::now();
            step();
            assert_eq!(begun.elapsed() < TIMEOUT, number < answered, "step {number} of {udev:?}");
        }
    }
}
