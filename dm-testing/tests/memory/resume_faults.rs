//! `MemoryKernel::fail_next_resume`.

use dm_core::{Dm, TargetLine};
use dm_testing::MemoryKernel;
use dm_testing::memory::ResumeFault;
use dm_units::Sectors;

fn load(dm: &Dm) {
    dm.table_load("home", [TargetLine::text(Sectors(0), Sectors(8), "zero", "")]).unwrap();
}

#[test]
fn a_fault_is_kept_for_the_next_resume_to_which_it_can_apply() {
    for fault in [ResumeFault::Swap, ResumeFault::Targets] {
        let memory = MemoryKernel::new();
        let dm = memory.dm();
        dm.device_create("home").unwrap();
        load(&dm);
        dm.device_resume("home").unwrap();
        memory.fail_next_resume(fault);
        // Nothing is to be resumed.
        dm.device_resume("home").unwrap();
        assert!(dm.device_resume("missing").unwrap_err().is_not_found());
        load(&dm);
        assert!(dm.device_resume("home").unwrap_err().is_invalid(), "{fault:?}");
        assert!(dm.device_info("home").unwrap().is_suspended());
        dm.device_resume("home").unwrap();
    }
}
