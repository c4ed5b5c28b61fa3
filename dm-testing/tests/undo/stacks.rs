//! Stacks on old kernels, whose devices are renamed or replaced meanwhile, or whose numbers exist on this machine.

use std::fs;

use dm_core::{Host, RemovePolicy, Retry, TargetLine};
use dm_testing::MemoryKernel;
use dm_units::{Bytes, DeviceNumber, Sectors, Version};

use crate::cases::{loaded, number, stack};
use crate::kernel::{Kernel, Plan};
use crate::model::Device;

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

/// Returns the devices that were reported as removed, unless the operation fails.
type Remove = fn(&Host) -> Option<Vec<DeviceNumber>>;

#[test]
fn a_device_of_a_stack_that_is_renamed_meanwhile_is_not_reported_as_removed() {
    let runs: [Remove; 2] = [
        |host| host.remove_stack("top").ok().map(|removal| removal.removed),
        |host| host.remove_and_users("bottom").ok().map(|removal| removal.removed),
    ];
    let mut renamed = 0;
    for run in runs {
        for name in ["top", "middle", "bottom"] {
            for n in 1..30 {
                let kernel = Kernel::new(&stack());
                kernel.set_plan(Plan::default());
                kernel.interfere(n, move |kernel| {
                    let _ = kernel.other().device_rename(name, "renamed");
                });
                let removed = run(&kernel.host()).unwrap_or_default();
                if kernel.sent().len() < n {
                    break;
                }
                let state = kernel.state();
                renamed += usize::from(state.named("renamed").is_some());
                let is_left = |number: &&DeviceNumber| state.devices.contains_key(&number.minor);
                assert_eq!(removed.iter().find(is_left), None, "{name} at command {n}: {removed:?}");
            }
        }
    }
    assert!(renamed > 5, "{renamed}");
}

#[test]
fn a_device_that_took_the_name_of_a_removed_one_in_a_stack_is_left_alone() {
    // Each device is read and removed, after the walk by three commands.
    for (name, n) in [("middle", 6), ("bottom", 8)] {
        let kernel = Kernel::new(&stack());
        kernel.set_plan(Plan::default());
        kernel.interfere(n, move |kernel| {
            kernel.other().device_remove(name).unwrap();
            kernel.add(9, &Device::new(name, Some(loaded())));
        });
        let policy = RemovePolicy::new().retry(Retry::default());
        let removal = kernel.host().remove_stack_with("top", policy).unwrap();
        assert_eq!(removal.removed, [0, 1, 2].map(number), "{name}");
        assert_eq!(kernel.state().devices.len(), 1, "{name}");
    }
}

#[test]
fn a_device_that_took_the_name_of_one_in_a_stack_is_not_suspended_for_it() {
    let folder = tempfile::tempdir().unwrap();
    let kernel = Kernel::new(&stack());
    kernel.set_plan(Plan::default());
    // After the walk by three commands, the state is read again under the lock.
    kernel.interfere(4, |kernel| {
        kernel.other().device_remove("top").unwrap();
        kernel.add(9, &Device::new("top", Some(loaded())));
    });
    let suspended = kernel.host().with_lock_dir(folder.path()).suspend_stack("top").unwrap();
    assert_eq!(suspended, [1, 2].map(number));
    for (minor, device) in kernel.state().devices {
        assert_eq!(device.suspended, suspended.contains(&number(minor)), "{minor}");
    }
}

/// The number of a block device of this machine.
fn real_disk() -> Option<DeviceNumber> {
    let name = fs::read_dir("/sys/dev/block").ok()?.next()?.ok()?.file_name();
    name.to_str()?.parse().ok()
}

#[test]
fn the_users_of_a_disk_in_memory_are_not_those_of_a_disk_of_this_machine() {
    let Some(disk) = real_disk() else { return };
    let memory = MemoryKernel::new();
    memory.disk_at(disk, Bytes(1 << 20));
    let host = memory.host();
    let home = host.create("home", over(disk)).unwrap().number();
    assert_eq!(host.remove_and_users(disk).unwrap().removed, [home]);
}
