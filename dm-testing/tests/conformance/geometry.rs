//! `set_geometry`, and the geometries that it refuses.

use dm_core::Geometry;
use dm_testing::TestKernel;
use dm_units::Sectors;

use crate::support::Devices;

on_both_kernels! { [];
    a_start_behind_the_end_is_refused,
    a_missing_device_is_not_found,
}

const GEOMETRY: Geometry = Geometry::new(123, 45, 6);

fn a_start_behind_the_end_is_refused(kernel: &dyn TestKernel) {
    let device = kernel.create("device");
    let end = Sectors(123 * 45 * 6);
    for (start, fits) in [(Sectors(0), true), (end, true), (Sectors(end.0 + 1), false), (Sectors::MAX, false)] {
        match kernel.dm().set_geometry(device.name(), GEOMETRY.start(start)) {
            Ok(()) => assert!(fits, "{start}"),
            Err(error) => {
                assert!(!fits && error.is_invalid(), "{start}: {error}");
                assert!(error.to_string().contains("Start sector is beyond the geometry limits."), "{error}");
            }
        }
    }
    let largest = Geometry::new(u16::MAX, u8::MAX, u8::MAX).start(Sectors(1));
    kernel.dm().set_geometry(device.name(), largest).unwrap();
}

fn a_missing_device_is_not_found(kernel: &dyn TestKernel) {
    let missing = kernel.name("missing");
    let error = kernel.dm().set_geometry(&missing, GEOMETRY).unwrap_err();
    assert!(error.is_not_found(), "{error}");
}
