//! Features and options that the kernel does not support. The library accepts such words, since a later kernel may
//! support them.

use dm_core::{LoadOptions, TargetLine};
use dm_testing::TestKernel;
use dm_units::{Bytes, Sectors};

use crate::support::Devices;

/// Targets with params that use the disks A, B and C; `*` is the position of features.
const TABLES: [(&str, &str, &str, &str); 11] = [
    ("cache", "C B A 128 * smq 0", "0", "1 nonsense"),
    ("crypt", "aes-xts-plain64 KEY 0 A 0 *", "", "1 nonsense"),
    ("flakey", "A 0 1 0 *", "", "1 nonsense"),
    ("integrity", "A 0 - J *", "1 internal_hash:crc32c", "2 internal_hash:crc32c nonsense"),
    ("mirror", "core 1 1024 2 A 0 B 0 *", "", "1 nonsense"),
    ("multipath", "* 0 1 1 round-robin 0 1 0 A", "0", "1 nonsense"),
    ("raid", "raid1 * 2 - A - B", "1 0", "2 0 nonsense"),
    ("snapshot", "A B P 8 *", "", "1 nonsense"),
    ("thin-pool", "A B 128 0 *", "", "1 nonsense"),
    ("verity", "1 A B 4096 4096 256 1 sha256 HASH - *", "", "1 nonsense"),
    ("writecache", "s A B 4096 *", "0", "1 nonsense"),
];

/// Unknown words, some of them together with a device X that does not exist. The kernel reports the fault that it reads
/// first.
const FAULTS: [(&str, &str, i32); 24] = [
    ("cache", "C B A 128 0 nonsense 0", EINVAL),
    ("crypt", "aes-xts-plain64 KEY 0 X 0 1 nonsense", EINVAL),
    ("flakey", "X 0 1 0 1 nonsense", EINVAL),
    ("integrity", "A 0 - Y 1 internal_hash:crc32c", EINVAL),
    ("integrity", "X 0 - J 2 internal_hash:crc32c nonsense", ENXIO),
    ("mirror", "core 2 1024 nonsense 2 A 0 B 0", EINVAL),
    ("mirror", "core 1 1024 2 A 0 X 0 1 nonsense", ENXIO),
    ("multipath", "1 nonsense 0 1 1 round-robin 0 1 0 X", EINVAL),
    ("multipath", "0 0 1 1 nonsense 0 1 0 A", EINVAL),
    ("raid", "raid9 1 0 2 - A - B", EINVAL),
    ("raid", "raid1 2 0 nonsense 2 - A - X", EINVAL),
    ("snapshot", "X B Q 8", ENXIO),
    ("snapshot", "A X Q 8", ENXIO),
    ("snapshot", "A B Q 8", EINVAL),
    ("snapshot", "X B PX 8", ENXIO),
    ("snapshot", "X B P 7", ENXIO),
    ("snapshot", "X X P 8", ENXIO),
    ("snapshot", "X B Q 8 1 nonsense", EINVAL),
    ("snapshot", "X B Q 8 1 discard_passdown_origin", EINVAL),
    ("snapshot-merge", "X B Q 8", ENXIO),
    ("thin-pool", "A X 128 0 1 nonsense", EINVAL),
    ("verity", "1 A X 4096 4096 256 1 sha256 HASH - 1 nonsense", ENXIO),
    ("writecache", "s A X 4096 1 nonsense", ENXIO),
    ("writecache", "x A B 4096 0", EINVAL),
];

const EINVAL: i32 = 22;
const ENXIO: i32 = 6;
const LENGTH: Sectors = Sectors(1024);

on_both_kernels! {
    [
        "cache", "crypt", "flakey", "integrity", "mirror", "multipath", "raid", "snapshot", "snapshot-merge", "thin-pool", "verity",
        "writecache",
    ];
    a_table_with_an_unknown_word_is_refused_and_without_it_is_not,
    // Linux 5.10 warns when it frees a cache with an unknown policy.
    an_unknown_word_is_reported_unless_a_device_is_missing_before_it needs [require::interface(45)],
}

mod vdo {
    use super::*;

    on_both_kernels! { ["vdo"];
        an_unknown_option_of_vdo_needs_a_whole_number,
    }

    /// Options with which the kernel refuses a table before it reads the disk.
    const REFUSED: [&str; 6] =
        ["nonsense on", "nonsense 0.5", "nonsense -1", "nonsense 4294967296", "nonsense", "cpu 2 nonsense on"];
    const IGNORED: [&str; 3] = ["", "nonsense 5", "nonsense +5 bio 2"];
    const V4: &str = "V4 A 4096 4096 32768 16380";

    fn an_unknown_option_of_vdo_needs_a_whole_number(kernel: &dyn TestKernel) {
        let load = |params: &str| load(kernel, "vdo", params.trim_end());
        for options in REFUSED {
            let error = load(&format!("{V4} {options}")).unwrap_err();
            assert!(error.is_invalid() && has_reason(&error), "{options}: {error}");
        }
        // A real kernel finds no volume on the disk, which is another error.
        for options in IGNORED {
            assert!(load(&format!("{V4} {options}")).err().is_none_or(|error| !error.is_invalid()), "{options}");
        }
        let error = load("V4 X 4096 4096 32768 16380").unwrap_err();
        assert!(error.is_invalid(), "{error}");
    }

    fn has_reason(error: &dm_core::Error) -> bool {
        let has = |line: &String| line.contains("ptional argument");
        error.refusal().is_some_and(|refusal| refusal.kernel_log().iter().any(has))
    }
}

/// Loads a table that uses new disks.
fn load(kernel: &dyn TestKernel, target: &str, params: &str) -> dm_core::Result<()> {
    let name = kernel.name(target);
    if !crate::support::exists(kernel, &name) {
        kernel.create(target);
    }
    let [a, b, c] = [(); 3].map(|()| kernel.disk(Bytes(2 << 20)).to_string());
    let words = [
        ("A", a),
        ("B", b),
        ("C", c),
        ("X", "4095:1048575".into()),
        ("KEY", "5a".repeat(64)),
        ("HASH", "5a".repeat(32)),
    ];
    let value = |word| words.iter().find(|(name, _)| *name == word).map(|(_, value)| value.as_str());
    let params: Vec<&str> = params.split(' ').map(|word| value(word).unwrap_or(word)).collect();
    let line = TargetLine::text(Sectors(0), LENGTH, target, params.join(" "));
    kernel.dm().table_load_with(&name, [line], LoadOptions::new().read_only(target == "verity")).map(drop)
}

fn a_table_with_an_unknown_word_is_refused_and_without_it_is_not(kernel: &dyn TestKernel) {
    for (target, params, known, unknown) in TABLES {
        let load = |words| load(kernel, target, params.replace('*', words).trim_end());
        let error = load(unknown).err().unwrap_or_else(|| unreachable!("{target}"));
        assert!(error.is_invalid(), "{target}: {error}");
        load(known).unwrap_or_else(|error| unreachable!("{target}: {error}"));
    }
}

fn an_unknown_word_is_reported_unless_a_device_is_missing_before_it(kernel: &dyn TestKernel) {
    for (target, params, errno) in FAULTS {
        let error = load(kernel, target, params).err().unwrap_or_else(|| unreachable!("{target} {params}"));
        assert_eq!(error.errno(), Some(errno), "{target} {params}: {error}");
    }
}
