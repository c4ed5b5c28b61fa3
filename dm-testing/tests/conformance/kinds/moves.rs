//! Segments of linear devices that are moved.

use dm_targets::devices::{DevError, LinearDev, MappedDev};
use dm_targets::linear::LinearTable;
use dm_targets::{Any, Linear, Table, TableLine};
use dm_testing::TestKernel;
use dm_units::{Bytes, DeviceNumber, Sectors};

use super::{MOMENT, SHORT, first_byte, wait};

on_both_kernels! { ["mirror", "linear"];
    a_segment_is_moved_while_it_is_in_use,
    a_move_can_be_cancelled,
    only_whole_segments_are_moved,
}

const HALF: Sectors = Sectors(512);

fn segments(places: [(DeviceNumber, u64); 2]) -> Table<Linear> {
    let [one, two] = places.map(|(disk, start)| LinearTable::new(disk, Sectors(start)));
    Table::new([TableLine::new(Sectors(0), HALF, one), TableLine::new(HALF, HALF, two)]).unwrap()
}

/// A device with two segments, on the first and the second disk, and a third disk.
fn home(kernel: &dyn TestKernel) -> ([DeviceNumber; 3], LinearDev) {
    let host = kernel.host();
    let disks = [(); 3].map(|()| kernel.disk(Bytes(1 << 20)));
    let [one, two, _] = disks;
    let home = LinearDev::create(&host, kernel.name("home"), &segments([(one, 0), (two, 8)])).unwrap();
    let number = home.number(&host).unwrap();
    kernel.write(number, Sectors(0), &[1; 4096]).unwrap();
    kernel.write(number, HALF, &[2; 4096]).unwrap();
    (disks, home)
}

fn a_segment_is_moved_while_it_is_in_use(kernel: &dyn TestKernel) {
    let host = kernel.host();
    let ([one, _, three], home) = home(kernel);
    let number = home.number(&host).unwrap();
    let _in_use = kernel.open(number).unwrap();
    let moving = home.move_segment(&host, HALF, three, Sectors(16)).unwrap();
    // As after a restart of the program.
    let moving = MappedDev::<Any>::open(&host, moving.name()).unwrap();
    kernel.write(number, Sectors(520), &[3; 4096]).unwrap();
    wait(moving.progress(&host, MOMENT));
    let home = moving.finish_move(&host).unwrap();
    assert_eq!(home.table(&host).unwrap(), segments([(one, 0), (three, 16)]));
    assert_eq!([0, 512, 520].map(|start| first_byte(kernel, number, start)), [1, 2, 3]);
    assert_eq!([16, 24].map(|start| first_byte(kernel, three, start)), [2, 3]);
}

fn a_move_can_be_cancelled(kernel: &dyn TestKernel) {
    let host = kernel.host();
    let ([one, two, three], home) = home(kernel);
    let moving = home.move_segment(&host, Sectors(0), three, Sectors(0)).unwrap();
    kernel.write(home.number(&host).unwrap(), Sectors(8), &[3; 4096]).unwrap();
    let home = moving.cancel_move(&host).unwrap();
    assert_eq!(home.table(&host).unwrap(), segments([(one, 0), (two, 8)]));
    assert_eq!([0, 8].map(|start| first_byte(kernel, one, start)), [1, 3]);
}

fn only_whole_segments_are_moved(kernel: &dyn TestKernel) {
    let host = kernel.host();
    let ([_, _, three], home) = home(kernel);
    let error = home.move_segment(&host, Sectors(8), three, Sectors(0)).unwrap_err();
    assert!(matches!(error, DevError::NoSegment { start: Sectors(8), .. }), "{error}");
    let zero = super::one::<dm_targets::Zero>(SHORT, dm_targets::zero::ZeroTable);
    let zero = MappedDev::create(&host, kernel.name("zero"), &zero).unwrap();
    let error = MappedDev::<Any>::open(&host, zero.name()).unwrap().finish_move(&host).unwrap_err();
    assert!(matches!(error, DevError::NotMoving(_)), "{error}");
}
