//! The texts and predicates of errors.

use std::error::Error as _;

use dm_core::{DmUuid, Host, OpError, OpErrorKind, Remains, Step, TargetLine};
use dm_testing::{FailAt, MemoryKernel};
use dm_units::{Bytes, Sectors};
use nix::libc::{EBUSY, EINTR, EINVAL, ENODATA, ENOMEM, ENOSPC, EPERM, EROFS, ETIMEDOUT};

use crate::cases::{line, old, state};
use crate::kernel::{Fault, Kernel, Plan};
use crate::model::Device;

fn chain(error: &OpError) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    text
}

fn kernel(device: Device, fault: Option<(usize, i32)>) -> Kernel {
    let kernel = Kernel::new(&state([device]));
    let faults = fault.into_iter().map(|(n, errno)| (n, Fault::Before, errno)).collect();
    kernel.set_plan(Plan { faults, ..Plan::default() });
    kernel
}

fn device() -> Device {
    Device { uuid: "uuid-a".to_owned(), ..Device::new("a", Some(old())) }
}

#[test]
fn a_failed_step_is_named_with_the_device_and_what_is_left() {
    let error = kernel(device(), Some((4, ENOMEM))).host().reload("a", line()).unwrap_err();
    assert_eq!(
        chain(&error),
        "reload of device 'a' (4000:0) failed at the resume; nothing has changed: device_resume of device 'a' failed: \
         Out of memory (ENOMEM); the kernel's log (dmesg) may have the reason"
    );
    let uuid = DmUuid::new("uuid-a").unwrap();
    let error = kernel(device(), Some((3, EINVAL))).host().reload(uuid, line()).unwrap_err();
    assert_eq!(
        chain(&error),
        "reload of device with uuid 'uuid-a' (4000:0) failed at the suspension; nothing has changed: device_suspend of \
         device with uuid 'uuid-a' failed: Invalid argument (EINVAL)"
    );
}

#[test]
fn a_device_that_stays_suspended_is_the_first_thing_that_the_error_says() {
    let kernel = kernel(device(), None);
    kernel.set_plan(Plan { all_from: Some((4, ENOMEM)), ..Plan::default() });
    let error = kernel.host().reload("a", line()).unwrap_err();
    assert_eq!(error.remains(), [Remains::Unknown], "nothing could be read");
    assert!(!error.is_undone() && !error.is_done());
}

#[test]
fn predicates_tell_the_errnos_apart() {
    type Predicate = fn(&OpError) -> bool;
    let predicates: [(Predicate, &[i32]); 8] = [
        (OpError::is_invalid, &[EINVAL]),
        (OpError::is_busy, &[EBUSY]),
        (OpError::is_interrupted, &[EINTR]),
        (OpError::is_permission_denied, &[EPERM]),
        (OpError::is_no_data, &[ENODATA]),
        (OpError::is_no_space, &[ENOSPC]),
        (OpError::is_read_only, &[EROFS]),
        (OpError::is_timed_out, &[ETIMEDOUT]),
    ];
    for errno in [EINVAL, EBUSY, EINTR, EPERM, ENODATA, ENOSPC, EROFS, ETIMEDOUT, ENOMEM] {
        // A suspend is not repeated after a signal.
        let error = kernel(device(), Some((2, errno))).host().suspend("a").unwrap_err();
        for (index, (predicate, errnos)) in predicates.iter().enumerate() {
            assert_eq!(predicate(&error), errnos.contains(&errno), "predicate {index} of {error:?}");
        }
        assert_eq!(error.errno(), Some(errno));
        assert_eq!(error.step(), Step::Suspend);
        assert!(!error.is_not_found() && !error.is_already_exists() && !error.is_unsupported());
    }
}

/// The kernel clears the memory of a request with a key before it executes the command.
#[test]
fn a_refused_table_with_a_key_is_sent_again_and_its_disk_is_named() {
    let crypt = |disk: &str| {
        let params = format!("aes-xts-plain64 {} 0 {disk} 0", "0f".repeat(32));
        [TargetLine::text(Sectors(0), Sectors(8), "crypt", params)]
    };
    let memory = MemoryKernel::new();
    let error = memory.host().create("a", crypt("/dev/missing")).unwrap_err();
    assert!(error.is_disk_unusable(), "{}", chain(&error));
    assert_eq!(error.disk().map(|disk| disk.name.as_str()), Some("/dev/missing"));

    let disk = memory.disk(Bytes(8192)).number().to_string();
    // The second command loads the table.
    let interrupted = FailAt::new(&memory.dm(), 2, EINTR);
    Host::new(interrupted.dm()).create("a", crypt(&disk)).unwrap();
    assert!(memory.dm().device_info("a").unwrap().has_active_table());
}

#[test]
fn the_disks_of_a_kernel_in_memory_are_not_looked_for_on_this_machine() {
    let memory = MemoryKernel::new();
    let line = |start, disk: &str| TargetLine::text(Sectors(start), Sectors(8), "linear", format!("{disk} 0"));
    let disk = memory.disk(Bytes(8192)).number().to_string();
    let error = memory.host().create("a", [line(0, &disk), line(8, "4000:7")]).unwrap_err();
    let named = error.disk().map(|disk| (disk.line, disk.name.as_str()));
    assert_eq!(named, Some((1, "4000:7")), "{}", chain(&error));
}

/// The active and the inactive table of a device share an opening of the device below.
#[test]
fn a_device_that_a_process_has_open_is_kept_below_two_tables() {
    let memory = MemoryKernel::new();
    let host = memory.host();
    let zero = [TargetLine::text(Sectors(0), Sectors(8), "zero", "")];
    let low = host.create("low", zero).unwrap();
    let linear = || [TargetLine::text(Sectors(0), Sectors(8), "linear", format!("{} 0", low.number()))];
    let top = host.create("top", linear()).unwrap();
    host.dm().table_load("top", linear()).unwrap();
    let opened = memory.open("low").unwrap();
    assert_eq!(memory.dm().device_info("low").unwrap().open_count(), 2);
    let removal = host.remove_stack("top").unwrap();
    assert_eq!((removal.removed, removal.kept), (vec![top.number()], vec![low.number()]));
    drop(opened);
}

#[test]
fn a_missing_device_is_not_found_by_every_operation() {
    let host = Kernel::default().host();
    let errors = [
        host.reload("a", line()).unwrap_err(),
        host.suspend("a").unwrap_err(),
        host.resume("a").unwrap_err(),
        host.rename("a", "b").unwrap_err(),
        host.remove("a").unwrap_err(),
        host.path("a").unwrap_err(),
        host.cancel_deferred_remove("a").unwrap_err(),
        host.suspend_stack("a").unwrap_err(),
        host.remove_stack("a").unwrap_err(),
        host.remove_and_users("a").unwrap_err(),
    ];
    for error in errors {
        assert!(error.is_not_found() && error.is_undone(), "{error:?}");
        assert!(!error.is_busy() && !error.is_already_exists() && !error.is_invalid(), "{error:?}");
    }
}

#[test]
fn a_table_in_the_inactive_slot_is_not_made_active_as_a_side_effect() {
    let waiting = Device { inactive: Some(crate::cases::loaded()), ..device() };
    let kernel = kernel(waiting, None);
    let error = kernel.host().while_suspended("a", dm_core::Steps::new()).unwrap_err();
    assert!(matches!(error.kind(), OpErrorKind::TableLoaded), "{error:?}");
    assert_eq!(kernel.state().named("a").unwrap().inactive, Some(crate::cases::loaded()));
}

#[test]
fn a_name_that_no_device_can_have_leaves_no_other_device_suspended() {
    let suspended = ["top", "low"].map(|name| Device { suspended: true, ..Device::new(name, Some(old())) });
    let kernel = Kernel::new(&state(suspended));
    let error = kernel.host().resume_stack(&["top", "no/name", "low"]).unwrap_err();
    assert_eq!((error.operation(), error.step()), (dm_core::Operation::ResumeStack, Step::Check));
    assert!(!kernel.has_suspended());
}
