//! Disks with chosen numbers, and read-only devices.

use std::panic::{AssertUnwindSafe, catch_unwind};

use dm_core::{LoadOptions, TargetLine};
use dm_testing::MemoryKernel;
use dm_units::{Bytes, DeviceNumber, Sectors};

#[test]
fn a_disk_with_a_chosen_number_is_found_by_its_path() {
    let memory = MemoryKernel::new();
    let disks = [memory.disk_at(DeviceNumber::new(8, 0), Bytes(1 << 20)), memory.disk(Bytes(1 << 20))];
    for (disk, name) in disks.iter().zip(["a", "b"]) {
        let params = format!("{} 0", disk.path().display());
        memory.host().create(name, [TargetLine::text(Sectors(0), Sectors(8), "linear", params)]).unwrap();
        let used: Vec<_> = memory.dm().table_deps(name).unwrap().iter().collect();
        assert_eq!(used, [disk.number()]);
    }
    let error = disks[0].read(Sectors(1 << 20), &mut [0; 512]).unwrap_err();
    assert!(error.to_string().starts_with("I/O on disk8:0 at sector 1048576 failed"), "{error}");
}

#[test]
fn a_read_only_device_can_be_flushed_but_not_written() {
    let memory = MemoryKernel::new();
    let line =
        TargetLine::text(Sectors(0), Sectors(8), "linear", format!("{} 0", memory.disk(Bytes(1 << 20)).number()));
    memory.dm().device_create("home").unwrap();
    memory.dm().table_load_with("home", [line], LoadOptions::new().read_only(true)).unwrap();
    memory.dm().device_resume("home").unwrap();
    memory.flush("home").unwrap();
    assert_eq!(memory.write("home", Sectors(0), &[7; 512]).unwrap_err().errno(), Some(1));
    assert_eq!(memory.discard("home", Sectors(0), Sectors(8)).unwrap_err().errno(), Some(1));
}

#[test]
fn a_number_that_is_taken_is_refused_and_its_disk_is_kept() {
    let memory = MemoryKernel::new();
    let disk = memory.disk_at(DeviceNumber::new(8, 0), Bytes(1 << 20));
    disk.write(Sectors(0), &[7; 512]).unwrap();
    let refused = catch_unwind(AssertUnwindSafe(|| memory.disk_at(disk.number(), Bytes(512))));
    assert!(refused.is_err());
    let mut data = [0; 512];
    disk.read(Sectors(0), &mut data).unwrap();
    assert_eq!((data, disk.size()), ([7; 512], Sectors(2048)));
}

#[test]
fn a_disk_is_resized_to_the_size_that_a_new_one_gets() {
    let memory = MemoryKernel::new();
    let disk = memory.disk(Bytes(512));
    for size in [Bytes(1023), Bytes(1 << 40), Bytes(u128::MAX)] {
        disk.resize(size);
        assert_eq!(disk.size(), memory.disk(size).size());
    }
    assert!(disk.size() > Sectors(1 << 40));
}
