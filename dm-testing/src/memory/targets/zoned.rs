//! `zoned` (drivers/md/dm-zoned-target.c). Any disk is treated as a formatted zoned one, and sectors are not remapped.

use std::collections::BTreeSet;

use dm_targets::Zoned;
use dm_targets::zoned::ZonedTable;
use dm_units::Sectors;

use super::part::DevicePart;
use super::{Answer, Construction, Target};
use crate::memory::errno::Errno;
use crate::memory::kernel::Kernel;
use crate::memory::kernel::io::{Io, IoResult};
use crate::memory::kernel::table::Span;

/// The length of a zone in sectors: small, so that small disks have several.
const ZONE: u64 = 2048;

#[derive(Debug)]
struct ZonedTarget {
    table: ZonedTable,
    devices: Vec<DevicePart>,
    /// The written zones, as device and zone.
    written: BTreeSet<(usize, u64)>,
}

pub(super) fn construct(construction: &mut Construction<'_>, params: &str) -> Result<Box<dyn Target>, Errno> {
    let mut table = construction.params::<Zoned>(params)?;
    let mut devices = Vec::new();
    for device in std::iter::once(&mut table.first).chain(&mut table.others) {
        devices.push(DevicePart::open(construction, device, Sectors(0), "Get target device failed")?);
    }
    Ok(Box::new(ZonedTarget { table, devices, written: BTreeSet::new() }))
}

impl ZonedTarget {
    /// The number of zones of a device, and how many of them were not written.
    fn zones(&self, kernel: &Kernel, device: usize) -> (u64, u64) {
        let total = self.devices.get(device).map_or(0, |part| part.device_len(kernel).div_ceil(ZONE));
        let written = self.written.iter().filter(|(other, _)| *other == device).count();
        (total, total.saturating_sub(u64::try_from(written).unwrap_or(0)))
    }

    /// The device that contains a sector, the sector on it, and the number of sectors left on that device.
    fn place(&self, kernel: &Kernel, sector: u64) -> Option<(usize, DevicePart, u64, u64)> {
        let mut before = 0_u64;
        for (number, part) in self.devices.iter().enumerate() {
            let length = part.device_len(kernel);
            let at = sector.saturating_sub(before);
            if at < length {
                return Some((number, *part, at, length.saturating_sub(at)));
            }
            before = before.saturating_add(length);
        }
        None
    }
}

impl Target for ZonedTarget {
    fn table(&self, _: &Kernel) -> String {
        format!("{:#}", self.table)
    }

    fn status(&mut self, kernel: &mut Kernel, _: bool) -> String {
        let has_cache = self.devices.len() > 1;
        let all: u64 = (0..self.devices.len()).map(|device| self.zones(kernel, device).0).sum();
        let (cache, free) = if has_cache { self.zones(kernel, 0) } else { (0, 0) };
        let zoned: String = (usize::from(has_cache)..self.devices.len())
            .map(|device| {
                let (total, free) = self.zones(kernel, device);
                format!(" 0/0 random {free}/{total} sequential")
            })
            .collect();
        format!("{all} zones {free}/{cache} cache{zoned}")
    }

    fn io(&mut self, kernel: &mut Kernel, start: u64, mut io: Io<'_>) -> IoResult {
        if io == Io::Flush {
            return self.devices.iter().try_for_each(|part| part.io(kernel, 0, Io::Flush));
        }
        io.by_blocks(start, ZONE, |mut at, mut part| {
            let (mut from, end) = (0, part.sectors());
            while from < end {
                let (number, device, sector, left) = self.place(kernel, at).ok_or(Errno::EIO)?;
                let length = left.min(end.saturating_sub(from));
                if matches!(part, Io::Write(_)) {
                    self.written.insert((number, sector / ZONE));
                }
                match part.part(from, length) {
                    Io::Discard(length) => device.zero(kernel, sector, length)?,
                    io => device.io(kernel, sector, io)?,
                }
                at = at.saturating_add(length);
                from = from.saturating_add(length);
            }
            Ok(())
        })
    }

    fn spans(&self) -> Vec<Span> {
        self.devices.iter().map(|part| part.span(0)).collect()
    }

    /// Also above devices that do not support them, since only the metadata change (`dmz_handle_discard`).
    fn discards(&self, _: &Kernel) -> bool {
        true
    }

    fn message(&mut self, kernel: &mut Kernel, words: &[String]) -> Option<Answer> {
        if words.first().is_some_and(|name| name.eq_ignore_ascii_case("reclaim")) {
            return Some(Ok(None));
        }
        kernel.log("zoned", &format!("unrecognized message {}", words.first().map_or("", String::as_str)));
        Some(Err(Errno::EINVAL))
    }
}
