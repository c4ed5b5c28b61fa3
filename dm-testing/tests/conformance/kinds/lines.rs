//! Tables of two lines. Messages and status queries reach only the first one: acting on its state alone would lose the
//! data of the second one.

use dm_targets::devices::{DevError, MappedDev, MirrorDev, WritecacheDev};
use dm_targets::mirror::{MirrorLeg, MirrorLog, MirrorTable};
use dm_targets::writecache::{WritecacheKind, WritecacheTable};
use dm_targets::{Table, TableLine, Target};
use dm_testing::TestKernel;
use dm_units::{Bytes, DeviceNumber, Sectors};

use super::{LENGTH, MOMENT, first_byte, wait};

on_both_kernels! { ["writecache", "mirror"];
    a_write_cache_of_two_lines_is_not_detached_because_of_the_first,
    a_mirror_of_two_lines_is_not_judged_by_the_first,
}

/// A device with two lines, each on two disks.
fn device<T: Target>(
    kernel: &dyn TestKernel,
    params: impl Fn([DeviceNumber; 2]) -> T::Table,
) -> (DeviceNumber, MappedDev<T>) {
    let line = |start: Sectors| {
        let disks = [8 << 20, 8 << 20].map(|size| kernel.disk(Bytes(size)));
        TableLine::<T> { start, length: LENGTH, params: params(disks) }
    };
    let table = Table::new([line(Sectors(0)), line(LENGTH)]).unwrap();
    let device = MappedDev::create(&kernel.host(), kernel.name("home"), &table).unwrap();
    let number = device.number(&kernel.host()).unwrap();
    kernel.write(number, LENGTH, &[7; 4096]).unwrap();
    (number, device)
}

fn is_refused<T>(result: Result<T, DevError>) -> bool {
    matches!(result, Err(DevError::SeveralLines(_)))
}

fn a_write_cache_of_two_lines_is_not_detached_because_of_the_first(kernel: &dyn TestKernel) {
    let host = kernel.host();
    let table = |[slow, fast]: [DeviceNumber; 2]| WritecacheTable::new(WritecacheKind::Ssd, slow, fast, 512);
    let (number, cache): (_, WritecacheDev) = device(kernel, table);
    assert!(is_refused(cache.clean(&host, MOMENT)) && is_refused(cache.detach(&host)));
    assert!(is_refused(cache.flush(&host)) && is_refused(cache.flush_on_suspend(&host)));
    assert_eq!(first_byte(kernel, number, LENGTH.0), 7);
}

fn a_mirror_of_two_lines_is_not_judged_by_the_first(kernel: &dyn TestKernel) {
    let host = kernel.host();
    let leg = |disk| MirrorLeg::new(disk, Sectors(0));
    let table = |disks: [DeviceNumber; 2]| MirrorTable::new(MirrorLog::core(Sectors(64)), disks.map(leg));
    let (number, mirror): (_, MirrorDev) = device(kernel, table);
    wait(mirror.progress(&host, MOMENT));
    assert!(is_refused(mirror.keep_leg(&host, 0)));
    assert_eq!(first_byte(kernel, number, LENGTH.0), 7);
}
