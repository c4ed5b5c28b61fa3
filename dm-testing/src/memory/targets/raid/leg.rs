//! The legs of an array, and the superblocks on their metadata devices.

use dm_targets::raid::RaidDevice;
use dm_units::Sectors;

use super::sync::Action;
use crate::memory::errno::Errno;
use crate::memory::kernel::Kernel;
use crate::memory::targets::Construction;
use crate::memory::targets::marks::{Found, Marks};
use crate::memory::targets::part::DevicePart;

/// A position after the last sector, when nothing is left to synchronize (`MaxSector`).
pub(super) const IN_SYNC: u64 = u64::MAX;

/// A leg with its state.
#[derive(Debug)]
pub(super) struct Leg {
    pub(super) metadata: Option<Marks>,
    pub(super) data: Option<DevicePart>,
    pub(super) is_faulty: bool,
    /// The end of the rebuilt part.
    pub(super) recovered: u64,
}

impl Leg {
    /// Opens the devices of a leg, and replaces them by numbers.
    pub(super) fn open(construction: &mut Construction<'_>, device: &mut RaidDevice) -> Result<Self, Errno> {
        let mut open = |device: &mut _, failure| DevicePart::open(construction, device, Sectors(0), failure);
        let metadata = device.metadata.as_mut().map(|device| open(device, "RAID metadata device lookup failure"));
        let data = device.data.as_mut().map(|device| open(device, "RAID device lookup failure"));
        let metadata = metadata.transpose()?.map(|part| Marks::new(part.device, 0, "raid"));
        Ok(Self { metadata, data: data.transpose()?, is_faulty: false, recovered: IN_SYNC })
    }

    /// Whether it contains all data.
    pub(super) const fn works(&self) -> bool {
        self.data.is_some() && !self.is_faulty && self.recovered == IN_SYNC
    }

    /// Whether it must be rebuilt.
    pub(super) const fn is_rebuilt(&self) -> bool {
        self.data.is_some() && !self.is_faulty && self.recovered != IN_SYNC
    }

    /// Reads the superblock. If that fails, the leg has failed.
    pub(super) fn read(&mut self, kernel: &mut Kernel) -> Option<Vec<u64>> {
        match self.metadata?.read(kernel) {
            Ok(Found::Numbers(numbers)) => Some(numbers),
            Ok(_) => None,
            Err(_) => {
                self.is_faulty = true;
                None
            }
        }
    }

    /// Writes the superblock, unless the leg has none or has failed.
    pub(super) fn write(&self, kernel: &mut Kernel, numbers: &[u64]) -> Result<(), Errno> {
        match self.metadata.filter(|_| !self.is_faulty) {
            Some(marks) => marks.write(kernel, numbers),
            None => Ok(()),
        }
    }

    /// Uses a failed leg again if its superblock can be read.
    pub(super) fn revive(&mut self, kernel: &mut Kernel) {
        if self.is_faulty && self.metadata.is_some_and(|marks| marks.read(kernel).is_ok()) {
            self.is_faulty = false;
            self.recovered = 0;
        }
    }

    /// The letter of its health in a status (`__raid_dev_status`).
    pub(super) fn letter(&self, action: Action) -> char {
        if self.data.is_none() {
            '-'
        } else if self.is_faulty {
            'D'
        } else if action == Action::Resync || !action.is_scrub() && self.recovered != IN_SYNC {
            'a'
        } else {
            'A'
        }
    }
}
