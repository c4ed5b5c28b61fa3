//! SCSI disks in memory.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use dm_testing::wait_until;
use dm_units::DeviceNumber;

use crate::support::SOON;

/// Two paths to a disk of 8 MiB, the only ones of their driver, whose number of hosts is set when it is loaded.
pub(crate) struct ScsiDisks(pub(crate) [DeviceNumber; 2]);

impl ScsiDisks {
    pub(crate) fn new() -> Self {
        // With the last option, each path reports its state: one is optimal, one is not, and one is unusable.
        let options = ["add_host=3", "dev_size_mb=8", "vpd_use_hostno=0"];
        assert!(Command::new("modprobe").arg("scsi_debug").args(options).status().unwrap().success());
        let mut found = None;
        wait_until("the SCSI disks", SOON, || {
            found = numbers().try_into().ok();
            found.is_some()
        })
        .unwrap();
        Self(found.unwrap())
    }

    /// Makes all flushes fail from now on. Returns `false` if the driver does not support that: before Linux 6.7, or
    /// without debugfs.
    pub(crate) fn fail_flushes(&self, disk: DeviceNumber) -> bool {
        // This fails if it is already mounted.
        let _ = Command::new("mount").args(["-t", "debugfs", "none", "/sys/kernel/debug"]).output();
        let place = place(Path::new(&format!("/sys/dev/block/{disk}")));
        let errors = Path::new("/sys/kernel/debug/scsi_debug").join(place).join("error");
        // Makes SYNCHRONIZE CACHE fail permanently, with the sense of a hardware error.
        errors.exists() && fs::write(errors, "2 -1 0x35 0 0 2 4 0x44 0").is_ok()
    }
}

/// The numbers of the paths to the disk.
fn numbers() -> Vec<DeviceNumber> {
    let folders = fs::read_dir("/sys/block").unwrap().map(|entry| entry.unwrap().path());
    let is_ours = |folder: &PathBuf| {
        fs::read_to_string(folder.join("device/model")).is_ok_and(|model| model.trim_end() == "scsi_debug")
    };
    let number = |folder: PathBuf| fs::read_to_string(folder.join("dev")).unwrap().trim_end().parse().unwrap();
    folders.filter(is_ours).filter(|folder| !is_standby(&place(folder))).map(number).collect()
}

/// The SCSI address of the disk: `host:channel:target:lun`.
fn place(disk: &Path) -> String {
    let device = fs::canonicalize(disk.join("device")).unwrap();
    device.file_name().unwrap().to_str().unwrap().to_owned()
}

/// Every third host is on standby (`resp_report_tgtpgs` in drivers/scsi/scsi_debug.c).
fn is_standby(place: &str) -> bool {
    let host: u32 = place.split(':').next().unwrap().parse().unwrap();
    host % 3 == 2
}

impl Drop for ScsiDisks {
    fn drop(&mut self) {
        let unload = || Command::new("modprobe").args(["-r", "scsi_debug"]).output();
        let unloaded =
            wait_until("udev to close the SCSI disks", SOON, || unload().is_ok_and(|run| run.status.success()));
        assert!(unloaded.is_ok() || std::thread::panicking(), "{unloaded:?}");
    }
}
