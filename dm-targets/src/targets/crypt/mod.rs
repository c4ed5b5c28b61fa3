//! `crypt`: every sector is encrypted.
//!
//! ```text
//! table   = <cipher> <key> <iv_offset> <device> <start> [<#opt> {<opt>}]
//! cipher  = <name>[:<keycount>]-<mode>-<iv>[:<ivopts>]     classic; without IV only in mode ecb
//!         | <name> | <name>-plain                          = <name>-cbc-plain
//!         | capi:<crypto api name>[-<iv>][:<ivopts>]
//! key     = <hex> | - | :<size>:<type>:<description>
//! opt     = allow_discards | same_cpu_crypt | high_priority | submit_from_crypt_cpus
//!         | no_read_workqueue | no_write_workqueue | integrity:<bytes>:<profile>
//!         | sector_size:<bytes> | iv_large_sectors | integrity_key_size:<bytes>
//! status  =
//! message = key set <key> | key wipe
//! ```
//!
//! | word | type | unit | range |
//! |---|---|---|---|
//! | cipher | [`Cipher`] | | kept as written |
//! | key | [`CryptKey`] | | an even number of digits: the kernel drops an odd last one |
//! | iv_offset | [`Sectors`] | sectors of 512 bytes | a multiple of the encryption sector |
//! | device | [`Device`] | | |
//! | start | [`Sectors`] | sectors on the device | |
//! | #opt | count | words | at most 9 when loaded (8 before version 1.28.0), although there are ten |
//! | integrity | [`CryptIntegrity`] | bytes of each tag, profile | 1 to 480; `aead` or `none` |
//! | sector_size | `u16` | bytes | power of two from 512 to 4096; the length is a multiple of it |
//! | integrity_key_size | `u32` | bytes | at least 1 |
//!
//! A tag size without a profile, `integrity:28`, makes the kernel read through a null pointer; it is refused here. Flags
//! are compared without regard to case, names before a colon with it. Words after the counted ones are ignored.
//!
//! What is printed has the key in the clear, digits in lower case, and has no `sector_size:512` and no count of 0. A
//! wiped key is printed as zeros of the same size.
//!
//! Messages are taken while the device is suspended, and are answered with nothing.
//!
//! Kernel: `crypt_ctr`, `crypt_ctr_optional`, `crypt_status` and `crypt_message` in `drivers/md/dm-crypt.c`.

mod cipher;
mod key;

use alloc::vec::Vec;
use core::fmt::{self, Write};

use dm_units::Sectors;

use crate::flags::{Flag, flags};
use crate::keywords::keywords;
use crate::pairs::{read_once, read_once_within, split_pair};
use crate::{
    Device, Feature, Fields, InvalidField, Limits, Message, NoReply, NoStatus, Params, ParseError, Printer, Problem,
    SecretWord, Target, Value, Word,
};

pub use cipher::{Cipher, IvMode};
pub use key::{CryptKey, KeyringKey, KeyringType};

const OPTION: &str = "option";
const CIPHER: &str = "cipher";
const INTEGRITY: &str = "integrity";
const SECTOR_SIZE: &str = "sector_size";
const INTEGRITY_KEY_SIZE: &str = "integrity_key_size";

const OPTION_COUNT: Limits = Limits::new("number of options", 0, 9);
const TAG_SIZES: Limits = Limits::new(INTEGRITY, 1, 480);
pub(super) const SECTOR_SIZES: Limits = Limits::new(SECTOR_SIZE, 512, 4096).power_of_two();
const INTEGRITY_KEY_SIZES: Limits = Limits::new(INTEGRITY_KEY_SIZE, 1, u32::MAX as u64);

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

/// The `crypt` target.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Crypt {}

impl Target for Crypt {
    const TYPE: &'static str = "crypt";
    type Table = CryptTable;
    type Status = NoStatus;
    type Message = CryptMessage;

    const SECRET: bool = true;

    const FEATURES: &'static [Feature] = &[
        Feature { name: "key wipe", since: (1, 2, 0) },
        Feature { name: "plain64", since: (1, 8, 0) },
        Feature { name: "lmk", since: (1, 10, 0) },
        Feature { name: "allow_discards", since: (1, 11, 0) },
        Feature { name: "tcw", since: (1, 13, 0) },
        Feature { name: "same_cpu_crypt", since: (1, 14, 0) },
        Feature { name: "submit_from_crypt_cpus", since: (1, 14, 0) },
        Feature { name: "capi", since: (1, 17, 0) },
        Feature { name: INTEGRITY, since: (1, 17, 0) },
        Feature { name: SECTOR_SIZE, since: (1, 17, 0) },
        Feature { name: "iv_large_sectors", since: (1, 17, 0) },
        Feature { name: "keyring", since: (1, 18, 1) },
        Feature { name: "eboiv", since: (1, 19, 0) },
        Feature { name: "elephant", since: (1, 20, 0) },
        Feature { name: "no_read_workqueue", since: (1, 22, 0) },
        Feature { name: "no_write_workqueue", since: (1, 22, 0) },
        Feature { name: "high_priority", since: (1, 26, 0) },
        Feature { name: INTEGRITY_KEY_SIZE, since: (1, 28, 0) },
    ];

    fn check(table: &CryptTable, length: Sectors) -> Result<(), InvalidField> {
        table.integrity.as_ref().map_or(Ok(()), |integrity| TAG_SIZES.check(integrity.tag_size))?;
        table.integrity_key_size.map_or(Ok(()), |size| INTEGRITY_KEY_SIZES.check(size))?;
        check_sectors(table.sector_size.unwrap_or(512).into(), table.iv_offset, length)?;
        check_iv(table)?;
        OPTION_COUNT.check(table.option_count() as u64)
    }
}

/// Checks the size of encryption sectors in bytes, and what must be a multiple of it.
pub(super) fn check_sectors(size: u64, iv_offset: Sectors, length: Sectors) -> Result<(), InvalidField> {
    SECTOR_SIZES.check(size)?;
    let unit = size >> 9;
    Limits::new("iv_offset", 0, u64::MAX).multiple_of(unit).check(iv_offset)?;
    Limits::new("length", 1, u64::MAX).multiple_of(unit).check(length)
}

/// Checks what does not go together with the cipher.
fn check_iv(table: &CryptTable) -> Result<(), InvalidField> {
    let invalid = |field, problem| Err(InvalidField::new(field, problem));
    let iv = table.cipher.iv();
    let small_sectors_only = matches!(iv, Some(IvMode::Lmk | IvMode::Tcw));
    if small_sectors_only && table.sector_size.is_some_and(|size| size != 512) {
        return invalid(SECTOR_SIZE, Problem::Conflict("the IV modes lmk and tcw, unless it is 512"));
    }
    if !table.integrity.as_ref().is_some_and(CryptIntegrity::is_aead) {
        return Ok(());
    }
    if !table.cipher.is_capi() {
        return invalid(CIPHER, Problem::Expected("a cipher that begins with capi: for the profile aead"));
    }
    if matches!(iv, Some(IvMode::Lmk | IvMode::Eboiv | IvMode::Elephant)) {
        return invalid(INTEGRITY, Problem::Conflict("the IV modes lmk, eboiv and elephant if its profile is aead"));
    }
    Ok(())
}

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

    fn option_count(&self) -> usize {
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

/// What is stored beside each sector, on a device with room for it such as one of [`integrity`](crate::integrity).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CryptIntegrity {
    /// How many bytes belong to each encryption sector.
    pub tag_size: u32,
    /// Who makes use of them.
    pub profile: IntegrityProfile,
}

keywords! {
    exact;
    /// Who makes use of the bytes beside each sector. Loaded in capitals it is printed in capitals, and is `Other`.
    pub enum IntegrityProfile {
        /// The cipher, which authenticates.
        Aead = "aead",
        /// Nobody but the IV mode.
        None = "none",
    }
}

impl CryptIntegrity {
    /// So many bytes, for the cipher to authenticate the sector.
    #[must_use]
    pub const fn aead(tag_size: u32) -> Self {
        Self { tag_size, profile: IntegrityProfile::Aead }
    }

    /// So many bytes, for the IV mode `random`.
    #[must_use]
    pub const fn none(tag_size: u32) -> Self {
        Self { tag_size, profile: IntegrityProfile::None }
    }

    fn is_aead(&self) -> bool {
        self.profile.as_str().eq_ignore_ascii_case("aead")
    }
}

impl Value for CryptIntegrity {
    fn read(word: Word<'_>) -> Result<Self, Problem> {
        let (size, profile) = word.split_once(':').ok_or(Problem::Expected("a size and a profile, such as 28:aead"))?;
        let tag_size = u32::read(size)?;
        TAG_SIZES.check(tag_size).map_err(|invalid| invalid.problem())?;
        Ok(Self { tag_size, profile: IntegrityProfile::read(profile)? })
    }

    fn print(&self, out: &mut Printer<'_, '_>) -> fmt::Result {
        self.tag_size.print(out)?;
        out.write_str(":")?;
        self.profile.print(out)
    }
}

/// A message to a `crypt` target, which must be suspended.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum CryptMessage {
    /// Sets the key, which must have the same size as the one of the table.
    KeySet(CryptKey),
    /// Overwrites the key with zeros; until the next `key set` the device cannot be resumed (`EAGAIN`).
    KeyWipe,
}

impl Message for CryptMessage {
    type Reply = NoReply;
}

impl Params for CryptMessage {
    fn parse(fields: &mut Fields<'_>) -> Result<Self, ParseError> {
        let word = fields.next_word().ok_or_else(|| fields.missing("message"))?;
        if !word.is("key") {
            return Err(fields.error("message", Problem::Unknown));
        }
        match fields.next_word() {
            Some(word) if word.is("set") => Ok(Self::KeySet(fields.read("key")?)),
            Some(word) if word.is("wipe") => Ok(Self::KeyWipe),
            Some(_) => Err(fields.error("key", Problem::Expected("set or wipe"))),
            None => Err(fields.missing("key")),
        }
    }
}

impl fmt::Display for CryptMessage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut out = Printer::new(f);
        match self {
            Self::KeySet(key) => out.word("key").word("set").put(key),
            Self::KeyWipe => out.word("key").word("wipe"),
        };
        out.end()
    }
}

#[cfg(test)]
mod tests;
