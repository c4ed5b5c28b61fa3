//! `set_geometry`.

use std::process::Command;

use dm_core::Geometry;
use dm_testing::{MappedDevice, Scratch, require};
use dm_units::Sectors;

use crate::support::{LENGTH, zero};

const GEOMETRY: Geometry = Geometry::new(123, 45, 6);

/// Whether fdisk, which asks for the geometry, prints this.
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

#[test]
#[ignore = "needs root and device mapper: cargo xtask test-root"]
fn a_start_behind_the_end_is_refused() {
    let Some(scratch) = Scratch::new(&[]) else { return };
    let device = scratch.create("device").unwrap();
    let end = Sectors(123 * 45 * 6);
    for (start, fits) in [(Sectors(0), true), (end, true), (Sectors(end.0 + 1), false), (Sectors::MAX, false)] {
        match scratch.dm().set_geometry(device.name(), GEOMETRY.start(start)) {
            Ok(()) => assert!(fits, "{start}"),
            Err(error) => assert!(!fits && error.is_invalid(), "{start}: {error}"),
        }
    }
    let largest = Geometry::new(u16::MAX, u8::MAX, u8::MAX).start(Sectors(1));
    scratch.dm().set_geometry(device.name(), largest).unwrap();
}

#[test]
#[ignore = "needs root and device mapper: cargo xtask test-root"]
fn a_missing_device_is_not_found() {
    let Some(scratch) = Scratch::new(&[]) else { return };
    let missing = scratch.name("missing").unwrap();
    let error = scratch.dm().set_geometry(&missing, GEOMETRY).unwrap_err();
    assert!(error.is_not_found(), "{error}");
}
