//! The store on disk (drivers/md/dm-snap-persistent.c): a header, then areas of the exception map, each followed by its
//! chunks.

use std::collections::BTreeMap;

use dm_units::DeviceNumber;

use super::state::buffer;
use crate::memory::errno::Errno;
use crate::memory::kernel::Kernel;
use crate::memory::kernel::disk::{u32_at, u64_at};
use crate::memory::kernel::io::{Io, IoFault, IoResult};

/// The prefix of its lines in the log.
const LOG_PREFIX: &str = "persistent snapshot";

const MAGIC: u32 = 0x7041_6e53;
const VERSION: u32 = 1;
const HEADER_CHUNKS: u64 = 1;

/// The chunk size of a new store if the table gives none (`DM_CHUNK_SIZE_DEFAULT_SECTORS`).
const DEFAULT_CHUNK_SIZE: u64 = 32;

/// Bytes of an entry of the map.
const ENTRY: usize = 16;

/// Entries of the map in a sector.
const SECTOR_ENTRIES: u64 = 32;

#[derive(Debug)]
pub(super) struct Persistent {
    cow: DeviceNumber,
    /// The length of a chunk in sectors.
    chunk_size: u64,
    valid: bool,
    /// The current area of the map: chunks of the origin, with their chunks on the COW device.
    area: Vec<(u64, u64)>,
    /// The number of the current area, from 0.
    current_area: u64,
    /// The next free chunk on the COW device.
    next_free: u64,
}

impl Persistent {
    pub(super) fn new() -> Self {
        Self {
            cow: DeviceNumber::new(0, 0),
            chunk_size: 0,
            valid: true,
            area: Vec::new(),
            current_area: 0,
            next_free: HEADER_CHUNKS + 1,
        }
    }

    pub(super) const fn next_free(&self) -> u64 {
        self.next_free
    }

    pub(super) const fn metadata_chunks(&self) -> u64 {
        self.current_area.saturating_add(1).saturating_add(HEADER_CHUNKS)
    }

    /// As `persistent_read_metadata`. The chunk size on disk overrides that of the table.
    pub(super) fn read(
        &mut self,
        kernel: &mut Kernel,
        cow: DeviceNumber,
        chunk_size: &mut u64,
    ) -> Result<Option<BTreeMap<u64, u64>>, Errno> {
        let is_chosen = *chunk_size != 0;
        if !is_chosen {
            *chunk_size = DEFAULT_CHUNK_SIZE;
        }
        (self.cow, self.chunk_size) = (cow, *chunk_size);
        let header = self.read_chunk(kernel, 0).map_err(errno)?;
        let [magic, valid, version, on_disk] = [0, 4, 8, 12].map(|at| u32_at(&header, at));
        if magic == 0 {
            return self.format(kernel).map(|()| Some(BTreeMap::new()));
        }
        if magic != MAGIC {
            kernel.log(LOG_PREFIX, "Invalid or corrupt snapshot");
            return Err(Errno::ENXIO);
        }
        if u64::from(on_disk) != self.chunk_size {
            if is_chosen {
                let text =
                    format!("chunk size {on_disk} in device metadata overrides table chunk size of {chunk_size}.");
                kernel.log(LOG_PREFIX, &text);
            }
            if !on_disk.is_power_of_two() {
                kernel
                    .log(LOG_PREFIX, &format!("invalid on-disk chunk size {on_disk}: Chunk size is not a power of 2."));
                return Err(Errno::EINVAL);
            }
            self.chunk_size = on_disk.into();
            *chunk_size = self.chunk_size;
        }
        if version != VERSION {
            kernel.log(LOG_PREFIX, &format!("unable to handle snapshot disk version {version}"));
            return Err(Errno::EINVAL);
        }
        self.valid = valid != 0;
        if !self.valid {
            return Ok(None);
        }
        self.read_areas(kernel).map(Some)
    }

    fn format(&mut self, kernel: &mut Kernel) -> Result<(), Errno> {
        self.write_header(kernel).map_err(errno).inspect_err(|_| kernel.log(LOG_PREFIX, "write_header failed"))?;
        let zeroed = self.write_area(kernel, 0, &[]);
        zeroed.map_err(errno).inspect_err(|_| kernel.log(LOG_PREFIX, "zero_disk_area(0) failed"))
    }

    /// As `read_exceptions`.
    fn read_areas(&mut self, kernel: &mut Kernel) -> Result<BTreeMap<u64, u64>, Errno> {
        let mut exceptions = BTreeMap::new();
        loop {
            self.area = self.read_area(kernel, self.current_area).map_err(errno)?;
            for (old, new) in &self.area {
                self.next_free = self.next_free.max(new.saturating_add(1));
                exceptions.insert(*old, *new);
            }
            if !self.is_area_full() {
                break;
            }
            self.current_area = self.current_area.saturating_add(1);
        }
        self.skip_metadata();
        Ok(exceptions)
    }

    /// As `persistent_commit_exception`. If a device holds the I/O, nothing has changed.
    pub(super) fn commit(&mut self, kernel: &mut Kernel, old: u64, new: u64) -> IoResult {
        let mut area = self.area.clone();
        area.push((old, new));
        let fills_area = count(&area) >= self.per_area();
        let written =
            if fills_area { self.write_area(kernel, self.current_area.saturating_add(1), &[]) } else { Ok(()) };
        let written = written.and_then(|()| self.write_area(kernel, self.current_area, &area));
        match written {
            Err(IoFault::Failed(_)) => self.valid = false,
            Err(held) => return Err(held),
            Ok(()) => {}
        }
        if fills_area {
            self.current_area = self.current_area.saturating_add(1);
            area.clear();
        }
        self.area = area;
        self.next_free = self.next_free.saturating_add(1);
        self.skip_metadata();
        written
    }

    /// As `persistent_prepare_merge`: the last entries of the map that are consecutive, and their number.
    pub(super) fn last_run(&mut self, kernel: &mut Kernel) -> Result<Option<(u64, u64, u64)>, IoFault> {
        if self.area.is_empty() {
            let Some(before) = self.current_area.checked_sub(1) else { return Ok(None) };
            self.area = self.read_area(kernel, before)?;
            self.current_area = before;
        }
        let Some(last) = self.area.last() else { return Ok(None) };
        let follows = |length: u64, entry: &&(u64, u64)| {
            let before = |chunk: u64| chunk.checked_sub(length);
            (Some(entry.0), Some(entry.1)) == (before(last.0), before(last.1))
        };
        let run = self.area.iter().rev().zip(0..).take_while(|(entry, length)| follows(*length, entry));
        let length = run.fold(0, |length: u64, _| length.saturating_add(1));
        let first = |chunk: u64| chunk.saturating_add(1).saturating_sub(length);
        Ok(Some((first(last.0), first(last.1), length)))
    }

    /// As `persistent_commit_merge`.
    pub(super) fn forget(&mut self, kernel: &mut Kernel, length: u64) -> IoResult {
        let kept = usize::try_from(count(&self.area).saturating_sub(length)).unwrap_or(0);
        let mut area = self.area.clone();
        area.truncate(kept);
        self.write_area(kernel, self.current_area, &area)?;
        self.next_free = self.area_location(self.current_area).saturating_add(count(&area)).saturating_add(1);
        self.area = area;
        Ok(())
    }

    /// As `persistent_drop_snapshot`.
    pub(super) fn drop_snapshot(&mut self, kernel: &mut Kernel) {
        self.valid = false;
        if self.write_header(kernel).is_err() {
            kernel.log(LOG_PREFIX, "write header failed");
        }
    }

    // Chunks.

    fn is_area_full(&self) -> bool {
        count(&self.area) >= self.per_area()
    }

    /// Entries of an area.
    fn per_area(&self) -> u64 {
        self.chunk_size.saturating_mul(SECTOR_ENTRIES)
    }

    fn area_location(&self, area: u64) -> u64 {
        self.per_area().saturating_add(1).saturating_mul(area).saturating_add(HEADER_CHUNKS)
    }

    /// Skips the next free chunk if it belongs to the map.
    fn skip_metadata(&mut self) {
        if self.next_free.checked_rem(self.per_area().saturating_add(1)) == Some(HEADER_CHUNKS) {
            self.next_free = self.next_free.saturating_add(1);
        }
    }

    fn read_chunk(&self, kernel: &mut Kernel, chunk: u64) -> Result<Vec<u8>, IoFault> {
        let mut data = buffer(self.chunk_size);
        kernel.io(self.cow, chunk.saturating_mul(self.chunk_size), Io::Read(&mut data))?;
        Ok(data)
    }

    fn write_chunk(&self, kernel: &mut Kernel, chunk: u64, start: &[u8]) -> IoResult {
        let mut data = buffer(self.chunk_size);
        data.iter_mut().zip(start).for_each(|(to, from)| *to = *from);
        kernel.io(self.cow, chunk.saturating_mul(self.chunk_size), Io::Write(&data))
    }

    fn write_header(&self, kernel: &mut Kernel) -> IoResult {
        let chunk_size = u32::try_from(self.chunk_size).unwrap_or(u32::MAX);
        let words = [MAGIC, self.valid.into(), VERSION, chunk_size];
        self.write_chunk(kernel, 0, &words.map(u32::to_le_bytes).concat())
    }

    /// Reads the entries of an area, which end before the first entry of zeros.
    fn read_area(&self, kernel: &mut Kernel, area: u64) -> Result<Vec<(u64, u64)>, IoFault> {
        let data = self.read_chunk(kernel, self.area_location(area))?;
        let entries = data.chunks(ENTRY).map(|entry| (u64_at(entry, 0), u64_at(entry, 8)));
        Ok(entries.take_while(|(_, new)| *new != 0).collect())
    }

    fn write_area(&self, kernel: &mut Kernel, area: u64, entries: &[(u64, u64)]) -> IoResult {
        let bytes: Vec<u8> =
            entries.iter().flat_map(|(old, new)| [old.to_le_bytes(), new.to_le_bytes()]).flatten().collect();
        self.write_chunk(kernel, self.area_location(area), &bytes)
    }
}

fn count(entries: &[(u64, u64)]) -> u64 {
    u64::try_from(entries.len()).unwrap_or(u64::MAX)
}

/// If a device holds I/O, the kernel would wait here in an uninterruptible command.
fn errno(fault: IoFault) -> Errno {
    match fault {
        IoFault::Failed(errno) => errno,
        IoFault::Held(_) | IoFault::Waits(_) => Errno::EIO,
    }
}
