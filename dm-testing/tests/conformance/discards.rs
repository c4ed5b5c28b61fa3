//! Discards: which devices support them, and what they do to the disks below.

use std::time::Duration;

use dm_core::{RemovePolicy, Retry, TargetLine};
use dm_testing::TestKernel;
use dm_units::{Bytes, Sectors};

use crate::support::Devices;

on_both_kernels! {
    [
        "cache", "crypt", "delay", "error", "flakey", "linear", "mirror", "multipath", "raid", "snapshot", "snapshot-origin",
        "striped", "zero",
    ];
    // Since Linux 6.2, a zero device supports discards.
    a_device_supports_discards_if_all_its_targets_do needs [require::interface(48)],
    // Linux 5.10 warns of such a discard, for which the device has no granularity.
    a_multipath_device_without_paths_supports_discards_if_its_last_paths_did needs [require::interface(45)],
}

/// The effect of a discard.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Effect {
    /// It overwrites the sectors of disk A with zeros.
    Zeros,
    /// It succeeds and changes no disk.
    Nothing,
    /// It fails, or the device does not support discards.
    Fails,
}

/// Targets, with params of disks A, B and C.
const TARGETS: [(&str, &str, Effect); 15] = [
    ("cache", "B C A 128 1 writethrough smq 0", Effect::Zeros),
    ("cache", "B C A 128 2 writethrough no_discard_passdown smq 0", Effect::Nothing),
    ("crypt", "aes-xts-plain64 KEY 0 A 0", Effect::Fails),
    ("crypt", "aes-xts-plain64 KEY 0 A 0 1 allow_discards", Effect::Zeros),
    ("delay", "A 0 0", Effect::Zeros),
    ("error", "", Effect::Fails),
    ("flakey", "A 0 1 0", Effect::Zeros),
    ("linear", "A 0", Effect::Zeros),
    ("mirror", "core 2 1024 nosync 2 B 0 A 0", Effect::Zeros),
    ("raid", "raid1 2 0 nosync 2 - B - A", Effect::Zeros),
    ("raid", "raid1 2 0 nosync 2 - A - -", Effect::Fails),
    ("snapshot", "A B N 8", Effect::Fails),
    ("snapshot-origin", "A", Effect::Fails),
    ("striped", "1 8 A 0", Effect::Zeros),
    ("zero", "", Effect::Nothing),
];

const LENGTH: Sectors = Sectors(1024);

fn a_device_supports_discards_if_all_its_targets_do(kernel: &dyn TestKernel) {
    for (target, params, effect) in TARGETS {
        let [a, b, c] = [(); 3].map(|()| kernel.disk(Bytes(2 << 20)));
        kernel.write(a, Sectors(0), &[7; 4096]).unwrap();
        let word = |word| match word {
            "A" => a.to_string(),
            "B" => b.to_string(),
            "C" => c.to_string(),
            "KEY" => "5a".repeat(64),
            other => other.to_owned(),
        };
        let params = params.split(' ').map(word).collect::<Vec<_>>().join(" ");
        let line = || TargetLine::text(Sectors(0), LENGTH, target, params.clone());
        let disk = kernel.disk(LENGTH.to_bytes());
        let refusing = TargetLine::text(LENGTH, LENGTH, "snapshot-origin", disk.to_string());

        let device = kernel.map("discards", [line()]);
        let result = kernel.discard(device.number(), Sectors(0), Sectors(8));
        let mut data = [0; 4096];
        kernel.read(a, Sectors(0), &mut data).unwrap();
        let found = match result {
            Err(_) => Effect::Fails,
            Ok(()) if data == [0; 4096] => Effect::Zeros,
            Ok(()) => Effect::Nothing,
        };
        assert_eq!(found, effect, "{target} {params}");

        kernel.swap(&device, [line(), refusing]);
        assert!(kernel.discard(device.number(), Sectors(0), Sectors(8)).is_err(), "{target} beside an origin");
        kernel.host().remove_with(&device, RemovePolicy::new().retry(Retry::within(Duration::from_secs(20)))).unwrap();
    }
}

fn a_multipath_device_without_paths_supports_discards_if_its_last_paths_did(kernel: &dyn TestKernel) {
    for (path, errno) in [("linear", "EIO"), ("snapshot-origin", "EOPNOTSUPP")] {
        let start = if path == "linear" { " 0" } else { "" };
        let disk = kernel.disk(LENGTH.to_bytes());
        let path = kernel.map("path", [TargetLine::text(Sectors(0), LENGTH, path, format!("{disk}{start}"))]);
        let line =
            |groups: String| TargetLine::text(Sectors(0), LENGTH, "multipath", format!("2 queue_mode bio 0 {groups}"));
        let device = kernel.map("lun", [line(format!("1 1 queue-length 0 1 1 {} 1", path.number()))]);
        kernel.swap(&device, [line("0 0".to_owned())]);
        let error = kernel.discard(device.number(), Sectors(0), Sectors(8)).unwrap_err();
        assert!(error.to_string().contains(errno), "{path}: {error}");
        for device in [device, path] {
            kernel.host().remove(&device).unwrap();
        }
    }
}
