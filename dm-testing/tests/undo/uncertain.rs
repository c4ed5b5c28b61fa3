//! Undos on old kernels, and failures after which the state is uncertain.

use dm_core::{Host, Step, TargetLine};
use dm_testing::{FailAt, MemoryKernel};
use dm_units::{Sectors, Version};
use nix::libc::EIO;

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
