//! The table.
//!
//! Kernel: `dm_integrity_ctr`, `get_alg_and_key` and `dm_integrity_status` in `drivers/md/dm-integrity.c`.

use alloc::vec::Vec;
use core::fmt;

use dm_units::Sectors;

use super::KeyedAlgorithm;
use crate::flags::{Flag, flags};
use crate::keywords::keywords;
use crate::pairs::{read_once, read_once_within, split_pair};
use crate::{Device, Fields, InvalidField, Limits, Params, ParseError, Printer, SecretWord, Value, Word};

const MODE: &str = "mode";
const OPTION: &str = "option";
const JOURNAL_SECTORS: Limits = any_u32("journal_sectors");
const INTERLEAVE_SECTORS: Limits = any_u32("interleave_sectors");
const BUFFER_SECTORS: Limits = any_u32("buffer_sectors");
const COMMIT_TIME: Limits = any_u32("commit_time");
const SECTORS_PER_BIT: Limits = Limits::new("sectors_per_bit", 0, u64::MAX);
const BITMAP_FLUSH_INTERVAL: Limits = any_u32("bitmap_flush_interval");
pub(super) const META_DEVICE: &str = "meta_device";
pub(super) const INTERNAL_HASH: &str = "internal_hash";
pub(super) const JOURNAL_CRYPT: &str = "journal_crypt";
pub(super) const JOURNAL_MAC: &str = "journal_mac";
pub(super) const TAG_SIZE: Limits = Limits::new("tag size", 1, 255);
pub(super) const OPTION_COUNT: Limits = Limits::new("number of options", 0, 18);
pub(super) const BLOCK_SIZE: Limits = Limits::new("block_size", 512, 4096).power_of_two();
pub(super) const JOURNAL_WATERMARK: Limits = Limits::new("journal_watermark", 0, 100);

const fn any_u32(field: &'static str) -> Limits {
    Limits::new(field, 0, u32::MAX as u64)
}

/// The flags that stand before the numbers.
pub(super) const FIRST_FLAGS: [Flag<IntegrityTable>; 4] =
    flags![recalculate, reset_recalculate, allow_discards, allow_discards_keyed];

/// The flags that stand behind them.
const LAST_FLAGS: [Flag<IntegrityTable>; 3] = flags![fix_padding, fix_hmac, legacy_recalculate];

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
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct IntegrityTable {
    /// Holds the data and, without a [`meta_device`](Self::meta_device), the tags.
    pub device: Device,
    /// How much of the device with the tags is skipped at its start.
    pub reserved: Sectors,
    /// The size of a tag in bytes; that of the internal hash where it is not given.
    pub tag_size: Option<u32>,
    /// How data and tags are kept together.
    pub mode: IntegrityMode,
    /// Holds the tags.
    pub meta_device: Option<Device>,
    /// How many bytes have one tag.
    pub block_size: Option<u32>,
    /// Tags are calculated anew, in the background.
    pub recalculate: bool,
    /// They are, and from the start.
    pub reset_recalculate: bool,
    /// Discards reach the device.
    pub allow_discards: bool,
    /// They do although tags are keyed. Once a device has it, it cannot be taken back.
    pub allow_discards_keyed: bool,
    /// The size of the journal, in sectors.
    pub journal_sectors: Option<u32>,
    /// After how many sectors of data there are tags.
    pub interleave_sectors: Option<u32>,
    /// How many sectors one buffer of tags has.
    pub buffer_sectors: Option<u32>,
    /// At how many percent the journal is written out.
    pub journal_watermark: Option<u32>,
    /// After how many milliseconds it is committed.
    pub commit_time: Option<u32>,
    /// How many sectors one bit of the bitmap is for.
    pub sectors_per_bit: Option<u64>,
    /// After how many milliseconds it is written.
    pub bitmap_flush_interval: Option<u32>,
    /// Less space is wasted between tags.
    pub fix_padding: bool,
    /// Keyed hashes also cover the section number and the superblock.
    pub fix_hmac: bool,
    /// Tags may be calculated anew although they are keyed.
    pub legacy_recalculate: bool,
    /// Makes the tags; without it they come from above.
    pub internal_hash: Option<KeyedAlgorithm>,
    /// Encrypts the journal.
    pub journal_crypt: Option<KeyedAlgorithm>,
    /// Authenticates the journal.
    pub journal_mac: Option<KeyedAlgorithm>,
    /// Where `journal_sectors` stands: behind `buffer_sectors`, as of version 1.15.0, or before `interleave_sectors`.
    journal_sectors_behind: bool,
    /// Options that this version does not know; they are printed after the others.
    other_options: Vec<SecretWord>,
    /// Words that the kernel ignores.
    extra: Vec<SecretWord>,
}

impl IntegrityTable {
    /// The data of `device`, with tags of `tag_size` bytes.
    pub fn new(device: impl Into<Device>, reserved: Sectors, tag_size: Option<u32>, mode: IntegrityMode) -> Self {
        Self {
            device: device.into(),
            reserved,
            tag_size,
            mode,
            meta_device: None,
            block_size: None,
            recalculate: false,
            reset_recalculate: false,
            allow_discards: false,
            allow_discards_keyed: false,
            journal_sectors: None,
            interleave_sectors: None,
            buffer_sectors: None,
            journal_watermark: None,
            commit_time: None,
            sectors_per_bit: None,
            bitmap_flush_interval: None,
            fix_padding: false,
            fix_hmac: false,
            legacy_recalculate: false,
            internal_hash: None,
            journal_crypt: None,
            journal_mac: None,
            journal_sectors_behind: false,
            other_options: Vec::new(),
            extra: Vec::new(),
        }
    }

    /// Stores tags on another device.
    #[must_use]
    pub fn meta_device(self, device: impl Into<Device>) -> Self {
        Self { meta_device: Some(device.into()), ..self }
    }

    /// Sets how many bytes have one tag.
    #[must_use]
    pub fn block_size(self, bytes: u32) -> Self {
        Self { block_size: Some(bytes), ..self }
    }

    /// Calculates tags anew, from where it was left off.
    #[must_use]
    pub fn recalculate(self) -> Self {
        Self { recalculate: true, ..self }
    }

    /// Calculates tags anew from the start.
    #[must_use]
    pub fn reset_recalculate(self) -> Self {
        Self { reset_recalculate: true, ..self }
    }

    /// Lets discards reach the device.
    #[must_use]
    pub fn allow_discards(self) -> Self {
        Self { allow_discards: true, ..self }
    }

    /// Lets discards reach the device although tags are keyed, for good.
    #[must_use]
    pub fn allow_discards_keyed(self) -> Self {
        Self { allow_discards_keyed: true, ..self }
    }

    /// Sets the size of the journal.
    #[must_use]
    pub fn journal_sectors(self, sectors: u32) -> Self {
        Self { journal_sectors: Some(sectors), ..self }
    }

    /// Sets after how many sectors of data there are tags.
    #[must_use]
    pub fn interleave_sectors(self, sectors: u32) -> Self {
        Self { interleave_sectors: Some(sectors), ..self }
    }

    /// Sets the size of the buffers for tags.
    #[must_use]
    pub fn buffer_sectors(self, sectors: u32) -> Self {
        Self { buffer_sectors: Some(sectors), ..self }
    }

    /// Sets how full the journal gets before it is written out.
    #[must_use]
    pub fn journal_watermark(self, percent: u32) -> Self {
        Self { journal_watermark: Some(percent), ..self }
    }

    /// Sets how long the journal waits before it is committed.
    #[must_use]
    pub fn commit_time(self, milliseconds: u32) -> Self {
        Self { commit_time: Some(milliseconds), ..self }
    }

    /// Sets how many sectors one bit of the bitmap is for.
    #[must_use]
    pub fn sectors_per_bit(self, sectors: u64) -> Self {
        Self { sectors_per_bit: Some(sectors), ..self }
    }

    /// Sets how long the bitmap waits before it is written.
    #[must_use]
    pub fn bitmap_flush_interval(self, milliseconds: u32) -> Self {
        Self { bitmap_flush_interval: Some(milliseconds), ..self }
    }

    /// Wastes less space between tags; earlier kernels cannot use such a device.
    #[must_use]
    pub fn fix_padding(self) -> Self {
        Self { fix_padding: true, ..self }
    }

    /// Covers the section number and the superblock with the hash; earlier kernels cannot use such a device.
    #[must_use]
    pub fn fix_hmac(self) -> Self {
        Self { fix_hmac: true, ..self }
    }

    /// Lets tags be calculated anew although they are keyed, which lets an attacker have his data signed.
    #[must_use]
    pub fn legacy_recalculate(self) -> Self {
        Self { legacy_recalculate: true, ..self }
    }

    /// Sets what makes the tags.
    #[must_use]
    pub fn internal_hash(self, hash: KeyedAlgorithm) -> Self {
        Self { internal_hash: Some(hash), ..self }
    }

    /// Encrypts the journal.
    #[must_use]
    pub fn journal_crypt(self, cipher: KeyedAlgorithm) -> Self {
        Self { journal_crypt: Some(cipher), ..self }
    }

    /// Authenticates the journal.
    #[must_use]
    pub fn journal_mac(self, hash: KeyedAlgorithm) -> Self {
        Self { journal_mac: Some(hash), ..self }
    }

    /// The options that this version does not know.
    #[must_use]
    pub fn other_options(&self) -> &[SecretWord] {
        &self.other_options
    }

    fn read_option(&mut self, word: Word<'_>) -> Result<(), InvalidField> {
        let invalid = |problem| InvalidField::new(OPTION, problem);
        if Flag::set_exact(&FIRST_FLAGS, self, word).map_err(invalid)?
            || Flag::set_exact(&LAST_FLAGS, self, word).map_err(invalid)?
        {
            return Ok(());
        }
        let Some((name, value)) = split_pair(word) else { return self.keep_option(word) };
        match name {
            META_DEVICE => read_once(&mut self.meta_device, META_DEVICE, value),
            "block_size" => read_once_within(&mut self.block_size, &BLOCK_SIZE, value),
            "journal_sectors" => {
                self.journal_sectors_behind = self.interleave_sectors.is_some() || self.buffer_sectors.is_some();
                read_once_within(&mut self.journal_sectors, &JOURNAL_SECTORS, value)
            }
            "interleave_sectors" => read_once_within(&mut self.interleave_sectors, &INTERLEAVE_SECTORS, value),
            "buffer_sectors" => read_once_within(&mut self.buffer_sectors, &BUFFER_SECTORS, value),
            "journal_watermark" => read_once_within(&mut self.journal_watermark, &JOURNAL_WATERMARK, value),
            "commit_time" => read_once_within(&mut self.commit_time, &COMMIT_TIME, value),
            "sectors_per_bit" => read_once_within(&mut self.sectors_per_bit, &SECTORS_PER_BIT, value),
            "bitmap_flush_interval" => read_once_within(&mut self.bitmap_flush_interval, &BITMAP_FLUSH_INTERVAL, value),
            INTERNAL_HASH => read_once(&mut self.internal_hash, INTERNAL_HASH, value),
            JOURNAL_CRYPT => read_once(&mut self.journal_crypt, JOURNAL_CRYPT, value),
            JOURNAL_MAC => read_once(&mut self.journal_mac, JOURNAL_MAC, value),
            _ => self.keep_option(word),
        }
    }

    fn keep_option(&mut self, word: Word<'_>) -> Result<(), InvalidField> {
        let kept = SecretWord::read(word).map_err(|problem| InvalidField::new(OPTION, problem))?;
        self.other_options.push(kept);
        Ok(())
    }

    pub(super) fn option_count(&self) -> usize {
        let pairs = [
            self.meta_device.is_some(),
            self.block_size.is_some(),
            self.journal_sectors.is_some(),
            self.interleave_sectors.is_some(),
            self.buffer_sectors.is_some(),
            self.journal_watermark.is_some(),
            self.commit_time.is_some(),
            self.sectors_per_bit.is_some(),
            self.bitmap_flush_interval.is_some(),
            self.internal_hash.is_some(),
            self.journal_crypt.is_some(),
            self.journal_mac.is_some(),
        ];
        let pairs = pairs.into_iter().filter(|given| *given).count();
        let flags = Flag::count(&FIRST_FLAGS, self, &[]).saturating_add(Flag::count(&LAST_FLAGS, self, &[]));
        pairs.saturating_add(flags).saturating_add(self.other_options.len())
    }

    fn print_options(&self, out: &mut Printer<'_, '_>) {
        let [before, behind] =
            if self.journal_sectors_behind { [None, self.journal_sectors] } else { [self.journal_sectors, None] };
        out.pair(META_DEVICE, &self.meta_device).pair(BLOCK_SIZE.field(), &self.block_size);
        out.words(&FIRST_FLAGS, self);
        out.pair(JOURNAL_SECTORS.field(), &before);
        out.pair(INTERLEAVE_SECTORS.field(), &self.interleave_sectors);
        out.pair(BUFFER_SECTORS.field(), &self.buffer_sectors);
        out.pair(JOURNAL_SECTORS.field(), &behind);
        out.pair(JOURNAL_WATERMARK.field(), &self.journal_watermark);
        out.pair(COMMIT_TIME.field(), &self.commit_time);
        out.pair(SECTORS_PER_BIT.field(), &self.sectors_per_bit);
        out.pair(BITMAP_FLUSH_INTERVAL.field(), &self.bitmap_flush_interval);
        out.words(&LAST_FLAGS, self);
        out.pair(INTERNAL_HASH, &self.internal_hash);
        out.pair(JOURNAL_CRYPT, &self.journal_crypt).pair(JOURNAL_MAC, &self.journal_mac);
        out.all(&self.other_options);
    }
}

impl Params for IntegrityTable {
    fn parse(fields: &mut Fields<'_>) -> Result<Self, ParseError> {
        let device: Device = fields.read("device")?;
        let reserved = fields.read("reserved sectors")?;
        let tag_size: Option<u32> = fields.read(TAG_SIZE.field())?;
        tag_size.map_or(Ok(()), |size| TAG_SIZE.check(size)).map_err(|invalid| fields.blame(invalid))?;
        let mut table = Self::new(device, reserved, tag_size, fields.read(MODE)?);
        let mut options = fields.read_group(OPTION_COUNT.field())?;
        while let Some(word) = options.next_word() {
            table.read_option(word).map_err(|invalid| options.blame(invalid))?;
        }
        table.extra = SecretWord::read_rest(fields, "ignored words")?;
        Ok(table)
    }
}

impl fmt::Display for IntegrityTable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut out = Printer::new(f);
        out.put(&self.device).put(&self.reserved).put(&self.tag_size).put(&self.mode);
        out.count(self.option_count());
        self.print_options(&mut out);
        out.all(&self.extra).end()
    }
}
