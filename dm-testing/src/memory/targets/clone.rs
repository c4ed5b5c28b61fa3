//! `clone` (drivers/md/dm-clone-target.c). One step of background work copies as many regions as the kernel copies at
//! the same time.

use std::collections::BTreeSet;

use dm_targets::CloneTarget as Clone;
use dm_targets::clone::{CloneCore, CloneFeatures, CloneTable};
use dm_units::Sectors;

use super::marks::{Found, META_BLOCK, Marks, MetadataMode};
use super::part::{CopyFault, DevicePart};
use super::{Answer, Construction, Target, is_suspended};
use crate::memory::errno::Errno;
use crate::memory::kernel::Kernel;
use crate::memory::kernel::io::{Io, IoResult};
use crate::memory::kernel::table::Span;

#[derive(Debug)]
struct CloneTarget {
    minor: u32,
    table: CloneTable,
    metadata: DevicePart,
    dest: DevicePart,
    source: DevicePart,
    length: u64,
    /// The length of a region in sectors.
    region: u64,
    /// The regions that were copied to the destination or written there.
    hydrated: BTreeSet<u64>,
    /// Whether regions were hydrated since the last commit.
    has_changed: bool,
    /// The features in the table, as changed by messages.
    features: CloneFeatures,
    /// The maximum number of regions that are copied at a time.
    threshold: u32,
    /// The maximum number of adjacent regions in one copy.
    batch_size: u32,
    marks: Marks,
    mode: MetadataMode,
}

pub(super) fn construct(construction: &mut Construction<'_>, params: &str) -> Result<Box<dyn Target>, Errno> {
    let mut table = construction.params::<Clone>(params)?;
    let mut open = |device, writes, failure| DevicePart::open_for(construction, device, Sectors(0), writes, failure);
    let metadata = open(&mut table.metadata, true, "Error opening metadata device")?;
    let dest = open(&mut table.dest, true, "Error opening destination device")?;
    let source = open(&mut table.source, false, "Error opening source device")?;
    construction.only_known(&table.features.other, "Invalid feature argument")?;
    construction.only_known(&table.core.other, "Invalid core argument")?;
    for (part, what) in [(dest, "destination"), (source, "source")] {
        if part.device_len(construction.kernel) < construction.length {
            return construction.refuse(Errno::EINVAL, format!("Device size larger than {what} device"));
        }
    }
    let (region, length) = (table.region_size.0, construction.length);
    let marks = Marks::new(metadata.device, 0, "clone");
    let hydrated = load(construction.kernel, marks, region, length)
        .or_else(|errno| construction.refuse(errno, "Failed to load metadata"))?;
    let features = table.features.clone();
    let CloneCore { hydration_threshold, hydration_batch_size, .. } = table.core;
    Ok(Box::new(CloneTarget {
        minor: construction.minor,
        metadata,
        dest,
        source,
        length,
        region,
        hydrated,
        has_changed: false,
        features,
        threshold: hydration_threshold.unwrap_or(1),
        batch_size: hydration_batch_size.unwrap_or(1),
        table,
        marks,
        mode: MetadataMode::ReadWrite,
    }))
}

/// The regions on the destination according to the metadata, which a new device gets at once.
fn load(kernel: &mut Kernel, marks: Marks, region: u64, length: u64) -> Result<BTreeSet<u64>, Errno> {
    match marks.read(kernel)? {
        Found::Nothing => marks.write(kernel, &[region, length]).map(|()| BTreeSet::new()),
        Found::Numbers(numbers) if numbers.starts_with(&[region, length]) => Ok(numbers.into_iter().skip(2).collect()),
        _ => Err(Errno::EINVAL),
    }
}

impl CloneTarget {
    fn regions(&self) -> u64 {
        self.length.div_ceil(self.region.max(1))
    }

    /// The number of regions on the destination.
    fn done(&self) -> u64 {
        u64::try_from(self.hydrated.len()).unwrap_or(u64::MAX)
    }

    /// Copies a region from the source.
    fn hydrate(&mut self, kernel: &mut Kernel, region: u64) -> IoResult {
        let start = region.saturating_mul(self.region);
        let sectors = self.region.min(self.length.saturating_sub(start));
        self.source.copy(kernel, self.dest, start, sectors).map_err(|fault| match fault {
            CopyFault::From(fault) | CopyFault::To(fault) => fault,
        })?;
        self.mark(kernel, region);
        Ok(())
    }

    /// Records that a region is on the destination; the last one raises an event.
    fn mark(&mut self, kernel: &mut Kernel, region: u64) {
        if !self.hydrated.insert(region) {
            return;
        }
        self.has_changed = true;
        if self.done() == self.regions() {
            kernel.event(self.minor);
        }
    }

    /// Executes a read or write within one region. A write to a part of a region that was not copied copies the region
    /// first. Without writable metadata, no region can be hydrated (`hydrate_bio_region`).
    fn part(&mut self, kernel: &mut Kernel, at: u64, io: Io<'_>) -> IoResult {
        let region = at.checked_div(self.region).unwrap_or(0);
        if self.hydrated.contains(&region) {
            return self.dest.io(kernel, at, io);
        }
        if matches!(io, Io::Read(_)) {
            return self.source.io(kernel, at, io);
        }
        if self.mode != MetadataMode::ReadWrite {
            return Err(Errno::EIO.into());
        }
        // A shorter last region is copied even if it is overwritten (`is_overwrite_bio`).
        if io.sectors() == self.region {
            self.dest.io(kernel, at, io)?;
            self.mark(kernel, region);
            return Ok(());
        }
        self.hydrate(kernel, region)?;
        self.dest.io(kernel, at, io)
    }

    /// Marks the regions that a discard covers completely, since none of their data is left to copy, and passes the
    /// discard of them on. Without writable metadata, it is ignored unless all of them are marked (`process_discard_bio`).
    fn discard(&mut self, kernel: &mut Kernel, start: u64, length: u64) -> IoResult {
        let first = start.div_ceil(self.region.max(1));
        let end = start.saturating_add(length).checked_div(self.region).unwrap_or(0);
        let is_ignored = self.mode != MetadataMode::ReadWrite && (first..end).any(|it| !self.hydrated.contains(&it));
        if first >= end || is_ignored {
            return Ok(());
        }
        (first..end).for_each(|region| self.mark(kernel, region));
        if self.features.no_discard_passdown {
            return Ok(());
        }
        let sectors = end.saturating_sub(first).saturating_mul(self.region);
        self.dest.io(kernel, first.saturating_mul(self.region), Io::Discard(sectors))
    }

    /// Writes the metadata if they have changed. After a failure, the regions are those of the last commit
    /// (`commit_metadata`, `__metadata_operation_failed`).
    fn commit(&mut self, kernel: &mut Kernel) -> Result<(), Errno> {
        if !self.has_changed {
            return Ok(());
        }
        let numbers: Vec<u64> = [self.region, self.length].iter().chain(&self.hydrated).copied().collect();
        let was_writable = self.mode == MetadataMode::ReadWrite;
        self.mode.commit(kernel, self.minor, "clone", self.marks, &numbers);
        if self.mode == MetadataMode::ReadWrite {
            self.has_changed = false;
            return Ok(());
        }
        if let Some(hydrated) = was_writable.then(|| load(kernel, self.marks, self.region, self.length).ok()).flatten()
        {
            self.hydrated = hydrated;
        }
        Err(Errno::EIO)
    }

    /// As `clone_message`.
    fn handle(&mut self, kernel: &mut Kernel, words: &[String]) -> Result<(), Errno> {
        let name = words.first().ok_or(Errno::EINVAL)?;
        match name.to_ascii_lowercase().as_str() {
            "enable_hydration" => self.features.no_hydration = false,
            "disable_hydration" => self.features.no_hydration = true,
            lower => {
                let [_, value] = words else { return Err(Errno::EINVAL) };
                let value = || value.parse().map_err(|_| Errno::EINVAL);
                match lower {
                    "hydration_threshold" => self.threshold = value()?,
                    "hydration_batch_size" => self.batch_size = value()?,
                    _ => {
                        let device = kernel.device(self.minor)?.number();
                        kernel.log("clone", &format!("{device}: Unsupported message `{name}'"));
                        return Err(Errno::EINVAL);
                    }
                }
            }
        }
        Ok(())
    }
}

impl Target for CloneTarget {
    fn table(&self, _: &Kernel) -> String {
        format!("{:#}", self.table)
    }

    fn status(&mut self, kernel: &mut Kernel, noflush: bool) -> String {
        if !noflush && !is_suspended(kernel, self.minor) {
            // The mode shows a failure.
            let _ = self.commit(kernel);
        }
        if self.mode == MetadataMode::Fail {
            return "Fail".to_owned();
        }
        let total = self.metadata.device_len(kernel) / META_BLOCK;
        let used = self.done().div_ceil(512).saturating_add(10).min(total);
        let CloneFeatures { no_hydration, no_discard_passdown, .. } = self.features;
        let features = [(no_hydration, " no_hydration"), (no_discard_passdown, " no_discard_passdown")];
        let features: Vec<&str> = features.into_iter().filter(|(is_on, _)| *is_on).map(|(_, word)| word).collect();
        format!(
            "{META_BLOCK} {used}/{total} {} {}/{} 0 {}{} 4 hydration_threshold {} hydration_batch_size {} {}",
            self.region,
            self.done(),
            self.regions(),
            features.len(),
            features.concat(),
            self.threshold,
            self.batch_size,
            self.mode.word(),
        )
    }

    fn io(&mut self, kernel: &mut Kernel, start: u64, mut io: Io<'_>) -> IoResult {
        if self.mode == MetadataMode::Fail {
            return Err(Errno::EIO.into());
        }
        match io {
            Io::Flush => {
                self.commit(kernel)?;
                self.dest.io(kernel, 0, io)
            }
            Io::Discard(length) => self.discard(kernel, start, length),
            Io::Read(_) | Io::Write(_) => io.by_blocks(start, self.region, |at, part| self.part(kernel, at, part)),
        }
    }

    fn discards(&self, _: &Kernel) -> bool {
        true
    }

    fn spans(&self) -> Vec<Span> {
        vec![self.source.span(self.length), self.dest.span(self.length)]
    }

    fn message(&mut self, kernel: &mut Kernel, words: &[String]) -> Option<Answer> {
        Some(self.handle(kernel, words).map(|()| None))
    }

    fn work(&mut self, kernel: &mut Kernel) {
        if self.features.no_hydration || self.mode != MetadataMode::ReadWrite {
            return;
        }
        let step = usize::try_from(self.threshold).unwrap_or(usize::MAX);
        let todo: Vec<u64> = (0..self.regions()).filter(|region| !self.hydrated.contains(region)).take(step).collect();
        for region in todo {
            // A failed region is retried in a later step, as in the kernel.
            let _ = self.hydrate(kernel, region);
        }
    }

    fn postsuspend(&mut self, kernel: &mut Kernel) {
        let _ = self.commit(kernel);
    }

    /// The previous table may have copied more regions since this one was loaded.
    fn preresume(&mut self, kernel: &mut Kernel) -> Result<(), Errno> {
        if self.mode == MetadataMode::ReadWrite {
            self.hydrated = load(kernel, self.marks, self.region, self.length)?;
        }
        Ok(())
    }
}
