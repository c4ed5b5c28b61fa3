//! `set_geometry` on a real kernel: other programs get the geometry.

use std::process::Command;

use dm_core::Geometry;
use dm_testing::{MappedDevice, Scratch, require};
use dm_units::Sectors;

use crate::support::{LENGTH, zero};

const GEOMETRY: Geometry = Geometry::new(123, 45, 6);

/// Whether fdisk, which reads the geometry, prints this text.
fn fdisk_says(device: &MappedDevice, what: &str) -> bool {
    let output = Command::new("busybox").args(["fdisk", "-l"]).arg(device.path()).output().unwrap();
    String::from_utf8(output.stdout).unwrap().contains(what)
}

#[test]
#[ignore = "needs root and device mapper: cargo xtask test-root"]
fn programs_get_the_geometry() {
    let Some(scratch) = Scratch::new(&[require::target("zero"), require::program("busybox")]) else { return };
    let device = scratch.map("device", [zero(LENGTH)]).unwrap();
    assert!(!fdisk_says(&device, "45 heads, 6 sectors/track"));
    scratch.dm().set_geometry(device.number(), GEOMETRY).unwrap();
    assert!(fdisk_says(&device, "45 heads, 6 sectors/track"));
    scratch.swap(&device, [zero(LENGTH)]).unwrap();
    assert!(fdisk_says(&device, "45 heads, 6 sectors/track"), "a table of the same size keeps it");
    scratch.swap(&device, [zero(Sectors(100))]).unwrap();
    assert!(!fdisk_says(&device, "45 heads, 6 sectors/track"), "a table of another size wipes it");
}
