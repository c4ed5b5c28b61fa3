//! The table.
//!
//! Kernel: `verity_ctr`, `verity_parse_opt_args` and `verity_status` in `drivers/md/dm-verity-target.c`.

use alloc::vec::Vec;
use core::fmt;

use dm_units::DataBlocks;

use super::fec::{FecOptions, read_value};
use super::{Hex, VerityFec};
use crate::flags::{Flag, flags};
use crate::{Device, Fields, Limits, Params, ParseError, Printer, Problem, Value, Word, WordBuf};

const OPTION: &str = "option";
pub(super) const SIG_KEY: &str = "root_hash_sig_key_desc";
pub(super) const VERSION: Limits = Limits::new("version", 0, 1);
pub(super) const DATA_BLOCK: Limits = Limits::new("data block size", 512, 1 << 30).power_of_two();
pub(super) const HASH_BLOCK: Limits = Limits::new("hash block size", 512, 1 << 30).power_of_two();
pub(super) const OPTION_COUNT: Limits = Limits::new("number of options", 0, 15);

const FLAGS: [Flag<VerityTable>; 3] = flags![ignore_zero_blocks, check_at_most_once, try_verify_in_tasklet];

/// A device of a `verity` target and the size of its blocks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VerityDevice {
    /// The device.
    pub device: Device,
    /// The size of its blocks, in bytes.
    pub block_size: u32,
}

impl VerityDevice {
    /// Blocks of `block_size` bytes on `device`.
    pub fn new(device: impl Into<Device>, block_size: u32) -> Self {
        Self { device: device.into(), block_size }
    }
}

/// What happens when a block does not have the right hash; without it, reading fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum OnCorruption {
    /// It is logged, and the data is given out.
    Ignore,
    /// The machine restarts.
    Restart,
    /// The kernel panics.
    Panic,
}

/// What happens when a block cannot be read; without it, reading fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum OnError {
    /// The machine restarts.
    Restart,
    /// The kernel panics.
    Panic,
}

const ON_CORRUPTION: [(OnCorruption, &str); 3] = [
    (OnCorruption::Ignore, "ignore_corruption"),
    (OnCorruption::Restart, "restart_on_corruption"),
    (OnCorruption::Panic, "panic_on_corruption"),
];

const ON_ERROR: [(OnError, &str); 2] = [(OnError::Restart, "restart_on_error"), (OnError::Panic, "panic_on_error")];

/// The word of a reaction, if there is one.
fn reaction_word<T: PartialEq>(words: &[(T, &'static str)], reaction: Option<&T>) -> Option<&'static str> {
    words.iter().find(|(candidate, _)| Some(candidate) == reaction).map(|(_, word)| *word)
}

/// Sets the reaction that `word` is. `Ok(false)` if it is none; the kernel takes but one.
fn set_reaction<T: Copy + PartialEq>(
    slot: &mut Option<T>,
    words: &[(T, &'static str)],
    word: Word<'_>,
) -> Result<bool, Problem> {
    let Some((reaction, _)) = words.iter().find(|(_, candidate)| word.is(candidate)) else { return Ok(false) };
    if let Some(other) = reaction_word(words, slot.as_ref()) {
        return Err(Problem::Conflict(other));
    }
    *slot = Some(*reaction);
    Ok(true)
}

/// The table of a `verity` target, which must be loaded read-only.
///
/// ```
/// use dm_targets::WordBuf;
/// use dm_targets::verity::{Hex, VerityDevice, VerityTable};
/// use dm_units::{DataBlocks, DeviceNumber};
///
/// let data = VerityDevice::new(DeviceNumber::new(254, 0), 4096);
/// let hash = VerityDevice::new(DeviceNumber::new(254, 16), 4096);
/// let digest = Hex::new("00ff")?;
/// let table = VerityTable::new(1, data, hash, DataBlocks(8192), 1, WordBuf::new("sha256")?, digest).ignore_zero_blocks();
/// assert_eq!(table.to_string(), "1 254:0 254:16 4096 4096 8192 1 sha256 00ff - 1 ignore_zero_blocks");
/// # Ok::<(), dm_targets::Problem>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct VerityTable {
    /// 1, or 0 for the layout of Chromium OS.
    pub version: u32,
    /// Holds the data.
    pub data: VerityDevice,
    /// Holds the hashes.
    pub hash: VerityDevice,
    /// How many blocks of data there are.
    pub data_blocks: DataBlocks,
    /// Where the hashes start, in hash blocks.
    pub hash_start: u64,
    /// What makes the hashes.
    pub algorithm: WordBuf,
    /// The hash at the root of the tree.
    pub digest: Hex,
    /// What is hashed with each block.
    pub salt: Option<Hex>,
    /// What happens when a block does not have the right hash.
    pub on_corruption: Option<OnCorruption>,
    /// What happens when a block cannot be read.
    pub on_error: Option<OnError>,
    /// Blocks that should be zero are not read at all.
    pub ignore_zero_blocks: bool,
    /// Blocks are checked when they are read for the first time only.
    pub check_at_most_once: bool,
    /// Blocks whose hashes are in memory are checked at once.
    pub try_verify_in_tasklet: bool,
    /// Error correction.
    pub fec: Option<VerityFec>,
    /// What the key is called, in the keyring of the user, that holds the signature of the digest.
    pub root_hash_sig_key_desc: Option<WordBuf>,
    /// Options that this version does not know; they are printed after the others.
    pub other_options: Vec<WordBuf>,
    /// There is a count of options, although it is 0.
    counts_none: bool,
    /// Words that the kernel ignores; never without a count of options.
    extra: Vec<WordBuf>,
}

impl VerityTable {
    /// The data with that hash at the root, without salt.
    pub fn new(
        version: u32,
        data: VerityDevice,
        hash: VerityDevice,
        data_blocks: DataBlocks,
        hash_start: u64,
        algorithm: WordBuf,
        digest: Hex,
    ) -> Self {
        Self {
            version,
            data,
            hash,
            data_blocks,
            hash_start,
            algorithm,
            digest,
            salt: None,
            on_corruption: None,
            on_error: None,
            ignore_zero_blocks: false,
            check_at_most_once: false,
            try_verify_in_tasklet: false,
            fec: None,
            root_hash_sig_key_desc: None,
            other_options: Vec::new(),
            counts_none: false,
            extra: Vec::new(),
        }
    }

    /// Sets what is hashed with each block.
    #[must_use]
    pub fn salt(self, salt: Hex) -> Self {
        Self { salt: Some(salt), ..self }
    }

    /// Sets what happens when a block does not have the right hash.
    #[must_use]
    pub fn on_corruption(self, reaction: OnCorruption) -> Self {
        Self { on_corruption: Some(reaction), ..self }
    }

    /// Sets what happens when a block cannot be read.
    #[must_use]
    pub fn on_error(self, reaction: OnError) -> Self {
        Self { on_error: Some(reaction), ..self }
    }

    /// Gives out zeros for blocks that should be zero, without reading them.
    #[must_use]
    pub fn ignore_zero_blocks(self) -> Self {
        Self { ignore_zero_blocks: true, ..self }
    }

    /// Checks blocks when they are read for the first time only.
    #[must_use]
    pub fn check_at_most_once(self) -> Self {
        Self { check_at_most_once: true, ..self }
    }

    /// Checks blocks at once if their hashes are in memory.
    #[must_use]
    pub fn try_verify_in_tasklet(self) -> Self {
        Self { try_verify_in_tasklet: true, ..self }
    }

    /// Corrects errors.
    #[must_use]
    pub fn fec(self, fec: VerityFec) -> Self {
        Self { fec: Some(fec), ..self }
    }

    /// Wants the digest signed; the signature is a key in the keyring of the user, with this description.
    #[must_use]
    pub fn root_hash_sig_key_desc(self, description: WordBuf) -> Self {
        Self { root_hash_sig_key_desc: Some(description), ..self }
    }

    fn read_options(&mut self, options: &mut Fields<'_>) -> Result<(), ParseError> {
        let mut fec = FecOptions::default();
        while let Some(word) = options.next_word() {
            let blame = |problem| options.error(OPTION, problem);
            let known = set_reaction(&mut self.on_corruption, &ON_CORRUPTION, word).map_err(blame)?
                || set_reaction(&mut self.on_error, &ON_ERROR, word).map_err(blame)?
                || Flag::set(&FLAGS, self, word).map_err(blame)?;
            if known || fec.read(word, options)? {
                continue;
            }
            if word.is(SIG_KEY) {
                read_value(options, &mut self.root_hash_sig_key_desc, SIG_KEY)?;
            } else {
                self.other_options.push(WordBuf::read(word).map_err(|problem| options.error(OPTION, problem))?);
            }
        }
        self.fec = fec.finish().map_err(|invalid| options.blame(invalid))?;
        Ok(())
    }

    /// How many words the options are.
    pub(super) fn option_count(&self) -> usize {
        let words = [
            usize::from(self.on_corruption.is_some()),
            usize::from(self.on_error.is_some()),
            self.fec.as_ref().map_or(0, VerityFec::word_count),
            if self.root_hash_sig_key_desc.is_some() { 2 } else { 0 },
            Flag::count(&FLAGS, self, &self.other_options),
        ];
        words.into_iter().sum()
    }

    fn print_options(&self, out: &mut Printer<'_, '_>) {
        let count = self.option_count();
        if count == 0 && !self.counts_none {
            return;
        }
        out.count(count);
        let reactions = [
            reaction_word(&ON_CORRUPTION, self.on_corruption.as_ref()),
            reaction_word(&ON_ERROR, self.on_error.as_ref()),
        ];
        for word in reactions.into_iter().flatten() {
            out.word(word);
        }
        out.words(&FLAGS, self);
        if let Some(fec) = &self.fec {
            fec.print(out);
        }
        if let Some(description) = &self.root_hash_sig_key_desc {
            out.word(SIG_KEY).put(description);
        }
        out.all(&self.other_options).all(&self.extra);
    }
}

impl Params for VerityTable {
    fn parse(fields: &mut Fields<'_>) -> Result<Self, ParseError> {
        let version = fields.read_within(&VERSION)?;
        let data: Device = fields.read("data device")?;
        let hash: Device = fields.read("hash device")?;
        let mut table = Self::new(
            version,
            VerityDevice::new(data, fields.read_within(&DATA_BLOCK)?),
            VerityDevice::new(hash, fields.read_within(&HASH_BLOCK)?),
            fields.read("data blocks")?,
            fields.read("hash start")?,
            fields.read("algorithm")?,
            fields.read("digest")?,
        );
        table.salt = fields.read("salt")?;
        let counted = !fields.is_empty();
        let mut options = fields.read_optional_group(OPTION_COUNT.field())?;
        table.counts_none = counted && options.is_empty();
        table.read_options(&mut options)?;
        table.extra = fields.read_rest("ignored words")?;
        Ok(table)
    }
}

impl fmt::Display for VerityTable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut out = Printer::new(f);
        out.put(&self.version).put(&self.data.device).put(&self.hash.device);
        out.put(&self.data.block_size).put(&self.hash.block_size).put(&self.data_blocks).put(&self.hash_start);
        out.put(&self.algorithm).put(&self.digest).put(&self.salt);
        self.print_options(&mut out);
        out.end()
    }
}
