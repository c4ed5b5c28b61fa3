//! The log of the regions that are in sync, in memory or also on a disk.

use dm_targets::mirror::{LogSync, MirrorLog};
use dm_units::{DeviceNumber, Sectors};

use crate::memory::errno::Errno;
use crate::memory::kernel::Kernel;
use crate::memory::targets::Construction;
use crate::memory::targets::marks::{Found, Marks};
use crate::memory::targets::part::DevicePart;

/// The state of all regions.
#[derive(Debug)]
pub(super) struct Log {
    pub(super) region_size: u64,
    /// Whether each region is in sync.
    regions: Vec<bool>,
    sync: Option<LogSync>,
    disk: Option<Disk>,
}

/// The disk of a log.
#[derive(Debug)]
struct Disk {
    device: DeviceNumber,
    marks: Marks,
    has_failed: bool,
    /// The numbers that were written last.
    written: Vec<u64>,
}

/// The maximum number of regions. The kernel allows more, but they would need too much memory in a test.
const MAX_REGIONS: u64 = 1 << 24;

impl Log {
    /// Opens the log of a table.
    pub(super) fn open(construction: &mut Construction<'_>, table: &mut MirrorLog) -> Result<Self, Errno> {
        let (region_size, sync, disk) = match table {
            MirrorLog::Core { region_size, sync } => (*region_size, sync.clone(), None),
            MirrorLog::Disk { device, region_size, sync } => {
                let part = DevicePart::open(construction, device, Sectors(0), "Error creating mirror dirty log")?;
                let marks = Marks::new(part.device, 0, "mirror");
                (
                    *region_size,
                    sync.clone(),
                    Some(Disk { device: part.device, marks, has_failed: false, written: Vec::new() }),
                )
            }
            // There is no log server for logs in user space.
            _ => return construction.refuse(Errno::EINVAL, "Error creating mirror dirty log"),
        };
        if let Some(LogSync::Other(_)) = sync {
            return construction.refuse(Errno::EINVAL, "Error creating mirror dirty log");
        }
        let count = construction.length.div_ceil(region_size.0.max(1));
        if count > MAX_REGIONS {
            return construction.refuse(Errno::EINVAL, "Error creating mirror dirty log");
        }
        let regions = vec![sync == Some(LogSync::NoSync); usize::try_from(count).unwrap_or(0)];
        Ok(Self { region_size: region_size.0, regions, sync, disk })
    }

    pub(super) fn len(&self) -> usize {
        self.regions.len()
    }

    pub(super) fn regions(&self) -> u64 {
        u64::try_from(self.regions.len()).unwrap_or(u64::MAX)
    }

    /// The number of regions in sync.
    pub(super) fn count(&self) -> u64 {
        u64::try_from(self.regions.iter().filter(|in_sync| **in_sync).count()).unwrap_or(u64::MAX)
    }

    fn place(&self, sector: u64) -> usize {
        sector.checked_div(self.region_size).and_then(|place| usize::try_from(place).ok()).unwrap_or(usize::MAX)
    }

    /// Whether the region with this sector is in sync.
    pub(super) fn is_in_sync(&self, sector: u64) -> bool {
        self.regions.get(self.place(sector)).copied().unwrap_or(false)
    }

    pub(super) fn set_in_sync(&mut self, sector: u64, in_sync: bool) {
        let place = self.place(sector);
        if let Some(region) = self.regions.get_mut(place) {
            *region = in_sync;
        }
    }

    /// The first region that is not in sync, from `from` on.
    pub(super) fn next_out_of_sync(&self, from: usize) -> Option<usize> {
        self.regions.iter().enumerate().skip(from).find(|(_, in_sync)| !**in_sync).map(|(place, _)| place)
    }

    /// Records on the disk that a region will be written. Returns whether the log has failed, now or before.
    pub(super) fn mark_dirty(&mut self, kernel: &mut Kernel, minor: u32) -> bool {
        if let Some(disk) = &mut self.disk {
            disk.written.clear();
        }
        self.write(kernel, minor);
        self.disk.as_ref().is_some_and(|disk| disk.has_failed)
    }

    /// Writes the log to its disk if it has changed.
    pub(super) fn write(&mut self, kernel: &mut Kernel, minor: u32) {
        let numbers: Vec<u64> = self.regions.iter().map(|in_sync| u64::from(*in_sync)).collect();
        let Some(disk) = self.disk.as_mut().filter(|disk| disk.written != numbers) else { return };
        if disk.marks.write(kernel, &numbers).is_ok() {
            disk.written = numbers;
        } else {
            disk.fail(kernel, minor);
        }
    }

    /// Reads the state of regions from the disk (`disk_resume`). Regions that are not recorded there keep the state
    /// that the table gives.
    pub(super) fn resume(&mut self, kernel: &mut Kernel, minor: u32) {
        let Some(disk) = &mut self.disk else { return };
        let found = match disk.marks.read(kernel) {
            // A `sync` or `nosync` in the table applies to every resume.
            Ok(Found::Numbers(numbers)) if self.sync.is_none() => numbers,
            Ok(_) => Vec::new(),
            Err(_) => {
                kernel.log(
                    "dirty region log",
                    &format!("{}: Failed to read header on dirty region log device", disk.device),
                );
                disk.fail(kernel, minor);
                Vec::new()
            }
        };
        let unknown = self.sync == Some(LogSync::NoSync);
        for (place, region) in self.regions.iter_mut().enumerate() {
            *region = found.get(place).map_or(unknown, |number| *number != 0);
        }
        self.write(kernel, minor);
    }

    /// The text in a status.
    pub(super) fn status(&self) -> String {
        match &self.disk {
            None => "1 core".to_owned(),
            Some(disk) => format!("3 disk {} {}", disk.device, if disk.has_failed { 'D' } else { 'A' }),
        }
    }
}

impl Disk {
    /// As `fail_log_device`.
    fn fail(&mut self, kernel: &mut Kernel, minor: u32) {
        if !self.has_failed {
            self.has_failed = true;
            kernel.event(minor);
        }
    }
}
