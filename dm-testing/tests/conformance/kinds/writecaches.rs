//! Write caches attached to and detached from a device in use, and flushed.

use dm_targets::devices::{DevError, LinearDev, WritecacheDev};
use dm_targets::writecache::{WritecacheKind, WritecacheTable};
use dm_testing::TestKernel;
use dm_units::{Bytes, DeviceNumber, Sectors};

use super::{LENGTH, MOMENT, first_byte, linear, wait};

on_both_kernels! { ["writecache", "linear"];
    a_write_cache_is_attached_to_a_device_in_use_and_detached,
    a_flush_writes_back_all_that_is_cached,
}

/// A device over a disk, with a write cache in front of it.
fn cached(kernel: &dyn TestKernel) -> (DeviceNumber, LinearDev, WritecacheDev) {
    let host = kernel.host();
    let [slow, fast] = [8 << 20, 4 << 20].map(|size| kernel.disk(Bytes(size)));
    let home = LinearDev::create(&host, kernel.name("home"), &linear(slow, LENGTH)).unwrap();
    kernel.write(home.number(&host).unwrap(), Sectors(0), &[1; 4096]).unwrap();
    let table = |origin| WritecacheTable::new(WritecacheKind::Ssd, origin, fast, 4096);
    let (origin, cache) = WritecacheDev::attach(&host, &home, kernel.name("origin"), table).unwrap();
    (slow, origin, cache)
}

fn a_write_cache_is_attached_to_a_device_in_use_and_detached(kernel: &dyn TestKernel) {
    let host = kernel.host();
    let (slow, origin, cache) = cached(kernel);
    let number = cache.number(&host).unwrap();
    let _in_use = kernel.open(number).unwrap();
    kernel.write(number, Sectors(8), &[2; 4096]).unwrap();

    wait(cache.clean(&host, MOMENT).unwrap());
    kernel.write(number, Sectors(16), &[3; 4096]).unwrap();
    let home = cache.detach(&host).unwrap();
    assert_eq!(home.table(&host).unwrap(), linear(origin.number(&host).unwrap(), LENGTH));
    for device in [number, slow] {
        assert_eq!([0, 8, 16].map(|start| first_byte(kernel, device, start)), [1, 2, 3]);
    }
}

fn a_flush_writes_back_all_that_is_cached(kernel: &dyn TestKernel) {
    let host = kernel.host();
    let (slow, _, cache) = cached(kernel);
    let number = cache.number(&host).unwrap();
    let used = || cache.status(&host).unwrap().used();
    kernel.write(number, Sectors(8), &[2; 4096]).unwrap();
    assert_eq!(used(), 1);
    cache.flush(&host).unwrap();
    assert_eq!((used(), first_byte(kernel, slow, 8)), (0, 2));

    kernel.write(number, Sectors(8), &[3; 4096]).unwrap();
    cache.flush_on_suspend(&host).unwrap();
    cache.suspend(&host).unwrap();
    assert_eq!(first_byte(kernel, slow, 8), 3);
    assert!(cache.flush(&host).unwrap_err().is_busy());
    cache.resume(&host).unwrap();
    assert_eq!(used(), 0);
    assert!(!matches!(cache.detach(&host), Err(DevError::Dirty { .. })));
}
