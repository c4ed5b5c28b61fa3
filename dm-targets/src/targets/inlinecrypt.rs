//! `inlinecrypt`: encrypts data with the inline encryption engine of the storage hardware, or with the kernel's
//! fallback in software.
//!
//! ```text
//! loaded  = <cipher> <key> <iv_offset> <device> <start> [<#opt> {<opt>}]
//! printed = <cipher> <hex> <keytype> <iv_offset> <device> <start> [<#opt> {<opt>}]
//! cipher  = aes-xts-plain64
//! key     = <hex> | :<size>:logon:<description>
//! opt     = keytype:raw | keytype:hw-wrapped | allow_discards | sector_size:<bytes> | iv_large_sectors
//! ```
//!
//! | word | type | unit | range |
//! |---|---|---|---|
//! | key | [`CryptKey`] | | 64 bytes if raw, 32 to 128 bytes if hardware-wrapped |
//! | keytype | [`InlineKeyType`] | | 1 raw, 2 hardware-wrapped |
//! | iv_offset | [`Sectors`] | sectors of 512 bytes | a multiple of the encryption sector size |
//! | start | [`Sectors`] | sectors on the device | |
//! | #opt | count | words | at most 4 |
//! | sector_size | `u32` | bytes | power of two from 512 to 4096 that divides the length of the line |
//!
//! The form that the kernel prints differs from the form that it reads:
//!
//! - The type of the key is a separate number. There is no `keytype:`.
//! - The key itself is printed instead of a reference to a keyring. At most 64 bytes of a key are printed.
//! - `iv_large_sectors` is missing for sectors of 512 bytes.
//!
//! `{}` prints the form that can be loaded; see [`Params`](crate::Params). `{:#}` prints the kernel's form, except that
//! the key and `iv_large_sectors` stay as they were given. [`parse_input`](Target::parse_input) parses only the form
//! that can be loaded. [`parse_table`](Target::parse_table) parses both forms. It distinguishes them by the fourth word,
//! which is a device only in the form that can be loaded.
//!
//! A sector size other than 512 requires `iv_large_sectors`.
//!
//! Option words are case-sensitive. The parser and the kernel ignore words after the counted options. The status is
//! empty, and the target takes no messages.
//!
//! Kernel: `inlinecrypt_ctr`, `inlinecrypt_ctr_optional` and `inlinecrypt_status` in `drivers/md/dm-inlinecrypt.c`.

use core::fmt::{self, Write};

use dm_units::Sectors;

use crate::crypt::{CryptKey, KeyringType, SECTOR_SIZES, check_sectors};
use crate::option::keywords::keywords;
use crate::option::{Flag, OptionGroup, OptionKind, OptionWord, Pair, Put, options};
use crate::target::spelled;
use crate::text::spelling::{Spelled, Spelling};
use crate::{
    Comparison, Device, Fields, InvalidField, Key, Limits, NoMessage, NoStatus, ParseError, Printer, Problem,
    SecretWord, TableDifference, Target, TextForm, Value, Word,
};

const KEY: &str = "key";
const KEYTYPE: &str = "keytype";

/// The size of a raw key of AES-256 in XTS mode.
const RAW_KEY_SIZE: usize = 64;
/// The digits of a key that `inlinecrypt_status` prints, with `%*phN`.
const PRINTED_DIGITS: usize = 128;
const WRAPPED_KEY_SIZE: Limits = Limits::new(KEY, 32, 128);
const KEY_SIZE: Limits = Limits::new(KEY, 1, 128);

/// The `inlinecrypt` target as a type parameter. The trait [`Target`] has the functions that parse its table, status
/// and messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InlineCrypt {}

impl Target for InlineCrypt {
    const TYPE: &'static str = "inlinecrypt";
    type Table = InlineCryptTable;
    type Status = NoStatus;
    type Message = NoMessage;

    const SECRET: bool = true;

    fn check(table: &InlineCryptTable, length: Sectors) -> Result<(), InvalidField> {
        check_key(&table.key, table.options.key_type)?;
        let sector_size = table.options.sector_size.unwrap_or(512);
        check_sectors(sector_size.into(), table.iv_offset, length)?;
        if sector_size != 512 && !table.options.iv_large_sectors {
            return Err(InvalidField::new("iv_large_sectors", Problem::Missing));
        }
        table.options.check()
    }

    /// Compares two tables; see [`Target::difference`]. A sector size of 512 bytes is ignored, and so is
    /// `iv_large_sectors` with this size: both have no effect, and the kernel does not print them. Of a key, only the
    /// first 64 bytes are compared, because the kernel prints no more. A reference to a keyring differs from the key
    /// that the kernel prints for it.
    fn difference(one: &InlineCryptTable, other: &InlineCryptTable) -> Option<TableDifference> {
        let [one, other] = [one, other].map(InlineCryptTable::as_printed);
        Comparison::new(&one, &other).layout("table", |table| table).result()
    }
}

/// Checks the size of the key and where it is, as `blk_crypto_init_key` in `block/blk-crypto.c` does.
fn check_key(key: &CryptKey, key_type: InlineKeyType) -> Result<(), InvalidField> {
    if let CryptKey::Keyring(key) = key {
        if *key.key_type() != KeyringType::Logon {
            return Err(InvalidField::new(KEY, Problem::Expected("of the type logon if it is in a keyring")));
        }
    }
    match key_type {
        InlineKeyType::Raw if key.size() == RAW_KEY_SIZE => Ok(()),
        InlineKeyType::Raw => Err(InvalidField::new(KEY, Problem::Expected("64 bytes long if it is raw"))),
        InlineKeyType::HwWrapped => WRAPPED_KEY_SIZE.check(key.size() as u64),
        InlineKeyType::Other(_) => KEY_SIZE.check(key.size() as u64),
    }
}

keywords! {
    exact;
    /// The cipher, its mode and the way in which initialization vectors are generated.
    pub enum InlineCipher {
        /// AES-256 in XTS mode; the initialization vector is the 64-bit number of the encryption sector.
        AesXtsPlain64 = "aes-xts-plain64",
    }
}

/// The form of the key that the hardware receives: the word after `keytype:`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum InlineKeyType {
    /// The key itself: `raw`.
    #[default]
    Raw,
    /// A key that is wrapped by the hardware, and that only the hardware can unwrap: `hw-wrapped`.
    HwWrapped,
    /// The number of a key type that this crate does not know.
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

/// Parses and prints the value after `keytype:`.
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

/// The option `keytype:raw`; the kernel prints a number in another place instead.
struct KeyType;

impl OptionKind<InlineKeyType> for KeyType {
    #[inline]
    fn begins(&self, word: OptionWord<'_>) -> bool {
        OptionKind::<Option<InlineKeyType>>::begins(&Pair(KEYTYPE), word)
    }

    fn read(&self, field: &mut InlineKeyType, word: OptionWord<'_>, fields: &mut Fields<'_>) -> Result<(), ParseError> {
        let mut given = None;
        Pair(KEYTYPE).read(&mut given, word, fields)?;
        if let Some(key_type) = given {
            if fields.form() == TextForm::Printed {
                fields.note_unusual();
            }
            if *field != InlineKeyType::Raw {
                return Err(fields.error(KEYTYPE, Problem::Repeated));
            }
            *field = key_type;
        }
        Ok(())
    }

    fn print(&self, field: &InlineKeyType, out: &mut Printer<'_, '_>) {
        if out.form() == TextForm::Input && *field != InlineKeyType::Raw {
            Pair(KEYTYPE).print(&Some(*field), out);
        }
    }

    fn given(&self, field: &InlineKeyType) -> Option<&'static str> {
        (*field != InlineKeyType::Raw).then_some(KEYTYPE)
    }
}

options! {
    /// The optional arguments of an `inlinecrypt` target: the form of the key, discards, and the sector size.
    pub struct InlineCryptOptions for InlineCryptTable.options {
        /// The form of the key. The default is raw.
        key_type(key_type: InlineKeyType): InlineKeyType = KeyType;
        /// Passes discards to the device, which reveals which sectors are unused.
        allow_discards(): bool = Flag("allow_discards");
        /// The number of bytes that are encrypted as one unit: a power of two from 512 to 4096; 512 if not given. A
        /// size other than 512 requires `iv_large_sectors`.
        sector_size(bytes: u32): Option<u32> = Pair(SECTOR_SIZES);
        /// Computes initialization vectors from the number of the encryption sector, not of the 512-byte sector.
        iv_large_sectors(): bool = Flag("iv_large_sectors");
    }
    other {
        /// Options that this crate does not know; they are printed after the others.
        other_options: SecretWord = "option";
    }
    case: Exact;
    count: LeftOut, Limits::new("number of options", 0, 4);
}

impl Put<InlineKeyType> for InlineKeyType {
    fn put(&mut self, value: Self) {
        *self = value;
    }
}

/// The arguments of an `inlinecrypt` target: a cipher, a key, and the device that stores the encrypted sectors.
/// `Display` prints the key; `Debug` does not.
///
/// ```
/// use dm_targets::{InlineCrypt, Key, Target};
/// use dm_targets::inlinecrypt::InlineCryptTable;
/// use dm_units::{DeviceNumber, Sectors};
///
/// let hex = "00ff".repeat(32);
/// let table = InlineCryptTable::new(Key::from_hex(&hex)?, Sectors(0), DeviceNumber::new(254, 0), Sectors(0)).allow_discards();
/// assert_eq!(table.to_string(), format!("aes-xts-plain64 {hex} 0 254:0 0 1 allow_discards"));
/// assert_eq!(InlineCrypt::parse_table(&table.to_string())?, table);
/// assert_eq!(format!("{table:#}"), format!("aes-xts-plain64 {hex} 1 0 254:0 0 1 allow_discards"));
/// assert_eq!(InlineCrypt::check(&table, Sectors(8)), Ok(()));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct InlineCryptTable {
    /// The cipher, its mode and the way in which initialization vectors are generated.
    pub cipher: InlineCipher,
    /// The key: 64 bytes if raw, 32 to 128 bytes if hardware-wrapped. A key in a keyring must be of the type `logon`.
    pub key: CryptKey,
    /// The number of 512-byte sectors to add to the sector number that the initialization vector is computed from. It
    /// must be a multiple of the encryption sector size.
    pub iv_offset: Sectors,
    /// The device that stores the encrypted sectors.
    pub device: Device,
    /// The first encrypted sector on `device`.
    pub start: Sectors,
    /// The optional settings.
    pub options: InlineCryptOptions,
    spelling: Spelling,
}

impl InlineCryptTable {
    /// Encrypts the sectors of `device` from `start` on with `key`. The key is raw unless you call
    /// [`key_type`](Self::key_type). The values are not checked; [`InlineCrypt::check`](Target::check) does that.
    pub fn new(key: impl Into<CryptKey>, iv_offset: Sectors, device: impl Into<Device>, start: Sectors) -> Self {
        Self {
            cipher: InlineCipher::AesXtsPlain64,
            key: key.into(),
            iv_offset,
            device: device.into(),
            start,
            options: InlineCryptOptions::default(),
            spelling: Spelling::default(),
        }
    }

    fn as_printed(&self) -> Self {
        let mut printed = self.clone();
        let options = &mut printed.options;
        options.sector_size = options.sector_size.filter(|bytes| *bytes != 512);
        options.iv_large_sectors &= options.sector_size.is_some();
        if let CryptKey::Hex(key) = &self.key {
            if let Some(Ok(start)) = key.hex().get(..PRINTED_DIGITS).map(Key::from_hex) {
                printed.key = start.into();
            }
        }
        printed
    }
}

/// Reads the number of the key type, which only a printed table has: its fourth word is a number instead of a device.
fn read_printed_key_type(fields: &mut Fields<'_>) -> Result<Option<InlineKeyType>, ParseError> {
    let is_number = |word: Word<'_>| word.spelling().bytes().all(|byte| byte.is_ascii_digit());
    let mut ahead = fields.clone();
    let printed = ahead.next_word().is_some() && ahead.next_word().is_some_and(is_number);
    if fields.form() == TextForm::Input || !printed {
        return Ok(None);
    }
    fields.read(KEYTYPE).map(InlineKeyType::from_number).map(Some)
}

/// Refuses the option `keytype:` if the text already contains the number that the kernel prints in its place.
fn check_no_key_type(options: &InlineCryptOptions, printed: Option<InlineKeyType>) -> Result<(), InvalidField> {
    match printed {
        Some(_) if options.key_type != InlineKeyType::Raw => Err(InvalidField::new(KEYTYPE, Problem::Repeated)),
        _ => Ok(()),
    }
}

impl Spelled for InlineCryptTable {
    fn read(fields: &mut Fields<'_>) -> Result<Self, ParseError> {
        let (cipher, key) = (fields.read("cipher")?, fields.read(KEY)?);
        let printed = read_printed_key_type(fields)?;
        let (iv_offset, device, start) = (fields.read("iv_offset")?, fields.read("device")?, fields.read("start")?);
        let check = |options: &InlineCryptOptions| check_no_key_type(options, printed);
        let mut options: InlineCryptOptions = fields.read_options_then(check)?;
        options.key_type = printed.unwrap_or(options.key_type);
        fields.ignore_rest()?;
        Ok(Self { cipher, key, iv_offset, device, start, options, spelling: Spelling::default() })
    }

    fn print(&self, out: &mut Printer<'_, '_>) {
        let Self { cipher, key, iv_offset, device, start, options, spelling: _ } = self;
        key.print_in_table(out.put(cipher));
        if out.form() == TextForm::Printed {
            out.put(&options.key_type.number());
        }
        out.put(iv_offset).put(device).put(start).options(options);
    }
}

// `{}` prints what can be loaded, `{:#}` what the kernel prints.
spelled!(InlineCryptTable);

#[cfg(test)]
mod tests {
    use super::*;

    const KEY_AND_REST: &str = "aes-xts-plain64 00ff";

    fn check(rest: &str) -> Result<(), String> {
        let table = InlineCrypt::parse_input(&format!("aes-xts-plain64 {} {rest}", "00".repeat(64))).unwrap();
        InlineCrypt::check(&table, Sectors(8)).map_err(|error| error.to_string())
    }

    #[test]
    fn a_printed_table_can_be_loaded() {
        let printed = format!("{KEY_AND_REST} 2 8 254:0 16 1 allow_discards");
        let table = InlineCrypt::parse_table(&printed).unwrap();
        assert_eq!((table.options.key_type, table.iv_offset), (InlineKeyType::HwWrapped, Sectors(8)));
        assert_eq!(format!("{table:#}"), printed);
        let input = format!("{KEY_AND_REST} 8 254:0 16 2 keytype:hw-wrapped allow_discards");
        assert_eq!(table.to_string(), input);
        assert_eq!(InlineCrypt::parse_input(&input).as_ref(), Ok(&table));
        assert_eq!(
            InlineCrypt::parse_input(&printed).unwrap_err().to_string(),
            "inlinecrypt table: word 4, device, must be a device number such as 253:0, or a path"
        );
    }

    #[test]
    fn the_form_to_be_loaded_is_read_by_both_parsers() {
        let table = InlineCrypt::parse_table(&format!("{KEY_AND_REST} 8 /dev/a 16")).unwrap();
        assert_eq!(table.options.key_type, InlineKeyType::Raw);
        let error = InlineCrypt::parse_table(&format!("{KEY_AND_REST} 1 8 8:0 0 1 keytype:hw-wrapped")).unwrap_err();
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
    fn a_count_of_nothing_is_printed_back() {
        for text in ["8 254:0 16 0 more", "1 8 254:0 16 0"].map(|rest| format!("{KEY_AND_REST} {rest}")) {
            let table = InlineCrypt::parse_table(&text).unwrap();
            assert_eq!(format!("{table:#}"), text);
            assert_eq!(table.to_string(), format!("{KEY_AND_REST} 8 254:0 16"));
        }
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
    fn long_keys_are_compared_as_far_as_they_are_printed() {
        let table = |key: &str, rest| InlineCrypt::parse_table(&format!("aes-xts-plain64 {key} {rest}")).unwrap();
        let differs = |loaded: &str, printed: &str| {
            let loaded = table(loaded, "0 254:0 0 1 keytype:hw-wrapped");
            InlineCrypt::difference(&loaded, &table(printed, "2 0 254:0 0")).is_some()
        };
        let [long, printed] = [80, 64].map(|bytes| "a7".repeat(bytes));
        assert!(!differs(&long, &printed));
        assert!(!differs(&printed, &printed));
        assert!(differs(&format!("00{}", &long[2..]), &printed));
        assert!(differs(&printed[2..], &printed));
    }

    #[test]
    fn keys_have_limits() {
        let check_as = |key_type: &str, key: &str| {
            let table =
                InlineCrypt::parse_input(&format!("aes-xts-plain64 {key} 0 8:0 0 1 keytype:{key_type}")).unwrap();
            InlineCrypt::check(&table, Sectors(8)).map_err(|error| error.to_string())
        };
        let hex = |bytes| "00".repeat(bytes);
        for key in [hex(64), ":64:logon:a".to_owned()] {
            assert_eq!(check_as("raw", &key), Ok(()), "{key}");
        }
        for key in [hex(63), hex(65), hex(128), ":32:logon:a".to_owned(), "-".to_owned()] {
            assert_eq!(check_as("raw", &key), Err("key must be 64 bytes long if it is raw".to_owned()), "{key}");
        }
        for key in [hex(32), hex(128), ":128:logon:a".to_owned()] {
            assert_eq!(check_as("hw-wrapped", &key), Ok(()), "{key}");
        }
        for key in [hex(31), hex(129), "-".to_owned()] {
            assert_eq!(check_as("hw-wrapped", &key), Err("key must be from 32 to 128".to_owned()), "{key}");
        }
        assert_eq!(check_as("3", &hex(129)), Err("key must be from 1 to 128".to_owned()));
        let place = Err("key must be of the type logon if it is in a keyring".to_owned());
        assert_eq!(check_as("raw", ":64:user:a"), place);
    }
}
