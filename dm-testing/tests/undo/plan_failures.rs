//! Plans of which a command fails, and the options of their devices.

use std::io;
use std::mem::offset_of;
use std::sync::{Arc, Mutex};

use dm_core::block::ReadAhead;
use dm_core::plan::{PlanCause, PlanError, PlanStep, Wanted, WantedDevice};
use dm_core::{Command, Dm, DmName, Host, OpErrorKind, SuspendPolicy, TargetLine, Transport};
use dm_sys::{DM_NOFLUSH_FLAG, dm_ioctl};
use dm_testing::MemoryKernel;
use dm_units::{DeviceNumber, Sectors};
use nix::libc::{EIO, ENOMEM};

use crate::kernel::{Fault, Kernel, Plan};
use crate::model::State;
use crate::plans::{carry_out, name, stack};

const DISK: DeviceNumber = DeviceNumber::new(4001, 0);

/// A kernel with a stack of two devices, which counts commands from now on.
fn stacked() -> Kernel {
    let kernel = Kernel::new(&State::default());
    carry_out(&kernel.host(), stack(DISK, [0, 0])).unwrap();
    kernel.set_plan(Plan::default());
    kernel
}

/// Changes both devices.
fn change(kernel: &Kernel) -> Result<Vec<PlanStep>, PlanError> {
    carry_out(&kernel.host(), stack(DISK, [0, 0]).map(|device| device.read_only(true)))
}

#[test]
fn a_plan_that_says_that_it_was_undone_left_nothing_behind_whichever_two_commands_fail() {
    let counted = stacked();
    change(&counted).unwrap();
    let mut undone = 0;
    for first in 1..=counted.sent().len() {
        for fault in [Fault::Before, Fault::After] {
            for second in first + 1..first + 20 {
                let kernel = stacked();
                let before = kernel.state();
                let faults = vec![(first, fault, ENOMEM), (second, Fault::Before, EIO)];
                kernel.set_plan(Plan { faults, ..Plan::default() });
                let result = change(&kernel);
                if result.as_ref().is_err_and(PlanError::is_undone) {
                    undone += 1;
                    assert_eq!(kernel.state(), before, "{fault:?} {first} and {second}: {result:?}");
                }
                if kernel.sent().len() < second {
                    break;
                }
            }
        }
    }
    assert!(undone > 100, "{undone}");
}

/// Carries out a plan of which the last step fails: the upper device does not fit on the lower one.
fn too_long(kernel: &Kernel) -> PlanError {
    carry_out(&kernel.host(), stack(DISK, [0, 1])).unwrap_err()
}

#[test]
fn a_created_device_that_another_process_removes_needs_no_undo() {
    for n in 1..40 {
        let kernel = Kernel::new(&State::default());
        kernel.set_plan(Plan::default());
        kernel.interfere(n, |kernel| _ = kernel.other().device_remove("lower"));
        let error = too_long(&kernel);
        assert!(error.is_undone() && kernel.state().devices.is_empty(), "at {n}: {error:?}");
    }
}

#[test]
fn a_created_device_that_the_undo_cannot_remove_is_reported() {
    let mut remaining = 0;
    for n in 1..40 {
        let kernel = Kernel::new(&State::default());
        kernel.set_plan(Plan { faults: vec![(n, Fault::Before, EIO)], ..Plan::default() });
        let error = too_long(&kernel);
        let is_gone = kernel.state().devices.is_empty();
        assert!(is_gone || !error.is_undone(), "at {n}: {error:?}");
        remaining += usize::from(!is_gone);
    }
    assert!(remaining > 0);
}

fn zero<'a>(text: &str) -> WantedDevice<'a> {
    let lines = |_: &dm_core::plan::Numbers| Some(vec![TargetLine::text(Sectors(0), Sectors(8), "zero", "").boxed()]);
    WantedDevice::new(DmName::new(text).unwrap(), lines)
}

#[test]
fn a_message_that_the_target_refuses_fails_the_plan() {
    let memory = MemoryKernel::new();
    let error = carry_out(&memory.host(), [zero("home").message("nonsense")]).unwrap_err();
    assert_eq!(error.step(), Some(&PlanStep::Message(name("home").to_owned())));
    assert!(error.is_undone() && memory.dm().device_info("home").unwrap_err().is_not_found(), "{error:?}");
}

#[test]
fn a_device_that_a_plan_creates_gets_its_read_ahead() {
    let memory = MemoryKernel::new();
    let error = carry_out(&memory.host(), [zero("home").read_ahead(ReadAhead::AtLeast(Sectors(8)))]).unwrap_err();
    // Devices in memory have none.
    let PlanError::Step { source: PlanCause::Operation(cause), .. } = &error else { panic!("{error:?}") };
    assert!(matches!(cause.kind(), OpErrorKind::ReadAhead { .. }), "{cause:?}");
}

/// Records whether each suspension leaves out the flush.
#[derive(Debug)]
struct Suspensions {
    kernel: Arc<dyn Transport>,
    without_flush: Arc<Mutex<Vec<bool>>>,
}

impl Transport for Suspensions {
    fn ioctl(&self, command: Command, request: &mut [u8]) -> io::Result<()> {
        if command == Command::DeviceSuspend {
            let flags = u32::from_ne_bytes(*request[offset_of!(dm_ioctl, flags)..].first_chunk().unwrap());
            self.without_flush.lock().unwrap().push(flags & DM_NOFLUSH_FLAG != 0);
        }
        self.kernel.ioctl(command, request)
    }
}

#[test]
fn a_plan_suspends_each_device_as_its_policy_says() {
    let memory = MemoryKernel::new();
    carry_out(&memory.host(), [zero("a"), zero("b")]).unwrap();
    let without_flush = Arc::<Mutex<Vec<_>>>::default();
    let transport = Suspensions { kernel: memory.dm().transport(), without_flush: Arc::clone(&without_flush) };
    let host = Host::new(Dm::with_transport(transport)).with_udev(memory.host().udev().clone());
    let at_once = SuspendPolicy::new().noflush(true);
    carry_out(&host, [zero("a").read_only(true), zero("b").read_only(true).suspend(at_once)]).unwrap();
    let plan = host.plan(Wanted::new().device(zero("a").read_only(true))).unwrap();
    assert!(plan.is_empty());
    // Users first: the device that was declared last.
    assert_eq!(*without_flush.lock().unwrap(), [true, false]);
}
