//! `writecache` (drivers/md/dm-writecache.c). All data is written to the origin at once; only the blocks that the
//! kernel would keep in the cache are counted.

use std::collections::BTreeSet;

use dm_targets::Writecache;
use dm_targets::writecache::{WritecacheKind, WritecacheTable};
use dm_units::Sectors;

use super::marks::{Found, Marks};
use super::part::DevicePart;
use super::{Answer, Construction, Target, is_suspended};
use crate::memory::errno::Errno;
use crate::memory::kernel::Kernel;
use crate::memory::kernel::io::{Io, IoFault, IoResult};
use crate::memory::kernel::table::Span;

/// The size in bytes of the superblock, and of the metadata entry of each block.
const SUPERBLOCK: u64 = 32;
const ENTRY: u64 = 16;

#[derive(Debug)]
struct WritecacheTarget {
    minor: u32,
    table: WritecacheTable,
    origin: DevicePart,
    length: u64,
    marks: Marks,
    /// The length of a block in sectors.
    block: u64,
    /// The number of blocks that fit in the cache.
    blocks: u64,
    /// The blocks of the origin that are in the cache.
    cached: BTreeSet<u64>,
    /// The blocks in the cache that were not flushed.
    uncommitted: BTreeSet<u64>,
    cleans: bool,
    flushes_on_suspend: bool,
    has_failed: bool,
    counts: Counts,
}

#[derive(Clone, Copy, Debug, Default)]
struct Counts {
    reads: u64,
    read_hits: u64,
    writes: u64,
    hits_uncommitted: u64,
    hits_committed: u64,
    around: u64,
    allocated: u64,
    flushes: u64,
    discards: u64,
}

pub(super) fn construct(construction: &mut Construction<'_>, params: &str) -> Result<Box<dyn Target>, Errno> {
    let mut table = construction.params::<Writecache>(params)?;
    let start = table.options.start_sector.unwrap_or_default();
    let origin = DevicePart::open(construction, &mut table.origin, Sectors(0), "Origin data device lookup failed")?;
    let cache = DevicePart::open(construction, &mut table.cache, start, "Cache data device lookup failed")?;
    construction.only_known(&table.options.other_options, "Invalid optional argument")?;
    if table.kind == WritecacheKind::Pmem {
        return construction.refuse(Errno::EOPNOTSUPP, "Cache device is not a DAX device");
    }
    let room = cache.device_len(construction.kernel).saturating_sub(start.0).saturating_mul(512);
    let blocks = count_blocks(room, table.block_size.into());
    if blocks == 0 {
        return construction.refuse(Errno::EINVAL, "Invalid device size");
    }
    let marks = Marks::new(cache.device, start.0, "writecache");
    let block_size = u64::from(table.block_size);
    let cached = match marks.read(construction.kernel) {
        Ok(Found::Nothing) => BTreeSet::new(),
        Ok(Found::Numbers(numbers)) if numbers.first() == Some(&block_size) => numbers.into_iter().skip(1).collect(),
        Ok(Found::Numbers(_)) => {
            return construction.refuse(Errno::EINVAL, "Block size does not match superblock");
        }
        Ok(Found::Foreign) => return construction.refuse(Errno::EINVAL, "Invalid magic in the superblock"),
        Err(errno) => return construction.refuse(errno, "Unable to read first block of metadata"),
    };
    Ok(Box::new(WritecacheTarget {
        minor: construction.minor,
        cleans: table.options.cleaner,
        table,
        origin,
        length: construction.length,
        marks,
        block: block_size >> 9,
        blocks,
        cached,
        uncommitted: BTreeSet::new(),
        flushes_on_suspend: false,
        has_failed: false,
        counts: Counts::default(),
    }))
}

/// The number of blocks in a cache of `room` bytes (`calculate_memory_size`).
fn count_blocks(room: u64, block: u64) -> u64 {
    let fits = |blocks: &u64| {
        let header = SUPERBLOCK.saturating_add(blocks.saturating_mul(ENTRY)).div_ceil(block.max(1));
        header.saturating_add(*blocks).saturating_mul(block) <= room
    };
    let most = room.checked_div(block.saturating_add(ENTRY)).unwrap_or(0);
    (0..=most).rev().find(fits).unwrap_or(0)
}

impl WritecacheTarget {
    fn used(&self) -> u64 {
        u64::try_from(self.cached.len()).unwrap_or(u64::MAX)
    }

    /// Counts a write to a block.
    fn write(&mut self, block: u64) {
        let counts = &mut self.counts;
        counts.writes = counts.writes.saturating_add(1);
        let count = if self.uncommitted.contains(&block) {
            &mut counts.hits_uncommitted
        } else if self.cached.contains(&block) {
            &mut counts.hits_committed
        } else if self.cleans || self.table.options.metadata_only || self.cached.len() as u64 >= self.blocks {
            counts.around = counts.around.saturating_add(1);
            return;
        } else {
            &mut counts.allocated
        };
        *count = count.saturating_add(1);
        self.cached.insert(block);
        self.uncommitted.insert(block);
        self.write_back();
    }

    /// Removes blocks from the cache if it exceeds its high watermark.
    fn write_back(&mut self) {
        let percent = |of: u32| self.blocks.saturating_mul(of.into()) / 100;
        let options = &self.table.options;
        let (high, low) = (options.high_watermark.unwrap_or(50), options.low_watermark.unwrap_or(45));
        let (high, low) = if self.cleans { (0, 0) } else { (percent(high), percent(low)) };
        if self.used() > high {
            while self.used() > low && self.cached.pop_first().is_some() {}
            self.uncommitted.retain(|block| self.cached.contains(block));
        }
    }

    /// Refuses writes and discards after a failure; they are counted all the same (`writecache_map_write`,
    /// `writecache_map_discard`).
    fn refuse(&mut self, io: &Io<'_>) -> IoResult {
        let count = match io {
            Io::Write(_) => &mut self.counts.writes,
            Io::Discard(_) => &mut self.counts.discards,
            Io::Read(_) | Io::Flush => return Ok(()),
        };
        *count = count.saturating_add(io.sectors().checked_div(self.block).unwrap_or(0));
        Err(Errno::EIO.into())
    }

    fn clear(&mut self) {
        self.cached.clear();
        self.uncommitted.clear();
    }

    fn part(&mut self, kernel: &mut Kernel, at: u64, io: Io<'_>) -> IoResult {
        let block = at.checked_div(self.block).unwrap_or(0);
        match io {
            Io::Read(_) => {
                self.counts.reads = self.counts.reads.saturating_add(1);
                if self.cached.contains(&block) {
                    self.counts.read_hits = self.counts.read_hits.saturating_add(1);
                }
            }
            Io::Write(_) => self.write(block),
            Io::Discard(_) => {
                self.counts.discards = self.counts.discards.saturating_add(1);
                self.cached.remove(&block);
                self.uncommitted.remove(&block);
            }
            Io::Flush => {}
        }
        let writes = matches!(io, Io::Write(_));
        let done = self.origin.io(kernel, at, io);
        // The kernel also stops using a cache that it cannot write back.
        self.has_failed |= writes && matches!(done, Err(IoFault::Failed(_)));
        done
    }

    /// As `writecache_message`.
    fn handle(&mut self, kernel: &mut Kernel, words: &[String]) -> Result<(), Errno> {
        let name = words.first().ok_or(Errno::EINVAL)?;
        let name = name.to_ascii_lowercase();
        let is_alone = words.len() == 1;
        match name.as_str() {
            "flush" | "flush_on_suspend" | "cleaner" | "clear_stats" if !is_alone => return Err(Errno::EINVAL),
            "flush" if is_suspended(kernel, self.minor) => return Err(Errno::EBUSY),
            "flush" if self.has_failed => return Err(Errno::EIO),
            "flush" => self.clear(),
            "flush_on_suspend" => self.flushes_on_suspend = true,
            "cleaner" => {
                self.cleans = true;
                self.write_back();
            }
            "clear_stats" => self.counts = Counts::default(),
            _ => {
                kernel.log("writecache", &format!("unrecognised message received: {name}"));
                return Err(Errno::EINVAL);
            }
        }
        Ok(())
    }
}

impl Target for WritecacheTarget {
    fn table(&self, _: &Kernel) -> String {
        format!("{:#}", self.table)
    }

    fn status(&mut self, _: &mut Kernel, _: bool) -> String {
        let Counts { reads, read_hits, writes, hits_uncommitted, hits_committed, around, allocated, flushes, discards } =
            self.counts;
        let state =
            format!("{} {} {} 0", u8::from(self.has_failed), self.blocks, self.blocks.saturating_sub(self.used()));
        let hits = format!("{reads} {read_hits} {writes} {hits_uncommitted} {hits_committed}");
        // No write had to wait for a free block.
        format!("{state} {hits} {around} {allocated} 0 {flushes} {discards}")
    }

    fn io(&mut self, kernel: &mut Kernel, start: u64, mut io: Io<'_>) -> IoResult {
        if io == Io::Flush {
            if self.has_failed {
                return Err(Errno::EIO.into());
            }
            self.counts.flushes = self.counts.flushes.saturating_add(1);
            self.uncommitted.clear();
            return self.origin.io(kernel, 0, io);
        }
        if (start | io.sectors()).checked_rem(self.block) != Some(0) {
            return Err(Errno::EIO.into());
        }
        if self.has_failed {
            self.refuse(&io)?;
        }
        io.by_blocks(start, self.block, |at, part| self.part(kernel, at, part))
    }

    fn spans(&self) -> Vec<Span> {
        vec![self.origin.span(self.length)]
    }

    fn message(&mut self, kernel: &mut Kernel, words: &[String]) -> Option<Answer> {
        Some(self.handle(kernel, words).map(|()| None))
    }

    fn postsuspend(&mut self, kernel: &mut Kernel) {
        self.uncommitted.clear();
        if std::mem::take(&mut self.flushes_on_suspend) {
            self.clear();
        }
        let numbers: Vec<u64> = std::iter::once(self.block << 9).chain(self.cached.iter().copied()).collect();
        self.has_failed |= self.marks.write(kernel, &numbers).is_err();
    }

    /// The previous table may have cached more blocks since this one was loaded (`writecache_resume`).
    fn resume(&mut self, kernel: &mut Kernel) {
        if let Ok(Found::Numbers(numbers)) = self.marks.read(kernel) {
            self.cached = numbers.into_iter().skip(1).collect();
        }
        if self.cleans {
            self.write_back();
        }
    }
}
