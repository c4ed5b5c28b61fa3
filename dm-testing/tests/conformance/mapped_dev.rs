//! The methods of all whole devices of dm-targets, tested with linear ones.

use dm_core::{DmUuidBuf, SetupOptions};
use dm_targets::devices::{DevError, LinearDev, MappedDev};
use dm_targets::linear::LinearTable;
use dm_targets::{Any, Linear, Table, TableLine, Zero};
use dm_testing::TestKernel;
use dm_units::{DeviceNumber, Sectors};

use crate::support::{Data, PATIENTLY, in_full};

on_both_kernels! { ["linear", "zero"];
    a_device_is_created_changed_renamed_suspended_and_removed,
    a_busy_device_is_not_removed,
    a_uuid_finds_a_device_that_another_program_renamed,
    a_refused_table_changes_nothing,
    a_read_only_device_stays_read_only,
    a_device_is_opened_as_its_own_kind_only,
}

/// The size of the disks.
pub(crate) const SIZE: Sectors = Sectors(2048);

/// A table with one line.
fn one(length: Sectors, params: LinearTable) -> Table<Linear> {
    Table::new([TableLine::<Linear> { start: Sectors(0), length, params }]).unwrap()
}

/// The first sectors of a disk.
pub(crate) fn linear(disk: DeviceNumber) -> Table<Linear> {
    one(SIZE, LinearTable::new(disk, Sectors(0)))
}

fn a_device_is_created_changed_renamed_suspended_and_removed(kernel: &dyn TestKernel) {
    let host = kernel.host();
    let disks = [kernel.disk(SIZE.to_bytes()), kernel.disk(SIZE.to_bytes())];
    let (name, new_name) = (kernel.name("first"), kernel.name("second name"));
    let table = linear(disks[0]);
    let mut device = LinearDev::create(&host, &name, &table).unwrap();
    assert_eq!(device.table(&host).unwrap(), table);
    assert_eq!((device.name(), device.uuid()), (&*name, None));
    let number = device.number(&host).unwrap();
    Data::new(1).write(kernel, number, Sectors(0), SIZE).unwrap();
    Data::new(1).verify(kernel, disks[0], Sectors(0), SIZE);

    let second = TableLine::new(SIZE, SIZE, LinearTable::new(disks[1], Sectors(0)));
    device.change(&host, |lines| lines.push(second)).unwrap();
    assert_eq!(device.table(&host).unwrap().length(), Sectors(2 * SIZE.0));
    Data::new(1).write(kernel, number, SIZE, SIZE).unwrap();
    Data::new(1).verify(kernel, number, Sectors(0), Sectors(2 * SIZE.0));

    device.rename(&host, &new_name).unwrap();
    assert!(LinearDev::open(&host, &name).unwrap_err().is_not_found());
    for opened in [LinearDev::open(&host, &new_name), LinearDev::open(&host, device.number(&host).unwrap())] {
        assert_eq!(opened.unwrap(), device);
    }

    device.suspend(&host).unwrap();
    assert!(device.info(&host).unwrap().is_suspended());
    device.resume(&host).unwrap();
    assert!(!device.info(&host).unwrap().is_suspended());

    device.remove_with(&host, PATIENTLY).unwrap();
    assert!(device.table(&host).unwrap_err().is_not_found());
    Data::new(1).verify(kernel, disks[0], Sectors(0), SIZE);
}

fn a_busy_device_is_not_removed(kernel: &dyn TestKernel) {
    let host = kernel.host();
    let (disk, name) = (kernel.disk(SIZE.to_bytes()), kernel.name("busy"));
    let device = LinearDev::create(&host, &name, &linear(disk)).unwrap();
    let open = kernel.open(device.number(&host).unwrap()).unwrap();
    let busy = device.remove(&host).unwrap_err();
    assert!(busy.is_busy() && !busy.is_not_found(), "{busy}");
    drop(open);
    device.remove_with(&host, PATIENTLY).unwrap();
}

fn a_uuid_finds_a_device_that_another_program_renamed(kernel: &dyn TestKernel) {
    let host = kernel.host();
    let disk = kernel.disk(SIZE.to_bytes());
    let uuid = DmUuidBuf::new(kernel.prefix()).unwrap();
    let cases = [("with", SetupOptions::new().uuid(&uuid)), ("without", SetupOptions::new())];
    for (suffix, options) in cases {
        let (name, new_name) = (kernel.name(suffix), kernel.name(&format!("{suffix} a new name")));
        let mut device = LinearDev::create_with(&host, &name, &linear(disk), options).unwrap();
        host.dm().device_rename(&name, &new_name).unwrap();
        match (device.uuid(), device.table(&host)) {
            (Some(_), found) => {
                assert_eq!(found.unwrap(), linear(disk));
                device.rename(&host, &name).unwrap();
                assert_eq!(LinearDev::open(&host, &name).unwrap(), device);
            }
            (None, missing) => assert!(missing.unwrap_err().is_not_found()),
        }
    }
}

fn a_refused_table_changes_nothing(kernel: &dyn TestKernel) {
    let host = kernel.host();
    let (disk, name) = (kernel.disk(SIZE.to_bytes()), kernel.name("device"));
    let good = linear(disk);
    // After the end of the disk.
    let refused_table = one(SIZE, LinearTable::new(disk, SIZE));
    let refused = LinearDev::create(&host, &name, &refused_table).unwrap_err();
    assert!(in_full(&refused).contains("too small for target"), "{refused}");
    assert!(LinearDev::open(&host, &name).unwrap_err().is_not_found());

    let device = LinearDev::create(&host, &name, &good).unwrap();
    device.set_table(&host, &refused_table).unwrap_err();
    let gap = device.change(&host, |lines| lines.iter_mut().for_each(|line| line.start = Sectors(8))).unwrap_err();
    assert_eq!(in_full(&gap), format!("the table of {} cannot be used: line 1: must start at sector 0", device.id()));
    let info = device.info(&host).unwrap();
    assert!(!info.is_suspended() && !info.has_inactive_table(), "{info:?}");
    assert_eq!(device.table(&host).unwrap(), good);
    Data::new(1).write(kernel, device.number(&host).unwrap(), Sectors(0), SIZE).unwrap();
}

fn a_read_only_device_stays_read_only(kernel: &dyn TestKernel) {
    let host = kernel.host();
    let (disk, name) = (kernel.disk(SIZE.to_bytes()), kernel.name("device"));
    let options = SetupOptions::new().read_only(true);
    let device = LinearDev::create_with(&host, &name, &linear(disk), options).unwrap();
    let shorter = one(Sectors(8), LinearTable::new(disk, Sectors(0)));
    for table in [linear(disk), shorter] {
        device.set_table(&host, &table).unwrap();
        assert!(device.info(&host).unwrap().is_read_only());
    }
    Data::new(1).write(kernel, device.number(&host).unwrap(), Sectors(0), Sectors(8)).unwrap_err();
}

fn a_device_is_opened_as_its_own_kind_only(kernel: &dyn TestKernel) {
    let host = kernel.host();
    let (disk, name) = (kernel.disk(SIZE.to_bytes()), kernel.name("linear"));
    let device = LinearDev::create(&host, &name, &linear(disk)).unwrap();
    let other = MappedDev::<Zero>::open(&host, &name).unwrap_err();
    let expected =
        format!("the table of {} cannot be used: line 1: line: word 3, target type, must be zero", device.id());
    assert_eq!(in_full(&other), expected);
    let any = MappedDev::<Any>::open(&host, &name).unwrap();
    assert_eq!(any.table(&host).unwrap().to_string(), device.table(&host).unwrap().to_string());
    assert_eq!(any.statuses(&host).unwrap().len(), 1);

    let empty = kernel.name("empty");
    host.dm().device_create(&empty).unwrap();
    let none = MappedDev::<Any>::open(&host, &empty).unwrap_err();
    assert!(matches!(none, DevError::NoTable(_)), "{none}");
}
