//! `dust` (drivers/md/dm-dust.c).

use std::collections::BTreeMap;

use dm_targets::Dust;
use dm_targets::dust::DustTable;

use super::part::DevicePart;
use super::{Answer, Construction, Target};
use crate::memory::errno::Errno;
use crate::memory::kernel::Kernel;
use crate::memory::kernel::io::{Io, IoResult};
use crate::memory::kernel::table::Span;
use crate::memory::text::{number, number_u32};

#[derive(Debug)]
struct DustTarget {
    table: DustTable,
    part: DevicePart,
    length: u64,
    /// The length of a block in sectors.
    block: u64,
    /// The number of writes that still fail, by bad block. Blocks are counted from the start of the device.
    bad: BTreeMap<u64, u64>,
    fails: bool,
    is_quiet: bool,
}

pub(super) fn construct(construction: &mut Construction<'_>, params: &str) -> Result<Box<dyn Target>, Errno> {
    let mut table = construction.params::<Dust>(params)?;
    let part = DevicePart::open(construction, &mut table.device, table.offset, "Device lookup failed")?;
    let (length, block) = (construction.length, u64::from(table.block_size >> 9));
    Ok(Box::new(DustTarget { table, part, length, block, bad: BTreeMap::new(), fails: false, is_quiet: false }))
}

impl DustTarget {
    fn block_of(&self, at: u64) -> u64 {
        self.part.start.saturating_add(at).checked_div(self.block).unwrap_or(0)
    }

    /// Returns whether a write to a bad block fails. If it does not, the block is good afterwards (`__dust_map_write`).
    fn fails_write(&mut self, block: u64) -> bool {
        match self.bad.get_mut(&block) {
            Some(left) if *left > 0 => {
                *left = left.saturating_sub(1);
                true
            }
            Some(_) => {
                self.bad.remove(&block);
                false
            }
            None => false,
        }
    }

    /// As `dust_message`.
    fn handle(&mut self, kernel: &mut Kernel, words: &[String]) -> Answer {
        let refuse = |kernel: &mut Kernel, reason: String| {
            kernel.log("dust", &reason);
            Err(Errno::EINVAL)
        };
        let name = words.first().map(|name| name.to_ascii_lowercase()).unwrap_or_default();
        let count = words.len();
        if count == 1 {
            match name.as_str() {
                "addbadblock" | "removebadblock" | "queryblock" => {
                    return refuse(kernel, format!("{name} requires an additional argument"));
                }
                "disable" => self.fails = false,
                "enable" => self.fails = true,
                "quiet" => self.is_quiet = !self.is_quiet,
                "countbadblocks" => return Ok(Some(format!("countbadblocks: {} badblock(s) found", self.bad.len()))),
                "clearbadblocks" => return Ok(Some(self.clear())),
                "listbadblocks" => return Ok(Some(self.list())),
                _ => return refuse(kernel, format!("unrecognized message '{name}' received")),
            }
            return Ok(None);
        }
        if count > 3 {
            return refuse(kernel, format!("invalid number of arguments '{count}'"));
        }
        let block = words.get(1).and_then(|word| number(word)).ok_or(Errno::EINVAL)?;
        let failures = words.get(2).map_or(Some(0), |word| number_u32(word)).ok_or(Errno::EINVAL)?;
        if failures > 255 {
            return refuse(kernel, "selected write fail count out of range".to_owned());
        }
        // As in the kernel, the number after the last block is accepted.
        if block > self.part.device_len(kernel).checked_div(self.block).unwrap_or(0) {
            return refuse(kernel, "selected block value out of range".to_owned());
        }
        let is_bad = self.bad.contains_key(&block);
        match (name.as_str(), count, is_bad) {
            ("addbadblock", _, false) => self.bad.insert(block, failures.into()),
            ("removebadblock", 2, true) => self.bad.remove(&block),
            ("queryblock", 2, _) => {
                let found = if is_bad { "found" } else { "not found" };
                return Ok(Some(format!("dust_query_block: block {block} {found} in badblocklist")));
            }
            ("addbadblock", ..) => {
                return refuse(kernel, format!("dust_add_block: block {block} already in badblocklist"));
            }
            ("removebadblock", 2, _) => {
                return refuse(kernel, format!("dust_remove_block: block {block} not found in badblocklist"));
            }
            _ => return refuse(kernel, format!("unrecognized message '{name}' received")),
        };
        Ok(None)
    }

    fn clear(&mut self) -> String {
        let what = if self.bad.is_empty() { "no badblocks found" } else { "badblocks cleared" };
        self.bad.clear();
        format!("dust_clear_badblocks: {what}")
    }

    fn list(&self) -> String {
        if self.bad.is_empty() {
            return "No blocks in badblocklist".to_owned();
        }
        self.bad.keys().map(|block| format!("{block}\n")).collect()
    }
}

impl Target for DustTarget {
    fn table(&self, _: &Kernel) -> String {
        format!("{:#}", self.table)
    }

    fn status(&mut self, _: &mut Kernel, _: bool) -> String {
        let reads = if self.fails { "fail_read_on_bad_block" } else { "bypass" };
        let log = if self.is_quiet { "quiet" } else { "verbose" };
        format!("{} {reads} {log}", self.part.device)
    }

    fn io(&mut self, kernel: &mut Kernel, start: u64, mut io: Io<'_>) -> IoResult {
        if io == Io::Flush || !self.fails {
            return self.part.io(kernel, start, io);
        }
        io.by_blocks(start, self.block, |at, part| {
            let block = self.block_of(at);
            let fails = match part {
                Io::Read(_) => self.bad.contains_key(&block),
                _ => self.fails_write(block),
            };
            if fails { Err(Errno::EIO.into()) } else { self.part.io(kernel, at, part) }
        })
    }

    fn spans(&self) -> Vec<Span> {
        vec![self.part.span(self.length)]
    }

    fn message(&mut self, kernel: &mut Kernel, words: &[String]) -> Option<Answer> {
        Some(self.handle(kernel, words))
    }
}
