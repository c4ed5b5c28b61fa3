//! `vdo` (drivers/md/dm-vdo). Any disk is treated as a formatted volume. Data is neither deduplicated nor compressed:
//! block n of the device is block n of the disk.

mod stats;

use std::collections::BTreeSet;

use dm_targets::vdo::{VdoIndexMemory, VdoOptions, VdoTable};
use dm_targets::{Vdo, WordBuf};
use dm_units::Sectors;

use super::part::DevicePart;
use super::{Answer, Construction, Target};
use crate::memory::errno::Errno;
use crate::memory::kernel::Kernel;
use crate::memory::kernel::io::{Io, IoResult};

/// The length of a block in sectors.
const BLOCK: u64 = 8;

/// The number of blocks for the volume's metadata; a small disk has fewer.
fn overhead(physical: u64) -> u64 {
    1000.min(physical / 4)
}

#[derive(Debug)]
struct VdoTarget {
    /// With the device as the table gave it, since it is printed unchanged.
    table: VdoTable,
    part: DevicePart,
    node: String,
    length: u64,
    index: &'static str,
    compresses: bool,
    /// The blocks that contain data.
    used: BTreeSet<u64>,
}

pub(super) fn construct(construction: &mut Construction<'_>, params: &str) -> Result<Box<dyn Target>, Errno> {
    let table = construction.params::<Vdo>(params)?;
    check_options(construction, &table.options)?;
    let part = DevicePart::open(construction, &mut table.device.clone(), Sectors(0), "Unable to open storage device");
    // A device that cannot be opened counts as a fault of the params.
    let part = part.map_err(|_| Errno::EINVAL)?;
    let disk = construction.kernel.disks.get(&part.device).map(|disk| disk.name.clone());
    let node = format!("/dev/{}", disk.unwrap_or_else(|| format!("dm-{}", part.device.minor)));
    let has_index = table.options.deduplication.unwrap_or(true);
    Ok(Box::new(VdoTarget {
        compresses: table.options.compression.unwrap_or(false),
        index: if has_index { "online" } else { "closed" },
        table,
        part,
        node,
        length: construction.length,
        used: BTreeSet::new(),
    }))
}

/// Checks the options that the kernel does not know: it ignores those with a whole number, and refuses others
/// (`parse_one_key_value_pair`). The library knows more options than this version.
fn check_options(construction: &mut Construction<'_>, options: &VdoOptions) -> Result<(), Errno> {
    let later = [
        options.index_sparse.map(|is_sparse| if is_sparse { "on" } else { "off" }),
        options.index_memory.and_then(|memory| match memory {
            VdoIndexMemory::Quarter => Some("0.25"),
            VdoIndexMemory::Half => Some("0.50"),
            VdoIndexMemory::ThreeQuarters => Some("0.75"),
            VdoIndexMemory::Gib(_) => None,
        }),
    ];
    let others = options.other.chunks_exact(2).filter_map(|pair| pair.last()).map(WordBuf::as_str);
    let Some(value) = later.into_iter().flatten().chain(others).find(|value| value.parse::<u32>().is_err()) else {
        return Ok(());
    };
    let text = format!("optional config string error: integer value needed, found \"{value}\"");
    construction.kernel.log("vdo", &text);
    construction.refuse(Errno::EINVAL, "Invalid optional argument configuration")
}

impl VdoTarget {
    /// The number of blocks of the disk, for data and the volume's metadata.
    fn physical_blocks(&self, kernel: &Kernel) -> u64 {
        match self.table.physical_blocks.0 {
            0 => self.part.device_len(kernel) / BLOCK,
            blocks => blocks,
        }
    }

    fn used(&self) -> u64 {
        u64::try_from(self.used.len()).unwrap_or(u64::MAX)
    }

    fn config(&self, kernel: &Kernel) -> String {
        let (physical, logical) = (self.physical_blocks(kernel).saturating_mul(4096), self.length.saturating_mul(512));
        let index = "index :  { memorySize : 0.25, isSparse : 0, }";
        format!("{{ version : 1, physicalSize : {physical}, logicalSize : {logical}, slabSize : 524288, {index}, }}")
    }

    /// As `process_vdo_message`.
    fn handle(&mut self, kernel: &mut Kernel, words: &[String]) -> Answer {
        let words: Vec<String> = words.iter().map(|word| word.to_ascii_lowercase()).collect();
        match words.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
            ["stats"] => return Ok(Some(stats::text(self.used(), self.physical_blocks(kernel), self.length / BLOCK))),
            ["config"] => return Ok(Some(self.config(kernel))),
            ["dump", ..] | ["dump-on-shutdown"] => {}
            ["index-close"] => self.index = "closed",
            ["index-disable"] => self.index = "offline",
            ["index-create" | "index-enable"] => self.index = "online",
            ["compression", "on"] => self.compresses = true,
            ["compression", "off"] => self.compresses = false,
            ["compression", value] => {
                kernel.log("vdo", &format!("invalid argument '{value}' to dmsetup compression message"));
                return Err(Errno::EINVAL);
            }
            _ => {
                let name = words.first().map_or("", String::as_str);
                kernel.log("vdo", &format!("unrecognized dmsetup message '{name}' received"));
                return Err(Errno::EINVAL);
            }
        }
        Ok(None)
    }
}

impl Target for VdoTarget {
    fn table(&self, _: &Kernel) -> String {
        format!("{:#}", self.table)
    }

    fn status(&mut self, kernel: &mut Kernel, _: bool) -> String {
        let total = self.physical_blocks(kernel);
        let used = overhead(total).saturating_add(self.used()).min(total);
        let compression = if self.compresses { "online" } else { "offline" };
        format!("{} normal - {} {compression} {used} {total}", self.node, self.index)
    }

    fn io(&mut self, kernel: &mut Kernel, start: u64, mut io: Io<'_>) -> IoResult {
        let room = self.part.device_len(kernel);
        io.by_blocks(start, BLOCK, |at, mut part| {
            let block = at / BLOCK;
            let is_inside = at.saturating_add(part.sectors()) <= room;
            match &mut part {
                Io::Read(data) if !is_inside => {
                    data.fill(0);
                    return Ok(());
                }
                Io::Write(_) if !is_inside => return Err(Errno::ENOSPC.into()),
                Io::Discard(_) if !is_inside => return Ok(()),
                Io::Write(_) => {
                    self.used.insert(block);
                }
                Io::Discard(length) => {
                    if *length == BLOCK {
                        self.used.remove(&block);
                    }
                    return self.part.zero(kernel, at, *length);
                }
                _ => {}
            }
            self.part.io(kernel, at, part)
        })?;
        if io == Io::Flush { self.part.io(kernel, 0, io) } else { Ok(()) }
    }

    fn message(&mut self, kernel: &mut Kernel, words: &[String]) -> Option<Answer> {
        Some(self.handle(kernel, words))
    }

    fn presuspend(&mut self, _: &mut Kernel, _: bool) {
        if self.index == "online" {
            self.index = "suspended";
        }
    }

    fn resume(&mut self, _: &mut Kernel) {
        if self.index == "suspended" {
            self.index = "online";
        }
    }
}
