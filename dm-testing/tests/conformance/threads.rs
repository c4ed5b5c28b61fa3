//! One handle in many threads.

use std::thread;

use dm_core::{StatusOptions, TargetLine};
use dm_testing::TestKernel;
use dm_units::Sectors;

use crate::support::{Data, Devices, exists, when_free};

on_both_kernels! { ["zero"];
    threads_share_a_handle,
}

const THREADS: u64 = 6;
const ROUNDS: u64 = 3;

/// The complete life of a device, which its size distinguishes from the others.
fn live(kernel: &dyn TestKernel, size: Sectors) {
    let dm = kernel.dm();
    let [young, old] = ["young", "old"].map(|age| kernel.name(&format!("{size}-{age}")));
    let number = dm.device_create(&young).unwrap().number();
    let line = || [TargetLine::text(Sectors(0), size, "zero", "")];
    dm.table_load(&young, line()).unwrap();
    dm.device_resume(&young).unwrap();
    Data::zeros().verify(kernel, number, Sectors(0), size);
    dm.device_suspend(number).unwrap();
    dm.table_load(number, line()).unwrap();
    dm.device_rename(&young, &old).unwrap();
    dm.device_resume(&old).unwrap();
    let status = dm.table_status_with(&old, StatusOptions::table()).unwrap();
    assert_eq!(status.iter().map(|line| line.unwrap().length).collect::<Vec<_>>(), [size]);
    let list = dm.list_devices().unwrap();
    let listed = list.iter().map(Result::unwrap).find(|device| device.number == number).unwrap();
    assert_eq!(listed.name, &*old);
    assert_eq!(dm.device_info(number).unwrap().name(), Some(&*old));
    when_free(|| dm.device_remove(&old));
    assert!(!exists(kernel, &young) && !exists(kernel, &old));
}

fn threads_share_a_handle(kernel: &dyn TestKernel) {
    thread::scope(|scope| {
        for thread in 0..THREADS {
            let sizes = (0..ROUNDS).map(move |round| Sectors(8 * (1 + thread * ROUNDS + round)));
            scope.spawn(move || sizes.for_each(|size| live(kernel, size)));
        }
    });
}
