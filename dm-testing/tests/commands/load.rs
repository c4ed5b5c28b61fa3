//! `table_load` and `table_clear`.

use dm_core::{LoadOptions, TargetLine};
use dm_testing::{LoopDevice, LoopOptions, Pattern, Scratch, require};
use dm_units::Sectors;

use crate::support::inactive_info;

const PLAIN: LoadOptions = LoadOptions::new();

#[test]
#[ignore = "needs root and device mapper: cargo xtask test-root"]
fn a_read_only_table_can_use_a_read_only_disk() {
    let Some(scratch) = Scratch::new(&[require::target("linear")]) else { return };
    let file = tempfile::NamedTempFile::new().unwrap();
    file.as_file().set_len(8192).unwrap();
    Pattern::new(1).write(file.path(), Sectors(0), Sectors(16)).unwrap();
    let disk = scratch.keep(LoopDevice::over(file.path(), LoopOptions::new().read_only(true)).unwrap());
    let line = TargetLine::text(Sectors(0), Sectors(16), "linear", format!("{} 0", disk.number()));
    let device = scratch.create("device").unwrap();
    let read_only = PLAIN.read_only(true);
    scratch.dm().table_load_with(&device, [line], read_only).unwrap();
    assert!(inactive_info(&scratch, &device).is_read_only());
    let answer = scratch.dm().device_resume(&device).unwrap();
    assert!(answer.is_read_only());
    Pattern::new(1).verify(&device.path(), Sectors(0), Sectors(16)).unwrap();
}
