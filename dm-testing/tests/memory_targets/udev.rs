//! Hosts that wait for udev.

use std::time::{Duration, Instant};

use dm_core::udev::{SharedCookie, Strategy, Udev};
use dm_core::{Host, RemoveOptions, TargetLine, UdevFlags};
use dm_targets::devices::{DevError, ThinPoolDev};
use dm_targets::thin::ThinDevId;
use dm_targets::thin_pool::ThinPoolTable;
use dm_targets::{Table, TableLine};
use dm_testing::MemoryKernel;
use dm_testing::memory::MemoryUdev;
use dm_units::{Bytes, DataBlocks, Sectors};

use crate::hung_udev::HungUdev;

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

#[test]
fn a_udev_that_does_not_answer_is_waited_for_until_the_timeout() {
    let memory = MemoryKernel::new();
    let hung = HungUdev::start("silent");
    for (udev, answered) in [(MemoryUdev::None, 0), (MemoryUdev::Dies(2), 2)] {
        let host = host(&memory, udev);
        let zero = || [TargetLine::text(Sectors(0), Sectors(8), "zero", "")];
        // After a timeout the device may have been removed again.
        let ensure = |name: &str| _ = memory.host().create(name, zero());
        let steps: [&dyn Fn() -> bool; 3] =
            [&|| host.create("old", zero()).is_ok(), &|| host.rename("old", "new").is_ok(), &|| {
                host.remove("new").is_ok()
            }];
        for (number, step) in steps.into_iter().enumerate() {
            if number > answered {
                ensure(["", "old", "new"][number]);
            }
            let begun = Instant::now();
            step();
            let is_over = begun.elapsed() < TIMEOUT;
            // Where it is certain that no udev runs, nothing waits for one.
            assert!(is_over == (number < answered) || is_over && !hung.is_root(), "step {number} of {udev:?}");
        }
    }
}

#[test]
fn commands_without_a_cookie_do_not_count_as_completed_cookies() {
    let memory = MemoryKernel::new();
    memory.udev(MemoryUdev::Dies(1));
    for name in ["one", "two"] {
        memory.host().create(name, [TargetLine::text(Sectors(0), Sectors(8), "zero", "")]).unwrap();
    }
    memory.dm().remove_all().unwrap();
    memory.host().create("home", [TargetLine::text(Sectors(0), Sectors(8), "zero", "")]).unwrap();
    let cookie = SharedCookie::create().unwrap();
    let sent = cookie.expect(UdevFlags::PRIMARY_SOURCE).unwrap();
    memory.dm().device_remove_with("home", RemoveOptions::new().cookie(sent)).unwrap();
    let pending = cookie.pending().unwrap();
    cookie.remove().unwrap();
    assert_eq!(pending, 0);
}

#[test]
fn after_a_late_udev_the_pool_has_neither_the_new_nor_the_deleted_thin_device() {
    let memory = MemoryKernel::new();
    let host = memory.host();
    let late = memory.host().with_udev(Udev::new(Strategy::Cookies).timeout(Duration::from_millis(50)));
    let disk = || memory.disk(Bytes(2 << 20)).number();
    let params = ThinPoolTable::new(disk(), disk(), Sectors(128), DataBlocks(0));
    let table = Table::new([TableLine::new(Sectors(0), Sectors(4096), params)]).unwrap();
    let pool = ThinPoolDev::create(&host, "pool", &table).unwrap();
    let [origin_id, snapshot_id] = [1, 2].map(|id| ThinDevId::new(id).unwrap());
    let origin = pool.create_thin(&host, origin_id, "origin", Sectors(128)).unwrap();
    let holds = |id| !pool.delete_id(&host, id).is_err_and(|error| error.is_no_data());

    let udev = HungUdev::start("late");
    // Without root, the process is not taken for a udev. Then it depends on the machine's udev whether anything waits.
    let is_root = udev.is_root();
    memory.udev(MemoryUdev::None);
    let taken = pool.snapshot(&late, &origin, snapshot_id, "snapshot");
    let is_late = taken.as_ref().is_err_and(DevError::is_timed_out);
    assert!(is_late || !is_root && taken.is_ok(), "{taken:?}");
    // A snapshot that is deleted again has not been taken.
    assert!(!is_late || !taken.unwrap_err().operation().unwrap().is_done());
    assert!(!is_late || !holds(snapshot_id));
    assert!(!is_late || memory.dm().device_info("snapshot").unwrap_err().is_not_found());

    let deleted = pool.delete(&late, &origin);
    assert_eq!(deleted.as_ref().is_err_and(DevError::is_timed_out), is_late, "{deleted:?}");
    assert!(!holds(origin_id));
    assert!(memory.dm().device_info("origin").unwrap_err().is_not_found());
}
