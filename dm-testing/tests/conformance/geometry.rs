//! `set_geometry`, and the geometries that it refuses.

use std::io;
use std::sync::Arc;

use dm_core::{Command, Dm, Geometry, Transport};
use dm_testing::TestKernel;
use dm_units::Sectors;

use crate::support::{Devices, HEADER_SIZE};

on_both_kernels! { [];
    a_start_behind_the_end_is_refused,
    a_missing_device_is_not_found,
    nothing_may_follow_the_four_numbers,
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

/// A transport to the kernel on which all geometries have this text.
#[derive(Debug)]
struct Texts {
    kernel: Arc<dyn Transport>,
    text: &'static str,
}

impl Transport for Texts {
    fn ioctl(&self, command: Command, request: &mut [u8]) -> io::Result<()> {
        if command == Command::SetGeometry {
            let payload = &mut request[HEADER_SIZE..];
            payload.fill(0);
            payload[..self.text.len()].copy_from_slice(self.text.as_bytes());
        }
        self.kernel.ioctl(command, request)
    }
}

fn nothing_may_follow_the_four_numbers(kernel: &dyn TestKernel) {
    let device = kernel.create("device");
    let longest = Geometry::new(u16::MAX, u8::MAX, u8::MAX).start(Sectors(1 << 30));
    let set = |text| {
        let dm = Dm::with_transport(Texts { kernel: kernel.dm().transport(), text });
        dm.set_geometry(device.name(), longest)
    };
    for text in ["1 2 3 4", " \t1\n2  3 04", "1 2 3 0"] {
        assert!(set(text).is_ok(), "{text:?}");
    }
    for text in ["1 2 3 4 x", "1 2 3 4 ", "1 2 3 4x", "1 2 3", "1 2 3 4 5", "1 +2 3 4", "-1 2 3 4", "1,2 3 4", ""] {
        assert!(set(text).unwrap_err().is_invalid(), "{text:?}");
    }
}
