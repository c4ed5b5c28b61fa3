//! The table.
//!
//! Kernel: `crypt_ctr`, `crypt_ctr_optional` and `crypt_status` in `drivers/md/dm-crypt.c`.

use alloc::vec::Vec;
use core::fmt;

use dm_units::Sectors;

use super::integrity::INTEGRITY;
use super::{CIPHER, INTEGRITY_KEY_SIZE, INTEGRITY_KEY_SIZES, OPTION_COUNT, SECTOR_SIZE, SECTOR_SIZES};
use super::{Cipher, CryptIntegrity, CryptKey};
use crate::flags::{Flag, flags};
use crate::pairs::{read_once, read_once_within, split_pair};
use crate::{Device, Fields, InvalidField, Params, ParseError, Printer, SecretWord, Value, Word};

const OPTION: &str = "option";

/// The flags that stand before the other options.
const FLAGS: [Flag<CryptTable>; 6] = flags![
    allow_discards,
    same_cpu_crypt,
    high_priority,
    submit_from_crypt_cpus,
    no_read_workqueue,
    no_write_workqueue
];

/// The one that stands between them.
const IV_FLAG: [Flag<CryptTable>; 1] = flags![iv_large_sectors];

/// The table of a `crypt` target. Its `Display` shows the key; its `Debug` does not.
///
/// ```
/// use dm_targets::crypt::{Cipher, CryptTable, KeyringKey, KeyringType};
/// use dm_units::{DeviceNumber, Sectors};
///
/// let key = KeyringKey::new(64, KeyringType::Logon, "disk:7")?;
/// let device = DeviceNumber::new(254, 0);
/// let table = CryptTable::new(Cipher::new("aes-xts-plain64")?, key, Sectors(0), device, Sectors(32768));
/// let table = table.allow_discards().sector_size(4096);
/// assert_eq!(table.to_string(), "aes-xts-plain64 :64:logon:disk:7 0 254:0 32768 2 allow_discards sector_size:4096");
/// # Ok::<(), dm_targets::Problem>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct CryptTable {
    /// How sectors are encrypted.
    pub cipher: Cipher,
    /// With which key.
    pub key: CryptKey,
    /// What is added to the sector numbers from which initialisation vectors are made.
    pub iv_offset: Sectors,
    /// What holds the encrypted sectors.
    pub device: Device,
    /// Where on it they start.
    pub start: Sectors,
    /// Discards reach the device.
    pub allow_discards: bool,
    /// Requests are encrypted on the CPU that made them.
    pub same_cpu_crypt: bool,
    /// Encryption gets ahead of other work.
    pub high_priority: bool,
    /// Writes are sent from the CPUs that encrypt, not from a thread that sorts them.
    pub submit_from_crypt_cpus: bool,
    /// Reads are decrypted at once. Shown also where the kernel has set it by itself.
    pub no_read_workqueue: bool,
    /// Writes are encrypted at once; the kernel sets it by itself on zoned devices.
    pub no_write_workqueue: bool,
    /// What is stored beside each sector.
    pub integrity: Option<CryptIntegrity>,
    /// How many bytes are encrypted as one; 512 where it is not given.
    pub sector_size: Option<u16>,
    /// Initialisation vectors count encryption sectors, not sectors of 512 bytes.
    pub iv_large_sectors: bool,
    /// The size in bytes of that part of the key that authenticates; the digest's where it is not given.
    pub integrity_key_size: Option<u32>,
    /// Options that this version does not know; they are printed after the others.
    other_options: Vec<SecretWord>,
    /// There is a count of options, although it is 0.
    counts_none: bool,
    /// Words that the kernel ignores; never without a count of options.
    extra: Vec<SecretWord>,
}

impl CryptTable {
    /// The sectors of `device` from `start` on, encrypted with `cipher` and `key`.
    pub fn new(
        cipher: Cipher,
        key: impl Into<CryptKey>,
        iv_offset: Sectors,
        device: impl Into<Device>,
        start: Sectors,
    ) -> Self {
        Self {
            cipher,
            key: key.into(),
            iv_offset,
            device: device.into(),
            start,
            allow_discards: false,
            same_cpu_crypt: false,
            high_priority: false,
            submit_from_crypt_cpus: false,
            no_read_workqueue: false,
            no_write_workqueue: false,
            integrity: None,
            sector_size: None,
            iv_large_sectors: false,
            integrity_key_size: None,
            other_options: Vec::new(),
            counts_none: false,
            extra: Vec::new(),
        }
    }

    /// Lets discards reach the device; they tell which sectors are in use.
    #[must_use]
    pub fn allow_discards(self) -> Self {
        Self { allow_discards: true, ..self }
    }

    /// Encrypts requests on the CPU that made them.
    #[must_use]
    pub fn same_cpu_crypt(self) -> Self {
        Self { same_cpu_crypt: true, ..self }
    }

    /// Lets encryption get ahead of other work.
    #[must_use]
    pub fn high_priority(self) -> Self {
        Self { high_priority: true, ..self }
    }

    /// Sends writes from the CPUs that encrypt.
    #[must_use]
    pub fn submit_from_crypt_cpus(self) -> Self {
        Self { submit_from_crypt_cpus: true, ..self }
    }

    /// Decrypts reads at once.
    #[must_use]
    pub fn no_read_workqueue(self) -> Self {
        Self { no_read_workqueue: true, ..self }
    }

    /// Encrypts writes at once.
    #[must_use]
    pub fn no_write_workqueue(self) -> Self {
        Self { no_write_workqueue: true, ..self }
    }

    /// Stores something beside each sector.
    #[must_use]
    pub fn integrity(self, integrity: CryptIntegrity) -> Self {
        Self { integrity: Some(integrity), ..self }
    }

    /// Encrypts so many bytes as one.
    #[must_use]
    pub fn sector_size(self, bytes: u16) -> Self {
        Self { sector_size: Some(bytes), ..self }
    }

    /// Makes initialisation vectors count encryption sectors.
    #[must_use]
    pub fn iv_large_sectors(self) -> Self {
        Self { iv_large_sectors: true, ..self }
    }

    /// Sets the size in bytes of that part of the key that authenticates.
    #[must_use]
    pub fn integrity_key_size(self, bytes: u32) -> Self {
        Self { integrity_key_size: Some(bytes), ..self }
    }

    /// The options that this version does not know.
    #[must_use]
    pub fn other_options(&self) -> &[SecretWord] {
        &self.other_options
    }

    fn read_option(&mut self, word: Word<'_>) -> Result<(), InvalidField> {
        let invalid = |problem| InvalidField::new(OPTION, problem);
        if Flag::set(&FLAGS, self, word).map_err(invalid)? || Flag::set(&IV_FLAG, self, word).map_err(invalid)? {
            return Ok(());
        }
        match split_pair(word) {
            Some((INTEGRITY, value)) => read_once(&mut self.integrity, INTEGRITY, value),
            Some((SECTOR_SIZE, value)) => read_once_within(&mut self.sector_size, &SECTOR_SIZES, value),
            Some((INTEGRITY_KEY_SIZE, value)) => {
                read_once_within(&mut self.integrity_key_size, &INTEGRITY_KEY_SIZES, value)
            }
            _ => {
                self.other_options.push(SecretWord::read(word).map_err(invalid)?);
                Ok(())
            }
        }
    }

    pub(super) fn option_count(&self) -> usize {
        let pairs = [self.integrity.is_some(), self.sector_size.is_some(), self.integrity_key_size.is_some()];
        let flags = Flag::count(&FLAGS, self, &[]).saturating_add(Flag::count(&IV_FLAG, self, &[]));
        let pairs = pairs.into_iter().filter(|given| *given).count();
        flags.saturating_add(pairs).saturating_add(self.other_options.len())
    }

    fn print_options(&self, out: &mut Printer<'_, '_>) {
        let count = self.option_count();
        if count == 0 && !self.counts_none {
            return;
        }
        out.count(count).words(&FLAGS, self);
        out.pair(INTEGRITY, &self.integrity).pair(SECTOR_SIZE, &self.sector_size);
        out.words(&IV_FLAG, self).pair(INTEGRITY_KEY_SIZE, &self.integrity_key_size);
        out.all(&self.other_options).all(&self.extra);
    }
}

impl Params for CryptTable {
    fn parse(fields: &mut Fields<'_>) -> Result<Self, ParseError> {
        let mut table = Self::new(
            fields.read(CIPHER)?,
            fields.read::<CryptKey>("key")?,
            fields.read("iv_offset")?,
            fields.read::<Device>("device")?,
            fields.read("start")?,
        );
        let counted = !fields.is_empty();
        let mut options = fields.read_optional_group(OPTION_COUNT.field())?;
        table.counts_none = counted && options.is_empty();
        while let Some(word) = options.next_word() {
            table.read_option(word).map_err(|invalid| options.blame(invalid))?;
        }
        table.extra = SecretWord::read_rest(fields, "ignored words")?;
        Ok(table)
    }
}

impl fmt::Display for CryptTable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut out = Printer::new(f);
        out.put(&self.cipher).put(&self.key).put(&self.iv_offset).put(&self.device).put(&self.start);
        self.print_options(&mut out);
        out.end()
    }
}
