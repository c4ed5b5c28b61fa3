//! The table.
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
    /// How data and tags are kept together.
    pub enum IntegrityMode {
        /// Both are written to a journal first.
        Journal = "J",
        /// A bitmap tells which tags must be calculated anew after a crash.
        Bitmap = "B",
        /// They are not: after a crash tags may be wrong.
        Direct = "D",
        /// Tags are neither checked nor written, to get at the data.
        Recovery = "R",
        /// Tags are stored by the device, in sectors that are larger.
        Inline = "I",
    }
}

options! {
    /// The options of an `integrity` table.
    pub struct IntegrityOptions for IntegrityTable.options {
        /// Holds the tags.
        meta_device(device: impl Into<Device>): Option<Device> = Pair("meta_device"), since (1, 2, 0);
        /// How many bytes have one tag.
        block_size(bytes: u32): Option<u32> = Pair(Limits::new("block_size", 512, 4096).power_of_two());
        /// Tags are calculated anew, in the background, from where it was left off.
        recalculate(): bool = Flag("recalculate"), since (1, 2, 0);
        /// Tags are calculated anew, from the start.
        reset_recalculate(): bool = Flag("reset_recalculate"), since (1, 8, 0);
        /// Discards reach the device.
        allow_discards(): bool = Flag("allow_discards"), since (1, 6, 0);
        /// Discards reach the device although tags are keyed. Once a device has it, it cannot be taken back.
        allow_discards_keyed(): bool = Flag("allow_discards_keyed"), since (1, 14, 0);
        /// The size of the journal, in sectors.
        journal_sectors(sectors: u32): Option<u32> = Pair("journal_sectors");
        /// After how many sectors of data there are tags.
        interleave_sectors(sectors: u32): Option<u32> = Pair("interleave_sectors");
        /// How many sectors one buffer of tags has.
        buffer_sectors(sectors: u32): Option<u32> = Pair("buffer_sectors");
        /// At how many percent the journal is written out.
        journal_watermark(percent: u32): Option<u32> = Pair(Limits::new("journal_watermark", 0, 100));
        /// After how many milliseconds the journal is committed.
        commit_time(milliseconds: u32): Option<u32> = Pair("commit_time");
        /// How many sectors one bit of the bitmap is for.
        sectors_per_bit(sectors: u64): Option<u64> = Pair("sectors_per_bit"), since (1, 3, 0);
        /// After how many milliseconds the bitmap is written.
        bitmap_flush_interval(milliseconds: u32): Option<u32> = Pair("bitmap_flush_interval"), since (1, 3, 0);
        /// Less space is wasted between tags; earlier kernels cannot use such a device.
        fix_padding(): bool = Flag("fix_padding"), since (1, 4, 0);
        /// Keyed hashes also cover the section number and the superblock; earlier kernels cannot use such a device.
        fix_hmac(): bool = Flag("fix_hmac"), since (1, 7, 0);
        /// Tags may be calculated anew although they are keyed, which lets an attacker have his data signed.
        legacy_recalculate(): bool = Flag("legacy_recalculate"), since (1, 7, 0);
        /// Makes the tags; without it they come from above.
        internal_hash(hash: KeyedAlgorithm): Option<KeyedAlgorithm> = Pair("internal_hash");
        /// Encrypts the journal.
        journal_crypt(cipher: KeyedAlgorithm): Option<KeyedAlgorithm> = Pair("journal_crypt");
        /// Authenticates the journal.
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

/// The table of an `integrity` target. Its `Display` shows keys; its `Debug` does not.
///
/// ```
/// use dm_targets::integrity::{IntegrityMode, IntegrityTable, KeyedAlgorithm};
/// use dm_units::{DeviceNumber, Sectors};
///
/// let table = IntegrityTable::new(DeviceNumber::new(254, 32), Sectors(0), None, IntegrityMode::Journal);
/// let table = table.internal_hash(KeyedAlgorithm::new("crc32c")?).block_size(4096);
/// assert_eq!(table.to_string(), "254:32 0 - J 2 block_size:4096 internal_hash:crc32c");
/// # Ok::<(), dm_targets::Problem>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct IntegrityTable {
    /// Holds the data and, without a [`meta_device`](IntegrityOptions::meta_device), the tags.
    pub device: Device,
    /// How much of the device with the tags is skipped at its start.
    pub reserved: Sectors,
    /// The size of a tag in bytes; that of the internal hash where it is not given.
    pub tag_size: Option<u32>,
    /// How data and tags are kept together.
    pub mode: IntegrityMode,
    /// How tags are made and kept.
    pub options: IntegrityOptions,
    spelling: Spelling,
}

impl IntegrityTable {
    /// The data of `device`, with tags of `tag_size` bytes.
    pub fn new(device: impl Into<Device>, reserved: Sectors, tag_size: Option<u32>, mode: IntegrityMode) -> Self {
        let (options, spelling) = (IntegrityOptions::default(), Spelling::default());
        Self { device: device.into(), reserved, tag_size, mode, options, spelling }
    }
}

impl IntegrityTable {
    /// The same without what the kernel prints of itself: what `said` leaves open, and flags that the superblock keeps.
    pub(super) fn reduced_to(&self, said: &Self) -> Self {
        let mut reduced = self.clone();
        let (options, said_options) = (&mut reduced.options, &said.options);
        let numbers = [
            (&mut options.journal_sectors, said_options.journal_sectors),
            (&mut options.interleave_sectors, said_options.interleave_sectors),
            (&mut options.buffer_sectors, said_options.buffer_sectors),
            (&mut options.journal_watermark, said_options.journal_watermark),
            (&mut options.commit_time, said_options.commit_time),
            (&mut options.bitmap_flush_interval, said_options.bitmap_flush_interval),
        ];
        for (printed, said) in numbers {
            *printed = printed.filter(|_| said.is_some());
        }
        options.sectors_per_bit = options.sectors_per_bit.filter(|_| said_options.sectors_per_bit.is_some());
        // 512 is not printed.
        options.block_size = options.block_size.or(said_options.block_size.filter(|bytes| *bytes == 512));
        options.recalculate = said_options.recalculate;
        options.reset_recalculate = said_options.reset_recalculate;
        options.fix_padding = said_options.fix_padding;
        options.fix_hmac = said_options.fix_hmac;
        reduced.tag_size = reduced.tag_size.filter(|_| said.tag_size.is_some());
        reduced
    }
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
