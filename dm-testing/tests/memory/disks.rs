//! Disks with chosen numbers, and read-only devices.

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
