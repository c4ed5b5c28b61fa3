//! Undos on old kernels, and failures after which the state is uncertain.

use dm_core::{Host, Remains, Step, TargetLine};
use dm_testing::{FailAt, MemoryKernel};
use dm_units::{Sectors, Version};
use nix::libc::{EIO, ENOMEM};

fn line(target: &str) -> [TargetLine<impl dm_core::TargetParams>; 1] {
    [TargetLine::text(Sectors(0), Sectors(8), target, "")]
}

/// The target type of the active table of the device, and whether it is suspended.
fn active(memory: &MemoryKernel) -> (String, bool) {
    let table = memory.dm().table_status("home").unwrap();
    let first = table.iter().next().unwrap().unwrap().target_type.to_string();
    (first, table.info().is_suspended())
}

#[test]
fn an_undo_needs_no_option_that_an_old_kernel_lacks() {
    for suspended in [false, true] {
        let memory = MemoryKernel::with_interface(Version::new(4, 11, 0));
        memory.host().create("home", line("zero")).unwrap();
        if suspended {
            memory.dm().device_suspend("home").unwrap();
        }
        // The reply of the resume is lost, and the state cannot be read. Between them the kernel's reason is searched for.
        let resume = if suspended { 3 } else { 4 };
        let host = Host::new(FailAt::after(&memory.dm(), resume, EIO).and(resume + 2, EIO).dm());
        let error = host.reload("home", line("error")).unwrap_err();
        assert!(error.step() == Step::Resume && error.is_undone(), "{error:?}");
        assert_eq!(active(&memory), ("zero".to_owned(), suspended));
    }
}

#[test]
fn a_created_device_whose_state_cannot_be_read_is_unknown() {
    // Commands: create, load, search for its reason, and the read and the removal of the undo.
    let failing = |second| {
        let memory = MemoryKernel::new();
        let fail = FailAt::new(&memory.dm(), 2, ENOMEM).and(second, EIO);
        Host::new(fail.dm()).create("home", line("zero")).unwrap_err()
    };
    assert_eq!(failing(4).remains(), [Remains::Unknown]);
    assert_eq!(failing(5).remains(), [Remains::Exists], "the removal fails, and the state can be read");
}
