//! Disks: sectors with their data, which fail where a test requests it.

use std::collections::BTreeMap;
use std::ops::Range;

use dm_units::SECTOR_SIZE;

use super::io::Io;
use crate::memory::errno::Errno;

/// Bytes of a sector.
pub(crate) const SECTOR: usize = SECTOR_SIZE;

/// The sectors that were written; all others are zeros.
#[derive(Clone, Debug, Default)]
pub(crate) struct Sectors(BTreeMap<u64, Box<[u8; SECTOR]>>);

impl Sectors {
    /// Executes an I/O on existing sectors.
    pub(crate) fn io(&mut self, start: u64, io: Io<'_>) {
        match io {
            Io::Read(data) => {
                for (sector, data) in (start..).zip(data.chunks_mut(SECTOR)) {
                    match (self.0.get(&sector), <&mut [u8; SECTOR]>::try_from(&mut *data)) {
                        (Some(kept), Ok(data)) => *data = **kept,
                        _ => data.fill(0),
                    }
                }
            }
            Io::Write(data) => {
                for (sector, data) in (start..).zip(data.chunks(SECTOR)) {
                    match data.try_into() {
                        Ok(data) if data != [0; SECTOR] => {
                            self.0.insert(sector, Box::new(data));
                        }
                        _ => {
                            self.0.remove(&sector);
                        }
                    }
                }
            }
            Io::Discard(length) => {
                let mut rest = self.0.split_off(&start);
                self.0.append(&mut rest.split_off(&start.saturating_add(length)));
            }
            Io::Flush => {}
        }
    }
}

/// A disk and its failures.
#[derive(Debug)]
pub(crate) struct Disk {
    /// The name of its node in `/dev`.
    pub(crate) name: String,
    pub(crate) read_only: bool,
    /// The number of sectors.
    length: u64,
    data: Sectors,
    /// The sectors whose I/O fails.
    failing: Vec<Range<u64>>,
}

impl Disk {
    pub(crate) fn new(name: String, length: u64) -> Self {
        Self { name, read_only: false, length, data: Sectors::default(), failing: Vec::new() }
    }

    pub(crate) const fn sectors(&self) -> u64 {
        self.length
    }

    pub(crate) fn resize(&mut self, length: u64) {
        self.data.io(length, Io::Discard(u64::MAX));
        self.length = length;
    }

    pub(crate) fn fail(&mut self, sectors: Range<u64>) {
        self.failing.push(sectors);
    }

    pub(crate) fn heal(&mut self) {
        self.failing.clear();
    }

    pub(crate) fn io(&mut self, start: u64, io: Io<'_>) -> Result<(), Errno> {
        let end = start.saturating_add(io.sectors());
        let is_refused = self.read_only && matches!(io, Io::Write(_) | Io::Discard(_));
        if end > self.length || is_refused || self.failing.iter().any(|bad| bad.start < end && start < bad.end) {
            return Err(Errno::EIO);
        }
        self.data.io(start, io);
        Ok(())
    }
}

/// Reads a little-endian number at an offset; 0 if the data is too short.
pub(crate) fn u32_at(data: &[u8], at: usize) -> u32 {
    data.get(at..).and_then(<[u8]>::first_chunk).copied().map_or(0, u32::from_le_bytes)
}

/// As [`u32_at`].
pub(crate) fn u64_at(data: &[u8], at: usize) -> u64 {
    data.get(at..).and_then(<[u8]>::first_chunk).copied().map_or(0, u64::from_le_bytes)
}
