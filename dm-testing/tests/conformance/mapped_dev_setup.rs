//! Setup of whole devices of dm-targets that may already exist.

use dm_core::{Difference, DmUuidBuf, OpErrorKind, SetupOptions};
use dm_targets::devices::{DevError, LinearDev};
use dm_targets::linear::LinearTable;
use dm_targets::{Linear, Table, TableLine};
use dm_testing::TestKernel;
use dm_units::Sectors;

use crate::mapped_dev::{SIZE, linear};
use crate::support::{Data, in_full};

on_both_kernels! { ["linear"];
    an_existing_device_is_taken_over,
    a_device_without_a_table_is_given_one,
    a_device_that_differs_is_left_alone,
}

/// The difference of the existing device.
fn difference(error: &DevError) -> Difference {
    match error.operation().map(dm_core::OpError::kind) {
        Some(OpErrorKind::Differs(difference)) => *difference,
        _ => unreachable!("{error}"),
    }
}

fn an_existing_device_is_taken_over(kernel: &dyn TestKernel) {
    let host = kernel.host();
    let (disk, name) = (kernel.disk(SIZE.to_bytes()), kernel.name("device"));
    let table = linear(disk);
    let setup = || LinearDev::setup(&host, &name, &table).unwrap();
    let device = setup();
    assert_eq!(setup(), device);

    // The state that a program leaves when it is stopped during a change.
    let lines = table.lines().iter().map(Into::into);
    host.dm().table_load(&device, lines).unwrap();
    device.suspend(&host).unwrap();
    assert_eq!(setup(), device);
    let info = device.info(&host).unwrap();
    assert!(!info.is_suspended() && !info.has_inactive_table(), "{info:?}");
    Data::new(1).write(kernel, device.number(&host).unwrap(), Sectors(0), SIZE).unwrap();
}

fn a_device_without_a_table_is_given_one(kernel: &dyn TestKernel) {
    let host = kernel.host();
    let (disk, name) = (kernel.disk(SIZE.to_bytes()), kernel.name("device"));
    host.dm().device_create(&name).unwrap();
    let options = SetupOptions::new().read_only(true);
    let device = LinearDev::setup_with(&host, &name, &linear(disk), options).unwrap();
    assert_eq!(device.table(&host).unwrap(), linear(disk));
    assert!(device.info(&host).unwrap().is_read_only());
}

fn a_device_that_differs_is_left_alone(kernel: &dyn TestKernel) {
    let host = kernel.host();
    let (disk, name) = (kernel.disk(SIZE.to_bytes()), kernel.name("device"));
    let uuid = DmUuidBuf::new(kernel.prefix()).unwrap();
    let other_uuid = DmUuidBuf::new(&format!("{}other", kernel.prefix())).unwrap();
    let options = SetupOptions::new().uuid(&uuid);
    let table = linear(disk);
    let device = LinearDev::setup_with(&host, &name, &table, options).unwrap();
    let half = Sectors(SIZE.0 / 2);
    let halves = |second| {
        let line = |start, disk_start| TableLine::<Linear>::new(start, half, LinearTable::new(disk, disk_start));
        Table::new([line(Sectors(0), Sectors(0)), line(half, second)]).unwrap()
    };
    let setup = |table: &Table<Linear>, options| LinearDev::setup_with(&host, &name, table, options);
    let refusal = |table: &Table<Linear>, options| difference(&setup(table, options).unwrap_err());

    assert_eq!(refusal(&table, options.uuid(&other_uuid)), Difference::Uuid);
    assert_eq!(refusal(&table, options.minor(device.number(&host).unwrap().minor + 1)), Difference::Minor);
    assert_eq!(refusal(&table, options.read_only(true)), Difference::ReadOnly);
    assert_eq!(refusal(&halves(half), options), Difference::Line(0, "length"));
    device.set_table(&host, &halves(Sectors(0))).unwrap();
    assert_eq!(refusal(&halves(half), options), Difference::Line(1, "start"));
    let error = in_full(&setup(&table, options).unwrap_err());
    let expected = "a device of this name exists, but line 0 of its table, counted from 0, has another length than \
                    requested; choose another name, or change the device";
    assert!(error.contains(kernel.prefix()) && error.ends_with(expected), "{error}");
    assert_eq!(device.table(&host).unwrap(), halves(Sectors(0)));

    // The uuid is that of another device.
    let other_name = kernel.name("other");
    let taken = LinearDev::setup_with(&host, &other_name, &table, options).unwrap_err();
    assert!(taken.is_already_exists(), "{taken}");
    assert!(LinearDev::open(&host, &other_name).unwrap_err().is_not_found());
}
