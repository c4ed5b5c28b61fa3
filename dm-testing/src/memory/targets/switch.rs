//! `switch` (drivers/md/dm-switch.c).

use dm_targets::Switch;
use dm_targets::switch::SwitchTable;

use super::part::DevicePart;
use super::{Answer, Construction, Target};
use crate::memory::errno::Errno;
use crate::memory::kernel::Kernel;
use crate::memory::kernel::io::{Io, IoResult};
use crate::memory::kernel::table::Span;

#[derive(Debug)]
struct SwitchTarget {
    table: SwitchTable,
    paths: Vec<DevicePart>,
    length: u64,
    /// The path of each region.
    regions: Vec<usize>,
}

/// The maximum number of regions. The kernel allows more, but they would need too much memory in a test.
const MAX_REGIONS: u64 = 1 << 24;

pub(super) fn construct(construction: &mut Construction<'_>, params: &str) -> Result<Box<dyn Target>, Errno> {
    let mut table = construction.params::<Switch>(params)?;
    let count = construction.length.div_ceil(u64::from(table.region_size).max(1));
    if count > MAX_REGIONS {
        return construction.refuse(Errno::EINVAL, "Too many regions");
    }
    let mut paths = Vec::new();
    for path in &mut table.paths {
        paths.push(DevicePart::open(construction, &mut path.device, path.offset, "Device lookup failed")?);
    }
    let regions = (0..paths.len()).cycle().take(usize::try_from(count).unwrap_or(0)).collect();
    Ok(Box::new(SwitchTarget { table, paths, length: construction.length, regions }))
}

impl SwitchTarget {
    /// As `process_set_region_mappings`: words before an invalid one take effect.
    fn map_regions(&mut self, kernel: &mut Kernel, words: &[String]) -> Result<(), Errno> {
        let mut region = 0;
        for word in words {
            let done = if word.starts_with(['r', 'R']) {
                self.repeat(word, &mut region)
            } else {
                self.map_region(word, &mut region)
            };
            if let Err(reason) = done {
                kernel.log("switch", &reason);
                return Err(Errno::EINVAL);
            }
        }
        Ok(())
    }

    /// Reads `region:path`, or `:path` for the next region.
    fn map_region(&mut self, word: &str, region: &mut usize) -> Result<(), String> {
        let malformed = || format!("invalid set_region_mappings argument: '{word}'");
        let (at, path) = word.split_once(':').ok_or_else(malformed)?;
        let path = hex(path).filter(|_| !path.is_empty()).ok_or_else(malformed)?;
        *region = if word.starts_with(':') { region.saturating_add(1) } else { hex(at).ok_or_else(malformed)? };
        let count = self.regions.len();
        let Some(place) = self.regions.get_mut(*region) else {
            return Err(format!("invalid set_region_mappings region number: {region} >= {count}"));
        };
        if path >= self.paths.len() {
            return Err(format!("invalid set_region_mappings device: {path} >= {}", self.paths.len()));
        }
        *place = path;
        Ok(())
    }

    /// Reads `Rn,m`: repeats the last `n` mappings for the next `m` regions.
    fn repeat(&mut self, word: &str, region: &mut usize) -> Result<(), String> {
        let malformed = || format!("invalid set_region_mappings argument: '{word}'");
        let (cycle, count) = word.get(1..).and_then(|word| word.split_once(',')).ok_or_else(malformed)?;
        if cycle.is_empty() || count.is_empty() {
            return Err(malformed());
        }
        let (cycle, count) = (hex(cycle).ok_or_else(malformed)?, hex(count).ok_or_else(malformed)?);
        let back = cycle.checked_sub(1);
        if back.is_none_or(|back| back > *region) {
            let back = back.unwrap_or(usize::MAX);
            return Err(format!("invalid set_region_mappings cycle length: {back} > {region}"));
        }
        let all = self.regions.len();
        if region.checked_add(count).is_none_or(|last| last >= all) {
            return Err(format!("invalid set_region_mappings region number: {region} + {count} >= {all}"));
        }
        for _ in 0..count {
            *region = region.saturating_add(1);
            let path = self.regions.get(region.saturating_sub(cycle)).copied().unwrap_or(0);
            if let Some(place) = self.regions.get_mut(*region) {
                *place = path;
            }
        }
        Ok(())
    }
}

/// Hexadecimal digits without a prefix. An empty text is 0, as in the kernel's `parse_hex`.
fn hex(digits: &str) -> Option<usize> {
    if digits.is_empty() {
        return Some(0);
    }
    usize::from_str_radix(digits, 16).ok().filter(|_| !digits.starts_with('+'))
}

impl Target for SwitchTarget {
    fn table(&self, _: &Kernel) -> String {
        format!("{:#}", self.table)
    }

    fn io(&mut self, kernel: &mut Kernel, start: u64, mut io: Io<'_>) -> IoResult {
        let size = u64::from(self.table.region_size);
        io.by_blocks(start, size, |at, part| {
            let region = at.checked_div(size).and_then(|region| usize::try_from(region).ok()).ok_or(Errno::EIO)?;
            let path = self.regions.get(region).and_then(|path| self.paths.get(*path)).ok_or(Errno::EIO)?;
            path.io(kernel, at, part)
        })
    }

    fn spans(&self) -> Vec<Span> {
        self.paths.iter().map(|path| path.span(self.length)).collect()
    }

    fn message(&mut self, kernel: &mut Kernel, words: &[String]) -> Option<Answer> {
        let done = match words.split_first() {
            Some((name, mappings)) if name.eq_ignore_ascii_case("set_region_mappings") => {
                self.map_regions(kernel, mappings)
            }
            _ => {
                kernel.log("switch", "Unrecognised message received.");
                Err(Errno::EINVAL)
            }
        };
        Some(done.map(|()| None))
    }
}
