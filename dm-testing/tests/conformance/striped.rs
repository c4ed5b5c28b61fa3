//! Stripes whose device fails.

use dm_core::{StatusOptions, TargetLine};
use dm_testing::TestKernel;
use dm_units::{Bytes, Sectors};

on_both_kernels! { ["striped", "flakey"];
    a_failed_device_counts_for_all_of_its_stripes,
}

fn a_failed_device_counts_for_all_of_its_stripes(kernel: &dyn TestKernel) {
    let (host, disk) = (kernel.host(), kernel.disk(Bytes(1 << 20)));
    let line = |target, params| [TargetLine::text(Sectors(0), Sectors(64), target, params)];
    let bad = host.create(kernel.name("bad"), line("flakey", format!("{disk} 0 0 1 1 error_writes"))).unwrap().number();
    let good = kernel.disk(Bytes(1 << 20));
    let params = format!("4 4 {bad} 0 {good} 0 {bad} 16 {good} 16");
    let name = kernel.name("striped");
    let striped = host.create(&name, line("striped", params)).unwrap().number();
    kernel.write(striped, Sectors(0), &[7; 512]).unwrap_err();
    let status = host.dm().table_status_with(&name, StatusOptions::new()).unwrap();
    let text = status.iter().next().unwrap().unwrap().to_string();
    assert_eq!(text, format!("0 64 striped 4 {bad} {good} {bad} {good} 1 DADA"));
}
