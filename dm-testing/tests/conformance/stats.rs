//! I/O statistics of devices: regions, their counts, and their programs.

use dm_core::Host;
use dm_targets::devices::{LinearDev, Stats};
use dm_targets::linear::LinearTable;
use dm_targets::stats::{StatsCreate, StatsStep};
use dm_targets::{Linear, Table, TableLine, WordBuf};
use dm_testing::TestKernel;
use dm_units::{Bytes, Sectors};

on_both_kernels! { ["linear"];
    io_is_counted_in_the_area_that_it_touches,
    regions_of_a_program_are_found_on_all_devices_and_deleted,
}

const LENGTH: Sectors = Sectors(2048);

fn device(kernel: &dyn TestKernel, host: &Host, suffix: &str) -> LinearDev {
    let table = LinearTable::new(kernel.disk(Bytes(1 << 20)), Sectors(0));
    let table = Table::new([TableLine::<Linear>::new(Sectors(0), LENGTH, table)]).unwrap();
    LinearDev::create(host, kernel.name(suffix), &table).unwrap()
}

fn io_is_counted_in_the_area_that_it_touches(kernel: &dyn TestKernel) {
    let host = kernel.host();
    let device = device(kernel, &host, "device");
    let number = device.number(&host).unwrap();
    let stats = Stats::of(&host, &device).unwrap();
    let region = stats.create(&host, &StatsCreate::new(None, StatsStep::Areas(2))).unwrap();
    kernel.write(number, Sectors(1024), &[7; 8192]).unwrap();
    let reading = stats.read(&host, &region).unwrap();
    let written: Vec<Sectors> = reading.areas.iter().map(|area| area.writes.sectors).collect();
    assert_eq!(written, [Sectors(0), Sectors(16)]);
    stats.clear(&host, &region).unwrap();
    assert_eq!(stats.read(&host, &region).unwrap().total().unwrap().writes.sectors, Sectors(0));
    stats.delete(&host, &region).unwrap();
    assert!(stats.read(&host, &region).unwrap_err().is_no_such_region());
}

fn regions_of_a_program_are_found_on_all_devices_and_deleted(kernel: &dyn TestKernel) {
    let host = kernel.host();
    let program = WordBuf::new(kernel.name("program").to_string()).unwrap();
    for suffix in ["one", "two"] {
        let stats = Stats::of(&host, device(kernel, &host, suffix)).unwrap();
        for create in [StatsCreate::new(None, StatsStep::Areas(1)), StatsCreate::new(None, StatsStep::Areas(3))] {
            stats.create(&host, &create.program(program.clone())).unwrap();
        }
        stats.create(&host, &StatsCreate::new(None, StatsStep::Areas(1))).unwrap();
    }
    let found = Stats::find(&host, &program).unwrap();
    assert_eq!(found.len(), 2);
    for (stats, regions) in &found {
        assert_eq!(regions.len(), 2);
        assert_eq!(stats.delete_of(&host, &program).unwrap(), 2);
        assert_eq!(stats.regions(&host).unwrap().len(), 1);
    }
    assert_eq!(Stats::find(&host, &program).unwrap(), []);
}
