//! Data survives changes of tables.

use dm_core::TargetLine;
use dm_testing::TestKernel;
use dm_units::{Bytes, Sectors};

use crate::support::{Data, Devices};

on_both_kernels! { ["linear"];
    every_sector_is_where_the_table_says,
    a_device_that_grows_keeps_its_data,
}

const START: Sectors = Sectors(0);
const SIZE: Sectors = Sectors(2048);
const HALF: Sectors = Sectors(1024);

fn every_sector_is_where_the_table_says(kernel: &dyn TestKernel) {
    let [one, two] = [1, 2].map(|_| kernel.disk(HALF.to_bytes()));
    let lines = [
        TargetLine::text(START, HALF, "linear", format!("{} 0", two)),
        TargetLine::text(HALF, HALF, "linear", format!("{} 0", one)),
    ];
    let device = kernel.map("device", lines);
    let pattern = Data::new(1);
    pattern.write(kernel, device.number(), START, SIZE).unwrap();
    pattern.verify(kernel, device.number(), START, SIZE);
    pattern.verify(kernel, two, START, HALF);
    pattern.moved(HALF, START).verify(kernel, one, START, HALF);
    kernel.read(device.number(), SIZE, &mut [0; 512]).unwrap_err();
}

fn a_device_that_grows_keeps_its_data(kernel: &dyn TestKernel) {
    let disk = kernel.disk(Bytes(1 << 20));
    let line = |size| [TargetLine::text(START, size, "linear", format!("{} 0", disk))];
    let device = kernel.map("device", line(HALF));
    let pattern = Data::new(1);
    pattern.write(kernel, device.number(), START, HALF).unwrap();
    pattern.write(kernel, device.number(), HALF, Sectors(1)).unwrap_err();
    kernel.swap(&device, line(SIZE));
    pattern.verify(kernel, device.number(), START, HALF);
    pattern.write(kernel, device.number(), HALF, HALF).unwrap();
    pattern.verify(kernel, disk, START, SIZE);
}
