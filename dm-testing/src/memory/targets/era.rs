//! `era` (drivers/md/dm-era-target.c). It counts eras, but does not record which blocks were written in which era.

use dm_targets::Era;
use dm_targets::era::EraTable;
use dm_units::Sectors;

use super::marks::{Found, META_BLOCK, Marks};
use super::part::DevicePart;
use super::{Answer, Construction, Target};
use crate::memory::errno::Errno;
use crate::memory::kernel::Kernel;
use crate::memory::kernel::io::{Io, IoResult};
use crate::memory::kernel::table::Span;

#[derive(Debug)]
struct EraTarget {
    table: EraTable,
    metadata: DevicePart,
    origin: DevicePart,
    marks: Marks,
    era: u64,
    /// The block of the metadata snapshot; 0 without a snapshot.
    snapshot: u64,
}

/// The number of used metadata blocks of a device with few blocks.
const USED: u64 = 13;

/// The block that a metadata snapshot gets.
const SNAPSHOT: u64 = 29;

pub(super) fn construct(construction: &mut Construction<'_>, params: &str) -> Result<Box<dyn Target>, Errno> {
    let mut table = construction.params::<Era>(params)?;
    let mut open = |device, failure| DevicePart::open_for(construction, device, Sectors(0), true, failure);
    let metadata = open(&mut table.metadata, "Error opening metadata device")?;
    let origin = open(&mut table.origin, "Error opening data device")?;
    let marks = Marks::new(metadata.device, 0, "era");
    let (era, snapshot) = load(construction.kernel, marks, table.block_size)
        .or_else(|errno| construction.refuse(errno, "Error reading metadata"))?;
    Ok(Box::new(EraTarget { table, metadata, origin, marks, era, snapshot }))
}

/// Reads the current era and the block of the metadata snapshot from the metadata device.
fn load(kernel: &mut Kernel, marks: Marks, block_size: Sectors) -> Result<(u64, u64), Errno> {
    match marks.read(kernel)? {
        Found::Nothing => Ok((0, 0)),
        Found::Numbers(numbers) => match numbers.as_slice() {
            [size, era, snapshot] if *size == block_size.0 => Ok((*era, *snapshot)),
            _ => Err(Errno::EINVAL),
        },
        Found::Foreign => Err(Errno::EINVAL),
    }
}

impl EraTarget {
    fn commit(&mut self, kernel: &mut Kernel) -> Result<(), Errno> {
        self.marks.write(kernel, &[self.table.block_size.0, self.era, self.snapshot])
    }

    /// Begins a new era (`metadata_era_rollover`).
    fn roll_over(&mut self, kernel: &mut Kernel) -> Result<(), Errno> {
        self.era = self.era.saturating_add(1);
        self.commit(kernel)
    }

    /// As `era_message`.
    fn handle(&mut self, kernel: &mut Kernel, words: &[String]) -> Result<(), Errno> {
        let refuse = |kernel: &mut Kernel, reason: &str| {
            kernel.log("era", reason);
            Err(Errno::EINVAL)
        };
        let [name] = words else { return refuse(kernel, "incorrect number of message arguments") };
        match name.to_ascii_lowercase().as_str() {
            "checkpoint" => self.roll_over(kernel),
            "take_metadata_snap" if self.snapshot != 0 => {
                refuse(kernel, "metadata_take_snap: metadata snapshot already exists")
            }
            "take_metadata_snap" => {
                self.snapshot = SNAPSHOT;
                self.roll_over(kernel)
            }
            "drop_metadata_snap" if self.snapshot == 0 => refuse(kernel, "metadata_drop_snap: no snap to drop"),
            "drop_metadata_snap" => {
                self.snapshot = 0;
                self.commit(kernel)
            }
            _ => refuse(kernel, &format!("unsupported message '{name}'")),
        }
    }
}

impl Target for EraTarget {
    fn table(&self, _: &Kernel) -> String {
        format!("{:#}", self.table)
    }

    fn status(&mut self, kernel: &mut Kernel, _: bool) -> String {
        let total = self.metadata.device_len(kernel) / META_BLOCK;
        let used = (if self.snapshot == 0 { USED } else { USED + 7 }).min(total);
        let snapshot = if self.snapshot == 0 { "-".to_owned() } else { self.snapshot.to_string() };
        format!("{META_BLOCK} {used}/{total} {} {snapshot}", self.era)
    }

    fn io(&mut self, kernel: &mut Kernel, start: u64, io: Io<'_>) -> IoResult {
        self.origin.io(kernel, start, io)
    }

    /// The kernel passes the length of the origin itself, so a short origin is not refused (`era_iterate_devices`).
    fn spans(&self) -> Vec<Span> {
        vec![self.origin.span(0)]
    }

    fn message(&mut self, kernel: &mut Kernel, words: &[String]) -> Option<Answer> {
        Some(self.handle(kernel, words).map(|()| None))
    }

    fn postsuspend(&mut self, kernel: &mut Kernel) {
        if self.commit(kernel).is_err() {
            kernel.log("era", "era_postsuspend: metadata_commit failed");
        }
    }

    fn preresume(&mut self, kernel: &mut Kernel) -> Result<(), Errno> {
        (self.era, self.snapshot) = load(kernel, self.marks, self.table.block_size)?;
        self.roll_over(kernel).inspect_err(|_| kernel.log("era", "era_preresume: metadata_era_rollover failed"))
    }
}
