//! The table of an `integrity` target.
//!
//! Kernel: `dm_integrity_ctr`, `get_alg_and_key` and `dm_integrity_status` in `drivers/md/dm-integrity.c`.

use dm_units::Sectors;

use super::KeyedAlgorithm;
use crate::option::keywords::keywords;
use crate::option::{Flag, Pair, options};
use crate::target::spelled;
use crate::text::spelling::{Spelled, Spelling};
use crate::{Device, Fields, Limits, ParseError, Printer, SecretWord};

pub(super) const TAG_SIZE: Limits = Limits::new("tag size", 1, 255);

keywords! {
    exact;
    /// How data and tags are kept consistent after a crash.
    pub enum IntegrityMode {
        /// Data and tags are written to a journal first.
        Journal = "J",
        /// A bitmap records which regions are being written; their tags are recalculated after a crash. Requires an
        /// [`internal_hash`](IntegrityOptions::internal_hash).
        Bitmap = "B",
        /// Data and tags are written directly: after a crash, tags may not match.
        Direct = "D",
        /// Allows only reads and does not check tags, to recover data from a damaged device.
        Recovery = "R",
        /// The device stores the tags itself, in the metadata area of its sectors. Requires an
        /// [`internal_hash`](IntegrityOptions::internal_hash), and excludes a `meta_device`, encryption or
        /// authentication of the journal, and discards.
        Inline = "I",
    }
}

options! {
    /// The optional arguments of an `integrity` target: algorithms, the journal, recalculation, discards, and
    /// compatibility.
    pub struct IntegrityOptions for IntegrityTable.options {
        /// The device that stores the superblock, the journal and the tags, instead of the data device.
        meta_device(device: impl Into<Device>): Option<Device> = Pair("meta_device"), since (1, 2, 0);
        /// The number of data bytes per tag: a power of two from 512 to 4096; 512 if not given.
        block_size(bytes: u32): Option<u32> = Pair(Limits::new("block_size", 512, 4096).power_of_two());
        /// Calculates the tags of existing data in the background, continuing where the last run stopped. Requires an
        /// `internal_hash`.
        recalculate(): bool = Flag("recalculate"), since (1, 2, 0);
        /// Calculates the tags of existing data in the background, starting again from the first sector. Requires an
        /// `internal_hash`.
        reset_recalculate(): bool = Flag("reset_recalculate"), since (1, 8, 0);
        /// Passes discards to the device. Requires an `internal_hash`.
        allow_discards(): bool = Flag("allow_discards"), since (1, 6, 0);
        /// Passes discards to the device although the tags have a key. Requires an `internal_hash` with a key. You
        /// cannot undo this once a device has been used with the option.
        allow_discards_keyed(): bool = Flag("allow_discards_keyed"), since (1, 14, 0);
        /// The size of the journal in sectors when the kernel formats the device; the kernel may round it. By default, 1/128
        /// of the device, at most 131072 (8192 on 32-bit systems).
        journal_sectors(sectors: u32): Option<u32> = Pair("journal_sectors");
        /// The number of sectors of data between two areas of tags when the kernel formats the device; 32768 if not
        /// given. The kernel rounds it down to a power of two from 8 to 2147483648.
        interleave_sectors(sectors: u32): Option<u32> = Pair("interleave_sectors");
        /// The number of sectors of tags in one buffer; 128 if not given. The kernel rounds it down to a power of two,
        /// and reduces it further if the area of the tags is not a multiple of it.
        buffer_sectors(sectors: u32): Option<u32> = Pair("buffer_sectors");
        /// The percentage of the journal, at most 100, that may be used before the journal is flushed; 50 if not given.
        journal_watermark(percent: u32): Option<u32> = Pair(Limits::new("journal_watermark", 0, 100));
        /// The time in milliseconds after which the journal is committed; 10000 if not given.
        commit_time(milliseconds: u32): Option<u32> = Pair("commit_time");
        /// The number of sectors per bit of the bitmap; 32768 if not given. The kernel rounds it down to a power of
        /// two, and raises it if the bitmap would not fit in the space of the journal.
        sectors_per_bit(sectors: u64): Option<u64> = Pair("sectors_per_bit"), since (1, 3, 0);
        /// The time in milliseconds after which the bitmap is written; 10000 if not given. The kernel rounds it up to
        /// whole ticks of its clock (jiffies).
        bitmap_flush_interval(milliseconds: u32): Option<u32> = Pair("bitmap_flush_interval"), since (1, 3, 0);
        /// Uses smaller padding between areas of tags; kernels without this option cannot use such a device.
        fix_padding(): bool = Flag("fix_padding"), since (1, 4, 0);
        /// Includes a salt in keyed tags. A keyed `journal_mac` also covers the superblock and the number of the
        /// journal section. Kernels without this option cannot use such a device.
        fix_hmac(): bool = Flag("fix_hmac"), since (1, 7, 0);
        /// Allows the recalculation of keyed tags in all cases. Without this option, recalculation requires both
        /// `fix_hmac` and a keyed `journal_mac`. With this option, an attacker who changed the data can obtain valid
        /// tags for the changed data.
        legacy_recalculate(): bool = Flag("legacy_recalculate"), since (1, 7, 0);
        /// The algorithm that calculates the tags. Without this option, the layer above supplies the tags.
        internal_hash(hash: KeyedAlgorithm): Option<KeyedAlgorithm> = Pair("internal_hash");
        /// The cipher that encrypts the journal.
        journal_crypt(cipher: KeyedAlgorithm): Option<KeyedAlgorithm> = Pair("journal_crypt");
        /// The algorithm that authenticates the journal.
        journal_mac(hash: KeyedAlgorithm): Option<KeyedAlgorithm> = Pair("journal_mac");
    }
    other {
        /// Options that this crate does not know; they are printed after the others.
        other_options: SecretWord = "option";
    }
    case: Exact;
    count: Required, Limits::new("number of options", 0, 18);
    features: "mode B" since (1, 3, 0), "mode I" since (1, 12, 0);
}

/// The arguments of an `integrity` target: a device, the size of a tag, a mode, and options. Loading it formats a
/// device whose superblock is all zeros, unless the mode is `R`. `Display` prints keys; `Debug` does not.
///
/// ```
/// use dm_targets::integrity::{IntegrityMode, IntegrityTable, KeyedAlgorithm};
/// use dm_targets::{Integrity, Target};
/// use dm_units::{DeviceNumber, Sectors};
///
/// let table = IntegrityTable::new(DeviceNumber::new(254, 32), Sectors(0), None, IntegrityMode::Journal);
/// let table = table.internal_hash(KeyedAlgorithm::new("crc32c")?).block_size(4096);
/// assert_eq!(table.to_string(), "254:32 0 - J 2 block_size:4096 internal_hash:crc32c");
/// assert_eq!(Integrity::parse_table("254:32 0 - J 2 block_size:4096 internal_hash:crc32c")?, table);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct IntegrityTable {
    /// The device for the data and, without a [`meta_device`](IntegrityOptions::meta_device), the tags.
    pub device: Device,
    /// The number of sectors before the superblock, at the start of the device that stores the tags.
    pub reserved: Sectors,
    /// The size of a tag, 1 to 255 bytes; `None` means the size of the
    /// [`internal_hash`](IntegrityOptions::internal_hash).
    pub tag_size: Option<u32>,
    /// How data and tags are kept consistent after a crash.
    pub mode: IntegrityMode,
    /// The optional settings.
    pub options: IntegrityOptions,
    spelling: Spelling,
}

impl IntegrityTable {
    /// Stores data on `device` with tags of `tag_size` bytes. The values are not checked;
    /// [`Integrity::check`](crate::Target::check) does that.
    pub fn new(device: impl Into<Device>, reserved: Sectors, tag_size: Option<u32>, mode: IntegrityMode) -> Self {
        let (options, spelling) = (IntegrityOptions::default(), Spelling::default());
        Self { device: device.into(), reserved, tag_size, mode, options, spelling }
    }
}

impl IntegrityTable {
    /// With what was requested in place of what the kernel may print for it. What was not requested is the kernel's choice,
    /// an option that is not printed has no effect in the mode, and flags may come from the superblock.
    pub(super) fn as_requested(&self, requested: &Self) -> Self {
        let mut table = self.clone();
        let has_few_entries = table.has_few_journal_entries();
        let (printed, wanted) = (&mut table.options, &requested.options);
        // They only apply to a device that the kernel formats.
        printed.journal_sectors = wanted.journal_sectors;
        printed.interleave_sectors = wanted.interleave_sectors;
        replace(&mut printed.buffer_sectors, wanted.buffer_sectors, |printed, wanted| {
            u64::from(printed) <= rounded_down(wanted.into())
        });
        replace(&mut printed.journal_watermark, wanted.journal_watermark, |_, _| has_few_entries);
        replace(&mut printed.commit_time, wanted.commit_time, |_, _| false);
        replace(&mut printed.sectors_per_bit, wanted.sectors_per_bit, |printed, wanted| {
            printed >= rounded_down(wanted)
        });
        // Rounded up to the kernel's clock, which has at least 100 ticks per second.
        replace(&mut printed.bitmap_flush_interval, wanted.bitmap_flush_interval, |printed, wanted| {
            printed.checked_sub(wanted).is_some_and(|more| more < 10)
        });
        // The kernel does not print a block size of 512.
        printed.block_size = printed.block_size.or(wanted.block_size.filter(|bytes| *bytes == 512));
        printed.recalculate = wanted.recalculate;
        printed.reset_recalculate = wanted.reset_recalculate;
        printed.fix_padding = wanted.fix_padding;
        printed.fix_hmac = wanted.fix_hmac;
        table.tag_size = table.tag_size.filter(|_| requested.tag_size.is_some());
        table
    }

    /// Whether the journal may have so few entries that one is more than one percent, to which the watermark is then
    /// rounded. There is at least one entry per block and sector, see `calculate_journal_section_size`.
    fn has_few_journal_entries(&self) -> bool {
        let sectors_per_block = self.options.block_size.unwrap_or(512) >> 9;
        let most = sectors_per_block.saturating_add(1).saturating_mul(100);
        self.options.journal_sectors.is_some_and(|sectors| sectors < most)
    }
}

/// Replaces a printed number by the requested one, unless the kernel prints another number for that.
fn replace<N: Copy>(printed: &mut Option<N>, wanted: Option<N>, may_be_for: impl Fn(N, N) -> bool) {
    if printed.zip(wanted).is_none_or(|(found, wanted)| may_be_for(found, wanted)) {
        *printed = wanted;
    }
}

/// The largest power of two up to `number`, and 1 for 0.
fn rounded_down(number: u64) -> u64 {
    1 << number.max(1).ilog2()
}

impl Spelled for IntegrityTable {
    fn read(fields: &mut Fields<'_>) -> Result<Self, ParseError> {
        let (device, reserved) = (fields.read("device")?, fields.read("reserved sectors")?);
        let tag_size: Option<u32> = fields.read(TAG_SIZE.field())?;
        tag_size.map_or(Ok(()), |size| TAG_SIZE.check(size)).map_err(|invalid| fields.blame(invalid))?;
        let (mode, options) = (fields.read("mode")?, fields.read_options()?);
        fields.ignore_rest()?;
        Ok(Self { device, reserved, tag_size, mode, options, spelling: Spelling::default() })
    }

    fn print(&self, out: &mut Printer<'_, '_>) {
        let Self { device, reserved, tag_size, mode, options, spelling: _ } = self;
        out.put(device).put(reserved).put(tag_size).put(mode).options(options);
    }
}

spelled!(IntegrityTable);
