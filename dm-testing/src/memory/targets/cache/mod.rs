//! `cache` (drivers/md/dm-cache-target.c), with a simpler policy than the kernel's: a block is promoted at its second
//! access, and a full cache demotes the least recently used block. Dirty blocks are written back when they are demoted,
//! and in the background by the policy `cleaner`: one step writes `migration_threshold` sectors, but at least one
//! block.

mod blocks;
mod data;
mod message;

use dm_targets::Cache;
use dm_targets::cache::{CacheIoMode, CacheKey, CachePolicy, CacheTable, CacheValue};
use dm_units::Sectors;

use self::blocks::Blocks;
use super::marks::{Found, META_BLOCK, Marks, MetadataMode};
use super::part::DevicePart;
use super::{Answer, Construction, Target, is_suspended};
use crate::memory::errno::Errno;
use crate::memory::kernel::Kernel;
use crate::memory::kernel::io::{Io, IoResult};
use crate::memory::kernel::table::Span;

#[derive(Debug)]
struct CacheTarget {
    minor: u32,
    table: CacheTable,
    length: u64,
    metadata: DevicePart,
    cache: DevicePart,
    origin: DevicePart,
    /// The length of a cache block in sectors.
    block_size: u64,
    io_mode: CacheIoMode,
    blocks: Blocks,
    counts: Counts,
    /// The migration threshold in sectors.
    threshold: u64,
    marks: Marks,
    mode: MetadataMode,
    needs_check: bool,
    /// Whether the metadata was read.
    is_loaded: bool,
    /// Whether the metadata could not be read or used; the target is never resumed afterwards.
    has_failed_to_load: bool,
}

#[derive(Clone, Copy, Debug, Default)]
struct Counts {
    read_hits: u32,
    read_misses: u32,
    write_hits: u32,
    write_misses: u32,
    demotions: u32,
    promotions: u32,
}

const THRESHOLD: u64 = 2048;

/// The number of values before those of the blocks: the block size, and whether the shutdown was clean.
const HEADER: usize = 2;

pub(super) fn construct(construction: &mut Construction<'_>, params: &str) -> Result<Box<dyn Target>, Errno> {
    let mut table = construction.params::<Cache>(params)?;
    let mut open = |device, writes, failure| DevicePart::open_for(construction, device, Sectors(0), writes, failure);
    let metadata = open(&mut table.metadata, true, "Error opening metadata device")?;
    let cache = open(&mut table.cache, true, "Error opening cache device")?;
    let origin = open(&mut table.origin, true, "Error opening origin device")?;
    if origin.device_len(construction.kernel) < construction.length {
        return construction.refuse(Errno::EINVAL, "Device size larger than cached device");
    }
    let block_size = table.block_size.0;
    let Some(total) = cache.device_len(construction.kernel).checked_div(block_size).filter(|total| *total > 0) else {
        return construction.refuse(Errno::EINVAL, "Data block size is larger than the cache device");
    };
    construction.only_known(&table.features.other, "Unrecognised cache feature requested")?;
    if matches!(table.policy, CachePolicy::Other(_)) {
        return construction.refuse(Errno::EINVAL, "Error creating cache's policy");
    }
    let threshold = table.policy_args.iter().rev().find(|setting| setting.key == CacheKey::MigrationThreshold);
    let threshold = match threshold.map(|setting| &setting.value) {
        Some(CacheValue::Number(sectors)) => *sectors,
        _ => THRESHOLD,
    };
    let mut target = CacheTarget {
        minor: construction.minor,
        length: construction.length,
        metadata,
        cache,
        origin,
        block_size,
        io_mode: table.features.io_mode.clone().unwrap_or(CacheIoMode::Writeback),
        blocks: Blocks::new(total),
        counts: Counts::default(),
        threshold,
        marks: Marks::new(metadata.device, 0, "cache"),
        mode: MetadataMode::ReadWrite,
        needs_check: false,
        is_loaded: false,
        has_failed_to_load: false,
        table,
    };
    target.load(construction.kernel).or_else(|errno| construction.refuse(errno, "Error creating metadata object"))?;
    Ok(Box::new(target))
}

impl CacheTarget {
    fn load(&mut self, kernel: &mut Kernel) -> Result<(), Errno> {
        match self.marks.read(kernel)? {
            Found::Nothing => {}
            Found::Numbers(numbers) => match numbers.split_at_checked(HEADER) {
                Some(([size, is_clean], blocks)) if *size == self.block_size => {
                    self.blocks = Blocks::of_numbers(self.blocks.total(), blocks, *is_clean != 0);
                }
                _ => return Err(Errno::EINVAL),
            },
            Found::Foreign => return Err(Errno::EINVAL),
        }
        Ok(())
    }

    /// As `load_mapping`: without dirty blocks only, since nothing would write them back.
    fn check_mode(&self, kernel: &mut Kernel) -> Result<(), Errno> {
        if self.io_mode == CacheIoMode::Passthrough && self.blocks.dirty() > 0 {
            kernel.log("cache", "cannot enter passthrough mode unless all blocks are clean");
            return Err(Errno::EBUSY);
        }
        Ok(())
    }

    /// Writes the metadata, unless that has failed before. `is_clean` is set when no change can follow.
    fn commit(&mut self, kernel: &mut Kernel, is_clean: bool) -> Result<(), Errno> {
        if self.mode != MetadataMode::ReadWrite {
            return Err(Errno::EINVAL);
        }
        let header = [self.block_size, u64::from(is_clean)];
        let numbers: Vec<u64> = header.into_iter().chain(self.blocks.numbers()).collect();
        self.mode.commit(kernel, self.minor, "cache", self.marks, &numbers);
        if self.mode != MetadataMode::ReadWrite {
            self.needs_check = true;
            return Err(Errno::EIO);
        }
        self.blocks.has_changed = false;
        Ok(())
    }

    fn is_cleaner(&self) -> bool {
        self.table.policy == CachePolicy::Cleaner
    }

    /// The policy in use, as a status prints it.
    fn policy(&self) -> &'static str {
        match self.table.policy {
            CachePolicy::Cleaner => "cleaner 0",
            CachePolicy::Mq => {
                "mq 10 random_threshold 0 sequential_threshold 0 discard_promote_adjustment 0 \
                 read_promote_adjustment 0 write_promote_adjustment 0"
            }
            _ => "smq 0",
        }
    }
}

impl Target for CacheTarget {
    fn table(&self, _: &Kernel) -> String {
        format!("{:#}", self.table)
    }

    fn status(&mut self, kernel: &mut Kernel, noflush: bool) -> String {
        if !noflush && !is_suspended(kernel, self.minor) {
            // The mode shows a failure.
            let _ = self.commit(kernel, false);
        }
        if self.mode == MetadataMode::Fail {
            return "Fail".to_owned();
        }
        let total = self.metadata.device_len(kernel) / META_BLOCK;
        let used = self.blocks.total().div_ceil(512).saturating_add(19).min(total);
        let Counts { read_hits, read_misses, write_hits, write_misses, demotions, promotions } = self.counts;
        let features = &self.table.features;
        let words = [
            features.metadata2.then_some("metadata2"),
            Some(self.io_mode.as_str()),
            features.no_discard_passdown.then_some("no_discard_passdown"),
        ];
        let words: Vec<&str> = words.into_iter().flatten().collect();
        format!(
            "{META_BLOCK} {used}/{total} {} {}/{} {read_hits} {read_misses} {write_hits} {write_misses} {demotions} \
             {promotions} {} {} {} 2 migration_threshold {} {} {} {} ",
            self.block_size,
            self.blocks.resident(),
            self.blocks.total(),
            self.blocks.dirty(),
            words.len(),
            words.join(" "),
            self.threshold,
            self.policy(),
            self.mode.word(),
            if self.needs_check { "needs_check" } else { "-" },
        )
    }

    /// Reads and writes need no metadata, and a flush does only if blocks were added or removed (`cache_map`, `commit_op`).
    fn io(&mut self, kernel: &mut Kernel, start: u64, mut io: Io<'_>) -> IoResult {
        if io == Io::Flush {
            if self.blocks.has_changed {
                self.commit(kernel, false)?;
            }
            self.cache.io(kernel, 0, Io::Flush)?;
            return self.origin.io(kernel, 0, Io::Flush);
        }
        io.by_blocks(start, self.block_size, |at, part| self.access(kernel, at, part))
    }

    fn discards(&self, _: &Kernel) -> bool {
        true
    }

    fn spans(&self) -> Vec<Span> {
        vec![self.cache.span(0), self.origin.span(self.length)]
    }

    fn message(&mut self, kernel: &mut Kernel, words: &[String]) -> Option<Answer> {
        Some(self.handle(kernel, words).map(|()| None))
    }

    fn work(&mut self, kernel: &mut Kernel) {
        if self.is_cleaner() {
            let step = self.threshold.checked_div(self.block_size).unwrap_or(0).max(1);
            for _ in 0..step {
                let Some((block, resident)) = self.blocks.first_dirty() else { return };
                if self.write_back(kernel, block, resident).is_err() {
                    return;
                }
            }
        }
    }

    fn postsuspend(&mut self, kernel: &mut Kernel) {
        let _ = self.commit(kernel, true);
    }

    /// The previous table may have changed the metadata since this one was loaded.
    fn preresume(&mut self, kernel: &mut Kernel) -> Result<(), Errno> {
        if self.has_failed_to_load {
            kernel.log("cache", "unable to resume cache due to missing proper cache table reload");
            return Err(Errno::EINVAL);
        }
        if !self.is_loaded {
            self.has_failed_to_load = true;
            self.load(kernel).and_then(|()| self.check_mode(kernel)).inspect_err(|_| {
                kernel.log("cache", "could not load cache mappings");
            })?;
            (self.is_loaded, self.has_failed_to_load) = (true, false);
        }
        Ok(())
    }

    fn resume(&mut self, kernel: &mut Kernel) {
        let _ = self.commit(kernel, false);
    }
}
