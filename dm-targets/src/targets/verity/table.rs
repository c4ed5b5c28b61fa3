//! The table of a `verity` target.
//!
//! Kernel: `verity_ctr`, `verity_parse_opt_args` and `verity_status` in `drivers/md/dm-verity-target.c`,
//! `verity_fec_parse_opt_args` and `verity_fec_status_table` in `drivers/md/dm-verity-fec.c`.

use dm_units::DataBlocks;

use super::{FEC_BLOCKS, FEC_DEVICE, FEC_ROOTS, FEC_START, Hex, check_fec_is_complete};
use crate::option::{Argument, Flag, OneOf, options};
use crate::target::spelled;
use crate::text::spelling::{Spelled, Spelling};
use crate::{Device, Fields, Limits, ParseError, Printer, WordBuf};

pub(super) const VERSION: Limits = Limits::new("version", 0, 1);
pub(super) const DATA_BLOCK: Limits = Limits::new("data block size", 512, 1 << 30).power_of_two();
pub(super) const HASH_BLOCK: Limits = Limits::new("hash block size", 512, 1 << 30).power_of_two();

/// A data or hash device, and the size of its blocks.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct VerityDevice {
    /// The device that holds the data or the hashes.
    pub device: Device,
    /// The size of a block in bytes: a power of two from 512 to 2^30, at least the logical block size of the device;
    /// for data, at most a page.
    pub block_size: u32,
}

impl VerityDevice {
    /// A device with blocks of `block_size` bytes.
    pub fn new(device: impl Into<Device>, block_size: u32) -> Self {
        Self { device: device.into(), block_size }
    }
}

/// What the target does if a block fails verification, instead of failing the read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum OnCorruption {
    /// Logs the error, at most 100 times, and returns the corrupted data.
    Ignore,
    /// Restarts the machine.
    Restart,
    /// Panics the kernel.
    Panic,
}

/// What the target does if a block cannot be read, instead of failing the read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum OnError {
    /// Restarts the machine.
    Restart,
    /// Panics the kernel.
    Panic,
}

options! {
    /// How a `verity` target verifies blocks, and what it does with bad ones.
    pub struct VerityOptions for VerityTable.options {
        /// The reaction to a block that fails verification; without it, the read fails.
        on_corruption(reaction: OnCorruption): Option<OnCorruption> = OneOf(&[
            ("ignore_corruption", OnCorruption::Ignore),
            ("restart_on_corruption", OnCorruption::Restart),
            ("panic_on_corruption", OnCorruption::Panic),
        ]);
        /// The reaction to a block that cannot be read; without it, the read fails.
        on_error(reaction: OnError): Option<OnError> = OneOf(&[
            ("restart_on_error", OnError::Restart),
            ("panic_on_error", OnError::Panic),
        ]);
        /// Blocks whose expected hash is that of zeros are returned as zeros without being verified.
        ignore_zero_blocks(): bool = Flag("ignore_zero_blocks"), since (1, 3, 0);
        /// Once a data block has passed verification, it is not verified again: later changes of the block are not
        /// detected. Allowed for at most 2^31 - 1 data blocks.
        check_at_most_once(): bool = Flag("check_at_most_once"), since (1, 4, 0);
        /// Blocks are verified in a softirq instead of a work queue if their hashes are in memory.
        try_verify_in_tasklet(): bool = Flag("try_verify_in_tasklet"), since (1, 9, 0);
        /// The device that holds the parity for forward error correction (FEC); requires `fec_blocks`, `fec_roots`, and
        /// equal data and hash block sizes.
        use_fec_from_device(device: impl Into<Device>): Option<Device> = Argument(FEC_DEVICE), since (1, 3, 0);
        /// The number of blocks that forward error correction covers: data, hashes and anything after them.
        fec_blocks(blocks: DataBlocks): Option<DataBlocks> = Argument(FEC_BLOCKS);
        /// The block on the FEC device, in units of the data block size, at which the parity starts; 0 if not given.
        /// The kernel prints the option for every table with an FEC device.
        fec_start(start: DataBlocks): Option<DataBlocks> = Argument(FEC_START);
        /// The number of parity bytes per code word of 255 bytes, from 2 to 24.
        fec_roots(bytes: u8): Option<u8> = Argument(FEC_ROOTS);
        /// The description of the `user` key, in the caller's keyrings, that holds the signature of the root hash. If
        /// given, the kernel requires a valid signature.
        root_hash_sig_key_desc(description: WordBuf): Option<WordBuf> = Argument("root_hash_sig_key_desc"),
            since (1, 5, 0);
    }
    other {
        /// Options that this crate does not know; they are printed after the others.
        other_options: WordBuf = "option";
    }
    case: Any;
    count: LeftOut, Limits::new("number of options", 0, 15);
    features: "ignore_corruption" since (1, 3, 0), "restart_on_corruption" since (1, 3, 0),
        "panic_on_corruption" since (1, 7, 0), "restart_on_error" since (1, 10, 0), "panic_on_error" since (1, 10, 0);
}

/// The arguments of a `verity` target: data, hash tree and root hash. The table must be loaded read-only.
///
/// ```
/// use dm_targets::{Target, Verity, WordBuf};
/// use dm_targets::verity::{Hex, VerityDevice, VerityTable};
/// use dm_units::{DataBlocks, DeviceNumber};
///
/// let data = VerityDevice::new(DeviceNumber::new(254, 0), 4096);
/// let hash = VerityDevice::new(DeviceNumber::new(254, 16), 4096);
/// let digest = Hex::new("00ff")?;
/// let table = VerityTable::new(1, data, hash, DataBlocks(8192), 1, WordBuf::new("sha256")?, digest).ignore_zero_blocks();
/// assert_eq!(table.to_string(), "1 254:0 254:16 4096 4096 8192 1 sha256 00ff - 1 ignore_zero_blocks");
/// assert_eq!(Verity::parse_table("1 254:0 254:16 4096 4096 8192 1 sha256 00ff - 1 ignore_zero_blocks")?, table);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct VerityTable {
    /// The format version: 1, or 0 for the format of Chromium OS.
    pub version: u32,
    /// The device that holds the data, from its first block on.
    pub data: VerityDevice,
    /// The device that holds the hash tree.
    pub hash: VerityDevice,
    /// The number of data blocks that the hash tree covers.
    pub data_blocks: DataBlocks,
    /// The hash block at which the hash tree starts.
    pub hash_start: u64,
    /// The name of the hash algorithm in the kernel's crypto API, such as `sha256`.
    pub algorithm: WordBuf,
    /// The root hash.
    pub digest: Hex,
    /// The bytes that are hashed together with each block; `None` for no salt.
    pub salt: Option<Hex>,
    /// The optional settings.
    pub options: VerityOptions,
    spelling: Spelling,
}

impl VerityTable {
    /// The table with `fec_start`, which the kernel always prints together with the FEC device, and without options that
    /// have no effect without that device.
    pub(super) fn in_full(&self) -> Self {
        let mut full = self.clone();
        let options = &mut full.options;
        if options.use_fec_from_device.is_some() {
            options.fec_start.get_or_insert_default();
        } else {
            (options.fec_blocks, options.fec_start, options.fec_roots) = (None, None, None);
        }
        full
    }

    /// A table for data with this root hash, without salt and options.
    ///
    /// The values are not checked; [`Verity::check`](crate::Target::check) does that.
    pub fn new(
        version: u32,
        data: VerityDevice,
        hash: VerityDevice,
        data_blocks: DataBlocks,
        hash_start: u64,
        algorithm: WordBuf,
        digest: Hex,
    ) -> Self {
        let (options, spelling) = (VerityOptions::default(), Spelling::default());
        Self { version, data, hash, data_blocks, hash_start, algorithm, digest, salt: None, options, spelling }
    }

    /// Sets the salt, which is hashed together with each block.
    #[must_use]
    pub fn salt(self, salt: Hex) -> Self {
        Self { salt: Some(salt), ..self }
    }
}

impl Spelled for VerityTable {
    fn read(fields: &mut Fields<'_>) -> Result<Self, ParseError> {
        let version = fields.read_within(&VERSION)?;
        let (data, hash) = (fields.read("data device")?, fields.read("hash device")?);
        let table = Self {
            version,
            data: VerityDevice { device: data, block_size: fields.read_within(&DATA_BLOCK)? },
            hash: VerityDevice { device: hash, block_size: fields.read_within(&HASH_BLOCK)? },
            data_blocks: fields.read("data blocks")?,
            hash_start: fields.read("hash start")?,
            algorithm: fields.read("algorithm")?,
            digest: fields.read("digest")?,
            salt: fields.read("salt")?,
            options: fields.read_options_then(check_fec_is_complete)?,
            spelling: Spelling::default(),
        };
        fields.ignore_rest()?;
        Ok(table)
    }

    fn print(&self, out: &mut Printer<'_, '_>) {
        let Self { version, data, hash, data_blocks, hash_start, algorithm, digest, salt, options, spelling: _ } = self;
        out.put(version).put(&data.device).put(&hash.device).put(&data.block_size).put(&hash.block_size);
        out.put(data_blocks).put(hash_start).put(algorithm).put(digest).put(salt).options(options);
    }
}

spelled!(VerityTable);
