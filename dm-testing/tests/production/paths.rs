//! From a path to a device and back.

use dm_core::paths::{device_at, is_device, kernel_path, majors, name_of, udev_path};
use dm_testing::{Scratch, require, wait_until};

use crate::support::{LENGTH, PATIENTLY, SOON, linear};

#[test]
#[ignore = "needs root and device mapper: cargo xtask test-root"]
fn nodes_numbers_and_names_belong_together() {
    let Some(scratch) = Scratch::new(&[require::target("linear"), require::udev()]) else { return };
    let disk = scratch.loop_device(LENGTH.to_bytes()).unwrap();
    let device = scratch.map("мой диск", [linear(disk.number())]).unwrap();
    let (number, node) = (device.number(), kernel_path(device.number()));
    assert!(majors().unwrap().contains(&number.major));
    assert_eq!(name_of(number).unwrap().as_deref(), Some(device.name()));
    assert_eq!(device_at(&node).unwrap(), number);
    let link = udev_path(device.name());
    wait_until("udev's link", SOON, || is_device(&link, number)).unwrap();
    assert!(!is_device(&link, disk.number()) && !is_device(disk.path(), number));

    assert!(!majors().unwrap().contains(&disk.number().major));
    assert_eq!(name_of(disk.number()).unwrap(), None);
    assert_eq!(device_at(disk.path()).unwrap(), disk.number());
    scratch.host().remove_with(number, PATIENTLY).unwrap();
    assert_eq!(name_of(number).unwrap(), None);
    wait_until("the nodes to be removed", SOON, || device_at(&node).is_err() && device_at(&link).is_err()).unwrap();
}

#[test]
#[ignore = "needs root and device mapper: cargo xtask test-root"]
fn the_first_table_adds_a_device_to_sysfs_and_dev() {
    // Earlier interfaces add it when it is created.
    let Some(scratch) = Scratch::new(&[require::target("linear"), require::udev(), require::interface(45)]) else {
        return;
    };
    let disk = scratch.loop_device(LENGTH.to_bytes()).unwrap();
    let bare = scratch.create("bare").unwrap();
    assert_eq!(name_of(bare.number()).unwrap(), None);
    assert!(!kernel_path(bare.number()).exists());
    scratch.dm().table_load(&bare, [linear(disk.number())]).unwrap();
    assert_eq!(name_of(bare.number()).unwrap().as_deref(), Some(bare.name()));
    assert!(is_device(&kernel_path(bare.number()), bare.number()));
}
