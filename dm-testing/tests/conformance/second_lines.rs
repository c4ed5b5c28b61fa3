//! Lines that are not the first one of their device.

use std::time::Duration;

use dm_core::{RemovePolicy, Retry, TargetLine};
use dm_testing::TestKernel;
use dm_units::{Bytes, DeviceNumber, Sectors};

use crate::support::Devices;

on_both_kernels! {
    [
        "cache", "crypt", "delay", "era", "flakey", "linear", "log-writes", "mirror", "raid", "snapshot",
        "snapshot-origin", "striped", "switch", "unstriped", "writecache",
    ];
    // As in recent kernels: earlier ones map the second line of an era device otherwise, and accept verity beside a line.
    a_second_line_has_its_data_where_its_target_counts_from needs [require::interface(48)],
    a_target_that_must_be_alone_is_refused_beside_another needs [require::interface(48)],
}

/// The sector that a write to the first sector of a second line reaches, on the last disk of the line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    /// The first one.
    Start,
    /// The one at the start of the line: the target gets the sector of the device.
    Behind,
    /// None: the write fails.
    Nowhere,
    /// Unknown from the disk; the line returns the written data.
    Unknown,
}

/// Targets, with params that end with the disk A; B is another disk.
const TARGETS: [(&str, &str, Place); 15] = [
    ("cache", "B B2 A 128 1 writethrough smq 0", Place::Behind),
    ("crypt", "aes-xts-plain64 KEY 0 A 0", Place::Unknown),
    ("delay", "A 0 0", Place::Start),
    ("era", "B A 128", Place::Start),
    ("flakey", "A 0 1 0", Place::Start),
    ("linear", "A 0", Place::Start),
    ("log-writes", "A B", Place::Behind),
    ("mirror", "core 2 1024 nosync 2 B 0 A 0", Place::Start),
    ("raid", "raid1 2 0 nosync 2 - B - A", Place::Nowhere),
    ("snapshot", "B A N 8", Place::Unknown),
    ("snapshot-origin", "A", Place::Behind),
    ("striped", "1 8 A 0", Place::Start),
    ("switch", "1 64 0 A 0", Place::Start),
    ("unstriped", "1 8 0 A 0", Place::Start),
    ("writecache", "s A B 4096 0", Place::Unknown),
];

/// Targets that must be alone in a table.
const ALONE: [(&str, &str); 4] = [
    ("integrity", "A 0 - J 1 internal_hash:crc32c"),
    ("multipath", "0 0 1 1 round-robin 0 1 0 A"),
    ("thin-pool", "B A 128 0"),
    ("verity", "1 A B 4096 4096 128 1 sha256 HASH -"),
];

const LENGTH: Sectors = Sectors(1024);
/// Long enough for two lines.
const DISK: Bytes = Bytes(4 << 20);

/// A line of new disks, and the disk A.
fn line(
    kernel: &dyn TestKernel,
    start: Sectors,
    target: &'static str,
    params: &str,
) -> (TargetLine<impl dm_core::TargetParams + use<>>, DeviceNumber) {
    let [a, b, b2] = [(); 3].map(|()| kernel.disk(DISK));
    let word = |word| match word {
        "A" => a.to_string(),
        "B" => b.to_string(),
        "B2" => b2.to_string(),
        "KEY" => "5a".repeat(64),
        "HASH" => "5a".repeat(32),
        other => other.to_owned(),
    };
    let params: Vec<String> = params.split(' ').map(word).collect();
    (TargetLine::text(start, LENGTH, target, params.join(" ")), a)
}

fn a_second_line_has_its_data_where_its_target_counts_from(kernel: &dyn TestKernel) {
    for (target, params, place) in TARGETS {
        let lines = [Sectors(0), LENGTH].map(|start| line(kernel, start, target, params));
        let disk = lines[1].1;
        let device = kernel.map(target, lines.map(|(line, _)| line));
        let result = kernel.write(device.number(), LENGTH, &[7; 4096]);
        let first_byte = |device, start| {
            let mut data = [0; 4096];
            kernel.read(device, start, &mut data).unwrap();
            data[0]
        };
        let found = match result {
            Err(_) => Place::Nowhere,
            Ok(()) if place == Place::Unknown && first_byte(device.number(), LENGTH) == 7 => Place::Unknown,
            Ok(()) if first_byte(disk, Sectors(0)) == 7 => Place::Start,
            Ok(()) if first_byte(disk, LENGTH) == 7 => Place::Behind,
            Ok(()) => Place::Unknown,
        };
        assert_eq!(found, place, "{target}");
        kernel.write(device.number(), Sectors(0), &[8; 4096]).unwrap();
        assert_eq!(first_byte(device.number(), Sectors(0)), 8, "{target}");
        let patiently = RemovePolicy::new().retry(Retry::within(Duration::from_secs(20)));
        kernel.host().remove_with(&device, patiently).unwrap();
    }
    // The disk of a cache or an origin is as long as the line, so that sectors after it do not exist.
    for (target, params) in
        [("cache", "B B2 A 128 1 writethrough smq 0"), ("snapshot-origin", "A"), ("log-writes", "A B")]
    {
        let below = |start| {
            let disk = kernel.disk(LENGTH.to_bytes()).to_string();
            let [b, b2] = [(); 2].map(|()| kernel.disk(DISK).to_string());
            let params = params.replace("B2", &b2).replace('B', &b).replace('A', &disk);
            TargetLine::text(start, LENGTH, target, params)
        };
        let device = kernel.map("short", [below(Sectors(0)), below(LENGTH)]);
        kernel.write(device.number(), Sectors(0), &[7; 4096]).unwrap();
        assert!(kernel.write(device.number(), LENGTH, &[7; 4096]).is_err(), "{target}");
        kernel.host().remove_with(&device, RemovePolicy::new().retry(Retry::within(Duration::from_secs(20)))).unwrap();
    }
}

fn a_target_that_must_be_alone_is_refused_beside_another(kernel: &dyn TestKernel) {
    for (target, params) in ALONE {
        let device = kernel.create(target);
        let options = dm_core::LoadOptions::new().read_only(target == "verity");
        for [first, second] in [[target, "zero"], ["zero", target], [target, target]] {
            let one = |start, name: &'static str| line(kernel, start, name, if name == "zero" { "" } else { params }).0;
            let lines = [one(Sectors(0), first), one(LENGTH, second)];
            let error = kernel.dm().table_load_with(&device, lines, options).unwrap_err();
            assert!(error.is_invalid(), "{first} {second}: {error}");
        }
        kernel.dm().table_load_with(&device, [line(kernel, Sectors(0), target, params).0], options).unwrap();
    }
}
