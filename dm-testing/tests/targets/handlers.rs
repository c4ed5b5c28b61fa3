//! `multipath` over SCSI disks, which have hardware handlers.

use std::fs;
use std::path::Path;
use std::process::Command;

use dm_targets::multipath::{HardwareHandler, MultipathMessage, MultipathTable, PathGroup};
use dm_targets::{Multipath, WordBuf};
use dm_testing::{Pattern, Scratch, require, wait_until};
use dm_units::{DeviceNumber, Sectors};

use crate::support::{SOON, map, map_changed};

const LENGTH: Sectors = Sectors(1024);

/// Two ways to a disk in memory, all that there are of their driver.
struct ScsiDisks;

impl ScsiDisks {
    fn new() -> Self {
        // With the last one it is said which way is preferred.
        let options = ["add_host=2", "per_host_store=0", "dev_size_mb=8", "vpd_use_hostno=0"];
        assert!(Command::new("modprobe").arg("scsi_debug").args(options).status().unwrap().success());
        wait_until("the SCSI disks", SOON, || Self::numbers().len() == 2).unwrap();
        Self
    }

    fn numbers() -> Vec<DeviceNumber> {
        let folders = fs::read_dir("/sys/block").unwrap().map(|entry| entry.unwrap().path());
        let mut numbers: Vec<_> =
            folders.filter(|folder| is_ours(folder)).filter_map(|folder| number(&folder)).collect();
        numbers.sort_unstable();
        numbers
    }
}

fn is_ours(folder: &Path) -> bool {
    fs::read_to_string(folder.join("device/model")).is_ok_and(|model| model.trim_end() == "scsi_debug")
}

fn number(folder: &Path) -> Option<DeviceNumber> {
    fs::read_to_string(folder.join("dev")).ok()?.trim_end().parse().ok()
}

impl Drop for ScsiDisks {
    fn drop(&mut self) {
        let unload = || Command::new("modprobe").args(["-r", "scsi_debug"]).output();
        let unloaded =
            wait_until("udev to close the SCSI disks", SOON, || unload().is_ok_and(|run| run.status.success()));
        assert!(unloaded.is_ok() || std::thread::panicking(), "{unloaded:?}");
    }
}

#[test]
#[ignore = "needs root and device mapper: cargo xtask test-root"]
fn multipath_with_a_hardware_handler() {
    // The driver of the disks is told once how many there are.
    let modules = ["scsi_debug", "scsi_dh_alua"].map(require::module);
    if !require::met(&modules) || !require::met(&[require::throw_away_kernel()]) {
        return;
    }
    let _disks = ScsiDisks::new();
    let Some(scratch) = Scratch::new(&[require::target("multipath")]) else { return };
    let groups = || ScsiDisks::numbers().into_iter().map(|disk| PathGroup::round_robin([disk]));
    let alua = WordBuf::new("alua").unwrap();
    let table = MultipathTable::new(groups()).handler(HardwareHandler::new(alua.clone()));
    let multipath = map::<Multipath>(&scratch, "multipath", LENGTH, table);
    let path = multipath.device().path();
    Pattern::new(1).write(&path, Sectors(0), LENGTH).unwrap();
    multipath.send(&MultipathMessage::SwitchGroup(2));
    Pattern::new(1).verify(&path, Sectors(0), LENGTH).unwrap();
    assert_eq!(multipath.status().group, 2);

    // One that the disks have already stays, and is printed.
    let retaining = MultipathTable::new(groups()).retain_attached_hw_handler();
    let multipath = map_changed::<Multipath>(&scratch, "retaining", LENGTH, retaining);
    assert_eq!(multipath.table().handler.map(|handler| handler.name), Some(alua));
}
