//! The kernel's replies.

use std::fs::File;
use std::os::unix::fs::FileExt as _;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;

use dm_core::{Error, LoadOptions, StatusOptions, TableSlot, TableStatus, TargetLine};
use dm_testing::{LoopDevice, MappedDevice, Scratch};
use dm_units::{Bytes, DeviceNumber, Sectors};

use crate::tables::Line;
use crate::zoned_disk::ZonedDisk;

/// The size of the disks.
const DISK: Bytes = Bytes(64 << 20);
/// The number of disks. Tables of several devices start with different ones.
const DISKS: usize = 7;
/// The number of bytes at the start of each disk that targets read.
const START: usize = 64 << 10;

/// Disks, and a device into which tables are loaded.
pub(crate) struct Lab<'s> {
    scratch: &'s Scratch,
    disks: Vec<Arc<LoopDevice>>,
    /// The files of the disks.
    files: Vec<File>,
    /// Keeps the disks open. Otherwise each table would open them first and close them last.
    _open: Vec<File>,
    /// The device into which tables are loaded.
    device: MappedDevice,
    /// The pool of thin devices.
    pool: Option<MappedDevice>,
    /// A zoned disk.
    zoned: Option<ZonedDisk>,
}

/// The kernel's message if the first table of a device has fixed its queue type.
const OTHER_TYPE: &str = "can't change device type";

/// The kernel's reply to a table.
#[derive(Debug)]
pub(crate) enum Answer {
    /// The kernel accepts it and prints this.
    Taken(String),
    /// The kernel refuses it.
    Refused { errno: i32, reasons: Vec<String> },
}

impl<'s> Lab<'s> {
    pub(crate) fn new(scratch: &'s Scratch) -> Self {
        let disks: Vec<_> = (0..DISKS).map(|_| scratch.loop_device(DISK).unwrap()).collect();
        let files = disks.iter().map(|disk| File::options().write(true).open(disk.backing_file()).unwrap()).collect();
        let open = disks.iter().map(|disk| File::options().write(true).open(disk.path()).unwrap()).collect();
        let device = scratch.create("table").unwrap();
        Self { scratch, disks, files, _open: open, device, pool: None, zoned: None }
    }

    pub(crate) fn disks(&self) -> Vec<DeviceNumber> {
        self.disks.iter().map(|disk| disk.number()).collect()
    }

    /// The version of a target in the kernel, if it exists.
    pub(crate) fn has(&self, target_type: &str) -> bool {
        self.scratch.dm().target_version(target_type).is_ok()
    }

    /// The pool with the thin devices 0 to 2.
    pub(crate) fn pool(&mut self) -> DeviceNumber {
        if let Some(pool) = &self.pool {
            return pool.number();
        }
        let [metadata, data] = [DISK, DISK].map(|size| self.scratch.loop_device(size).unwrap());
        let table = format!("{} {} 128 0", metadata.number(), data.number());
        let line = TargetLine::text(Sectors(0), data.size(), "thin-pool", table);
        let pool = self.scratch.map("pool", [line]).unwrap();
        for id in 0..3 {
            self.scratch.dm().target_msg(&pool, format!("create_thin {id}")).unwrap();
        }
        self.pool.insert(pool).number()
    }

    /// A formatted zoned disk; an ordinary disk if there is no driver for zoned ones, or it is in use.
    pub(crate) fn zoned(&mut self) -> DeviceNumber {
        let is_free = !Path::new("/sys/module/null_blk").exists();
        let has_driver = || Command::new("modprobe").args(["-n", "null_blk"]).status().is_ok_and(|it| it.success());
        if self.zoned.is_none() && is_free && has_driver() {
            let disk = ZonedDisk::new();
            disk.format();
            self.zoned = Some(disk);
        }
        self.zoned.as_ref().map_or_else(|| self.disks[0].number(), ZonedDisk::number)
    }

    /// A disk that no random table uses.
    pub(crate) fn new_disk(&self) -> DeviceNumber {
        self.scratch.loop_device(DISK).unwrap().number()
    }

    /// A device with an active table.
    pub(crate) fn map(&self, target_type: &str, length: u64, params: &str) -> MappedDevice {
        let line = TargetLine::text(Sectors(0), Sectors(length), target_type, params);
        self.scratch.map(format!("{target_type}-messages"), [line]).unwrap()
    }

    pub(crate) fn suspend(&self, device: &MappedDevice) {
        self.scratch.dm().device_suspend(device).unwrap();
    }

    /// The status of a device with one target.
    pub(crate) fn status(&self, device: &MappedDevice) -> String {
        params(&self.scratch.dm().table_status(device).unwrap())
    }

    /// Sends a message. If the kernel refuses it, returns the errno and the reasons.
    pub(crate) fn send(&self, device: &MappedDevice, text: &str) -> Result<(), (i32, Vec<String>)> {
        self.scratch.dm().target_msg(device, text).map(drop).map_err(|error| refusal(&error))
    }

    /// Zeroes the start of all disks.
    pub(crate) fn clear_disks(&self) {
        for file in &self.files {
            file.write_all_at(&[0; START], 0).unwrap();
        }
    }

    /// Loads a table, reads it back, and clears it.
    pub(crate) fn ask(&mut self, target_type: &str, line: &Line) -> Answer {
        match self.load(target_type, line) {
            Answer::Refused { reasons, .. } if reasons.iter().any(|reason| reason.contains(OTHER_TYPE)) => {
                self.scratch.host().remove(self.device.name()).unwrap();
                self.device = self.scratch.create("table").unwrap();
                self.load(target_type, line)
            }
            answer => answer,
        }
    }

    fn load(&self, target_type: &str, line: &Line) -> Answer {
        let (dm, device) = (self.scratch.dm(), &self.device);
        let table = TargetLine::text(Sectors(0), Sectors(line.length), target_type, line.words.join(" "));
        if let Err(error) = dm.table_load_with(device, [table], LoadOptions::new().read_only(line.read_only)) {
            let (errno, reasons) = refusal(&error);
            return Answer::Refused { errno, reasons };
        }
        let options = StatusOptions::table().slot(TableSlot::Inactive);
        let printed = params(&dm.table_status_with(device, options).unwrap());
        dm.table_clear(device).unwrap();
        Answer::Taken(printed)
    }
}

/// The params of the only line.
fn params(lines: &TableStatus) -> String {
    lines.iter().next().unwrap().unwrap().params.to_str().unwrap().to_owned()
}

/// The errno and the reasons of a refused command.
fn refusal(error: &Error) -> (i32, Vec<String>) {
    let refusal = error.refusal().unwrap_or_else(|| panic!("{error}"));
    (refusal.errno().number(), refusal.kernel_log().to_vec())
}
