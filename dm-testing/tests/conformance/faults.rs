//! I/O on devices that fail in a part.

use dm_core::TargetLine;
use dm_testing::TestKernel;
use dm_units::{DeviceNumber, Sectors};

use crate::support::{Data, Devices, LENGTH, load, zero};

on_both_kernels! { ["error", "flakey", "linear", "zero"];
    a_flakey_device_that_is_down_does_what_its_features_say,
    a_flakey_feature_that_does_not_exist_is_refused,
    a_flush_fails_where_something_below_caches_writes,
    a_failing_part_does_not_affect_data_and_flushes_of_the_others,
}

const START: Sectors = Sectors(0);

fn flakey(disk: DeviceNumber, times: &str, features: &str) -> TargetLine<impl dm_core::TargetParams> {
    TargetLine::text(START, LENGTH, "flakey", format!("{disk} 0 {times} {features}"))
}

fn a_flakey_device_that_is_down_does_what_its_features_say(kernel: &dyn TestKernel) {
    let disk = kernel.disk(LENGTH.to_bytes());
    let device = kernel.map("device", [zero(LENGTH)]);
    let cases = [
        ("1 0", "", true, true, true),
        ("0 1", "", false, false, false),
        ("0 1", "0", false, false, false),
        ("0 1", "1 drop_writes", true, true, false),
        ("0 1", "1 error_writes", true, false, false),
    ];
    for (times, features, can_read, can_write, arrives) in cases {
        Data::zeros().write(kernel, disk, START, LENGTH).unwrap();
        kernel.swap(&device, [flakey(disk, times, features)]);
        let written = Data::new(1).write(kernel, device.number(), START, LENGTH);
        assert_eq!(written.is_ok(), can_write, "{times} {features}");
        let read = kernel.read(device.number(), START, &mut [0; 512]);
        assert_eq!(read.is_ok(), can_read, "{times} {features}");
        Data::new(u8::from(arrives)).verify(kernel, disk, START, LENGTH);
    }
}

fn a_flakey_feature_that_does_not_exist_is_refused(kernel: &dyn TestKernel) {
    let disk = kernel.disk(LENGTH.to_bytes());
    let device = kernel.create("device");
    for (times, features) in
        [("1 0", "1 nonsense"), ("1 0", "2 drop_writes"), ("1 0", "2 drop_writes error_writes"), ("0 0", "")]
    {
        let error = load(kernel, &device, flakey(disk, times, features)).unwrap_err();
        assert!(error.is_invalid(), "{features}: {error}");
    }
}

fn a_flush_fails_where_something_below_caches_writes(kernel: &dyn TestKernel) {
    let disk = kernel.disk(LENGTH.to_bytes());
    let zeros = kernel.map("zeros", [zero(LENGTH)]);
    for (below, succeeds) in [(disk, false), (zeros.number(), true)] {
        let down = TargetLine::text(START, Sectors(8), "flakey", format!("{below} 0 0 1"));
        let good = TargetLine::text(Sectors(8), Sectors(8), "linear", format!("{below} 8"));
        let device = kernel.map(&format!("over {below}"), [down, good]);
        let written = Data::new(1).write(kernel, device.number(), Sectors(8), Sectors(8));
        assert_eq!(written.is_ok(), succeeds, "over {below}: {written:?}");
    }
}

fn a_failing_part_does_not_affect_data_and_flushes_of_the_others(kernel: &dyn TestKernel) {
    let disk = kernel.disk(LENGTH.to_bytes());
    let line = |start, target_type, params| TargetLine::text(Sectors(start), Sectors(8), target_type, params);
    let linear = |start| line(start, "linear", format!("{disk} {start}"));
    let device = kernel.map("device", [linear(0), line(8, "error", String::new()), linear(16)]);
    // A write ends with a flush of the whole device.
    Data::new(1).write(kernel, device.number(), START, Sectors(8)).unwrap();
    Data::new(2).write(kernel, device.number(), START, Sectors(24)).unwrap_err();
    Data::new(2).verify(kernel, disk, START, Sectors(8));
    Data::zeros().verify(kernel, disk, Sectors(8), Sectors(8));
    Data::new(2).verify(kernel, disk, Sectors(16), Sectors(8));
}
