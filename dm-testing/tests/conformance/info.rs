//! `device_info`: the state of a device and of its two slots.

use dm_core::{DmUuidBuf, LoadOptions};
use dm_testing::TestKernel;
use dm_units::{DeviceNumber, Sectors};

use crate::support::{Data, Devices, LENGTH, inactive_info, info, load, one_sector_each, wait_until, zero};

on_both_kernels! { ["zero"];
    any_id_finds_the_same_device,
    a_missing_device_is_not_found,
    the_states_of_the_two_slots_are_distinguished,
    openers_are_counted,
    events_are_counted,
}

fn any_id_finds_the_same_device(kernel: &dyn TestKernel) {
    let device = kernel.create("device");
    let uuid = DmUuidBuf::new(kernel.prefix()).unwrap();
    kernel.dm().device_set_uuid(device.name(), &uuid).unwrap();
    let by_name = info(kernel, device.name());
    assert_eq!(by_name.uuid(), Some(&*uuid));
    for other in [info(kernel, &uuid), info(kernel, device.number())] {
        assert_eq!(other.name(), by_name.name());
        assert_eq!(other.uuid(), by_name.uuid());
        assert_eq!(other.number(), by_name.number());
    }
}

fn a_missing_device_is_not_found(kernel: &dyn TestKernel) {
    let missing = kernel.name("missing");
    let uuid = DmUuidBuf::new(kernel.prefix()).unwrap();
    let dm = kernel.dm();
    assert!(dm.device_info(&missing).unwrap_err().is_not_found());
    assert!(dm.device_info(&uuid).unwrap_err().is_not_found());
    for number in [DeviceNumber::new(1, 3), DeviceNumber::new(u32::MAX, u32::MAX), DeviceNumber::new(0, 0)] {
        let error = dm.device_info(number).unwrap_err();
        assert!(error.is_not_found(), "{error}");
    }
}

fn the_states_of_the_two_slots_are_distinguished(kernel: &dyn TestKernel) {
    let lower = kernel.map("lower", [zero(LENGTH)]);
    let device = kernel.map("device", [zero(LENGTH)]);
    let active = info(kernel, device.number());
    assert!(active.has_active_table() && !active.has_inactive_table());
    assert_eq!((active.target_count(), inactive_info(kernel, &device).target_count()), (1, 0));

    let three = one_sector_each(lower.number(), 3);
    let options = LoadOptions::new().read_only(true);
    kernel.dm().table_load_with(&device, three, options).unwrap();
    let (active, inactive) = (info(kernel, device.number()), inactive_info(kernel, &device));
    assert!(active.has_active_table() && active.has_inactive_table());
    assert_eq!((active.target_count(), inactive.target_count()), (1, 3));
    assert_eq!((active.is_read_only(), inactive.is_read_only()), (false, true));

    kernel.dm().device_resume(&device).unwrap();
    let active = info(kernel, device.number());
    assert!(active.has_active_table() && !active.has_inactive_table() && active.is_read_only());
    assert_eq!(active.target_count(), 3);
    Data::new(1).write(kernel, device.number(), Sectors(0), Sectors(1)).unwrap_err();
}

fn openers_are_counted(kernel: &dyn TestKernel) {
    let device = kernel.map("device", [zero(LENGTH)]);
    // udev and other processes may open a new device for a moment.
    let wait_for_open_count = |count| wait_until("the count", || info(kernel, device.name()).open_count() == count);
    wait_for_open_count(0);
    let users = [kernel.open(device.number()).unwrap(), kernel.open(device.number()).unwrap()];
    wait_for_open_count(2);
    drop(users);
    wait_for_open_count(0);
}

fn events_are_counted(kernel: &dyn TestKernel) {
    let device = kernel.map("device", [zero(LENGTH)]);
    assert_eq!(info(kernel, device.number()).event_nr(), 0);
    let mut name = device.name().to_owned();
    for event in 1..4 {
        // A rename raises an event on the device.
        let new = kernel.name(&event.to_string());
        let answer = kernel.dm().device_rename(&name, &new).unwrap();
        assert_eq!(answer.event_nr(), event);
        assert_eq!(info(kernel, &new).event_nr(), event);
        name = new;
    }
    // Activating a table does not change the event number of the device.
    load(kernel, &device, zero(LENGTH)).unwrap();
    kernel.dm().device_resume(&device).unwrap();
    assert_eq!(info(kernel, device.number()).event_nr(), 3);
}
