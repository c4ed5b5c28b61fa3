//! Features and options that the kernel does not support. The library accepts such words, since a later kernel may
//! support them.

use dm_core::TargetLine;
use dm_testing::TestKernel;
use dm_units::{Bytes, Sectors};

use crate::support::Devices;

/// Targets with params that use the disks A and B; `*` is the position of features.
const TABLES: [(&str, &str, &str, &str); 8] = [
    ("crypt", "aes-xts-plain64 KEY 0 A 0 *", "", "1 nonsense"),
    ("flakey", "A 0 1 0 *", "", "1 nonsense"),
    ("mirror", "core 1 1024 2 A 0 B 0 *", "", "1 nonsense"),
    ("multipath", "* 0 1 1 round-robin 0 1 0 A", "0", "1 nonsense"),
    ("raid", "raid1 * 2 - A - B", "1 0", "2 0 nonsense"),
    ("snapshot", "A B P 8 *", "", "1 nonsense"),
    ("thin-pool", "A B 128 0 *", "", "1 nonsense"),
    ("writecache", "s A B 4096 *", "0", "1 nonsense"),
];

on_both_kernels! { ["crypt", "flakey", "mirror", "multipath", "raid", "snapshot", "thin-pool", "writecache"];
    a_table_with_an_unknown_word_is_refused_and_without_it_is_not,
}

fn a_table_with_an_unknown_word_is_refused_and_without_it_is_not(kernel: &dyn TestKernel) {
    for (target, params, known, unknown) in TABLES {
        let device = kernel.create(target);
        let load = |words| {
            let [a, b] = [(); 2].map(|()| kernel.disk(Bytes(2 << 20)).to_string());
            let params = params.replace('*', words).replace('A', &a).replace('B', &b).replace("KEY", &"5a".repeat(64));
            let line = TargetLine::text(Sectors(0), Sectors(4096), target, params);
            kernel.dm().table_load(&device, [line])
        };
        let error = load(unknown).unwrap_err();
        assert!(error.is_invalid(), "{target}: {error}");
        load(known).unwrap_or_else(|error| unreachable!("{target}: {error}"));
    }
}
