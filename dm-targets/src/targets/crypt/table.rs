//! The table of a `crypt` target.
//!
//! Kernel: `crypt_ctr`, `crypt_ctr_optional` and `crypt_status` in `drivers/md/dm-crypt.c`.

use dm_units::Sectors;

use super::{CIPHER, Cipher, CryptIntegrity, CryptKey, SECTOR_SIZES};
use crate::option::{Flag, Pair, options};
use crate::target::spelled;
use crate::text::spelling::{Spelled, Spelling};
use crate::{Device, Fields, Limits, ParseError, Printer, SecretWord};

options! {
    /// The optional arguments of a `crypt` target: discards, work queues, integrity metadata and the sector size.
    pub struct CryptOptions for CryptTable.options {
        /// Passes discards to the device, which reveals which sectors are unused.
        allow_discards(): bool = Flag("allow_discards"), since (1, 11, 0);
        /// Encrypts on the CPU that submitted the request.
        same_cpu_crypt(): bool = Flag("same_cpu_crypt"), since (1, 14, 0);
        /// Encrypts and decrypts in work queues of high priority.
        high_priority(): bool = Flag("high_priority"), since (1, 26, 0);
        /// Submits writes directly from the CPUs that encrypt, without a thread that sorts them.
        submit_from_crypt_cpus(): bool = Flag("submit_from_crypt_cpus"), since (1, 14, 0);
        /// Decrypts reads without a work queue where possible.
        no_read_workqueue(): bool = Flag("no_read_workqueue"), since (1, 22, 0);
        /// Encrypts writes without a work queue where possible. The kernel sets this itself on zoned devices.
        no_write_workqueue(): bool = Flag("no_write_workqueue"), since (1, 22, 0);
        /// The integrity metadata of each encryption sector. By default, there is none.
        integrity(integrity: CryptIntegrity): Option<CryptIntegrity> = Pair("integrity"), since (1, 17, 0);
        /// The number of bytes that are encrypted as one unit: a power of two from 512 to 4096. The default is 512.
        sector_size(bytes: u16): Option<u16> = Pair(SECTOR_SIZES), since (1, 17, 0);
        /// Computes initialization vectors from the number of the encryption sector, not of the 512-byte sector.
        iv_large_sectors(): bool = Flag("iv_large_sectors"), since (1, 17, 0);
        /// The size in bytes of the part of the key that is used for authentication. The default is the digest size of
        /// the hash. With the profile `aead`, it can be given only for the cipher `authenc(...)`.
        integrity_key_size(bytes: u32): Option<u32> = Pair(Limits::new("integrity_key_size", 1, u32::MAX as u64)),
            since (1, 28, 0);
    }
    other {
        /// Options that this crate does not know. They are printed after the known options.
        other_options: SecretWord = "option";
    }
    case: Any;
    count: LeftOut, Limits::new("number of options", 0, 9);
    features: "key wipe" since (1, 2, 0), "plain64" since (1, 8, 0), "lmk" since (1, 10, 0), "tcw" since (1, 13, 0),
        "capi" since (1, 17, 0), "keyring" since (1, 18, 1), "eboiv" since (1, 19, 0), "elephant" since (1, 20, 0);
}

/// The arguments of a `crypt` target: a cipher, a key, and the device that stores the encrypted sectors. `Display`
/// prints the key; `Debug` does not.
///
/// ```
/// use dm_targets::crypt::{Cipher, CryptTable, KeyringKey, KeyringType};
/// use dm_targets::{Crypt, Target};
/// use dm_units::{DeviceNumber, Sectors};
///
/// let key = KeyringKey::new(64, KeyringType::Logon, "disk:7")?;
/// let device = DeviceNumber::new(254, 0);
/// let table = CryptTable::new(Cipher::new("aes-xts-plain64")?, key, Sectors(0), device, Sectors(32768));
/// let table = table.allow_discards().sector_size(4096);
/// let text = "aes-xts-plain64 :64:logon:disk:7 0 254:0 32768 2 allow_discards sector_size:4096";
/// assert_eq!(table.to_string(), text);
/// assert_eq!(Crypt::parse_table(text)?, table);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct CryptTable {
    /// The cipher, its chaining mode and the generator of initialization vectors.
    pub cipher: Cipher,
    /// The key, or a reference to a kernel keyring.
    pub key: CryptKey,
    /// The number of 512-byte sectors to add to the sector number that the initialization vector is computed from. It
    /// must be a multiple of the encryption sector size.
    pub iv_offset: Sectors,
    /// The device that stores the encrypted sectors.
    pub device: Device,
    /// The first encrypted sector on `device`.
    pub start: Sectors,
    /// The optional settings.
    pub options: CryptOptions,
    spelling: Spelling,
}

impl CryptTable {
    /// The table without `sector_size:512`, which the kernel does not print.
    pub(super) fn as_printed(&self) -> Self {
        let mut printed = self.clone();
        printed.options.sector_size = printed.options.sector_size.filter(|bytes| *bytes != 512);
        printed
    }

    /// Encrypts the sectors of `device` from `start` on with `cipher` and `key`. The values are not checked;
    /// [`Crypt::check`](crate::Target::check) does that.
    pub fn new(
        cipher: Cipher,
        key: impl Into<CryptKey>,
        iv_offset: Sectors,
        device: impl Into<Device>,
        start: Sectors,
    ) -> Self {
        let (options, spelling) = (CryptOptions::default(), Spelling::default());
        Self { cipher, key: key.into(), iv_offset, device: device.into(), start, options, spelling }
    }
}

impl Spelled for CryptTable {
    fn read(fields: &mut Fields<'_>) -> Result<Self, ParseError> {
        let table = Self {
            cipher: fields.read(CIPHER)?,
            key: fields.read("key")?,
            iv_offset: fields.read("iv_offset")?,
            device: fields.read("device")?,
            start: fields.read("start")?,
            options: fields.read_options()?,
            spelling: Spelling::default(),
        };
        fields.ignore_rest()?;
        Ok(table)
    }

    fn print(&self, out: &mut Printer<'_, '_>) {
        let Self { cipher, key, iv_offset, device, start, options, spelling: _ } = self;
        key.print_in_table(out.put(cipher));
        out.put(iv_offset).put(device).put(start).options(options);
    }
}

spelled!(CryptTable);
