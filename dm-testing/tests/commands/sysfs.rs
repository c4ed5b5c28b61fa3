//! The effects of commands in sysfs and `/dev`.

use dm_testing::{Scratch, require, wait_until};
use dm_units::Sectors;

use crate::support::{LENGTH, SOON, load, sysfs, when_free, zero};

#[test]
#[ignore = "needs root and device mapper: cargo xtask test-root"]
fn sysfs_has_the_name_the_size_and_the_suspension() {
    let Some(scratch) = Scratch::new(&[require::target("zero")]) else { return };
    let (dm, device) = (scratch.dm(), scratch.map("old", [zero(LENGTH)]).unwrap());
    let shows = |attribute: &str| sysfs(device.number(), attribute).unwrap();
    let new = scratch.name(b"\xff new").unwrap();
    dm.device_rename(device.name(), &new).unwrap();
    assert_eq!(shows("dm/name"), new.as_bytes());
    for size in ["1000", "10"] {
        load(&scratch, &device, zero(Sectors(size.parse().unwrap()))).unwrap();
        dm.device_suspend(&device).unwrap();
        assert!(shows("dm/suspended") == b"1" && shows("size") != size.as_bytes());
        dm.device_resume(&device).unwrap();
        assert!(shows("dm/suspended") == b"0" && shows("size") == size.as_bytes());
    }
}

#[test]
#[ignore = "needs root and device mapper: cargo xtask test-root"]
fn the_node_of_a_removed_device_is_removed() {
    let Some(scratch) = Scratch::new(&[require::target("zero")]) else { return };
    let device = scratch.map("device", [zero(LENGTH)]).unwrap();
    when_free(|| scratch.dm().device_remove(&device));
    wait_until("the node to be removed", SOON, || !device.path().exists()).unwrap();
}
