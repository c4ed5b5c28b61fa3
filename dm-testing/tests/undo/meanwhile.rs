//! Another process changes a device just before a command on it, which then fails.

use dm_core::block::ReadAhead;
use dm_core::{DmName, Host, OpErrorKind, Prefix, Remains, Step};
use dm_units::Sectors;
use nix::libc::{EIO, ENOMEM};

use crate::cases::{number, old, stack, state};
use crate::kernel::{Fault, Kernel, Plan};
use crate::model::Device;

fn failing(n: usize, errno: i32) -> Plan {
    Plan { faults: vec![(n, Fault::Before, errno)], ..Plan::default() }
}

fn suspended() -> Device {
    Device { suspended: true, ..Device::new("a", Some(old())) }
}

#[test]
fn a_device_of_a_stack_that_cannot_be_resumed_is_still_suspended_unless_it_was_removed() {
    let resume = |kernel: &Kernel| kernel.host().resume_stack(&[number(0)]).unwrap_err();
    let kernel = Kernel::new(&state([suspended()]));
    kernel.set_plan(failing(1, ENOMEM));
    let error = resume(&kernel);
    assert_eq!((error.step(), error.remains()), (Step::Resume, [Remains::Suspended].as_slice()), "{error:?}");

    let kernel = Kernel::new(&state([suspended()]));
    kernel.set_plan(Plan::default());
    kernel.interfere(1, |kernel| _ = kernel.other().device_remove(number(0)).unwrap());
    let error = resume(&kernel);
    assert!(error.is_not_found() && error.is_undone(), "{error:?}");
}

/// Removes a stack for every command at which another process may remove the device first. The check gets the kernel,
/// whether the other process has removed it, and the result of the call.
fn remove_meanwhile(
    name: &'static str,
    call: fn(&Host) -> Result<dm_core::StackRemoval, dm_core::OpError>,
    check: impl Fn(&Kernel, bool, Result<dm_core::StackRemoval, dm_core::OpError>),
) {
    let mut removed = 0;
    for n in 1..30 {
        let kernel = Kernel::new(&stack());
        kernel.set_plan(Plan::default());
        let (sender, receiver) = std::sync::mpsc::channel();
        kernel.interfere(n, move |kernel| sender.send(kernel.other().device_remove(name).is_ok()).unwrap());
        let result = call(&kernel.host());
        if kernel.sent().len() < n {
            break;
        }
        let is_removed = receiver.recv().unwrap();
        removed += usize::from(is_removed);
        check(&kernel, is_removed, result);
    }
    assert!(removed > 0, "{name}");
}

#[test]
fn a_device_that_another_process_removes_counts_as_removed() {
    for name in ["top", "bottom"] {
        remove_meanwhile(
            name,
            |host| host.remove_and_users("bottom"),
            |kernel, _, result| {
                assert!(result.is_ok() && kernel.state().devices.is_empty(), "{name}: {result:?}");
            },
        );
    }
}

#[test]
fn the_named_device_of_a_stack_is_not_found_if_another_process_has_removed_it_before_anything() {
    remove_meanwhile(
        "top",
        |host| host.remove_stack("top"),
        |kernel, is_removed, result| match result {
            Ok(_) => assert!(!is_removed && kernel.state().devices.is_empty()),
            Err(error) => assert!(is_removed && error.is_not_found() && kernel.state().devices.len() == 2, "{error:?}"),
        },
    );
}

#[test]
fn a_failed_recovery_says_what_state_the_device_is_in_now() {
    let recover = |kernel: &Kernel| kernel.host().recover(Prefix::Name(DmName::new("a").unwrap()));
    for (is_resumed, remains) in [(false, Remains::Suspended), (true, Remains::Resumed)] {
        let mut failed = 0;
        for n in 1..20 {
            let kernel = Kernel::new(&state([suspended()]));
            kernel.set_plan(failing(n, EIO));
            if is_resumed {
                kernel.interfere(n, |kernel| _ = kernel.other().device_resume("a").unwrap());
            }
            let Err(error) = recover(&kernel) else { continue };
            if error.step() == Step::Clear {
                failed += 1;
                assert_eq!(error.remains(), [remains], "{error:?}");
            }
        }
        assert_eq!(failed, 1);
    }
}

#[test]
fn devices_in_memory_have_no_read_ahead_to_read_or_set() {
    let kernel = Kernel::new(&state([Device::new("a", Some(old()))]));
    let host = kernel.host();
    let at_least = ReadAhead::AtLeast(Sectors(8));
    for error in [host.read_ahead("a").unwrap_err(), host.set_read_ahead("a", at_least).unwrap_err()] {
        assert!(matches!(error.kind(), OpErrorKind::ReadAhead { .. }) && error.is_undone(), "{error:?}");
        assert_eq!(error.device_number(), Some(number(0)));
    }
    host.set_read_ahead("a", ReadAhead::Auto).unwrap();
    assert!(host.read_ahead("b").unwrap_err().is_not_found());
}
