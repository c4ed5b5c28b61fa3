//! `integrity` (drivers/md/dm-integrity.c) without tags: all data is valid. It is stored in one piece after the
//! superblock and the journal, or from the start of its disk if these are on a metadata device. The space that tags
//! would need stays unused at the end.

use dm_targets::Integrity;
use dm_targets::integrity::{IntegrityMode, IntegrityTable};

use super::marks::{Found, Marks};
use super::part::DevicePart;
use super::{Construction, Target};
use crate::memory::errno::Errno;
use crate::memory::kernel::Kernel;
use crate::memory::kernel::io::{Io, IoResult};
use crate::memory::kernel::table::Span;

/// The length of the superblock in sectors.
const SUPERBLOCK: u64 = 8;

const INTERLEAVE: u32 = 32768;

#[derive(Debug)]
struct IntegrityTarget {
    table: IntegrityTable,
    data: DevicePart,
    length: u64,
    /// The number of sectors that a table can map.
    provided: u64,
}

pub(super) fn construct(construction: &mut Construction<'_>, params: &str) -> Result<Box<dyn Target>, Errno> {
    let mut table = construction.params::<Integrity>(params)?;
    let reserved = table.reserved;
    let main = DevicePart::open(construction, &mut table.device, reserved, "Device lookup failed")?;
    if let IntegrityMode::Other(_) = table.mode {
        return construction.refuse(Errno::EINVAL, "Invalid mode (expecting J, B, D, R, I)");
    }
    construction.only_known(&table.options.other_options, "Invalid argument")?;
    let meta = match &mut table.options.meta_device {
        Some(device) => Some(DevicePart::open(construction, device, reserved, "Device lookup failed")?),
        None => None,
    };
    if table.mode == IntegrityMode::Inline {
        return construction.refuse(Errno::EINVAL, "Integrity profile not supported");
    }
    let Some(tag_size) = table.tag_size.or_else(|| digest_size(&table)) else {
        return construction.refuse(Errno::EINVAL, "Unknown tag size");
    };
    table.tag_size = Some(tag_size);
    let room = main.device_len(construction.kernel);
    let place = meta.unwrap_or(main);
    let marks = Marks::new(place.device, place.start, "integrity");
    let block = u64::from(table.options.block_size.unwrap_or(512));
    let wanted = table.options.journal_sectors.map_or(room / 128, u64::from).clamp(1, 131_072);
    let journal = match marks.read(construction.kernel) {
        Ok(Found::Nothing) => {
            marks
                .write(construction.kernel, &[u64::from(tag_size), block, wanted])
                .or_else(|errno| construction.refuse(errno, "Error initializing superblock"))?;
            wanted
        }
        Ok(Found::Numbers(numbers)) => match numbers.as_slice() {
            [tag, ..] if *tag != u64::from(tag_size) => {
                return construction.refuse(Errno::EINVAL, "Tag size doesn't match the information in superblock");
            }
            [_, other, _] if *other != block => {
                return construction.refuse(Errno::EINVAL, "Block size doesn't match the information in superblock");
            }
            [_, _, journal] => *journal,
            _ => return construction.refuse(Errno::EINVAL, "Unknown version"),
        },
        Ok(Found::Foreign) => return construction.refuse(Errno::EINVAL, "The device is not initialized"),
        Err(errno) => return construction.refuse(errno, "Error reading superblock"),
    };
    fill_in(&mut table, journal, meta.is_some());
    let (start, provided) = if meta.is_some() {
        (0, room)
    } else {
        let start = reserved.0.saturating_add(SUPERBLOCK).saturating_add(journal);
        (start, without_tags(room.saturating_sub(start), u64::from(tag_size), block))
    };
    if construction.length > provided {
        return construction.refuse(Errno::EINVAL, "Not enough provided sectors for requested mapping size");
    }
    let data = DevicePart { device: main.device, start };
    Ok(Box::new(IntegrityTarget { table, data, length: construction.length, provided }))
}

/// The digest size of common algorithms in bytes.
fn digest_size(table: &IntegrityTable) -> Option<u32> {
    let algorithm = table.options.internal_hash.as_ref()?.algorithm();
    let name = algorithm.strip_prefix("hmac(").and_then(|name| name.strip_suffix(')')).unwrap_or(algorithm);
    Some(match name {
        "crc32" | "crc32c" => 4,
        "crc64" | "xxhash64" => 8,
        "md5" => 16,
        "sha1" | "rmd160" => 20,
        "sha224" => 28,
        "sha256" | "sm3" | "blake2b-256" => 32,
        "sha384" => 48,
        "sha512" | "blake2b-512" | "wp512" => 64,
        _ => return None,
    })
}

/// The number of sectors left for data if each block of `block` bytes has a tag.
fn without_tags(sectors: u64, tag_size: u64, block: u64) -> u64 {
    let whole = block.saturating_add(tag_size);
    let units = block >> 9;
    let data = u128::from(sectors).saturating_mul(block.into()).checked_div(whole.into()).unwrap_or(0);
    let data = u64::try_from(data).unwrap_or(0);
    data.saturating_sub(data.checked_rem(units).unwrap_or(0))
}

/// Sets all options, since the kernel prints the values in use.
fn fill_in(table: &mut IntegrityTable, journal: u64, has_meta_device: bool) {
    let options = &mut table.options;
    options.journal_sectors = u32::try_from(journal).ok();
    let interleave = options.interleave_sectors.map_or(INTERLEAVE, |sectors| 1 << sectors.max(8).ilog2());
    options.interleave_sectors = Some(if has_meta_device { 1 } else { interleave });
    options.buffer_sectors = Some(options.buffer_sectors.map_or(128, |sectors| 1 << sectors.max(1).ilog2()));
    match table.mode {
        IntegrityMode::Journal => {
            options.journal_watermark.get_or_insert(50);
            options.commit_time.get_or_insert(10000);
        }
        IntegrityMode::Bitmap => {
            options.sectors_per_bit.get_or_insert(INTERLEAVE.into());
            options.bitmap_flush_interval.get_or_insert(10000);
        }
        _ => {}
    }
    options.block_size = options.block_size.filter(|bytes| *bytes != 512);
}

impl Target for IntegrityTarget {
    fn table(&self, _: &Kernel) -> String {
        format!("{:#}", self.table)
    }

    fn status(&mut self, _: &mut Kernel, _: bool) -> String {
        let options = &self.table.options;
        // Tags are recalculated at once.
        let recalculated = options.recalculate || options.reset_recalculate;
        let recalculated = if recalculated { self.provided.to_string() } else { "-".to_owned() };
        format!("0 {} {recalculated}", self.provided)
    }

    fn io(&mut self, kernel: &mut Kernel, start: u64, io: Io<'_>) -> IoResult {
        let options = &self.table.options;
        let unit = u64::from(options.block_size.unwrap_or(512) >> 9);
        match io {
            Io::Discard(_) if !(options.allow_discards || options.allow_discards_keyed) => {
                Err(Errno::EOPNOTSUPP.into())
            }
            Io::Read(_) | Io::Write(_) if (start | io.sectors()).checked_rem(unit) != Some(0) => Err(Errno::EIO.into()),
            Io::Write(_) if self.table.mode == IntegrityMode::Recovery => Err(Errno::EIO.into()),
            _ => self.data.io(kernel, start, io),
        }
    }

    fn discards(&self, kernel: &Kernel) -> bool {
        (self.table.options.allow_discards || self.table.options.allow_discards_keyed)
            && kernel.discards(self.data.device)
    }

    fn spans(&self) -> Vec<Span> {
        vec![self.data.span(self.length)]
    }
}
