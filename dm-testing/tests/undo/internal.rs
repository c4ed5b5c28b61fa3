//! Devices that the kernel has suspended internally, as it does with the thin devices of a suspended pool: no operation
//! waits for the end of that without a limit.

use std::io;
use std::sync::{Arc, mpsc};
use std::time::Duration;

use dm_core::plan::{PlanStep, Wanted, WantedDevice};
use dm_core::udev::{Strategy, Udev};
use dm_core::{Command, Dm, DmName, Host, OpError, OpErrorKind, Prefix, Remains, RemovePolicy, TargetLine, Transport};
use dm_testing::MemoryKernel;
use dm_testing::memory::ResumeFault;
use dm_units::Sectors;
use nix::libc::EINTR;

use crate::devices::{disk, make_disks, make_pool};

const NAMES: [&str; 2] = ["thin", "tpool"];

/// A pool and its thin device, whose name sorts before that of the pool.
fn scene() -> MemoryKernel {
    let memory = MemoryKernel::new();
    make_disks(&memory);
    make_pool(&memory);
    memory
}

fn host(dm: Dm) -> Host {
    Host::new(dm).with_udev(Udev::new(Strategy::None).timeout(Duration::from_millis(50)))
}

fn name(text: &str) -> &DmName {
    DmName::new(text).unwrap()
}

fn error_line(sectors: u64) -> [TargetLine<impl dm_core::TargetParams>; 1] {
    [TargetLine::text(Sectors(0), Sectors(sectors), "error", "")]
}

type Call = fn(&Host) -> Result<(), OpError>;

/// Fails if the call does not return. Then its thread remains.
fn in_time<R: Send + 'static>(call: impl FnOnce() -> R + Send + 'static) -> R {
    let (sender, receiver) = mpsc::channel();
    std::thread::spawn(move || sender.send(call()));
    receiver.recv_timeout(Duration::from_secs(20)).expect("the call waits for the kernel")
}

fn assert_all_serve(memory: &MemoryKernel) {
    for name in NAMES {
        let info = memory.dm().device_info(name).unwrap();
        let is_serving = !info.is_suspended() && !info.is_internally_suspended() && !info.has_inactive_table();
        assert!(is_serving, "{info:?}");
    }
}

fn is_held(result: &Result<impl std::fmt::Debug, OpError>) -> bool {
    matches!(result.as_ref().unwrap_err().kind(), OpErrorKind::SuspendedInternally)
}

#[test]
fn recover_resumes_a_pool_before_its_thin_device() {
    let memory = scene();
    assert_eq!(memory.host().suspend_stack("thin").unwrap().len(), 2);
    let restarted = memory.host();
    let found = in_time(move || restarted.recover(Prefix::Name(name("t")))).unwrap();
    assert_eq!(found.iter().map(|leftover| leftover.name.to_string()).collect::<Vec<_>>(), NAMES);
    assert_all_serve(&memory);
}

#[test]
fn recover_changes_no_thin_device_of_a_suspended_pool_that_is_not_the_callers() {
    let memory = scene();
    memory.dm().table_load("thin", error_line(2048)).unwrap();
    memory.host().suspend_stack("thin").unwrap();
    let (host, cleaned) = (memory.host(), memory.host());
    assert!(is_held(&in_time(move || host.recover(Prefix::Name(name("thin"))))));
    let info = memory.dm().device_info("thin").unwrap();
    assert!(info.is_suspended() && info.has_inactive_table(), "{info:?}");
    in_time(move || cleaned.recover(Prefix::Name(name("t")))).unwrap();
    assert_all_serve(&memory);
}

#[test]
fn an_operation_on_a_device_that_stays_internally_suspended_fails_in_time() {
    let memory = scene();
    memory.dm().device_suspend("thin").unwrap();
    memory.dm().device_suspend("tpool").unwrap();
    let before = memory.dm().device_info("thin").unwrap();
    let calls: [Call; 3] = [
        |host| host.resume("thin").map(drop),
        |host| host.reload("thin", error_line(2048)).map(drop),
        |host| host.remove_with("thin", RemovePolicy::new().force(true)).map(drop),
    ];
    for call in calls {
        let host = host(memory.dm());
        let result = in_time(move || call(&host));
        assert!(is_held(&result) && result.unwrap_err().is_undone());
        assert_eq!(memory.dm().device_info("thin").unwrap().flags(), before.flags());
    }
}

#[test]
fn a_resume_waits_until_the_pool_is_resumed() {
    let memory = scene();
    memory.host().suspend_stack("thin").unwrap();
    let host = memory.host();
    let resumed = std::thread::spawn(move || host.resume("thin").map(drop));
    std::thread::sleep(Duration::from_millis(30));
    assert!(!resumed.is_finished());
    memory.dm().device_resume("tpool").unwrap();
    in_time(move || resumed.join().unwrap()).unwrap();
    assert_all_serve(&memory);
}

#[test]
fn setup_gives_no_table_to_a_new_device_that_the_kernel_has_suspended() {
    let memory = scene();
    memory.dm().device_create(name("new")).unwrap();
    let _ = memory.set_internally_suspended("new", true);
    let host = host(memory.dm());
    assert!(is_held(&in_time(move || host.setup("new", error_line(8)))));
    assert!(!memory.dm().device_info("new").unwrap().has_inactive_table());
}

/// Suspends the device internally before each resume, which a signal then interrupts.
#[derive(Debug)]
struct Held {
    memory: MemoryKernel,
    name: &'static str,
    kernel: Arc<dyn Transport>,
}

impl Transport for Held {
    fn ioctl(&self, command: Command, request: &mut [u8]) -> io::Result<()> {
        if command == Command::DeviceResume && self.memory.set_internally_suspended(self.name, true) {
            return Err(io::Error::from_raw_os_error(EINTR));
        }
        self.kernel.ioctl(command, request)
    }
}

fn held(memory: &MemoryKernel, name: &'static str) -> Host {
    host(Dm::with_transport(Held { memory: memory.clone(), name, kernel: memory.dm().transport() }))
}

#[test]
fn a_signal_ends_the_wait_for_an_internal_suspension() {
    let memory = scene();
    let host = held(&memory, "thin");
    let error = in_time(move || host.reload("thin", error_line(2048))).unwrap_err();
    assert!(error.is_interrupted() && error.remains() == [Remains::Suspended, Remains::TableLoaded], "{error}");

    let memory = scene();
    let host = held(&memory, "new");
    let error = in_time(move || host.create("new", error_line(8))).unwrap_err();
    assert!(error.is_interrupted() && error.is_undone(), "{error}");
}

/// The pool and its thin device, with this low water mark and length.
fn wanted<'a>(low_water: u64, sectors: u64) -> Wanted<'a> {
    let line = |sectors, target, params| vec![TargetLine::text(Sectors(0), Sectors(sectors), target, params).boxed()];
    let pool = WantedDevice::new(name("tpool"), move |_| {
        Some(line(2048, "thin-pool", format!("{} {} 128 {low_water}", disk(0), disk(1))))
    });
    let thin = WantedDevice::new(name("thin"), move |numbers| {
        Some(line(sectors, "thin", format!("{} 1", numbers.get(name("tpool"))?)))
    });
    Wanted::new().device(pool).device(thin.uses([name("tpool")]))
}

#[test]
fn the_undo_of_a_plan_resumes_a_pool_before_it_destroys_tables_of_its_thin_device() {
    let memory = scene();
    let host = host(memory.dm());
    let error = in_time({
        let memory = memory.clone();
        move || {
            let plan = host.plan(wanted(1, 4096)).unwrap();
            memory.fail_next_resume(ResumeFault::Targets);
            host.carry_out(&plan).unwrap_err()
        }
    });
    assert_eq!(error.step(), Some(&PlanStep::Resume(name("tpool").to_owned())));
    assert!(error.is_undone(), "{error}");
    assert_all_serve(&memory);
}
