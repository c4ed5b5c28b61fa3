//! `inlinecrypt`: every sector is encrypted by the hardware that stores it.
//!
//! ```text
//! loaded  = <cipher> <key> <iv_offset> <device> <start> [<#opt> {<opt>}]
//! printed = <cipher> <hex> <keytype> <iv_offset> <device> <start> [<#opt> {<opt>}]
//! cipher  = aes-xts-plain64
//! key     = <hex> | :<size>:logon:<description>
//! opt     = keytype:raw | keytype:hw-wrapped | allow_discards | sector_size:<bytes> | iv_large_sectors
//! status  =
//! ```
//!
//! | word | type | unit | range |
//! |---|---|---|---|
//! | key | [`CryptKey`] | | 1 to 128 bytes |
//! | keytype | [`InlineKeyType`] | | 1 raw, 2 hardware-wrapped |
//! | iv_offset | [`Sectors`] | sectors of 512 bytes | a multiple of the encryption sector |
//! | start | [`Sectors`] | sectors on the device | |
//! | #opt | count | words | at most 4 |
//! | sector_size | `u32` | bytes | power of two from 512 to 4096; the length is a multiple of it |
//!
//! What the kernel prints is not what it loads: it has the type of the key as a number of its own, the key itself in place
//! of a reference to a keyring, at most 64 bytes of it, no `keytype:` and no `iv_large_sectors` for sectors of 512 bytes.
//! `{:#}` prints it that way, `{}` the way it can be loaded; what was printed in the kernel's way is told from the other by
//! its fourth word, which is a device in what is loaded. Any sector size other than 512 needs `iv_large_sectors`.
//!
//! All words are compared with regard to case. Words after the counted ones are ignored. Takes no messages.
//!
//! Kernel: `inlinecrypt_ctr`, `inlinecrypt_ctr_optional` and `inlinecrypt_status` in `drivers/md/dm-inlinecrypt.c`.

use alloc::vec::Vec;
use core::fmt::{self, Write};

use dm_units::Sectors;

use crate::crypt::{CryptKey, KeyringType, SECTOR_SIZES, check_sectors};
use crate::flags::{Flag, flags};
use crate::keywords::keywords;
use crate::pairs::{read_once, read_once_within, split_pair};
use crate::{
    Device, Fields, Form, InvalidField, Limits, NoMessage, NoStatus, Params, ParseError, Printer, Problem, SecretWord,
    Target, Value, Word,
};

const KEY: &str = "key";
const OPTION: &str = "option";
const KEYTYPE: &str = "keytype";

const KEY_SIZE: Limits = Limits::new(KEY, 1, 128);
const OPTION_COUNT: Limits = Limits::new("number of options", 0, 4);

const FIRST_FLAG: [Flag<InlineCryptTable>; 1] = flags![allow_discards];
const LAST_FLAG: [Flag<InlineCryptTable>; 1] = flags![iv_large_sectors];

/// The `inlinecrypt` target.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InlineCrypt {}

impl Target for InlineCrypt {
    const TYPE: &'static str = "inlinecrypt";
    type Table = InlineCryptTable;
    type Status = NoStatus;
    type Message = NoMessage;

    const SECRET: bool = true;

    fn check(table: &InlineCryptTable, length: Sectors) -> Result<(), InvalidField> {
        check_key(&table.key)?;
        let sector_size = table.sector_size.unwrap_or(512);
        check_sectors(sector_size.into(), table.iv_offset, length)?;
        if sector_size != 512 && !table.iv_large_sectors {
            return Err(InvalidField::new("iv_large_sectors", Problem::Missing));
        }
        OPTION_COUNT.check(table.option_count(Form::Input) as u64)
    }
}

fn check_key(key: &CryptKey) -> Result<(), InvalidField> {
    match key {
        CryptKey::Keyring(key) if *key.key_type() != KeyringType::Logon => {
            Err(InvalidField::new(KEY, Problem::Expected("of the type logon if it is in a keyring")))
        }
        key => KEY_SIZE.check(key.size() as u64),
    }
}

keywords! {
    exact;
    /// Algorithm, mode and how initialisation vectors are made.
    pub enum InlineCipher {
        /// AES-256 in the mode XTS, with the sector number.
        AesXtsPlain64 = "aes-xts-plain64",
    }
}

/// What a key is to the hardware.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum InlineKeyType {
    /// The key itself.
    #[default]
    Raw,
    /// Wrapped by the hardware, which alone can unwrap it.
    HwWrapped,
    /// A number that this version does not know.
    Other(u32),
}

impl InlineKeyType {
    const fn from_number(number: u32) -> Self {
        match number {
            1 => Self::Raw,
            2 => Self::HwWrapped,
            other => Self::Other(other),
        }
    }

    const fn number(self) -> u32 {
        match self {
            Self::Raw => 1,
            Self::HwWrapped => 2,
            Self::Other(number) => number,
        }
    }
}

/// Reads and prints what follows `keytype:`.
impl Value for InlineKeyType {
    fn read(word: Word<'_>) -> Result<Self, Problem> {
        match word.spelling() {
            "raw" => Ok(Self::Raw),
            "hw-wrapped" => Ok(Self::HwWrapped),
            _ => match u32::read(word).map(Self::from_number) {
                Ok(Self::Other(number)) => Ok(Self::Other(number)),
                _ => Err(Problem::Expected("raw or hw-wrapped")),
            },
        }
    }

    fn print(&self, out: &mut Printer<'_, '_>) -> fmt::Result {
        match self {
            Self::Raw => out.write_str("raw"),
            Self::HwWrapped => out.write_str("hw-wrapped"),
            Self::Other(number) => number.print(out),
        }
    }
}

/// The table of an `inlinecrypt` target. Its `Display` shows the key; its `Debug` does not.
///
/// ```
/// use dm_targets::Key;
/// use dm_targets::inlinecrypt::InlineCryptTable;
/// use dm_units::{DeviceNumber, Sectors};
///
/// let key = Key::from_hex("00ff")?;
/// let table = InlineCryptTable::new(key, Sectors(0), DeviceNumber::new(254, 0), Sectors(0)).allow_discards();
/// assert_eq!(table.to_string(), "aes-xts-plain64 00ff 0 254:0 0 1 allow_discards");
/// assert_eq!(format!("{table:#}"), "aes-xts-plain64 00ff 1 0 254:0 0 1 allow_discards");
/// # Ok::<(), dm_targets::Problem>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct InlineCryptTable {
    /// Algorithm, mode and how initialisation vectors are made.
    pub cipher: InlineCipher,
    /// With which key; never the empty one.
    pub key: CryptKey,
    /// What the key is to the hardware.
    pub key_type: InlineKeyType,
    /// What is added to the sector numbers from which initialisation vectors are made.
    pub iv_offset: Sectors,
    /// What holds the encrypted sectors.
    pub device: Device,
    /// Where on it they start.
    pub start: Sectors,
    /// Discards reach the device.
    pub allow_discards: bool,
    /// How many bytes are encrypted as one; 512 where it is not given.
    pub sector_size: Option<u32>,
    /// Initialisation vectors count encryption sectors, not sectors of 512 bytes.
    pub iv_large_sectors: bool,
    /// Options that this version does not know; they are printed after the others.
    other_options: Vec<SecretWord>,
    /// There is a count of options, although it is 0.
    counts_none: bool,
    /// Words that the kernel ignores; never without a count of options.
    extra: Vec<SecretWord>,
}

impl InlineCryptTable {
    /// The sectors of `device` from `start` on, encrypted with a raw `key`.
    pub fn new(key: impl Into<CryptKey>, iv_offset: Sectors, device: impl Into<Device>, start: Sectors) -> Self {
        Self {
            cipher: InlineCipher::AesXtsPlain64,
            key: key.into(),
            key_type: InlineKeyType::Raw,
            iv_offset,
            device: device.into(),
            start,
            allow_discards: false,
            sector_size: None,
            iv_large_sectors: false,
            other_options: Vec::new(),
            counts_none: false,
            extra: Vec::new(),
        }
    }

    /// Says what the key is to the hardware.
    #[must_use]
    pub fn key_type(self, key_type: InlineKeyType) -> Self {
        Self { key_type, ..self }
    }

    /// Lets discards reach the device; they tell which sectors are in use.
    #[must_use]
    pub fn allow_discards(self) -> Self {
        Self { allow_discards: true, ..self }
    }

    /// Encrypts so many bytes as one.
    #[must_use]
    pub fn sector_size(self, bytes: u32) -> Self {
        Self { sector_size: Some(bytes), ..self }
    }

    /// Makes initialisation vectors count encryption sectors.
    #[must_use]
    pub fn iv_large_sectors(self) -> Self {
        Self { iv_large_sectors: true, ..self }
    }

    /// The options that this version does not know.
    #[must_use]
    pub fn other_options(&self) -> &[SecretWord] {
        &self.other_options
    }

    /// Reads the number of the key's type if the kernel has printed one: the word after it is no device then.
    fn read_printed_key_type(fields: &mut Fields<'_>) -> Result<Option<InlineKeyType>, ParseError> {
        let is_number = |word: Word<'_>| word.spelling().bytes().all(|byte| byte.is_ascii_digit());
        let mut ahead = fields.clone();
        let printed = ahead.next_word().is_some() && ahead.next_word().is_some_and(is_number);
        if fields.form() == Form::Input || !printed {
            return Ok(None);
        }
        fields.read(KEYTYPE).map(InlineKeyType::from_number).map(Some)
    }

    fn read_option(&mut self, key_type: &mut Option<InlineKeyType>, word: Word<'_>) -> Result<(), InvalidField> {
        let invalid = |problem| InvalidField::new(OPTION, problem);
        if Flag::set_exact(&FIRST_FLAG, self, word).map_err(invalid)?
            || Flag::set_exact(&LAST_FLAG, self, word).map_err(invalid)?
        {
            return Ok(());
        }
        match split_pair(word) {
            Some((KEYTYPE, value)) => read_once(key_type, KEYTYPE, value),
            Some(("sector_size", value)) => read_once_within(&mut self.sector_size, &SECTOR_SIZES, value),
            _ => {
                self.other_options.push(SecretWord::read(word).map_err(invalid)?);
                Ok(())
            }
        }
    }

    /// The type of the key, where it has to be said in an option.
    fn key_type_option(&self, form: Form) -> Option<InlineKeyType> {
        Some(self.key_type).filter(|key_type| form == Form::Input && *key_type != InlineKeyType::Raw)
    }

    fn option_count(&self, form: Form) -> usize {
        let pairs = [self.key_type_option(form).is_some(), self.sector_size.is_some()];
        let pairs = pairs.into_iter().filter(|given| *given).count();
        let flags = Flag::count(&FIRST_FLAG, self, &[]).saturating_add(Flag::count(&LAST_FLAG, self, &[]));
        pairs.saturating_add(flags).saturating_add(self.other_options.len())
    }

    fn print_options(&self, out: &mut Printer<'_, '_>, form: Form) {
        let count = self.option_count(form);
        if count == 0 && !self.counts_none && self.extra.is_empty() {
            return;
        }
        out.count(count).pair(KEYTYPE, &self.key_type_option(form));
        out.words(&FIRST_FLAG, self).pair(SECTOR_SIZES.field(), &self.sector_size).words(&LAST_FLAG, self);
        out.all(&self.other_options).all(&self.extra);
    }
}

impl Params for InlineCryptTable {
    fn parse(fields: &mut Fields<'_>) -> Result<Self, ParseError> {
        let cipher = fields.read("cipher")?;
        let key: CryptKey = fields.read(KEY)?;
        let mut key_type = Self::read_printed_key_type(fields)?;
        let iv_offset = fields.read("iv_offset")?;
        let device: Device = fields.read("device")?;
        let mut table = Self { cipher, ..Self::new(key, iv_offset, device, fields.read("start")?) };
        let counted = !fields.is_empty();
        let mut options = fields.read_optional_group(OPTION_COUNT.field())?;
        table.counts_none = counted && options.is_empty();
        if table.counts_none && key_type.is_some() {
            return Err(
                options.error(OPTION_COUNT.field(), Problem::Expected("left out if it is 0, as the kernel does"))
            );
        }
        while let Some(word) = options.next_word() {
            table.read_option(&mut key_type, word).map_err(|invalid| options.blame(invalid))?;
        }
        table.key_type = key_type.unwrap_or_default();
        table.extra = SecretWord::read_rest(fields, "ignored words")?;
        Ok(table)
    }
}

/// `{}` is what can be loaded, `{:#}` what the kernel prints.
impl fmt::Display for InlineCryptTable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let form = if f.alternate() { Form::Printed } else { Form::Input };
        let mut out = Printer::new(f);
        out.put(&self.cipher).put(&self.key);
        if form == Form::Printed {
            out.put(&self.key_type.number());
        }
        out.put(&self.iv_offset).put(&self.device).put(&self.start);
        self.print_options(&mut out, form);
        out.end()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY_AND_REST: &str = "aes-xts-plain64 00ff";

    fn check(rest: &str) -> Result<(), String> {
        let table = InlineCrypt::parse_input(&format!("{KEY_AND_REST} {rest}")).unwrap();
        InlineCrypt::check(&table, Sectors(8)).map_err(|error| error.to_string())
    }

    #[test]
    fn what_was_printed_can_be_loaded() {
        let printed = format!("{KEY_AND_REST} 2 8 254:0 16 1 allow_discards");
        let table = InlineCrypt::parse_table(&printed).unwrap();
        assert_eq!((table.key_type, table.iv_offset), (InlineKeyType::HwWrapped, Sectors(8)));
        assert_eq!(format!("{table:#}"), printed);
        let input = format!("{KEY_AND_REST} 8 254:0 16 2 keytype:hw-wrapped allow_discards");
        assert_eq!(table.to_string(), input);
        assert_eq!(InlineCrypt::parse_input(&input).as_ref(), Ok(&table));
        assert!(InlineCrypt::parse_input(&printed).is_err());
    }

    #[test]
    fn what_is_to_be_loaded_is_read_wherever_it_stands() {
        let table = InlineCrypt::parse_table(&format!("{KEY_AND_REST} 8 /dev/a 16")).unwrap();
        assert_eq!(table.key_type, InlineKeyType::Raw);
        let error = InlineCrypt::parse_table(&format!("{KEY_AND_REST} 1 8 8:0 0 1 keytype:raw")).unwrap_err();
        assert_eq!(error.to_string(), "inlinecrypt table: word 8, keytype, is given twice");
    }

    #[test]
    fn new_types_of_keys_are_kept() {
        let table = InlineCrypt::parse_table(&format!("{KEY_AND_REST} 3 8 254:0 16")).unwrap();
        assert_eq!(table.to_string(), format!("{KEY_AND_REST} 8 254:0 16 1 keytype:3"));
        let error = InlineCrypt::parse_input(&format!("{KEY_AND_REST} 8 254:0 16 1 keytype:new")).unwrap_err();
        assert_eq!(error.to_string(), "inlinecrypt table: word 7, keytype, must be raw or hw-wrapped");
    }

    #[test]
    fn a_count_of_nothing_is_kept_where_it_can_be() {
        let ignored = format!("{KEY_AND_REST} 8 254:0 16 0 more");
        assert_eq!(InlineCrypt::parse_table(&ignored).unwrap().to_string(), ignored);
        let error = InlineCrypt::parse_table(&format!("{KEY_AND_REST} 1 8 254:0 16 0")).unwrap_err();
        let expected = "inlinecrypt table: word 7, number of options, must be left out if it is 0, as the kernel does";
        assert_eq!(error.to_string(), expected);
    }

    #[test]
    fn large_sectors_need_their_option() {
        assert_eq!(check("8 8:0 0 2 sector_size:4096 iv_large_sectors"), Ok(()));
        assert_eq!(check("8 8:0 0 1 sector_size:512"), Ok(()));
        assert_eq!(check("8 8:0 0 1 sector_size:4096"), Err("iv_large_sectors is missing".to_owned()));
        let unaligned = check("4 8:0 0 2 sector_size:4096 iv_large_sectors");
        assert_eq!(unaligned, Err("iv_offset must be a multiple of 8".to_owned()));
    }

    #[test]
    fn keys_have_limits() {
        let check = |key: &str| {
            let table = InlineCrypt::parse_input(&format!("aes-xts-plain64 {key} 0 8:0 0")).unwrap();
            InlineCrypt::check(&table, Sectors(8)).map_err(|error| error.to_string())
        };
        assert_eq!(check(&"00".repeat(128)), Ok(()));
        assert_eq!(check(":128:logon:a"), Ok(()));
        let size = Err("key must be from 1 to 128".to_owned());
        assert_eq!(check(&"00".repeat(129)), size);
        assert_eq!(check("-"), size);
        assert_eq!(check(":64:user:a"), Err("key must be of the type logon if it is in a keyring".to_owned()));
    }
}
