//! SCSI disks in memory.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use dm_testing::wait_until;
use dm_units::DeviceNumber;

use crate::support::SOON;

/// Two ways to a disk of 8 MiB, all that there are of their driver: it is told once how many there are.
pub(crate) struct ScsiDisks(pub(crate) [DeviceNumber; 2]);

impl ScsiDisks {
    pub(crate) fn new() -> Self {
        // With the last one each says how good it is as a way to the disk.
        let options = ["add_host=2", "dev_size_mb=8", "vpd_use_hostno=0"];
        assert!(Command::new("modprobe").arg("scsi_debug").args(options).status().unwrap().success());
        let mut found = None;
        wait_until("the SCSI disks", SOON, || {
            found = numbers().try_into().ok();
            found.is_some()
        })
        .unwrap();
        Self(found.unwrap())
    }

    /// Lets all flushes fail from now on; `false` where the driver cannot: before Linux 6.7, or without debugfs.
    pub(crate) fn fail_flushes(&self, disk: DeviceNumber) -> bool {
        // Where it is mounted already, that fails.
        let _ = Command::new("mount").args(["-t", "debugfs", "none", "/sys/kernel/debug"]).output();
        let device = fs::canonicalize(format!("/sys/dev/block/{disk}/device")).unwrap();
        let errors = Path::new("/sys/kernel/debug/scsi_debug").join(device.file_name().unwrap()).join("error");
        // Fails SYNCHRONIZE CACHE, until further notice, with the sense of a hardware error.
        errors.exists() && fs::write(errors, "2 -1 0x35 0 0 2 4 0x44 0").is_ok()
    }
}

fn numbers() -> Vec<DeviceNumber> {
    let folders = fs::read_dir("/sys/block").unwrap().map(|entry| entry.unwrap().path());
    let is_ours = |folder: &PathBuf| {
        fs::read_to_string(folder.join("device/model")).is_ok_and(|model| model.trim_end() == "scsi_debug")
    };
    let number = |folder: PathBuf| fs::read_to_string(folder.join("dev")).unwrap().trim_end().parse().unwrap();
    folders.filter(is_ours).map(number).collect()
}

impl Drop for ScsiDisks {
    fn drop(&mut self) {
        let unload = || Command::new("modprobe").args(["-r", "scsi_debug"]).output();
        let unloaded =
            wait_until("udev to close the SCSI disks", SOON, || unload().is_ok_and(|run| run.status.success()));
        assert!(unloaded.is_ok() || std::thread::panicking(), "{unloaded:?}");
    }
}
