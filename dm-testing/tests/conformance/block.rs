//! The data of devices that are opened through a host.

use std::io::ErrorKind;

use dm_core::block::BlockOpenOptions;
use dm_core::{SetupOptions, StatusOptions, TargetLine};
use dm_testing::TestKernel;
use dm_units::{Bytes, DeviceNumber, Sectors};

use crate::support::Data;

on_both_kernels! { ["linear"];
    written_and_zeroed_data_is_on_the_disk,
    a_range_beyond_the_end_has_the_same_error_for_each_action,
    only_a_device_that_is_not_used_can_be_claimed,
    read_only_devices_are_not_written,
    missing_devices_are_not_opened,
    data_written_through_a_device_on_top_is_read,
    the_path_of_a_device_can_be_opened_and_stand_in_a_table,
}

const EPERM: i32 = 1;
const EBADF: i32 = 9;
const ENOSPC: i32 = 28;
const LENGTH: Sectors = Sectors(1024);
const WRITABLE: BlockOpenOptions = BlockOpenOptions::new().writable(true);

fn line(disk: DeviceNumber) -> [TargetLine<dm_core::LineText<'static, String>>; 1] {
    [TargetLine::text(Sectors(0), LENGTH, "linear", format!("{disk} 8"))]
}

fn written_and_zeroed_data_is_on_the_disk(kernel: &dyn TestKernel) {
    let (host, disk) = (kernel.host(), kernel.disk(Bytes(1 << 20)));
    let number = host.create(kernel.name("home"), line(disk)).unwrap().number();
    let pattern = Data::new(1);
    pattern.write(kernel, disk, Sectors(0), Sectors(2048)).unwrap();

    let block = host.open_block_with(number, WRITABLE).unwrap();
    assert_eq!(block.size().unwrap(), LENGTH);
    block.write_sectors(Sectors(0), &[7; 1024]).unwrap();
    block.zero_sectors(Sectors(2), Sectors(500)).unwrap();
    block.zero_sectors(Sectors(0), Sectors(0)).unwrap();
    block.flush().unwrap();
    let mut data = [1; 4 * 512];
    kernel.read(disk, Sectors(8), &mut data).unwrap();
    assert_eq!((&data[..1024], &data[1024..]), (&[7; 1024][..], &[0; 1024][..]));
    kernel.read(disk, Sectors(508), &mut data).unwrap();
    assert_eq!((&data[..1024], data[1024..] == [0; 1024]), (&[0; 1024][..], false));
    pattern.verify(kernel, disk, Sectors(510), Sectors(1538));

    block.read_sectors(Sectors(1), &mut data).unwrap();
    assert_eq!((&data[..512], &data[512..]), (&[7; 512][..], &[0; 1536][..]));
    pattern.verify(kernel, disk, Sectors(8 + LENGTH.0), Sectors(8));
}

fn a_range_beyond_the_end_has_the_same_error_for_each_action(kernel: &dyn TestKernel) {
    let (host, disk) = (kernel.host(), kernel.disk(Bytes(1 << 20)));
    let number = host.create(kernel.name("home"), line(disk)).unwrap().number();
    let pattern = Data::new(1);
    pattern.write(kernel, disk, Sectors(0), Sectors(2048)).unwrap();
    let block = host.open_block_with(number, WRITABLE).unwrap();
    for start in [LENGTH.0 - 3, LENGTH.0, LENGTH.0 + 8, 1 << 53] {
        let start = Sectors(start);
        let error = block.read_sectors(start, &mut [0; 4 * 512]).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::UnexpectedEof, "{start}: {error}");
        for error in [block.write_sectors(start, &[7; 4 * 512]), block.zero_sectors(start, Sectors(4))] {
            assert_eq!(error.unwrap_err().raw_os_error(), Some(ENOSPC), "{start}");
        }
        // An empty range is nowhere.
        block.read_sectors(start, &mut []).unwrap();
        block.write_sectors(start, &[]).unwrap();
        block.zero_sectors(start, Sectors(0)).unwrap();
    }
    pattern.verify(kernel, disk, Sectors(8 + LENGTH.0), Sectors(8));
}

fn the_path_of_a_device_can_be_opened_and_stand_in_a_table(kernel: &dyn TestKernel) {
    let (host, disk) = (kernel.host(), kernel.disk(Bytes(1 << 20)));
    let number = host.create(kernel.name("a lower"), line(disk)).unwrap().number();
    let path = host.path(number).unwrap();
    let block = host.open_block_with(path.as_path(), WRITABLE).unwrap();
    block.write_sectors(Sectors(0), &[7; 512]).unwrap();
    drop(block);
    // The kernel removes one level of backslashes.
    let text = format!("{} 0", path.display()).replace('\\', r"\\");
    let upper = kernel.name("upper");
    host.create(&upper, [TargetLine::text(Sectors(0), Sectors(8), "linear", text)]).unwrap();
    let table = host.dm().table_status_with(&upper, StatusOptions::table()).unwrap();
    assert_eq!(table.iter().next().unwrap().unwrap().params, format!("{number} 0").as_str());
    let missing = path.with_file_name("nothing-has-this-name");
    assert!(host.open_block_with(missing.as_path(), WRITABLE).unwrap_err().is_not_found());
}

fn only_a_device_that_is_not_used_can_be_claimed(kernel: &dyn TestKernel) {
    let (host, disk) = (kernel.host(), kernel.disk(Bytes(1 << 20)));
    let exclusive = WRITABLE.exclusive(true);
    drop(host.open_block_with(disk, exclusive).unwrap());
    host.create(kernel.name("home"), line(disk)).unwrap();
    let error = host.open_block_with(disk, exclusive).unwrap_err();
    assert!(error.is_busy(), "{error}");
    host.open_block_with(disk, WRITABLE).unwrap();
}

fn read_only_devices_are_not_written(kernel: &dyn TestKernel) {
    let (host, disk) = (kernel.host(), kernel.disk(Bytes(1 << 20)));
    let options = SetupOptions::new().read_only(true);
    let number = host.create_with(kernel.name("home"), line(disk), options).unwrap().number();
    // A read-only device can still be opened for writing.
    for (options, errno) in [(WRITABLE, EPERM), (BlockOpenOptions::new(), EBADF)] {
        let block = host.open_block_with(number, options).unwrap();
        let error = block.write_sectors(Sectors(0), &[7; 512]).unwrap_err();
        assert_eq!(error.raw_os_error(), Some(errno));
    }
}

fn data_written_through_a_device_on_top_is_read(kernel: &dyn TestKernel) {
    let (host, disk) = (kernel.host(), kernel.disk(Bytes(1 << 20)));
    let number = host.create(kernel.name("home"), line(disk)).unwrap().number();
    for fill in [1, 2] {
        kernel.write(number, Sectors(0), &[fill; 512]).unwrap();
        let mut data = [0; 512];
        // On Linux, the data stays in the page cache of the disk.
        host.open_block(disk).unwrap().read_sectors(Sectors(8), &mut data).unwrap();
        assert_eq!(data, [fill; 512]);
    }
}

fn missing_devices_are_not_opened(kernel: &dyn TestKernel) {
    let host = kernel.host();
    let number = host.create(kernel.name("home"), line(kernel.disk(Bytes(1 << 20)))).unwrap().number();
    for missing in [DeviceNumber::new(number.major, 900_000), DeviceNumber::new(3999, 1)] {
        let error = host.open_block(missing).unwrap_err();
        assert!(error.is_not_found(), "{error}");
    }
}
