//! Setting up a device that may be there already.

use dm_core::{Buffer, CreateOptions, DmUuidBuf, InfoOptions, LoadOptions, SuspendOptions};
use dm_targets::devices::{DevOptions, Difference, LinearDev};
use dm_targets::linear::LinearTable;
use dm_targets::{Linear, Table, TableLine};
use dm_testing::Pattern;
use dm_units::Sectors;

use crate::support::{LENGTH, difference, disk, linear, scene};

#[test]
#[ignore = "needs root and device mapper: cargo xtask test-root"]
fn a_device_that_is_there_is_taken_over() {
    let Some((scratch, host)) = scene(&["linear"]) else { return };
    let (disk, name) = (disk(&scratch), scratch.name("device").unwrap());
    let table = linear(disk.number());
    let setup = || LinearDev::setup(&host, name.as_borrowed(), &table, DevOptions::new()).unwrap();
    let device = setup();
    assert_eq!(setup(), device);

    // As somebody leaves it who is stopped in the middle of a change.
    let lines = table.lines().iter().map(Into::into);
    host.dm().table_load(&mut Buffer::new(), device.id(), lines, LoadOptions::new()).unwrap();
    device.suspend(&host, SuspendOptions::new()).unwrap();
    assert_eq!(setup(), device);
    let info = host.dm().device_info(device.id(), InfoOptions::new()).unwrap();
    assert!(!info.is_suspended() && !info.has_inactive_table(), "{info:?}");
    Pattern::new(1).write(&device.path(&host).unwrap(), Sectors(0), LENGTH).unwrap();
}

#[test]
#[ignore = "needs root and device mapper: cargo xtask test-root"]
fn a_device_without_a_table_is_given_one() {
    let Some((scratch, host)) = scene(&["linear"]) else { return };
    let (disk, name) = (disk(&scratch), scratch.name("device").unwrap());
    host.dm().device_create(name.as_borrowed(), CreateOptions::new()).unwrap();
    let options = DevOptions::new().read_only(true);
    let device = LinearDev::setup(&host, name.as_borrowed(), &linear(disk.number()), options).unwrap();
    assert_eq!(device.table(&host).unwrap(), linear(disk.number()));
    assert!(host.dm().device_info(device.id(), InfoOptions::new()).unwrap().is_read_only());
    assert!(device.path(&host).unwrap().exists());
}

#[test]
#[ignore = "needs root and device mapper: cargo xtask test-root"]
fn another_device_is_left_alone() {
    let Some((scratch, host)) = scene(&["linear"]) else { return };
    let (disk, name) = (disk(&scratch), scratch.name("device").unwrap());
    let uuid = DmUuidBuf::new(scratch.prefix()).unwrap();
    let other_uuid = DmUuidBuf::new(&format!("{}other", scratch.prefix())).unwrap();
    let options = DevOptions::new().uuid(uuid.as_borrowed());
    let table = linear(disk.number());
    let device = LinearDev::setup(&host, name.as_borrowed(), &table, options).unwrap();
    let half = Sectors(LENGTH.0 / 2);
    let halves = |second| {
        let line =
            |start, disk_start| TableLine::<Linear>::new(start, half, LinearTable::new(disk.number(), disk_start));
        Table::new([line(Sectors(0), Sectors(0)), line(half, second)]).unwrap()
    };
    let setup = |table: &Table<Linear>, options| LinearDev::setup(&host, name.as_borrowed(), table, options);
    let refusal = |table: &Table<Linear>, options| difference(setup(table, options).unwrap_err());

    assert_eq!(refusal(&table, options.uuid(other_uuid.as_borrowed())), Difference::Uuid);
    assert_eq!(refusal(&table, options.minor(device.number().minor + 1)), Difference::Minor);
    assert_eq!(refusal(&table, options.read_only(true)), Difference::ReadOnly);
    assert_eq!(refusal(&halves(half), options), Difference::Line(1));
    device.set_table(&host, &halves(Sectors(0))).unwrap();
    assert_eq!(refusal(&halves(half), options), Difference::Line(2));
    let error = setup(&table, options).unwrap_err().to_string();
    let expected = "is there, but has another table, from line 1 on; choose another name, or open it and change it";
    assert!(error.contains(scratch.prefix()) && error.ends_with(expected), "{error}");
    assert_eq!(device.table(&host).unwrap(), halves(Sectors(0)));

    // The uuid is another device's.
    let other_name = scratch.name("other").unwrap();
    let taken = LinearDev::setup(&host, other_name.as_borrowed(), &table, options).unwrap_err();
    assert!(taken.already_exists(), "{taken}");
    assert!(LinearDev::open(&host, other_name.as_borrowed()).unwrap_err().is_not_found());
}
