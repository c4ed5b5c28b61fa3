//! Stacks on old kernels.

use dm_core::{Host, TargetLine};
use dm_testing::MemoryKernel;
use dm_units::{Bytes, DeviceNumber, Sectors, Version};

fn over(device: DeviceNumber) -> [TargetLine<impl dm_core::TargetParams>; 1] {
    [TargetLine::text(Sectors(0), Sectors(8), "linear", format!("{device} 0"))]
}

#[test]
fn a_kernel_that_does_not_report_the_inactive_table_has_stacks_too() {
    let runs: [fn(&Host); 4] = [
        |host| assert_eq!(host.suspend_stack("top").unwrap().len(), 2),
        |host| assert_eq!(host.remove_stack("top").unwrap().removed.len(), 2),
        |host| assert_eq!(host.remove_and_users("bottom").unwrap().removed.len(), 2),
        |host| assert_eq!(host.remove_and_users("top").unwrap().removed.len(), 1),
    ];
    for run in runs {
        let memory = MemoryKernel::with_interface(Version::new(4, 15, 0));
        let disk = memory.disk(Bytes(1 << 20)).number();
        let host = memory.host();
        let bottom = host.create("bottom", over(disk)).unwrap().number();
        host.create("top", over(bottom)).unwrap();
        host.dm().table_load("top", over(bottom)).unwrap();
        run(&host);
    }
}
